"""Jobs in processes and on a Dask cluster: the results of a loop, whatever happens to a worker.

The functions that workers call lie at the top of this module, where they can be imported.
"""

import io
import json
import math
import multiprocessing
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import distributed
import pytest
from distributed.cli import dask_scheduler, dask_worker

from ser_lib import cli, corpora
from ser_lib.core import jobs
from ser_lib.core.errors import (
    AudioError,
    ClusterError,
    CorpusError,
    PackageError,
    SerError,
    SplitError,
    StoreError,
)
from ser_lib.core.files import write_atomically
from ser_lib.experiments import search, sweep, train
from ser_lib.experiments.experiment import Experiment
from ser_lib.features import store

PROJECT = Path(__file__).parents[2]
JOBS = [(n,) for n in range(8)]


def double(n: int) -> int:
    return 2 * n


def count() -> None:
    os.environ["SER_TEST_CALLS"] = os.environ.get("SER_TEST_CALLS", "") + "x"


def refuse() -> None:
    raise RuntimeError("too late")


def whoami(n: int) -> tuple[int, str | None]:
    time.sleep(0.05)  # so that no worker is done with all before the other has begun
    return os.getpid(), os.environ.get("SER_TEST_CALLS")


def fail(kind: type[Exception]) -> None:
    raise kind("of the job")


def fail_first(n: int, folder: Path) -> int:
    if n == 0:
        raise CorpusError("job 0 is bad")
    return note(n, folder)


def note(n: int, folder: Path) -> int:
    time.sleep(0.05)
    (folder / f"{n}-{os.getpid()}-{time.monotonic_ns()}").touch()
    return n


def make_steps(n: int) -> int:
    for _ in range(n):
        jobs.step()
    time.sleep(0.3)
    return n


def note_and_stay(n: int, folder: Path) -> int:
    """The first job stays until it is killed; the second time it is done."""
    note(n, folder)
    if n == 0 and len(list(folder.glob("0-*"))) == 1:
        time.sleep(600)
    return n


def stay(n: int) -> int:
    time.sleep(0 if n == 0 else 600)
    return n


def say_and_stay(file: str) -> None:
    write_atomically(Path(file), str(os.getpid()))
    time.sleep(600)


def read_map(maps: store.Store, i: int) -> bytes:
    return maps[i].tobytes()


