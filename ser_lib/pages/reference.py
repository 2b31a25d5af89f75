"""What the reference report states, and what was measured here.

The report's figures are in ``reference-results.yml``, with its own words for what it rounds
(about, between, above, below). It names neither corpus nor split; its five classes are IEMOCAP's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import yaml

from ser_lib.experiments.run import Run
from ser_lib.pages.words import Fact, listing, number, percent

CORPUS = "iemocap"  # the corpus that has the report's classes
CHOICE = "cnn_gru"  # the report's final model


class Row(NamedTuple):
    """A figure of the reference report and what was measured here.

    Attributes
    ----------
    name
        The figure's name in ``reference-results.yml``.
    emotion, predicted
        What it is of: an emotion, or two for a cell of the confusion matrix; else "".
    stated, measured
        As printed; None if the corpus has no such emotion.
    """

    name: str
    emotion: str
    predicted: str
    stated: str
    measured: str | None


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


@dataclass(frozen=True)
class Reported(Fact):
    """What the reference report states of a network, and what a run of it measured.

    Training and validation figures of the run are means over the folds, at each fold's best epoch.

    Attributes
    ----------
    run
        On any corpus.
    """

    run: Run

    @property
    def n_classes(self) -> int:
        """Classes of the reference report."""
        return len(results()["cnn"]["per_class"])

    @property
    def same_corpus(self) -> bool:
        """Whether the run is on the corpus that has the report's classes."""
        return self.run.record.corpus.name == CORPUS

    @property
    def design(self) -> list[Row]:
        """Layers, filters and parameters; empty if the reference report has no such network."""
        return [
            Row(name, "", "", stated(value), getattr(self, f"_{name}"))
            for name, value in self._figures.items()
            if name in ("layers", "filters", "parameters")
        ]

    @property
    def scores(self) -> list[Row]:
        """Scores of the network, of every emotion, and cells of the confusion matrix."""
        return list(self._rows())

    @property
    def _figures(self) -> dict:
        return results().get(self.run.architecture, {})

    def _rows(self) -> Iterator[Row]:
        nested = ("per_class", "confusion")
        for name, value in self._figures.items():
            if name not in (*nested, *(row.name for row in self.design)):
                yield Row(name, "", "", stated(value), self._score(name))
        per_class, confusion = (self._figures.get(name, {}) for name in nested)
        for emotion, given in per_class.items():
            for name, value in given.items():
                yield Row(name, emotion, "", stated(value), self._class_score(emotion, name))
        for truth, given in confusion.items():
            for predicted, value in given.items():
                count = self._count(truth, predicted)
                yield Row("confusion", truth, predicted, stated(value), count)

    @property
    def _layers(self) -> str:
        return str(len(self.run.record.layers))

    @property
    def _filters(self) -> str:
        shapes = [x["output_shape"] for x in self.run.record.layers if "Conv" in x["type"]]
        return listing(shape.strip("()").split(",")[-1].strip() for shape in shapes)

    @property
    def _parameters(self) -> str:
        return number(self.run.record.n_parameters)

    def _score(self, name: str) -> str:
        if name in ("test_correct", "test_incorrect"):
            hits = self.run.predictions["truth"] == self.run.predictions["predicted"]
            if name == "test_incorrect":
                return f"{int((~hits).sum()):,} of {len(hits):,}"
            return f"{int(hits.sum()):,} of {len(hits):,} ({percent(hits.mean())})"
        name = name.removeprefix("test_")
        known = self.run.metrics
        return number(known[name].value if name in known else self.run.mean(name))

    def _class_score(self, emotion: str, name: str) -> str | None:
        if emotion not in self.run.emotions:
            return None
        # The accuracy within an emotion is its recall.
        return number(self.run.per_class.loc[emotion, name.replace("accuracy", "recall")])

    def _count(self, truth: str, predicted: str) -> str | None:
        if not {truth, predicted} <= set(self.run.emotions):
            return None
        row = self.run.confusion.loc[truth]
        n, total = int(row[predicted]), int(row.sum())
        return f"{n:,} of {total:,} ({percent(n / total if total else None)})"


@dataclass(frozen=True)
class Compared(Fact):
    """Accuracy and macro F1 of networks, as the reference report states them and as measured."""

    runs: Sequence[Run]

    @property
    def same_corpus(self) -> bool:
        """Whether the runs are on the corpus that has the report's classes."""
        return all(Reported(run).same_corpus for run in self.runs)

    @property
    def stated(self) -> list[tuple[Run, str, str]]:
        """Every run of a network of the report, with accuracy and macro F1 that it states."""
        return [
            (run, stated(own.get("accuracy", own.get("test_accuracy"))), stated(own["macro_f1"]))
            for run in self.runs
            if (own := results().get(run.architecture))
        ]
