"""Figures of signals and their feature maps.

Conventions as in `drawing`. A signal is float32 [samples] at `audio.RATE`; a map is float
[rows, frames] or [rows, frames, channels] as extracted, in its own units, of which the first
channel is drawn. Its rows are those of `features.rows(kind)`, from the bottom up; frame t is at
``t * HOP / RATE`` seconds. The rows of the stack have different units, so each is drawn in standard
deviations over all frames of the figure. The stripe beside a map tells the cue of each row.
"""

import math
from collections.abc import Mapping
from itertools import groupby

import numpy as np
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import NullFormatter

from ser_lib.core.audio import RATE
from ser_lib.features import maps as features
from ser_lib.pages.figures.drawing import BLUE, GREEN, ORANGE, RED, Figure, canvas, styled
from ser_lib.pages.words import escape, extremes, number, percent

FRAME_S = features.HOP / RATE
NAMES = {"logmel": "Log-mel map", "stack": "Stacked feature map"}
_CUES = {"pitch": BLUE, "tone": GREEN, "speed": ORANGE, "energy": RED}
_HZ_TICKS = (100, 250, 500, 1000, 2000, 4000)
_LABELS = {"centroid to zero crossings": "spectral shape"}
_BRIGHT_HZ = 1000  # bands above are compared with those below
_DEVIATIONS = 2.5  # colour range of the stack
_VOICED = 0.5
_F0_REFERENCE_HZ = 27.5  # of the semitones of the row f0, as its unit says
_COLUMNS = 500  # of a drawn waveform
_F0_TICKS = (60, 100, 200, 400)  # Hz
_F0_LIMITS = (55, 550)  # a little more than can be found, so that voices can be compared


def f0(stack: np.ndarray) -> np.ndarray:
    """Return the F0 of each frame of a stack in Hz, nan where there is no voice: float [frames]."""
    voiced = _row(stack, "stack", "voicing") > _VOICED
    semitones = _row(stack, "stack", "f0").astype(float)
    return np.where(voiced, _F0_REFERENCE_HZ * 2 ** (semitones / 12), math.nan)


@styled
def waveform_and_maps(
    signal: np.ndarray, maps: Mapping[str, np.ndarray], *, title: str = ""
) -> Figure:
    """Draw an utterance's waveform and under it its maps, on one time axis.

    Parameters
    ----------
    signal
        The utterance.
    maps
        Kind (``"logmel"``, ``"stack"``) to the utterance's map.
    title
        What utterance it is.
    """
    fig, axes = canvas(1 + len(maps), 1, height=1.3 + 2.9 * len(maps), sharex=True,
                       height_ratios=[1, *[2.6] * len(maps)])  # fmt: skip
    _draw_waveform(axes[0], signal)
    axes[0].set_title(title)
    for axis, (kind, values) in zip(axes[1:], maps.items(), strict=True):
        _paint([axis], _scaled({"": _static(values)}, kind), kind)
    axes[-1].set_xlabel("time (s)")
    _cues(fig, {axis: kind for axis, kind in zip(axes[1:], maps, strict=True)})
    words = " ".join(f"{NAMES[kind]}: {_finding(_static(v), kind)}" for kind, v in maps.items())
    return Figure(
        fig,
        alt=f"{_loudest(signal)} {words}",
        name="features-one-utterance",
        caption="One utterance: the sound, and the two maps that are made of it.",
    )


