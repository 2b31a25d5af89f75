"""Independent jobs in parallel: on the processors of this machine, or on a Dask cluster.

A cluster is one that is there already, and nothing is told to it but the jobs: Dask gives each to a
free worker, and to another one if that is killed. A job carries what its results depend on (the
versions of the library and of packages); a worker on which that differs refuses it and says why.
"""

import asyncio
import ctypes
import logging
import multiprocessing
import os
import pickle
import platform
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, MutableSequence, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from queue import Empty, SimpleQueue

from ser_lib.core.errors import AudioError, ClusterError, SerError, StoreError, extras
from ser_lib.core.files import digest, sources, workspace

DRIVERS = ("/dev/nvidiactl", "/dev/dxg")  # of an NVIDIA GPU; on Linux, on Linux in Windows
CPUS = Path("/proc/cpuinfo")
PRODUCTS = {"amx_bf16", "avx512_bf16"}  # what Linux calls multiplying bfloat16, on x86
PAUSE = 1.0  # seconds after which a watcher is told how far the jobs are
TOLD_S = 10.0  # seconds between two lines that say how far long work is
PATIENCE = 5.0  # seconds that a scheduler has to be there, and then its workers
PACKAGES = ("keras", "numpy", "scipy", "soundfile", "soxr", "tensorflow", "tensorflow-cpu")
COMMAND = "dask worker {} --nthreads 1 --nworkers 2"  # what starts workers of a scheduler
_AGAIN = "what was finished is kept: run the same command again"

Initializer = Callable[[], None] | None
Steps = MutableSequence[int] | None
Pool = Iterator[tuple[Callable[..., Future], Callable[[Future], object]]]


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def has_driver() -> bool:
    """Tell whether this machine may have an NVIDIA GPU."""
    return any(Path(file).exists() for file in DRIVERS)


@cache
def has_bfloat16() -> bool:
    """Tell whether the processors of this machine multiply bfloat16, and do the computing."""
    with suppress(OSError):
        flags = CPUS.read_text(encoding="utf-8").split()
        return not has_driver() and not PRODUCTS.isdisjoint(flags)
    return False


def tell(line: str) -> None:
    """Tell how far long work is: a line on the standard error stream."""
    show("")
    print(line, file=sys.stderr, flush=True)


def show(line: str) -> bool:
    """Rewrite the last line of a terminal; in a pipe, in a notebook and in CI return False."""
    if terminal := sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{line[:width]}", end="", file=sys.stderr, flush=True)
    return terminal


def roughly(seconds: float) -> str:
    """Say about how long something takes.

    >>> roughly(20), roughly(1100), roughly(9000)
    ('less than a minute', 'about 18 min', 'about 2.5 h')
    """
    if seconds < 60:
        return "less than a minute"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.2g} h"


class Countdown:
    """How far long work is, of which so much is done in all units, and the time that is left.

    What was `expected` of it, in seconds, counts like a tenth that was measured: the first part
    takes longer than the others, as its process has to start.
    """

    def __init__(self, total: float, *, done: float = 0, expected: float | None = None) -> None:
        self._total, self._before, self._expected = total, done, expected
        self._start = self._told = time.monotonic()

    def left(self, done: float) -> str:
        """Return the words that end a line, "" if nothing is known yet."""
        seconds, units = time.monotonic() - self._start, done - self._before
        if self._expected is not None:
            seconds += self._expected / 10
            units += (self._total - self._before) / 10
        return f", {roughly(seconds / units * (self._total - done))} to go" if units else ""

    def tell(self, done: float, words: str) -> None:
        """Say how far the work is: all the time on a terminal, else every ten seconds."""
        line = f"{done:,} of {self._total:,} {words}{self.left(done)}" * (done < self._total)
        if not show(line) and line and time.monotonic() - self._told > TOLD_S:
            self._told = time.monotonic()
            tell(line)


