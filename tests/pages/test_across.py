"""Across corpora: what is paired with what, and levels that follow from the numbers."""

import factory
import pandas as pd
import pytest
from factory import parse, texts

from ser_lib.core.errors import ParameterError
from ser_lib.corpora import demo
from ser_lib.metrics.scores import uar
from ser_lib.pages import across

TEXTS = ("overview", "scores", "home", "also")


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
    options = {"epochs": 3, "split": "s.csv", "features": "table:t.csv"}
    planned, places = across.plan(**given, seed=1, options=options)
    assert places == folders
    asked = [(one.architecture, one.protocol, one.epochs, one.features) for one in planned]
    assert asked == [
        ("cnn_gru", "cross-corpus", 3, None),
        ("lda", "cross-corpus", None, "stack"),
        ("lda", "speaker-kfold", None, "stack"),
    ]
    for one in planned:
        assert (one.corpus, one.seed) == (corpus, 1)
        assert one.split is None, "a split of one corpus means nothing for two"


def test_an_unknown_other_corpus():
    with pytest.raises(ParameterError, match="unknown corpus 'emodbb'"):
        across.train(corpus="demo", other="emodbb")


def test_corpora_that_cannot_be_paired_are_a_page_that_says_why(
    workspace, make_table, tmp_path, monkeypatch
):
    monkeypatch.setitem(demo.SIZES, "demo", {"n_speakers": 3, "n_sentences": 1})
    lonely = make_table(tmp_path / "own", emotions=("anger", "neutral"), speakers=("only",))
    page = across.train(corpus="table,demo", data_dir=f"{lonely},")
    assert page.run is None
    assert "table" in page.reason
    assert page.reason in page.text("overview").replace("\\", "")


def make_run(**options):
    run = factory.make_run("cnn_gru", "demo", protocol="cross-corpus", **options)
    run = factory.with_data(run, corpus={"name": "demo,emodb", "passed_over": {"fear": 3}})
    names = run.predictions["fold"].str.removeprefix("corpus-")
    return factory.of_corpus(run, corpus=names)


def test_the_corpora_and_what_they_share():
    page = across.Across(make_run())
    corpora = [(row.name, n, size) for row, _, n, size in page.corpora]
    assert corpora == [("demo", 5, 100), ("emodb", 5, 100)]
    assert "fear (3)" in page.text("overview")


def test_every_direction_has_its_row():
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
        assert row["Test corpus (utterances)"] == f"{one.tested.short} ({len(part)})"
        assert row["UAR (95 %)"].startswith(f"{score:.2f} (")


def test_the_discriminant_is_compared_with_itself_at_home():
    run = make_run(skill=0.2)
    truth = list(run.predictions["truth"])
    both = [
        factory.with_data(
            factory.make_run("cnn", protocol=protocol, truth=truth, seed=seed, skill=skill),
            corpus={"name": "demo,emodb"},
        )
        for protocol, seed, skill in (("cross-corpus", 1, 2.0), ("speaker", 2, 9.0))
    ]
    page = across.Across(run, discriminant=both[0], within=both[1])
    tables = {}
    for name, one in zip(("without", "with"), both, strict=True):
        tables[name] = one.predictions.assign(corpus=run.predictions["fold"])
    scores = {
        (name, fold): uar(part["truth"], part["predicted"], run.emotions)
        for name, table in tables.items()
        for fold, part in table.groupby("corpus")
    }
    assert [one.tested.name for one in page.home] == ["demo", "emodb"]
    for one in page.home:
        without, known = (scores[name, f"corpus-{one.tested.name}"] for name in tables)
        assert one.before.value == pytest.approx(known)
        assert one.change.value == pytest.approx(without - known)
        assert (one.change.sign, one.change.comparisons) == (-1, 2)
    assert len(page.directions) == len(parse(page.text("scores"))) == 4
    assert {one.uar.comparisons for one in page.directions} == {4}
    assert all(texts(page, TEXTS))
    assert len(parse(page.text("home"))) == 2


def test_training_on_other_corpora_too_is_compared_with_training_on_one_alone():
    alone = factory.make_run("cnn", seed=1, skill=0.0)
    truth = list(alone.predictions["truth"])
    better, other = (factory.make_run("cnn", seed=n, skill=9.0, truth=truth) for n in (2, 3))
    parts = [
        run.predictions.assign(utterance=f"{name}/" + run.predictions["utterance"])
        for name, run in (("demo", better), ("emodb", other))
    ]
    joined = better.on(pd.concat(parts, ignore_index=True))
    page = across.Across(make_run(), within=joined, alone=[alone])
    (row,) = page.also
    assert (row.tested.name, row.change.sign) == ("demo", 1)
    assert row.after.value == pytest.approx(better.uar.value)
    assert row.change.value == pytest.approx(better.uar.value - alone.uar.value)
    assert len(parse(page.text("also"))) == 1


@pytest.mark.parametrize(("skill", "sign"), [(3.0, 1), (0.0, 0), (-1.0, -1)])
def test_the_level_follows_from_the_interval(skill, sign):
    page = across.Across(make_run(skill=skill))
    assert {one.uar.sign for one in page.directions} == {sign}
    assert all(texts(page, TEXTS))


def test_the_texts_without_a_result():
    page = across.Across(reason="corpus 'table' has one speaker")
    assert (page.corpora, page.directions, page.home) == ([], [], [])
    assert "|" not in "".join(texts(page, TEXTS))
