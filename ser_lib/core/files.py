"""Where files lie and how they are written: the workspace, hashes, and places on any address.

The workspace is the folder of the report, with what is generated: data/ (corpora, features), runs/
(records) and _build/ (books). What it is made from, notebooks/ and book/, lies there in a checkout;
elsewhere it is that of the library, see `resource`.
"""

import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ser_lib.core.errors import NOT_UTF8, SerError, SpaceError, StoreError, printable

LIBRARY = Path(__file__).parents[1]
SUMS = "SHA256SUMS"
_HALF = ".ser-part"  # how the names of half-written folders end
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a full disk, a used up quota, too large a file
_DENIED = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)


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
    for folder in (here, *here.parents, LIBRARY.parent):
        if (folder / "_config.yml").is_file() and (folder / "notebooks").is_dir():
            return folder
    return here


def resource(name: str, home: Path | None = None) -> Path:
    """Return where a file or folder of the report is, such as ``"book"``, or would be.

    The workspace, or another `home`, has its own first; else it is that of the installed package,
    or of the checkout.
    """
    own = (home or workspace()) / name
    packaged = LIBRARY / "home"
    return own if own.exists() else (packaged if packaged.is_dir() else LIBRARY.parent) / name


def digest(*parts: object) -> str:
    """Return a short stable hash of strings, bytes, paths (their content) and plain JSON values.

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
    """Return the library's source files in a fixed order, of all rooms or some.

    A room is a path in the library, such as ``"core/audio.py"`` or the folder ``"corpora"``.
    """
    paths = [LIBRARY / room for room in rooms] or [LIBRARY]
    if missing := [path for path in paths if not path.exists()]:
        # A key that passed over a renamed room would never change again.
        raise FileNotFoundError(f"the library has no room {missing[0]}")
    files = {file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))}
    return sorted(file for file in files if file.suffix in (".py", ".yml", ".csv"))


def entries(folder: Path, refused: list[tuple[Path, str]]) -> list[Path]:
    """Return what lies in a folder, sorted, but for hidden files and macOS's shadows of files.

    A folder that cannot be opened, and names that are not UTF-8, are added to `refused`, each with
    the reason.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        refused.append((folder, f"cannot be opened ({error.strerror})"))
        return []
    names = [name for name in names if not name.startswith((".", "__MACOSX"))]
    refused += [(folder / name, NOT_UTF8) for name in names if printable(name) != name]
    return [folder / name for name in names if printable(name) == name]


def files_below(
    folder: Path, refused: list[tuple[Path, str]], *, levels: int | None = None
) -> Iterator[Path]:
    """Yield the files in a folder and in its folders; links are followed, to each folder once."""
    todo, seen = [(folder, levels)], set()
    while todo:
        folder, levels = todo.pop()
        with suppress(OSError):  # `entries` says so
            about = folder.stat()
            if (about.st_dev, about.st_ino) in seen:
                continue
            seen.add((about.st_dev, about.st_ino))
        for entry in entries(folder, refused):
            if not os.path.isdir(entry):
                yield entry
            elif levels is None or levels > 1:
                todo.append((entry, levels and levels - 1))


def seal(folder: Path) -> None:
    """Write the checksums of the files in a folder, for `altered` and for ``sha256sum --check``."""
    write_atomically(folder / SUMS, "".join(f"{line}\n" for line in _sums(folder)))


def altered(folder: Path) -> list[str]:
    """Return the files of a folder that are gone, changed or new since `seal`."""
    if not (folder / SUMS).is_file():
        return [SUMS]
    stated = (folder / SUMS).read_text("utf-8", "replace").splitlines()
    return sorted({line.partition("  ")[2] or SUMS for line in {*stated} ^ {*_sums(folder)}})


def _sums(folder: Path) -> Iterator[str]:
    for file in sorted(folder.rglob("[!.]*")):
        if file.is_file() and file != folder / SUMS:  # a device would have no end
            with file.open("rb") as content:
                checksum = hashlib.file_digest(content, "sha256").hexdigest()
            yield f"{checksum}  {file.relative_to(folder).as_posix()}"


def check_writable(n_bytes: int = 0) -> None:
    """Raise a `SpaceError` if nothing, or not so much, can be written in the workspace."""
    probe = workspace() / "runs" / f".writable-{secrets.token_hex(4)}"
    write_atomically(probe, bytes(n_bytes))
    probe.unlink()


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Wait until no other process is in here with this file; one that is killed leaves."""
    with _allowed(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.open("a")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def room_for(what: object) -> Iterator[None]:
    """Say in one sentence that there was no room to write `what`; see `SpaceError`."""
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
def _allowed(target: Path) -> Iterator[None]:
    """Say in one sentence that `target` may not be written; see `SpaceError`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DENIED:
            raise
        raise SpaceError(
            f"{target} cannot be written ({error.strerror}); the environment variable "
            "SER_WORKSPACE names another workspace"
        ) from error


