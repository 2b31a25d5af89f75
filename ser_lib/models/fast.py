"""The networks of `networks`, computed in less time for training: same weights, same function.

Much of a step of Keras' own layers goes into other things than convolutions (`benchmarks/step.py`
measures both): batch normalisation, pooling, dropout and their gradients each pass over maps of
megabytes. Here a block passes over them once on the way forward and once on the way back:

- Normalising is monotonic in each filter, so pooling may come first: the highest of four values, or
  the lowest where gamma is negative, is the one that would have been chosen after it, and a quarter
  of the values is left to normalise.
- XLA fuses what is done to each element; TensorFlow is quicker at convolutions and products.
- Dropout hashes (seed, step, element), so that no random bits are kept for the way back.
- Moments and their gradients are summed over the batch first, which is quick and keeps digits that
  one long sum would lose.
- Recurrent layers project all steps in one product.
- Where a processor multiplies bfloat16 (8 digits where float32 has 24), maps in and between blocks
  can be of that kind. Weights, sums, moments and what follows the blocks stay float32 (Kalamkar et
  al., "A study of BFLOAT16 for deep learning training", 2019).
"""

from collections.abc import Callable
from functools import partial, reduce
from operator import is_

import keras
import tensorflow as tf
from keras import layers

_fused = partial(tf.function, autograph=False, jit_compile=True)


