"""The networks: shapes, counts, order, reproducibility, and the fused layer against Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from ser_lib import models
from ser_lib.errors import ParameterError
from ser_lib.experiment import ARCHITECTURES

COUNTS = {"cnn": 1_929_349, "cnn_lstm": 1_234_309, "cnn_gru": 579_781}
BLOCK = ["Conv2D", "BatchNormalization", "MaxPooling2D", "Dropout"]
SMALL = (16, 24)


def shape_of(name, size=(60, 130)):
    return (*size, ARCHITECTURES[name])


def maps_of(name, n=3, size=SMALL, seed=0):
    return np.random.default_rng(seed).normal(size=(n, *shape_of(name, size))).astype("float32")


def small(name, n_classes=5, seed=0, **options):
    keras.utils.set_random_seed(seed)
    return models.build(name, shape_of(name, SMALL), n_classes, **options)


def test_names_and_channels_agree():
    assert models.NAMES == tuple(COUNTS) == tuple(ARCHITECTURES)


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_counts_of_the_report(name):
    model = models.build(name, shape_of(name), 5)
    assert model.count_params() == COUNTS[name]
    assert sum(row["parameters"] for row in models.layer_table(model)) == COUNTS[name]


@pytest.mark.parametrize(
    ("name", "middle"),
    [
        ("cnn", ["Flatten"]),
        ("cnn_lstm", ["Permute", "Reshape", "Bidirectional(LSTM)", "LSTM"]),
        ("cnn_gru", ["Permute", "Reshape", "Bidirectional(GRU)", "GRU"]),
    ],
)
def test_layer_order(name, middle):
    table = models.layer_table(models.build(name, shape_of(name), 5))
    assert [row["type"] for row in table] == 3 * BLOCK + middle + ["Dense", "Dropout", "Dense"]
    assert len({row["layer"] for row in table}) == len(table)
    if name == "cnn":
        assert len(table) == 16


def test_most_of_what_the_gru_saves_is_width():
    """As the page of the CNN-GRU tells its readers."""

    def both_ways(cell, units):
        return models.layers.Bidirectional(cell(units, return_sequences=True))

    sizes = []
    for layer in (
        both_ways(models.LSTM, 128),
        both_ways(models.GRU, 128),
        both_ways(models.GRU, 64),
    ):
        layer.build((None, 16, 896))
        sizes.append(layer.count_params())
    lstm, gru, narrow = sizes
    assert gru / lstm == pytest.approx(0.75, abs=0.01)
    assert gru - narrow > lstm - gru
    for name, size in (("cnn_lstm", lstm), ("cnn_gru", narrow)):
        table = models.layer_table(models.build(name, shape_of(name), 5))
        assert size in [row["parameters"] for row in table if row["type"].startswith("Bidir")]


@pytest.mark.parametrize("name", ["cnn_lstm", "cnn_gru"])
def test_time_is_the_sequence_axis(name):
    model = models.build(name, shape_of(name), 5)
    by_name = {row["layer"]: row["output_shape"] for row in models.layer_table(model)}
    assert by_name["block3_dropout"] == "(7, 16, 128)"
    assert by_name["sequence"] == "(16, 896)"
    # Step t of the sequence must hold column t of the last block, for every row and filter.
    parts = keras.Model(
        model.input,
        [model.get_layer("block3_dropout").output, model.get_layer("sequence").output],
    )
    body, sequence = (np.asarray(part) for part in parts(maps_of(name, 2, (60, 130))))
    np.testing.assert_array_equal(sequence[1, 5], body[1, :, 5, :].ravel())


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("n_classes", [2, 7])
def test_probabilities(name, n_classes):
    model = small(name, n_classes)
    probabilities = np.asarray(model(maps_of(name)))
    assert model.output_shape == (None, n_classes)
    assert probabilities.shape == (3, n_classes)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", COUNTS)
def test_seed_decides_the_weights(name):
    first, second, other = (small(name, seed=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_dropout_options_reach_the_layers():
    model = small("cnn", block_dropout=0.1, head_dropout=0.3)
    rates = [layer.rate for layer in model.layers if isinstance(layer, layers.Dropout)]
    assert rates == [0.1, 0.1, 0.1, 0.3]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (
            ("cnn_gro", (60, 130, 3), 5),
            {},
            "unknown architecture 'cnn_gro'.*cnn, cnn_lstm, cnn_gru",
        ),
        (("cnn", (60, 130), 5), {}, r"input shape \(60, 130\)"),
        (("cnn", (7, 130, 1), 5), {}, "at least 8 rows"),
        (("cnn", (60, 130, 0), 5), {}, "1 channel"),
        (("cnn", (60, 130, 1), 1), {}, "at least 2 classes, not 1"),
        (("cnn", (60, 130, 1), 5), {"head_dropout": 1.0}, "head_dropout.*not 1.0"),
    ],
)
def test_bad_arguments_are_named(arguments, options, message):
    with pytest.raises(ParameterError, match=message):
        models.build(*arguments, **options)


@pytest.mark.parametrize("name", COUNTS)
def test_save_and_load(name, tmp_path):
    model, maps = small(name), maps_of(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(model(maps)), np.asarray(loaded(maps)))
    assert models.layer_table(loaded) == models.layer_table(model)


def textbook(name, monkeypatch, **options):
    """Build the network of Keras' own layers."""
    with monkeypatch.context() as patch:
        for layer in ("BatchNormalization", "Dropout", "GRU", "LSTM"):
            patch.setattr(models, layer, getattr(layers, layer))
        return small(name, **options)


