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
    name, title, language, licence, home
        For people: where `home` says where to get it.
    about
        Markdown for the data page: how the recordings came to be, with citations.
    read
        Reads a folder; `None` for several corpora that are joined.
    speakers, hours, counts
        What a complete copy holds: the utterances of each emotion by name, as the reader tells
        them; 0 and nothing where it depends on the user.
    expected
        Names the utterances of a complete copy, given those that a copy has; `None` where the
        counts are all that is known.
    choice
        The emotions that are told apart when none are named, in the words of `load.parse`; all of
        them if "".
    protocol
        The evaluation protocol used when none is named.
    epochs
        Training epochs used when none are named: enough for the networks to converge.
    synthetic
        No person speaks: results say nothing about people.
    acted
        The speakers portray the emotions; otherwise nothing is known of how they came about.
    embed_audio
        The licence allows short excerpts inside the book.
    is_file
        `read` takes a file, not a folder.
    """

    name: str
    title: str
    language: str
    licence: str
    home: str
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
    """How a corpus names its files, where the names tell everything; `read` is its reader.

    Attributes
    ----------
    corpus, form
        For messages: the corpus, and its names in short, such as ``"f1/neu-f1-b1.wav"``.
    files
        Where the recordings are: a pattern for `folder.locate`, or a function from the corpus's
        folder to the files and what could not be looked into.
    name
        Explains a path below that folder, without its ending. One of its groups is `label`.
    emotions
        Label to emotion. Labels may be in another case than in `name`.
    columns
        The groups of `name` to the row's other columns; a text is the reason why the file is left
        out.
    """

    corpus: str
    form: str
    files: str | Callable[[Path], tuple[list[Path], list[dict[str, str]]]]
    name: re.Pattern
    emotions: Mapping[str, str]
    columns: Callable[[dict[str, str]], dict[str, str] | str]

    def read(self, root: Path) -> tuple[list[dict], list[dict]]:
        """Rows of the manifest, and the files that are not used.

        Raises
        ------
        CorpusError
            If there are no wav files.
        """
        if isinstance(self.files, str):
            files, left_out = folder.locate(root, self.files, corpus=self.corpus)
        else:
            files, left_out = self.files(root)
        explained, others = folder.named(root, files, self.name, corpus=self.corpus, form=self.form)
        left_out += others
        labels = {label.lower(): label for label in self.emotions}
        rows = []
        for file, match in explained:
            name = match.groupdict()
            label = name["label"] = labels.get(name["label"].lower(), name["label"])
            columns = self.columns(name)
            if isinstance(columns, str):
                left_out.append(folder.left_out(root, file, columns))
            else:
                own = {"emotion": self.emotions[label], "label": label}
                rows.append(folder.row(root, file, **own, **columns))
        return rows, left_out
