"""Searches: what the file may say, what is proposed, pruned and kept, and what is never read."""

import json
from dataclasses import asdict, replace

import factory
import numpy as np
import pytest
from played import play, play_fold

from ser_lib.core.errors import ParameterError, RecordError, TrainingError
from ser_lib.experiments import lda, search, train
from ser_lib.experiments.names import folder_of
from ser_lib.experiments.search import Record, Search, Trial

optuna = pytest.importorskip("optuna")
EASY = (0.2, 0.0, 0.1, -0.1, -0.2, 0.15)  # folds
SPACE = {
    "shrinkage": {"low": 0.001, "high": 1.0, "step": None, "log": True},
    "modulation": [True, False],
}


@pytest.fixture
def reading(tmp_path):
    """A function that reads a search from text."""

    def reading(text: str) -> Search:
        (tmp_path / "space.yml").write_text(text)
        return search.read(tmp_path / "space.yml")

    return reading


@pytest.fixture
def table(tmp_path, make_table):
    speakers = [f"s{number}" for number in range(len(EASY))]
    return make_table(tmp_path / "tones", each=1, speakers=speakers)


@pytest.fixture
def played(workspace, monkeypatch):
    """The names of the folds that are fitted; a shrinkage of 0.1 is best, with modulation."""
    names = play(monkeypatch)

    def fit_fold(experiment, number, *rest):
        if experiment.shrinkage > 0.5:
            raise TrainingError("it is too large")
        line, files = play_fold(experiment, number, *rest)
        worse = abs(np.log10(experiment.shrinkage) + 1) / 5 + 0.1 * (not experiment.modulation)
        result = json.loads(files["fold.json"])
        result["validation_uar"] = 0.7 + EASY[number] - worse - 0.01 * (number % 2)
        return line, files | {"fold.json": json.dumps(result).encode()}

    monkeypatch.setattr(lda, "fit_fold", fit_fold)
    return names


def asked(table, trials=12, seed=0, space=SPACE) -> Search:
    fixed = {"corpus": "table", "architecture": "lda", "protocol": "speaker"}
    return Search(fixed, space, trials, seed, str(table))


def silent(line: str) -> None:
    """Say nothing."""


# The file


def test_values_are_fixed_lists_are_choices_and_ranges_are_numbers(reading):
    result = reading("""
        architecture: cnn
        trials: 7
        parameters:
          epochs: {low: 5, high: 15, step: 5}
          learning_rate: {low: 1e-4, high: 0.01, log: true}
          mixup: {low: 0, high: 1}
          block_dropout: {low: 0, high: 0.3, step: 0.1}
          batch_size: [8, 16]
          copies: [none, null]
          seed: 3
        """)
    of_float = {"step": None, "log": False}
    assert result == Search(
        fixed={"corpus": "demo", "architecture": "cnn", "seed": 3},
        space={
            "epochs": {"low": 5, "high": 15, "step": 5, "log": False},
            "learning_rate": {"low": 1e-4, "high": 0.01, "step": None, "log": True},
            "mixup": of_float | {"low": 0.0, "high": 1.0},
            "block_dropout": {"low": 0.0, "high": 0.3, "step": 0.1, "log": False},
            "batch_size": [8, 16],
            "copies": ["none", None],
        },
        trials=7,
        seed=0,
        data_dir=None,
    )
    # Without copies in training there are none in the test: the usual value is that of each trial.
    assert result.experiment({"copies": "none"}).test_copies == "none"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a search has the keys corpus, data_dir, architecture, parameters, trials, seed"),
        ("architecture: [cnn, cnn_gru]", "architecture must be one method"),
        ("architecture: cnn\ntrial: 3", "unknown key of a search 'trial' .did you mean 'trials'"),
        ("architecture: cnn\ntrials: 3\nparameters: {epochs: [3]}", "nothing is searched"),
        ("architecture: cnn\nparameters: {epochs: [3, 4]}", "trials must be .* from 1, not None"),
        ("architecture: cnn\ntrials: 0\nparameters: {epochs: [3, 4]}", "trials must be .* not 0"),
        ("architecture: cnn\ntrials: 3\nseed: -1\nparameters: {epochs: [3, 4]}", "seed must be"),
        ("architecture: cnn\nparameters: {epoch: {low: 1, high: 3}}", "parameter of a search 'ep"),
        ("architecture: cnn\nparameters: {copies: {low: 1, high: 3}}", "copies is no number"),
        ("architecture: cnn\nparameters: {crops: {low: 1, hihg: 3}}", "the range of crops 'hihg'"),
        (
            "architecture: cnn\nparameters: {crops: {low: 1, high: 2.5}}",
            "crops must be a whole number",
        ),
        ("architecture: cnn\nparameters: {mixup: {high: 2.5}}", "must have low and high"),
        ("architecture: cnn\nparameters: {mixup: {low: 1, high: 0}}", "the range of mixup: .*low"),
        (
            "architecture: cnn\nparameters: {mixup: {low: 0, high: 1, log: true}}",
            "the range of mixup: .*log",
        ),
        (
            "architecture: cnn\nparameters: {crops: {low: 1, high: 9, log: true, step: 2}}",
            "crops: .*step",
        ),
        ("architecture: cnn\nparameters: {learning_rate: {low: 0.1, high: 2}}", "up to 1, not 2"),
        ("architecture: lda\nparameters: {epochs: {low: 1, high: 9}}", "are the same run"),
        ("architecture: cnn\ntrials: 3\nparameters: {seed: [0, 1]}", "seed cannot be searched"),
        ("architecture: lda\nparameters: {enrolled: [true, false]}", "enrolled cannot be search"),
        ("architecture: cnn\nparameters: {folds: {low: 3, high: 9}}", "folds cannot be searched"),
        ("architecture: cnn\nparameters: [epochs]", "parameters must be names with a value"),
    ],
)
def test_a_file_that_is_refused(reading, text, message):
    with pytest.raises(ParameterError, match=rf"^/.*space\.yml: .*{message}"):
        reading(text)


