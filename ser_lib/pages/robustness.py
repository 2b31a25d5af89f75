"""What is left of a network when its test utterances are changed on their way to it.

Every condition is held against the unchanged audio of the same utterances, paired by utterance and
clustered by speaker. A change is only called one if its 95 % interval lies on one side of 0.
Functions that return words return Markdown.
"""

from dataclasses import dataclass

import pandas as pd

from ser_lib.experiments.conditions import CLEAN, CONDITIONS
from ser_lib.experiments.records import Record
from ser_lib.features.perturb import KINDS
from ser_lib.metrics import difference, scores
from ser_lib.metrics.bootstrap import LEVEL
from ser_lib.pages.margins import Margin
from ser_lib.pages.tables import capital, count, interval, listing, markdown_table, number, title


@dataclass(frozen=True)
class Condition:
    """A network's result under one condition.

    Attributes
    ----------
    kind, strength
        See `perturb.KINDS`.
    uar, uar_ci95
        Of the changed utterances, with its interval over speakers.
    change
        That minus the UAR of the same utterances unchanged.
    """

    kind: str
    strength: float
    uar: float
    uar_ci95: list[float]
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
    limits = scores.score_intervals(truth, predicted, emotions, clusters=clusters)
    conditions = []
    for kind, strength in CONDITIONS[1:]:
        changed = list(by_condition[kind, strength]["predicted"])
        found = difference.differences(truth, changed, predicted, emotions, clusters=clusters)[
            "uar"
        ]
        score = scores.uar(truth, changed, emotions)
        around = scores.score_intervals(truth, changed, emotions, clusters=clusters)["uar"]
        change = Margin(found.value, found.interval)
        conditions.append(Condition(kind, strength, score, around, change))
    return Trial(
        record,
        n=len(clean),
        speakers=len(set(speakers) - {""}),
        clean=scores.uar(truth, predicted, emotions),
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
        f"UAR is lowest with {_at([worst])}: {number(worst.uar)} instead of {number(found.clean)}.",
        *_lost(found),
        *_level(found),
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
        f"Of the {n} intervals in the table, about {number(n * (1 - LEVEL), 0)} would exclude 0 by "
        "chance even if no condition mattered: a single small change proves little."
    )
    return " ".join(sentences)


def _lost(found: Trial) -> list[str]:
    """Say under which conditions the network may be no better than guessing, the mildest each."""
    chance = 1 / len(found.record.emotions)
    if found.clean_ci95[0] <= chance:
        return [f"Unchanged, the interval of UAR reaches the {number(chance)} of guessing already."]
    mildest: dict[str, Condition] = {}
    for condition in found.conditions:  # of each kind the mildest comes first
        if condition.uar_ci95[0] <= chance:
            mildest.setdefault(condition.kind, condition)
    if not mildest:
        return [f"Under no condition does its interval reach the {number(chance)} of guessing."]
    return [
        f"Its interval reaches the {number(chance)} of guessing with "
        f"{listing(f'{_at([c])} ({number(c.uar)})' for c in mildest.values())}; where a kind has "
        "several such strengths, this is the mildest."
    ]


def _level(found: Trial) -> list[str]:
    """Say what a change of level does by itself; only a quieter recording is not cut off."""
    quiet, loud = (
        next((c for c in found.conditions if c.kind == kind and c.change.sign < 0), None)
        for kind in ("quiet", "loud")
    )
    if quiet is None:
        return []
    words = [
        f"A change of level alone, by {quiet.strength:g} dB, takes UAR from {number(found.clean)} "
        f"to {number(quiet.uar)}: the network goes at least in part by the absolute level, which "
        "in use depends on the microphone and its distance as well as on the voice."
    ]
    if loud is not None:
        words.append(
            f"Louder by {loud.strength:g} dB, with what is over full scale cut off, it is "
            f"{number(loud.uar)}."
        )
    return words


def _at(conditions: list[Condition]) -> str:
    """Name a kind with some of its strengths."""
    about = KINDS[conditions[0].kind]
    return f"{about.name} at {listing(f'{c.strength:g}' for c in conditions)} {about.unit}"
