"""What the reference report concluded, and which of it holds on this corpus.

It chose the CNN-GRU for its balance of speed, accuracy and generalisation. Each part of that, and
what it concluded about single emotions, is held against the records. A claim that a network is more
accurate holds, or fails, only where `verdicts` can tell; sizes, times, gaps and the emotions of one
network are compared as they are printed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from ser_lib.experiments.experiment import ARCHITECTURES
from ser_lib.experiments.records import Record
from ser_lib.pages import network, reference
from ser_lib.pages.conclusions import Evidence
from ser_lib.pages.reference import CHOICE, stated
from ser_lib.pages.tables import (
    count,
    duration,
    extremes,
    fold_mean,
    listing,
    markdown_table,
    number,
    rounded,
    title,
)

HOLDS = {True: "yes", False: "**no**", None: "the data cannot tell"}


@dataclass(frozen=True)
class Claim:
    """A claim of the reference report and what became of it.

    Attributes
    ----------
    what
        The claim.
    there, here
        The figures that it rests on in the report, "" if it has none, and those that were measured.
    holds
        None if the data cannot tell.
    """

    what: str
    there: str
    here: str
    holds: bool | None


def held(found: Evidence) -> str:
    """Every claim with its figures there and here, whether it holds, and what was chosen."""
    claims = list(claims_of(found))
    if not claims:
        return f"The {title(CHOICE)}, which the reference report chose, was not compared here."
    table = markdown_table(
        {
            "The reference report": f"{claim.what} ({claim.there})" if claim.there else claim.what,
            "Measured here": claim.here,
            "Holds here": HOLDS[claim.holds],
        }
        for claim in claims
    )
    yes, no, open_ = (sum(claim.holds is verdict for claim in claims) for verdict in HOLDS)
    parts = [
        f"{yes:,} {'holds' if yes == 1 else 'hold'} here",
        f"{no:,} {'does' if no == 1 else 'do'} not",
    ]
    if open_:
        parts.append(f"for {open_:,} the data cannot tell")
    words = f"Of {count(len(claims), 'claim')}, {listing(parts)}."
    if found.chosen.data["corpus"]["name"] != reference.CORPUS:
        words += " The reference report used another corpus, so a difference refutes nothing."
    also = ", too" if found.chosen.data["architecture"] == CHOICE else " instead"
    return f"{table}\n\n{words} This report chooses the {found.name}{also}."


def claims_of(found: Evidence) -> Iterator[Claim]:
    """Yield the claims that these networks and this corpus allow to be looked at."""
    runs = {record.data["architecture"]: record for record in found.runs}
    if CHOICE not in runs or len(runs) == 1:
        return
    yield _size(runs)
    yield _speed(runs)
    yield _accuracy(found)
    yield from _steps(found, runs)
    yield _generalisation(runs[CHOICE])
    yield from _emotions(runs)


def _each(values: Mapping[str, str]) -> str:
    """What is said of every network, the chosen one of the report first."""
    order = sorted(values, key=lambda name: name != CHOICE)
    # Semicolons, because numbers have commas.
    return "; ".join(f"{title(name)} {values[name]}" for name in order)


def _size(runs: Mapping[str, Record]) -> Claim:
    sizes = {name: record.data["n_parameters"] for name, record in runs.items()}
    reported = reference.results()
    return Claim(
        f"The {title(CHOICE)} has the fewest parameters",
        _each({n: stated(reported[n]["parameters"]) for n in runs if n in reported}),
        _each({name: number(size) for name, size in sizes.items()}),
        all(sizes[CHOICE] < size for name, size in sizes.items() if name != CHOICE),
    )


def _speed(runs: Mapping[str, Record]) -> Claim:
    speed = {name: record.data["speed"] for name, record in runs.items()}
    quickest = all(
        rounded(speed[CHOICE][key]) <= rounded(own[key])
        for own in speed.values()
        for key in ("training_s", "inference_ms")
    )
    told = [
        _each({name: show(own[key]) for name, own in speed.items()})
        for key, show in (("training_s", duration), ("inference_ms", _milliseconds))
    ]
    return Claim("It is the fastest", "", "To train: {}. To answer: {}".format(*told), quickest)


def _milliseconds(time: float) -> str:
    return f"{number(float(time))} ms"


def _accuracy(found: Evidence) -> Claim:
    own = title(CHOICE)
    verdicts = [
        _better(found, own, other)
        for other in {name for pair in found.pairs for name in (pair.first, pair.second)}
        if other != own
    ]
    holds = False if False in verdicts else None if None in verdicts else True
    return Claim("It recognises emotion best", *_accuracies(found), holds)


def _steps(found: Evidence, runs: Mapping[str, Record]) -> Iterator[Claim]:
    order = [title(name) for name in ARCHITECTURES if name in reference.results() and name in runs]
    if len(order) < 3:
        return
    verdicts = [_better(found, second, first) for first, second in pairwise(order)]
    holds = False if False in verdicts else None if None in verdicts else True
    what = f"Each of {listing(order)} recognises more than the one before"
    yield Claim(what, "", _accuracies(found)[1], holds)


def _accuracies(found: Evidence) -> tuple[str, str]:
    """The accuracies of the networks there, and their UAR here, by which they are compared."""
    there = {
        name: stated(own.get("accuracy", own.get("test_accuracy")))
        for name, own in reference.results().items()
        if name in ARCHITECTURES
    }
    here = {r.data["architecture"]: number(r.data["metrics"]["uar"]) for r in found.runs}
    return f"accuracy of the {_each(there)}", f"UAR of the {_each(here)}"


def _better(found: Evidence, one: str, other: str) -> bool | None:
    """Whether a network is better than another; None if the data cannot tell."""
    (pair,) = [pair for pair in found.pairs if {pair.first, pair.second} == {one, other}]
    if not pair.apart:
        return None
    return (pair.scores["uar"].value > 0) == (pair.first == one)


def _generalisation(own: Record) -> Claim:
    reported = reference.results()[CHOICE]
    there = [stated(reported[f"{part}_accuracy"]) for part in ("train", "validation")]
    train, validation = (fold_mean(own, f"{part}_accuracy") for part in ("train", "validation"))
    words = "accuracy {} in training and {} in validation"
    gap = rounded(rounded(train) - rounded(validation))
    small = number(network.GAP_SMALL)
    return Claim(
        "Its accuracy in validation is close to that in training",
        words.format(*there),
        f"{words.format(number(train), number(validation))}: a gap of {number(gap)}, and up to "
        f"{small} counts as close",
        gap <= network.GAP_SMALL,
    )


def _emotions(runs: Mapping[str, Record]) -> Iterator[Claim]:
    own, emotions = runs[CHOICE], runs[CHOICE].emotions
    reported = reference.results()
    recalls = {name: row["recall"] for name, row in own.data["per_class"].items()}
    if "sadness" in emotions:
        yield Claim(
            "It recognises sadness best",
            f"recall {stated(reported[CHOICE]['per_class']['sadness']['recall'])}",
            f"recall {extremes(recalls, bold=False)}",
            rounded(recalls["sadness"]) == max(map(rounded, recalls.values())),
        )
    if "frustration" in emotions:
        yield _frustration(own, reported[CHOICE]["confusion"])
    if "neutral" in emotions and {"cnn", "cnn_lstm"} <= runs.keys():
        pair = ("cnn", "cnn_lstm")
        here = [runs[name].data["per_class"]["neutral"]["f1"] for name in pair]
        there = [stated(reported[name]["per_class"]["neutral"]["f1"]) for name in pair]
        yield Claim(
            f"The {title('cnn_lstm')} recognises neutral speech better than the {title('cnn')}",
            f"F1 {there[1]} against {there[0]}",
            f"F1 {number(here[1])} against {number(here[0])}",
            rounded(here[1]) > rounded(here[0]),
        )


def _frustration(own: Record, there: Mapping[str, Mapping[str, int]]) -> Claim:
    wrong = own.predictions[own.predictions["truth"] != own.predictions["predicted"]]
    answers = wrong["predicted"].value_counts()
    n = int(answers.get("frustration", 0))
    drawn = listing(
        f"{row['frustration']:,} of {truth}"
        for truth, row in there.items()
        if truth != "frustration" and "frustration" in row
    )
    return Claim(
        "Its most frequent wrong answer is frustration",
        f"taken for it: {drawn}",
        f"{n:,} of {count(len(wrong), 'error')}{_most_frequent(answers)}",
        bool(n and n == answers.max()),
    )


def _most_frequent(answers: pd.Series) -> str:
    """The most frequent of some answers with its count, and all that tie."""
    if answers.empty:
        return ""
    names = sorted(answers.index[answers == answers.max()])
    return f"; most frequent: {listing(names)} ({answers.max():,})"
