"""How well a fingerprint tells copies from takes: counted on a corpus, and on synthetic takes.

`takes` counts pairs that are different recordings and are taken for one; the hardest are the
takes of a speaker who says a sentence several times, or sentences that differ in one word.
`copies` counts copies that are found again.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, product

import numpy as np
import pandas as pd
import soundfile

from ser_lib.core import audio
from ser_lib.core.audio import RATE
from ser_lib.corpora import Manifest, demo, espeak
from ser_lib.features import fingerprint
from ser_lib.features.fingerprint import SAME, unit

MOST = 2_000  # utterances of a corpus that are all compared with each other
CLIPS = 20  # that are changed
TAKES = 40  # of a sentence, and sentences that differ in one word
WORDS = "station", "kitchen", "garden", "bank", "bus", "market", "window", "room", "shop", "door"
PLACES = "near", "behind", "under", "beyond"

Sound = tuple[np.ndarray, int]  # a signal and its rate


@dataclass(frozen=True)
class Pairs:
    """Different recordings, compared: how many pairs, how many taken for one, the most similar.

    Pairs of a corpus that are found to be copies are in `same`; `highest` is that of the others.
    """

    name: str
    n: int
    same: int
    highest: float


@dataclass(frozen=True)
class Change:
    """A change, how many of `n` changed recordings are found again, and the least similar."""

    name: str
    n: int
    found: int
    lowest: float


def _resampled(rate: int) -> Callable[[np.ndarray], Sound]:
    def change(signal: np.ndarray) -> Sound:
        import soxr

        return soxr.resample(signal, RATE, rate), rate

    return change


def _coded(form: str) -> Callable[[np.ndarray], Sound]:
    def change(signal: np.ndarray) -> Sound:
        file = BytesIO()
        soundfile.write(file, signal, RATE, format=form)
        file.seek(0)
        return soundfile.read(file, dtype="float32")

    return change


def _padded(before_s: float, after_s: float) -> Callable[[np.ndarray], Sound]:
    return lambda x: (np.pad(x, (int(before_s * RATE), int(after_s * RATE))), RATE)


def _louder(signal: np.ndarray, gain: float) -> Sound:
    return np.clip(np.rint(gain * 32768 * signal), -32768, 32767) / np.float32(32768), RATE


def _dithered(signal: np.ndarray) -> Sound:
    steps = np.random.default_rng(0).integers(-1, 2, len(signal), endpoint=False)
    return signal + steps.astype(np.float32) / 32768, RATE


CHANGES: dict[str, Callable[[np.ndarray], Sound]] = {
    "20 dB softer": lambda x: _louder(x, 0.1),
    "twice as loud, cut off at full scale": lambda x: _louder(x, 2),
    "inverted": lambda x: (-x, RATE),
    "sampled at 8 kHz": _resampled(8_000),
    "sampled at 16 kHz": _resampled(16_000),
    "sampled at 44.1 kHz": _resampled(44_100),
    "MP3": _coded("MP3"),
    "Ogg Vorbis": _coded("OGG"),
    "50 ms cut off the start": lambda x: (x[RATE // 20 :], RATE),
    "50 ms cut off the end": lambda x: (x[: -RATE // 20], RATE),
    "silence before and after": _padded(0.4, 0.9),
    "the last bit dithered": _dithered,
    "all at once": lambda x: _coded("MP3")(-0.3 * _padded(0.05, 0.5)(x)[0]),
}
"""What is done to copies; a signal at `audio.RATE` becomes one at any rate."""


def changed(manifest: Manifest) -> list[Change]:
    """Change some recordings of a corpus in all ways of `CHANGES`, and count those found again.

    There is nothing to count if no recording has a fingerprint.
    """
    prints = fingerprint.of(manifest)
    rows = np.flatnonzero(prints.any(axis=1))
    if not len(rows):
        return []
    rows = rows[np.linspace(0, len(rows) - 1, min(CLIPS, len(rows))).astype(int)]
    signals = [audio.load(manifest.root / path) for path in manifest.table["path"].iloc[rows]]
    result = []
    for name, change in CHANGES.items():
        copies = np.array([fingerprint.fingerprint(*change(signal)) for signal in signals])
        alike = fingerprint.correlation(copies, prints[rows])
        result.append(Change(name, len(rows), int((alike >= SAME).sum()), float(alike.min())))
    return result


def takes(manifests: Iterable[Manifest]) -> pd.DataFrame:
    """Return the pairs of corpora, and of synthetic takes, that are taken for one recording."""
    rows = [(manifest.corpus, pairs) for manifest in manifests for pairs in of_corpus(manifest)]
    rows += [("synthetic", pairs) for pairs in of_takes()]
    return pd.DataFrame(
        [(corpus, one.name, one.n, one.same, round(one.highest, 2)) for corpus, one in rows],
        columns=[
            "Corpus",
            "Pairs of different recordings",
            "Pairs",
            "Taken for one",
            "Highest correlation",
        ],
    )


def copies(manifests: Iterable[Manifest]) -> pd.DataFrame:
    """Return how many copies of each kind are found again."""
    rows = [(manifest.corpus, one) for manifest in manifests for one in changed(manifest)]
    return pd.DataFrame(
        [(corpus, one.name, one.n, one.found, round(one.lowest, 2)) for corpus, one in rows],
        columns=["Corpus", "Copy", "Copies", "Found again", "Lowest correlation"],
    )


def of_corpus(manifest: Manifest) -> Iterator[Pairs]:
    """Count the pairs of a corpus; of more than `MOST` utterances, so many are taken, evenly."""
    n = len(manifest.table)
    rows = np.unique(np.linspace(0, n - 1, min(MOST, n)).astype(int))
    table, prints = manifest.table.iloc[rows], unit(fingerprint.of(manifest)[rows])
    alike, number = prints @ prints.T, fingerprint.recordings(manifest)[rows]
    alike[number[:, np.newaxis] == number] = np.nan  # each with itself, and copies
    chosen = np.triu(np.ones(alike.shape, bool), 1)
    yield _pairs("any two utterances", alike, chosen)
    for column, name in (
        ("speaker", "of one speaker"),
        ("sentence", "of one speaker and sentence"),
        ("emotion", "of one speaker, sentence and emotion"),
    ):
        values = table[column].to_numpy(dtype=object)
        chosen &= (values[:, np.newaxis] == values) & (values != "")
        if chosen.any():
            yield _pairs(name, alike, chosen)


def of_takes() -> Iterator[Pairs]:
    """Count the pairs of synthetic takes."""
    ends = [f"{place} the {word}" for place, word in product(PLACES, WORDS)]
    texts = [demo.SENTENCES[0]] * TAKES, [f"They told me to look {end}." for end in ends]
    names = "synthetic takes of one sentence", "synthetic sentences that differ in the last words"
    signals = demo.takes([*chain(*texts)])
    prints = unit(np.array([fingerprint.fingerprint(one, espeak.RATE) for one in signals]))
    for name, some in zip(names, (prints[:TAKES], prints[TAKES:]), strict=True):
        chosen = np.triu(np.ones((len(some), len(some)), bool), 1)
        yield _pairs(name, some @ some.T, chosen)


def _pairs(name: str, alike: np.ndarray, chosen: np.ndarray) -> Pairs:
    values = alike[chosen]
    others = values[values < SAME]  # NaN is none of them
    highest = float(others.max()) if len(others) else 0.0
    return Pairs(name, len(values), len(values) - len(others), highest)
