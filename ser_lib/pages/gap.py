"""What a random split pretends: the same methods on the same corpus, under two protocols.

A random split tests voices that it has trained, so a method that knows a voice looks as if it knew
an emotion. Both predict the utterances that the random split tests; how much better its predictions
are, is what it pretends. A fifth of a corpus is little to see that by, so whatever trains in a
moment is trained and tested with `SPLITS` random splits.
"""

from dataclasses import dataclass, replace

from ser_lib.core.errors import SplitError
from ser_lib.experiments import baselines, splits, train
from ser_lib.experiments.run import Result, Run
from ser_lib.features import fingerprint
from ser_lib.metrics.jackknife import Estimate
from ser_lib.pages.runs import differences
from ser_lib.pages.words import Fact

SPLITS = 10


@dataclass(frozen=True)
class Method:
    """A network or a baseline under both protocols.

    All are on the utterances that the random split tests, or that several of them test, each as
    often as it is tested.
    """

    title: str  # without an article
    honest: Estimate  # UAR with new speakers
    random: Estimate  # UAR with the random split
    pretence: Estimate  # the second less the first, corrected for the number of methods


@dataclass(frozen=True)
class Gap(Fact):
    """What a random split pretends."""

    run: Run  # the network's, with new speakers
    random_run: Run | None = None  # with the random split; none if there is nothing to compare
    methods: tuple[Method, ...] = ()  # the network, then the baselines that learn
    reason: str = ""  # why there is nothing to compare

    n_splits = SPLITS


def measure(run: Run) -> Gap:
    """Train a network and the baselines with a random split, for a run with new speakers."""
    if run.protocol == "random":
        return Gap(run, reason="these pages were made with a random split themselves")
    experiment = replace(run.experiment, protocol="random", split=None)
    try:
        (random,) = train.train_all([(experiment, run.corpus)])
    except SplitError as error:
        return Gap(run, reason=str(error))
    seeds = range(run.seed, run.seed + SPLITS)
    table = fingerprint.heard(run.corpus)
    folds = [f for seed in seeds for f in splits.make(table, "random", seed=seed)]
    both: list[tuple[Result, Result]] = [(run, random)]
    for honest in baselines.in_folds_of(run):
        if honest.name != "majority":  # it knows no voice
            both.append((honest, baselines.train(honest.name, run.corpus, folds)))
    pretences = differences([(other, honest) for honest, other in both])
    methods = []
    for (honest, other), pretence in zip(both, pretences, strict=True):
        tested = other.predictions[["utterance"]].merge(honest.predictions, on="utterance")
        own = honest.on(tested).uar
        methods.append(Method(honest.title, own, other.uar, pretence))
    return Gap(run, random, tuple(methods))
