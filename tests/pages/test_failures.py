"""Where it fails: which errors are confident, and their counterparts."""

from dataclasses import replace

import factory
import numpy as np
import pytest
from factory import texts

from ser_lib import corpora
from ser_lib.pages import failures

TEXTS = ("overview", "surest")


def make_run(rows: list[tuple], speakers=("1", "2"), *, synthetic=False):
    """A run with its corpus, of (truth, prediction, its probability[, sentence])."""
    emotions = sorted({name for row in rows for name in row[:2]})
    run = factory.make_run(
        emotions=emotions,
        speakers=len(speakers),
        truth=[row[0] for row in rows],
        predicted=[row[1] for row in rows],
    )
    table = run.predictions
    table["speaker"] = [speakers[i % len(speakers)] for i in range(len(rows))]
    for i, (_, predicted, p, *_) in enumerate(rows):
        for name in emotions:
            table.loc[i, f"p_{name}"] = p if name == predicted else (1 - p) / (len(emotions) - 1)
    return factory.of_corpus(
        factory.with_data(run, corpus={"name": "table", "synthetic": synthetic}),
        sentence=[row[3] if len(row) > 3 else "" for row in rows],
    )


ROWS = [
    ("anger", "anger", 0.9),
    ("anger", "joy", 0.95),
    ("joy", "joy", 0.7),
    ("joy", "anger", 0.6),
    ("joy", "joy", 0.8),
    ("anger", "joy", 0.8),
]
PERFECT = [("anger", "anger", 0.9), ("joy", "joy", 0.8)]
DOUBTFUL = [("anger", "anger", 0.9), ("joy", "anger", 0.6)]
HOPELESS = [("anger", "joy", 0.9), ("joy", "anger", 0.6)]


def test_confident_errors_are_those_as_sure_as_half_of_the_right_predictions():
    run = make_run(ROWS)
    page = failures.measure(run)
    table = page.predictions
    assert list(table["utterance"]) == list(run.predictions["utterance"])
    assert table["right"].tolist() == [True, False, True, False, True, False]
    # The median of 0.9, 0.7 and 0.8 is 0.8: as sure is sure enough.
    assert table["confident"].tolist() == [False, True, False, False, False, True]
    np.testing.assert_allclose(table["p"], [row[2] for row in ROWS])
    np.testing.assert_allclose(table["p_truth"], [0.9, 0.05, 0.7, 0.4, 0.8, 0.2])
    assert page.wrong["utterance"].tolist() == ["u0001", "u0005", "u0003"]
    assert page.bar == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("rows", "speakers", "expected"),
    [
        ([("joy", "joy", 0.99), ("joy", "joy", 0.6)], "121", "u0002"),
        ([("anger", "anger", 0.9), ("joy", "joy", 0.7)], "122", "u0002"),
        ([("joy", "joy", 0.9, "other"), ("joy", "joy", 0.7, "same")], "111", "u0002"),
        ([("joy", "joy", 0.7, "other"), ("joy", "joy", 0.9, "other")], "111", "u0002"),
        ([("anger", "anger", 0.6), ("anger", "anger", 0.7)], "111", None),
    ],
    ids=["same speaker before surer", "another speaker", "same words", "surest", "none"],
)
def test_the_counterpart(rows, speakers, expected):
    run = make_run([("joy", "anger", 0.9, "same"), *rows], tuple(speakers))
    table = failures.measure(run).predictions
    right = failures.counterpart(table, table.iloc[0])
    assert (right if right is None else right["utterance"]) == expected


def test_errors_that_all_other_networks_make():
    right, wrong = (make_run([(t, p if bad else t, q) for t, p, q in ROWS]) for bad in (0, 1))
    half = make_run([*ROWS[:5], ("anger", "anger", 0.8)])
    for others, shared in (([wrong], 2), ([wrong, half], 1), ([wrong, right], 0)):
        assert failures.measure(make_run(ROWS), others).shared == shared
        texts(failures.measure(make_run(ROWS, synthetic=True), others), ["overview"])


@pytest.mark.parametrize("rows", [ROWS, PERFECT, DOUBTFUL, HOPELESS])
@pytest.mark.parametrize("others", range(4))
def test_the_texts_at_every_level(rows, others):
    run = make_run(rows)
    assert all(texts(failures.measure(run, [run] * others), TEXTS))


@pytest.mark.parametrize("allowed", [True, False])
def test_players_only_where_the_licence_allows(tmp_path, workspace, make_table, licence, allowed):
    licence(allowed)
    manifest = corpora.load("table", make_table(tmp_path / "own"))
    truth = list(manifest.table["emotion"])
    predicted = ["neutral" if i % 6 == 0 else t for i, t in enumerate(truth)]
    run = factory.make_run(emotions=manifest.emotions, truth=truth, predicted=predicted)
    run.predictions[["utterance", "speaker"]] = manifest.table[["utterance", "speaker"]]
    page = failures.measure(replace(run, corpus=manifest))
    html = page.players(2).data
    assert html.count("<audio") == (4 if allowed else 0)
    assert ("licence" in page.text("surest")) != allowed
    for _, wrong in page.wrong[:2].iterrows():
        right = failures.counterpart(page.predictions, wrong)
        assert f"<code>{wrong['utterance']}</code>, speaker {wrong['speaker']}" in html
        assert f"prediction: neutral ({wrong['p']:.2f})" in html
        assert f"probability of {wrong['truth']}: {wrong['p_truth']:.2f}" in html
        assert f"<code>{right['utterance']}</code>" in html


def test_odd_names_are_escaped_and_nothing_wrong_is_nothing_to_show():
    run = make_run([("<i>", "b&b", 0.9), ("b&b", "b&b", 0.5)])
    html = failures.measure(run).players().data
    assert "&lt;i&gt;" in html
    assert "<i>" not in html
    assert failures.measure(make_run(PERFECT)).players() is None
