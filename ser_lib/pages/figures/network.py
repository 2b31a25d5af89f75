"""Figures of results: what one run achieved, and several networks side by side.

Conventions as in `drawing`: every function takes records (`records.Record`) and returns a `Figure`
whose alt text states the finding.
"""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import MaxNLocator

from ser_lib.core.errors import choose
from ser_lib.corpora import describe
from ser_lib.metrics.scores import confusion_matrix
from ser_lib.pages import comparison as comparing
from ser_lib.pages import network as narrative
from ser_lib.pages.figures.drawing import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    SOFT,
    canvas,
    ink_on,
    legend_above,
    level,
    styled,
)
from ser_lib.pages.figures.drawing import Figure as Figure
from ser_lib.pages.figures.drawing import show as show
from ser_lib.pages.tables import (
    confusion_counts,
    count,
    duration,
    extremes,
    interval,
    number,
    percent,
    scores,
    speaker_scores,
    title,
)

CURVE_FOLDS = 0.5  # a mean over a smaller share of the folds than this is not drawn
NAMED_SPEAKERS = 30  # with more speakers than this their names are left out
_SHADES = "Blues"
_SPLITS = {"train": ("training", BLUE, "-"), "validation": ("validation", ORANGE, "--")}
_METRICS = {
    "accuracy": "Accuracy",
    "uar": "UAR",
    "macro_f1": "Macro F1",
    "weighted_f1": "Weighted F1",
}
_LOOKS = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "D"), (PURPLE, "^"))


@styled
def learning_curves(record) -> Figure:
    """Accuracy and loss by epoch: mean and range over the folds, training and validation.

    Folds may stop at different epochs. The mean is over those that still train, and is drawn while
    at least half of them do; a dotted line marks where the first one stopped.
    """
    history = record.history
    n_folds = history["fold"].nunique()
    running = history.groupby("epoch")["fold"].nunique()
    last = int(running.index[running >= CURVE_FOLDS * n_folds].max())
    first_stop = int(history.groupby("fold")["epoch"].max().min())
    shown = history[history["epoch"] <= last]
    means = shown.groupby(["split", "epoch"])[["accuracy", "loss"]].mean()
    fig, axes = canvas(1, 2, height=3.3)
    for axis, measure in zip(axes, ("accuracy", "loss"), strict=True):
        for split, (name, colour, dashes) in _SPLITS.items():
            part = shown[shown["split"] == split]
            sns.lineplot(
                part, x="epoch", y=measure, errorbar=("pi", 100), ax=axis, color=colour,
                linestyle=dashes, label=name, legend=False, linewidth=2,
                err_kws={"alpha": 0.18, "linewidth": 0},
                **({"marker": "o"} if last == 1 else {}),
            )  # fmt: skip
        if first_stop < last:
            axis.axvline(first_stop, color=SOFT, linestyle=":", linewidth=1.2)
        axis.set(title=measure.capitalize(), xlabel="epoch", ylabel="", xlim=(0.5, last + 0.5))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].set_ylim(0, 1)
    axes[1].set_ylim(bottom=0)
    axes[0].legend(loc="lower right")
    sns.despine(fig)

    def end(split: str, measure: str) -> float:
        return float(means.loc[(split, last), measure])

    losses = means.loc["validation", "loss"]
    alt = (
        f"Accuracy and loss by epoch{f', mean of {n_folds} folds' if n_folds > 1 else ''}. At "
        f"epoch {last}, training accuracy is {number(end('train', 'accuracy'))} and validation "
        f"accuracy {number(end('validation', 'accuracy'))}; training loss is "
        f"{number(end('train', 'loss'))} and validation loss "
        f"{number(end('validation', 'loss'))}. Validation loss is lowest, "
        f"{number(losses.min())}, at epoch {losses.idxmin()}."
    )
    caption = f"Learning curves of the {title(record.data['architecture'])}"
    if n_folds > 1:
        caption += f": mean (line) and range (band) over {n_folds} folds"
    if first_stop < last:
        caption += "; from the dotted line on, some folds have stopped"
    return Figure(fig, alt, f"{caption}.")


