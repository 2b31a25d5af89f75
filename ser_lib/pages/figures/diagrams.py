"""The diagram of a network; see `drawing`."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import seaborn as sns
from matplotlib.patches import Patch

from ser_lib.experiments.run import Run
from ser_lib.features import maps
from ser_lib.pages.figures.drawing import Figure, canvas, style
from ser_lib.pages.figures.network import figure_name
from ser_lib.pages.figures.palette import BLUE, GREEN, ORANGE, PALE, PURPLE, SOFT
from ser_lib.pages.words import capital, count, number, percent

_KINDS = (  # part of a layer's type, what it is, its colour
    ("Conv", "convolution", BLUE),
    ("Norm", "normalisation", SOFT),
    ("Pool", "pooling", GREEN),
    ("Dropout", "dropout", PALE),
    ("LSTM", "recurrent", ORANGE),
    ("GRU", "recurrent", ORANGE),
    ("Dense", "dense", PURPLE),
    ("", "reshaping", "#b09468"),
)


@style()
def architecture(run: Run, *, page: str | None = None) -> Figure:
    """Layers of a network in blocks, from left to right, with output shapes and parameters."""
    layers, blocks = run.record.layers, _blocks(run.record.layers)
    rows = list(zip_longest(*blocks.values()))
    fig, axis = canvas(height=0.9 + 0.62 * len(rows))
    axis.set_axis_off()
    table = axis.table(
        cellText=[[_words(layer) if layer else "" for layer in row] for row in rows],
        cellColours=[[_colour(layer) for layer in row] for row in rows],
        colLabels=list(blocks), cellLoc="center", bbox=(0, 0, 1, 1),
    )  # fmt: skip
    table.auto_set_font_size(False)
    table.set_fontsize(7.5)
    for (row, _), cell in table.get_celld().items():
        cell.set(edgecolor="white", linewidth=3)
        if row == 0:
            cell.set(height=0.5 * cell.get_height())
            cell.get_text().set(weight="bold", size=9.5)
    kinds = {_kind(layer): _colour(layer) for layer in layers}
    handles = [Patch(facecolor=colour, label=kind) for (kind, _), colour in kinds.items()]
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8)
    sizes = {name: sum(layer["parameters"] for layer in own) for name, own in blocks.items()}
    largest, total = max(sizes, key=sizes.__getitem__), sum(sizes.values())
    steps = "; ".join(
        f"{capital(name)}: {', '.join(layer['type'] for layer in own)}"
        for name, own in blocks.items()
    )
    return Figure(
        fig,
        alt=f"Blocks of the {run.title}, {count(len(layers), 'layer')} and {number(total)} "
        f"parameters. {steps}. {capital(largest)} holds {percent(sizes[largest] / total)} of the "
        "parameters.",
        name=figure_name(run, page, "blocks"),
        caption=f"The {run.title}, which reads {maps.ROWS} rows, {maps.FRAMES} frames and "
        f"{count(run.record.parameters['channels'], 'channel')}: each layer with its output shape "
        "and its parameters.",
    )


def _blocks(layers: Sequence[Mapping]) -> dict[str, list[Mapping]]:
    """Convolution blocks, the sequence part of a recurrent network, and the classifier."""
    recurrent = any(_kind(layer)[0] == "recurrent" for layer in layers)
    blocks: dict[str, list[Mapping]] = {}
    name, n = "input", 0
    for layer in layers:
        kind, _ = _kind(layer)
        if kind == "convolution":
            n += 1
            name = f"block {n}"
        elif kind in ("recurrent", "reshaping", "dense"):
            name = "sequence" if recurrent and kind != "dense" else "classifier"
        blocks.setdefault(name, []).append(layer)
    return blocks


def _kind(layer: Mapping) -> tuple[str, str]:
    return next((kind, colour) for part, kind, colour in _KINDS if part in layer["type"])


def _colour(layer: Mapping | None) -> tuple | str:
    return sns.light_palette(_kind(layer)[1], 10)[3] if layer else "white"


def _words(layer: Mapping) -> str:
    name = layer["type"].replace("(", " ").replace(")", "")
    shape = layer["output_shape"].strip("(,)").replace(", ", "\N{MULTIPLICATION SIGN}")
    parameters = f"\n{number(layer['parameters'])}" if layer["parameters"] else ""
    return f"{name}\n{shape}{parameters}"
