"""Splits as a plain file, which needs no library to be read or written.

A CSV table in UTF-8 with the columns

========= ======================================================================
fold      name of the fold; a table without this column is a single fold
utterance name of the utterance, as in the manifest
part      train, validation or test
========= ======================================================================

Other columns are ignored. An utterance without a row is in no part of the fold.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from ser_lib.core.errors import ParameterError, SplitError, choose
from ser_lib.core.files import write_atomically
from ser_lib.experiments.splits import PARTS, Fold

COLUMNS = ("fold", "utterance", "part")
ONLY_FOLD = "given"
"""Name of the fold of a table without the column."""


def write(file: str | Path, folds: Sequence[Fold], table: pd.DataFrame) -> None:
    """Write folds as a CSV file: fold by fold, in each train, validation, test.

    Parameters
    ----------
    file
        Where to; an existing file is replaced.
    folds
        Of `splits.make`, or of anybody.
    table
        The manifest's table that the folds' positions refer to.
    """
    names = table["utterance"].to_numpy()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for fold in folds:
        for part in PARTS:
            writer.writerows((fold.name, names[row], part) for row in getattr(fold, part))
    write_atomically(Path(file), text.getvalue())


def read(
    file: str | Path, table: pd.DataFrame, *, known: Iterable[str] = (), sound: bool = True
) -> list[Fold]:
    """Read the folds of a CSV file for a manifest's table.

    Parameters
    ----------
    file
        With the columns `COLUMNS`.
    table
        The manifest's table.
    known
        Utterances that the corpus has and the table has not, because they were not chosen or
        cannot be read (`Manifest.listed`): in the file they are passed over.
    sound
        Refuse an utterance in two parts of a fold, and a fold without one of the parts. `False`
        reads such a split as it is, so that `leakage.audit` can tell what is wrong with it.

    Returns
    -------
    list of Fold
        In the order of the file. Its `twins` are empty: the file holds parts and nothing else.

    Raises
    ------
    SplitError
        If the file cannot be read, lacks a column, a value or any row, or names an unknown part or
        utterance, or an utterance twice; and what `sound` refuses. It names the line.
    """
    file = Path(file)
    position = {name: row for row, name in enumerate(table["utterance"])}
    passed_over = set(known).difference(position)
    folds: dict[str, dict[str, set[int]]] = {}
    for line, name, utterance, part in _rows(file):
        where = f"{file}, line {line}"
        try:
            choose(part, PARTS, "part")
        except ParameterError as error:
            raise SplitError(f"{where}: {error}") from None
        parts = folds.setdefault(name, {part: set() for part in PARTS})
        if utterance in passed_over:
            continue
        if utterance not in position:
            raise SplitError(f"{where}: {_unknown(utterance, position)}")
        row = position[utterance]
        listed = [other for other in PARTS if row in parts[other]]
        if part in listed:
            raise SplitError(f"{where}: fold '{name}' lists '{utterance}' twice in {part}")
        if listed and sound:
            raise SplitError(
                f"{where}: '{utterance}' is in two parts of fold '{name}', {listed[0]} and {part}; "
                "it may be in one"
            )
        parts[part].add(row)
    if sound:
        _refuse_empty_parts(file, folds)
    return [
        Fold(name, **{part: np.array(sorted(rows), dtype=int) for part, rows in parts.items()})
        for name, parts in folds.items()
    ]


def _rows(file: Path) -> Iterator[tuple[int, str, str, str]]:
    """Yield the line, fold, utterance and part of every row of the file."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise SplitError(f"cannot read the split {file}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SplitError(f"the split {file} is not a CSV table in UTF-8: {error}") from error
    columns = list(reader.fieldnames or [])
    for column in COLUMNS[1:]:
        if column not in columns:
            raise SplitError(
                f"the split {file} has no column '{column}'; it needs utterance and part, and "
                f"fold if there are several; its columns are: {', '.join(columns) or 'none'}"
            )
    if not rows:
        raise SplitError(f"the split {file} has no rows")
    for line, row in rows:
        values = [row.get(column, ONLY_FOLD) for column in COLUMNS]
        if not all(values):
            missing = next(c for c, value in zip(COLUMNS, values, strict=True) if not value)
            raise SplitError(f"{file}, line {line}: the {missing} is empty")
        yield line, *values


def _unknown(utterance: str, position: dict[str, int]) -> str:
    near = get_close_matches(utterance, position, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"its first one is '{next(iter(position))}'"
    return f"the corpus has no utterance '{utterance}' among its {len(position):,}; {hint}"


def _refuse_empty_parts(file: Path, folds: dict[str, dict[str, set[int]]]) -> None:
    for name, parts in folds.items():
        if empty := [part for part, rows in parts.items() if not rows]:
            raise SplitError(
                f"the split {file}: fold '{name}' has no utterance in {' and '.join(empty)}; each "
                f"fold needs {', '.join(PARTS)}"
            )
