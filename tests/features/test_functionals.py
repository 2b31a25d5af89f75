"""Functionals: known answers, the manifest's order, openSMILE as its own oracle."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ser_lib import corpora
from ser_lib.core import audio
from ser_lib.core.errors import ParameterError
from ser_lib.features import copies, functionals, store
from ser_lib.features import maps as features

PER_SECOND = audio.RATE / features.HOP
MAPS = arrays(
    np.float64,
    st.tuples(st.integers(1, 3), st.integers(1, 20)),
    elements=st.floats(-100, 100),
)


def named(values: np.ndarray, rows: int = 1) -> dict[str, np.ndarray]:
    parts = np.split(values[:-1], len(values[:-1]) // rows)
    return dict(zip(functionals.FUNCTIONALS, parts, strict=True)) | {"length": values[-1]}


def test_a_ramp_and_a_single_frame():
    found = named(functionals.summarise(np.arange(101.0)[np.newaxis]))
    assert found["mean"] == found["median"] == 50
    assert (found["p5"], found["p95"]) == (5, 95)
    assert found["std"] == pytest.approx(np.sqrt((101**2 - 1) / 12))
    assert found["slope"] == pytest.approx(PER_SECOND)
    assert found["change"] == 1
    assert found["length"] == pytest.approx(101 / PER_SECOND)
    found = named(functionals.summarise(np.arange(60.0)[:, np.newaxis]), 60)
    for name in ("mean", "p5", "median", "p95"):
        np.testing.assert_array_equal(found[name], np.arange(60))
    for name in ("std", "slope", "change"):
        assert not found[name].any()


@given(MAPS, st.floats(-50, 50))
def test_a_higher_level_moves_only_what_measures_level(static, step):
    rows = len(static)
    before, after = (named(functionals.summarise(m), rows) for m in (static, static + step))
    for name in ("mean", "p5", "median", "p95"):
        np.testing.assert_allclose(after[name], before[name] + step, atol=1e-3)
    for name in ("std", "slope", "change", "length"):
        np.testing.assert_allclose(after[name], before[name], rtol=1e-4, atol=1e-2)


@given(MAPS)
def test_played_backwards_only_the_slope_turns(static):
    rows = len(static)
    there, back = (named(functionals.summarise(m), rows) for m in (static, static[:, ::-1]))
    np.testing.assert_allclose(back.pop("slope"), -there.pop("slope"), rtol=1e-4, atol=1e-2)
    for name, values in there.items():
        np.testing.assert_allclose(back[name], values, rtol=1e-4, atol=1e-4)


@pytest.fixture
def tones(workspace, make_table, tmp_path):
    """A manifest of tones, one file more than a chunk of openSMILE's functionals holds."""
    speakers = [f"s{i}" for i in range(1 + functionals.CHUNK // 4)]
    table = make_table(tmp_path / "own", speakers=speakers, emotions=("anger", "neutral"))
    return corpora.load("table", table)


def test_the_stack_is_that_of_the_maps_in_the_manifests_order(tones):
    values = functionals.table(tones, "stack", workers=0)
    assert values.shape == (len(tones.table), 781)
    maps = store.build(tones, kind="stack", workers=0)
    for position in (0, len(tones.table) - 1):
        np.testing.assert_array_equal(values[position], functionals.of_stack(maps[position]))


def test_a_copy_has_the_numbers_of_its_own_sound(tones):
    faster = copies.Copy(speed=1.17)
    values = functionals.table(tones, "stack", copy=faster, workers=0)
    sound = audio.load(tones.root / tones.table["path"].iloc[3])
    expected = functionals.of_stack(features.extract(faster.apply(sound), kind="stack"))
    np.testing.assert_array_equal(values[3], expected)
    np.testing.assert_array_equal(functionals.of_sound("stack", faster.apply(sound)), expected)


@pytest.mark.parametrize(("hertz", "band"), [(0.7, 0), (4, 2), (10, 4), (18, 5)])
def test_a_row_that_swings_has_its_energy_in_that_band(hertz, band):
    time = np.arange(300) / PER_SECOND
    stack = np.zeros((60, 300))
    stack[7] = 3 * np.sin(2 * np.pi * hertz * time)
    bands = functionals.modulation(stack).reshape(60, 6)
    assert bands[7].argmax() == band
    assert bands[7, band] > 3 + np.delete(bands[7], band).max()
    assert bands[8] == pytest.approx(np.log(1e-8))


def test_modulation_of_speech_does_not_hear_the_pauses_around_it():
    generator = np.random.default_rng(0)
    speech = generator.normal(size=(60, 80))
    level = [row.name for row in features.rows("stack")].index("rms")
    silence = np.full((60, 30), -60.0)
    padded = np.concatenate([silence, speech, silence], axis=1)
    assert np.ptp(speech[level]) < functionals.PAUSE_DB < 50
    np.testing.assert_array_equal(functionals.modulation(padded), functionals.modulation(speech))


@given(arrays(np.float64, st.tuples(st.just(60), st.integers(1, 9)), elements=st.floats(-90, 90)))
def test_the_shortest_stack_has_finite_numbers(stack):
    values = functionals.of_stack(stack)
    assert values.shape == functionals.cues().shape
    assert np.isfinite(values).all()


def test_each_number_has_the_cue_of_its_row():
    numbers = np.zeros((60, 40))
    rows = features.rows("stack")
    numbers[[row.cue == "speed" for row in rows]] = np.random.default_rng(0).normal(size=(2, 40))
    moved = functionals.of_stack(numbers) != functionals.of_stack(np.zeros((60, 40)))
    assert set(functionals.cues()[moved]) == {"speed"}
    assert set(functionals.cues()) == {"pitch", "tone", "speed", "energy"}


def test_an_unknown_set(tones):
    with pytest.raises(ParameterError, match=r"set of functionals 'stak' \(did you mean 'stack'"):
        functionals.table(tones, "stak")


def test_without_opensmile_its_sets_say_what_to_install(tones, monkeypatch):
    monkeypatch.setattr(functionals, "find_spec", lambda name: None)
    assert functionals.available() == ("stack",)
    with pytest.raises(ParameterError, match=r"'eGeMAPSv02' need openSMILE: pip install"):
        functionals.table(tones, "eGeMAPSv02")


@pytest.mark.parametrize(("name", "numbers"), [("eGeMAPSv02", 88), ("ComParE_2016", 6373)])
def test_opensmile_gives_what_it_gives_alone(tones, name, numbers):
    opensmile = pytest.importorskip("opensmile", reason="needs the extra 'baseline'")
    told = []
    values = functionals.table(tones, name, workers=2, progress=lambda *step: told.append(step))
    assert values.shape == (len(tones.table), numbers)
    assert told[-1] == (len(tones.table), len(tones.table))
    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet[name], feature_level=opensmile.FeatureLevel.Functionals
    )
    last = tones.root / tones.table["path"].iloc[-1]
    signal = audio.load(last, rate=functionals.SMILE_RATE)
    expected = smile.process_signal(signal, functionals.SMILE_RATE).to_numpy()[0]
    np.testing.assert_allclose(values[-1], expected, rtol=1e-5)


@pytest.fixture
def fake_smile(monkeypatch):
    """An openSMILE that gives the length and the power of a signal, and counts its calls."""
    heard = []

    class Smile:
        def __init__(self, *, feature_set, feature_level):
            assert (feature_set, feature_level) == ("eGeMAPSv02", "whole utterances")

        def process_signal(self, signal, rate):
            assert rate == functionals.SMILE_RATE
            heard.append(len(signal))
            return pd.DataFrame([[len(signal), np.square(signal).mean()]])

    module = ModuleType("opensmile")
    module.Smile = Smile
    module.FeatureSet = {name: name for name in functionals.SETS[1:]}
    module.FeatureLevel = SimpleNamespace(Functionals="whole utterances")
    monkeypatch.setitem(sys.modules, "opensmile", module)
    monkeypatch.setattr(functionals, "find_spec", lambda name: module)
    monkeypatch.setattr(functionals, "version", lambda name: "1")
    return heard


def test_opensmile_hears_every_utterance_once_and_in_order(tones, fake_smile, monkeypatch):
    values = functionals.table(tones, "eGeMAPSv02", workers=0)
    signals = [audio.load(tones.root / p, rate=functionals.SMILE_RATE) for p in tones.table["path"]]
    expected = [[len(signal), np.square(signal).mean()] for signal in signals]
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    assert fake_smile == [len(signal) for signal in signals]
    # Another version of openSMILE has another result.
    monkeypatch.setattr(functionals, "version", lambda name: "2")
    functionals.table(tones, "eGeMAPSv02", workers=0)
    assert len(fake_smile) == 2 * len(signals)


def test_what_is_kept_is_not_computed_again_and_damage_is_mended(tones, workspace, fake_smile):
    first = functionals.table(tones, "eGeMAPSv02", workers=0)
    files = sorted((workspace / "data" / "functionals").rglob("*.npy"))
    assert len(files) == 2
    files[1].write_bytes(files[1].read_bytes()[:-8])
    fake_smile.clear()
    again = functionals.table(tones, "eGeMAPSv02", workers=0)
    np.testing.assert_array_equal(again, first)
    assert len(fake_smile) == len(tones.table) - functionals.CHUNK
    fake_smile.clear()
    functionals.table(tones, "eGeMAPSv02", workers=0)
    assert fake_smile == []
