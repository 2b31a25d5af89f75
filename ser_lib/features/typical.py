"""What is typical of the recordings that a model was trained on, and how far another one lies off.

A model answers for any sound. How well it does is known only for sounds such as those that it was
tested on, so a bundle keeps the middle 98 % of four measures of its corpus, and a recording that
lies clearly outside is answered with a remark.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.core import audio

if TYPE_CHECKING:  # it brings pandas, which a prediction does not need
    from ser_lib.corpora import Manifest

WINDOW = 2048  # samples, 93 ms
PAUSE_DB = 30  # under the loud windows
BAND_DB = 60  # under the loudest frequency, where a band ends
SAMPLE = 300
"""Utterances that are measured at most: two percentiles need no more."""


@dataclass(frozen=True)
class Measure:
    """A measure's unit, by how much a recording may lie outside, and what to say where it does."""

    unit: str
    margin: float  # for the length a factor, for the others a difference
    digits: int = 0


MEASURES = {
    "length": Measure("s", 1.5, 1),
    "level": Measure("dB", 6.0),
    "bandwidth": Measure("Hz", 1000.0),
    "pauses": Measure("of its length", 0.2, 2),
}
Spans = Mapping[str, Sequence[float]]


def measure(signal: np.ndarray) -> dict[str, float]:
    """Measure a signal, float32 [samples] at `audio.RATE`.

    Returns
    -------
    dict
        length (s); level (dB of full scale, 95th percentile of its windows); bandwidth (the highest
        frequency in Hz that is heard beside the loudest one: half the sampling rate that the
        recording once had, or less); pauses (share of its windows).

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 1000 / audio.RATE * np.arange(audio.RATE), dtype=np.float32)
    >>> found = measure(0.1 * tone)
    >>> [round(found[name], 1) for name in ("length", "level", "pauses")]
    [1.0, -23.0, 0.0]
    """
    n = max(1, -(-len(signal) // WINDOW))
    windows = np.pad(signal, (0, n * WINDOW - len(signal))).reshape(n, WINDOW)
    levels = 10 * np.log10(np.square(windows).mean(axis=1) + 1e-12)
    loud = np.percentile(levels, 95)
    shape = np.hanning(WINDOW).astype(np.float32)
    power = np.zeros(WINDOW // 2 + 1)
    for window in windows:  # one at a time: a recording may be long
        power += np.square(np.abs(np.fft.rfft(shape * window)))
    heard = np.flatnonzero(power >= power.max() * 10 ** (-BAND_DB / 10))
    return {
        "length": len(signal) / audio.RATE,
        "level": float(loud),
        "bandwidth": float(heard[-1] * audio.RATE / WINDOW),
        "pauses": float((levels < loud - PAUSE_DB).mean()),
    }


def spans(manifest: "Manifest") -> dict[str, list[float]]:
    """Return the middle 98 % of each of `MEASURES` of a corpus, of `SAMPLE` utterances at most."""
    names = manifest.table["utterance"]
    places = np.unique(np.linspace(0, len(names) - 1, SAMPLE).astype(int))
    values = [measure(audio.load(manifest.file(names.iloc[place]))) for place in places]
    columns = {name: [one[name] for one in values] for name in MEASURES}
    return {name: np.percentile(own, [1, 99]).round(3).tolist() for name, own in columns.items()}


def remarks(signal: np.ndarray, typical: Spans, *, whole: bool = True) -> list[str]:
    """Say by what a signal is far from the typical ones; its length counts if it is `whole`.

    >>> remarks(np.ones(9 * audio.RATE, np.float32), {"length": (1.2, 4.0)})
    ['its length is 9.0 s, in training 1.2 to 4.0 s; it may be wrong for that reason']
    """
    values, said = measure(signal), []
    for name, (low, high) in typical.items():
        about, value = MEASURES[name], values[name]
        if name == "length":
            far = whole and not low / about.margin <= value <= high * about.margin
        else:
            far = not low - about.margin <= value <= high + about.margin
        if far:
            shown, *usual = (f"{one:.{about.digits}f}" for one in (value, low, high))
            said.append(
                f"its {name} is {shown} {about.unit}, in training {' to '.join(usual)} "
                f"{about.unit}; it may be wrong for that reason"
            )
    return said
