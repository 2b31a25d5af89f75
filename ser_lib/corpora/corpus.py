"""What a file of `readers` declares: a corpus's row in the catalogue, how its files are named."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ser_lib.corpora import folder

Rows = tuple[list[dict], list[dict[str, str]]]
"""Rows of the manifest, and ``{"file": ..., "reason": ...}`` of what is not used."""


@dataclass(frozen=True)
class Corpus:
    """A row of the catalogue.

    Attributes
    ----------
    about
        Markdown for the data page: how the recordings came to be, with citations.
    read
        Reads a folder, or a file if `is_file`; `None` for several corpora that are joined.
    speakers, hours, counts
        What a complete copy holds, 0 and nothing where it depends on the user; `counts` are the
        utterances of each emotion.
    expected
        Names the utterances of a complete copy, given those that a copy has; `None` where the
        counts are all that is known.
    choice, protocol, epochs
        What is usual, where nothing else is asked for: the emotions to tell apart in the words of
        `load.parse` (all if ""), the evaluation protocol, enough epochs to converge.
    synthetic
        No person speaks: results say nothing about people.
    acted
        The speakers portray the emotions; otherwise nothing is known of how they came about.
    embed_audio
        The licence allows short excerpts inside the book.
    """

    name: str
    title: str
    language: str
    licence: str
    home: str  # where to get it
    about: str
    read: Callable[[Path], Rows] | None
    speakers: int = 0
    hours: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    expected: Callable[[Iterable[str]], set[str]] | None = None
    choice: str = ""
    protocol: str = "speaker"
    epochs: int = 25
    synthetic: bool = False
    acted: bool = True
    embed_audio: bool = False
    is_file: bool = False

    @property
    def short(self) -> str:
        """The title without what explains it, for a table or a sentence."""
        return self.title.split(",")[0]

    @property
    def utterances(self) -> int:
        """How many a complete copy holds, 0 if that depends on the user."""
        return sum(self.counts.values())

    @property
    def emotions(self) -> tuple[str, ...]:
        """The emotions of a complete copy in alphabetical order."""
        return tuple(sorted(self.counts))


@dataclass(frozen=True)
class Grammar:
    """How a corpus names its files: a reader for `Corpus.read`.

    Attributes
    ----------
    corpus, form
        For messages: the corpus, and its names in short, such as ``"f1/neu-f1-b1.wav"``.
    files
        Where the recordings are: a pattern for `folder.locate`, or a function with its result.
    name
        A regular expression for a path below the corpus's folder, without its ending and in any
        case. Its groups `speaker`, `session`, `sentence` and `label` become columns as they are;
        the label is spelt as in `emotions`.
    emotions
        Label to emotion.
    columns
        The groups of `name` to further columns, or to the reason why the file is left out.
    """

    corpus: str
    form: str
    files: str | Callable[[Path], tuple[list[Path], list[dict[str, str]]]]
    name: str
    emotions: Mapping[str, str]
    columns: Callable[[dict[str, str]], dict | str]

    def __call__(self, root: Path) -> Rows:
        """Read a folder; raise a `CorpusError` if it holds no recordings."""
        if callable(self.files):
            files, left_out = self.files(root)
        else:
            files, left_out = folder.locate(root, self.files, corpus=self.corpus)
        rows = []
        for file in files:
            path = file.relative_to(root)
            columns = self._columns(path.with_suffix("").as_posix())
            if isinstance(columns, str):
                left_out.append(folder.left_out(root, file, columns))
            else:
                rows.append({"utterance": file.stem, "path": path.as_posix()} | columns)
        return rows, left_out

    def _columns(self, path: str) -> dict | str:
        match = re.fullmatch(self.name, path, re.IGNORECASE)
        if match is None:
            return f"the name is not one of {self.corpus}'s ({self.form})"
        groups = match.groupdict(default="")
        if label := groups.get("label"):
            cases = {name.lower(): name for name in self.emotions}
            groups["label"] = cases.get(label.lower(), label)
        columns = self.columns(groups)
        if isinstance(columns, str):
            return columns
        own = ("speaker", "session", "sentence", "label")
        columns = {name: groups[name] for name in own if name in groups} | columns
        if (label := columns["label"]) not in self.emotions:
            return f"unknown label '{label}'; {self.corpus} has: {', '.join(self.emotions)}"
        return columns | {"emotion": self.emotions[label]}