def each(
    function: Callable,
    jobs: Iterable[tuple],
    *,
    workers: int | str | None = None,
    initializer: Initializer = None,
    watch: Callable[[Sequence[int]], None] | None = None,
) -> Iterator:
    """Yield ``function(*job)`` of every job as it is done, in any order.

    An error, an interrupt or a caller that asks for no more results ends the processes at once
    and cancels what has not begun; jobs write their results atomically, so what is done stays.

    The function is one of a module, and its arguments must pickle. Workers are processes,
    `processors()` by default; 1 does the work in this process, and 0, too, but without the
    initializer, which every worker calls once before its first job. A text is the address of a Dask
    scheduler, ``"tcp://host:8786"``.

    `watch` is called now and then with the number of steps that each job has made: how often it
    called `step`. On a cluster that stays 0.

    A `SerError` is that of a job, on a cluster with the worker's name, or says that a worker is
    killed or cannot start; a `ClusterError`, that the cluster or one of its workers is not there,
    or is not as this process.
    """
    jobs = list(jobs)
    steps = RawArray("l", len(jobs)) if watch and jobs else None
    if steps:
        watch(steps)
    if workers in (0, 1) or not jobs:
        if workers and jobs and initializer:
            try:
                initializer()
            except RuntimeError as error:  # TensorFlow takes its settings only before its first use
                raise SerError(
                    f"this process cannot do the work ({error}); pass workers=2 or start a new "
                    "Python"
                ) from error
        outer = dict(_counted)  # a job may have jobs of its own
        try:
            for number, job in enumerate(jobs):
                _counted.update(steps=steps, number=number, watch=watch)
                yield function(*job)
        finally:
            _counted.clear()
            _counted.update(outer)
        return
    if isinstance(workers, str):
        pool = _cluster(workers, initializer)
    else:
        pool = _processes(min(workers or processors(), len(jobs)), initializer, steps)
    done: SimpleQueue[Future] = SimpleQueue()
    with pool as (submit, result_of):
        for number, job in enumerate(jobs):
            submit(number, function, *job).add_done_callback(done.put)
        for _ in jobs:
            while (future := _next(done, PAUSE if watch else None)) is None:
                watch(steps)
            yield result_of(future)


def step() -> None:
    """Count a step of the job that this process does, such as an epoch; see `each`."""
    if steps := _counted.get("steps"):
        steps[_counted["number"]] += 1
        if watch := _counted.get("watch"):
            watch(steps)


_counted: dict = {}  # of this process: the `steps` of all jobs, the `number` of its own, `watch`


def _step_by_step(number: int, function: Callable, *job):
    """Do a job in a worker process."""
    _counted["number"] = number
    return function(*job)


def _next(done: SimpleQueue, seconds: float | None) -> Future | None:
    """Return a future that is done, or None after so many seconds."""
    with suppress(Empty):
        return done.get(timeout=seconds)
    return None


@contextmanager
def silent_libraries() -> Iterator[None]:
    """Drop what native libraries write to the standard error stream; Python's own errors come out.

    TensorFlow announces its build there at every start, which no setting of its own prevents.
    """
    sys.stderr.flush()
    stream = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stream, 2)
        os.close(stream)


@contextmanager
def _processes(count: int, initializer: Initializer, steps: Steps) -> Pool:
    """Start processes; give what submits a job, and what gives the result of its future."""
    # Spawned, not forked: TensorFlow and threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, initializer=_begin, initargs=(initializer, steps))

    def submit(number: int, function: Callable, *job) -> Future:
        with _no_script(), _no_interrupt():
            return pool.submit(_step_by_step, number, function, *job)

    try:
        yield submit, Future.result
        pool.shutdown()
    except BrokenProcessPool as error:
        raise SerError(
            f"a worker process was killed, perhaps for lack of memory; {_AGAIN}"
        ) from error
    except BaseException:
        children, results = list((pool._processes or {}).values()), pool._result_queue
        pool.shutdown(wait=False, cancel_futures=True)
        for child in children:
            child.terminate()
        # Who reads a result that came by half would wait for the rest while anybody could write.
        results._writer.close()  # type: ignore[attr-defined]
        raise


@contextmanager
def _no_script() -> Iterator[None]:
    """Hide the user's script, which no job needs, from processes: one without a guard would run."""
    script = sys.modules["__main__"]
    hidden = {name: getattr(script, name, None) for name in ("__file__", "__spec__")}
    vars(script).update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        vars(script).update(hidden)


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Keep interrupts from processes that start meanwhile: their parent has them and ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(initializer: Initializer, steps: Steps) -> None:
    """Prepare a process; it ends with its parent, even if that is killed without a word."""

    def follow() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    _counted["steps"] = steps
    runs = workspace() / "runs"
    # What native libraries say; errors travel to the parent. A prediction needs no folder for it.
    with suppress(OSError), open(runs / "native.log" if runs.is_dir() else os.devnull, "ab") as log:
        os.dup2(log.fileno(), 2)
    if initializer:
        initializer()


