"""A run's method trained on all of its corpus: a model to take along.

It is expected to do as well as the run did on speakers who were unknown to its folds, and abstains
where its validation predictions were rather wrong than right (`calibration.abstention`).
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from ser_lib.core import jobs
from ser_lib.core.files import fresh_folder, write_atomically
from ser_lib.experiments import train
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment
from ser_lib.experiments.run import Run, read_predictions
from ser_lib.experiments.splits import Fold
from ser_lib.features import typical
from ser_lib.metrics import calibration
from ser_lib.models import bundle
from ser_lib.models.bundle import About


def make(run: Run, *, workers: int | str | None = None) -> Path:
    """Train the model of a run, with its corpus, unless it is there; return its folder.

    `workers` are as of `train.train`.
    """
    folder = bundle.final(run.folder)
    if folder.is_dir():
        return folder
    method = train.METHODS[run.architecture]
    features = method.prepare(run.experiment, run.corpus, workers)
    job = run.experiment, whole(run), run.corpus.table, run.emotions, features
    own = method.where(workers) if method.start_worker else 0
    ((files, unseen),) = jobs.each(_fit, [job], workers=own, initializer=method.start_worker)
    if run.architecture in ARCHITECTURES:  # of the speakers of a single fold there are too few
        unseen = train.validation(run)
    with fresh_folder(folder) as temporary:
        for name, content in files.items():
            write_atomically(temporary / name, content)
        bundle.tell(temporary, _about(run, threshold(unseen, run.emotions)))
    return folder


def threshold(unseen: pd.DataFrame, emotions: list[str]) -> float:
    """Return the probability below which a model abstains, from predictions in validation."""
    chances = unseen[[f"p_{emotion}" for emotion in emotions]].to_numpy(float)
    return calibration.abstention(list(unseen["truth"]), chances, emotions)


def answered(run: Run, threshold: float) -> tuple[float, float]:
    """Return the share of a run's predictions that are answered, and of these what is right."""
    truth = list(run.predictions["truth"])
    sure, right = calibration.answers(truth, run.probabilities, run.emotions)
    given = sure >= threshold
    return float(given.mean()), float(right[given].mean()) if given.any() else 0.0


def whole(run: Run) -> Fold:
    """Return a fold that trains on all of a corpus; what it tests is nobody's score."""
    some = run.folds[0].test
    return Fold("final", np.arange(len(run.corpus.table)), some, some)


def _fit(
    experiment: Experiment, fold: Fold, table: pd.DataFrame, emotions: list[str], features
) -> tuple[dict[str, bytes], pd.DataFrame]:
    """Return the files of a bundle by name, and its predictions for the validation set."""
    method = train.METHODS[experiment.architecture]
    with TemporaryDirectory() as temporary:
        source, target = Path(temporary) / "bundle", Path(temporary) / "exported"
        _, files = method.fit_fold(experiment, 0, fold, table, emotions, features)
        for name, content in files.items():
            write_atomically(Path(temporary) / name, content)
        method.export(source, target)
        unseen = read_predictions(Path(temporary, "validation.csv"))
        return {file.name: file.read_bytes() for file in target.iterdir()}, unseen


def _about(run: Run, threshold: float) -> About:
    corpus = run.record.corpus
    share, accuracy = answered(run, threshold)
    return About(
        name=f"{corpus.name}/{run.folder.name}",
        method=run.title,
        corpus=corpus.title,
        synthetic=corpus.synthetic,
        utterances=corpus.utterances,
        speakers=corpus.speakers,
        protocol=run.protocol,
        uar=run.uar.value,
        low=run.uar.low,
        high=run.uar.high,
        n=run.uar.n,
        unit=run.unit,
        threshold=threshold,
        answered=share,
        accuracy=accuracy,
        typical=typical.spans(run.corpus),
    )
