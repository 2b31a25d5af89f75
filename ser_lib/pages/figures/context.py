"""Figures of a run next to published results, and of people; see `drawing`."""

import numpy as np

from ser_lib.pages.context import Context, name_of
from ser_lib.pages.figures.drawing import (
    Figure,
    canvas,
    legend_above,
    score_rows,
    styled,
    whisker,
)
from ser_lib.pages.figures.palette import BLUE, GREEN, ORANGE, PURPLE, SOFT
from ser_lib.pages.words import listing, number

_KINDS = {"": "comparable", "people": "people", "credible": "not credible"}


@styled
def published(page: Context) -> Figure | None:
    """The run and the published results of its corpus, the highest on top; None without any."""
    table = page.published[page.published["obstacle"] != "corpus"]
    if table.empty:
        return None
    rows = [(f"{page.run.title} (here)", {"this run": page.run.uar})]
    rows += [
        (f"{name_of(row)}: {row.protocol}", {_KINDS.get(row.obstacle, "another question"): v})
        for row, v in zip(table.itertuples(), table["value"].astype(float), strict=True)
    ]
    rows.sort(key=lambda row: -max(getattr(v, "value", v) for v in row[1].values()))
    listed = "; ".join(
        f"{name}, {kind}, {number(getattr(v, 'value', v))}"
        for name, of in rows
        for kind, v in of.items()
    )
    looks = {"this run": (BLUE, "o"), "comparable": (PURPLE, "^"), "another question": (SOFT, "v"),
             "not credible": (ORANGE, "x"), "people": (GREEN, "s")}  # fmt: skip
    return score_rows(
        rows,
        looks,
        chance=1 / len(page.run.emotions),
        alt=f"Points, from the highest down: {listed}.",
        name="context-published",
        caption="This run with its 95 % interval, and published results of its corpus (UAR, or "
        "accuracy where no UAR is stated).",
    )


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
