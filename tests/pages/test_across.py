"""Across corpora: what is paired with what, and levels that follow from the numbers."""

from dataclasses import replace
from pathlib import Path

import factory
import pytest
from factory import parse

from ser_lib.core.errors import ParameterError
from ser_lib.corpora import Manifest
from ser_lib.metrics.scores import uar
from ser_lib.pages import across

TEXTS = ("overview", "scores")
TOO_FEW = across.Across(reason="corpus 'table' has one speaker")


@pytest.mark.parametrize(
    ("given", "corpus", "folders"),
    [
        ({"corpus": "demo"}, "demo,demo2", ","),
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
    experiment, places = across.plan(**given, seed=1, options={"epochs": 3, "split": "s.csv"})
    assert (experiment.corpus, places) == (corpus, folders)
    assert (experiment.protocol, experiment.epochs, experiment.seed) == ("cross-corpus", 3, 1)
    assert experiment.split is None, "a split of one corpus means nothing for two"


def test_an_unknown_other_corpus():
    with pytest.raises(ParameterError, match="unknown corpus 'emodbb'"):
        across.train(corpus="demo", other="emodbb")


def test_corpora_that_cannot_be_paired_are_a_page_that_says_why(workspace, make_table, tmp_path):
    lonely = make_table(tmp_path / "own", emotions=("anger", "neutral"), speakers=("only",))
    page = across.train(corpus="table,demo", data_dir=f"{lonely},")
    assert page.run is None
    assert "table" in page.reason
    assert page.reason in page.text("overview").replace("\\", "")


@pytest.fixture
def make_run():
    def make(**options):
        run = factory.make_run("cnn_gru", "demo", protocol="cross-corpus", **options)
        run = factory.with_data(run, corpus={"name": "demo,emodb", "passed_over": {"fear": 3}})
        names = run.predictions["fold"].str.removeprefix("corpus-")
        table = run.predictions.assign(corpus=names, emotion=run.predictions["truth"])
        return replace(run, corpus=Manifest(corpus="demo,emodb", root=Path("."), table=table))

    return make


def test_the_corpora_and_what_they_share(make_run):
    page = across.Across(make_run())
    assert [(row.name, n, size) for row, _, n, size in page.corpora] == [
        ("demo", 5, 100),
        ("emodb", 5, 100),
    ]
    text = page.text("overview")
    assert "fear (3)" in text
    assert all(f"**{row.short}:** {row.about[:30]}" in text for row, *_ in page.corpora)


def test_every_direction_has_its_row(make_run):
    run = make_run(skill=2.0)
    page = across.Across(run)
    rows = parse(page.text("scores"))
    for row, one, fold in zip(rows, page.directions, run.record.folds, strict=True):
        part = run.predictions[run.predictions["fold"] == fold["name"]]
        assert one.tested.name == fold["name"].removeprefix("corpus-")
        assert one.tested not in one.trained
        assert (one.n_train, one.n_test) == (fold["n_train"], len(part))
        score = uar(part["truth"], part["predicted"], run.emotions)
        assert one.uar.value == pytest.approx(score)
        assert one.accuracy.value == pytest.approx(fold["accuracy"])
        assert row["Test corpus"] == one.tested.short
        assert row["UAR (95 %)"].startswith(f"{score:.2f} (")


@pytest.mark.parametrize(("skill", "sign"), [(3.0, 1), (0.0, 0), (-6.0, -1)])
def test_the_level_follows_from_the_interval(make_run, skill, sign):
    page = across.Across(make_run(skill=skill))
    assert {one.above_chance.sign for one in page.directions} == {sign}
    assert page.chance == 0.2
    for name in TEXTS:
        assert page.text(name)


@pytest.mark.parametrize("name", TEXTS)
def test_the_texts_without_a_result(name):
    assert (TOO_FEW.corpora, TOO_FEW.directions) == ([], [])
    assert "|" not in TOO_FEW.text(name)
