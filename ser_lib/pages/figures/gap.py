"""The figure of what a random split pretends; see `drawing`."""

from ser_lib.pages.figures.drawing import Figure, score_rows, style
from ser_lib.pages.figures.palette import BLUE, ORANGE
from ser_lib.pages.gap import Gap
from ser_lib.pages.words import capital


@style()
def pretence(gap: Gap) -> Figure | None:
    """UAR of every method with new speakers and with a random split; None without any."""
    if not gap.methods:
        return None
    return score_rows(
        [
            (capital(one.title), {"random split": one.random, "new speakers": one.honest})
            for one in gap.methods
        ],
        {"random split": (ORANGE, "s"), "new speakers": (BLUE, "o")},
        chance=1 / len(gap.run.emotions),
        name="gap-scores",
        caption="UAR with a random split and with new speakers; lines: 95 % intervals.",
    )
