"""What is left of a network when its test utterances are changed on their way to it.

Every condition is held against the unchanged audio of the same utterances, paired by utterance and
clustered by speaker. A change is only called one if its 95 % interval lies on one side of 0.
Functions that return words return Markdown.
"""

from dataclasses import dataclass

import pandas as pd

from ser_lib import evaluation, paired
from ser_lib.bootstrap import LEVEL
from ser_lib.conditions import CLEAN, CONDITIONS
from ser_lib.pages.margins import Margin
from ser_lib.perturbations import KINDS
from ser_lib.records import Record
from ser_lib.tables import (
    capital,
    count,
    interval,
    listing,
    markdown_table,
    number,
    percent,
    title,
)


@dataclass(frozen=True)
class Condition:
    """A network's result under one condition.

    Attributes
    ----------
    kind, strength
        See `perturbations.KINDS`.
    uar
        Of the changed utterances.
    change
        That minus the UAR of the same utterances unchanged.
    """

    kind: str
    strength: float
    uar: float
    change: Margin


@dataclass(frozen=True)
class Trial:
    """A network's results under all conditions.

    Attributes
    ----------
    record
        Its run.
    n, speakers
        Utterances and speakers in the sample.
    clean, clean_ci95
        UAR of the sample unchanged, with its interval over speakers.
    conditions
        In the order of `CONDITIONS`.
    """

    record: Record
    n: int
    speakers: int
    clean: float
    clean_ci95: list[float]
    conditions: list[Condition]

    def at(self, kind: str, strength: float) -> Condition:
        """Return the result under one condition."""
        (found,) = [c for c in self.conditions if (c.kind, c.strength) == (kind, strength)]
        return found


def trial(record: Record, told: pd.DataFrame) -> Trial:
    """Score the answers of `conditions.answers`, each condition against the unchanged audio."""
    emotions = record.emotions
    by_condition = {
        condition: part.sort_values("utterance")
        for condition, part in told.groupby(["kind", "strength"])
    }
    clean = by_condition[CLEAN, 0]
    truth, predicted, speakers = (list(clean[c]) for c in ("truth", "predicted", "speaker"))
    clusters = None if "" in speakers else speakers
    limits = evaluation.score_intervals(truth, predicted, emotions, clusters=clusters)
    conditions = []
    for kind, strength in CONDITIONS[1:]:
        changed = list(by_condition[kind, strength]["predicted"])
        found = paired.differences(truth, changed, predicted, emotions, clusters=clusters)["uar"]
        score = evaluation.uar(truth, changed, emotions)
        conditions.append(Condition(kind, strength, score, Margin(found.value, found.interval)))
    return Trial(
        record,
        n=len(clean),
        speakers=len(set(speakers) - {""}),
        clean=evaluation.uar(truth, predicted, emotions),
        clean_ci95=limits["uar"],
        conditions=conditions,
    )


def setting(found: Trial) -> str:
    """What was measured on what, in words."""
    speakers = f" of {count(found.speakers, 'speaker')}" if found.speakers else ""
    return (
        f"{capital(count(found.n, 'test utterance'))}{speakers} were changed in "
        f"{count(len(KINDS), 'way')}, each at several strengths, and given to the "
        f"{title(found.record.data['architecture'])} that had not been trained on them. Unchanged, "
        f"they have a UAR of {interval(found.clean, found.clean_ci95)}; over all test utterances "
        f"it is {number(found.record.data['metrics']['uar'])}."
    )


def table(found: Trial) -> str:
    """UAR under every condition, and the change with its interval."""
    return markdown_table(
        {
            "Condition": capital(KINDS[condition.kind].name),
            "Strength": f"{condition.strength:g} {KINDS[condition.kind].unit}",
            "UAR": condition.uar,
            "Change (95 % interval)": condition.change.words(),
        }
        for condition in found.conditions
    )


def words(found: Trial) -> str:
    """What harms the network, what does not, and where that is open."""
    worse, better, open_ = [], [], []
    for kind, about in KINDS.items():
        own = [c for c in found.conditions if c.kind == kind]
        for sign, group in ((-1, worse), (1, better)):
            if told := [c for c in own if c.change.sign == sign]:
                group.append(_at(told))
        if not any(c.change.sign for c in own):
            open_.append(about.name)
    worst = min(found.conditions, key=lambda c: c.uar)
    sentences = [
        f"UAR is lowest with {_at([worst])}: {number(worst.uar)} instead of {number(found.clean)}."
    ]
    if worse:
        sentences.append(f"The interval of the change lies below 0 with {listing(worse)}.")
    if better:
        sentences.append(f"It lies above 0 with {listing(better)}.")
    if open_:
        sentences.append(
            f"It holds 0 at every strength with {listing(open_)}: a loss is not shown, "
            "and not ruled out."
        )
    n = len(found.conditions)
    sentences.append(
        f"Each of these {n} intervals misses in {percent(1 - LEVEL)} of the cases, which makes "
        f"about {number(n * (1 - LEVEL), 0)} by luck: a single small change proves little."
    )
    return " ".join(sentences)


def _at(conditions: list[Condition]) -> str:
    """Name a kind with some of its strengths."""
    about = KINDS[conditions[0].kind]
    return f"{about.name} at {listing(f'{c.strength:g}' for c in conditions)} {about.unit}"
