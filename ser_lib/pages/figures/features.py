"""Figures of signals and their feature maps, drawn by `librosa.display`.

Conventions as in `drawing`. A signal is float32 [samples] at `audio.RATE`; a map is float
[rows, frames] as extracted, in its own units. Its rows are those of `features.rows(kind)`, from the
bottom up; frame t is at ``t * HOP / RATE`` seconds. The rows of the stack have different units, so
each is drawn in standard deviations over all frames of the figure.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.ticker import NullFormatter

from ser_lib.core.audio import RATE
from ser_lib.features import maps as features
from ser_lib.pages.figures.drawing import Figure, canvas, style
from ser_lib.pages.figures.palette import BLUE, ORANGE
from ser_lib.pages.words import escape, listing
from ser_lib.pages.words import number as printed

FRAME_S = features.HOP / RATE
NAMES = {"logmel": "Log-mel map", "stack": "Stacked feature map"}
# The first row of each group of the stack's rows, and what the group is called.
_GROUPS = {"f0": "f0, voicing", "chroma_C": "chroma", "onset_strength": "onset, rms",
           "mfcc_0": "mfcc", "centroid": "spectral shape", "contrast_0_hz": "contrast"}  # fmt: skip
_DEVIATIONS = 2.5  # colour range of the stack
_F0_REFERENCE_HZ = 27.5  # of the semitones of the row f0, as its unit says
_F0_TICKS = (60, 100, 200, 400)  # Hz


def row(stack: np.ndarray, name: str) -> np.ndarray:
    """Return a row of the stack by its name: [frames]."""
    return stack[[one.name for one in features.rows("stack")].index(name)]


def f0(stack: np.ndarray) -> np.ndarray:
    """Return the F0 of each frame of a stack in Hz, nan where there is no voice: float [frames]."""
    voiced = row(stack, "voicing") > 0.5
    semitones = row(stack, "f0").astype(float)
    return np.where(voiced, _F0_REFERENCE_HZ * 2 ** (semitones / 12), math.nan)


@style()
def voice(signal: np.ndarray, *, emotion: str, number: int, title: str = "") -> Figure:
    """Draw an utterance's waveform, log-mel map and F0, which has the same axis in all figures."""
    from librosa.display import waveshow  # librosa takes seconds to import

    logmel, stack = (features.extract(signal, kind=kind) for kind in features.MAPS)
    fig, axes = canvas(3, 1, height=4.9, sharex=True, height_ratios=[1, 2.2, 1.3])
    waveshow(signal, sr=RATE, max_points=500, axis="s", ax=axes[0], color=BLUE, linewidth=0.4)
    axes[0].set(title=title, xlabel="", ylabel="amplitude", xlim=(0, len(signal) / RATE))
    _draw_maps([axes[1]], [logmel], "logmel")
    contour = f0(stack)
    axes[2].plot(np.arange(len(contour)) * FRAME_S, contour, color=ORANGE, linewidth=2,
                 marker="o", markersize=2.5)  # fmt: skip
    # A little more than can be found, so that voices can be compared.
    axes[2].set(yscale="log", ylim=(55, 550), ylabel="F0 (Hz)", xlabel="time (s)")
    axes[2].set_yticks(_F0_TICKS, [str(hz) for hz in _F0_TICKS])
    axes[2].yaxis.set_minor_formatter(NullFormatter())
    fig.align_ylabels()
    melody = "There is no F0: no frame is voiced."
    if not np.isnan(contour).all():
        low, middle, high = (printed(hz, 0) for hz in np.nanpercentile(contour, [5, 50, 95]))
        melody = f"F0 lies around {middle} Hz, mostly between {low} and {high} Hz."
    return Figure(
        fig,
        alt=f"Waveform of {printed(len(signal) / RATE)} s; under it: {NAMES['logmel']} and F0. "
        f"{melody}",
        name=f"listen-emotion-{number}",
        caption=f"Waveform, log-mel map and F0 of one utterance of {escape(emotion)}.",
    )


@style()
def feature_grid(maps: Mapping[str, np.ndarray], *, kind: str) -> Figure:
    """Draw the map of one utterance per emotion, all on the same scales."""
    columns = min(len(maps), 3)
    rows = -(-len(maps) // columns)
    fig, axes = canvas(rows, columns, height=0.9 + 1.9 * rows, sharex=True, sharey=True,
                       squeeze=False)  # fmt: skip
    for axis in axes.flat[len(maps) :]:
        axis.set_axis_off()
    panels = list(axes.flat[: len(maps)])
    _draw_maps(panels, list(maps.values()), kind)
    for axis, emotion in zip(panels, maps, strict=True):
        axis.set_title(emotion)
    panels[0].locator_params("x", nbins=4)
    for axis in axes[-1]:
        axis.set_xlabel("time (s)")
    scales = "" if kind == "logmel" else "; every row is shown relative to its own range"
    return Figure(
        fig,
        alt=f"{NAMES[kind]} of one utterance each of {listing(maps)}.",
        name=f"features-{kind}",
        caption=f"{NAMES[kind]} of one utterance of each emotion, on the same scales{scales}.",
    )


def _draw_maps(axes, maps: Sequence[np.ndarray], kind: str) -> None:
    """Draw static maps into axes on the same scales, with the scale and names of the rows."""
    from librosa.display import specshow

    if kind == "logmel":
        limits = min(values.min() for values in maps), max(values.max() for values in maps)
        colours, label = "magma_r", "level (dB)"  # silence is the page, in dark mode, too
    else:
        frames = np.concatenate(maps, axis=1)
        mean = frames.mean(axis=1, keepdims=True)
        deviation = np.maximum(frames.std(axis=1, keepdims=True), features.STD_FLOOR)
        maps = [(values - mean) / deviation for values in maps]
        limits = -_DEVIATIONS, _DEVIATIONS
        colours, label = "vlag", "deviations from the mean"
    for axis, values in zip(axes, maps, strict=True):
        image = specshow(values, sr=RATE, hop_length=features.HOP, x_axis="s", ax=axis,
                         cmap=colours, vmin=limits[0], vmax=limits[1])  # fmt: skip
        axis.set_xlabel("")
        axis.grid(False)
        _name_rows(axis, kind)
    longest = max(values.shape[1] for values in maps)
    axes[0].set(xlim=(-FRAME_S / 2, (longest - 0.5) * FRAME_S), ylim=(-0.5, features.ROWS - 0.5))
    scale = axes[0].figure.colorbar(image, ax=axes, label=label, pad=0.02, aspect=30)
    scale.outline.set_visible(False)


def _name_rows(axis, kind: str) -> None:
    names = [row.name for row in features.rows(kind)]
    if kind == "logmel":
        hertz = (100, 250, 1000, 4000)
        centres = [float(name.split("_")[1]) for name in names]
        axis.set_yticks(np.interp(hertz, centres, np.arange(len(names))), [f"{x:,}" for x in hertz])
        if axis.get_subplotspec().is_first_col():
            axis.set_ylabel("frequency (Hz)")
    else:
        starts = [*map(names.index, _GROUPS), len(names)]
        middles = [(start + end - 1) / 2 for start, end in pairwise(starts)]
        axis.set_yticks(middles, _GROUPS.values())
    axis.tick_params(axis="y", length=0, labelsize=8)
