"""What a random split pretends: the same methods on the same corpus, under two protocols.

A random split tests voices that it has trained, so a method that knows a voice looks as if it knew
an emotion. A protocol in which the speakers of the test are new does not allow that. Both answer
for the utterances that the random split tests; how much better its answers are, is what it
pretends. A fifth of a corpus is little to see that by, so whatever trains in a moment is trained
and tested with `SPLITS` random splits.

Conventions: functions that return words return Markdown. A random split is said to pretend
something on the same grounds as `standings` says that a network is above a baseline.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ser_lib.core.errors import SplitError
from ser_lib.experiments import baselines, run, splits
from ser_lib.experiments.baselines import Baseline
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.records import Record
from ser_lib.metrics.difference import Difference, holm
from ser_lib.pages import provenance, standings
from ser_lib.pages.tables import (
    capital,
    count,
    listing,
    markdown_table,
    number,
    rounded,
    span,
    spanned,
    title,
)

SPLITS = 10
NOTHING = "<!-- nothing to show -->"
"""Markdown for a part of the page that does not apply; an empty output would show its type."""


@dataclass(frozen=True)
class Method:
    """A network or a baseline under both protocols.

    Attributes
    ----------
    name
        As it is printed, without an article.
    overall
        Scores with new speakers on all utterances, as `metrics` of a record.
    honest, random
        Scores on the utterances that the random split tests, or that several of them test, each as
        often as it is tested: with new speakers, and with the random split.
    pretence
        UAR with the random split less UAR with new speakers, on these utterances.
    """

    name: str
    overall: Mapping
    honest: Mapping
    random: Mapping
    pretence: Difference


@dataclass(frozen=True)
class Gap:
    """What came of it.

    Attributes
    ----------
    record
        The network's run with new speakers.
    random
        Its run with the random split; none if there is nothing to compare.
    methods
        The network, then the baselines that learn.
    reason
        Why there is nothing to compare, else "".
    """

    record: Record
    random: Record | None = None
    methods: tuple[Method, ...] = ()
    reason: str = ""

    @property
    def told(self) -> list[tuple[Method, float, int]]:
        """Every method with its p-value, corrected for their number, and what it tells."""
        corrected = holm([method.pretence.p for method in self.methods])
        return [
            (method, p, standings.told(method.pretence, p))
            for method, p in zip(self.methods, corrected, strict=True)
        ]


def measure(record: Record, *, data_dir: str | Path | None = None) -> Gap:
    """Run a network and the baselines with a random split, beside a run with new speakers.

    Parameters
    ----------
    record
        The network's run with new speakers.
    data_dir
        Folder of its corpus.

    Raises
    ------
    SerError
        From the room that refuses the input.
    """
    if record.data["protocol"] == "random":
        return Gap(record, reason="these pages were made with a random split themselves")
    experiment = Experiment.of(record)
    try:
        random = run.run(replace(experiment, protocol="random", split=None), data_dir=data_dir)
    except SplitError as error:
        return Gap(record, reason=str(error))
    manifest = run.load(experiment, data_dir)
    seeds = range(experiment.seed, experiment.seed + SPLITS)
    folds = [fold for seed in seeds for fold in splits.make(manifest.table, "random", seed=seed)]
    found = [_method(title(experiment.architecture), record, random)]
    for new in baselines.in_folds_of(record, data_dir=data_dir):
        if new.name != "majority":  # it knows no voice
            found.append(_method(new.title, new, baselines.run(new.name, manifest, folds)))
    return Gap(record, random, tuple(found))


def _method(name: str, honest: Record | Baseline, random: Record | Baseline) -> Method:
    emotions, tested = honest.emotions, random.predictions[["utterance"]]
    return Method(
        name,
        overall=baselines.metrics(honest.predictions, emotions),
        honest=baselines.metrics(tested.merge(honest.predictions, on="utterance"), emotions),
        random=baselines.metrics(random.predictions, emotions),
        pretence=standings.uar_difference(random.predictions, honest.predictions, emotions),
    )


def notices(gap: Gap) -> str:
    """What a reader has to know before the first number, of the random split above all."""
    return provenance.notices(gap.random or gap.record)


def table(gap: Gap) -> str:
    """UAR of every method under both protocols, and the difference."""
    if gap.reason:
        return f"There is nothing to compare: {gap.reason}."
    rows = [
        {
            "Method": capital(method.name),
            "Random split (95 %)": spanned(*_uar(method.random)),
            "New speakers (95 %)": spanned(*_uar(method.honest)),
            "Difference": standings.signed(method.pretence, p),
            "All utterances (95 %)": spanned(*_uar(method.overall)),
        }
        for method, p, _ in gap.told
    ]
    tested, heard = len(gap.random.predictions), len(gap.record.predictions)
    return (
        f"UAR on the utterances that a random split tests: {number(tested)} of {number(heard)} "
        f"for the network. Each SVM was trained with {SPLITS} random splits, and their answers are "
        "counted together. New speakers means: "
        f"{provenance.protocol(gap.record.data)}.\n\n{markdown_table(rows)}\n\n"
        f"The p-values are corrected for {count(len(gap.methods), 'method')}."
    )


def _uar(metrics: Mapping) -> tuple[float, list[float]]:
    return metrics["uar"], metrics["uar_ci95"]


def words(gap: Gap) -> str:
    """What the random split pretends, and whether the size of the training part explains it."""
    if gap.reason:
        return NOTHING
    groups = {
        sign: [
            f"the {m.name} ({rounded(m.pretence.value):+.2f})"
            for m, _, told in gap.told
            if told == sign
        ]
        for sign in _VERDICTS
    }
    said = [_VERDICTS[sign].format(listing(who)) for sign, who in groups.items() if who]
    too_few = standings.powerless([method.pretence for method in gap.methods])
    return " ".join([*said, *too_few, _sizes(gap)])


_VERDICTS = {
    1: "The random split pretends more than new speakers bear out for {}.",
    0: "Whether the random split pretends anything, the data cannot tell for {}.",
    -1: "The random split pretends nothing for {}, where its answers are the worse ones.",
}


def _sizes(gap: Gap) -> str:
    """Words on the utterances that the network trained on, under both protocols."""
    (few,) = (fold["n_train"] for fold in gap.random.data["folds"])
    usual = [fold["n_train"] for fold in gap.record.data["folds"]]
    sizes = (
        f"The network trained on {number(few)} utterances of the random split, and on {span(usual)}"
    )
    less = ": the random split has less to learn from, not more" if few < min(usual) else ""
    return f"{sizes} with new speakers{less}."
