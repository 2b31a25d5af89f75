"""A run's networks hear their test utterances under every condition of `perturb.KINDS`.

Each fold's network hears its own test utterances: it has never heard the speakers, nor any changed
audio. What it answers is kept in `data/robustness/<corpus>-<architecture>-<key>/`, a file for each
fold; the key is that of the trained folds, the sample and the code here, so that nothing is
computed twice and an interrupted page carries on.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ser_lib.core import audio, jobs
from ser_lib.core.errors import ParameterError
from ser_lib.core.files import digest, sources, workspace, write_atomically
from ser_lib.corpora import Manifest
from ser_lib.experiments import train
from ser_lib.experiments.run import Run, read_predictions
from ser_lib.features import perturb
from ser_lib.features.perturb import KINDS, VOICES
from ser_lib.models import bundle

CLEAN = "clean"
CONDITIONS = [(CLEAN, 0)] + [(name, s) for name, kind in KINDS.items() for s in kind.strengths]
"""Kind and strength; the first is the unchanged audio."""
FEW, MANY = 20, 300
"""Utterances of a sample if none are named: of a synthetic corpus, which proves nothing about
people, and of a real one."""

Input = tuple[str, Path, list[Path]]  # an utterance, its file and those of other voices


def sample(predictions: pd.DataFrame, utterances: int, *, seed: int = 0) -> set[str]:
    """Choose utterances as evenly over speakers, and over each one's emotions, as there are.

    All of a run's predictions are chosen if they are no more; the seed is that of the choice among
    equals.
    """
    if not isinstance(utterances, int) or utterances < 1:
        raise ParameterError(f"utterances must be a whole number from 1, not {utterances!r}")
    shuffled = predictions.sample(frac=1, random_state=seed)
    # Of every speaker the first utterance of each emotion comes before the second of any; and the
    # first of every speaker before the second of any.
    of_emotion = shuffled.groupby(["speaker", "truth"]).cumcount()
    ordered = shuffled.assign(turn=of_emotion).sort_values("turn", kind="stable")
    of_speaker = ordered.groupby("speaker").cumcount()
    ordered = ordered.assign(turn=of_speaker).sort_values("turn", kind="stable")
    return set(ordered["utterance"].head(utterances))


def answers(
    run: Run,
    *,
    utterances: int | None = None,
    workers: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Let the networks of a finished run hear their test utterances under every condition.

    Parameters
    ----------
    utterances
        How many, see `sample`; by default `FEW` of a synthetic corpus and `MANY` of another.
    workers, progress
        As of `train.train`.

    Returns
    -------
    DataFrame
        Columns: utterance, speaker, fold, truth, kind, strength, predicted; as many rows for each
        utterance of the sample as there are `CONDITIONS`.
    """
    say = progress or jobs.tell
    seed = run.seed
    if utterances is None:
        utterances = FEW if run.record.corpus.synthetic else MANY
    chosen = sample(run.predictions, utterances, seed=seed)
    known = run.predictions[run.predictions["utterance"].isin(chosen)]
    parts = dict(list(known.groupby("fold")))
    networks = train.bundles(run)
    manifest = run.corpus
    code = sources("features/perturb.py", "experiments/conditions.py")
    trained_key = train.fold_key(run.experiment, manifest, run.folds)
    key = digest(trained_key, sorted(chosen), seed, *code)
    name = f"{manifest.corpus}-{run.architecture}-{key}"
    folder = workspace() / "data" / "robustness" / name
    files = {fold: folder / f"{trained.parent.name}.csv" for fold, trained in networks.items()}
    todo = [
        (trained, _inputs(manifest, parts[fold], seed), seed, files[fold])
        for fold, trained in networks.items()
        if fold in parts and not files[fold].is_file()
    ]
    start = train.METHODS[run.architecture].start_worker
    lines = jobs.each(_answer, todo, workers=workers, initializer=start)
    for done, line in enumerate(lines, start=1):
        say(f"robustness: fold {done} of {len(todo)}, {line}")
    predicted = pd.concat([read_predictions(files[name]) for name in parts], ignore_index=True)
    return known[["utterance", "speaker", "fold", "truth"]].merge(
        predicted, on="utterance", validate="one_to_many"
    )


def _inputs(manifest: Manifest, part: pd.DataFrame, seed: int) -> list[Input]:
    """Name, file and the files of other voices of every utterance."""
    table = manifest.table.assign(file=[manifest.root / path for path in manifest.table["path"]])
    own = table.set_index("utterance")
    inputs = []
    for name, speaker in zip(part["utterance"], part["speaker"], strict=True):
        others = table[table["speaker"] != speaker]
        if others.empty:  # nobody else speaks in this corpus
            others = table[table["utterance"] != name]
        generator = np.random.default_rng(int(digest(seed, "voices", name), 16))
        places = generator.choice(len(others), min(VOICES, len(others)), replace=False)
        inputs.append((name, own.loc[name, "file"], list(others["file"].iloc[places])))
    return inputs


def _answer(trained: Path, inputs: list[Input], seed: int, target: Path) -> str:
    """Let one network hear utterances under every condition and write what it answers."""
    network: Any = bundle.load(trained)
    front_end = network.front_end
    changed = _changed(inputs, seed)
    probabilities = network.predict(map(front_end.static, changed))
    rows = [
        {"utterance": name, "kind": kind, "strength": strength}
        for name, _, _ in inputs
        for kind, strength in CONDITIONS
    ]
    emotions = np.array(front_end.emotions)
    table = pd.DataFrame(rows).assign(predicted=emotions[probabilities.argmax(axis=1)])
    write_atomically(target, table.to_csv(index=False, lineterminator="\n"))
    return f"{len(inputs)} utterances under {len(CONDITIONS)} conditions"


def _changed(inputs: list[Input], seed: int) -> Iterator[np.ndarray]:
    for name, file, others in inputs:
        signal, voices = audio.load(file), [audio.load(other) for other in others]
        for kind, strength in CONDITIONS:
            if kind == CLEAN:
                yield signal
            else:
                yield perturb.apply(
                    signal, kind, strength, utterance=name, voices=voices, seed=seed
                )
