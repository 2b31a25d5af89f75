"""From file to feature map: our one pass over the spectrum, and one librosa call per feature.

The rival is the loop of many student projects: `librosa.load` at 22,050 Hz, then a function of
librosa for each feature, each of which computes a spectrogram of its own, stacked row by row. It
takes F0 by `yin`; `pyin`, which such loops use as well, is a hundred times slower and would be no
rival. The limit is what no program that reads these files can do without: decoding, resampling
where the rate differs, and one transform of every frame.

On one core both work in one thread. On two cores ours runs as `jobs.each` runs it, and the
loop as it is written, in one process, with threads for its matrix products or without, whichever
is faster here. The rate of ours is that while both workers are busy; what their start costs, once
a corpus, is a row of its own.
"""

import os
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import cycle, islice, pairwise
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.harness import alternate, row, skipped
from ser_lib import corpora
from ser_lib.core import audio, jobs
from ser_lib.features import functionals, maps, spectrum
from ser_lib.pages.words import count

ONE, TWO = "features on one core", "features on two cores"
UNIT = "files per second"
LOOP = "a loop with one librosa call per feature"
FLOOR = "decoding, resampling and one transform of every frame"
FILES = {"logmel": 400, "stack": 60}  # so many that a run takes about a second
TARGETS = {(ONE, "logmel"): 2.0, (ONE, "stack"): 3.0, (TWO, "logmel"): 3.5, (TWO, "stack"): 5.0}
WORKERS = 2
JOB = 16  # files

Progress = Callable[[str], None]


def run(progress: Progress) -> list[dict]:
    """Measure all maps on all corpora, and openSMILE where it is installed."""
    if not find_spec("librosa"):
        return [skipped(ONE, "both maps", UNIT, "librosa, the rival, is not installed")]
    found = []
    for corpus, files in _corpora().items():
        for kind in maps.MAPS:
            name = f"{kind}, {corpus}"
            if not files:
                for group in (ONE, TWO):
                    why = "SER_EMODB does not name a folder of EmoDB"
                    found.append(skipped(group, name, UNIT, why, target=_target(group, kind)))
                continue
            progress(f"{name}, {count(len(files), 'file')}")
            found += [_on_one(kind, name, files), _on_two(kind, name, files)]
        if files:
            progress(f"openSMILE, {corpus}")
            found.append(_beside_smile(corpus, files))
    progress("start of the workers")
    return sorted([*found, _start()], key=lambda each: each["group"])


def _corpora() -> dict[str, list[Path]]:
    """Return the files of each corpus; none of EmoDB where it is not at hand."""
    named = os.environ.get("SER_EMODB")
    demo = corpora.load("demo")
    return {
        "EmoDB": sorted(Path(named).glob("wav/*.wav")) if named else [],
        "demo corpus": [demo.root / path for path in demo.table["path"]],
    }


def _target(group: str, kind: str) -> dict:
    return {"against": "rival", "at_least": TARGETS[group, kind]}


def _on_one(kind: str, name: str, files: list[Path]) -> dict:
    some = _some(files, kind)
    values = alternate(
        {
            "ours": partial(_loop, partial(ours, kind), some, threads=1),
            "rival": partial(_loop, TEXTBOOK[kind], some, threads=1),
            "limit": partial(_loop, floor, some, threads=1),
        }
    )
    return row(
        ONE, name, UNIT, values, more_is_better=True, rival_name=LOOP, limit_name=FLOOR,
        target=_target(ONE, kind),
    )  # fmt: skip


def _on_two(kind: str, name: str, files: list[Path]) -> dict:
    some = _some(files, kind)
    values = alternate(
        {
            "ours": partial(_in_workers, kind, list(islice(cycle(files), 4 * FILES[kind]))),
            "rival": partial(_loop, TEXTBOOK[kind], some, threads=1),
            "threaded": partial(_loop, TEXTBOOK[kind], some, threads=WORKERS),
        }
    )
    values["rival"] = max(values["rival"], values.pop("threaded"), key=median)
    return row(
        TWO, name, UNIT, values, more_is_better=True, rival_name=LOOP, target=_target(TWO, kind)
    )


def _beside_smile(corpus: str, files: list[Path]) -> dict:
    name, rival = f"stack beside eGeMAPS, {corpus}", "openSMILE's eGeMAPS functionals"
    if "eGeMAPSv02" not in functionals.available():
        return skipped(ONE, name, UNIT, "openSMILE is not installed: pip install ser-lib[baseline]")
    import opensmile

    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=opensmile.FeatureLevel.Functionals,
    )
    few = _some(files, "stack")
    values = alternate(
        {
            "ours": partial(_loop, partial(ours, "stack"), few, threads=1),
            "rival": partial(_loop, lambda path: smile.process_file(str(path)), few, threads=1),
        }
    )
    note = "other features for another purpose: the row says what each costs"
    return row(ONE, name, UNIT, values, more_is_better=True, rival_name=rival, note=note)