@styled
def confusion(record, *, normalise: bool = False) -> Figure:
    """Confusion matrix as a heat map, true emotions in rows.

    Parameters
    ----------
    record
        The run.
    normalise
        Shares of the true emotion (rows sum to 1) instead of counts.
    """
    labels, counts = record.data["corpus"]["emotions"], confusion_counts(record)
    shares = _shares(counts)
    fig, axis = canvas(height=0.9 + 0.62 * len(labels))
    _heat_map(axis, shares if normalise else counts, labels)
    right = int(np.trace(counts))
    spoken = {name: shares[i, i] for i, name in enumerate(labels) if counts[i].sum()}
    alt = (
        f"Confusion matrix of {count(int(counts.sum()), 'utterance')}, true emotion in rows: "
        f"{right:,} lie on the diagonal ({percent(right / counts.sum())}). The share that is found "
        f"is {extremes(spoken, bold=False)}. {_largest_confusion(record)}"
    )
    unit = "as shares of the true emotion" if normalise else "in utterances"
    return Figure(
        fig, alt, f"Confusion matrix of the {title(record.data['architecture'])}, {unit}."
    )


@styled
def confusion_by_fold(record) -> Figure:
    """Confusion matrices of a run across corpora side by side, as shares of the true emotion."""
    labels, folds = record.data["corpus"]["emotions"], [f["name"] for f in record.data["folds"]]
    columns = min(len(folds), 2)
    rows = -(-len(folds) // columns)
    fig, axes = canvas(rows, columns, height=rows * (1.3 + 0.45 * len(labels)), squeeze=False)
    words = []
    for axis, fold in zip(axes.flat, folds, strict=False):
        part = record.predictions[record.predictions["fold"] == fold]
        shares = _shares(confusion_matrix(part["truth"], part["predicted"], labels))
        _heat_map(axis, shares, labels, crowded=True, bar=False)
        tested = describe(fold.removeprefix("corpus-")).short
        axis.set_title(f"tested:\n{tested}")
        found = {name: shares[i, i] for i, name in enumerate(labels)}
        words.append(f"{tested}: the share that is found is {extremes(found, bold=False)}.")
    for axis in axes.flat[len(folds) :]:
        axis.set_axis_off()
    return Figure(
        fig,
        f"Confusion matrices, true emotion in rows. {' '.join(words)}",
        "Confusion matrices by fold, as shares of the true emotion.",
    )


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _heat_map(
    axis, values: np.ndarray, labels: Sequence[str], *, crowded: bool = False, bar: bool = True
) -> None:
    """Draw a confusion matrix: counts if whole numbers, else shares of the row."""
    normalised = values.dtype.kind == "f"
    sns.heatmap(
        pd.DataFrame(values, labels, labels), ax=axis, cmap=_SHADES, vmin=0,
        vmax=1 if normalised else None, linewidths=1.5, linecolor="white", cbar=bar,
        cbar_kws={"label": "share of the true emotion" if normalised else "utterances"},
    )  # fmt: skip
    mesh = axis.collections[0]
    mesh.update_scalarmappable()
    for (row, column), value in np.ndenumerate(values):
        colour = mesh.get_facecolor()[row * len(labels) + column]
        axis.text(
            column + 0.5, row + 0.5, number(float(value)) if normalised else f"{value:,}",
            ha="center", va="center", color=ink_on(colour[:3]),
            weight="bold" if row == column else "normal",
        )  # fmt: skip
    axis.set(xlabel="predicted emotion", ylabel="true emotion")
    crowded = crowded or len(labels) * max(map(len, labels)) > 75
    axis.tick_params(axis="x", rotation=30 if crowded else 0)
    axis.tick_params(axis="y", rotation=0)


def _largest_confusion(record) -> str:
    found = narrative.pairs(record)
    if not found:
        return "Nothing is confused."
    truth, predicted, n, share = found[0]
    return (
        f"The largest confusion: {truth} taken for {predicted}, {count(n, 'time')}, "
        f"{percent(share)} of {truth}."
    )


@styled
def per_class(record) -> Figure:
    """Precision, recall and F1 of every emotion as bars."""
    table = scores(record).iloc[:-3]
    names = {"precision": "precision", "recall": "recall", "f1": "F1"}
    drawn = table.rename(columns=names)[list(names.values())].rename_axis("emotion").reset_index()
    fig, axis = canvas(height=3.4)
    sns.barplot(
        drawn.melt("emotion", var_name="score"), x="emotion", y="value", hue="score", ax=axis,
        palette=[BLUE, ORANGE, GREEN], saturation=1, width=0.75, edgecolor="white",
    )  # fmt: skip
    axis.set(xlabel="", ylabel="", ylim=(0, 1))
    legend_above(axis, 3)
    sns.despine(fig, left=True)
    alt = (
        f"Precision, recall and F1 of {count(len(table), 'emotion')}. F1 is "
        f"{extremes(table['f1'], bold=False)}."
    )
    network = title(record.data["architecture"])
    return Figure(fig, alt, f"Precision, recall and F1 of the {network} by emotion.")


@styled
def class_accuracy(record) -> Figure:
    """Accuracy within every emotion (its recall) as bars, with the counts and the overall line."""
    counts, emotions = confusion_counts(record), record.data["corpus"]["emotions"]
    spoken, right = counts.sum(axis=1), np.diag(counts)
    shares = right / np.maximum(spoken, 1)
    overall = record.data["metrics"]["accuracy"]
    fig, axis = canvas(height=3.4)
    axis.bar(emotions, shares, color=BLUE, width=0.7)
    level(axis, overall, f"all: {number(overall)}")
    for i, share in enumerate(shares):
        text = f"{number(share)}\n{right[i]:,} of {spoken[i]:,}"
        inside = {"y": 0.03, "color": "white"} if share > 0.2 else {"y": share + 0.03}
        axis.text(i, s=text, ha="center", va="bottom", size=8, linespacing=1.5, **inside)
    axis.set(ylim=(0, 1), ylabel="accuracy")
    axis.grid(False, axis="x")
    sns.despine(fig, left=True)
    return Figure(
        fig,
        f"Bars of accuracy by emotion. {narrative.class_accuracy(record)}",
        f"Accuracy of the {title(record.data['architecture'])} within each emotion; dashed: over "
        "all utterances.",
    )


@styled
def correct_incorrect(record) -> Figure:
    """How many predictions are correct and how many are not, as two bars."""
    hits = record.predictions["truth"] == record.predictions["predicted"]
    values = {"correct": int(hits.sum()), "incorrect": int((~hits).sum())}
    fig, axis = canvas(height=1.9)
    bars = axis.barh(list(values), list(values.values()), color=[BLUE, ORANGE], height=0.65)
    shares = {"correct": f" ({percent(hits.mean())})", "incorrect": ""}
    axis.bar_label(bars, [f"{n:,}{shares[name]}" for name, n in values.items()], padding=5)
    axis.invert_yaxis()
    axis.set(xlabel="test utterances", xlim=(0, max(values.values()) * 1.18))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(False, axis="y")
    sns.despine(fig, left=True)
    return Figure(
        fig,
        f"Two bars. {narrative.correct_incorrect(record)}",
        f"Correct and incorrect predictions of the {title(record.data['architecture'])}.",
    )


@styled
def speakers(record) -> Figure:
    """UAR and accuracy of every test speaker, sorted by UAR."""
    table = speaker_scores(record).sort_values(["uar", "accuracy"], ascending=False)
    overall = record.data["metrics"]["uar"]
    named = len(table) <= NAMED_SPEAKERS
    fig, axis = canvas(height=1.3 + (0.27 if named else 0.08) * len(table))
    y = np.arange(len(table))
    axis.hlines(y, table[["uar", "accuracy"]].min(axis=1), table[["uar", "accuracy"]].max(axis=1),
                color=PALE, linewidth=2, zorder=1)  # fmt: skip
    axis.scatter(table["accuracy"], y, s=36, marker="D", facecolor="white", edgecolor=ORANGE,
                 linewidth=1.6, label="accuracy", zorder=2)  # fmt: skip
    axis.scatter(table["uar"], y, s=46, color=BLUE, label="UAR", zorder=3)
    axis.axvline(overall, color=INK, linestyle="--", linewidth=1.2, label="UAR, all speakers")
    axis.set(xlabel="score", ylabel="speaker", ylim=(len(table) - 0.4, -0.6))
    axis.set_yticks(y if named else [], table.index if named else [])
    legend_above(axis, 3)
    sns.despine(fig, left=True)
    alt = (
        f"UAR and accuracy of {count(len(table), 'speaker')}. {narrative.speakers(record)} Over "
        f"all of them it is {number(overall)}."
    ).replace("**", "")
    network = title(record.data["architecture"])
    return Figure(fig, alt, f"Scores of the {network} by test speaker, sorted by UAR.")


@styled
def comparison(
    records: Sequence, *, metrics: Sequence[str] = ("accuracy", "uar", "macro_f1")
) -> Figure:
    """Scores of several networks side by side, with their 95 % intervals.

    Parameters
    ----------
    records
        One per network, on the same corpus and protocol.
    metrics
        Of accuracy, uar, macro_f1, weighted_f1.
    """
    for name in metrics:
        choose(name, _METRICS, "score")
    names = comparing.labels(records)
    fig, axis = canvas(height=3.4)
    width = 0.8 / len(records)
    for i, (record, name, look) in enumerate(zip(records, names, cycle(_LOOKS), strict=False)):
        x = np.arange(len(metrics)) + (i - (len(records) - 1) / 2) * width
        values = np.array([record.data["metrics"][metric] for metric in metrics])
        low, high = np.transpose([record.data["metrics"][f"{metric}_ci95"] for metric in metrics])
        axis.bar(x, values, width * 0.92, label=name, color=look[0])
        axis.vlines(x, low, high, color="white", linewidth=5)
        axis.vlines(x, low, high, color=INK, linewidth=1.8)
        for at, value in zip(x, values, strict=True):
            axis.text(at, 0.04, number(value), ha="center",
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})  # fmt: skip
    chance = 1 / len(records[0].data["corpus"]["emotions"])
    level(axis, chance, f"UAR by\nchance: {number(chance)}")
    axis.set_xticks(range(len(metrics)), [_METRICS[metric] for metric in metrics])
    axis.set(ylim=(0, 1))
    axis.grid(False, axis="x")
    legend_above(axis, len(records))
    sns.despine(fig, left=True)
    listed = "; ".join(
        f"{name}: "
        + ", ".join(
            f"{_METRICS[m]} {interval(r.data['metrics'][m], r.data['metrics'][f'{m}_ci95'])}"
            for m in metrics
        )
        for r, name in zip(records, names, strict=True)
    )
    alt = f"Bars with 95 % intervals. {listed}. {comparing.told_apart(records)}"
    return Figure(fig, alt, "The networks on the same test utterances, with 95 % intervals.")


