"""The figure of what a random split pretends; see `drawing`."""

from ser_lib.pages.figures.drawing import Figure, score_rows, styled
from ser_lib.pages.figures.palette import BLUE, ORANGE
from ser_lib.pages.gap import Gap
from ser_lib.pages.words import capital, number, p_value, signed


@styled
def pretence(gap: Gap) -> Figure | None:
    """UAR of every method with new speakers and with a random split; None without any."""
    if not gap.methods:
        return None
    fig = score_rows(
        [capital(method.title) for method in gap.methods],
        [
            (label, colour, marker, [(y + shift, score) for y, score in enumerate(scores)])
            for label, colour, marker, shift, scores in (
                ("random split", ORANGE, "s", -0.14, [method.random for method in gap.methods]),
                ("new speakers", BLUE, "o", 0.14, [method.honest for method in gap.methods]),
            )
        ],
        chance=1 / len(gap.run.emotions),
        height=1.3 + 0.7 * len(gap.methods),
    )
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
        caption="A random split and new speakers; the lines span the 95 % interval.",
    )
