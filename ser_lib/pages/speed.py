"""How fast the library is, from what ``make bench`` wrote.

The results are rows, see ``benchmarks/harness.py``: what was measured, against a rival (what people
would otherwise write) or a limit (what the machine can do at best), in the same run. These are
numbers of one machine, and none is about people.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ser_lib.core.errors import RecordError
from ser_lib.core.files import resource
from ser_lib.experiments.forecast import BENCHMARKS
from ser_lib.pages.words import Fact

SCHEMA = 1


def results_file() -> Path:
    """Return the place of the results."""
    return resource(BENCHMARKS)


def read(file: Path | None = None) -> dict | None:
    """Read the results, by default those of `results_file`; None if no benchmark was run.

    RecordError if the file is damaged or of another schema.
    """
    file = file or results_file()
    if not file.is_file():
        return None
    with suppress(ValueError, LookupError, TypeError):
        results = json.loads(file.read_text(encoding="utf-8"))
        if results["schema"] == SCHEMA:
            return results
    raise RecordError(f"{file} is damaged or of another version; delete it and run make bench")


def rows(results: Mapping | None) -> list[dict]:
    """Return the rows of all benchmarks, in the order in which they were written."""
    benchmarks = results["benchmarks"].values() if results else ()
    return [row for benchmark in benchmarks for row in benchmark["rows"]]


@dataclass(frozen=True)
class Speed(Fact):
    """What the benchmarks measured."""

    rows: list[dict]
    machines: list[tuple[list[str], str, dict]]  # benchmarks that share a machine and code; the day

    @property
    def rivals(self) -> list[tuple[dict, float]]:
        """What was measured against the usual way to do it, and how many times as fast it is."""
        return [
            (row, (row["ours"] / row["rival"]) ** (1 if row["more_is_better"] else -1))
            for row in self.rows
            if row["rival"] and row["target"]
        ]


def measured(results: Mapping | None) -> Speed:
    """Return what `read` returned, by row and by machine; nothing if no benchmark was run."""
    machines: dict[str, tuple[list[str], str, dict]] = {}
    for name, run in results["benchmarks"].items() if results else ():
        day = date.fromisoformat(run["date"])
        same = json.dumps([run[key] for key in ("machine", "library", "date")])
        machines.setdefault(same, ([], f"{day.day} {day:%B %Y}", run))[0].append(name)
    return Speed(rows(results), list(machines.values()))
