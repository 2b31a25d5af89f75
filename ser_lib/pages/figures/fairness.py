"""Figures of fairness: whom a network serves."""

from ser_lib.experiments.run import Run
from ser_lib.pages.fairness import NAMES, SHOWN, by_sex, speaker_scores
from ser_lib.pages.figures.drawing import Figure, canvas, legend_above, style
from ser_lib.pages.figures.network import figure_name
from ser_lib.pages.figures.palette import BLUE, ORANGE, SOFT
from ser_lib.pages.words import capital, count, number

_LOOKS = {"female": (ORANGE, "o", "--"), "male": (BLUE, "s", "-."), "": (SOFT, "D", "")}


@style()
def speakers(run: Run, *, page: str | None = None) -> Figure | None:
    """UAR of every speaker with its interval, and of each sex as a line; None without speakers."""
    table, groups = speaker_scores(run), by_sex(run).groups
    if table.empty:
        return None
    named = len(table) <= SHOWN
    fig, axis = canvas(height=1.5 + (0.29 if named else 0.08) * len(table))
    for sex, part in table.groupby("sex"):
        colour, marker, _ = _LOOKS[sex]
        axis.hlines(part.index, part["low"], part["high"], color=colour, linewidth=2, alpha=0.55)
        axis.scatter(part["uar"], part.index, s=48, color=colour, marker=marker, zorder=3,
                     label=NAMES.get(sex, "speakers"))  # fmt: skip
    for group, (colour, _, dashes) in zip(groups, _LOOKS.values(), strict=False):
        axis.axvline(group.uar.value, color=colour, linestyle=dashes, linewidth=1.5,
                     label=f"{group.name}: {number(group.uar.value)}")  # fmt: skip
    axis.set(xlabel="UAR", ylabel="speaker", xlim=(0, 1), ylim=(len(table) - 0.4, -0.6))
    axis.set_yticks(table.index if named else [], table["speaker"] if named else [])
    legend_above(axis, 4)
    best, last = table.iloc[0], table.iloc[-1]
    means = (f" {capital(one.name)} together: {number(one.uar.value)}." for one in groups)
    return Figure(
        fig,
        alt=f"UAR of {count(len(table), 'speaker')} with 95 % intervals, from "
        f"{number(best['uar'])} (speaker {best['speaker']}) down to {number(last['uar'])} (speaker "
        f"{last['speaker']}).{''.join(means)}",
        name=figure_name(run, page, "speakers"),
        caption="UAR of every test speaker with its 95 % interval; lines: women and men.",
    )
