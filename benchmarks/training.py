"""What seeds, precision and longer training change: the longest table of ``make study``.

Every training is repeated with several seeds, whose predictions are then averaged as well. It takes
an hour or two of two processors; what is finished is not trained again.
"""

import pandas as pd

from ser_lib.corpora import Manifest
from ser_lib.experiments import train
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment
from ser_lib.models import networks
from ser_lib.pages.runs import differences, fused

SEEDS = range(3)
REPORT = "usual"  # as in the report
USUAL = {"precision": "bfloat16"}
LONGER = {"epochs": 40, "copies": "speed+tilt", "test_copies": "speed+tilt"}
TRAININGS = {
    **{(name, REPORT): USUAL for name in ARCHITECTURES},
    ("cnn_gru", "float32"): {"precision": "float32"},
    ("cnn_gru", "longer"): USUAL | LONGER,
}
"""By network and name, the parameters that are not the usual ones."""


def table(corpus: Manifest) -> pd.DataFrame:
    """Return the UAR of each training: of each seed, of all together, and what it changes.

    That is its difference from the usual training of the same network, corrected for their number.
    """
    plans = [
        (Experiment(architecture=name, corpus=corpus.corpus, seed=seed, **given), corpus)
        for (name, _), given in TRAININGS.items()
        for seed in SEEDS
    ]
    runs = train.train_all(plans)
    groups = [runs[i : i + len(SEEDS)] for i in range(0, len(runs), len(SEEDS))]
    together = {key: fused("", group) for key, group in zip(TRAININGS, groups, strict=True)}
    others = [key for key in TRAININGS if key[1] != REPORT]
    pairs = [(together[key], together[key[0], REPORT]) for key in others]
    changes = dict(zip(others, differences(pairs), strict=True))
    rows = []
    for (key, result), group in zip(together.items(), groups, strict=True):
        each = " ".join(f"{run.uar.value:.2f}" for run in group)
        row = {"Network": networks.title(key[0]), "Training": key[1], "Each seed": each}
        row["UAR"] = _stated(result.uar, ".2f")
        if key in changes:
            row |= {"Difference": _stated(changes[key], "+.3f"), "p": changes[key].p}
        rows.append(row)
    return pd.DataFrame(rows)


def _stated(estimate, form: str) -> str:
    value, low, high = (f"{x:{form}}" for x in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})"
