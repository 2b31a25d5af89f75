"""Scores against scikit-learn, intervals against what they must be."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as oracle
from hypothesis import given
from hypothesis import strategies as st

from ser_lib.core.errors import ParameterError
from ser_lib.metrics import scores as ev

LABELS = ["anger", "fear", "joy", "neutral"]
SCORES = {
    "accuracy": ev.accuracy,
    "uar": ev.uar,
    "macro_f1": ev.macro_f1,
    "weighted_f1": ev.weighted_f1,
}


def intervals(*both, **options) -> dict[str, tuple[float, float]]:
    return {name: score.interval for name, score in ev.evaluate(*both, **options).items()}


def pairs(labels=LABELS, fewest=1):
    return st.lists(
        st.tuples(st.sampled_from(labels), st.sampled_from(labels)), min_size=fewest, max_size=40
    ).map(lambda rows: tuple(map(list, zip(*rows, strict=True))))


def noisy(n: int, hit: float, seed: int = 0) -> tuple[list[str], list[str]]:
    """A classifier that is right with probability `hit` about balanced classes."""
    rng = np.random.default_rng(seed)
    truth = [LABELS[i % 4] for i in range(n)]
    return truth, [t if rng.random() < hit else rng.choice(LABELS) for t in truth]


@given(pairs())
def test_scores_are_those_of_scikit_learn(both):
    truth, predicted = both
    of = {"labels": LABELS, "zero_division": 0}
    assert ev.accuracy(truth, predicted) == pytest.approx(oracle.accuracy_score(truth, predicted))
    shown = of | {"labels": sorted(set(truth))}
    recall = oracle.recall_score(truth, predicted, average="macro", **shown)
    assert ev.uar(truth, predicted, LABELS) == pytest.approx(recall)
    for average, score in (("macro", ev.macro_f1), ("weighted", ev.weighted_f1)):
        expected = oracle.f1_score(truth, predicted, average=average, **of)
        assert score(truth, predicted, LABELS) == pytest.approx(expected)
        expected = oracle.f1_score(truth, predicted, average=average, zero_division=0)
        assert score(truth, predicted) == pytest.approx(expected)
    expected = oracle.confusion_matrix(truth, predicted, labels=LABELS)
    assert ev.confusion_matrix(truth, predicted, LABELS).tolist() == expected.tolist()
    expected = oracle.precision_recall_fscore_support(truth, predicted, **of)
    found = ev.per_class(truth, predicted, LABELS)
    assert list(found) == LABELS
    for i, name in enumerate(LABELS):
        row = [found[name][column] for column in ("precision", "recall", "f1", "support")]
        assert row == pytest.approx([column[i] for column in expected])


@given(st.lists(st.sampled_from(LABELS), min_size=1, max_size=20), st.integers(0, 99))
def test_log_losses_are_those_of_scikit_learn(truth, seed):
    chances = np.random.default_rng(seed).dirichlet(np.ones(4), size=len(truth))
    found = ev.log_losses(truth, chances, LABELS)
    assert found.shape == (len(truth),)
    assert found.mean() == pytest.approx(oracle.log_loss(truth, chances, labels=LABELS))
    # Even of an impossible truth it is finite.
    impossible, certain = ev.log_losses(["a", "b"], np.array([[0.0, 1.0]] * 2), ["a", "b"])
    assert 80 < impossible < np.inf
    assert certain == 0


@given(pairs(), st.randoms(use_true_random=False))
def test_scores_are_bounded_and_do_not_mind_order_or_names(both, random):
    truth, predicted = both
    order = list(range(len(truth)))
    random.shuffle(order)
    renamed = dict(zip(LABELS, random.sample(LABELS, 4), strict=True))
    for score in SCORES.values():
        value = score(truth, predicted, LABELS)
        assert isinstance(value, float)
        assert 0 <= value <= 1
        assert score([truth[i] for i in order], [predicted[i] for i in order], LABELS) == value
        other = score([renamed[t] for t in truth], [renamed[p] for p in predicted], LABELS)
        assert other == pytest.approx(value)
        assert score(truth, truth) == 1


def test_a_class_that_nobody_shows_counts_in_f1_but_not_in_uar():
    assert ev.uar(["a", "b"], ["a", "b"], ["a", "b", "c", "d"]) == 1
    assert ev.macro_f1(["a", "b"], ["a", "b"], ["a", "b", "c", "d"]) == 0.5


@pytest.mark.parametrize("function", [*SCORES.values(), ev.per_class, ev.evaluate])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], ["a", "b"]), r"truth \(1\) and prediction \(2\) must be equally long"),
        (([], []), "not empty"),
        ((["a", "c"], ["a", "a"], ["a", "b"]), "class 'c' is not one of: a, b"),
        ((["a", "a"], ["a", "d"], ["a", "b"]), "class 'd' is not one of: a, b"),
    ],
)
def test_wrong_input_is_named(function, arguments, message):
    with pytest.raises(ParameterError, match=message):
        function(*arguments)


@given(pairs(fewest=20), st.integers(0, 9))
def test_intervals_are_bounded_and_the_seed_decides_them(both, seed):
    found = intervals(*both, LABELS, n_resamples=50, seed=seed)
    assert list(found) == list(SCORES)
    for low, high in found.values():
        assert type(low) is type(high) is float
        assert 0 <= low <= high <= 1
    assert intervals(*both, LABELS, n_resamples=50, seed=seed) == found


@pytest.mark.parametrize("hit", [0.0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("speakers", [None, 10])
def test_intervals_hold_the_score(hit, speakers):
    truth, predicted = noisy(240, hit)
    clusters = speakers and [f"p{i % speakers}" for i in range(240)]
    found = intervals(truth, predicted, clusters=clusters)
    for name, (low, high) in found.items():
        assert low < SCORES[name](truth, predicted) < high
    assert intervals(truth, predicted, clusters=clusters, seed=1) != found


def test_intervals_narrow_with_data_and_widen_with_the_level():
    def width(n, level):
        low, high = ev.interval("uar", *noisy(n, 0.6), level=level)
        return high - low

    assert width(1600, 0.95) == pytest.approx(width(100, 0.95) / 4, rel=0.25)
    assert width(100, 0.5) < width(100, 0.95) < width(100, 0.999)
    # Of the accuracy it is that of a proportion.
    truth, predicted = noisy(1000, 0.6)
    share = ev.accuracy(truth, predicted)
    half = 1.96 * np.sqrt(share * (1 - share) / 1000)
    expected = [share - half, share + half]
    assert list(ev.interval("accuracy", truth, predicted)) == pytest.approx(expected, abs=half / 10)


def test_perfect_and_hopeless_classifiers_leave_no_doubt():
    truth = LABELS * 5
    assert set(intervals(truth, truth).values()) == {(1.0, 1.0)}
    never = (LABELS[1:] + LABELS[:1]) * 5
    assert set(intervals(truth, never).values()) == {(0.0, 0.0)}


def test_two_speakers_known_answer():
    # Draws of two speakers give 0, 1/2 and 1 with chances 1/4, 1/2 and 1/4.
    values, speakers = np.array([0.0, 0.0, 1.0, 1.0]), ["a", "a", "b", "b"]
    assert ev.mean_interval(values, clusters=speakers, level=0.95) == [0, 1]
    assert ev.mean_interval(values, clusters=speakers, level=0.3) == [0.5, 0.5]
    found = intervals(["x", "x", "x", "x"], ["y", "y", "x", "x"], clusters=speakers)
    assert found["accuracy"] == (0, 1)
    # Larger speakers weigh more: of one draw of each 1/4, not the 1/2 of a mean of means.
    values, speakers = np.array([1.0, 0.0, 0.0, 0.0]), ["a", "b", "b", "b"]
    assert ev.mean_interval(values, clusters=speakers, level=0.3) == [0.25, 0.25]


def test_one_speaker_says_nothing_about_speakers():
    # Drawing the only speaker again and again would claim that there is no doubt at all.
    truth, predicted = noisy(100, 0.6)
    alone = intervals(truth, predicted, clusters=["p"] * 100)
    assert alone == intervals(truth, predicted)
    assert alone["accuracy"][0] < alone["accuracy"][1]


def test_mean_interval_is_that_of_a_mean():
    values = np.random.default_rng(0).normal(3, 2, 800)
    half = 1.96 * values.std() / np.sqrt(800)
    expected = [values.mean() - half, values.mean() + half]
    assert ev.mean_interval(values) == pytest.approx(expected, abs=0.1 * half)
    assert ev.mean_interval(np.full(9, 0.25)) == [0.25, 0.25]


def test_columns_of_a_table_are_read_by_position():
    truth, predicted = noisy(60, 0.6)
    speakers = [f"p{i // 20}" for i in range(60)]
    table = pd.DataFrame({"t": truth, "p": predicted, "s": speakers}, index=np.roll(range(60), 7))
    found = intervals(table["t"], table["p"], clusters=table["s"])
    assert found == intervals(truth, predicted, clusters=speakers)
    values = np.arange(60.0) ** 2
    found = ev.mean_interval(pd.Series(values, index=table.index), clusters=table["s"])
    assert found == ev.mean_interval(values, clusters=speakers)
