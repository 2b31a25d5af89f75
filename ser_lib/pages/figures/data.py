"""Figures of a corpus, from the table of its manifest; see `drawing`."""

import pandas as pd
import seaborn as sns

from ser_lib.pages.figures.drawing import Figure, canvas, legend_above, style
from ser_lib.pages.figures.palette import BLUE, ORANGE, SOFT
from ser_lib.pages.words import count, extremes, listing


@style()
def emotion_counts(table: pd.DataFrame) -> Figure:
    """Utterances of every emotion, by the speaker's sex."""
    emotions = sorted(table["emotion"].unique())
    sexes = {"female": "women", "male": "men", "": "unknown sex"}
    colours = {"female": ORANGE, "male": BLUE, "": SOFT}
    present = [sex for sex in sexes if (table["sex"] == sex).any()]
    fig, axis = canvas(height=3.2, grid="y")
    sns.countplot(table, x="emotion", hue="sex", order=emotions, hue_order=present, ax=axis,
                  saturation=1, palette=colours, legend=False)  # fmt: skip
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
