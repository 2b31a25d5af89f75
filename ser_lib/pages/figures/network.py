"""Figures of one run, named after its network's page or another `page`; see `drawing`."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import MaxNLocator

from ser_lib.corpora import describe
from ser_lib.experiments.run import Run
from ser_lib.pages.figures.drawing import Figure, canvas, legend_above, level, styled
from ser_lib.pages.figures.palette import BLUE, GREEN, INK, ORANGE, PALE, SOFT, ink_on
from ser_lib.pages.network import pairs, speaker_scores
from ser_lib.pages.words import count, extremes, number, percent


def figure_name(run: Run, page: str | None, name: str) -> str:
    """Return the name of a figure of a page, by default of the page of the run's network."""
    return f"{page or run.architecture.replace('_', '-').lower()}-{name}"


@styled
def learning_curves(run: Run, *, page: str | None = None) -> Figure:
    """Accuracy and loss by epoch: mean and range over the folds, training and validation.

    The mean is over the folds that still train, and is drawn while at least half of them do; a
    dotted line marks where the first one stopped.
    """
    names = {"train": "training", "validation": "validation"}
    history = run.history.replace({"split": names})
    n_folds = history["fold"].nunique()
    running = history.groupby("epoch")["fold"].nunique()
    last = int(running.index[running >= n_folds / 2].max())
    first_stop = int(history.groupby("fold")["epoch"].max().min())
    shown = history[history["epoch"] <= last]
    means = shown.groupby(["split", "epoch"])[["accuracy", "loss"]].mean()
    fig, axes = canvas(1, 2, height=3.3)
    for axis, measure in zip(axes, ("accuracy", "loss"), strict=True):
        sns.lineplot(
            shown, x="epoch", y=measure, hue="split", style="split", hue_order=names.values(),
            style_order=names.values(), palette=[BLUE, ORANGE], errorbar=("pi", 100), ax=axis,
            legend="brief" if axis is axes[0] else False, linewidth=2,
            err_kws={"alpha": 0.18, "linewidth": 0}, marker="o" if last == 1 else None,
        )  # fmt: skip
        if first_stop < last:
            axis.axvline(first_stop, color=SOFT, linestyle=":", linewidth=1.2)
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
    if first_stop < last:
        caption += "; from the dotted line on, some folds have stopped"
    return Figure(
        fig,
        alt=f"Accuracy and loss by epoch{f', mean of {n_folds} folds' if n_folds > 1 else ''}. At "
        f"epoch {last}, training accuracy is {accuracy[0]} and validation accuracy {accuracy[1]}; "
        f"training loss is {loss[0]} and validation loss {loss[1]}. Validation loss is lowest, "
        f"{number(losses.min())}, at epoch {losses.idxmin()}.",
        name=figure_name(run, page, "curves"),
        caption=f"{caption}.",
    )


@styled
def confusion(run: Run, *, normalise: bool = False, page: str | None = None) -> Figure:
    """Confusion matrix: counts, or with `normalise` shares of the true emotion, which is a row."""
    counts, shares = run.confusion.to_numpy(), _shares(run.confusion)
    fig, axis = canvas(height=0.9 + 0.62 * len(run.emotions))
    _heat_map(axis, shares if normalise else run.confusion)
    right = int(np.trace(counts))
    largest = "Nothing is confused."
    if confusions := pairs(run):
        truth, predicted, n, share = confusions[0]
        largest = (
            f"The largest confusion: {truth} taken for {predicted}, {count(n, 'time')}, "
            f"{percent(share)} of {truth}."
        )
    return Figure(
        fig,
        alt=f"Confusion matrix of {count(int(counts.sum()), 'utterance')}, true emotion in rows: "
        f"{right:,} lie on the diagonal ({percent(right / counts.sum())}). The share that is "
        f"recognised is {extremes(_recalls(shares), bold=False)}. {largest}",
        name=figure_name(run, page, "confusion-shares" if normalise else "confusion"),
        caption=f"Confusion matrix of the {run.title}: true emotion (rows) and predicted emotion "
        f"(columns), in {'shares of the true emotion' if normalise else 'utterances'}.",
    )


