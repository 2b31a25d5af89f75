"""A corpus in words: the words follow the table."""

import re

import pandas as pd
import pytest

from ser_lib import corpora
from ser_lib.corpora.manifest import Manifest
from ser_lib.features import maps
from ser_lib.pages import data


@pytest.fixture
def manifest(tmp_path, workspace, make_table) -> Manifest:
    return corpora.load("table", make_table(tmp_path / "own"))


def with_emotions(counts: dict[str, int]) -> pd.DataFrame:
    return pd.DataFrame({"emotion": [e for e, n in counts.items() for _ in range(n)]})


def test_balance_names_the_frequent_and_the_rare_emotion():
    words = data.balance(with_emotions({"anger": 30, "fear": 10, "joy": 20}))
    assert (
        "Most frequent is anger (30 utterances), least frequent fear (10): a ratio of 3.0" in words
    )
    assert "main score" in words
    even = data.balance(with_emotions({"anger": 10, "fear": 10}))
    assert "equally frequent, 10 utterances each" in even


def test_summary_counts_what_the_table_holds(manifest):
    words = data.summary(manifest)
    assert re.search(r"\| Speakers +\| 3 speakers +\|", words)
    assert re.search(r"\| Utterances +\| 18 +\|", words)
    assert manifest.sha256[:16] in words


def test_speakers_says_when_a_combination_is_missing(manifest):
    assert "Every speaker shows every emotion." in data.speakers(manifest.table)
    rest = manifest.table.query("not (speaker == 's1' and emotion == 'anger')")
    assert "1 combination of speaker and emotion does not occur." in data.speakers(rest)
    nobody = manifest.table.assign(speaker="")
    assert "does not say who speaks" in data.speakers(nobody)


def test_window_fit_counts_what_is_longer_than_the_window(manifest):
    assert "0 % of the utterances are longer" in data.window_fit(manifest.table)
    assert "window" not in data.window_fit(manifest.table)  # the word for 93 ms of a spectrum
    long = manifest.table.assign(duration_s=10.0)
    assert "100 % of the utterances are longer" in data.window_fit(long)


def test_left_out_names_every_file_and_every_copy(tmp_path, workspace, make_table):
    table = make_table(tmp_path / "own")
    wav = table.parent / "wav"
    (wav / "s1-anger-0.wav").write_bytes(b"")
    (wav / "s2-anger-0.wav").write_bytes((wav / "s2-anger-1.wav").read_bytes())
    words = data.left_out(corpora.load("table", table))
    assert "1 file of the folder is not used" in words
    assert "`wav/s1-anger-0.wav`" in words
    assert "`wav/s2-anger-0` and `wav/s2-anger-1`" in words
    assert "Nothing" not in words


def test_examples_are_one_per_emotion_by_one_speaker(manifest):
    chosen = data.examples(manifest)
    assert sorted(chosen) == manifest.emotions
    table = manifest.table.set_index("utterance")
    assert len({table.loc[name, "speaker"] for name in chosen.values()}) == 1
    assert all(table.loc[name, "emotion"] == emotion for emotion, name in chosen.items())


def test_audio_is_embedded_only_where_the_licence_allows(manifest, tmp_path):
    assert "<audio" not in data.players(manifest)
    from ser_lib.corpora import demo

    folder = demo.make(tmp_path / "demo", n_speakers=2, n_sentences=1, workers=0)
    allowed = corpora.load("demo", folder)
    players = data.players(allowed)
    assert players.count("<audio") == len(allowed.emotions)
    assert players == data.players(allowed)
    assert "data:audio/mpeg;base64," in players


@pytest.mark.parametrize("kind", maps.MAPS)
def test_row_table_accounts_for_every_row(kind):
    cells = [line.split("|")[1:-1] for line in data.row_table(kind).splitlines()[2:]]
    assert sum(int(row[1]) for row in cells) == maps.ROWS
    assert {row[3].strip() for row in cells} == {row.cue for row in maps.rows(kind)}
