"""What tests of several rooms share: an empty workspace, corpora of tones, the real corpus."""

import csv
import json
import os
import subprocess
import sys
import textwrap
import uuid
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import settings

import ser_lib
from ser_lib import cli
from ser_lib.experiments import fit

# The machine may be busy; how long an example takes says nothing about the code.
settings.register_profile("project", deadline=None, derandomize=True, database=None)
settings.load_profile("project")

LIBRARY = Path(ser_lib.__file__).parent
PITCHES = {"anger": 600.0, "neutral": 150.0, "sadness": 300.0}  # Hz


LONGEST = ("report/test_notebooks.py", "report/")
"""Where tests take the longest: what begins last is what every other processor waits for."""


def pytest_collection_modifyitems(items):
    """Put the longest files first."""
    items.sort(key=lambda item: [place not in item.path.as_posix() for place in LONGEST])


def pytest_collection_finish():
    """Let TensorFlow compute as in a worker, so that tests can train in this process."""
    if "tensorflow" in sys.modules:
        fit.start_worker()


def pytest_xdist_make_scheduler(config, log):
    """Keep a file in one process, and all files that read the small books, which are built once."""
    from xdist.scheduler import LoadFileScheduling

    class Books(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            alone = ("test_notebooks.py", "test_new.py")
            return "books" if "tests/report/" in file and not file.endswith(alone) else file

    return Books(config, log)


def made_workspace(folder: Path) -> Path:
    (folder / "notebooks").mkdir(parents=True)
    return folder


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Path:
    """An empty workspace, in which all that a test makes lies."""
    folder = made_workspace(tmp_path / "workspace")
    monkeypatch.setenv("SER_WORKSPACE", str(folder))
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A workspace that the tests of a module share."""
    folder = made_workspace(tmp_path_factory.mktemp("home") / "workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SER_WORKSPACE", str(folder))
        yield folder


@pytest.fixture
def ser(capsys):
    """Run a command; return its exit code and what it printed to standard output and error."""

    def run(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture(scope="session")
def emodb() -> Path:
    """The folder of the real EmoDB."""
    named = os.environ.get("SER_EMODB")
    if not named:
        pytest.skip("needs real speech: set SER_EMODB to the folder of EmoDB that holds wav/")
    folder = Path(named)
    assert (folder / "wav").is_dir(), f"SER_EMODB={named} holds no wav/"
    return folder


@pytest.fixture(scope="session")
def write_tone():
    """A function that writes a short tone in noise as an audio file and returns its path."""

    def write(path: Path, *, hertz: float = 220.0, seconds: float = 0.4, rate=22_050, seed=0):
        time = np.arange(round(seconds * rate)) / rate
        noise = np.random.default_rng(seed).normal(0, 0.01, len(time))
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.3 * np.sin(2 * np.pi * hertz * time) + noise, rate)
        return path

    return write


@pytest.fixture(scope="session")
def rooms_behind():
    """A function: names of rooms -> these and all that they import, directly or not."""
    from ser_lib.report.notebooks import _imports

    def behind(*rooms: str) -> set[str]:
        files, todo = set(), {LIBRARY / f"{room.replace('.', '/')}.py" for room in rooms}
        while todo:
            files |= todo
            todo = set().union(*(_imports(file.read_text("utf-8")) for file in todo)) - files
        names = {file.relative_to(LIBRARY) for file in files if file.read_text()}
        return {".".join(name.with_suffix("").parts).removesuffix(".__init__") for name in names}

    return behind


@pytest.fixture(scope="session")
def make_table(write_tone):
    """A function that makes a corpus of tones, one pitch per emotion, and returns its table."""

    def make(folder: Path, *, speakers=("s1", "s2", "s3"), emotions=tuple(PITCHES), each=2) -> Path:
        rows = []
        for i, speaker in enumerate(speakers):
            for emotion in emotions:
                for take in range(each):
                    path = f"wav/{speaker}-{emotion}-{take}.wav"
                    hertz = PITCHES[emotion] * (1 + 0.05 * i + 0.01 * take)
                    seconds = 0.3 + 0.1 * take
                    write_tone(folder / path, hertz=hertz, seconds=seconds, seed=len(rows))
                    rows.append({"path": path, "speaker": speaker, "emotion": emotion})
        table = folder / "table.csv"
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["path", "speaker", "emotion"])
            writer.writeheader()
            writer.writerows(rows)
        return table

    return make


@pytest.fixture(scope="session")
def _s3_server():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def s3_endpoint(monkeypatch):
    """A function that sets which S3 server this process and its workers talk to."""

    def at(url: str) -> None:
        from fsspec.config import conf

        monkeypatch.setitem(conf, "s3", {"endpoint_url": url})
        monkeypatch.setenv("FSSPEC_S3_ENDPOINT_URL", url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "nobody")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    return at


@pytest.fixture
def bucket(_s3_server, s3_endpoint) -> str:
    """The address of an empty bucket on a local S3 server."""
    import fsspec

    s3_endpoint(_s3_server)
    name = f"bucket-{uuid.uuid4().hex}"
    fsspec.filesystem("s3").mkdir(name)
    return f"s3://{name}"


@pytest.fixture
def on_a_small_disk(tmp_path):
    """A function that runs code on a disk of so many kB, and returns what it puts into `told`.

    The code finds the disk's folder in `disk`, and `enlarge()` makes the disk a large one.
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    before = """
        import json, os, subprocess, sys
        from pathlib import Path

        disk, told = Path(sys.argv[1]), {}
        os.environ["SER_WORKSPACE"] = str(disk)

        def mount(options):
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], check=True)

        def enlarge():
            mount("remount,size=50m")

        mount(f"size={sys.argv[2]}k")
    """
    # A disk of its own needs rights that a user has only in a world of its own.
    apart = ["unshare", "--user", "--map-root-user", "--mount"]

    def run(code: str, *, kilobytes: int) -> dict:
        script = "\n".join(map(textwrap.dedent, (before, code, "print(json.dumps(told))")))
        command = [*apart, sys.executable, "-c", script, str(disk), str(kilobytes)]
        path = os.pathsep.join(filter(None, [str(LIBRARY.parent), os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    try:
        trial = [*apart, "mount", "-t", "tmpfs", "tmpfs", disk]
        subprocess.run(trial, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no disk of its own can be mounted here")
    return run
