"""A run's networks hear their test utterances under every condition of `perturb.KINDS`.

Each fold's network hears its own test utterances: it has never heard the speakers, nor any changed
audio. What it answers is kept in `data/robustness/<corpus>-<architecture>-<key>/`, a file for each
fold; the key is that of the trained folds, the sample and the code here, so that nothing is
computed twice and an interrupted page carries on.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from ser_lib.core import audio, jobs
from ser_lib.core.errors import ParameterError
from ser_lib.core.files import digest, sources, workspace, write_atomically
from ser_lib.corpora import Manifest
from ser_lib.experiments import train
from ser_lib.experiments.fit import start_worker
from ser_lib.experiments.run import Run, read_predictions
from ser_lib.features import maps, perturb
from ser_lib.features.perturb import KINDS, VOICES
from ser_lib.models import bundle

CLEAN = "clean"
CONDITIONS = [(CLEAN, 0)] + [(name, s) for name, kind in KINDS.items() for s in kind.strengths]
"""Kind and strength; the first is the unchanged audio."""
FEW, MANY = 50, 500
"""Utterances of a sample if none are named: of a synthetic corpus, which proves nothing about
people, and of a real one."""


def sample(predictions: pd.DataFrame, utterances: int, *, seed: int = 0) -> set[str]:
    """Choose test utterances, as evenly over speakers, and over each one's emotions, as there are.

    Parameters
    ----------
    predictions
        Of a run.
    utterances
        How many in all; all of them if there are no more.
    seed
        Of the choice among equals.

    Returns
    -------
    set of str
        Names of utterances.

    Raises
    ------
    ParameterError
        If `utterances` is not a whole number from 1.
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
    run
        A network's run.
    utterances
        How many, see `sample`; by default `FEW` of a synthetic corpus and `MANY` of another.
    workers
        Processes; by default as many as there are processors.
    progress
        Called with a line of text per finished fold; by default printed to standard error.

    Returns
    -------
    DataFrame
        Columns: utterance, speaker, fold, truth, kind, strength, predicted; as many rows for each
        utterance of the sample as there are `CONDITIONS`.

    Raises
    ------
    ParameterError
        As `sample`.
    RecordError
        If the networks of the folds are no longer there.
    AudioError
        If a file cannot be read.
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
    trained_key = train.fold_key(run.experiment, manifest, run.folds)
    key = digest(
        trained_key,
        sorted(chosen),
        seed,
        *sources("features/perturb.py", "experiments/conditions.py"),
    )
    name = f"{manifest.corpus}-{run.architecture}-{key}"
    folder = workspace() / "data" / "robustness" / name
    files = {fold: folder / f"{trained.parent.name}.csv" for fold, trained in networks.items()}
    todo = [
        (trained, _inputs(manifest, parts[fold], seed), seed, files[fold])
        for fold, trained in networks.items()
        if fold in parts and not files[fold].is_file()
    ]
    for done, line in enumerate(
        jobs.each(_answer, todo, workers=workers, initializer=start_worker), start=1
    ):
        say(f"robustness: fold {done} of {len(todo)}, {line}")
    told = pd.concat([read_predictions(files[name]) for name in parts], ignore_index=True)
    return known[["utterance", "speaker", "fold", "truth"]].merge(
        told, on="utterance", validate="one_to_many"
    )


def _inputs(
    manifest: Manifest, part: pd.DataFrame, seed: int
) -> list[tuple[str, Path, list[Path]]]:
    """Name, file and the files of other voices of every utterance."""
    table = manifest.table.assign(file=[manifest.root / path for path in manifest.table["path"]])
    own = table.set_index("utterance")
    heard = []
    for name, speaker in zip(part["utterance"], part["speaker"], strict=True):
        others = table[table["speaker"] != speaker]
        if others.empty:  # nobody else speaks in this corpus
            others = table[table["utterance"] != name]
        generator = np.random.default_rng(int(digest(seed, "voices", name), 16))
        places = generator.choice(len(others), min(VOICES, len(others)), replace=False)
        heard.append((name, own.loc[name, "file"], list(others["file"].iloc[places])))
    return heard


def _answer(
    trained: Path, heard: list[tuple[str, Path, list[Path]]], seed: int, target: Path
) -> str:
    """Let one network hear utterances under every condition and write what it answers."""
    network = bundle.load(trained)
    front_end = network.front_end
    probabilities = network.predict(_maps(heard, front_end.feature_map, seed))
    rows = [
        {"utterance": name, "kind": kind, "strength": strength}
        for name, _, _ in heard
        for kind, strength in CONDITIONS
    ]
    emotions = np.array(front_end.emotions)
    told = pd.DataFrame(rows).assign(predicted=emotions[probabilities.argmax(axis=1)])
    write_atomically(target, told.to_csv(index=False, lineterminator="\n"))
    return f"{len(heard)} utterances under {len(CONDITIONS)} conditions"


def _maps(heard: list[tuple[str, Path, list[Path]]], map_kind: str, seed: int) -> Iterator:
    for name, file, others in heard:
        signal, voices = audio.load(file), [audio.load(other) for other in others]
        for kind, strength in CONDITIONS:
            changed = signal
            if kind != CLEAN:
                changed = perturb.apply(
                    signal, kind, strength, utterance=name, voices=voices, seed=seed
                )
            yield maps.extract(changed, kind=map_kind)
