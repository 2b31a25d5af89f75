"""Download of the corpora that have an open archive with a checksum, by pooch.

In the user's folder a corpus takes its name only when it is complete; until then the archive lies
there, or as much of it as has come: a later call goes on with it.
"""

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pooch import Unzip, get_logger, retrieve
from requests import HTTPError, RequestException, get
from tqdm import tqdm

from ser_lib.core import jobs
from ser_lib.core.errors import CorpusError, ParameterError, choose
from ser_lib.core.files import fresh_folder, workspace
from ser_lib.corpora.readers import CATALOGUE

FREE = "CC0"  # the licence of what is fetched without being asked for
PATIENCE = 30.0  # seconds that a server has for each piece


@dataclass(frozen=True)
class Archive:
    """Where a corpus's zip archive lies, and what is known of it; sizes are in bytes."""

    url: str
    size: int
    checksum: str  # "md5:..." or "sha256:..."
    unpacked: int  # about
    folder: str = ""  # the one inside that is the corpus; "" for all of it

    @property
    def file(self) -> str:
        """The name that it is kept under."""
        return self.url.rpartition("/")[2]

    @property
    def in_words(self) -> str:
        """Say how much has to come and how much there will be."""
        size, unpacked = (f"{n / 1e6:,.1f} MB" for n in (self.size, self.unpacked))
        return f"an archive of {size}, about {unpacked} when unpacked"


ARCHIVES = {
    "emodb": Archive(
        url="https://zenodo.org/records/7447302/files/emodb.zip",
        size=39_981_818,
        checksum="md5:9d21362dbc5676ef3ab4745d83ced0db",
        unpacked=50_000_000,
        folder="emodb",
    ),
    "ravdess": Archive(
        url="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
        size=208_468_073,
        checksum="md5:bc696df654c87fed845eb13823edef8a",
        unpacked=600_000_000,
    ),
}
"""The corpora that `fetch` can bring."""


def archive(name: str) -> Archive:
    """Return a corpus's archive, or a `ParameterError` that says where else to get it."""
    corpus = CATALOGUE[choose(name, CATALOGUE, "corpus")]
    if name not in ARCHIVES:
        raise ParameterError(
            f"corpus '{name}' has no open archive that could be downloaded; get it: {corpus.home}"
        )
    return ARCHIVES[name]


def fetch_free(name: str) -> Path | None:
    """Return the folder of a corpus without any terms, fetched into the workspace if need be.

    None if the corpus has terms, or no open archive. Errors are those of `fetch`.
    """
    corpus = CATALOGUE[name]
    if name not in ARCHIVES or not corpus.licence.startswith(FREE):
        return None
    folder = workspace() / "data"
    if (folder / name).exists():
        return folder / name
    jobs.tell(f"{corpus.title}; licence: {corpus.licence}; from: {corpus.home}")
    jobs.tell(f"to download into {folder}: {ARCHIVES[name].in_words}")
    return fetch(name, folder)


def fetch(name: str, folder: str | Path) -> Path:
    """Download a corpus and unpack it, unless it is there already; return its own folder.

    Nothing is written outside `folder`. A `CorpusError` says that the archive cannot be fetched or
    is not the known one, a `SpaceError` that there is no room or nothing may be written.
    """
    known = archive(name)
    folder = Path(folder).expanduser().absolute()
    if folder.is_file():
        raise CorpusError(f"{folder} is a file, not a folder for corpora")
    target = folder / name
    if target.exists():
        jobs.tell(f"{target} is there already; nothing was downloaded")
        return target
    get_logger().setLevel("WARNING")
    resume = partial(_resume, folder / f"{known.file}.part")
    with fresh_folder(target) as new:
        content = new / ".archive"
        try:
            unzip = Unzip(extract_dir=str(content))
            retrieve(known.url, known.checksum, known.file, folder, unzip, resume)
        except RequestException as error:
            why = error if isinstance(error, HTTPError) else type(error).__name__
            raise CorpusError(
                f"{known.url} cannot be fetched ({why}); look at the network and run the "
                "command again, or get a copy from the corpus's home, see `ser corpora`, and name "
                "it by --data DIR"
            ) from error
        except ValueError as error:  # what pooch raises for another checksum
            raise CorpusError(
                f"what came from {known.url} is not the file that is known here: its "
                f"checksum is not {known.checksum}; it was deleted"
            ) from error
        for entry in (content / known.folder).iterdir():
            entry.rename(new / entry.name)
        shutil.rmtree(content)
    (folder / known.file).unlink()
    return target


def _resume(part: Path, url: str, target: str, _) -> None:
    """Download for pooch, and go on after the part that an earlier call has left."""
    start = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    with get(url, headers=headers, stream=True, timeout=PATIENCE) as response:
        if response.status_code == 416:  # there is no more than what is here
            part.unlink()
        response.raise_for_status()
        start = start if response.status_code == 206 else 0
        size = start + int(response.headers.get("Content-Length", 0))
        shown = {"total": size or None, "initial": start, "unit": "B", "unit_scale": True}
        with part.open("ab" if start else "wb") as file, tqdm(**shown, disable=None) as bar:
            for piece in response.iter_content(1 << 16):
                file.write(piece)
                bar.update(len(piece))
    part.replace(target)
