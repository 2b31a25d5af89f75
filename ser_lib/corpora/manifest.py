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
sha256         hash of the decoded samples, the same for the same audio
============== =================================================================

A reader may add columns of its own behind these, such as `style` or `valence`. Files that cannot be
used are never dropped in silence: `left_out` lists each with its reason. What the audio says is
measured once and kept in `data/manifests/`; a file whose size or time of change differs is measured
again.
"""

import hashlib
import html
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ser_lib.core import audio, jobs
from ser_lib.core.errors import AudioError, CorpusError, SpaceError
from ser_lib.core.files import digest, sources, workspace, write_atomically
from ser_lib.corpora import emotions

_TEXT = ("utterance", "path", "speaker", "sex", "session", "sentence", "emotion", "label")
_MEASURES = ("duration_s", "sample_rate_hz", "sha256")
COLUMNS = _TEXT + _MEASURES
TOGETHER = 50  # files that a thread measures in one go


@dataclass(frozen=True, repr=False)
class Manifest:
    """A corpus as a table.

    Attributes
    ----------
    root
        Folder that the paths of the table are relative to.
    left_out
        ``{"file": ..., "reason": ...}`` for every file that is not in the table.
    remarks
        ``{"file": ..., "remark": ...}`` for what is used otherwise than it stands.
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
    remarks: list[dict[str, str]] = field(default_factory=list)
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
    rows: Sequence[dict[str, str]],
    left_out: Iterable[dict[str, str]] = (),
) -> Manifest:
    """Complete a reader's rows with what the audio itself says, and check them.

    A row has at least `utterance`, `path` and `emotion`; other text columns default to "". A file
    that is not readable audio goes to `left_out` with the reason, beside those that the reader
    refused and its remarks. A `CorpusError` says that nothing usable is left, or that two rows have
    the same utterance name.
    """
    names = pd.Series([row["utterance"] for row in rows], dtype="object")
    if names.duplicated().any():
        twice = names[names.duplicated()].iloc[0]
        raise CorpusError(
            f"corpus '{corpus}': the utterance '{twice}' is listed twice; names must be unique"
        )
    remarks = [row for row in left_out if "remark" in row]
    left_out, usable, listed = [row for row in left_out if "reason" in row], [], {}
    measures = _measure_all(root, [row["path"] for row in rows])
    for row in rows:
        emotion, measure = emotions.noun(row["emotion"]), measures[row["path"]]
        reason = measure if isinstance(measure, str) else "" if emotion else "has no emotion label"
        listed[row["utterance"]] = (emotion, not reason)
        if reason:
            left_out.append({"file": row["path"], "reason": reason})
        else:
            usable.append(row)
            told = () if isinstance(measure, str) else measure.remarks
            remarks += [{"file": row["path"], "remark": text} for text in told]
    if not usable:
        first = left_out[0] if left_out else {"file": root, "reason": "holds no audio"}
        raise CorpusError(
            f"corpus '{corpus}': none of its files ({len(left_out)}) can be used; "
            f"{first['file']} {first['reason']} (paths are looked for in {root.absolute()})"
        )
    own = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    columns = {name: [row.get(name, "") for row in usable] for name in (*_TEXT, *own)}
    columns["emotion"] = [listed[name][0] for name in columns["utterance"]]
    for name in _MEASURES:
        columns[name] = [getattr(measures[path], name) for path in columns["path"]]
    table = pd.DataFrame(columns, columns=[*COLUMNS, *own])
    table = table.sort_values("utterance", ignore_index=True)
    left_out.sort(key=lambda row: row["file"])
    return Manifest(corpus, Path(root), table, left_out, remarks, listed=listed)


class _Measure(NamedTuple):
    state: str  # of the file when it was measured
    duration_s: float
    sample_rate_hz: int
    sha256: str
    remarks: Sequence[str] = ()


def _measure_all(root: Path, paths: list[str]) -> dict[str, _Measure | str]:
    """What the audio of every path says, or why it says nothing."""
    root = Path(root).absolute()
    code = sources("core/audio.py", "corpora/manifest.py")
    file = workspace() / "data" / "manifests" / f"{digest(str(root), *code)}.json"
    notes = _notes(file)
    measures: dict[str, _Measure | str] = {}

    def measure(start: int) -> dict[str, _Measure | str]:
        names = paths[start : start + TOGETHER]
        return {name: _measure(root / name, notes.get(name)) for name in names}

    pool, clock = ThreadPoolExecutor(), jobs.Countdown(len(paths))
    try:
        for block in pool.map(measure, range(0, len(paths), TOGETHER)):
            measures |= block
            clock.tell(len(measures), "audio files read")
    finally:
        pool.shutdown(cancel_futures=True)
        # What could not be read may be readable next time, with no change to the file.
        audible = {name: value for name, value in measures.items() if not isinstance(value, str)}
        if (content := notes | audible) != notes:
            with suppress(SpaceError):  # the next time, it is measured again
                write_atomically(file, json.dumps([digest(content), content]))
    return measures


def _measure(file: Path, note: _Measure | None) -> _Measure | str:
    try:
        about = audio.segment(file)[0].stat()
        # By its size and time of change another content is recognised.
        state = f"{about.st_size}-{about.st_mtime_ns}"
    except OSError:
        state = ""
    if note and note.state == state:
        return note
    remarks: list[str] = []
    try:
        samples, rate = audio.decode(file, tell=remarks.append)
    except AudioError as error:
        # The file is named beside the reason in `left_out`; where the corpus lies is not part of
        # the data, so that two copies of a corpus have the same manifest hash.
        return error.reason
    duration = round(len(samples) / rate, 6)
    return _Measure(state, duration, rate, hashlib.sha256(samples.data).hexdigest(), remarks)


def _notes(file: Path) -> dict[str, _Measure]:
    """What was measured before: nothing where the file is missing, damaged or altered."""
    try:
        stated, content = json.loads(file.read_bytes())
        if stated != digest(content):
            return {}
        return {name: _Measure(*values) for name, values in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
