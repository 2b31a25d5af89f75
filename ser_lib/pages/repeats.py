"""The networks trained again with other seeds: how much of a result is luck of the draw.

A seed fixes the first weights, the order of the batches, the augmentation and, in protocols that
shuffle, the split. How far a score moves from seed to seed is another question than how far it
would move with other speakers, and no interval over speakers answers it.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ser_lib.core.errors import ParameterError
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment
from ser_lib.metrics import scores
from ser_lib.pages.tables import extremes, listing, markdown_table, number
from ser_lib.pages.verdicts import comparable, labels, pairs, verdict


def experiments(given: Mapping) -> list[Experiment]:
    """Return the experiments of a notebook's parameters: every network with every seed.

    Parameters
    ----------
    given
        The parameters of `Experiment`, and `seeds`: how many, counted on from `seed`.

    Returns
    -------
    list of Experiment
        All networks with the first seed, then all with the next one.

    Raises
    ------
    ParameterError
        If `seeds` is not a whole number from 1, or as `Experiment`.
    """
    n = given["seeds"]
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ParameterError(f"seeds must be a whole number from 1, not {n!r}")
    return [
        Experiment.from_notebook(name, {**given, "seed": given["seed"] + i})
        for i in range(n)
        for name in ARCHITECTURES
    ]


def spread(records: Sequence) -> str:
    """How far UAR moves from seed to seed, beside how far it would with other speakers.

    Parameters
    ----------
    records
        Of each network one for every seed.

    Raises
    ------
    RecordError
        If there is no record, or they are of different data or protocols.
    """
    networks = _networks(comparable(records))
    names = labels([network[0] for network in networks])
    seeds = [record.data["seed"] for record in networks[0]]
    if len(seeds) == 1:
        return (
            f"Every network was trained once, with seed {seeds[0]}, so nothing is known of how "
            "far another seed would move its scores: what is said of the networks here holds for "
            "these trainings of them. `-p seeds=3` trains each of them three times."
        )
    values = [[record.data["metrics"]["uar"] for record in network] for network in networks]
    deviations = [float(np.std(uars, ddof=1)) for uars in values]
    rows = [
        {
            "Network": name,
            "Mean UAR": float(np.mean(uars)),
            "Deviation over seeds": deviation,
            "Range over seeds": f"{number(min(uars))} to {number(max(uars))}",
            "95 % interval over speakers": " to ".join(number(limit) for limit in _limits(network)),
        }
        for name, network, uars, deviation in zip(names, networks, values, deviations, strict=True)
    ]
    found = extremes(dict(zip(names, deviations, strict=True)), "network", digits=3)
    words = (
        f"Every network was trained with the seeds {listing(seeds)}. The standard deviation of UAR "
        f"over seeds is {found}."
    )
    if len(networks) > 1:
        together = verdict(pairs(networks))
        words += f" {_first(names, values, seeds)} All seeds taken together: {together}"
    return f"{markdown_table(rows)}\n\n{words}"


def _networks(records: Sequence) -> list[list]:
    """Group the records of each network, by seed; the network of the highest mean UAR first."""
    groups: dict[str, list] = {}
    for record in records:
        own = {k: v for k, v in record.data["parameters"].items() if k != "seed"}
        groups.setdefault(repr(sorted(own.items())), []).append(record)
    networks = [sorted(group, key=lambda record: record.data["seed"]) for group in groups.values()]
    return sorted(
        networks,
        key=lambda network: -float(np.mean([record.data["metrics"]["uar"] for record in network])),
    )


def _limits(network: Sequence) -> list[float]:
    """Interval of the mean UAR over seeds: matrices of all seeds add up, so their UAR is it."""
    truth, predicted, speakers = (
        [value for record in network for value in record.predictions[column]]
        for column in ("truth", "predicted", "speaker")
    )
    if "" in speakers:
        speakers = [name for record in network for name in record.predictions["utterance"]]
    emotions = network[0].emotions
    return scores.score_intervals(truth, predicted, emotions, clusters=speakers)["uar"]


def _first(names: Sequence[str], values: Sequence, seeds: Sequence[int]) -> str:
    """Which network has the highest UAR with which seeds."""
    winners: dict[str, list[int]] = {}
    for uars, seed in zip(zip(*values, strict=True), seeds, strict=True):
        best = listing(name for name, uar in zip(names, uars, strict=True) if uar == max(uars))
        winners.setdefault(best, []).append(seed)
    if len(winners) == 1:
        return f"With every seed the highest UAR is that of the {next(iter(winners))}."
    told = "; ".join(
        f"the {best} with seed{'s' if len(own) > 1 else ''} {listing(own)}"
        for best, own in winners.items()
    )
    return f"Which network has the highest UAR depends on the seed: {told}."
