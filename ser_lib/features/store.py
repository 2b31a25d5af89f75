"""Feature maps of a whole corpus: computed once, in parallel, resumable, wherever they lie.

A store `<corpus>-<map>-<key>` is `lengths.npy`, int32 frames per utterance in the manifest's order,
and chunks of `CHUNK` utterances: `000000.npy`, float32, their maps [rows, frames] one after the
other, and behind them their CRC-32. A chunk appears when it is complete, and its size follows from
the lengths: one listing tells what is there. A chunk that was altered is found when it is first
read. An utterance is read where it lies, so memory does not grow with the corpus. The key
is a hash of the audio, the map and the code that computes it.

A corpus that joins several has a store of each, which are those of the corpora themselves where
the same utterances are chosen.

Stores lie in `data/features/` of the workspace, or on the address that the environment variable
`SER_STORE` names, see `files.Place`. From an address that is not local, a chunk is copied to
`data/features/` when it is first read: training reads every utterance in every epoch.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd

from ser_lib.core import audio, jobs
from ser_lib.core.errors import AudioError, SpaceError, StoreError, choose
from ser_lib.core.files import Place, digest, sources, workspace
from ser_lib.corpora import Manifest
from ser_lib.features import maps
from ser_lib.features.copies import ITSELF, Copy

CODE = ("core/audio.py", "features/maps.py", "features/spectrum.py", "features/store.py")
CODE_OF_COPIES = (*CODE, "features/copies.py", "features/perturb.py")
CHUNK = 64
_LENGTHS = "lengths.npy"
_HEAD = 128  # bytes before the values of a chunk
_TAIL = 4  # bytes of the checksum behind them
_BYTES = 4 * maps.ROWS  # of a frame
_PIECE = 1 << 22  # bytes that are read at a time


class Store:
    """The static feature maps of a manifest's utterances, by row position, in a finished store.

    A `StoreError` names a chunk that is missing or damaged, or says how many utterances there are.
    Pickled, it is its address: another process looks again at what is there.
    """

    def __init__(self, address: str, n_utterances: int) -> None:
        self._place = Place(address)
        self.address = self._place.address
        self._lengths = _read_lengths(self._place, n_utterances)
        self._sizes = _sizes(self._lengths)
        sizes = self._place.sizes()
        for number, size in enumerate(self._sizes):
            if sizes.get(_name(number)) != size:
                raise _damaged(self._place, number)
        self._near = self._place
        if not self._place.is_local:
            self._near = Place(_local_home() / self.address.rpartition("/")[2])
        self._is_sound = np.full(len(self._sizes), False)

    def __len__(self) -> int:
        return len(self._lengths)

    def __reduce__(self) -> tuple:
        return Store, (self.address, len(self))

    def __getitem__(self, position: int) -> np.ndarray:
        """Return one utterance's map: float32 [rows, frames], not to be written."""
        number = position // CHUNK
        if not self._is_sound[number]:
            self._fetch(number)
        before = int(self._lengths[number * CHUNK : position].sum())
        start, frames = _HEAD + before * _BYTES, int(self._lengths[position])
        content = self._near.read(_name(number), start, start + frames * _BYTES)
        if len(content) != frames * _BYTES:
            raise _damaged(self._near, number)
        return np.frombuffer(content, np.float32).reshape(maps.ROWS, frames)

    def _fetch(self, number: int) -> None:
        """Copy a chunk from far away, unless another process did, and look at its checksum."""
        name, size = _name(number), self._sizes[number]
        copy, origin = Path(self._near.address, name), self._near
        if not self._place.is_local and (not copy.is_file() or copy.stat().st_size != size):
            content = self._place.read(name)
            if len(content) != size:
                raise _damaged(self._place, number)
            self._near.write(name, content)
            origin = self._place
        checksum, end = 0, size - _TAIL
        for start in range(_HEAD, end, _PIECE):
            piece = self._near.read(name, start, min(start + _PIECE, end))
            checksum = crc32(piece, checksum)
        if self._near.read(name, end, size) != checksum.to_bytes(_TAIL, "little"):
            for place in (self._near, origin):
                with suppress(SpaceError, StoreError):
                    place.write(name, b"")  # so that it is computed, or copied, again
            raise _damaged(origin, number)
        self._is_sound[number] = True


