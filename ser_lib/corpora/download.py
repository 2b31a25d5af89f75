"""Download of the corpora that have an open public archive.

`ARCHIVES` says where each lies and what is known of it. In the user's folder there are, while it
is under way, the archive or the part of it that has come, and at the end only a folder with the
corpus's name, which the reader takes as it is. That folder is complete from the moment it is there.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ser_lib.core import audio
from ser_lib.core.errors import AudioError, CorpusError, ParameterError, choose
from ser_lib.core.files import fresh_folder
from ser_lib.corpora import lfs, transfer
from ser_lib.corpora.catalogue import CATALOGUE
from ser_lib.corpora.transfer import megabytes
from ser_lib.corpora.unpack import unpack

UNREADABLE = 0.01
"""The part of the recordings that may be unreadable in an archive whose checksum is not known."""

_ROOM = 2
"""An archive that grows to more than this multiple of what it should is refused."""


@dataclass(frozen=True)
class Archive:
    """Where a corpus's archive lies, and what is known of it.

    Attributes
    ----------
    url
        Address of the archive, a zip file.
    file
        Name that it is kept under.
    size
        Bytes of the archive; `None` if its server makes it anew for every download.
    checksum
        ``"md5:..."`` or ``"sha256:..."``; `None` if it is not known.
    folder
        The folder inside the archive that is the corpus; "" for all of it.
    recordings
        Audio files in it: so many make a complete folder.
    unpacked
        Bytes of the archive's content, about.
    keep
        Patterns of the files that are wanted, relative to `folder`.
    media
        Addresses of the audio where the archive holds Git LFS pointers only, to be asked one after
        the other; ``{path}`` stands for a file's path in `folder`.
    media_size
        Bytes of that audio.
    """

    url: str
    file: str
    size: int | None
    checksum: str | None
    folder: str
    recordings: int
    unpacked: int
    keep: tuple[str, ...] = ("*",)
    media: tuple[str, ...] = ()
    media_size: int = 0

    @property
    def in_words(self) -> str:
        """Say how much has to come and how much there will be."""
        size = "of unknown size" if self.size is None else f"of {megabytes(self.size)}"
        if self.media:
            return f"an archive {size} and {megabytes(self.media_size)} of audio"
        return f"an archive {size}, about {megabytes(self.unpacked)} when unpacked"


# A repository's archive is packed anew on request, so that its bytes, unlike its content, may
# differ from one time to the next: no checksum of it would hold. Its name is that of a commit.
_CREMA_D = "f3b8611a309886568dfa957141775b2e05add04a"  # the release v1.0
_NEMO = "06f1f83dde8f1a780443a57d53b2af3971af34ab"

ARCHIVES = {
    "crema-d": Archive(
        url=f"https://github.com/CheyneyComputerScience/CREMA-D/archive/{_CREMA_D}.zip",
        file="CREMA-D.zip",
        size=None,
        checksum=None,
        folder=f"CREMA-D-{_CREMA_D}",
        recordings=7442,
        unpacked=170_000_000,
        keep=("AudioWAV/*.wav", "VideoDemographics.csv", "LICENSE.txt", "README.md"),
        media=(
            "https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/"
            f"{_CREMA_D}/{{path}}",
            # The authors' own mirror, for the times when the repository's traffic is used up.
            "https://gitlab.com/cs-cooper-lab/crema-d-mirror/-/raw/main/{path}",
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
        size=None,
        checksum=None,
        folder=f"nEMO-{_NEMO}",
        recordings=4481,
        unpacked=540_000_000,
    ),
    "ravdess": Archive(
        url="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
        file="Audio_Speech_Actors_01-24.zip",
        size=208_468_073,
        checksum="md5:bc696df654c87fed845eb13823edef8a",
        folder="",
        recordings=1440,
        unpacked=600_000_000,
    ),
}
"""The corpora that `fetch` can bring."""


def archive(name: str) -> Archive:
    """Return a corpus's archive.

    Raises
    ------
    ParameterError
        If the corpus is unknown, or has none: it says where to get the corpus.
    """
    corpus = CATALOGUE[choose(name, CATALOGUE, "corpus")]
    if name not in ARCHIVES:
        raise ParameterError(
            f"corpus '{name}' has no open archive that could be downloaded; get it: {corpus.home}"
        )
    return ARCHIVES[name]


def fetch(
    name: str,
    folder: str | Path,
    *,
    base: str | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Download a corpus and unpack it, unless it is there already.

    Parameters
    ----------
    name
        A key of `ARCHIVES`.
    folder
        Where the corpus's own folder is made; nothing is written outside it.
    base
        Address of a mirror, or the environment variable `SER_MIRROR`: it has the archive as
        ``base/<file>``, and audio that the archive lacks as ``base/<name>/<path>``.
    say
        Is given what there is to tell, a line at a time.

    Returns
    -------
    Path
        The folder to give to the reader.

    Raises
    ------
    ParameterError
        As `archive`.
    CorpusError
        If the archive cannot be fetched, is not the known one, is refused or incomplete. What has
        come of it is kept where a later call can go on from it.
    """
    known = archive(name)
    folder = Path(folder).expanduser()
    target = folder / name
    if target.exists():
        if (count := len(_recordings(target))) != known.recordings:
            raise CorpusError(
                f"{target} is there already, but holds {count:,} of {known.recordings:,} "
                "recordings; move it away, or name another folder"
            )
        say(f"{target} is complete already; nothing was downloaded")
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_room(known, folder)
        _fetch(known, target, base or os.environ.get("SER_MIRROR"), say)
    except OSError as error:
        raise CorpusError(f"cannot write to {folder}: {error.strerror or error}") from error
    return target


