"""Narrative: the words follow the numbers."""

from dataclasses import replace

import factory
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_lib.pages import network

PERFECT = {"anger": {"anger": 8}, "fear": {"fear": 8}, "joy": {"joy": 8}}
LEANING = {  # fear is answered for everything, joy never
    "anger": {"anger": 6, "fear": 4},
    "fear": {"fear": 10},
    "joy": {"fear": 7, "anger": 3},
}


def flipped(counts: dict, a: str, b: str) -> dict:
    """The same matrix with two emotions exchanged."""
    swap = {a: b, b: a}
    return {
        swap.get(t, t): {swap.get(p, p): n for p, n in row.items()} for t, row in counts.items()
    }


RECORD = factory.make_record(seed=1)


def with_gap(train: float, validation: float, test: float | None = None):
    """A record with these accuracies at the best epoch of every fold."""
    record = RECORD
    folds = [
        fold | {"train_accuracy": train, "validation_accuracy": validation}
        for fold in record.data["folds"]
    ]
    metrics = {} if test is None else {"accuracy": test}
    return factory.with_data(record, folds=folds, metrics=metrics)


def test_evaluation_names_strongest_and_weakest_and_follows_a_flip():
    text = network.evaluation(factory.record_of_counts(LEANING))
    assert (
        "Recall, how much of an emotion is found: highest for **fear** (1.00), lowest for **joy**"
        in text
    )
    assert "Joy is never answered" in text
    assert "Answered too often: fear (21 answers for 10 utterances" in text
    other = network.evaluation(factory.record_of_counts(flipped(LEANING, "fear", "joy")))
    assert "highest for **joy** (1.00), lowest for **fear**" in other
    assert "Fear is never answered" in other
    assert "Answered too often: joy (21 answers" in other


def test_ties_are_named_together():
    counts = {"anger": {"anger": 4, "joy": 1}, "fear": {"fear": 4, "joy": 1}, "joy": {"joy": 5}}
    text = network.evaluation(factory.record_of_counts(counts))
    assert "lowest for **anger and fear** (0.80)" in text


def test_perfect_result_has_no_weakest_class_and_no_confusion():
    record = factory.record_of_counts(PERFECT)
    text = network.evaluation(record)
    assert "1.00 for every emotion" in text
    assert "lowest" not in text
    assert "No emotion is much favoured" in text
    assert network.confusions(record).startswith("No emotion is taken for another")
    assert network.correct_incorrect(record).endswith("(100 %) are recognised and 0 are not.")


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ([0.3, 0.5], "lies above chance"),
        ([0.1, 0.5], "includes chance"),
        ([0.01, 0.1], "below chance, which points to a fault in data or labels"),
    ],
)
def test_verdict_on_chance_follows_the_interval(interval, words):
    record = factory.with_data(factory.make_record(), metrics={"uar_ci95": interval})
    assert words in network.evaluation(record)


def test_majority_answer_is_compared_as_printed():
    counts = {"anger": {"anger": 9}, "joy": {"anger": 1}}
    assert "right for 90 % of the utterances, no less than" in network.evaluation(
        factory.record_of_counts(counts)
    )
    assert ", less than the network" in network.evaluation(factory.record_of_counts(PERFECT))


@pytest.mark.parametrize(
    ("train", "validation", "words"),
    [
        (0.90, 0.60, "gap of 0.30 is large, which is overfitting"),
        (0.75, 0.60, "gap of 0.15 is large"),
        (0.70, 0.60, "gap of 0.10 is moderate"),
        (0.65, 0.60, "no sign of overfitting"),
        (0.60, 0.60, "The two are close"),
        (0.50, 0.60, "Validation lies 0.10 higher"),
    ],
)
def test_words_on_overfitting_follow_the_gap(train, validation, words):
    text = network.overfitting(with_gap(train, validation))
    assert words in text
    assert ("overfitting:" in text) == (train - validation >= network.GAP_LARGE)


@settings(max_examples=50)
@given(st.floats(0, 1), st.floats(0, 1))
def test_printed_gap_is_the_difference_of_the_printed_accuracies(train, validation):
    text = network.overfitting(with_gap(train, validation))
    first, second = (
        hundredths(text, f"{words} accuracy ") for words in ("training", "and validation")
    )
    if "The gap of " in text:
        assert hundredths(text, "The gap of ") == first - second
    if "Validation lies " in text:
        assert hundredths(text, "Validation lies ") == second - first