class Joined:
    """The stores of several corpora as one, in the order in which a joined manifest has them."""

    def __init__(self, stores: Sequence[Store]) -> None:
        self._stores = stores
        self._ends = np.cumsum([len(store) for store in stores])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, position: int) -> np.ndarray:
        """Return one utterance's map: float32 [rows, frames], not to be written."""
        number = int(np.searchsorted(self._ends, position, side="right"))
        own = self._stores[number]
        return own[position - int(self._ends[number]) + len(own)]


def parts(manifest: Manifest) -> list[Manifest]:
    """Return the corpora that a manifest joins, in its order, or itself."""
    if "," not in manifest.corpus:
        return [manifest]
    groups = manifest.table.groupby("corpus", sort=False)  # their rows lie together
    return [replace(manifest, corpus=str(name), table=table) for name, table in groups]


def build(
    manifest: Manifest,
    *,
    kind: str = "logmel",
    copy: Copy = ITSELF,
    workers: int | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Store | Joined:
    """Compute what is missing of a corpus's feature maps, and open them.

    An interrupted build carries on where it stopped; a damaged chunk is computed again. `kind` is
    one of `maps.MAPS`, `copy` which copy of each utterance is meant, `workers` as of `jobs.each`;
    `progress` is called with the utterances done and those in all.

    Raises
    ------
    AudioError
        If a file that the manifest names can no longer be read, or is another one now.
    StoreError
        If the store cannot be written, or a cluster's workers write where this machine does not
        look.
    """
    (one,) = build_all(manifest, (copy,), kind=kind, workers=workers, progress=progress)
    return one


def build_all(
    manifest: Manifest,
    copies: Sequence[Copy],
    *,
    kind: str = "logmel",
    workers: int | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sequence[Store | Joined]:
    """Do as `build` does for several copies at once: starting processes for each takes seconds."""
    choose(kind, maps.MAPS, "feature map")
    if len(corpora := parts(manifest)) > 1:
        options: dict = {"kind": kind, "workers": workers, "progress": progress}
        each = [build_all(part, copies, **options) for part in corpora]
        return [Joined(own) for own in zip(*each, strict=True)]
    table = manifest.table
    # Absolute, because workers need not be in this folder.
    root, paths = str(manifest.root.absolute()), table["path"].tolist()
    places, todo = [], []
    for copy in copies:
        place = Place(f"{_home()}/{manifest.corpus}-{kind}-{_key(table, kind, copy)}")
        places.append(place)
        lengths = _lengths(table, copy)
        content = npy(lengths)
        if place.heads([_LENGTHS], len(content) + 1) != [content]:
            # First, because it shows that the place can be written before any work.
            place.write(_LENGTHS, content)
        for number in _missing(place, lengths):
            part = slice(number * CHUNK, (number + 1) * CHUNK)
            own = root, paths[part], lengths[part], kind, copy
            todo.append((place.address, _name(number), *own))
    total = len(paths) * len(copies)
    done = total - sum(len(job[3]) for job in todo)
    clock = jobs.Countdown(total, done=done)
    # One chunk is not worth the start of a process.
    for finished in jobs.each(_write_chunk, todo, workers=workers if len(todo) > 1 else 0):
        done += finished
        clock.tell(done, f"maps of {kind} made")
        if progress:
            progress(done, total)
    try:
        return [Store(place.address, len(paths)) for place in places]
    except StoreError as error:
        if not isinstance(workers, str):
            raise
        raise StoreError(
            f"the workers of the cluster wrote features to {_home()}, but they are not there for "
            "this machine; the store must be the same place for all"
        ) from error


def _key(table: pd.DataFrame, kind: str, copy: Copy) -> str:
    code = sources(*(CODE if copy == ITSELF else CODE_OF_COPIES))
    # The same samples at another rate are another sound.
    columns = [table[name].tolist() for name in ("sha256", "sample_rate_hz")]
    # Piece by piece, because the columns of a large corpus in one text are large.
    starts = range(0, len(table), CHUNK)
    sounds = ([column[start : start + CHUNK] for column in columns] for start in starts)
    return digest(kind, asdict(copy), CHUNK, *sounds, *code)


def _local_home() -> Path:
    return workspace() / "data" / "features"


def _home() -> str:
    """Return the address in which all stores lie."""
    address = os.environ.get("SER_STORE") or str(_local_home())
    if "://" in address:
        return address.rstrip("/")
    # Relative to the workspace, because a notebook's kernel runs in another folder than its caller.
    return str(workspace() / Path(address).expanduser())


def _lengths(table: pd.DataFrame, copy: Copy) -> np.ndarray:
    """Return how many frames each utterance has: int32 [utterances]."""
    rates = table["sample_rate_hz"].to_numpy(np.int64)
    samples = np.rint(table["duration_s"].to_numpy() * rates).astype(np.int64)
    resampled = -(-samples * audio.RATE // rates)  # `audio.load` rounds up
    return (1 + copy.length(resampled) // maps.HOP).astype(np.int32)


def _read_lengths(place: Place, n_utterances: int) -> np.ndarray:
    try:
        lengths = np.load(BytesIO(place.read(_LENGTHS)))
    except (ValueError, EOFError) as error:
        raise StoreError(f"{place.address}/{_LENGTHS} is damaged; run again to mend it") from error
    if len(lengths) != n_utterances:
        raise StoreError(
            f"the feature store {place.address} has {len(lengths)} utterances, not {n_utterances}"
        )
    return lengths


def _sizes(lengths: np.ndarray) -> list[int]:
    """Return how many bytes each chunk has."""
    starts = np.arange(0, len(lengths), CHUNK)
    return (_HEAD + _TAIL + _BYTES * np.add.reduceat(lengths, starts, dtype=np.int64)).tolist()


def _missing(place: Place, lengths: np.ndarray) -> list[int]:
    """Return the numbers of the chunks that are not there whole."""
    present, sizes = place.sizes(), _sizes(lengths)
    there = [number for number, size in enumerate(sizes) if present.get(_name(number)) == size]
    heads = place.heads([_name(number) for number in there], _HEAD)
    whole = {n for n, head in zip(there, heads, strict=True) if head == _head(sizes[n])}
    missing = [number for number in range(len(sizes)) if number not in whole]
    if damaged := [_name(number) for number in missing if _name(number) in present]:
        more = f" and {len(damaged) - 3} more" if len(damaged) > 3 else ""
        jobs.tell(
            f"the feature store {place.address} has damaged chunks, which are computed again: "
            f"{', '.join(damaged[:3])}{more}"
        )
    return missing


def _write_chunk(
    address: str,
    name: str,
    root: str,
    paths: list[str],
    lengths: np.ndarray,
    kind: str,
    copy: Copy,
) -> int:
    values = []
    for path, frames in zip(paths, lengths, strict=True):
        file = Path(root, path)
        feature_map = maps.extract(copy.apply(audio.load(file)), kind=kind)
        if feature_map.shape[1] != frames:
            raise AudioError(f"{file}: has changed since the corpus was read; run again")
        values.append(feature_map.ravel())
    Place(address).write(name, chunk(np.concatenate(values)))
    return len(paths)


def chunk(values: np.ndarray) -> bytes:
    """Return the content of a chunk of these values, float32 [any]."""
    content = npy(values)
    return content + crc32(content[_HEAD:]).to_bytes(_TAIL, "little")


def npy(array: np.ndarray) -> bytes:
    """Return what `np.save` writes of an array."""
    buffer = BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _head(size: int) -> bytes:
    """Return how a chunk of so many bytes begins."""
    buffer = BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": ((size - _HEAD - _TAIL) // 4,)}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def _name(number: int) -> str:
    return f"{number * CHUNK:06d}.npy"


def _damaged(place: Place, number: int) -> StoreError:
    return StoreError(
        f"{_name(number)} of the feature store {place.address} is missing or damaged; run again to "
        "mend it"
    )
