"""Exported networks: the same probabilities from the waveform as in Python."""

from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest

from ser_lib.core import audio
from ser_lib.core.errors import ParameterError
from ser_lib.features import maps
from ser_lib.features.maps import FRAMES, ROWS, Standardiser
from ser_lib.models import bundle, export, networks
from ser_lib.models.bundle import Bundle, FrontEnd
from ser_lib.models.lda import Discriminant

EMOTIONS = ["anger", "neutral", "sadness"]


def trained(network, signals, folder, *, crops: int) -> Bundle:
    """Save a network as the bundle of a run that was trained on signals."""
    channels = network.input_shape[-1]
    statistics = Standardiser.fit(maps.channels(maps.extract(one), channels) for one in signals)
    front_end = FrontEnd("cnn", "table", EMOTIONS, "logmel", channels, crops, "none", statistics)
    bundle.save(network, front_end, folder)
    return Bundle(partial(bundle.probabilities, network), front_end)


def small(channels: int) -> keras.Model:
    """A network of two layers that converts in seconds, and is sure of its answers."""
    keras.utils.set_random_seed(1)
    layers = [
        keras.layers.Conv2D(4, 5, strides=4, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    return keras.Sequential([keras.Input((ROWS, FRAMES, channels)), *layers])


@pytest.fixture(scope="module")
def voices() -> list[np.ndarray]:
    """Signals shorter than a frame, than a window, as long as several, and very quiet."""
    generator = np.random.default_rng(0)
    lengths = (900, 20_000, 66_150, 300_001)
    time = [np.arange(n) / audio.RATE for n in lengths]
    pitch = [np.sin(2 * np.pi * 150 * (1 + 0.2 * np.sin(5 * t)) * t) for t in time]
    noise = [generator.normal(0, 0.05, n) for n in lengths]
    signals = [
        (0.3 * p * (1 + np.sin(9 * t)) + n) for t, p, n in zip(time, pitch, noise, strict=True)
    ]
    return [one.astype(np.float32) for one in (*signals, 1e-3 * signals[1])]


@pytest.mark.parametrize(("channels", "crops"), [(1, 1), (3, 5)])
def test_the_graph_answers_as_python(tmp_path, voices, channels, crops):
    model = trained(small(channels), voices, tmp_path, crops=crops)
    expected = model.predict(map(model.front_end.static, voices))
    assert np.ptp(expected, axis=0).max() > 0.1, "the network hears no difference"
    # What 8 bits do to a spectrum would show; float16 is only less of the same.
    for precision, close in {"float32": 1e-4, "int8": 0.02}.items():
        flatbuffer = export.litert(tmp_path, precision=precision)
        assert b"Flex" not in flatbuffer, "operations that are not LiteRT's own"
        result, seconds = export.answers(flatbuffer, voices)
        assert len(seconds) == len(voices)
        assert np.abs(result - expected).max() < close
        if channels == 1:
            break  # one conversion takes seconds


def test_onnx_answers_as_python(tmp_path, voices):
    pytest.importorskip("tf2onnx")
    runtime = pytest.importorskip("onnxruntime")
    model = trained(small(3), voices, tmp_path, crops=5)
    session = runtime.InferenceSession(export.onnx(tmp_path))
    result = [session.run(None, {"input": voice})[0] for voice in voices]
    expected = model.predict(map(model.front_end.static, voices))
    assert np.abs(result - expected).max() < 1e-3


def test_what_no_graph_holds(tmp_path, voices):
    front_end = trained(small(1), voices[:1], tmp_path, crops=1).front_end
    with pytest.raises(ParameterError, match="unknown precision 'int4'"):
        export.litert(tmp_path, precision="int4")
    with pytest.raises(ParameterError, match="on the map 'stack' cannot be exported"):
        export.check(replace(front_end, feature_map="stack"))
    with pytest.raises(ParameterError, match="hears copies"):
        export.check(replace(front_end, copies="speed"))
    with pytest.raises(ParameterError, match="a discriminant"):
        export.check(Discriminant.__new__(Discriminant))


def test_a_network_answers_as_python_on_speech(emodb, tmp_path):
    name = "cnn_gru"  # that LiteRT has the layers of each, `test_bundle` asks
    signals = [audio.load(file) for file in sorted((emodb / "wav").glob("*.wav"))[::60]]
    keras.utils.set_random_seed(7)
    network = networks.build(name, (ROWS, FRAMES, networks.NETWORKS[name].channels), 3)
    kernel, bias = network.layers[-1].get_weights()
    network.layers[-1].set_weights([12 * kernel, bias])
    model = trained(network, signals, tmp_path, crops=5)
    expected = model.predict(map(model.front_end.static, signals))
    assert np.ptp(expected, axis=0).max() > 0.05
    result, _ = export.answers(export.litert(tmp_path), signals)
    assert np.abs(result - expected).max() < 1e-3
