"""How many times as fast as a rival, or as costly as a limit; see `drawing`."""

from collections.abc import Mapping, Sequence

import numpy as np

from ser_lib.pages.figures.drawing import Figure, canvas, legend_above, styled
from ser_lib.pages.figures.palette import BLUE, INK, ORANGE, RED
from ser_lib.pages.speed import aim, significant
from ser_lib.pages.words import capital, count, listing


@styled
def ratios(rows: Sequence[Mapping]) -> Figure | None:
    """Draw the ratio of every row that has one, with a mark at its target; None without any."""
    rows = [row for row in rows if row["ratio"] is not None]
    if not rows:
        return None
    fig, axis = canvas(height=1.2 + 0.36 * len(rows), grid="x")
    kinds = (
        ("rival", "times as fast as the rival", BLUE, "o"),
        ("limit", "times the cost of the limit", ORANGE, "D"),
    )
    for against, label, colour, marker in kinds:
        places = [y for y, row in enumerate(rows) if _against(row) == against]
        if places:
            axis.plot(
                [rows[y]["ratio"] for y in places], places, linestyle="", marker=marker,
                color=colour, markersize=8, label=label,
            )  # fmt: skip
    aimed = [y for y, row in enumerate(rows) if row["target"]]
    if aimed:
        axis.vlines(
            [aim(rows[y]) for y in aimed], np.array(aimed) - 0.36, np.array(aimed) + 0.36,
            color=INK, linewidth=2, label="target",
        )  # fmt: skip
    missed = [y for y in aimed if not rows[y]["met"]]
    if missed:
        axis.plot(
            [rows[y]["ratio"] for y in missed], missed, linestyle="", marker="x", color=RED,
            markersize=13, markeredgewidth=2, label="target missed",
        )  # fmt: skip
    axis.axvline(1, color=INK, linestyle="--", linewidth=1.2)
    axis.set_yticks(range(len(rows)), [capital(f"{row['group']}: {row['name']}") for row in rows])
    axis.set(xscale="log", xlabel="ratio of the medians", ylabel="", ylim=(len(rows) - 0.4, -0.6))
    marks = [1, *(row["ratio"] for row in rows), *(aim(rows[y]) for y in aimed)]
    ticks = np.array([0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100])
    ticks = ticks[(min(marks) / 2 <= ticks) & (ticks <= 2 * max(marks))]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    legend_above(axis, 2)  # names of rows leave the axis narrow
    return Figure(
        fig,
        alt=_words(rows),
        name="speed-ratios",
        caption="Speed relative to the rival, or cost relative to the limit; bars: targets; "
        "dashed: equal.",
    )


def _against(row: Mapping) -> str:
    if row["target"]:
        return row["target"]["against"]
    return "rival" if row["rival"] is not None else "limit"


def _words(rows: Sequence[Mapping]) -> str:
    """Say what the figure shows: every ratio, and whether its target is met."""
    words = []
    for row in rows:
        kind = "as fast as the rival" if _against(row) == "rival" else "the cost of the limit"
        text = f"{row['group']}, {row['name']}: {significant(row['ratio'])} times {kind}"
        if row["target"]:
            text += f" (target {aim(row):g}, {'met' if row['met'] else 'missed'})"
        words.append(text)
    missed = [f"{row['group']}: {row['name']}" for row in rows if row["met"] is False]
    end = f"Missed: {listing(map(capital, missed))}." if missed else "No target of these is missed."
    return f"Points of {count(len(rows), 'ratio')}. {'; '.join(words)}. {end}"
