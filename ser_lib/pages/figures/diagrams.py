"""Figures of what goes in: the corpus, the pipeline, and the blocks of a network.

Conventions as in `drawing`. Manifest tables have the columns of `corpora.manifest`.
"""

from collections.abc import Iterable, Mapping, Sequence

import seaborn as sns
from matplotlib.patches import FancyBboxPatch, Patch

from ser_lib.features import maps
from ser_lib.pages.figures.drawing import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    SOFT,
    Figure,
    canvas,
    styled,
)
from ser_lib.pages.tables import capital, count, number, percent, title

_KINDS = (  # part of a layer's type, what it is, its colour
    ("Conv", "convolution", BLUE),
    ("Norm", "normalisation", SOFT),
    ("Pool", "pooling", GREEN),
    ("Dropout", "dropout", PALE),
    ("LSTM", "recurrent", ORANGE),
    ("GRU", "recurrent", ORANGE),
    ("Dense", "dense", PURPLE),
)
_OTHER = ("reshaping", "#b09468")


@styled
def architecture_diagram(
    layers: Sequence[Mapping], *, title: str, input_shape: Sequence[int] | None = None
) -> Figure:
    """Block diagram of a network: its layers in groups, with output shapes and parameters.

    Parameters
    ----------
    layers
        As in a record: `layer`, `type`, `output_shape`, `parameters`.
    title
        The network's printed name.
    input_shape
        (rows, frames, channels) for a box before the first layer.
    """
    groups = _groups(layers)
    tallest = max(len(group) for _, group in groups)
    left = 0.0 if input_shape is None else 0.72
    gap, strip, width, margin = 0.24, 0.86, 1.0, 0.06
    middle = (tallest - 0.55) / 2
    fig, axis = canvas(height=0.75 + 0.62 * tallest)
    axis.set_axis_off()
    axis.set(
        xlim=(-left - margin, len(groups) * (width + gap) + 2 * margin),
        ylim=(tallest + 0.05, -0.65),
    )
    if input_shape is not None:
        top = middle - strip / 2
        _box(axis, -left, top, left, strip, "white", "input", _shape(input_shape), "")
    for i, (name, group) in enumerate(groups):
        x = gap + i * (width + gap)
        axis.add_patch(_rounded(x - margin, -0.6, width + 2 * margin, tallest + 0.6, "#f7f7f7"))
        if i or input_shape is not None:
            start = x - gap + (margin if i else 0)
            axis.annotate(
                "", (x - margin, middle), xytext=(start, middle),
                arrowprops={"arrowstyle": "-|>", "color": INK, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
        axis.text(x + width / 2, -0.3, name, ha="center", va="center", weight="bold", size=9.5)
        for j, layer in enumerate(group):
            words = layer["type"].replace("(", " ").replace(")", "")
            shape = layer["output_shape"].strip("()").rstrip(",").split(",")
            parameters = number(layer["parameters"]) if layer["parameters"] else ""
            _box(axis, x, j, width, strip, _tint(layer["type"]), words, _shape(shape), parameters)
    used = {_kind(layer["type"])[0]: _tint(layer["type"]) for layer in layers}
    handles = [Patch(facecolor=colour, edgecolor=PALE, label=name) for name, colour in used.items()]
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8)
    total = sum(layer["parameters"] for layer in layers)
    sizes = {name: sum(layer["parameters"] for layer in group) for name, group in groups}
    largest = max(sizes, key=sizes.__getitem__)
    steps = "; ".join(
        f"{capital(name)}: {', '.join(layer['type'] for layer in group)}" for name, group in groups
    )
    return Figure(
        fig,
        f"Block diagram of the {title}, {count(len(layers), 'layer')} and {number(total)} "
        f"parameters. {steps}. {capital(largest)} holds {percent(sizes[largest] / total)} of the "
        "parameters.",
        f"The {title}: under each layer its output shape (left) and its parameters (right).",
    )


def _groups(layers: Sequence[Mapping]) -> list[tuple[str, list[Mapping]]]:
    """Convolution blocks, the sequence part of a recurrent network, and the classifier."""
    recurrent = any(_kind(layer["type"])[0] == "recurrent" for layer in layers)
    groups: list[tuple[str, list[Mapping]]] = []
    stage, blocks = "", 0
    for layer in layers:
        kind = _kind(layer["type"])[0]
        if kind == "convolution":
            stage, blocks = "block", blocks + 1
            groups.append((f"block {blocks}", []))
        elif kind in ("recurrent", "reshaping", "dense"):
            wanted = "sequence" if recurrent and kind != "dense" else "classifier"
            if stage != wanted:
                stage = wanted
                groups.append((wanted, []))
        elif not groups:
            groups.append(("input", []))
        groups[-1][1].append(layer)
    return groups


def _kind(layer_type: str) -> tuple[str, str]:
    return next(((kind, colour) for part, kind, colour in _KINDS if part in layer_type), _OTHER)


def _tint(layer_type: str) -> tuple:
    kind, colour = _kind(layer_type)
    return sns.light_palette(colour, 10)[1 if kind == "dropout" else 3]


def _shape(sizes: Iterable) -> str:
    return "\N{MULTIPLICATION SIGN}".join(f"{int(size):,}" for size in sizes)


def _rounded(x, y, width, height, colour) -> FancyBboxPatch:
    return FancyBboxPatch(
        (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.05", mutation_aspect=1.6,
        facecolor=colour, edgecolor=PALE,
    )  # fmt: skip


def _box(axis, x, y, width, height, colour, name, shape, parameters) -> None:
    """Three lines: beside each other, a long shape and a large number would touch."""
    axis.add_patch(_rounded(x, y, width, height, colour))
    lines = [(name, "left"), (shape, "left")] + [(parameters, "right")] * bool(parameters)
    for i, (text, side) in enumerate(lines):
        place = x + 0.04 if side == "left" else x + width - 0.04
        line = y + height * (0.5 + 0.27 * (i - (len(lines) - 1) / 2))
        axis.text(place, line, text, va="center", ha=side, size=7.5)


@styled
def pipeline_diagram(records: Sequence) -> Figure:
    """The way from recordings to scores, with the sizes of a report at each station.

    Parameters
    ----------
    records
        A run of each network on the same corpus and split.
    """
    data = records[0].data
    corpus, channels = data["corpus"], sorted({r.data["parameters"]["channels"] for r in records})
    stations = {
        "Recordings": [
            count(corpus["utterances"], "utterance"),
            count(corpus["speakers"], "speaker"),
            count(len(corpus["emotions"]), "emotion"),
        ],
        "Feature maps": [
            f"{maps.ROWS} rows",
            f"{maps.FRAMES} frames",
            f"{' or '.join(map(str, channels))} {'channel' if channels == [1] else 'channels'}",
        ],
        "Split": [count(len(data["folds"]), "fold"), "training,", "validation, test"],
        "Networks": [title(record.data["architecture"]) for record in records],
        "Scores": [count(len(records[0].predictions), "answer"), "per network,", "with intervals"],
    }
    width, gap, line = 1.0, 0.22, 0.2
    tallest = max(map(len, stations.values()))
    height = 0.42 + line * tallest
    fig, axis = canvas(height=0.35 + 1.15 * height)
    axis.set_axis_off()
    axis.set(xlim=(-0.03, len(stations) * (width + gap) - gap + 0.03), ylim=(height + 0.03, -0.03))
    colours = (PALE, GREEN, SOFT, BLUE, ORANGE)
    for i, ((name, lines), colour) in enumerate(zip(stations.items(), colours, strict=True)):
        x = i * (width + gap)
        axis.add_patch(_rounded(x, 0, width, height, sns.light_palette(colour, 10)[2]))
        axis.text(x + width / 2, 0.2, name, ha="center", va="center", weight="bold", size=10.5)
        for j, text in enumerate(lines):
            axis.text(x + width / 2, 0.44 + line * j, text, ha="center", va="center", size=9.5)
        if i:
            axis.annotate(
                "", (x, height / 2), xytext=(x - gap, height / 2),
                arrowprops={"arrowstyle": "-|>", "color": INK, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
    told = "; ".join(
        f"{name}: {', '.join(text.rstrip(',') for text in lines)}"
        for name, lines in stations.items()
    )
    return Figure(
        fig,
        f"Five stations from left to right, each with an arrow to the next one. {told}.",
        "From recordings to scores.",
    )
