"""Fetching one file over HTTP: it goes on where an earlier try stopped, and says how far it is.

What has come lies in a `.part` file until all of it is there. Checksums are the caller's (pooch's).
"""

import sys
import time
from pathlib import Path
from typing import TextIO

from ser_lib import __version__
from ser_lib.core.errors import CorpusError

HEADERS = {"User-Agent": f"ser-lib/{__version__}", "Accept-Encoding": "identity"}
"""Sent with every request; a file must come as it is, for its bytes are counted."""

TIMEOUT = (20, 60)
"""Seconds to wait for a connection, and for the next bytes."""

_CHUNK = 1 << 16  # where a connection breaks, so much of it is lost


class Progress:
    """How much has come, on standard error: one moving line, or a line for every tenth.

    Parameters
    ----------
    what
        What the line begins with.
    total
        Bytes in all; `None` if the server does not say.
    done
        Bytes that were there before.
    stream
        Where to write; a line moves on a terminal only.
    """

    def __init__(
        self, what: str, total: int | None, *, done: int = 0, stream: TextIO | None = None
    ) -> None:
        self.what, self.total, self.done = what, total, done
        self.stream = stream or sys.stderr
        self.moving = self.stream.isatty()
        self._step = self._tenths()
        self._shown = 0.0

    def add(self, count: int) -> None:
        """Count more bytes."""
        self.done += count
        if self.moving:
            if time.monotonic() - self._shown >= 0.1:
                self._shown = time.monotonic()
                self._show("\r", "")
        elif self._tenths() > self._step:
            self._step = self._tenths()
            self._show("", "\n")

    def close(self) -> None:
        """End a moving line with the last count."""
        if self.moving:
            self._show("\r", "\n")

    def _tenths(self) -> int:
        """Tenths of the whole, or of every 100 MB if that is unknown."""
        return self.done * 10 // (self.total or 100_000_000)

    def _show(self, before: str, after: str) -> None:
        of = f" of {megabytes(self.total)}, {self.done * 100 // self.total} %" if self.total else ""
        # Blanks cover what a longer line before left behind.
        print(f"{before}{self.what}: {megabytes(self.done)}{of}   ", end=after, file=self.stream)
        self.stream.flush()


def megabytes(count: int) -> str:
    """Write a number of bytes as people read it.

    Examples
    --------
    >>> megabytes(208_468_073), megabytes(1_500)
    ('208.5 MB', '0.0 MB')
    """
    return f"{count / 1e6:,.1f} MB"


def fetch(url: str, part: Path, *, size: int | None, limit: int) -> None:
    """Bring a file to `part`, or what is still missing of it.

    Parameters
    ----------
    url
        Address of the file.
    part
        Its first bytes, if it exists; it stays after an error or an interrupt.
    size
        Bytes that the file must have; `None` if that is not known.
    limit
        Bytes that are refused as too many where `size` is not known.

    Raises
    ------
    CorpusError
        If the server cannot be reached, has no such file or one of another size, or the connection
        breaks; what has come stays for the next try.
    """
    import requests

    have = part.stat().st_size if part.exists() else 0
    if size is not None and have > size:
        have = 0
    if have == size:
        return
    headers = HEADERS | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            length = answer.headers.get("Content-Range", "").rpartition("/")[2]
            if answer.status_code == 416 and length == str(have) and size is None:
                return  # all of it had come
            if have and answer.status_code in (206, 416) and not _goes_on(answer, have):
                part.unlink()
                return fetch(url, part, size=size, limit=limit)
            if answer.status_code not in (200, 206):
                raise CorpusError(
                    f"{url}: the server answers {answer.status_code} {answer.reason}; try again "
                    "later, or see `ser corpora` for the corpus's home"
                )
            _write(answer, part, have if answer.status_code == 206 else 0, size, limit)
    except requests.RequestException as error:
        raise CorpusError(_broken(url, part, type(error).__name__)) from error


def _goes_on(answer, have: int) -> bool:
    """Whether an answer begins at the byte that was asked for."""
    return answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _write(answer, part: Path, start: int, size: int | None, limit: int) -> None:
    length = answer.headers.get("Content-Length")
    total = start + int(length) if length else size
    if total is not None and (total > limit if size is None else total != size):
        known = f"at most {limit:,}" if size is None else f"{size:,}"
        raise CorpusError(
            f"{answer.url} has {total:,} bytes, but the archive that is known here has {known}; "
            "it may have been replaced"
        )
    progress = Progress(part.stem, total, done=start)
    with part.open("ab" if start else "wb") as file:
        try:
            for chunk in answer.iter_content(_CHUNK):
                file.write(chunk)
                progress.add(len(chunk))
                if progress.done > (size or limit):
                    raise CorpusError(f"{answer.url} sends more bytes than it should; try again")
        finally:
            progress.close()
    if total is not None and progress.done < total:
        raise CorpusError(_broken(answer.url, part, "it ended early"))


def _broken(url: str, part: Path, why: str) -> str:
    if part.exists() and (have := part.stat().st_size):
        return (
            f"the connection to {url} broke ({why}); {megabytes(have)} are kept in {part}, run the "
            "command again to go on"
        )
    return f"nothing came from {url} ({why}); is there a connection to the network?"
