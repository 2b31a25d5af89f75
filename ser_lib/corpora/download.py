"""Download of the corpora that have an open public archive, by pooch.

In the user's folder a corpus takes its name only when it is complete; until then the archive lies
there, or as much of it as has come, and, of CREMA-D, the folder `crema-d.part` with the audio: a
later call goes on with them. A repository's archive is packed anew on request, so it has no
checksum and comes in one go; its address names a commit, and each file in it has a CRC, which is
checked.

CREMA-D's archive holds pointers of Git LFS instead of audio: small texts with the SHA-256 of the
real file. GitHub serves these files under plain addresses, so the pointers are a registry for
pooch; a clone would bring the videos, too.
"""

import os
import re
import shutil
import sys
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from lzma import LZMAError
from pathlib import Path

from pooch import HTTPDownloader, Unzip, create, get_logger
from requests import HTTPError, RequestException, get
from tqdm import tqdm

from ser_lib.core import jobs
from ser_lib.core.errors import CorpusError, ParameterError, choose
from ser_lib.core.files import fresh_folder, workspace
from ser_lib.corpora.readers import CATALOGUE

FREE = "CC0"  # the licence of what is fetched without being asked for
RETRIES = 2  # of an archive
PATIENCE = 30.0  # seconds that a server has for each piece
_AT_ONCE = 8  # requests for small files under way
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, LZMAError, EOFError, RuntimeError),
    *(FileExistsError, IsADirectoryError, NotADirectoryError),  # a file and a folder of one name
)
"""What a zip file that is damaged raises."""
_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\noid (sha256:[0-9a-f]{64})\n")


@dataclass(frozen=True)
class Archive:
    """Where a corpus's archive lies, and what is known of it; sizes are in bytes."""

    url: str  # of a zip file
    file: str  # the name that it is kept under
    recordings: int  # so many audio files make a complete folder
    unpacked: int  # about
    folder: str = ""  # the one inside that is the corpus; "" for all of it
    size: int | None = None  # None if its server makes it anew for every download
    checksum: str | None = None  # "md5:..." or "sha256:..."; None if it is not known
    keep: tuple[str, ...] = ("",)  # the files and folders in `folder` that are wanted
    media: tuple[str, ...] = ()  # where the audio of Git LFS is: what comes before its paths
    media_size: int = 0

    @property
    def in_words(self) -> str:
        """Say how much has to come and how much there will be."""
        size = f"of {_megabytes(self.size)}" if self.size else "of unknown size"
        if self.media:
            return f"an archive {size} and {_megabytes(self.media_size)} of audio"
        return f"an archive {size}, about {_megabytes(self.unpacked)} when unpacked"


_CREMA_D = "f3b8611a309886568dfa957141775b2e05add04a"  # the release v1.0
_NEMO = "06f1f83dde8f1a780443a57d53b2af3971af34ab"