def _fetch(known: Archive, target: Path, base: str | None, say: Callable[[str], None]) -> None:
    url, media = known.url, known.media
    if base:
        base = base.rstrip("/")
        url, media = f"{base}/{known.file}", (f"{base}/{target.name}/{{path}}",)
    file = _bring(known, url, target.parent)
    if known.checksum is None:
        say(
            f"the checksum of {known.file} is not known beforehand, so its files are checked one "
            f"by one; what came has the sha256 {_sha256(file)}"
        )
    kept = target.with_name(f"{target.name}.part")
    with fresh_folder(target) as new:
        with _deleted_if_wrong(file):
            unpack(file, new, folder=known.folder, keep=known.keep, limit=_ROOM * known.unpacked)
            recordings = _recordings(new)
            if len(recordings) != known.recordings:
                raise CorpusError(
                    f"the archive {known.file} holds {len(recordings):,} recordings, but the one "
                    f"that is known here has {known.recordings:,}; it was deleted"
                )
            if known.checksum is None and not known.media:
                _check_readable(new, recordings, say)
        if known.media:
            lfs.complete(new, media, kept)
    file.unlink()
    shutil.rmtree(kept, ignore_errors=True)


def _bring(known: Archive, url: str, folder: Path) -> Path:
    """Return the archive, whole and with its checksum."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    part = folder / f"{known.file}.part"

    def downloader(url: str, output: str, _pooch: object) -> None:
        transfer.fetch(url, part, size=known.size, limit=_ROOM * known.unpacked)
        part.replace(output)

    try:
        return Path(
            pooch.retrieve(
                url, known.checksum, fname=known.file, path=folder, downloader=downloader
            )
        )
    except ValueError as error:  # what pooch raises for another checksum
        raise CorpusError(
            f"what came from {url} is not the archive that is known here: its checksum is not "
            f"{known.checksum}; it was deleted, run the command again to get it anew"
        ) from error


@contextmanager
def _deleted_if_wrong(file: Path) -> Iterator[None]:
    """Delete an archive that proves to be of no use, so that the next call gets it anew."""
    try:
        yield
    except CorpusError:
        file.unlink()
        raise


def _check_room(known: Archive, folder: Path) -> None:
    # The archive and what is unpacked from it lie beside each other for a while.
    need = (known.size or known.unpacked) + known.unpacked + known.media_size
    free = shutil.disk_usage(folder).free
    if free < need:
        raise CorpusError(
            f"{folder} has room for {megabytes(free)}, but up to "
            f"{megabytes(need)} are needed while the corpus is unpacked"
        )


def _check_readable(root: Path, files: list[Path], say: Callable[[str], None]) -> None:
    with ThreadPoolExecutor() as pool:
        reasons = list(pool.map(_why_unreadable, files))
    bad = [
        f"{file.relative_to(root).as_posix()} {why}"
        for file, why in zip(files, reasons, strict=True)
        if why
    ]
    if len(bad) > UNREADABLE * len(files):
        raise CorpusError(
            f"{len(bad):,} of {len(files):,} recordings of the archive cannot be used: {bad[0]}"
            f"{', and others' if len(bad) > 1 else ''}; it was deleted"
        )
    for line in bad:
        say(f"cannot be used: {line}")


def _why_unreadable(file: Path) -> str:
    try:
        audio.decode(file)
    except AudioError as error:
        return error.reason
    return ""


def _recordings(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() == ".wav")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
