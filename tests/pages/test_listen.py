"""Listening: the voice is measured, and every utterance is in its cell."""

import io
import re
from dataclasses import replace
from urllib.parse import unquote

import factory
import numpy as np
import pandas as pd
import pytest
import soundfile
from bs4 import BeautifulSoup
from factory import parse

from ser_lib import corpora
from ser_lib.core import audio
from ser_lib.features import maps
from ser_lib.pages import listen
from ser_lib.pages.figures import features as figures

EMOTIONS = ["anger", "joy", "neutral"]
ROWS = [  # truth, prediction, its probability
    ("anger", "anger", 0.6),
    ("anger", "anger", 0.9),
    ("anger", "joy", 0.7),
    ("joy", "anger", 0.5),
    ("joy", "anger", 0.5),
    ("joy", "anger", 0.8),
    ("neutral", "neutral", 0.4),
]
PITCHES = {"high": 320.0, "low": 110.0, "middle": 200.0}  # Hz


def predictions(rows=ROWS, names=None) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["truth", "predicted", "p"])
    names = names or [f"u{i}" for i in range(len(rows))]
    return table.assign(utterance=names, speaker=[f"s{i % 2}" for i in range(len(rows))])


def soup(html) -> BeautifulSoup:
    return BeautifulSoup(html.data, "html.parser")


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


def harmonics(hertz: np.ndarray) -> np.ndarray:
    """A voice-like sound whose F0 [samples] is given."""
    phase = 2 * np.pi * np.cumsum(hertz) / audio.RATE
    return sum(0.2 / k * np.sin(k * phase) for k in range(1, 8)).astype(np.float32)


def page_of(manifest, table=None) -> listen.Listen:
    """The page of a run that tested some utterances of a corpus."""
    run = factory.make_run(emotions=list(PITCHES), truth=["high", "low"], predicted=["high"] * 2)
    if table is not None:
        run = replace(run, predictions=table.assign(p_high=table["p"], p_low=0.0, p_middle=0.0))
    return listen.Listen(replace(run, corpus=manifest), listen.voices(manifest))


def test_f0_follows_a_glide_and_stops_where_there_is_no_voice():
    glide = np.geomspace(110, 330, 2 * audio.RATE)
    signal = np.concatenate([harmonics(glide), np.zeros(audio.RATE, np.float32)])
    contour = figures.f0(maps.extract(signal, kind="stack"))
    time = np.arange(len(contour)) * figures.FRAME_S
    inside = (time > 0.1) & (time < 1.9)
    expected = np.interp(time[inside], np.arange(len(glide)) / audio.RATE, glide)
    np.testing.assert_allclose(contour[inside], expected, rtol=0.02)
    assert np.isnan(contour[time > 2.1]).all()


def test_the_figure_draws_and_states_what_was_measured():
    signal = harmonics(np.full(audio.RATE, 180.0))
    about = {"emotion": "joy", "number": 2, "title": "odd $name_"}
    figure = figures.voice(signal, **about)
    assert figure.name == "listen-emotion-2"
    wave, mel, pitch, _ = figure.fig.axes
    assert wave.get_title() == "odd $name_"
    assert mel.collections[0].get_array().shape[0] == maps.ROWS
    assert wave.get_xlim() == mel.get_xlim() == pitch.get_xlim()
    drawn = pitch.lines[0].get_ydata()
    np.testing.assert_array_equal(drawn, figures.f0(maps.extract(signal, kind="stack")))
    assert "F0 lies around 180 Hz, mostly between" in figure.alt
    assert len(figure.svg()) < 120_000
    assert "nan" not in figures.voice(np.zeros(audio.RATE, np.float32), **about).alt


def test_voices_are_measured_and_compared_with_the_speakers_own(voice):
    page = page_of(voice())
    for i in (0, 1):
        for emotion, hertz in PITCHES.items():
            row = page.voices.loc[f"s{i + 1}-{emotion}"]
            assert row["f0"] == pytest.approx(hertz * 2 ** (i / 12), rel=0.02)
            # The speaker's median is that of the emotion in the middle.
            assert row["f0_apart"] == pytest.approx(12 * np.log2(hertz / 200), abs=0.3)
            assert row["f0_range"] < 1
            assert row["speech"] == pytest.approx(0.6, abs=0.1)
    assert "the same speaker" in page.text("voices")
    (low,) = [row for row in parse(page.text("voices")) if row["Emotion"] == "low"]
    assert int(low["F0 (Hz)"]) == pytest.approx(113, abs=3)


def test_without_speakers_the_voice_is_compared_with_all(voice):
    manifest = voice()
    manifest.table["speaker"] = manifest.table["sex"] = ""
    page = page_of(manifest)
    assert "the same speaker" not in page.text("voices")
    assert page.voices["f0_apart"].median() == pytest.approx(0, abs=0.6)
    assert page.title("s1-low") == "low: s1-low"
    assert listen.examples(manifest) == {e: [f"s1-{e}"] for e in PITCHES}


