"""What is left of a network when its test utterances are changed on their way to it.

Every condition is compared with the unchanged audio of the same utterances, paired by utterance and
by speaker. A change is only called one if `Estimate.sign` says so, corrected for all conditions.
"""

from collections.abc import Callable
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

    @property
    def name(self) -> str:
        """Name of the kind."""
        return KINDS[self.kind].name

    @property
    def unit(self) -> str:
        """Unit of the strength."""
        return KINDS[self.kind].unit


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

    def at(self, kind: str, strength: float) -> Condition:
        """Return the result under one condition."""
        return next(c for c in self.conditions if (c.kind, c.strength) == (kind, strength))

    @property
    def worst(self) -> Condition:
        """The condition of the lowest UAR."""
        return min(self.conditions, key=lambda c: c.uar.value)

    @property
    def better(self) -> list[list[Condition]]:
        """The conditions, kind by kind, whose change is above 0."""
        return self._grouped(lambda c: c.change.sign > 0)

    @property
    def open(self) -> list[str]:
        """The kinds that the data tell from no change at no strength."""
        changed = {c.kind for c in self.conditions if c.change.sign}
        return [about.name for kind, about in KINDS.items() if kind not in changed]

    @property
    def lost(self) -> list[Condition]:
        """The mildest condition of each kind under which the network may be guessing."""
        chance = 1 / len(self.run.emotions)
        return [own[0] for own in self._grouped(lambda c: c.uar.against(chance).sign < 1)]

    def _grouped(self, holds: Callable[[Condition], bool]) -> list[list[Condition]]:
        groups = [[c for c in self.conditions if c.kind == kind and holds(c)] for kind in KINDS]
        return [group for group in groups if group]


def measure(run: Run, predictions: pd.DataFrame) -> Trial:
    """Score the predictions of `conditions.answers`, each condition against the unchanged audio."""
    clean, *changed = (
        run.on(part.sort_values("utterance", ignore_index=True))
        for _, part in sorted(
            predictions.groupby(["kind", "strength"]), key=lambda item: CONDITIONS.index(item[0])
        )
    )
    changes = differences([(one, clean) for one in changed])
    return Trial(
        run,
        n=len(clean.predictions),
        speakers=clean.n_speakers,
        clean=clean.uar,
        conditions=[
            Condition(*condition, one.uar, change)
            for condition, one, change in zip(CONDITIONS[1:], changed, changes, strict=True)
        ],
    )
