"""How sure a network is of its right and of its wrong predictions; see `drawing`."""

import numpy as np
import pandas as pd

from ser_lib.metrics.calibration import BINS
from ser_lib.pages.figures.drawing import Figure, canvas, styled
from ser_lib.pages.figures.palette import BLUE, ORANGE
from ser_lib.pages.words import count, number


@styled
def right_and_wrong(predictions: pd.DataFrame, *, page: str = "failures") -> Figure:
    """How sure right and wrong predictions are, from columns right and p (of the prediction)."""
    fig, axis = canvas(height=3.0)
    edges = np.linspace(0, 1, 2 * BINS + 1)
    words = []
    for right, name, colour, hatch in ((True, "right", BLUE, ""), (False, "wrong", ORANGE, "///")):
        chances = predictions.loc[predictions["right"] == right, "p"]
        if chances.empty:
            words.append(f"None is {name}.")
            continue
        axis.hist(chances, edges, color=colour, alpha=0.55, edgecolor="white", hatch=hatch,
                  label=f"{name} ({len(chances):,})")  # fmt: skip
        axis.axvline(chances.median(), color=colour, linestyle="-" if right else "--", linewidth=2)
        words.append(
            f"{count(len(chances), 'prediction is', 'predictions are')} {name}, with a probability "
            f"of {number(float(chances.median()))} in the median."
        )
    axis.set(xlabel="probability of the prediction", ylabel="utterances", xlim=(0, 1))
    axis.legend(loc="upper left")
    return Figure(
        fig,
        alt=f"Histograms of {count(len(predictions), 'prediction')}: {' '.join(words)}",
        name=f"{page}-right-and-wrong",
        caption="Confidence of right and of wrong predictions; lines: medians.",
    )
