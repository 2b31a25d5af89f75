"""Run benchmarks: ``python -m benchmarks [NAME ...]``, all of them without a name.

Each runs in a process of its own, so that none inherits another's threads, memory or imports, and
one that fails or is killed ends alone. The exit code is 0 only if none failed.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import harness
from ser_lib.core.errors import SerError, choose
from ser_lib.core.jobs import tell
from ser_lib.pages import speed
from ser_lib.pages.words import duration

BENCHMARKS = ("features", "step", "predict", "growth", "streaming", "cluster")
"""The modules of this folder that measure something, in the order of their execution."""


def main(arguments: Sequence[str] | None = None, *, file: Path | None = None) -> int:
    """Run the named benchmarks, print what they found and keep it in the file of results.

    Parameters
    ----------
    arguments
        Names of `BENCHMARKS`; by default those of the command line.
    file
        Where the results go, by default `speed.results_file`.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    names = parser.parse_args(arguments).names or BENCHMARKS
    file = file or speed.results_file()
    try:
        for name in names:
            choose(name, BENCHMARKS, "benchmark")
        speed.read(file)  # a file that cannot be added to is refused before minutes of work
        rows = []
        for name in names:
            clock = time.perf_counter()
            rows += (found := harness.measure(name))
            seconds = time.perf_counter() - clock
            harness.keep(file, name, found, seconds=seconds)
            tell(f"{name}: {duration(seconds)}")
    except SerError as error:
        tell(f"benchmarks: {error}")
        return 1
    except KeyboardInterrupt:
        tell("benchmarks: interrupted; the benchmarks that were finished are kept")
        return 130
    print(harness.table(rows))
    print(f"\nresults: {file}")
    return int(any(row["status"] == "failed" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
