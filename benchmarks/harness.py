"""Runs that alternate, rows that say what came of them, and the file that keeps the rows.

A row is a plain dictionary, read by `ser_lib.pages.speed`:

=============================== ================================================================
group, name, unit               what was measured, and in what
more_is_better                  of the unit: true for files per second, false for seconds
ours, rival, limit              medians of the runs; None where there is none
min, max                        of ours; so ``rival_min``, ``rival_max``, ``limit_min``, ...
runs                            how many runs the medians are of
rival_name, limit_name          what these are, in words
target                          ``{"against": "rival", "at_least": 3.0}``: times as good as the
                                rival; ``{"against": "limit", "at_most": 1.6}``: times the cost of
                                the limit; without ``against``, in the unit; None if there is none
ratio                           of the medians, against what the target names; without a target,
                                against the rival, else the limit; None if there is neither
met                             whether the target was met; None if there is none
note                            what a reader has to know; why, if ``status`` is not "measured"
status                          "measured", "skipped" or "failed"
=============================== ================================================================
"""

import importlib
import json
import multiprocessing
import os
import platform
import statistics
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

import ser_lib
from ser_lib.core.errors import ParameterError
from ser_lib.core.files import digest, sources, workspace, write_atomically
from ser_lib.core.jobs import processors, tell
from ser_lib.pages import speed
from ser_lib.pages.words import MISSING, significant

RUNS = 5
PACKAGES = (
    "numpy", "scipy", "soxr", "soundfile", "tensorflow", "tensorflow-cpu", "keras", "librosa",
    "ai-edge-litert", "opensmile", "distributed",
)  # fmt: skip
_EMPTY = {
    **dict.fromkeys(("group", "name", "unit", "note"), ""),
    **dict.fromkeys(("ours", "rival", "limit", "ratio", "min", "max", "target", "met")),
    **dict.fromkeys(("rival_min", "rival_max", "limit_min", "limit_max")),
    **dict.fromkeys(("rival_name", "limit_name")),
    "more_is_better": True,
    "runs": 0,
}
INTRODUCTION = """# Benchmarks

`make bench` measures each piece of work against a rival, the usual way to do it, or a limit, the
best that the machine can do; all are measured in turn in the same run. It writes `results.json`,
which the book reads, and this file. Numbers are medians, with the lowest and the highest in
brackets. A ratio is the speed relative to the rival, or the cost relative to the limit.
"""
_TARGETS = ({"against", "at_least"}, {"against", "at_most"}, {"at_least"}, {"at_most"})


def alternate(
    functions: Mapping[str, Callable[[], float | None]], *, runs: int = RUNS
) -> dict[str, list[float]]:
    """Call functions in turn, `runs` times each, after one call of each that does not count.

    What else happens on the machine then happens to all of them.

    Parameters
    ----------
    functions
        By name. One that returns a number has measured itself; of the others the time counts.
    runs
        At least one.

    Returns
    -------
    dict
        The seconds, or what was returned, of every run.
    """
    found = {name: [] for name in functions}
    for turn in range(runs + 1):
        for name, function in functions.items():
            clock = time.perf_counter()
            own = function()
            took = time.perf_counter() - clock if own is None else own
            if turn:
                found[name].append(took)
    return found


def row(
    group: str,
    name: str,
    unit: str,
    values: Mapping[str, Iterable[float]],
    *,
    more_is_better: bool,
    rival_name: str | None = None,
    limit_name: str | None = None,
    target: dict | None = None,
    note: str = "",
) -> dict:
    """Make the row of a measurement.

    Parameters
    ----------
    values
        All runs, in the unit, of "ours" and, where there are any, "rival" and "limit".

    Raises
    ------
    ParameterError
        If the target is none of the forms above, or against what was not measured.
    """
    given = {side: [float(value) for value in runs] for side, runs in values.items()}
    spans = {
        f"{'' if side == 'ours' else side + '_'}{end.__name__}": end(runs)
        for side, runs in given.items()
        for end in (min, max)
    }
    return completed(
        {
            "group": group,
            "name": name,
            "unit": unit,
            "more_is_better": more_is_better,
            **{side: statistics.median(runs) for side, runs in given.items()},
            **spans,
            "runs": len(given["ours"]),
            "rival_name": rival_name,
            "limit_name": limit_name,
            "target": target,
            "note": note,
        }
    )


def completed(given: Mapping) -> dict:
    """Give a row all its fields: what is not there is None, ratio and target are worked out.

    Raises
    ------
    ParameterError
        If the target is none of the forms above, or against what was not measured.
    """
    found = {**_EMPTY, "status": "measured", **given}
    if found["status"] != "measured":
        return found
    against = _against(found)
    if against:
        ratio = found["ours"] / found[against]
        # Times as good as a rival, but times the cost of a limit.
        found["ratio"] = ratio if found["more_is_better"] == (against == "rival") else 1 / ratio
    if target := found["target"]:
        value = found["ratio"] if against else found["ours"]
        met = value >= target["at_least"] if "at_least" in target else value <= target["at_most"]
        found["met"] = met
    return found


