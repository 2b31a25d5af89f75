"""The same jobs on a Dask cluster of one, two and four worker processes on this machine.

Jobs that wait, as for a store or a processor elsewhere, show what more workers bring; jobs that
compute show what they bring on the cores that are here, which is no more than there are cores. The
clusters are started before; what counts is a call of `jobs.each`, which connects, looks at the
workers, and shares out the jobs. A cluster of one worker stands beside a loop in this process.
"""

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks.harness import alternate, row, skipped
from ser_lib import corpora
from ser_lib.core import audio, jobs
from ser_lib.features import maps

GROUP, UNIT = "more machines", "seconds"
WORKERS = (1, 2, 4)
JOBS = 12
WAIT_S = 0.1
FILES = 30  # so many of the demo corpus in a job that its features take about as long
SHARE = 0.75
"""Of the shortening that the number of workers, or of cores, allows: what is the target."""

Progress = Callable[[str], None]


def run(progress: Progress) -> list[dict]:
    """Measure both kinds of jobs on clusters of all sizes."""
    if not find_spec("distributed"):
        return [skipped(GROUP, "a Dask cluster", UNIT, "pip install 'ser-lib[cluster]'")]
    import distributed

    manifest = corpora.load("demo")
    paths = [manifest.root.absolute() / path for path in manifest.table["path"]][: JOBS * FILES]
    kinds = {
        "jobs that wait": (time.sleep, [(WAIT_S,)] * JOBS),
        "jobs that compute": (_features, [(paths[job::JOBS],) for job in range(JOBS)]),
    }
    with ExitStack() as stack:
        progress(f"start of {sum(WORKERS)} workers")
        addresses = {
            count: stack.enter_context(
                distributed.LocalCluster(
                    n_workers=count,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=":0",
                    silence_logs=logging.ERROR,
                )
            ).scheduler_address
            for count in WORKERS
        }
        found = []
        for kind, (function, todo) in kinds.items():
            progress(kind)
            runs = alternate(
                {
                    count: partial(_all, function, todo, workers)
                    for count, workers in {0: 0, **addresses}.items()
                }
            )
            found += [_row(kind, count, runs) for count in WORKERS]
    return found


def _row(kind: str, count: int, runs: dict[int, list[float]]) -> dict:
    waits = kind == "jobs that wait"
    cores = jobs.processors()
    name = f"{kind}, {count} worker{'s' if count > 1 else ''}"
    if not waits:
        name += f" on {cores} core{'s' if cores > 1 else ''}"
    if count == 1:
        values = {"ours": runs[1], "rival": runs[0]}
        note = "what the cluster adds"
        return row(GROUP, name, UNIT, values, more_is_better=False,
                   rival_name="a loop in this process", note=note)  # fmt: skip
    possible = count if waits else min(count, cores)
    values = {"ours": runs[count], "rival": runs[1]}
    return row(
        GROUP,
        name,
        UNIT,
        values | ({"limit": [WAIT_S * -(-JOBS // count)]} if waits else {}),
        more_is_better=False,
        rival_name="1 worker",
        limit_name="the waiting alone" if waits else None,
        target={"against": "rival", "at_least": SHARE * possible} if possible > 1 else None,
        note="" if waits else f"no more than {possible} times as fast is possible here",
    )


def _all(function: Callable, todo: list[tuple], workers: int | str) -> None:
    for _ in jobs.each(function, todo, workers=workers):
        pass


def _features(paths: list[Path]) -> None:
    for path in paths:
        maps.extract(audio.load(path), kind="stack")
