"""Figures of a corpus, from the table of its manifest; see `drawing`."""

import pandas as pd
import seaborn as sns

from ser_lib.pages.data import WINDOW_S
from ser_lib.pages.figures.drawing import Figure, canvas, legend_above, styled
from ser_lib.pages.figures.palette import BLUE, INK, ORANGE, RED, SOFT
from ser_lib.pages.words import count, extremes, listing, number


@styled
def emotion_counts(table: pd.DataFrame) -> Figure:
    """Utterances of every emotion, by the speaker's sex."""
    emotions = sorted(table["emotion"].unique())
    sexes = {"female": "women", "male": "men", "": "unknown sex"}
    present = [sex for sex in sexes if (table["sex"] == sex).any()]
    fig, axis = canvas(height=3.2, grid="y")
    colours = {"female": ORANGE, "male": BLUE, "": SOFT}
    sns.countplot(
        table, x="emotion", hue="sex", order=emotions, hue_order=present, ax=axis, saturation=1,
        palette=[colours[sex] for sex in present], legend=False,
    )  # fmt: skip
    for bars, sex in zip(axis.containers, present, strict=True):
        axis.bar_label(bars, padding=2, fontsize=8.5)
        bars.set_label(sexes[sex])
    axis.set(xlabel="", ylabel="utterances")
    axis.margins(y=0.12)
    legend_above(axis, len(present))
    by_sex = listing(f"{(table['sex'] == sex).sum():,} of {sexes[sex]}" for sex in present)
    counts = table["emotion"].value_counts().sort_index()
    return Figure(
        fig,
        alt=f"Bars by emotion and sex: {count(len(table), 'utterance')} of "
        f"{count(len(emotions), 'emotion')}, {by_sex}. The number is "
        f"{extremes(counts, digits=0, bold=False)}.",
        name="data-emotions",
        caption="Utterances of each emotion, by the sex of the speaker.",
    )


@styled
def durations(table: pd.DataFrame) -> Figure:
    """How long the utterances of every emotion are, and what a network sees at a time."""
    emotions = sorted(table["emotion"].unique())
    fig, axis = canvas(height=1.2 + 0.36 * len(emotions))
    sns.boxplot(
        table, x="duration_s", y="emotion", order=emotions, ax=axis, whis=(0, 100), width=0.6,
        color=sns.light_palette(BLUE, 10)[4], linecolor=INK, linewidth=1.1,
    )  # fmt: skip
    axis.axvline(WINDOW_S, color=RED, linestyle="--", linewidth=1.4)
    axis.annotate(
        f"seen at a time: {number(WINDOW_S, 1)} s", (WINDOW_S, 1),
        xycoords=("data", "axes fraction"), xytext=(0, 4), textcoords="offset points",
        ha="center", color=RED,
    )  # fmt: skip
    axis.set(
        xlabel="duration (s)", ylabel="", xlim=(0, max(table["duration_s"].max(), WINDOW_S) * 1.03)
    )
    medians = table.groupby("emotion")["duration_s"].median()
    return Figure(
        fig,
        alt=f"Durations from {number(table['duration_s'].min(), 1)} to "
        f"{number(table['duration_s'].max(), 1)} s; the median is "
        f"{extremes(medians, digits=1, unit='s', bold=False)}.",
        name="data-durations",
        caption="Length of the utterances of each emotion: box from the first to the third "
        "quartile, line at the median, whiskers from the shortest to the longest. The dashed line "
        "is what a network sees at a time.",
    )
