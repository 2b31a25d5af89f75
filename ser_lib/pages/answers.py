"""The questions of a new reader, answered in a table.

Conventions: as `conclusions`. Where yes or no is asked, an answer begins with one of them, or says
that the data cannot tell.
"""

from collections.abc import Sequence

from ser_lib.experiments.baselines import Baseline
from ser_lib.experiments.records import Record
from ser_lib.metrics import calibration
from ser_lib.pages import calibration as confidence
from ser_lib.pages import network, provenance, standings
from ser_lib.pages.conclusions import Evidence, cut_short, new_sentences, recalls, voices
from ser_lib.pages.context import Listening
from ser_lib.pages.tables import (
    capital,
    count,
    extremes,
    interval,
    listing,
    markdown_table,
    number,
    percent,
)
from ser_lib.pages.verdicts import Pair

OPEN = "the data cannot tell"


def in_short(record: Record, results: Sequence[Baseline]) -> str:
    """By which protocol a network was tested, and how it stands beside methods without one.

    Parameters
    ----------
    record, results
        A network's run, and baselines in the same folds.
    """
    return (
        f"Protocol: {provenance.protocol(record.data)}. Methods without a network were tested on "
        f"the same utterances. {standings.standing(record, results)}"
    )


def summary(found: Evidence) -> str:
    """The questions of a new reader, each with its answer and the page that gives the reasons."""
    metrics = found.chosen.data["metrics"]
    rows = [
        (
            "What was tested?",
            f"{capital(count(len(found.runs), 'network'))} on "
            f"{count(len(found.chosen.predictions), 'utterance')} of {_who(found.chosen)}, who "
            f"show {count(len(found.chosen.emotions), 'emotion')}; protocol: "
            f"{provenance.protocol(found.chosen.data)}",
            "data",
        ),
        (
            "How often is the emotion recognised?",
            f"The {found.name} is right for {percent(metrics['accuracy'])} of the utterances; its "
            f"UAR is {interval(metrics['uar'], metrics['uar_ci95'])}",
            "final",
        ),
        ("Is that better than guessing?", _than_guessing(found), "final"),
        ("Is it better than a simple method?", _than_simple(found), "comparison"),
        ("Is one network better than another?", _than_another(found), "comparison"),
        ("Which emotions are easy, which hard?", _easy_and_hard(found), "final"),
        ("What is taken for what?", capital(_largest(found.chosen)), "failures"),
        ("Can its probabilities be believed?", _probabilities(found.chosen), "calibration"),
        ("Do people do better?", _people(found.heard), "context"),
        ("Would a random split hear the tested voices?", _voices(found), "gap"),
        ("How far may the score be off?", _span(found), "audit"),
    ]
    return markdown_table(
        {"Question": question, "Answer": f"{answer}.", "Page": f"{{doc}}`{page}`"}
        for question, answer, page in rows
        if answer
    )


def _who(record: Record) -> str:
    names = set(record.predictions["speaker"])
    return "unnamed speakers" if "" in names else count(len(names), "speaker")


def _than_guessing(found: Evidence) -> str:
    low, high = found.chosen.data["metrics"]["uar_ci95"]
    guess = f"guessing has a UAR of {number(found.chance)}"
    if low > found.chance:
        return f"Yes: {guess}, and the whole interval lies above it"
    if high < found.chance:
        return f"No: {guess}, and the whole interval lies below it"
    return f"{capital(OPEN)}: {guess}, which the interval holds"


def _than_simple(found: Evidence) -> str:
    """The chosen network against the best of the baselines that learn."""
    learned = [one for one in found.against if one[0].name != "majority"]
    if not learned:
        return ""
    baseline, difference, p = max(learned, key=lambda one: one[0].metrics["uar"])
    opening = {1: "Yes: ", 0: f"{capital(OPEN)}: ", -1: "No, it is worse: "}
    margin = standings.margin(difference, p)
    other = f"the {baseline.title} ({number(baseline.metrics['uar'])})"
    return f"{opening[standings.told(difference, p)]}{margin} than {other}"


def _than_another(found: Evidence) -> str:
    if not found.pairs:
        return "There is only one"
    sides = [_sides(pair) for pair in found.pairs if pair.apart]
    told = [f"the {better} than the {worse}" for better, worse in sides]
    if not told:
        return capital(OPEN)
    rest = len(found.pairs) - len(told)
    words = f"Yes: {listing(told)}"
    return f"{words}; for {count(rest, 'other pair')} {OPEN}" if rest else words


def _sides(pair: Pair) -> tuple[str, str]:
    """The better and the worse network of a pair that the data can tell apart."""
    up = pair.scores["uar"].value > 0
    return (pair.first, pair.second) if up else (pair.second, pair.first)


def _easy_and_hard(found: Evidence) -> str:
    return f"Recall is {extremes(recalls(found.chosen))}"


def _largest(record: Record) -> str:
    """The most frequent confusion, with all that tie."""
    found = network.pairs(record)
    if not found:
        return "no emotion is taken for another"
    n = found[0][2]
    named = listing(
        f"{truth} for {predicted} ({percent(share)} of {truth})"
        for truth, predicted, m, share in found
        if m == n
    )
    return f"most often {named}"


def _probabilities(record: Record) -> str:
    """Whether the probabilities of the answers agree with how often they are right."""
    labels, table = record.emotions, record.predictions
    chances = table[[f"p_{label}" for label in labels]].to_numpy(dtype=float)
    truth, known = list(table["truth"]), (table["speaker"] != "").all()
    speakers = list(table["speaker"]) if known else None
    limits = calibration.intervals(truth, chances, labels, clusters=speakers)["overconfidence"]
    sure, right = calibration.answers(truth, chances, labels)
    return (
        f"As trained, {confidence.judged(limits)}: it gives its answers a probability of "
        f"{number(float(sure.mean()))} on average, and {number(float(right.mean()))} of them are "
        "right"
    )


def _people(heard: Listening) -> str:
    if heard.reason:
        return ""
    own = number(heard.network)
    people = f"listeners have a UAR of {number(heard.people)}, the network {own}"
    low, high = heard.network_ci95
    if heard.people > high:
        return f"Yes: {people}, and its whole interval lies below theirs"
    if heard.people < low:
        return f"No: {people}, and its whole interval lies above theirs"
    return f"{capital(OPEN)}: {people}, and its interval holds theirs"


def _voices(found: Evidence) -> str:
    counts = voices(found)
    if counts is None:
        return ""
    heard, tested = counts
    return f"{'Yes' if heard else 'No'}: those of {heard:,} of {count(tested, 'test utterance')}"


def _span(found: Evidence) -> str:
    """The interval, and what moves a score but is not in it."""
    low, high = found.chosen.data["metrics"]["uar_ci95"]
    speakers = set(found.chosen.predictions["speaker"])
    drawn = "speakers" if "" not in speakers and len(speakers) > 1 else "utterances"
    missing = ["another seed"]
    if new_sentences(found):
        missing.append("new sentences")
    words = (
        f"With other {drawn} like these, UAR ranges at least from {number(low)} to "
        f"{number(high)}; {listing(missing)} {'is' if len(missing) == 1 else 'are'} not "
        "in it"
    )
    late, folds = cut_short(found.runs)
    if 2 * late < folds:
        return words
    return f"{words}, and longer training might change it ({late:,} of {count(folds, 'fold')})"
