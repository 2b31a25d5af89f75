"""One run: its network, its training, its scores, and what it takes for what.

The pages of the three networks and of the final one share these facts. Levels follow from the
thresholds below, which are differences or shares as fractions. Scores are compared as printed.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ser_lib.experiments import search
from ser_lib.experiments.run import Run
from ser_lib.models import networks
from ser_lib.pages.words import Fact, Markdown, block, rounded

GAP_SMALL = 0.05  # training minus validation accuracy up to here: no sign of overfitting
GAP_LARGE = 0.15  # from here on: overfitting
PHASE = 0.05  # test and validation accuracy that differ by less agree


class Confusion(NamedTuple):
    """How often one emotion is taken for another; `share` is that of the true emotion."""

    truth: str
    predicted: str
    n: int
    share: float


def source(run: Run) -> Markdown:
    """Return the code that builds the network of a run, as a block of Python."""
    return block(networks.source(run.architecture), "python")


@dataclass(frozen=True)
class Network(Fact):
    """What a run achieved."""

    run: Run
    top: int = 3  # confusions that are listed

    @property
    def tried(self) -> search.Tried | None:
        """What was tried before the run was reported; None where nothing was searched."""
        return search.tried(self.run)

    @property
    def gap(self) -> float:
        """Training less validation accuracy after the last epoch, both as printed."""
        train, validation = (self.run.mean(f"{part}_accuracy") for part in ("train", "validation"))
        return rounded(rounded(train) - rounded(validation))

    @property
    def overfit(self) -> str:
        """Level of `gap`: "large", "moderate", "small" or "negative"."""
        if self.gap > GAP_SMALL:
            return "large" if self.gap >= GAP_LARGE else "moderate"
        return "small" if self.gap >= -GAP_SMALL else "negative"

    @property
    def drop(self) -> float:
        """Validation less test accuracy, both as printed; 0 where they agree."""
        validation, test = self.run.mean("validation_accuracy"), self.run.metrics["accuracy"].value
        drop = rounded(rounded(validation) - rounded(test))
        return drop if abs(drop) >= PHASE else 0.0

    @cached_property
    def confusions(self) -> list[Confusion]:
        """What is taken for something else, the largest count first, then by share."""
        result = [
            Confusion(truth, predicted, int(n), float(n / row.sum()))
            for truth, row in self.run.confusion.iterrows()
            for predicted, n in row.items()
            if n and truth != predicted
        ]
        return sorted(result, key=lambda pair: (-pair.n, -pair.share))
