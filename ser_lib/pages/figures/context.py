"""Figures of people and a network on the same utterances; see `drawing`."""

import numpy as np

from ser_lib.pages.context import Context
from ser_lib.pages.figures.drawing import Figure, canvas, legend_above, styled, whisker
from ser_lib.pages.figures.palette import BLUE, ORANGE
from ser_lib.pages.words import listing, number


@styled
def people(page: Context) -> Figure | None:
    """Recognition of every emotion by people and by the network; None without listeners."""
    table = page.listening.table
    if table is None:
        return None
    x, width = np.arange(len(table)), 0.38
    fig, axis = canvas(height=3.6, grid="y")
    network = [recall.value for recall in table["network"]]
    sides = (("people", table["people"], ORANGE, -1, "//"), ("network", network, BLUE, 1, ""))
    for column, heights, colour, side, hatch in sides:
        axis.bar(x + side * width / 2, heights, width, label=column, color=colour,
                 hatch=hatch, edgecolor="white", linewidth=0)  # fmt: skip
    whisker(axis, x + width / 2, table["network"])
    axis.set_xticks(x, table.index)
    axis.set(ylim=(0, 1), ylabel="share recognised")
    legend_above(axis, 2)
    pairs = listing(
        f"{emotion} {number(row['people'])} and {number(row['network'].value)}"
        for emotion, row in table.iterrows()
    )
    return Figure(
        fig,
        alt=f"Bars of recognition by people and by the network: {pairs}. On average over the "
        f"emotions {number(page.listening.people)} and {number(page.listening.network.value)}.",
        name="context-people",
        caption="Recognition of each emotion by listeners and by the network, with the network's "
        "95 % intervals.",
    )
