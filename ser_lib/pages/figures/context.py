"""The figure of a run next to published results; see `drawing`."""

from ser_lib.pages.context import Context, name_of
from ser_lib.pages.figures.drawing import Figure, highest_first, score_rows, style
from ser_lib.pages.figures.palette import BLUE, GREEN, ORANGE, PURPLE, SOFT

_KINDS = {"": "comparable", "people": "people", "credible": "not credible"}


@style()
def published(page: Context) -> Figure | None:
    """The run and the published results of its corpus, the highest on top; None without any."""
    table = page.published[page.published["obstacle"] != "corpus"]
    if table.empty:
        return None
    rows = [(f"{page.run.title} (here)", {"this run": page.run.uar})]
    rows += [
        (f"{name_of(row)}: {row.protocol}", {_KINDS.get(row.obstacle, "another question"): v})
        for row, v in zip(table.itertuples(), table["value"].astype(float), strict=True)
    ]
    looks = {"this run": (BLUE, "o"), "comparable": (PURPLE, "^"), "another question": (SOFT, "v"),
             "not credible": (ORANGE, "x"), "people": (GREEN, "s")}  # fmt: skip
    return score_rows(
        highest_first(rows),
        looks,
        chance=1 / len(page.run.emotions),
        name="context-published",
        caption="This run with its 95 % interval, and published results of its corpus (UAR, or "
        "accuracy where no UAR is stated).",
    )