def hundredths(text: str, before: str) -> int:
    """The score printed after these words, in hundredths."""
    return round(100 * float(text.split(before)[1].removeprefix("is ")[:4]))


@pytest.mark.parametrize(
    ("test", "words"), [(0.62, "agrees"), (0.45, "0.15 below"), (0.80, "0.20 above")]
)
def test_test_accuracy_is_set_beside_validation(test, words):
    assert words in network.overfitting(with_gap(0.65, 0.60, test))


@pytest.mark.parametrize(("right", "side"), [(19, "frequent"), (5, "rare")])
def test_averages_say_which_emotions_are_recognised_better(right, side):
    wrong = 20 - right
    counts = {
        "anger": {"anger": right, "joy": wrong},
        "joy": {"joy": right, "anger": wrong},
        "fear": {"fear": 2, "sadness": 2},
        "sadness": {"sadness": 2, "fear": 2},
    }
    text = network.evaluation(factory.record_of_counts(counts))
    assert f"the {side} emotions are recognised better" in text


def test_equal_class_sizes_are_said_to_be_the_reason():
    assert "equally frequent" in network.evaluation(factory.record_of_counts(PERFECT))


def test_confusions_are_sorted_counted_and_mutual():
    counts = {
        "anger": {"anger": 10, "joy": 6, "fear": 1},
        "joy": {"joy": 10, "anger": 4},
        "fear": {"fear": 18, "joy": 1, "anger": 1},
    }
    record = factory.record_of_counts(counts)
    assert network.pairs(record)[0] == ("anger", "joy", 6, 6 / 17)
    text = network.confusions(record, top=2)
    assert text.index("**anger** taken for **joy**: 6 (35 % of anger)") < text.index(
        "**joy** taken for **anger**: 4 (29 % of joy)"
    )
    assert "That is 77 % of all 13 errors." in text
    assert "Taken for each other, in at least 10 % of each: anger and joy (6 and 4 times)." in text
    assert "**fear**" not in text


def test_ties_at_the_cut_are_mentioned():
    counts = {"anger": {"anger": 9, "joy": 1, "fear": 1}, "joy": {"joy": 9, "fear": 1},
              "fear": {"fear": 9}}  # fmt: skip
    text = network.confusions(factory.record_of_counts(counts), top=1)
    assert "2 more confusions are as frequent as the last one listed." in text
    assert "No two emotions are taken for each other" in text


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [(8, 4, "2.0 right answers"), (4, 4, "as many right"), (1, 4, "more wrong answers")],
)
def test_correct_against_incorrect(right, wrong, words):
    record = factory.record_of_counts({"anger": {"anger": right, "joy": wrong}, "joy": {"joy": 0}})
    assert words in network.correct_incorrect(record)


def test_class_accuracy_puts_each_emotion_on_one_side():
    text = network.class_accuracy(factory.record_of_counts(LEANING))
    assert "best to worst: fear 1.00; anger 0.60; joy 0.00" in text
    assert "it is 0.53: above it anger and fear, below it joy." in text


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.floats(0, 4))
def test_any_record_gives_words_without_gaps(seed, skill):
    record = factory.make_record(seed=seed, skill=skill, speakers=3, per_speaker=5, epochs=2)
    for function in (network.evaluation, network.confusions, network.correct_incorrect,
                     network.class_accuracy, network.speakers):  # fmt: skip
        text = function(record)
        assert text.strip()
        assert not any(bad in text for bad in ("nan", "None", "  ", "()", "{", "-0.00"))


def test_speakers_without_names_are_said_to_be_unknown():
    record = factory.make_record(seed=2)
    record.predictions["speaker"] = ""
    assert network.speakers(record) == "The speakers of this corpus are not known."
    assert "drawing utterances" in network.evaluation(record)


def test_unnamed_speakers_are_not_called_unheard():
    assert "of unheard speakers" in network.evaluation(RECORD)
    unnamed = replace(RECORD, predictions=RECORD.predictions.assign(speaker=""))
    assert "whose speakers may be heard in training" in network.evaluation(unnamed)
