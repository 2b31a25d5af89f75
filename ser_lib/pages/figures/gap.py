"""Figures of methods beside each other: networks and baselines, new speakers and a random split.

Conventions as in `drawing`: every function returns a `Figure` whose alt text states the finding.
"""

from collections.abc import Sequence

import numpy as np
import seaborn as sns

from ser_lib.experiments.baselines import Baseline
from ser_lib.experiments.run import Run
from ser_lib.metrics.scores import Score
from ser_lib.pages.figures.drawing import BLUE, INK, ORANGE, Figure, canvas, legend_above, styled
from ser_lib.pages.gap import Gap
from ser_lib.pages.runs import labels
from ser_lib.pages.words import capital, interval, number, p_value, signed


@styled
def beside(runs: Sequence[Run], baselines: Sequence[Baseline]) -> Figure:
    """UAR of networks and baselines with their intervals, the highest on top."""
    networks = [(name, run.uar, True) for run, name in zip(runs, labels(runs), strict=True)]
    others = [(capital(baseline.title), baseline.uar, False) for baseline in baselines]
    rows = sorted(networks + others, key=lambda row: -row[1].value)
    fig, axis = canvas(height=1.1 + 0.42 * len(rows))
    for kind, colour, marker, label in (
        (True, BLUE, "o", "network"),
        (False, ORANGE, "D", "baseline"),
    ):
        places = [(y, uar) for y, (_, uar, network) in enumerate(rows) if network == kind]
        _points(axis, places, colour, marker, label)
    _finish(axis, [name for name, _, _ in rows], len(runs[0].emotions))
    listed = "; ".join(f"{name} {interval(uar)}" for name, uar, _ in rows)
    return Figure(
        fig,
        alt=f"Points with 95 % intervals. UAR from the highest down: {listed}.",
        name="comparison-baselines",
        caption="Networks and baselines in the same folds; lines span the 95 % interval over "
        "speakers.",
    )


@styled
def pretence(gap: Gap) -> Figure | None:
    """UAR of every method with new speakers and with a random split; None without any."""
    if not gap.methods:
        return None
    fig, axis = canvas(height=1.3 + 0.7 * len(gap.methods))
    for side, shift, colour, marker, label in (
        ("random", -0.14, ORANGE, "s", "random split"),
        ("honest", 0.14, BLUE, "o", "new speakers"),
    ):
        places = [(y + shift, getattr(method, side)) for y, method in enumerate(gap.methods)]
        _points(axis, places, colour, marker, label)
    _finish(axis, [capital(method.title) for method in gap.methods], len(gap.run.emotions))
    listed = "; ".join(
        f"{method.title} {number(method.random.value)} and {number(method.honest.value)}, a "
        f"difference of {signed(method.pretence)}, {p_value(method.pretence.p)}"
        for method in gap.methods
    )
    return Figure(
        fig,
        alt="Pairs of points with 95 % intervals. UAR with the random split and with new speakers: "
        f"{listed}.",
        name="gap-scores",
        caption="A random split and new speakers; the lines span the 95 % interval over speakers.",
    )


def _points(axis, places: list[tuple[float, Score]], colour, marker: str, label: str) -> None:
    """Draw UAR and its interval at heights, with the value at its right."""
    for y, uar in places:
        axis.hlines(y, uar.low, uar.high, color=colour, linewidth=2)
        right = max(uar.high + 0.012, uar.value + 0.025)
        axis.text(right, y, number(uar.value), va="center", color=INK)
    axis.plot([uar.value for _, uar in places], [y for y, _ in places], marker,
              color=colour, markersize=8, label=label, clip_on=False)  # fmt: skip


def _finish(axis, names: list[str], n_classes: int) -> None:
    axis.axvline(1 / n_classes, color=INK, linestyle="--", linewidth=1.2)
    axis.set(xlabel="UAR", xlim=(0, 1.1), ylim=(len(names) - 0.5, -0.5))
    axis.set_xticks(np.linspace(0, 1, 6))
    axis.set_yticks(range(len(names)), names)
    axis.grid(False, axis="y")
    legend_above(axis, 2)
    sns.despine(axis.figure, left=True)
