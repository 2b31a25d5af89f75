"""Bundles: the same probabilities after saving and loading, on Keras and on LiteRT."""

import io
import json
import shutil
from dataclasses import replace
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import keras
import numpy as np
import pytest

from ser_lib.core import audio
from ser_lib.core.errors import AudioError, RecordError
from ser_lib.features import maps as features
from ser_lib.features.maps import FRAMES, ROWS, Standardiser
from ser_lib.models import bundle, networks
from ser_lib.models.bundle import Bundle, FrontEnd, LiteNetwork

EMOTIONS = ["anger", "neutral", "sadness"]


class Stub:
    """A network that answers every window with the mean of its first column's three rows."""

    def __init__(self):
        self.batches = []

    def __call__(self, windows):
        self.batches.append(len(windows))
        weights = 1 + np.abs(windows[:, :3, :, 0]).mean(axis=2)
        return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def front_end(*, channels=1, crops=1, mean=0.0, std=1.0, kind="logmel") -> FrontEnd:
    statistics = (np.full((ROWS, channels), value, np.float32) for value in (mean, std))
    return FrontEnd(
        "cnn", "table", EMOTIONS, kind, channels, crops, "none", Standardiser(*statistics)
    )


def statics(n: int, frames=(40, 130, 333)) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(0, 5, (ROWS, frames[i % len(frames)])).astype(np.float32) for i in range(n)]


@pytest.fixture(scope="module")
def network():
    """A real network with weights of its own."""
    keras.utils.set_random_seed(3)
    return networks.build("cnn", (ROWS, FRAMES, 1), 3)


@pytest.fixture(scope="module")
def trained(network):
    """The network with statistics as of training."""
    return Bundle(
        partial(bundle.probabilities, network), front_end(crops=3, mean=-40.25, std=1 / 3)
    )


@pytest.fixture
def saved(network, trained, tmp_path):
    folder = tmp_path / "run" / "bundle"
    bundle.save(network, trained.front_end, folder)
    return folder