@styled
def voice(signal: np.ndarray, *, emotion: str, number: int, title: str = "") -> Figure:
    """Draw an utterance's waveform, log-mel map and F0, on one time axis.

    The axis of F0 is logarithmic and the same in all figures.

    Parameters
    ----------
    signal
        The utterance.
    emotion, number
        What it shows, and which of the page's figures this is.
    title
        What utterance it is.
    """
    logmel, stack = (features.extract(signal, kind=kind) for kind in features.MAPS)
    fig, axes = canvas(3, 1, height=4.9, sharex=True, height_ratios=[1, 2.2, 1.3])
    _draw_waveform(axes[0], signal)
    axes[0].set_title(title, parse_math=False)
    _paint([axes[1]], {"": logmel}, "logmel")
    _name_rows(axes[1], "logmel", every=2)
    contour = f0(stack)
    axes[2].plot(np.arange(len(contour)) * FRAME_S, contour, color=ORANGE, linewidth=2,
                 marker="o", markersize=2.5)  # fmt: skip
    axes[2].set(yscale="log", ylim=_F0_LIMITS, ylabel="F0 (Hz)", xlabel="time (s)")
    axes[2].set_yticks(_F0_TICKS, [str(hz) for hz in _F0_TICKS])
    axes[2].yaxis.set_minor_formatter(NullFormatter())
    fig.align_ylabels()
    return Figure(
        fig,
        alt=f"{_loudest(signal)} {NAMES['logmel']}: {_finding(logmel, 'logmel')} "
        f"{_melody(contour)}",
        name=f"listen-emotion-{number}",
        caption=f"What {escape(emotion)} sounds like: waveform, log-mel map and F0 of one "
        "utterance.",
    )


def _draw_waveform(axis, signal: np.ndarray) -> None:
    edges = np.linspace(0, len(signal), min(_COLUMNS, len(signal)) + 1).astype(int)[:-1]
    axis.fill_between(
        edges / RATE, np.minimum.reduceat(signal, edges), np.maximum.reduceat(signal, edges),
        color=BLUE, linewidth=0.4,
    )  # fmt: skip
    axis.set(ylabel="amplitude", xlim=(0, len(signal) / RATE))


def _loudest(signal: np.ndarray) -> str:
    """How long a signal is and where it is largest, in a sentence."""
    peak = float(np.abs(signal).argmax()) / RATE
    return f"Waveform of {number(len(signal) / RATE)} s, largest at {number(peak)} s."


def _melody(contour: np.ndarray) -> str:
    """How F0 [frames] moves, in a sentence."""
    if np.isnan(contour).all():
        return "There is no F0: no frame is voiced."
    low, middle, high = np.nanpercentile(contour, [5, 50, 95])
    # What lies above may be a jump by an octave, an error of the tracker.
    when = float(np.nanargmax(np.where(contour <= high, contour, np.nan))) * FRAME_S
    return (
        f"F0 lies around {number(middle, 0)} Hz, mostly between {number(low, 0)} and "
        f"{number(high, 0)} Hz, and within that is highest {number(when)} s after the start."
    )


@styled
def feature_map(values: np.ndarray, *, kind: str, title: str = "") -> Figure:
    """Draw one feature map.

    Parameters
    ----------
    values
        The map.
    kind
        ``"logmel"`` or ``"stack"``.
    title
        What utterance it is.
    """
    static = _static(values)
    fig, axis = canvas(height=4.2)
    _paint([axis], _scaled({"": static}, kind), kind)
    axis.set(title=title, xlabel="time (s)")
    _cues(fig, {axis: kind})
    return Figure(
        fig,
        alt=f"{NAMES[kind]}. {_finding(static, kind)}",
        name=f"feature-map-{kind}",
        caption=f"{NAMES[kind]} of one utterance.",
    )


