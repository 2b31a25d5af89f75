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
from ser_lib.metrics import difference
from ser_lib.metrics.jackknife import Estimate, corrected


def load(
    corpus: str, data_dir: str | Path | None = None, options: Mapping | None = None
) -> Manifest:
    """Read the corpus of a report; `emotions` and `style` of the options choose from it."""
    chosen = {name: (options or {}).get(name) for name in ("emotions", "style")}
    return corpora.load(corpus, data_dir, **chosen)


def experiment(
    architecture: str, corpus: str, *, options: Mapping | None = None, **given
) -> Experiment:
    """Return an `Experiment` of a report by its parameters, of which `options` are the last."""
    return Experiment(architecture=architecture, corpus=corpus, **{**given, **(options or {})})


def networks(
    corpus: str,
    data_dir: str | Path | None = None,
    *,
    architectures: Iterable[str] = ARCHITECTURES,
    **given,
) -> list[Run]:
    """Return the runs of a report's networks, trained where they are not there yet.

    For the corpus see `corpora.load`; what is given is as of `experiment`.
    """
    manifest = load(corpus, data_dir, given.get("options"))
    planned = [experiment(name, corpus, **given) for name in architectures]
    return train.train_all([(one, manifest) for one in planned])


def discriminants(corpus: str, data_dir: str | Path | None = None, **given) -> list[Run]:
    """Return the run of the discriminant and, where speakers are kept apart, the enrolled one."""
    plain = experiment("lda", corpus, **given)
    planned = [plain]
    if "speaker" in PROTOCOLS[plain.protocol].promises and not plain.enrolled:
        planned.append(replace(plain, enrolled=True, shrinkage=None))
    manifest = load(corpus, data_dir, given.get("options"))
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


def named(runs: Sequence[Run]) -> list[tuple[str, Run]]:
    """Return runs by distinct names: the network's, and what differs where one is twice."""

    def name(run: Run) -> str:
        own = run.record.parameters
        twins = [twin.record.parameters for twin in runs if twin.title == run.title]
        differs = [key for key in own if any(twin.get(key) != own[key] for twin in twins)]
        words = {key: "usual" if own[key] is None else own[key] for key in differs}
        detail = ", ".join(f"{key.replace('_', ' ')} {word}" for key, word in words.items())
        return f"{run.title} ({detail})" if detail else run.title

    return [(name(run), run) for run in runs]


@dataclass(frozen=True)
class Pair:
    """Two methods and the difference of their UAR, first minus second."""

    first: str
    second: str
    uar: Estimate  # corrected for the number of pairs


def pairs(runs: Sequence[tuple[str, Result]]) -> list[Pair]:
    """Compare every two of some methods with names, in their order."""
    both = list(combinations(runs, 2))
    uars = differences([(first, second) for (_, first), (_, second) in both])
    return [Pair(one, other, uar) for ((one, _), (other, _)), uar in zip(both, uars, strict=True)]


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
    def ordered(self) -> list[tuple[str, Run]]:
        """Name and run of every network, from the highest UAR down."""
        return named(comparable(self.runs))

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every two networks compared, the one of the highest UAR first."""
        return pairs(self.ordered)

    @cached_property
    def others(self) -> list[Result]:
        """What has no network, or not only one."""
        best = list(self.discriminants[:1])
        fusion = [fused("fusion of LDA and networks", [*best, *self.runs])] if best else []
        return [*best, *fusion, *self.baselines]

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
        others = [*self.runs, *(one for one in self.baselines if one.name != "majority")]
        both = [(best, other) for best in self.discriminants[:1] for other in others]
        uars = zip(both, differences(both), strict=True)
        return [Pair(best.title, other.title, uar) for (best, other), uar in uars]


def differences(pairs: Sequence[tuple[Result, Result]]) -> list[Estimate]:
    """Return the UAR of each first less that of the second, corrected for the number of pairs."""
    return corrected([uar_difference(first, second) for first, second in pairs])


def uar_difference(first: Result, second: Result) -> Estimate:
    """Return the UAR of `first` less that of `second` on the utterances that both predict.

    An utterance that `first` predicts several times counts as often; ParameterError without any.
    """
    rows, units = _shared(first, second)
    return difference.differences(*rows, **units)["uar"]


def f1_difference(first: Result, second: Result, emotion: str) -> Estimate:
    """Return the F1 of an emotion with `first` less that with `second`, on the same utterances."""
    rows, units = _shared(first, second)
    return difference.difference_in_f1(emotion, *rows, **units)


def _shared(first: Result, second: Result) -> tuple[tuple, dict]:
    """Return what both predict, row by row, and the units of the method that has fewer."""
    keys = first.predictions[["utterance"]]
    other = second.on(keys.merge(second.predictions, on="utterance"))
    one = first.on(first.predictions[keys["utterance"].isin(other.predictions["utterance"])])
    truth = one.predictions["truth"].to_numpy()
    if (differs := truth != other.predictions["truth"].to_numpy()).any():
        name = one.predictions["utterance"].to_numpy()[differs][0]
        raise RecordError(f"cannot compare runs of different data: '{name}' has two emotions")
    fewer = min(one, other, key=lambda own: len(set(own.clusters)))
    both = (list(own.predictions["predicted"]) for own in (one, other))
    rows = (list(truth), *both, first.emotions)
    return rows, {"clusters": fewer.clusters, "unit": fewer.unit}


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
    for pair in pairs(named(comparable(runs))):
        names, uar = (pair.first, pair.second), pair.uar
        better = ("", *names)[uar.sign]  # the sign -1 is the last one
        rows.append((*names, uar.value, *uar.interval, uar.p, better))
    return pd.DataFrame(rows, columns=columns)
