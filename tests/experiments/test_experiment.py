"""Experiments: every choice has a name, and a value that is not allowed is refused by name."""

import json
from dataclasses import fields, replace

import factory
import pytest

from ser_lib.core import jobs
from ser_lib.core.errors import ParameterError
from ser_lib.corpora import CATALOGUE
from ser_lib.experiments.experiment import ARCHITECTURES, METHODS, RECIPES, Experiment, names_of
from ser_lib.experiments.splits import PROTOCOLS

NAN = float("nan")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("corpus", CATALOGUE)
def test_usual_choices_are_filled_in(architecture, corpus):
    experiment = Experiment(architecture=architecture, corpus=corpus)
    assert experiment.protocol == CATALOGUE[corpus].protocol
    assert experiment.epochs == CATALOGUE[corpus].epochs
    assert experiment.channels == ARCHITECTURES[architecture]
    unset = [name for name, value in experiment.parameters().items() if value is None]
    assert unset == ["emotions", "style", "split"]


def test_parameters_are_json_and_make_the_same_experiment():
    for own in ({"mixup": 0, "class_weights": True}, {"architecture": "lda", "modulation": False}):
        experiment = Experiment(**{"architecture": "cnn_gru", "corpus": "emodb", **own})
        again = Experiment(**json.loads(json.dumps(experiment.parameters())))
        assert again == experiment
        assert list(experiment.parameters()) == names_of(experiment.architecture)


def test_a_method_has_its_own_parameters_and_those_of_others_decide_nothing():
    shared = {"architecture", "corpus", "emotions", "style", "protocol", "split", "folds", "seed",
              "copies", "test_copies"}  # fmt: skip
    known = {field.name for field in fields(Experiment)}
    networks = {frozenset(names_of(name)) for name in ARCHITECTURES}
    (network,), lda = networks, set(names_of("lda"))
    assert network & lda == shared
    assert network | lda == known
    assert {*ARCHITECTURES, "lda"} == set(METHODS)
    own = {"shrinkage": 0.2, "modulation": False, "enrolled": True}
    assert Experiment(architecture="cnn", **own) == Experiment(architecture="cnn")
    of_networks = {"epochs": 0, "feature_map": "mfcc", "channels": 3, "mixup": 0.1}
    assert Experiment(architecture="lda", **of_networks) == Experiment(architecture="lda")
    for name, value in own.items():
        assert Experiment(architecture="lda", **{name: value}) != Experiment(architecture="lda")


@pytest.mark.parametrize("protocol", [p for p in PROTOCOLS if p != "given"])
def test_folds_that_the_protocol_does_not_use_decide_nothing(tmp_path, protocol):
    used = protocol in ("speaker-kfold", "sentence+speaker")
    few, many = (Experiment(architecture="cnn", protocol=protocol, folds=n) for n in (3, 4))
    assert (few.decisive() != many.decisive()) == used
    assert few.parameters() != many.parameters()
    assert few.decisive() == {k: v for k, v in few.parameters().items() if used or k != "folds"}
    (file := tmp_path / "split.csv").touch()
    of_file = Experiment(architecture="cnn", protocol=protocol, split=str(file))
    assert "folds" not in of_file.decisive()
    # Whatever else it is, it is part of the key.
    for name, value in {"crops": 1, "seed": 1, "epochs": 3, "feature_map": "stack"}.items():
        changed = Experiment(architecture="cnn", protocol=protocol, **{name: value})
        assert changed.decisive() != Experiment(architecture="cnn", protocol=protocol).decisive()


