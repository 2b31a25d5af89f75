"""UAR of several methods on the same corpus and protocol; see `drawing`."""

from collections.abc import Mapping, Sequence

from ser_lib.experiments.run import Result, Run
from ser_lib.metrics.jackknife import Estimate
from ser_lib.pages.figures import drawing
from ser_lib.pages.figures.palette import BLUE, GREEN, INK, ORANGE, PURPLE
from ser_lib.pages.runs import named
from ser_lib.pages.words import capital, listing

_LOOKS = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "D"), (PURPLE, "^"), (INK, "v"))


@drawing.style()
def scores(
    runs: Sequence[Run],
    others: Sequence[Result] = (),
    *,
    elsewhere: Mapping[str, Mapping[str, float | Estimate]] | None = None,
    page: str = "comparison",
) -> drawing.Figure:
    """UAR of runs, and of other methods, with their 95 % intervals, the highest on top.

    Of `elsewhere`, each kind has names and their UAR, of some of which no interval is known.
    """
    kinds = {
        "network": {name: run.uar for name, run in named(runs)},
        "another method": {capital(other.title): other.uar for other in others},
        **(elsewhere or {}),
    }
    rows = [(name, {kind: uar}) for kind, own in kinds.items() for name, uar in own.items()]
    return drawing.score_rows(
        drawing.highest_first(rows),
        dict(zip(kinds, _LOOKS, strict=False)),
        chance=1 / len(runs[0].emotions),
        name=f"{page}-scores",
        caption="UAR of all methods in the same folds"
        + (f", and of {listing(elsewhere)}" if elsewhere else "")
        + "; lines: 95 % intervals.",
        width=drawing.NARROW,
    )
