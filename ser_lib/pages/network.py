"""One run: its network, its training, its scores, and what it takes for what.

The pages of the three networks and of the final one share these facts. Levels follow from the
thresholds below, which are differences or shares as fractions. Scores are compared as they are
printed, with two decimals: what looks equal on the page is called equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import NamedTuple

import numpy as np
import pandas as pd

from ser_lib.experiments.baselines import Baseline
from ser_lib.experiments.run import Run
from ser_lib.metrics import scores
from ser_lib.metrics.difference import Difference
from ser_lib.models import networks
from ser_lib.pages import runs
from ser_lib.pages.words import UNKNOWN, Fact, Markdown, ranked, rounded

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


class Bias(NamedTuple):
    """An emotion that is predicted more or less often than it occurs."""

    emotion: str
    predicted: int
    support: int
    precision: float
    recall: float


class Average(NamedTuple):
    """A row under the emotions of a classification report."""

    name: str
    precision: float | None
    recall: float | None
    f1: float


class Mutual(NamedTuple):
    """Two emotions that are taken for each other, with how often each for the other."""

    first: str
    second: str
    n: int
    m: int


def source(run: Run) -> Markdown:
    """Return the code that builds the network of a run, as a block of Python."""
    return Markdown(f"```python\n{networks.source(run.architecture).strip()}\n```")


def pairs(run: Run) -> list[Confusion]:
    """Return the confusions of a run, largest count first.

    Equal counts are ordered by share, then by the order of the emotions.
    """
    counts = run.confusion
    result = [
        Confusion(truth, predicted, int(n), float(n / row.sum()))
        for truth, row in counts.iterrows()
        for predicted, n in row.items()
        if n and truth != predicted
    ]
    return sorted(result, key=lambda pair: (-pair.n, -pair.share))


def speaker_scores(run: Run) -> pd.DataFrame:
    """Return accuracy and UAR, over the emotions that the speaker shows, of every test speaker.

    The index holds the speakers in order, `UNKNOWN` for those without a name.
    """
    rows = {
        speaker or UNKNOWN: {
            "accuracy": scores.accuracy(part["truth"], part["predicted"]),
            "uar": scores.uar(part["truth"], part["predicted"]),
        }
        for speaker, part in run.predictions.groupby("speaker")
    }
    return pd.DataFrame.from_dict(rows, orient="index")


@dataclass(frozen=True)
class Network(Fact):
    """What a run achieved.

    Attributes
    ----------
    run
        The run.
    baselines
        In the same folds, if the page compares with them.
    top
        How many confusions are listed.
    """

    run: Run
    baselines: Sequence[Baseline] = ()
    top: int = 3

    least_leaning = LEANING
    least_mutual = MUTUAL

    @property
    def n_measured(self) -> int:
        """Parameters that are not trained: the running means and variances of normalisation."""
        # Batch normalisation has four for each channel, and learns two of them.
        layers = self.run.record.layers
        return sum(x["parameters"] for x in layers if x["type"] == "BatchNormalization") // 2

    @property
    def best_epoch(self) -> float:
        """Median over the folds of the epoch whose weights are kept."""
        return float(median(fold["best_epoch"] for fold in self.run.record.folds))

    @property
    def train(self) -> float:
        """Training accuracy at the best epochs, mean over the folds."""
        return self.run.mean("train_accuracy")

    @property
    def validation(self) -> float:
        """Validation accuracy at the best epochs, mean over the folds."""
        return self.run.mean("validation_accuracy")

    @property
    def gap(self) -> float:
        """Training less validation accuracy, both as printed."""
        return rounded(rounded(self.train) - rounded(self.validation))

    @property
    def overfit(self) -> str:
        """Level of `gap`: "large", "moderate", "small" or "negative"."""
        if self.gap >= GAP_LARGE:
            return "large"
        if self.gap > GAP_SMALL:
            return "moderate"
        return "small" if self.gap >= -GAP_SMALL else "negative"

    @property
    def drop(self) -> float:
        """Validation less test accuracy, both as printed; 0 where they agree."""
        drop = rounded(rounded(self.validation) - rounded(self.run.metrics["accuracy"].value))
        return drop if abs(drop) >= PHASE else 0.0

    @property
    def unseen(self) -> bool:
        """Whether no test speaker can be one of the training set's."""
        return self.run.protocol != "random" and self.run.clusters is not None

    @property
    def chance(self) -> float:
        """UAR of guessing."""
        return 1 / len(self.run.emotions)

    @property
    def chance_loss(self) -> float:
        """Loss of guessing, in nats."""
        return float(np.log(len(self.run.emotions)))

    @property
    def above_chance(self) -> int:
        """1 if the whole interval of UAR lies above chance, -1 if below, 0 if it includes it."""
        return Difference(
            self.run.uar.value - self.chance, [end - self.chance for end in self.run.uar.interval]
        ).sign

    @property
    def majority(self) -> str:
        """The most frequent emotion."""
        return self.run.predictions["truth"].value_counts().sort_index().idxmax()

    @property
    def majority_share(self) -> float:
        """Accuracy of always predicting it."""
        return float((self.run.predictions["truth"] == self.majority).mean())

    @property
    def beats_majority(self) -> bool:
        """Whether accuracy is higher than that, as printed."""
        return rounded(self.majority_share) < rounded(self.run.metrics["accuracy"].value)

    @cached_property
    def tested(self) -> pd.DataFrame:
        """Scores of the emotions that occur in the test set."""
        return self.run.per_class[self.run.per_class["support"] > 0]

    @property
    def untested(self) -> list[str]:
        """Emotions without an utterance in the test set."""
        return [emotion for emotion in self.run.emotions if emotion not in self.tested.index]

    @property
    def _biases(self) -> list[Bias]:
        counts = self.run.predictions["predicted"].value_counts()
        return [
            Bias(name, int(counts.get(name, 0)), int(row.support), row.precision, row.recall)
            for name, row in self.tested.iterrows()
        ]

    @property
    def never(self) -> list[Bias]:
        """Emotions that are never predicted."""
        return [bias for bias in self._biases if not bias.predicted]

    @property
    def leaning(self) -> list[Bias]:
        """Emotions that are predicted clearly too often or too rarely, but at all."""
        return [
            bias
            for bias in self._biases
            if bias.predicted and abs(bias.recall - bias.precision) >= LEANING
        ]

    @property
    def often(self) -> list[Bias]:
        """Those that are predicted too often."""
        return [bias for bias in self.leaning if bias.predicted > bias.support]

    @property
    def rarely(self) -> list[Bias]:
        """Those that are predicted too rarely."""
        return [bias for bias in self.leaning if bias.predicted <= bias.support]

    @property
    def averages(self) -> list[Average]:
        """Accuracy (as scikit-learn prints it, under F1), macro and weighted average."""
        table = self.run.per_class
        rows = [Average("accuracy", None, None, self.run.metrics["accuracy"].value)]
        for name, weights in (("macro average", None), ("weighted average", table["support"])):
            columns = (table[column] for column in ("precision", "recall", "f1"))
            means = [float(np.average(column, weights=weights)) for column in columns]
            rows.append(Average(name, *means))
        return rows

    @property
    def favoured(self) -> str:
        """Which emotions are recognised better: "frequent", "rare", "none" or "equal" sizes."""
        _, macro, weighted = (average.f1 for average in self.averages)
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
    def n_errors(self) -> int:
        """Utterances that are not recognised."""
        return sum(pair.n for pair in self.confusions)

    @property
    def n_correct(self) -> int:
        """Utterances that are recognised."""
        return len(self.run.predictions) - self.n_errors

    @property
    def n_ties(self) -> int:
        """Confusions that are not listed and as frequent as the last one that is."""
        rest = self.confusions[self.top :]
        return sum(pair.n == self.confusions[self.top - 1].n for pair in rest)

    @property
    def mutual(self) -> list[Mutual]:
        """Emotions that are taken for each other, in at least `MUTUAL` of each."""
        counts = {(p.truth, p.predicted): p.n for p in self.confusions if p.share >= MUTUAL}
        both = [
            Mutual(a, b, n, counts[b, a])
            for (a, b), n in counts.items()
            if a < b and (b, a) in counts
        ]
        return sorted(both, key=lambda pair: -pair.n - pair.m)

    @property
    def recalls(self) -> list[tuple[float, list[str]]]:
        """Recall as printed, from the highest, with the emotions that share it."""
        return ranked(dict(self.tested["recall"]))

    @property
    def sides(self) -> dict[str, list[str]]:
        """Emotions whose recall is "above", "equal" to or "below" accuracy, as printed."""
        recall = self.tested["recall"].map(rounded)
        overall = rounded(self.run.metrics["accuracy"].value)
        signs = {"above": recall > overall, "equal": recall == overall, "below": recall < overall}
        return {side: list(recall.index[where]) for side, where in signs.items()}

    @property
    def speakers(self) -> pd.Series | None:
        """UAR of every test speaker; None where no speaker is known."""
        uar = speaker_scores(self.run)["uar"]
        return None if list(uar.index) == [UNKNOWN] else uar.rename("speaker {}".format)

    @cached_property
    def against(self) -> list[tuple[Baseline, Difference]]:
        """Every baseline with the network's UAR less its own."""
        return runs.against(self.run, self.baselines)