@pytest.mark.parametrize("silent", [["low"], list(PITCHES)])
def test_noise_has_no_voice(voice, silent):
    manifest = voice(sexes={"s1": "female"})
    for emotion in silent:
        file = manifest.file(f"s1-{emotion}")
        noise = np.random.default_rng(0).normal(0, 1e-3, len(audio.load(file)))
        soundfile.write(file, noise, audio.RATE)
    page = page_of(manifest)
    assert np.isnan(page.voices.loc["s1-low", "f0"])
    assert "**low**" not in page.text("voices")
    assert "nan" not in page.text("voices")
    assert "nan" not in page.players(["s1-low"]).data


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


def test_examples_have_their_numbers_predictions_and_players(voice, licence):
    licence(True)
    page = page_of(voice(), predictions([("low", "high", 0.75)], ["s1-low"]))
    html = soup(page.players(["s1-low", "s2-low"]))
    first, second = ([cell.get_text() for cell in row("td")] for row in html.tbody("tr"))
    assert " ".join(first[0].split()) == "s1-low, s1, woman"
    assert int(first[1]) == pytest.approx(110, abs=2)
    assert (first[-1], second[-1]) == ("high (0.75)", "-")
    assert [player["aria-label"] for player in html("audio")] == [
        "low, utterance s1-low", "low, utterance s2-low"
    ]  # fmt: skip
    assert page.title("s1-low") == "low: s1-low, speaker s1"
    assert len(page.signal("s1-low")) == round(0.6 * audio.RATE)


def test_every_utterance_is_in_its_cell_the_surest_first():
    cells = listen.cells(predictions(), EMOTIONS)
    assert [(cell.truth, cell.predicted) for cell in cells] == [
        (t, p) for t in EMOTIONS for p in EMOTIONS
    ]
    assert {c.anchor: [row.utterance for row in c.rows] for c in cells if c.rows} == {
        "heard-0-0": ["u1", "u0"],
        "heard-0-1": ["u2"],
        "heard-1-0": ["u5", "u3", "u4"],
        "heard-2-2": ["u6"],
    }
    assert [cell.share for cell in cells[:3]] == pytest.approx([2 / 3, 1 / 3, 0])


def test_the_matrix_is_a_table_whose_numbers_lead_to_lists(voice):
    html = soup(listen.matrix(predictions(), EMOTIONS, voice()))
    heads = [(head["scope"], head.get_text()) for head in html("th")]
    assert heads == [(scope, e) for scope in ("col", "row") for e in EMOTIONS]
    counts = [cell.get_text() for cell in html("td")][1:]
    assert counts == ["2", "1", "0", "3", "0", "0", "0", "0", "1"]
    lists = {part["id"]: part for part in html("details")}
    *places, csv = html("a")
    table = pd.read_csv(io.StringIO(unquote(csv["href"]).partition(",")[2]), index_col=0)
    assert list(table.columns) == list(table.index) == EMOTIONS
    assert table.to_numpy().ravel().astype(str).tolist() == counts
    assert [place["href"][1:] for place in places] == list(lists)
    for place in places:
        label = lists[place["href"][1:]].summary.get_text()
        assert place["aria-label"] == f"{place.get_text()}, {label}"
    largest = lists["heard-1-0"]
    assert re.findall(r"u\d", largest.get_text()) == ["u5", "u3", "u4"]
    assert largest.summary.get_text() == "joy taken for anger: 3 utterances"
    assert largest.li.get_text() == "u5, speaker s1: 0.80"
    assert lists["heard-0-0"].summary.get_text() == "anger recognised: 2 utterances"
    assert [name for name, part in lists.items() if part.has_attr("open")] == ["heard-1-0"]


def test_names_only_where_the_licence_forbids_audio(voice):
    page = page_of(voice(), predictions([("low", "low", 0.9)], ["s1-low"]))
    html = listen.matrix(page.predictions, page.run.emotions, page.run.corpus).data
    assert "<audio" not in html
    assert "licence" in html
    assert "s1-low" in html
    assert "<audio" not in page.players(["s1-low"]).data


def test_every_utterance_can_be_played_or_some_are_named(voice, licence, monkeypatch):
    manifest = voice({"s1": "female", "s2": "male", "s3": "male", "s4": "female"})
    names = list(manifest.table["utterance"])
    rows = [("high", "high", 0.5 + i / 100) for i in range(10)]
    rows += [("high", "low", 0.9), ("high", "low", 0.4)]
    table = predictions(rows, names)
    monkeypatch.setattr(listen, "NAMED", 4)
    licence(True)
    html = soup(listen.matrix(table, list(PITCHES), manifest))
    played = [player["aria-label"].split()[-1] for player in html("audio")]
    assert played == [*names[9::-1], names[10], names[11]]
    assert "more utterances" not in html.get_text()
    assert len(html(class_="listen-all")) == 2
    licence(False)
    html = soup(listen.matrix(table[::-1], list(PITCHES), manifest))
    assert html == soup(listen.matrix(table, list(PITCHES), manifest)), "in any order"
    assert "6 more utterances" in html.details.get_text()
    assert len(html.details("li")) == 4
    assert not html("audio")
