"""Two classifiers on the same utterances: how far apart their scores are, and whether by chance.

Conventions: as `scores`, with a second sequence of predictions. Both classifiers are tested on the
same utterances of the same speakers, and who is hard for one is mostly hard for the other, so the
interval of a difference is another one than the intervals of the two scores suggest. It is that of
the jackknife, with the same unit left out of both.
"""

from collections.abc import Sequence

import numpy as np

from ser_lib.metrics import scores
from ser_lib.metrics.jackknife import Estimate, jackknife, less


def differences(
    truth: Sequence[str],
    first: Sequence[str],
    second: Sequence[str],
    labels: Sequence[str] | None = None,
    *,
    clusters: Sequence[str] | None = None,
    unit: str = "speaker",
) -> dict[str, Estimate]:
    """Compare two classifiers by every score of `scores.evaluate`: the first less the second.

    Parameters
    ----------
    truth, first, second
        Classes of the same utterances in the same order. Predictions of several trainings of a
        classifier follow each other, each with its truth and clusters: the scores are then those
        of all its trainings together.
    clusters, unit
        As of `scores.evaluate`.

    Examples
    --------
    >>> truth, speakers = ["a", "b"] * 3, ["1", "1", "2", "2", "3", "3"]
    >>> uar = differences(truth, truth, ["a", "b", "a", "a", "a", "a"], clusters=speakers)["uar"]
    >>> round(uar.value, 3), round(uar.p, 3), uar.n, uar.sign
    (0.333, 0.184, 3, 0)
    """
    parts = _matrices(truth, first, second, labels, clusters)
    known = scores.unit_of(clusters, unit)
    return {
        name: jackknife(less(score, -3), parts, scale="difference", unit=known)
        for name, score in scores.OF_MATRICES.items()
    }


def difference_in_f1(
    label: str, truth, first, second, labels, *, clusters=None, unit: str = "speaker"
) -> Estimate:
    """Return the F1 of one class with the first classifier less that with the second.

    The other arguments are as of `differences`.
    """
    place = list(labels).index(label)
    return jackknife(
        less(lambda counts: scores.of_classes(counts)["f1"][..., place], -3),
        _matrices(truth, first, second, labels, clusters),
        scale="difference",
        unit=scores.unit_of(clusters, unit),
    )


def _matrices(truth, first, second, labels, clusters) -> np.ndarray:
    """Return the matrices of both: int [clusters, 2, classes, classes]."""
    labels = sorted({*truth, *first, *second}) if labels is None else list(labels)
    both = [
        scores.confusion_matrices(truth, prediction, labels, clusters=clusters)
        for prediction in (first, second)
    ]
    return np.stack(both, axis=1)
