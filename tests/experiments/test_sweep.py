"""Sweeps: what the file may say, the grid that it makes, and the order of its results."""

from dataclasses import fields, replace
from itertools import product

import factory
import pandas as pd
import pytest
from played import play

from ser_lib import corpora
from ser_lib.core.errors import ParameterError, SplitError
from ser_lib.experiments import sweep, train
from ser_lib.experiments.experiment import Experiment


@pytest.fixture
def reading(tmp_path):
    """A function that reads a sweep from text."""

    def reading(text: str) -> sweep.Grid:
        (tmp_path / "grid.yml").write_text(text)
        return sweep.read(tmp_path / "grid.yml")

    return reading


@pytest.fixture
def table(tmp_path, make_table):
    return make_table(tmp_path / "tones", each=1)


def grid_of(table, **values) -> sweep.Grid:
    """A grid of the CNN on a table, with these values one after the other."""
    experiments = [
        Experiment(architecture="cnn", corpus="table", **dict(zip(values, row, strict=True)))
        for row in product(*values.values())
    ]
    return sweep.Grid(experiments, str(table), values)


# The file


def test_every_combination_is_an_experiment(reading):
    lists = "epochs: 3, learning_rate: [1e-3, 0.002], class_weights: [true, false]"
    grid = reading(f"corpus: demo\narchitecture: [cnn, cnn_gru]\nparameters: {{{lists}}}")
    assert grid.data_dir is None
    assert grid.varied == ["architecture", "learning_rate", "class_weights"]
    assert grid.experiments == [
        Experiment(architecture=name, epochs=3, learning_rate=rate, class_weights=weights)
        for name, rate, weights in product(("cnn", "cnn_gru"), (0.001, 0.002), (True, False))
    ]


def test_one_run_is_a_sweep_and_all_parameters_of_an_experiment_are_known(reading):
    grid = reading("architecture: cnn\ndata_dir: some/where\n")
    assert grid == sweep.Grid(
        [Experiment(architecture="cnn")], "some/where", {"architecture": ["cnn"]}
    )
    known = {field.name for field in fields(Experiment)}
    assert set(sweep.PARAMETERS) == known - {"architecture", "corpus"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a sweep has the keys corpus, data_dir, architecture, parameters"),
        ("- cnn", "a sweep has the keys"),
        ("architecture: [cnn", "is not YAML"),
        ("[" * 3000, "is not YAML"),
        ("seed: !!timestamp x", "is not YAML"),
        ("architecture: cnn\nparameters: &a {seed: *a}", "seed must be a value or a list"),
        (
            f"architecture: cnn\nparameters: {{seed: {list(range(101))}, epochs: {[1] * 100}}}",
            "a sweep has 10,000 combinations at most, not 10,100",
        ),
        ("architectures: cnn", "unknown key of a sweep 'architectures' .did you mean 'archi"),
        ("corpus: demo", "architecture is missing"),
        ("architecture: []", r"architecture must be a value or a list of values, not \[\]"),
        ("architecture: cnn_gro", "unknown architecture 'cnn_gro' .did you mean 'cnn_gru'"),
        ("corpus: emobd\narchitecture: cnn", "unknown corpus 'emobd'"),
        ("corpus: [emodb, demo]\narchitecture: cnn", "corpus must be one text, not"),
        ("architecture: cnn\ndata_dir: 3", "data_dir must be one text, not 3"),
        ("architecture: cnn\nparameters: [epochs]", "parameters must be names with a value"),
        ("architecture: cnn\nparameters: {epoch: 3}", "unknown parameter of a sweep 'epoch'"),
        ("architecture: cnn\nparameters: {corpus: demo}", "unknown parameter of a sweep 'corpus'"),
        ("architecture: cnn\nparameters: {epochs: [3, 0]}", "epochs must be a whole number from 1"),
        ("architecture: cnn\nparameters: {mixup: [[1]]}", "mixup must be a value or a list"),
        ("architecture: cnn\nparameters: {mixup: {a: 1}}", "mixup must be a value or a list"),
        ("architecture: cnn\nparameters: {learning_rate: 1e3}", "learning_rate must be above 0"),
        ("architecture: cnn\nparameters: {seed: [1, 2, 1]}", "seed 1 are the same run; list it"),
        # The usual rate of this network, by its name and as a number.
        ("architecture: cnn\nparameters: {learning_rate: [null, 5e-4]}", "rate None and .* same"),
        ("architecture: cnn\nparameters:\n  seed: 1\n  seed: 2", "'seed' is there twice"),
        ("architecture: cnn\narchitecture: cnn_gru", "'architecture' is there twice"),
    ],
)
def test_a_file_that_is_refused(reading, tmp_path, text, message):
    with pytest.raises(ParameterError, match=r"cannot read .*none\.yml: .*No such file"):
        sweep.read(tmp_path / "none.yml")
    with pytest.raises(ParameterError, match=rf"^/.*grid\.yml.*{message}"):
        reading(text)


