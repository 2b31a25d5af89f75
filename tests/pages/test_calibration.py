"""The calibration page: temperatures of each fold, and signs that follow from the intervals."""

import re
from functools import cache

import factory
import numpy as np
import pytest
from factory import parse, texts

from ser_lib.core.errors import RecordError
from ser_lib.metrics import calibration
from ser_lib.pages import calibration as pages
from ser_lib.pages.figures import calibration as figures

TEXTS = ("scores", "temperatures", "abstaining")


def columns(run) -> list[str]:
    return [f"p_{emotion}" for emotion in run.emotions]


def calibrated(*, skill=2.0, sharpness=1.0, **options):
    """A run whose networks are as many times too sure, in validation as in test."""
    run = factory.make_run("cnn_gru", skill=skill, **options)
    run.predictions[columns(run)] = calibration.temper(run.probabilities, 1 / sharpness)
    folds = sorted(run.predictions["fold"].unique())
    following = dict(zip(folds, folds[1:] + folds[:1], strict=True))
    # What a fold tests validates the next one.
    validation = run.predictions.assign(fold=run.predictions["fold"].map(following))
    return pages.calibrate(run, validation)


def of_counts(counts, **options):
    run = factory.record_of_counts(counts, **options)
    return pages.calibrate(run, run.predictions)


def equally_sure():
    run = factory.record_of_counts({"anger": {"anger": 5}, "joy": {"anger": 5}}, protocol="random")
    run.predictions[["p_anger", "p_joy"]] = 0.75, 0.25
    return pages.calibrate(run, run.predictions)


def harmed():
    """A run whose validation sets ask for the opposite of what its test set needs."""
    run = factory.make_run("cnn_gru", skill=1.0, per_speaker=40)
    validation = run.predictions.copy()
    validation[columns(run)] = calibration.temper(run.probabilities, 3.0)
    return pages.calibrate(run, validation)


def unknown_speakers():
    run = factory.make_run("cnn_gru")
    run.predictions["speaker"] = ""
    return pages.calibrate(run, run.predictions)


PAGES = {
    "too sure": lambda: calibrated(sharpness=3.0, skill=1.0, per_speaker=40),
    "not sure enough": lambda: calibrated(sharpness=0.3, skill=1.0, per_speaker=40),
    "guessing": lambda: calibrated(skill=0.0),
    "one fold": lambda: calibrated(protocol="random", speakers=2),
    "harmed": harmed,
    "unknown speakers": unknown_speakers,
    "perfect": lambda: of_counts({"anger": {"anger": 5}, "joy": {"joy": 5}}),
    "all wrong": lambda: of_counts({"anger": {"joy": 5}, "joy": {"anger": 5}}),
    "equally sure": equally_sure,
}
page_of = cache(lambda name: PAGES[name]())


@pytest.fixture(scope="module")
def good():
    return calibrated()


def test_each_fold_has_the_temperature_of_its_own_validation_set():
    run = factory.make_run("cnn_gru", speakers=4, per_speaker=30)
    validation = run.predictions.copy()
    odd = validation["fold"].isin(["speaker-01", "speaker-03"]).to_numpy()
    validation.loc[odd, columns(run)] = calibration.temper(run.probabilities[odd], 0.5)
    page = pages.calibrate(run, validation)
    for row in page.folds.itertuples():
        part = validation[validation["fold"] == row.fold]
        truth, probabilities = list(part["truth"]), part[columns(run)].to_numpy()
        temperature = calibration.fit_temperature(truth, probabilities, run.emotions)
        assert (row.n, row.temperature) == (len(part), pytest.approx(temperature))
        own = (run.predictions["fold"] == row.fold).to_numpy()
        expected = calibration.temper(run.probabilities[own], row.temperature)
        np.testing.assert_allclose(page.scaled[own], expected)
    assert (page.scaled.argmax(axis=1) == run.probabilities.argmax(axis=1)).all()


