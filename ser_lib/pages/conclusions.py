"""What the report comes to, in sentences that follow the numbers.

Conventions: functions take `Evidence` and return Markdown. "Better" is said of networks where
`verdicts` says so, "above" of baselines where `standings` does, and an emotion is called hardest by
its recall as it is printed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ser_lib.corpora import Manifest, describe
from ser_lib.experiments import leakage
from ser_lib.experiments.baselines import Baseline
from ser_lib.experiments.leakage import CHECKS
from ser_lib.experiments.records import Record
from ser_lib.metrics.difference import Difference
from ser_lib.pages import audit, comparison, context, network, standings, verdicts
from ser_lib.pages.audit import FEW_SPEAKERS, Audited
from ser_lib.pages.context import Listening
from ser_lib.pages.tables import (
    capital,
    count,
    extremes,
    listing,
    number,
    percent,
    ranked,
    rounded,
    span,
    title,
)
from ser_lib.pages.verdicts import SIGNIFICANCE, Pair, p_value

RECURRENT = ("LSTM", "GRU")
LATE = 0.1
"""A best epoch in this last share of the epochs allowed may have been cut short."""


@dataclass(frozen=True)
class Evidence:
    """What the conclusions rest on.

    Attributes
    ----------
    runs
        A record of each network, in the order of the report.
    chosen
        The one that most pages look at.
    pairs
        Every two networks compared, the one of the highest UAR first.
    against
        Every baseline with the chosen network's UAR less its own, and the corrected p-value.
    own, random
        The audits of the report's split and of a random one.
    heard
        What listeners recognised.
    """

    runs: tuple[Record, ...]
    chosen: Record
    pairs: tuple[Pair, ...]
    against: tuple[tuple[Baseline, Difference, float], ...]
    own: Audited
    random: Audited
    heard: Listening

    @property
    def name(self) -> str:
        """Printed name of the chosen network."""
        return title(self.chosen.data["architecture"])

    @property
    def chance(self) -> float:
        """UAR of guessing."""
        return 1 / len(self.chosen.emotions)


def gather(runs: Sequence[Record], manifest: Manifest, baselines: Sequence[Baseline]) -> Evidence:
    """Compare, audit and look up what the conclusions rest on; nothing is trained.

    Parameters
    ----------
    runs
        A record of each network, on one corpus under one protocol.
    manifest
        The corpus.
    baselines
        In the same folds.

    Raises
    ------
    RecordError
        As `comparison.final`.
    """
    chosen = comparison.final(runs)
    return Evidence(
        runs=tuple(runs),
        chosen=chosen,
        pairs=tuple(verdicts.pairs([[record] for record in verdicts.comparable(runs)])),
        against=tuple(standings.against(chosen, baselines)),
        own=audit.of_run(chosen, manifest),
        random=audit.of_random(chosen, manifest),
        heard=context.listening(chosen, manifest),
    )


def recognition(found: Evidence) -> str:
    """How well the networks recognise emotion, beside guessing and simple methods."""
    sides: dict[str, list[str]] = {"above": [], "below": [], "open": []}
    for record in found.runs:
        low, high = record.data["metrics"]["uar_ci95"]
        side = "above" if low > found.chance else "below" if high < found.chance else "open"
        uar = number(record.data["metrics"]["uar"])
        sides[side].append(f"the {title(record.data['architecture'])} ({uar})")
    openings = {
        "above": "it lies above that for {}",
        "below": "it lies below that for {}, which points to a fault in the data",
        "open": "it holds that value for {}, which may have learned nothing",
    }
    told = "; ".join(openings[side].format(listing(who)) for side, who in sides.items() if who)
    words = (
        f"Guessing among {count(len(found.chosen.emotions), 'emotion')} has a UAR of "
        f"{number(found.chance)}. What counts is a network's 95 % interval: {told}."
    )
    if not found.against:
        return words
    standing = standings.standing(found.chosen, [baseline for baseline, *_ in found.against])
    folds = found.chosen.data["folds"]
    own = span(fold["n_train"] for fold in folds)
    both = span(fold["n_train"] + fold["n_validation"] for fold in folds)
    return (
        f"{words}\n\nA network is also to be measured by what is reached without one. {standing} "
        "The methods without a network choose no epoch, so they train on the training and the "
        f"validation part of a fold together: {both} utterances, where the network has {own}."
    )


def networks(found: Evidence) -> str:
    """Whether one network is better than another, and what memory and deltas bring."""
    if not found.pairs:
        return "There is only one network, so nothing to compare."
    words = [verdicts.verdict(found.pairs)]
    told = sum(pair.apart for pair in found.pairs)
    if not told:
        words.append(
            "No ranking of these networks should be read out of their scores: it may be another "
            "one with other speakers."
        )
    elif told < len(found.pairs):
        words.append(f"The data can tell {told:,} of {count(len(found.pairs), 'pair')} apart.")
    if any(_disagree(pair) for pair in found.pairs):
        words.append(
            "It takes both to tell two networks apart: an interval that excludes 0, and a p-value, "
            f"corrected for {count(len(found.pairs), 'pair')}, below {number(SIGNIFICANCE)}. One "
            "of them alone does not do."
        )
    return "\n\n".join(part for part in (" ".join(words), _memory(found), _deltas(found)) if part)


def _disagree(pair: Pair) -> bool:
    """Whether of interval and corrected p-value only one would tell the networks apart."""
    low, high = pair.scores["uar"].interval
    return (low > 0 or high < 0) != (pair.p < SIGNIFICANCE)


def _memory(found: Evidence) -> str:
    """What the recurrent layers bring, as far as the networks with and without them differ."""
    with_memory = {title(r.data["architecture"]): _recurrent(r) for r in found.runs}
    sides: dict[str, list[str]] = {"raise": [], "lower": [], "open": []}
    for pair in found.pairs:
        both = with_memory.get(pair.first), with_memory.get(pair.second)
        if None in both or both[0] == both[1]:
            continue
        name, plain = (pair.first, pair.second) if both[0] else (pair.second, pair.first)
        uar, sign = pair.scores["uar"], 1 if both[0] else -1
        low, high = sorted(sign * limit for limit in uar.interval)
        value = sign * uar.value
        side = "open" if not pair.apart else "raise" if value > 0 else "lower"
        sides[side].append(
            f"the {name} beside the {plain} ({rounded(value):+.2f}, 95 % interval "
            f"{rounded(low):+.2f} to {rounded(high):+.2f}, {p_value(pair.p)})"
        )
    openings = {
        "raise": "Recurrent layers come with a higher UAR: {}.",
        "lower": "Recurrent layers come with a lower UAR: {}.",
        "open": "Whether recurrent layers change UAR, the data cannot tell: {}.",
    }
    return " ".join(openings[side].format(listing(who)) for side, who in sides.items() if who)


def _recurrent(record: Record) -> bool:
    return any(kind in layer["type"] for layer in record.data["layers"] for kind in RECURRENT)


def _deltas(found: Evidence) -> str:
    seeing = [r for r in found.runs if r.data["parameters"]["channels"] > 1]
    if not seeing:
        return "None of these networks sees how the features change from frame to frame (deltas)."
    named = listing(f"the {title(record.data['architecture'])}" for record in seeing)
    sees = "sees" if len(seeing) == 1 else "see"
    if len(seeing) == len(found.runs):
        return "All of these networks see deltas, so nothing is known of what they bring."
    return (
        f"Only {named} {sees} deltas, and no two networks differ in them alone: what they bring by "
        "themselves was not measured. `-p channels=1` gives every network the same input."
    )


def emotions(found: Evidence) -> str:
    """The easiest and the hardest emotions, what is taken for what, and whether networks agree."""
    own = recalls(found.chosen)
    words = [f"With the {found.name}, recall is {extremes(own)}."]
    hardest = {title(r.data["architecture"]): ranked(recalls(r))[-1][1] for r in found.runs}
    if len(hardest) > 1 and len(ranked(own)) > 1:
        told = "; ".join(f"{listing(names)} for the {name}" for name, names in hardest.items())
        words.append(
            "All networks agree on which emotion is the hardest."
            if len(set(map(tuple, hardest.values()))) == 1
            else f"Which emotion is the hardest depends on the network: {told}."
        )
    confusions = network.pairs(found.chosen)
    if not confusions:
        return " ".join([*words, "It takes no emotion for another."])
    truth, predicted, n, _ = confusions[0]
    back = next((m for t, p, m, _ in confusions if (t, p) == (predicted, truth)), 0)
    words.append(
        f"Its most frequent confusion is {truth} taken for {predicted}, {n:,} of "
        f"{count(sum(one[2] for one in confusions), 'wrong answer')}; the other way round it "
        f"happens {count(back, 'time')}."
    )
    if ties := sum(one[2] == n for one in confusions[1:]):
        more = count(ties, "more confusion is", "more confusions are")
        words.append(f"{capital(more)} as frequent.")
    return " ".join(words)


def trust(found: Evidence) -> str:
    """What limits the result: corpus, speakers, split and the one training of each network."""
    told = {
        "The corpus.": _corpus(found.chosen),
        "The speakers.": _speakers(found.chosen),
        "The split.": _split(found),
        "The training.": _training(found.runs),
    }
    return "\n".join(f"- **{what}** {words}" for what, words in told.items())


def _corpus(record: Record) -> str:
    row = describe(record.data["corpus"]["name"])
    if row.synthetic:
        words = "A program speaks in it, so what holds here says nothing about people."
    elif row.acted:
        words = (
            "Its emotions are portrayed. What people feel they may show less clearly, or not at "
            "all, so the scores are no promise for everyday speech."
        )
    else:
        words = "How its emotions came about is not known, so neither is what the scores are about."
    if left_out := len(record.data["corpus"]["left_out"]):
        words += f" {capital(count(left_out, 'file was', 'files were'))} left out."
    return words


def _speakers(record: Record) -> str:
    names = set(record.predictions["speaker"])
    low, high = record.data["metrics"]["uar_ci95"]
    wide = f"the interval of UAR is {number(high - low)} wide"
    if "" in names:
        return (
            "The corpus does not say who speaks. Every utterance counts as if it were from "
            f"somebody else, and even so {wide}."
        )
    words = f"{capital(count(len(names), 'speaker was', 'speakers were'))} tested, and {wide}."
    if len(names) < FEW_SPEAKERS:
        words += f" With fewer than {FEW_SPEAKERS}, even this may be too narrow."
    return words


def _split(found: Evidence) -> str:
    leaks, warnings = (_found(found.own, severity) for severity in ("leak", "warning"))
    words = ["The audit finds no leak."]
    if leaks:
        words = [f"The audit finds a leak, so the score may be too good: {'; '.join(leaks)}."]
    if warnings:
        words.append(f"It warns: {'; '.join(warnings)}.")
    if counts := voices(found):
        heard, tested = counts
        words.append(
            f"With a random split instead, training would know the voices of {heard:,} of "
            f"{count(tested, 'test utterance')}."
        )
    return " ".join(words)


def _found(audited: Audited, severity: str) -> list[str]:
    """Everything of one severity in words; what several pairs of parts share is said once."""
    table = leakage.summary([one for one in audited.findings if one.severity == severity])
    worst = table.sort_values("utterances", ascending=False, kind="stable")
    return [_words(row) for row in worst.drop_duplicates("name").itertuples()]


def _words(row) -> str:
    many = f"{row.utterances:,} of {count(row.of, 'utterance')}"
    if row.name != "shared-sentences":
        return f"{CHECKS[row.name]} ({many})" if row.utterances else CHECKS[row.name]
    other = {"train": "training"}.get(row.parts[0], row.parts[0])
    if row.utterances == row.of:
        return (
            f"every tested sentence is also in {other} ({many}), so nothing is known of new "
            "sentences"
        )
    return f"tested sentences are also in {other} ({many}), so little is known of new sentences"


def new_sentences(found: Evidence) -> bool:
    """Whether new sentences could bring other scores, because tested ones are known."""
    return any(o.name == "shared-sentences" and "test" in o.parts for o in found.own.findings)


def _training(runs: Sequence[Record]) -> str:
    seeds = sorted({record.data["seed"] for record in runs})
    words = (
        f"Each network was trained once (seed {listing(map(str, seeds))}). Another seed gives "
        "other weights and another score, which no interval over speakers covers."
    )
    late, folds = cut_short(runs)
    if not late:
        return words
    allowed = [record.data["parameters"]["epochs"] for record in runs]
    only = LATE * max(allowed) <= 1
    place = "the last one" if only else f"among the last {percent(LATE)} of those"
    return (
        f"{words} In {late:,} of {count(folds, 'fold')} of these networks the best epoch was "
        f"{place} allowed ({span(allowed)}): longer training might change every score."
    )


def cut_short(runs: Sequence[Record]) -> tuple[int, int]:
    """In how many folds of all runs the best epoch was among the last allowed, and of how many."""
    late = [
        fold["best_epoch"] > (1 - LATE) * record.data["parameters"]["epochs"]
        for record in runs
        for fold in record.data["folds"]
    ]
    return sum(late), len(late)


def recalls(record: Record) -> dict[str, float]:
    """Recall of every emotion that was tested."""
    table = record.data["per_class"]
    return {name: row["recall"] for name, row in table.items() if row["support"]}


def voices(found: Evidence) -> tuple[int, int] | None:
    """How many test utterances of a random split have a voice that it trains, and of how many.

    Nothing is trained for it. None if there is no such split, or nobody knows who speaks.
    """
    names = {one.name for one in found.random.findings}
    if found.random.reason or "speakers-unknown" in names:
        return None
    heard = [
        one.utterances
        for one in found.random.findings
        if one.name == "shared-speakers" and one.parts == ("train", "test")
    ]
    tested = sum(len(fold.test) for fold in found.random.folds)
    return sum(heard), tested
