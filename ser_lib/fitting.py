"""One fold of an experiment, in a process of its own: fit, choose the epoch, predict.

Nothing here sees the test part before the network is final: the standardisation is fitted on the
training part, and the weights that are kept are those of the epoch with the best validation UAR.
"""

import json
import os
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from ser_lib import augment, bundle, evaluation, features
from ser_lib.bundle import Bundle, FrontEnd
from ser_lib.errors import TrainingError
from ser_lib.experiment import Experiment
from ser_lib.features import FRAMES, ROWS, Standardiser
from ser_lib.splits import Fold
from ser_lib.store import Store
from ser_lib.workspace import fresh_folder

WARM_UP = 0.1
"""Share of the steps in which the learning rate rises to its peak."""
SMOOTHING = 3
"""Epochs over which the validation UAR is averaged to choose one: validation is often a single
speaker, whose UAR jumps from epoch to epoch."""


def start_worker() -> None:
    """Prepare a process: one thread, reproducible operations, no chatter."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()


def fit_fold(
    experiment: Experiment,
    number: int,
    fold: Fold,
    table: pd.DataFrame,
    emotions: list[str],
    store_folder: Path,
    target: Path,
) -> str:
    """Train and test one fold and write its results into the folder `target`.

    Parameters
    ----------
    experiment
        What to train.
    number, fold
        The fold; its number varies the seed.
    table
        The manifest's table.
    emotions
        Class order.
    store_folder
        The feature store.
    target
        Gets fold.json, history.csv, predictions.csv and bundle/, all or nothing.

    Returns
    -------
    str
        A line on how it went.

    Raises
    ------
    TrainingError
        If the network diverged in the first epoch and never came back.
    """
    import keras

    clock = time.perf_counter()
    keras.backend.clear_session()
    seed = 1000 * experiment.seed + number
    keras.utils.set_random_seed(seed)
    statics = Store(store_folder, len(table))
    one_hot = np.eye(len(emotions), dtype=np.float32)[
        pd.Categorical(table["emotion"], categories=emotions).codes
    ]
    raw = [features.channels(statics[i], experiment.channels) for i in fold.train]
    standardiser = Standardiser.fit(raw)
    front_end = FrontEnd(
        architecture=experiment.architecture,
        corpus=experiment.corpus,
        emotions=emotions,
        feature_map=experiment.feature_map,
        channels=experiment.channels,
        crops=experiment.crops,
        standardiser=standardiser,
    )
    network = _network(experiment, len(emotions))
    history, best_epoch = _fit(
        network,
        experiment,
        [standardiser.apply(feature_map) for feature_map in raw],
        one_hot[fold.train],
        _centres(front_end, statics, fold.validation),
        one_hot[fold.validation],
        np.random.default_rng(seed),
    )
    if not best_epoch:
        raise TrainingError(
            f"fold '{fold.name}': the validation loss was not a number in any epoch; "
            f"try a learning_rate below {experiment.learning_rate}"
        )
    trained = Bundle(partial(bundle.probabilities, network), front_end)
    inference = time.perf_counter()
    probabilities = trained.predict(statics[i] for i in fold.test)
    inference = (time.perf_counter() - inference) / len(fold.test)
    truth = list(table["emotion"].iloc[fold.test])
    predicted = [emotions[i] for i in probabilities.argmax(axis=1)]
    at_best = {row["split"]: row for row in history if row["epoch"] == best_epoch}
    result = {
        "name": fold.name,
        "n_train": len(fold.train),
        "n_validation": len(fold.validation),
        "n_test": len(fold.test),
        "n_twins": len(fold.twins),
        "epochs": max(row["epoch"] for row in history),
        "best_epoch": best_epoch,
        "train_accuracy": at_best["train"]["accuracy"],
        "validation_accuracy": at_best["validation"]["accuracy"],
        "train_loss": at_best["train"]["loss"],
        "validation_loss": at_best["validation"]["loss"],
        "validation_uar": at_best["validation"]["uar"],
        "accuracy": evaluation.accuracy(truth, predicted, emotions),
        "uar": evaluation.uar(truth, predicted, emotions),
        "duration_s": round(time.perf_counter() - clock, 2),
        "inference_ms": round(1000 * inference, 3),
        "n_parameters": network.count_params(),
        "layers": _layers(network),
    }
    tested = pd.DataFrame(
        {
            "utterance": table["utterance"].iloc[fold.test].to_numpy(),
            "speaker": table["speaker"].iloc[fold.test].to_numpy(),
            "fold": fold.name,
            "truth": truth,
            "predicted": predicted,
        }
        | {f"p_{emotion}": probabilities[:, i] for i, emotion in enumerate(emotions)}
    )
    with fresh_folder(target) as folder:
        pd.DataFrame(history).assign(fold=fold.name)[
            ["fold", "epoch", "split", "loss", "accuracy", "uar"]
        ].to_csv(folder / "history.csv", index=False)
        tested.to_csv(folder / "predictions.csv", index=False)
        bundle.save(network, front_end, folder / "bundle")
        (folder / "fold.json").write_text(json.dumps(result, indent=1))
    return (
        f"{fold.name}: best epoch {best_epoch} of {result['epochs']}, "
        f"UAR {result['uar']:.2f}, {result['duration_s']:.0f} s"
    )


def _network(experiment: Experiment, n_classes: int):
    from ser_lib import models

    return models.build(
        experiment.architecture,
        (ROWS, FRAMES, experiment.channels),
        n_classes,
        block_dropout=experiment.block_dropout,
        head_dropout=experiment.head_dropout,
    )


def _layers(network) -> list[dict]:
    from ser_lib import models

    return models.layer_table(network)


def _centres(front_end: FrontEnd, statics: Store, rows: np.ndarray) -> np.ndarray:
    """Return the centre window of utterances: float32 [n, rows, frames, channels]."""
    maps = (features.channels(statics[i], front_end.channels) for i in rows)
    return np.stack([features.fit_window(front_end.standardiser.apply(m)) for m in maps])


def _fit(
    network,
    experiment: Experiment,
    maps: list[np.ndarray],
    targets: np.ndarray,
    validation_inputs: np.ndarray,
    validation_targets: np.ndarray,
    generator: np.random.Generator,
) -> tuple[list[dict], int]:
    """Train a network; leave it with its best weights.

    After every epoch, training and validation are measured in the same way, without dropout and
    augmentation, so that the gap between them means something: training on a fixed sample as large
    as the validation part.

    Returns
    -------
    history
        One row per epoch and split: epoch, split, loss, accuracy, uar.
    best_epoch
        The one with the highest validation UAR, averaged with the epochs before it; of equal
        ones, that with the lowest loss. The loss alone rises as soon as a network becomes too
        sure, long before it stops to get better.
    """
    batch_size = min(experiment.batch_size, len(maps))
    n_batches = len(maps) // batch_size
    step = _training_step(network, experiment, n_batches)
    weights = _class_weights(targets) if experiment.class_weights else np.ones(targets.shape[1])
    weights = weights.astype(np.float32)
    soft = augment.smooth(targets, experiment.label_smoothing)
    sample = generator.permutation(len(maps))[: len(validation_inputs)]
    measured = {
        "train": (np.stack([features.fit_window(maps[i]) for i in sample]), targets[sample]),
        "validation": (validation_inputs, validation_targets),
    }
    history: list[dict] = []
    best, best_epoch, best_weights = (-1.0, 0.0), 0, network.get_weights()
    for epoch in range(1, experiment.epochs + 1):
        # A new order every epoch; the few that fill no batch are other ones each time.
        order = generator.permutation(len(maps))[: n_batches * batch_size]
        for rows in order.reshape(n_batches, batch_size):
            inputs = np.stack([augment.random_window(maps[i], generator) for i in rows])
            inputs, labels = augment.mixup(inputs, soft[rows], generator, alpha=experiment.mixup)
            step(inputs, labels, labels @ weights)
        for split, (inputs, labels) in measured.items():
            history.append({"epoch": epoch, "split": split} | _measure(network, inputs, labels))
        recent = [row["uar"] for row in history if row["split"] == "validation"][-SMOOTHING:]
        reached = sum(recent) / SMOOTHING, -history[-1]["loss"]
        # A network that diverged answers nan, of which a UAR can be computed all the same.
        if np.isfinite(reached).all() and reached > best:
            best, best_epoch, best_weights = reached, epoch, network.get_weights()
        elif epoch - best_epoch >= experiment.patience:
            break
    network.set_weights(best_weights)
    return history, best_epoch


def _training_step(network, experiment: Experiment, n_batches: int):
    """Return a compiled function (inputs, targets, weights) that takes one step of AdamW."""
    import keras
    import tensorflow as tf

    steps = n_batches * experiment.epochs
    warm_up = max(1, round(WARM_UP * steps))
    rate = keras.optimizers.schedules.CosineDecay(
        experiment.learning_rate / warm_up,
        decay_steps=max(1, steps - warm_up),
        warmup_target=experiment.learning_rate,
        warmup_steps=warm_up,
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=experiment.weight_decay, clipnorm=1.0)
    # Decay pulls weights towards zero; biases and normalisation have no reason to be there.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(network.trainable_variables)

    @tf.function(autograph=False)  # there is no Python control flow to convert
    def step(inputs, targets, weights):
        with tf.GradientTape() as tape:
            probabilities = network(inputs, training=True)
            losses = keras.losses.categorical_crossentropy(targets, probabilities)
            loss = tf.reduce_mean(losses * weights)
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))

    return step


def _class_weights(targets: np.ndarray) -> np.ndarray:
    """Return the inverse frequency of every class, 1 on average over utterances."""
    counts = targets.sum(axis=0)
    return len(targets) / (len(counts) * counts)


def _measure(network, inputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    probabilities = bundle.probabilities(network, inputs)
    losses = -np.log(np.maximum((probabilities * targets).sum(axis=1), 1e-30))
    truth, prediction = targets.argmax(axis=1), probabilities.argmax(axis=1)
    return {
        "loss": float(losses.mean()),
        "accuracy": evaluation.accuracy(truth, prediction),
        "uar": evaluation.uar(truth, prediction),
    }