def _start() -> dict:
    def start() -> None:
        list(jobs.each(time.monotonic, [()] * WORKERS, workers=WORKERS, initializer=_warm))

    values = alternate({"ours": start})
    name = "start of the workers, once a corpus"
    return row(TWO, name, "seconds", values, more_is_better=False)


def _some(files: list[Path], kind: str) -> list[Path]:
    """Return as many files as make a run, spread over the corpus."""
    return files[:: max(len(files) // FILES[kind], 1)][: FILES[kind]]


def _loop(function: Callable[[Path], object], files: list[Path], *, threads: int) -> float:
    """Return how many files a second a function does, one after the other."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads):
        clock = time.perf_counter()
        for file in files:
            function(file)
        return len(files) / (time.perf_counter() - clock)


def _in_workers(kind: str, files: list[Path]) -> float:
    """Return how many files a second parallel processes do while all of them are busy."""
    todo = [(kind, files[start : start + JOB]) for start in range(0, len(files), JOB)]
    done = list(jobs.each(_job, todo, workers=WORKERS, initializer=_warm))
    return together(done)


def _job(kind: str, files: list[Path]) -> tuple[int, float, float, int]:
    """Do a job: who did it, when it began and ended, how many files it had."""
    begun = time.monotonic()  # one clock for all processes
    for file in files:
        ours(kind, file)
    return os.getpid(), begun, time.monotonic(), len(files)


def together(done: list[tuple[int, float, float, int]]) -> float:
    """Return the files a second between the last worker's first job and the first one's last.

    Examples
    --------
    >>> together([(1, 0.0, 1.0, 10), (1, 1.0, 2.0, 10), (2, 1.0, 2.0, 10), (2, 2.0, 3.0, 10)])
    20.0
    """
    workers = {worker for worker, *_ in done}
    begin = max(min(job[1] for job in done if job[0] == worker) for worker in workers)
    end = min(max(job[2] for job in done if job[0] == worker) for worker in workers)
    inside = sum(
        n * max(min(end, ended) - max(begin, begun), 0) / (ended - begun)
        for _, begun, ended, n in done
    )
    return inside / (end - begin)


def _warm() -> None:
    """Import and prepare in a worker what the first file would wait for."""
    for kind in maps.MAPS:
        maps.extract(np.zeros(audio.RATE, dtype=np.float32), kind=kind)
    import soxr  # noqa: F401


def ours(kind: str, path: Path) -> np.ndarray:
    """Compute a map as every room of the library does."""
    return maps.extract(audio.load(path), kind=kind)


def floor(path: Path) -> None:
    """Decode, resample and transform, and throw the result away."""
    import soundfile
    import soxr
    from scipy.fft import rfft

    samples, rate = soundfile.read(path, dtype="float32")
    if rate != audio.RATE:
        samples = soxr.resample(samples, rate, audio.RATE, quality="HQ")
    starts = range(0, len(samples) - spectrum.N_FFT + 1, spectrum.HOP * 32)
    for first, after in pairwise([*starts, len(samples)]):
        part = samples[first : after + spectrum.N_FFT - spectrum.HOP]
        rfft(np.lib.stride_tricks.sliding_window_view(part, spectrum.N_FFT)[:: spectrum.HOP])


def textbook_logmel(path: Path) -> np.ndarray:
    """Compute log-mel bands as textbooks do: float [60, frames]."""
    import librosa

    y, sr = librosa.load(path, sr=22050)
    mel = librosa.feature.melspectrogram(y=y, sr=sr, n_mels=60, fmin=50, fmax=8000)
    return librosa.power_to_db(mel, ref=np.max)


def textbook_stack(path: Path) -> np.ndarray:
    """Compute the features of `stack` as textbooks do: float [rows, frames]."""
    import librosa

    y, sr = librosa.load(path, sr=22050)
    return np.vstack(
        [
            librosa.yin(y, fmin=60, fmax=500, sr=sr),
            librosa.feature.chroma_stft(y=y, sr=sr),
            librosa.onset.onset_strength(y=y, sr=sr),
            librosa.feature.rms(y=y),
            librosa.feature.mfcc(y=y, sr=sr, n_mfcc=30),
            librosa.feature.spectral_centroid(y=y, sr=sr),
            librosa.feature.spectral_bandwidth(y=y, sr=sr),
            librosa.feature.spectral_rolloff(y=y, sr=sr),
            librosa.feature.spectral_flatness(y=y),
            librosa.feature.melspectrogram(y=y, sr=sr, n_mels=60, fmin=50, fmax=8000),
            librosa.feature.zero_crossing_rate(y),
            librosa.feature.spectral_contrast(y=y, sr=sr),
        ]
    )


TEXTBOOK = {"logmel": textbook_logmel, "stack": textbook_stack}
