"""Copies of an utterance that differ as two speakers, two rooms, or two lines do.

A classifier that also trains on them learns that the emotion stays. Speed is that of a tape: pitch,
formants and tempo change together, as from a larger to a smaller speaker. Tilt raises or lowers the
spectrum by the same number of dB in each octave, as microphones and voices do. A channel is a way
to the listener: a telephone, a room, noise. What it adds at random depends on the samples alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from ser_lib.core.audio import RATE
from ser_lib.features import perturb

LOW, HIGH = 50, 8000  # Hz, between which a spectrum is tilted


@dataclass(frozen=True)
class Channel:
    """A function of `perturb`, and how strong it is here, in its unit."""

    change: Callable[..., np.ndarray]
    strength: float
    unit: str
    random: bool = True  # whether it adds something at random


CHANNELS = {
    "telephone": Channel(perturb.telephone, 3400, "Hz", random=False),
    "muffled": Channel(perturb.low_pass, 4000, "Hz", random=False),
    "noise": Channel(perturb.white_noise, 10, "dB SNR"),
    "murmur": Channel(perturb.murmur, 10, "dB SNR"),
    "room": Channel(perturb.reverberation, 0.5, "s RT60"),
}


@dataclass(frozen=True)
class Copy:
    """How a copy differs: in speed, in tilt (dB per octave), by one of `CHANNELS`."""

    speed: float = 1.0
    tilt: float = 0.0
    channel: str = ""

    def apply(self, signal: np.ndarray) -> np.ndarray:
        """Return the copy of a signal, float32 [samples] at `audio.RATE`.

        >>> len(Copy(speed=2.0).apply(np.ones(1001, dtype=np.float32)))
        500
        """
        if self.speed != 1:
            import soxr  # many uses need no copies

            faster = soxr.resample(signal, RATE * self.speed, RATE, quality="HQ")
            size = self.length(len(signal))
            signal = np.pad(faster, (0, max(0, size - len(faster))))[:size]
        if self.tilt:
            signal = perturb.filtered(signal, self._gain)
        if self.channel:
            channel = CHANNELS[self.channel]
            random = {"generator": np.random.default_rng(crc32(signal.tobytes()))}
            signal = channel.change(signal, channel.strength, **random if channel.random else {})
        return signal

    def length(self, samples):
        """Return how many samples the copy of a signal of one sample or more has."""
        return np.maximum(1, np.rint(samples / self.speed)).astype(np.int64)

    def _gain(self, hz: np.ndarray) -> np.ndarray:
        return 10 ** (self.tilt * np.log2(np.clip(hz, LOW, HIGH) / 1000) / 20)


ITSELF = Copy()
_SPEEDS = tuple(Copy(speed=speed) for speed in (0.85, 0.92, 1.08, 1.17))
_TILTS = tuple(Copy(tilt=tilt) for tilt in (-2.0, 2.0))
_CHANNELS = tuple(Copy(channel=name) for name in CHANNELS)
SETS = {
    "none": (ITSELF,),
    "speed": (ITSELF, *_SPEEDS),
    "speed+tilt": (ITSELF, *_SPEEDS, *_TILTS),
    "speed+tilt+channel": (ITSELF, *_SPEEDS, *_TILTS, *_CHANNELS),
}
"""Sets of copies by name; each is the beginning of the next, the utterance itself the first."""
CHANNELLED = 0.25
"""Share of those through a channel in what a network is shown: they are harder to learn from."""


def shares(copies: Sequence[Copy]) -> np.ndarray:
    """Return how often a network is shown each of some copies: float [copies], 1 in all.

    >>> shares(SETS["speed+tilt+channel"]).round(3).tolist()
    [0.107, 0.107, 0.107, 0.107, 0.107, 0.107, 0.107, 0.05, 0.05, 0.05, 0.05, 0.05]
    """
    through = np.array([bool(copy.channel) for copy in copies])
    share = CHANNELLED if through.any() else 0.0
    return np.where(through, share / max(1, through.sum()), (1 - share) / (~through).sum())
