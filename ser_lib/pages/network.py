"""One run: its network, its training, its scores, and what it takes for what.

The pages of the three networks and of the final one share these facts. Levels follow from the
thresholds below, which are differences or shares as fractions. Scores are compared as printed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from ser_lib.experiments import search
from ser_lib.experiments.baselines import Baseline
from ser_lib.experiments.run import Run
from ser_lib.metrics import scores
from ser_lib.metrics.jackknife import Estimate
from ser_lib.models import networks
from ser_lib.pages import runs
from ser_lib.pages.words import UNKNOWN, Fact, Markdown, block, rounded

GAP_SMALL = 0.05  # training minus validation accuracy up to here: no sign of overfitting
GAP_LARGE = 0.15  # from here on: overfitting
PHASE = 0.05  # test and validation accuracy that differ by less agree
LEANING = 0.10  # recall and precision that differ by less: the emotion is predicted often enough
AVERAGES = 0.02  # macro and weighted F1 that differ by less are called similar
MUTUAL = 0.10  # share of each of two emotions that is taken for the other


class Confusion(NamedTuple):
    """How often one emotion is taken for another; `share` is that of the true emotion."""

    truth: str
    predicted: str
    n: int
    share: float


def source(run: Run) -> Markdown:
    """Return the code that builds the network of a run, as a block of Python."""
    return block(networks.source(run.architecture), "python")


def pairs(run: Run) -> list[Confusion]:
    """Return the confusions of a run, largest count first, then by share."""
    counts = run.confusion
    result = [
        Confusion(truth, predicted, int(n), float(n / row.sum()))
        for truth, row in counts.iterrows()
        for predicted, n in row.items()
        if n and truth != predicted
    ]
    return sorted(result, key=lambda pair: (-pair.n, -pair.share))


def speaker_scores(run: Run) -> pd.DataFrame:
    """Return accuracy and UAR, over the emotions that the speaker shows, of every test speaker."""
    parts = run.predictions.groupby("speaker")
    own = {name or UNKNOWN: (part["truth"], part["predicted"]) for name, part in parts}
    rows = [(scores.accuracy(*both), scores.uar(*both)) for both in own.values()]
    return pd.DataFrame(rows, own, ["accuracy", "uar"])


@dataclass(frozen=True)
class Network(Fact):
    """What a run achieved."""

    run: Run
    baselines: Sequence[Baseline] = ()  # in the same folds, if the page compares with them
    top: int = 3  # confusions that are listed

    least_mutual = MUTUAL

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

    @property
    def unseen(self) -> bool:
        """Whether no test speaker can be one of the training set's."""
        return self.run.protocol != "random" and self.run.n_speakers > 0

    @property
    def chance_loss(self) -> float:
        """Loss of guessing, in nats."""
        return math.log(len(self.run.emotions))

    @property
    def above_chance(self) -> int:
        """1 if UAR is reliably above chance, -1 if below, 0 if neither."""
        return self.run.uar.against(1 / len(self.run.emotions)).sign

    @property
    def majority(self) -> tuple[str, float]:
        """The most frequent emotion, and the accuracy of always predicting it."""
        shares = self.run.predictions["truth"].value_counts(normalize=True).sort_index()
        return shares.idxmax(), float(shares.max())

    @property
    def beats_majority(self) -> bool:
        """Whether accuracy is higher than that, as printed."""
        return rounded(self.majority[1]) < rounded(self.run.metrics["accuracy"].value)

    @property
    def tested(self) -> pd.DataFrame:
        """Scores of the emotions that occur in the test set."""
        return self.run.per_class.query("support > 0")

    @property
    def biases(self) -> dict[str, pd.DataFrame]:
        """Scores and number of predictions of the emotions that are not predicted as they occur."""
        table = self.run.per_class.assign(predicted=self.run.confusion.sum())
        tested, predicted = table["support"] > 0, table["predicted"] > 0
        leaning = tested & predicted & ((table["recall"] - table["precision"]).abs() >= LEANING)
        often = table["predicted"] > table["support"]
        return {
            "untested": table[~tested],
            "never": table[tested & ~predicted],
            "often": table[leaning & often],
            "rarely": table[leaning & ~often],
        }

    @property
    def averages(self) -> pd.DataFrame:
        """Accuracy (as scikit-learn prints it, under F1), macro and weighted average."""
        table = self.run.per_class[["precision", "recall", "f1"]]
        support = self.run.per_class["support"]
        rows = {
            "accuracy": {"f1": self.run.metrics["accuracy"].value},
            "macro average": table.mean(),
            "weighted average": table.mul(support, axis=0).sum() / support.sum(),
        }
        return pd.DataFrame(rows, table.columns).T

    @property
    def favoured(self) -> str:
        """Which emotions are recognised better: "frequent", "rare", "none", or "equal" sizes."""
        macro, weighted = self.averages["f1"].iloc[1:]
        if self.run.per_class["support"].nunique() == 1:
            return "equal"
        if abs(macro - weighted) < AVERAGES:
            return "none"
        return "frequent" if weighted > macro else "rare"

    @cached_property
    def confusions(self) -> list[Confusion]:
        """See `pairs`."""
        return pairs(self.run)

    @property
    def mutual(self) -> list[tuple[str, str, int, int]]:
        """Two emotions that are both taken for the other, in `MUTUAL` of each, with the counts."""
        n = {(p.truth, p.predicted): p.n for p in self.confusions if p.share >= MUTUAL}
        both = [(a, b, n[a, b], n[b, a]) for a, b in n if a < b and (b, a) in n]
        return sorted(both, key=lambda pair: -pair[2] - pair[3])

    @property
    def speakers(self) -> pd.Series | None:
        """UAR of every test speaker; None where no speaker is known."""
        uar = speaker_scores(self.run)["uar"]
        return None if list(uar.index) == [UNKNOWN] else uar.rename("speaker {}".format)

    @cached_property
    def against(self) -> list[tuple[Baseline, Estimate]]:
        """Every baseline with the network's UAR less its own."""
        return runs.against(self.run, self.baselines)
