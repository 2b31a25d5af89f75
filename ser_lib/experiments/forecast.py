"""How long training will take, from how long it took before.

The measure is what a training utterance costs in an epoch on one processor.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress

from ser_lib.core.files import resource, workspace
from ser_lib.core.jobs import processors
from ser_lib.corpora import Corpus
from ser_lib.corpora.loader import parse
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment
from ser_lib.experiments.splits import Fold
from ser_lib.models import networks

BENCHMARKS = "benchmarks/results.json"


def rates() -> dict[str, float]:
    """Return the seconds that an utterance costs in an epoch of each method.

    They are those of the runs in the workspace; of a network without one, those of ``make bench``.
    """
    rate, names = {}, {networks.title(name): name for name in ARCHITECTURES}
    with suppress(OSError, ValueError, LookupError, TypeError):
        for row in json.loads(resource(BENCHMARKS).read_text())["benchmarks"]["step"]["rows"]:
            if name := names.get(row["name"].partition(",")[0]):  # in float32
                rate[name] = row["ours"] / 1000
    spent: dict[str, list[tuple[float, float]]] = {}
    for file in (workspace() / "runs").glob("[!.]*/[!.]*/record.json"):
        with suppress(OSError, ValueError, LookupError, TypeError):
            record = json.loads(file.read_text())
            units = sum(fold["n_train"] * max(1, fold["epochs"]) for fold in record["folds"])
            own = spent.setdefault(record["architecture"], [])
            own.append((record["speed"]["training_s"], units))
    for name, runs in spent.items():
        seconds, units = map(sum, zip(*runs, strict=True))
        rate[name] = seconds / units
    return rate


def units(experiment: Experiment, fold: Fold) -> int:
    """Return how often training shows an utterance."""
    return len(fold.train) * (experiment.epochs or 1)


def seconds(trainings: Sequence[tuple[Experiment, Fold]]) -> float | None:
    """Return how long folds take on all processors, or None if nothing is known.

    A network that never ran counts as the slowest that did, a method without a network as nothing.
    """
    rate = rates()
    slowest = max((rate[name] for name in ARCHITECTURES if name in rate), default=0.0)
    unknown = dict.fromkeys(ARCHITECTURES, slowest)
    costs = [units(*one) * (unknown | rate).get(one[0].architecture, 0.0) for one in trainings]
    return sum(costs) / max(1, min(processors(), len(costs))) or None


def of_corpus(corpus: Corpus, rate: Mapping[str, float]) -> float | None:
    """Return how long the networks take on a complete copy at these `rates`, None if unknown."""
    known = parse(corpus.choice) if corpus.choice else corpus.counts
    utterances = sum(n for emotion, n in corpus.counts.items() if emotion in known)
    if not utterances or not set(ARCHITECTURES) <= set(rate):
        return None
    groups = {"speaker": corpus.speakers, "session": corpus.speakers // 2}
    shown = max(1, groups.get(corpus.protocol, 5) - 2)  # times, as a fold tests and one validates
    total = utterances * shown * corpus.epochs * sum(rate[name] for name in ARCHITECTURES)
    return total / processors()
