"""What is reached without a network, in the folds of the networks.

============ ================================================================
majority     always the most frequent emotion of the training part
stack        functionals of our own `stack` map and a linear SVM
eGeMAPSv02   openSMILE's functionals of that name and a linear SVM
ComParE_2016 the same with the larger set
============ ================================================================

The SVM is linear, as in the baselines of the field's challenges (Schuller et al., INTERSPEECH
2016), with C = 0.01, classes weighed by their rarity and numbers standardised with the statistics
of its training part. It has no epoch to choose and nothing is tuned, so a baseline trains on the
training and the validation part of a fold together: by speaker, on all speakers but the tested one.
A network trains on the training part alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ser_lib.core import jobs
from ser_lib.core.errors import SplitError, choose
from ser_lib.corpora import Manifest
from ser_lib.experiments import run as training
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.records import Record
from ser_lib.experiments.splits import Fold
from ser_lib.features import functionals
from ser_lib.metrics import scores

TITLES = {
    "majority": "majority class",
    "stack": "SVM on the stack",
    "eGeMAPSv02": "SVM on eGeMAPS",
    "ComParE_2016": "SVM on ComParE",
}
C = 0.01
"""Cost of the SVM."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Baseline:
    """What a baseline gives.

    Attributes
    ----------
    name
        A key of `TITLES`.
    emotions
        Class order.
    predictions
        Columns utterance, speaker, fold, truth, predicted, as in a record.
    metrics
        accuracy, uar, macro_f1, weighted_f1, each with its `_ci95`, as in a record.
    """

    name: str
    emotions: list[str]
    predictions: pd.DataFrame
    metrics: dict[str, float | list[float]]

    @property
    def title(self) -> str:
        """Printed name, without an article."""
        return TITLES[self.name]


def available() -> list[str]:
    """Return the baselines that can be run here: all, or those without openSMILE."""
    return ["majority", *functionals.available()]


def run(
    name: str,
    manifest: Manifest,
    folds: Sequence[Fold],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Baseline:
    """Train and test a baseline.

    Parameters
    ----------
    name
        A key of `TITLES`.
    manifest
        The corpus.
    folds
        Of the manifest's table, such as `splits.make` gives.
    workers
        Processes that compute functionals; the number of processors by default.
    progress
        Called with a line of text per finished part; by default printed to standard error.

    Returns
    -------
    Baseline
        Its intervals are clustered by speaker, as those of a record.

    Raises
    ------
    ParameterError
        If there is no such baseline, or it needs openSMILE, which is not installed.
    SplitError
        If a fold has only one emotion to train on.
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
    tested = []
    for fold in folds:
        rows = np.concatenate([fold.train, fold.validation])
        if len(found := set(emotions[rows])) < 2:
            raise SplitError(
                f"fold '{fold.name}' has only the emotion '{min(found, default='none')}' to train "
                "on; there is nothing to tell apart"
            )
        classifier = _classifier(name).fit(inputs[rows], emotions[rows])
        part = table.iloc[fold.test]
        tested.append(
            pd.DataFrame(
                {
                    "utterance": part["utterance"].to_numpy(),
                    "speaker": part["speaker"].to_numpy(),
                    "fold": fold.name,
                    "truth": part["emotion"].to_numpy(),
                    "predicted": classifier.predict(inputs[fold.test]),
                }
            )
        )
    predictions = pd.concat(tested, ignore_index=True)
    return Baseline(name, manifest.emotions, predictions, metrics(predictions, manifest.emotions))


def in_folds_of(
    record: Record,
    *,
    data_dir: str | Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Baseline]:
    """Run every available baseline in the folds of a network's run.

    Parameters
    ----------
    record
        The run.
    data_dir
        Folder of its corpus.
    workers, progress
        As `run`.
    """
    experiment = Experiment.of(record)
    manifest = training.load(experiment, data_dir)
    folds = training.split(experiment, manifest)
    return [run(name, manifest, folds, workers=workers, progress=progress) for name in available()]


def metrics(predictions: pd.DataFrame, emotions: list[str]) -> dict[str, float | list[float]]:
    """Score predictions as a record does: accuracy, uar and the F1s, each with its `_ci95`."""
    truth, predicted = list(predictions["truth"]), list(predictions["predicted"])
    found: dict[str, float | list[float]] = {}
    intervals = scores.score_intervals(truth, predicted, emotions, clusters=clusters(predictions))
    for name, limits in intervals.items():
        found[name] = getattr(scores, name)(truth, predicted, emotions)
        found[f"{name}_ci95"] = limits
    return found


def clusters(predictions: pd.DataFrame) -> list[str] | None:
    """Return the speaker of every utterance; None if any has no name, as each is then alone."""
    return None if (predictions["speaker"] == "").any() else list(predictions["speaker"])


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