@contextmanager
def _cluster(address: str, initializer: Initializer) -> Pool:
    """Connect to a scheduler; give what submits a job, and what gives the result of its future."""
    with extras("cluster"):
        from distributed import Client
    # What it would log, with a traceback, is said by an error.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        with ThreadPoolExecutor(1) as thread:  # a notebook's own thread runs a loop already
            thread.submit(asyncio.run, _greet(address)).result()
        connected = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at '{address}' ({str(error) or 'silence'}); start one with "
            "'dask scheduler', which prints its address, such as tcp://host:8786"
        ) from error
    with connected as client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise ClusterError(
                f"the cluster at {address} has no workers; start some: {COMMAND.format(address)}"
            ) from error
        for worker, facts in client.run(about, on_error="return").items():
            if isinstance(facts, Exception):  # it would never say why it cannot take a job
                raise ClusterError(f"worker {worker} has no such version of the library: {facts}")
        executor = client.get_executor(pure=False)

        def submit(number: int, function: Callable, *job) -> Future:
            content = pickle.dumps((function, job, initializer))
            return executor.submit(_work, content, about(), address)

        try:
            yield submit, partial(_result, address)
        finally:
            executor.shutdown(wait=False)


async def _greet(address: str) -> None:
    """Connect and hang up: a client would wait for ever for what listens and never answers."""
    from distributed.core import connect

    greeted = await asyncio.wait_for(connect(address, timeout=PATIENCE), PATIENCE)
    await greeted.close()


def _result(address: str, future: Future):
    try:
        result = future.result()
    except Exception as error:  # of Dask: a job hands its own over
        why = str(error.__cause__ or error) or "it was restarted"
        raise ClusterError(
            f"the cluster at {address} gave up ({why}); its scheduler and its workers must be "
            f"there, with enough memory, and have this library from the same commit; {_AGAIN}"
        ) from error
    if isinstance(result, Exception):
        raise result
    return result


def _work(job: bytes, expected: dict, address: str):
    """Do a job in a worker of a cluster; return its result or its error."""
    from distributed import get_worker

    name = f"worker {get_worker().address} on {platform.node()}"
    facts = about() | {"threads": get_worker().state.nthreads}
    differing = [
        f"{fact} {facts.get(fact, 'none')} (here {expected.get(fact, 'none')})"
        for fact in sorted(expected | facts)
        if expected.get(fact) != facts.get(fact)
    ]
    if differing:
        return ClusterError(
            f"the {name} has {', '.join(differing)}; start workers from the same commit and "
            f"requirements.lock as here, with one thread each: {COMMAND.format(address)}"
        )
    try:
        function, arguments, initializer = pickle.loads(job)
        _prepare(initializer)
        return function(*arguments)
    except (AudioError, StoreError, OSError) as error:
        kind = type(error) if isinstance(error, SerError) else ClusterError
        return kind(f"{error} ({name}, where all files must be under the same path as here)")
    except SerError as error:
        return type(error)(f"{error} ({name})")
    except Exception as error:
        error.add_note(f"{name}:\n{traceback.format_exc()}")
        return error


@cache  # once for a process
def _prepare(initializer: Initializer) -> None:
    # Dask has glibc give memory back with every array, which doubles the time of features; this
    # (M_TRIM_THRESHOLD) is how far glibc goes by itself. Other C libraries have no such function.
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(-1, 64 << 20)
    if initializer:
        initializer()


@cache  # modules that are loaded do not change with their files, so it is said once
def about() -> dict[str, str | int]:
    """Return what must be the same in all processes of a job, by name."""
    facts = {"python": ".".join(platform.python_version_tuple()[:2]), "ser_lib": digest(*sources())}
    # The state of Keras is one for a process, and so are its random numbers.
    return facts | versions(*PACKAGES) | {"threads": 1}


@cache
def versions(*packages: str) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    installed = {}
    # macOS has no tensorflow-cpu, others no tensorflow.
    for package in packages:
        with suppress(PackageNotFoundError):
            installed[package] = version(package)
    return installed
