"""What training will take, from what it took: known answers."""

import json
from dataclasses import replace

import factory
import numpy as np
import pytest

from benchmarks import step
from ser_lib.corpora import CATALOGUE
from ser_lib.experiments import forecast, run
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment
from ser_lib.experiments.splits import Fold
from ser_lib.models import networks

EMPTY = np.array([], dtype=int)
FOLDS = [Fold("one", np.arange(100), EMPTY, EMPTY), Fold("two", np.arange(300), EMPTY, EMPTY)]
TEN = Experiment(architecture="cnn", epochs=10)


@pytest.fixture
def two_processors(monkeypatch):
    monkeypatch.setattr(forecast, "processors", lambda: 2)


def benchmarks(workspace, **ms):
    rows = [
        {"name": f"{networks.title(name)}{kind}, batch of 16", "ours": value * cost}
        for name, value in ms.items()
        for kind, cost in ((step.IN_BFLOAT16, 0.5), ("", 1))
    ]
    file = workspace / forecast.BENCHMARKS
    file.parent.mkdir()
    file.write_text(json.dumps({"benchmarks": {"step": {"rows": rows}}}))


def test_runs_of_this_workspace_know_better_than_benchmarks(workspace, two_processors):
    trainings = [(TEN, fold) for fold in FOLDS]
    benchmarks(workspace, cnn=5, cnn_gru=50)
    assert forecast.seconds(trainings) == pytest.approx(400 * 10 * 0.005 / 2)
    assert forecast.seconds(trainings[:1]) == pytest.approx(100 * 10 * 0.005)
    done = factory.with_data(factory.make_run("cnn"), speed={"training_s": 1000})
    run.write(replace(done, folder=workspace / done.folder))
    damaged = workspace / "runs" / "demo" / "damaged"
    damaged.mkdir()
    (damaged / "record.json").write_text("{")
    shown = sum(fold["n_train"] * fold["epochs"] for fold in done.record.folds)
    assert forecast.rates() == {"cnn": pytest.approx(1000 / shown), "cnn_gru": 0.05}


def test_the_benchmarks_of_the_project_know_every_network(workspace):
    rates = forecast.rates()
    assert set(rates) == set(ARCHITECTURES)
    assert all(0 < rate < 0.1 for rate in rates.values())


def test_a_network_that_never_ran_counts_as_the_slowest(workspace, two_processors):
    benchmarks(workspace, cnn=5, cnn_gru=50)
    unknown = Experiment(architecture="cnn_lstm", epochs=10)
    assert forecast.seconds([(unknown, FOLDS[0])]) == pytest.approx(100 * 10 * 0.05)
    assert forecast.seconds([(Experiment(architecture="lda"), FOLDS[0])]) is None


def test_what_a_corpus_takes(two_processors):
    rates = dict.fromkeys(ARCHITECTURES, 0.001)
    emodb = forecast.of_corpus(CATALOGUE["emodb"], rates)
    # Ten speakers, each tested once and validating once: an utterance trains in eight folds.
    assert emodb == pytest.approx(535 * 8 * CATALOGUE["emodb"].epochs * 3 * 0.001 / 2)
    assert forecast.of_corpus(CATALOGUE["table"], rates) is None
    assert forecast.of_corpus(CATALOGUE["emodb"], {"cnn": 0.001}) is None
