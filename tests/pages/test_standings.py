"""Standings: above and below only where the data tell, by tables that say the same."""

import factory
import pytest
from factory import baseline, parse

from ser_lib.core.errors import ParameterError
from ser_lib.experiments.baselines import Baseline
from ser_lib.metrics.scores import uar
from ser_lib.pages import standings


@pytest.fixture
def record():
    return factory.make_record("cnn", skill=2.0)


@pytest.fixture
def results(record):
    return [
        baseline("majority", record),
        baseline("stack", record, skill=2.0),
        baseline("ComParE_2016", record, skill=6.0),
    ]


def test_a_network_is_above_below_and_not_told(record, results):
    scores = [f"{result.metrics['uar']:.2f}" for result in results]
    assert scores[1] < f"{record.data['metrics']['uar']:.2f}"
    assert standings.standing(record, results) == (
        f"The CNN (UAR {record.data['metrics']['uar']:.2f}) is **below** the SVM on ComParE "
        f"({scores[2]}); it is above the majority class ({scores[0]}); it scores higher than the "
        f"SVM on the stack ({scores[1]}), which may be chance."
    )
    same = Baseline("stack", record.emotions, record.predictions, record.data["metrics"])
    assert f"scores as high as the SVM on the stack ({same.metrics['uar']:.2f})." in (
        standings.standing(record, [same])
    )


def test_the_words_follow_when_sides_change(record):
    poor = factory.make_record("cnn", skill=0.0)
    better = baseline("stack", poor, skill=4.0)
    assert "is **below** the SVM on the stack" in standings.standing(poor, [better])
    worse = baseline("stack", record, skill=0.0)
    words = standings.standing(record, [worse], name="CNN (seed 3)")
    assert words.startswith("The CNN (seed 3) (UAR ")
    assert "is above the SVM on the stack" in words
    assert "below" not in words


def test_with_three_speakers_nothing_can_be_told():
    record = factory.make_record("cnn", skill=8.0, speakers=3)
    words = standings.standing(record, [baseline("majority", record)])
    assert "scores higher than the majority class (0.20), which may be chance." in words
    assert words.endswith("With 3 to draw from, no difference can be told from chance.")


def test_the_difference_is_that_of_the_scores_in_any_order(record, results):
    shuffled = results[2].predictions.sample(frac=1, random_state=1)
    found = standings.uar_difference(record.predictions, shuffled, record.emotions)
    assert found.value == pytest.approx(record.data["metrics"]["uar"] - results[2].metrics["uar"])
    assert found == standings.uar_difference(
        record.predictions, results[2].predictions, record.emotions
    )
    assert found.clusters == 10


def test_only_what_both_predict_is_compared(record, results):
    part = record.predictions.iloc[::5]
    found = standings.uar_difference(part, results[1].predictions, record.emotions)
    same = results[1].predictions.iloc[::5]
    expected = uar(list(part["truth"]), list(part["predicted"])) - uar(
        list(same["truth"]), list(same["predicted"])
    )
    assert found.value == pytest.approx(expected)
    other = part.assign(utterance="elsewhere")
    with pytest.raises(ParameterError, match="not empty"):
        standings.uar_difference(part, other, record.emotions)


def test_p_values_are_corrected_for_the_number_of_baselines(record):
    one = baseline("stack", record, skill=3.0)
    (alone,) = standings.against(record, [one])
    thrice = standings.against(record, [one] * 3)
    assert 0 < alone[2] < 1 / 3
    assert [p for _, _, p in thrice] == pytest.approx([3 * alone[2]] * 3)


def test_the_tables_rank_and_subtract(record, results):
    second = factory.make_record("cnn_gru", skill=3.0)
    text = standings.beside([record, second], results)
    ranking, differences = (parse(part) for part in text.split("\n\n")[:2])
    values = [float(row["UAR"]) for row in ranking]
    assert values == sorted(values, reverse=True)
    names = {"**CNN**", "**CNN-GRU**", "Majority class", "SVM on the stack", "SVM on ComParE"}
    assert {row["Method"] for row in ranking} == names
    assert [row["UAR less that of"] for row in differences] == [
        "the majority class",
        "the SVM on the stack",
        "the SVM on ComParE",
    ]
    for row, (_, difference, p) in zip(
        differences, standings.against(record, results), strict=True
    ):
        assert row["CNN"] == standings.signed(difference, p)
    assert "corrected for 3 baselines" in text
    assert "- The CNN (UAR" in text
    assert "- The CNN-GRU (UAR" in text


def test_what_was_not_run_is_named(record, results):
    text = standings.beside([record], results)
    assert text.endswith("because openSMILE is not installed: the SVM on eGeMAPS.")
    complete = [*results, baseline("eGeMAPSv02", record, skill=2.0)]
    assert "openSMILE" not in standings.beside([record], complete)
