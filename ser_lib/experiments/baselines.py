"""What is reached without a network, in the folds of the networks.

============ ================================================================
majority     always the most frequent emotion of the training part
stack        functionals of our own `stack` map and a linear SVM
eGeMAPSv02   openSMILE's functionals of that name and a linear SVM
ComParE_2016 the same with the larger set
============ ================================================================

The SVM is linear, as in the baselines of the field's challenges (Schuller et al., INTERSPEECH
2016), with C = 0.01, classes weighed by their rarity and numbers standardised with the statistics
of its training part. It has no learning curve and nothing is tuned, so a baseline trains on the
training and the validation part of a fold together: by speaker, on all speakers but the tested one.
A network trains on the training part alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ser_lib.core import jobs
from ser_lib.core.errors import SplitError, choose
from ser_lib.corpora import Manifest
from ser_lib.experiments.fit import predictions_of
from ser_lib.experiments.run import Result, Run
from ser_lib.experiments.splits import Fold
from ser_lib.features import functionals

TITLES = {
    "majority": "majority class",
    "stack": "SVM on the stack",
    "eGeMAPSv02": "SVM on eGeMAPS",
    "ComParE_2016": "SVM on ComParE",
}
C = 0.01
"""Cost of the SVM."""


@dataclass(frozen=True, eq=False)
class Baseline(Result):
    """The predictions of a method without a network."""

    name: str  # a key of `TITLES`
    emotions: list[str]
    predictions: pd.DataFrame

    @property
    def title(self) -> str:
        """Printed name, without an article."""
        return TITLES[self.name]


def available() -> list[str]:
    """Return the baselines that can be run here: all, or those without openSMILE."""
    return ["majority", *functionals.available()]


def train(
    name: str,
    manifest: Manifest,
    folds: Sequence[Fold],
    *,
    workers: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> Baseline:
    """Train and test a baseline, by its name in `TITLES`; functionals are computed by `workers`.

    A `ParameterError` says that there is no such baseline, or openSMILE is not installed for it, a
    `SplitError` that a fold has only one emotion to train on.
    """
    choose(name, TITLES, "baseline")
    say = progress or jobs.tell
    table = manifest.table
    emotions = table["emotion"].to_numpy(dtype=object)
    if name == "majority":
        inputs = np.zeros((len(table), 1))
    else:
        inputs = functionals.table(
            manifest,
            name,
            workers=workers,
            progress=lambda done, n: say(f"{TITLES[name]}: {done:,} of {n:,} utterances read"),
        )
        if name == "stack":  # statistics, as the other sets have
            inputs = inputs[:, : functionals.N_SUMMARY]
    tested = []
    for fold in folds:
        rows = np.concatenate([fold.train, fold.validation])
        if len(shown := set(emotions[rows])) < 2:
            raise SplitError(
                f"fold '{fold.name}' has only the emotion '{min(shown, default='none')}' to train "
                "on; there is nothing to tell apart"
            )
        predicted = _classifier(name).fit(inputs[rows], emotions[rows]).predict(inputs[fold.test])
        tested.append(predictions_of(table.iloc[fold.test], fold.name, predicted))
    return Baseline(name, manifest.emotions, pd.concat(tested, ignore_index=True))


def in_folds_of(run: Run, **options) -> list[Baseline]:
    """Train and test every available baseline in the folds of a run; options as of `train`."""
    return [train(name, run.corpus, run.folds, **options) for name in available()]


def _classifier(name: str):
    # Seconds to import, and most pages have no baseline.
    from sklearn.dummy import DummyClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if name == "majority":
        return DummyClassifier(strategy="most_frequent")
    # What openSMILE could not compute becomes the mean of the training part.
    return make_pipeline(
        SimpleImputer(keep_empty_features=True),
        StandardScaler(),
        SVC(kernel="linear", class_weight="balanced", C=C),
    )
