"""How fast the library is, from what ``make bench`` wrote, and how long the report itself took.

The results are rows, see ``benchmarks/harness.py``: what was measured, beside a rival (what people
would otherwise write) or a limit (what the machine can do at best), in the same run.

Conventions: functions that return words return Markdown. These are numbers of one machine, and
none is about people.
"""

import json
import math
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from ser_lib.core.errors import RecordError
from ser_lib.core.files import workspace
from ser_lib.pages.tables import MISSING, capital, count, duration, listing, markdown_table

SCHEMA = 1
NONE = (
    "No benchmark was run in this folder. `make bench` runs them all, in some minutes, and the "
    "next `make book` shows what they found."
)
NOTHING = "<!-- nothing to show -->"
"""Markdown for a part of the page that does not apply; an empty output would show its type."""
PARTS = "parts"
"""The tag of the cell that `report.book` replaces by `parts`: a page cannot know them itself."""


def results_file() -> Path:
    """Return the place of the results in the workspace."""
    return workspace() / "benchmarks" / "results.json"


def content() -> str:
    """Return the results as they are written, for the page's key; "" if there are none."""
    file = results_file()
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def read(file: Path | None = None) -> dict | None:
    """Read the results.

    Parameters
    ----------
    file
        By default `results_file`.

    Returns
    -------
    dict or None
        ``schema`` and ``benchmarks``: by name, each with ``date``, ``duration_s``, ``library``,
        ``machine`` and ``rows``; None if no benchmark was run.

    Raises
    ------
    RecordError
        If the file is damaged or of another schema.
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
    found = (results or {"benchmarks": {}})["benchmarks"].values()
    return [row for benchmark in found for row in benchmark["rows"]]


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
    """Return a row as it is printed: its headings and what stands under them."""
    return {
        "What": f"{row['group']}: {row['name']}",
        "Unit": row["unit"],
        "Ours": _spanned(row, "") if row["status"] == "measured" else row["status"],
        "Rival": _spanned(row, "rival_"),
        "Limit": _spanned(row, "limit_"),
        "Ratio": significant(row["ratio"]),
        "Target": _target(row),
        "Met": {None: MISSING, True: "yes", False: "no"}[row["met"]],
    }


def _spanned(row: Mapping, side: str) -> str:
    middle = row[side.removesuffix("_") or "ours"]
    low, high = (row.get(f"{side}{end}") for end in ("min", "max"))
    if middle is None or low is None or high is None:
        return significant(middle)
    return f"{significant(middle)} ({significant(low)} to {significant(high)})"


def aim(row: Mapping) -> float:
    """Return the number that the target of a row names."""
    return row["target"].get("at_least", row["target"].get("at_most"))


def _target(row: Mapping) -> str:
    if not row["target"]:
        return MISSING
    words = "at least" if "at_least" in row["target"] else "at most"
    against = row["target"].get("against")
    return f"{words} {aim(row):g}{f' times the {against}' if against else ''}"


def by_group(results: Mapping | None) -> str:
    """Show every group of rows as a table, with its rivals, its limits and its notes."""
    if not rows(results):
        return NOTHING
    groups: dict[str, list[dict]] = {}
    for row in rows(results):
        groups.setdefault(row["group"], []).append(row)
    return "\n\n".join(_group(name, found) for name, found in groups.items())


def _group(name: str, found: list[dict]) -> str:
    printed = []
    for row in found:
        shown = cells(row) | {"What": capital(row["name"])}
        printed.append(shown | {"Met": "**no**" if row["met"] is False else shown["Met"]})
    said = [
        f"The {side} is {listing(names)}."
        for side in ("rival", "limit")
        if (names := dict.fromkeys(row[f"{side}_name"] for row in found if row[f"{side}_name"]))
    ]
    notes = dict.fromkeys(f"{capital(row['name'])}: {row['note']}" for row in found if row["note"])
    listed = "\n".join(f"- {note}" for note in notes)
    shown = [f"**{capital(name)}**", " ".join(said), markdown_table(printed), listed]
    return "\n\n".join(filter(None, shown))


def verdict(results: Mapping | None) -> str:
    """Say how many targets were met and which were not, or how to run the benchmarks."""
    if not rows(results):
        return NONE
    aimed = [row for row in rows(results) if row["target"]]
    missed = [row for row in aimed if row["met"] is False]
    unknown = [row for row in aimed if row["met"] is None]
    met = len(aimed) - len(missed) - len(unknown)
    words = [f"Of {count(len(aimed), 'target')}, {met:,} {'was' if met == 1 else 'were'} met."]
    if missed:
        words.append(f"Missed: {listing(_name(row) + f' ({_found(row)})' for row in missed)}.")
    if unknown:
        words.append(f"Not measured: {listing(map(_name, unknown))}.")
    if failed := [row for row in rows(results) if row["status"] == "failed"]:
        words.append(f"Failed: {listing(map(_name, failed))}.")
    return " ".join(words)


def _name(row: Mapping) -> str:
    return f"{row['group']}, {row['name']}"


def _found(row: Mapping) -> str:
    value = row["ratio"] if "against" in row["target"] else row["ours"]
    return f"{significant(value)} instead of {_target(row)}"


def machines(results: Mapping | None) -> str:
    """Say on which machine, when and with what the benchmarks were run."""
    if not rows(results):
        return NOTHING
    groups: dict[str, list[str]] = {}
    for name, run in results["benchmarks"].items():
        groups.setdefault(_machine(run), []).append(name)
    listed = [f"- {capital(listing(names))}: {about}" for about, names in groups.items()]
    seconds = sum(run["duration_s"] for run in results["benchmarks"].values())
    return f"The benchmarks took {duration(seconds)} in all.\n\n" + "\n".join(listed)


def _machine(run: Mapping) -> str:
    about = run["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in about["packages"].items())
    day = date.fromisoformat(run["date"])
    return (
        f"{about['processor']}, {count(about['cores'], 'core')}, {about['memory_gb']:g} GiB of "
        f"memory, {about['system']}, Python {about['python']} with {packages}; "
        f"ser-lib {run['library']}; {day.day} {day:%B %Y}."
    )


def parts(listed: Iterable[Mapping]) -> str:
    """Show how long each part of a report took when it was last made.

    Parameters
    ----------
    listed
        Parts as `report.runner` writes them: ``name`` and ``seconds``.
    """
    listed = sorted(listed, key=lambda part: -part["seconds"])
    if not listed:
        return "How long its parts took is not known of this report."
    printed = [
        {"Part": _part(part["name"]), "Took": duration(part["seconds"])}
        for part in listed
        if part["seconds"] >= 1
    ]
    short = count(len(listed) - len(printed), "part")
    total = duration(sum(part["seconds"] for part in listed))
    words = (
        f"The parts add up to {total}; where pages were executed beside each other, less than "
        f"that passed. Not in the table: {short} of less than a second."
    )
    return f"{markdown_table(printed)}\n\n{words}" if printed else words


def _part(name: str) -> str:
    return f"page {name}" if " " not in name and name not in ("corpus", "networks") else name
