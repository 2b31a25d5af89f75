"""The manifest: one table that every corpus reader returns.

One row per utterance, sorted by `utterance`, with the columns of `COLUMNS`:

============== =================================================================
utterance      unique name of the utterance
path           audio file, relative to the manifest's `root`
speaker        unique name of the speaker within the corpus, "" if unknown
sex            "female", "male" or ""
session        recording session, "" if the corpus has none
sentence       name of the spoken text or script, "" if unknown
emotion        the emotion, as an English noun
label          the corpus's own code for it
duration_s     length in seconds
sample_rate_hz rate of the file
sha256         hash of the decoded samples: the same audio under two names has
               the same hash, whatever its header says
============== =================================================================

A reader may add columns of its own behind these, such as `style` or `valence`.

Files that cannot be used are never dropped in silence: `left_out` lists each with its reason.

What the audio says is measured once and kept in `data/manifests/`; a file whose size or time of
change differs is measured again.
"""

import csv
import hashlib
import html
import io
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ser_lib.core import audio, jobs
from ser_lib.core.errors import AudioError, CorpusError
from ser_lib.core.files import digest, sources, workspace, write_atomically
from ser_lib.corpora import emotions

COLUMNS = (
    "utterance", "path", "speaker", "sex", "session", "sentence", "emotion", "label",
    "duration_s", "sample_rate_hz", "sha256",
)  # fmt: skip
_TEXT = COLUMNS[:8]
TOGETHER = 50
"""Files that a thread measures in one go."""
TOLD_S = 10.0
"""Seconds after which it is told how far a large corpus is read."""


@dataclass(frozen=True, repr=False)
class Manifest:
    """A corpus as a table.

    Attributes
    ----------
    corpus
        Its name in the catalogue.
    root
        Folder that the paths of the table are relative to.
    table
        One row per utterance, columns `COLUMNS` and the reader's own.
    left_out
        ``{"file": ..., "reason": ...}`` for every file that is not in the table.
    chosen
        Class to ``{emotion: utterances}``, the emotions that are counted as it; see `load.select`.
    passed_over
        Emotion to the number of utterances that were not chosen.
    listed
        Utterance to its emotion and whether it can be used, for all that the reader found, chosen
        or not; see `check`.
    selection
        The `emotions` and the `style` that `load` was given.
    """

    corpus: str
    root: Path
    table: pd.DataFrame
    left_out: list[dict[str, str]] = field(default_factory=list)
    chosen: dict[str, dict[str, int]] = field(default_factory=dict)
    passed_over: dict[str, int] = field(default_factory=dict)
    listed: dict[str, tuple[str, bool]] = field(default_factory=dict)
    selection: dict[str, str | None] = field(default_factory=dict)

    @property
    def emotions(self) -> list[str]:
        """The emotions of the corpus in alphabetical order: the class order everywhere."""
        return sorted(self.table["emotion"].unique())

    @cached_property
    def sha256(self) -> str:
        """Hash of what the corpus says, wherever it lies: all columns but `path`, and `left_out`.

        Equal hashes mean equal audio, labels and speakers, so a run can be traced to its data.
        """
        content = self.table.drop(columns="path").to_csv(index=False, lineterminator="\n")
        omitted = "\n".join(f"{row['file']}\t{row['reason']}" for row in self.left_out)
        return hashlib.sha256(f"{content}\n{omitted}".encode()).hexdigest()

    def __repr__(self) -> str:
        speakers = len(set(self.table["speaker"]) - {""}) if "speaker" in self.table else 0
        return (
            f"<{self.corpus}: {len(self.table):,} utterances of {speakers or 'unknown'} speakers, "
            f"{', '.join(self.emotions)}; {len(self.left_out)} files left out>"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.table.head().to_html()}"

    def file(self, utterance: str) -> Path:
        """Path of an utterance's audio file."""
        return self.root / self.table.set_index("utterance").loc[utterance, "path"]