@styled
def cost(records: Sequence) -> Figure:
    """UAR with its interval against parameters and against training time."""
    names = comparing.labels(records)
    fig, axes = canvas(1, 2, height=3.3, sharey=True)
    costs = (
        ("parameters (millions)", [r.data["n_parameters"] / 1e6 for r in records]),
        ("training time (minutes)", [r.data["speed"]["training_s"] / 60 for r in records]),
    )
    for axis, (label, values) in zip(axes, costs, strict=True):
        for record, x, name, look in zip(records, values, names, cycle(_LOOKS), strict=False):
            axis.vlines(x, *record.data["metrics"]["uar_ci95"], color=look[0], linewidth=2)
            axis.plot(x, record.data["metrics"]["uar"], marker=look[1], color=look[0],
                      markersize=9, label=name, linestyle="none")  # fmt: skip
        axis.set(xlabel=label, xlim=(0, 1.15 * max(values)))
    axes[0].set_ylabel("UAR")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center",
               ncols=len(records))  # fmt: skip
    sns.despine(fig)
    listed = "; ".join(
        f"{name}: UAR {number(r.data['metrics']['uar'])}, {number(r.data['n_parameters'])} "
        f"parameters, {duration(r.data['speed']['training_s'])} of training"
        for r, name in zip(records, names, strict=True)
    )
    return Figure(fig, f"{listed}.", "What a network costs and what it gives, with 95 % intervals.")
