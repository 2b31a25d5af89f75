"""Downloads: from a server on this machine, whole or cut, honest or not, and never outside DIR."""

import hashlib
import io
import re
import shutil
import stat
import struct
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_lib import cli
from ser_lib.core.errors import CorpusError, ParameterError
from ser_lib.corpora import CATALOGUE, Corpus, download, emodb, transfer
from ser_lib.corpora.download import ARCHIVES, Archive

NAMES = [f"{speaker}a0{sentence}{letter}a" for speaker in ("03", "08") for sentence in (1, 2)
         for letter in "WNT"]  # fmt: skip
FOLDER = "tones-1.0"


class Server:
    """Files by their names, and ways to serve them badly.

    Attributes
    ----------
    files
        Name to content.
    asked
        ``(name, Range header or None, bytes sent)`` of every request.
    ranges
        Whether parts of files are served.
    shift
        Bytes by which a part begins too late.
    cut
        Bytes after which the next connection breaks, once.
    length
        Whether the size is told.
    busy
        Answers 503 that come first.
    """

    def __init__(self):
        self.files, self.asked = {}, []
        self.ranges, self.shift, self.cut, self.length, self.busy = True, 0, None, True, 0
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.handle_error = lambda *_: None  # of a client that hangs up
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    owner: Server

    def do_GET(self):
        server, name, wanted = self.owner, self.path.lstrip("/"), self.headers.get("Range")
        content = server.files.get(name)
        if server.busy or content is None:
            status, server.busy = (503 if server.busy else 404), max(0, server.busy - 1)
            server.asked.append((name, wanted, 0))
            return self._head(status, {"Content-Length": 0})
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and server.ranges else None
        if start is not None and start >= len(content):
            server.asked.append((name, wanted, 0))
            return self._head(416, {"Content-Range": f"bytes */{len(content)}",
                                    "Content-Length": 0})  # fmt: skip
        headers = {}
        if start is not None:
            start += server.shift
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start or 0 :]
        if server.length:
            headers["Content-Length"] = len(body)
        sent, server.cut = body[: server.cut], None
        server.asked.append((name, wanted, len(sent)))
        self._head(200 if start is None else 206, headers)
        self.wfile.write(sent)

    def _head(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = Server()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def recordings():
    """Twelve recordings with EmoDB's names: name to the content of a wav file."""
    random = np.random.default_rng(0)
    made = {}
    for name in NAMES:
        file = io.BytesIO()
        soundfile.write(file, random.uniform(-0.5, 0.5, 8000), 16_000, format="WAV")
        made[f"wav/{name}.wav"] = file.getvalue()
    return made


def pack(content: dict, *, folder: str = FOLDER, more=()) -> bytes:
    """A zip archive of files in a folder, and of further members as they are."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(f"{folder}/{name}" if folder else name, data)
        for member, data in more:
            archive.writestr(member, data)
    return file.getvalue()


@pytest.fixture
def tones(server, recordings, monkeypatch, tmp_path):
    """A corpus 'tones' with an archive on the server; a function that fetches it into `data`."""
    monkeypatch.setattr(transfer, "_CHUNK", 10_000)
    zipped = pack(recordings | {"README": b"read me", "video/a.mp4": b"moving"})
    server.files["tones.zip"] = zipped
    row = Corpus(
        name="tones", title="Corpus of tones", language="none", licence="CC0-1.0", home="a server",
        about="", read=emodb.read,
    )  # fmt: skip
    monkeypatch.setitem(CATALOGUE, "tones", row)
    for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))

    class Tones:
        folder = tmp_path / "data"
        archive = zipped
        said: list[str] = []

        def know(self, **changes):
            """Set what is known of the archive: by default its size and its checksum."""
            known = {
                "url": f"{server.base}/tones.zip", "file": "tones.zip", "size": len(zipped),
                "checksum": f"sha256:{hashlib.sha256(zipped).hexdigest()}", "folder": FOLDER,
                "recordings": len(recordings), "unpacked": 200_000,
            }  # fmt: skip
            monkeypatch.setitem(ARCHIVES, "tones", Archive(**known | changes))

        def serve(self, content: bytes, *, known: bool):
            """Put another archive there, whose checksum and size are known or not."""
            server.files["tones.zip"] = content
            if known:
                sha256 = hashlib.sha256(content).hexdigest()
                self.know(size=len(content), checksum=f"sha256:{sha256}")
            else:
                self.know(size=None, checksum=None)

        def fetch(self, **options):
            self.said = []
            return download.fetch("tones", self.folder, say=self.said.append, **options)

        def fails(self, *parts):
            with pytest.raises(CorpusError) as caught:
                self.fetch()
            text = str(caught.value)
            assert "\n" not in text
            for part in parts:
                assert part in text
            return text

        @property
        def left(self):
            """What there is in the folder."""
            return sorted(path.name for path in self.folder.iterdir())

    made = Tones()
    made.know()
    return made


def assert_complete(folder: Path, recordings: dict):
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.wav")}
    assert found == recordings


# What goes well


def test_a_whole_download(tones, server, recordings, tmp_path):
    folder = tones.fetch()
    assert folder == tones.folder / "tones"
    assert_complete(folder, recordings)
    assert (folder / "README").read_bytes() == b"read me"
    assert tones.left == ["tones"]
    assert server.asked == [("tones.zip", None, len(tones.archive))]
    assert tones.said == []
    for elsewhere in ("HOME", "XDG_CACHE_HOME", "TMPDIR"):
        assert list((tmp_path / elsewhere).iterdir()) == [], "pooch keeps to the folder"


def test_only_what_is_wanted_is_unpacked(tones, recordings):
    tones.know(keep=("wav/*.wav",))
    folder = tones.fetch()
    assert_complete(folder, recordings)
    assert sorted(path.name for path in folder.iterdir()) == ["wav"]


def test_an_archive_without_a_folder_of_its_own(tones, recordings):
    content = pack(recordings, folder="")
    tones.serve(content, known=True)
    tones.know(folder="", size=len(content), checksum=None)
    assert_complete(tones.fetch(), recordings)


def test_an_archive_whose_checksum_is_not_known(tones, recordings):
    tones.serve(tones.archive, known=False)
    assert_complete(tones.fetch(), recordings)
    (line,) = tones.said
    assert "checksum of tones.zip is not known beforehand" in line
    assert hashlib.sha256(tones.archive).hexdigest() in line


def test_a_size_that_the_server_does_not_tell(tones, server, recordings):
    server.length = False
    tones.serve(tones.archive, known=False)
    assert_complete(tones.fetch(), recordings)


@pytest.mark.parametrize("named_by", ["keyword", "environment"])
def test_a_mirror(tones, server, recordings, monkeypatch, named_by):
    tones.know(url="http://127.0.0.1:9/no-one-listens.zip")
    options = {}
    if named_by == "keyword":
        options["base"] = f"{server.base}/"
    else:
        monkeypatch.setenv("SER_MIRROR", server.base)
    assert_complete(tones.fetch(**options), recordings)


def test_a_complete_folder_is_not_downloaded_again(tones, server):
    folder = tones.fetch()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert tones.fetch() == folder
    assert len(server.asked) == 1
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert "complete already" in tones.said[0]


def test_a_folder_with_something_else_is_left_alone(tones, server):
    (tones.folder / "tones").mkdir(parents=True)
    mine = tones.folder / "tones" / "mine.txt"
    mine.write_text("keep this")
    tones.fails("tones is there already, but holds 0 of 12 recordings", "move it away")
    wav = tones.folder / "tones" / "wav"
    wav.mkdir()
    soundfile.write(wav / "03a01Wa.wav", np.zeros(10), 16_000)
    tones.fails("holds 1 of 12 recordings")
    assert mine.read_text() == "keep this"
    assert server.asked == []


# Connections that break


@pytest.mark.parametrize("known", [True, False])
def test_a_cut_download_goes_on(tones, server, recordings, known):
    tones.serve(tones.archive, known=known)
    server.cut = 50_000
    tones.fails("the connection to", "broke", "0.1 MB are kept in", "run the command again")
    part = tones.folder / "tones.zip.part"
    assert tones.left == ["tones.zip.part"]
    have = part.stat().st_size
    assert have == 50_000
    assert part.read_bytes() == tones.archive[:have]
    assert_complete(tones.fetch(), recordings)
    assert server.asked[1] == ("tones.zip", f"bytes={have}-", len(tones.archive) - have)
    assert tones.left == ["tones"]


def test_a_server_that_ends_early_without_telling_the_size(tones, server, recordings):
    server.length, server.cut = False, 50_000
    tones.fails("broke (it ended early)")
    assert (tones.folder / "tones.zip.part").read_bytes() == tones.archive[:50_000]
    assert_complete(tones.fetch(), recordings)
    assert server.asked[1][1:] == ("bytes=50000-", len(tones.archive) - 50_000)


@pytest.mark.parametrize("fault", ["no ranges", "another part"])
def test_a_server_that_cannot_go_on_starts_anew(tones, server, recordings, fault):
    server.cut = 50_000
    tones.fails("broke")
    server.ranges, server.shift = fault != "no ranges", 7
    assert_complete(tones.fetch(), recordings)
    assert server.asked[-1][2] == len(tones.archive)


@pytest.mark.parametrize("known", [True, False])
def test_all_had_come_when_it_was_stopped(tones, server, recordings, known):
    tones.serve(tones.archive, known=known)
    tones.folder.mkdir()
    (tones.folder / "tones.zip.part").write_bytes(tones.archive)
    assert_complete(tones.fetch(), recordings)
    assert sum(sent for _, _, sent in server.asked) == 0


@pytest.mark.parametrize("known", [True, False])
def test_a_part_that_is_too_long_is_of_no_use(tones, recordings, known):
    tones.serve(tones.archive, known=known)
    tones.folder.mkdir()
    (tones.folder / "tones.zip.part").write_bytes(tones.archive + b"and more")
    assert_complete(tones.fetch(), recordings)


def test_an_interrupt_keeps_what_has_come(tones, server, recordings, monkeypatch):
    def interrupt(progress, count):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(transfer.Progress, "add", interrupt)
        with pytest.raises(KeyboardInterrupt):
            tones.fetch()
    assert tones.left == ["tones.zip.part"]
    assert (tones.folder / "tones.zip.part").read_bytes() == tones.archive[:10_000]
    assert_complete(tones.fetch(), recordings)
    assert server.asked[-1][1] == "bytes=10000-"


def test_an_interrupt_while_unpacking_keeps_the_archive(tones, server, recordings, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfileobj", interrupt)
        with pytest.raises(KeyboardInterrupt):
            tones.fetch()
    assert tones.left == ["tones.zip"]
    assert_complete(tones.fetch(), recordings)
    assert len(server.asked) == 1
    assert tones.left == ["tones"]


def test_no_network(tones, server):
    server.stop()
    tones.fails("nothing came from", "tones.zip", "connection to the network")
    assert tones.left == []


@pytest.mark.parametrize(("file", "status"), [("gone.zip", 404), ("tones.zip", 503)])
def test_a_server_that_refuses(tones, server, file, status):
    tones.know(url=f"{server.base}/{file}")
    server.busy = status == 503
    tones.fails(f"{server.base}/{file}: the server answers {status}", "ser corpora")
    assert tones.left == []


# Archives that are not what they should be


def flipped(content: bytes) -> bytes:
    """The same bytes but one, in the middle of a recording."""
    return content[:30_000] + bytes([content[30_000] ^ 255]) + content[30_001:]


def test_a_tampered_archive_is_known_by_its_checksum(tones, server, recordings):
    server.files["tones.zip"] = flipped(tones.archive)
    tones.fails("is not the archive that is known here: its checksum is not sha256:", "deleted")
    assert tones.left == []
    server.files["tones.zip"] = tones.archive
    assert_complete(tones.fetch(), recordings)


def test_a_wrong_checksum_of_another_kind(tones, recordings):
    md5 = hashlib.md5(tones.archive).hexdigest()
    tones.know(checksum=f"md5:{md5[::-1]}")
    tones.fails(f"its checksum is not md5:{md5[::-1]}")
    tones.know(checksum=f"md5:{md5}")
    assert_complete(tones.fetch(), recordings)


def test_a_part_of_another_archive_does_not_stay(tones, recordings):
    tones.folder.mkdir()
    (tones.folder / "tones.zip.part").write_bytes(b"something else")
    tones.fails("its checksum is not")
    assert tones.left == []
    assert_complete(tones.fetch(), recordings)


def test_an_archive_of_another_size_is_not_fetched_at_all(tones, server):
    server.files["tones.zip"] = tones.archive + b"more"
    size = len(tones.archive)
    tones.fails(f"has {size + 4:,} bytes, but the archive that is known here has {size:,}")
    assert tones.left == []


@pytest.mark.parametrize("length", [True, False])
def test_a_server_that_sends_without_end(tones, server, length):
    tones.serve(bytes(3_000_000), known=False)
    server.length = length
    tones.fails("at most 400,000" if length else "sends more bytes than it should")
    part = tones.folder / "tones.zip.part"
    assert not part.exists() or part.stat().st_size < 3_000_000
    assert not (tones.folder / "tones").exists()


@pytest.mark.parametrize(
    "damage",
    [
        flipped,
        lambda content: content[:-1000],  # the table of contents is at the end
        lambda content: b"<!DOCTYPE html> Sorry, no such record" * 100,
        lambda content: b"",
    ],
    ids=["tampered", "truncated", "page", "empty"],
)
def test_a_damaged_archive_without_a_checksum(tones, server, recordings, damage):
    tones.serve(damage(tones.archive), known=False)
    tones.fails("the archive tones.zip is damaged")
    assert tones.left == []
    server.files["tones.zip"] = tones.archive
    assert_complete(tones.fetch(), recordings)


def member(name: str, *, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (member("../evil.wav"), "leads outside the folder"),
        (member(f"{FOLDER}/../../evil.wav"), "leads outside the folder"),
        (member(f"{FOLDER}/wav/../../../evil.wav"), "leads outside the folder"),
        (member("..\\evil.wav"), "leads outside the folder"),
        (member(f"{FOLDER}/wav\\evil.wav"), "leads outside the folder"),
        (member("/tmp/evil.wav"), "is an absolute name"),
        (member("\\\\host\\share\\evil.wav"), "is an absolute name"),
        (member("C:\\evil.wav"), "is an absolute name"),
        (member("C:evil.wav"), "is an absolute name"),
        (member(f"{FOLDER}/evil.wav", mode=stat.S_IFLNK | 0o777), "is a link or a device"),
        (member(f"{FOLDER}/evil.wav", mode=stat.S_IFCHR | 0o666), "is a link or a device"),
        (member(f"{FOLDER}/evil.wav", mode=stat.S_IFIFO | 0o666), "is a link or a device"),
    ],
    ids=lambda value: value.filename if isinstance(value, zipfile.ZipInfo) else "",
)
@pytest.mark.parametrize("known", [True, False])
def test_an_archive_that_would_write_elsewhere(tones, recordings, tmp_path, info, reason, known):
    tones.serve(pack(recordings, more=[(info, b"../../outside")]), known=known)
    before = {path for path in tmp_path.rglob("*") if tones.folder not in path.parents}
    text = tones.fails("tones.zip is refused, nothing of it was unpacked", reason)
    assert repr(info.filename) in text
    assert tones.left == []
    after = {path for path in tmp_path.rglob("*") if tones.folder not in path.parents}
    assert after - before <= {tones.folder}


def test_a_file_twice_under_one_name(tones, recordings):
    name = next(iter(recordings))
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = pack(recordings, more=[(f"{FOLDER}/{name}", b"other")])
    tones.serve(content, known=True)
    tones.fails("is refused: it holds a file under one name twice")
    assert tones.left == []


def test_an_encrypted_archive(tones, recordings):
    content = bytearray(pack(recordings))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + place] |= 1
    tones.serve(bytes(content), known=True)
    tones.fails("is encrypted")
    assert tones.left == []


def test_a_bomb_is_not_unpacked(tones, recordings, monkeypatch):
    content = pack(recordings, more=[(f"{FOLDER}/zeros", bytes(50_000_000))])
    assert len(content) < 400_000
    tones.serve(content, known=True)
    monkeypatch.setattr(shutil, "copyfileobj", None)  # nothing is written at all
    tones.fails("is refused", "it would grow to 50,", "400,000 are more than the corpus has")
    assert tones.left == []


def test_a_bomb_that_lies_about_its_size(tones, recordings):
    content = bytearray(pack(recordings, more=[(f"{FOLDER}/zeros", bytes(50_000_000))]))
    last = content.rindex(b"PK\x01\x02")
    content[last + 24 : last + 28] = struct.pack("<I", 10)
    tones.serve(bytes(content), known=True)
    tones.fails("tones.zip is damaged")
    assert tones.left == []


def test_an_archive_that_lacks_recordings(tones, recordings):
    some = dict(list(recordings.items())[:5])
    tones.serve(pack(some), known=True)
    tones.fails("holds 5 recordings, but the one that is known here has 12")
    assert tones.left == []


@pytest.mark.parametrize("folder", ["other-1.0", ""])
def test_an_archive_of_something_else(tones, folder):
    tones.serve(pack({"a.txt": b"a"}, folder=folder), known=True)
    tones.fails("tones.zip holds")
    assert tones.left == []


def test_recordings_that_cannot_be_read(tones, recordings, monkeypatch):
    name = "wav/03a01Wa.wav"
    tones.serve(pack(recordings | {name: b"<html>Sorry</html>"}), known=False)
    tones.fails("1 of 12 recordings of the archive cannot be used", f"{name} is a web page")
    assert tones.left == []
    monkeypatch.setattr(download, "UNREADABLE", 0.1)
    tones.fetch()
    assert tones.said[1].startswith(f"cannot be used: {name} is a web page")


def test_a_disk_that_is_full(tones, server, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 100_000))
    tones.fails("has room for 0.1 MB, but up to", "MB are needed")
    assert server.asked == []


def test_a_folder_that_is_a_file(tones, server):
    tones.folder.write_text("not a folder")
    tones.fails("cannot write to", "exists")
    assert server.asked == []


# Audio that the archive only points to


def pointer(content: bytes) -> bytes:
    sha256 = hashlib.sha256(content).hexdigest()
    return (
        b"version https://git-lfs.github.com/spec/v1\n"
        + f"oid sha256:{sha256}\nsize {len(content)}\n".encode()
    )


@pytest.fixture
def pointing(tones, server, recordings):
    """The same corpus, its audio at two places beside the archive."""
    zipped = pack({name: pointer(data) for name, data in recordings.items()} | {"README": b"me"})
    tones.serve(zipped, known=False)
    for place in ("first", "second"):
        server.files |= {f"{place}/{name}": data for name, data in recordings.items()}
    media = tuple(f"{server.base}/{place}/{{path}}" for place in ("first", "second"))
    tones.know(size=None, checksum=None, media=media, media_size=500_000)
    return tones


def audio_asked(server):
    return [name for name, _, _ in server.asked if name.endswith(".wav")]


def test_pointers_become_audio(pointing, server, recordings):
    folder = pointing.fetch()
    assert_complete(folder, recordings)
    assert (folder / "README").read_bytes() == b"me"
    assert sorted(audio_asked(server)) == sorted(f"first/{name}" for name in recordings)
    assert pointing.left == ["tones"]


@pytest.mark.parametrize("fault", ["gone", "another", "pointer", "longer"])
def test_the_next_place_is_asked(pointing, server, recordings, fault):
    name, data = next(iter(recordings.items()))
    wrong = {"another": data[::-1], "pointer": pointer(data), "longer": data + b"."}
    server.files[f"first/{name}"] = wrong.get(fault)
    assert_complete(pointing.fetch(), recordings)
    assert audio_asked(server).count(f"second/{name}") == 1


def test_a_busy_place_is_asked_again(pointing, server, recordings):
    pointing.folder.mkdir()
    (pointing.folder / "tones.zip").write_bytes(server.files["tones.zip"])
    server.files = {name: data for name, data in server.files.items() if "first" in name}
    server.busy = 1
    assert_complete(pointing.fetch(), recordings)
    assert len(audio_asked(server)) == len(recordings) + 1


def test_audio_that_no_place_has(pointing, server, recordings):
    *others, (name, data) = recordings.items()
    for place in ("first", "second"):
        del server.files[f"{place}/{name}"]
    text = pointing.fails(f"cannot get {name}", "run the command again to go on")
    assert text.count("the server answers 404") == 2
    assert pointing.left == ["tones.part", "tones.zip"], "what has come is kept"
    kept = {p.relative_to(pointing.folder / "tones.part").as_posix()
            for p in (pointing.folder / "tones.part").rglob("*.wav")}  # fmt: skip
    assert kept <= {other for other, _ in others}
    server.files[f"first/{name}"] = data
    server.asked.clear()
    assert_complete(pointing.fetch(), recordings)
    assert sorted(audio_asked(server)) == sorted(f"first/{n}" for n in set(recordings) - kept)
    assert pointing.left == ["tones"]


def test_a_mirror_has_the_audio_too(pointing, server, recordings):
    server.files = {"tones.zip": server.files["tones.zip"]} | {
        f"tones/{name}": data for name, data in recordings.items()
    }
    assert_complete(pointing.fetch(base=server.base), recordings)


# Progress


@pytest.mark.parametrize("total", [1_000_000, None])
def test_progress_in_a_file_is_a_line_for_every_tenth(total):
    stream = io.StringIO()
    progress = transfer.Progress("a.zip", total, done=300_000, stream=stream)
    for _ in range(700):
        progress.add(1000 if total else 1_000_000)
    progress.close()
    lines = [line.strip() for line in stream.getvalue().splitlines()]
    if total:
        assert lines == [
            f"a.zip: {tenth / 10} MB of 1.0 MB, {tenth * 10} %" for tenth in range(4, 11)
        ]
    else:
        assert len(lines) == 70
        assert lines[0] == "a.zip: 10.3 MB"


def test_progress_on_a_terminal_is_one_line(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    progress = transfer.Progress("a.zip", 2_000_000, stream=stream)
    for _ in range(100):
        progress.add(20_000)
    progress.close()
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.startswith("\ra.zip: 0.0 MB of 2.0 MB, 1 %")
    assert text.endswith("\ra.zip: 2.0 MB of 2.0 MB, 100 %   \n")


# The command, and the table of archives


def test_the_command(tones, server, capsys, recordings):
    assert cli.main(["download", "tones", str(tones.folder)]) == 0
    printed = capsys.readouterr()
    folder = tones.folder / "tones"
    assert printed.out.splitlines() == [
        "Corpus of tones",
        "licence: CC0-1.0; from: a server",
        "to download: an archive of 0.2 MB, about 0.2 MB when unpacked",
        f"the corpus is in {folder}; next:",
        f"  ser manifest tones --data {folder}",
        f"  make book CORPUS=tones DATA={folder}",
    ]
    assert "tones.zip: 0.2 MB of 0.2 MB, 100 %" in printed.err
    assert_complete(folder, recordings)


def test_the_licence_is_shown_before_anything_is_asked_for(tones, server, capsys):
    server.files.clear()
    assert cli.main(["download", "tones", str(tones.folder)]) == 1
    printed = capsys.readouterr()
    assert "licence: CC0-1.0" in printed.out
    assert re.fullmatch(r"ser: .*the server answers 404.*\n", printed.err)


@pytest.mark.parametrize("name", ["demo", "table"])
def test_a_corpus_without_an_archive(name, tmp_path, capsys):
    assert cli.main(["download", name, str(tmp_path / "data")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        f"ser: corpus '{name}' has no open archive that could be downloaded; "
        f"get it: {CATALOGUE[name].home}\n"
    )
    assert not (tmp_path / "data").exists()


def test_an_unknown_corpus(tmp_path):
    with pytest.raises(ParameterError, match=r"unknown corpus 'emobd' \(did you mean 'emodb'"):
        download.fetch("emobd", tmp_path)


def test_the_archives_are_those_of_the_catalogue():
    assert list(ARCHIVES) == ["crema-d", "emodb", "nemo", "ravdess"]
    assert set(ARCHIVES) <= set(CATALOGUE)
    for name, known in ARCHIVES.items():
        assert known.recordings >= CATALOGUE[name].utterances > 0
        for url in (known.url, *known.media):
            assert url.startswith("https://")
        assert known.file.endswith(".zip")
        assert all("{path}" in place for place in known.media)
        assert bool(known.media) == bool(known.media_size)
        if known.checksum is None:
            # Then the address names a commit, which names the content.
            assert re.search(r"/[0-9a-f]{40}\.zip$", known.url)
        else:
            assert re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", known.checksum)
            assert known.size > 1_000_000
    assert ARCHIVES["ravdess"].checksum == "md5:bc696df654c87fed845eb13823edef8a"


def test_archives_say_how_large_they_are():
    assert ARCHIVES["emodb"].in_words == "an archive of 40.0 MB, about 50.0 MB when unpacked"
    assert ARCHIVES["crema-d"].in_words == "an archive of unknown size and 605.9 MB of audio"
