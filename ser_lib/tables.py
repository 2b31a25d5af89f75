"""Numbers in words, and the report's tables as Markdown.

Conventions: functions take records (`records.Record`) and return Markdown. Scores are fractions with
two decimals, shares are whole percentages, counts have thousands separators, and a missing number
is "-". Emotions keep the order of the record's labels. What can be computed again from the
predictions is, and must agree with what the record says, so that no page can print two values of
one number.
"""

import math
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from numbers import Integral, Real

import numpy as np
import pandas as pd
import yaml

from ser_lib import evaluation
from ser_lib.errors import RecordError, choose

TITLES = {"cnn": "CNN", "cnn_lstm": "CNN-LSTM", "cnn_gru": "CNN-GRU"}
REPORT_CORPUS = "iemocap"  # the corpus whose five classes the reference report uses
MISSING = "-"
_TOLERANCE = 1e-6


def title(architecture: str) -> str:
    """Printed name of a network: ``cnn_gru`` is "CNN-GRU"."""
    return TITLES.get(architecture, architecture.replace("_", "-").upper())


def number(value: float | None, digits: int = 2) -> str:
    """A number as it is printed: integers with separators, others with `digits` decimals.

    Examples
    --------
    >>> number(1929349), number(0.7049), number(-0.001), number(None)
    ('1,929,349', '0.70', '0.00', '-')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if isinstance(value, Integral):
        return f"{int(value):,}"
    return f"{round(float(value), digits) + 0.0:,.{digits}f}"


def interval(value: float, ci95: Iterable[float], digits: int = 2) -> str:
    """A score with its interval.

    Examples
    --------
    >>> interval(0.7, [0.652, 0.748])
    '0.70 (95 % interval 0.65 to 0.75)'
    """
    low, high = (number(float(limit), digits) for limit in ci95)
    return f"{number(float(value), digits)} (95 % interval {low} to {high})"


def percent(fraction: float | None) -> str:
    """A share as a whole percentage that never rounds to none or all of it.

    Examples
    --------
    >>> percent(0.722), percent(0.998), percent(1.0), percent(0.001)
    ('72 %', 'over 99 %', '100 %', 'under 1 %')
    """
    if fraction is None or not math.isfinite(fraction):
        return MISSING
    rounded = math.floor(fraction * 100 + 0.5)
    if fraction > 0 and rounded == 0:
        return "under 1 %"
    if fraction < 1 and rounded == 100:
        return "over 99 %"
    return f"{rounded} %"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun.

    Examples
    --------
    >>> count(1, "fold"), count(1234, "utterance"), count(2, "class", "classes")
    ('1 fold', '1,234 utterances', '2 classes')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


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
    if seconds < 10:
        return f"{seconds:.1f} s"
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
        [str(name) for name in names],
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
    accuracy = evaluation.accuracy(truth, predicted, labels)
    _agree(record, "accuracy", accuracy, record.data["metrics"]["accuracy"])
    for emotion, values in per_class.items():
        for name, value in values.items():
            _agree(record, f"{name} of {emotion}", value, record.data["per_class"][emotion][name])
    table = pd.DataFrame.from_dict(per_class, orient="index")
    averages = {"accuracy": [math.nan, math.nan, accuracy, len(truth)]}
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
    """The network's layers in order, with output shapes and parameters, and the total."""
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
    return markdown_table([*rows, total | {"Parameters": record.data["n_parameters"]}])


@cache
def reference() -> dict:
    """What the reference report states, from ``data/reference-results.yml``."""
    text = files("ser_lib").joinpath("data/reference-results.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def stated(value: object) -> str:
    """A figure of the reference report with the report's own precision in words.

    Examples
    --------
    >>> stated(0.56), stated({"about": 1000}), stated({"between": [0.58, 0.6]})
    ('0.56', 'about 1,000', '0.58 to 0.60')
    >>> stated({"below": 0.9}), stated({"above": 1600}), stated([32, 64])
    ('below 0.90', 'above 1,600', '32 and 64')
    """
    if isinstance(value, list):
        return listing(number(item) for item in value)
    if isinstance(value, dict):
        ((word, inner),) = value.items()
        if word == "between":
            return " to ".join(number(limit) for limit in inner)
        return f"{word} {number(inner)}"
    return number(value)


def fold_mean(record, name: str) -> float:
    """Mean of one entry of `folds` over the folds that have it, nan if none has."""
    values = [fold.get(name) for fold in record.data["folds"]]
    values = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.mean(values)) if values else math.nan


