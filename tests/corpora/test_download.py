"""Downloads: from a server on this machine, whole or cut, honest or not, and never outside DIR."""

import hashlib
import io
import re
import shutil
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_lib import cli, corpora
from ser_lib.core.errors import CorpusError, ParameterError
from ser_lib.corpora import CATALOGUE, Corpus, download
from ser_lib.corpora.download import ARCHIVES, Archive

NAMES = [f"{speaker}a0{sentence}{letter}a" for speaker in ("03", "08") for sentence in (1, 2)
         for letter in "WNT"]  # fmt: skip
FOLDER = "tones-1.0"


class Server:
    """Files by their names, and ways to serve them badly.

    `asked` holds the names of all requests, `ranges` from which byte on each; after `cut` bytes the
    next connection breaks, once; so many answers 503 as `busy` says come first.
    """

    def __init__(self):
        self.files, self.asked, self.ranges, self.cut, self.busy = {}, [], [], None, 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                owner.answer(self)

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # of a client that hangs up
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.lstrip("/")
        self.asked.append(name)
        content = self.files.get(name)
        status = 503 if self.busy else 404 if content is None else 200
        start = int(re.sub(r"\D", "", request.headers.get("Range", "0")))
        self.ranges.append(start)
        if status == 200 and start:
            status = 206 if start < len(content) else 416
        body = content[start:] if status < 300 else b""
        self.busy = max(0, self.busy - 1)
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        cut, self.cut = self.cut, None
        request.wfile.write(body[:cut])

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


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
    zipped = pack(recordings | {"README": b"read me", "video/a.mp4": b"moving"})
    server.files["tones.zip"] = zipped
    row = Corpus(
        name="tones", title="Corpus of tones", language="none", licence="CC0-1.0", home="a server",
        about="", reader=CATALOGUE["emodb"].read,
    )  # fmt: skip
    monkeypatch.setitem(CATALOGUE, "tones", row)
    for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))

    class Tones:
        folder = tmp_path / "data"
        archive = zipped

        def know(self, **changes):
            """Set what is known of the archive: by default its size and its checksum."""
            known = {
                "url": f"{server.base}/tones.zip", "size": len(zipped), "folder": FOLDER,
                "checksum": f"sha256:{hashlib.sha256(zipped).hexdigest()}", "unpacked": 200_000,
            }  # fmt: skip
            monkeypatch.setitem(ARCHIVES, "tones", Archive(**known | changes))

        def serve(self, content: bytes, **changes):
            """Put another archive there, which is the known one from now on."""
            server.files["tones.zip"] = content
            self.know(checksum=f"sha256:{hashlib.sha256(content).hexdigest()}", **changes)

        def fetch(self):
            return download.fetch("tones", self.folder)

        def fails(self, *parts):
            with pytest.raises(CorpusError) as caught:
                self.fetch()
            text = str(caught.value)
            assert "\n" not in text
            for part in parts:
                assert part in text

        @property
        def left(self):
            """What there is in the folder."""
            return sorted(path.name for path in self.folder.iterdir())

    made = Tones()
    made.know()
    return made


# What goes well


def assert_complete(folder: Path, recordings: dict):
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.wav")}
    assert found == recordings


def test_a_whole_download(tones, server, recordings, tmp_path):
    folder = tones.fetch()
    assert folder == tones.folder / "tones"
    assert_complete(folder, recordings)
    assert sorted(path.name for path in folder.iterdir()) == ["README", "video", "wav"]
    assert tones.left == ["tones"]
    assert server.asked == ["tones.zip"]
    for elsewhere in ("HOME", "XDG_CACHE_HOME", "TMPDIR"):
        assert list((tmp_path / elsewhere).iterdir()) == [], "pooch keeps to the folder"
    # It is not downloaded again.
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert tones.fetch() == folder
    assert len(server.asked) == 1
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_an_archive_without_a_folder_of_its_own(tones, recordings):
    tones.serve(pack(recordings, folder=""), folder="")
    assert_complete(tones.fetch(), recordings)


# What goes wrong on the way


def test_a_cut_connection_is_gone_on_with(tones, server, recordings):
    server.cut = 100_000
    tones.fails("tones.zip cannot be fetched", "run the command again")
    assert tones.left == ["tones.zip.part"]
    assert_complete(tones.fetch(), recordings)
    assert server.ranges == [0, 1 << 16], "pieces come whole"
    assert tones.left == ["tones"]


def test_a_part_that_does_not_fit_is_not_used(tones, server, recordings):
    part = tones.folder / "tones.zip.part"
    for content in (b"of another archive", bytes(len(tones.archive))):
        part.parent.mkdir(exist_ok=True)
        part.write_bytes(content)
        tones.fails("")
        assert tones.left == []
    assert_complete(tones.fetch(), recordings)


