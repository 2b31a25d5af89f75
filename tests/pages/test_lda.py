"""The discriminant's page: steps that are tested, cues that are lost where they carry something."""

from dataclasses import replace
from pathlib import Path

import factory
import numpy as np
import pandas as pd
import pytest
from factory import baseline, parse
from sklearn.metrics import recall_score

from ser_lib.corpora import Manifest
from ser_lib.experiments import lda as fitting
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.run import Result
from ser_lib.experiments.splits import Fold
from ser_lib.features import functionals
from ser_lib.metrics.jackknife import Estimate
from ser_lib.models import lda as model
from ser_lib.pages import lda
from ser_lib.pages.figures import lda as figures
from ser_lib.pages.lda import Cues, Enrolment, Steps
from ser_lib.pages.words import number, signed

EMOTIONS = ["anger", "neutral", "sadness"]


@pytest.fixture(scope="module")
def page():
    """Six methods of rising skill on the same utterances."""
    made = [factory.make_run("cnn", seed=0, skill=skill) for skill in (1, 2, 3, 4, 5)]
    about = {"architecture": "lda", "parameters": Experiment(architecture="lda").parameters()}
    trained = [factory.with_data(run, **about) for run in made]
    folds = [fold | {"temperature": 2.0} for fold in trained[-1].record.folds]
    trained[-1] = factory.with_data(trained[-1], folds=folds)
    first = trained[0].predictions
    for one in trained[1:]:
        assert list(one.predictions["truth"]) == list(first["truth"])
    return Steps(trained, baseline("stack", trained[0], skill=0.5))


def test_every_step_is_an_experiment_that_differs_from_the_last():
    planned = lda.experiments("demo", seed=3, options={"shrinkage": 0.1, "epochs": 5})
    usual = Experiment(architecture="lda", corpus="demo", seed=3, shrinkage=0.1)
    assert planned[-1] == usual
    assert planned[0] == replace(usual, copies="none", test_copies="none", modulation=False)
    assert [one.copies for one in planned] == [
        *("none", "speed", "speed+tilt", "speed+tilt"),
        "speed+tilt+channel",
    ]
    assert len(set(planned)) == len(lda.STEPS) == 5


def test_each_step_is_compared_with_the_one_before(page):
    values = [step.result.uar.value for step in page.steps]
    assert values == sorted(values)
    assert page.steps[0].change is None
    for before, after, step in zip(values[:-1], values[1:], page.steps[1:], strict=True):
        assert step.change.value == pytest.approx(after - before)
        assert (step.change.comparisons, step.change.n) == (5, 10)
    assert page.whole.value == pytest.approx(values[-1] - values[0])
    rows = parse(page.text("steps"))
    alt = figures.steps(page).alt
    for row, value in zip(rows, values, strict=True):
        assert row["UAR (95 %)"].startswith(f"{number(value)} (")
        assert f"{number(value)} (95 % interval" in alt


@pytest.mark.parametrize("sign", [1, 0, -1])
@pytest.mark.parametrize("n", [1, 5])
def test_every_level_is_worded(page, sign, n, monkeypatch):
    freedom = n - 1
    change = Estimate(0.1 * sign, 0.001, n=n, freedom=freedom, scale="difference")
    monkeypatch.setattr(lda.runs, "uar_difference", lambda *_: change)
    words = Steps(page.trained, page.svm).text("steps")
    assert ("no reliable difference" in words) == (sign == 0 or n == 1)
    assert ("none could be" in words) == (n == 1)
    for name in ("headline", "trust"):
        assert page.text(name)


def test_the_code_on_the_page_is_what_fits_and_answers():
    assert "def fit(" in lda.source()
    assert "def predict(" in lda.source()


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """A run whose anger is told by pitch alone, sadness by speed, and a function to ask it."""
    generator = np.random.default_rng(0)
    speakers = np.repeat([f"s{i}" for i in range(6)], 30)
    truth = np.tile(EMOTIONS, 60)
    cues = functionals.cues()
    numbers = generator.normal(size=(180, 1, len(cues)))
    numbers[truth == "anger"] += 2.0 * (cues == "pitch")
    numbers[truth == "sadness"] -= 2.0 * (cues == "speed")
    names = [f"u{i:03d}" for i in range(180)]
    table = pd.DataFrame({"utterance": names, "speaker": speakers, "emotion": truth})
    folds, models, parts = [], {}, []
    for speaker in sorted(set(speakers)):
        test = np.flatnonzero(speakers == speaker)
        seen = np.flatnonzero(speakers != speaker)
        folds.append(Fold(f"speaker-{speaker}", seen, seen[:0], test))
        options = {"shrinkage": 0.05, "corpus": "demo", "copies": "none"}
        fitted = model.fit(numbers[seen], truth[seen], EMOTIONS, **options)
        models[folds[-1].name] = fitted
        predicted = np.array(EMOTIONS)[fitted.predict(numbers[test]).argmax(axis=1)]
        own = table.iloc[test].rename(columns={"emotion": "truth"})
        parts.append(own.assign(fold=folds[-1].name, predicted=predicted))

    class Asked(Result):
        """What `cues` needs of a run."""

        title, corpus = "LDA", Manifest(corpus="demo", root=Path("nowhere"), table=table)
        emotions, seed, experiment = EMOTIONS, 0, Experiment(architecture="lda")
        predictions = pd.concat(parts, ignore_index=True)

        def model(self, fold):
            return models[fold]

    run = Asked()
    run.folds = tuple(folds)
    return run, numbers


