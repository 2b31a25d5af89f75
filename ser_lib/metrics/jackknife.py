"""How sure a number is: the delete-one jackknife over independent units, with Student's t.

Utterances of one speaker resemble each other, and the tests of speakers who share a trained network
do so too, so what is left out is a whole unit: a speaker, or a fold (see `Result.unit`). The
standard error is that of the values with each unit left out in turn (Tukey 1958; Efron and Stein
1981), and the interval takes Student's t with as many degrees of freedom as there are units, less
one. The percentile bootstrap, which is usual, is too narrow with fewer than 30 units:
``benchmarks/coverage.py`` measures both.

Two kinds of numbers are estimated on a scale of their own, from which the interval is brought back:
a share, such as UAR, as its log-odds, and a loss as its logarithm; the standard error follows by
the delta method. So no interval leaves the possible values, and an interval near an end is as
lopsided as it must be. A difference stays as it is. Interval and p-value are of one test: the
interval excludes `null` if, and only if, p is below `SIGNIFICANCE`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit, stdtr, stdtrit

SIGNIFICANCE = 0.05
_SAME = 1e-12  # sums of quotients that are equal may differ in their last bits

_SCALES = {
    # to the scale, its slope there, back, and the possible values
    "share": (logit, lambda value: 1 / (value * (1 - value)), expit, (0.0, 1.0)),
    "loss": (np.log, lambda value: 1 / value, np.exp, (0.0, np.inf)),
    "difference": (float, lambda value: 1.0, float, (-1.0, 1.0)),
    "change": (float, lambda value: 1.0, float, (-np.inf, np.inf)),
}


@dataclass(frozen=True)
class Estimate:
    """A number, its 95 % interval, and whether the data can tell it from another.

    Attributes
    ----------
    error
        Standard error of the value.
    n, unit
        How many independent units it rests on, and what they are: "speaker", "fold" or "utterance".
    freedom
        Degrees of freedom; 0 if nothing can be said, as of a single unit.
    scale
        "share" (0 to 1), "loss" (from 0), "difference" (of shares) or "change" (of losses).
    null
        The value that it is tested against.
    comparisons
        How many are made together: p-value and interval are corrected for them (Bonferroni), so
        that all intervals hold together in 95 % of cases.

    Examples
    --------
    >>> Estimate(0.1, 0.02, n=5, freedom=4, scale="difference").sign
    1
    """

    value: float
    error: float = 0.0
    n: int = 0
    unit: str = "speaker"
    freedom: float = 0.0
    scale: str = "share"
    null: float = 0.0
    comparisons: int = 1

    @property
    def interval(self) -> tuple[float, float]:
        """The ends of the interval."""
        to, slope, back, ends = _SCALES[self.scale]
        tail = SIGNIFICANCE / 2 / self.comparisons
        if self.possible and self._unanimous:
            # All units are right: as likely as `tail` if the true share is this one, at most.
            limit = tail ** (1 / self.n)
            return (limit, 1.0) if self.value == 1 else (0.0, 1 - limit)
        differs = abs(self.value - self.null) >= _SAME  # or two methods answer alike everywhere
        if not self.possible or (self._signs and differs and self.p >= SIGNIFICANCE):
            return ends
        if self._flat:
            return self.value, self.value
        margin = stdtrit(self.freedom, 1 - tail) * self.error * slope(self.value)
        low, high = (float(back(to(self.value) + side)) for side in (-margin, margin))
        return max(low, ends[0]), min(high, ends[1])

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.interval[0]

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.interval[1]

    @property
    def p(self) -> float:
        """Two-sided p-value of `null`."""
        if not self.possible or abs(self.value - self.null) < _SAME:
            return 1.0
        to, slope, _, ends = _SCALES[self.scale]
        if self._unanimous:
            p = 2 * abs(1 - self.value - self.null) ** self.n
        elif self._flat:
            # All units agree: only the sign test is left, which takes six of them.
            p = float(self._signs and 2.0 ** (1 - self.n) >= SIGNIFICANCE)
        elif self.scale in ("share", "loss") and self.null in ends:
            p = 0.0
        else:
            t = (to(self.value) - to(self.null)) / (self.error * slope(self.value))
            p = 2 * float(stdtr(self.freedom, -abs(t)))
        return min(1.0, self.comparisons * p)

    @property
    def sign(self) -> int:
        """1 if the data tell that it is above `null`, -1 if below, 0 if they cannot tell."""
        return 0 if self.p >= SIGNIFICANCE else 1 if self.value > self.null else -1

    @property
    def possible(self) -> bool:
        """Whether anything could be told, with so few units."""
        return self.freedom > 0

    @property
    def _unanimous(self) -> bool:
        """Whether everything is right, or everything wrong."""
        return self.scale == "share" and self.value in (0, 1)

    @property
    def _flat(self) -> bool:
        """Whether all units agree to the last digit, as when one class is always predicted."""
        return self.error < _SAME

    @property
    def _signs(self) -> bool:
        """Whether only the sign test is left: a difference without any spread."""
        return self._flat and self.scale in ("difference", "change")

    def against(self, null: float) -> "Estimate":
        """Return the same number, tested against another."""
        return replace(self, null=null)

    def __neg__(self) -> "Estimate":
        return replace(self, value=-self.value, null=-self.null)


def corrected(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Return estimates of one table, corrected for their number."""
    return [replace(one, comparisons=len(estimates)) for one in estimates]


