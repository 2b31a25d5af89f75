"""Where things lie, and the small file habits that every room shares.

The workspace is the folder of the report: notebooks/, book/, and beside them what is generated
and git-ignored, data/ (demo corpus, features), runs/ (records) and _build/ (books).
"""

import errno
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ser_lib.core.errors import SpaceError

_LIBRARY = Path(__file__).parents[1]
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What systems say of a full disk, a used up quota and a file beyond what is allowed."""


def workspace() -> Path:
    """Return the folder of the report.

    `SER_WORKSPACE` if it is set; else the nearest folder, upward from the current one, that has
    `notebooks/` and `_config.yml`; else, when the library runs from a checkout, that checkout;
    else the current folder.
    """
    if named := os.environ.get("SER_WORKSPACE"):
        # Absolute, because the kernel of a notebook runs in another folder than its caller.
        return Path(named).expanduser().absolute()
    here = Path.cwd()
    for folder in (here, *here.parents, _LIBRARY.parent):
        if (folder / "_config.yml").is_file() and (folder / "notebooks").is_dir():
            return folder
    return here


def digest(*parts: object) -> str:
    """Return a short stable hash of strings, bytes, paths (their content) and plain JSON values.

    Examples
    --------
    >>> digest("a", {"b": 1}) == digest("a", {"b": 1})
    True
    >>> digest("ab") == digest("a", "b")
    False
    """
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            part = part.read_bytes()
        elif not isinstance(part, bytes):
            part = json.dumps(part, sort_keys=True).encode()
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:16]


def sources(*rooms: str) -> list[Path]:
    """Return the library's source files, those of the named rooms or all, in a fixed order.

    Parameters
    ----------
    rooms
        Paths relative to the library, such as ``"features.py"`` or the folder ``"corpora"``.

    Raises
    ------
    FileNotFoundError
        If there is no such room: a key that passes over a renamed one would never change again.
    """
    places = [_LIBRARY / room for room in rooms] or [_LIBRARY]
    if missing := [place for place in places if not place.exists()]:
        raise FileNotFoundError(f"the library has no room {missing[0]}")
    files = {
        file for place in places for file in ([place] if place.is_file() else place.rglob("*"))
    }
    return sorted(file for file in files if file.suffix in (".py", ".yml", ".csv"))


def library(*names: str) -> Path:
    """Return the place of a module or package of the library, without a suffix."""
    return _LIBRARY.joinpath(*names)


def lock_file() -> bytes:
    """Return the content of the lock file of the exact versions, empty without a checkout."""
    file = workspace() / "requirements.lock"
    return file.read_bytes() if file.is_file() else b""


@contextmanager
def room_for(what: object) -> Iterator[None]:
    """Say in one sentence that there was no room to write something; see `SpaceError`.

    Parameters
    ----------
    what
        What is written, for the message.
    """
    try:
        yield
    except OSError as error:
        # What copies a whole folder has no number for its errors, but their texts.
        codes = [code for code in _FULL if code == error.errno or os.strerror(code) in str(error)]
        if not codes:
            raise
        raise SpaceError(
            f"no space left to write {what} ({os.strerror(codes[0])}); what was finished is kept: "
            "free some space and run the same command again"
        ) from error


@contextmanager
def fresh_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside `target` that takes its name only if all goes well.

    An existing `target` is replaced; after an error or an interrupt nothing half-written stays.

    Raises
    ------
    SpaceError
        If there is no room for what is written into it.
    """
    with room_for(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            temporary.chmod(0o755)
            yield temporary
            if target.exists():
                shutil.rmtree(target)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def write_atomically(target: Path, content: str | bytes) -> None:
    """Write a file under a temporary name, then rename it; after an error nothing of it stays.

    Raises
    ------
    SpaceError
        If there is no room for it.
    """
    # Not named by the process: other threads, and other machines on the same disk, have the same.
    temporary = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    with room_for(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
