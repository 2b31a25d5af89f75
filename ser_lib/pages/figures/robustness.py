"""Figures of robustness: UAR under changed conditions."""

from collections.abc import Sequence

import numpy as np

from ser_lib.features.perturb import KINDS
from ser_lib.pages.figures.drawing import Figure, canvas, style
from ser_lib.pages.figures.palette import BLUE, ORANGE, SOFT
from ser_lib.pages.robustness import Trial
from ser_lib.pages.words import capital, count, number

_COLUMNS = 4


@style()
def curves(trials: Sequence[Trial]) -> Figure:
    """UAR of one method or two against strength, a panel for each kind of perturbation.

    The bars are the 95 % intervals of the change, drawn from the clean value.
    """
    rows, chance = -(-len(KINDS) // _COLUMNS), 1 / len(trials[0].run.emotions)
    fig, axes = canvas(rows, _COLUMNS, height=0.5 + 2.1 * rows, grid="y", sharey=True,
                       squeeze=False)  # fmt: skip
    for axis, (kind, about) in zip(axes.flat, KINDS.items(), strict=False):
        axis.axhline(chance, color=SOFT, linestyle=":", linewidth=1.2, label="chance")
        for shift, trial, colour in zip((0, 0.15), trials, (BLUE, ORANGE), strict=False):
            own = [c for c in trial.conditions if c.kind == kind]
            clean, x = trial.clean.value, np.arange(len(own)) + shift
            axis.axhline(clean, color=colour, linestyle="--", linewidth=1.2)
            axis.vlines(
                x, *np.transpose([clean + np.array(c.change.interval) for c in own]),
                color=colour, alpha=0.3, linewidth=5,
            )  # fmt: skip
            axis.plot(x, [c.uar.value for c in own], color=colour, marker="o", linewidth=1.8,
                      label=trial.run.title)  # fmt: skip
        axis.set_xticks(range(len(own)), [f"{c.strength:g}" for c in own])
        axis.set(title=capital(about.name), xlabel=about.unit, xlim=(-0.5, len(own) - 0.5))
    for axis in axes.flat[len(KINDS) :]:
        axis.set_axis_off()
    axes.flat[0].set_ylim(0, 1)
    for row in axes:
        row[0].set_ylabel("UAR")
    fig.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    worst = (
        f"{trial.run.title} unchanged {number(trial.clean.value)}, at worst "
        f"{number(trial.worst.uar.value)} with {trial.worst}"
        for trial in trials
    )
    return Figure(
        fig,
        alt=f"UAR under {count(len(KINDS), 'kind')} of perturbation, mild to severe from left to "
        f"right: {'; '.join(worst)}. Guessing has {number(chance)}.",
        name="robustness-curves",
        caption="UAR of changed utterances, from mild (left) to severe. A change is reliable where "
        "its bar, the 95 % interval, misses the dashed line of its colour.",
    )
