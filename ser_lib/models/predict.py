"""The emotions of many audio files: in parallel, in order, and the bad ones by name."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.core import audio, jobs
from ser_lib.core.errors import AudioError, ParameterError, RecordError, printable
from ser_lib.core.files import files_below
from ser_lib.models import bundle
from ser_lib.models.bundle import FrontEnd
from ser_lib.models.lda import Discriminant

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 64  # files that a process answers at a time


@dataclass(frozen=True, repr=False)
class Predictions:
    """What a network says of audio files: probabilities float32 [files, emotions].

    `files` are those that could be read, in the order in which they were given; for each of the
    others, `refused` has an error that names it. `remarks` are on files that were mended, such as
    one of whose channels the loudest alone was read.
    """

    emotions: list[str]
    files: list[str]
    probabilities: np.ndarray
    refused: list[AudioError]
    remarks: list[str] = field(default_factory=list)

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
    """Return what a network, a `Run` or the folder of one or of a bundle, says of audio files.

    Paths are audio files and folders: all audio files in them and in their folders, sorted; links
    are followed, hidden files passed over. ``talk.wav#t=1.5,4`` is a part. There is a process for
    each processor, or so many `workers`; a few files are answered in this one. `progress` is called
    with a line of text, ten times at most.
    """
    model = getattr(model, "folder", model)
    paths = [paths] if isinstance(paths, str | Path) else paths
    emotions = bundle.read_front_end(model).emotions
    refused: list[AudioError] = []
    files = [file for path in paths for file in _files(path, refused)]
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
        [file for read, *_ in ordered for file in read],
        np.concatenate([np.empty((0, len(emotions)), np.float32), *(p for _, p, *_ in ordered)]),
        refused + [error for _, _, errors, _ in ordered for error in errors],
        [remark for *_, remarks in ordered for remark in remarks],
    )


_load = cache(bundle.load)  # a process keeps it for its next chunk


def _files(path: str | Path, refused: list[AudioError]) -> list[str]:
    if not os.path.isdir(path):
        return [str(path)]
    unread: list[tuple[Path, str]] = []
    # As text at once: paths of a large folder would fill hundreds of megabytes.
    files: list[str] = []
    others: Counter[str] = Counter()
    for file in files_below(Path(path), unread):
        if file.suffix.lower() in audio.SUFFIXES + audio.FOREIGN:
            files.append(str(file))
        else:
            others[file.suffix.lower() or "no ending"] += 1
    refused += [AudioError(f"{printable(str(file))}: {reason}") for file, reason in unread]
    if not files and not unread:
        holds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(others.items())) or "no file"
        raise AudioError(
            f"the folder {Path(path).absolute()} holds no audio file (it holds {holds}); names of "
            f"audio end with one of {', '.join(audio.SUFFIXES)}"
        )
    return sorted(files)


def _answer(
    model: str, start: int, files: list[str]
) -> tuple[int, list[str], np.ndarray, list[AudioError], list[str]]:
    """Answer a chunk of files: where it starts, the files read, probabilities, errors, remarks."""
    read, errors = [], []
    remarks: list[str] = []

    def inputs(front_end: FrontEnd | Discriminant) -> Iterator:
        for file in files:
            told: list[str] = []
            try:
                static = front_end.static(audio.load(file, tell=told.append))
            except AudioError as error:
                errors.append(error)  # one bad file must not cost the others their answer
                continue
            except (ParameterError, MemoryError) as error:
                reason = str(error) or "takes more memory than there is"
                errors.append(AudioError(f"{printable(file)}: {reason}"))
                continue
            read.append(file)
            remarks.extend(f"{file}: {remark}" for remark in told)
            yield static

    with jobs.silent_libraries():
        network = _load(model)
        probabilities = network.predict(inputs(network.front_end))
    if not np.isfinite(probabilities).all():
        raise RecordError(f"the network in {model} answers what is no number; make the run again")
    return start, read, probabilities, errors, remarks
