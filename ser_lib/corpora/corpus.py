"""A row of the catalogue: what is known of a corpus, and how its files are read."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ser_lib.corpora import folder

Rows = tuple[list[dict], list[dict[str, str]]]
"""Rows of the manifest; ``{"file": ..., "reason": ...}`` of what is not used, and `"remark"` in
place of `"reason"` of what is used otherwise than it stands."""


@dataclass(frozen=True)
class Corpus:
    """A corpus, whose files are read by their names, or by a `reader` of its own.

    Attributes
    ----------
    title
        What comes before a comma is its short name.
    about
        Markdown for the data page: how the recordings came to be, with citations.
    form
        How files are called in short, such as ``"f1/neu-f1-b1.wav"``.
    files
        Where the recordings are in the publisher's layout, a pattern of `folder`; in a copy, the
        folders they lie in are no matter.
    pattern
        A regular expression for the end of a path below the corpus's folder, without its ending and
        in any case. Its groups `speaker`, `session`, `sentence` and `label`
        become columns as they are; the label is spelt as in `labels`.
    labels
        Label to emotion.
    columns
        The groups of `pattern` to further columns, or to the reason why the file is left out.
    speakers, hours, counts
        What a complete copy holds, 0 and nothing where it depends on the user; `counts` are the
        utterances of each emotion.
    choice, protocol, epochs
        What is usual, where nothing else is asked for: the emotions to tell apart in the words of
        `load.parse` (all if ""), the evaluation protocol, enough epochs to converge.
    synthetic
        No person speaks: results say nothing about people.
    acted
        The speakers portray the emotions; otherwise nothing is known of how they came about.
    embed_audio
        The licence allows short excerpts inside the book.
    is_file
        The corpus is one file, not a folder.
    """

    name: str
    title: str
    language: str
    licence: str
    home: str  # where to get it
    about: str
    reader: Callable[[Path], Rows] | None = None
    form: str = ""
    files: str = ""
    pattern: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    columns: Callable[[dict[str, str]], dict | str] = lambda groups: {}
    speakers: int = 0
    hours: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
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
    def url(self) -> str:
        """The address of its home, "" if that has none."""
        places = {"Zenodo record": "zenodo.org/records", "GitHub": "github.com", "doi": "doi.org"}
        known = re.match(rf"({'|'.join(places)}) ([\w./-]+)", self.home)
        return f"https://{places[known[1]]}/{known[2]}" if known else ""

    @property
    def utterances(self) -> int:
        """How many a complete copy holds, 0 if that depends on the user."""
        return sum(self.counts.values())

    @property
    def emotions(self) -> tuple[str, ...]:
        """The emotions of a complete copy in alphabetical order."""
        return tuple(sorted(self.counts))

    def read(self, root: Path) -> Rows:
        """Read a folder, or a file; raise a `CorpusError` if it is not this corpus."""
        return self.reader(root) if self.reader else self.by_name(root, self.columns)

    def by_name(self, root: Path, columns: Callable[[dict], dict | str], found=None) -> Rows:
        """Read files by their names: those `found`, by default as `folder.recordings` does.

        Of those with the same name it is the first.
        """
        if found is None:
            found = folder.recordings(root, self.files, corpus=self.short, fits=self._match)
        files, left_out = found
        rows: dict[str, dict] = {}
        repeated: dict[Path, list[Path]] = {}
        for file in files:
            path = file.relative_to(root)
            row = self._row(path.with_suffix("").as_posix(), columns)
            if isinstance(row, str):
                left_out.append(folder.left_out(root, file, row))
                continue
            row = {"utterance": file.stem, "path": path.as_posix()} | row
            if rows.setdefault(row["utterance"].lower(), row) is not row:
                repeated.setdefault(file.parent, []).append(file)
        for place, twice in repeated.items():
            reason = f"repeats {len(twice)} of the recordings, which are read once"
            one = place == root or len(twice) == 1
            left_out += [
                folder.left_out(root, file, reason) for file in (twice if one else [place])
            ]
        return list(rows.values()), left_out

    def _match(self, path: str) -> re.Match | None:
        return re.fullmatch(f"(?:.*/)?{self.pattern}", path, re.IGNORECASE)

    def _row(self, path: str, columns: Callable[[dict[str, str]], dict | str]) -> dict | str:
        match = self._match(path)
        if match is None:
            return f"the name is not one of {self.short}'s ({self.form})"
        groups = match.groupdict(default="")
        if label := groups.get("label"):
            cases = {name.lower(): name for name in self.labels}
            groups["label"] = cases.get(label.lower(), label)
        others = columns(groups)
        if isinstance(others, str):
            return others
        own = ("speaker", "session", "sentence", "label")
        row = {name: groups[name] for name in own if name in groups} | others
        if (label := row["label"]) not in self.labels:
            return f"unknown label '{label}'; {self.short} has: {', '.join(self.labels)}"
        return row | {"emotion": self.labels[label]}
