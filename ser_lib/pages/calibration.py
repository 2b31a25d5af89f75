"""How sure a network is, and how sure it should be: the words of the calibration page.

Conventions: as `network`. The temperature of a fold is fitted on the validation part of that
fold alone: the speakers who validate one fold are tested in another, so temperatures fitted on all
validation parts together would have heard the test speakers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ser_lib.core.errors import RecordError
from ser_lib.experiments.records import Record
from ser_lib.metrics import bootstrap, calibration, scores
from ser_lib.pages.tables import (
    capital,
    count,
    interval,
    listing,
    markdown_table,
    number,
    percent,
    rounded,
    spanned,
    title,
)

SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
"""Shares of the utterances that are answered, for which the accuracy is shown."""
HALF = 0.5
_NAMES = {
    "nll": "Negative log likelihood (nats)",
    "brier": "Brier score (0 to 2)",
    "ece": "Expected calibration error (0 to 1)",
    "overconfidence": "Mean confidence minus accuracy",
}
_PROPER = ("nll", "brier")
_TOLD = {"nll": "negative log likelihood", "brier": "Brier score"}


@dataclass(frozen=True)
class Calibrated:
    """A run's test predictions before and after temperature scaling.

    Attributes
    ----------
    record
        The run.
    truth, labels
        Of the test utterances, and the class order.
    before, after
        Probabilities float [utterances, classes], in the order of the record's predictions.
    speakers
        For intervals; `None` where they are not all known.
    folds
        A row for each fold: fold, n (validation utterances) and temperature.
    """

    record: Record
    truth: list[str]
    labels: list[str]
    before: np.ndarray
    after: np.ndarray
    speakers: list[str] | None
    folds: pd.DataFrame


def calibrate(record: Record, validation: pd.DataFrame) -> Calibrated:
    """Fit a temperature for every fold on its validation part, and apply it to its test part.

    Parameters
    ----------
    record
        The run.
    validation
        From `validation.predictions`.

    Raises
    ------
    RecordError
        If a fold has no validation predictions.
    """
    labels, tested = record.emotions, record.predictions
    before = _probabilities(tested, labels)
    after, rows = before.copy(), []
    for fold in record.data["folds"]:
        part = validation[validation["fold"] == fold["name"]]
        if part.empty:
            raise RecordError(f"there are no validation predictions of fold '{fold['name']}'")
        temperature = calibration.fit_temperature(
            list(part["truth"]), _probabilities(part, labels), labels
        )
        rows.append({"fold": fold["name"], "n": len(part), "temperature": temperature})
        own = (tested["fold"] == fold["name"]).to_numpy()
        after[own] = calibration.temper(before[own], temperature)
    known = (tested["speaker"] != "").all()
    return Calibrated(
        record=record,
        truth=list(tested["truth"]),
        labels=labels,
        before=before,
        after=after,
        speakers=list(tested["speaker"]) if known else None,
        folds=pd.DataFrame(rows),
    )


def _probabilities(table: pd.DataFrame, labels: Sequence[str]) -> np.ndarray:
    return table[[f"p_{label}" for label in labels]].to_numpy(dtype=float)


def summary(calibrated: Calibrated) -> str:
    """Whether the probabilities can be believed, before and after temperature scaling."""
    c = calibrated
    values, limits = [], []
    for probabilities in (c.before, c.after):
        values.append(calibration.scores(c.truth, probabilities, c.labels))
        limits.append(calibration.intervals(c.truth, probabilities, c.labels, clusters=c.speakers))
    change = calibration.intervals(
        c.truth, c.after, c.labels, against=c.before, clusters=c.speakers
    )
    rows = [
        {
            "Score": name,
            "As trained (95 %)": spanned(values[0][key], limits[0][key]),
            "After scaling (95 %)": spanned(values[1][key], limits[1][key]),
            "Change (95 %)": spanned(values[1][key] - values[0][key], change[key]),
        }
        for key, name in _NAMES.items()
    ]
    network = title(c.record.data["architecture"])
    sure = _sureness(network, c, c.before, limits[0])
    scaled = _sureness("scaled network", c, c.after, limits[1])
    return f"{sure}\n\n{markdown_table(rows)}\n\n{_improvement(values, change)} {scaled}"


def _sureness(network: str, c: Calibrated, probabilities: np.ndarray, limits: Mapping) -> str:
    confidence, right = calibration.answers(c.truth, probabilities, c.labels)
    verdict = judged(limits["overconfidence"])
    difference = interval(float(confidence.mean() - right.mean()), limits["overconfidence"])
    return (
        f"The {network} gives its answers a probability of {number(float(confidence.mean()))} on "
        f"average, and {number(float(right.mean()))} of them are right, a difference of "
        f"{difference}: {verdict}."
    )


def judged(limits: Sequence[float]) -> str:
    """What the interval of mean confidence minus accuracy says of a network.

    Examples
    --------
    >>> judged([0.01, 0.05]), judged([-0.02, 0.03])
    ('it is over-confident', 'the data cannot tell whether it is too sure or not sure enough')
    """
    low, high = limits
    if low > 0:
        return "it is over-confident"
    if high < 0:
        return "it is under-confident"
    return "the data cannot tell whether it is too sure or not sure enough"


def _improvement(values: Sequence[Mapping], change: Mapping) -> str:
    better = [_TOLD[key] for key in _PROPER if change[key][1] < 0]
    worse = [_TOLD[key] for key in _PROPER if change[key][0] > 0]
    open_ = [_TOLD[key] for key in _PROPER if change[key][0] <= 0 <= change[key][1]]
    parts = [
        f"{verb} the {listing(names)}"
        for verb, names in (("lowers", better), ("raises", worse))
        if names
    ]
    words = f"Temperature scaling {' and '.join(parts)}" if parts else ""
    if open_:
        doubt = f"the data cannot tell whether temperature scaling changes the {listing(open_)}"
        words = f"{words}; {doubt}" if words else capital(doubt)
    return f"{words}. It changes no answer, so accuracy and UAR stay as they are."


def temperatures(calibrated: Calibrated) -> str:
    """Which temperatures were fitted, and what they say of the networks."""
    found = calibrated.folds["temperature"]
    shown = found.map(rounded)
    sizes = calibrated.folds["n"]
    low, high = calibration.TEMPERATURES
    n = len(found)
    words = (
        f"The temperature is {number(float(found.iloc[0]))}, fitted on "
        f"{count(int(sizes.iloc[0]), 'validation utterance')}."
        if n == 1
        else f"Each of {count(n, 'fold')} has a temperature of its own, fitted on "
        f"{_range(sizes.min(), sizes.max(), 0)} validation utterances: "
        f"{number(float(found.median()))} in the median, "
        f"{_range(found.min(), found.max())}."
    )
    sharper, softer = int((shown < 1).sum()), int((shown > 1).sum())
    kinds = [
        f"in {size:,} of {count(n, 'fold')} it is {side}, so that the network was {fault}"
        for size, side, fault in (
            (softer, "above 1", "too sure of its validation utterances"),
            (sharper, "below 1", "not sure enough of them"),
        )
        if size
    ]
    words += f" {capital('; '.join(kinds))}." if kinds else " At 1 nothing is changed."
    bounded = int(
        np.isclose(found, low, rtol=1e-2).sum() + np.isclose(found, high, rtol=1e-2).sum()
    )
    if bounded:
        words += (
            f" In {count(bounded, 'fold')} it is at the end of what is allowed, {number(low)} to "
            f"{number(high)}: these validation parts say little."
        )
    return words


def _range(low: float, high: float, digits: int = 2) -> str:
    low, high = number(float(low), digits), number(float(high), digits)
    return low if low == high else f"{low} to {high}"


def curve(calibrated: Calibrated, *, shares: Sequence[float] = SHARES) -> pd.DataFrame:
    """Accuracy, with its interval, of the most confident share of the answers.

    Parameters
    ----------
    calibrated
        The scaled probabilities decide which answers are given.
    shares
        Of the utterances, in (0, 1]. Answers of equal confidence are given together, so the share
        that is answered can be larger.

    Returns
    -------
    DataFrame
        Columns: share (as asked), coverage (as it is), threshold, n, accuracy, low, high.
    """
    c = calibrated
    confidence, right = calibration.answers(c.truth, c.after, c.labels)
    whole = calibration.coverage(c.truth, c.after, c.labels)
    rows = []
    for share in shares:
        # Shares are sums of 1 / n, which are not exact.
        at = whole[whole["coverage"] >= share - 1e-9].iloc[0]
        given = confidence >= at["threshold"]
        speakers = None if c.speakers is None else list(np.array(c.speakers)[given])
        low, high = scores.mean_interval(right[given], clusters=speakers)
        rows.append({"share": share, **at, "n": int(given.sum()), "low": low, "high": high})
    return pd.DataFrame(rows)


def abstaining(calibrated: Calibrated) -> str:
    """What the network gains if it answers only where it is sure."""
    c = calibrated
    table = curve(c)
    rows = [
        {
            "Answered": percent(row["coverage"]),
            "Utterances": int(row["n"]),
            "Probability at least": row["threshold"],
            "Accuracy (95 %)": spanned(row["accuracy"], [row["low"], row["high"]]),
        }
        for _, row in table.iterrows()
    ]
    return f"{markdown_table(rows)}\n\n{_gain(c)} {_area(c)}"


def _gain(c: Calibrated) -> str:
    confidence, right = calibration.answers(c.truth, c.after, c.labels)
    ((_, half),) = curve(c, shares=[HALF]).iterrows()
    given = confidence >= half["threshold"]
    if given.all():
        return "All answers are equally sure, so none can be held back."
    rows = bootstrap.clusters(c.speakers, len(right))
    draws = bootstrap.draws(len(rows))
    all_right, all_n, sure_right, sure_n = (
        draws @ np.array([values[r].sum() for r in rows])
        for values in (right, np.ones_like(right), right & given, given)
    )
    # A draw may hold none of the sure answers: it says nothing about them.
    gains = sure_right / np.where(sure_n > 0, sure_n, np.nan) - all_right / all_n
    low, high = limits = bootstrap.percentiles(gains)
    gain = interval(float(right[given].mean() - right.mean()), limits)
    if low > 0:
        verdict = "its confidence tells right answers from wrong ones"
    elif high < 0:
        verdict = "it is wrong more often where it is sure"
    else:
        verdict = "the data cannot tell whether holding answers back helps"
    return (
        f"Answering only the {percent(half['coverage'])} of which it is most sure changes the "
        f"accuracy by {gain}: {verdict}."
    )


def _area(c: Calibrated) -> str:
    before, after = (
        calibration.area_under_risk(calibration.coverage(c.truth, probabilities, c.labels))
        for probabilities in (c.before, c.after)
    )
    right = calibration.answers(c.truth, c.after, c.labels)[1]
    accuracy, n = float(right.mean()), len(right)
    return (
        f"The area under the curve of errors against coverage is {number(after)}, and "
        f"{number(before)} without temperature scaling. It would be about {number(1 - accuracy)} "
        f"if confidence said nothing, and {number(calibration.least_area(accuracy, n))} if every "
        "right answer were surer than every wrong one."
    )
