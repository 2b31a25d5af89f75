"""The runs of a report: which networks it trains, which is final, and which the data tell apart.

Networks are compared in pairs, utterance by utterance (see `difference`). One is called better than
another only if `Estimate.sign` says so of the difference of their UAR, corrected for the number of
pairs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from ser_lib import corpora
from ser_lib.core import jobs
from ser_lib.core.errors import RecordError
from ser_lib.corpora import Manifest
from ser_lib.experiments import train
from ser_lib.experiments.baselines import Baseline
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment
from ser_lib.experiments.names import folders
from ser_lib.experiments.run import Part, Result, Run, read
from ser_lib.experiments.splits import PROTOCOLS
from ser_lib.metrics.difference import difference_in_f1, differences
from ser_lib.metrics.jackknife import Estimate, corrected


def load(
    corpus: str, data_dir: str | Path | None = None, options: Mapping | None = None
) -> Manifest:
    """Read the corpus of a report; `emotions` and `style` of the options choose from it."""
    chosen = {name: (options or {}).get(name) for name in ("emotions", "style")}
    return corpora.load(corpus, data_dir, **chosen)


def experiment(
    architecture: str,
    corpus: str,
    *,
    protocol: str | None = None,
    seed: int = 0,
    options: Mapping | None = None,
) -> Experiment:
    """Return the experiment of a network in a report; `options` are parameters of `Experiment`."""
    given = {"protocol": protocol, "seed": seed, **(options or {})}
    return Experiment(architecture=architecture, corpus=corpus, **given)


def networks(
    corpus: str,
    data_dir: str | Path | None = None,
    *,
    protocol: str | None = None,
    seed: int = 0,
    options: Mapping | None = None,
    architectures: Iterable[str] = ARCHITECTURES,
) -> list[Run]:
    """Return the runs of a report's networks, trained where they are not there yet.

    For the corpus see `corpora.load`; `options` are other parameters of `Experiment` by name.
    """
    manifest = load(corpus, data_dir, options)
    planned = [
        experiment(name, corpus, protocol=protocol, seed=seed, options=options)
        for name in architectures
    ]
    return train.train_all([(one, manifest) for one in planned])


def final(runs: Sequence[Run]) -> Run:
    """Return the run of the network to use: that of the highest UAR in validation.

    The mean over the folds decides, then the fewest parameters. A speaker who is tested in one fold
    validates another, so the choice knows the tested speakers; see `selected`.
    """
    return by_validation(runs)[0]


def selected(runs: Sequence[Run]) -> tuple[Part, dict[str, int]]:
    """Return the predictions of choosing anew in every fold, and how often each network is chosen.

    A fold's own validation set chooses the network that predicts its test set, so nothing of the
    test set has a say, and the score is that of choosing by validation, not of one network.
    """
    parts, chosen = [], dict.fromkeys((run.title for run in runs), 0)
    for number, fold in enumerate(runs[0].record.folds):
        order = [(-r.record.folds[number]["validation_uar"], r.record.n_parameters) for r in runs]
        run = runs[order.index(min(order))]
        parts.append(run.predictions[run.predictions["fold"] == fold["name"]])
        chosen[run.title] += 1
    predictions = pd.concat(parts, ignore_index=True)
    return Part("the network that validation chooses", runs[0].emotions, predictions), chosen


def by_validation(runs: Sequence[Run]) -> list[Run]:
    """Return runs from the highest UAR in validation down."""
    # Of means that differ by rounding alone, neither is the higher one.
    return sorted(
        comparable(runs),
        key=lambda run: (-round(run.mean("validation_uar"), 9), run.record.n_parameters),
    )


def comparable(runs: Sequence[Run]) -> list[Run]:
    """Return runs from the highest UAR down.

    RecordError if there is none, or they are of different data or protocols.
    """
    if not runs:
        raise RecordError("there is no run to compare; train the networks first")
    for what, values in (
        ("corpora", [run.record.corpus.name for run in runs]),
        ("versions of the corpus", [run.record.corpus.manifest_sha256[:12] for run in runs]),
        ("protocols", [run.protocol for run in runs]),
    ):
        if len(values := sorted(set(values))) > 1:
            raise RecordError(f"cannot compare runs of different {what}: {', '.join(values)}")
    return sorted(runs, key=lambda run: run.uar.value, reverse=True)


def labels(runs: Sequence[Run]) -> list[str]:
    """Return a distinct name for each run: the network's, and what differs where one is twice."""
    names = [run.title for run in runs]
    given = [run.record.parameters for run in runs]

    def distinct(name: str, own: Mapping) -> str:
        twins = [p for n, p in zip(names, given, strict=True) if n == name]
        differs = [key for key in own if any(twin.get(key) != own[key] for twin in twins)]
        detail = ", ".join(f"{key.replace('_', ' ')} {own[key]}" for key in differs)
        return f"{name} ({detail})" if detail else name

    return [distinct(name, own) for name, own in zip(names, given, strict=True)]