ARCHIVES = {
    "crema-d": Archive(
        url=f"https://github.com/CheyneyComputerScience/CREMA-D/archive/{_CREMA_D}.zip",
        file="CREMA-D.zip",
        folder=f"CREMA-D-{_CREMA_D}",
        recordings=7442,
        unpacked=170_000_000,
        keep=("AudioWAV/", "VideoDemographics.csv", "LICENSE.txt", "README.md"),
        media=(
            f"https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/{_CREMA_D}/",
            # The authors' own mirror, for the times when the repository's traffic is used up.
            "https://gitlab.com/cs-cooper-lab/crema-d-mirror/-/raw/main/",
        ),
        media_size=605_899_936,
    ),
    "emodb": Archive(
        url="https://zenodo.org/records/7447302/files/emodb.zip",
        file="emodb.zip",
        size=39_981_818,
        checksum="md5:9d21362dbc5676ef3ab4745d83ced0db",
        folder="emodb",
        recordings=535,
        unpacked=50_000_000,
    ),
    "nemo": Archive(
        url=f"https://github.com/amu-cai/nEMO/archive/{_NEMO}.zip",
        file="nEMO.zip",
        folder=f"nEMO-{_NEMO}",
        recordings=4481,
        unpacked=540_000_000,
    ),
    "ravdess": Archive(
        url="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
        file="Audio_Speech_Actors_01-24.zip",
        size=208_468_073,
        checksum="md5:bc696df654c87fed845eb13823edef8a",
        recordings=1440,
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
    try:
        return fetch(name, folder)
    except CorpusError as error:
        raise CorpusError(f"{error}; a copy that you have is named by --data DIR") from error


def fetch(name: str, folder: str | Path) -> Path:
    """Download a corpus and unpack it, unless it is there already; return its own folder.

    A mirror can be named in the environment variable `SER_MIRROR`: it has the archive as
    ``$SER_MIRROR/<file>``, and audio that the archive lacks as ``$SER_MIRROR/<name>/<path>``.
    Nothing is written outside `folder`.

    Raises
    ------
    CorpusError
        If the archive cannot be fetched, is not the known one, damaged or incomplete, or there is
        no room for it.
    """
    known = archive(name)
    folder = Path(folder).expanduser().absolute()
    target = folder / name
    if target.exists():
        if (count := _recordings(target)) != known.recordings:
            raise CorpusError(
                f"{target} is there already, but holds {count:,} of {known.recordings:,} "
                "recordings; move it away, or name another folder"
            )
        jobs.tell(f"{target} is complete already; nothing was downloaded")
        return target
    url, media = known.url, known.media
    if mirror := os.environ.get("SER_MIRROR", "").rstrip("/"):
        url, media = f"{mirror}/{known.file}", (f"{mirror}/{name}/",)
    parts = folder / f"{name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The archive and what is unpacked from it lie beside each other for a while.
        need = (known.size or known.unpacked) + known.unpacked + known.media_size
        if (free := shutil.disk_usage(folder).free) < need:
            raise CorpusError(
                f"{folder} has room for {_megabytes(free)}, but up to {_megabytes(need)} are "
                "needed while the corpus is unpacked"
            )
        with fresh_folder(target) as new:
            _unpack(known, url, folder, new)
            if known.media:
                _complete(new, media, parts)
        (folder / known.file).unlink()
        shutil.rmtree(parts, ignore_errors=True)
    except OSError as error:
        raise CorpusError(f"cannot write to {folder}: {error.strerror or error}") from error
    return target


def _unpack(known: Archive, url: str, folder: Path, new: Path) -> None:
    """Bring the archive, and write what is wanted of it to a new folder."""
    file, inner = known.file, new / ".archive" / known.folder
    wanted = [f"{known.folder}/{name}" for name in known.keep] if known.folder else None
    registry, urls = {file: known.checksum}, {file: url}
    store = create(folder, "", registry=registry, urls=urls, retry_if_failed=RETRIES)
    try:
        _get(store, file, sys.stderr.isatty(), Unzip(wanted, str(new / ".archive")))
        if (count := _recordings(inner)) != known.recordings:
            raise CorpusError(
                f"the archive {file} holds {count:,} recordings, but the one that is known "
                f"here has {known.recordings:,}; it was deleted"
            )
    except CorpusError:
        (folder / file).unlink(missing_ok=True)
        raise
    for entry in inner.iterdir():
        entry.rename(new / entry.name)
    shutil.rmtree(new / ".archive")


def _complete(folder: Path, places: tuple[str, ...], parts: Path) -> None:
    """Replace the pointers of Git LFS below a folder by the files that they stand for."""
    checksums = {
        file.relative_to(folder).as_posix(): pointer[1].decode()
        for file in folder.rglob("*.wav")
        if (pointer := _POINTER.match(file.read_bytes()))
    }
    for parent in {(parts / name).parent for name in checksums}:
        parent.mkdir(parents=True, exist_ok=True)
    stores = [create(parts, place, registry=checksums) for place in places]

    def bring(name: str) -> str:
        for store in stores * 2:  # a busy place may have time later
            try:
                return _get(store, name)
            except CorpusError as error:
                reason = error
        raise CorpusError(f"{reason}; the audio that has come is kept for the next time")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        audio = pool.map(bring, checksums)
        files = list(tqdm(audio, parts.stem, len(checksums), unit="file", disable=None))
        for name, file in zip(checksums, files, strict=True):
            Path(file).replace(folder / name)


def _resume(part: Path, url: str, target: str, store) -> None:
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


def _get(store, file: str, bar=False, processor=None) -> str:
    """Fetch a file of a pooch; what goes wrong is said in one sentence."""
    get_logger().setLevel("WARNING")
    url = store.get_url(file)
    downloader = HTTPDownloader(bar, chunk_size=1 << 16)
    if processor and store.registry[file]:  # of another archive, the first part would not fit
        downloader = partial(_resume, Path(store.path, f"{file}.part"))
    try:
        return store.fetch(file, processor, downloader)
    except HTTPError as error:
        raise CorpusError(
            f"the server answers {error}; try again later, or see `ser corpora` for the home of "
            "the corpus"
        ) from error
    except RequestException as error:
        raise CorpusError(
            f"the connection to {url} failed or broke ({type(error).__name__}); look at the "
            "network and run the command again"
        ) from error
    except (*_DAMAGE, OSError) as error:
        if not isinstance(error, _DAMAGE) and error.errno:  # of a member in bzip2 it has none
            raise
        raise CorpusError(f"{file} is damaged ({error}); it was deleted") from error
    except ValueError as error:  # what pooch raises for another checksum
        raise CorpusError(
            f"what came from {url} is not the file that is known here: its checksum is not "
            f"{store.registry[file]}; it was deleted"
        ) from error


def _recordings(folder: Path) -> int:
    return sum(file.suffix.lower() == ".wav" for file in folder.rglob("*"))


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
