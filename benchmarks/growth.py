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
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from statistics import median

import psutil

from ser_lib import corpora, store
from ser_lib.corpora import demo
from ser_lib.workspace import workspace

SIZES = (1_000, 10_000, 100_000)
LINEAR = 1.2
"""Cost per utterance, relative to the next smaller corpus, up to which growth counts as linear."""
MEMORY_MB = 1_500
"""Megabytes that features may take, whatever the size."""
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
    # In the workspace, because 100,000 utterances are gigabytes, for which /tmp may be small.
    place = workspace() / "data"
    place.mkdir(exist_ok=True)
    rows = []
    smaller: dict[str, float] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=place, prefix=".growth-") as folder:
            link(Path(folder), sorted(recordings.glob("*.wav")), size)
            for part in PARTS:
                found = [_measure(part, Path(folder)) for _ in range(_repetitions(size))]
                cost, memory = _rows(part, size, found, smaller.get(part))
                smaller[part] = cost["ours"]
                rows += [cost, memory]
                progress(
                    f"{cost['name']}: {cost['ours']:.3f} {cost['unit']}, {memory['ours']:.0f} MB"
                )
    return rows


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


def _repetitions(size: int) -> int:
    """Small corpora vary more and cost less."""
    return max(1, min(5, 30_000 // size))


def _rows(part: str, size: int, found: list[dict], smaller: float | None) -> tuple[dict, dict]:
    costs = [1000 * one["seconds"] / size for one in found]
    peaks = [one["peak_mb"] for one in found]
    name = f"{part}, {size:,} utterances"
    cost = {
        "group": "growth", "name": name, "unit": "ms per utterance",
        "ours": median(costs), "min": min(costs), "max": max(costs), "runs": len(costs),
        "rival": smaller, "rival_name": "the next smaller corpus" if smaller else "",
        "ratio": median(costs) / smaller if smaller else None, "target": LINEAR,
        "limit": None, "limit_name": "",
    }  # fmt: skip
    memory = {
        "group": "growth", "name": f"{name}, peak of memory", "unit": "MB",
        "ours": median(peaks), "min": min(peaks), "max": max(peaks), "runs": len(peaks),
        "rival": None, "rival_name": "", "ratio": median(peaks) / MEMORY_MB, "target": 1.0,
        "limit": MEMORY_MB, "limit_name": "memory that it may take",
    }  # fmt: skip
    return cost, memory


# In a process of its own


def _manifest(folder: Path) -> float:
    rmtree(folder / "data" / "manifests", ignore_errors=True)
    clock = time.perf_counter()
    corpora.load("table", folder / "table.csv")
    return time.perf_counter() - clock


def _features(folder: Path) -> float:
    rmtree(folder / "data" / "features", ignore_errors=True)
    manifest = corpora.load("table", folder / "table.csv")
    clock = time.perf_counter()
    store.build(manifest)
    return time.perf_counter() - clock


PARTS: dict[str, Callable[[Path], float]] = {"manifest": _manifest, "features": _features}
"""What is measured, in the order in which one needs the other: the corpus's folder -> seconds."""


def _measure(part: str, folder: Path) -> dict:
    done = subprocess.run(
        [sys.executable, __file__, part, str(folder)],
        env=os.environ | {"SER_WORKSPACE": str(folder), "SER_STORE": ""},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"growth of {part} cannot be measured:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _watched(work: Callable[[Path], float], folder: Path) -> dict:
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
        seconds = work(folder)
        time.sleep(0.1)  # what took no time was looked at all the same
    finally:
        over.set()
        watcher.join()
    return {"seconds": seconds, "peak_mb": peak / 1e6}


if __name__ == "__main__":
    print(json.dumps(_watched(PARTS[sys.argv[1]], Path(sys.argv[2]))))
