"""Calibration: whether the probabilities of a classifier mean what they say.

Conventions: functions take `(truth, probabilities, labels)`: the classes of n utterances, float
[n, classes] whose rows sum to 1, and the class order of the columns. The answer to an utterance is
its most probable class, the first of equal ones, and its *confidence* the probability of that
answer. Scores are errors: 0 is perfect.

============== =====================================================================================
nll            negative log likelihood: mean of minus the logarithm of the truth's probability, nats
brier          mean over utterances of the squared error summed over the classes, 0 to 2
               (Brier 1950)
ece            expected calibration error: mean distance between confidence and accuracy over bins
               of confidence, 0 to 1 (Naeini et al. 2015, Guo et al. 2017)
overconfidence mean confidence minus accuracy, -1 to 1
============== =====================================================================================

Negative log likelihood and Brier score are proper: no distortion of the true probabilities makes
them better. The expected calibration error is not, depends on the bins, and is too high on average
for few utterances; it is here because it is what is usually reported.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from ser_lib.core.errors import ParameterError
from ser_lib.metrics import jackknife
from ser_lib.metrics import scores as evaluation
from ser_lib.metrics.jackknife import Estimate

BINS = 10
TEMPERATURES = (0.1, 10.0)
"""The lowest and highest temperature that is fitted: a small validation part that is all right
would ask for certainty, one that is all wrong for none."""
_SUM_TOLERANCE = 1e-3


def answers(
    truth: Sequence[str], probabilities: np.ndarray, labels: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the confidence of every answer and whether it is right: float and bool [n].

    Raises
    ------
    ParameterError
        If the shapes do not fit, a class is not one of `labels`, or a row is no distribution.

    Examples
    --------
    >>> confidence, right = answers(["a", "b"], np.array([[0.7, 0.3], [0.6, 0.4]]), ["a", "b"])
    >>> confidence.tolist(), right.tolist()
    ([0.7, 0.6], [True, False])
    """
    probabilities = np.asarray(probabilities, dtype=float)
    if probabilities.shape != (len(truth), len(labels)) or len(truth) == 0:
        raise ParameterError(
            f"probabilities must have a row for each of {len(truth)} utterances (at least 1) and a "
            f"column for each of {len(labels)} classes, not the shape {probabilities.shape}"
        )
    if unknown := set(truth) - set(labels):
        raise ParameterError(f"class '{sorted(unknown)[0]}' is not one of: {', '.join(labels)}")
    sums = np.abs(probabilities.sum(axis=1) - 1)
    if not (sums <= _SUM_TOLERANCE).all() or (probabilities < 0).any():
        row = int(np.argmax(~(sums <= _SUM_TOLERANCE) | (probabilities < 0).any(axis=1)))
        raise ParameterError(
            f"row {row} of the probabilities, {probabilities[row].tolist()}, is no distribution: "
            "its values must be 0 or more and sum to 1"
        )
    chosen = probabilities.argmax(axis=1)
    return probabilities.max(axis=1), np.array([labels[c] for c in chosen]) == np.asarray(truth)


def reliability(
    truth: Sequence[str], probabilities: np.ndarray, labels: Sequence[str], *, bins: int = BINS
) -> pd.DataFrame:
    """Return what a reliability diagram shows: confidence and accuracy by bin of confidence.

    A row for each of `bins` intervals of equal width, open below and closed above, with the columns
    low, high, n, confidence (mean) and accuracy, both nan where n is 0.
    """
    confidence, right = answers(truth, probabilities, labels)
    edges, place = _places(confidence, bins)
    n, sure, hits = (
        np.bincount(place, weights, minlength=bins) for weights in (None, confidence, right)
    )
    some = np.where(n > 0, n, np.nan)
    columns = {"low": edges[:-1], "high": edges[1:], "n": n}
    return pd.DataFrame(columns | {"confidence": sure / some, "accuracy": hits / some})


def scores(
    truth: Sequence[str], probabilities: np.ndarray, labels: Sequence[str]
) -> dict[str, float]:
    """Return all scores of the module by name.

    Guessing evenly among k classes gives a Brier score of 1 - 1 / k.

    >>> values = scores(["a", "b"], np.array([[0.75, 0.25], [0.75, 0.25]]), ["a", "b"])
    >>> {name: round(value, 4) for name, value in values.items()}
    {'nll': 0.837, 'brier': 0.625, 'ece': 0.25, 'overconfidence': 0.25}
    """
    whole = _parts(truth, probabilities, labels).sum(axis=0)
    return {name: float(score(whole)) for name, score in _OF_PARTS.items()}


