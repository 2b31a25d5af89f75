"""Any corpus that its owner describes in a table: no code needed.

A CSV (or Parquet, if pyarrow is installed) file with one row per utterance and at least the
columns `path` (relative to the table, or absolute) and `emotion`; better with `speaker`, without
which no speaker-independent protocol is possible. `utterance`, `sex`, `session`, `sentence` and
`label` are used where they are given; other columns are ignored.
"""

import re
from pathlib import Path

import pandas as pd

from ser_lib.core.errors import CorpusError
from ser_lib.corpora.corpus import Corpus, Rows

_MARKUP = re.compile(r"[<>`\x00-\x1f]")  # what a page would take for something else than a name


def read(file: Path) -> Rows:
    """Read a table; rows without a path are left out, and names with markup are refused."""
    try:
        if file.suffix.lower() == ".parquet":
            table = pd.read_parquet(file)
        else:
            table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError, ImportError) as error:
        why = " ".join(str(error).split())  # the parser's has several lines
        raise CorpusError(f"cannot read the table {file}: {why}") from error
    for column in ("path", "emotion"):
        if column not in table:
            have = ", ".join(map(str, table.columns))
            raise CorpusError(f"{file} has no column '{column}'; its columns are: {have}")
    if table.empty:
        raise CorpusError(f"{file} has no rows")
    table = table.astype(object).where(table.notna(), "").astype(str)
    rows, left_out = [], []
    for number, line in enumerate(table.to_dict("records"), start=1):
        path, emotion = line["path"], line["emotion"]
        if not path.strip():
            left_out.append({"file": f"row {number} of {file.name}", "reason": "has no path"})
            continue
        optional = ("speaker", "sex", "session", "sentence")
        row = {name: line.get(name, "").strip() for name in optional} | {
            "utterance": line.get("utterance") or str(Path(path).with_suffix("")),
            "emotion": emotion.strip(),
            "label": line.get("label") or emotion,
        }
        for column, value in row.items():
            if mark := _MARKUP.search(value):
                raise CorpusError(
                    f"{file}, row {number}: the {column} {value!r} holds {mark[0]!r}; names may "
                    "hold no < > ` and no control characters"
                )
        rows.append(row | {"path": path})
    return rows, left_out


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