def step(model, maps, truth, rate=0.01):
    """Descend once; return the probabilities and the gradients before it."""
    with tf.GradientTape() as tape:
        probabilities = model(maps, training=True)
        loss = tf.reduce_mean(keras.losses.categorical_crossentropy(truth, probabilities))
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        variable.assign_sub(rate * gradient)
    return np.asarray(probabilities), [np.asarray(gradient) for gradient in gradients]


@pytest.mark.parametrize("name", COUNTS)
def test_same_function_as_the_textbook_network(name, monkeypatch):
    off = {"block_dropout": 0.0, "head_dropout": 0.0}
    ours, theirs = small(name, **off), textbook(name, monkeypatch, **off)
    kinds = [{type(layer).__module__.split(".")[0] for layer in m.layers} for m in (ours, theirs)]
    assert kinds == [{"keras", "ser_lib"}, {"keras"}]
    assert models.layer_table(ours) == models.layer_table(theirs)
    assert [v.path for v in ours.weights] == [v.path for v in theirs.weights]
    truth = np.eye(5, dtype="float32")[[0, 1, 2, 4]]
    for seed in range(3):
        # Far from standardised on purpose, so that the moving statistics have something to follow.
        maps = 3 * maps_of(name, 4, seed=seed) + 1
        (p, gradients), (q, expected) = (step(model, maps, truth) for model in (ours, theirs))
        np.testing.assert_allclose(p, q, atol=3e-5)
        for gradient, other in zip(gradients, expected, strict=True):
            assert np.abs(gradient - other).max() <= 1e-3 * np.abs(other).max() + 1e-6
    for variable, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(
            np.asarray(variable), np.asarray(other), rtol=1e-3, atol=1e-5, err_msg=variable.path
        )
    np.testing.assert_allclose(np.asarray(ours(maps)), np.asarray(theirs(maps)), atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(st.integers(2, 5), *[st.integers(1, 6)] * 3),
    momentum=st.floats(0.1, 0.99),
    seed=st.integers(0, 1000),
)
def test_moving_statistics_use_the_biased_variance(shape, momentum, seed):
    maps = np.random.default_rng(seed).normal(2, 3, shape).astype("float32")
    layer = models.BatchNormalization(momentum=momentum)
    layer(maps, training=True)
    mean, variance = (np.asarray(v) for v in (layer.moving_mean, layer.moving_variance))
    axes = (0, 1, 2)
    np.testing.assert_allclose(mean, (1 - momentum) * maps.mean(axes), rtol=1e-3, atol=1e-4)
    expected = momentum + (1 - momentum) * maps.var(axes)
    np.testing.assert_allclose(variance, expected, rtol=1e-3, atol=1e-4)


def test_frozen_normalisation_keeps_its_statistics():
    layer = models.BatchNormalization()
    layer.build((None, 3, 4, 2))
    layer.trainable = False
    maps = np.ones((2, 3, 4, 2), "float32")
    np.testing.assert_allclose(np.asarray(layer(maps, training=True)), maps, rtol=1e-3)
    assert (np.asarray(layer.moving_mean) == 0).all()


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.93])
def test_dropout_drops_its_share_and_keeps_the_mean(rate):
    layer = models.Dropout(rate, seed=3)
    ones = np.ones((11, 71, 13, 31), "float32")
    first, second = np.asarray(layer(ones, training=True)), np.asarray(layer(ones, training=True))
    error = 4 * np.sqrt(rate * (1 - rate) / ones.size)
    assert abs((first == 0).mean() - rate) < error
    np.testing.assert_allclose(np.unique(first), [0, 1 / (1 - rate)], rtol=1e-3)
    # Two draws, and neighbours of one draw, are independent of each other.
    kept = first > 0
    both = (1 - rate) ** 2
    assert abs((kept & (second > 0)).mean() - both) < 2 * error
    for axis in range(ones.ndim):
        assert abs((kept & np.roll(kept, 1, axis)).mean() - both) < 2 * error
    np.testing.assert_array_equal(np.asarray(layer(ones, training=False)), ones)


@pytest.mark.parametrize("name", COUNTS)
def test_same_seed_same_training(name):
    maps, truth = maps_of(name, 4), np.eye(5, dtype="float32")[[0, 1, 2, 4]]
    results = []
    for seed in (1, 1, 2):
        model = small(name, seed=seed)
        for _ in range(2):
            step(model, maps, truth)
        results.append(np.concatenate([np.asarray(v).ravel() for v in model.trainable_variables]))
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_recurrent_layers_with_a_mask_run_the_loop_of_keras():
    sequences = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    mask = np.array([[True] * 5, [True, True, False, False, False]])
    for ours, theirs in ((models.GRU, layers.GRU), (models.LSTM, layers.LSTM)):
        keras.utils.set_random_seed(0)
        result = ours(4)(sequences, mask=mask)
        keras.utils.set_random_seed(0)
        np.testing.assert_allclose(result, theirs(4)(sequences, mask=mask), atol=1e-6)
