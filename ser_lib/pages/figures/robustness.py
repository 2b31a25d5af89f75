"""Figures of fairness and robustness: whom a network serves, and under what conditions.

Conventions as in `drawing`.
"""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D

from ser_lib.features.perturb import KINDS
from ser_lib.pages.fairness import NAMES, SHOWN, Sexes
from ser_lib.pages.figures.drawing import BLUE, INK, ORANGE, PALE, SOFT, Figure, canvas, styled
from ser_lib.pages.robustness import Trial
from ser_lib.pages.tables import capital, count, number

_COLUMNS = 4
_LOOKS = {"female": (ORANGE, "o"), "male": (BLUE, "s"), "": (SOFT, "D")}


@styled
def curves(found: Trial) -> Figure:
    """UAR against strength, a panel for each kind of perturbation.

    The bars are the 95 % intervals of the change, drawn from the clean value, so a bar that does
    not reach the dashed line is a change that the data can tell.
    """
    rows = -(-len(KINDS) // _COLUMNS)
    fig, axes = canvas(rows, _COLUMNS, height=0.5 + 2.1 * rows, sharey=True, squeeze=False)
    chance, told = 1 / len(found.record.emotions), []
    for axis, (kind, about) in zip(axes.flat, KINDS.items(), strict=False):
        own = [c for c in found.conditions if c.kind == kind]
        x = np.arange(len(own))
        axis.axhline(found.clean, color=INK, linestyle="--", linewidth=1.2)
        axis.axhline(chance, color=SOFT, linestyle=":", linewidth=1.2)
        axis.vlines(
            x, *np.transpose([found.clean + np.array(c.change.interval) for c in own]),
            color=PALE, linewidth=5,
        )  # fmt: skip
        axis.plot(x, [c.uar for c in own], color=BLUE, marker="o", linewidth=1.8)
        axis.set_xticks(x, [f"{c.strength:g}" for c in own])
        axis.set(title=capital(about.name), xlabel=about.unit, xlim=(-0.5, len(own) - 0.5))
        axis.grid(False, axis="x")
        worst = min(own, key=lambda c: c.uar)
        told.append(f"{about.name} {number(worst.uar)} at {worst.strength:g} {about.unit}")
    for axis in axes.flat[len(KINDS) :]:
        axis.set_axis_off()
    axes.flat[0].set_ylim(0, 1)
    for row in axes:
        row[0].set_ylabel("UAR")
    lines = (
        (BLUE, "-", "o", "changed"),
        (INK, "--", "", "unchanged"),
        (SOFT, ":", "", "chance"),
        (PALE, "-", "", "95 % interval of the change"),
    )
    handles = [
        Line2D([], [], color=c, linestyle=s, marker=m, label=text, linewidth=5 if c == PALE else 2)
        for c, s, m, text in lines
    ]
    fig.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    sns.despine(fig)
    alt = (
        f"UAR under {count(len(KINDS), 'kind')} of perturbation, mild to severe from left to "
        f"right. Unchanged it is {number(found.clean)}, chance is {number(chance)}. The lowest "
        f"values: {'; '.join(told)}."
    )
    return Figure(fig, alt, "UAR of changed utterances, mild to severe from left to right.")


@styled
def speakers(table: pd.DataFrame, sexes: Sexes) -> Figure:
    """UAR of every speaker with its interval, and the mean of each sex as a band.

    Parameters
    ----------
    table
        From `fairness.by_speaker`.
    sexes
        From `fairness.by_sex`; without groups no line is drawn.
    """
    named = len(table) <= SHOWN
    fig, axis = canvas(height=1.5 + (0.29 if named else 0.08) * len(table))
    y = np.arange(len(table))
    for sex, (colour, marker) in _LOOKS.items():
        own = (table["sex"] == sex).to_numpy()
        if not own.any():
            continue
        part = table[own]
        axis.hlines(y[own], part["low"], part["high"], color=colour, linewidth=2, alpha=0.55)
        axis.scatter(part["uar"], y[own], s=48, color=colour, marker=marker, zorder=3,
                     label={"": "speakers"}.get(sex, NAMES.get(sex)))  # fmt: skip
    for group, dashes in zip(sexes.groups, ("--", "-."), strict=False):
        sex = next(sex for sex, name in NAMES.items() if name == group.name)
        axis.axvline(group.uar, color=_LOOKS[sex][0], linestyle=dashes, linewidth=1.5,
                     label=f"{group.name}: {number(group.uar)}")  # fmt: skip
    axis.set(xlabel="UAR", ylabel="speaker", xlim=(0, 1), ylim=(len(table) - 0.4, -0.6))
    axis.set_yticks(y if named else [], table["speaker"] if named else [])
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4)
    sns.despine(fig, left=True)
    best, last = table.iloc[0], table.iloc[-1]
    alt = (
        f"UAR of {count(len(table), 'speaker')} with 95 % intervals, from {number(best['uar'])} "
        f"(speaker {best['speaker']}) down to {number(last['uar'])} (speaker {last['speaker']})."
    )
    for group in sexes.groups:
        alt += f" {capital(group.name)} together: {number(group.uar)}."
    return Figure(fig, alt, "UAR of every tested speaker, with 95 % intervals over utterances.")