def evaluate(
    truth: Sequence[str],
    probabilities: np.ndarray,
    labels: Sequence[str],
    *,
    against: np.ndarray | None = None,
    clusters: Sequence[str] | None = None,
    unit: str = "speaker",
) -> dict[str, Estimate]:
    """All scores of the module with their intervals, or their change from those of `against`.

    Parameters
    ----------
    against
        Other probabilities of the same utterances.
    clusters, unit
        As of `ser_lib.metrics.scores.evaluate`.
    """
    parts = [
        jackknife.sums(_parts(truth, one, labels), clusters)
        for one in (probabilities, against)
        if one is not None
    ]
    known = evaluation.unit_of(clusters, unit)
    if against is None:
        scales = {name: "loss" for name in _OF_PARTS} | {"overconfidence": "difference"}
        return {
            name: jackknife.jackknife(score, parts[0], scale=scales[name], unit=known)
            for name, score in _OF_PARTS.items()
        }
    both = np.stack(parts, axis=1)
    return {
        name: jackknife.jackknife(jackknife.less(score, -2), both, scale="change", unit=known)
        for name, score in _OF_PARTS.items()
    }


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Raise probabilities to the power of one over the temperature, and make them sum to 1 again.

    For the output of a softmax this divides its inputs by the temperature: above 1 the network
    becomes less sure, below 1 more. No answer changes. (Guo et al. 2017.)

    >>> temper(np.array([[0.8, 0.2]]), 2.0).round(3).tolist()
    [[0.667, 0.333]]
    """
    if not temperature > 0:
        raise ParameterError(f"temperature must be above 0, not {temperature!r}")
    floor = np.finfo(np.float32).tiny
    return softmax(np.log(np.maximum(probabilities, floor)) / temperature, axis=1)


def fit_temperature(
    truth: Sequence[str], probabilities: np.ndarray, labels: Sequence[str]
) -> float:
    """Return the temperature with the lowest negative log likelihood, within `TEMPERATURES`.

    The likelihood has one maximum only: its logarithm is concave in one over the temperature.

    >>> certain = np.array([[0.9, 0.1]] * 4)
    >>> round(fit_temperature(["a", "a", "a", "b"], certain, ["a", "b"]), 3)  # ln 9 / ln 3
    2.0
    """
    answers(truth, probabilities, labels)
    result = minimize_scalar(
        lambda exponent: evaluation.log_losses(
            truth, temper(probabilities, np.exp(exponent)), labels
        ).mean(),
        bounds=np.log(TEMPERATURES),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(result.x))


def coverage(
    truth: Sequence[str], probabilities: np.ndarray, labels: Sequence[str]
) -> pd.DataFrame:
    """Return how accurate the answers are when those of low confidence are held back.

    A row for every distinct confidence, from the highest down, with the columns threshold, coverage
    (share of the utterances that are answered with at least this confidence) and accuracy (of
    these).
    """
    confidence, right = answers(truth, probabilities, labels)
    table = pd.DataFrame({"threshold": confidence, "right": right})
    answered = table.groupby("threshold")["right"].agg(["sum", "size"])[::-1].cumsum()
    curve = {
        "coverage": answered["size"] / len(table),
        "accuracy": answered["sum"] / answered["size"],
    }
    return pd.DataFrame(curve).reset_index()


def abstention(truth: Sequence[str], probabilities: np.ndarray, labels: Sequence[str]) -> float:
    """Return the confidence under which a classifier should rather abstain.

    With it, the right answers less the wrong ones are most: an abstention costs half an error
    (Chow 1970). It is that of predictions for which nothing was fitted, such as validation.

    >>> unsure = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])
    >>> abstention(["a", "a", "b", "b"], unsure, ["a", "b"])
    0.8
    """
    curve = coverage(truth, probabilities, labels)
    surplus = curve["coverage"] * (2 * curve["accuracy"] - 1)
    return float(curve["threshold"][surplus.idxmax()])


def _places(confidence: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of the bins, and the bin of every confidence."""
    if bins < 1:
        raise ParameterError(f"bins must be a whole number from 1, not {bins!r}")
    edges = np.linspace(0, 1, bins + 1)
    return edges, np.searchsorted(edges[1:-1], confidence, side="left")


def _parts(truth, probabilities, labels) -> np.ndarray:
    """Return what every utterance adds: 1, loss, Brier score, and its surplus in its bin."""
    confidence, right = answers(truth, probabilities, labels)
    by_bin = np.zeros((len(truth), BINS))
    by_bin[np.arange(len(truth)), _places(confidence, BINS)[1]] = confidence - right
    losses = evaluation.log_losses(truth, probabilities, labels)
    one_hot = np.asarray(truth)[:, None] == np.asarray(labels)
    brier = ((np.asarray(probabilities, dtype=float) - one_hot) ** 2).sum(axis=1)
    return np.column_stack([np.ones(len(truth)), losses, brier, by_bin])


_OF_PARTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "nll": lambda s: s[..., 1] / s[..., 0],
    "brier": lambda s: s[..., 2] / s[..., 0],
    "ece": lambda s: np.abs(s[..., 3:]).sum(axis=-1) / s[..., 0],
    "overconfidence": lambda s: s[..., 3:].sum(axis=-1) / s[..., 0],
}
"""The scores as functions of sums of `_parts`, [..., 3 + bins]."""
