"""The methods compared: scores, reliable differences, seeds and the choice.

How far a score moves from seed to seed is another question than how far it would move with other
speakers, and no interval over speakers answers it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import pandas as pd

from ser_lib.core.errors import ParameterError
from ser_lib.experiments.baselines import TITLES, Baseline
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment
from ser_lib.experiments.run import Result, Run
from ser_lib.features import functionals
from ser_lib.metrics.jackknife import Estimate
from ser_lib.models.networks import title
from ser_lib.pages import reference, runs
from ser_lib.pages.words import Fact


def experiments(corpus: str, *, seed: int = 0, seeds: int = 1, **given) -> list[Experiment]:
    """Return what the page trains: all networks with the first seed, then all with the next one.

    `seeds`, a whole number, are counted on from `seed`; the rest is that of `runs.experiment`.
    """
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise ParameterError(f"seeds must be a whole number from 1, not {seeds!r}")
    both = product(range(seed, seed + seeds), ARCHITECTURES)
    return [runs.experiment(name, corpus, seed=number, **given) for number, name in both]


@dataclass(frozen=True)
class Comparison(runs.Methods, Fact):
    """Several networks on the same data, and what they are compared with.

    Any property raises RecordError if there is no run, or they are of different data or protocols.
    """

    trained: Sequence[Run]  # of each network one, or one for each seed
    baselines: Sequence[Baseline] = ()  # in the same folds, if the page compares with them
    discriminants: Sequence[Run] = ()

    reference_choice = title(reference.CHOICE)

    @cached_property
    def _groups(self) -> list[list[Run]]:
        """The runs of each network by seed, in the order of training."""
        groups: dict[str, list[Run]] = {}
        for run in sorted(self.trained, key=lambda run: run.seed):
            groups.setdefault(run.architecture, []).append(run)
        runs.comparable(self.trained)
        return list(groups.values())

    @property
    def runs(self) -> list[Run]:
        """The first run of every network, in the order of training."""
        return [group[0] for group in self._groups]

    @cached_property
    def others(self) -> list[Result]:
        """As of `runs.Methods`, and the seeds of each network together, where there are several."""
        groups = self._groups if len(self.seeds) > 1 else []
        together = [runs.fused(f"{g[0].title} of {len(g)} seeds together", g) for g in groups]
        return [*super().others, *together]

    @property
    def networks(self) -> list[tuple[str, Run]]:
        """The same with names."""
        return runs.named(self.runs)

    @property
    def seeds(self) -> list[int]:
        """Seeds that every network was trained with."""
        return [run.seed for run in self._groups[0]]

    @cached_property
    def spreads(self) -> pd.DataFrame:
        """Mean, std, min and max of UAR over seeds, the network of the highest mean first."""
        uars = {group[0].title: [run.uar.value for run in group] for group in self._groups}
        table = pd.DataFrame(uars).agg(["mean", "std", "min", "max"]).T
        return table.sort_values("mean", ascending=False)

    @cached_property
    def against(self) -> list[tuple[Baseline, list[tuple[str, Estimate]]]]:
        """Every baseline with the UAR of every network less its own."""
        pairs = product(self.baselines, self.runs)
        margins = iter(runs.differences([(run, one) for one, run in pairs]))
        return [
            (one, [(name, next(margins)) for name, _ in self.networks]) for one in self.baselines
        ]

    @property
    def absent(self) -> list[str]:
        """Baselines that were not run, because openSMILE is not installed."""
        present = {baseline.name for baseline in self.baselines}
        return [TITLES[name] for name in functionals.SETS[1:] if name not in present]

    @property
    def candidates(self) -> list[tuple[str, Run]]:
        """Every network, the one to use first: see `runs.final`."""
        return runs.named(runs.by_validation(self.runs))

    @cached_property
    def selected(self) -> tuple[Result, dict[str, int]]:
        """See `runs.selected`."""
        return runs.selected(self.runs)
