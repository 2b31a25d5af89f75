"""Sweeps: what the file may say, the grid that it makes, and the order of its results."""

from dataclasses import replace

import factory
import pandas as pd
import pytest

from ser_lib import corpora
from ser_lib.core.errors import ParameterError, SplitError
from ser_lib.experiments import run as training
from ser_lib.experiments import sweep
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment


@pytest.fixture
def write(tmp_path):
    """A function that writes the file of a sweep and returns its path."""

    def write(text: str):
        file = tmp_path / "grid.yml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


# The file


def test_every_combination_is_an_experiment(write):
    grid = sweep.read(
        write("""
corpus: demo
architecture: [cnn, cnn_gru]
parameters:
  epochs: 3
  learning_rate: [1e-3, 0.002]
  class_weights: [true, false]
""")
    )
    assert grid.data_dir is None
    assert grid.varied == ["architecture", "learning_rate", "class_weights"]
    assert grid.experiments == [
        Experiment(architecture=name, corpus="demo", epochs=3, learning_rate=rate,
                   class_weights=weights)
        for name in ("cnn", "cnn_gru") for rate in (0.001, 0.002) for weights in (True, False)
    ]  # fmt: skip


def test_one_run_is_a_sweep_too(write):
    grid = sweep.read(write("architecture: cnn\ndata_dir: some/where\n"))
    assert grid == sweep.Grid([Experiment(architecture="cnn")], "some/where", [])


def test_all_networks_and_the_parameters_of_an_experiment_are_known(write):
    names = ", ".join(ARCHITECTURES)
    assert len(sweep.read(write(f"architecture: [{names}]")).experiments) == len(ARCHITECTURES)
    known = set(Experiment(architecture="cnn").parameters())
    assert set(sweep.PARAMETERS) == known - {"architecture", "corpus"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a sweep has the keys corpus, data_dir, architecture, parameters"),
        ("- cnn", "a sweep has the keys"),
        ("architecture: [cnn", "is not YAML"),
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
def test_a_file_that_is_refused(write, text, message):
    file = write(text)
    with pytest.raises(ParameterError, match=message) as caught:
        sweep.read(file)
    assert str(caught.value).startswith(str(file))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ParameterError, match=r"cannot read the sweep .*none\.yml: .*No such file"):
        sweep.read(tmp_path / "none.yml")


# The runs


@pytest.fixture
def played(workspace, monkeypatch):
    """What is prepared; records are made up, with a validation that contradicts the test."""
    asked = []

    def gather(experiment, manifest):
        record = factory.make_record(experiment.architecture, seed=experiment.seed)
        folds = [fold | {"validation_uar": 0.1 * experiment.seed + 0.02 * number}
                 for number, fold in enumerate(record.data["folds"])]  # fmt: skip
        metrics = {"uar": 0.9 - 0.1 * experiment.seed, "uar_ci95": [0.2, 0.95], "accuracy": 0.5}
        folder = workspace / record.folder
        return replace(factory.with_data(record, folds=folds, metrics=metrics), folder=folder)

    monkeypatch.setattr(training, "prepare", lambda planned, **rest: asked.append((planned, rest)))
    monkeypatch.setattr(training, "gather", gather)
    return asked


def test_the_order_is_that_of_validation(tmp_path, make_table, played):
    table = make_table(tmp_path / "tones", each=1)
    experiments = [Experiment(architecture="cnn", corpus="table", seed=n) for n in (1, 3, 2)]
    found = sweep.run(sweep.Grid(experiments, str(table), ["seed"]), workers="tcp://a:1")
    assert list(found.columns) == ["seed", *sweep.SCORES, "run"]
    assert list(found["seed"]) == [3, 2, 1]
    n_folds = len(factory.make_record().data["folds"])
    expected = [0.1 * seed + 0.01 * (n_folds - 1) for seed in (3, 2, 1)]
    assert list(found["validation_uar"]) == pytest.approx(expected)
    assert list(found["uar"]) == pytest.approx([0.6, 0.7, 0.8]), "the best test score comes last"
    assert set(found["uar_low"]) == {0.2}
    assert set(found["uar_high"]) == {0.95}
    assert found["run"][0] == "runs/demo/cnn-speaker-000000000003"
    ((planned, rest),) = played
    assert [experiment for experiment, _ in planned] == experiments
    assert rest == {"workers": "tcp://a:1", "progress": None}
    lines = sweep.in_words(found).splitlines()
    assert len(lines) == 4
    assert lines[1].split()[:3] == ["3", f"{expected[0]:.3f}", "0.600"]


def test_small_values_are_not_rounded_away():
    table = pd.DataFrame({"learning_rate": [5e-4, 1.25e-5]} | dict.fromkeys(sweep.SCORES, 0.5))
    words = sweep.in_words(table)
    assert [float(line.split()[0]) for line in words.splitlines()[1:]] == [5e-4, 1.25e-5]


def test_each_choice_of_utterances_has_its_manifest(tmp_path, make_table, played):
    table = make_table(tmp_path / "tones", each=1)
    two = "anger, sadness"
    experiments = [Experiment(architecture="cnn", corpus="table", seed=n, emotions=emotions)
                   for n in (1, 2) for emotions in (None, two)]  # fmt: skip
    sweep.run(sweep.Grid(experiments, str(table), ["seed", "emotions"]))
    ((planned, _),) = played
    assert [manifest.emotions for _, manifest in planned] == [
        ["anger", "neutral", "sadness"], ["anger", "sadness"]
    ] * 2  # fmt: skip
    assert planned[0][1] is planned[2][1], "a corpus is read once"


def test_what_the_last_run_lacks_is_said_before_any_work(tmp_path, make_table, played):
    table = make_table(tmp_path / "tones", each=1)
    experiments = [Experiment(architecture="cnn", corpus="table", protocol=protocol)
                   for protocol in ("speaker", "session")]  # fmt: skip
    with pytest.raises(SplitError, match="needs the session of every utterance"):
        sweep.run(sweep.Grid(experiments, str(table), ["protocol"]))
    assert played == []


def test_a_sweep_leaves_the_records_of_its_runs(workspace, tmp_path, make_table, monkeypatch):
    """With `run` itself; only what a fold would learn is made up."""
    from test_training import play

    names = play(monkeypatch)
    table = make_table(tmp_path / "tones", each=1)
    grid = sweep.Grid([Experiment(architecture="cnn", corpus="table", seed=n) for n in (0, 1)],
                      str(table), ["seed"])  # fmt: skip
    found = sweep.run(grid, progress=lambda line: None)
    assert len(names) == 6
    manifest = corpora.load("table", table)
    for experiment in grid.experiments:
        key = training.run_key(experiment, manifest)
        (run,) = found.loc[found["seed"] == experiment.seed, "run"]
        assert workspace / run == training.run_folder(experiment, key)
        assert (workspace / run / "record.json").is_file()
    names.clear()
    again = sweep.run(grid, progress=lambda line: None)
    assert names == [], "what is there is not trained again"
    pd.testing.assert_frame_equal(again, found)
