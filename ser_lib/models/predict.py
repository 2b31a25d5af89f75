"""The emotions of many audio files: in parallel, in order, and the bad ones by name."""

import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.core import audio, jobs
from ser_lib.core.errors import AudioError, ParameterError, RecordError, printable
from ser_lib.core.files import files_below
from ser_lib.features import typical
from ser_lib.models import bundle
from ser_lib.models.bundle import About, FrontEnd
from ser_lib.models.lda import Discriminant

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 64  # files that a process answers at a time
WINDOW_S, STEP_S = 3.0, 1.5
"""Of the segments of a long recording: as long as what a network sees, and how far apart."""

Sound = str | tuple[str, np.ndarray, int]  # a file, or a name, samples and their rate


@dataclass(frozen=True, repr=False)
class Predictions:
    """What a model says of recordings: probabilities float32 [rows, emotions].

    There is a row for each of the `files` that could be read, in the order in which they were
    given, or for each segment of one, whose start and end are in `times` (seconds, [rows, 2]); for
    each of the others, `refused` has an error that names it. `remarks` are on recordings that were
    mended, such as one of whose channels the loudest alone was read, and on those that are far from
    what the model was trained on. What the model knows of itself is in `about`, if it does.
    """

    emotions: list[str]
    files: list[str]
    probabilities: np.ndarray
    refused: list[AudioError]
    remarks: list[str] = field(default_factory=list)
    about: About | None = None
    times: np.ndarray | None = None

    @property
    def predicted(self) -> list[str]:
        """The most probable emotion of every row."""
        return [self.emotions[i] for i in self.probabilities.argmax(axis=1)]

    @property
    def abstains(self) -> np.ndarray:
        """Whether the model is too unsure of a row to be asked: bool [rows].

        The threshold is its own, `About.threshold`; where nothing is heard, all are equal.
        """
        even = 1 / len(self.emotions) + 1e-6
        threshold = max(self.about.threshold if self.about else 0.0, even)
        return self.probabilities.max(axis=1, initial=0.0) < threshold

    @property
    def table(self) -> "pd.DataFrame":
        """One row each: file, start and end of segments, predicted, abstains, probabilities."""
        import pandas as pd  # the command line needs no table, and pandas takes its time

        times = {} if self.times is None else dict(zip(("start", "end"), self.times.T, strict=True))
        named = dict(zip(self.emotions, self.probabilities.T, strict=True))
        said = {"predicted": self.predicted, "abstains": self.abstains}
        return pd.DataFrame({"file": self.files} | times | said | named)

    def __repr__(self) -> str:
        return self.table.to_string(float_format="{:.3f}".format)

    def _repr_html_(self) -> str:
        return self.table.to_html(float_format="{:.3f}".format)


