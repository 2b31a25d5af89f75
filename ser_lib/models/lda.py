"""Linear discriminant analysis of an utterance's functionals: no network, no epochs.

Each emotion is taken for a cloud of the same shape in the space of the numbers, which are
standardised and clipped; an utterance belongs to the nearest cloud. With fewer speakers than
numbers, the shape that the training set shows is half chance, so it is drawn towards a sphere
(shrinkage). Every emotion counts alike, however many utterances it has.

A prediction is made for the utterance and for its copies, and their log-probabilities are averaged.

A discriminant that is fitted with the names of the speakers can be enrolled: it sees the numbers of
each speaker relative to that speaker's own mean and spread, for which some utterances of the
speaker are needed, but no emotion of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ser_lib.core import audio
from ser_lib.core.errors import ParameterError
from ser_lib.features.copies import SETS

CLIP = 3.0
"""Standardised numbers are clipped here, because one wild number would decide alone."""
PRIOR = 5
"""Utterances' worth of trust in the mean and the spread of all speakers: the few of one who is
enrolled say little of theirs."""
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
    features: str = "stack"  # see `functionals.of_sound`
    speaker: np.ndarray | None = None  # mean and spread, float [2, copies, numbers]

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
        """Return the numbers of a file or a signal and of its copies: float32 [copies, numbers].

        Of the stack they are 781; a `ParameterError` says that features of a table have no sound.
        """
        from ser_lib.features import functionals  # brings pandas, which other bundles do not need

        signal = audio.load(sound) if isinstance(sound, str | Path) else sound
        copies = (copy.apply(signal) for copy in SETS[self.copies])
        return np.stack([functionals.of_sound(self.features, copy) for copy in copies])

    def predict(self, inputs: Iterable[np.ndarray]) -> np.ndarray:
        """Return probabilities float32 [utterances, emotions] of inputs [copies, numbers].

        Numbers behind those that it was fitted on are not read.
        """
        answers = [np.empty((0, len(self.emotions)), np.float32)]
        for numbers in inputs:
            rows = numbers[:, : len(self.mean)]
            if self.speaker is not None:
                rows = _relative(rows, self.speaker)
            rows = _standard(rows, self.mean, self.std)
            logs = _log_softmax(rows @ self.weights + self.bias).mean(axis=0, keepdims=True)
            answers.append(np.exp(_log_softmax(logs / self.temperature)).astype(np.float32))
        return np.concatenate(answers)

    def enrol(self, inputs: np.ndarray) -> "Discriminant":
        """Return the discriminant of one speaker, of whom there are inputs [n, copies, numbers].

        ParameterError if it was fitted without speakers.
        """
        if self.speaker is None:
            raise ParameterError("this model cannot be enrolled; train one with enrolled=True")
        inputs = inputs[..., : len(self.mean)]
        return replace(self, speaker=_own(inputs, self.speaker[:, : inputs.shape[1]]))

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
        names = ("mean", "std", "weights", "bias", "speaker")
        arrays = {n: np.array(values[n], float) for n in names if values[n] is not None}
        numbers, emotions = arrays["mean"].size, len(values["emotions"])
        shapes = [(numbers,), (numbers,), (numbers, emotions), (emotions,)]
        shapes += [(2, len(SETS[values["copies"]]), numbers)] * ("speaker" in arrays)
        if [array.shape for array in arrays.values()] != shapes:
            raise ValueError("its numbers do not fit each other")
        if not isinstance(values["features"], str):
            raise ValueError(f"its features are no text: {values['features']!r:.80}")
        if not all(np.isfinite(array).all() for array in (*arrays.values(), values["temperature"])):
            raise ValueError("its numbers are not finite")
        if not (arrays["std"] > 0).all() or not values["temperature"] > 0:
            raise ValueError("its deviations and its temperature are above 0")
        check_emotions(values["emotions"])
        return cls(**values | arrays)


def check_emotions(names: Any) -> None:
    """Raise a ValueError if these are no names of two emotions or more."""
    texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not texts or not 2 <= len(set(names)) == len(names):
        raise ValueError(f"its emotions are no list of different names: {names!r:.80}")


def fit(
    inputs: np.ndarray,
    truth: Sequence[str],
    emotions: Sequence[str],
    *,
    shrinkage: float,
    copies: str,
    speakers: np.ndarray | None = None,
    **about,
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
    copies
        The set of those of a prediction, with which `inputs` begin.
    speakers
        The speaker of every utterance, for one that can be enrolled.
    **about
        Other fields of `Discriminant`.
    """
    from scipy.linalg import solve  # a prediction does not need it

    speaker = None
    if speakers is not None:
        inputs, speaker = _by_speaker(inputs, speakers)
        speaker = speaker[:, : len(SETS[copies])]
    # Copy by copy, because all of a large corpus in double precision may not fit into memory.
    parts = range(inputs.shape[1])
    mean = np.mean([inputs[:, c].mean(axis=0, dtype=float) for c in parts], axis=0)
    squares = [np.square(inputs[:, c] - mean).mean(axis=0) for c in parts]
    std = np.maximum(np.sqrt(np.mean(squares, axis=0)), _STD_FLOOR)
    shown = [place for place, name in enumerate(emotions) if name in set(truth)]
    own = [np.asarray(truth) == emotions[place] for place in shown]
    rows = [_standard(inputs[:, c], mean, std) for c in parts]
    centres = np.mean([[part[one].mean(axis=0) for one in own] for part in rows], axis=0)
    spread = np.zeros((len(mean), len(mean)))
    for part in rows:
        for one, centre in zip(own, centres, strict=True):
            off = part[one] - centre
            spread += off.T @ off / (len(off) * len(shown) * len(rows))
    sphere = np.trace(spread) / len(mean) or 1.0  # 0 where no emotion varies
    shape = (1 - shrinkage) * spread + shrinkage * sphere * np.eye(len(mean))
    weights, bias = np.zeros((len(mean), len(emotions))), np.full(len(emotions), _NEVER)
    weights[:, shown] = solve(shape, centres.T, assume_a="pos")
    bias[shown] = -(centres.T * weights[:, shown]).sum(axis=0) / 2
    return Discriminant(
        emotions=list(emotions),
        copies=copies,
        mean=mean,
        std=std,
        weights=weights,
        bias=bias,
        speaker=speaker,
        **about,
    )


