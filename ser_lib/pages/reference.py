"""What the reference report states, and what was measured here.

The report's figures are in ``reference-results.yml``, with its own words for what it rounds. It
names neither corpus nor split; its five classes are IEMOCAP's.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from ser_lib.experiments.run import Run
from ser_lib.pages.words import Fact

CORPUS = "iemocap"  # the corpus that has the report's classes
CHOICE = "cnn_gru"  # the report's final model


class Row(NamedTuple):
    """A figure of the reference report and what was measured."""

    name: str
    emotions: tuple[str, ...]  # none, one, or the true and the predicted one
    stated: float | str
    measured: float | tuple[int, int] | list[int] | None  # the pair: some of all


@cache
def results() -> dict:
    """Return what the reference report states."""
    file = Path(__file__).with_name("reference-results.yml")
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Reported(Fact):
    """What the reference report states of a network, and what a run of it measured.

    Training and validation figures of the run are means over the folds, after the last epoch;
    the plateau is validation accuracy at the last one.
    """

    run: Run

    n_classes = 5  # of the reference report
    corpus = CORPUS

    @property
    def rows(self) -> list[Row]:
        """Every figure; none if the reference report has no such network."""
        figures = dict(results().get(self.run.architecture, {}))
        classes, confusion = (figures.pop(name, {}) for name in ("per_class", "confusion"))
        cells: list[tuple] = [(name, (), value) for name, value in figures.items()]
        for emotion, values in classes.items():
            cells += [(name, (emotion,), value) for name, value in values.items()]
        for truth, values in confusion.items():
            cells += [("confusion", (truth, other), value) for other, value in values.items()]
        return [Row(name, who, v, self._measured(name, who)) for name, who, v in cells]

    def _measured(self, name: str, emotions: tuple[str, ...]):
        run = self.run
        if not set(emotions) <= set(run.emotions):
            return None
        if name == "confusion":
            truth, predicted = emotions
            return run.confusion.loc[truth, predicted], run.confusion.loc[truth].sum()
        if emotions:  # the accuracy within an emotion is its recall
            return run.per_class.loc[emotions[0], name.replace("accuracy", "recall")]
        shapes = [x["output_shape"] for x in run.record.layers if "Conv" in x["type"]]
        n, n_right = len(run.predictions), int(np.trace(run.confusion))
        design = {
            "layers": len(run.record.layers),
            "filters": [int(shape.strip("(,)").split(", ")[-1]) for shape in shapes],
            "parameters": run.record.n_parameters,
            "test_correct": (n_right, n),
            "test_incorrect": (n - n_right, n),
        }
        if name in design:
            return design[name]
        if name == "validation_plateau":
            last = run.history[run.history["split"] == "validation"].groupby("fold").last()
            return float(last["accuracy"].mean())
        name = name.removeprefix("test_")
        return run.metrics[name].value if name in run.metrics else run.mean(name)
