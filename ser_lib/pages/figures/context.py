"""Figures that put a network beside people.

Conventions as in `drawing`.
"""

import numpy as np
import seaborn as sns

from ser_lib.pages.context import Listening
from ser_lib.pages.figures.drawing import BLUE, INK, ORANGE, Figure, canvas, legend_above, styled
from ser_lib.pages.tables import listing, number


@styled
def listening(heard: Listening) -> Figure:
    """Recognition of every emotion by people and by the network, with the network's intervals."""
    table = heard.table
    x, width = np.arange(len(table)), 0.38
    fig, axis = canvas(height=3.6)
    bars = (
        ("people", "people", ORANGE, -width / 2, "//"),
        ("network", "network", BLUE, width / 2, ""),
    )
    for column, label, colour, shift, hatch in bars:
        axis.bar(x + shift, table[column], width, label=label, color=colour, hatch=hatch,
                 edgecolor="white", linewidth=0)  # fmt: skip
    axis.vlines(x + width / 2, table["low"], table["high"], color="white", linewidth=4.5)
    axis.vlines(x + width / 2, table["low"], table["high"], color=INK, linewidth=1.6)
    axis.set_xticks(x, table.index)
    axis.set(ylim=(0, 1), ylabel="share recognised")
    axis.grid(False, axis="x")
    legend_above(axis, 2)
    sns.despine(fig, left=True)
    pairs = [
        f"{emotion} {number(row['people'])} and {number(row['network'])}"
        for emotion, row in table.iterrows()
    ]
    alt = (
        f"Bars of recognition by people and by the network: {listing(pairs)}. On average over the "
        f"emotions {number(heard.people)} and {number(heard.network)}."
    )
    return Figure(
        fig, alt, "Recognition by listeners and by the network, with the network's 95 % intervals."
    )
