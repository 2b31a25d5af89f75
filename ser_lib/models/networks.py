"""The three networks of the report, and what comes after them.

Conventions: every network is an uncompiled functional `keras.Model` that takes standardised feature
maps ``float32 [batch, rows, frames, channels]`` and returns class probabilities
``float32 [batch, classes]`` (softmax, each row sums to 1). All of them share the same body of three
convolution blocks, which divides rows and frames by 8; the recurrent ones then read the frames that
are left as a sequence: at (60, 130) that is 16 steps of 7 rows x 128 filters.

A fourth network is one function and one row in `BUILDERS`.

Weights are drawn from Keras' global seed: call ``keras.utils.set_random_seed`` before `build`. All
layers are Keras' own, so a saved network is read by any Keras; `fast` trains them in less time.
"""

import inspect
from collections.abc import Callable

import keras
from keras import layers

from ser_lib.core.errors import ParameterError, choose

FILTERS = (32, 64, 128)
SHRINK = 2 ** len(FILTERS)
MOMENTUM = 0.9
"""Of the moving statistics: Keras' 0.99 is still on its way after the few hundred steps that a
small corpus gives."""


def build(
    name: str,
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    block_dropout: float = 0.2,
    head_dropout: float = 0.2,
) -> keras.Model:
    """Build one of the networks by name.

    Parameters
    ----------
    name
        A key of `BUILDERS`.
    input_shape
        (rows, frames, channels) of one feature map; at least 8 rows and 8 frames.
    n_classes
        Number of classes, at least 2.
    block_dropout, head_dropout
        Share of activations that are dropped after each convolution block and before the softmax,
        in [0, 1).

    Returns
    -------
    keras.Model
        Uncompiled, called `name`, ending in softmax.

    Raises
    ------
    ParameterError
        The network is unknown, or a size or a dropout is out of range.

    Examples
    --------
    >>> build("cnn_gru", (60, 130, 3), 5).count_params()
    579781
    """
    builder = BUILDERS[choose(name, BUILDERS, "architecture")]
    if len(input_shape) != 3 or min(input_shape[:2]) < SHRINK or input_shape[2] < 1:
        raise ParameterError(
            f"input shape {tuple(input_shape)} does not fit; give (rows, frames, channels) "
            f"with at least {SHRINK} rows, {SHRINK} frames and 1 channel"
        )
    if n_classes < 2:
        raise ParameterError(f"a classifier needs at least 2 classes, not {n_classes}")
    for option, rate in {"block_dropout": block_dropout, "head_dropout": head_dropout}.items():
        if not 0 <= rate < 1:
            raise ParameterError(f"{option} must be at least 0 and below 1, not {rate}")
    inputs = keras.Input(tuple(input_shape), name="feature_map")
    x = builder(_blocks(inputs, block_dropout))
    x = layers.Dense(128, activation="relu", name="head_dense")(x)
    x = layers.Dropout(head_dropout, name="head_dropout")(x)
    outputs = layers.Dense(n_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name=name)


def layer_table(model: keras.Model) -> list[dict]:
    """List the layers of a model in order, the input left out.

    Parameters
    ----------
    model
        A model of `build`, or one that was loaded.

    Returns
    -------
    list of dict
        ``layer`` (name), ``type`` (class), ``output_shape`` (text, without the batch axis) and
        ``parameters`` (number, trained or not).

    Examples
    --------
    >>> layer_table(build("cnn", (60, 130, 1), 5))[0]
    {'layer': 'block1_conv', 'type': 'Conv2D', 'output_shape': '(60, 130, 32)', 'parameters': 320}
    """
    return [
        {
            "layer": layer.name,
            "type": _type(layer),
            "output_shape": str(tuple(layer.output.shape[1:])),
            "parameters": layer.count_params(),
        }
        for layer in model.layers
        if not isinstance(layer, layers.InputLayer)
    ]


def _type(layer) -> str:
    """Name the class of a layer, a wrapper together with what it wraps."""
    kind = type(layer).__name__
    if isinstance(layer, layers.Bidirectional):
        return f"{kind}({type(layer.forward_layer).__name__})"
    return kind


def _blocks(x, dropout: float):
    """Apply the shared body: ``[rows, frames, channels]`` to ``[rows // 8, frames // 8, 128]``."""
    for number, filters in enumerate(FILTERS, start=1):
        part = f"block{number}"
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"{part}_conv")(x)
        x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{part}_norm")(x)
        x = layers.MaxPooling2D(2, name=f"{part}_pool")(x)
        x = layers.Dropout(dropout, name=f"{part}_dropout")(x)
    return x


def _sequence(x):
    """Turn ``[rows, frames, filters]`` into one vector per frame: ``[frames, rows * filters]``."""
    _, rows, frames, filters = x.shape
    x = layers.Permute((2, 1, 3), name="time_first")(x)
    return layers.Reshape((frames, rows * filters), name="sequence")(x)


def _cnn(x):
    """Flatten: time and frequency have no order of their own any more."""
    return layers.Flatten(name="flatten")(x)


def _cnn_lstm(x):
    """Read the sequence both ways (LSTM 128), then summarise it (LSTM 64)."""
    both = layers.LSTM(128, return_sequences=True, unroll=True, name="lstm")
    x = layers.Bidirectional(both, name="bidirectional_lstm")(_sequence(x))
    return layers.LSTM(64, unroll=True, name="lstm")(x)


def _cnn_gru(x):
    """Read the sequence both ways (GRU 64), then summarise it (GRU 128)."""
    both = layers.GRU(64, return_sequences=True, unroll=True, name="gru")
    x = layers.Bidirectional(both, name="bidirectional_gru")(_sequence(x))
    return layers.GRU(128, unroll=True, name="gru")(x)


BUILDERS: dict[str, Callable] = {"cnn": _cnn, "cnn_lstm": _cnn_lstm, "cnn_gru": _cnn_gru}
"""Network name -> what stands between the convolution blocks and the dense head."""

NAMES = tuple(BUILDERS)


TITLES = {"cnn": "CNN", "cnn_lstm": "CNN-LSTM", "cnn_gru": "CNN-GRU"}


def title(name: str) -> str:
    """Return the printed name of a network."""
    return TITLES.get(name, name.replace("_", "-").upper())


def files(name: str) -> tuple[str, ...]:
    """Return the source files of a network."""
    return ("models/networks.py",)


def source(name: str) -> str:
    """Return the code of the builder of a network."""
    return inspect.getsource(BUILDERS[name])