def _by_speaker(inputs: np.ndarray, speakers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs relative to their speakers, and mean and spread of the average speaker."""
    rows = [speakers == name for name in sorted(set(speakers))]
    usual = np.mean([_moments(inputs[one]) for one in rows], axis=0)
    relative = np.empty_like(inputs)
    for one in rows:
        relative[one] = _relative(inputs[one], _own(inputs[one], usual))
    return relative, usual


def _moments(inputs: np.ndarray) -> np.ndarray:
    return np.stack([inputs.mean(axis=0, dtype=float), inputs.std(axis=0, dtype=float)])


def _own(inputs: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Return mean and spread of a speaker, drawn towards those of the average one."""
    weight = PRIOR / (PRIOR + len(inputs))
    (mean, spread), (usual_mean, usual_spread) = _moments(inputs), usual
    mean = (1 - weight) * mean + weight * usual_mean
    variance = (1 - weight) * np.square(spread) + weight * np.square(usual_spread)
    return np.stack([mean, np.sqrt(variance)])


def _relative(inputs: np.ndarray, speaker: np.ndarray) -> np.ndarray:
    mean, spread = speaker
    return (inputs - mean) / np.maximum(spread, _STD_FLOOR)


def _standard(rows: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    return np.clip((rows - mean) / std, -CLIP, CLIP)


def _log_softmax(odds: np.ndarray) -> np.ndarray:
    return odds - np.logaddexp.reduce(odds, axis=1, keepdims=True)
