"""Where files lie side by side: a local folder, or any address that fsspec knows.

A place has the same methods wherever it is. A file of it is there whole or not at all: a local
one takes its name when it is complete, and object stores such as S3 show an object only then.
fsspec and the packages behind it are needed only for addresses such as ``s3://bucket/prefix``;
its own variables say how to reach them (``FSSPEC_S3_ENDPOINT_URL``, and those of the provider for
who you are). ``memory://`` lies in one process alone.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

from ser_lib.core.errors import StoreError
from ser_lib.core.files import write_atomically

_OPTIONS = {
    # Five seconds tell that nobody is there; what is worth a second try, s3fs itself tries again.
    "s3": {
        "config_kwargs": {
            "connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 1}
        }
    },
}  # fmt: skip


def at(address: str | Path) -> "Place":
    """Return the place with an address; it need not exist yet.

    Parameters
    ----------
    address
        A local folder, or an fsspec address, which has ``://`` in it.

    Raises
    ------
    StoreError
        If fsspec or the package for this kind of address is missing, or there is no such kind.
    """
    scheme, separator, path = str(address).partition("://")
    if not separator:
        return Folder(address)
    return Folder(path) if scheme in ("file", "local") else Remote(str(address))


class Folder:
    """A local folder."""

    def __init__(self, folder: str | Path) -> None:
        self.address = str(Path(folder).expanduser().absolute())

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return a file's bytes from `start` to `stop`, fewer if it ends before.

        Raises
        ------
        StoreError
            If it cannot be read.
        """
        try:
            with open(f"{self.address}/{name}", "rb", buffering=0) as file:
                if start:
                    file.seek(start)
                return file.read(-1 if stop is None else stop - start)
        except OSError as error:
            raise StoreError(f"{self.address}/{name} cannot be read ({error.strerror})") from error

    def heads(self, names: Iterable[str], size: int) -> Iterator[bytes]:
        """Yield the first `size` bytes of files, fewer of one that is not there or shorter."""
        for name in names:
            try:
                yield self.read(name, 0, size)
            except StoreError:
                yield b""

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole, or not at all.

        Raises
        ------
        StoreError
            If the folder may not be written.
        SpaceError
            If there is no room for it.
        """
        try:
            write_atomically(Path(self.address, name), content)
        except OSError as error:
            raise StoreError(f"{self.address} cannot be written ({error.strerror})") from error

    def sizes(self) -> dict[str, int]:
        """Return the files and their sizes in bytes; none if the folder is not there.

        Raises
        ------
        StoreError
            If it cannot be looked into.
        """
        try:
            with os.scandir(self.address) as entries:
                return {entry.name: entry.stat().st_size for entry in entries}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StoreError(f"{self.address} cannot be listed ({error.strerror})") from error


class Remote:
    """A place on an fsspec address; see `Folder` for its methods."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        scheme = address.partition("://")[0]
        try:
            from fsspec import url_to_fs
        except ImportError as error:
            raise StoreError(
                f"{address} is read and written by fsspec: pip install 'ser-lib[cluster]'"
            ) from error
        try:
            self._files, self._path = url_to_fs(self.address, **deepcopy(_OPTIONS.get(scheme, {})))
        except ImportError as error:
            raise StoreError(f"{address} needs one more package ({_why(error)})") from error
        except ValueError as error:
            raise StoreError(
                f"{address} is no address that fsspec knows ({_why(error)}); give a folder, or an "
                "address such as s3://bucket/prefix"
            ) from error

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return a file's bytes from `start` to `stop`, fewer if it ends before."""
        with self._told("read", name):
            return self._files.cat_file(f"{self._path}/{name}", start=start or None, end=stop)

    def heads(self, names: Iterable[str], size: int) -> Iterator[bytes]:
        """Yield the first `size` bytes of files, fewer of one that is not there or shorter."""
        paths = [f"{self._path}/{name}" for name in names]
        with self._told("read"):
            found = self._files.cat_ranges(paths, 0, size, on_error="return") if paths else []
        yield from (head if isinstance(head, bytes) else b"" for head in found)

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole, or not at all."""
        with self._told("written"):
            try:
                self._files.pipe_file(f"{self._path}/{name}", content)
            except FileNotFoundError:
                # Where folders are more than a part of names, they must be there first; a bucket
                # that is not there is not made.
                self._files.mkdir(self._path, create_parents=False)
                self._files.pipe_file(f"{self._path}/{name}", content)

    def sizes(self) -> dict[str, int]:
        """Return the files and their sizes in bytes; none if nothing is there."""
        with self._told("listed"):
            self._files.invalidate_cache()
            try:
                found = self._files.ls(self._path, detail=True)
            except FileNotFoundError:
                return {}
        return {entry["name"].rpartition("/")[2]: entry["size"] for entry in found}

    @contextmanager
    def _told(self, what: str, name: str = "") -> Iterator[None]:
        try:
            yield
        except Exception as error:  # every kind of address has its own
            where = f"{self.address}/{name}" if name else self.address
            raise StoreError(f"{where} cannot be {what} ({_why(error)})") from error


Place = Folder | Remote


def _why(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
