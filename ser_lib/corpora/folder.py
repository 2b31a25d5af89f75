"""Finding a corpus's files in the folder that a user named, or saying what is wrong with it.

Readers describe where their recordings are by a pattern relative to the corpus's root, such as
``"Actor_*/*.wav"``; ``*`` stands for any characters but a slash, ``.wav`` for any kind of audio,
and matching ignores upper and lower case. Names that start with a dot are never a recording (macOS
leaves ``._name.wav`` beside ``name.wav``), and a link to a folder above itself is followed once.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import cache
from itertools import islice
from pathlib import Path
from unicodedata import normalize

from ser_lib.core.audio import FOREIGN, SUFFIXES
from ser_lib.core.errors import CorpusError, printable
from ser_lib.core.files import entries, files_below

ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".rar", ".7z")
DEEP = 6  # levels of folders that are searched
MANY = 10_000  # files that are looked at to say what a folder holds


def files(root: Path, pattern: str) -> tuple[list[Path], list[dict[str, str]]]:
    """Return the files under `root` that match a pattern, sorted, and what may not be opened."""
    refused: list[dict[str, str]] = []
    return sorted(_walk(root, root, pattern.split("/"), refused)), refused


def locate(root: Path, pattern: str, *, corpus: str) -> tuple[list[Path], list[dict[str, str]]]:
    """Return what `files` finds, or a `CorpusError` that names the folder the user meant."""
    matches, refused = files(root, pattern)
    if not matches:
        _refuse_neighbours(root, pattern, corpus)
        raise _nothing(root, pattern, corpus, refused)
    return matches, refused


def recordings(
    root: Path, pattern: str, *, corpus: str, fits: Callable[[str], object]
) -> tuple[list[Path], list[dict[str, str]]]:
    """Return all audio and video under `root`, if a path fits, whatever folders it lies in.

    Else a `CorpusError` names the folder the user meant; so it does where a folder below has any by
    `pattern`, or one above has more. Those of `pattern` come first, then what is nearer.
    """
    usual = set(files(root, pattern)[0])
    unread: list[tuple[Path, str]] = []
    kinds = SUFFIXES + FOREIGN
    below = [f for f in files_below(root, unread, levels=DEEP) if f.suffix.lower() in kinds]
    refused = [left_out(root, path, reason) for path, reason in unread]
    n = sum(bool(fits(f.relative_to(root).with_suffix("").as_posix())) for f in below)
    if not usual:
        _refuse_neighbours(root, pattern, corpus, n)
    if not n:
        raise _nothing(root, pattern, corpus, refused)
    below.sort(key=lambda f: (f not in usual, f.suffix.lower() in FOREIGN, len(f.parts), f))
    return below, refused


def _refuse_neighbours(root: Path, pattern: str, corpus: str, n: int = 0) -> None:
    """Refuse a folder of `n` recordings if one below is the corpus, or one above has more."""
    below = _folders(root.absolute())
    below += [inner for outer in below for inner in _folders(outer)]
    for folder in (*root.absolute().parents[:2], *below):
        if len(files(folder, pattern)[0]) > (0 if folder in below else n):
            raise CorpusError(f"{root} is not the folder of {corpus} itself; give {folder}")


def _folders(folder: Path) -> list[Path]:
    return [entry for entry in entries(folder, []) if entry.is_dir()]


def _nothing(root: Path, pattern: str, corpus: str, refused: list[dict[str, str]]) -> CorpusError:
    """Return the error that says what lies in a folder that holds none of a corpus's recordings."""
    if refused:
        folder = root / refused[0]["file"]
        return CorpusError(f"{folder} {refused[0]['reason']}; it may hold {corpus}")
    below = list(islice(files_below(root, [], levels=DEEP), MANY))
    kinds = Counter(file.suffix.lower() or "no ending" for file in below)
    holds = ", ".join(f"{kinds[kind]:,} {kind}" for kind in sorted(kinds)) or "no file"
    packed = next((file for file in below if file.suffix.lower() in ARCHIVES), None)
    hint = f"unpack the archive {packed}" if packed else f"is it the folder of {corpus}?"
    return CorpusError(f"no {pattern} in {root.absolute()}, which holds {holds}; {hint}")


def left_out(root: Path, file: Path, reason: str) -> dict[str, str]:
    """Return the entry of a file that is not used."""
    return {"file": printable(file.relative_to(root).as_posix()), "reason": reason}


def finder(root: Path) -> Callable[[str], str]:
    """Return what finds files by the paths of a table, which another system may have written.

    It returns the path of the file that is there, or else the path as it is. Where no file has
    exactly this name, one below the table's folder is meant: backslashes are slashes, and case and
    Unicode's forms are no matter, unless two are called alike then.
    """

    @cache
    def alike() -> dict[str, str]:
        paths = [f.relative_to(root).as_posix() for f in files_below(root, [], levels=DEEP)]
        once = Counter(map(_folded, paths))
        return {_folded(path): path for path in paths if once[_folded(path)] == 1}

    def find(path: str) -> str:
        slashed = path.replace("\\", "/")
        for way in (path, slashed):
            if os.path.lexists(root / way):
                return way
        return alike().get(_folded(slashed), path)

    return find


def _folded(name: str) -> str:
    return normalize("NFC", name).casefold()


def _walk(root: Path, folder: Path, parts: list[str], refused: list[dict]) -> Iterator[Path]:
    unread: list[tuple[Path, str]] = []
    for entry in entries(folder, unread):
        if not fnmatch(_as_wav(entry.name), parts[0].lower()):
            continue
        if len(parts) == 1:
            yield entry
        elif os.path.isdir(entry):
            yield from _walk(root, entry, parts[1:], refused)
    refused += [
        left_out(root, path, reason)
        for path, reason in unread
        if path == folder or fnmatch(_as_wav(path.name), parts[0].lower())
    ]


def _as_wav(name: str) -> str:
    """Return a name in small letters, that of any kind of audio as that of a WAV file."""
    stem, suffix = os.path.splitext(name.lower())
    return f"{stem}.wav" if suffix in SUFFIXES else f"{stem}{suffix}"