def build(
    corpus: str,
    root: Path,
    rows: Iterable[dict[str, str]],
    left_out: Iterable[dict[str, str]] = (),
) -> Manifest:
    """Complete a reader's rows with what the audio itself says, and check them.

    Every file is decoded once, in parallel threads, and not again while it is the same. A file
    that is not readable audio goes to `left_out` with the reason, and the rest is still used.

    Parameters
    ----------
    root
        Folder that the rows' paths are relative to.
    rows
        With at least `utterance`, `path` and `emotion`; other text columns default to "".
    left_out
        Files that the reader already refused.

    Raises
    ------
    CorpusError
        If no usable utterance is left, or two rows have the same utterance name.
    """
    rows = list(rows)
    left_out = list(left_out)
    names = pd.Series([row["utterance"] for row in rows], dtype="object")
    if names.duplicated().any():
        twice = names[names.duplicated()].iloc[0]
        raise CorpusError(
            f"corpus '{corpus}': the utterance '{twice}' is listed twice; names must be unique"
        )
    own = list(dict.fromkeys(name for row in rows for name in row if name not in COLUMNS))
    columns: dict[str, list] = {name: [] for name in (*COLUMNS, *own)}
    listed = {}
    measures = _measure_all(root, [row["path"] for row in rows])
    for row, measure in zip(rows, measures, strict=True):
        emotion = emotions.noun(row["emotion"])
        listed[row["utterance"]] = (emotion, bool(emotion) and not isinstance(measure, str))
        if isinstance(measure, str):
            left_out.append({"file": row["path"], "reason": measure})
        elif not emotion:
            left_out.append({"file": row["path"], "reason": "has no emotion label"})
        else:
            values = row | {name: getattr(measure, name) for name in COLUMNS[len(_TEXT) :]}
            for name, column in columns.items():
                column.append(values.get(name, ""))
            columns["emotion"][-1] = emotion
    if not columns["utterance"]:
        first = left_out[0] if left_out else {"file": root, "reason": "holds no audio"}
        raise CorpusError(
            f"corpus '{corpus}': none of its files ({len(left_out)}) can be used; "
            f"{first['file']} {first['reason']}"
        )
    table = pd.DataFrame(columns)
    table = table.sort_values("utterance", ignore_index=True)
    left_out.sort(key=lambda row: row["file"])
    return Manifest(corpus=corpus, root=Path(root), table=table, left_out=left_out, listed=listed)


class _Measure(NamedTuple):
    """What the audio of a file says, and the state of the file in which it said so."""

    state: str
    duration_s: float
    sample_rate_hz: int
    sha256: str


def _measure_all(root: Path, paths: list[str]) -> list[_Measure | str]:
    """Return what the audio of every path says, or why it says nothing.

    What is measured when it is interrupted is not measured again.
    """
    root = Path(root).absolute()
    code = sources("core/audio.py", "corpora/manifest.py")
    file = workspace() / "data" / "manifests" / f"{digest(str(root), *code)}.csv"
    notes = _read_notes(file)
    results: list[_Measure | str] = []

    def usable() -> dict[str, _Measure]:
        # What could not be read may be readable next time, with no change to the file.
        return {
            path: result
            for path, result in zip(paths, results, strict=False)
            if not isinstance(result, str)
        }

    def measure(start: int) -> list[_Measure | str]:
        return [_measure(root / path, notes.get(path)) for path in paths[start : start + TOGETHER]]

    pool, last = ThreadPoolExecutor(), time.monotonic()
    try:
        for block in pool.map(measure, range(0, len(paths), TOGETHER)):
            results += block
            if time.monotonic() - last > TOLD_S:
                last = time.monotonic()
                jobs.tell(f"{len(results):,} of {len(paths):,} audio files read")
    except BaseException:
        _write_notes(file, notes | usable())
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    if (measures := usable()) != notes:
        _write_notes(file, measures)
    return results


def _measure(file: Path, note: _Measure | None) -> _Measure | str:
    try:
        about = file.stat()
        # By its size and time of change another content is recognised.
        state = f"{about.st_size}-{about.st_mtime_ns}"
    except OSError:
        state = ""
    if note and note.state == state:
        return note
    try:
        samples, rate = audio.decode(file)
    except AudioError as error:
        # The file is named beside the reason in `left_out`; where the corpus lies is not part of
        # the data, so that two copies of a corpus have the same manifest hash.
        return error.reason
    duration = round(len(samples) / rate, 6)
    return _Measure(state, duration, rate, hashlib.sha256(samples.data).hexdigest())


def _read_notes(file: Path) -> dict[str, _Measure]:
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            return {
                path: _Measure(state, float(duration), int(rate), sha256)
                for path, state, duration, rate, sha256 in csv.reader(lines)
            }
    except (OSError, ValueError):
        return {}


def _write_notes(file: Path, measures: dict[str, _Measure]) -> None:
    text = io.StringIO()
    rows = ((path, *measure) for path, measure in measures.items())
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_atomically(file, text.getvalue())
