"""Reliability before and after scaling, accuracy against coverage; see `drawing`."""

import numpy as np
from matplotlib.ticker import PercentFormatter

from ser_lib.metrics import calibration
from ser_lib.pages.calibration import Calibration
from ser_lib.pages.figures.drawing import Figure, canvas, legend_above, style
from ser_lib.pages.figures.palette import BLUE, INK, ORANGE, PALE, SOFT
from ser_lib.pages.words import count, number, percent


@style()
def reliability(page: Calibration) -> Figure:
    """Accuracy against confidence, with how many answers have it, before and after scaling."""
    fig, axes = canvas(2, 2, height=4.6, sharex=True, sharey="row", height_ratios=[3, 1])
    words = []
    both = (
        ("as trained", page.run.probabilities, page.before),
        ("after scaling", page.scaled, page.after),
    )
    for column, (name, probabilities, quality) in zip(axes.T, both, strict=True):
        table = calibration.reliability(page.truth, probabilities, page.run.emotions)
        error = quality.scores["ece"].value
        filled = table[table["n"] > 0]
        middle, width = (filled["low"] + filled["high"]) / 2, filled["high"] - filled["low"]
        above, below = column
        above.bar(middle, filled["accuracy"], width, color=BLUE, edgecolor="white")
        above.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1.2)
        above.plot(
            filled["confidence"], filled["accuracy"], color=ORANGE, marker="D", markersize=5,
            linestyle="none", markeredgecolor="white", clip_on=False,
        )  # fmt: skip
        above.set(title=f"{name}: error {number(error)}", xlim=(0, 1), ylim=(0, 1))
        below.bar(middle, filled["n"], width, color=SOFT, edgecolor="white")
        below.set(xlabel="probability of the answer")
        words.append(f"{name.capitalize()}: expected error {number(error)}.")
    axes[0, 0].set_ylabel("accuracy")
    axes[1, 0].set_ylabel("utterances")
    return Figure(
        fig,
        alt=f"Reliability diagrams of {count(len(page.truth), 'answer')}. {' '.join(words)}",
        name="calibration-reliability",
        caption=f"Accuracy of the {page.run.title}'s predictions by their probability (bars; "
        "diamonds at the mean probability); dashed: equal. Below: number of predictions.",
    )


@style()
def coverage(page: Calibration) -> Figure:
    """Accuracy of the most confident share of the answers, with its 95 % interval."""
    table = page.curve(np.linspace(0.05, 1, 39))
    overall = float(table["accuracy"].iloc[-1])
    fig, axis = canvas(height=3.4)
    axis.fill_between(table["coverage"], table["low"], table["high"], color=PALE, alpha=0.6,
                      linewidth=0, label="95 % interval")  # fmt: skip
    axis.plot(table["coverage"], table["accuracy"], color=BLUE, linewidth=2, label="the network")
    axis.axhline(overall, color=INK, linestyle="--", linewidth=1.2, label=f"all: {number(overall)}")
    axis.set(xlabel="share of the utterances that are answered", ylabel="accuracy", xlim=(0, 1),
             ylim=(min(0.95 * table["low"].min(), overall), 1.02))  # fmt: skip
    axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    legend_above(axis, 3)
    shown = "; ".join(
        f"{percent(row['coverage'])} answered, accuracy {number(row['accuracy'])}"
        for _, row in page.curve((0.25, 0.5, 0.75, 1.0)).iterrows()
    )
    return Figure(
        fig,
        alt=f"Accuracy against the share of utterances that are answered: {shown}.",
        name="calibration-coverage",
        caption=f"Accuracy of the {page.run.title} by coverage, the most confident first.",
    )