def forward(network: keras.Model, kind: str = "float32") -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function that computes ``network(inputs, training=True)``, in a ``tf.function``.

    It works on the network's own variables. What it has no faster way for is left to Keras.
    `kind` is that of the maps in blocks, float32 or bfloat16.
    """
    parts = _parts(network, kind)
    return lambda inputs: reduce(lambda x, part: part(x), parts, inputs)


class AdamW(keras.optimizers.AdamW):
    """AdamW whose step is one operation for each variable instead of a dozen."""

    def update_step(self, gradient, variable, learning_rate):
        """Move a variable, and the moments of its gradient."""
        step = tf.cast(self.iterations + 1, variable.dtype)
        m, v = (
            moments[self._get_variable_index(variable)].value.handle
            for moments in (self._momentums, self._velocities)
        )
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=m,
            v=v,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def _parts(network: keras.Model, kind: str) -> list[Callable]:
    """Cut a network into functions, each of one layer or of one convolution block."""
    chain = [layer for layer in network.layers if not isinstance(layer, layers.InputLayer)]
    given = [*network.inputs, *(layer.output for layer in chain)]
    taken = [*(layer.input for layer in chain), *network.outputs]
    if len(given) != len(taken) or not all(map(is_, given, taken)):
        return [partial(network, training=True)]  # it has branches, or a layer comes twice
    parts: list[Callable] = []
    while chain:
        if _is_block(chain[:4]):
            parts.append(partial(_block, kind, *chain[:4]))
            chain = chain[4:]
        else:
            parts.append(_part(chain.pop(0)))
    return parts


def _part(layer) -> Callable:
    if isinstance(layer, layers.Bidirectional) and layer.merge_mode == "concat":
        ways = layer.forward_layer, layer.backward_layer
        if all(map(_is_recurrent, ways)):
            return partial(_both_ways, *ways)
    if _is_recurrent(layer):
        return partial(_recurrent, layer)
    return partial(layer, training=True)


def _is_block(chain: list) -> bool:
    kinds = (layers.Conv2D, layers.BatchNormalization, layers.MaxPooling2D, layers.Dropout)
    if [type(layer) for layer in chain] != list(kinds):
        return False
    conv, norm, pool, dropout = chain
    return (
        (conv.padding, conv.strides, conv.dilation_rate, conv.groups) == ("same", (1, 1), (1, 1), 1)
        and conv.activation is keras.activations.relu
        and (conv.use_bias and norm.center and norm.scale and norm.trainable)
        and (pool.pool_size, pool.strides, pool.padding) == ((2, 2), (2, 2), "valid")
        and dropout.noise_shape is None
    )


def _is_recurrent(layer) -> bool:
    return (
        isinstance(layer, layers.LSTM | layers.GRU)
        and layer.use_bias
        and not (layer.dropout or layer.recurrent_dropout or layer.stateful)
        and getattr(layer, "reset_after", True)
    )


def _block(kind, conv, norm, pool, dropout, inputs):
    """Turn ``[n, h, w, c]`` into ``[n, h // 2, w // 2, f]``: a convolution and what follows it."""
    rate = dropout.rate
    seed = dropout.seed_generator.next() if rate else tf.zeros(2, "uint32")

    @tf.custom_gradient
    def after_convolution(convolved, bias, gamma, beta):
        """Return the output, and the moments of all values, chosen by pooling or not."""
        rectified = tf.nn.relu(tf.nn.bias_add(convolved, tf.cast(bias, kind)))
        count = tf.cast(tf.size(rectified) // rectified.shape[-1], "float32")
        mean = _over_places(_sum(rectified)) / count
        variance = _over_places(_sum_of_squares(rectified, mean)) / count
        deviation = tf.sqrt(variance + norm.epsilon)
        outputs, standardised, place = _pool(
            rectified, mean, deviation, gamma, beta, seed, rate=rate
        )

        def gradient(upstream, *_):
            arriving, *sums = _undrop(upstream, standardised, seed, rate=rate)
            d_beta, d_gamma = map(_over_places, sums)
            # What reaches a value by way of the moments is linear in the value.
            slope = -gamma * d_gamma / (count * tf.square(deviation))
            offset = -gamma * d_beta / (count * deviation) - slope * mean
            d_convolved = _unpool(arriving, place, gamma / deviation, rectified, slope, offset)
            return d_convolved, _over_places(_sum(d_convolved)), d_gamma, d_beta

        return (outputs, mean, variance), gradient

    inputs, kernel = tf.cast(inputs, kind), tf.cast(conv.kernel, kind)
    convolved = tf.nn.conv2d(inputs, kernel, strides=1, padding="SAME")
    weights = map(tf.convert_to_tensor, (conv.bias, norm.gamma, norm.beta))
    outputs, *moments = after_convolution(convolved, *weights)
    for moving, now in zip((norm.moving_mean, norm.moving_variance), moments, strict=True):
        moving.assign(moving * norm.momentum + now * (1.0 - norm.momentum))
    return outputs


def _over_places(sums):
    """Finish sums over a batch, ``[h, w, f]`` to ``[f]``."""
    return tf.reduce_sum(sums, (0, 1))


@_fused
def _sum(values):
    return tf.reduce_sum(tf.cast(values, "float32"), 0)


@_fused
def _sum_of_squares(values, centre):
    return tf.reduce_sum(tf.square(tf.cast(values, "float32") - centre), 0)


@_fused
def _pool(rectified, mean, deviation, gamma, beta, seed, *, rate: float):
    """Choose one value of four; return outputs, standardised values, and places from 0 to 3."""
    _, h, w, _ = rectified.shape
    up = tf.where(gamma < 0, -rectified, rectified)
    four = [up[:, i : h // 2 * 2 : 2, j : w // 2 * 2 : 2] for i in (0, 1) for j in (0, 1)]
    highest = tf.maximum(tf.maximum(four[0], four[1]), tf.maximum(four[2], four[3]))
    place = tf.constant(3, "int8")
    for number in (2, 1, 0):
        place = tf.where(four[number] == highest, tf.constant(number, "int8"), place)
    chosen = tf.cast(tf.where(gamma < 0, -highest, highest), "float32")
    standardised = (chosen - mean) / deviation
    outputs = (standardised * gamma + beta) * _kept(highest, seed, rate)
    return tf.cast(outputs, rectified.dtype), standardised, place


@_fused
def _undrop(upstream, standardised, seed, *, rate: float):
    """Return the gradient that reaches the chosen values; summed; summed times the values."""
    arriving = tf.cast(upstream, "float32") * _kept(upstream, seed, rate)
    return arriving, tf.reduce_sum(arriving, 0), tf.reduce_sum(arriving * standardised, 0)


@_fused
def _unpool(arriving, place, scale, rectified, slope, offset):
    """Return the gradient of the convolution's output: what goes straight, and by the moments."""
    _, h, w, filters = rectified.shape
    places = tf.reshape(tf.range(4, dtype="int32"), (1, 1, 2, 1, 2, 1))
    one_of_four = (-1, h // 2, 1, w // 2, 1, filters)
    here = tf.cast(tf.reshape(place, one_of_four), "int32") == places
    straight = tf.where(here, tf.reshape(arriving * scale, one_of_four), 0.0)
    straight = tf.reshape(straight, (-1, h // 2 * 2, w // 2 * 2, filters))
    straight = tf.pad(straight, [(0, 0), (0, h % 2), (0, w % 2), (0, 0)])
    values = tf.cast(rectified, "float32")
    back = tf.where(values > 0, straight + slope * values + offset, 0.0)
    return tf.cast(back, rectified.dtype)


def _kept(values, seed, rate: float):
    """Return the factor of dropout for each element: 0 with probability `rate`."""
    if not rate:
        return tf.ones([])
    key = _mixed(_mixed(tf.cast(seed[0], "uint32")) ^ tf.cast(seed[1], "uint32"))
    number = tf.reshape(tf.range(tf.size(values)), tf.shape(values))
    bits = _mixed(tf.cast(number, "uint32") * tf.constant(0x9E3779B9, "uint32") ^ key)
    return tf.where(bits < tf.constant(round(rate * 2**32), "uint32"), 0.0, 1 / (1 - rate))


def _mixed(bits):
    """Hash 32 bits so that each depends on all of them (two rounds of xorshift and multiply)."""
    for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97)):
        bits = (bits ^ tf.bitwise.right_shift(bits, shift)) * tf.constant(factor, "uint32")
    return bits ^ tf.bitwise.right_shift(bits, 15)


def _both_ways(forwards, backwards, sequences):
    """Run both directions of a bidirectional layer: ``[n, steps, units of both]`` or the last."""
    there, back = _recurrent(forwards, sequences), _recurrent(backwards, sequences)
    if backwards.return_sequences:
        back = back[:, ::-1]
    return tf.concat([there, back], -1)


def _recurrent(layer, sequences):
    """Run an LSTM or GRU over ``[n, steps, features]``, its steps unrolled."""
    cell = layer.cell
    step = _lstm_step if isinstance(layer, layers.LSTM) else _gru_step
    _, n_steps, n_features = sequences.shape
    bias = cell.bias if step is _lstm_step else cell.bias[0]
    flat = tf.matmul(tf.reshape(sequences, (-1, n_features)), cell.kernel)
    projected = tf.reshape(tf.nn.bias_add(flat, bias), (-1, n_steps, cell.kernel.shape[-1]))
    steps = tf.unstack(projected, axis=1)[:: -1 if layer.go_backwards else 1]
    zeros = tf.zeros((tf.shape(sequences)[0], layer.units))
    state, outputs = (zeros, zeros), []
    for x in steps:
        state = step(cell, x, *state)
        outputs.append(state[0])
    return tf.stack(outputs, 1) if layer.return_sequences else outputs[-1]


def _lstm_step(cell, x, h, c):
    gates = x + tf.matmul(h, cell.recurrent_kernel)
    i_f, candidate, o = tf.split(gates, [2 * cell.units, cell.units, cell.units], 1)
    i, f = tf.split(cell.recurrent_activation(i_f), 2, 1)
    c = f * c + i * cell.activation(candidate)
    return cell.recurrent_activation(o) * cell.activation(c), c


def _gru_step(cell, x, h, _):
    """A GRU has one state; the second is there to be called as the LSTM is."""
    parts = [2 * cell.units, cell.units]
    x_zr, x_candidate = tf.split(x, parts, 1)
    recurrent = tf.nn.bias_add(tf.matmul(h, cell.recurrent_kernel), cell.bias[1])
    h_zr, h_candidate = tf.split(recurrent, parts, 1)
    z, r = tf.split(cell.recurrent_activation(x_zr + h_zr), 2, 1)
    candidate = cell.activation(x_candidate + r * h_candidate)
    return z * h + (1.0 - z) * candidate, h
