"""The emotions of many audio files: in parallel, in order, and the bad ones by name."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.core import jobs
from ser_lib.core.errors import AudioError
from ser_lib.models import bundle
from ser_lib.models.bundle import FrontEnd
from ser_lib.models.lda import Discriminant

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 64  # files that a process answers at a time
SUFFIXES = (
    *(".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".rf64"),
    *(".snd", ".w64", ".wav", ".wave"),
    *(".aac", ".amr", ".m4a", ".wma"),  # cannot be decoded, which is better said than passed over
)


@dataclass(frozen=True, repr=False)
class Predictions:
    """What a network says of audio files: probabilities float32 [files, emotions].

    `files` are those that could be read, in the order in which they were given; for each of the
    others, `refused` has an error that names it.
    """

    emotions: list[str]
    files: list[str]
    probabilities: np.ndarray
    refused: list[AudioError]

    @property
    def table(self) -> "pd.DataFrame":
        """One row per file: file, predicted, and the probability of each emotion."""
        import pandas as pd  # the command line needs no table, and pandas takes its time

        predicted = [self.emotions[i] for i in self.probabilities.argmax(axis=1)]
        named = dict(zip(self.emotions, self.probabilities.T, strict=True))
        return pd.DataFrame({"file": self.files, "predicted": predicted} | named)

    def __repr__(self) -> str:
        return self.table.to_string(float_format="{:.3f}".format)

    def _repr_html_(self) -> str:
        return self.table.to_html(float_format="{:.3f}".format)


def predict(
    paths: str | Path | Iterable[str | Path],
    model,
    *,
    workers: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> Predictions:
    """Return what a network says of audio files, in parallel.

    Parameters
    ----------
    paths
        One or several audio files, and folders: all audio files in them and in their folders,
        sorted.
    model
        A `Run`, or the folder of one or of a bundle.
    workers
        Processes, by default one for each processor; a few files are answered in this one.
    progress
        Called with a line of text, ten times at most.
    """
    model = getattr(model, "folder", model)
    paths = [paths] if isinstance(paths, str | Path) else paths
    emotions = bundle.read_front_end(model).emotions
    files = [file for path in paths for file in _files(path)]
    starts = range(0, len(files), CHUNK)
    todo = [(str(model), start, files[start : start + CHUNK]) for start in starts]
    _load.cache_clear()  # the folder may hold another network than the last time
    answers, done = {}, 0
    # One chunk is not worth the start of a process.
    for start, *answer in jobs.each(_answer, todo, workers=workers if len(todo) > 1 else 0):
        answers[start] = answer
        before, done = done, done + len(files[start : start + CHUNK])
        if progress and len(todo) > 1 and 10 * done // len(files) > 10 * before // len(files):
            progress(f"{done:,} of {len(files):,} files")
    ordered = [answers[start] for start in starts]
    return Predictions(
        emotions,
        [file for read, _, _ in ordered for file in read],
        np.concatenate([np.empty((0, len(emotions)), np.float32), *(p for _, p, _ in ordered)]),
        [error for _, _, errors in ordered for error in errors],
    )


_load = cache(bundle.load)  # a process keeps it for its next chunk


def _files(path: str | Path) -> list[str]:
    if not Path(path).is_dir():
        return [str(path)]
    inside = Path(path).rglob("*")
    # As text at once: paths of a large folder would fill hundreds of megabytes.
    files = sorted(str(f) for f in inside if f.suffix.lower() in SUFFIXES and not f.is_dir())
    if not files:
        raise AudioError(
            f"the folder {path} holds no audio file; their names end with one of "
            f"{', '.join(SUFFIXES)}"
        )
    return files


def _answer(
    model: str, start: int, files: list[str]
) -> tuple[int, list[str], np.ndarray, list[AudioError]]:
    """Answer a chunk of files: where it starts, the files read, probabilities, errors."""
    read, errors = [], []

    def inputs(front_end: FrontEnd | Discriminant) -> Iterator[np.ndarray]:
        for file in files:
            try:
                static = front_end.static(file)
            except AudioError as error:
                errors.append(error)  # one bad file must not cost the others their answer
                continue
            read.append(file)
            yield static

    with jobs.silent_libraries():
        network = _load(model)
        probabilities = network.predict(inputs(network.front_end))
    return start, read, probabilities, errors
