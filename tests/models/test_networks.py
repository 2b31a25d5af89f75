"""The networks: shapes, counts, order, reproducibility."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from ser_lib.core.errors import ParameterError
from ser_lib.experiments.experiment import ARCHITECTURES
from ser_lib.models import networks

COUNTS = {"cnn": 1_929_349, "cnn_lstm": 1_234_309, "cnn_gru": 579_781}
BLOCK = ["Conv2D", "BatchNormalization", "MaxPooling2D", "Dropout"]
SMALL = (16, 24)


def shape_of(name, size=(60, 130)):
    return (*size, ARCHITECTURES[name])


def maps_of(name, n=3, size=SMALL, seed=0):
    return np.random.default_rng(seed).normal(size=(n, *shape_of(name, size))).astype("float32")


def small(name, n_classes=5, seed=0, **options):
    keras.utils.set_random_seed(seed)
    return networks.build(name, shape_of(name, SMALL), n_classes, **options)


@pytest.fixture
def library(tmp_path):
    """A copy of the registry's library, and a function that runs code on it."""
    folder = tmp_path / "ser_lib"
    for part in ("core", "models"):
        shutil.copytree(Path(networks.__file__).parents[2] / part, folder / part)

    def run(code: str):
        code = f"import json\nfrom ser_lib.models import networks\n{code}"
        command = [sys.executable, "-c", code]
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        return json.loads(subprocess.check_output(command, env=environment, cwd=tmp_path))

    return folder, run


def test_the_registry_is_the_files_that_are_there(library):
    folder, run = library
    told = "print(json.dumps([networks.NAMES, networks.files('cnn'), networks.source('cnn')]))"
    names, files, source = run(told)
    assert names == list(COUNTS), "the report's own come first"
    assert all((folder / file).is_file() for file in files)
    cnn = (folder / "models/networks/cnn.py").read_text()
    for name in ("abc", "zzz"):
        (folder / f"models/networks/{name}.py").write_text(cnn.replace("def cnn(", f"def {name}("))
    assert run(told) == [[*COUNTS, "abc", "zzz"], files, source], "nothing of the CNN changes"
    imported = run("import sys; print(json.dumps(list(sys.modules)))")
    assert not {"keras", "numpy"} & set(imported), "the registry is read without TensorFlow"


def test_the_source_is_the_code_of_the_network():
    """What is shown builds the network: the names that it takes from elsewhere are all there."""
    text = networks.source("cnn_gru")
    for part in ('title="CNN-GRU"', "layers.Bidirectional(both", "def blocks(", "def sequence("):
        assert part in text
    assert "def sequence(" not in networks.source("cnn")
    with pytest.raises(ParameterError, match="unknown architecture 'cnn_gro'"):
        networks.source("cnn_gro")


@pytest.mark.parametrize(
    ("name", "middle"),
    [
        ("cnn", ["Flatten"]),
        ("cnn_lstm", ["Permute", "Reshape", "Bidirectional(LSTM)", "LSTM"]),
        ("cnn_gru", ["Permute", "Reshape", "Bidirectional(GRU)", "GRU"]),
    ],
)
def test_layers_and_parameter_counts_of_the_report(name, middle):
    model = networks.build(name, shape_of(name), 5)
    table = networks.layer_table(model)
    assert model.name == name
    assert model.count_params() == COUNTS[name] == sum(row["parameters"] for row in table)
    assert [row["type"] for row in table] == 3 * BLOCK + middle + ["Dense", "Dropout", "Dense"]
    assert len({row["layer"] for row in table}) == len(table)


def test_most_of_what_the_gru_saves_is_width():
    """As the page of the CNN-GRU tells its readers."""

    def size_of(cell, units):
        layer = layers.Bidirectional(cell(units, return_sequences=True))
        layer.build((None, 16, 896))
        return layer.count_params()

    lstm, gru = size_of(layers.LSTM, 128), size_of(layers.GRU, 128)
    narrow = size_of(layers.GRU, 64)
    assert gru / lstm == pytest.approx(0.75, abs=0.01)
    assert gru - narrow > lstm - gru
    for name, size in (("cnn_lstm", lstm), ("cnn_gru", narrow)):
        table = networks.layer_table(networks.build(name, shape_of(name), 5))
        assert size in [row["parameters"] for row in table if row["type"].startswith("Bidir")]


@pytest.mark.parametrize("name", ["cnn_lstm", "cnn_gru"])
def test_time_is_the_sequence_axis(name):
    model = networks.build(name, shape_of(name), 5)
    by_name = {row["layer"]: row["output_shape"] for row in networks.layer_table(model)}
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
def test_probabilities(name, n_classes, tmp_path):
    model, maps = small(name, n_classes), maps_of(name)
    probabilities = np.asarray(model(maps))
    assert model.output_shape == (None, n_classes)
    assert probabilities.shape == (3, n_classes)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    # The seed decides them, and a file keeps them.
    again, other = (small(name, n_classes, seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(again(maps), probabilities)
    assert not np.array_equal(other(maps), probabilities)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(maps), probabilities)
    assert networks.layer_table(loaded) == networks.layer_table(model)


def test_dropout_options_reach_the_layers():
    model = small("cnn", block_dropout=0.1, head_dropout=0.3)
    rates = [layer.rate for layer in model.layers if isinstance(layer, layers.Dropout)]
    assert rates == [0.1, 0.1, 0.1, 0.3]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("cnn_gro", (60, 130, 3), 5), {}, "'cnn_gro'.*cnn, cnn_lstm, cnn_gru"),
        (("cnn", (60, 130), 5), {}, r"input shape \(60, 130\)"),
        (("cnn", (7, 130, 1), 5), {}, "at least 8 rows"),
        (("cnn", (60, 130, 0), 5), {}, "1 channel"),
        (("cnn", (60, 130, 1), 1), {}, "at least 2 classes, not 1"),
        (("cnn", (60, 130, 1), 5), {"head_dropout": 1.0}, "head_dropout.*not 1.0"),
    ],
)
def test_bad_arguments_are_named(arguments, options, message):
    with pytest.raises(ParameterError, match=message):
        networks.build(*arguments, **options)
