"""Figures of several networks on the same corpus and protocol, and baselines; see `drawing`."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np

from ser_lib.core.errors import choose
from ser_lib.experiments.run import Result, Run
from ser_lib.metrics.jackknife import Estimate
from ser_lib.pages.figures import drawing
from ser_lib.pages.figures.drawing import Figure, canvas, legend_above, level, styled
from ser_lib.pages.figures.palette import BLUE, GREEN, INK, ORANGE, PURPLE
from ser_lib.pages.runs import labels
from ser_lib.pages.words import capital, interval, listing, number

_METRICS = {"accuracy": "Accuracy", "uar": "UAR", "macro_f1": "Macro F1",
            "weighted_f1": "Weighted F1"}  # fmt: skip
_LOOKS = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "D"), (PURPLE, "^"))


@styled
def scores(
    runs: Sequence[Run],
    *,
    metrics: Sequence[str] = ("accuracy", "uar", "macro_f1"),
    name: str = "comparison-scores",
    caption: str = "Scores of the networks; the lines span the 95 % interval.",
) -> Figure:
    """Scores (accuracy, uar, macro_f1, weighted_f1) of runs side by side, with 95 % intervals."""
    for metric in metrics:
        choose(metric, _METRICS, "score")
    fig, axis = canvas(height=3.4, grid="y")
    width, listed = 0.8 / len(runs), []
    for i, (run, label, look) in enumerate(zip(runs, labels(runs), cycle(_LOOKS), strict=False)):
        x = np.arange(len(metrics)) + (i - (len(runs) - 1) / 2) * width
        values = [run.metrics[metric] for metric in metrics]
        axis.bar(x, [v.value for v in values], width * 0.92, label=label, color=look[0])
        drawing.whisker(axis, x, values)
        for at, score in zip(x, values, strict=True):
            axis.text(at, 0.04, number(score.value), ha="center",
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})  # fmt: skip
        words = (f"{_METRICS[m]} {interval(v)}" for m, v in zip(metrics, values, strict=True))
        listed.append(f"{label}: {', '.join(words)}")
    chance = 1 / len(runs[0].emotions)
    level(axis, chance, f"UAR by\nchance: {number(chance)}")
    axis.set_xticks(range(len(metrics)), [_METRICS[metric] for metric in metrics])
    axis.set(ylim=(0, 1))
    legend_above(axis, len(runs))
    alt = f"Bars with 95 % intervals. {'; '.join(listed)}."
    return Figure(fig, alt=alt, name=name, caption=caption)


@styled
def baselines(
    runs: Sequence[Run],
    others: Sequence[Result],
    *,
    elsewhere: Mapping[str, Mapping[str, float | Estimate]] | None = None,
    page: str = "comparison",
) -> Figure:
    """UAR of networks and other methods with their intervals, the highest on top.

    Of `elsewhere`, each kind has names and their UAR, of some of which no interval is known.
    """
    rows = [(name, {"network": run.uar}) for run, name in zip(runs, labels(runs), strict=True)]
    rows += [(capital(other.title), {"another method": other.uar}) for other in others]
    rows += [
        (name, {kind: v}) for kind, own in (elsewhere or {}).items() for name, v in own.items()
    ]
    rows.sort(key=lambda row: -max(getattr(uar, "value", uar) for uar in row[1].values()))
    listed = "; ".join(
        f"{name} {number(uar) if isinstance(uar, float) else interval(uar)}"
        for name, of in rows
        for uar in of.values()
    )
    kinds = ["network", "another method", *(elsewhere or {})]
    return drawing.score_rows(
        rows,
        dict(zip(kinds, (*_LOOKS, (INK, "v")), strict=False)),
        chance=1 / len(runs[0].emotions),
        alt=f"Points with 95 % intervals. UAR from the highest down: {listed}.",
        name=f"{page}-baselines",
        caption="UAR of all methods in the same folds"
        + (f", and of {listing(elsewhere)}" if elsewhere else "")
        + "; lines: 95 % intervals.",
    )