@contextmanager
def fresh_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside `target` that takes its name only if all goes well.

    An existing `target` is replaced; after an error, such as a `SpaceError`, or an interrupt
    nothing half-written stays, and what a killed process left beside it is removed.
    """
    with room_for(target):
        with _allowed(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(target.parent)
            names = {"prefix": f".{target.name[:40]}-", "suffix": _HALF}
            temporary = Path(tempfile.mkdtemp(**names, dir=target.parent))
        old = Path(f"{temporary}{_HALF}")
        lock = os.open(temporary, os.O_RDONLY)  # who is killed lets go of it
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            temporary.chmod(0o755)
            yield temporary
            if target.exists():  # and is never there by half
                target.rename(old)
            temporary.rename(target)
        finally:
            os.close(lock)
            for folder in (temporary, old):
                shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    """Remove half-written folders that are older than a minute and in the hands of nobody."""
    for folder in parent.glob(f".*{_HALF}"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime < 60:
                continue
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(lock)


def write_atomically(target: Path, content: str | bytes) -> None:
    """Write a file under a temporary name, then rename it; after an error nothing of it stays."""
    # Not named by the process: other threads, and other machines on the same disk, have the same.
    temporary = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    with room_for(target), _allowed(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


class Place:
    """Where files lie side by side: a local folder, or any address that fsspec knows.

    A file is there whole or not at all: a local one takes its name when it is complete, and object
    stores such as S3 show an object only then. fsspec's own variables say how to reach a store
    (``FSSPEC_S3_ENDPOINT_URL``), those of the provider who you are. The address is a folder, or
    one such as ``s3://bucket/prefix``, and need not exist yet. A `StoreError` says that its kind is
    unknown or lacks a package, or what cannot be read, written or listed.
    """

    def __init__(self, address: str | Path) -> None:
        from fsspec import url_to_fs  # a prediction needs no place
        from fsspec.implementations.local import LocalFileSystem

        address = str(address).rstrip("/")
        # Five seconds tell that nobody is there; what is worth a second try, s3fs tries again.
        patience = {"connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 1}}
        options = {"config_kwargs": patience} if address.startswith("s3://") else {}
        try:
            self._files, self._path = url_to_fs(address, **options)
        except (ImportError, ValueError) as error:
            raise StoreError(
                f"fsspec cannot reach {address} ({_why(error)}); give a folder, or an address such "
                "as s3://bucket/prefix, and install the package that its kind needs"
            ) from error
        self.is_local = isinstance(self._files, LocalFileSystem)
        self.address = self._path if self.is_local else address

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return a file's bytes from `start` to `stop`, fewer if it ends before."""
        with self._errors("read", name):
            if not self.is_local:
                return self._files.cat_file(f"{self._path}/{name}", start=start or None, end=stop)
            # Training reads thousands of utterances an epoch, which fsspec would slow down.
            with open(f"{self._path}/{name}", "rb", buffering=0) as file:
                file.seek(start)
                return file.read(-1 if stop is None else stop - start)

    def heads(self, names: Iterable[str], size: int) -> list[bytes]:
        """Return the first `size` bytes of files, fewer of one that is not there or shorter."""
        paths = [f"{self._path}/{name}" for name in names]
        with self._errors("read"):
            heads = self._files.cat_ranges(paths, 0, size, on_error="return") if paths else []
        return [head if isinstance(head, bytes) else b"" for head in heads]

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole, or not at all; raise a `SpaceError` if there is no room for it."""
        with self._errors("written"):
            if self.is_local:
                write_atomically(Path(self._path, name), content)
                return
            try:
                self._files.pipe_file(f"{self._path}/{name}", content)
            except FileNotFoundError:
                # Where folders are more than a part of names, they must be there first; a bucket
                # that is not there is not made.
                self._files.mkdir(self._path, create_parents=False)
                self._files.pipe_file(f"{self._path}/{name}", content)

    def sizes(self) -> dict[str, int]:
        """Return the files and their sizes in bytes; none if nothing is there."""
        with self._errors("listed"):
            self._files.invalidate_cache()
            try:
                entries = self._files.ls(self._path, detail=True)
            except FileNotFoundError:
                return {}
        return {entry["name"].rpartition("/")[2]: entry["size"] for entry in entries}

    @contextmanager
    def _errors(self, what: str, name: str = "") -> Iterator[None]:
        try:
            yield
        except SerError:
            raise
        except Exception as error:  # every kind of address has its own
            where = f"{self.address}/{name}" if name else self.address
            raise StoreError(f"{where} cannot be {what} ({_why(error)})") from error


def _why(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split()) or type(error).__name__
