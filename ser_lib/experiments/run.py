"""From an experiment to its record: split, standardise, fit, predict, score.

Folds are independent jobs in parallel processes, one thread each: the networks are small, and two
folds side by side use two processors better than one fold with two threads. A finished fold is
kept in `runs/<corpus>/folds/<key>/<fold>/` and never trained again; its key hashes only what can
change it (parameters, data, split, the rooms that training imports, the lock file), so that an
interrupted run carries on and an edited page costs no training.
"""

import json
import platform
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import copy2
from urllib.parse import quote

import numpy as np
import pandas as pd

from ser_lib import corpora
from ser_lib.core import jobs as parallel
from ser_lib.core.errors import CorpusError, RecordError, SplitError
from ser_lib.core.files import digest, fresh_folder, lock_file, sources, write_atomically
from ser_lib.corpora import Manifest
from ser_lib.experiments import leakage, protocols, records, split_files, splits
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.fit import fit_fold, start_worker
from ser_lib.experiments.records import Record
from ser_lib.experiments.splits import Fold
from ser_lib.features import store
from ser_lib.metrics import scores
from ser_lib.models import bundle

DECISIVE = (
    "core/audio.py",
    "features/spectrum.py",
    "features/maps.py",
    "features/store.py",
    "models/windows.py",
    "models/networks.py",
    "models/fast.py",
    "models/bundle.py",
    "metrics/bootstrap.py",
    "metrics/scores.py",
    "experiments/fit.py",
)
"""The rooms whose code can change what a fold gives; the fold itself is part of its key."""

Progress = Callable[[str], None]


def run(
    experiment: Experiment,
    *,
    data_dir: str | Path | None = None,
    workers: int | str | None = None,
    progress: Progress | None = None,
) -> Record:
    """Return the record of an experiment; train what of it is not yet there.

    Parameters
    ----------
    experiment
        What to run.
    data_dir
        Folder of the corpus; not part of the experiment, the audio itself is.
    workers
        Processes, or the address of a Dask scheduler; by default as many processes as there are
        processors.
    progress
        Called with a line of text per finished part; by default printed to standard error.

    Returns
    -------
    Record
        Complete, and on disk.

    Raises
    ------
    SerError
        From the room that refuses the input.
    """
    manifest = load(experiment, data_dir)
    prepare([(experiment, manifest)], workers=workers, progress=progress)
    return gather(experiment, manifest)


def gather(experiment: Experiment, manifest: Manifest) -> Record:
    """Return the record of an experiment whose folds are all trained; write it if it is not there.

    Raises
    ------
    RecordError
        If a fold is missing, or what is there is damaged.
    """
    key = run_key(experiment, manifest)
    folder = run_folder(experiment, key)
    if (folder / "record.json").is_file():
        return records.read(folder)
    started, clock = datetime.now(UTC), time.perf_counter()
    folds = [fold for fold, _ in fitted(experiment, manifest)]
    with fresh_folder(folder) as temporary:
        record = _record(experiment, manifest, folds, _kept(experiment, manifest, folds), temporary)
        trained = record.data["speed"]["training_s"]
        record.data.update(
            key=key,
            started=started.isoformat(timespec="seconds"),
            duration_s=round(trained + time.perf_counter() - clock, 1),
        )
        records.write(record)
    return records.read(folder)


