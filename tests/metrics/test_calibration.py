"""Calibration: known answers, scikit-learn and scipy as oracles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp, softmax
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


def test_a_probability_on_an_edge_is_in_the_bin_below():
    truth, probabilities = one_answer(0.5, 1, 0)
    table = calibration.reliability(truth, probabilities, LABELS)
    filled = table.loc[table["n"] > 0, ["low", "high", "accuracy"]]
    assert filled.to_numpy().tolist() == [[0.4, 0.5, 1.0]]


@pytest.mark.parametrize(
    ("probability", "right", "wrong", "error"),
    [(0.75, 3, 1, 0.0), (0.9, 1, 1, 0.4), (0.55, 4, 0, 0.45)],
)
def test_expected_calibration_error_of_one_bin(probability, right, wrong, error):
    given_ = one_answer(probability, right, wrong)
    scores = calibration.scores(*given_, LABELS)
    assert scores["ece"] == abs(scores["overconfidence"]) == pytest.approx(error)


def test_errors_of_bins_do_not_cancel():
    (low, p), (high, q) = one_answer(0.55, 1, 0), one_answer(0.95, 1, 1)
    truth, probabilities = [*low, *high], np.concatenate([p, q])
    # One bin is 0.45 too low with one utterance, the other 0.45 too high with two.
    assert calibration.scores(truth, probabilities, LABELS)["ece"] == pytest.approx(0.45)


@pytest.mark.parametrize("seed", range(3))
def test_brier_score_and_likelihood_agree_with_scikit_learn(seed):
    truth, probabilities = sample(seed)
    scores = calibration.scores(truth, probabilities, LABELS)
    assert scores["nll"] == pytest.approx(log_loss(truth, probabilities, labels=LABELS))
    assert scores["brier"] == pytest.approx(
        brier_score_loss(truth, probabilities, labels=LABELS, scale_by_half=False)
    )


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


def test_bad_bins_and_temperatures_are_refused():
    truth, probabilities = sample(n=5)
    with pytest.raises(ParameterError, match="bins must be a whole number from 1, not 0"):
        calibration.reliability(truth, probabilities, LABELS, bins=0)
    with pytest.raises(ParameterError, match="temperature must be above 0, not 0"):
        calibration.temper(probabilities, 0)


# Temperature


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0, 3.0])
def test_the_temperature_undoes_what_made_a_network_too_sure(sharpness):
    truth, probabilities = sample(n=20_000, sharpness=sharpness)
    assert calibration.fit_temperature(truth, probabilities, LABELS) == pytest.approx(
        sharpness, rel=0.05
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_temperature_agrees_with_another_minimiser(seed):
    truth, probabilities = sample(seed, sharpness=1.7)
    logits, places = np.log(probabilities), [LABELS.index(t) for t in truth]

    def loss(scale):
        return -log_softmax(scale * logits, axis=1)[np.arange(len(truth)), places].mean()

    found = minimize(loss, x0=[1.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
    temperature = calibration.fit_temperature(truth, probabilities, LABELS)
    assert temperature == pytest.approx(1 / found.x[0], rel=1e-4)


def test_a_fitted_temperature_stays_within_its_limits():
    low, high = calibration.TEMPERATURES
    assert calibration.fit_temperature(*one_answer(0.6, 9, 0), LABELS) == pytest.approx(
        low, rel=1e-3
    )
    assert calibration.fit_temperature(*one_answer(0.6, 0, 9), LABELS) == pytest.approx(
        high, rel=1e-3
    )


@given(
    logits=st.lists(st.lists(st.floats(-20, 20), min_size=3, max_size=3), min_size=1, max_size=8),
    temperature=st.floats(0.2, 5),
)
def test_a_temperature_keeps_order_and_sum(logits, temperature):
    probabilities = softmax(np.array(logits), axis=1)
    found = calibration.temper(probabilities, temperature)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    expected = np.array(logits) / temperature
    np.testing.assert_allclose(
        np.log(found), expected - logsumexp(expected, axis=1, keepdims=True), atol=1e-6
    )
    np.testing.assert_allclose(calibration.temper(probabilities, 1), probabilities, atol=1e-12)


def test_a_probability_of_zero_can_be_tempered():
    found = calibration.temper(np.array([[1.0, 0.0]]), 5.0)
    assert np.isfinite(found).all()
    assert found[0, 1] < 1e-7


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


# Intervals


def test_intervals_hold_the_scores_and_are_wider_by_speaker():
    truth, probabilities = sample(n=300, sharpness=3.0)
    right = calibration.answers(truth, probabilities, LABELS)[1]
    # Speakers who are mostly right or mostly wrong.
    speakers = [f"s{i}" for i in np.argsort(np.argsort(~right, kind="stable")) // 30]
    scores = calibration.scores(truth, probabilities, LABELS)
    by_speaker = calibration.evaluate(truth, probabilities, LABELS, clusters=speakers)
    by_utterance = calibration.evaluate(truth, probabilities, LABELS)
    for name, value in scores.items():
        assert by_speaker[name].value == pytest.approx(value)
        assert by_speaker[name].low <= value <= by_speaker[name].high
    for name in ("nll", "brier", "overconfidence"):
        assert np.ptp(by_speaker[name].interval) > 1.5 * np.ptp(by_utterance[name].interval)


def test_the_interval_of_a_change_is_paired():
    truth, before = sample(n=300, sharpness=3.0)
    after = calibration.temper(before, 3.0)
    change = calibration.evaluate(truth, after, LABELS, against=before)
    assert change["nll"].sign == change["brier"].sign == -1
    same = calibration.evaluate(truth, before, LABELS, against=before)
    assert all((one.value, one.sign) == (0, 0) for one in same.values())
