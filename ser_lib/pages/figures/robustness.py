"""Figures of robustness: UAR under changed conditions."""

import numpy as np

from ser_lib.features.perturb import KINDS
from ser_lib.pages.figures.drawing import Figure, canvas, styled
from ser_lib.pages.figures.palette import BLUE, INK, PALE, SOFT
from ser_lib.pages.robustness import Trial
from ser_lib.pages.words import capital, count, number

_COLUMNS = 4


@styled
def curves(trial: Trial) -> Figure:
    """UAR against strength, a panel for each kind of perturbation.

    The bars are the 95 % intervals of the change, drawn from the clean value.
    """
    rows = -(-len(KINDS) // _COLUMNS)
    fig, axes = canvas(rows, _COLUMNS, height=0.5 + 2.1 * rows, grid="y", sharey=True,
                       squeeze=False)  # fmt: skip
    clean, lowest = trial.clean.value, []
    for axis, (kind, about) in zip(axes.flat, KINDS.items(), strict=False):
        own = [c for c in trial.conditions if c.kind == kind]
        x = np.arange(len(own))
        axis.axhline(clean, color=INK, linestyle="--", linewidth=1.2, label="unchanged")
        axis.axhline(trial.chance, color=SOFT, linestyle=":", linewidth=1.2, label="chance")
        axis.vlines(
            x, *np.transpose([clean + np.array(c.change.interval) for c in own]),
            color=PALE, linewidth=5, label="95 % interval of the change",
        )  # fmt: skip
        axis.plot(x, [c.uar.value for c in own], color=BLUE, marker="o", linewidth=1.8,
                  label="changed")  # fmt: skip
        axis.set_xticks(x, [f"{c.strength:g}" for c in own])
        axis.set(title=capital(about.name), xlabel=about.unit, xlim=(-0.5, len(own) - 0.5))
        worst = min(own, key=lambda c: c.uar.value)
        lowest.append(f"{about.name} {number(worst.uar.value)} at {worst.strength:g} {about.unit}")
    for axis in axes.flat[len(KINDS) :]:
        axis.set_axis_off()
    axes.flat[0].set_ylim(0, 1)
    for row in axes:
        row[0].set_ylabel("UAR")
    fig.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return Figure(
        fig,
        alt=f"UAR under {count(len(KINDS), 'kind')} of perturbation, mild to severe from left to "
        f"right. Unchanged it is {number(clean)}, chance is {number(trial.chance)}. The lowest "
        f"values: {'; '.join(lowest)}.",
        name="robustness-curves",
        caption="UAR of changed utterances, mild to severe from left to right in each panel. "
        "A bar that misses the dashed line is a reliable change.",
    )
