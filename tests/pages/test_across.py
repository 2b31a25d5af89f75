"""Across corpora: what is paired with what, and words that follow from the numbers."""

from dataclasses import replace
from types import SimpleNamespace

import factory
import pandas as pd
import pytest

from ser_lib.core.errors import ParameterError
from ser_lib.metrics.scores import uar
from ser_lib.pages import across

GIVEN = {"corpus": "demo", "data_dir": None, "other": None, "other_dir": None, "epochs": 3}


@pytest.mark.parametrize(
    ("given", "corpus", "folders"),
    [
        ({}, "demo,demo2", ","),
        ({"corpus": "emodb", "data_dir": "/b"}, "emodb,demo", "/b,"),
        (
            {"corpus": "emodb", "data_dir": "/b", "other": "table", "other_dir": "/t.csv"},
            "emodb,table",
            "/b,/t.csv",
        ),
        ({"corpus": "emodb,table", "data_dir": "/b,/t.csv"}, "emodb,table", "/b,/t.csv"),
    ],
)
def test_what_is_paired(given, corpus, folders):
    experiment, found = across.plan(GIVEN | given)
    assert (experiment.corpus, found) == (corpus, folders)
    assert (experiment.protocol, experiment.epochs) == ("cross-corpus", 3)


def test_an_unknown_other_corpus():
    with pytest.raises(ParameterError, match="unknown corpus 'emodbb'"):
        across.plan(GIVEN | {"other": "emodbb"})


def test_corpora_that_cannot_be_paired_are_a_page_that_says_why(workspace, make_table, tmp_path):
    table = make_table(tmp_path / "own", emotions=("anger", "neutral"), speakers=("only",))
    other = make_table(tmp_path / "other", emotions=("anger", "neutral"))
    given = {"corpus": "table", "data_dir": str(table), "other": "table2"}
    with pytest.raises(ParameterError, match="unknown corpus 'table2'"):
        across.train(GIVEN | given)
    assert other.is_file()
    outcome = across.Outcome(reason="corpus 'table' has one speaker")
    assert "has one speaker" in across.overview(outcome)
    for part in (across.results, across.notices):
        assert part(outcome) == across.NOTHING


def record(**options):
    made = factory.make_record("cnn_gru", "demo", protocol="cross-corpus", **options)
    corpus = made.data["corpus"] | {"name": "demo,emodb"}
    return replace(made, data=made.data | {"corpus": corpus})


def test_what_the_corpora_are_is_said_in_words():
    manifest = SimpleNamespace(
        table=pd.DataFrame({"corpus": ["demo", "demo2"], "speaker": ["a", "b"]}),
        emotions=("anger", "neutral"),
        passed_over={},
    )
    text = across.overview(across.Outcome(manifest, (record(),)))
    assert "- **Second synthetic demo corpus:** As the demo corpus, with six other voices" in text
    assert "The corpora share 2 emotions: anger and neutral." in text


def test_every_direction_has_its_row():
    made = record(skill=2.0)
    text = across.results(across.Outcome(records=(made,)))
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert len(rows) == 2
    for fold in ("demo", "emodb"):
        part = made.predictions[made.predictions["fold"] == f"corpus-{fold}"]
        score = uar(part["truth"], part["predicted"], made.emotions)
        (heard,) = [f["n_train"] for f in made.data["folds"] if f["name"] == f"corpus-{fold}"]
        tested = f"| {across.describe(fold).short} | {heard} | {len(part)} |"
        (row,) = [r for r in rows if tested in r]
        assert f"| {score:.2f} |" in row
        assert f"reaches a UAR of {score:.2f} on {across.describe(fold).short}," in text


@pytest.mark.parametrize(
    ("skill", "words"),
    [
        (3.0, "above the 0.20 of guessing"),
        (0.0, "which the interval does not tell from the 0.20 of guessing"),
        (-6.0, "below the 0.20 of guessing: what it learned misleads it"),
    ],
)
def test_words_follow_from_the_interval(skill, words):
    assert words in across.results(across.Outcome(records=(record(skill=skill),)))