def prepare(
    planned: Iterable[tuple[Experiment, Manifest]],
    *,
    workers: int | str | None = None,
    progress: Progress | None = None,
) -> int:
    """Train what is missing of several experiments, so that `run` only has to gather it.

    All their folds are in one queue: processes start once, and none of them waits while the last
    fold of an experiment is trained.

    Returns
    -------
    int
        How many folds were trained.

    Raises
    ------
    SerError
        As `run`, before anything is trained.
    """
    say = progress or parallel.tell
    jobs, done, total = [], 0, 0
    for experiment, manifest in planned:
        if (run_folder(experiment, run_key(experiment, manifest)) / "record.json").is_file():
            continue
        if len(manifest.emotions) < 2:
            raise CorpusError(
                f"corpus '{experiment.corpus}' has only the emotion '{manifest.emotions[0]}'; "
                "there is nothing to tell apart"
            )
        folds = audited(experiment, manifest)
        maps = store.build(manifest, kind=experiment.feature_map, workers=workers)
        kept = _kept(experiment, manifest, folds)
        table = manifest.table[["utterance", "speaker", "emotion"]]  # each job takes it along
        total += len(folds)
        for number, (fold, name) in enumerate(zip(folds, _folder_names(folds), strict=True)):
            if (kept / name).is_dir():
                done += 1
                continue
            jobs.append(
                (kept / name, experiment, number, fold, table, manifest.emotions, maps.address)
            )
    if done and jobs:
        say(f"{done} of {total} folds are there already")
    # Never in this process, whose TensorFlow may have been started in another way.
    workers = None if workers == 0 else workers
    for target, line, files in parallel.each(_fit, jobs, workers=workers, initializer=start_worker):
        with fresh_folder(target) as folder:
            for name, content in files.items():
                write_atomically(folder / name, content)
        done += 1
        say(f"fold {done} of {total}: {line}")
    return len(jobs)


def _fit(target: Path, experiment: Experiment, *job) -> tuple[Path, str, dict[str, bytes]]:
    line, files = fit_fold(experiment, *job)
    seed = f", seed {experiment.seed}" if experiment.seed else ""
    return target, f"{experiment.architecture} on {experiment.feature_map}{seed}, {line}", files


def load(experiment: Experiment, data_dir: str | Path | None = None) -> Manifest:
    """Read the corpus of an experiment, as far as it is chosen; see `corpora.load`."""
    return corpora.load(
        experiment.corpus, data_dir, emotions=experiment.emotions, style=experiment.style
    )


def split(experiment: Experiment, manifest: Manifest) -> list[Fold]:
    """Return the folds of an experiment on a manifest: of its file, or see `protocols.make`.

    Raises
    ------
    SplitError
        If there are none.
    """
    if experiment.split is not None:
        return split_files.read(experiment.split, manifest.table, known=manifest.listed)
    return protocols.make(
        manifest.table, experiment.protocol, folds=experiment.folds, seed=experiment.seed
    )


def audited(experiment: Experiment, manifest: Manifest) -> list[Fold]:
    """Return the folds of an experiment, if they let nothing through that they do not tell.

    Raises
    ------
    SplitError
        As `split` and `leakage.refuse`; or an utterance is tested twice: a record has one answer
        for each.
    """
    folds = split(experiment, manifest)
    findings = leakage.audit(folds, manifest.table, protocol=experiment.protocol)
    leakage.refuse(findings, experiment.protocol, file=experiment.split)
    for finding in findings:
        if finding.name == "tested-twice":
            raise SplitError(
                f"the split {experiment.split} tests '{finding.what[0]}' in more than one fold; a "
                "run has one answer for each utterance, so make a file for each round"
            )
    return folds


def run_key(experiment: Experiment, manifest: Manifest) -> str:
    """Key of an experiment on a manifest; its notebook is the one of its architecture."""
    return records.key(experiment.architecture, experiment.parameters(), manifest.sha256)


def run_folder(experiment: Experiment, key: str) -> Path:
    """Folder of the run with this key."""
    name = f"{experiment.architecture}-{experiment.protocol}-{key}"
    return records.runs(experiment.corpus) / name


def fitted(experiment: Experiment, manifest: Manifest) -> list[tuple[Fold, Path]]:
    """Return the folds of a finished run, each with the bundle that was trained on it.

    Raises
    ------
    RecordError
        If a fold is not there: `run` trains it.
    """
    folds = split(experiment, manifest)
    kept = _kept(experiment, manifest, folds)
    bundles = [kept / name / "bundle" for name in _folder_names(folds)]
    for folder in bundles:
        if not folder.is_dir():
            raise RecordError(f"there is no {folder}; run the {experiment.architecture} again")
    return list(zip(folds, bundles, strict=True))


def _folder_names(folds: list[Fold]) -> list[str]:
    """Names of folders for folds, whose own names may hold any character of a speaker's."""
    return [quote(fold.name, safe=" ") for fold in folds]


