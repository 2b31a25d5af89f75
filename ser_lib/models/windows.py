"""Training batches: what a network sees of the training part, different in every epoch.

Each utterance is shown through the fixed window at a random place; a shorter one lies at a random
place in the window, the rest filled with the training mean, which is zero after standardisation.
Mixup (Zhang et al. 2018) blends pairs of utterances and their targets; label smoothing keeps the
targets away from certainty. Whatever is random comes from one seeded generator.
"""

import math

import numpy as np

from ser_lib.features.maps import FRAMES, fit_window


def random_window(
    feature_map: np.ndarray, generator: np.random.Generator, *, frames: int = FRAMES
) -> np.ndarray:
    """Crop or pad a map [rows, any, channels] to `frames` at a random place."""
    slack = abs(feature_map.shape[1] - frames)
    return fit_window(feature_map, frames=frames, offset=int(generator.integers(slack + 1)))


def even_windows(feature_map: np.ndarray, n: int, *, frames: int = FRAMES) -> np.ndarray:
    """Return windows [n, rows, frames, channels] spread evenly over a map, for prediction.

    One window is the centre of the utterance; several reach from its start to its end, and there
    are more of them than `n` where it takes more to leave no frame out.
    """
    slack = abs(feature_map.shape[1] - frames)
    if n > 1:
        n = max(n, math.ceil(feature_map.shape[1] / frames))
    places = [0.5] if n == 1 else np.linspace(0, 1, n)
    offsets = [round(place * slack) for place in places]
    return np.stack([fit_window(feature_map, frames=frames, offset=o) for o in offsets])


def smooth(targets: np.ndarray, amount: float) -> np.ndarray:
    """Smooth one-hot targets [n, classes]: ``(1 - amount) * targets + amount / classes``."""
    return (1 - amount) * targets + np.float32(amount / targets.shape[1])


def mixup(
    inputs: np.ndarray, targets: np.ndarray, generator: np.random.Generator, *, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """Blend every example of a batch, float32 [n, ...] and [n, classes], with another one of it.

    The weight's Beta distribution has `alpha` for both parameters; 0 blends nothing.
    """
    if alpha == 0:
        return inputs, targets
    weight = generator.beta(alpha, alpha, size=len(inputs)).astype(np.float32)
    partner = generator.permutation(len(inputs))

    def blend(values: np.ndarray) -> np.ndarray:
        w = weight.reshape(-1, *[1] * (values.ndim - 1))
        return w * values + (1 - w) * values[partner]

    return blend(inputs), blend(targets)
