"""One fold of a network's experiment, in a process of its own: fit, then predict.

Nothing here sees the test part before the network is final: the standardisation is fitted on the
training part, and the network is that of the last epoch, at which the learning rate is zero. None
is chosen by its validation UAR: of a speaker or two, that is mostly luck.
"""

import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from ser_lib.core import jobs
from ser_lib.core.errors import TrainingError, extras
from ser_lib.core.files import sources
from ser_lib.corpora import Manifest
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.splits import PARTS, Fold
from ser_lib.features import copies, maps, store
from ser_lib.features.copies import SETS
from ser_lib.features.maps import FRAMES, ROWS, Standardiser
from ser_lib.features.store import Joined, Store
from ser_lib.metrics import scores
from ser_lib.models import bundle, networks, windows
from ser_lib.models.bundle import Bundle, FrontEnd

CODE = (
    *store.CODE_OF_COPIES,
    *("models/windows.py", "models/fast.py", "models/bundle.py"),
    *("experiments/fit.py", "metrics/scores.py"),
)
"""The code, with that of its own network, that can change what a fold gives."""
export = bundle.export
WARM_UP = 0.1
"""Share of the steps in which the learning rate rises to its peak."""


def code(experiment: Experiment) -> list[Path]:
    """Return the files that decide what a fold gives."""
    return sources(*CODE, *networks.files(experiment.architecture))


def prepare(
    experiment: Experiment, corpus: Manifest, workers: int | str | None
) -> Sequence[Store | Joined]:
    """Compute what is missing of the features; return those of each copy."""
    with extras():
        if find_spec("keras") is None:  # said before any work, and not by a worker that dies
            raise ModuleNotFoundError(name="tensorflow")
    kind, own = experiment.feature_map, SETS[experiment.copies]
    return store.build_all(corpus, own, kind=kind, workers=workers)


def where(workers: int | str | None) -> int | str | None:
    """Return who of some workers can fit a fold: all, but with a GPU this process alone."""
    if isinstance(workers, str) or not jobs.has_driver():
        return workers  # TensorFlow would take seconds to say so
    return 1 if gpu() else workers


def gpu() -> str:
    """Return the name of the GPU on which TensorFlow computes, "" if it sees none."""
    import tensorflow as tf

    for device in tf.config.list_physical_devices("GPU"):
        return tf.config.experimental.get_device_details(device).get("device_name", "a GPU")
    return ""


