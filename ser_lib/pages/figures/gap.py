"""Figures of methods beside each other: networks and baselines, new speakers and a random split.

Conventions as in `drawing`: every function returns a `Figure` whose alt text states the finding.
"""

from collections.abc import Sequence

import numpy as np
import seaborn as sns

from ser_lib.experiments.baselines import Baseline
from ser_lib.experiments.records import Record
from ser_lib.pages.figures.drawing import BLUE, INK, ORANGE, Figure, canvas, legend_above, styled
from ser_lib.pages.gap import Gap
from ser_lib.pages.standings import signed
from ser_lib.pages.tables import capital, interval, number
from ser_lib.pages.verdicts import labels


@styled
def beside(records: Sequence[Record], results: Sequence[Baseline]) -> Figure:
    """UAR of networks and baselines with their intervals, the highest on top."""
    networks = [
        (name, run.data["metrics"], True)
        for run, name in zip(records, labels(records), strict=True)
    ]
    others = [(capital(baseline.title), baseline.metrics, False) for baseline in results]
    rows = sorted(networks + others, key=lambda row: -row[1]["uar"])
    fig, axis = canvas(height=1.1 + 0.42 * len(rows))
    for kind, colour, marker, label in (
        (True, BLUE, "o", "network"),
        (False, ORANGE, "D", "baseline"),
    ):
        places = [(y, metrics) for y, (_, metrics, network) in enumerate(rows) if network == kind]
        _points(axis, places, colour, marker, label)
    _finish(axis, [name for name, _, _ in rows], len(records[0].emotions))
    listed = "; ".join(
        f"{name} {interval(metrics['uar'], metrics['uar_ci95'])}" for name, metrics, _ in rows
    )
    return Figure(
        fig,
        f"Points with 95 % intervals. UAR from the highest down: {listed}.",
        "Networks and baselines in the same folds, with 95 % intervals; dashed: chance.",
    )


@styled
def pretence(gap: Gap) -> Figure:
    """UAR of every method with new speakers and with a random split."""
    fig, axis = canvas(height=1.3 + 0.7 * len(gap.methods))
    for side, shift, colour, marker, label in (
        ("random", -0.14, ORANGE, "s", "random split"),
        ("honest", 0.14, BLUE, "o", "new speakers"),
    ):
        places = [(y + shift, getattr(method, side)) for y, method in enumerate(gap.methods)]
        _points(axis, places, colour, marker, label)
    _finish(axis, [capital(method.name) for method in gap.methods], len(gap.record.emotions))
    listed = "; ".join(
        f"{method.name} {number(method.random['uar'])} and {number(method.honest['uar'])}, a "
        f"difference of {signed(method.pretence, p)}"
        for method, p, _ in gap.told
    )
    return Figure(
        fig,
        f"Pairs of points with 95 % intervals. UAR with the random split and with new speakers: "
        f"{listed}.",
        "The same methods with a random split and with new speakers, with 95 % intervals; dashed: "
        "chance.",
    )


def _points(axis, places: list[tuple], colour, marker: str, label: str) -> None:
    """Draw UAR and its interval at heights, with the value beside."""
    for y, metrics in places:
        low, high = metrics["uar_ci95"]
        axis.hlines(y, low, high, color=colour, linewidth=2)
        beside = max(high + 0.012, metrics["uar"] + 0.025)
        axis.text(beside, y, number(metrics["uar"]), va="center", color=INK)
    axis.plot([metrics["uar"] for _, metrics in places], [y for y, _ in places], marker,
              color=colour, markersize=8, label=label, clip_on=False)  # fmt: skip


def _finish(axis, names: list[str], n_classes: int) -> None:
    axis.axvline(1 / n_classes, color=INK, linestyle="--", linewidth=1.2)
    axis.set(xlabel="UAR", xlim=(0, 1.1), ylim=(len(names) - 0.5, -0.5))
    axis.set_xticks(np.linspace(0, 1, 6))
    axis.set_yticks(range(len(names)), names)
    axis.grid(False, axis="y")
    legend_above(axis, 2)
    sns.despine(axis.figure, left=True)
