"""What a network should at least do, as the closest public report demands it, and whether it does.

The demands are those of audEERING's ser-tests (Derington et al. 2025), as far as they are about
emotions as classes and about conditions that are measured here. They are conventions, not laws: a
network may pass and be useless for a purpose, or fail and be good enough for another.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ser_lib.experiments.run import Run
from ser_lib.metrics.jackknife import Estimate
from ser_lib.pages.words import Fact

UAR_AT_LEAST = 0.5
SEX_WITHIN = 0.075
CHANGE_AT_LEAST = -0.05
CONDITIONS = (("noise", 20), ("babble", 20), ("telephone", 3400))
"""Levels as in ser-tests, which takes its babble from other recordings. Its telephone also has a
codec and noise, so that the band alone is a milder test."""


@dataclass(frozen=True)
class Demand:
    """A demand and what was measured."""

    kind: str  # "uar", "sex", or "change" under a condition
    of: str  # "women" or "men", or the condition
    measured: Estimate
    least: float = -math.inf
    most: float = math.inf

    @property
    def passed(self) -> bool:
        """Whether the measured value is within the limits."""
        return self.least <= self.measured.value <= self.most

    @property
    def sure(self) -> bool:
        """Whether all of the interval says the same as the value."""
        low, high = self.measured.interval
        if self.passed:
            return self.least <= low and high <= self.most
        return high < self.least or low > self.most


@dataclass(frozen=True)
class Demands(Fact):
    """Demands of one page."""

    rows: Sequence[Demand]

    @property
    def failed(self) -> list[Demand]:
        """Those that are not met."""
        return [row for row in self.rows if not row.passed]

    @property
    def unsure(self) -> list[Demand]:
        """Those whose interval reaches over a limit."""
        return [row for row in self.rows if not row.sure]


def of_all(run: Run) -> list[Demand]:
    """Return the demand on the UAR over all test utterances."""
    return [Demand("uar", "", run.uar, least=UAR_AT_LEAST)]


def of_sexes(groups: Sequence) -> list[Demand]:
    """Return the demand on the UAR of each of `fairness.Sexes.groups`."""
    limits = {"least": -SEX_WITHIN, "most": SEX_WITHIN}
    return [Demand("sex", group.name, group.apart, **limits) for group in groups]


def of_conditions(trial) -> list[Demand]:
    """Return the demands on the change of UAR in a `robustness.Trial`."""
    return [
        Demand("change", kind, trial.at(kind, strength).change, least=CHANGE_AT_LEAST)
        for kind, strength in CONDITIONS
    ]