def test_a_corpus_without_terms_is_fetched_when_it_is_needed(
    tones, server, recordings, workspace, capsys
):
    corpus = corpora.load("tones")
    assert corpus.root == workspace / "data" / "tones"
    assert len(corpus.table) == len(recordings)
    said = capsys.readouterr().err
    assert all(part in said for part in ("Corpus of tones", "CC0-1.0", "0.2 MB"))
    assert len(corpora.load("tones").table) == len(recordings)
    assert (len(server.asked), capsys.readouterr().err) == (1, "")


def test_where_there_is_no_network_it_says_what_to_do(tones, server, workspace, monkeypatch):
    server.stop()
    with pytest.raises(CorpusError, match=r"cannot be fetched.*--data DIR"):
        corpora.load("tones")
    monkeypatch.setitem(CATALOGUE, "tones", replace(CATALOGUE["tones"], licence="by form"))
    with pytest.raises(ParameterError, match=r"'tones' needs its folder \(--data DIR\); get it"):
        corpora.load("tones")


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


@pytest.mark.parametrize(("file", "status"), [("gone.zip", 404), ("tones.zip", 503)])
def test_a_server_that_refuses_or_is_not_there(tones, server, capsys, file, status):
    tones.know(url=f"{server.base}/{file}")
    server.busy = 2 * (status == 503)
    tones.fails(f"{server.base}/{file} cannot be fetched ({status}", "ser corpora")
    assert tones.left == []
    # The licence is shown before anything is asked for.
    assert cli.main(["download", "tones", str(tones.folder)]) == 1
    printed = capsys.readouterr()
    assert "CC0-1.0" in printed.out
    assert re.fullmatch(rf"ser: .*cannot be fetched \({status}.*\n", printed.err)
    server.stop()
    tones.fails(f"{file} cannot be fetched (ConnectionError)", "look at the network")
    assert tones.left == []


def test_a_folder_in_which_nothing_can_be_written(tones, server):
    mine = tones.folder / "tones" / "mine.wav"
    mine.parent.mkdir(parents=True)
    mine.write_text("keep this")
    assert tones.fetch() == mine.parent
    assert mine.read_text() == "keep this"
    shutil.rmtree(tones.folder)
    tones.folder.write_text("not a folder")
    tones.fails("is a file, not a folder")
    assert server.asked == []


# Archives that are not what they should be


def flipped(content: bytes) -> bytes:
    """The same bytes but one, in the middle of a recording."""
    return content[:30_000] + bytes([content[30_000] ^ 255]) + content[30_001:]


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_tampered_archive_is_known_by_its_checksum(tones, server, recordings, kind):
    checksum = f"{kind}:{hashlib.new(kind, tones.archive).hexdigest()}"
    tones.know(checksum=checksum)
    server.files["tones.zip"] = flipped(tones.archive)
    tones.fails(f"is not the file that is known here: its checksum is not {checksum}; it was del")
    assert tones.left == []
    server.files["tones.zip"] = tones.archive
    assert_complete(tones.fetch(), recordings)


@pytest.mark.parametrize("folder", [FOLDER, ""])
@pytest.mark.parametrize(
    "name", ["../evil.txt", f"{FOLDER}/../../../evil.txt", "/tmp/evil.txt", "C:\\evil.txt"]
)
def test_nothing_is_written_outside_the_folder(tones, recordings, tmp_path, folder, name):
    tones.serve(pack(recordings, folder=folder, more=[(name, b"evil")]), folder=folder)
    outside = {path for path in tmp_path.rglob("*") if tones.folder not in path.parents}
    assert_complete(tones.fetch(), recordings)
    assert tones.left == ["tones"]
    after = {path for path in tmp_path.rglob("*") if tones.folder not in path.parents}
    assert after - outside <= {tones.folder}
    assert not Path("/tmp/evil.txt").exists()


# The command, and the table of archives


def test_the_command(tones, capsys, recordings):
    assert cli.main(["download", "tones", str(tones.folder)]) == 0
    folder = tones.folder / "tones"
    printed = capsys.readouterr().out
    for part in ("Corpus of tones", "CC0-1.0", "a server", "0.2 MB", f"tones --data {folder}"):
        assert part in printed
    assert_complete(folder, recordings)


@pytest.mark.parametrize("name", ["demo", "table"])
def test_a_corpus_without_an_archive(name, tmp_path, capsys):
    assert cli.main(["download", name, str(tmp_path / "data")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"ser: corpus '{name}' has no open archive")
    assert CATALOGUE[name].home in printed.err
    assert not (tmp_path / "data").exists()
    with pytest.raises(ParameterError, match=r"unknown corpus 'emobd' \(did you mean 'emodb'"):
        download.fetch("emobd", tmp_path)


def test_the_archives_are_those_of_the_catalogue():
    assert list(ARCHIVES) == ["emodb", "ravdess"]
    for name, known in ARCHIVES.items():
        assert name in CATALOGUE
        assert known.url.startswith("https://")
        assert re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", known.checksum)
        assert known.size > 1_000_000
    assert ARCHIVES["ravdess"].checksum == "md5:bc696df654c87fed845eb13823edef8a"
    assert ARCHIVES["emodb"].in_words == "an archive of 40.0 MB, about 50.0 MB when unpacked"