def start_worker() -> None:
    """Prepare a process: one thread, reproducible operations, no chatter."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # another process saves the network
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
    stores: Sequence[Store | Joined],
) -> tuple[str, dict[str, bytes]]:
    """Train and test one fold, whose number varies the seed.

    Return a line on how it went and, by relative path, the content of its files: fold.json,
    history.csv, predictions.csv, validation.csv (predictions, too) and bundle/. A worker on another
    machine may not see the folder where they belong. A `TrainingError` says that the network
    diverged.
    """
    import keras

    clock = time.perf_counter()
    keras.backend.clear_session()
    seed = 1000 * experiment.seed + number
    keras.utils.set_random_seed(seed)
    itself, *_ = stores
    shown = copies.shares(SETS[experiment.copies])
    one_hot = np.eye(len(emotions), dtype=np.float32)[
        pd.Categorical(table["emotion"], categories=emotions).codes
    ]
    shared = ("architecture", "corpus", "feature_map", "channels", "crops")
    of_training = (maps.channels(itself[i], experiment.channels) for i in fold.train)
    front_end = FrontEnd(
        emotions=emotions,
        copies=experiment.test_copies,
        standardiser=Standardiser.fit(of_training),
        **{name: getattr(experiment, name) for name in shared},
    )
    with _own_seeds(seed):
        network = _again(build(experiment, len(emotions)))

    generator = np.random.default_rng(seed)

    def read(i: int) -> np.ndarray:
        return front_end.standardised(itself[i])

    def draw(i: int) -> np.ndarray:
        return front_end.standardised(stores[generator.choice(len(stores), p=shown)][i])

    history = _fit(network, experiment, read, draw, one_hot, fold, generator)
    training, validation = history[-2:]
    if not np.isfinite(validation["loss"]):
        raise TrainingError(
            f"fold '{fold.name}': the validation loss was not a number after the last epoch; "
            f"try a learning_rate below {experiment.learning_rate}"
        )
    trained = Bundle(partial(bundle.probabilities, network), front_end)
    inference = time.perf_counter()
    tested = _predicted(trained, stores, table, fold, fold.test)
    inference = (time.perf_counter() - inference) / len(fold.test)
    validated = _predicted(trained, stores, table, fold, fold.validation)
    result = {
        "epochs": experiment.epochs,
        "train_accuracy": training["accuracy"],
        "validation_accuracy": validation["accuracy"],
        "train_loss": training["loss"],
        "validation_loss": validation["loss"],
        "validation_uar": validation["uar"],
        "duration_s": round(time.perf_counter() - clock, 2),
        "inference_ms": round(1000 * inference, 3),
        "device": gpu(),
        "n_parameters": network.count_params(),
        "layers": networks.layer_table(network),
    }
    save = partial(bundle.save, network, front_end)
    return packed(fold, emotions, result, history, (tested, validated), save)


def packed(
    fold: Fold,
    emotions: list[str],
    result: dict,
    history: list[dict],
    predictions: tuple[pd.DataFrame, pd.DataFrame],
    save: Callable[[Path], None],
) -> tuple[str, dict[str, bytes]]:
    """Return what `fit_fold` does of a fold; `save` writes its bundle to a folder.

    The predictions are those for the test set, then those for the validation set.
    """
    tested, validated = predictions
    truth, predicted = list(tested["truth"]), list(tested["predicted"])
    result = {
        "name": fold.name,
        **{f"n_{part}": len(getattr(fold, part)) for part in (*PARTS, "twins")},
        "accuracy": scores.accuracy(truth, predicted, emotions),
        "uar": scores.uar(truth, predicted, emotions),
        **result,
    }
    columns = ["fold", "epoch", "split", "loss", "accuracy", "uar"]
    epochs = pd.DataFrame(history, columns=columns).assign(fold=fold.name)
    files = {
        "fold.json": json.dumps(result, indent=1).encode(),
        "history.csv": epochs.to_csv(index=False).encode(),
        "predictions.csv": tested.to_csv(index=False).encode(),
        "validation.csv": validated.to_csv(index=False).encode(),
    }
    with tempfile.TemporaryDirectory() as temporary:
        save(Path(temporary, "bundle"))
        for file in Path(temporary, "bundle").iterdir():
            files[f"bundle/{file.name}"] = file.read_bytes()
    return f"{fold.name}: UAR {result['uar']:.2f}, {result['duration_s']:.0f} s", files


@contextmanager
def _own_seeds(seed: int) -> Iterator[None]:
    """Give the layers that are made meanwhile seeds that no other thread can change.

    Keras draws them from Python's common generator. That is seeded, but the threads in which a
    worker of Dask talks to its scheduler draw from it, too, at any moment.
    """
    common, random.randint = random.randint, random.Random(seed).randint
    try:
        yield
    finally:
        random.randint = common


_kept: dict = {}  # the last network of this process, by its configuration


def _again(network):
    """Return a network as it is, but for what a process traced of the last one of its kind.

    Tracing takes as long as hundreds of steps, and a process trains one fold after the other.
    """
    kind = json.dumps(network.get_config(), default=str, sort_keys=True)
    if kind not in _kept:
        _kept.clear()
        _kept[kind] = network
    for own, new in zip(_kept[kind].variables, network.variables, strict=True):
        own.assign(new)  # dropout's random state, too
    return _kept[kind]


def build(experiment: Experiment, n_classes: int):
    """Return the network of an experiment, untrained."""
    return networks.build(
        experiment.architecture,
        (ROWS, FRAMES, experiment.channels),
        n_classes,
        block_dropout=experiment.block_dropout,
        head_dropout=experiment.head_dropout,
    )


def _fit(
    network,
    experiment: Experiment,
    read: Callable[[int], np.ndarray],
    draw: Callable[[int], np.ndarray],
    targets: np.ndarray,
    fold: Fold,
    generator: np.random.Generator,
) -> list[dict]:
    """Train a network; return its history.

    `read` returns the standardised map of an utterance, `draw` that of one of its copies.

    After every epoch, training and validation are measured in the same way, without dropout and
    augmentation, so that the gap between them means something: training on a fixed sample as large
    as the validation part. Every map is read when it is needed, so that memory does not grow with
    the corpus.
    """
    n_batches = len(fold.train) // min(experiment.batch_size, len(fold.train))
    step = training_step(network, experiment, n_batches)
    weights = np.ones(targets.shape[1], np.float32)
    if experiment.class_weights:  # the inverse frequency, 1 on average over utterances
        counts = targets[fold.train].sum(axis=0)
        weights = (len(fold.train) / (len(counts) * counts)).astype(np.float32)
    soft = windows.smooth(targets, experiment.label_smoothing)
    sample = generator.permutation(fold.train)[: len(fold.validation)]
    history: list[dict] = []
    for epoch in range(1, experiment.epochs + 1):
        for inputs, labels in batches(experiment, draw, soft, fold.train, generator):
            step(inputs, labels, labels @ weights)
        for split, rows in (("train", sample), ("validation", fold.validation)):
            centres = (maps.fit_window(read(i)) for i in rows)
            measured = _measure(network, centres, targets[rows])
            history.append({"epoch": epoch, "split": split} | measured)
        jobs.step()
    return history


def batches(
    experiment: Experiment,
    read: Callable[[int], np.ndarray],
    targets: np.ndarray,
    rows: np.ndarray,
    generator: np.random.Generator,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield an epoch of (inputs [batch, rows, frames, channels], targets [batch, classes]).

    In a new order every epoch; the few that fill no batch are other ones each time. `read` returns
    the standardised map of an utterance, [rows, any, channels]; `rows` are the utterances to read.
    """
    size = min(experiment.batch_size, len(rows))
    order = generator.permutation(rows)[: len(rows) // size * size]
    for chosen in order.reshape(-1, size):
        inputs = np.stack([windows.random_window(read(i), generator) for i in chosen])
        yield windows.mixup(inputs, targets[chosen], generator, alpha=experiment.mixup)


def training_step(network, experiment: Experiment, n_batches: int):
    """Return a function (inputs, targets, weights) that takes the next step of AdamW.

    The learning rate follows from how many steps there will be, `n_batches` in an epoch.
    """
    optimizer, step = _compiled(network, experiment.weight_decay, experiment.precision)
    for variable in optimizer.variables:
        variable.assign(np.zeros(variable.shape, variable.dtype))
    rates = iter(learning_rates(experiment.learning_rate, n_batches * experiment.epochs))
    return lambda *batch: step(*batch, next(rates))


def learning_rates(peak: float, steps: int) -> np.ndarray:
    """Return the learning rate of each step: float32 [steps], a warm-up, then half a cosine.

    >>> learning_rates(1.0, 20)[[0, 1, 2, 11]].tolist()
    [0.5, 0.75, 1.0, 0.5]
    """
    warm_up = max(1, round(WARM_UP * steps))
    step = np.arange(steps)
    rising = (1 + (warm_up - 1) * step / warm_up) / warm_up
    falling = (1 + np.cos(np.pi * (step - warm_up) / max(1, steps - warm_up))) / 2
    return (peak * np.where(step < warm_up, rising, falling)).astype(np.float32)


@lru_cache(maxsize=1)
def _compiled(network, weight_decay: float, precision: str):
    """Return an optimiser of a network and its step (inputs, targets, weights, learning rate)."""
    import keras
    import tensorflow as tf

    from ser_lib.models import fast

    optimizer = fast.AdamW(0.0, weight_decay=weight_decay, clipnorm=1.0)
    # Decay pulls weights towards zero; biases and normalisation have no reason to be there.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(network.trainable_variables)
    forward = fast.forward(network, precision)

    @tf.function(autograph=False)  # there is no Python control flow to convert
    def step(inputs, targets, weights, rate):
        optimizer.learning_rate.assign(rate)
        with tf.GradientTape() as tape:
            probabilities = forward(inputs)
            losses = keras.losses.categorical_crossentropy(targets, probabilities)
            loss = tf.reduce_mean(losses * weights)
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))

    return optimizer, lambda *batch: step(*map(tf.convert_to_tensor, batch))