def die(n: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Whoever inherits an ended process may be slow to collect it.
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def wait_for(condition, seconds=60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def local_cluster(**options):
    return distributed.LocalCluster(
        processes=True, threads_per_worker=1, dashboard_address=":0", **options
    )


@pytest.fixture(scope="module")
def two_workers():
    with local_cluster(n_workers=2) as local:
        yield local


@pytest.fixture(scope="module")
def address(two_workers):
    return two_workers.scheduler_address


@pytest.fixture(params=["processes", "cluster"])
def workers(request):
    """Two workers of either kind."""
    return 2 if request.param == "processes" else request.getfixturevalue("address")


@pytest.fixture
def started_here():
    """A function that says which processes a test has started; those of a cluster are older."""
    before = set(multiprocessing.active_children())
    return lambda: set(multiprocessing.active_children()) - before


@pytest.fixture
def nobody():
    """A cluster without workers."""
    with local_cluster(n_workers=0) as local:
        yield local


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE", 0.3)


@pytest.fixture
def patient(monkeypatch):
    """Programs of Dask may take their time to start."""
    monkeypatch.setattr(jobs, "PATIENCE", 60)


def with_library(folder: Path) -> dict[str, str]:
    """The environment of a process that takes the library of a folder."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}


@contextmanager
def started(*command, library: Path = PROJECT):
    """A program of Dask, with the library that lies in a folder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *command],
        env=with_library(library),
        cwd=library,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        # A worker that is asked to end may wait for connections that nobody answers any more.
        process.kill()
        process.wait()


@contextmanager
def worker(local, *options, library: Path = PROJECT):
    """A worker as a user would start it, once the scheduler knows it."""
    command = ("worker", local.scheduler_address, "--no-nanny", "--no-dashboard", *options)
    with started(*command, library=library):
        wait_for(lambda: local.scheduler.workers)
        yield


@contextmanager
def started_cluster(folder: Path, *, library: Path = PROJECT):
    """A scheduler, with the library of a folder, and a worker: its process and its address."""
    file = folder / "scheduler.json"
    scheduler = ("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    with started(*scheduler, "--scheduler-file", str(file), library=library) as process:
        wait_for(file.is_file)
        address = json.loads(file.read_text())["address"]
        with started("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"):
            yield process, address


def without_library(folder: Path) -> Path:
    """A folder whose library is none, before the one that is installed."""
    (folder / "ser_lib").mkdir()
    (folder / "ser_lib" / "__init__.py").write_text("raise ImportError('none here')")
    return folder


# In processes as on a cluster


@pytest.mark.parametrize("count", [None, 0, 1, 2, 50])
def test_results_are_those_of_a_loop(tmp_path, monkeypatch, count):
    # Workers need no folder in which they may write.
    (tmp_path / "file").touch()
    monkeypatch.setenv("SER_WORKSPACE", str(tmp_path / "file"))
    results = jobs.each(math.factorial, JOBS, workers=count)
    assert sorted(results) == [math.factorial(*job) for job in JOBS]
    assert 1 <= jobs.processors() <= (os.cpu_count() or 1)
    assert list(jobs.each(die, [], workers=count)) == []


@pytest.mark.parametrize("count", [1, 2])
def test_steps_of_jobs_are_watched(monkeypatch, count):
    monkeypatch.setattr(jobs, "PAUSE", 0.05)
    seen = []
    results = jobs.each(
        make_steps, [(n,) for n in (3, 0, 2)], workers=count, watch=lambda s: seen.append(list(s))
    )
    assert sorted(results) == [0, 2, 3]
    assert (seen[0], seen[-1]) == ([0, 0, 0], [3, 0, 2])
    assert all(b >= a for one, two in pairwise(seen) for a, b in zip(one, two, strict=True))
    jobs.step()  # where nobody watches, it does nothing
    assert seen[-1] == [3, 0, 2]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_what_is_left_is_as_expected_and_then_as_measured(monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr(jobs, "time", clock)
    now = 0.0
    unknown, known = jobs.Countdown(10), jobs.Countdown(10, expected=1200)
    later = jobs.Countdown(10, done=5)
    assert (unknown.left(0), known.left(0)) == ("", ", about 20 min to go")
    now = 600.0
    assert unknown.left(5) == ", about 10 min to go"
    assert later.left(6) == ", about 40 min to go"
    assert known.left(5) == ", about 10 min to go"  # (600 + 120) / 6 for each of 5
    assert unknown.left(10) == ", less than a minute to go"


def test_a_terminal_has_one_line_and_a_pipe_one_every_ten_seconds(monkeypatch):
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        clock = jobs.Countdown(4)
        clock.tell(1, "files")
        assert ("1 of 4 files" in stream.getvalue()) is shown
        assert "\n" not in stream.getvalue()
        monkeypatch.setattr(jobs, "TOLD_S", -1.0)
        clock.tell(2, "files")
        clock.tell(4, "files")
        jobs.tell("done")
        monkeypatch.undo()
        lines = stream.getvalue().replace("\x1b[K", "").splitlines()
        assert [line.partition(",")[0] for line in lines if line][-2:] == ["2 of 4 files", "done"]


def test_jobs_are_shared_out_and_each_process_is_prepared_once(workers):
    results = set(jobs.each(whoami, JOBS, workers=workers, initializer=count))
    if isinstance(workers, str):  # its processes stay
        results |= set(jobs.each(whoami, JOBS, workers=workers, initializer=count))
        assert len({pid for pid, _ in results}) == 2
    assert os.getpid() not in {pid for pid, _ in results}
    assert {calls for _, calls in results} == {"x"}
    assert "SER_TEST_CALLS" not in os.environ


@pytest.mark.parametrize("kind", [AudioError, SplitError, StoreError, ZeroDivisionError])
def test_an_error_keeps_its_type_and_that_of_a_cluster_names_the_worker(workers, kind):
    with pytest.raises(kind, match="of the job") as caught:
        list(jobs.each(fail, [(kind,)], workers=workers))
    if isinstance(workers, str) and issubclass(kind, SerError):
        assert re.search(r"of the job \(worker tcp://127\.0\.0\.1:\d+ on \S+", str(caught.value))
        files = kind in (AudioError, StoreError)
        assert ("under the same path as here" in str(caught.value)) is files
    if kind is ZeroDivisionError and isinstance(workers, str):  # a defect
        seen = caught.value.__notes__[0]
        assert re.search(r"worker tcp.*Traceback.*in fail\n", seen, re.DOTALL)


# In this process


def test_without_workers_jobs_are_done_here_one_by_one():
    done = []
    results = jobs.each(done.append, JOBS, workers=0)
    assert done == []
    next(results)
    assert done == [0]


def test_one_worker_is_this_process_and_prepared(monkeypatch):
    monkeypatch.setenv("SER_TEST_CALLS", "")
    results = set(jobs.each(whoami, JOBS, workers=1, initializer=count))
    assert results == {(os.getpid(), "x")}
    with pytest.raises(SerError, match=r"cannot do the work \(too late\); pass workers=2 or"):
        list(jobs.each(double, JOBS, workers=1, initializer=refuse))


@pytest.mark.parametrize("count", [1, 2, None])
def test_a_script_without_a_main_guard(tmp_path, count):
    script = tmp_path / "script.py"
    script.write_text(
        "import math\nfrom ser_lib.core import jobs\n"
        f"print(sorted(jobs.each(math.factorial, [(3,), (4,)], workers={count})))\n"
    )
    command = [sys.executable, script]
    done = subprocess.run(command, env=with_library(PROJECT), capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[6, 24]\n", "")


# In processes


@pytest.mark.parametrize("count", [0, 2])
def test_an_error_stops_the_rest(tmp_path, started_here, count):
    todo = [(n, tmp_path) for n in range(40)]
    with pytest.raises(CorpusError, match="job 0 is bad"):
        list(jobs.each(fail_first, todo, workers=count))
    # The pool's own thread collects them, too: between its wait and its note, a child that has
    # ended still counts as active, so to look once is not enough.
    wait_for(lambda: not started_here())
    assert len(list(tmp_path.iterdir())) < 39


def test_a_killed_worker_is_explained():
    with pytest.raises(SerError, match=r"worker process was killed.*run the same command again"):
        list(jobs.each(die, JOBS, workers=2))


def test_workers_end_with_a_parent_that_was_killed(tmp_path):
    file = tmp_path / "pid"
    code = f"import {__name__} as t; list(t.jobs.each(t.say_and_stay, [({str(file)!r},)]))"
    parent = subprocess.Popen([sys.executable, "-c", code], env=with_library(PROJECT))
    wait_for(file.is_file)
    pid = int(file.read_text())
    assert is_running(pid)
    parent.kill()
    parent.wait()
    wait_for(lambda: not is_running(pid))


def test_who_stops_listening_ends_the_workers(started_here):
    results = jobs.each(stay, [(0,), (1,), (2,)], workers=2)
    assert next(results) == 0
    assert started_here()
    results.close()
    wait_for(lambda: not started_here())  # they would sleep for ten minutes


def test_an_interrupt_is_for_the_parent_alone():
    asked = (signal.SIG_BLOCK, frozenset())
    assert list(jobs.each(signal.pthread_sigmask, [asked], workers=2)) == [{signal.SIGINT}]
    assert signal.pthread_sigmask(*asked) == set()


def test_a_result_that_came_by_half_is_not_waited_for():
    before = set(threading.enumerate())
    for _ in jobs.each(bytes, [(100_000_000,)] * 4, workers=2):
        break  # while the next one is being sent
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
        assert not thread.is_alive()


# On a cluster


def test_a_file_that_a_worker_cannot_write_is_an_error_of_the_cluster(address, tmp_path):
    gone = tmp_path / "gone"
    with pytest.raises(ClusterError, match=rf"No such file.*{gone}.*worker tcp.*same path"):
        list(jobs.each(note, [(0, gone)], workers=address))


def test_who_stops_listening_cancels_what_has_not_begun(two_workers, address, tmp_path):
    results = jobs.each(note, [(n, tmp_path) for n in range(200)], workers=address)
    next(results)
    results.close()
    wait_for(lambda: not two_workers.scheduler.tasks)
    assert len(list(tmp_path.iterdir())) < 100


# Workers that are killed


def test_a_killed_worker_costs_only_its_own_job(address, tmp_path):
    todo = [(n, tmp_path) for n in range(8)]
    results = jobs.each(note_and_stay, todo, workers=address)
    assert sorted(next(results) for _ in range(7)) == [1, 2, 3, 4, 5, 6, 7]
    (first,) = tmp_path.glob("0-*")
    os.kill(int(first.name.split("-")[1]), signal.SIGKILL)
    assert list(results) == [0]
    done = sorted(file.name.split("-")[0] for file in tmp_path.iterdir())
    assert done == ["0", "0", "1", "2", "3", "4", "5", "6", "7"]


def test_a_job_that_kills_its_workers_is_given_up(two_workers, address, monkeypatch):
    monkeypatch.setattr(two_workers.scheduler, "allowed_failures", 1)
    with pytest.raises(ClusterError, match=r"gave up .*enough memory"):
        list(jobs.each(die, [(0,)], workers=address))
    assert list(jobs.each(double, [(3,)], workers=address)) == [6]


def test_a_scheduler_that_is_killed(tmp_path, patient):
    with started_cluster(tmp_path) as (process, address):
        results = jobs.each(note, [(n, tmp_path) for n in range(2000)], workers=address)
        next(results)
        process.kill()
        with pytest.raises(ClusterError, match=r"gave up .*same command again"):
            list(results)


# Clusters that are not there, or not as they must be


@pytest.mark.parametrize("text", ["", "host", "http://host:8786", "tcp://127.0.0.1:9"])
def test_an_address_where_no_scheduler_answers(hasty, text):
    with pytest.raises(ClusterError, match=f"no Dask scheduler answers at '{text}'.*; start"):
        list(jobs.each(double, JOBS, workers=text))


def test_what_listens_and_never_answers_is_no_scheduler(hasty):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(ClusterError, match=f"no Dask scheduler answers at '{address}'"):
            list(jobs.each(double, JOBS, workers=address))


def test_a_cluster_without_workers(nobody, hasty):
    address = nobody.scheduler_address
    with pytest.raises(ClusterError, match=f"has no workers; start some: dask worker {address} "):
        list(jobs.each(double, JOBS, workers=address))


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(PackageError, match=r"pip install 'ser-lib\[cluster\]'"):
        list(jobs.each(double, JOBS, workers="tcp://127.0.0.1:9"))


@pytest.mark.parametrize(
    ("threads", "installed", "message"),
    [
        (2, True, r"has threads 2 \(here 1\); start.*--nthreads 1"),
        (1, False, r"worker tcp://\S+ has no such version of the library"),
    ],
)
def test_a_worker_that_is_unlike_this_process(nobody, tmp_path, threads, installed, message):
    library = PROJECT if installed else without_library(tmp_path)
    with (
        worker(nobody, "--nthreads", str(threads), library=library),
        pytest.raises(ClusterError, match=message),
    ):
        list(jobs.each(double, JOBS, workers=nobody.scheduler_address))


def test_a_scheduler_without_this_library(tmp_path, patient):
    library = without_library(tmp_path)
    with (
        started_cluster(tmp_path, library=library) as (_, address),
        pytest.raises(ClusterError, match=r"its workers must .* have this library"),
    ):
        list(jobs.each(double, JOBS, workers=address))


@pytest.fixture
def manifest(workspace, tmp_path, make_table):
    return corpora.load("table", make_table(tmp_path / "tones", each=8))  # two chunks


def test_a_worker_with_another_version_of_the_library(nobody, address, manifest, tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "ser_lib", tmp_path / "ser_lib", ignore=ignored)
    with (tmp_path / "ser_lib" / "core" / "audio.py").open("a") as file:
        file.write("# edited\n")
    here = jobs.about()["ser_lib"]
    message = rf"the worker tcp://\S+ on \S+ has ser_lib \w+ \(here {here}\); start workers from"
    with (
        worker(nobody, "--nthreads", "1", library=tmp_path),
        pytest.raises(ClusterError, match=message),
    ):
        store.build(manifest, workers=nobody.scheduler_address)
    assert not list(tmp_path.rglob("0*.npy"))
    maps = store.build(manifest, workers=address)
    assert len([maps[i] for i in range(72)]) == 72, "the next run carries on"


def test_what_must_be_the_same_is_told(address, monkeypatch):
    facts = jobs.about()
    assert {"python", "ser_lib", "threads", "numpy", "keras", "soxr"} <= set(facts)
    assert facts["threads"] == 1
    monkeypatch.setattr(jobs, "about", lambda: facts | {"numpy": "1.0", "gone": "2"})
    message = rf"has gone none \(here 2\), numpy {facts['numpy']} \(here 1.0\); start"
    with pytest.raises(ClusterError, match=message):
        list(jobs.each(double, JOBS, workers=address))


# The same results


def test_audio_that_a_worker_does_not_see(address, manifest):
    gone = manifest.root / manifest.table["path"].iloc[3]
    gone.unlink()
    with pytest.raises(AudioError, match=rf"{gone}: does not exist \(worker .*same path as here"):
        store.build(manifest, workers=address)


def test_a_store_that_only_the_workers_see(address, manifest, monkeypatch):
    monkeypatch.setattr(store.jobs, "each", lambda _, todo, workers: [64, 8])
    with pytest.raises(StoreError, match="not there for this machine; the store must be the same"):
        store.build(manifest, workers=address)


def test_workers_share_a_store_that_no_folder_holds(
    nobody, bucket, manifest, tmp_path, monkeypatch
):
    expected = [store.build(manifest, workers=0)[i].tobytes() for i in range(72)]
    monkeypatch.setenv("SER_STORE", f"{bucket}/stores")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("SER_WORKSPACE", str(elsewhere))  # of the workers alone
    with worker(nobody, "--nthreads", "1"):
        monkeypatch.setenv("SER_WORKSPACE", str(tmp_path / "workspace"))
        address = nobody.scheduler_address
        maps = store.build(manifest, workers=address)
        assert maps.address.startswith(f"{bucket}/stores/table-logmel-")
        assert [maps[i].tobytes() for i in range(72)] == expected
        todo = [(maps, i) for i in (0, 71)]
        read = list(jobs.each(read_map, todo, workers=address))
    assert sorted(read) == sorted([expected[0], expected[71]])
    assert len(list(elsewhere.rglob("0*.npy"))) == 2, "the worker keeps copies of its own"


def contents(folder: Path) -> dict[str, object]:
    """What features and folds left, but for times, and for the dates in the file of a network."""
    import keras  # not above, where workers would wait for it

    found: dict[str, object] = {}
    for file in folder.rglob("*"):
        name = file.relative_to(folder).as_posix()
        if file.name == "network.keras":
            weights = keras.saving.load_model(file, compile=False).get_weights()
            found[name] = [array.tobytes() for array in weights]
        elif file.name == "fold.json":
            found[name] = json.loads(file.read_text()) | {"duration_s": 0, "inference_ms": 0}
        elif file.is_file() and not {"manifests", "SHA256SUMS"} & set(file.parts):
            found[name] = file.read_bytes()
    return found


def test_features_and_a_fold_are_those_of_a_local_process(
    address, tmp_path, make_table, monkeypatch
):
    make_table(tmp_path / "tones", each=8)
    experiment = Experiment(
        architecture="cnn", corpus="table", protocol="random", epochs=1, crops=1
    )
    monkeypatch.chdir(tmp_path)  # where the workers are not
    left = []
    for name, workers in (("here", 2), ("there", address)):
        folder = tmp_path / name
        (folder / "notebooks").mkdir(parents=True)
        monkeypatch.setenv("SER_WORKSPACE", str(folder))
        corpus = corpora.load("table", "tones/table.csv")
        plan = experiment, corpus, train.audited(experiment, corpus)
        train.prepare([plan], workers=workers, progress=lambda line: None)
        (folder / "runs" / "native.log").unlink(missing_ok=True)
        left.append(contents(folder))
    names = {Path(name).name for name in left[0]}
    assert {"000000.npy", "000064.npy", "fold.json", "history.csv", "predictions.csv",
            "front_end.json", "network.keras"} <= names  # fmt: skip
    assert left[0] == left[1]


# The page of the book


PAGE = (PROJECT / "book" / "cluster.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def told(program: str) -> list[list[str]]:
    """The arguments of every call of a program."""
    lines = "\n".join(blocks("bash")).splitlines()
    return [shlex.split(line.removeprefix(program)) for line in lines if line.startswith(program)]


def test_what_the_page_and_the_errors_tell_to_do_is_understood(tmp_path):
    through_slurm = [[*words, "--scheduler", "tcp://a:1"] for words in told("python slurm.py ")]
    assert len(through_slurm) == 2
    for words in told("ser ") + through_slurm:
        options = cli.parser().parse_args(words)
        assert options.scheduler or words == ["sweep", "grid.yml", "--out", "grid.csv"]
    (scheduler,), (local,) = told("dask scheduler"), told("dask worker ")
    dask_scheduler.main.make_context("scheduler", scheduler)
    advised = shlex.split(jobs.COMMAND.format("tcp://127.0.0.1:8786"))
    assert advised == ["dask", "worker", *local]
    context = dask_worker.main.make_context("worker", local)
    assert (context.params["nthreads"], context.params["n_workers"]) == (1, "2")
    for block in blocks("python"):
        compile(block, "book/cluster.md", "exec")
    for text in blocks("yaml"):
        file = tmp_path / "file.yml"
        file.write_text(text)
        if "trials" in text:
            assert len(search.read(file).space) == 3
        else:
            assert len(sweep.read(file).experiments) == 6
