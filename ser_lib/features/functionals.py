"""An utterance of any length -> one row of numbers, for classifiers that need no network.

A functional is a statistic over the frames of an utterance. Three sets are known:

============ =====================================================================
stack        `summarise` and `modulation` of our own `stack` map, 421 and 360 numbers
eGeMAPSv02   88 functionals chosen for the study of voices (Eyben et al., IEEE
             Transactions on Affective Computing, 2016), computed by openSMILE
ComParE_2016 6,373 functionals of the INTERSPEECH 2016 Computational
             Paralinguistics Challenge (Schuller et al., 2016), by openSMILE
============ =====================================================================

openSMILE comes with the extra ``baseline``; its licence covers research, which is why it is not
among the requirements. It hears every file at `SMILE_RATE`, so that corpora of different rates
give comparable numbers.

What was computed is kept in `data/functionals/<corpus>-<set>-<key>/`, in files of up to `CHUNK`
utterances in the manifest's order. The key is a hash of the audio, the set, openSMILE's version and
the code. Numbers of `embeddings` are kept in the same way.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from itertools import chain, pairwise
from pathlib import Path

import numpy as np

from ser_lib.core import audio, jobs
from ser_lib.core.errors import AudioError, ParameterError, choose
from ser_lib.core.files import digest, sources, workspace, write_atomically
from ser_lib.corpora import Manifest
from ser_lib.features import embeddings, maps, store
from ser_lib.features.copies import ITSELF, Copy

SETS = ("stack", "eGeMAPSv02", "ComParE_2016")
FUNCTIONALS = ("mean", "std", "p5", "median", "p95", "slope", "change")
N_SUMMARY = len(FUNCTIONALS) * maps.ROWS + 1
BANDS = (0, 1.5, 3, 5, 8, 13, 22)
"""Edges in Hz of the bands of `modulation`, from phrases over syllables to roughness; half the rate
of frames is 21.5 Hz."""
PAUSE_DB = 25
"""What is so far under the loudest frame, before the first or behind the last that is not, is no
speech."""
_LEVEL = [row.name for row in maps.rows("stack")].index("rms")
_SMALLEST = 1e-8  # energy of a row that stays the same
SMILE_RATE = 16_000
SLACK_S = 0.05  # by which a file may be longer or shorter than the manifest says
CODE = (*store.CODE_OF_COPIES, "features/functionals.py", "features/embeddings.py")
CHUNK = 64


def available() -> tuple[str, ...]:
    """Return the sets that can be computed here: all, or those without openSMILE."""
    return SETS if find_spec("opensmile") else SETS[:1]


def summarise(static: np.ndarray) -> np.ndarray:
    """Take the functionals of a static map, float [rows, frames], one frame or more.

    They are float32 [len(FUNCTIONALS) * rows + 1]: mean, standard deviation, 5th, 50th and 95th
    percentile of every row, its slope per second, the mean size of its change per frame, and last
    the length of the utterance in seconds.

    >>> summarise(np.full((1, 44), 3.0)).astype(float).round(2).tolist()
    [3.0, 0.0, 3.0, 3.0, 3.0, 0.0, 0.0, 1.02]
    """
    wide = static.astype(np.float64)
    frames = wide.shape[1]
    seconds = (np.arange(frames) - (frames - 1) / 2) * (maps.HOP / audio.RATE)
    # One frame has no slope and no change.
    slope = (wide * seconds).sum(axis=1) / max(np.square(seconds).sum(), np.finfo(float).tiny)
    change = np.abs(np.diff(wide, axis=1)).sum(axis=1) / max(frames - 1, 1)
    low, middle, high = np.percentile(wide, [5, 50, 95], axis=1)
    length = frames * maps.HOP / audio.RATE
    parts = (wide.mean(axis=1), wide.std(axis=1), low, middle, high, slope, change, [length])
    return np.concatenate(parts).astype(np.float32)


def modulation(stack: np.ndarray) -> np.ndarray:
    """Take how fast each row of a `stack` map, float [rows, frames], moves.

    They are float32 [rows * 6]: the natural logarithm of the mean energy of the row in each of
    `BANDS`, its mean over the speech removed.
    """
    loud = np.flatnonzero(stack[_LEVEL] >= stack[_LEVEL].max() - PAUSE_DB)
    speech = stack[:, loud[0] : loud[-1] + 1].astype(np.float64)
    speech -= speech.mean(axis=1, keepdims=True)
    frames = speech.shape[1]
    size = max(frames, 512)  # so that even a short utterance has several values in each band
    energy = np.square(np.abs(np.fft.rfft(speech, size))) / frames
    edges = np.searchsorted(np.fft.rfftfreq(size, maps.HOP / audio.RATE), BANDS)
    bands = [energy[:, low:high].mean(axis=1) for low, high in pairwise(edges)]
    return np.log(np.stack(bands, axis=1) + _SMALLEST).astype(np.float32).ravel()


def of_stack(stack: np.ndarray) -> np.ndarray:
    """Return all numbers of a `stack` map: float32 [781], those of `summarise` first."""
    return np.concatenate([summarise(stack), modulation(stack)])


def cues() -> np.ndarray:
    """Return the cue of each number of `of_stack`, see `maps.Row`; the length counts as speed."""
    of_rows = [row.cue for row in maps.rows("stack")]
    return np.array([*of_rows * len(FUNCTIONALS), "speed", *np.repeat(of_rows, len(BANDS) - 1)])


def table(manifest: Manifest, name: str, *, copy: Copy = ITSELF, **options) -> np.ndarray:
    """Compute what is missing of a set and return it: float32 [utterances, numbers].

    A number that openSMILE cannot give, as for audio that is too short for it, is nan; `options`
    are those of `build_all`.
    """
    return read(build_all(manifest, name, (copy,), **options)[0])


def read(folders: Sequence[Path]) -> np.ndarray:
    """Return what `build_all` wrote to folders: float32 [utterances, numbers]."""
    files = [file for folder in folders for file in sorted(folder.glob("*.npy"))]
    return np.concatenate([np.load(file) for file in files])


def build_all(
    manifest: Manifest,
    name: str,
    copies: Sequence[Copy],
    *,
    workers: int | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[list[Path]]:
    """Compute what is missing of a set; return the folders in which it is, of each copy.

    It is one of `SETS`, or a text of `embeddings`. `copies` are not of openSMILE; they, `workers`
    (of this machine, but for maps) and `progress` are as in `store.build_all`. Of a manifest that
    joins several corpora each has its own folder.
    """
    if ":" not in name and choose(name, SETS, "set of functionals") not in available():
        raise ParameterError(
            f"the functionals '{name}' need openSMILE: pip install 'ser-lib[baseline]'"
        )
    if len(corpora := store.parts(manifest)) > 1:
        options: dict = {"workers": workers, "progress": progress}
        each = [build_all(part, name, copies, **options) for part in corpora]
        return [list(chain(*own)) for own in zip(*each, strict=True)]
    table, kind, code = manifest.table, name.partition(":")[0], sources(*CODE)
    # The same samples at another rate are another sound.
    origin: list = [table["sha256"].tolist(), table["sample_rate_hz"].tolist()]
    if name in SETS[1:]:
        origin.append(version("opensmile"))
    if kind == "table":
        origin = table["utterance"].tolist()
    folders, missing = [], []
    for number, copy in enumerate(copies):
        key = digest(name, asdict(copy), origin, *code)
        folders.append(workspace() / "data" / "functionals" / f"{manifest.corpus}-{kind}-{key}")
        for start in range(0, len(table), CHUNK):
            file, part = folders[-1] / f"{start:06d}.npy", slice(start, start + CHUNK)
            if not _is_whole(file, len(table[part])):
                missing.append((number, file, part))
    readers = _readers(manifest, name, copies, workers) if missing else []
    todo = [(file, readers[n][0], readers[n][1][part]) for n, file, part in missing]
    total = len(table) * len(copies)
    done = total - sum(len(part) for *_, part in todo)
    clock = jobs.Countdown(total, done=done)
    here = None if isinstance(workers, str) else workers
    # One chunk is not worth the start of a process.
    for finished in jobs.each(_write, todo, workers=here if len(todo) > 1 else 0):
        done += finished
        clock.tell(done, f"functionals of {kind} made")
        if progress:
            progress(done, total)
    return [[folder] for folder in folders]


def _readers(
    corpus: Manifest, name: str, copies: Sequence[Copy], workers: int | str | None
) -> list[tuple[Callable[[Sequence], list[np.ndarray]], Sequence]]:
    """Return, of each copy, a function and what it turns into numbers, in the corpus's order."""
    if name == "stack":
        stores = store.build_all(corpus, copies, kind="stack", workers=workers)
        return [(partial(_of_maps, maps), range(len(maps))) for maps in stores]
    if name.startswith("table:"):
        rows = list(embeddings.of_table(name, corpus.table["utterance"].tolist()))
        return [(list, rows)] * len(copies)
    table = corpus.table[["path", "duration_s"]]
    files = [(corpus.root / path, seconds) for path, seconds in table.itertuples(index=False)]
    if name in SETS[1:]:
        return [(partial(_of_smile, name), files)] * len(copies)
    return [(partial(_of_sounds, name, copy), files) for copy in copies]


