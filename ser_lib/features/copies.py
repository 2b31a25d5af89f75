"""Copies of an utterance that differ as two speakers, or two rooms, do: by speed and by tilt.

A classifier that also trains on them learns that the emotion stays. Speed is that of a tape: pitch,
formants and tempo change together, as from a larger to a smaller speaker. Tilt raises or lowers the
spectrum by the same number of dB in each octave, as microphones and voices do.
"""

from dataclasses import dataclass

import numpy as np

from ser_lib.core.audio import RATE
from ser_lib.features.perturb import filtered

LOW, HIGH = 50, 8000  # Hz, between which a spectrum is tilted


@dataclass(frozen=True)
class Copy:
    """How a copy differs: played at so many times the speed, tilted by so many dB per octave."""

    speed: float = 1.0
    tilt: float = 0.0

    def apply(self, signal: np.ndarray) -> np.ndarray:
        """Return the copy of a signal, float32 [samples] at `audio.RATE`.

        Examples
        --------
        >>> len(Copy(speed=2.0).apply(np.ones(1001, dtype=np.float32)))
        500
        """
        if self.speed != 1:
            import soxr  # many uses need no copies

            faster = soxr.resample(signal, RATE * self.speed, RATE, quality="HQ")
            size = self.length(len(signal))
            signal = np.pad(faster, (0, max(0, size - len(faster))))[:size]
        if self.tilt:
            signal = filtered(signal, self._gain)
        return signal

    def length(self, samples):
        """Return how many samples the copy of a signal of one sample or more has."""
        return np.maximum(1, np.rint(samples / self.speed)).astype(np.int64)

    def _gain(self, hz: np.ndarray) -> np.ndarray:
        return 10 ** (self.tilt * np.log2(np.clip(hz, LOW, HIGH) / 1000) / 20)


ITSELF = Copy()
_SPEEDS = tuple(Copy(speed=speed) for speed in (0.85, 0.92, 1.08, 1.17))
_TILTS = tuple(Copy(tilt=tilt) for tilt in (-2.0, 2.0))
SETS = {"none": (ITSELF,), "speed": (ITSELF, *_SPEEDS), "speed+tilt": (ITSELF, *_SPEEDS, *_TILTS)}
"""Sets of copies by name; the utterance itself is the first of each."""
