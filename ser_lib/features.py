"""A signal -> a feature map: 60 named rows by frames of 23 ms.

Conventions: a signal is float32 [samples] at `audio.RATE` and full scale 1.0; a map is float32
[rows, frames] or [rows, frames, channels]. Frame t is centred on sample ``t * HOP``; the signal
is continued with zeros at both ends, so a signal of any length has ``1 + samples // HOP`` frames.
Levels are in dB, frequencies in Hz, F0 in semitones over 27.5 Hz.

All rows come from one short-time spectrum. Where librosa defines a row, the row has librosa's
values (the tests compare them), but librosa, which takes seconds to import, is not needed.
Nothing here starts a thread or calls BLAS: a result does not depend on the number of processors.

A map is standardised with the statistics of the training part, and only then cropped or padded to
the network's window: the zeros that `fit_window` pads with are the training mean of every row, not
silence.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ser_lib.audio import PEAK_LIMIT, RATE
from ser_lib.errors import ParameterError, choose

MAPS = ("logmel", "stack")
ROWS = 60
FRAMES = 130
"""Frames of the network's window: 3.0 s."""

N_FFT = 2048
HOP = 512
FMIN = 50
FMAX = 8000
"""Range of the mel bands, in Hz."""

FLOOR_DB = 48
"""Levels are floored this far under the utterance's 99.5th percentile: what is quieter is the
room and the recorder rather than the voice."""

STD_FLOOR = 1e-3

