"""The runs of a report: which networks it trains, which is final, and which the data tell apart.

Networks are compared in pairs, utterance by utterance (see `difference`). One is called better than
another only if `Difference.sign` says so of the difference of their UAR, with p-values corrected
for the number of pairs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import pandas as pd

from ser_lib import corpora
from ser_lib.core.errors import RecordError
from ser_lib.corpora import Manifest
from ser_lib.experiments import train
from ser_lib.experiments.baselines import Baseline
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment
from ser_lib.experiments.run import Result, Run
from ser_lib.metrics.difference import Difference, corrected, differences


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

    The mean over the folds decides, then the fewest parameters. The test set has no say, so the
    final network's test score is not the best of several.
    """
    return by_validation(runs)[0]


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
    uar: Difference  # its p-value is corrected for the number of pairs
    accuracy: Difference  # this one is not
    raw_p: float  # that of `uar` as it is


def pairs(groups: Sequence[Sequence[Run]]) -> list[Pair]:
    """Compare every two networks, in their order.

    Each has a run, or one for each seed, in the same order. RecordError if two that belong
    together were not tested on the same utterances.
    """
    names = labels([group[0] for group in groups])
    both = list(combinations(zip(names, groups, strict=True), 2))
    scores = []
    for (_, first), (_, second) in both:
        table = _together(first, second)
        speakers = set(table["speaker"])
        unit = "speaker" if "" not in speakers and len(speakers) > 1 else "utterance"
        truth, one, other = (list(table[name]) for name in ("truth", "predicted", "other"))
        emotions, clusters = groups[0][0].emotions, list(table[unit])
        result = differences(truth, one, other, emotions, clusters=clusters)
        scores.append({name: replace(result[name], unit=unit) for name in ("uar", "accuracy")})
    uars = corrected([score["uar"] for score in scores])
    return [
        Pair(first, second, uar, score["accuracy"], score["uar"].p)
        for ((first, _), (second, _)), score, uar in zip(both, scores, uars, strict=True)
    ]


def _together(first: Sequence[Run], second: Sequence[Run]) -> pd.DataFrame:
    """Join the predictions of two networks, seed after seed."""
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
        tables.append(one.assign(other=other["predicted"]).reset_index())
    return pd.concat(tables)


def uar_difference(first: Result, second: Result) -> Difference:
    """Return the UAR of `first` less that of `second` on the utterances that both predict.

    An utterance that `first` predicts several times counts as often; ParameterError without any.
    """
    other = second.predictions[["utterance", "predicted"]]
    both = first.predictions.merge(other, on="utterance", suffixes=("", "_2"))
    clusters = None if (both["speaker"] == "").any() else list(both["speaker"])
    truth, one, two = (list(both[name]) for name in ("truth", "predicted", "predicted_2"))
    return differences(truth, one, two, first.emotions, clusters=clusters)["uar"]


def against(run: Run, baselines: Sequence[Baseline]) -> list[tuple[Baseline, Difference]]:
    """Return every baseline with the UAR of a network less its own, corrected for their number."""
    margins = corrected([uar_difference(run, baseline) for baseline in baselines])
    return list(zip(baselines, margins, strict=True))


def compare(runs: Sequence[Run]) -> pd.DataFrame:
    """Compare every two runs of one corpus and protocol, and say what the data can tell.

    Returns
    -------
    DataFrame
        One row per pair, the highest UAR first: first, second, difference (UAR of first minus
        second), low, high (95 % interval), p (corrected for the number of pairs) and better (the
        name of the better one, "" if the data cannot tell).
    """
    columns = ["first", "second", "difference", "low", "high", "p", "better"]
    rows = []
    for pair in pairs([[run] for run in comparable(runs)]):
        names, uar = (pair.first, pair.second), pair.uar
        better = ("", *names)[uar.sign]  # the sign -1 is the last one
        rows.append((*names, uar.value, *uar.interval, uar.p, better))
    return pd.DataFrame(rows, columns=columns)
