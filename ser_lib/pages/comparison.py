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
from ser_lib.pages.runs import Methods, Pair, labels
from ser_lib.pages.words import Fact, rounded


def experiments(corpus: str, *, seed: int = 0, seeds: int = 1, **given) -> list[Experiment]:
    """Return what the page trains: all networks with the first seed, then all with the next one.

    `seeds`, a whole number, are counted on from `seed`; the rest is that of `runs.experiment`.
    """
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise ParameterError(f"seeds must be a whole number from 1, not {seeds!r}")
    both = product(range(seed, seed + seeds), ARCHITECTURES)
    return [runs.experiment(name, corpus, seed=number, **given) for number, name in both]


@dataclass(frozen=True)
class Comparison(Methods, Fact):
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
        for run in self.trained:
            own = {k: v for k, v in run.record.parameters.items() if k != "seed"}
            groups.setdefault(repr(sorted(own.items())), []).append(run)
        runs.comparable(self.trained)
        return [sorted(group, key=lambda run: run.seed) for group in groups.values()]

    @property
    def runs(self) -> list[Run]:
        """The first run of every network, in the order of training."""
        return [group[0] for group in self._groups]

    @property
    def others(self) -> list[Result]:
        """As of `Methods`, and the seeds of each network together, where there are several."""
        groups = self._groups if len(self.seeds) > 1 else []
        together = [runs.fused(f"{g[0].title} of {len(g)} seeds together", g) for g in groups]
        return [*super().others, *together]

    @property
    def networks(self) -> list[tuple[str, Run]]:
        """The same with names."""
        return runs.named(self.runs)

    @property
    def ordered(self) -> list[tuple[str, Run]]:
        """The same from the highest UAR down."""
        return runs.named(runs.comparable(self.runs))

    @property
    def same_folds(self) -> bool:
        """Whether all were tested on the same utterances in the same folds."""
        tables = [run.predictions[["utterance", "fold"]] for run in self.runs]
        return len({frozenset(table.itertuples(index=False, name=None)) for table in tables}) == 1

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every two networks, from the highest UAR down."""
        return runs.pairs([[run] for _, run in self.ordered])

    @property
    def seeds(self) -> list[int]:
        """Seeds that every network was trained with."""
        return [run.seed for run in self._groups[0]]

    @cached_property
    def _by_mean(self) -> list[list[Run]]:
        """The runs of each network, that of the highest mean UAR over seeds first."""
        return sorted(self._groups, key=lambda group: -sum(run.uar.value for run in group))

    @cached_property
    def spreads(self) -> pd.DataFrame:
        """Over seeds, of UAR: mean, deviation, least, most, interval of the mean (low, high)."""
        names = labels([group[0] for group in self._by_mean])
        return pd.DataFrame([_spread(group) for group in self._by_mean], names)

    @property
    def winners(self) -> dict[tuple[str, ...], list[int]]:
        """The networks of the highest UAR, with the seeds at which they have it."""
        winners: dict[tuple[str, ...], list[int]] = {}
        for seed, *same in zip(self.seeds, *self._by_mean, strict=True):
            uars = pd.Series([run.uar.value for run in same], self.spreads.index)
            winners.setdefault(tuple(uars.index[uars == uars.max()]), []).append(seed)
        return winners

    @cached_property
    def pooled(self) -> list[Pair]:
        """Every two networks with all seeds together."""
        return runs.pairs(self._by_mean)

    @cached_property
    def against(self) -> list[tuple[str, Run, list[tuple[Baseline, Estimate]]]]:
        """Every network with its difference to every baseline."""
        all_of = {"networks": len(self.networks)}
        return [(name, r, runs.against(r, self.baselines, **all_of)) for name, r in self.networks]

    @property
    def sides(self) -> list[tuple[Baseline, dict[int, list[str]]]]:
        """Every baseline with the networks of a higher UAR (1), a lower one (-1) or neither (0)."""
        signs = [[(own.sign, name) for _, own in column] for name, _, column in self.against]
        return [
            (one, {s: [name for sign, name in row if sign == s] for s in (1, -1, 0)})
            for one, row in zip(self.baselines, zip(*signs, strict=True), strict=True)
        ]

    @property
    def absent(self) -> list[str]:
        """Baselines that were not run, because openSMILE is not installed."""
        present = {baseline.name for baseline in self.baselines}
        return [TITLES[name] for name in functionals.SETS[1:] if name not in present]

    @property
    def gaps(self) -> dict[str, float]:
        """Training less validation accuracy after the last epoch, as printed, by network."""
        return {
            name: rounded(run.mean("train_accuracy")) - rounded(run.mean("validation_accuracy"))
            for name, run in self.networks
        }

    @property
    def f1(self) -> pd.DataFrame:
        """F1 of every emotion (rows) with every network (columns)."""
        return pd.DataFrame({name: run.per_class["f1"] for name, run in self.networks})

    @property
    def candidates(self) -> list[tuple[str, Run]]:
        """Every network, the one to use first: see `runs.final`."""
        return runs.named(runs.by_validation(self.runs))

    @cached_property
    def selected(self) -> tuple[Result, dict[str, int]]:
        """See `runs.selected`."""
        return runs.selected(self.runs)

    @property
    def tied(self) -> bool:
        """Whether the fewest parameters, not the highest UAR in validation, decided the choice."""
        uars = [round(run.mean("validation_uar"), 9) for _, run in self.candidates[:2]]
        return len(uars) == 2 and uars[0] == uars[1]


def _spread(group: Sequence[Run]) -> dict[str, float]:
    uars = pd.Series([run.uar.value for run in group])
    predictions = pd.concat([run.predictions for run in group])
    if (predictions["speaker"] == "").any():
        predictions = predictions.assign(speaker=predictions["utterance"])
    # Matrices of all seeds add up, so the interval of their UAR is that of the mean.
    low, high = group[0].on(predictions).uar.interval
    spread = {"mean": uars.mean(), "deviation": uars.std(), "least": uars.min(), "most": uars.max()}
    return {**spread, "low": low, "high": high}