@styled
def confusion_by_fold(run: Run) -> Figure:
    """Confusion matrices of a run across corpora side by side, as shares of the true emotion."""
    folds = [fold["name"] for fold in run.record.folds]
    columns = min(len(folds), 2)
    rows, height = -(-len(folds) // columns), 1.3 + 0.45 * len(run.emotions)
    fig, axes = canvas(rows, columns, height=rows * height, squeeze=False)
    words = []
    for axis, fold in zip(axes.flat, folds, strict=False):
        part = run.on(run.predictions[run.predictions["fold"] == fold])
        shares = _shares(part.confusion)
        _heat_map(axis, shares, crowded=True, bar=False)
        tested = describe(fold.removeprefix("corpus-")).short
        axis.set_title(f"tested:\n{tested}")
        highest = extremes(_recalls(shares), bold=False)
        words.append(f"{tested}: the share that is recognised is {highest}.")
    for axis in axes.flat[len(folds) :]:
        axis.set_axis_off()
    return Figure(
        fig,
        alt=f"Confusion matrices, true emotion in rows. {' '.join(words)}",
        name="across-confusion",
        caption="Predictions for each emotion, in shares of the true emotion.",
    )


def _shares(counts: pd.DataFrame) -> pd.DataFrame:
    return counts.div(counts.sum(axis=1).clip(lower=1), axis=0)


def _recalls(shares: pd.DataFrame) -> dict[str, float]:
    """Shares that are recognised, of the emotions that were tested."""
    return {name: shares.loc[name, name] for name in shares.index if shares.loc[name].any()}


def _heat_map(axis, values: pd.DataFrame, *, crowded: bool = False, bar: bool = True) -> None:
    """Draw a confusion matrix: counts if whole numbers, else shares of the row."""
    shares = values.to_numpy().dtype.kind == "f"
    sns.heatmap(
        values, annot=values.map(number), fmt="", ax=axis, cmap="Blues", vmin=0,
        vmax=1 if shares else None, linewidths=1.5, linecolor="white", cbar=bar,
        cbar_kws={"label": "share of the true emotion" if shares else "utterances"},
    )  # fmt: skip
    for text, colour in zip(axis.texts, axis.collections[0].get_facecolor(), strict=True):
        text.set_color(ink_on(colour[:3]))
    for text in axis.texts[:: len(values) + 1]:
        text.set_weight("bold")
    axis.set(xlabel="predicted emotion", ylabel="true emotion")
    crowded = crowded or len(values) * max(map(len, values)) > 75
    axis.tick_params(axis="x", rotation=30 if crowded else 0)
    axis.tick_params(axis="y", rotation=0)


@styled
def per_class(run: Run, *, page: str | None = None) -> Figure:
    """Precision, recall and F1 of every emotion as bars."""
    names = {"precision": "precision", "recall": "recall", "f1": "F1"}
    table = run.per_class.rename(columns=names)[list(names.values())]
    fig, axis = canvas(height=3.4)
    sns.barplot(
        table.rename_axis("emotion").reset_index().melt("emotion", var_name="score"),
        x="emotion", y="value", hue="score", ax=axis,
        palette=[BLUE, ORANGE, GREEN], saturation=1, width=0.75, edgecolor="white",
    )  # fmt: skip
    axis.set(xlabel="", ylabel="", ylim=(0, 1))
    legend_above(axis, 3)
    return Figure(
        fig,
        alt=f"Precision, recall and F1 of {count(len(table), 'emotion')}. F1 is "
        f"{extremes(table['F1'], bold=False)}.",
        name=figure_name(run, page, "classes"),
        caption=f"Precision, recall and F1 of the {run.title} by emotion.",
    )


@styled
def class_accuracy(run: Run, *, page: str | None = None) -> Figure:
    """Accuracy within every emotion (its recall) as bars, with the counts and the overall line."""
    counts, overall = run.confusion.to_numpy(), run.metrics["accuracy"].value
    spoken, right = counts.sum(axis=1), np.diag(counts)
    shares = right / np.maximum(spoken, 1)
    fig, axis = canvas(height=3.4, grid="y")
    axis.bar(run.emotions, shares, color=BLUE, width=0.7)
    level(axis, overall, f"all: {number(overall)}")
    for i, share in enumerate(shares):
        text = f"{number(share)}\n{right[i]:,} of {spoken[i]:,}"
        inside = {"y": 0.03, "color": "white"} if share > 0.2 else {"y": share + 0.03}
        axis.text(i, s=text, ha="center", va="bottom", size=8, linespacing=1.5, **inside)
    axis.set(ylim=(0, 1), ylabel="accuracy")
    return Figure(
        fig,
        alt="Bars of accuracy by emotion: "
        f"{extremes(_recalls(_shares(run.confusion)), bold=False)}. Over all utterances it is "
        f"{number(overall)}.",
        name=figure_name(run, page, "classes"),
        caption=f"Accuracy of the {run.title} for each emotion, with counts; dashed: for all "
        "utterances.",
    )


@styled
def speakers(run: Run, *, page: str | None = None) -> Figure:
    """UAR and accuracy of every test speaker, sorted by UAR."""
    table = speaker_scores(run).sort_values(["uar", "accuracy"], ascending=False)
    named = len(table) <= 30  # the names of more would not be legible
    fig, axis = canvas(height=1.3 + (0.27 if named else 0.08) * len(table))
    y, both = np.arange(len(table)), table[["uar", "accuracy"]]
    axis.hlines(y, both.min(axis=1), both.max(axis=1), color=PALE, linewidth=2, zorder=1)
    axis.scatter(table["accuracy"], y, s=36, marker="D", facecolor="white", edgecolor=ORANGE,
                 linewidth=1.6, label="accuracy", zorder=2)  # fmt: skip
    axis.scatter(table["uar"], y, s=46, color=BLUE, label="UAR", zorder=3)
    axis.axvline(run.uar.value, color=INK, linestyle="--", linewidth=1.2, label="UAR, all speakers")
    axis.set(xlabel="score", ylabel="speaker", ylim=(len(table) - 0.4, -0.6))
    axis.set_yticks(y if named else [], table.index if named else [])
    legend_above(axis, 3)
    uar = table["uar"].rename("speaker {}".format)
    return Figure(
        fig,
        alt=f"UAR and accuracy of {count(len(table), 'speaker')}. UAR is "
        f"{extremes(uar, 'speaker', bold=False)}. Over all of them it is {number(run.uar.value)}.",
        name=figure_name(run, page, "speakers"),
        caption=f"UAR and accuracy of the {run.title} for every test speaker, sorted by UAR.",
    )
