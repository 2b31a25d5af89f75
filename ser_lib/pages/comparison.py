"""The networks compared: scores, what the data can tell apart, seeds, costs, and the choice.

Networks are compared utterance by utterance, see `runs.pairs`. How far a score moves from seed to
seed is another question than how far it would move with other speakers, and no interval over
speakers answers it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from ser_lib.core.errors import ParameterError
from ser_lib.experiments.baselines import TITLES, Baseline
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment
from ser_lib.experiments.run import Result, Run
from ser_lib.features import functionals
from ser_lib.metrics.difference import SIGNIFICANCE, Difference
from ser_lib.metrics.scores import Score
from ser_lib.models.networks import title
from ser_lib.pages import reference, runs
from ser_lib.pages.runs import Pair, labels
from ser_lib.pages.words import Fact, ranked, rounded

SAME_TIME = 1.1
"""Times with a ratio below this are not ranked: a second run on the same machine may turn them."""


def experiments(
    corpus: str,
    *,
    protocol: str | None = None,
    seed: int = 0,
    options: Mapping | None = None,
    seeds: int = 1,
) -> list[Experiment]:
    """Return what the page trains: all networks with the first seed, then all with the next one.

    Raises
    ------
    ParameterError
        If `seeds` is not a whole number from 1, or as `Experiment`.
    """
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise ParameterError(f"seeds must be a whole number from 1, not {seeds!r}")
    return [
        runs.experiment(name, corpus, protocol=protocol, seed=seed + i, options=options)
        for i in range(seeds)
        for name in ARCHITECTURES
    ]


class Times(NamedTuple):
    """How long the networks take for something, in seconds or milliseconds.

    `rank` is "same" if they take about as long, "one" if they are one architecture, of which the
    times rank nothing, else "ranked". `quickest` and `slowest` hold names with times.
    """

    rank: str
    low: float
    high: float
    quickest: list[tuple[str, float]]
    slowest: list[tuple[str, float]]


class Spread(NamedTuple):
    """UAR of a network over its seeds: mean (with its interval over speakers), deviation, range."""

    name: str
    uar: Score
    deviation: float
    low: float
    high: float


class Change(NamedTuple):
    """F1 from one network to the next, as printed, by emotion: where it rises and where it falls."""

    first: str
    second: str
    rises: dict[str, float]
    falls: dict[str, float]


@dataclass(frozen=True)
class Comparison(Fact):
    """Several networks on the same data, and what they are compared with.

    Attributes
    ----------
    trained
        Of each network a run, or one for each seed.
    baselines
        In the same folds, if the page compares with them.

    Raises
    ------
    RecordError
        From any property, if there is no run, or they are of different data or protocols.
    """

    trained: Sequence[Run]
    baselines: Sequence[Baseline] = ()

    significance = SIGNIFICANCE
    reference_choice = title(reference.CHOICE)

    @cached_property
    def _networks(self) -> list[list[Run]]:
        """The runs of each network by seed, in the order of training."""
        runs.comparable(self.trained)
        groups: dict[str, list[Run]] = {}
        for run in self.trained:
            own = {k: v for k, v in run.record.parameters.items() if k != "seed"}
            groups.setdefault(repr(sorted(own.items())), []).append(run)
        return [sorted(group, key=lambda run: run.seed) for group in groups.values()]

    @property
    def networks(self) -> list[tuple[str, Run]]:
        """Name and first run of every network, in the order of training."""
        first = [group[0] for group in self._networks]
        return list(zip(labels(first), first, strict=True))

    @property
    def ordered(self) -> list[tuple[str, Run]]:
        """The same from the highest UAR down."""
        ordered = runs.comparable([run for _, run in self.networks])
        return list(zip(labels(ordered), ordered, strict=True))

    @property
    def ranks(self) -> list[tuple[float, list[str]]]:
        """UAR as printed, from the highest, with the networks that share it."""
        return ranked({name: run.uar.value for name, run in self.ordered})

    @property
    def same_folds(self) -> bool:
        """Whether all were tested on the same utterances in the same folds."""
        columns = ["utterance", "fold"]
        splits = (run.predictions[columns].itertuples(index=False) for _, run in self.networks)
        return len(set(map(frozenset, splits))) == 1

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every two networks, from the highest UAR down."""
        return runs.pairs([[run] for _, run in self.ordered])

    @property
    def n_apart(self) -> int:
        """Pairs that the data can tell apart."""
        return sum(pair.uar.sign != 0 for pair in self.pairs)

    @property
    def sizes(self) -> list[tuple[int, list[str]]]:
        """Numbers of parameters, from the highest, with the networks that have so many."""
        sizes = ranked({name: run.record.n_parameters for name, run in self.ordered})
        return [(int(size), names) for size, names in sizes]

    @property
    def training(self) -> Times:
        """Seconds of training."""
        return self._times("training_s")

    @property
    def inference(self) -> Times:
        """Milliseconds of a prediction."""
        return self._times("inference_ms")

    def _times(self, name: str) -> Times:
        times = [(who, float(getattr(run.record.speed, name))) for who, run in self.ordered]
        low, high = (limit(time for _, time in times) for limit in (min, max))
        rank = "ranked" if len({run.architecture for _, run in self.ordered}) > 1 else "one"
        quickest = [pair for pair in times if pair[1] < SAME_TIME * low]
        slowest = [p for p in times if high < SAME_TIME * p[1] and p not in quickest]
        return Times("same" if high < SAME_TIME * low else rank, low, high, quickest, slowest)

    @property
    def platforms(self) -> list[str]:
        """Where the times were taken."""
        names = (run.record.versions.get("platform") for _, run in self.ordered)
        return list(dict.fromkeys(filter(None, names)))

    @property
    def seeds(self) -> list[int]:
        """Seeds that every network was trained with."""
        return [run.seed for run in self._networks[0]]

    @cached_property
    def _by_mean(self) -> list[list[Run]]:
        """The runs of each network, that of the highest mean UAR first."""
        return sorted(self._networks, key=lambda group: -_mean_uar(group))

    @cached_property
    def spreads(self) -> list[Spread]:
        """UAR of every network over seeds, from the highest mean down; none with one seed."""
        if len(self.seeds) == 1:
            return []
        names = labels([group[0] for group in self._by_mean])
        return [_spread(name, group) for name, group in zip(names, self._by_mean, strict=True)]

    @property
    def deviations(self) -> dict[str, float]:
        """Standard deviation of UAR over seeds, by network."""
        return {spread.name: spread.deviation for spread in self.spreads}

    @property
    def winners(self) -> list[tuple[list[str], list[int]]]:
        """The networks of the highest UAR, with the seeds at which they have it."""
        names = labels([group[0] for group in self._by_mean])
        winners: dict[tuple[str, ...], list[int]] = {}
        for seed, *same in zip(self.seeds, *self._by_mean, strict=True):
            best = max(run.uar.value for run in same)
            first = [n for n, run in zip(names, same, strict=True) if run.uar.value == best]
            winners.setdefault(tuple(first), []).append(seed)
        return [(list(best), seeds) for best, seeds in winners.items()]

    @cached_property
    def pooled(self) -> list[Pair]:
        """Every two networks with all seeds together; none with one seed."""
        return runs.pairs(self._by_mean) if len(self.seeds) > 1 else []

    @property
    def methods(self) -> list[tuple[str, bool, Result]]:
        """Name of every method, whether it is a network, and result, from the highest UAR down."""
        methods: list[tuple[str, bool, Result]] = [(n, True, run) for n, run in self.networks]
        methods += [(baseline.title, False, baseline) for baseline in self.baselines]
        return sorted(methods, key=lambda method: -method[2].uar.value)

    @cached_property
    def against(self) -> list[tuple[str, Run, list[tuple[Baseline, Difference]]]]:
        """Every network with its difference to every baseline."""
        return [(name, run, runs.against(run, self.baselines)) for name, run in self.networks]

    @property
    def absent(self) -> list[str]:
        """Baselines that were not run, because openSMILE is not installed."""
        present = {baseline.name for baseline in self.baselines}
        return [TITLES[name] for name in functionals.SMILE if name not in present]

    @property
    def gaps(self) -> dict[str, float]:
        """Training less validation accuracy at the best epochs, as printed, by network."""
        return {
            name: rounded(run.mean("train_accuracy")) - rounded(run.mean("validation_accuracy"))
            for name, run in self.networks
        }

    @property
    def f1(self) -> pd.DataFrame:
        """F1 of every emotion (rows) with every network (columns)."""
        return pd.DataFrame({name: run.per_class["f1"] for name, run in self.networks})

    @property
    def changes(self) -> list[Change]:
        """How F1 changes from each network to the next."""
        printed = self.f1.map(rounded)
        steps = [(a, b, dict(printed[b] - printed[a])) for a, b in pairwise(printed)]
        return [
            Change(
                a,
                b,
                rises={emotion: step for emotion, step in change.items() if step > 0},
                falls={emotion: step for emotion, step in change.items() if step < 0},
            )
            for a, b, change in steps
        ]

    @property
    def candidates(self) -> list[tuple[str, Run]]:
        """Name and run of every network, the one to use first: see `runs.final`."""
        candidates = runs.by_validation([run for _, run in self.networks])
        return list(zip(labels(candidates), candidates, strict=True))

    @property
    def tied(self) -> bool:
        """Whether the fewest parameters, not the highest UAR in validation, decided the choice."""
        uars = [round(run.mean("validation_uar"), 9) for _, run in self.candidates[:2]]
        return len(uars) == 2 and uars[0] == uars[1]

    @property
    def as_reference(self) -> bool:
        """Whether the reference report chose the same network."""
        return self.candidates[0][1].architecture == reference.CHOICE


def _mean_uar(group: Sequence[Run]) -> float:
    return float(np.mean([run.uar.value for run in group]))


def _spread(name: str, group: Sequence[Run]) -> Spread:
    uars = [run.uar.value for run in group]
    predictions = pd.concat([run.predictions for run in group])
    if (predictions["speaker"] == "").any():
        predictions = predictions.assign(speaker=predictions["utterance"])
    # Matrices of all seeds add up, so the interval of their UAR is that of the mean.
    interval = group[0].on(predictions).uar.interval
    deviation = float(np.std(uars, ddof=1))
    return Spread(name, Score(_mean_uar(group), *interval), deviation, min(uars), max(uars))
