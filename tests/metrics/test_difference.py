"""Paired comparison: known answers, brute force as oracle, and the rate of false alarms."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, recall_score

from ser_lib.core.errors import ParameterError
from ser_lib.metrics import difference
from ser_lib.metrics.scores import interval

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
def test_differences_and_p_values_are_those_of_scikit_learn_and_all_ways_to_swap(seed):
    truth, first, second, speakers = sample(seed, skills=(0.65, 0.5))
    found = difference.differences(truth, first, second, LABELS, clusters=speakers)
    names = sorted(set(speakers))
    for name, score in SCORES.items():
        values = []
        for swap in product((False, True), repeat=len(names)):
            swapped = dict(zip(names, swap, strict=True))
            pairs = [
                (b, a) if swapped[s] else (a, b)
                for a, b, s in zip(first, second, speakers, strict=True)
            ]
            one, other = ([pair[i] for pair in pairs] for i in (0, 1))
            values.append(score(truth, one) - score(truth, other))
        assert found[name].value == pytest.approx(values[0])
        expected = np.mean(np.abs(values) >= abs(values[0]) - 1e-9)
        assert found[name].p == pytest.approx(expected)
        assert (found[name].least_p, found[name].clusters) == (2 / 32, 5)


def test_the_interval_is_that_of_drawn_speakers():
    truth, first, second, speakers = sample(speakers=12, skills=(0.9, 0.4))
    found = difference.differences(truth, first, second, LABELS, clusters=speakers)["uar"]
    rng, values = np.random.default_rng(7), []
    groups = [np.flatnonzero(np.array(speakers) == name) for name in sorted(set(speakers))]
    columns = [np.array(column) for column in (truth, first, second)]
    for _ in range(4000):
        rows = np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))])
        t, a, b = (column[rows] for column in columns)
        recalls = [[(p[t == label] == label).mean() for label in LABELS] for p in (a, b)]
        values.append(np.subtract(*np.mean(recalls, axis=1)))
    np.testing.assert_allclose(found.interval, np.percentile(values, [2.5, 97.5]), atol=0.02)


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
    assert found.p == 2 / 2**10
    intervals = [interval("accuracy", truth, p, clusters=speakers) for p in (first, second)]
    assert intervals[0][0] < intervals[1][1], "the intervals of the scores overlap"


def test_many_utterances_of_few_speakers_prove_little():
    truth, first, second, speakers = sample(speakers=4, each=300, skills=(0.75, 0.65))
    by_speaker = difference.differences(truth, first, second, clusters=speakers)["uar"]
    by_utterance = difference.differences(truth, first, second)["uar"]
    assert by_speaker.p >= by_speaker.least_p == 2 / 16
    assert by_utterance.p < 0.01
    assert by_utterance.clusters == 1200
    # One speaker says nothing about others.
    alone = difference.differences(truth, first, second, clusters=["s"] * len(truth))
    assert alone["uar"] == by_utterance


def test_a_sample_of_swaps_agrees_with_all_of_them(monkeypatch):
    truth, first, second, speakers = sample(speakers=12, each=6, skills=(0.6, 0.5))
    exact = difference.differences(truth, first, second, clusters=speakers)["uar"]
    monkeypatch.setattr(difference, "ALL_SWAPS", 0)
    found = difference.differences(truth, first, second, clusters=speakers, n_resamples=20_000)[
        "uar"
    ]
    assert found.p == pytest.approx(exact.p, abs=0.02)
    assert found.least_p == 1 / 20_001
    assert (found.value, found.clusters) == (exact.value, exact.clusters)


def test_trainings_one_after_the_other_give_their_mean_difference():
    truth, first, second, speakers = sample(0)
    _, third, fourth, _ = sample(1)
    found = difference.differences(
        truth * 2, first + third, second + fourth, LABELS, clusters=speakers * 2
    )
    for name in ("accuracy", "uar"):
        score = SCORES[name]
        one = score(truth, first) - score(truth, second)
        other = score(truth, third) - score(truth, fourth)
        assert found[name].value == pytest.approx((one + other) / 2)
        assert found[name].clusters == 5


@given(
    rows=st.lists(
        st.tuples(*[st.sampled_from(LABELS)] * 3, st.sampled_from("xyz")), min_size=1, max_size=30
    )
)
def test_the_order_of_the_two_only_turns_the_sign(rows):
    truth, first, second, speakers = map(list, zip(*rows, strict=True))
    one = difference.differences(truth, first, second, LABELS, clusters=speakers, n_resamples=50)
    other = difference.differences(truth, second, first, LABELS, clusters=speakers, n_resamples=50)
    for name, found in one.items():
        assert found.value == pytest.approx(-other[name].value)
        assert found.p == pytest.approx(other[name].p)
        np.testing.assert_allclose(found.interval, [-v for v in other[name].interval[::-1]])
        assert found.least_p - 1e-12 <= found.p <= 1
    for same in difference.differences(truth, first, first, n_resamples=20).values():
        assert (same.value, same.interval, same.p) == (0.0, [0.0, 0.0], 1.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((["a"], ["a"], []), r"truth \(1\) and the predictions \(1 and 0\)"),
        (([], [], []), "not empty"),
        ((["a"], ["a"], ["b"], ["a"]), "class 'b' is not one of: a"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments, words):
    with pytest.raises(ParameterError, match=words):
        difference.differences(*arguments)
    with pytest.raises(ParameterError, match="2 clusters for 1 utterances"):
        difference.differences(["a"], ["a"], ["a"], clusters=["s", "s"])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.999))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values, level):
    corrected = difference.holm(p_values)
    rejected, rest = set(), sorted(range(len(p_values)), key=lambda i: p_values[i])
    while rest and p_values[rest[0]] * len(rest) <= level:
        rejected.add(rest.pop(0))
    assert {i for i, p in enumerate(corrected) if p <= level} == rejected
    assert all(a >= b for a, b in zip(corrected, p_values, strict=True))
