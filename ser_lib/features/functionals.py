"""An utterance of any length -> one row of numbers, for classifiers that need no network.

A functional is a statistic over the frames of an utterance. Three sets are known:

============ =====================================================================
stack        `FUNCTIONALS` of every row of our own `stack` map, and its length
eGeMAPSv02   88 functionals chosen for the study of voices (Eyben et al., IEEE
             Transactions on Affective Computing, 2016), computed by openSMILE
ComParE_2016 6,373 functionals of the INTERSPEECH 2016 Computational
             Paralinguistics Challenge (Schuller et al., 2016), by openSMILE
============ =====================================================================

openSMILE comes with the extra ``baseline``; its licence covers research, which is why it is not
among the requirements. It hears every file at `SMILE_RATE`, so that corpora of different rates
give comparable numbers, which are kept in `data/functionals/<corpus>-<set>-<key>/`, in files of up
to `CHUNK` utterances in the manifest's order. The key is a hash of the audio, the set, the version
of openSMILE and the code.
"""

from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ser_lib.core import audio, jobs
from ser_lib.core.errors import ParameterError, choose
from ser_lib.core.files import digest, sources, workspace, write_atomically
from ser_lib.corpora import Manifest
from ser_lib.features import maps, store

SETS = ("stack", "eGeMAPSv02", "ComParE_2016")
FUNCTIONALS = ("mean", "std", "p5", "median", "p95", "slope", "change")
SMILE_RATE = 16_000
CHUNK = 64


def available() -> tuple[str, ...]:
    """Return the sets that can be computed here: all, or those without openSMILE."""
    return SETS if find_spec("opensmile") else SETS[:1]


def summarise(static: np.ndarray) -> np.ndarray:
    """Take the functionals of a static map, float [rows, frames], one frame or more.

    They are float32 [len(FUNCTIONALS) * rows + 1]: mean, standard deviation, 5th, 50th and 95th
    percentile of every row, its slope per second, the mean size of its change per frame, and last
    the length of the utterance in seconds.

    Examples
    --------
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


def table(
    manifest: Manifest,
    name: str,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Compute what is missing of a set, one of `SETS`: float32 [utterances, numbers].

    A number that openSMILE cannot give, as for audio that is too short for it, is nan. `workers`
    and `progress` are as in `store.build`.
    """
    choose(name, SETS, "set of functionals")
    if name not in available():
        raise ParameterError(
            f"the functionals '{name}' need openSMILE: pip install 'ser-lib[baseline]'"
        )
    if name == "stack":
        stacks = store.build(manifest, kind="stack", workers=workers, progress=progress)
        return np.stack([summarise(stacks[i]) for i in range(len(manifest.table))])
    # The same samples at another rate are another sound.
    sounds = [manifest.table[column].tolist() for column in ("sha256", "sample_rate_hz")]
    code = sources("core/audio.py", "features/functionals.py")
    key = digest(name, sounds, version("opensmile"), *code)
    folder = workspace() / "data" / "functionals" / f"{manifest.corpus}-{name}-{key}"
    paths = [manifest.root / path for path in manifest.table["path"]]
    chunks = {folder / f"{i:06d}.npy": paths[i : i + CHUNK] for i in range(0, len(paths), CHUNK)}
    todo = [(file, part, name) for file, part in chunks.items() if not _is_whole(file, len(part))]
    done = len(paths) - sum(len(part) for _, part, _ in todo)
    # One chunk is not worth the start of a process.
    for finished in jobs.each(_write, todo, workers=workers if len(todo) > 1 else 0):
        done += finished
        if progress:
            progress(done, len(paths))
    return np.concatenate([np.load(file) for file in chunks])


def _write(file: Path, paths: list[Path], name: str) -> int:
    import opensmile

    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet[name], feature_level=opensmile.FeatureLevel.Functionals
    )
    signals = (audio.load(path, rate=SMILE_RATE) for path in paths)
    rows = [smile.process_signal(signal, SMILE_RATE).to_numpy()[0] for signal in signals]
    write_atomically(file, store.npy(np.stack(rows).astype(np.float32)))
    return len(paths)


def _is_whole(file: Path, size: int) -> bool:
    try:
        rows = np.load(file)
    except (OSError, ValueError, EOFError):
        return False
    return rows.ndim == 2 and len(rows) == size