def _against(found: Mapping) -> str | None:
    target = found["target"]
    if target is None:
        return next((side for side in ("rival", "limit") if found[side] is not None), None)
    if set(target) not in _TARGETS or found.get(target.get("against", "ours")) is None:
        raise ParameterError(
            f"the target {target} is none: give at_least or at_most, and against a rival or a "
            "limit that was measured"
        )
    return target.get("against")


def skipped(group: str, name: str, unit: str, why: str, *, target: dict | None = None) -> dict:
    """Make the row of what could not be measured here; `why` is a sentence."""
    about = {"group": group, "name": name, "unit": unit, "target": target, "note": why}
    return completed(about | {"status": "skipped"})


def failed(name: str, why: str) -> dict:
    """Make the only row of a benchmark that ended in an error."""
    about = {"group": name, "name": "the whole benchmark", "note": why}
    return completed(about | {"status": "failed"})


def measure(name: str) -> list[dict]:
    """Run one benchmark in a process of its own and return its rows."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(name, theirs))
    process.start()
    theirs.close()
    try:
        found = ours.recv()
    except EOFError:
        process.join()
        found = [failed(name, f"the process ended with exit code {process.exitcode}")]
    except BaseException:
        process.terminate()
        raise
    process.join()
    return found


def _run(name: str, connection) -> None:
    """Send the rows of a benchmark, or the row that says how it failed."""
    try:
        module = importlib.import_module(f"benchmarks.{name}")
        found = module.run(lambda line: tell(f"{name}: {line}"))
        rows = [completed(row) for row in found]
    except KeyboardInterrupt:
        return
    except Exception as error:
        traceback.print_exc()
        rows = [failed(name, f"{type(error).__name__}: {error}")]
    connection.send(rows)


def scratch() -> TemporaryDirectory:
    """Return a folder for gigabytes that goes away when it is left.

    In the workspace's `data`, where git does not look: /tmp may be small, or memory.
    """
    place = workspace() / "data"
    place.mkdir(exist_ok=True)
    return TemporaryDirectory(dir=place, prefix=".benchmark-")


def cells(row: Mapping) -> dict[str, str]:
    """Return a row as it is printed: its headings and what is under them."""
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


def _target(row: Mapping) -> str:
    if not row["target"]:
        return MISSING
    kind, aim = next((k, row["target"][k]) for k in ("at_least", "at_most") if k in row["target"])
    against = row["target"].get("against")
    return f"{kind.replace('_', ' ')} {aim:g}{f' times the {against}' if against else ''}"


def table(rows: Iterable[Mapping]) -> str:
    """Return the rows as a table of plain text, with what became of each target."""
    printed = [cells(each) for each in rows]
    if not printed:
        return "nothing was measured"
    lines = [list(printed[0]), *([*each.values()] for each in printed)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def readme(results: Mapping) -> str:
    """Return the results of all benchmarks as the text of ``benchmarks/README.md``."""
    parts = [INTRODUCTION]
    for name, run in results["benchmarks"].items():
        about, rows = run["machine"], [cells(row) for row in run["rows"]]
        packages = ", ".join(f"{package} {one}" for package, one in about["packages"].items())
        parts.append(
            f"## {name}\n\n{run['date']}, {run['duration_s']:.0f} s; {about['processor']}, "
            f"{about['cores']} cores, {about['memory_gb']:g} GiB of memory, {about['system']}, "
            f"Python {about['python']}, ser-lib {run['library']}; {packages}.\n"
        )
        heads = [*next(iter(rows), {})]
        lines = [heads, ["---"] * len(heads), *([*row.values()] for row in rows)]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n")
        names = [f"{row['name']}: {text}" for row in run["rows"] for text in _remarks(row)]
        parts.append("\n".join(f"- {line}" for line in names) + "\n")
    return "\n".join(parts)


def _remarks(row: Mapping) -> Iterator[str]:
    for side in ("rival", "limit"):
        if row[f"{side}_name"]:
            yield f"the {side} is {row[f'{side}_name']}"
    if row["note"]:
        yield row["note"]


def machine() -> dict:
    """Describe this machine, without its name or its folders."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": _processor(),
        "cores": processors(),
        "memory_gb": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())


def keep(file: Path, name: str, rows: list[dict], *, seconds: float) -> None:
    """Write a benchmark's rows into the file of results, and into the README next to it.

    Those of the other benchmarks stay.

    Raises
    ------
    RecordError
        If the file is there and holds no results.
    """
    results = speed.read(file) or {"schema": speed.SCHEMA, "benchmarks": {}}
    results["benchmarks"][name] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "duration_s": round(seconds, 1),
        "library": f"{ser_lib.__version__}, {digest(*sources())}",
        "machine": machine(),
        "rows": rows,
    }
    write_atomically(file, json.dumps(results, indent=1, allow_nan=False) + "\n")
    write_atomically(file.with_name("README.md"), readme(results))
