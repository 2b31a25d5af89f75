"""What is left of a network when its test utterances are changed on their way to it.

Every condition is compared with the unchanged audio of the same utterances, paired by utterance and
by speaker. A change is only called one if `Estimate.sign` says so, corrected for all conditions.
"""

from dataclasses import dataclass

import pandas as pd

from ser_lib.experiments.conditions import CONDITIONS
from ser_lib.experiments.run import Run
from ser_lib.features.copies import CHANNELS
from ser_lib.features.perturb import KINDS
from ser_lib.metrics.jackknife import Estimate
from ser_lib.pages.runs import differences
from ser_lib.pages.words import Fact


@dataclass(frozen=True)
class Condition:
    """A network's result under one condition of `perturb.KINDS`."""

    kind: str
    strength: float
    uar: Estimate  # of the changed utterances
    change: Estimate  # that less the UAR of the same utterances unchanged

    def __str__(self) -> str:
        """Return the condition in words."""
        return f"{KINDS[self.kind].name} at {self.strength:g} {KINDS[self.kind].unit}"


@dataclass(frozen=True)
class Trial(Fact):
    """A network's results under all conditions."""

    run: Run
    n: int  # utterances in the sample
    speakers: int  # in it
    clean: Estimate  # UAR of the sample unchanged
    conditions: list[Condition]  # in the order of `CONDITIONS`, of each kind the mildest first

    kinds = len(KINDS)
    channels = CHANNELS

    @property
    def worst(self) -> Condition:
        """The condition of the lowest UAR."""
        return min(self.conditions, key=lambda c: c.uar.value)

    @property
    def lost(self) -> list[Condition]:
        """The mildest condition of each kind under which the network may be guessing."""
        chance = 1 / len(self.run.emotions)
        guessing = [c for c in self.conditions if c.uar.against(chance).sign < 1]
        return list({c.kind: c for c in guessing[::-1]}.values())[::-1]


def measure(run: Run, predictions: pd.DataFrame) -> Trial:
    """Score the predictions of `conditions.answers`, each condition against the unchanged audio."""
    clean, *changed = (
        run.on(part.sort_values("utterance", ignore_index=True))
        for _, part in sorted(
            predictions.groupby(["kind", "strength"]), key=lambda item: CONDITIONS.index(item[0])
        )
    )
    changes = differences([(one, clean) for one in changed])
    rows = zip(CONDITIONS[1:], changed, changes, strict=True)
    conditions = [Condition(*condition, one.uar, change) for condition, one, change in rows]
    return Trial(run, len(clean.predictions), clean.n_speakers, clean.uar, conditions)
