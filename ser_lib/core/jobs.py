"""Independent jobs in parallel, in processes or on a cluster: one way to do it for every room."""

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress

from ser_lib.core.errors import SerError
from ser_lib.core.files import workspace


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def tell(line: str) -> None:
    """Tell how far long work is: a line on the standard error stream."""
    print(line, file=sys.stderr, flush=True)


def each(
    function: Callable,
    jobs: Iterable[tuple],
    *,
    workers: int | str | None = None,
    initializer: Callable[[], None] | None = None,
) -> Iterator:
    """Yield ``function(*job)`` of every job as it is done, in any order.

    An error or an interrupt ends the workers at once and cancels what has not begun; jobs write
    their results atomically, so what is done stays and the next run carries on.

    Parameters
    ----------
    function, jobs
        A function of a module, and its arguments; both must pickle.
    workers
        Processes, `processors()` by default. 0 does the work in this process; a text is the
        address of a Dask scheduler, whose workers do it.
    initializer
        Called once in every worker before its first job.

    Raises
    ------
    SerError
        If a worker is killed from outside, by lack of memory for instance.
    ClusterError
        See `cluster.each`.
    """
    jobs = list(jobs)
    if workers == 0 or not jobs:
        yield from (function(*job) for job in jobs)
        return
    if isinstance(workers, str):
        from ser_lib.core import cluster

        yield from cluster.each(function, jobs, workers, initializer=initializer)
        return
    others = set(multiprocessing.active_children())
    # Spawned, not forked: TensorFlow and threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    count = min(workers or processors(), len(jobs))
    pool = ProcessPoolExecutor(
        count, mp_context=context, initializer=_begin, initargs=(initializer,)
    )
    try:
        # No name for the list: it would hold every result to the end.
        for future in as_completed([pool.submit(function, *job) for job in jobs]):
            yield future.result()
        pool.shutdown()
    except BaseException as error:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        if isinstance(error, BrokenProcessPool):
            raise SerError(
                "a worker process was killed, perhaps for lack of memory; what was finished is "
                "kept: run the same command again"
            ) from error
        raise


@contextmanager
def silent_libraries() -> Iterator[None]:
    """Drop what native libraries write to the standard error stream; Python's own errors come out.

    TensorFlow announces its build there at every start, which no setting of its own prevents.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _begin(initializer: Callable[[], None] | None) -> None:
    """Prepare a worker; it ends with its parent, even if that is killed without a word."""

    def follow() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    runs = workspace() / "runs"
    # What native libraries say; errors travel to the parent. A prediction needs no folder for it.
    with suppress(OSError), open(runs / "native.log" if runs.is_dir() else os.devnull, "ab") as log:
        os.dup2(log.fileno(), 2)
    if initializer:
        initializer()
