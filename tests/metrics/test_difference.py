"""Paired comparison: known answers and scikit-learn as oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, recall_score

from ser_lib.core.errors import ParameterError
from ser_lib.metrics import difference
from ser_lib.metrics.scores import evaluate, interval

LABELS = ["anger", "fear", "joy"]
SCORES = {
    "accuracy": accuracy_score,
    "uar": lambda t, p: recall_score(t, p, average="macro", labels=sorted(set(t))),
    "macro_f1": lambda t, p: f1_score(t, p, average="macro", labels=LABELS, zero_division=0),
    "weighted_f1": lambda t, p: f1_score(t, p, average="weighted", labels=LABELS, zero_division=0),
}


def sample(seed=0, speakers=5, each=9, skills=(0.7, 0.5)):
    """Truth, speakers and the predictions of two classifiers that are right so often."""
    rng = np.random.default_rng(seed)
    n = speakers * each
    truth = [LABELS[i % 3] for i in range(n)]
    clusters = [f"s{i // each}" for i in range(n)]
    guesses = [
        [t if rng.random() < skill else str(rng.choice(LABELS)) for t in truth] for skill in skills
    ]
    return truth, *guesses, clusters


@pytest.mark.parametrize("seed", range(3))
def test_differences_agree_with_scikit_learn(seed):
    truth, first, second, speakers = sample(seed)
    found = difference.differences(truth, first, second, LABELS, clusters=speakers)
    for name, score in SCORES.items():
        assert found[name].value == pytest.approx(score(truth, first) - score(truth, second))
        low, high = found[name].interval
        assert -1 <= low <= high <= 1
        assert found[name].n == 5


def test_against_a_perfect_classifier_it_is_the_jackknife_of_the_score():
    truth, first, _, speakers = sample()
    found = difference.differences(truth, truth, first, LABELS, clusters=speakers)["uar"]
    alone = evaluate(truth, first, LABELS, clusters=speakers)["uar"]
    assert (found.value, found.error) == pytest.approx((1 - alone.value, alone.error))


def test_pairing_tells_what_the_intervals_of_the_scores_do_not():
    # Speakers differ widely, and the first network is a little better for each of them.
    truth, speakers, first, second = [], [], [], []
    for i in range(10):
        hits = 2 + i
        for k in range(12):
            truth.append(LABELS[k % 3])
            speakers.append(f"s{i}")
            other = LABELS[(k + 1) % 3]
            first.append(truth[-1] if k < hits + 1 else other)
            second.append(truth[-1] if k < hits else other)
    found = difference.differences(truth, first, second, clusters=speakers)["accuracy"]
    assert found.interval[0] > 0
    assert found.sign == 1
    intervals = [interval("accuracy", truth, p, clusters=speakers) for p in (first, second)]
    assert intervals[0][0] < intervals[1][1], "the intervals of the scores overlap"


def test_many_utterances_of_few_speakers_prove_little():
    truth, first, second, speakers = sample(speakers=4, each=300, skills=(0.75, 0.65))
    by_speaker = difference.differences(truth, first, second, clusters=speakers)["uar"]
    by_utterance = difference.differences(truth, first, second)["uar"]
    assert by_speaker.p > 10 * by_utterance.p
    assert (by_speaker.n, by_utterance.n, by_utterance.unit) == (4, 1200, "utterance")


def test_a_single_speaker_says_nothing_about_others():
    truth, first, second, _ = sample()
    alone = difference.differences(truth, first, second, clusters=["s"] * len(truth))
    assert alone == difference.differences(truth, first, second)


def test_trainings_one_after_the_other_give_their_mean_difference():
    truth, first, second, speakers = sample(0)
    _, third, fourth, _ = sample(1)
    found = difference.differences(
        truth * 2, first + third, second + fourth, LABELS, clusters=speakers * 2
    )
    for name in ("accuracy", "uar"):
        score = SCORES[name]
        mean = np.mean(
            [
                score(truth, first) - score(truth, second),
                score(truth, third) - score(truth, fourth),
            ]
        )
        assert found[name].value == pytest.approx(mean)
        assert found[name].n == 5


@given(
    rows=st.lists(
        st.tuples(*[st.sampled_from(LABELS)] * 3, st.sampled_from("xyz")), min_size=1, max_size=30
    )
)
def test_the_order_of_the_two_only_turns_the_sign(rows):
    truth, first, second, speakers = map(list, zip(*rows, strict=True))
    one = difference.differences(truth, first, second, LABELS, clusters=speakers)
    other = difference.differences(truth, second, first, LABELS, clusters=speakers)
    for name, found in one.items():
        assert found.value == pytest.approx(-other[name].value)
        assert found.p == pytest.approx(other[name].p)
        assert found.sign == -other[name].sign
        np.testing.assert_allclose(found.interval, [-v for v in other[name].interval[::-1]])


@given(st.lists(st.sampled_from(LABELS), min_size=1, max_size=20))
def test_the_same_predictions_do_not_differ(truth):
    guesses = [LABELS[0]] * len(truth)
    for found in difference.differences(truth, guesses, guesses).values():
        assert (found.value, found.p, found.sign) == (0, 1, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((["a"], ["a"], []), r"truth \(1\) and prediction \(0\)"),
        (([], [], []), "not empty"),
        ((["a"], ["a"], ["b"], ["a"]), "class 'b' is not one of: a"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments, words):
    with pytest.raises(ParameterError, match=words):
        difference.differences(*arguments)
    with pytest.raises(ParameterError, match="2 clusters for 1 utterances"):
        difference.differences(["a"], ["a"], ["a"], clusters=["s", "s"])


def test_the_f1_of_a_class_is_compared():
    truth, first, second, speakers = sample()
    found = difference.difference_in_f1("fear", truth, first, second, LABELS, clusters=speakers)
    one, other = (f1_score(truth, p, labels=["fear"], average=None)[0] for p in (first, second))
    assert found.value == pytest.approx(one - other)
    assert found.low < found.value < found.high
