"""Unpacking an archive that came from elsewhere: it is looked at before any of it is written.

An archive is refused as a whole if one of its members would be written outside the folder, is
anything but a plain file or a folder, or if all together are far larger than they should be.
"""

import shutil
import stat
import zipfile
import zlib
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath, PureWindowsPath

from ser_lib.core.errors import CorpusError

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What the library raises for a file that is no zip archive, or a broken or an unusual one."""


def unpack(archive: Path, into: Path, *, folder: str, keep: tuple[str, ...], limit: int) -> None:
    """Write the files of a zip archive into a folder that exists and is empty.

    Parameters
    ----------
    archive
        A zip archive.
    into
        Where the content of `folder` goes.
    folder
        The folder inside the archive that is unpacked; "" for all of it.
    keep
        Patterns of the files that are wanted, relative to `folder`; ``*`` matches slashes too.
    limit
        Bytes that all members together may have.

    Raises
    ------
    CorpusError
        If the archive is refused, damaged or holds nothing of what is wanted.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            _inspect(archive.name, members, limit)
            wanted = _wanted(members, folder, keep)
            if not wanted:
                raise CorpusError(f"the archive {archive.name} holds nothing of {keep} in {folder}")
            for member, path in wanted:
                target = into / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as source, target.open("xb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
    except _DAMAGE as error:
        raise CorpusError(f"the archive {archive.name} is damaged ({error})") from error


def _inspect(archive: str, members: list[zipfile.ZipInfo], limit: int) -> None:
    for member in members:
        if reason := _refusal(member):
            raise CorpusError(
                f"the archive {archive} is refused, nothing of it was unpacked: {member.filename!r}"
                f" {reason}"
            )
    size = sum(member.file_size for member in members)
    if size > limit:
        raise CorpusError(
            f"the archive {archive} is refused, nothing of it was unpacked: it would grow to "
            f"{size:,} bytes, and {limit:,} are more than the corpus has"
        )
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise CorpusError(f"the archive {archive} is refused: it holds a file under one name twice")


def _refusal(member: zipfile.ZipInfo) -> str:
    """Say why a member may not be unpacked, "" if it may."""
    name = member.filename
    # Names are judged by the rules of every system, so that an archive is refused on all or none.
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        return "is an absolute name"
    if ".." in PurePosixPath(name).parts or "\\" in name:
        return "leads outside the folder"
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device, not a file"
    return "is encrypted" if member.flag_bits & 1 else ""


def _wanted(
    members: list[zipfile.ZipInfo], folder: str, keep: tuple[str, ...]
) -> list[tuple[zipfile.ZipInfo, str]]:
    """Return the files to write, each with its path below the folder that they go to."""
    start = f"{folder}/" if folder else ""
    paths = [(m, m.filename.removeprefix(start)) for m in members if m.filename.startswith(start)]
    return [
        (member, path)
        for member, path in paths
        if not member.is_dir() and any(fnmatchcase(path, pattern) for pattern in keep)
    ]
