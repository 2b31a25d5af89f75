"""How cost and memory grow with the corpus: the same work on ever more links to the same files.

Each measurement is a process of its own, whose time is that of the work alone and whose peak of
memory is that of the process with all its workers, the pages that they share counted for each.
Cost per utterance is compared with that of the next smaller corpus: what grows linearly has a
ratio of 1, and fixed costs only lower it.
"""

import csv
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from shutil import rmtree

import psutil

from benchmarks import cost, predict, streaming
from benchmarks.harness import row, scratch
from ser_lib import corpora
from ser_lib.core import jobs
from ser_lib.core.files import workspace
from ser_lib.corpora import demo
from ser_lib.features import store
from ser_lib.models import predict as prediction

GROUP, TIME, MEMORY = "growth", "ms per utterance", "MB"
SIZES = (1_000, 10_000, 100_000)
LINEAR = 1.2
"""Cost per utterance, relative to the next smaller corpus, up to which growth counts as linear."""
MEMORY_MB = 1_500
"""Megabytes that a part may take, whatever the size."""
UTTERANCES = 3_200
"""Of training: a part of an epoch, from all over the store."""
EMOTIONS = ("anger", "fear", "happiness", "neutral", "sadness")
SPEAKERS = 100


def run(
    progress: Callable[[str], None],
    sizes: tuple[int, ...] = SIZES,
    *,
    recordings: Path | None = None,
) -> list[dict]:
    """Measure every part at every size.

    Parameters
    ----------
    progress
        Called with a line per measurement.
    sizes
        Utterances, in rising order.
    recordings
        A folder of WAV files to link to; by default those of the demo corpus.

    Returns
    -------
    list of dict
        For each part and size, a row of the cost per utterance and one of the peak of memory.
    """
    if recordings is None:
        made = demo.make(workspace() / "data" / "demo", **demo.SIZES["demo"])
        recordings = made / "wav"
    files = sorted(recordings.glob("*.wav"))
    rows = []
    smaller: dict[str, tuple[dict, dict]] = {}
    for size in sizes:
        with scratch() as folder:
            link(Path(folder), files, size)
            for part in PARTS:
                found = [_measure(part, Path(folder)) for _ in range(_repetitions(size))]
                smaller[part] = _rows(part, size, found, smaller.get(part))
                rows += smaller[part]
                took, memory = smaller[part]
                progress(f"{took['name']}: {took['ours']:.3f} {TIME}, {memory['ours']:.0f} MB")
            features_bytes = _bytes(Path(folder, "data", "features").rglob("*.npy")) / size
    return rows + _in_large(smaller, _bytes(files) / len(files), features_bytes)


def link(folder: Path, recordings: list[Path], size: int) -> Path:
    """Make a corpus of so many links to recordings in a folder; return its table."""
    (folder / "wav").mkdir()
    table = folder / "table.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "emotion", "speaker"])
        for number in range(size):
            path = f"wav/{number:08d}.wav"
            os.symlink(recordings[number % len(recordings)].absolute(), folder / path)
            emotion = EMOTIONS[number % len(EMOTIONS)]
            writer.writerow([path, emotion, f"speaker {number % SPEAKERS}"])
    return table


