"""The short-time spectrum of a signal, and the rows of the feature maps that come from it.

Conventions as in `features`, which names the rows. Every row comes from one pass over the spectrum,
in blocks of frames, so that memory does not grow with the signal.
"""

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ser_lib.core.audio import RATE

ROWS = 60
N_FFT = 2048
HOP = 512
FMIN, FMAX = 50, 8000  # Hz, of the mel bands
FLOOR_DB = 48
"""Levels are floored this far under the utterance's 99.5th percentile: what is quieter is the
room and the recorder rather than the voice."""

_ROUNDING = np.float32(2.0**-30 / 12)  # mean square of the rounding error of 16-bit audio
_BINS = np.arange(N_FFT // 2 + 1, dtype=np.float32) * (RATE / N_FFT)  # Hz
DB = np.float32(10 / np.log(10))  # dB = DB * log(power); NumPy's log10 is several times slower
_BLOCK = 32  # frames at a time: spectra stay in the cache and memory does not grow with them

N_MFCC = 30
CHROMA = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
CONTRAST_EDGES = (0, 200, 400, 800, 1600, 3200, 6400, RATE / 2)  # Hz

_F0_MIN, F0_MAX = 60, 500  # Hz
_F0_REFERENCE = 27.5  # the A below the lowest voice
_PITCH_BINS = N_FFT // 4  # up to 5.5 kHz, so that lags are dense enough to see narrow peaks


def _power_spectra(signal: np.ndarray, *, bins: int = len(_BINS)) -> Iterator[np.ndarray]:
    """Yield the lowest bins of |STFT|^2 in blocks of frames: float32 [bins, up to _BLOCK]."""
    from scipy.fft import rfft  # several times as fast as NumPy's in float32

    # In place wherever possible: new pages of memory cost as much as the arithmetic.
    padded = np.zeros(len(signal) + N_FFT, dtype=np.float32)
    padded[N_FFT // 2 : -N_FFT // 2] = signal
    # As sliding_window_view(padded, N_FFT)[::HOP], in a tenth of its time.
    strides = (HOP * padded.itemsize, padded.itemsize)
    frames = np.ndarray((1 + len(signal) // HOP, N_FFT), np.float32, padded, strides=strides)
    windowed = np.empty((_BLOCK, N_FFT), dtype=np.float32)
    # An array, because NumPy compares it faster than a number.
    floor = np.full((bins, _BLOCK), noise_floor(), np.float32)
    for start in range(0, len(frames), _BLOCK):
        block = frames[start : start + _BLOCK]
        np.multiply(block, window(), out=windowed[: len(block)])
        magnitude = np.abs(rfft(windowed[: len(block)].T, axis=0)[:bins])
        # Empty bands and digital silence would be rounding noise of the transform.
        np.maximum(magnitude, floor[:, : len(block)], out=magnitude)
        yield np.square(magnitude, out=magnitude)


@cache
def window() -> np.ndarray:
    """Return the Hann window: float32 [N_FFT]."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)  # Hann


def noise_floor() -> np.float32:
    """Return the magnitude in every bin of what rounding to 16 bits adds to a signal."""
    return np.sqrt(_ROUNDING * np.square(window()).sum())


def log_mel(signal: np.ndarray) -> np.ndarray:
    """Return the 60 mel bands of a signal in dB: float32 [rows, frames]."""
    bins = mel_bank().shape[1]
    blocks = [_mel(power) for power in _power_spectra(signal, bins=bins)]
    return _floored_db(np.concatenate(blocks, axis=1))


def stack(signal: np.ndarray) -> np.ndarray:
    """Return the 60 rows of the stack: float [rows, frames]."""
    from scipy.fft import dct

    blocks = [_block_of_stack(power) for power in _power_spectra(signal)]
    mel, chroma, f0, periodicity, loudness, *shape, contrast = (
        np.concatenate(parts) for parts in zip(*blocks, strict=True)
    )
    logmel = _floored_db(mel.T)
    # A room's hum, more than 20 dB under the loudest frames, is no voice.
    amplitude = np.sqrt(loudness)
    voicing = periodicity * np.minimum(1, amplitude / (0.1 * percentile(amplitude, 99.5)))
    onset_strength = _onset_strength(logmel)
    mean_square, zero_crossings = _waveform(signal)
    return np.vstack(
        [
            _fill_unvoiced(f0, voicing >= 0.5),
            voicing,
            chroma.T,
            onset_strength,
            _onset_rate(onset_strength),
            _floored_db(np.maximum(mean_square, _ROUNDING)),
            dct(logmel, axis=0, norm="ortho")[:N_MFCC],
            *shape,
            _slope(logmel),
            zero_crossings,
            contrast.T,
        ]
    )


def _block_of_stack(spectra: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return what the stack takes from a block of spectra [bins, frames]: [frames, ...] each."""
    power = np.ascontiguousarray(spectra.T)
    return _mel(spectra).T, _chroma(power), *_period(power), *_shape(power), _contrast(power)


def _floored_db(power: np.ndarray) -> np.ndarray:
    """Return the level in dB, no lower than `FLOOR_DB` under the loudest of the utterance."""
    level = DB * np.log(power)
    return np.maximum(level, np.float32(percentile(level, 99.5) - FLOOR_DB))


def percentile(values: np.ndarray, percent: float) -> float:
    """Return what `np.percentile` does, in a fraction of its time for some thousand values."""
    place = percent / 100 * (values.size - 1)
    lower = int(place)
    ordered = np.partition(values.ravel(), lower)
    below, above = ordered[lower], ordered[lower + 1 :].min(initial=np.inf)
    return below + (place - lower) * (above - below) if place > lower else below


@cache
def mel_edges() -> np.ndarray:
    """Return the ROWS + 2 corners in Hz, evenly spaced on Slaney's mel scale."""

    def mel(hz: float) -> float:  # linear up to 1 kHz, then 27 mel to a factor of 6.4
        return 0.015 * hz if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)

    mels = np.linspace(mel(FMIN), mel(FMAX), ROWS + 2)
    return np.where(mels < 15, mels / 0.015, 1000 * 6.4 ** ((mels - 15) / 27))


@cache
def mel_bank():
    """Return the mel bands, triangles of unit area: sparse float32 [rows, bins up to FMAX]."""
    from scipy.sparse import csr_array

    edges, bins = mel_edges(), _BINS[_BINS < FMAX]
    low, centre, high = (edges[i : ROWS + i, np.newaxis] for i in range(3))
    triangles = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))
    return csr_array((np.maximum(triangles, 0) * 2 / (high - low)).astype(np.float32))


def _mel(spectra: np.ndarray) -> np.ndarray:
    """Return the energy of the mel bands of power spectra [bins, frames]: [rows, frames]."""
    bank = mel_bank()
    return bank @ spectra[: bank.shape[1]]


@cache
def _chroma_bank() -> np.ndarray:
    """Return the weight of every bin in every pitch class: float32 [12, bins] (Ellis 2007)."""
    semitones = 12 * np.log2(_BINS[1:].astype(np.float64) / _F0_REFERENCE)
    semitones = np.concatenate([[semitones[0] - 18], semitones])  # the bin at 0 Hz needs a place
    # Bumps as wide as two bins are apart, times a bell two octaves wide around 880 Hz.
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
    lags = np.arange(RATE // F0_MAX - 1, -(-RATE // _F0_MIN) + 2)
    r = np.fft.irfft(np.square(np.abs(np.fft.rfft(window()))))
    return lags, (r[lags] / r[0]).astype(np.float32)


def _period(power: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return F0 in Hz, periodicity from 0 to 1 (0: F0 has no meaning) and power: [frames] each."""
    from scipy.fft import irfft

    spectrum = power[:, :_PITCH_BINS].copy()
    spectrum[:, :3] = 0  # offset and rumble under 30 Hz
    lags, of_window = _lags()
    # The autocorrelation, freed of the window's own (Boersma 1993).
    r = irfft(spectrum, N_FFT)
    loudness = r[:, 0]
    r = r[:, lags] / (loudness[:, np.newaxis] * of_window)
    left, inner, right = r[:, :-2], r[:, 1:-1], r[:, 2:]
    is_peak = (inner > left) & (inner >= right)
    # The parabola through the three: a peak between two lags is higher than either.
    tilt = (right - left) / 2
    bend = np.where(is_peak, left - 2 * inner + right, -1)
    height = np.where(is_peak, inner - np.square(tilt) / (2 * bend), 0)
    # Of peaks about equally high the first wins, by a small charge per octave.
    charge = 0.03 * np.log2(lags[1:-1] / lags[1]).astype(np.float32)
    best = (np.arange(len(r)), np.where(is_peak, height - charge, -np.inf).argmax(axis=1))
    f0 = RATE / (lags[1:-1][best[1]] - tilt[best] / bend[best])
    return f0, np.clip(height[best], 0, 1), loudness


def _fill_unvoiced(f0: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """Return F0 in semitones, a straight line through unvoiced frames, level before and after."""
    if not voiced.any():  # the middle of the range
        f0, voiced = np.full(len(f0), np.sqrt(_F0_MIN * F0_MAX)), np.full(len(f0), True)
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
    flatness = DB * (np.log(power).mean(axis=1) - np.log(power.mean(axis=1)))
    return centroid, bandwidth, rolloff, flatness


@cache
def _contrast_bands() -> tuple[tuple[int, int, int], ...]:
    """Return first bin, end and number of bins at either extreme (2 %) of each octave band."""
    bands = []
    # As in librosa, a band begins with the last bin of that below and leaves its own to the next.
    for low, high in pairwise(CONTRAST_EDGES):
        first = max(int(np.searchsorted(_BINS, low)) - 1, 0)
        end = int(np.searchsorted(_BINS, high, side="right"))
        number = max(round(0.02 * (end - first)), 1)
        bands.append((first, end if end == len(_BINS) else end - 1, number))
    return tuple(bands)


def _contrast(power: np.ndarray) -> np.ndarray:
    """Return the highest over the lowest bins of each octave band, in dB: [frames, 7]."""
    magnitude = np.sqrt(power)
    contrast = []
    for first, end, number in _contrast_bands():
        ordered = np.sort(magnitude[:, first:end], axis=1)
        ratio = ordered[:, -number:].mean(axis=1) / ordered[:, :number].mean(axis=1)
        contrast.append(DB * np.log(ratio))  # as in librosa 10 dB, not 20, for a factor of 10
    return np.stack(contrast, axis=1)


def _slope(logmel: np.ndarray) -> np.ndarray:
    """Return the slope of the line through the bands' levels, in dB per octave: [frames]."""
    octaves = np.log2(mel_edges()[1:-1])
    octaves -= octaves.mean()
    return np.einsum("b,bt->t", octaves / np.square(octaves).sum(), logmel)


def _onset_strength(logmel: np.ndarray) -> np.ndarray:
    """Return the mean rise of the bands since the frame before: [frames]."""
    rise = np.maximum(np.diff(logmel, axis=1), 0).mean(axis=0)
    # As in librosa half a window late: when the centre of the window has reached the rise.
    return np.pad(rise, (1 + N_FFT // 2 // HOP, 0))[: logmel.shape[1]]


def _onset_rate(strength: np.ndarray) -> np.ndarray:
    """Return onsets per second in a bell of 1 s (width at half height) about each frame."""
    # The highest of five frames, 0.5 dB over the mean of half a second: about one per syllable.
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
