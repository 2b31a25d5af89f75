"""Copies of utterances: known sounds, lengths that the store can know beforehand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_lib import corpora
from ser_lib.core import audio
from ser_lib.features import copies, maps, store
from ser_lib.features.copies import Copy

TIME = np.arange(audio.RATE) / audio.RATE


def tone(hertz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * TIME).astype(np.float32)


@pytest.mark.parametrize("speed", [copy.speed for copy in copies.SETS["speed"]])
def test_speed_moves_a_tone_and_its_length_alike(speed):
    copy = Copy(speed=speed).apply(tone(1000))
    assert copy.dtype == np.float32
    assert len(copy) == pytest.approx(audio.RATE / speed, abs=1)
    peak = np.abs(np.fft.rfft(copy * np.hanning(len(copy)))).argmax()
    assert peak * audio.RATE / len(copy) == pytest.approx(1000 * speed, abs=1)


@pytest.mark.parametrize(
    ("tilt", "hertz", "gain_db"), [(2, 2000, 2), (2, 500, -2), (-2, 4000, -4), (-2, 1000, 0)]
)
def test_tilt_moves_the_level_of_a_tone_by_its_octaves(tilt, hertz, gain_db):
    before, after = tone(hertz), Copy(tilt=tilt).apply(tone(hertz))
    middle = slice(2000, -2000)  # the ends of a tone hold other frequencies
    ratio = np.square(after[middle]).mean() / np.square(before[middle]).mean()
    assert 10 * np.log10(ratio) == pytest.approx(gain_db, abs=0.05)


@given(st.integers(1, 3000), st.sampled_from(copies.SETS["speed+tilt+channel"]))
def test_the_length_of_a_copy_is_known_beforehand(samples, copy):
    result = copy.apply(np.ones(samples, dtype=np.float32))
    assert len(result) == copy.length(samples) >= 1
    assert np.isfinite(result).all()


def test_the_first_of_each_set_is_the_utterance_itself():
    for own in copies.SETS.values():
        assert own[0] == copies.ITSELF
        np.testing.assert_array_equal(own[0].apply(tone(200)), tone(200))
        assert len(set(own)) == len(own)


@pytest.mark.parametrize("copy", [Copy(speed=0.85), Copy(tilt=2.0)])
def test_a_store_holds_the_maps_of_the_copies_under_a_key_of_their_own(
    workspace, tmp_path, make_table, copy
):
    manifest = corpora.load("table", make_table(tmp_path / "corpus"))
    plain, own = (store.build(manifest, copy=c, workers=0) for c in (copies.ITSELF, copy))
    assert own.address != plain.address
    for i, path in enumerate(manifest.table["path"]):
        sound = copy.apply(audio.load(manifest.root / path))
        np.testing.assert_array_equal(own[i], maps.extract(sound))


@pytest.mark.parametrize("copy", copies.SETS["speed+tilt+channel"][-len(copies.CHANNELS) :])
def test_what_a_channel_adds_depends_on_the_sound_alone(copy):
    sound = tone(300)
    once, again = (copy.apply(s) for s in (sound, sound.copy()))
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - sound).max() > 1e-3
    np.testing.assert_array_equal(copy.apply(np.zeros(500, np.float32)), np.zeros(500))
