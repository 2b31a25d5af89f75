"""The percentile bootstrap, which most reports use: here for comparison alone.

Whole units are drawn with replacement, and the middle 95 % of the scores of the draws are the
interval (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). With few
units it is too narrow; see `jackknife`, which this report uses.
"""

from collections.abc import Callable

import numpy as np

from ser_lib.metrics.jackknife import SIGNIFICANCE

N_RESAMPLES = 2000


def interval(
    statistic: Callable[[np.ndarray], np.ndarray],
    parts: np.ndarray,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % interval of a statistic of the sum of parts, both as in `jackknife`.

    >>> interval(lambda sums: sums / 4, np.array([1.0, 0.0, 1.0, 1.0]))
    (0.25, 1.0)
    """
    generator = np.random.default_rng(seed)
    n = len(parts)
    # How often each unit is in each draw, so that all sums are one product of matrices.
    draws = generator.multinomial(n, np.full(n, 1 / n), size=n_resamples)
    values = statistic(np.tensordot(draws, parts, axes=1))
    tail = 100 * SIGNIFICANCE / 2
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)
