"""The numbers gate: what a page says of a record is what the record says.

The gate needs to know which record a page speaks of. A notebook output that shows numbers of a
record carries, in its metadata, ::

    {"ser": {"record": "<corpus>/<folder of the run>", "values": {"metrics.uar": 0.7031}}}

The values, if there are any, are those that the output shows, named by their place in
``record.json``: each must equal the record's, and some output of the rendered page must show them
all, each to the decimals that it prints. On every page that names a record, and always on the page
of an architecture, the classification report (a table with precision, recall, F1 and support) is
compared with the record cell by cell.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping

from ser_lib.report.checks.html_pages import Page

_NUMBER = re.compile(r"(?<![\w.])(-?\d{1,3}(?:,\d{3})+|-?\d+)(\.\d+)?(\s?%)?")
_TOLERANCE = 1e-6  # what was computed again may differ in its last digits
_REPORT_COLUMNS = ("precision", "recall", "f1", "support")


def wrong_numbers(
    pages: Mapping[str, Page], notebooks: Mapping, records: Mapping[str, dict]
) -> Iterator[tuple[str, str]]:
    """Find what the pages say of a record and the record does not.

    Parameters
    ----------
    pages
        The parsed pages by their path in the book.
    notebooks
        The executed notebooks by their name; ``<name>`` is the page ``runs/<name>.html``.
    records
        The content of ``record.json`` by "<corpus>/<folder>".

    Yields
    ------
    tuple
        The page and what is wrong with it.
    """
    architectures = {record.get("architecture") for record in records.values()}
    for name, notebook in notebooks.items():
        where = f"runs/{name}.html"
        page = pages.get(where)
        if page is None:
            yield (where, "the notebook has no page in the book")
            continue
        shown = []
        for claim in claims(notebook):
            if claim["record"] not in records:
                yield (where, f"there is no record {claim['record']}")
                continue
            shown.append(records[claim["record"]])
            yield from _wrong_values(where, page, claim, shown[-1])
        tables = [table for table in page.tables if table and _report_columns(table[0])]
        if name in architectures:
            if not any(record.get("architecture") == name for record in shown):
                yield (where, f"no output names a record of {name}")
            if not tables:
                yield (where, "there is no classification report")
        for table in tables if shown else []:
            faults = min((_wrong_cells(table, record) for record in shown), key=len)
            yield from ((where, fault) for fault in faults)


def claims(notebook) -> Iterator[dict]:
    """Yield what the outputs of a notebook say they show: ``record`` and perhaps ``values``."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            claim = output.get("metadata", {}).get("ser", {})
            if "record" in claim:
                yield claim


def _wrong_values(where: str, page: Page, claim: dict, record: dict) -> Iterator[tuple[str, str]]:
    values = claim.get("values", {})
    for place, value in values.items():
        kept = _look_up(record, place)
        if not _same(value, kept):
            yield (where, f"{place} is {value}, in {claim['record']} it is {kept}")
    wanted = {p: v for p, v in values.items() if isinstance(v, int | float) and math.isfinite(v)}
    missing = min(
        (
            [place for place, value in wanted.items() if not _shows(text, value)]
            for text in page.outputs or [""]
        ),
        key=len,
    )
    if missing:
        yield (where, f"no output of the page shows {', '.join(missing)}")


def _look_up(record: object, place: str) -> object:
    """Return what is at a place such as ``metrics.uar`` or ``folds.0.accuracy``, or None."""
    for step in place.split("."):
        if isinstance(record, Mapping):
            record = record.get(step)
        elif isinstance(record, list) and step.isdecimal() and int(step) < len(record):
            record = record[int(step)]
        else:
            return None
    return record


def _same(one: object, other: object) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= _TOLERANCE
    return one == other


def _shows(text: str, value: float) -> bool:
    """Say whether a number in the text is the value, rounded to the number's decimals.

    Examples
    --------
    >>> _shows("UAR 0.70 (67 %)", 0.7049), _shows("67 %", 2 / 3), _shows("1,929,349", 1929349)
    (True, True, True)
    >>> _shows("0.71", 0.7049), _shows("1", 0.7049)
    (False, False)
    """
    for whole, decimals, percent in _NUMBER.findall(text):
        number = float(whole.replace(",", "") + decimals)
        digits = max(len(decimals) - 1, 0)
        if not digits and not percent and value != int(value):
            continue  # an integer that is near a fraction by chance
        wanted = value * 100 if percent else value
        if abs(number - wanted) <= 0.5 * 10**-digits + 1e-9 * max(1.0, abs(wanted)):
            return True
    return False


def _report_columns(header: list[str]) -> dict[str, int]:
    """Return where a classification report has its columns, nothing for another table."""
    names = [re.sub(r"[ -]?score$", "", cell.lower()) for cell in header]
    if not set(_REPORT_COLUMNS) <= set(names):
        return {}
    return {column: names.index(column) for column in _REPORT_COLUMNS}


def _wrong_cells(table: list[list[str]], record: dict) -> list[str]:
    """Compare a classification report with a record, cell by cell."""
    columns = _report_columns(table[0])
    expected = _report(record)
    faults = []
    for row in table[1:]:
        label = row[0] if row[0] in expected else _summary(row[0])
        scores = expected.pop(label, {})
        for column, i in columns.items():
            cell, value = row[i] if i < len(row) else "", scores.get(column)
            blank = not cell.strip("- ")
            if value is None or math.isnan(value):
                right = blank
            elif label in record["per_class"] or column == "f1":
                right = _shows(cell, value)
            else:  # an average may leave out what says little
                right = blank or _shows(cell, value)
            if not right:
                faults.append(f"the report gives {row[0]} {column} as {cell or 'nothing'}, "
                              f"the record as {value}")  # fmt: skip
    missing = [label for label in expected if label in record["per_class"]]
    return faults + [f"the report has no row for {label}" for label in missing]


def _summary(label: str) -> str:
    return label.lower().replace("avg", "average").removesuffix(" average")


def _report(record: dict) -> dict[str, dict[str, float]]:
    """Return the rows of the classification report that a record stands for."""
    classes, metrics = record["per_class"], record["metrics"]
    support = [scores["support"] for scores in classes.values()]
    total = sum(support)

    def mean(column: str, weights: Iterable[float]) -> float:
        pairs = [(s[column], w) for s, w in zip(classes.values(), weights, strict=True)]
        pairs = [(value or 0.0, weight) for value, weight in pairs]
        return sum(v * w for v, w in pairs) / (sum(w for _, w in pairs) or 1)

    rows = dict(classes)
    rows["accuracy"] = {"f1": metrics.get("accuracy"), "support": total}
    for label, weights in (("macro", [1] * len(support)), ("weighted", support)):
        rows[label] = {c: mean(c, weights) for c in ("precision", "recall")}
        rows[label] |= {"f1": metrics.get(f"{label}_f1"), "support": total}
    return rows