# The runs


@pytest.fixture
def played(workspace, monkeypatch):
    """What is prepared; records are made up, with a validation that contradicts the test."""
    asked = []

    def train_all(planned, **rest):
        for experiment, corpus in planned:
            train.audited(experiment, corpus)
        asked.append((planned, rest))
        return [made(experiment) for experiment, _ in planned]

    def made(experiment):
        run = factory.make_run(experiment.architecture, seed=experiment.seed)
        folds = [fold | {"validation_uar": 0.1 * experiment.seed + 0.02 * number}
                 for number, fold in enumerate(run.record.folds)]  # fmt: skip
        uar = factory.estimate(0.9 - 0.1 * experiment.seed)
        here = replace(factory.with_data(run, folds=folds), folder=workspace / run.folder)
        return factory.with_metrics(here, uar=uar)

    monkeypatch.setattr(train, "train_all", train_all)
    return asked


def test_the_order_is_that_of_validation(table, played):
    grid = grid_of(table, seed=(1, 3, 2))
    result = sweep.run(grid, workers="tcp://a:1")
    assert list(result.columns) == ["seed", *sweep.SCORES, "run"]
    n_folds = len(factory.make_run().record.folds)
    expected = [0.1 * seed + 0.01 * (n_folds - 1) for seed in (3, 2, 1)]
    assert list(result["seed"]) == [3, 2, 1]
    assert list(result["validation_uar"]) == pytest.approx(expected)
    assert list(result["uar"]) == pytest.approx([0.6, 0.7, 0.8]), "the best test score comes last"
    assert list(result["uar_high"] - result["uar_low"]) == pytest.approx([0.2] * 3)
    assert result["run"][0] == "runs/demo/cnn-speaker-000000000003"
    ((planned, rest),) = played
    assert [experiment for experiment, _ in planned] == grid.experiments
    assert rest == {"workers": "tcp://a:1", "progress": None}
    lines = sweep.in_words(result.assign(seed=[3e-4, 1.25e-5, 5])).splitlines()
    assert len(lines) == 4
    assert lines[1].split()[1:3] == [f"{expected[0]:.3f}", "0.600"]
    small = [float(line.split()[0]) for line in lines[1:]]
    assert small == [3e-4, 1.25e-5, 5], "small values are not rounded away"


def test_each_choice_of_utterances_has_its_manifest(table, played):
    sweep.run(grid_of(table, seed=(1, 2), emotions=(None, "anger, sadness")))
    ((planned, _),) = played
    expected = [["anger", "neutral", "sadness"], ["anger", "sadness"]] * 2
    assert [manifest.emotions for _, manifest in planned] == expected
    assert planned[0][1] is planned[2][1], "a corpus is read once"


def test_what_the_last_run_lacks_is_said_before_any_work(table, played):
    with pytest.raises(SplitError, match="needs the session of every utterance"):
        sweep.run(grid_of(table, protocol=("speaker", "session")))
    assert played == []


def test_a_sweep_leaves_the_records_of_its_runs(workspace, table, monkeypatch):
    """With `run` itself; only what a fold would learn is made up."""
    names = play(monkeypatch)
    grid = grid_of(table, seed=(0, 1))
    result = sweep.run(grid, progress=lambda line: None)
    assert len(names) == 6
    manifest = corpora.load("table", table)
    for experiment, run in zip(grid.experiments, result.sort_values("seed")["run"], strict=True):
        folds = train.audited(experiment, manifest)
        assert workspace / run == train.run_folder(experiment, manifest, folds)
        assert (workspace / run / "record.json").is_file()
    names.clear()
    pd.testing.assert_frame_equal(sweep.run(grid, progress=lambda line: None), result)
    assert names == [], "what is there is not trained again"
