"""Listening: what is embedded sounds like the file, and every utterance is in its cell."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import soundfile
from factory import parse

from ser_lib import corpora
from ser_lib.core import audio
from ser_lib.features import maps as features
from ser_lib.pages import data as inventory
from ser_lib.pages import listen
from ser_lib.pages.figures import features as features_figures

EMOTIONS = ["anger", "joy", "neutral"]
ROWS = [  # truth, answer, its probability
    ("anger", "anger", 0.6),
    ("anger", "anger", 0.9),
    ("anger", "joy", 0.7),
    ("joy", "anger", 0.5),
    ("joy", "anger", 0.5),
    ("joy", "anger", 0.8),
    ("neutral", "neutral", 0.4),
]
PITCHES = {"high": 320.0, "low": 110.0, "middle": 200.0}  # Hz


def answers(rows=ROWS, names=None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "utterance": names or [f"u{i}" for i in range(len(rows))],
            "speaker": [f"s{i % 2}" for i in range(len(rows))],
            "truth": [row[0] for row in rows],
            "predicted": [row[1] for row in rows],
            "p": [row[2] for row in rows],
        }
    )


class Tree(HTMLParser):
    """The tags of a piece of html with their attributes and texts, and whether all are closed."""

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs), []))
        if tag != "br":
            self.open.append(len(self.tags) - 1)

    def handle_endtag(self, tag):
        assert self.tags[self.open.pop()][0] == tag

    def handle_data(self, data):
        for i in self.open:
            self.tags[i][2].append(data)

    def all(self, tag: str) -> list[tuple[dict, str]]:
        return [(given, "".join(text)) for name, given, text in self.tags if name == tag]


@pytest.fixture
def voice(tmp_path, workspace):
    """A function that makes a corpus of one steady voice per emotion and speaker."""

    def make(sexes={"s1": "female", "s2": "male"}, seconds=0.6):  # noqa: B006
        lines = ["path,speaker,sex,emotion"]
        for i, (speaker, sex) in enumerate(sexes.items()):
            for emotion, hertz in PITCHES.items():
                path = f"{speaker}-{emotion}.wav"
                signal = harmonics(np.full(round(seconds * audio.RATE), hertz * 2 ** (i / 12)))
                soundfile.write(tmp_path / path, signal, audio.RATE)
                lines.append(f"{path},{speaker},{sex},{emotion}")
        (tmp_path / "table.csv").write_text("\n".join(lines))
        return corpora.load("table", tmp_path / "table.csv")

    return make


@pytest.fixture
def allowed(monkeypatch):
    """The licence of every corpus allows its audio to be embedded."""
    row = replace(corpora.describe("table"), embed_audio=True)
    monkeypatch.setattr(listen, "describe", lambda name: row)


def harmonics(hertz: np.ndarray) -> np.ndarray:
    """A voice-like sound whose F0 [samples] is given."""
    phase = 2 * np.pi * np.cumsum(hertz) / audio.RATE
    return sum(0.2 / k * np.sin(k * phase) for k in range(1, 8)).astype(np.float32)


# What is embedded


def sound_of(player: str) -> tuple[np.ndarray, bytes]:
    (given, _), = Tree(player).all("audio")  # fmt: skip
    kind, data = given["src"].split(",")
    assert kind == "data:audio/mpeg;base64"
    encoded = base64.b64decode(data)
    signal, rate = soundfile.read(io.BytesIO(encoded), dtype="float32")
    assert rate == audio.RATE <= 24_000
    assert signal.ndim == 1
    return signal, encoded


def test_the_sound_is_that_of_the_file_and_always_the_same_bytes(voice):
    manifest = voice(seconds=3.0)
    player = inventory.player(manifest, "s1-low", "low")
    heard, encoded = sound_of(player)
    original = audio.load(manifest.file("s1-low"))
    assert len(heard) == len(original), "no silence before or after it"
    assert np.corrcoef(heard, original)[0, 1] > 0.98
    assert len(encoded) < 3.0 * 5_000
    assert player == inventory.player(manifest, "s1-low", "low")
    assert 'preload="none"' in player


def test_a_long_utterance_is_cut_fades_and_says_so(voice):
    manifest = voice(seconds=9.5)
    player = inventory.player(manifest, "s1-low", "low")
    heard, _ = sound_of(player)
    assert len(heard) == round(inventory.CLIP_S * audio.RATE)
    tree = Tree(player)
    assert tree.all("audio")[0][0]["aria-label"] == "low, the first 8 of 9.5 s"
    assert tree.all("small") == [({}, "the first 8 of 9.5 s")]

    def level(start, stop):
        return np.abs(heard[round(start * audio.RATE) : round(stop * audio.RATE)]).max()

    assert level(7.98, 8) < 0.1 * level(7, 7.4)
    short = inventory.player(voice(seconds=1.0), "s1-low", "low")
    assert not Tree(short).all("small")


def test_a_player_has_its_name_whatever_the_name(voice):
    name = '<b>"it" & that\'s</b>'
    ((given, _),) = Tree(inventory.player(voice(), "s1-low", name)).all("audio")
    assert given["aria-label"] == name


# The voice


def test_f0_follows_a_glide_and_stops_where_there_is_no_voice():
    glide = np.geomspace(110, 330, 2 * audio.RATE)
    signal = np.concatenate([harmonics(glide), np.zeros(audio.RATE, np.float32)])
    found = features_figures.f0(features.extract(signal, kind="stack"))
    time = np.arange(len(found)) * features_figures.FRAME_S
    inside = (time > 0.1) & (time < 1.9)
    np.testing.assert_allclose(
        found[inside], np.interp(time[inside], np.arange(len(glide)) / audio.RATE, glide), rtol=0.02
    )
    assert np.isnan(found[time > 2.1]).all()


def test_the_picture_draws_and_tells_what_was_found():
    signal = harmonics(np.full(audio.RATE, 180.0))
    figure = features_figures.voice(signal, title="odd $name_")
    wave, mel, pitch, _ = figure.fig.axes
    assert wave.get_title() == "odd $name_"
    assert mel.collections[0].get_array().shape[0] == features.ROWS
    drawn = pitch.lines[0].get_ydata()
    np.testing.assert_array_equal(
        drawn, features_figures.f0(features.extract(signal, kind="stack"))
    )
    assert wave.get_xlim() == mel.get_xlim() == pitch.get_xlim()
    assert "F0 lies around 180 Hz, mostly between" in figure.alt
    assert figure.svg() == features_figures.voice(signal, title="odd $name_").svg()
    assert len(figure.svg()) < 120_000
    silent = features_figures.voice(np.zeros(audio.RATE, np.float32))
    assert "There is no F0" in silent.alt
    assert "nan" not in silent.alt


def test_voices_are_measured_and_compared_with_the_speakers_own(voice):
    table = listen.voices(voice())
    for (emotion, hertz), (i, speaker) in zip(
        [*PITCHES.items()] * 2, [(i, f"s{i + 1}") for i in (0, 1) for _ in PITCHES], strict=True
    ):
        row = table.loc[f"{speaker}-{emotion}"]
        assert row["f0"] == pytest.approx(hertz * 2 ** (i / 12), rel=0.02)
        # The speaker's median is that of the emotion in the middle.
        assert row["f0_apart"] == pytest.approx(12 * np.log2(hertz / 200), abs=0.3)
        assert row["f0_range"] < 1
        assert row["speech"] == pytest.approx(0.6, abs=0.1)
    text = listen.overview(table)
    assert "Medians over all 6 utterances of the corpus" in text
    assert "F0 is highest for **high** (8." in text
    assert "lowest for **low** (-10." in text
    (low,) = [row for row in parse(text) if row["Emotion"] == "low"]
    assert int(low["F0 (Hz)"]) == pytest.approx(113, abs=3)


def test_without_speakers_the_voice_is_compared_with_all(voice):
    manifest = voice()
    manifest.table["speaker"] = manifest.table["sex"] = ""
    table = listen.voices(manifest)
    assert table["f0_apart"].median() == pytest.approx(0, abs=0.6)
    text = listen.overview(table)
    assert "*Apart* is from the median of all utterances" in text
    assert "what is usual in the corpus" in text
    assert listen.examples(manifest) == {e: [f"s1-{e}"] for e in PITCHES}


def test_silence_has_no_voice(voice):
    manifest = voice(sexes={"s1": "female"})
    silent = manifest.file("s1-low")
    soundfile.write(silent, np.full(len(audio.load(silent)), 1e-4), audio.RATE)
    table = listen.voices(manifest)
    assert np.isnan(table.loc["s1-low", "f0"])
    text = listen.overview(table)
    assert "nan" not in text
    assert "lowest for **middle**" in text


@pytest.mark.parametrize(
    ("sexes", "speakers"),
    [
        ({"s1": "male", "s2": "male", "s3": "female"}, ["s3", "s1"]),
        ({"s1": "male", "s2": "male"}, ["s1", "s2"]),
        ({"s1": "", "s2": "female", "s3": "male"}, ["s1", "s2"]),
        ({"s1": "female"}, ["s1"]),
    ],
    ids=["woman and man", "two men", "some unknown", "one speaker"],
)
def test_examples_are_of_a_woman_and_a_man_or_of_two_speakers(voice, sexes, speakers):
    chosen = listen.examples(voice(sexes))
    assert chosen == {e: [f"{s}-{e}" for s in speakers] for e in PITCHES}


def test_examples_have_their_numbers_answers_and_players(voice, allowed):
    manifest = voice()
    table = listen.voices(manifest)
    tested = answers([("low", "high", 0.75)], ["s1-low"])
    text = listen.players(["s1-low", "s2-low"], table, tested, manifest)
    first, second = parse(text)
    assert first["Answer"] == "high (0.75)"
    assert second["Answer"] == "-"
    assert first["Utterance"].startswith("`s1-low`, s1, woman")
    assert 'aria-label="low, utterance s2-low"' in second["Utterance"]
    assert int(first["F0 (Hz)"]) == pytest.approx(110, abs=2)
    assert listen.heading(table, "s1-low") == "low: s1-low, speaker s1"


# The matrix


def test_every_utterance_is_in_its_cell_the_surest_first():
    found = listen.cells(answers(), EMOTIONS)
    assert {cell: list(rows["utterance"]) for cell, rows in found.items() if len(rows)} == {
        ("anger", "anger"): ["u1", "u0"],
        ("anger", "joy"): ["u2"],
        ("joy", "anger"): ["u5", "u3", "u4"],
        ("neutral", "neutral"): ["u6"],
    }
    assert list(found) == [(t, p) for t in EMOTIONS for p in EMOTIONS]


def test_the_matrix_is_a_table_whose_numbers_lead_to_lists(voice):
    text = listen.matrix(answers(), EMOTIONS, voice())
    tree = Tree(text)
    assert "\n\n" not in text, "it is one block of html in Markdown"
    ((_, caption),) = tree.all("caption")
    assert "True emotions in rows" in caption
    heads = [(given["scope"], words) for given, words in tree.all("th")]
    assert heads == [(s, e) for s in ("col", "row") for e in EMOTIONS]
    counts = [words for given, words in tree.all("td")][1:]
    assert counts == ["2", "1", "0", "3", "0", "0", "0", "0", "1"]
    lists = {given["id"]: (given, words) for given, words in tree.all("details")}
    *places, (taken, _) = tree.all("a")
    links = {given["href"][1:]: given["aria-label"] for given, _ in places}
    counted = pd.read_csv(io.StringIO(unquote(taken["href"]).partition(",")[2]), index_col=0)
    assert list(counted.columns) == list(counted.index) == list(EMOTIONS)
    assert counted.to_numpy().ravel().astype(str).tolist() == counts
    assert list(links) == list(lists)
    for name, label in links.items():
        assert label.partition(", ")[2] in lists[name][1]
    assert re.findall(r"u\d", lists["heard-1-0"][1]) == ["u5", "u3", "u4"]
    assert "joy taken for anger: 3 utterances" in lists["heard-1-0"][1]
    assert "u5, speaker s1: 0.80" in lists["heard-1-0"][1]
    assert "anger recognised: 2 utterances" in lists["heard-0-0"][1]
    assert [name for name, (given, _) in lists.items() if "open" in given] == ["heard-1-0"]


def test_names_only_where_the_licence_forbids_audio(voice, monkeypatch):
    manifest = voice()
    table = answers([("low", "low", 0.9)], ["s1-low"])
    text = listen.matrix(table, ["high", "low"], manifest)
    assert "<audio" not in text
    assert inventory.NAMES_ONLY in text
    assert "s1-low" in text
    assert "<audio" not in listen.players(["s1-low"], listen.voices(manifest), table, manifest)


def test_few_of_a_cell_can_be_played_and_the_page_stays_light(voice, allowed, monkeypatch):
    manifest = voice({"s1": "female", "s2": "male", "s3": "male", "s4": "female"})
    names = list(manifest.table["utterance"])
    rows = [("high", "high", 0.5 + i / 100) for i in range(10)]
    rows += [("high", "low", 0.9), ("high", "low", 0.4)]
    table = answers(rows, names)

    def played() -> list[str]:
        text = listen.matrix(table, list(PITCHES), manifest)
        labels = [given["aria-label"] for given, _ in Tree(text).all("audio")]
        assert f"{len(labels)} of 12 utterances can be played" in text
        return [label.split()[-1] for label in labels]

    three = [names[9], names[8], names[7]]
    assert played() == [*three, names[10], names[11]]
    one = len(inventory.player(manifest, names[0], ""))
    for bound, expected in ((2.5, [names[9], names[10]]), (3.5, [names[9], names[8], names[10]])):
        monkeypatch.setattr(listen, "CLIP_BYTES", bound * one)
        assert played() == expected, "the first of every cell before the second of one"
    monkeypatch.setattr(listen, "NAMED", 4)
    assert "And 6 more utterances with less sure answers." in listen.matrix(
        table, list(PITCHES), manifest
    )


def test_odd_names_are_escaped(voice):
    name, emotion = "<b>\"u\" & 'v'", 'a<i>"'
    text = listen.matrix(answers([(emotion, emotion, 0.5)], [name]), [emotion], voice())
    tree = Tree(text)
    assert not tree.all("b") + tree.all("i")
    assert tree.all("code") == [({}, name)]
    assert tree.all("a")[0][0]["aria-label"] == f"1, {emotion} recognised: 1 utterance"


def test_the_same_answers_give_the_same_page(voice, allowed):
    manifest = voice()
    table = answers([("low", "low", 0.5)] * 2, ["s1-low", "s2-low"])
    assert listen.matrix(table, ["low"], manifest) == listen.matrix(table[::-1], ["low"], manifest)
