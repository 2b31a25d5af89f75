"""Finding a corpus's files in the folder that a user named, or saying what is wrong with it.

Readers describe where their recordings are by a pattern relative to the corpus's root, such as
``"Actor_*/*.wav"``; ``*`` stands for any characters but a slash, and matching ignores upper and
lower case. Names that start with a dot are never a recording (macOS leaves ``._name.wav`` beside
``name.wav``), and a link to a folder above itself is followed once.
"""

import csv
import io
import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from ser_lib.core.errors import CorpusError

ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".rar", ".7z")
LEVELS = ("one level", "2 levels")  # that the right folder is looked for, above and below


def files(root: Path, pattern: str) -> tuple[list[Path], list[dict[str, str]]]:
    """Return the files under `root` that match a pattern, sorted, and what may not be opened."""
    refused: list[dict[str, str]] = []
    return sorted(_walk(root, root, pattern.split("/"), refused)), refused


def locate(root: Path, pattern: str, *, corpus: str) -> tuple[list[Path], list[dict[str, str]]]:
    """Return what `files` finds, or a `CorpusError` that names the folder the user meant."""
    matches, refused = files(root, pattern)
    if matches:
        return matches, refused
    for distance, folder in _neighbours(root):
        if files(folder, pattern)[0]:
            raise CorpusError(f"{root} is {distance} for {corpus}; give {folder}")
    archives = [path.name for path in _entries(root) if path.suffix.lower() in ARCHIVES]
    if archives:
        raise CorpusError(
            f"{root} holds no {pattern}, but the archive {archives[0]}: unpack it and give the "
            "folder that comes out"
        )
    if refused:
        folder = root / refused[0]["file"]
        raise CorpusError(f"{folder} {refused[0]['reason']}; it may hold {corpus}")
    raise CorpusError(f"no {pattern} in {root}; is it the folder of {corpus}?")


def table(file: Path, *columns: str, separator: str = ",") -> list[dict[str, str]]:
    """Return the rows of a text table, in UTF-8 or else Latin-1, that has at least some columns."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CorpusError(f"{file} cannot be opened ({error.strerror})") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    reader = csv.DictReader(
        io.StringIO(text),
        delimiter=separator,
        # Tab separated texts hold quotation marks that quote nothing.
        quoting=csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL,
        restval="",
    )
    try:
        rows, have = list(reader), reader.fieldnames or []
    except csv.Error as error:
        raise CorpusError(f"{file} is no table ({error})") from error
    if lacking := [column for column in columns if column not in have]:
        raise CorpusError(
            f"{file} has no column '{lacking[0]}'; its columns are: {', '.join(have)}"
        )
    return rows


def left_out(root: Path, file: Path, reason: str) -> dict[str, str]:
    """Return the entry of a file that is not used."""
    return {"file": _printable(file.relative_to(root).as_posix()), "reason": reason}


def _printable(name: str) -> str:
    """Return a file's name as text; one whose bytes are not UTF-8 is read as Latin-1."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("latin-1")
    return name


def _walk(root: Path, folder: Path, parts: list[str], refused: list[dict]) -> Iterator[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        refused.append(left_out(root, folder, f"cannot be opened ({error.strerror})"))
        return
    for name in names:
        entry = folder / name
        if name.startswith(".") or not fnmatch(name.lower(), parts[0].lower()):
            continue
        if _printable(name) != name:
            refused.append(left_out(root, entry, "has a name that is not UTF-8; rename it"))
        elif len(parts) == 1:
            yield entry
        elif entry.is_dir():
            yield from _walk(root, entry, parts[1:], refused)


def _neighbours(root: Path) -> Iterator[tuple[str, Path]]:
    """Folders near `root`, the nearest first: above it, then below."""
    root = root.absolute()
    for levels, folder in zip(LEVELS, root.parents, strict=False):
        yield f"{levels} too low", folder
    below = [root]
    for levels in LEVELS:
        below = [entry for folder in below for entry in _entries(folder) if entry.is_dir()]
        for folder in below:
            yield f"{levels} too high", folder


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if not path.name.startswith("."))