def _bytes(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def _repetitions(size: int) -> int:
    """Small corpora vary more and cost less."""
    return max(1, min(5, 30_000 // size))


def _rows(
    part: str, size: int, found: list[dict], smaller: tuple[dict, dict] | None
) -> tuple[dict, dict]:
    """Make the rows of time and memory, each beside those of the next smaller corpus."""
    name = f"{part}, {size:,} utterances"
    values = (
        {"ours": [1000 * one["seconds"] / one["utterances"] for one in found]},
        {"ours": [one["peak_mb"] for one in found]},
    )
    rows = []
    for number, (what, unit) in enumerate(((name, TIME), (f"{name}: peak of memory", MEMORY))):
        target = {"at_most": MEMORY_MB} if unit == MEMORY else None
        if smaller:
            values[number]["limit"] = [smaller[number]["ours"]]
            if unit == TIME:
                target = {"against": "limit", "at_most": LINEAR}
        rows.append(
            row(
                GROUP,
                what,
                unit,
                values[number],
                more_is_better=False,
                limit_name="the next smaller corpus" if smaller else None,
                target=target,
            )
        )
    return tuple(rows)


def _in_large(
    costs: dict[str, tuple[dict, dict]], audio_bytes: float, feature_bytes: float
) -> list[dict]:
    """Make the rows of what ten million utterances would cost, from the largest corpus here.

    All parts but training keep every processor busy.
    """
    seconds = {part: time["ours"] / 1000 for part, (time, _) in costs.items()}
    cores = {part: 1 if part == "training" else jobs.processors() for part in seconds}
    measured = cost.Measured(
        **{part: seconds[part] * cores[part] for part in seconds},
        audio_bytes=audio_bytes,
        feature_bytes=feature_bytes,
    )
    plan = cost.Plan()
    return [
        row(
            f"calculated: {plan.utterances:,} utterances",
            line["part"],
            unit,
            {"ours": [line[name]]},
            more_is_better=False,
            note=cost.in_words(plan),
        )
        for line in cost.bill(measured, plan)
        for name, unit in cost.UNITS.items()
        if line[name]
    ]


# In a process of its own


def _manifest(folder: Path) -> tuple[float, int]:
    rmtree(folder / "data" / "manifests", ignore_errors=True)
    return _timed(lambda: len(_load(folder).table))


def _features(folder: Path) -> tuple[float, int]:
    rmtree(folder / "data" / "features", ignore_errors=True)
    manifest = _load(folder)
    return _timed(lambda: store.build(manifest) and len(manifest.table))


def _training(folder: Path) -> tuple[float, int]:
    """Take steps on utterances from all over the store."""
    manifest = _load(folder)
    take = streaming.trainer(store.build(manifest).__getitem__, len(manifest.table))
    return UTTERANCES / take(UTTERANCES // streaming.BATCH), UTTERANCES


def _prediction(folder: Path) -> tuple[float, int]:
    """Answer all files with a fresh network that hears one window of each."""
    model = folder / "model"
    if not model.is_dir():
        list(jobs.each(predict.write_bundle, [("cnn", model, "logmel", 1)]))
    return _timed(lambda: len(prediction.predict([folder / "wav"], model).files))


PARTS: dict[str, Callable[[Path], tuple[float, int]]] = {
    "manifest": _manifest,
    "features": _features,
    "training": _training,
    "prediction": _prediction,
}
"""What is measured, in the order in which one needs the other: the corpus's folder -> the seconds
that so many utterances took."""


def _load(folder: Path) -> corpora.Manifest:
    return corpora.load("table", folder / "table.csv")


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    clock = time.perf_counter()
    utterances = work()
    return time.perf_counter() - clock, utterances


def _measure(part: str, folder: Path) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", part, str(folder)],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"SER_WORKSPACE": str(folder), "SER_STORE": ""},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"growth of {part} cannot be measured:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _watched(work: Callable[[Path], tuple[float, int]], folder: Path) -> dict:
    """Return the seconds and the peak of memory, in MB, of this process and those below it."""
    peak, over = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        here = psutil.Process()
        while not over.wait(0.05):
            used = 0
            for process in (here, *here.children(recursive=True)):
                try:
                    used += process.memory_info().rss
                except psutil.Error:  # it has ended
                    continue
            peak = max(peak, used)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        seconds, utterances = work(folder)
        time.sleep(0.1)  # what took no time was looked at all the same
    finally:
        over.set()
        watcher.join()
    return {"seconds": seconds, "utterances": utterances, "peak_mb": peak / 1e6}


if __name__ == "__main__":
    print(json.dumps(_watched(PARTS[sys.argv[1]], Path(sys.argv[2]))))
