"""Numbers in words, and the report's tables as Markdown.

Conventions: functions take records (`records.Record`) and return Markdown. Scores are fractions
with two decimals, shares are whole percentages, counts have thousands separators, and a missing
number is "-". Emotions keep the order of the record's labels. What can be computed again from the
predictions is, and must agree with what the record says, so that no page can print two values of
one number.
"""

import math
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from numbers import Integral, Real

import numpy as np
import pandas as pd

from ser_lib.core.errors import RecordError
from ser_lib.metrics import scores as evaluation
from ser_lib.models.networks import NETWORKS

MISSING = "-"
UNKNOWN = "unknown"
MANY = 8
_TOLERANCE = 1e-6


def title(architecture: str) -> str:
    """Printed name of a network: ``cnn_gru`` is "CNN-GRU"."""
    if architecture in NETWORKS:
        return NETWORKS[architecture].title
    return architecture.replace("_", "-").upper()  # of an old record


def rounded(value: float, digits: int = 2) -> float:
    """The value as it is printed: halves are rounded away from zero, as readers expect.

    Examples
    --------
    >>> rounded(0.435), rounded(-0.001), rounded(0.855 - 0.8)
    (0.44, 0.0, 0.06)
    """
    step = Decimal(1).scaleb(-digits)
    # A half that was computed may lie a hair below, as 0.855 - 0.8 does, and is still a half.
    near = Decimal(repr(round(float(value), 10)))
    return float(near.quantize(step, ROUND_HALF_UP)) + 0.0


