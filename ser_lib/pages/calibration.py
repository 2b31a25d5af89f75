"""Whether a network's probabilities can be believed, before and after temperature scaling.

The temperature of a fold is fitted on its own validation set alone: the speakers who validate one
fold are tested in another, so temperatures fitted on all validation sets together would know the
test speakers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ser_lib.core.errors import RecordError
from ser_lib.experiments.run import Run
from ser_lib.metrics import calibration
from ser_lib.metrics.jackknife import Estimate, corrected, mean
from ser_lib.pages.words import Fact

SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)  # of the utterances that are answered


@dataclass(frozen=True)
class Quality:
    """How well probabilities agree with what is right."""

    scores: Mapping[str, Estimate]  # those of `ser_lib.metrics.calibration`
    confidence: float  # mean probability of the predictions
    accuracy: float


@dataclass(frozen=True, eq=False)
class Calibration(Fact):
    """A run's probabilities of the test utterances before and after temperature scaling.

    The table of folds has the columns fold, n (validation utterances) and temperature: above 1, as
    printed, its network was too sure, below 1 not sure enough.
    """

    run: Run
    scaled: np.ndarray  # probabilities: float [utterances, classes]
    folds: pd.DataFrame

    @property
    def truth(self) -> list[str]:
        """The emotions of the test utterances."""
        return list(self.run.predictions["truth"])

    @cached_property
    def before(self) -> Quality:
        """Of the probabilities as trained."""
        return quality(self.run, self.run.probabilities)

    @cached_property
    def after(self) -> Quality:
        """Of the scaled probabilities."""
        return quality(self.run, self.scaled)

    @cached_property
    def changes(self) -> dict[str, Estimate]:
        """Every score after scaling less that before, corrected for their number."""
        given = self.truth, self.scaled, self.run.emotions
        units = {"clusters": self.run.clusters, "unit": self.run.unit}
        changes = calibration.evaluate(*given, against=self.run.probabilities, **units)
        return dict(zip(changes, corrected(list(changes.values())), strict=True))

    def curve(self, shares: Sequence[float] = SHARES) -> pd.DataFrame:
        """Return the accuracy of the most confident shares of the answers, with its interval.

        The scaled probabilities decide which answers are given, those of equal confidence together:
        the coverage can be larger than the share that was asked for, in (0, 1].
        Columns: share, threshold, coverage, accuracy, n, low, high.
        """
        given = self.truth, self.scaled, self.run.emotions
        confidence, right = calibration.answers(*given)
        whole = calibration.coverage(*given)
        units = {"clusters": self.run.clusters, "unit": self.run.unit}
        rows = []
        for share in shares:
            # Shares are sums of 1 / n, which are not exact.
            at = whole[whole["coverage"] >= share - 1e-9].iloc[0]
            sure = confidence >= at["threshold"]
            low, high = mean(right, weights=sure, **units).interval
            rows.append({"share": share, **at, "n": int(sure.sum()), "low": low, "high": high})
        return pd.DataFrame(rows)


def calibrate(run: Run, validation: pd.DataFrame) -> Calibration:
    """Fit a temperature for every fold on its validation set, and apply it to its test set.

    The predictions for the validation sets are those of `train.validation`; RecordError if a fold
    has none.
    """
    columns = [f"p_{emotion}" for emotion in run.emotions]
    scaled, rows = run.probabilities.copy(), []
    for name in (fold["name"] for fold in run.record.folds):
        part = validation[validation["fold"] == name]
        if part.empty:
            raise RecordError(f"there are no validation predictions of fold '{name}'")
        probabilities = part[columns].to_numpy(float)
        value = calibration.fit_temperature(list(part["truth"]), probabilities, run.emotions)
        rows.append({"fold": name, "n": len(part), "temperature": value})
        own = (run.predictions["fold"] == name).to_numpy()
        scaled[own] = calibration.temper(scaled[own], value)
    return Calibration(run, scaled, pd.DataFrame(rows))


def quality(run: Run, probabilities: np.ndarray) -> Quality:
    """Return how well probabilities of a run's test utterances agree with what is right."""
    given = list(run.predictions["truth"]), probabilities, run.emotions
    confidence, right = calibration.answers(*given)
    return Quality(
        calibration.evaluate(*given, clusters=run.clusters, unit=run.unit),
        confidence=float(confidence.mean()),
        accuracy=float(right.mean()),
    )