def named(runs: Sequence[Run]) -> list[tuple[str, Run]]:
    """Return runs with their `labels`."""
    return list(zip(labels(runs), runs, strict=True))


@dataclass(frozen=True)
class Pair:
    """Two methods and the difference of their scores, first minus second."""

    first: str
    second: str
    uar: Estimate  # corrected for the number of pairs, like the next
    accuracy: Estimate


def pairs(groups: Sequence[Sequence[Run]]) -> list[Pair]:
    """Compare every two networks, in their order.

    Each has a run, or one for each seed, in the same order. RecordError if two that belong
    together were not tested on the same utterances.
    """
    names = labels([group[0] for group in groups])
    both = list(combinations(zip(names, groups, strict=True), 2))
    scores = [_differences(*_together(first, second)) for (_, first), (_, second) in both]
    uars, accuracies = (
        corrected([score[name] for score in scores]) for name in ("uar", "accuracy")
    )
    return [
        Pair(first, second, *own)
        for ((first, _), (second, _)), *own in zip(both, uars, accuracies, strict=True)
    ]


def discriminants(
    corpus: str,
    data_dir: str | Path | None = None,
    *,
    protocol: str | None = None,
    seed: int = 0,
    options: Mapping | None = None,
) -> list[Run]:
    """Return the run of the discriminant and, where speakers are kept apart, the enrolled one."""
    manifest = load(corpus, data_dir, options)
    plain = experiment("lda", corpus, protocol=protocol, seed=seed, options=options)
    planned = [plain]
    if "speaker" in PROTOCOLS[plain.protocol].promises and not plain.enrolled:
        planned.append(replace(plain, enrolled=True, shrinkage=None))
    return train.train_all([(one, manifest) for one in planned])


def fused(title: str, results: Sequence[Result]) -> Part:
    """Return the predictions of several methods together: their log-probabilities are averaged.

    All must have tested the same utterances.
    """
    first = results[0].predictions
    columns = [f"p_{emotion}" for emotion in results[0].emotions]
    tables = [one.predictions.set_index("utterance") for one in results]
    chances = [t.loc[first["utterance"], columns].to_numpy(float) for t in tables]
    logs = np.mean([np.log(np.maximum(own, 1e-12)) for own in chances], axis=0)
    together = np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))
    predicted = np.array(results[0].emotions)[together.argmax(axis=1)]
    predictions = first.assign(predicted=predicted)
    predictions[columns] = together
    return Part(title, results[0].emotions, predictions)


class Methods:
    """What pages say of networks next to methods without one, all in the same folds."""

    runs: Sequence[Run]
    baselines: Sequence[Baseline]
    discriminants: Sequence[Run]  # the plain one, then the enrolled one; or neither

    @property
    def discriminant(self) -> Run | None:
        """The one that knows nothing of the tested speakers."""
        return self.discriminants[0] if self.discriminants else None

    @cached_property
    def fusion(self) -> Result | None:
        """The discriminant and the networks together."""
        if not (self.discriminant and self.runs):
            return None
        return fused("fusion of LDA and networks", [self.discriminant, *self.runs])

    @property
    def others(self) -> list[Result]:
        """What has no network, or not only one."""
        return [*filter(None, [self.discriminant, self.fusion]), *self.baselines]

    @property
    def enrolled(self) -> dict[str, dict[str, Estimate]]:
        """UAR of methods that have recordings of the tested speakers: no result of the report."""
        known = {run.title: run.uar for run in self.discriminants[1:]}
        return {"methods that know the voice": known} if known else {}

    @property
    def methods(self) -> list[tuple[str, Result]]:
        """Everything by name, the highest UAR first."""
        methods = [*named(self.runs), *((one.title, one) for one in self.others)]
        return sorted(methods, key=lambda method: -method[1].uar.value)

    @cached_property
    def lead(self) -> list[Pair]:
        """The discriminant against networks and baselines that learn; none without it."""
        if not (first := self.discriminant):
            return []
        others = [*self.runs, *(one for one in self.baselines if one.name != "majority")]
        scores = [_shared(first, other) for other in others]
        uars, accuracies = (corrected([score[n] for score in scores]) for n in ("uar", "accuracy"))
        rows = zip(others, uars, accuracies, strict=True)
        return [Pair(first.title, other.title, *own) for other, *own in rows]


def _together(first: Sequence[Result], second: Sequence[Result]) -> tuple[Result, Result]:
    """Return the predictions of two networks for the same utterances, seed after seed."""
    tables = []
    for runs in zip(first, second, strict=True):
        one, other = (run.predictions.set_index("utterance") for run in runs)
        if set(one.index) != set(other.index):
            raise RecordError("cannot compare runs that were tested on different utterances")
        other = other.loc[one.index]
        if (differs := one["truth"] != other["truth"]).any():
            raise RecordError(
                f"cannot compare runs of different data: utterance '{one.index[differs][0]}' "
                "has two emotions"
            )
        tables.append((one.reset_index(), other.reset_index()))
    one, other = (pd.concat(own, ignore_index=True) for own in zip(*tables, strict=True))
    return first[0].on(one), second[0].on(other)


