"""How fast the library is, from what ``make bench`` wrote.

The results are rows, see ``benchmarks/harness.py``: what was measured, against a rival (what people
would otherwise write) or a limit (what the machine can do at best), in the same run. These are
numbers of one machine, and none is about people.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ser_lib.core.errors import RecordError
from ser_lib.core.files import resource
from ser_lib.experiments.forecast import BENCHMARKS
from ser_lib.pages.words import MISSING, Fact, capital

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
    try:
        results = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RecordError(f"{file} is not JSON: {error}; delete it and run make bench") from error
    schema = results.get("schema") if isinstance(results, dict) else None
    if schema != SCHEMA:
        raise RecordError(
            f"{file} has schema {schema}, this library reads {SCHEMA}; delete it and run make bench"
        )
    return results


def rows(results: Mapping | None) -> list[dict]:
    """Return the rows of all benchmarks, in the order in which they were written."""
    benchmarks = results["benchmarks"].values() if results else ()
    return [row for benchmark in benchmarks for row in benchmark["rows"]]


def significant(value: float | None) -> str:
    """A measured number with the three digits that are worth reading.

    Examples
    --------
    >>> significant(1234.5), significant(56.78), significant(0.01234), significant(None)
    ('1,230', '56.8', '0.0123', '-')
    """
    if value is None:
        return MISSING
    if not value:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{round(value, digits):,.{max(digits, 0)}f}"


def cells(row: Mapping) -> dict[str, str]:
    """Return a row as it is printed: its headings and what is under them."""
    return {
        "What": f"{row['group']}: {row['name']}",
        "Unit": row["unit"],
        "Ours": _spanned(row, "") if row["status"] == "measured" else row["status"],
        "Rival": _spanned(row, "rival_"),
        "Limit": _spanned(row, "limit_"),
        "Ratio": significant(row["ratio"]),
        "Target": target(row),
        "Met": {None: MISSING, True: "yes", False: "no"}[row["met"]],
    }


def _spanned(row: Mapping, side: str) -> str:
    middle = row[side.removesuffix("_") or "ours"]
    low, high = (row.get(f"{side}{end}") for end in ("min", "max"))
    if middle is None or low is None or high is None:
        return significant(middle)
    return f"{significant(middle)} ({significant(low)} to {significant(high)})"


def target(row: Mapping) -> str:
    """Return the target of a row as it is printed."""
    if not row["target"]:
        return MISSING
    kind, aim = next((k, row["target"][k]) for k in ("at_least", "at_most") if k in row["target"])
    against = row["target"].get("against")
    return f"{kind.replace('_', ' ')} {aim:g}{f' times the {against}' if against else ''}"


@dataclass(frozen=True)
class Speed(Fact):
    """What the benchmarks measured."""

    rows: list[dict]
    groups: dict[str, list[tuple[dict, dict[str, str]]]]  # rows, as they are and as printed
    machines: list[tuple[list[str], str, dict]]  # benchmarks that share a machine and code; the day
    seconds: float  # of all benchmarks


def measured(results: Mapping | None) -> Speed:
    """Return what `read` found; nothing is in it if no benchmark was run."""
    benchmarks = results["benchmarks"] if results else {}
    groups: dict[str, list] = {}
    for row in rows(results):
        printed = cells(row) | {"What": capital(row["name"])}
        groups.setdefault(row["group"], []).append((row, printed))
    machines: dict[str, tuple[list[str], str, dict]] = {}
    for name, run in benchmarks.items():
        day = date.fromisoformat(run["date"])
        same = json.dumps([run[key] for key in ("machine", "library", "date")])
        machines.setdefault(same, ([], f"{day.day} {day:%B %Y}", run))[0].append(name)
    seconds = sum(run["duration_s"] for run in benchmarks.values())
    return Speed(rows(results), groups, list(machines.values()), seconds)
