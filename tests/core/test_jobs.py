"""Parallel jobs: the same results as one after the other, and nothing left running after an error.

The functions that workers call lie at the top of this module, where they can be imported.
"""

import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ser_lib.core import jobs as parallel
from ser_lib.core.errors import CorpusError, SerError
from ser_lib.core.files import write_atomically

JOBS = [(n,) for n in range(6)]


def fail_at(n: int, folder: Path) -> int:
    if n == 0:
        raise CorpusError("job 0 is bad")
    time.sleep(0.2)
    (folder / str(n)).touch()
    return n


def mark() -> None:
    os.environ["SER_TEST_MARK"] = "set by the initializer"


def whoami(n: int) -> tuple[int, str | None]:
    return os.getpid(), os.environ.get("SER_TEST_MARK")


def die(n: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stay(n: int) -> int:
    time.sleep(0 if n == 0 else 600)
    return n


def say_and_stay(file: str) -> None:
    write_atomically(Path(file), str(os.getpid()))
    time.sleep(600)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Whoever inherits an ended process may be slow to collect it.
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for(condition, seconds=60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_the_number_of_processors_is_sensible():
    assert 1 <= parallel.processors() <= (os.cpu_count() or 1)


@pytest.mark.parametrize("workers", [0, 2, 50])
def test_results_are_those_of_a_loop(workers):
    found = parallel.each(math.factorial, JOBS, workers=workers)
    assert sorted(found) == [1, 1, 2, 6, 24, 120]


@pytest.mark.parametrize("workers", [None, 0, 1])
def test_no_jobs_no_work(workers):
    assert list(parallel.each(die, [], workers=workers)) == []


def test_without_workers_jobs_are_done_here_one_by_one():
    done = []
    results = parallel.each(done.append, JOBS, workers=0)
    assert done == []
    next(results)
    assert done == [0]
    assert {pid for pid, _ in parallel.each(whoami, JOBS, workers=0)} == {os.getpid()}


def test_workers_are_other_processes_each_prepared_once():
    found = list(parallel.each(whoami, JOBS, workers=2, initializer=mark))
    pids = {pid for pid, _ in found}
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= 2
    assert {text for _, text in found} == {"set by the initializer"}
    assert "SER_TEST_MARK" not in os.environ
    wait_for(lambda: not multiprocessing.active_children())


def test_workers_need_no_folder_in_which_they_may_write(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SER_WORKSPACE", str(tmp_path / "file"))
    assert list(parallel.each(math.factorial, [(4,)], workers=1)) == [24]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_keeps_its_type_and_stops_the_rest(tmp_path, workers):
    jobs = [(n, tmp_path) for n in range(20)]
    with pytest.raises(CorpusError, match="job 0 is bad"):
        list(parallel.each(fail_at, jobs, workers=workers))
    # The pool's own thread collects them, too: between its wait and its note, a child that has
    # ended still counts as active, so to look once is not enough.
    wait_for(lambda: not multiprocessing.active_children())
    assert len(list(tmp_path.iterdir())) < 19


def test_a_killed_worker_is_explained():
    with pytest.raises(SerError, match=r"worker process was killed.*run the same command again"):
        list(parallel.each(die, JOBS, workers=1))


def test_workers_end_with_a_parent_that_was_killed(tmp_path):
    file = tmp_path / "pid"
    code = f"import test_parallel as t; list(t.parallel.each(t.say_and_stay, [({str(file)!r},)]))"
    parent = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    wait_for(file.is_file)
    worker = int(file.read_text())
    assert is_running(worker)
    parent.kill()
    parent.wait()
    wait_for(lambda: not is_running(worker))


def test_who_stops_listening_ends_the_workers():
    results = parallel.each(stay, [(0,), (1,), (2,)], workers=2)
    assert next(results) == 0
    assert multiprocessing.active_children()
    results.close()
    wait_for(lambda: not multiprocessing.active_children())  # they would sleep for ten minutes
