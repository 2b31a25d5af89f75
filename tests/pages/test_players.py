"""Players: what is embedded sounds like the file, and data is text."""

import base64
import io

import numpy as np
import pytest
import soundfile
from bs4 import BeautifulSoup
from PIL import Image

from ser_lib import corpora
from ser_lib.core import audio
from ser_lib.features import maps
from ser_lib.pages import players


@pytest.fixture
def tone(tmp_path, workspace, licence):
    """A function that makes a corpus of one utterance `u`, whose licence allows its audio."""
    licence(True)

    def make(seconds: float):
        time = np.arange(round(seconds * audio.RATE)) / audio.RATE
        signal = sum(0.2 / k * np.sin(2 * np.pi * 110 * k * time) for k in range(1, 8))
        soundfile.write(tmp_path / "u.wav", signal, audio.RATE)
        (tmp_path / "table.csv").write_text("path,emotion\nu.wav,low\n")
        return corpora.load("table", tmp_path / "table.csv")

    return make


def sound_of(html: str) -> tuple[np.ndarray, bytes]:
    (player,) = BeautifulSoup(html, "html.parser").find_all("audio")
    kind, data = player["src"].split(",")
    assert kind == "data:audio/mpeg;base64"
    encoded = base64.b64decode(data)
    signal, rate = soundfile.read(io.BytesIO(encoded), dtype="float32")
    assert rate == audio.RATE <= 24_000
    assert signal.ndim == 1
    return signal, encoded


def test_the_sound_is_that_of_the_file_and_always_the_same_bytes(tone):
    manifest = tone(3.0)
    html = players.player(manifest, "u", "low")
    signal, encoded = sound_of(html)
    original = audio.load(manifest.file("u"))
    assert len(signal) == len(original), "no silence before or after it"
    assert np.corrcoef(signal, original)[0, 1] > 0.98
    assert len(encoded) < 3.0 * 5_000
    assert html == players.player(manifest, "u", "low")
    assert 'preload="none"' in html
    assert "<small>" not in html


def test_the_picture_is_the_map_of_what_is_played(tone):
    manifest = tone(1.0)
    (player,) = BeautifulSoup(players.player(manifest, "u", "low"), "html.parser")("audio")
    kind, data = player["data-map"].split(",")
    assert kind == "data:image/png;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    steps = np.asarray(picture)[::-1]
    levels = maps.extract(audio.load(manifest.file("u")), kind="logmel")
    assert np.corrcoef(steps.ravel(), levels.ravel())[0, 1] > 0.99
    low, *_, high = np.reshape(picture.getpalette(), (-1, 3))[: players.COLOURS].sum(axis=1)
    assert low < high, "the louder the brighter"


def test_a_long_utterance_is_cut_fades_and_says_so(tone):
    html = players.player(tone(9.5), "u", "low")
    signal, _ = sound_of(html)
    assert len(signal) == round(players.CLIP_S * audio.RATE)
    assert 'aria-label="low, the first 8 of 9.5 s"' in html
    assert "<small>the first 8 of 9.5 s</small>" in html

    def level(start, stop):
        return np.abs(signal[round(start * audio.RATE) : round(stop * audio.RATE)]).max()

    assert level(7.98, 8) < 0.1 * level(7, 7.4)


def test_a_player_has_its_label_whatever_the_label(tone):
    label = '<b>"it" & that\'s {}</b>'
    (player,) = BeautifulSoup(players.player(tone(1.0), "u", label), "html.parser").find_all()
    assert player["aria-label"] == label


def test_without_a_licence_nothing_is_embedded(tone, licence):
    licence(False)
    assert players.player(tone(1.0), "u", "low") == ""


def test_examples_are_one_per_emotion_by_one_speaker(tmp_path, workspace, make_table):
    manifest = corpora.load("table", make_table(tmp_path / "own"))
    chosen = players.examples(manifest)
    assert sorted(chosen) == manifest.emotions
    table = manifest.table.set_index("utterance")
    assert len({table.loc[name, "speaker"] for name in chosen.values()}) == 1
    assert all(table.loc[name, "emotion"] == emotion for emotion, name in chosen.items())
