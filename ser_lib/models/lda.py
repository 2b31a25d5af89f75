"""Linear discriminant analysis of an utterance's functionals: no network, no epochs.

Each emotion is taken for a cloud of the same shape in the space of the numbers, which are
standardised and clipped; an utterance belongs to the nearest cloud. With fewer speakers than
numbers, the shape that the training set shows is half chance, so it is drawn towards a sphere
(shrinkage). Every emotion counts alike, however many utterances it has.

A prediction is made for the utterance and for its copies, and their log-probabilities are averaged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ser_lib.core import audio
from ser_lib.features import maps
from ser_lib.features.copies import SETS

CLIP = 3.0
"""Standardised numbers are clipped here, because one wild number would decide alone."""
_STD_FLOOR = 1e-6
_NEVER = -1e3  # log-odds of an emotion without an example


@dataclass(frozen=True, eq=False, kw_only=True)
class Discriminant:
    """A fitted discriminant, with what stands before it: all that a bundle has to hold.

    `mean` and `std` are float [numbers], `weights` float [numbers, emotions], `bias` float
    [emotions]; `temperature` divides log-probabilities. `copies` are those of a prediction.
    """

    corpus: str
    emotions: list[str]
    copies: str
    mean: np.ndarray
    std: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    temperature: float = 1.0

    architecture = "lda"

    @property
    def front_end(self) -> "Discriminant":
        """Itself: it reads audio as well."""
        return self

    @property
    def n_parameters(self) -> int:
        """How many numbers the training set has decided, those of the standardisation apart."""
        return self.weights.size + self.bias.size

    def static(self, sound: str | Path | np.ndarray) -> np.ndarray:
        """Return the numbers of a file or a signal and of its copies: float32 [copies, 781]."""
        from ser_lib.features import functionals  # brings pandas, which other bundles do not need

        signal = audio.load(sound) if isinstance(sound, str | Path) else sound
        stacks = (maps.extract(copy.apply(signal), kind="stack") for copy in SETS[self.copies])
        return np.stack([functionals.of_stack(stack) for stack in stacks])

    def predict(self, inputs: Iterable[np.ndarray]) -> np.ndarray:
        """Return probabilities float32 [utterances, emotions] of inputs [copies, numbers].

        Numbers behind those that it was fitted on are not read.
        """
        answers = [np.empty((0, len(self.emotions)), np.float32)]
        for numbers in inputs:
            rows = _standard(numbers[:, : len(self.mean)], self.mean, self.std)
            logs = _log_softmax(rows @ self.weights + self.bias).mean(axis=0, keepdims=True)
            answers.append(np.exp(_log_softmax(logs / self.temperature)).astype(np.float32))
        return np.concatenate(answers)

    def described(self) -> dict:
        """Return its fields as plain JSON values."""
        return {
            field.name: value.tolist() if isinstance(value, np.ndarray) else value
            for field in fields(self)
            for value in [getattr(self, field.name)]
        } | {"architecture": self.architecture}

    @classmethod
    def parse(cls, described: dict) -> "Discriminant":
        """Return the one that `described` describes; a `LookupError` or `ValueError` if none."""
        values = {field.name: described[field.name] for field in fields(cls)}
        arrays = {n: np.array(values[n], float) for n in ("mean", "std", "weights", "bias")}
        numbers, emotions = arrays["mean"].size, len(values["emotions"])
        shapes = [(numbers,), (numbers,), (numbers, emotions), (emotions,)]
        if [array.shape for array in arrays.values()] != shapes or values["copies"] not in SETS:
            raise ValueError("its numbers do not fit each other")
        if not all(np.isfinite(array).all() for array in (*arrays.values(), values["temperature"])):
            raise ValueError("its numbers are not finite")
        if not (arrays["std"] > 0).all() or not values["temperature"] > 0:
            raise ValueError("its deviations and its temperature are above 0")
        check_emotions(values["emotions"])
        return cls(**values | arrays)


def check_emotions(names: object) -> None:
    """Raise a ValueError if these are no names of two emotions or more."""
    texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not texts or not 2 <= len(set(names)) == len(names):
        raise ValueError(f"its emotions are no list of different names: {names!r:.80}")


def fit(
    inputs: np.ndarray, truth: Sequence[str], emotions: Sequence[str], *, shrinkage: float, **about
) -> Discriminant:
    """Fit a discriminant to utterances and their copies.

    Parameters
    ----------
    inputs
        float [utterances, copies, numbers].
    truth
        The emotion of every utterance, two of them or more.
    shrinkage
        From 0 to 1: the share of the sphere in the shape of the clouds.
    **about
        Other fields of `Discriminant`.
    """
    from scipy.linalg import solve  # a prediction does not need it

    rows = inputs.reshape(-1, inputs.shape[2]).astype(np.float64)
    mean, std = rows.mean(axis=0), np.maximum(rows.std(axis=0), _STD_FLOOR)
    rows, owners = _standard(rows, mean, std), np.repeat(truth, inputs.shape[1])
    shown = [place for place, name in enumerate(emotions) if name in set(truth)]
    centres = np.stack([rows[owners == emotions[place]].mean(axis=0) for place in shown])
    spread = np.zeros((len(mean), len(mean)))
    for place, centre in zip(shown, centres, strict=True):
        own = rows[owners == emotions[place]] - centre
        spread += own.T @ own / (len(own) * len(shown))
    sphere = np.trace(spread) / len(mean) or 1.0  # 0 where no emotion varies
    shape = (1 - shrinkage) * spread + shrinkage * sphere * np.eye(len(mean))
    weights, bias = np.zeros((len(mean), len(emotions))), np.full(len(emotions), _NEVER)
    weights[:, shown] = solve(shape, centres.T, assume_a="pos")
    bias[shown] = -(centres.T * weights[:, shown]).sum(axis=0) / 2
    return Discriminant(
        emotions=list(emotions), mean=mean, std=std, weights=weights, bias=bias, **about
    )


def _standard(rows: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    return np.clip((rows - mean) / std, -CLIP, CLIP)


def _log_softmax(odds: np.ndarray) -> np.ndarray:
    return odds - np.logaddexp.reduce(odds, axis=1, keepdims=True)
