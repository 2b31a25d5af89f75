"""Whether two files hold the same recording, however it was copied.

The power of a signal at whole frequencies does not know its sign, when it begins, or the silence
around it; it is the same at every sampling rate that holds the band, and its fine structure, how
each hertz stands out from its neighbours, does not know the level. That structure follows from the
phases of every sound, so two takes of a sentence share none of it, even if their voices and words
are the same.

A fingerprint is int8 [`BINS`]: p / (p + g) - 1/2 at every hertz of the band, where p is the power
and g its geometric mean over `WIDTH` Hz, weighted by g to the power of `WEIGHT`, so that strong
bands, which coders keep best, count more, but no single tone counts much. Two fingerprints are
compared by their correlation: about 0 for two recordings, near 1 for copies of one.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pandas as pd

from ser_lib.core import audio, jobs
from ser_lib.core.errors import SpaceError
from ser_lib.core.files import digest, sources, workspace, write_atomically
from ser_lib.corpora import Manifest
from ser_lib.features.store import npy

LOW, HIGH = 300, 3400  # Hz; what a telephone leaves of a voice
BINS = HIGH - LOW
WIDTH = 25  # Hz
WEIGHT = 0.2
SAME = 0.35
"""The correlation from which two files are the same recording. Takes of a sentence stay below
0.15, copies in a poor MP3 or cut off at full scale by 12 dB above 0.45."""
SHORTEST_S = 0.25
"""Of less, too few frequencies are independent: two recordings reach 0.4 by chance."""

_FADE_S = 0.02
_SPREAD = 0.05  # of p / (p + g); a third of what speech has, ten times that of a click
_FLOOR = 1e-9  # of the energy: rounding errors of the transform are no structure
_STEP = 24  # of int8 to a standard deviation
_COARSE, _MAYBE = 8, 0.2  # every so many bins are compared first; all, where these correlate so
_BLOCK = 256  # rows of the comparison at a time


def fingerprint(signal: np.ndarray, rate: int) -> np.ndarray:
    """Return the fingerprint of a signal, float32 [samples] at `rate` Hz: int8 [BINS].

    It is all zeros, which is like nothing, if the signal is shorter than `SHORTEST_S` or has no
    fine structure, as silence and clicks.

    >>> noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    >>> copy, other = -0.5 * np.roll(noise, 800), np.diff(noise[::2])
    >>> prints = np.array([fingerprint(x, 16_000) for x in (noise, copy, other)])
    >>> (correlation(prints[:1], prints) >= SAME).tolist()
    [True, True, False]
    """
    from scipy.fft import rfft
    from scipy.ndimage import uniform_filter1d

    nothing = np.zeros(BINS, np.int8)
    energy = float(np.vdot(signal, signal))
    if len(signal) < SHORTEST_S * rate or not energy:
        return nothing
    # The spectrum of one second on which all seconds are added up is that of the whole signal,
    # at whole frequencies.
    seconds = np.zeros(-(-len(signal) // rate) * rate, np.float32)
    seconds[: len(signal)] = signal
    # A loud sound that is cut off has the spectrum of the cut, the same for all of one length.
    fade = 0.5 - 0.5 * np.cos(np.pi * np.arange(0.5, round(_FADE_S * rate)) / (_FADE_S * rate))
    seconds[: len(fade)] *= fade
    seconds[len(signal) - len(fade) : len(signal)] *= fade[::-1]
    band = rfft(seconds.reshape(-1, rate).sum(axis=0))[LOW:HIGH]
    power = np.full(BINS, _FLOOR * energy)
    power[: len(band)] += np.square(band.real) + np.square(band.imag)
    level = np.log(power)
    around = uniform_filter1d(level, WIDTH)
    place = 1 / (1 + np.exp(around - level)) - 0.5
    weight = np.exp(WEIGHT * (around - around.max()))
    values = place * weight
    values -= values.mean()
    deviation = values.std()
    if deviation < _SPREAD * np.sqrt(np.mean(np.square(weight))):
        return nothing
    return np.clip(np.rint(values * (_STEP / deviation)), -127, 127).astype(np.int8)


def correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return how alike the fingerprints of two arrays [..., BINS] are, row by row, from -1 to 1."""
    return np.einsum("...f,...f->...", unit(first), unit(second))


def unit(prints: np.ndarray) -> np.ndarray:
    """Give fingerprints [..., bins] the length 1, float32; those of nothing stay 0."""
    prints = prints.astype(np.float32)
    return prints / np.maximum(np.linalg.norm(prints, axis=-1, keepdims=True), 1)


def of(manifest: Manifest) -> np.ndarray:
    """Return the fingerprints of a corpus, int8 [utterances, BINS], computed once.

    They are kept in `data/fingerprints/`, by a hash of the audio and of the code. An `AudioError`
    says which file can no longer be read.
    """
    table = manifest.table
    sounds = [table[name].tolist() for name in ("sha256", "sample_rate_hz")]
    key = digest(*sounds, *sources("core/audio.py", "features/fingerprint.py"))
    file = workspace() / "data" / "fingerprints" / f"{manifest.corpus}-{key}.npy"
    try:
        return np.load(file)
    except (OSError, ValueError, EOFError):  # not there, or damaged
        pass
    prints, clock = np.zeros((len(table), BINS), np.int8), jobs.Countdown(len(table))
    pool = ThreadPoolExecutor(jobs.processors())
    try:
        paths = [manifest.root / path for path in table["path"]]
        for row, sound in enumerate(pool.map(lambda p: fingerprint(*audio.decode(p)), paths)):
            prints[row] = sound
            clock.tell(row + 1, "fingerprints of recordings made")
    finally:
        pool.shutdown(cancel_futures=True)
    with suppress(OSError, SpaceError):  # what cannot be kept is made again
        write_atomically(file, npy(prints))
    return prints


def pairs(prints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of rows that are the same recording, the first before the second.

    All pairs are compared at every eighth frequency, and those that may be the same, one in ten
    thousand of different recordings, at every one.
    """
    coarse = unit(prints[:, ::_COARSE])
    blocks = []
    for start in range(0, len(prints), _BLOCK):
        rows, columns = np.nonzero(coarse[start : start + _BLOCK] @ coarse[start:].T > _MAYBE)
        rows, columns = rows[rows < columns] + start, columns[rows < columns] + start
        same = correlation(prints[rows], prints[columns]) >= SAME
        blocks.append((rows[same], columns[same]))
    first, second = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return first, second


def heard(corpus: Manifest | pd.DataFrame) -> pd.DataFrame:
    """Return a corpus's table with the column recording: of a manifest `recordings`.

    A table has no audio to compare: there, the same samples are the same recording, unless the
    column is there already.
    """
    if isinstance(corpus, Manifest):
        return corpus.table.assign(recording=recordings(corpus))
    return corpus if "recording" in corpus else corpus.assign(recording=corpus["sha256"])


def recordings(manifest: Manifest) -> np.ndarray:
    """Number the recordings of a corpus: int [utterances], the same number for all copies of one.

    Copies of copies are copies. The same samples always are, even if they have no fingerprint.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = pairs(of(manifest))
    sounds = manifest.table["sha256"]
    n = len(sounds)
    number = sounds.groupby(sounds, sort=False).ngroup().to_numpy()
    # One node for each utterance, and behind them one for each sound.
    ends = [first, np.arange(n)], [second, n + number]
    rows, columns = (np.concatenate(end) for end in ends)
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(2 * n, 2 * n))
    return connected_components(graph, directed=False)[1][:n]
