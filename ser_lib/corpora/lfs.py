"""The files that an archive of a repository holds as Git LFS pointers only.

A pointer is a small text that names the SHA-256 and the size of the real file, so that the file
may come from any place and is still known to be the right one.
"""

import hashlib
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from urllib.parse import quote

from ser_lib.core.errors import CorpusError
from ser_lib.core.files import write_atomically
from ser_lib.corpora import transfer

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)
_LONGEST = 200  # bytes of a pointer
_AT_ONCE = 8  # requests under way: a place is asked for thousands of small files
_BUSY = (429, 502, 503, 504)  # answers that another try may mend


def pointers(folder: Path) -> dict[Path, tuple[str, int]]:
    """Return the files below a folder that are pointers, with the SHA-256 and size they name."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.stat().st_size > _LONGEST:
            continue
        if match := _POINTER.fullmatch(file.read_bytes()):
            found[file] = (match[1].decode(), int(match[2]))
    return found


def complete(folder: Path, places: Sequence[str], kept: Path) -> None:
    """Replace every pointer below a folder by the file that it stands for.

    Parameters
    ----------
    folder
        The unpacked repository.
    places
        Addresses to ask, one after the other; ``{path}`` stands for the file's path in `folder`.
    kept
        Folder for what has come, so that a later call goes on after an error or an interrupt.

    Raises
    ------
    CorpusError
        If no place has a file, or none has the right one.
    """
    wanted = pointers(folder)
    total = sum(size for _, size in wanted.values())
    missing = {
        file: known
        for file, known in wanted.items()
        # What is kept was checked before it took its name.
        if not (kept / file.relative_to(folder)).exists()
    }
    have = total - sum(size for _, size in missing.values())
    progress = transfer.Progress(kept.stem, total, done=have)
    session = _session()
    pool = ThreadPoolExecutor(_AT_ONCE)

    def bring(file: Path) -> int:
        path = file.relative_to(folder)
        data = _ask(session, places, path.as_posix(), *missing[file])
        write_atomically(kept / path, data)
        return len(data)

    try:
        for answer in as_completed([pool.submit(bring, file) for file in missing]):
            progress.add(answer.result())
    finally:
        # After an error or an interrupt, the files not yet asked for are not asked for.
        pool.shutdown(cancel_futures=True)
        session.close()
        progress.close()
    for file in wanted:
        (kept / file.relative_to(folder)).replace(file)


def _session():
    """Connections that are used again, and wait a little where a server is busy."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    retry = Retry(
        total=6,
        connect=0,
        status_forcelist=_BUSY,
        backoff_factor=1,
        raise_on_status=False,
        respect_retry_after_header=False,  # hours, from some
    )
    session = requests.Session()
    session.headers.update(transfer.HEADERS)
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=_AT_ONCE, max_retries=retry))
    return session


def _ask(session, places: Sequence[str], path: str, sha256: str, size: int) -> bytes:
    import requests

    reasons = []
    for place in places:
        url = place.format(path=quote(path))
        try:
            with session.get(url, stream=True, timeout=transfer.TIMEOUT) as answer:
                data = b""
                for chunk in answer.iter_content(1 << 16):
                    data += chunk
                    if len(data) > size:
                        break
        except requests.RequestException as error:
            reasons.append(f"{url}: {type(error).__name__}")
            continue
        if answer.status_code != 200:
            reasons.append(f"{url}: the server answers {answer.status_code} {answer.reason}")
        elif len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
            reasons.append(f"{url}: another file than the repository names")
        else:
            return data
    raise CorpusError(
        f"cannot get {path} ({'; '.join(reasons)}); what has come is kept, run the command again "
        "to go on"
    )