# The search


def test_it_finds_the_best_prunes_what_is_worse_in_every_fold_and_says_so(table, played):
    said = []
    record = search.run(asked(table, trials=14), progress=said.append)
    assert len(record.trials) == 14
    assert 0.02 < record.best.parameters["shrinkage"] < 0.5
    assert record.best.parameters["modulation"]
    finished = [one for one in record.trials if not one.pruned]
    assert all(one.folds == len(EASY) for one in finished)
    values = [one.validation_uar for one in finished]
    assert record.best.validation_uar == max(values)
    pruned = [one for one in record.trials if one.pruned and not one.error]
    # Four folds, all of them worse, are the fewest that a Wilcoxon test calls worse.
    assert pruned
    assert {one.folds for one in pruned} <= {4, 5}
    assert record.pruned == sum(one.pruned for one in record.trials)
    failed = [one for one in record.trials if one.parameters["shrinkage"] > 0.5]
    assert {(one.error, one.validation_uar) for one in failed} == {("it is too large", None)}
    assert set(record.importances) == set(SPACE)
    assert sum(record.importances.values()) == pytest.approx(1, abs=1e-3)
    assert len(said) == 14
    assert all("UAR" not in line.replace("validation UAR", "") for line in said)


def test_importances_are_shares_of_the_variance():
    ranges = dict.fromkeys("ab", optuna.distributions.FloatDistribution(0, 1))
    study = optuna.create_study(direction="maximize")
    for number in range(30):
        if number in (0, search.FEWEST - 1):
            assert search._importances(study) == {}
        trial = study.ask(ranges)
        study.tell(trial, 0.5 + 0.3 * trial.params["b"])
    shares = search._importances(study)
    assert list(shares) == ["b", "a"]
    assert shares["b"] > 0.95


@pytest.mark.parametrize("place", ["between trials", "between folds"])
def test_an_interrupted_search_goes_on_as_if_nothing_had_been(table, played, monkeypatch, place):
    space = {"shrinkage": {**SPACE["shrinkage"], "high": 0.5}, "modulation": [True, False]}
    sought = asked(table, seed=1, trials=6, space=space)
    whole = search.run(sought, progress=silent)
    fitted = list(played)
    for file in table.parents[1].glob("workspace/runs/table/search/*"):
        file.unlink()
    owner, name = (search, "_line") if place == "between trials" else (train, "fold_result")
    original, left = getattr(owner, name), [5]

    def interrupt(*arguments):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            search.run(sought, progress=silent)
    assert search.run(sought, progress=silent) == whole
    (file,) = search.records_of(folder_of("table"), "lda")
    assert Record.read(file) == whole
    assert search.run(replace(sought, trials=5), progress=silent) == whole, "it stays"
    assert played == fitted, "no fold was trained twice"


def test_the_winner_is_there_when_it_is_run_and_no_other_run_is(workspace, table, played):
    record = search.run(asked(table, trials=5), progress=silent)
    assert not list(workspace.glob("runs/table/lda-*")), "nothing is scored on test sets"
    played.clear()
    corpus = search.corpora.load("table", table)
    given = record.fixed | record.best.parameters
    del given["corpus"]
    run = train.train(corpus=corpus, **given)
    assert not played, "its folds are trained"
    assert search.tried(run) == search.Tried(record.configurations, chosen=True)
    assert search.tried(factory.make_run("cnn")) is None
    other = search.run(asked(table, trials=2, space={"shrinkage": [0.3, 0.4]}), progress=silent)
    n = record.configurations + other.configurations
    assert search.tried(run) == search.Tried(n, chosen=True)
    usual = factory.with_data(run, parameters=run.record.parameters | {"shrinkage": 0.2})
    assert search.tried(usual) == search.Tried(n, chosen=False)


def test_a_table_has_the_best_first_and_equal_trials_are_one_configuration():
    trials = [Trial({"a": a}, uar, 3, pruned) for a, uar, pruned in
              ((1, 0.5, False), (2, 0.9, True), (3, 0.7, False), (1, 0.5, False))]  # fmt: skip
    about = {"architecture": "cnn", "corpus": "demo", "fixed": {}, "space": {"a": [1, 2, 3]}}
    record = Record(**about, seed=0, configurations=3, pruned=1, importances={}, winner={},
                    trials=trials)  # fmt: skip
    assert list(record.table["a"]) == [3, 1, 1, 2]
    assert record.best == trials[2]


def test_a_damaged_storage_or_record_is_named(table, played):
    search.run(asked(table, trials=1), progress=silent)
    (file,) = search.records_of(folder_of("table"), "lda")
    log = file.with_suffix(".log")
    log.write_bytes(log.read_bytes()[:-9] + b"\n{}\n")
    with pytest.raises(RecordError, match=rf"{log.name} is damaged"):
        search.run(asked(table, trials=2), progress=silent)
    content = asdict(Record.read(file)) | {"unknown": 1}
    file.write_text(json.dumps(content))
    with pytest.raises(RecordError, match=rf"{file.name} is not the record of a search"):
        Record.read(file)