def _kept(experiment: Experiment, manifest: Manifest, folds: list[Fold]) -> Path:
    """Folder in which the finished folds of an experiment are kept."""
    parts = [
        [fold.name, *(getattr(fold, part).tolist() for part in splits.PARTS)] for fold in folds
    ]
    key = digest(experiment.parameters(), manifest.sha256, parts, lock_file(), *sources(*DECISIVE))
    return records.runs(experiment.corpus) / "folds" / key


def _record(
    experiment: Experiment, manifest: Manifest, folds: list[Fold], kept: Path, folder: Path
) -> Record:
    """Gather the folds into a record in `folder`, with the bundle; key and times are to come."""
    labels = manifest.emotions
    folders = [kept / name for name in _folder_names(folds)]
    results = [json.loads((part / "fold.json").read_text()) for part in folders]
    history, predictions = (
        pd.concat([read_one(part / name) for part in folders], ignore_index=True)
        for name, read_one in (
            ("history.csv", pd.read_csv),
            ("predictions.csv", records.read_predictions),
        )
    )
    truth, predicted = list(predictions["truth"]), list(predictions["predicted"])
    # Without speakers, every utterance is its own cluster.
    speakers = None if (predictions["speaker"] == "").any() else list(predictions["speaker"])
    losses = scores.log_losses(truth, predictions.filter(regex="^p_").to_numpy(), labels)
    metrics: dict[str, float | list[float]] = {}
    intervals = scores.score_intervals(truth, predicted, labels, clusters=speakers)
    for name, interval in intervals.items():
        metrics[name] = getattr(scores, name)(truth, predicted, labels)
        metrics[f"{name}_ci95"] = interval
    metrics["loss"] = float(losses.mean())
    metrics["loss_ci95"] = scores.mean_interval(losses, clusters=speakers)
    # The network that users get was chosen as its weights were: by validation.
    best, best_folder = max(
        zip(results, folders, strict=True),
        key=lambda pair: (pair[0]["validation_uar"], -pair[0]["validation_loss"]),
    )
    exported = [(best_folder / "bundle", folder / "bundle")]
    # In a process of its own: TensorFlow is large, and not silent.
    list(parallel.each(bundle.export, exported, initializer=start_worker))
    if experiment.split is None:
        split_files.write(folder / "split.csv", folds, manifest.table)
    else:
        copy2(experiment.split, folder / "split.csv")
    row = corpora.describe(experiment.corpus)
    data = {
        "schema": records.SCHEMA,
        "architecture": experiment.architecture,
        "corpus": {
            "name": row.name,
            "title": row.title,
            "synthetic": row.synthetic,
            "utterances": len(manifest.table),
            "speakers": len(set(manifest.table["speaker"]) - {""}),
            "emotions": labels,
            "manifest_sha256": manifest.sha256,
            "chosen": manifest.chosen,
            "passed_over": manifest.passed_over,
            "left_out": manifest.left_out,
        },
        "protocol": experiment.protocol,
        "parameters": experiment.parameters(),
        "n_parameters": results[0]["n_parameters"],
        "layers": results[0]["layers"],
        "seed": experiment.seed,
        "metrics": metrics,
        "per_class": scores.per_class(truth, predicted, labels),
        "confusion": {
            "labels": labels,
            "counts": scores.confusion_matrix(truth, predicted, labels).tolist(),
        },
        "folds": [
            {
                name: value
                for name, value in result.items()
                if name not in ("n_parameters", "layers")
            }
            for result in results
        ],
        "bundle": best["name"],
        "speed": {
            "training_s": round(sum(result["duration_s"] for result in results), 1),
            "inference_ms": float(np.median([result["inference_ms"] for result in results])),
        },
        "versions": _versions(),
    }
    return Record(folder, data, history, predictions)


def _versions() -> dict[str, str]:
    found = {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
    }
    # macOS has no tensorflow-cpu, others no tensorflow.
    tensorflow = ("tensorflow-cpu", "tensorflow")
    packages = ("keras", "numpy", "scipy", "pandas", "soxr")
    for package in ("ser-lib", *tensorflow, *packages):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