@styled
def feature_grid(maps: Mapping[str, np.ndarray], *, kind: str) -> Figure:
    """Draw one feature map per emotion, all on the same scales.

    Parameters
    ----------
    maps
        Emotion to the map of one utterance.
    kind
        ``"logmel"`` or ``"stack"``.
    """
    statics = {emotion: _static(values) for emotion, values in maps.items()}
    columns = min(len(maps), 3)
    rows = -(-len(maps) // columns)
    fig, axes = canvas(rows, columns, height=0.9 + 1.9 * rows, sharex=True, sharey=True,
                       squeeze=False)  # fmt: skip
    for axis in axes.flat[len(maps) :]:
        axis.set_axis_off()
    drawn = list(axes.flat[: len(maps)])
    _paint(drawn, _scaled(statics, kind), kind)
    for axis, emotion in zip(drawn, statics, strict=True):
        axis.set_title(emotion)
    drawn[0].set_xlim(-FRAME_S / 2, max(v.shape[1] for v in statics.values()) * FRAME_S)
    for axis in axes[-1]:
        axis.set_xlabel("time (s)")
    _cues(fig, dict.fromkeys(drawn, kind))
    return Figure(
        fig,
        alt=f"{NAMES[kind]} of one utterance per emotion. {_contrast(statics, kind)}",
        name=f"features-{kind}",
        caption=f"{NAMES[kind]} of one utterance of each emotion, on the same scales"
        f"{'' if kind == 'logmel' else '; every row is shown relative to its own range'}.",
    )


def _static(values: np.ndarray) -> np.ndarray:
    return values[..., 0] if values.ndim == 3 else values


def _scaled(statics: Mapping[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    """Values to draw: dB as they are, other rows in deviations over all frames of the figure."""
    if kind == "logmel":
        return dict(statics)
    frames = np.concatenate(list(statics.values()), axis=1)
    mean, deviation = frames.mean(axis=1), np.maximum(frames.std(axis=1), features.STD_FLOOR)
    return {
        name: (values - mean[:, np.newaxis]) / deviation[:, np.newaxis]
        for name, values in statics.items()
    }


def _paint(axes, panels: Mapping[str, np.ndarray], kind: str) -> None:
    """Draw maps into axes on one colour scale, with the scale."""
    if kind == "logmel":
        limits = [extreme([extreme(v) for v in panels.values()]) for extreme in (np.min, np.max)]
        colours, label = "magma", "level (dB)"
    else:
        limits = [-_DEVIATIONS, _DEVIATIONS]
        colours, label = "vlag", "deviations from the mean"
    for axis, values in zip(axes, panels.values(), strict=True):
        n_rows, frames = values.shape
        image = axis.imshow(
            values, aspect="auto", origin="lower", interpolation="none", cmap=colours,
            vmin=limits[0], vmax=limits[1],
            extent=(-FRAME_S / 2, (frames - 0.5) * FRAME_S, -0.5, n_rows - 0.5),
        )  # fmt: skip
        axis.grid(False)
        # Small panels have room for every other frequency only.
        _name_rows(axis, kind, every=1 if len(axes) == 1 else 2)
        if kind == "logmel" and axis.get_subplotspec().is_first_col():
            axis.set_ylabel("frequency (Hz)")
    scale = axes[0].figure.colorbar(image, ax=axes, label=label, pad=0.02, aspect=30)
    scale.outline.set_visible(False)


def _stripe(axis, kind: str) -> None:
    """Colour the cue of each row at the left edge of a map."""
    bottom = -0.5
    for cue, run in groupby(features.rows(kind), key=lambda row: row.cue):
        height = len(list(run))
        axis.add_patch(
            Rectangle(
                (-0.022, bottom),
                0.014,
                height,
                transform=axis.get_yaxis_transform(),
                facecolor=_CUES[cue],
                linewidth=0,
                clip_on=False,
            )
        )
        bottom += height


def _name_rows(axis, kind: str, *, every: int) -> None:
    if kind == "logmel":
        hertz = _HZ_TICKS[1 - every % 2 :: every]
        ticks = np.interp(hertz, _centres(), np.arange(features.ROWS))
        axis.set_yticks(ticks, [f"{hz:,}" for hz in hertz])
    else:
        groups = _row_groups(kind)
        axis.set_yticks([middle for _, middle in groups], [name for name, _ in groups])
    axis.tick_params(axis="y", length=0, pad=14 if every == 1 else 8, labelsize=8)


def _centres() -> list[float]:
    """Centre frequencies of the log-mel bands in Hz, as their names tell."""
    return [float(row.name.split("_")[1]) for row in features.rows("logmel")]


def _row_groups(kind: str) -> list[tuple[str, float]]:
    """Names of groups of rows, and the row in the middle of each.

    Rows whose names start alike are a group; groups of less than three rows share a label with
    the small ones beside them.
    """
    names = [row.name for row in features.rows(kind)]
    runs = [list(run) for _, run in groupby(names, key=lambda name: name.split("_")[0])]
    groups: list[tuple[str, float]] = []
    start = 0
    for small, together in groupby(runs, key=lambda run: len(run) < 3):
        together = list(together)
        labels = [run[0].replace("_", " ") if len(run) == 1 else run[0].split("_")[0]
                  for run in together]  # fmt: skip
        for part in [together] if small else [[run] for run in together]:
            size = sum(map(len, part))
            here = labels if small else [labels[together.index(part[0])]]
            name = ", ".join(here) if len(here) < 4 else f"{here[0]} to {here[-1]}"
            groups.append((_LABELS.get(name, name), start + (size - 1) / 2))
            start += size
    return groups


def _cues(fig, kinds: Mapping) -> None:
    """Colour the cue of each row of the axes' maps, and say which colour is which."""
    for axis, kind in kinds.items():
        _stripe(axis, kind)
    shown = {row.cue for kind in kinds.values() for row in features.rows(kind)}
    cues = [cue for cue in _CUES if cue in shown]
    handles = [Patch(alpha=0, label="rows that carry")]
    handles += [Patch(color=_CUES[cue], label=cue) for cue in cues]
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles), borderaxespad=0)


def _row(static: np.ndarray, kind: str, name: str) -> np.ndarray:
    return static[[row.name for row in features.rows(kind)].index(name)]


def _voiced_f0(static: np.ndarray) -> tuple[float, float]:
    """Median F0 of the voiced frames in Hz (nan without any), and the share of those frames."""
    contour = f0(static)
    voiced = contour[~np.isnan(contour)]
    return float(np.median(voiced)) if voiced.size else math.nan, voiced.size / contour.size


def _finding(static: np.ndarray, kind: str) -> str:
    """What the map of one utterance shows, in a sentence."""
    if kind == "logmel":
        band = round(_centres()[int(static.mean(axis=1).argmax())])
        loudest = float(static.mean(axis=0).argmax()) * FRAME_S
        return (
            f"The level is highest around {band:,} Hz on average, and {number(loudest)} s after "
            "the start."
        )
    middle, voiced = _voiced_f0(static)
    loudest = float(_row(static, kind, "rms").argmax()) * FRAME_S
    pitch = "" if math.isnan(middle) else f", with a median F0 of {number(middle, 0)} Hz"
    return (
        f"{percent(voiced)} of the frames are voiced{pitch}; the level is highest "
        f"{number(loudest)} s after the start."
    )


def _contrast(statics: Mapping[str, np.ndarray], kind: str) -> str:
    """What tells the utterances of a grid apart, in a sentence or two."""
    if kind == "logmel":
        high = np.array(_centres()) > _BRIGHT_HZ
        tilt = {name: float(v[high].mean() - v[~high].mean()) for name, v in statics.items()}
        return f"The level above {_BRIGHT_HZ:,} Hz, relative to that below, is {_ends(tilt, 'dB')}."
    pitch = {name: _voiced_f0(v)[0] for name, v in statics.items()}
    hertz = {name: middle for name, middle in pitch.items() if not math.isnan(middle)}
    level = {name: float(_row(v, kind, "rms").max()) for name, v in statics.items()}
    loudest = f"The level of the loudest frame is {_ends(level, 'dB')}."
    return f"The median F0 is {_ends(hertz, 'Hz')}. {loudest}" if hertz else loudest


def _ends(values: Mapping[str, float], unit: str) -> str:
    return extremes(values, digits=0, unit=unit, bold=False)
