"""The percentile bootstrap, clustered: how far a score would move if others had been drawn.

Utterances of one speaker resemble each other, so whole speakers are drawn with replacement (Davison
and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). A draw is held as how
often each cluster is in it: sums over clusters are then one product of matrices for all draws.
"""

from collections.abc import Sequence

import numpy as np

N_RESAMPLES = 2000
LEVEL = 0.95


def clusters(names: Sequence[str] | None, n: int) -> list[np.ndarray]:
    """Return the positions in every cluster of `n` utterances, in the order of the names.

    Without names, or with a single one, which says nothing about other clusters, every utterance is
    its own.

    Examples
    --------
    >>> [rows.tolist() for rows in clusters(["b", "a", "b"], 3)]
    [[1], [0, 2]]
    """
    if names is None or len(set(names)) == 1:
        return [np.array([i]) for i in range(n)]
    array = np.asarray(names, dtype=object)
    return [np.flatnonzero(array == name) for name in sorted(set(names))]


def draws(n: int, n_resamples: int = N_RESAMPLES, seed: int = 0) -> np.ndarray:
    """Return how often each of `n` clusters is in each draw: int [n_resamples, n]."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_resamples)


def percentiles(values: np.ndarray, level: float = LEVEL) -> list[float]:
    """Return the [low, high] that hold the middle `level` of the values, nan left out.

    Examples
    --------
    >>> percentiles(np.arange(5.0), 0.5)
    [1.0, 3.0]
    """
    tail = 100 * (1 - level) / 2
    return [float(v) for v in np.nanpercentile(values, [tail, 100 - tail])]
