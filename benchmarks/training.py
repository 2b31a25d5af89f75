"""Are the networks trained enough? One of them with the report's recipe, and with longer ones.

With an hour or more of two processors, it is the longest table of ``make study``; what is finished
is not trained again.
"""

import pandas as pd

from ser_lib.corpora import Manifest
from ser_lib.experiments import train
from ser_lib.pages.runs import uar_difference

NETWORK = "cnn_gru"
LONGER = {"epochs": 40, "copies": "speed+tilt", "test_copies": "speed+tilt"}
RECIPES = {
    "as in the report": {},
    "40 epochs, copies of speed and tilt alone, their predictions averaged": LONGER,
}


def table(corpus: Manifest) -> pd.DataFrame:
    """Return the UAR of each recipe with its interval, and its difference from the first one."""
    first, *others = (train.train(NETWORK, corpus, **recipe) for recipe in RECIPES.values())
    rows = []
    for recipe, run in zip(RECIPES, (first, *others), strict=True):
        row = {"Training": recipe, **_stated("UAR", run.uar)}
        if run is not first:
            difference = uar_difference(run, first)
            row |= {**_stated("Difference", difference), "p": difference.p}
        rows.append(row)
    return pd.DataFrame(rows)


def _stated(name: str, estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}, low": estimate.low, f"{name}, high": estimate.high}
