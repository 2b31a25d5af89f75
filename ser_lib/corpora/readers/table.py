"""Any corpus that its owner describes in a table: no code needed.

A text table (CSV; or Parquet, if pyarrow is installed) with one row per utterance and at least the
columns `path` (relative to the table, or absolute) and `emotion`; better with `speaker`, without
which no speaker-independent protocol is possible. `utterance`, `sex`, `session`, `sentence` and
`label` are used where they are given; with `start` and `end`, in seconds, an utterance is a part of
its recording. What else is in the table is named and not read.
"""

import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ser_lib.core.errors import CorpusError
from ser_lib.corpora import folder, tables
from ser_lib.corpora.corpus import Corpus, Rows

_MARKUP = re.compile(r"[<>`\x00-\x1f\x7f]")  # what a page would take for something else than a name


def read(file: Path) -> Rows:
    """Read a table; rows without a path are left out, and names with markup are refused."""
    table = tables.read(file)
    places, remarks = tables.match(file, table.columns)
    if table.empty:
        raise CorpusError(f"{file} has no rows")
    columns = {name: table.iloc[:, place].map(tables.text) for name, place in places.items()}
    find = folder.finder(file.parent)
    rows, left_out, unknown = [], [], set()
    for number, cells in enumerate(zip(*columns.values(), strict=True), start=1):
        line = dict(zip(columns, cells, strict=True))
        row, reason = _row(line, find)
        if reason:
            left_out.append({"file": f"row {number} of {file.name}", "reason": reason})
            continue
        for column, value in row.items():
            if column not in ("path", "sex") and (mark := _MARKUP.search(value)):
                raise CorpusError(
                    f"{file}, row {number}: the {column} {value!r} holds {mark[0]!r}; names may "
                    "hold no < > ` and no control characters"
                )
        sex = tables.sex(row["sex"])
        if sex is None:
            unknown.add(row["sex"])
        rows.append(row | {"sex": sex or ""})
    if unknown:
        names = ", ".join(map(repr, sorted(unknown)))
        remarks.append(f"the sex {names} is taken as unknown: write female or male")
    _spell(rows)
    return rows, left_out + [{"file": file.name, "remark": remark} for remark in remarks]


def _row(line: dict[str, str], find: Callable[[str], str]) -> tuple[dict, str]:
    """Return a row of the manifest, or the reason why there is none."""
    path, part = line["path"], ""
    if not path:
        return {}, "has no path"
    if any(letter < " " for letter in path):
        return {}, "has a path with a control character"
    times = {name: line[name] for name in ("start", "end") if line.get(name)}
    seconds = {name: tables.seconds(value) for name, value in times.items()}
    for name, value in seconds.items():
        if value is None:
            return {}, f"has the {name} {times[name]!r}, which is no time in seconds"
    if times:
        start, end = seconds.get("start", 0.0), seconds.get("end")
        if end is not None and end <= start:
            return {}, f"ends at {times['end']}, which is not after its start"
        part = ",".join(f"{t:.6f}".rstrip("0").rstrip(".") for t in (start, end) if t is not None)
    stem = os.path.splitext(path)[0]
    return {
        **{name: line.get(name, "") for name in ("speaker", "sex", "session", "sentence")},
        "utterance": line.get("utterance")
        or (f"{stem}_{part.replace(',', '-')}" if part else stem),
        "emotion": line["emotion"],
        "label": line.get("label") or line["emotion"],
        "path": find(path) + (f"#t={part}" if part else ""),
    }, ""


def _spell(rows: list[dict]) -> None:
    """Give emotions that differ in case alone one spelling, the most frequent one."""
    counts = Counter(row["emotion"] for row in rows)
    spelling: dict[str, str] = {}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        spelling.setdefault(name.casefold(), name)
    for row in rows:
        row["emotion"] = spelling[row["emotion"].casefold()]


CORPUS = Corpus(
    name="table",
    title="Your own table of recordings",
    language="any",
    licence="your own",
    home="a CSV file with the columns path, emotion and, better, speaker",
    about="These recordings are described by a table of their owner.",
    reader=read,
    acted=False,
    is_file=True,
)