def test_a_split_is_known_by_what_is_in_it(tmp_path):
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text("utterance,part\n1,train\n")
    other.write_text("utterance,part\n1,test\n")
    experiment = Experiment(architecture="cnn", split=str(one))
    assert experiment.protocol == "given"
    assert experiment.parameters()["split"] not in (None, str(one))
    moved = one.rename(tmp_path / "split.csv")
    run = factory.make_run("cnn")
    given = {"split": "0123", "architecture": "cnn", "protocol": "given"}
    again = replace(run, folder=tmp_path, record=replace(run.record, parameters=given)).experiment
    assert again == Experiment(architecture="cnn", split=str(moved))
    assert Experiment(architecture="cnn", split=str(moved), protocol="random").protocol == "random"
    with pytest.raises(ParameterError, match="protocol 'given' needs a split"):
        Experiment(architecture="cnn", protocol="given")
    changed = Experiment(architecture="cnn", split=str(other))
    assert changed.parameters() | {"split": None} == again.parameters() | {"split": None}
    assert changed.parameters() != again.parameters()


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (
            "architecture",
            ["cnn_gro", None, 1],
            "unknown architecture .*cnn, cnn_lstm, cnn_gru, lda",
        ),
        ("corpus", ["emod", None], "unknown corpus .*demo, demo2, crema-d, .*table"),
        ("emotions", ["anger,,fear", "anger, anger", "+", 3, ["anger"]], "emotions .*such|write"),
        ("style", ["acted", 1], "unknown style .*improvised, scripted"),
        ("protocol", ["speakers", 3], "unknown protocol .*random, speaker, session, speaker-kfold"),
        ("split", ["nowhere.csv", "."], "split must be a CSV file of folds; there is no file"),
        ("feature_map", ["mfcc", None], "unknown feature map .*logmel, stack"),
        ("channels", [2, 0, "3", -1, 3.0, True], "channels must be 1 or 3, not"),
        ("folds", [0, -1, 2.0, "5", True, None], "folds must be a whole number from 1, not"),
        ("epochs", [0, 1.5, "5", True], "epochs must be a whole number from 1, not"),
        ("batch_size", [0, 16.0, None], "batch_size must be a whole number from 1, not"),
        ("crops", [0, 2.5, 10**9], "crops must be a whole number from 1 to 1000, not"),
        ("seed", [-1, 0.5, None, 10**7], "seed must be a whole number from 0 to 1000000, not"),
        ("learning_rate", [0, -1e-3, 1.1, "1e-3", NAN, True], "must be above 0, up to 1, not"),
        ("weight_decay", [-0.1, "0", float("inf"), NAN], "weight_decay must be from 0 to"),
        ("mixup", [-0.1, float("inf"), NAN], "mixup must be from 0 to 100, not"),
        ("label_smoothing", [-0.1, 1, NAN], "label_smoothing must be from 0"),
        ("block_dropout", [-0.1, 1.0, "0.2"], "block_dropout must be from 0, below 1, not"),
        ("head_dropout", [-0.1, 1.0, None], "head_dropout must be from 0, below 1, not"),
        ("class_weights", [1, "yes", None], "class_weights must be True or False, not"),
        ("precision", ["float16", None, 32], "unknown precision .*auto, float32, bfloat16"),
        ("copies", ["fast", 3], "unknown set of copies .*none, speed, speed\\+tilt"),
        ("test_copies", [1, "fast"], "unknown set of copies"),
        ("enrolled", [1, None], "enrolled must be True or False, not"),
        ("features", ["fast"], "unknown kind of features"),
        ("modulation", ["no"], "modulation must be True or False, not"),
        ("shrinkage", [0, 1.1, "1", float("nan")], "shrinkage must be above 0, up to 1, not"),
    ],
)
def test_values_that_are_not_allowed(name, values, message):
    architecture = "cnn" if name in names_of("cnn") else "lda"
    for value in values:
        with pytest.raises(ParameterError, match=message) as caught:
            Experiment(**{"architecture": architecture, name: value})
        assert str(value) in str(caught.value)


def test_every_parameter_is_checked():
    """A new field of the experiment needs its line in the table of bad values above."""
    (mark,) = test_values_that_are_not_allowed.pytestmark
    assert {row[0] for row in mark.args[1]} == {field.name for field in fields(Experiment)}


ENDS = {"learning_rate": 1, "mixup": 0, "weight_decay": 0, "label_smoothing": 0.0,
        "head_dropout": 0.99, "batch_size": 1, "seed": 10**6}  # fmt: skip
GIVEN = {"protocol": "random", "epochs": 3, "channels": 3}


@pytest.mark.parametrize(("name", "value"), (ENDS | GIVEN).items())
def test_what_is_given_stays_and_the_ends_of_the_ranges_are_allowed(name, value):
    assert getattr(Experiment(**{"architecture": "cnn", name: value}), name) == value


@pytest.mark.parametrize(
    ("flags", "driver", "precision"),
    [
        ("flags : sse2 avx512_bf16 avx2", False, "bfloat16"),
        ("flags : sse2 amx_bf16", False, "bfloat16"),
        ("flags : sse2 avx2 avx512f", False, "float32"),
        ("flags : amx_bf16", True, "float32"),  # a GPU computes, not these processors
        (None, False, "float32"),
    ],
)
def test_the_usual_precision_is_what_the_processors_multiply(
    flags, driver, precision, tmp_path, monkeypatch
):
    if flags:
        (tmp_path / "cpuinfo").write_text(f"model name : One\n{flags}\n")
    monkeypatch.setattr(jobs, "CPUS", tmp_path / "cpuinfo")
    monkeypatch.setattr(jobs, "DRIVERS", (tmp_path,) if driver else ())
    monkeypatch.setattr(jobs, "has_bfloat16", jobs.has_bfloat16.__wrapped__)
    assert Experiment(architecture="cnn").precision == precision
    assert Experiment(architecture="cnn", precision="float32").precision == "float32"
    assert Experiment(architecture="lda").precision is None


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_network_has_its_usual_recipe(architecture):
    usual = Experiment(architecture=architecture)
    recipe = RECIPES[architecture]
    assert {name: getattr(usual, name) for name in recipe} == recipe
    for name in recipe.keys() - {"channels"}:
        assert getattr(Experiment(**{"architecture": architecture, name: 0.5}), name) == 0.5


def test_a_prediction_has_no_copies_that_training_lacks():
    usual = {"none": "none", "speed": "speed", "speed+tilt+channel": "speed+tilt"}
    for copies, shown in usual.items():
        assert Experiment(architecture="lda", copies=copies).test_copies == shown
        assert Experiment(architecture="cnn", copies=copies).test_copies == "none"
    with pytest.raises(ParameterError, match="unknown set of copies that training has"):
        Experiment(architecture="cnn", copies="speed", test_copies="speed+tilt")


def test_nobody_is_enrolled_who_may_be_known():
    with pytest.raises(ParameterError, match="keeps the speakers"):
        Experiment(architecture="lda", protocol="random", enrolled=True)