def test_the_test_set_has_no_say_in_its_temperature():
    runs = [factory.make_run("cnn_gru", speakers=4) for _ in range(2)]
    validation = runs[0].predictions.copy()
    runs[1].predictions["truth"] = list(runs[1].predictions["truth"][::-1])
    first, second = (pages.calibrate(run, validation) for run in runs)
    assert first.folds.equals(second.folds)


def test_a_fold_without_validation_predictions_is_named():
    run = factory.make_run("cnn_gru", speakers=3)
    validation = run.predictions[run.predictions["fold"] != "speaker-02"]
    with pytest.raises(RecordError, match="no validation predictions of fold 'speaker-02'"):
        pages.calibrate(run, validation)


@pytest.mark.parametrize(("name", "sign"), [("too sure", 1), ("not sure enough", -1)])
def test_scaling_mends_a_network_that_is_too_sure_or_not_sure_enough(name, sign):
    page = page_of(name)
    assert page.before.scores["overconfidence"].sign == sign
    assert page.changes["nll"].sign == page.changes["brier"].sign == -1
    assert ((page.folds["temperature"] > 1) == (sign > 0)).all()
    for quality, probabilities in (
        (page.before, page.run.probabilities),
        (page.after, page.scaled),
    ):
        scores = calibration.scores(page.truth, probabilities, page.run.emotions)
        values = {name: score.value for name, score in quality.scores.items()}
        assert values == pytest.approx(scores)
        surplus = quality.confidence - quality.accuracy
        assert quality.scores["overconfidence"].value == pytest.approx(surplus)
    rows = parse(page.text("scores"))
    for row, name in zip(rows, ("nll", "brier", "ece", "overconfidence"), strict=True):
        before, after = (side.scores[name] for side in (page.before, page.after))
        change = page.changes[name]
        assert change.value == pytest.approx(after.value - before.value)
        assert row["As trained (95 %)"].startswith(f"{before.value:.2f} (")
        assert row["After scaling (95 %)"].startswith(f"{after.value:.2f} (")
        assert row["Change (95 %)"].startswith(f"{change.value:+.2f} (")


def test_where_scaling_does_nothing_or_harms(good):
    assert calibrated(skill=1.0).before.scores["overconfidence"].sign == 0
    changes = page_of("harmed").changes
    assert changes["nll"].sign == changes["brier"].sign == 1


def test_the_curve_answers_the_surest_first(good):
    table = good.curve((0.25, 0.5, 1.0))
    sure, right = calibration.answers(good.truth, good.scaled, good.run.emotions)
    order = np.argsort(-sure, kind="stable")
    for row, n in zip(table.itertuples(), (50, 100, 200), strict=True):
        assert row.n == n
        assert row.accuracy == pytest.approx(right[order[:n]].mean())
        assert row.low <= row.accuracy <= row.high


def test_fewer_and_fewer_are_answered(good):
    assert list(good.curve()["n"]) == sorted(good.curve()["n"], reverse=True)


@pytest.mark.parametrize("name", PAGES)
def test_every_level_can_be_told_and_drawn(name):
    page = page_of(name)
    assert (page.run.unit == "utterance") == (name == "unknown speakers")
    *_, abstaining = texts(page, TEXTS)
    assert parse(abstaining)[0]["Answered"] == "100 %"
    for draw in (figures.reliability, figures.coverage):
        assert not re.search(r"nan|None|inf\b|  |Estimate\(", draw(page).alt)


def test_figures_state_what_they_draw():
    page = page_of("too sure")
    errors = [side.scores["ece"].value for side in (page.before, page.after)]
    stated = re.findall(r"expected error (\d\.\d\d)\.", figures.reliability(page).alt)
    assert stated == [f"{error:.2f}" for error in errors]
    share = page.curve().set_index("share").loc[0.5, "accuracy"]
    assert f"50 % answered, accuracy {share:.2f}" in figures.coverage(page).alt
