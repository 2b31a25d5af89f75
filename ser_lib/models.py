"""The three networks of the report, and what comes after them.

Conventions: every network is an uncompiled functional `keras.Model` that takes standardised feature
maps ``float32 [batch, rows, frames, channels]`` and returns class probabilities
``float32 [batch, classes]`` (softmax, each row sums to 1). All of them share the same body of three
convolution blocks, which divides rows and frames by 8; the recurrent ones then read the frames that
are left as a sequence: at (60, 130) that is 16 steps of 7 rows x 128 filters.

A fourth network is one function and one row in `BUILDERS`.

Weights are drawn from Keras' global seed: call ``keras.utils.set_random_seed`` before `build`. A
model file that was saved with ``model.save`` needs this module imported before
``keras.saving.load_model``, which registers the layers below.
"""

from collections.abc import Callable
from functools import partial

import keras
import tensorflow as tf
from keras import layers

from ser_lib.errors import ParameterError, choose

FILTERS = (32, 64, 128)
SHRINK = 2 ** len(FILTERS)
MOMENTUM = 0.9
"""Of the moving statistics: Keras' 0.99 is still on its way after the few hundred steps that a
small corpus gives."""


# The four layers below are Keras' own, with the same weights, configuration, name and function, but
# computed another way: training time is what limits a report over many folds, and on one CPU thread
# a step with them takes 0.6 to 0.7 of the time.


@keras.saving.register_keras_serializable(package="ser_lib")
class BatchNormalization(layers.BatchNormalization):
    """Batch normalisation through TensorFlow's fused kernel.

    Keras computes moments and scaling as separate operations, and their gradients cost more than
    those of the convolutions. The fused kernel gives the same output, gradients and moving
    statistics within rounding. It returns the unbiased variance and Keras tracks the biased one:
    hence the factor.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalise ``[batch, rows, frames, filters]``."""
        normalise = partial(
            tf.compat.v1.nn.fused_batch_norm, inputs, self.gamma, self.beta, epsilon=self.epsilon
        )
        if not (training and self.trainable):
            return normalise(self.moving_mean, self.moving_variance, is_training=False)[0]
        outputs, mean, variance = normalise(is_training=True)
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], variance.dtype)
        variance *= (count - 1.0) / count
        keep = self.momentum
        self.moving_mean.assign(self.moving_mean * keep + mean * (1.0 - keep))
        self.moving_variance.assign(self.moving_variance * keep + variance * (1.0 - keep))
        return outputs


@keras.saving.register_keras_serializable(package="ser_lib")
class Dropout(layers.Dropout):
    """Dropout that spends 16 random bits on an activation, not 32.

    Drawing the random numbers is most of the work of this layer. The rate is met to 1 / 65,536, and
    the activations that stay are scaled by the share that really stays.
    """

    def call(self, inputs, training=False):
        """Drop activations of any shape."""
        if not (training and self.rate):
            return inputs
        dropped = min(round(self.rate * 2**16), 2**16 - 1)
        size = tf.size(inputs)
        seed = tf.cast(self.seed_generator.next() % (2**31 - 1), "int32")
        bits = tf.random.stateless_uniform([(size + 1) // 2], seed, None, None, "uint32")
        bits = tf.reshape(tf.bitcast(bits, "uint16"), [-1])[:size]
        stay = tf.cast(bits >= tf.constant(dropped, "uint16"), inputs.dtype)
        return inputs * tf.reshape(stay * (2**16 / (2**16 - dropped)), tf.shape(inputs))


@keras.saving.register_keras_serializable(package="ser_lib")
class LSTM(layers.LSTM):
    """LSTM that projects the input of all steps in one matrix product and unrolls the steps.

    With a mask or with dropout of its own it runs Keras' loop.
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Run over ``[batch, steps, features]``."""
        if mask is not None or self.dropout or self.recurrent_dropout:
            return super().inner_loop(sequences, initial_state, mask, training)
        cell, (h, c) = self.cell, initial_state
        outputs = []
        for x in _steps(sequences, cell.kernel, cell.bias, self.go_backwards):
            i_f, candidate, o = tf.split(
                x + tf.matmul(h, cell.recurrent_kernel), [2 * self.units, self.units, self.units], 1
            )
            i, f = tf.split(cell.recurrent_activation(i_f), 2, 1)
            c = f * c + i * cell.activation(candidate)
            h = cell.recurrent_activation(o) * cell.activation(c)
            outputs.append(h)
        return h, tf.stack(outputs, 1), [h, c]


@keras.saving.register_keras_serializable(package="ser_lib")
class GRU(layers.GRU):
    """GRU that projects the input of all steps in one matrix product and unrolls the steps.

    With a mask or with dropout of its own it runs Keras' loop.
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Run over ``[batch, steps, features]``."""
        if mask is not None or self.dropout or self.recurrent_dropout:
            return super().inner_loop(sequences, initial_state, mask, training)
        cell, (h,) = self.cell, initial_state
        bias, recurrent_bias = tf.unstack(cell.bias)
        parts = [2 * self.units, self.units]
        outputs = []
        for x in _steps(sequences, cell.kernel, bias, self.go_backwards):
            x_zr, x_candidate = tf.split(x, parts, 1)
            h_zr, h_candidate = tf.split(
                tf.nn.bias_add(tf.matmul(h, cell.recurrent_kernel), recurrent_bias), parts, 1
            )
            z, r = tf.split(cell.recurrent_activation(x_zr + h_zr), 2, 1)
            candidate = cell.activation(x_candidate + r * h_candidate)
            h = z * h + (1.0 - z) * candidate
            outputs.append(h)
        return h, tf.stack(outputs, 1), [h]


def _steps(sequences, kernel, bias, backwards: bool) -> list:
    """Project ``[batch, steps, features]`` and cut it into the steps, in the order of reading."""
    _, steps, features = sequences.shape
    flat = tf.matmul(tf.reshape(sequences, (-1, features)), kernel)
    projected = tf.reshape(tf.nn.bias_add(flat, bias), (-1, steps, kernel.shape[-1]))
    return tf.unstack(projected, axis=1)[:: -1 if backwards else 1]


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
    x = Dropout(head_dropout, name="head_dropout")(x)
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
        x = BatchNormalization(momentum=MOMENTUM, name=f"{part}_norm")(x)
        x = layers.MaxPooling2D(2, name=f"{part}_pool")(x)
        x = Dropout(dropout, name=f"{part}_dropout")(x)
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
    both = LSTM(128, return_sequences=True, name="lstm")
    x = layers.Bidirectional(both, name="bidirectional_lstm")(_sequence(x))
    return LSTM(64, name="lstm")(x)


def _cnn_gru(x):
    """Read the sequence both ways (GRU 64), then summarise it (GRU 128)."""
    both = GRU(64, return_sequences=True, name="gru")
    x = layers.Bidirectional(both, name="bidirectional_gru")(_sequence(x))
    return GRU(128, name="gru")(x)


BUILDERS: dict[str, Callable] = {"cnn": _cnn, "cnn_lstm": _cnn_lstm, "cnn_gru": _cnn_gru}
"""Network name -> what stands between the convolution blocks and the dense head."""

NAMES = tuple(BUILDERS)
