"""Independent jobs on a Dask cluster that is there already: `jobs.each` with an address.

Nothing is told to the cluster but the jobs. Dask gives each to a worker that has nothing else to
do, and once more to another one if that worker is killed. Who starts the workers, by hand, through
Slurm or on a cloud, is no matter, as long as they have this library in the same version: a job
carries what its results depend on, and a worker on which that differs refuses it and says why.
"""

import ctypes
import logging
import pickle
import platform
import traceback
from asyncio import run, wait_for
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import islice

from ser_lib.core.errors import AudioError, ClusterError, SerError, StoreError
from ser_lib.core.files import digest, sources

PATIENCE = 5.0
"""Seconds that a scheduler has to answer, and then its workers to be there."""

AHEAD = 2000
"""Jobs that the scheduler knows of at a time; it need not hold those of millions of files."""

PACKAGES = ("keras", "numpy", "scipy", "soundfile", "soxr", "tensorflow", "tensorflow-cpu")
"""Packages whose versions can change a result."""

_M_TRIM_THRESHOLD = -1


def each(
    function: Callable,
    jobs: Iterable[tuple],
    address: str,
    *,
    initializer: Callable[[], None] | None = None,
) -> Iterator:
    """Yield ``function(*job)`` of every job as it is done, in any order.

    Jobs that have not begun are cancelled by an error, by an interrupt, or when nobody asks for
    more results. Those that have begun end by themselves; their results are not waited for.

    Parameters
    ----------
    function, jobs, initializer
        As of `jobs.each`; the initializer is called in every worker process once.
    address
        Of a Dask scheduler, such as ``"tcp://host:8786"``.

    Raises
    ------
    ClusterError
        If the scheduler or its workers are not there, a worker has other versions or several
        threads, cannot reach a file, or a job ends one worker after the other.
    SerError
        From a job; it names the worker, too.
    """
    try:
        import distributed
    except ImportError as error:
        raise ClusterError(
            "a cluster needs an extra of the library: pip install 'ser-lib[cluster]'"
        ) from error
    # What it would log, with a traceback, is said by an error.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    _greet(address)
    with distributed.Client(address, timeout=PATIENCE, set_as_default=False) as client:
        wanted = about()
        _check_workers(client, address, wanted)
        waiting = (pickle.dumps((function, job, initializer)) for job in jobs)

        def submit(count: int) -> list:
            return [
                client.submit(_work, job, wanted, address, pure=False)
                for job in islice(waiting, count)
            ]

        done = distributed.as_completed(submit(AHEAD), loop=client.loop)
        for future in done:
            result = _result(future, address)
            done.update(submit(1))
            yield result


@cache  # modules that are loaded do not change with their files, so it is said once
def about() -> dict[str, str | int]:
    """Return what must be the same in all processes of a job, by name."""
    found: dict[str, str | int] = {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "ser_lib": digest(*sources()),
        "threads": 1,  # the state of Keras is one for a process, and so are its random numbers
    }
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _greet(address: str) -> None:
    """See if there is a scheduler; a client would wait without end for one that says nothing."""
    from distributed.comm import connect
    from distributed.security import Security

    async def greet() -> None:
        arguments = Security().get_connection_args("client")
        comm = await wait_for(connect(address, timeout=PATIENCE, **arguments), PATIENCE + 1)
        await comm.close()

    try:
        # In a thread, because a notebook's has a loop of its own already.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(run, greet()).result()
    except OSError as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address}; start one with 'dask scheduler', which "
            "prints its address"
        ) from error
    except (ValueError, RuntimeError) as error:
        raise ClusterError(
            f"'{address}' is not the address of a Dask scheduler, such as tcp://host:8786: {error}"
        ) from error


def _check_workers(client, address: str, wanted: dict) -> None:
    """Refuse a cluster without workers, or with one that is not as it must be."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise ClusterError(
            f"the cluster at {address} has no workers; start some: {_command(address)}"
        ) from error
    for worker, refusal in client.run(_refusal, wanted, address, on_error="return").items():
        if isinstance(refusal, Exception):  # it cannot even find the function
            refusal = f"the worker {worker} has no such version of the library: {refusal}"
        if refusal:
            raise ClusterError(refusal)


def _command(address: str) -> str:
    return f"dask worker {address} --nthreads 1 --nworkers 2"


def _result(future, address: str):
    from distributed.scheduler import KilledWorker

    try:
        result = future.result()
    except KilledWorker as error:
        raise ClusterError(
            "every worker that took a certain job was killed, perhaps for lack of memory; what "
            "was finished is kept: run the same command again"
        ) from error
    except (CancelledError, OSError) as error:
        raise ClusterError(
            f"the scheduler at {address} ended or was restarted; what was finished is kept: run "
            "the same command again"
        ) from error
    except Exception as error:  # of Dask: a job hands its own over
        raise ClusterError(
            f"the cluster at {address} cannot take the jobs ({error.__cause__ or error}); its "
            "scheduler, too, must have this library, from the same commit"
        ) from error
    if isinstance(result, Exception):
        raise result
    return result


# What runs in a worker


def _work(job: bytes, wanted: dict, address: str):
    """Do a job; return its result, or the error: what is raised here is then Dask's own."""
    from distributed import get_worker

    worker = get_worker()
    if refusal := _refusal(wanted, address, worker):
        return ClusterError(refusal)
    try:
        function, arguments, initializer = pickle.loads(job)
        _prepare(initializer)
        return function(*arguments)
    except (AudioError, StoreError, OSError) as error:
        kind = type(error) if isinstance(error, SerError) else ClusterError
        return kind(
            f"{error} ({_name(worker)}, where all files must be under the same path as here)"
        )
    except SerError as error:
        return type(error)(f"{error} ({_name(worker)})")
    except Exception as error:
        error.add_note(f"{_name(worker)}:\n{traceback.format_exc()}")
        return error


def _refusal(wanted: dict, address: str, dask_worker) -> str | None:
    """Say what is not as it must be in this worker; Dask knows the name of the last parameter."""
    found = about() | {"threads": dask_worker.state.nthreads}
    differing = [
        f"{name} {found.get(name, 'none')} (here {wanted.get(name, 'none')})"
        for name in sorted(wanted | found)
        if wanted.get(name) != found.get(name)
    ]
    if not differing:
        return None
    return (
        f"the {_name(dask_worker)} has {', '.join(differing)}; start workers from the same commit "
        f"and requirements.lock as here, with one thread each: {_command(address)}"
    )


def _name(worker) -> str:
    return f"worker {worker.address} on {platform.node()}"


@cache  # once for a process
def _prepare(initializer: Callable[[], None] | None) -> None:
    # Dask has the C library give memory back with every array that is forgotten, which doubles the
    # time of features. This is how far glibc goes by itself; other libraries have no such function.
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_TRIM_THRESHOLD, 64 << 20)
    if initializer:
        initializer()
