"""Calibration: known answers, scikit-learn and scipy as oracles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss, precision_recall_curve

from ser_lib.core.errors import ParameterError
from ser_lib.metrics import calibration

LABELS = ["anger", "fear", "joy"]


def sample(seed=0, n=400, sharpness=1.0):
    """Truths drawn from the probabilities, which are then made as many times as sure."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, len(LABELS))) * 1.5
    truth = [LABELS[rng.choice(len(LABELS), p=p)] for p in softmax(logits, axis=1)]
    return truth, softmax(logits * sharpness, axis=1)


def one_answer(probability: float, right: int, wrong: int):
    """Answers that all have the same probability, of which so many are right."""
    rest = (1 - probability) / 2
    truth = ["anger"] * right + ["fear"] * wrong
    return truth, np.array([[probability, rest, rest]] * (right + wrong))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bins", [5, 10, 15])
def test_reliability_agrees_with_scikit_learn(seed, bins):
    truth, probabilities = sample(seed)
    table = calibration.reliability(truth, probabilities, LABELS, bins=bins)
    confidence, right = calibration.answers(truth, probabilities, LABELS)
    accuracy, mean = calibration_curve(right, confidence, n_bins=bins, strategy="uniform")
    filled = table[table["n"] > 0]
    np.testing.assert_allclose(filled["accuracy"], accuracy)
    np.testing.assert_allclose(filled["confidence"], mean)
    assert len(table) == bins
    assert table["n"].sum() == len(truth)
    assert table.loc[table["n"] == 0, "accuracy"].isna().all()
    scores = calibration.scores(truth, probabilities, LABELS)
    assert scores["nll"] == pytest.approx(log_loss(truth, probabilities, labels=LABELS))
    brier = brier_score_loss(truth, probabilities, labels=LABELS, scale_by_half=False)
    assert scores["brier"] == pytest.approx(brier)


@pytest.mark.parametrize(
    ("probability", "right", "wrong", "error"),
    [(0.75, 3, 1, 0.0), (0.9, 1, 1, 0.4), (0.55, 4, 0, 0.45)],
)
def test_expected_calibration_error_of_one_bin(probability, right, wrong, error):
    given_ = one_answer(probability, right, wrong)
    scores = calibration.scores(*given_, LABELS)
    assert scores["ece"] == abs(scores["overconfidence"]) == pytest.approx(error)


def test_edges_of_bins_and_bins_whose_errors_do_not_cancel():
    table = calibration.reliability(*one_answer(0.5, 1, 1), LABELS)
    assert table.loc[table["n"] > 0, ["low", "high"]].to_numpy().tolist() == [[0.4, 0.5]]
    (low, p), (high, q) = one_answer(0.55, 1, 0), one_answer(0.95, 1, 1)
    truth, probabilities = [*low, *high], np.concatenate([p, q])
    # One bin is 0.45 too low with one utterance, the other 0.45 too high with two.
    assert calibration.scores(truth, probabilities, LABELS)["ece"] == pytest.approx(0.45)


def test_scores_of_certain_and_of_no_answers():
    certain = np.eye(3)
    assert calibration.scores(LABELS, certain, LABELS) == {
        "nll": 0.0, "brier": 0.0, "ece": 0.0, "overconfidence": 0.0
    }  # fmt: skip
    wrong = calibration.scores(LABELS, np.roll(certain, 1, axis=1), LABELS)
    assert (wrong["brier"], wrong["ece"], wrong["overconfidence"]) == (2.0, 1.0, 1.0)
    even = calibration.scores(LABELS, np.full((3, 3), 1 / 3), LABELS)
    assert even["brier"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("truth", "probabilities", "words"),
    [
        (["anger"], np.ones((2, 3)) / 3, "shape"),
        ([], np.ones((0, 3)), "at least 1"),
        (["hope"], np.ones((1, 3)) / 3, "class 'hope' is not one of: anger, fear, joy"),
        (["joy", "joy"], np.array([[1, 0, 0], [0.5, 0.4, 0.3]]), "row 1 .* is no distribution"),
        (["joy"], np.array([[1.5, -0.5, 0]]), "row 0 .* is no distribution"),
        (["joy"], np.array([[np.nan, 0.5, 0.5]]), "row 0 .* is no distribution"),
    ],
)
def test_what_is_no_prediction_is_refused(truth, probabilities, words):
    for score in (
        calibration.scores,
        calibration.reliability,
        calibration.coverage,
        calibration.fit_temperature,
    ):
        with pytest.raises(ParameterError, match=words):
            score(truth, probabilities, LABELS)
    with pytest.raises(ParameterError, match="bins must be a whole number from 1, not 0"):
        calibration.reliability(*sample(n=5), LABELS, bins=0)
    with pytest.raises(ParameterError, match="temperature must be above 0, not 0"):
        calibration.temper(sample(n=5)[1], 0)


