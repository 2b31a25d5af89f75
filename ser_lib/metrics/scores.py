"""Scores of a classifier, and how sure they are.

Every score is a plain function `(truth, prediction, labels=None)` of two equally long sequences
of class names and returns a Python float between 0 and 1. `labels` fixes the classes and their
order; by default they are the sorted classes that occur. All of them are functions of the
confusion matrix (rows: truth, columns: prediction), which is also what makes the bootstrap fast:
it resamples matrices, not utterances.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ser_lib.core.errors import ParameterError, choose
from ser_lib.metrics import bootstrap
from ser_lib.metrics.bootstrap import LEVEL, N_RESAMPLES


@dataclass(frozen=True)
class Score:
    """A score and its 95 % interval, in fractions or, for a loss, nats."""

    value: float
    low: float
    high: float

    @property
    def interval(self) -> tuple[float, float]:
        """The ends of the interval."""
        return self.low, self.high


def evaluate(
    truth: Sequence[str],
    prediction: Sequence[str],
    labels: Sequence[str] | None = None,
    *,
    clusters: Sequence[str] | None = None,
    level: float = LEVEL,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> dict[str, Score]:
    """Accuracy, uar, macro_f1 and weighted_f1, each with its percentile bootstrap interval.

    Parameters
    ----------
    clusters
        The speaker of every utterance. Whole speakers are drawn with replacement, because the
        utterances of one speaker are not independent. Without clusters, or with a single one, which
        says nothing about other speakers, utterances are drawn.
    level, n_resamples, seed
        Of the bootstrap.

    Examples
    --------
    >>> evaluate(["a", "b"], ["a", "b"])["uar"]
    Score(value=1.0, low=1.0, high=1.0)
    """
    counts = confusion_matrices(truth, prediction, labels, clusters=clusters)
    draws = bootstrap.draws(len(counts), n_resamples, seed)
    whole, resampled = counts.sum(axis=0), np.tensordot(draws, counts, axes=1)
    return {
        name: Score(float(score(whole)), *bootstrap.percentiles(score(resampled), level))
        for name, score in OF_MATRICES.items()
    }


def interval(
    score: str,
    truth: Sequence[str],
    prediction: Sequence[str],
    labels: Sequence[str] | None = None,
    *,
    clusters: Sequence[str] | None = None,
    level: float = LEVEL,
) -> tuple[float, float]:
    """Return the interval of one score of `evaluate`, by name.

    Examples
    --------
    >>> interval("uar", ["a", "b", "a", "b"], ["a", "b", "b", "b"], clusters=["1", "1", "2", "2"])
    (0.5, 1.0)
    """
    choose(score, OF_MATRICES, "score")
    return evaluate(truth, prediction, labels, clusters=clusters, level=level)[score].interval


def mean_interval(values, *, clusters=None, level: float = LEVEL) -> list[float]:
    """Return [low, high] of the mean of `values`, clustered as in `evaluate`."""
    values = np.asarray(values)
    rows = bootstrap.clusters(clusters, len(values))
    sums = np.array([np.sum(values[r]) for r in rows])
    sizes = np.array([len(r) for r in rows])
    draws = bootstrap.draws(len(rows))
    return bootstrap.percentiles(draws @ sums / (draws @ sizes), level)


def confusion_matrix(
    truth: Sequence[str], prediction: Sequence[str], labels: Sequence[str] | None = None
) -> np.ndarray:
    """Count pairs of truth (rows) and prediction (columns).

    Returns
    -------
    int array [classes, classes]

    Raises
    ------
    ParameterError
        If the sequences are empty or differ in length, or a class is not one of `labels`.

    Examples
    --------
    >>> confusion_matrix(["a", "a", "b"], ["a", "b", "b"]).tolist()
    [[1, 1], [0, 1]]
    """
    labels = _labels(truth, prediction, labels)
    return _count(truth, prediction, labels, np.zeros(len(truth), dtype=int), 1)[0]


def confusion_matrices(
    truth: Sequence[str],
    prediction: Sequence[str],
    labels: Sequence[str] | None = None,
    *,
    clusters: Sequence[str] | None = None,
) -> np.ndarray:
    """Return the matrix of every cluster: int [clusters, classes, classes]."""
    labels = _labels(truth, prediction, labels)
    rows = bootstrap.clusters(clusters, len(truth))
    owners = np.empty(len(truth), dtype=int)
    for owner, own in enumerate(rows):
        owners[own] = owner
    return _count(truth, prediction, labels, owners, len(rows))


def accuracy(truth, prediction, labels=None) -> float:
    """Share of utterances that are recognised.

    Examples
    --------
    >>> accuracy(["a", "a", "b"], ["a", "b", "b"])
    0.6666666666666666
    """
    return float(_accuracy(confusion_matrix(truth, prediction, labels)))


def uar(truth, prediction, labels=None) -> float:
    """Unweighted average recall: the mean recall of the classes that occur in `truth`.

    Also called balanced accuracy; chance is one over the number of classes however uneven they
    are. (Schuller et al., INTERSPEECH 2009 Emotion Challenge.)

    Examples
    --------
    >>> uar(["a", "a", "a", "b"], ["a", "a", "a", "a"])
    0.5
    """
    return float(_uar(confusion_matrix(truth, prediction, labels)))


def macro_f1(truth, prediction, labels=None) -> float:
    """Unweighted mean of the classes' F1; a class that never occurs nor is predicted counts 0.

    Examples
    --------
    >>> macro_f1(["a", "b"], ["a", "b"])
    1.0
    """
    return float(_macro_f1(confusion_matrix(truth, prediction, labels)))


def weighted_f1(truth, prediction, labels=None) -> float:
    """Mean of the classes' F1, weighted by how often each occurs in `truth`.

    Examples
    --------
    >>> round(weighted_f1(["a", "a", "b"], ["a", "b", "b"]), 4)
    0.6667
    """
    return float(_weighted_f1(confusion_matrix(truth, prediction, labels)))


def per_class(truth, prediction, labels=None) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and support of every class; 0 where a quotient is undefined.

    Examples
    --------
    >>> per_class(["a", "a", "b"], ["a", "b", "b"])["b"]
    {'precision': 0.5, 'recall': 1.0, 'f1': 0.6666666666666666, 'support': 1}
    """
    counts = confusion_matrix(truth, prediction, labels)
    precision, recall, f1 = _precision_recall_f1(counts)
    return {
        label: {
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
            "support": int(counts[i].sum()),
        }
        for i, label in enumerate(_labels(truth, prediction, labels))
    }


