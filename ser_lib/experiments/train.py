"""From experiments to runs: split, standardise, fit, predict, score.

Folds are independent jobs in parallel processes, one thread each: the networks are small, and two
folds at a time use two processors better than one fold with two threads. A finished fold lies in
`runs/<corpus>/folds/<key>/<fold>/` and is never trained again. The key hashes what decides its
numbers and nothing else (see `fold_key`), so that an interrupted run carries on and an edited page
costs no training.
"""

import json
import platform
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from operator import mul
from pathlib import Path
from shutil import copy2
from types import ModuleType
from urllib.parse import quote

import numpy as np
import pandas as pd

from ser_lib.core import jobs
from ser_lib.core.errors import CorpusError, RecordError, SplitError
from ser_lib.core.files import (
    alone,
    altered,
    check_writable,
    digest,
    fresh_folder,
    seal,
    sources,
    write_atomically,
)
from ser_lib.corpora import Manifest, describe
from ser_lib.experiments import fit, forecast, lda, leakage, splits
from ser_lib.experiments import run as runs
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment
from ser_lib.experiments.names import folder_of
from ser_lib.experiments.run import Dataset, Record, Run, Speed
from ser_lib.experiments.splits import Fold
from ser_lib.features import fingerprint
from ser_lib.metrics import scores
from ser_lib.models import networks

METHODS = dict.fromkeys(ARCHITECTURES, fit) | {"lda": lda}
"""By the name of a method, the module that fits a fold of it."""
PACKAGES = ("librosa", "scikit-learn", *jobs.PACKAGES)
"""The packages whose versions can change what a fold gives."""
ROOM = 16_000_000
"""Bytes that must be free before training: a full disk would cost a fold that is finished."""

Workers = int | str | None
Progress = Callable[[str], None] | None
Plan = tuple[Experiment, Manifest, Sequence[Fold]]


def train(
    architecture: str,
    corpus: Manifest,
    *,
    workers: Workers = None,
    progress: Progress = None,
    **parameters,
) -> Run:
    """Train and test a method on a corpus, fold by fold; what is finished is not computed again.

    Parameters
    ----------
    architecture
        ``"lda"``, or the name of a network: ``"cnn"``, ``"cnn_lstm"``, ``"cnn_gru"`` or your own.
    workers
        Processes, by default as many as there are processors; 1 computes in this one. A text is
        the address of a Dask scheduler.
    progress
        Called with a line of text per finished part; by default printed to standard error, but on
        a terminal, where one line shows how far the work is.
    **parameters
        Of `Experiment`, such as ``protocol="speaker"``, ``epochs=5`` or ``seed=1``.

    Raises
    ------
    SerError
        If a parameter, the corpus or its split does not allow it, before any work.
    """
    chosen = {"corpus": corpus.corpus, **corpus.selection}
    experiment = Experiment(architecture=architecture, **(chosen | parameters))
    return train_all([(experiment, corpus)], workers=workers, progress=progress)[0]


def train_all(
    planned: Iterable[tuple[Experiment, Manifest]],
    *,
    workers: Workers = None,
    progress: Progress = None,
) -> list[Run]:
    """Train and test several methods; the folds of networks are in one queue, so none waits."""
    plans = [(experiment, corpus, audited(experiment, corpus)) for experiment, corpus in planned]
    prepare(plans, workers=workers, progress=progress)
    return [gather(*plan, workers=workers) for plan in plans]


def prepare(plans: Iterable[Plan], *, workers: Workers = None, progress: Progress = None) -> int:
    """Train the folds that are missing, for `gather` to collect; return how many there were."""
    return sum(1 for _ in each(plans, workers=workers, progress=progress))


def each(
    plans: Iterable[Plan], *, workers: Workers = None, progress: Progress = None
) -> Generator[Path, None, None]:
    """Train the folds that are missing; yield the folder of each as it is done.

    What another process trains is waited for. A caller that asks for no more ends the training.
    """
    say = progress or jobs.tell
    plans = [plan for plan in plans if not (run_folder(*plan) / "record.json").is_file()]
    todo: dict[ModuleType, list[tuple]] = {}
    done, total = 0, 0
    with ExitStack() as locks:
        # In one order, because two processes could wait for each other for ever.
        for lock in sorted({_lock(*plan) for plan in plans}):
            locks.enter_context(alone(lock))
        for experiment, corpus, folds in plans:
            if not (parts := missing(experiment, corpus, folds)):
                continue
            method = METHODS[experiment.architecture]
            features = method.prepare(experiment, corpus, workers)
            table = corpus.table[["utterance", "speaker", "emotion"]]  # each job takes it along
            done, total = done + len(folds) - len(parts), total + len(folds)
            for folder, number in parts.items():
                job = (folder, experiment, number, folds[number], table, corpus.emotions, features)
                todo.setdefault(method, []).append(job)
        if todo:
            check_writable(ROOM)
        if todo and done:
            say(f"{done} of {total} folds are there already")
        for method, own in todo.items():
            watch = _watcher(own, done, total)
            options = {"workers": method.where(workers), "initializer": method.start_worker}
            for target, line, files in jobs.each(_fit, own, **options, watch=watch):
                with fresh_folder(target) as folder:
                    for name, content in files.items():
                        write_atomically(folder / name, content)
                    seal(folder)
                done += 1
                if progress or not jobs.show(""):
                    say(f"fold {done} of {total}: {line}")
                yield target


