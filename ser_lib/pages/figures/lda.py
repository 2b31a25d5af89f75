"""Figures of the discriminant: its steps, and what it listens to; see `drawing`."""

from ser_lib.pages.figures.drawing import Figure, canvas, score_rows, styled
from ser_lib.pages.figures.palette import BLUE, INK, PALE
from ser_lib.pages.lda import Cues, Steps
from ser_lib.pages.words import interval, number, signed

LABELS = {
    "svm": "SVM on statistics",
    "discriminant": "Discriminant instead",
    "speeds": "+ copies at four speeds",
    "tilts": "+ two tilts, copies in the test",
    "modulation": "+ modulation",
}


@styled
def steps(page: Steps) -> Figure:
    """UAR after each step with its interval, the first on top."""
    results = [(LABELS[step.name], step.result.uar) for step in page.steps]
    listed = "; ".join(f"{name} {interval(uar)}" for name, uar in results)
    return score_rows(
        [(name, {"unseen utterances": uar}) for name, uar in results],
        {"unseen utterances": (BLUE, "o")},
        chance=page.chance,
        alt=f"Points with 95 % intervals. UAR step by step: {listed}.",
        name="lda-steps",
        caption="What each step adds; the lines span the 95 % interval.",
    )


@styled
def cues(page: Cues) -> Figure:
    """What the recall of each emotion loses without each cue, with intervals."""
    emotions = list(page.losses)
    fig, axes = canvas(1, len(page.losses), height=1.4 + 0.32 * len(emotions), sharey=True,
                       sharex=True, grid="x")  # fmt: skip
    listed = []
    for axis, (cue, row) in zip(axes, page.losses.iterrows(), strict=True):
        for y, (emotion, loss) in enumerate(row.items()):
            colour = BLUE if loss.sign > 0 else PALE
            axis.hlines(y, *loss.interval, color=colour, linewidth=2)
            axis.plot(loss.value, y, "o", color=colour, markersize=7)
            listed.append(f"{emotion} without {cue} {signed(loss)}")
        axis.axvline(0, color=INK, linestyle="--", linewidth=1.2)
        axis.set_title(f"without {cue}\n{number(page.sizes[cue])} numbers")
    axes[0].set_yticks(range(len(emotions)), emotions)
    axes[0].set_ylim(len(emotions) - 0.5, -0.5)
    fig.supxlabel("recall lost", fontsize="medium", color=INK)
    return Figure(
        fig,
        alt=f"Points with 95 % intervals. Recall lost: {'; '.join(listed)}.",
        name="lda-cues",
        caption="What the recall of each emotion loses where the numbers of one cue are shuffled "
        "among the tested utterances; the lines span the 95 % interval, corrected for their "
        "number, and are dark where it lies above 0.",
    )
