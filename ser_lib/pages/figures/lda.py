"""Figures of the discriminant: its steps, and what it listens to; see `drawing`."""

from ser_lib.pages.figures.drawing import Figure, canvas, score_rows, style
from ser_lib.pages.figures.palette import BLUE, INK, PALE
from ser_lib.pages.lda import Cues, Enrolment, Steps
from ser_lib.pages.words import number, signed

_POINTS = {"unseen utterances": (BLUE, "o")}


@style()
def steps(page: Steps) -> Figure:
    """UAR after each step with its interval, the first on top."""
    return score_rows(
        [(step.name, {"unseen utterances": step.result.uar}) for step in page.steps],
        _POINTS,
        chance=1 / len(page.run.emotions),
        name="lda-steps",
        caption="UAR after each step; lines: 95 % intervals.",
    )


@style()
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
        caption="Loss of recall of each emotion when the numbers of one cue are shuffled among the "
        "test utterances. Lines: 95 % intervals, corrected for their number; dark: above 0.",
    )


@style()
def enrolment(page: Enrolment) -> Figure:
    """UAR with its interval by the number of recordings with which a speaker is enrolled."""
    uars = {"none": page.plain.uar} | {str(n or "all"): uar for n, uar, _ in page.curve}
    return score_rows(
        [(name, {"unseen utterances": uar}) for name, uar in uars.items()],
        _POINTS,
        chance=1 / len(page.run.emotions),
        name="lda-enrolment",
        caption="UAR by the number of known recordings of the test speaker; lines: 95 % intervals.",
    )