def missing(experiment: Experiment, corpus: Manifest, folds: Sequence[Fold]) -> dict[Path, int]:
    """Return where the folds that are still to be trained will be kept, each with its number."""
    if (run_folder(experiment, corpus, folds) / "record.json").is_file():
        return {}
    places = enumerate(fold_folders(experiment, corpus, folds))
    return {folder: number for number, folder in places if not folder.is_dir()}


def _watcher(own: Sequence[tuple], before: int, total: int) -> Callable[[Sequence[int]], None]:
    """Return what shows on a terminal how far folds are, from the epochs of each."""
    trainings = [(experiment, fold) for _, experiment, _, fold, *_ in own]
    units = [forecast.units(*training) for training in trainings]
    clock = jobs.Countdown(sum(units), expected=forecast.seconds(trainings))

    def watch(epochs: Sequence[int]) -> None:
        ended = [folder.is_dir() for folder, *_ in own]
        running = [n * len(fold.train) for n, (_, fold) in zip(epochs, trainings, strict=True)]
        done = sum(map(max, zip(running, map(mul, ended, units), strict=True)))
        number = min(before + sum(ended) + 1, total)
        jobs.show(f"fold {number} of {total}, epochs so far: {sum(epochs)}{clock.left(done)}")

    return watch


def _fit(target: Path, experiment: Experiment, *job) -> tuple[Path, str, dict[str, bytes]]:
    line, files = METHODS[experiment.architecture].fit_fold(experiment, *job)
    seed = f", seed {experiment.seed}" if experiment.seed else ""
    name = " on ".join(filter(None, [experiment.architecture, experiment.feature_map]))
    return target, f"{name}{seed}, {line}", files


def gather(
    experiment: Experiment, corpus: Manifest, folds: Sequence[Fold], *, workers: Workers = None
) -> Run:
    """Return the run of an experiment whose folds are all trained; write it if it is not there.

    A `RecordError` says that a fold is missing, or what is there is damaged.
    """
    folder = run_folder(experiment, corpus, folds)
    if not (folder / "record.json").is_file():
        with alone(_lock(experiment, corpus, folds)):
            if not (folder / "record.json").is_file():
                _collect(experiment, corpus, folds, folder, workers)
    run = runs.read(folder, corpus, tuple(folds))
    enrolled = experiment.enrolled or False
    if experiment == Experiment(architecture="lda", corpus=experiment.corpus, enrolled=enrolled):
        run.take_along(workers=workers)  # takes seconds
    return run


def _collect(
    experiment: Experiment, corpus: Manifest, folds: Sequence[Fold], folder: Path, workers: Workers
) -> None:
    """Write a run's folder with all that belongs into it."""
    started, clock = datetime.now(UTC), time.perf_counter()
    method, labels = METHODS[experiment.architecture], corpus.emotions
    places = fold_folders(experiment, corpus, folds)
    results = [fold_result(place) for place in places]
    history, predictions = (
        pd.concat([read(place / f"{name}.csv") for place in places], ignore_index=True)
        for name, read in (("history", pd.read_csv), ("predictions", runs.read_predictions))
    )
    tested = runs.Part(networks.title(experiment.architecture), labels, predictions)
    # The network that users get was chosen as its weights were: by validation.
    best = max(results, key=lambda fold: (fold["validation_uar"], -fold["validation_loss"]))
    about = describe(experiment.corpus)
    system = f"{platform.system()} {platform.machine()}"
    devices = {fold.get("device") for fold in results} - {None, ""}
    training_s = round(sum(fold["duration_s"] for fold in results), 1)
    with fresh_folder(folder) as temporary:
        if experiment.split is None:
            splits.write(temporary / "split.csv", folds, corpus.table)
        else:
            copy2(experiment.split, temporary / "split.csv")
        exported = [(places[results.index(best)] / "bundle", temporary / "bundle")]
        # In a process of its own unless one is asked for: TensorFlow is large, and not silent.
        own = workers if workers == 1 else None
        list(jobs.each(method.export, exported, workers=own, initializer=method.start_worker))
        record = Record(
            architecture=experiment.architecture,
            corpus=Dataset(
                name=about.name,
                title=about.title,
                synthetic=about.synthetic,
                utterances=len(corpus.table),
                speakers=len(set(corpus.table["speaker"]) - {""}),
                emotions=labels,
                manifest_sha256=corpus.sha256,
                chosen=corpus.chosen,
                passed_over=corpus.passed_over,
                left_out=corpus.left_out,
            ),
            protocol=experiment.protocol,
            parameters=experiment.parameters(),
            n_parameters=results[0]["n_parameters"],
            layers=results[0]["layers"],
            seed=experiment.seed,
            metrics=tested.stated,
            units={"unit": tested.unit, "n": tested.uar.n},
            per_class=scores.per_class(predictions["truth"], predictions["predicted"], labels),
            confusion={"labels": labels, "counts": tested.confusion.to_numpy().tolist()},
            folds=[
                {key: value for key, value in fold.items() if key not in ("n_parameters", "layers")}
                for fold in results
            ],
            bundle=best["name"],
            speed=Speed(
                training_s=training_s,
                inference_ms=float(np.median([fold["inference_ms"] for fold in results])),
            ),
            versions={
                "python": platform.python_version(),
                "platform": ", ".join([system, *sorted(devices)]),
                **jobs.versions("ser-lib", *PACKAGES, "pandas"),
            },
            key=folder.name.rpartition("-")[2],
            started=started.isoformat(timespec="seconds"),
            duration_s=round(training_s + time.perf_counter() - clock, 1),
        )
        runs.write(Run(temporary, record, history, predictions))


