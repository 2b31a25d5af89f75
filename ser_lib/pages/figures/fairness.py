"""Figures of fairness: whom a network serves."""

import numpy as np
import seaborn as sns

from ser_lib.pages.fairness import NAMES, SHOWN, Sexes, Speakers
from ser_lib.pages.figures.drawing import Figure, canvas, styled
from ser_lib.pages.figures.palette import BLUE, ORANGE, SOFT
from ser_lib.pages.words import capital, count, number

_LOOKS = {"female": (ORANGE, "o"), "male": (BLUE, "s"), "": (SOFT, "D")}


@styled
def speakers(speakers: Speakers, sexes: Sexes) -> Figure | None:
    """UAR of every speaker with its interval, and of each sex as a line; None without speakers."""
    table = speakers.table
    if table.empty:
        return None
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
        axis.axvline(group.uar.value, color=_LOOKS[sex][0], linestyle=dashes, linewidth=1.5,
                     label=f"{group.name}: {number(group.uar.value)}")  # fmt: skip
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
        alt += f" {capital(group.name)} together: {number(group.uar.value)}."
    return Figure(
        fig,
        alt=alt,
        name="fairness-speakers",
        caption="UAR of every tested speaker with its 95 % interval; lines: of women and of men.",
    )
