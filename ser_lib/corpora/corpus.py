"""What a file of `readers` declares: a corpus's row in the catalogue, how its files are named."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ser_lib.corpora import folder

Reader = Callable[[Path], tuple[list[dict], list[dict]]]
"""A corpus's folder to rows of the manifest and ``{"file": ..., "reason": ...}`` of the rest."""


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
        What a complete copy holds; `counts` are the utterances of each emotion. 0 and nothing
        where it depends on the user.
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
    read: Reader | None
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
    """How a corpus names its files; `read` is its reader.

    Attributes
    ----------
    corpus, form
        For messages: the corpus, and its names in short, such as ``"f1/neu-f1-b1.wav"``.
    files
        Where the recordings are: a pattern for `folder.locate`, or a function from the corpus's
        folder to the files and what could not be looked into.
    name
        A regular expression that explains a path below that folder, without its ending and in any
        case.
    emotions
        Label to emotion.
    columns
        The groups of `name` to the columns of a row, or to the reason why the file is left out.
        The group `label`, in whatever case, comes as it is in `emotions` and need not be returned.
    """

    corpus: str
    form: str
    files: str | Callable[[Path], tuple[list[Path], list[dict[str, str]]]]
    name: str
    emotions: Mapping[str, str]
    columns: Callable[[dict[str, str]], dict | str]

    def read(self, root: Path) -> tuple[list[dict], list[dict]]:
        """Return rows of the manifest, and the files that are not used.

        Raises
        ------
        CorpusError
            If there are no wav files.
        """
        if isinstance(self.files, str):
            files, left_out = folder.locate(root, self.files, corpus=self.corpus)
        else:
            files, left_out = self.files(root)
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
        name = match.groupdict(default="")
        if written := name.get("label"):
            cases = {label.lower(): label for label in self.emotions}
            name["label"] = cases.get(written.lower(), written)
        columns = self.columns(name)
        if isinstance(columns, str):
            return columns
        label = columns.setdefault("label", name.get("label", ""))
        if label not in self.emotions:
            return f"unknown label '{label}'; {self.corpus} has: {', '.join(self.emotions)}"
        return columns | {"emotion": self.emotions[label]}