_ROUNDING = np.float32(2.0**-30 / 12)  # mean square of the rounding error of 16-bit audio
_BINS = np.arange(N_FFT // 2 + 1, dtype=np.float32) * (RATE / N_FFT)  # Hz
_DB = np.float32(10 / np.log(10))  # dB = _DB * log(power); NumPy's log10 is several times slower
_BLOCK = 64  # frames at a time: spectra stay in the cache and memory does not grow with them

_N_MFCC = 30
_CHROMA = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_CONTRAST_EDGES = (0, 200, 400, 800, 1600, 3200, 6400, RATE / 2)  # Hz

_F0_MIN, _F0_MAX = 60, 500  # Hz
_F0_REFERENCE = 27.5  # the A below the lowest voice
_PITCH_BINS = N_FFT // 4  # up to 5.5 kHz: twice as many lags as the bandwidth needs, so none
# of them is far from the top of a peak
_VOICED = 0.5


@dataclass(frozen=True)
class Row:
    """What a row of a map holds.

    Attributes
    ----------
    name
        Unique within its map.
    unit
        Of its values.
    cue
        What of the voice it carries: ``"pitch"``, ``"tone"`` (voice quality and articulation),
        ``"speed"`` or ``"energy"``.
    """

    name: str
    unit: str
    cue: str


def rows(kind: str) -> tuple[Row, ...]:
    """Return the `ROWS` rows of a map, in order.

    A log-mel band carries several cues at once; it is counted to pitch where voices have their
    F0 and lowest harmonics (up to 500 Hz), to tone above.

    Raises
    ------
    ParameterError
        If there is no such map.

    Examples
    --------
    >>> rows("stack")[0]
    Row(name='f0', unit='semitones over 27.5 Hz', cue='pitch')
    """
    choose(kind, MAPS, "feature map")
    if kind == "logmel":
        centres = _mel_edges()[1:-1]
        return tuple(
            Row(f"mel_{round(hz)}_hz", "dB", "pitch" if hz <= _F0_MAX else "tone") for hz in centres
        )
    listed = [
        ("f0", "semitones over 27.5 Hz", "pitch"),
        ("voicing", "0 to 1", "pitch"),
        *((f"chroma_{name}", "0 to 1", "pitch") for name in _CHROMA),
        ("onset_strength", "dB per frame", "speed"),
        ("onset_rate", "onsets per second", "speed"),
        ("rms", "dB", "energy"),
        ("mfcc_0", "dB", "energy"),
        *((f"mfcc_{i}", "dB", "tone") for i in range(1, _N_MFCC)),
        ("centroid", "Hz", "tone"),
        ("bandwidth", "Hz", "tone"),
        ("rolloff", "Hz", "tone"),
        ("flatness", "dB", "tone"),
        ("slope", "dB per octave", "tone"),
        ("zero_crossings", "per second", "tone"),
        *((f"contrast_{low}_hz", "dB", "tone") for low in _CONTRAST_EDGES[:-1]),
    ]
    return tuple(Row(*row) for row in listed)


def extract(signal: np.ndarray, *, kind: str = "logmel") -> np.ndarray:
    """Compute the static map of a whole utterance.

    Parameters
    ----------
    signal
        float32 [samples] at `audio.RATE`, one sample or more.
    kind
        ``"logmel"``: `ROWS` mel bands of the power spectrum in dB. ``"stack"``: F0, chroma,
        onsets, level, MFCC and the shape of the spectrum.

    Returns
    -------
    np.ndarray
        float32 [rows, frames], frames = 1 + samples // HOP; always finite.

    Raises
    ------
    ParameterError
        If there is no such map, or the signal is not a row of finite numbers.

    Examples
    --------
    >>> extract(np.zeros(RATE, dtype=np.float32)).shape
    (60, 44)
    """
    choose(kind, MAPS, "feature map")
    signal = np.asarray(signal, dtype=np.float32)
    if signal.ndim != 1 or not signal.size:
        raise ParameterError(f"a signal is one row of samples; this one has shape {signal.shape}")
    if not np.abs(signal).max() <= PEAK_LIMIT:  # false for NaN too
        raise ParameterError("the signal holds samples that are not finite or far beyond 1.0")
    feature_map = _logmel(signal) if kind == "logmel" else _stack(signal)
    return np.ascontiguousarray(feature_map, dtype=np.float32)


def add_deltas(static: np.ndarray) -> np.ndarray:
    """Add how each row changes: its slope and its curvature over +-4 frames.

    Both are those of the least-squares line and parabola through nine frames, as in
    ``librosa.feature.delta`` of order 1 and 2 with ``mode="nearest"``; beyond the ends the first
    and the last frame are repeated, so any number of frames will do.

    Parameters
    ----------
    static
        float32 [rows, frames].

    Returns
    -------
    np.ndarray
        float32 [rows, frames, 3]: static, delta (per frame), delta-delta (per frame squared).

    Examples
    --------
    >>> ramp = np.arange(20, dtype=np.float32)[np.newaxis]
    >>> add_deltas(ramp)[0, 10].tolist()
    [10.0, 1.0, 0.0]
    """
    frames = static.shape[1]
    padded = np.pad(static, [(0, 0), (4, 4)], mode="edge")
    slope = np.zeros_like(static)
    curvature = np.zeros_like(static)
    for k in range(1, 5):
        before, after = padded[:, 4 - k : 4 - k + frames], padded[:, 4 + k : 4 + k + frames]
        slope += np.float32(k / 60) * (after - before)
        curvature += np.float32((3 * k * k - 20) / 462) * (after + before - 2 * static)
    return np.stack([static, slope, curvature], axis=-1)


def channels(static: np.ndarray, n: int) -> np.ndarray:
    """Give a static map its channels.

    Parameters
    ----------
    static
        float32 [rows, frames].
    n
        1 (static) or 3 (static, delta, delta-delta).

    Returns
    -------
    np.ndarray
        float32 [rows, frames, n].

    Raises
    ------
    ParameterError
        If `n` is another number.
    """
    if n == 1:
        return static[:, :, np.newaxis]
    if n == 3:
        return add_deltas(static)
    raise ParameterError(f"a map has 1 channel (static) or 3 (with deltas), not {n}")


@dataclass(frozen=True, eq=False)
class Standardiser:
    """Brings every row of every channel to mean 0 and deviation 1 over the training frames.

    Attributes
    ----------
    mean, std
        float32 [rows, channels]; no deviation is less than `STD_FLOOR`.
    """

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def fit(cls, maps: Iterable[np.ndarray]) -> "Standardiser":
        """Take the statistics of all frames of all `maps`, each [rows, frames, channels].

        Raises
        ------
        ParameterError
            If there are no maps.
        """
        count, total, squares = 0, 0.0, 0.0
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
        """Standardise a map [rows, frames, channels]: float32 of the same shape.

        Raises
        ------
        ParameterError
            If the map has other rows or channels than those of the training part.
        """
        if feature_map.shape[::2] != self.mean.shape:
            raise ParameterError(
                f"a map of shape {feature_map.shape} does not fit statistics of shape "
                f"{self.mean.shape} (rows, channels)"
            )
        return (feature_map - self.mean[:, np.newaxis]) / self.std[:, np.newaxis]


def fit_window(
    feature_map: np.ndarray, *, frames: int = FRAMES, offset: int | None = None
) -> np.ndarray:
    """Crop or pad a standardised map to a number of frames.

    Parameters
    ----------
    feature_map
        float32 [rows, any, channels].
    frames
        Frames of the result.
    offset
        The map's frame with which the window starts or, for a map shorter than the window, the
        window's frame with which the map starts; None puts the centres together.

    Returns
    -------
    np.ndarray
        float32 [rows, frames, channels], a copy; zeros, the training mean, where there is no map.

    Raises
    ------
    ParameterError
        If the window does not lie in the map, or the map in the window.
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


def _power_spectra(signal: np.ndarray) -> Iterator[np.ndarray]:
    """Yield |STFT|^2 in blocks of frames: float32 [up to _BLOCK, 1 + N_FFT // 2].

    What lies under the rounding error of 16-bit audio (empty bands of resampled audio, digital
    silence) is raised to it; else it would be rounding noise of the transform.
    """
    from scipy.fft import rfft  # several times as fast as NumPy's in float32

    padded = np.pad(signal, N_FFT // 2)
    frames = sliding_window_view(padded, N_FFT)[::HOP]
    window = _window()
    floor = _ROUNDING * np.square(window).sum()
    for start in range(0, len(frames), _BLOCK):
        spectrum = rfft(frames[start : start + _BLOCK] * window)
        yield np.maximum(np.square(spectrum.real) + np.square(spectrum.imag), floor)


@cache
def _window() -> np.ndarray:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)  # Hann


def _logmel(signal: np.ndarray) -> np.ndarray:
    return _floored_db(np.concatenate([_mel(power) for power in _power_spectra(signal)]).T)


def _stack(signal: np.ndarray) -> np.ndarray:
    blocks = (
        (_mel(power), _chroma(power), *_period(power), *_shape(power), _contrast(power))
        for power in _power_spectra(signal)
    )
    mel, chroma, f0, periodicity, loudness, *shape, contrast = (
        np.concatenate(parts) for parts in zip(*blocks, strict=True)
    )
    from scipy.fft import dct

    logmel = _floored_db(mel.T)
    voicing = periodicity * _near_the_voice(loudness)
    onset_strength = _onset_strength(logmel)
    mean_square, zero_crossings = _waveform(signal)
    return np.vstack(
        [
            _fill_unvoiced(f0, voicing >= _VOICED),
            voicing,
            chroma.T,
            onset_strength,
            _onset_rate(onset_strength),
            _floored_db(np.maximum(mean_square, _ROUNDING)),
            dct(logmel, axis=0, norm="ortho")[:_N_MFCC],
            *shape,
            _slope(logmel),
            zero_crossings,
            contrast.T,
        ]
    )


def _floored_db(power: np.ndarray) -> np.ndarray:
    """Return the level in dB, no lower than `FLOOR_DB` under the loudest of the utterance."""
    level = _DB * np.log(power)
    return np.maximum(level, np.float32(np.percentile(level, 99.5) - FLOOR_DB))


@cache
def _mel_edges() -> np.ndarray:
    """Return the ROWS + 2 corners in Hz, evenly spaced on Slaney's mel scale.

    It is linear up to 1 kHz, which is 15 mel, and then has 27 mel to a factor of 6.4.
    """

    def mel(hz: float) -> float:
        return 0.015 * hz if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)

    mels = np.linspace(mel(FMIN), mel(FMAX), ROWS + 2)
    return np.where(mels < 15, mels / 0.015, 1000 * 6.4 ** ((mels - 15) / 27))


@cache
def _mel_bank():
    """Return the triangles of unit area, sparse [rows, bins]."""
    from scipy.sparse import csr_array

    edges = _mel_edges()
    low, centre, high = (edges[i : ROWS + i, np.newaxis] for i in range(3))
    triangles = np.minimum((_BINS - low) / (centre - low), (high - _BINS) / (high - centre))
    return csr_array((np.maximum(triangles, 0) * 2 / (high - low)).astype(np.float32))


def _mel(power: np.ndarray) -> np.ndarray:
    return (_mel_bank() @ power.T).T


@cache
def _chroma_bank() -> np.ndarray:
    """Return the weight of every bin in every pitch class: float32 [12, bins] (Ellis 2007).

    Bumps as wide as two bins are apart, one semitone at least; each bin of unit norm, times a
    bell two octaves wide around 880 Hz.
    """
    semitones = 12 * np.log2(_BINS[1:].astype(np.float64) / _F0_REFERENCE)
    semitones = np.concatenate([[semitones[0] - 18], semitones])  # the bin at 0 Hz needs a place
    width = np.maximum(np.diff(semitones, append=semitones[-1]), 1)
    distance = (semitones - np.arange(12)[:, np.newaxis] + 6) % 12 - 6
    weights = np.exp(-2 * np.square(distance / width))
    weights /= np.linalg.norm(weights, axis=0)
    weights *= np.exp(-0.5 * np.square((semitones / 12 - 5) / 2))
    return np.roll(weights, -3, axis=0).astype(np.float32)  # from A first to C first


def _chroma(power: np.ndarray) -> np.ndarray:
    """Return the energy of the pitch classes relative to the strongest: [frames, 12]."""
    # einsum and not a matrix product, which would be BLAS, with threads of its own.
    energy = np.einsum("cf,tf->tc", _chroma_bank(), power)
    return energy / energy.max(axis=1, keepdims=True)


@cache
def _lags() -> tuple[np.ndarray, np.ndarray]:
    """Return the lags of the F0 range, one more at each end, and the window's autocorrelation."""
    lags = np.arange(RATE // _F0_MAX - 1, -(-RATE // _F0_MIN) + 2)
    r = np.fft.irfft(np.square(np.abs(np.fft.rfft(_window()))))
    return lags, (r[lags] / r[0]).astype(np.float32)


def _period(power: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the period of each frame by the highest peak of its autocorrelation.

    The autocorrelation of a frame, freed of its window's (Boersma 1993), is an inverse transform
    of the power spectrum, which is there already. Of peaks about equally high the first wins, by
    a small charge per octave.

    Returns
    -------
    f0, periodicity, loudness : np.ndarray
        [frames] Hz; height of the peak, 0 to 1 (0: no peak, F0 has no meaning); power.
    """
    from scipy.fft import irfft

    spectrum = power[:, :_PITCH_BINS].copy()
    spectrum[:, :3] = 0  # offset and rumble under 30 Hz
    lags, of_window = _lags()
    r = irfft(spectrum, N_FFT)
    loudness = r[:, 0]
    r = r[:, lags] / (loudness[:, np.newaxis] * of_window)
    inner = r[:, 1:-1]
    is_peak = (inner > r[:, :-2]) & (inner >= r[:, 2:])
    charge = 0.03 * np.log2(lags[1:-1] / lags[1]).astype(np.float32)
    best = np.where(is_peak, inner - charge, -np.inf).argmax(axis=1)
    frames = np.arange(len(r))
    found = is_peak[frames, best]
    left, height, right = (r[frames, best + i] for i in range(3))
    # The top of the parabola through the three.
    shift = 0.5 * (left - right) / np.where(found, left - 2 * height + right, -np.inf)
    periodicity = np.where(found, np.clip(height - 0.25 * (left - right) * shift, 0, 1), 0)
    return RATE / (lags[best + 1] + shift), periodicity, loudness


def _near_the_voice(loudness: np.ndarray) -> np.ndarray:
    """Return 1 within 20 dB of the utterance's loudest frames, less below; a room's hum is not."""
    amplitude = np.sqrt(loudness)
    return np.minimum(1, amplitude / (0.1 * np.percentile(amplitude, 99.5)))


def _fill_unvoiced(f0: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """Return F0 in semitones, a straight line through unvoiced frames, level before and after.

    Without any voiced frame it is the middle of the range.
    """
    if not voiced.any():
        f0, voiced = np.full(len(f0), np.sqrt(_F0_MIN * _F0_MAX)), np.full(len(f0), True)
    frames = np.arange(len(f0))
    return np.interp(frames, frames[voiced], 12 * np.log2(f0[voiced] / _F0_REFERENCE))


def _shape(power: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return centroid, bandwidth and rolloff (85 %) in Hz and flatness in dB: each [frames]."""
    magnitude = np.sqrt(power)
    rising = np.cumsum(magnitude, axis=1)
    total = rising[:, -1]
    centroid = np.einsum("tf,f->t", magnitude, _BINS) / total
    distance = _BINS - centroid[:, np.newaxis]
    bandwidth = np.sqrt(np.einsum("tf,tf,tf->t", magnitude, distance, distance) / total)
    rolloff = _BINS[np.count_nonzero(rising < 0.85 * total[:, np.newaxis], axis=1)]
    flatness = _DB * (np.log(power).mean(axis=1) - np.log(power.mean(axis=1)))
    return centroid, bandwidth, rolloff, flatness


@cache
def _contrast_bands() -> tuple[tuple[int, int, int], ...]:
    """Return first bin, end and number of bins at either extreme (2 %) of each octave band.

    As in librosa, a band begins with the last bin of the band below and leaves its own last one
    to the next.
    """
    bands = []
    for low, high in pairwise(_CONTRAST_EDGES):
        first = max(int(np.searchsorted(_BINS, low)) - 1, 0)
        end = int(np.searchsorted(_BINS, high, side="right"))
        number = max(round(0.02 * (end - first)), 1)
        bands.append((first, end if end == len(_BINS) else end - 1, number))
    return tuple(bands)


def _contrast(power: np.ndarray) -> np.ndarray:
    """Return the highest over the lowest bins of each octave band, in dB: [frames, 7].

    As in librosa these are 10 dB, not 20, for a factor of 10 between magnitudes.
    """
    magnitude = np.sqrt(power)
    contrast = []
    for first, end, number in _contrast_bands():
        ordered = np.sort(magnitude[:, first:end], axis=1)
        ratio = ordered[:, -number:].mean(axis=1) / ordered[:, :number].mean(axis=1)
        contrast.append(_DB * np.log(ratio))
    return np.stack(contrast, axis=1)


def _slope(logmel: np.ndarray) -> np.ndarray:
    """Return the slope of the line through the bands' levels, in dB per octave: [frames]."""
    octaves = np.log2(_mel_edges()[1:-1])
    octaves -= octaves.mean()
    return np.einsum("b,bt->t", octaves / np.square(octaves).sum(), logmel)


def _onset_strength(logmel: np.ndarray) -> np.ndarray:
    """Return the mean rise of the bands since the frame before: [frames].

    As in librosa it comes half a window late: when the centre of the window has reached the rise.
    """
    rise = np.maximum(np.diff(logmel, axis=1), 0).mean(axis=0)
    return np.pad(rise, (1 + N_FFT // 2 // HOP, 0))[: logmel.shape[1]]


def _onset_rate(strength: np.ndarray) -> np.ndarray:
    """Return onsets per second in a bell of 1 s (width at half height) about each frame.

    An onset is the highest of five frames and 0.5 dB over the mean of half a second; on read
    speech there is about one per syllable.
    """
    nearby = sliding_window_view(np.pad(strength, 2), 5).max(axis=1)
    usual = sliding_window_view(np.pad(strength, 10), 21).mean(axis=1)
    onsets = (strength == nearby) & (strength >= usual + 0.5)
    half = round(RATE / HOP)
    bell = np.hanning(2 * half + 1)

    def smooth(values: np.ndarray) -> np.ndarray:
        return np.convolve(values, bell)[half:-half]

    # Beyond the ends of the utterance there are no frames, which is not the same as no onsets.
    return RATE / HOP * smooth(onsets.astype(float)) / smooth(np.ones(len(onsets)))


def _waveform(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean square and changes of sign per second of each frame, without a window."""

    def in_hops(padded: np.ndarray) -> np.ndarray:
        return padded[: len(padded) // HOP * HOP].reshape(-1, HOP)

    def over_frames(hops: np.ndarray) -> np.ndarray:
        return sliding_window_view(hops, N_FFT // HOP).sum(axis=1) / N_FFT

    samples = in_hops(np.pad(signal, N_FFT // 2))
    negative = np.pad(signal < -1e-10, N_FFT // 2, mode="edge")
    changes = in_hops(np.diff(negative, prepend=negative[0]))
    # A change into the first sample of a frame happened before the frame.
    before = changes[: 1 - N_FFT // HOP, 0] / N_FFT
    crossings = over_frames(np.count_nonzero(changes, axis=1)) - before
    return over_frames(np.einsum("hs,hs->h", samples, samples)), RATE * crossings
