"""Figures of one run, named after its network's page or another `page`; see `drawing`."""

import numpy as np
import seaborn as sns
from matplotlib.ticker import MaxNLocator

from ser_lib.experiments.run import Run
from ser_lib.pages.figures.drawing import Figure, canvas, legend_above, style
from ser_lib.pages.figures.palette import BLUE, INK, ORANGE, ink_on
from ser_lib.pages.network import Network
from ser_lib.pages.words import count, extremes, number, percent


def figure_name(run: Run, page: str | None, name: str) -> str:
    """Return the name of a figure of a page, by default of the page of the run's network."""
    return f"{page or run.architecture.replace('_', '-').lower()}-{name}"


@style()
def learning_curves(run: Run, *, page: str | None = None) -> Figure:
    """Accuracy and loss by epoch: mean and range over the folds, training and validation."""
    names = {"train": "training", "validation": "validation"}
    history = run.history.replace({"split": names})
    n_folds = history["fold"].nunique()
    last = int(history["epoch"].max())
    means = history.groupby(["split", "epoch"])[["accuracy", "loss"]].mean()
    fig, axes = canvas(1, 2, height=3.3)
    for axis, measure in zip(axes, ("accuracy", "loss"), strict=True):
        sns.lineplot(
            history, x="epoch", y=measure, hue="split", style="split", hue_order=names.values(),
            style_order=names.values(), palette=[BLUE, ORANGE], errorbar=("pi", 100), ax=axis,
            legend="brief" if axis is axes[0] else False, linewidth=2,
            err_kws={"alpha": 0.18, "linewidth": 0}, marker="o" if last == 1 else None,
        )  # fmt: skip
        axis.set(title=measure.capitalize(), xlabel="epoch", ylabel="", xlim=(0.5, last + 0.5))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].set_ylim(0, 1)
    losses = means.loc[means.index.get_level_values("epoch") > 1, "loss"]
    if len(losses):  # the first epoch's may be ten times the others
        axes[1].set_ylim(0, 1.25 * losses.max())
    axes[0].legend(loc="lower right", title=None)
    accuracy, loss = (
        [number(float(means.loc[(split, last), measure])) for split in names.values()]
        for measure in ("accuracy", "loss")
    )
    losses = means.loc["validation", "loss"]
    caption = f"Accuracy and loss of the {run.title} after every epoch"
    if n_folds > 1:
        caption += f": mean (line) and range (band) over {n_folds} folds"
    return Figure(
        fig,
        alt=f"Accuracy and loss by epoch{f', mean of {n_folds} folds' if n_folds > 1 else ''}. At "
        f"epoch {last}, training accuracy is {accuracy[0]} and validation accuracy {accuracy[1]}; "
        f"training loss is {loss[0]} and validation loss {loss[1]}. Validation loss is lowest, "
        f"{number(losses.min())}, at epoch {losses.idxmin()}.",
        name=figure_name(run, page, "curves"),
        caption=f"{caption}.",
    )


@style()
def confusion(run: Run, *, normalise: bool = False, page: str | None = None) -> Figure:
    """Confusion matrix: counts, or with `normalise` shares of the true emotion, which is a row."""
    counts, right = run.confusion, int(np.trace(run.confusion))
    recalls = run.per_class.query("support > 0")["recall"]
    values = counts.div(counts.sum(axis=1).clip(lower=1), axis=0) if normalise else counts
    fig, axis = canvas(height=0.9 + 0.62 * len(counts))
    sns.heatmap(
        values, annot=values.map(number), fmt="", ax=axis, cmap="Blues", vmin=0,
        vmax=1 if normalise else None, linewidths=1.5, linecolor="white",
        cbar_kws={"label": "share of the true emotion" if normalise else "utterances"},
    )  # fmt: skip
    for text, colour in zip(axis.texts, axis.collections[0].get_facecolor(), strict=True):
        text.set_color(ink_on(colour[:3]))
    for text in axis.texts[:: len(counts) + 1]:
        text.set_weight("bold")
    axis.set(xlabel="predicted emotion", ylabel="true emotion")
    crowded = len(counts) * max(map(len, counts)) > 75
    axis.tick_params(axis="x", rotation=30 if crowded else 0)
    axis.tick_params(axis="y", rotation=0)
    largest = "Nothing is confused."
    if confusions := Network(run).confusions:
        truth, predicted, n, share = confusions[0]
        largest = (
            f"The largest confusion: {truth} taken for {predicted}, {count(n, 'time')}, "
            f"{percent(share)} of {truth}."
        )
    return Figure(
        fig,
        alt=f"Confusion matrix of {count(len(run.predictions), 'utterance')}, true emotion in "
        f"rows: {right:,} lie on the diagonal ({percent(right / len(run.predictions))}). The share "
        f"that is recognised is {extremes(recalls, bold=False)}. {largest}",
        name=figure_name(run, page, "confusion-shares" if normalise else "confusion"),
        caption=f"Confusion matrix of the {run.title}: true emotion (rows) and predicted emotion "
        f"(columns), in {'shares of the true emotion' if normalise else 'utterances'}.",
    )


@style()
def per_class(run: Run, *, page: str | None = None) -> Figure:
    """Accuracy within every emotion (its recall) as bars, with the counts and the overall line."""
    table, overall = run.per_class, run.metrics["accuracy"].value
    tested = table.query("support > 0")
    fig, axis = canvas(height=3.4, grid="y")
    axis.bar(table.index, table["recall"], color=BLUE, width=0.7)
    axis.axhline(overall, color=INK, linestyle="--", linewidth=1.2, label=f"all: {number(overall)}")
    for i, (emotion, share) in enumerate(table["recall"].items()):
        n = run.confusion.loc[emotion, emotion], run.confusion.loc[emotion].sum()
        inside = {"y": 0.03, "color": "white"} if share > 0.2 else {"y": share + 0.03}
        axis.text(i, s=f"{number(share)}\n{n[0]:,} of {n[1]:,}", ha="center", va="bottom", size=8,
                  linespacing=1.5, **inside)  # fmt: skip
    axis.set(ylim=(0, 1), ylabel="accuracy")
    legend_above(axis, 1)
    return Figure(
        fig,
        alt=f"Bars of accuracy by emotion: {extremes(tested['recall'], bold=False)}. Over all "
        f"utterances it is {number(overall)}.",
        name=figure_name(run, page, "classes"),
        caption=f"Accuracy of the {run.title} for each emotion, with counts; dashed: for all "
        "utterances.",
    )
