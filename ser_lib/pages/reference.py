"""What the reference report states, and how it stands beside what was measured here.

The report's figures are in ``reference-results.yml``, with its own words for what it rounds
(about, between, above, below). It names neither corpus nor split; its five classes are IEMOCAP's.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import yaml

from ser_lib.core.errors import RecordError, choose
from ser_lib.pages.tables import (
    capital,
    confusion_counts,
    fold_mean,
    listing,
    markdown_table,
    number,
    percent,
    scores,
    title,
)

CORPUS = "iemocap"  # the corpus that has the report's classes
CHOICE = "cnn_gru"  # the report's final model
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


@cache
def results() -> dict:
    """What the reference report states, from ``reference-results.yml``."""
    text = files("ser_lib.pages").joinpath("reference-results.yml").read_text(encoding="utf-8")
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


def reported(architecture: str, record) -> str:
    """What the reference report states of a network, beside what was measured here.

    Training and validation figures measured here are means over the folds, at each fold's best
    epoch.

    Parameters
    ----------
    architecture
        A network of the reference report; of another one the answer is a sentence.
    record
        A run of that network on any corpus. Every result of another corpus than the report's is
        marked as such; an emotion that the corpus lacks has no measurement.

    Raises
    ------
    ParameterError
        If neither the reference report nor the record has such a network.
    RecordError
        If the record is one of another network.
    """
    if architecture == record.data["architecture"] and architecture not in results():
        return "The reference report has no such network."
    figures = results()[choose(architecture, results(), "network of the reference report")]
    if record.data["architecture"] != architecture:
        raise RecordError(
            f"{record.folder} is a record of {record.data['architecture']}, not of {architecture}"
        )
    emotions = record.data["corpus"]["emotions"]
    classes = len(results()["cnn"]["per_class"])
    same = len(emotions) == classes
    design = "same design" if same else f"{len(emotions)} classes instead of {classes}"
    another = record.data["corpus"]["name"] != CORPUS
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


def compared(records: Sequence) -> str:
    """Accuracy and macro F1 of the reference report's networks, there and here."""
    rows = []
    for record in records:
        architecture = record.data["architecture"]
        if architecture not in results():
            continue
        figures = results()[architecture]
        metrics = record.data["metrics"]
        rows.append(
            {
                "Network": title(architecture),
                "Accuracy, reference": stated(
                    figures.get("accuracy", figures.get("test_accuracy"))
                ),
                "Accuracy, here": number(metrics["accuracy"]),
                "Macro F1, reference": stated(figures["macro_f1"]),
                "Macro F1, here": number(metrics["macro_f1"]),
            }
        )
    another = any(record.data["corpus"]["name"] != CORPUS for record in records)
    note = (
        "The reference report used another corpus, so the columns are context, not a contest."
        if another
        else "The reference report names neither its corpus nor its split; its classes are these."
    )
    return f"{markdown_table(rows)}\n\n{note}"


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
        if name == "test_incorrect":
            return f"{int((~hits).sum()):,} of {len(hits):,}"
        return f"{int(hits.sum()):,} of {len(hits):,} ({percent(hits.mean())})"
    name = name.removeprefix("test_")
    return number(metrics[name]) if name in metrics else number(fold_mean(record, name))


def _class_score(record, emotion: str, name: str) -> str:
    if emotion not in record.data["corpus"]["emotions"]:
        return "not in this corpus"
    return number(scores(record).loc[emotion, "recall" if name == "accuracy" else name])


def _cell_count(record, truth: str, predicted: str) -> str:
    emotions = record.data["corpus"]["emotions"]
    if not {truth, predicted} <= set(emotions):
        return "not in this corpus"
    spoken = confusion_counts(record)[emotions.index(truth)]
    n, total = int(spoken[emotions.index(predicted)]), int(spoken.sum())
    return f"{n:,} of {total:,} ({percent(n / total if total else None)})"