# Temperature


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0, 3.0])
def test_the_temperature_undoes_what_made_a_network_too_sure(sharpness):
    truth, probabilities = sample(n=20_000, sharpness=sharpness)
    temperature = calibration.fit_temperature(truth, probabilities, LABELS)
    assert temperature == pytest.approx(sharpness, rel=0.05)
    logits, places = np.log(probabilities), [LABELS.index(t) for t in truth]

    def loss(scale):
        return -log_softmax(scale * logits, axis=1)[np.arange(len(truth)), places].mean()

    found = minimize(loss, x0=[1.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
    assert temperature == pytest.approx(1 / found.x[0], rel=1e-4)


@pytest.mark.parametrize(("right", "wrong", "end"), [(9, 0, 0), (0, 9, 1)])
def test_a_fitted_temperature_stays_within_its_limits(right, wrong, end):
    temperature = calibration.fit_temperature(*one_answer(0.6, right, wrong), LABELS)
    assert temperature == pytest.approx(calibration.TEMPERATURES[end], rel=1e-3)


@given(
    logits=st.lists(st.lists(st.floats(-20, 20), min_size=3, max_size=3), min_size=1, max_size=8),
    temperature=st.floats(0.2, 5),
)
def test_a_temperature_keeps_order_and_sum(logits, temperature):
    probabilities = softmax(np.array(logits), axis=1)
    found = calibration.temper(probabilities, temperature)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    expected = np.array(logits) / temperature
    np.testing.assert_allclose(np.log(found), log_softmax(expected, axis=1), atol=1e-6)
    np.testing.assert_allclose(calibration.temper(probabilities, 1), probabilities, atol=1e-12)
    certain = calibration.temper(np.array([[1.0, 0.0]]), temperature)
    assert np.isfinite(certain).all()
    assert certain[0, 1] < 1e-7


# Coverage


@pytest.mark.parametrize("seed", range(3))
def test_coverage_agrees_with_scikit_learn(seed):
    truth, probabilities = sample(seed)
    probabilities = probabilities.round(2)  # ties
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    curve = calibration.coverage(truth, probabilities, LABELS)
    sure, right = calibration.answers(truth, probabilities, LABELS)
    precision, _, thresholds = precision_recall_curve(right, sure)
    np.testing.assert_allclose(curve["threshold"][::-1], thresholds)
    np.testing.assert_allclose(curve["accuracy"][::-1], precision[:-1])
    np.testing.assert_allclose(curve["coverage"], [(sure >= t).mean() for t in curve["threshold"]])
    assert curve["coverage"].iloc[-1] == 1


def test_the_area_lies_between_its_ends():
    truth, probabilities = sample(n=100)
    right = calibration.answers(truth, probabilities, LABELS)[1]
    accuracy = float(right.mean())

    def area(confidences):
        spread = np.stack([confidences, 1 - confidences], axis=1)
        names = ["yes" if hit else "no" for hit in right]
        return calibration.area_under_risk(calibration.coverage(names, spread, ["yes", "no"]))

    first, last = np.linspace(0.99, 0.6, 100), np.linspace(0.6, 0.99, 100)
    ideal, worst = np.empty(100), np.empty(100)
    order = np.argsort(~right, kind="stable")
    ideal[order], worst[order] = first, last
    assert area(ideal) == pytest.approx(calibration.least_area(accuracy, 100))
    assert area(ideal) < area(np.random.default_rng(0).permutation(first)) < area(worst)
    # Equal confidence says nothing: all are answered or none.
    assert area(np.full(100, 0.7)) == pytest.approx(1 - accuracy)


# Intervals


def test_intervals_hold_the_scores_and_are_wider_by_speaker():
    truth, probabilities = sample(n=300, sharpness=3.0)
    right = calibration.answers(truth, probabilities, LABELS)[1]
    # Speakers who are mostly right or mostly wrong.
    speakers = [f"s{i}" for i in np.argsort(np.argsort(~right, kind="stable")) // 30]
    scores = calibration.scores(truth, probabilities, LABELS)
    by_speaker = calibration.intervals(truth, probabilities, LABELS, clusters=speakers)
    by_utterance = calibration.intervals(truth, probabilities, LABELS)
    for name, value in scores.items():
        assert by_speaker[name][0] <= value <= by_speaker[name][1]
    for name in ("nll", "brier", "overconfidence"):
        assert by_utterance[name][0] <= scores[name] <= by_utterance[name][1]
        assert np.diff(by_speaker[name]) > 1.5 * np.diff(by_utterance[name])


def test_the_interval_of_a_change_is_paired():
    truth, before = sample(n=300, sharpness=3.0)
    after = calibration.temper(before, 3.0)
    change = calibration.intervals(truth, after, LABELS, against=before)
    assert change["nll"][1] < 0
    assert change["brier"][1] < 0
    same = calibration.intervals(truth, before, LABELS, against=before)
    assert same == {name: [0.0, 0.0] for name in change}


def test_the_resampled_scores_are_those_of_the_resampled_utterances():
    truth, probabilities = sample(n=60)
    speakers = [f"s{i % 6}" for i in range(60)]
    rows = [np.flatnonzero(np.array(speakers) == f"s{i}") for i in range(6)]
    draws = np.random.default_rng(1).multinomial(6, np.full(6, 1 / 6), size=20)
    found = calibration._resampled(truth, probabilities, LABELS, rows, draws)
    for i, draw in enumerate(draws):
        drawn = np.concatenate([np.tile(r, n) for r, n in zip(rows, draw, strict=True)])
        scores = calibration.scores([truth[j] for j in drawn], probabilities[drawn], LABELS)
        for name, value in scores.items():
            assert found[name][i] == pytest.approx(value), name
