"""The figure of speed: how many times as fast as a rival, how many times the cost of a limit.

Conventions as in `drawing`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns

from ser_lib.pages.figures.drawing import (
    BLUE,
    INK,
    ORANGE,
    RED,
    Figure,
    canvas,
    legend_above,
    styled,
)
from ser_lib.pages.speed import aim, rows, significant
from ser_lib.pages.tables import capital, count, listing


def compared(results: Mapping | None) -> list[dict]:
    """Return the rows that can be drawn: those with a ratio."""
    return [row for row in rows(results) if row["ratio"] is not None]


@styled
def ratios(found: Sequence[Mapping]) -> Figure:
    """Draw the ratio of every row, with a mark at its target.

    Parameters
    ----------
    found
        One row or more of `compared`.
    """
    fig, axis = canvas(height=1.2 + 0.36 * len(found))
    kinds = (
        ("rival", "times as fast as the rival", BLUE, "o"),
        ("limit", "times the cost of the limit", ORANGE, "D"),
    )
    for against, label, colour, marker in kinds:
        places = [y for y, row in enumerate(found) if against_of(row) == against]
        if places:
            axis.plot(
                [found[y]["ratio"] for y in places], places, linestyle="", marker=marker,
                color=colour, markersize=8, label=label,
            )  # fmt: skip
    aimed = [y for y, row in enumerate(found) if row["target"]]
    if aimed:
        axis.vlines(
            [aim(found[y]) for y in aimed], np.array(aimed) - 0.36, np.array(aimed) + 0.36,
            color=INK, linewidth=2, label="target",
        )  # fmt: skip
    missed = [y for y in aimed if not found[y]["met"]]
    if missed:
        axis.plot(
            [found[y]["ratio"] for y in missed], missed, linestyle="", marker="x", color=RED,
            markersize=13, markeredgewidth=2, label="target missed",
        )  # fmt: skip
    axis.axvline(1, color=INK, linestyle="--", linewidth=1.2)
    axis.set_yticks(range(len(found)), [_label(row) for row in found])
    axis.set(xscale="log", xlabel="ratio of the medians", ylabel="", ylim=(len(found) - 0.4, -0.6))
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if _near(tick, found)]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.grid(False, axis="y")
    legend_above(axis, 2)  # names of rows leave the axis narrow
    sns.despine(fig, left=True)
    caption = (
        "How many times as fast as its rival, or how many times as costly as the limit, each "
        "piece of work is; bars: targets; dashed: equal."
    )
    return Figure(fig, _words(found), caption)


def against_of(row: Mapping) -> str:
    """Return what the ratio of a row is against: "rival" or "limit"."""
    if row["target"]:
        return row["target"]["against"]
    return "rival" if row["rival"] is not None else "limit"


def _label(row: Mapping) -> str:
    return capital(f"{row['group']}: {row['name']}")


def _near(tick: float, found: Sequence[Mapping]) -> bool:
    values = [row["ratio"] for row in found] + [aim(row) for row in found if row["target"]]
    return min(*values, 1) / 2 <= tick <= max(*values, 1) * 2


def _words(found: Sequence[Mapping]) -> str:
    """Say what the figure shows: every ratio, and whether its target is met."""
    said = []
    for row in found:
        kind = "as fast as the rival" if against_of(row) == "rival" else "the cost of the limit"
        words = f"{row['group']}, {row['name']}: {significant(row['ratio'])} times {kind}"
        if row["target"]:
            words += f" (target {aim(row):g}, {'met' if row['met'] else 'missed'})"
        said.append(words)
    missed = [_label(row) for row in found if row["met"] is False]
    end = f"Missed: {listing(missed)}." if missed else "No target of these is missed."
    return f"Points of {count(len(found), 'ratio')}. {'; '.join(said)}. {end}"