@pytest.fixture
def asked(heard, monkeypatch):
    run, numbers = heard
    monkeypatch.setattr(fitting, "prepare", lambda *_: [])
    monkeypatch.setattr(fitting, "read", lambda *_: numbers)
    return lda.cues(run, shuffles=5)


def test_what_an_emotion_is_told_by_is_lost_with_it(asked):
    losses = asked.losses.map(lambda loss: loss.value)
    assert losses.loc["pitch", "anger"] > 0.3
    assert losses.loc["speed", "sadness"] > 0.3
    assert losses.loc[["tone", "energy"]].abs().to_numpy().max() < 0.1
    assert [cue for cue, _ in asked.certain["anger"]] == ["pitch"]
    assert "sadness" in asked.certain
    assert sum(asked.sizes.values()) == 781
    for cue, row in losses.iterrows():
        assert asked.overall[cue].value == pytest.approx(row.mean())
    for loss in asked.losses.to_numpy().ravel():
        assert loss.low <= loss.value <= loss.high
        assert loss.comparisons == 4 * 3


def test_recall_before_is_that_of_the_run(heard):
    run, _ = heard
    truth, predicted = run.predictions["truth"], run.predictions["predicted"]
    recalls = [lda._recall(place, run.matrices.sum(axis=0)) for place in range(3)]
    np.testing.assert_allclose(recalls, recall_score(truth, predicted, average=None))


def test_the_figure_and_the_text_name_every_loss(asked):
    alt = figures.cues(asked).alt
    loss = asked.losses.loc["pitch", "anger"]
    assert f"anger without pitch {signed(loss)}" in alt
    assert alt.count(" without ") == 4 * 3
    words = asked.text("cues")
    assert "**Anger**" in words
    assert "**Neutral**" in words or "neutral" not in asked.certain


@pytest.mark.parametrize("n", [0, 1, 3])
def test_cues_are_worded_whatever_is_certain(asked, n):
    sure = Estimate(0.2, 0.001, n=5, freedom=4, scale="difference")
    none = replace(sure, value=0.0, error=0.1)
    columns = {name: [sure if i < n else none] * 4 for i, name in enumerate(EMOTIONS)}
    losses = pd.DataFrame(columns, list(lda.CUES))
    page = Cues(asked.run, losses, asked.overall, asked.sizes)
    assert page.text("cues").count("- **") == n == len(page.certain)
    assert figures.cues(page).fig


@pytest.fixture
def known(monkeypatch):
    """Speakers of voices far apart: a run that enrols them, and one that does not."""
    generator = np.random.default_rng(1)
    speakers = np.repeat([f"s{i}" for i in range(6)], 30)
    truth = np.tile(EMOTIONS, 60)
    numbers = generator.normal(size=(180, 1, 8)) + generator.normal(0, 5, (6, 1, 8)).repeat(30, 0)
    for place, emotion in enumerate(EMOTIONS):
        numbers[truth == emotion, 0, place] += 2.5
    table = pd.DataFrame(
        {"utterance": [f"u{i:03d}" for i in range(180)], "speaker": speakers, "emotion": truth}
    )
    rows = {name: np.flatnonzero(speakers == name) for name in sorted(set(speakers))}
    folds = tuple(
        Fold(name, np.flatnonzero(speakers != name), test[:0], test) for name, test in rows.items()
    )
    options = {"shrinkage": 0.05, "corpus": "demo", "copies": "none"}

    def run_of(**about):
        models = {
            fold.name: model.fit(
                numbers[fold.train],
                truth[fold.train],
                EMOTIONS,
                **options,
                **{name: values[fold.train] for name, values in about.items()},
            )
            for fold in folds
        }
        parts = []
        for fold in folds:
            answers = fitting.predict(models[fold.name], numbers, speakers, fold.test)
            own = table.iloc[fold.test].rename(columns={"emotion": "truth"})
            predicted = np.array(EMOTIONS)[answers.argmax(axis=1)]
            parts.append(own.assign(fold=fold.name, predicted=predicted))
        run = Asked()
        run.predictions, run.folds, run.model = pd.concat(parts), folds, models.get
        return run

    class Asked(Result):
        """What `enrolment` needs of a run."""

        title, corpus = "LDA", Manifest(corpus="demo", root=Path("nowhere"), table=table)
        emotions, seed, experiment = EMOTIONS, 0, Experiment(architecture="lda")

    monkeypatch.setattr(fitting, "prepare", lambda *_: [])
    monkeypatch.setattr(fitting, "read", lambda *_: numbers)
    return run_of(speakers=speakers), run_of()


def test_more_recordings_of_a_voice_are_worth_more(known):
    page = lda.enrolment(*known)
    assert [n for n, *_ in page.curve] == [*lda.CLIPS, None]
    values = {n: uar.value for n, uar, _ in page.curve}
    assert values[None] > values[5] > page.plain.uar.value
    assert values[1] < values[10]
    for n, result in page.few.items():
        assert len(result.predictions) == lda.DRAWS * (180 - 6 * n), "the known are not tested"
    rows = parse(page.text("enrolment"))
    assert [row["Recordings of the speaker"] for row in rows] == [
        *("none", "1", "3", "5", "10", "20"),
        "all",
    ]
    assert f"all: {number(values[None])}" in figures.enrolment(page).alt


@pytest.mark.parametrize("sign", [1, 0, -1])
def test_every_level_of_enrolment_is_worded(known, sign, monkeypatch):
    change = Estimate(0.1 * sign, 0.001, n=9, freedom=8, scale="difference")
    monkeypatch.setattr(lda.runs, "uar_difference", lambda *_: change)
    for few in ({}, {3: known[1]}):
        assert Enrolment(*known, few=few).text("enrolment")
