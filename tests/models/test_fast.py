"""The fast way through a network against Keras' own: outputs, gradients, statistics, dropout."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from ser_lib.experiments.experiment import ARCHITECTURES
from ser_lib.models import fast, networks

SMALL = (17, 26)  # odd after the first block, so that pooling leaves a row out
OFF = {"block_dropout": 0.0, "head_dropout": 0.0}
TRUTH = np.eye(5)[[0, 1, 2, 4, 3, 0]]
KINDS = ("float32", "mixed_bfloat16", "float64")


def build(name, precision="float32", **options):
    """Build a network whose biases and gammas are not those of the first step."""
    keras.config.set_dtype_policy(precision)
    try:
        keras.utils.set_random_seed(0)
        network = networks.build(name, (*SMALL, ARCHITECTURES[name]), 5, **options)
    finally:
        keras.config.set_dtype_policy("float32")
    random = np.random.default_rng(0)
    for variable in network.trainable_variables:
        if variable.name == "gamma":
            variable.assign(random.normal(1, 0.7, variable.shape))  # some of them negative
        elif variable.name in ("bias", "beta"):
            variable.assign(random.normal(0, 0.1, variable.shape))
    return network


def maps_of(name, seed=0):
    random = np.random.default_rng(seed)
    maps = random.normal(1, 3, size=(len(TRUTH), *SMALL, ARCHITECTURES[name]))
    maps[:2, :, :12] = 0  # padded, as short utterances are: all values of a pool are equal
    return maps.astype("float32")


def stepper(network, way):
    """Return a function: maps -> probabilities and gradients, in float64."""
    dtype, traced = network.compute_dtype, tf.function(way, autograph=False)

    def step(maps):
        with tf.GradientTape() as tape:
            probabilities = traced(tf.cast(maps, dtype))
            losses = keras.losses.categorical_crossentropy(tf.cast(TRUTH, dtype), probabilities)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, network.trainable_variables)
        return [np.asarray(values, np.float64) for values in (probabilities, *gradients)]

    return step


def textbook(network):
    return lambda maps: network(maps, training=True)


@pytest.mark.parametrize("name", networks.NAMES)
def test_outputs_gradients_and_statistics_are_those_of_the_textbook_network(name):
    """The textbook network in double precision is the oracle: pooling magnifies rounding, so that
    two ways in single precision, both right, may differ where two values are almost equal."""
    ours, exact = build(name, **OFF), build(name, "float64", **OFF)
    assert [v.path for v in ours.weights] == [v.path for v in exact.weights]
    exact.set_weights(ours.get_weights())
    step, oracle = stepper(ours, fast.forward(ours)), stepper(exact, textbook(exact))
    for seed in range(3):
        maps = maps_of(name, seed)
        found, expected = step(maps), oracle(maps)
        np.testing.assert_allclose(found[0], expected[0], atol=1e-5)
        for variable, one, other in zip(
            ours.trainable_variables, found[1:], expected[1:], strict=True
        ):
            scale = np.abs(other).max()
            assert np.abs(one - other).max() <= 1e-3 * scale + 1e-7, variable.path
    for variable, other in zip(ours.weights, exact.weights, strict=True):
        np.testing.assert_allclose(
            np.asarray(variable), np.asarray(other), rtol=1e-4, atol=1e-5, err_msg=variable.path
        )


@pytest.mark.parametrize("name", networks.NAMES)
def test_bfloat16_is_as_close_to_the_textbook_network_as_the_mixed_precision_of_keras(name):
    ours, mixed, exact = (build(name, kind, **OFF) for kind in KINDS)
    for other in (mixed, exact):
        other.set_weights(ours.get_weights())
    oracle, errors = stepper(exact, textbook(exact))(maps_of(name)), []
    for network, way in ((ours, fast.forward(ours, "bfloat16")), (mixed, textbook(mixed))):
        results = stepper(network, way)(maps_of(name))
        off = [one - other for one, other in zip(results, oracle, strict=True)]
        errors.append([np.abs(off[0]).max(), np.linalg.norm(np.concatenate([*map(np.ravel, off)]))])
        assert all(variable.dtype == "float32" for variable in network.trainable_variables)
    assert min(errors[0]) > 1e-6, "it was computed in float32"
    assert (np.array(errors[0]) < 2 * np.array(errors[1])).all()
    for variable, other in zip(ours.weights, exact.weights, strict=True):
        np.testing.assert_allclose(np.asarray(variable), np.asarray(other), rtol=0.02, atol=0.02)


@settings(max_examples=10, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(2, 7), st.integers(2, 7), st.integers(1, 3)),
    seed=st.integers(0, 1000),
)
def test_a_block_of_any_size(shape, seed):
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    inputs = keras.Input(shape[1:])
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    x = layers.BatchNormalization(momentum=0.5)(x)
    x = layers.MaxPooling2D(2)(x)
    network = keras.Model(inputs, layers.Dropout(0.0)(x))
    gamma = network.layers[2].gamma
    gamma.assign(random.normal(0, 1, gamma.shape))
    maps = tf.constant(random.integers(-2, 3, shape).astype("float32"))  # many equal values
    upstream = random.normal(size=(shape[0], shape[1] // 2, shape[2] // 2, 4)).astype("float32")
    start, found = network.get_weights(), []
    for way in (fast.forward(network), textbook(network)):
        network.set_weights(start)
        with tf.GradientTape() as tape:
            tape.watch(maps)
            outputs = way(maps)
            total = tf.reduce_sum(outputs * upstream)
        gradients = tape.gradient(total, [maps, *network.trainable_variables])
        found.append([outputs, *gradients, *network.get_weights()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5, 0.93])
def test_dropout_drops_its_share_and_keeps_the_mean(rate):
    ones = np.ones((11, 71, 13, 31), "float32")
    first, second = (np.asarray(fast._kept(ones, (3, step), rate)) for step in (0, 1))
    error = 4 * np.sqrt(rate * (1 - rate) / ones.size)
    assert abs((first == 0).mean() - rate) < error
    np.testing.assert_allclose(np.unique(first), [0, 1 / (1 - rate)], rtol=1e-6)
    # Two draws, and neighbours of one draw, are independent of each other.
    kept = first > 0
    both = (1 - rate) ** 2
    assert abs((kept & (second > 0)).mean() - both) < 2 * error
    for axis in range(ones.ndim):
        assert abs((kept & np.roll(kept, 1, axis)).mean() - both) < 2 * error
    # Filters and utterances all lose the same share.
    for axis in (0, 3):
        others = tuple(a for a in range(4) if a != axis)
        shares = kept.mean(others)
        within = 5 * np.sqrt(rate * (1 - rate) * ones.shape[axis] / ones.size)
        assert np.abs(shares - (1 - rate)).max() < within


def test_what_is_dropped_has_no_gradient():
    network = build("cnn", block_dropout=0.4, head_dropout=0.0)
    block = keras.Model(network.input, network.layers[4].output)
    maps = tf.constant(maps_of("cnn"))
    beta = block.layers[2].beta
    with tf.GradientTape() as tape:
        outputs = fast.forward(block)(maps)
    gradient = tape.gradient(outputs, [beta])[0]
    dropped = np.asarray(outputs) == 0
    assert dropped.mean() == pytest.approx(0.4, abs=0.05)
    # Each output is beta plus something, times 1 / 0.6 if it is kept.
    np.testing.assert_allclose(gradient, (~dropped).sum((0, 1, 2)) / 0.6, rtol=1e-5)


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", networks.NAMES)
def test_same_seed_same_training(name, kind):
    results = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        network = networks.build(name, (*SMALL, ARCHITECTURES[name]), 5)
        step, first = stepper(network, fast.forward(network, kind)), None
        for _ in range(2):
            probabilities, *gradients = step(maps_of(name))
            assert not np.array_equal(probabilities, first), "each step drops something else"
            first = probabilities if first is None else first
        for variable, gradient in zip(network.trainable_variables, gradients, strict=True):
            variable.assign_sub(0.01 * gradient)
        results.append(np.concatenate([np.ravel(w) for w in network.get_weights()]))
    np.testing.assert_array_equal(*results)


RECURRENT = {
    "lstm": lambda: layers.LSTM(4, unroll=True),
    "lstm sequence": lambda: layers.LSTM(4, return_sequences=True),
    "gru backwards": lambda: layers.GRU(4, go_backwards=True, return_sequences=True),
    "gru of old": lambda: layers.GRU(4, reset_after=False),
    "without bias": lambda: layers.LSTM(4, use_bias=False),
    "both ways": lambda: layers.Bidirectional(layers.GRU(3, return_sequences=True)),
    "both ways, last": lambda: layers.Bidirectional(layers.LSTM(3)),
    "both ways, sum": lambda: layers.Bidirectional(layers.LSTM(3), merge_mode="sum"),
}


@pytest.mark.parametrize("kind", RECURRENT)
def test_recurrent_layers(kind):
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((5, 3)), RECURRENT[kind]()])
    for variable in network.trainable_variables:
        variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    sequences = np.random.default_rng(1).normal(size=(2, 5, 3)).astype("float32")
    found = fast.forward(network)(tf.constant(sequences))
    np.testing.assert_allclose(found, network(sequences, training=True), atol=1e-6)


@pytest.mark.parametrize("kind", ["branches", "twice", "two outputs", "nested"])
def test_a_network_that_is_no_chain_is_left_to_keras(kind):
    inputs, dense = keras.Input((4,)), layers.Dense(4)
    outputs = {
        "branches": lambda: layers.Add()([inputs, dense(inputs)]),
        "twice": lambda: dense(layers.ReLU()(dense(inputs))),
        "two outputs": lambda: [dense(inputs), layers.ReLU()(dense.output)],
        "nested": lambda: keras.Sequential([dense, layers.ReLU()])(inputs),
    }
    network = keras.Model(inputs, outputs[kind]())
    values = np.ones((2, 4), "float32")
    for one, other in zip(fast.forward(network)(values), network(values), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_adamw_takes_the_steps_of_keras(decay):
    random = np.random.default_rng(0)
    gradients = random.normal(0, 2, size=(5, 2, 3, 4)).astype("float32")
    ends = []
    for kind in (fast.AdamW, keras.optimizers.AdamW):
        start = np.ones((3, 4), "float32")
        variables = [keras.Variable(start, name=name) for name in ("kernel", "bias")]
        optimizer = kind(0.01, weight_decay=decay, clipnorm=1.0)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        optimizer.build(variables)
        for pair in gradients:
            optimizer.apply_gradients(zip(map(tf.constant, pair), variables, strict=True))
        ends.append([np.asarray(variable) for variable in variables])
    np.testing.assert_allclose(*ends, rtol=1e-5)