@pytest.fixture(scope="module")
def exported_once(network, trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    bundle.save(network, trained.front_end, folder / "fold")
    bundle.export(folder / "fold", folder / "run")
    return folder / "run"


@pytest.fixture
def exported(exported_once, tmp_path):
    """A bundle for LiteRT, too, which a test may damage."""
    return Path(shutil.copytree(exported_once, tmp_path / "exported"))


@pytest.fixture
def tones(tmp_path, write_tone):
    lengths = (0.2, 1.0, 4.0, 0.5)
    return [
        write_tone(tmp_path / f"{i}.wav", hertz=200 + 300 * i, seconds=seconds)
        for i, seconds in enumerate(lengths)
    ]


def answers(model: Bundle, files) -> np.ndarray:
    return model.predict(map(model.front_end.static, files))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("crops", [1, 5])
@pytest.mark.parametrize("length", [1, 130, 500])
def test_windows_are_what_the_network_eats(channels, crops, length):
    static = np.full((ROWS, length), 7, np.float32)
    windows = front_end(channels=channels, crops=crops, mean=5, std=2).windows([static])
    assert windows.shape == (crops, ROWS, FRAMES, channels)
    assert windows.dtype == np.float32
    heard = windows[0, :, :, 0]
    assert set(np.unique(heard)) == ({0.0, 1.0} if length < FRAMES else {1.0})
    if channels == 3:
        assert set(np.unique(windows[0, :, :, 1])) <= {0.0, -2.5}  # a slope of 0 is 2.5 below 5


def test_an_utterance_is_the_mean_of_its_windows():
    class Fixed:
        def __call__(self, windows):
            return np.array([[0.9, 0.1, 0.0], [0.4, 0.1, 0.5]] * (len(windows) // 2), np.float32)

    found = Bundle(Fixed(), front_end(crops=2)).predict([[s] for s in statics(2)])
    np.testing.assert_allclose(found, [[0.65, 0.1, 0.25]] * 2, atol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("crops", [1, 3])
def test_long_and_short_utterances_stand_side_by_side(crops):
    maps = statics(6, [1, 130, 131, 9 * 130, 40, 100 * 130 + 1])
    stub = Stub()
    model = Bundle(stub, front_end(crops=crops))
    windows = [len(model.front_end.windows([static])) for static in maps]
    assert windows == ([1] * 6 if crops == 1 else [3, 3, 3, 9, 3, 101])
    maps += statics(150)
    alone = np.concatenate([model.predict([[static]]) for static in maps])
    stub.batches.clear()
    np.testing.assert_allclose(model.predict([[m] for m in maps]), alone, rtol=1e-6)
    assert len(stub.batches) > 1
    assert max(stub.batches) <= max(bundle.WINDOWS, *windows)


def test_every_file_has_probabilities_of_its_own(trained, tones, tmp_path):
    found = answers(trained, tones)
    assert found.shape == (4, 3)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert len(np.unique(found[:, 0])) == 4, "all files got the same answer"
    nothing = trained.predict([])
    assert (nothing.shape, nothing.dtype) == ((0, 3), np.float32)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(AudioError, match=r"empty\.wav: is empty"):
        answers(trained, [tmp_path / "empty.wav"])
    for kind in features.MAPS:
        expected = features.extract(audio.load(tones[0]), kind=kind)
        np.testing.assert_array_equal(front_end(kind=kind).static(tones[0])[0], expected)


def test_a_loaded_bundle_answers_as_the_saved_one(trained, saved, tones):
    expected = answers(trained, tones)
    for folder in (saved, str(saved), saved.parent):  # the run's folder means its bundle
        loaded = bundle.load(folder)
        np.testing.assert_allclose(answers(loaded, tones), expected, rtol=1e-5)
    for name in ("architecture", "corpus", "emotions", "feature_map", "channels", "crops"):
        assert getattr(loaded.front_end, name) == getattr(trained.front_end, name)
    read, written = loaded.front_end.standardiser, trained.front_end.standardiser
    np.testing.assert_array_equal(read.mean, written.mean, strict=True)
    np.testing.assert_array_equal(read.std, written.std, strict=True)


def test_saving_replaces_the_old_bundle(network, saved):
    (saved / "old").touch()
    bundle.save(network, front_end(crops=2), saved)
    assert {path.name for path in saved.iterdir()} == {"network.keras", "front_end.json"}
    assert bundle.load(saved).front_end.crops == 2
    assert [path.name for path in saved.parent.iterdir()] == ["bundle"]


@pytest.mark.parametrize("content", [None, "", "not json", "{}", "[]", "3", '{"schema": 1}'])
def test_a_folder_that_is_no_bundle(tmp_path, content):
    if content is not None:
        (tmp_path / "front_end.json").write_text(content)
    old = content == '{"schema": 1}'
    message = "schema 1, of another version.*make the run again" if old else "give a run's folder"
    with pytest.raises(RecordError, match=message):
        bundle.load(tmp_path)


@pytest.mark.parametrize("part", ["emotions", "standardiser"])
def test_a_front_end_that_is_not_whole(saved, part):
    file = saved / "front_end.json"
    described = json.loads(file.read_text())
    rest = {name: value for name, value in described.items() if name != part}
    for content in (rest, rest | {"standardiser": 3}):
        file.write_text(json.dumps(content))
        with pytest.raises(RecordError, match=r"front_end\.json is damaged"):
            bundle.load(saved)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        *(("crops", value) for value in (0, -3, "x", 1.5, 10**9)),
        *(("channels", value) for value in (0, 2, 3, "1")),
        ("feature_map", "mfcc"),
        *(("emotions", value) for value in ([], ["anger"], ["anger"] * 2, [1, 2], "anger")),
        *(("std", value) for value in (0.0, -1.0, float("nan"), float("inf"), "x", [])),
        *(("mean", value) for value in (float("nan"), 1e300, None, [1.0])),
    ],
)
def test_a_front_end_that_nothing_could_be_fed_through(saved, part, value):
    file = saved / "front_end.json"
    described = json.loads(file.read_text())
    if part in ("mean", "std"):
        described["standardiser"][part][7] = [value]
    else:
        described[part] = value
    file.write_text(json.dumps(described))
    with pytest.raises(RecordError, match=r"front_end\.json is damaged"):
        bundle.read_front_end(saved)


def test_a_front_end_that_has_no_end(saved):
    for content in ("[" * 100_000, None):
        (saved / "front_end.json").unlink()
        if content:
            (saved / "front_end.json").write_text(content)
        else:
            (saved / "front_end.json").symlink_to("/dev/zero")
        with pytest.raises(RecordError, match="is not a model bundle"):
            bundle.load(saved)


def foreign(change):
    """Return what makes another archive of a network: `change` of its config."""

    def made(content: bytes) -> bytes:
        old, new = ZipFile(io.BytesIO(content)), io.BytesIO()
        with ZipFile(new, "w") as archive:
            for name in old.namelist():
                text = old.read(name)
                if name == "config.json":
                    text = json.dumps(change(json.loads(text)))
                archive.writestr(name, text)
        return new.getvalue()

    return made


def with_class(name: str, module: str = "keras.layers"):
    def change(config):
        config["config"]["layers"][1] |= {"class_name": name, "module": module}
        return config

    return foreign(change)


@pytest.mark.parametrize(
    "make",
    [
        with_class("Lambda"),
        with_class("NoSuchLayer"),
        with_class("system", "os"),
        foreign(lambda config: {"class_name": "Dense", "config": {"units": 3}}),
        foreign(lambda config: {"class_name": "str", "config": "x"}),
        foreign(lambda config: []),
    ],
)
def test_a_network_that_is_of_another_kind(saved, make):
    file = saved / "network.keras"
    file.write_bytes(make(file.read_bytes()))
    with pytest.raises(RecordError, match=r"network\.keras (cannot be read|is not)") as caught:
        bundle.load(saved)
    assert "\n" not in str(caught.value)


def test_a_network_that_is_not_that_of_its_front_end(exported, monkeypatch):
    file = exported / "front_end.json"
    described = json.loads(file.read_text())
    file.write_text(json.dumps(described | {"emotions": ["anger", "neutral"]}))
    for _ in "lite", "keras":
        with pytest.raises(RecordError, match="is not the network of its front_end"):
            bundle.load(exported)
        monkeypatch.setattr(bundle, "lite_available", lambda: False)
    monkeypatch.setattr(bundle, "UNPACKED", 1000)
    with pytest.raises(RecordError, match="would unpack to more"):
        bundle.load(exported)


def test_a_flatbuffer_that_is_none(exported):
    (exported / "network.tflite").write_bytes(b"web page")
    described = json.loads((exported / "front_end.json").read_text())
    described["tflite_sha256"] = sha256(b"web page").hexdigest()  # of somebody who knows how
    (exported / "front_end.json").write_text(json.dumps(described))
    with pytest.raises(RecordError, match=r"network\.tflite is damaged"):
        bundle.load(exported)


@pytest.mark.parametrize("damage", ["removed", "cut", "empty"])
def test_a_network_that_cannot_be_read(saved, damage):
    file = saved / "network.keras"
    whole = file.read_bytes()
    file.unlink()
    if damage != "removed":
        file.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"")
    with pytest.raises(RecordError, match=r"network\.keras cannot be read"):
        bundle.load(saved)


# LiteRT


def test_an_exported_bundle_is_the_old_one_with_one_file_more(saved, tmp_path):
    bundle.export(saved, tmp_path / "run" / "exported")
    files = {path.name: path for path in (tmp_path / "run" / "exported").iterdir()}
    assert set(files) == {"network.keras", "network.tflite", "front_end.json"}
    assert files["network.keras"].read_bytes() == (saved / "network.keras").read_bytes()
    assert {path.name for path in saved.iterdir()} == {"network.keras", "front_end.json"}
    old, new = (
        json.loads(f.read_text()) for f in (saved / "front_end.json", files["front_end.json"])
    )
    assert {name for name in new if name not in old} == {"tflite_sha256"}
    assert old.items() <= new.items()


def test_with_and_without_the_runtime_the_answers_are_the_same(
    exported, trained, tones, monkeypatch
):
    expected = answers(trained, tones)
    light = bundle.load(exported)
    assert isinstance(light.network, LiteNetwork)
    np.testing.assert_allclose(answers(light, tones), expected, atol=1e-5)
    monkeypatch.setattr(bundle, "lite_available", lambda: False)
    for file in (exported / "network.tflite", None):  # without the runtime, without the file
        heavy = bundle.load(exported)
        assert not isinstance(heavy.network, LiteNetwork)
        np.testing.assert_array_equal(answers(heavy, tones), expected)
        if file:
            file.unlink()
            monkeypatch.undo()


@pytest.mark.parametrize("damage", ["cut", "empty", "another", "changed", "unknown"])
def test_a_flatbuffer_that_is_damaged(exported, damage):
    file = exported / "network.tflite"
    whole = file.read_bytes()
    middle = len(whole) // 2  # among the weights: LiteRT would not see it
    changed = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    content = {"cut": whole[:middle], "empty": b"", "another": b"web page", "changed": changed}
    file.write_bytes(content.get(damage, whole))
    if damage == "unknown":  # put there by somebody else
        described = json.loads((exported / "front_end.json").read_text())
        del described["tflite_sha256"]
        (exported / "front_end.json").write_text(json.dumps(described))
    with pytest.raises(RecordError, match=r"network\.tflite is damaged.*make the run again"):
        bundle.load(exported)


def test_an_export_that_fails_leaves_nothing(saved, tmp_path, monkeypatch):
    def full(*_):
        raise OSError("the disk is gone")

    monkeypatch.setattr(bundle, "_write", full)
    with pytest.raises(OSError, match="the disk is gone"):
        bundle.export(saved, tmp_path / "target" / "bundle")
    assert list((tmp_path / "target").iterdir()) == []


@cache
def pair(name: str) -> tuple[keras.Model, bytes]:
    """Return a network, sure of its answers, for Keras and for LiteRT."""
    keras.utils.set_random_seed(7)
    network = networks.build(name, (ROWS, FRAMES, networks.NETWORKS[name].channels), 7)
    settle(network)
    return network, bundle.convert(network)


def settle(network) -> None:
    """Give a fresh network statistics as of training, and answers that are sure of themselves."""
    generator = np.random.default_rng(0)
    for layer in network.layers:
        if layer.name.endswith("_norm"):
            for variable in (layer.beta, layer.moving_mean):
                variable.assign(generator.normal(0, 0.2, variable.shape))
            layer.gamma.assign(generator.uniform(0.5, 1.5, layer.gamma.shape))
            layer.moving_variance.assign(generator.uniform(0.3, 3, layer.gamma.shape))
    kernel, bias = network.layers[-1].get_weights()
    # The state of a recurrent layer has small numbers, which a fresh head hardly tells apart.
    network.layers[-1].set_weights([(4 if network.name == "cnn" else 12) * kernel, bias])


@pytest.mark.parametrize("sounds", ["speech", "tones"])
@pytest.mark.parametrize("name", networks.NAMES)
def test_litert_gives_the_answers_of_keras(request, tmp_path, write_tone, name, sounds):
    network, flatbuffer = pair(name)
    if sounds == "speech":
        files = sorted((request.getfixturevalue("emodb") / "wav").glob("*.wav"))[::30]
    else:
        files = [
            write_tone(tmp_path / f"{i}.wav", hertz=80 * 1.5**i, seconds=0.1 + 0.6 * i)
            for i in range(8)
        ]
    channels = networks.NETWORKS[name].channels
    for kind in features.MAPS if sounds == "speech" else ["logmel"]:
        maps = [features.extract(audio.load(file), kind=kind) for file in files]
        statistics = Standardiser.fit(features.channels(one, channels) for one in maps)
        front = replace(front_end(channels=channels, crops=5), standardiser=statistics)
        windows = np.concatenate([front.windows([one]) for one in maps])
        expected = bundle.probabilities(network, windows)
        assert np.ptp(expected, axis=0).max() > 0.1, "the network hears no difference"
        assert expected.max() > 0.5, "the network is sure of nothing"
        answer = LiteNetwork(flatbuffer)(windows)
        assert (answer.dtype, answer.shape) == (np.float32, expected.shape)
        assert np.abs(answer - expected).max() <= 1e-5


@pytest.mark.parametrize("name", networks.NAMES)
def test_an_answer_does_not_depend_on_the_windows_beside_it(name):
    keras_network, flatbuffer = pair(name)
    assert b"Flex" not in flatbuffer, "operations that are not LiteRT's own"
    kernel = keras_network.get_layer("head_dense").get_weights()[0]
    assert np.ascontiguousarray(kernel.T).tobytes() in flatbuffer, "weights are rounded"
    network = LiteNetwork(flatbuffer)
    n = 2 * bundle.LITE_WINDOWS + 3
    windows = np.random.default_rng(1).normal(size=(n, *keras_network.input_shape[1:]))
    windows = windows.astype(np.float32)
    together = network(windows)
    np.testing.assert_allclose(together.sum(axis=1), 1, rtol=1e-5)
    for i in (0, bundle.LITE_WINDOWS - 1, bundle.LITE_WINDOWS, n - 1):
        np.testing.assert_array_equal(network(windows[i : i + 1])[0], together[i])
    np.testing.assert_array_equal(network(windows[::-1])[::-1], together)
