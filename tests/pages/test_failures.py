"""Where it fails: which errors are confident, what stands beside them, and words that follow."""

import re
from dataclasses import replace
from pathlib import Path

import factory
import numpy as np
import pandas as pd
import pytest
from factory import parse

from ser_lib import corpora
from ser_lib.corpora import Manifest
from ser_lib.pages import failures


def run(rows: list[tuple], speakers=("1", "2")):
    """A record and a manifest of (truth, answer, its probability[, sentence])."""
    emotions = sorted({name for row in rows for name in row[:2]})
    record = factory.make_record(
        emotions=emotions,
        speakers=len(speakers),
        truth=[row[0] for row in rows],
        predicted=[row[1] for row in rows],
    )
    table = record.predictions
    table["speaker"] = [speakers[i % len(speakers)] for i in range(len(rows))]
    for i, (_, answer, p, *_) in enumerate(rows):
        for name in emotions:
            table.loc[i, f"p_{name}"] = p if name == answer else (1 - p) / (len(emotions) - 1)
    manifest = Manifest(
        corpus="emodb",
        root=Path("."),
        table=pd.DataFrame(
            {
                "utterance": table["utterance"],
                "speaker": table["speaker"],
                "sex": ["female" if s == speakers[0] else "male" for s in table["speaker"]],
                "sentence": [row[3] if len(row) > 3 else "" for row in rows],
                "emotion": table["truth"],
                "duration_s": 1.0 + np.arange(len(rows)),
            }
        ),
    )
    return record, manifest


ROWS = [
    ("anger", "anger", 0.9),
    ("anger", "joy", 0.95),
    ("joy", "joy", 0.7),
    ("joy", "anger", 0.6),
    ("joy", "joy", 0.8),
    ("anger", "joy", 0.8),
]


def test_confident_errors_are_those_as_sure_as_half_of_the_right_answers():
    record, manifest = run(ROWS)
    table = failures.answers(record, manifest)
    assert list(table["utterance"]) == list(record.predictions["utterance"])
    assert table["right"].tolist() == [True, False, True, False, True, False]
    # The median of 0.9, 0.7 and 0.8 is 0.8: as sure is sure enough.
    assert table["confident"].tolist() == [False, True, False, False, False, True]
    np.testing.assert_allclose(table["p"], [row[2] for row in ROWS])
    np.testing.assert_allclose(table["p_truth"], [0.9, 0.05, 0.7, 0.4, 0.8, 0.2])
    assert table["duration_s"].tolist() == [1, 2, 3, 4, 5, 6]


def test_the_surest_errors_come_first_with_a_counterpart_of_their_emotion():
    table = failures.answers(*run(ROWS))
    chosen = failures.most_confident(table, n=2)
    assert chosen["utterance"].tolist() == ["u0001", "u0005"]
    assert chosen["counterpart"].tolist() == ["u0000", "u0000"]
    assert len(failures.most_confident(table, n=9)) == 3


@pytest.mark.parametrize(
    ("rows", "speakers", "counterpart"),
    [
        ([("joy", "joy", 0.99), ("joy", "joy", 0.6)], "121", "u0002"),
        ([("anger", "anger", 0.9), ("joy", "joy", 0.7)], "122", "u0002"),
        ([("joy", "joy", 0.9, "other"), ("joy", "joy", 0.7, "same")], "111", "u0002"),
        ([("joy", "joy", 0.7, "other"), ("joy", "joy", 0.9, "other")], "111", "u0002"),
        ([("anger", "anger", 0.6), ("anger", "anger", 0.7)], "111", ""),
    ],
    ids=["same speaker before surer", "another speaker", "same words", "surest", "none"],
)
def test_the_counterpart(rows, speakers, counterpart):
    wrong = ("joy", "anger", 0.9, "same")
    table = failures.answers(*run([wrong, *rows], tuple(speakers)))
    assert failures.most_confident(table, n=1)["counterpart"].tolist() == [counterpart]


def test_overview_counts_errors_and_those_of_all_networks():
    record, manifest = run(ROWS)
    table = failures.answers(record, manifest)
    text = failures.overview(record, table)
    assert "Of 6 test utterances, the CNN-GRU gets 3 wrong (50 %)." in text
    assert "2 of these answers are as sure as half of the right ones" in text
    assert "at least 0.80" in text
    right, wrong = (run([(t, a if bad else t, p) for t, a, p in ROWS])[0] for bad in (False, True))
    half = run([*ROWS[:5], ("anger", "anger", 0.8)])[0]
    assert "2 of them are wrong with the other network as well (100 %)" in failures.overview(
        record, table, [wrong]
    )
    assert "1 of them is wrong with both other networks as well (50 %)" in failures.overview(
        record, table, [wrong, half]
    )
    made = factory.with_data(record, corpus=record.data["corpus"] | {"synthetic": True})
    real = factory.with_data(record, corpus=record.data["corpus"] | {"synthetic": False})
    assert "or their label is doubtful" in failures.overview(real, table, [wrong])
    assert failures.overview(made, table, [wrong]).endswith("hard for any network of this kind.")
    assert "None of them is an error of both other networks as well." in failures.overview(
        record, table, [wrong, right]
    )


