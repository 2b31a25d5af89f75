"""A signal -> a feature map: 60 named rows by frames of 23 ms.

Conventions: a signal is float32 [samples] at `audio.RATE` and full scale 1.0; a map is float32
[rows, frames] or [rows, frames, channels]. Frame t is centred on sample ``t * HOP``; the signal
is continued with zeros at both ends, so a signal of any length has ``1 + samples // HOP`` frames.
Levels are in dB, frequencies in Hz, F0 in semitones over 27.5 Hz.

All rows come from one short-time spectrum. Where librosa defines a row, the row has librosa's
values (the tests compare them) in a fraction of the time. All work is done in the calling thread
and without BLAS: a result does not depend on the number of processors.

A map is standardised with the statistics of the training part, and only then cropped or padded to
the network's window: the zeros that `fit_window` pads with are the training mean of every row, not
silence.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ser_lib.core import audio
from ser_lib.core.errors import ParameterError, choose
from ser_lib.features import spectrum

MAPS = ("logmel", "stack")
ROWS, HOP = spectrum.ROWS, spectrum.HOP
FRAMES = 130  # of the network's window: 3.0 s
STD_FLOOR = 1e-3
LEVEL_DB = -20
"""To which the speech of every signal is brought, in dB of full scale."""


@dataclass(frozen=True)
class Row:
    """What a row of a map holds: its unique name, the unit of its values, and its cue.

    The cue is what of the voice it carries: ``"pitch"``, ``"tone"`` (voice quality and
    articulation), ``"speed"`` or ``"energy"``.
    """

    name: str
    unit: str
    cue: str


def rows(kind: str) -> tuple[Row, ...]:
    """Return the `ROWS` rows of a map, in order.

    A log-mel band carries several cues at once; it is counted to pitch where voices have their
    F0 and lowest harmonics (up to 500 Hz), to tone above.

    >>> rows("stack")[0]
    Row(name='f0', unit='semitones over 27.5 Hz', cue='pitch')
    """
    choose(kind, MAPS, "feature map")
    if kind == "logmel":
        return tuple(
            Row(f"mel_{round(hz)}_hz", "dB", "pitch" if hz <= spectrum.F0_MAX else "tone")
            for hz in spectrum.mel_edges()[1:-1]
        )
    listed = [
        ("f0", "semitones over 27.5 Hz", "pitch"),
        ("voicing", "0 to 1", "pitch"),
        *((f"chroma_{name}", "0 to 1", "pitch") for name in spectrum.CHROMA),
        ("onset_strength", "dB per frame", "speed"),
        ("onset_rate", "onsets per second", "speed"),
        ("rms", "dB", "energy"),
        ("mfcc_0", "dB", "energy"),
        *((f"mfcc_{i}", "dB", "tone") for i in range(1, spectrum.N_MFCC)),
        ("centroid", "Hz", "tone"),
        ("bandwidth", "Hz", "tone"),
        ("rolloff", "Hz", "tone"),
        ("flatness", "dB", "tone"),
        ("slope", "dB per octave", "tone"),
        ("zero_crossings", "per second", "tone"),
        *((f"contrast_{low}_hz", "dB", "tone") for low in spectrum.CONTRAST_EDGES[:-1]),
    ]
    return tuple(Row(*row) for row in listed)


def extract(signal: np.ndarray | str | Path, *, kind: str = "logmel") -> np.ndarray:
    """Extract the static map of a whole utterance.

    Parameters
    ----------
    signal
        float32 [samples] at `audio.RATE`, one sample or more; or an audio file.
    kind
        ``"logmel"``: `ROWS` mel bands of the power spectrum in dB. ``"stack"``: F0, chroma,
        onsets, level, MFCC and the shape of the spectrum.

    Returns
    -------
    np.ndarray
        float32 [rows, frames], frames = 1 + samples // HOP; always finite.

    Examples
    --------
    >>> extract(np.zeros(22_050, dtype=np.float32)).shape
    (60, 44)
    """
    choose(kind, MAPS, "feature map")
    signal = audio.load(signal) if isinstance(signal, str | Path) else np.asarray(signal)
    if signal.ndim != 1 or not signal.size:
        raise ParameterError(f"a signal is one row of samples; this one has shape {signal.shape}")
    if not audio.peak(signal) <= audio.PEAK_LIMIT:  # false for NaN too
        raise ParameterError("the signal holds samples that are not finite or far beyond 1.0")
    signal = levelled(signal.astype(np.float32, copy=False))
    feature_map = spectrum.log_mel(signal) if kind == "logmel" else spectrum.stack(signal)
    return np.ascontiguousarray(feature_map, dtype=np.float32)


def levelled(signal: np.ndarray) -> np.ndarray:
    """Bring the speech of a signal, float32 [samples], to `LEVEL_DB`; silence stays silent.

    The gain of a recorder says nothing of an emotion. The level is that of the loud frames of `HOP`
    samples: the 95th percentile of those that are no more than `spectrum.FLOOR_DB` under the
    loudest, so that neither a click nor silence around the speech decides.
    """
    hops = np.pad(signal, (0, -len(signal) % HOP)).reshape(-1, HOP)
    powers = np.einsum("hs,hs->h", hops, hops) / HOP
    if not (loudest := powers.max()):
        return signal
    heard = powers[powers >= loudest * 10 ** (-spectrum.FLOOR_DB / 10)]
    return signal * np.float32(np.sqrt(10 ** (LEVEL_DB / 10) / spectrum.percentile(heard, 95)))


def add_deltas(static: np.ndarray) -> np.ndarray:
    """Add how each row changes: its slope and its curvature over +-4 frames.

    Both are those of the least-squares line and parabola through nine frames, as in
    ``librosa.feature.delta`` of order 1 and 2 with ``mode="nearest"``; beyond the ends the first
    and the last frame are repeated, so any number of frames will do. The map float32 [rows, frames,
    3] has static, delta (per frame) and delta-delta (per frame squared).

    >>> ramp = np.arange(20, dtype=np.float32)[np.newaxis]
    >>> add_deltas(ramp)[0, 10].tolist()
    [10.0, 1.0, 0.0]
    """
    frames = np.ascontiguousarray(static.T)  # slices of whole frames are quicker to add
    padded = np.pad(frames, [(4, 4), (0, 0)], mode="edge")
    n = len(frames)
    slope = np.zeros_like(frames)
    curvature = np.zeros_like(frames)
    for k in range(1, 5):
        before, after = padded[4 - k : 4 - k + n], padded[4 + k : 4 + k + n]
        slope += np.float32(k / 60) * (after - before)
        curvature += np.float32((3 * k * k - 20) / 462) * (after + before - 2 * frames)
    return np.stack([frames, slope, curvature]).T


def channels(static: np.ndarray, n: int) -> np.ndarray:
    """Give a static map [rows, frames] its 1 or 3 channels: float32 [rows, frames, n]."""
    if n == 1:
        return static[:, :, np.newaxis]
    if n == 3:
        return add_deltas(static)
    raise ParameterError(f"a map has 1 channel (static) or 3 (with deltas), not {n}")


@dataclass(frozen=True, eq=False)
class Standardiser:
    """Brings every row of every channel to mean 0 and deviation 1 over the training frames.

    `mean` and `std` are float32 [rows, channels]; no deviation is less than `STD_FLOOR`.
    """

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def fit(cls, maps: Iterable[np.ndarray]) -> "Standardiser":
        """Take the statistics of all frames of one map or more, each [rows, frames, channels]."""
        count, total, squares = 0, np.zeros(1), np.zeros(1)
        for feature_map in maps:
            wide = feature_map.astype(np.float64)
            count += wide.shape[1]
            total = total + wide.sum(axis=1)
            squares = squares + np.square(wide).sum(axis=1)
        if not count:
            raise ParameterError("there are no maps to take statistics of")
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - np.square(mean), STD_FLOOR**2))
        return cls(mean.astype(np.float32), std.astype(np.float32))

    def apply(self, feature_map: np.ndarray) -> np.ndarray:
        """Standardise a map [rows, frames, channels] of the same rows and channels."""
        if feature_map.shape[::2] != self.mean.shape:
            raise ParameterError(
                f"a map of shape {feature_map.shape} does not fit statistics of shape "
                f"{self.mean.shape} (rows, channels)"
            )
        return (feature_map - self.mean[:, np.newaxis]) / self.std[:, np.newaxis]


def fit_window(
    feature_map: np.ndarray, *, frames: int = FRAMES, offset: int | None = None
) -> np.ndarray:
    """Copy a standardised map [rows, any, channels], cropped or padded to a number of frames.

    Zeros, the training mean, stand where there is no map.

    Parameters
    ----------
    offset
        The map's frame with which the window starts or, for a map shorter than the window, the
        window's frame with which the map starts; None puts the centres together.
    """
    n_rows, length, n_channels = feature_map.shape
    slack = abs(length - frames)
    if offset is None:
        offset = slack // 2
    if not 0 <= offset <= slack:
        raise ParameterError(f"offset {offset} is not between 0 and {slack}")
    if length >= frames:
        return feature_map[:, offset : offset + frames].copy()
    window = np.zeros((n_rows, frames, n_channels), dtype=feature_map.dtype)
    window[:, offset : offset + length] = feature_map
    return window
