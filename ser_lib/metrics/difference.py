"""Two classifiers on the same utterances: how far apart their scores are, and whether by chance.

Conventions: as `scores`, with a second sequence of predictions. Both classifiers hear the same
utterances of the same speakers, and who is hard for one is mostly hard for the other, so the
interval of a difference is another one than the intervals of the two scores suggest.

The interval is a percentile bootstrap that draws whole speakers with replacement and scores both
classifiers on each draw (Bisani and Ney 2004, with speakers for utterances). The p-value is that of
a randomisation test (Noreen 1989, Yeh 2000): if the classifiers were equally good, each speaker's
two sets of answers could as well be swapped, so the difference is compared with those after
swapping the answers of speakers at random, or of every subset of them where these are few enough.
Where several pairs are compared, `holm` corrects their p-values (Holm 1979).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from ser_lib.core.errors import ParameterError
from ser_lib.metrics import bootstrap, scores

ALL_SWAPS = 14
"""With up to so many clusters, all ways of swapping are tried instead of a sample."""
SIGNIFICANCE = 0.05
_SAME = 1e-12  # scores are sums of quotients: equal ones may differ in the last bits


@dataclass(frozen=True)
class Difference:
    """One score minus another, and whether the data can tell them apart.

    Attributes
    ----------
    value
        From -1 to 1, but for a difference of losses.
    interval
        [low, high] at 95 %.
    p
        Two-sided; the chance of a difference as large if there were none. 0 where the interval
        alone decides.
    least_p
        The smallest p-value that so few clusters, and so many comparisons, allow.
    clusters
        How many were drawn.
    unit
        What they are: "speaker", or "utterance" where no two speakers are known.
    """

    value: float
    interval: Sequence[float]
    p: float = 0.0
    least_p: float = 0.0
    clusters: int = 0
    unit: str = "speaker"

    @property
    def sign(self) -> int:
        """1 if it is above 0 beyond doubt, -1 if below, 0 if the data cannot tell.

        It is told from 0 only if the interval does not hold 0 and p is below `SIGNIFICANCE`.

        Examples
        --------
        >>> Difference(0.1, [0.02, 0.18], 0.02).sign, Difference(0.1, [0.02, 0.18], 0.06).sign
        (1, 0)
        """
        low, high = self.interval
        return 0 if self.p >= SIGNIFICANCE else int(low > 0) - int(high < 0)

    @property
    def possible(self) -> bool:
        """Whether any difference could be told from chance, with so few clusters."""
        return self.least_p < SIGNIFICANCE


def corrected(differences: Sequence[Difference]) -> list[Difference]:
    """Return differences with their p-values corrected for their number; see `holm`."""
    p_values = holm([one.p for one in differences])
    return [
        replace(one, p=p, least_p=one.least_p * len(differences))
        for one, p in zip(differences, p_values, strict=True)
    ]


def differences(
    truth: Sequence[str],
    first: Sequence[str],
    second: Sequence[str],
    labels: Sequence[str] | None = None,
    *,
    clusters: Sequence[str] | None = None,
    level: float = bootstrap.LEVEL,
    n_resamples: int = bootstrap.N_RESAMPLES,
    seed: int = 0,
) -> dict[str, Difference]:
    """Compare two classifiers by every score of `scores.evaluate`.

    Parameters
    ----------
    truth, first, second
        Classes of the same utterances in the same order. Predictions of several trainings of a
        classifier follow each other, each with its truth and clusters: the scores are then those
        of all its trainings together.
    clusters
        The speaker of every utterance. Without clusters, or with a single one, utterances are
        drawn and swapped.
    level, n_resamples, seed
        Of the bootstrap; as many swaps are tried where trying all would be more.

    Examples
    --------
    >>> truth, speakers = ["a", "b"] * 3, ["1", "1", "2", "2", "3", "3"]
    >>> found = differences(truth, truth, ["a"] * 6, clusters=speakers)["uar"]
    >>> found.value, found.interval, found.p, found.clusters
    (0.5, [0.5, 0.5], 0.25, 3)
    """
    if not len(truth) == len(first) == len(second) > 0:
        raise ParameterError(
            f"truth ({len(truth)}) and the predictions ({len(first)} and {len(second)}) must be "
            "equally long and not empty"
        )
    if clusters is not None and len(clusters) != len(truth):
        raise ParameterError(f"there are {len(clusters)} clusters for {len(truth)} utterances")
    labels = sorted({*truth, *first, *second}) if labels is None else list(labels)
    one, other = (
        scores.confusion_matrices(truth, prediction, labels, clusters=clusters)
        for prediction in (first, second)
    )
    n = len(one)
    draws = bootstrap.draws(n, n_resamples, seed)
    drawn = [np.tensordot(draws, counts, axes=1) for counts in (one, other)]
    swaps, complete = _swaps(n, n_resamples, seed)
    # Swapping a cluster moves its matrix from one classifier to the other.
    moved = np.tensordot(swaps, one - other, axes=1)
    swapped = [one.sum(axis=0) - moved, other.sum(axis=0) + moved]
    result = {}
    for name, score in scores.OF_MATRICES.items():
        value = float(score(one.sum(axis=0)) - score(other.sum(axis=0)))
        as_far = np.abs(score(swapped[0]) - score(swapped[1])) >= abs(value) - _SAME
        result[name] = Difference(
            value=value,
            interval=bootstrap.percentiles(score(drawn[0]) - score(drawn[1]), level),
            # A sample of swaps must count the one that was observed, or p could be 0.
            p=float(as_far.mean() if complete else (1 + as_far.sum()) / (1 + len(as_far))),
            least_p=2 / len(swaps) if complete else 1 / (1 + len(swaps)),
            clusters=n,
            unit="utterance" if n == len(truth) else "speaker",
        )
    return result


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number, so that the chance of any false alarm stays as named.

    The smallest is multiplied by their number, the next by one less, and so on; none may become
    smaller than the one before, or larger than 1. (Holm 1979.)

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(np.argsort(p_values, kind="stable")):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = float(highest)
    return corrected


def _swaps(n: int, n_resamples: int, seed: int) -> tuple[np.ndarray, bool]:
    """Return which clusters are swapped, 0 or 1 [swaps, n], and whether these are all ways."""
    if n <= ALL_SWAPS:
        return np.array(list(product((0, 1), repeat=n))), True
    return np.random.default_rng(seed).integers(0, 2, size=(n_resamples, n)), False