def uar_difference(first: Result, second: Result) -> Estimate:
    """Return the UAR of `first` less that of `second` on the utterances that both predict.

    An utterance that `first` predicts several times counts as often; ParameterError without any.
    """
    return _shared(first, second)["uar"]


def _shared(first: Result, second: Result) -> dict[str, Estimate]:
    """Compare two methods on the utterances that both predict."""
    keys = first.predictions[["utterance"]]
    other = keys.merge(second.predictions, on="utterance")
    one = first.predictions[keys["utterance"].isin(other["utterance"])]
    return _differences(first.on(one), second.on(other))


def f1_difference(first: Result, second: Result, emotion: str) -> Estimate:
    """Return the F1 of an emotion with `first` less that with `second`, on the same utterances."""
    first, second = _together([first], [second])
    return difference_in_f1(emotion, *_rows(first, second), **_units(first, second))


def _differences(first: Result, second: Result) -> dict[str, Estimate]:
    """Compare predictions row by row."""
    return differences(*_rows(first, second), **_units(first, second))


def _rows(first: Result, second: Result) -> tuple[list[str], list[str], list[str], list[str]]:
    one, other = first.predictions, second.predictions
    return list(one["truth"]), list(one["predicted"]), list(other["predicted"]), first.emotions


def _units(first: Result, second: Result) -> dict:
    """Return the units of the method that has fewer."""
    fewer = min(first, second, key=lambda one: len(set(one.clusters)))
    return {"clusters": fewer.clusters, "unit": fewer.unit}


def against(
    run: Run, baselines: Sequence[Baseline], *, networks: int = 1
) -> list[tuple[Baseline, Estimate]]:
    """Return every baseline with the UAR of a network less its own.

    They are corrected for their number, times that of the networks in the same table.
    """
    margins = [uar_difference(run, baseline) for baseline in baselines]
    n = networks * len(margins)
    return [(one, replace(own, comparisons=n)) for one, own in zip(baselines, margins, strict=True)]


def shelf() -> pd.DataFrame:
    """Return every finished run of the workspace, the newest first; what is damaged is told.

    Columns: corpus, method, protocol, uar, low, high, n and unit (that the interval rests on),
    accuracy, given (the parameters that are not the usual ones), started and folder.
    """
    rows = []
    for folder in folders():
        try:
            run = read(folder)
        except RecordError as error:
            jobs.tell(str(error))
            continue
        rows.append(
            {
                "corpus": run.record.corpus.name,
                "method": run.architecture,
                "protocol": run.protocol,
                **{"uar": run.uar.value, "low": run.uar.low, "high": run.uar.high},
                **{"n": run.uar.n, "unit": run.unit},
                "accuracy": run.metrics["accuracy"].value,
                "given": " ".join(f"{name}={value}" for name, value in run.given.items()),
                "started": run.record.started,
                "folder": str(folder),
            }
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Contrast:
    """Two runs of one corpus: what they differ in, and what comes of it."""

    uar: Estimate  # of the first less that of the second, on the utterances that both predict
    utterances: int
    differs: pd.DataFrame  # parameters, data and versions (rows) of both
    changed: pd.DataFrame  # utterance, truth, first, second: the predictions that are not the same


def contrast(first: Run, second: Run) -> Contrast:
    """Compare two runs; ParameterError if they share no utterance."""
    sides = [
        {
            "method": run.architecture,
            "corpus": run.record.corpus.name,
            "manifest": run.record.corpus.manifest_sha256[:12],
            **run.record.parameters,
            **{f"version of {name}": value for name, value in run.record.versions.items()},
        }
        for run in (first, second)
    ]
    both = pd.DataFrame(sides, index=["first", "second"]).T.drop(index=["architecture"])
    table = first.predictions.merge(
        second.predictions[["utterance", "predicted"]], on="utterance", suffixes=("", "_2")
    ).rename(columns={"predicted": "first", "predicted_2": "second"})
    changed = table[table["first"] != table["second"]]
    return Contrast(
        uar_difference(first, second),
        len(table),
        both[both["first"].map(str) != both["second"].map(str)],
        changed[["utterance", "truth", "first", "second"]].reset_index(drop=True),
    )


def compare(runs: Sequence[Run]) -> pd.DataFrame:
    """Compare every two runs of one corpus and protocol, and say which is reliably better.

    Returns
    -------
    DataFrame
        One row per pair, the highest UAR first: first, second, difference (UAR of first minus
        second), low, high (95 % interval), p (corrected for the number of pairs, as the interval
        is) and better (the name of the better one, "" if neither reliably).
    """
    columns = ["first", "second", "difference", "low", "high", "p", "better"]
    rows = []
    for pair in pairs([[run] for run in comparable(runs)]):
        names, uar = (pair.first, pair.second), pair.uar
        better = ("", *names)[uar.sign]  # the sign -1 is the last one
        rows.append((*names, uar.value, *uar.interval, uar.p, better))
    return pd.DataFrame(rows, columns=columns)
