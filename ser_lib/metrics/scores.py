"""Scores of a classifier, and how sure they are.

Every score is a plain function `(truth, prediction, labels=None)` of two equally long sequences
of class names and returns a Python float between 0 and 1. `labels` fixes the classes and their
order; by default they are the sorted classes that occur. All of them are functions of the
confusion matrix (rows: truth, columns: prediction), so that what is left without
a speaker is a difference of matrices.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ser_lib.core.errors import ParameterError, choose
from ser_lib.metrics.jackknife import Estimate, jackknife, ratio


def evaluate(
    truth: Sequence[str],
    prediction: Sequence[str],
    labels: Sequence[str] | None = None,
    *,
    clusters: Sequence[str] | None = None,
    unit: str = "speaker",
) -> dict[str, Estimate]:
    """Accuracy, uar, macro_f1 and weighted_f1, each with its interval; see `jackknife`.

    Parameters
    ----------
    clusters
        The speaker of every utterance, because the utterances of one speaker are not independent;
        or the fold, where speakers share a trained network. Without clusters, or with a single one,
        which says nothing about others, utterances count as independent.
    unit
        What a cluster is called.

    Examples
    --------
    >>> uar = evaluate(["a", "b"], ["a", "b"])["uar"]
    >>> uar.value, round(uar.low, 2), uar.high, uar.unit
    (1.0, 0.16, 1.0, 'utterance')
    """
    parts = confusion_matrices(truth, prediction, labels, clusters=clusters)
    known = unit_of(clusters, unit)
    return {name: jackknife(score, parts, unit=known) for name, score in OF_MATRICES.items()}


def interval(
    score: str,
    truth: Sequence[str],
    prediction: Sequence[str],
    labels: Sequence[str] | None = None,
    *,
    clusters: Sequence[str] | None = None,
) -> tuple[float, float]:
    """Return the 95 % interval of one score of `evaluate`, by name.

    >>> truth, speakers = ["a", "b"] * 3, ["1", "1", "2", "2", "3", "3"]
    >>> low, high = interval("uar", truth, ["a", "b", "a", "a", "a", "a"], clusters=speakers)
    >>> round(low, 2), round(high, 2)
    (0.07, 0.98)
    """
    choose(score, OF_MATRICES, "score")
    return evaluate(truth, prediction, labels, clusters=clusters)[score].interval


def evaluate_classes(
    truth: Sequence[str],
    prediction: Sequence[str],
    labels: Sequence[str],
    *,
    clusters: Sequence[str] | None = None,
    unit: str = "speaker",
) -> dict[str, dict[str, Estimate]]:
    """Precision, recall and f1 of every class, each with its interval, as `evaluate` has them."""
    parts = confusion_matrices(truth, prediction, labels, clusters=clusters)
    known = unit_of(clusters, unit)

    def estimate(name: str, place: int) -> Estimate:
        return jackknife(lambda counts: of_classes(counts)[name][..., place], parts, unit=known)

    names = of_classes(parts)
    return {
        label: {name: estimate(name, place) for name in names} for place, label in enumerate(labels)
    }


def unit_of(clusters: Sequence[str] | None, unit: str) -> str:
    """Return what is independent: what the clusters are, or "utterance" without several."""
    return "utterance" if clusters is None or len(set(clusters)) < 2 else unit


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
    """Return the matrix of every cluster, or utterance: int [clusters, classes, classes]."""
    labels = _labels(truth, prediction, labels)
    if clusters is not None and len(clusters) != len(truth):
        raise ParameterError(f"there are {len(clusters)} clusters for {len(truth)} utterances")
    alone = unit_of(clusters, "") == "utterance"
    names, owners = np.unique(
        np.arange(len(truth)) if alone else np.asarray(clusters, dtype=object), return_inverse=True
    )
    return _count(truth, prediction, labels, owners, len(names))


def accuracy(truth, prediction, labels=None) -> float:
    """Share of utterances that are recognised.

    >>> accuracy(["a", "a", "b"], ["a", "b", "b"])
    0.6666666666666666
    """
    return float(_accuracy(confusion_matrix(truth, prediction, labels)))


def uar(truth, prediction, labels=None) -> float:
    """Unweighted average recall: the mean recall of the classes that occur in `truth`.

    Also called balanced accuracy; chance is one over the number of classes however uneven they
    are. (Schuller et al., INTERSPEECH 2009 Emotion Challenge.)

    >>> uar(["a", "a", "a", "b"], ["a", "a", "a", "a"])
    0.5
    """
    return float(_uar(confusion_matrix(truth, prediction, labels)))


def macro_f1(truth, prediction, labels=None) -> float:
    """Unweighted mean of the classes' F1; a class that never occurs nor is predicted counts 0.

    >>> macro_f1(["a", "b"], ["a", "b"])
    1.0
    """
    return float(_macro_f1(confusion_matrix(truth, prediction, labels)))


def weighted_f1(truth, prediction, labels=None) -> float:
    """Mean of the classes' F1, weighted by how often each occurs in `truth`.

    >>> round(weighted_f1(["a", "a", "b"], ["a", "b", "b"]), 4)
    0.6667
    """
    return float(_weighted_f1(confusion_matrix(truth, prediction, labels)))


def per_class(truth, prediction, labels=None) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and support of every class; 0 where a quotient is undefined.

    >>> per_class(["a", "a", "b"], ["a", "b", "b"])["b"]
    {'precision': 0.5, 'recall': 1.0, 'f1': 0.6666666666666666, 'support': 1}
    """
    counts = confusion_matrix(truth, prediction, labels)
    return {
        label: {name: float(values[i]) for name, values in of_classes(counts).items()}
        | {"support": int(counts[i].sum())}
        for i, label in enumerate(_labels(truth, prediction, labels))
    }


def log_losses(
    truth: Sequence[str], probabilities: np.ndarray, labels: Sequence[str]
) -> np.ndarray:
    """Cross-entropy of every utterance, in nats, from probabilities [utterances, classes].

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


# Scores of matrices [..., truth, prediction], so that all are scored in one call.


def of_classes(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return precision, recall and f1 of every class of matrices: [..., classes] each."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    true, predicted = counts.sum(-1), counts.sum(-2)
    return {
        "precision": np.nan_to_num(ratio(hits, predicted)),
        "recall": np.nan_to_num(ratio(hits, true)),
        "f1": np.nan_to_num(ratio(2 * hits, true + predicted)),
    }


def _accuracy(counts: np.ndarray) -> np.ndarray:
    return np.trace(counts, axis1=-2, axis2=-1) / counts.sum((-2, -1))


def _uar(counts: np.ndarray) -> np.ndarray:
    occurs = counts.sum(-1) > 0
    return (of_classes(counts)["recall"] * occurs).sum(-1) / occurs.sum(-1)


def _macro_f1(counts: np.ndarray) -> np.ndarray:
    return of_classes(counts)["f1"].mean(-1)


def _weighted_f1(counts: np.ndarray) -> np.ndarray:
    support = counts.sum(-1)
    return (of_classes(counts)["f1"] * support).sum(-1) / support.sum(-1)


OF_MATRICES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "accuracy": _accuracy,
    "uar": _uar,
    "macro_f1": _macro_f1,
    "weighted_f1": _weighted_f1,
}
"""Every score as a function of confusion matrices [..., truth, prediction]."""
