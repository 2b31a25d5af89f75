"""Networks on LiteRT: the probabilities of Keras, for every network and any number of windows."""

import keras
import numpy as np
import pytest

from ser_lib.core import audio
from ser_lib.experiments.experiment import ARCHITECTURES
from ser_lib.features import maps
from ser_lib.features.maps import Standardiser
from ser_lib.models import lite
from ser_lib.models import networks as models
from ser_lib.models.bundle import FrontEnd, probabilities

SHAPE = (maps.ROWS, maps.FRAMES)
CROPS = 5
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def networks():
    """Every network, once: name -> the Keras network and its flatbuffer."""
    made = {}

    def get(name):
        if name not in made:
            keras.utils.set_random_seed(7)
            network = models.build(name, (*SHAPE, ARCHITECTURES[name]), 7)
            settle(network)
            made[name] = network, lite.convert(network)
        return made[name]

    return get


def settle(network) -> None:
    """Give a fresh network statistics as of training, and answers that are sure of themselves."""
    generator = np.random.default_rng(0)
    for layer in network.layers:
        if layer.name.endswith("_norm"):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights(
                [
                    generator.uniform(0.5, 1.5, gamma.shape),
                    generator.normal(0, 0.2, beta.shape),
                    generator.normal(0, 0.2, mean.shape),
                    generator.uniform(0.3, 3, variance.shape),
                ]
            )
    kernel, bias = network.layers[-1].get_weights()
    # The state of a recurrent layer has small numbers, which a fresh head hardly tells apart.
    network.layers[-1].set_weights([(4 if network.name == "cnn" else 12) * kernel, bias])


def windows_of(files, channels: int, kind: str) -> np.ndarray:
    statics = [maps.extract(audio.load(file), kind=kind) for file in files]
    front_end = FrontEnd(
        architecture="any",
        corpus="any",
        emotions=[],
        feature_map=kind,
        channels=channels,
        crops=CROPS,
        standardiser=Standardiser.fit(maps.channels(one, channels) for one in statics),
    )
    return np.concatenate([front_end.windows(static) for static in statics])


def assert_same_answers(networks, name: str, files, kind: str) -> None:
    network, flatbuffer = networks(name)
    windows = windows_of(files, ARCHITECTURES[name], kind)
    expected = probabilities(network, windows)
    assert np.ptp(expected, axis=0).max() > 0.1, "the network hears no difference"
    assert expected.max() > 0.5, "the network is sure of nothing"
    found = lite.Network(flatbuffer)(windows)
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= TOLERANCE


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_answers_of_keras_to_speech(networks, emodb, name):
    files = sorted((emodb / "wav").glob("*.wav"))[::30]
    for kind in maps.MAPS:
        assert_same_answers(networks, name, files, kind)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_answers_of_keras_to_tones(networks, tmp_path, write_tone, name):
    files = [
        write_tone(tmp_path / f"{i}.wav", hertz=80 * 1.5**i, seconds=0.1 + 0.6 * i)
        for i in range(8)
    ]
    assert_same_answers(networks, name, files, "logmel")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_answer_does_not_depend_on_the_windows_beside_it(networks, name):
    _, flatbuffer = networks(name)
    network = lite.Network(flatbuffer)
    n = 2 * lite.WINDOWS + 3
    windows = np.random.default_rng(1).normal(size=(n, *SHAPE, ARCHITECTURES[name]))
    windows = windows.astype(np.float32)
    together = network(windows)
    np.testing.assert_allclose(together.sum(axis=1), 1, rtol=1e-5)
    for i in (0, lite.WINDOWS - 1, lite.WINDOWS, n - 1):
        np.testing.assert_array_equal(network(windows[i : i + 1])[0], together[i])
    np.testing.assert_array_equal(network(windows[::-1])[::-1], together)


def test_nothing_but_operations_of_its_own(networks):
    for name in ARCHITECTURES:
        assert b"Flex" not in networks(name)[1]


def test_weights_are_not_rounded(networks):
    network, flatbuffer = networks("cnn")
    kernel = network.get_layer("head_dense").get_weights()[0]
    assert np.ascontiguousarray(kernel.T).tobytes() in flatbuffer


def test_what_is_no_flatbuffer():
    with pytest.raises(ValueError, match="Flatbuffer"):
        lite.Network(b"no network" * 100)