_DESIGN = {
    "layers": "Layers after the input",
    "filters": "Filters of the blocks",
    "parameters": "Parameters",
}
_RESULTS = {
    "train_accuracy": "Training accuracy",
    "validation_accuracy": "Validation accuracy",
    "train_loss": "Training loss",
    "validation_loss": "Validation loss",
    "accuracy": "Test accuracy",
    "test_accuracy": "Test accuracy",
    "test_loss": "Test loss",
    "macro_f1": "Macro average F1",
    "weighted_f1": "Weighted average F1",
    "test_correct": "Correct predictions",
    "test_incorrect": "Incorrect predictions",
}
_CLASS_SCORES = {"precision": "precision", "recall": "recall", "f1": "F1", "accuracy": "accuracy"}


def reported(architecture: str, record) -> str:
    """What the reference report states of a network, beside what was measured here.

    Training and validation figures measured here are means over the folds, at each fold's best
    epoch.

    Parameters
    ----------
    architecture
        A network of the reference report.
    record
        A run of that network on any corpus. Every result of another corpus than the report's is
        marked as such; an emotion that the corpus lacks has no measurement.

    Raises
    ------
    ParameterError
        If the reference report has no such network.
    RecordError
        If the record is one of another network.
    """
    figures = reference()[choose(architecture, TITLES, "network of the reference report")]
    if record.data["architecture"] != architecture:
        raise RecordError(
            f"{record.folder} is a record of {record.data['architecture']}, not of {architecture}"
        )
    emotions = record.data["corpus"]["emotions"]
    classes = len(reference()["cnn"]["per_class"])
    same = len(emotions) == classes
    design = "same design" if same else f"{len(emotions)} classes instead of {classes}"
    another = record.data["corpus"]["name"] != REPORT_CORPUS
    result = "another corpus" if another else "same classes, split not named"
    rows = [
        (_DESIGN[name], figures[name], _design(record, name), design)
        for name in _DESIGN
        if name in figures
    ]
    rows += [
        (_RESULTS[name], figures[name], _result(record, name), result)
        for name in _RESULTS
        if name in figures
    ]
    for emotion, given in figures["per_class"].items():
        for name, value in given.items():
            measured = _class_score(record, emotion, name)
            rows.append((f"{capital(emotion)}: {_CLASS_SCORES[name]}", value, measured, result))
    for truth, given in figures.get("confusion", {}).items():
        for predicted, value in given.items():
            what = "correct" if truth == predicted else f"taken for {predicted}"
            measured = _cell_count(record, truth, predicted)
            rows.append((f"{capital(truth)} {what}", value, measured, result))
    columns = ("Figure", "Reference report", "Measured here", "Comparison")
    return markdown_table(
        dict(zip(columns, (name, stated(value), measured, note), strict=True))
        for name, value, measured, note in rows
    )


def _design(record, name: str) -> str:
    if name == "layers":
        return str(len(record.data["layers"]))
    if name == "filters":
        shapes = [x["output_shape"] for x in record.data["layers"] if "Conv" in x["type"]]
        return listing(shape.strip("()").split(",")[-1].strip() for shape in shapes)
    return number(record.data["n_parameters"])


def _result(record, name: str) -> str:
    metrics, predictions = record.data["metrics"], record.predictions
    if name in ("test_correct", "test_incorrect"):
        hits = predictions["truth"] == predictions["predicted"]
        n = int(hits.sum() if name == "test_correct" else (~hits).sum())
        return f"{n:,} of {len(hits):,} ({percent(n / len(hits))})"
    name = name.removeprefix("test_")
    return number(metrics[name]) if name in metrics else number(fold_mean(record, name))


def _class_score(record, emotion: str, name: str) -> str:
    if emotion not in record.data["corpus"]["emotions"]:
        return "not in this corpus"
    return number(scores(record).loc[emotion, "recall" if name == "accuracy" else name])


def _cell_count(record, truth: str, predicted: str) -> str:
    if not {truth, predicted} <= set(record.data["corpus"]["emotions"]):
        return "not in this corpus"
    spoken = record.predictions[record.predictions["truth"] == truth]
    n = int((spoken["predicted"] == predicted).sum())
    return f"{n:,} of {len(spoken):,} ({percent(n / len(spoken) if len(spoken) else None)})"