def _measure(network, inputs: Iterable[np.ndarray], targets: np.ndarray) -> dict[str, float]:
    probabilities = bundle.probabilities(network, inputs)
    losses = -np.log(np.maximum((probabilities * targets).sum(axis=1), 1e-30))
    truth, prediction = targets.argmax(axis=1), probabilities.argmax(axis=1)
    return {
        "loss": float(losses.mean()),
        "accuracy": scores.accuracy(truth, prediction),
        "uar": scores.uar(truth, prediction),
    }


def _predicted(
    trained: Bundle,
    stores: Sequence[Store | Joined],
    table: pd.DataFrame,
    fold: Fold,
    rows: np.ndarray,
) -> pd.DataFrame:
    own = stores[: len(SETS[trained.front_end.copies])]
    probabilities = trained.predict([one[i] for one in own] for i in rows)
    return answers(table.iloc[rows], fold, trained.front_end.emotions, probabilities)


def answers(
    rows: pd.DataFrame, fold: Fold, emotions: list[str], probabilities: np.ndarray
) -> pd.DataFrame:
    """Return the predictions for rows of a manifest as a table; probabilities [rows, classes]."""
    predicted = [emotions[i] for i in probabilities.argmax(axis=1)]
    columns = {f"p_{emotion}": probabilities[:, i] for i, emotion in enumerate(emotions)}
    return predictions_of(rows, fold.name, predicted).assign(**columns)


def predictions_of(
    rows: pd.DataFrame, fold: str | np.ndarray, predicted: Sequence[str] | np.ndarray
) -> pd.DataFrame:
    """Return the table of predictions for rows of a manifest, in their order."""
    return pd.DataFrame(
        {
            "utterance": rows["utterance"].to_numpy(),
            "speaker": rows["speaker"].to_numpy(),
            "fold": fold,
            "truth": rows["emotion"].to_numpy(),
            "predicted": predicted,
        }
    )