def predict(
    sounds: str | Path | Iterable[str | Path | Sound],
    model: str | Path,
    *,
    segments: bool = False,
    workers: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> Predictions:
    """Return what the model of a folder, of a bundle or of a run, says of recordings.

    Parameters
    ----------
    sounds
        Audio files and folders: all audio files in them and in their folders, sorted; links are
        followed, hidden files passed over. ``talk.wav#t=1.5,4`` is a part. Or a name, samples and
        their rate.
    segments
        Answer for every `WINDOW_S` seconds, each `STEP_S` after the one before, instead of for the
        whole.
    workers
        Processes, by default as many as there are processors; a few files are answered in this one,
        for one thread at a time.
    progress
        Called with a line of text, ten times at most.
    """
    sounds = [sounds] if isinstance(sounds, str | Path) else sounds
    folder = str(model)
    emotions = bundle.read_front_end(model).emotions
    refused: list[AudioError] = []
    files = [file for sound in sounds for file in files_of(sound, refused)]
    starts = range(0, len(files), CHUNK)
    todo = [(folder, start, files[start : start + CHUNK], segments) for start in starts]
    answers, done = {}, 0
    # One chunk is not worth the start of a process.
    for start, *answer in jobs.each(_answer, todo, workers=workers if len(todo) > 1 else 0):
        answers[start] = answer
        before, done = done, done + len(files[start : start + CHUNK])
        if progress and len(todo) > 1 and 10 * done // len(files) > 10 * before // len(files):
            progress(f"{done:,} of {len(files):,} files")
    ordered = [answers[start] for start in starts]
    rows = [row for read, *_ in ordered for row in read]
    return Predictions(
        emotions,
        [file for file, *_ in rows],
        np.concatenate([np.empty((0, len(emotions)), np.float32), *(p for _, p, *_ in ordered)]),
        refused + [error for _, _, errors, _ in ordered for error in errors],
        [remark for *_, remarks in ordered for remark in remarks],
        bundle.about(model),
        np.array([times for _, *times in rows]).reshape(-1, 2) if segments else None,
    )


@lru_cache(maxsize=4)  # a process keeps a model for its next chunk
def _load(folder: str, written: float):
    return bundle.load(folder), bundle.about(folder)


_one_thread = Lock()  # LiteRT allows no more, and the standard error stream is that of all


def files_of(sound: str | Path | Sound, refused: list[AudioError]) -> list[Sound]:
    """Return a file, or those of a folder, as `predict` reads them; add what cannot be listed."""
    if isinstance(sound, tuple):
        return [sound]
    if not os.path.isdir(sound):
        return [str(sound)]
    unread: list[tuple[Path, str]] = []
    # As text at once: paths of a large folder would fill hundreds of megabytes.
    kinds = audio.SUFFIXES + audio.FOREIGN
    below = files_below(Path(sound), unread)
    files: list[Sound] = sorted(str(file) for file in below if file.suffix.lower() in kinds)
    refused += [AudioError(f"{printable(str(file))}: {reason}") for file, reason in unread]
    if not files and not unread:
        raise AudioError(
            f"the folder {Path(sound).absolute()} holds no audio file; their names end with one of "
            f"{', '.join(audio.SUFFIXES)}"
        )
    return files


def _answer(
    folder: str, start: int, sounds: list[Sound], segments: bool
) -> tuple[int, list[tuple[str, float, float]], np.ndarray, list[AudioError], list[str]]:
    """Answer a chunk: where it starts, rows (file, start, end), probabilities, errors, remarks."""
    rows: list[tuple[str, float, float]] = []
    errors: list[AudioError] = []
    silent: list[bool] = []
    remarks: list[str] = []

    def inputs(front_end: FrontEnd | Discriminant, about: About | None) -> Iterator:
        for sound in sounds:
            name = sound if isinstance(sound, str) else sound[0]
            told: list[str] = []
            try:
                if isinstance(sound, str):
                    signal = audio.load(name, tell=told.append)
                else:
                    signal = audio.of_array(*sound[1:], name=name, tell=told.append)
                spans = _spans(len(signal)) if segments else [(0, len(signal))]
                parts = [signal[first:last] for first, last in spans]
                statics = [front_end.static(part) for part in parts]
            except AudioError as error:
                errors.append(error)  # one bad file must not cost the others their answer
                continue
            except (ParameterError, MemoryError) as error:
                if not isinstance(sound, str):
                    raise
                reason = str(error) or "takes more memory than there is"
                errors.append(AudioError(f"{printable(name)}: {reason}"))
                continue
            if about:
                told += typical.remarks(signal, about.typical, whole=not segments)
            remarks.extend(f"{name}: {remark}" for remark in told)
            silent.extend(segments and bool(np.ptp(part) < audio.SILENCE) for part in parts)
            rows.extend((name, first / audio.RATE, last / audio.RATE) for first, last in spans)
            yield from statics

    with _one_thread, jobs.silent_libraries():
        network, about = _load(folder, bundle.written(folder))
        probabilities = network.predict(inputs(network.front_end, about))
    if not np.isfinite(probabilities).all():
        raise RecordError(f"the network in {folder} answers what is no number; make the run again")
    probabilities[np.array(silent, dtype=bool)] = 1 / probabilities.shape[1]
    return start, rows, probabilities, errors, remarks


def _spans(samples: int) -> list[tuple[int, int]]:
    """Return where the segments of a signal start and end; the last ends with it.

    >>> [(first / audio.RATE, last / audio.RATE) for first, last in _spans(5 * audio.RATE)]
    [(0.0, 3.0), (1.0, 4.0), (2.0, 5.0)]
    """
    window = round(WINDOW_S * audio.RATE)
    slack = max(0, samples - window)
    n = 1 + math.ceil(slack / (STEP_S * audio.RATE))
    return [(int(one), min(samples, int(one) + window)) for one in np.linspace(0, slack, n)]
