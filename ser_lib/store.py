"""Feature maps of a whole corpus on disk: computed once, in parallel, resumable.

A store is a folder `data/features/<corpus>-<map>-<key>/` of chunks of up to `CHUNK` utterances in
the manifest's order. A chunk is two files: `000000.lengths.npy`, int frames per utterance, and
`000000.npy`, float32 [frames of all, rows], written last and under a temporary name, so that a
chunk that exists is complete. Maps are read through a memory map: memory does not grow with the
corpus. The key is a hash of the audio, the map and the code that computes it.
"""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np

from ser_lib import audio, features, parallel
from ser_lib.corpora import Manifest
from ser_lib.errors import StoreError, choose
from ser_lib.workspace import digest, sources, workspace, write_atomically

CHUNK = 64


class Store:
    """The static feature maps of a manifest's utterances, by row position.

    Parameters
    ----------
    folder
        A finished store.
    n_utterances
        How many the manifest has.

    Raises
    ------
    StoreError
        If a chunk is missing or damaged.
    """

    def __init__(self, folder: Path, n_utterances: int) -> None:
        self.folder = folder
        self._chunks = []
        self._bounds = []
        for first in range(0, n_utterances, CHUNK):
            chunk = _open_chunk(folder, first, min(CHUNK, n_utterances - first))
            if chunk is None:
                raise StoreError(
                    f"the feature store {folder} is not complete; run again to mend it"
                )
            lengths, frames = chunk
            self._chunks.append(frames)
            self._bounds.append(np.concatenate([[0], np.cumsum(lengths)]))

    def __getitem__(self, position: int) -> np.ndarray:
        """Return one utterance's map: float32 [rows, frames]."""
        chunk, offset = divmod(position, CHUNK)
        start, stop = self._bounds[chunk][offset : offset + 2]
        return np.asarray(self._chunks[chunk][start:stop]).T


def build(
    manifest: Manifest,
    *,
    kind: str = "logmel",
    workers: int | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Store:
    """Compute what is missing of a corpus's feature maps, and open them.

    An interrupted build carries on where it stopped; a damaged chunk is computed again.

    Parameters
    ----------
    manifest
        The corpus.
    kind
        One of `features.MAPS`.
    workers
        Processes, or the address of a Dask scheduler; as many processes as there are processors
        by default.
    progress
        Called with (utterances done, utterances in all).

    Raises
    ------
    AudioError
        If a file that the manifest names can no longer be read.
    StoreError
        If the workers of a cluster write where this machine does not look.
    """
    choose(kind, features.MAPS, "feature map")
    code = sources("audio.py", "features.py", "spectrum.py", "store.py")
    # The same samples at another rate are another sound.
    heard = [manifest.table[column].tolist() for column in ("sha256", "sample_rate_hz")]
    key = digest(kind, CHUNK, heard, *code)
    folder = workspace() / "data" / "features" / f"{manifest.corpus}-{kind}-{key}"
    root = manifest.root.absolute()  # workers need not be in this folder
    paths = [root / path for path in manifest.table["path"]]
    starts = range(0, len(paths), CHUNK)
    todo = [s for s in starts if _open_chunk(folder, s, len(paths[s : s + CHUNK])) is None]
    done = len(paths) - sum(len(paths[s : s + CHUNK]) for s in todo)
    jobs = [(folder, start, paths[start : start + CHUNK], kind) for start in todo]
    # One chunk is not worth the start of a process.
    for finished in parallel.each(_write_chunk, jobs, workers=workers if len(jobs) > 1 else 0):
        done += finished
        if progress:
            progress(done, len(paths))
    try:
        return Store(folder, len(paths))
    except StoreError as error:
        if not isinstance(workers, str):
            raise
        raise StoreError(
            f"the workers of the cluster wrote features to {folder}, but they are not there for "
            "this machine; the store must be the same place for all"
        ) from error


def _write_chunk(folder: Path, start: int, paths: list[Path], kind: str) -> int:
    maps = [features.extract(audio.load(path), kind=kind).T for path in paths]
    lengths = np.array([len(frames) for frames in maps])
    for name, array in (("lengths.npy", lengths), ("npy", np.concatenate(maps))):
        buffer = BytesIO()
        np.save(buffer, array)
        write_atomically(folder / f"{start:06d}.{name}", buffer.getvalue())
    return len(paths)


def _open_chunk(folder: Path, start: int, size: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Open a chunk without reading its frames, or return None if it is not whole."""
    try:
        lengths = np.load(folder / f"{start:06d}.lengths.npy")
        frames = np.load(folder / f"{start:06d}.npy", mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    if len(lengths) != size or frames.shape != (lengths.sum(), features.ROWS):
        return None
    return lengths, frames