def audited(experiment: Experiment, corpus: Manifest) -> list[Fold]:
    """Return the folds of an experiment, once it is sure that they can be used.

    There must be two emotions, the corpus must allow the protocol, and a split may neither leak
    (`leakage.refuse`) nor test an utterance twice: a run has one prediction for each.
    """
    if len(corpus.emotions) < 2:
        raise CorpusError(
            f"corpus '{experiment.corpus}' has only the emotion '{corpus.emotions[0]}'; "
            "there is nothing to tell apart"
        )
    table = fingerprint.heard(corpus)
    if experiment.split is not None:
        folds = splits.read(experiment.split, table, known=corpus.listed)
    else:
        shuffled = {"folds": experiment.folds, "seed": experiment.seed}
        folds = splits.make(table, experiment.protocol, **shuffled)
    findings = leakage.audit(folds, table, protocol=experiment.protocol)
    leakage.refuse(findings, experiment.protocol, file=experiment.split)
    for finding in findings:
        if finding.name == "tested-twice":
            raise SplitError(
                f"the split {experiment.split} tests '{finding.what[0]}' in more than one fold; a "
                "run has one answer for each utterance, so make a file for each round"
            )
    return folds


def fold_key(experiment: Experiment, corpus: Manifest, folds: Sequence[Fold]) -> str:
    """Return the hash of what decides the numbers of the folds.

    These are the parameters that matter under the protocol, the corpus, the split, the code of the
    method, and the versions of `PACKAGES`.
    """
    parts = [[fold.name, *(getattr(fold, p).tolist() for p in splits.PARTS)] for fold in folds]
    code = METHODS[experiment.architecture].code(experiment)
    return digest(experiment.decisive(), corpus.sha256, parts, jobs.versions(*PACKAGES), *code)


def run_folder(experiment: Experiment, corpus: Manifest, folds: Sequence[Fold]) -> Path:
    """Return where a run is kept; its key is that of the folds and of how they are scored."""
    code = sources("metrics", "experiments/run.py", "experiments/train.py")
    key = digest(fold_key(experiment, corpus, folds), *code)
    name = f"{experiment.architecture}-{experiment.protocol}-{key}"
    return folder_of(experiment.corpus) / name


def bundles(run: Run) -> dict[str, Path]:
    """Return the folder of every fold's network; a `RecordError` says that one is gone."""
    if run.corpus is None:
        raise RecordError(f"{run.folder} was read without its corpus: its folds are not known")
    folders = fold_folders(run.experiment, run.corpus, run.folds)
    return {fold_result(folder)["name"]: folder / "bundle" for folder in folders}


def validation(run: Run) -> pd.DataFrame:
    """Return the predictions of every fold's network for its validation set.

    Whatever is fitted after training, such as a temperature, needs them. An utterance can validate
    several folds. Errors are those of `bundles`.
    """
    files = (folder.parent / "validation.csv" for folder in bundles(run).values())
    return pd.concat([runs.read_predictions(file) for file in files], ignore_index=True)


def _lock(*plan) -> Path:
    """Return the file that only one process holds while it writes the folds, or the run."""
    return fold_folders(*plan)[0].parent.with_suffix(".lock")


def fold_folders(experiment: Experiment, corpus: Manifest, folds: Sequence[Fold]) -> list[Path]:
    """Return where the finished folds are kept; their names may hold any character."""
    folder = folder_of(experiment.corpus) / "folds" / fold_key(experiment, corpus, folds)
    names = [quote(fold.name, safe=" ") for fold in folds]
    # No file system takes more than 255 bytes.
    return [folder / (n if len(n) < 200 else f"{n[:150]}-{digest(n)}") for n in names]


def fold_result(folder: Path) -> dict:
    """Return what the training of a fold gave; a `RecordError` says that it is gone or damaged."""
    if not folder.is_dir():
        raise RecordError(f"there is no {folder}; run its experiment again")
    if wrong := altered(folder):
        raise RecordError(
            f"{folder} is damaged, remove it and run again: {wrong[0]} is not as it was written"
        )
    return json.loads((folder / "fold.json").read_text())
