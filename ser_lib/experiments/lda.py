"""One fold of an experiment with the discriminant, as `fit` has it for a network.

It has no learning curve, so the validation part joins the training part. What validation says of a
network, how far it can be trusted, is learnt from the training part itself: it is cut into
`PARTS` by speaker, and each is predicted by a discriminant of the others. These predictions give
the temperature, and take the place of those for a validation set.
"""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from shutil import copytree

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from ser_lib.core.files import sources
from ser_lib.corpora import Manifest
from ser_lib.experiments import fit
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.splits import Fold
from ser_lib.features import functionals
from ser_lib.features.copies import SETS
from ser_lib.metrics import calibration, scores
from ser_lib.models import bundle
from ser_lib.models import lda as model
from ser_lib.models.lda import Discriminant

PARTS = 5
"""Into which the training part is cut: each more is another discriminant for every fold."""
CODE = (
    *functionals.CODE,
    *("models/lda.py", "models/bundle.py", "experiments/lda.py", "experiments/fit.py"),
    *("metrics/scores.py", "metrics/calibration.py"),
)
start_worker = None
export = copytree
"""A bundle is complete when it is saved: it is small, and needs no framework."""


def code(experiment: Experiment) -> list[Path]:
    """Return the files that decide what a fold gives."""
    return sources(*CODE)


def where(workers: int | str | None) -> int | None:
    """Return who can fit a fold: this machine alone, where the functionals are kept."""
    return None if isinstance(workers, str) else workers


def prepare(
    experiment: Experiment, corpus: Manifest, workers: int | str | None
) -> list[list[Path]]:
    """Compute what is missing of the functionals; return where those of each copy are."""
    copies = SETS[experiment.copies]
    return functionals.build_all(corpus, experiment.features, copies, workers=workers)


def read(experiment: Experiment, folders: list[list[Path]]) -> np.ndarray:
    """Return the numbers of all utterances: float32 [utterances, copies, numbers]."""
    numbers = np.stack([functionals.read(own) for own in folders], axis=1)
    whole = experiment.modulation or experiment.features != "stack"
    return numbers if whole else numbers[..., : functionals.N_SUMMARY]


def fit_fold(
    experiment: Experiment,
    number: int,
    fold: Fold,
    table: pd.DataFrame,
    emotions: list[str],
    folders: list[list[Path]],
) -> tuple[str, dict[str, bytes]]:
    """Fit and test one fold; see `fit.fit_fold`."""
    clock = time.perf_counter()
    inputs, truth = read(experiment, folders), table["emotion"].to_numpy(str)
    speakers = table["speaker"].to_numpy(str)
    with threadpool_limits(1):  # whose number would change the last bits
        rows, unseen = _inner(experiment, inputs, table, emotions, fold)
        temperature = calibration.fit_temperature(truth[rows], unseen, emotions)
        fitted = _discriminant(experiment, inputs, table, rows, emotions, temperature)
        inference = time.perf_counter()
        probabilities = predict(fitted, inputs, speakers, fold.test)
        inference = (time.perf_counter() - inference) / len(fold.test)
        known = predict(fitted, inputs, speakers, rows)
    tempered = calibration.temper(unseen, temperature)
    training, validation = (_scores(truth[rows], p, emotions) for p in (known, tempered))
    shape = f"({len(emotions)},)"
    size = {"layer": "discriminant", "type": "LDA", "output_shape": shape}
    result = {
        "n_train": len(rows),
        "n_validation": 0,
        "epochs": 0,
        **{f"train_{name}": training[name] for name in ("accuracy", "loss")},
        **{f"validation_{name}": value for name, value in validation.items()},
        "temperature": temperature,
        "duration_s": round(time.perf_counter() - clock, 2),
        "inference_ms": round(1000 * inference, 3),
        "n_parameters": fitted.n_parameters,
        "layers": [size | {"parameters": fitted.n_parameters}],
    }
    predictions = (
        fit.answers(table.iloc[fold.test], fold, emotions, probabilities),
        fit.answers(table.iloc[rows], fold, emotions, tempered),
    )
    save = partial(bundle.save, None, fitted)
    return fit.packed(fold, emotions, result, [], predictions, save)


def _inner(
    experiment: Experiment,
    inputs: np.ndarray,
    table: pd.DataFrame,
    emotions: list[str],
    fold: Fold,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that train, and what discriminants of the others' speakers say of each."""
    rows = np.union1d(fold.train, fold.validation)
    own = table.iloc[rows]
    # Without names, or with a single one, each utterance is taken for a speaker of its own.
    speakers = own["speaker"] if own["speaker"].nunique() > 1 else own["utterance"]
    part = pd.factorize(speakers, sort=True)[0] % PARTS
    truth, named = own["emotion"].to_numpy(str), table["speaker"].to_numpy(str)
    answers = np.full((len(rows), len(emotions)), 1 / len(emotions))
    for number in range(PARTS):
        seen, unseen = part != number, part == number
        if unseen.any() and len(set(truth[seen])) > 1:
            fitted = _discriminant(experiment, inputs, table, rows[seen], emotions)
            answers[unseen] = predict(fitted, inputs, named, rows[unseen])
    return rows, answers


def predict(
    fitted: Discriminant,
    inputs: np.ndarray,
    speakers: np.ndarray,
    rows: np.ndarray,
    known: np.ndarray | None = None,
) -> np.ndarray:
    """Return the probabilities of rows of the inputs, see `read`.

    A discriminant that can be enrolled is, with each speaker's own rows, or those of them in
    `known`.
    """
    tested = inputs[:, : len(SETS[fitted.copies])]
    if fitted.speaker is None:
        return fitted.predict(tested[rows])
    answers = np.empty((len(rows), len(fitted.emotions)), np.float32)
    known = rows if known is None else known
    for name in sorted(set(speakers[rows])):
        enrolled = fitted.enrol(tested[known[speakers[known] == name]])
        own = speakers[rows] == name
        answers[own] = enrolled.predict(tested[rows[own]])
    return answers


def _discriminant(
    experiment: Experiment,
    inputs: np.ndarray,
    table: pd.DataFrame,
    rows: np.ndarray,
    emotions: list[str],
    temperature: float = 1.0,
) -> Discriminant:
    own = table.iloc[rows]
    return model.fit(
        inputs[rows],
        own["emotion"].to_numpy(str),
        emotions,
        shrinkage=experiment.shrinkage,
        corpus=experiment.corpus,
        copies=experiment.test_copies,
        speakers=own["speaker"].to_numpy(str) if experiment.enrolled else None,
        temperature=temperature,
        features=experiment.features,
    )


def _scores(
    truth: Sequence[str], probabilities: np.ndarray, emotions: list[str]
) -> dict[str, float]:
    predicted = np.array(emotions)[probabilities.argmax(axis=1)]
    return {
        "accuracy": scores.accuracy(truth, predicted, emotions),
        "uar": scores.uar(truth, predicted, emotions),
        "loss": float(scores.log_losses(truth, probabilities, emotions).mean()),
    }