def _write(file: Path, read: Callable[[Sequence], list[np.ndarray]], items: Sequence) -> int:
    write_atomically(file, store.npy(np.stack(read(items)).astype(np.float32)))
    return len(items)


def of_sound(name: str, signal: np.ndarray) -> np.ndarray:
    """Return the numbers of a signal at `audio.RATE`; `name` is "stack" or an ONNX file's text."""
    if name == "stack":
        return of_stack(maps.extract(signal, kind="stack"))
    return embeddings.of_signal(name, signal)


def _of_maps(stacks: store.Store | store.Joined, rows: range) -> list[np.ndarray]:
    return [of_stack(stacks[row]) for row in rows]


def _of_sounds(name: str, copy: Copy, files: list[tuple[Path, float]]) -> list[np.ndarray]:
    return [of_sound(name, copy.apply(_signal(*file))) for file in files]


def _of_smile(name: str, files: list[tuple[Path, float]]) -> list[np.ndarray]:
    import opensmile

    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet[name], feature_level=opensmile.FeatureLevel.Functionals
    )
    signals = (_signal(*file, rate=SMILE_RATE) for file in files)
    return [smile.process_signal(signal, SMILE_RATE).to_numpy()[0] for signal in signals]


def _signal(file: Path, seconds: float, rate: int = audio.RATE) -> np.ndarray:
    signal = audio.load(file, rate=rate)
    if abs(len(signal) / rate - seconds) > SLACK_S:
        raise AudioError(f"{file}: has changed since the corpus was read; run again")
    return signal


def _is_whole(file: Path, size: int) -> bool:
    try:
        rows = np.load(file)
    except (OSError, ValueError, EOFError):
        return False
    return rows.ndim == 2 and len(rows) == size