def number(value: float | None, digits: int = 2) -> str:
    """A number as it is printed: integers with separators, others with `digits` decimals.

    Examples
    --------
    >>> number(1929349), number(0.435), number(-0.001), number(None)
    ('1,929,349', '0.44', '0.00', '-')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if isinstance(value, Integral):
        return f"{int(value):,}"
    return f"{rounded(value, digits):,.{digits}f}"


def interval(value: float, ci95: Iterable[float], digits: int = 2) -> str:
    """A score with its interval.

    Examples
    --------
    >>> interval(0.7, [0.652, 0.748])
    '0.70 (95 % interval 0.65 to 0.75)'
    """
    low, high = (number(float(limit), digits) for limit in ci95)
    return f"{number(float(value), digits)} (95 % interval {low} to {high})"


def spanned(value: float, ci95: Iterable[float], digits: int = 2) -> str:
    """A score with its interval in few letters, for a table whose heading says what it is.

    Examples
    --------
    >>> spanned(0.7, [0.652, 0.748])
    '0.70 (0.65 to 0.75)'
    """
    return interval(value, ci95, digits).replace("95 % interval ", "")


def percent(fraction: float | None) -> str:
    """A share as a whole percentage that never rounds to none or all of it.

    Examples
    --------
    >>> percent(0.722), percent(0.998), percent(1.0), percent(0.001)
    ('72 %', 'over 99 %', '100 %', 'under 1 %')
    """
    if fraction is None or not math.isfinite(fraction):
        return MISSING
    whole = int(rounded(fraction) * 100 + 0.5)
    if fraction > 0 and whole == 0:
        return "under 1 %"
    if fraction < 1 and whole == 100:
        return "over 99 %"
    return f"{whole} %"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun.

    Examples
    --------
    >>> count(1, "fold"), count(1234, "utterance"), count(2, "class", "classes")
    ('1 fold', '1,234 utterances', '2 classes')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def span(values: Iterable[int]) -> str:
    """The lowest and the highest of some counts, or the one that they share.

    Examples
    --------
    >>> span([1200, 300, 480]), span([4, 4])
    ('300 to 1,200', '4')
    """
    values = list(values)
    low, high = number(min(values)), number(max(values))
    return low if low == high else f"{low} to {high}"


def listing(items: Iterable[str]) -> str:
    """Words as an English list.

    Examples
    --------
    >>> listing(["anger"]), listing(["anger", "fear", "joy"])
    ('anger', 'anger, fear and joy')
    """
    items = [str(item) for item in items]
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def capital(text: str) -> str:
    """The text with its first letter in upper case, the rest untouched."""
    return text[:1].upper() + text[1:]


def duration(seconds: float) -> str:
    """A length of time in its two largest units.

    Examples
    --------
    >>> duration(0.4), duration(48), duration(192), duration(3725)
    ('0.4 s', '48 s', '3 min 12 s', '1 h 2 min')
    """
    if rounded(seconds, 1) < 10:
        return f"{number(float(seconds), 1)} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def markdown_table(rows: pd.DataFrame | Iterable[Mapping], *, digits: int = 2) -> str:
    """A pipe table: columns of numbers right-aligned and rounded, text left-aligned.

    Parameters
    ----------
    rows
        A data frame (its index is not printed) or mappings with the same keys, which become the
        headings. None and nan print as "-".
    digits
        Decimals of numbers that are not integers.

    Examples
    --------
    >>> print(markdown_table([{"Network": "CNN", "UAR": 0.7}, {"Network": "CNN-GRU", "UAR": 0.75}]))
    | Network | UAR |
    | :--- | ---: |
    | CNN | 0.70 |
    | CNN-GRU | 0.75 |
    """
    if isinstance(rows, pd.DataFrame):
        names = list(rows.columns)
        rows = [dict(zip(names, row, strict=True)) for row in rows.itertuples(index=False)]
    else:
        rows = list(rows)
        names = list(rows[0]) if rows else []
    if not rows:
        return "*(no rows)*"
    lines = [
        [_cell(str(name), digits) for name in names],
        ["---:" if _numeric([row[name] for row in rows]) else ":---" for name in names],
    ]
    lines += [[_cell(row[name], digits) for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _missing(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, Real) and math.isnan(value))


def _numeric(values: list) -> bool:
    given = [value for value in values if not _missing(value)]
    return bool(given) and all(
        isinstance(value, Real) and not isinstance(value, bool | np.bool_) for value in given
    )


def _cell(value: object, digits: int) -> str:
    if _missing(value):
        return MISSING
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Real):
        return number(value, digits)
    return str(value).replace("|", "\\|").replace("\n", " ")


def scores(record) -> pd.DataFrame:
    """Precision, recall, F1 and support per emotion, with the averages, from the predictions.

    Returns
    -------
    DataFrame
        Index: the emotions, then "accuracy" (in the F1 column, as scikit-learn prints it),
        "macro average" and "weighted average". Columns: precision, recall, f1, support.

    Raises
    ------
    RecordError
        If the predictions do not give the scores that the record states.
    """
    labels = record.data["corpus"]["emotions"]
    truth, predicted = record.predictions["truth"], record.predictions["predicted"]
    per_class = evaluation.per_class(truth, predicted, labels)
    for emotion, values in per_class.items():
        for name, value in values.items():
            _agree(record, f"{name} of {emotion}", value, record.data["per_class"][emotion][name])
    for name in ("accuracy", "uar", "macro_f1", "weighted_f1"):
        value = getattr(evaluation, name)(truth, predicted, labels)
        _agree(record, name, value, record.data["metrics"][name])
    table = pd.DataFrame.from_dict(per_class, orient="index")
    averages = {"accuracy": [math.nan, math.nan, record.data["metrics"]["accuracy"], len(truth)]}
    for name, weights in (("macro", None), ("weighted", table["support"])):
        mean = [float(np.average(table[column], weights=weights)) for column in table.columns[:3]]
        averages[f"{name} average"] = [*mean, len(truth)]
    return pd.concat([table, pd.DataFrame(averages.values(), averages.keys(), table.columns)])


def _agree(record, what: str, computed: float, stated: float) -> None:
    if not abs(computed - stated) <= _TOLERANCE:
        raise RecordError(
            f"{record.folder}: the predictions give {what} {computed:.4f}, the record says "
            f"{stated:.4f}; the folder is damaged, delete it and run again"
        )


def classification_report(record) -> str:
    """The classification report as a Markdown table.

    Raises
    ------
    RecordError
        If predictions and record disagree.
    """
    table = scores(record).rename(
        columns={"precision": "Precision", "recall": "Recall", "f1": "F1", "support": "Support"}
    )
    table.insert(0, "Emotion", [f"**{i}**" if i in table.index[-3:] else i for i in table.index])
    return markdown_table(table)


def layer_table(record) -> str:
    """The network's layers in order, with output shapes and parameters, and the total.

    A sentence tells the trainable parameters from the others: batch normalisation has four for
    each channel, of which two, the running mean and variance, are counted and not learned.
    """
    rows = [
        {
            "#": str(i),
            "Layer": layer["layer"],
            "Type": layer["type"],
            "Output shape": layer["output_shape"],
            "Parameters": layer["parameters"],
        }
        for i, layer in enumerate(record.data["layers"], start=1)
    ]
    total = {"#": "", "Layer": "**all**", "Type": "", "Output shape": ""}
    table = markdown_table([*rows, total | {"Parameters": record.data["n_parameters"]}])
    kinds = ((layer["type"], layer["parameters"]) for layer in record.data["layers"])
    running = sum(n for kind, n in kinds if kind == "BatchNormalization") // 2
    if not running:
        return table
    trainable = number(record.data["n_parameters"] - running)
    return (
        f"{table}\n\nOf the parameters {trainable} are trainable; the other {number(running)} are "
        "the running means and variances of batch normalisation, which are measured, not learned."
    )


def fold_mean(record, name: str) -> float:
    """Mean of one entry of `folds` over the folds."""
    return float(np.mean([fold[name] for fold in record.data["folds"]]))


def confusion_counts(record) -> np.ndarray:
    """Confusion matrix of the predictions: int [truth, predicted], in the order of the labels."""
    predictions = record.predictions
    emotions = record.data["corpus"]["emotions"]
    return evaluation.confusion_matrix(predictions["truth"], predictions["predicted"], emotions)


def speaker_scores(record) -> pd.DataFrame:
    """Accuracy and UAR of every speaker in the test parts.

    Returns
    -------
    DataFrame
        Index: speakers in order, `UNKNOWN` for those without a name. Columns: n, accuracy, uar
        (over the emotions that the speaker shows).
    """
    rows = {
        speaker or UNKNOWN: {
            "n": len(part),
            "accuracy": evaluation.accuracy(part["truth"], part["predicted"]),
            "uar": evaluation.uar(part["truth"], part["predicted"]),
        }
        for speaker, part in record.predictions.groupby("speaker")
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def ranked(values: Mapping[str, float], digits: int = 2) -> list[tuple[float, list[str]]]:
    """Printed values from highest to lowest, each with the names that share it.

    Examples
    --------
    >>> ranked({"anger": 0.701, "fear": 0.52, "joy": 0.699})
    [(0.7, ['anger', 'joy']), (0.52, ['fear'])]
    """
    groups: dict[float, list[str]] = {}
    for name, value in values.items():
        groups.setdefault(rounded(value, digits), []).append(str(name))
    return sorted(groups.items(), reverse=True)


def extremes(
    values: Mapping[str, float],
    noun: str = "emotion",
    *,
    digits: int = 2,
    unit: str = "",
    bold: bool = True,
) -> str:
    """Who has the highest and who the lowest printed value, with all that tie.

    Parameters
    ----------
    values
        Name to value, at least one.
    noun
        What the names are; more than `MANY` names of one rank are counted, not listed.
    digits, unit
        How values are printed.
    bold
        Emphasise the names, for Markdown.

    Examples
    --------
    >>> extremes({"anger": 0.7, "fear": 0.52, "joy": 0.7})
    'highest for **anger and joy** (0.70), lowest for **fear** (0.52)'
    >>> extremes({"anger": 0.7, "fear": 0.7})
    '0.70 for every emotion'
    """

    def words(value: float, names: list[str]) -> tuple[str, str]:
        who = listing(names) if len(names) <= MANY else count(len(names), noun)
        return f"**{who}**" if bold else who, f"{number(value, digits)} {unit}".rstrip()

    ranks = ranked(values, digits)
    (best, highest), (worst, lowest) = words(*ranks[0]), words(*ranks[-1])
    if len(ranks) == 1:
        return f"{highest} for {best if len(values) == 1 else f'every {noun}'}"
    return f"highest for {best} ({highest}), lowest for {worst} ({lowest})"