def log_losses(
    truth: Sequence[str], probabilities: np.ndarray, labels: Sequence[str]
) -> np.ndarray:
    """Cross-entropy of every utterance, in nats, from probabilities [utterances, classes].

    Examples
    --------
    >>> log_losses(["a"], np.array([[0.5, 0.5]]), ["a", "b"]).round(4).tolist()
    [0.6931]
    """
    position = {label: i for i, label in enumerate(labels)}
    chosen = np.asarray(probabilities)[np.arange(len(truth)), [position[t] for t in truth]]
    return -np.log(np.maximum(chosen, np.finfo(np.float32).tiny))


def _labels(truth, prediction, labels) -> list[str]:
    if len(truth) != len(prediction) or len(truth) == 0:
        raise ParameterError(
            f"truth ({len(truth)}) and prediction ({len(prediction)}) must be equally long and not "
            "empty"
        )
    found = set(truth) | set(prediction)
    if labels is None:
        return sorted(found)
    if unknown := found - set(labels):
        raise ParameterError(f"class '{sorted(unknown)[0]}' is not one of: {', '.join(labels)}")
    return list(labels)


def _count(truth, prediction, labels, owners: np.ndarray, n: int) -> np.ndarray:
    position = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((n, len(labels), len(labels)), dtype=int)
    rows, columns = (np.array([position[x] for x in names]) for names in (truth, prediction))
    np.add.at(counts, (owners, rows, columns), 1)
    return counts


# Scores of matrices [..., truth, prediction], so that a whole bootstrap is one call.


def _precision_recall_f1(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    true, predicted = counts.sum(-1), counts.sum(-2)
    return _ratio(hits, predicted), _ratio(hits, true), _ratio(2 * hits, true + predicted)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.where(denominator > 0, numerator / np.maximum(denominator, 1), 0.0)


def _accuracy(counts: np.ndarray) -> np.ndarray:
    return np.trace(counts, axis1=-2, axis2=-1) / counts.sum((-2, -1))


def _uar(counts: np.ndarray) -> np.ndarray:
    occurs = counts.sum(-1) > 0
    return (_precision_recall_f1(counts)[1] * occurs).sum(-1) / occurs.sum(-1)


def _macro_f1(counts: np.ndarray) -> np.ndarray:
    return _precision_recall_f1(counts)[2].mean(-1)


def _weighted_f1(counts: np.ndarray) -> np.ndarray:
    support = counts.sum(-1)
    return (_precision_recall_f1(counts)[2] * support).sum(-1) / support.sum(-1)


OF_MATRICES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "accuracy": _accuracy,
    "uar": _uar,
    "macro_f1": _macro_f1,
    "weighted_f1": _weighted_f1,
}
"""Every score as a function of confusion matrices [..., truth, prediction]."""