def test_overview_of_extreme_runs():
    def told(rows):
        record, manifest = run(rows)
        table = failures.answers(record, manifest)
        texts = (failures.overview(record, table), failures.emotions(table),
                 failures.speakers(table))  # fmt: skip
        assert not re.search(r"nan|None ", " ".join(texts[1:]))
        return texts

    perfect = told([("anger", "anger", 0.9), ("joy", "joy", 0.8)])
    assert perfect[0].endswith("gets all of 2 test utterances right.")
    assert perfect[1:] == ("There are no confident errors.",) * 2
    doubtful = told([("anger", "anger", 0.9), ("joy", "anger", 0.6)])
    assert "None of these answers is as sure as half of the right ones." in doubtful[0]
    hopeless = told([("anger", "joy", 0.9), ("joy", "anger", 0.6)])
    assert "None is right, so every answer counts as a confident error." in hopeless[0]


def test_emotions_are_listed_by_their_confident_errors():
    rows = [("anger", "joy", 0.9)] * 3 + [("joy", "anger", 0.9)] + [("joy", "joy", 0.5)] * 4
    text = failures.emotions(failures.answers(*run(rows)))
    assert parse(text) == [
        {"Emotion": "anger", "Taken for": "joy", "Confident errors": "3",
         "Utterances of the emotion": "3"},
        {"Emotion": "joy", "Taken for": "anger", "Confident errors": "1",
         "Utterances of the emotion": "5"},
    ]  # fmt: skip
    assert "highest for **anger** (1.00), lowest for **joy** (0.20)" in text


def test_speakers_are_named_and_a_difference_of_sexes_only_where_it_is_sure():
    def people(women: int, men: int, wobble: int = 0):
        """Six women and six men with so many confident errors of ten each."""
        names = tuple(f"{i:02d}" for i in range(12))
        rows = []
        for k in range(10):
            for i in range(12):
                errors = (women if i < 6 else men) + (wobble if i % 2 else -wobble)
                rows.append(("anger", "joy", 0.9) if k < errors else ("joy", "joy", 0.5))
        record, manifest = run(rows, names)
        manifest.table["sex"] = [
            "female" if int(s) < 6 else "male" for s in manifest.table["speaker"]
        ]
        return failures.speakers(failures.answers(record, manifest))

    clear = people(6, 2)
    assert "are utterances of 12 of 12 speakers." in clear
    assert "The speakers with the most are 00 (6 of 10 utterances)" in clear
    assert "Of utterances of women, 60 % are confident errors, of men 20 %, a difference" in clear
    assert "of 0.40 (95 % interval 0.40 to 0.40): they are more often concerned." in clear
    assert "a difference of -0.40 (95 % interval -0.40 to -0.40): they are less often" in people(
        2, 6
    )
    doubt = people(5, 4, wobble=3)
    assert "whether that is more than chance is open" in doubt.partition("longer than")[0]
    assert "Of utterances longer than" in doubt


def test_what_the_corpus_does_not_say_is_said_to_be_unknown():
    record, manifest = run(ROWS)
    record.predictions["speaker"] = ""
    manifest.table["sex"] = ""
    manifest.table["duration_s"] = 2.0
    text = failures.speakers(failures.answers(record, manifest))
    assert text == (
        "The corpus does not say who speaks. Whether women or men are concerned more cannot be "
        "said of this corpus."
    )


@pytest.fixture
def heard(tmp_path, workspace, make_table):
    """A corpus of tones, and a record of which one utterance of each speaker is wrong."""
    manifest = corpora.load("table", make_table(tmp_path / "own"))
    truth = list(manifest.table["emotion"])
    predicted = ["neutral" if i % 6 == 0 else t for i, t in enumerate(truth)]
    record = factory.make_record(emotions=manifest.emotions, truth=truth, predicted=predicted)
    record.predictions["utterance"] = manifest.table["utterance"]
    record.predictions["speaker"] = manifest.table["speaker"]
    return record, manifest


@pytest.mark.parametrize("allowed", [True, False])
def test_players_only_where_the_licence_allows(heard, monkeypatch, allowed):
    record, manifest = heard
    row = corpora.describe("table")
    monkeypatch.setattr(failures, "describe", lambda name: replace(row, embed_audio=allowed))
    table = failures.answers(record, manifest)
    chosen = failures.most_confident(table, n=2)
    text = failures.players(chosen, table, manifest)
    assert text.count("<audio") == (4 if allowed else 0)
    assert ("does not allow its audio" in text) != allowed
    rows = parse(text)
    assert len(rows) == 2
    for shown, (_, wrong) in zip(rows, chosen.iterrows(), strict=True):
        assert shown["Emotion"] == wrong["truth"]
        assert f"`{wrong['utterance']}`, speaker {wrong['speaker']}" in shown["Wrong"]
        assert f"answer: neutral ({wrong['p']:.2f})" in shown["Wrong"]
        assert f"probability of {wrong['truth']}: {wrong['p_truth']:.2f}" in shown["Wrong"]
        assert f"`{wrong['counterpart']}`" in shown["Right"]
        assert f"answer: {wrong['truth']} (" in shown["Right"]


def test_nothing_to_listen_to():
    record, manifest = run([("anger", "anger", 0.9), ("joy", "joy", 0.8)])
    table = failures.answers(record, manifest)
    chosen = failures.most_confident(table, n=3)
    assert failures.players(chosen, table, manifest) == (
        "No answer is wrong, so there is nothing to listen to."
    )
