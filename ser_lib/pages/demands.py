"""What a network should at least do, as the closest public report demands it, and whether it does.

The demands are those of audEERING's ser-tests (Derington et al. 2025), as far as they are about
emotions as classes and about conditions that are measured here. They are conventions, not laws: a
network may pass and be useless for a purpose, or fail and be good enough for another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ser_lib.experiments.records import Record
from ser_lib.pages.fairness import Sexes
from ser_lib.pages.robustness import Trial
from ser_lib.pages.tables import capital, count, listing, markdown_table, number

UAR_AT_LEAST = 0.5
SEX_WITHIN = 0.075
CHANGE_AT_LEAST = -0.05
CONDITIONS = (
    ("noise", 20, "white noise at 20 dB SNR"),
    ("babble", 20, "babble at 20 dB SNR"),
    ("telephone", 3400, "a telephone band"),
)
"""Levels as in ser-tests, which takes its babble from other recordings. Its telephone also has a
codec and noise, so that the band alone is a milder test."""


@dataclass(frozen=True)
class Verdict:
    """A demand and what was measured.

    Attributes
    ----------
    what
        The score that is held against the limits.
    value, ci95
        Measured, with its 95 % interval.
    least, most
        The limits; None if there is none.
    """

    what: str
    value: float
    ci95: Sequence[float]
    least: float | None = None
    most: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the measured value lies within the limits."""
        return self._within(self.value)

    @property
    def sure(self) -> bool:
        """Whether all of the interval says the same as the value."""
        inside = [self._within(limit) for limit in self.ci95]
        if self.passed:
            return all(inside)
        low, high = self.ci95
        return (self.least is not None and high < self.least) or (
            self.most is not None and low > self.most
        )

    def _within(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )


def of_all(record: Record) -> list[Verdict]:
    """The demand on the UAR over all test utterances."""
    metrics = record.data["metrics"]
    return [Verdict("UAR", metrics["uar"], metrics["uar_ci95"], least=UAR_AT_LEAST)]


def of_sexes(sexes: Sexes) -> list[Verdict]:
    """The demand on the UAR of each sex; none where the sexes cannot be compared."""
    return [
        Verdict(
            f"UAR of {group.name} minus UAR of all",
            group.apart.value,
            group.apart.interval,
            least=-SEX_WITHIN,
            most=SEX_WITHIN,
        )
        for group in sexes.groups
    ]


def of_conditions(found: Trial) -> list[Verdict]:
    """The demands on the change of UAR under noise and through a telephone."""
    verdicts = []
    for kind, strength, name in CONDITIONS:
        change = found.at(kind, strength).change
        what = f"change of UAR with {name}"
        verdicts.append(Verdict(what, change.value, change.interval, least=CHANGE_AT_LEAST))
    return verdicts


def held_against(verdicts: Sequence[Verdict]) -> str:
    """Every demand with what was measured, pass or fail, and what the intervals leave open."""
    if not verdicts:
        return "This corpus allows none of these tests."
    rows = [
        {
            "Demand on": capital(verdict.what),
            "Demanded": _demanded(verdict),
            "Measured": number(verdict.value, 3),
            "95 % interval": " to ".join(number(limit, 3) for limit in verdict.ci95),
            "Result": "pass" if verdict.passed else "**fail**",
            "Interval agrees": verdict.sure,
        }
        for verdict in verdicts
    ]
    failed = [verdict.what for verdict in verdicts if not verdict.passed]
    unsure = [verdict.what for verdict in verdicts if not verdict.sure]
    met = len(verdicts) - len(failed)
    words = f"Of {count(len(verdicts), 'demand')}, {met:,} {'is' if met == 1 else 'are'} met."
    if failed:
        words += f" Not met: {listing(failed)}."
    if unsure:
        words += (
            f" With other speakers the result might be the opposite for {listing(unsure)}, where "
            "the interval reaches over a limit."
        )
    else:
        words += " No interval reaches over its limit."
    return f"{markdown_table(rows)}\n\n{words}"


def _demanded(verdict: Verdict) -> str:
    if verdict.most is None:
        return f"at least {verdict.least:g}"
    return f"{verdict.least:g} to {verdict.most:g}"