def jackknife(
    statistic: Callable[[np.ndarray], np.ndarray],
    parts: np.ndarray,
    *,
    scale: str = "share",
    unit: str = "speaker",
    strata: np.ndarray | None = None,
) -> Estimate:
    """Estimate a statistic of the sum of independent parts.

    Parameters
    ----------
    statistic
        Takes sums of parts along the last axes and returns their values; nan where a sum says
        nothing, which leaves the estimate without an interval.
    parts
        What each unit adds, units along the first axis.
    strata
        The stratum of every unit, where units of each were tested by themselves, as women and men
        are. Errors of strata add up, with the degrees of freedom of Satterthwaite (1946).

    Examples
    --------
    >>> mean = lambda sums: sums[..., 0] / sums[..., 1]
    >>> jackknife(mean, np.array([[1, 2], [2, 2], [1, 2.0]])).interval  # doctest: +ELLIPSIS
    (0.07..., 0.98...)
    """
    whole = parts.sum(axis=0)
    value = float(statistic(whole))
    names = np.zeros(len(parts), dtype=int) if strata is None else strata
    estimate = Estimate(value, n=len(parts), unit=unit, scale=scale)
    groups = [parts[names == name] for name in np.unique(names)]
    sizes = [len(own) - 1 for own in groups]
    if min(sizes) < 1:
        return estimate
    left = [statistic(whole - own) for own in groups]
    variances = [size * float(np.var(own)) for size, own in zip(sizes, left, strict=True)]
    variance = sum(variances)
    if not np.isfinite(variance):
        return estimate
    if variance < _SAME**2:
        return replace(estimate, freedom=float(sum(sizes)))
    satterthwaite = sum(v**2 / size for v, size in zip(variances, sizes, strict=True))
    return replace(estimate, error=variance**0.5, freedom=variance**2 / satterthwaite)


def sums(values: np.ndarray, clusters: Sequence[str] | None = None) -> np.ndarray:
    """Add up rows by cluster, in the order of the clusters' names.

    Without clusters, or with a single one, which says nothing about others, each row is its own.

    >>> sums(np.array([1, 2, 4]), ["b", "a", "b"]).tolist()
    [2, 5]
    """
    values = np.asarray(values)
    if clusters is None or len(set(clusters)) < 2:
        return values
    names, places = np.unique(clusters, return_inverse=True)
    total = np.zeros((len(names), *values.shape[1:]), dtype=values.dtype)
    np.add.at(total, places, values)
    return total


def mean(
    values: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    clusters: Sequence[str] | None = None,
    unit: str = "speaker",
    scale: str = "share",
) -> Estimate:
    """Estimate the mean of one value for each utterance, or of those whose weight is not 0."""
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=float)
    parts = sums(np.column_stack([values * weights, weights]), clusters)
    return jackknife(lambda s: ratio(s[..., 0], s[..., 1]), parts, scale=scale, unit=unit)


def less(
    score: Callable[[np.ndarray], np.ndarray], axis: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the statistic of two tables along an axis: the first's score less the second's."""
    return lambda sums: score(sums.take(0, axis)) - score(sums.take(1, axis))


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return a quotient, nan where the denominator is 0."""
    return numerator / np.where(denominator > 0, denominator, np.nan)
