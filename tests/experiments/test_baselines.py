"""Baselines: known answers, scikit-learn as oracle, the published anchors on real speech."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import factory
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, recall_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from ser_lib import corpora
from ser_lib.core.errors import ParameterError, SplitError
from ser_lib.corpora import Manifest
from ser_lib.experiments import baselines, splits
from ser_lib.experiments.splits import Fold
from ser_lib.features import functionals

SPEAKERS = [f"s{i}" for i in range(4)]
EMOTIONS = ["anger", "neutral", "sadness"]


def manifest() -> Manifest:
    rows = product(SPEAKERS, EMOTIONS, range(4))
    table = pd.DataFrame(rows, columns=["speaker", "emotion", "take"])
    table = table.assign(session="", sentence="")
    table["utterance"] = table["sha256"] = [f"u{i:03d}" for i in range(len(table))]
    return Manifest(corpus="table", root=Path("nowhere"), table=table)


@pytest.fixture
def numbers(monkeypatch):
    """Give the functionals of a corpus: classes that overlap, a set of any name."""
    corpus = manifest()
    generator = np.random.default_rng(0)
    codes = pd.Categorical(corpus.table["emotion"]).codes
    values = generator.normal(size=(len(codes), 5)) + 1.2 * np.eye(3, 5)[codes]
    values[:, 4] *= 1000
    monkeypatch.setattr(functionals, "table", lambda *given, **options: values)
    return corpus, values


def test_the_majority_is_that_of_the_training_and_validation_parts():
    corpus = manifest()
    anger, neutral, sadness = (np.flatnonzero(corpus.table["emotion"] == e) for e in EMOTIONS)
    train = np.concatenate([anger[:3], neutral[:2]])
    fold = Fold("given", train=train, validation=neutral[2:4], test=sadness)
    found = baselines.train("majority", corpus, [fold])
    assert set(found.predictions["predicted"]) == {"neutral"}
    assert found.metrics["uar"].value == found.metrics["accuracy"].value == 0.0


def test_an_svm_answers_as_one_made_by_hand(numbers):
    corpus, values = numbers
    emotions = corpus.table["emotion"].to_numpy(dtype=object)
    found = baselines.train("stack", corpus, splits.make(corpus.table, "speaker")).predictions
    for speaker in SPEAKERS:
        tested = (corpus.table["speaker"] == speaker).to_numpy()
        scaler = StandardScaler().fit(values[~tested])
        svm = SVC(kernel="linear", class_weight="balanced", C=0.01)
        svm.fit(scaler.transform(values[~tested]), emotions[~tested])
        expected = svm.predict(scaler.transform(values[tested]))
        part = found[found["fold"] == f"speaker-{speaker}"]
        assert list(part["predicted"]) == list(expected)
        assert list(part["utterance"]) == list(corpus.table["utterance"][tested])
    assert len(set(found["predicted"])) == 3


def test_nothing_of_the_tested_speaker_reaches_the_training(numbers):
    corpus, values = numbers
    folds = splits.make(corpus.table, "speaker")[:1]

    def predicted():
        return list(baselines.train("stack", corpus, folds).predictions["predicted"])

    before, tested = predicted(), folds[0].test
    values[tested[1:]] = 1e6
    assert predicted()[0] == before[0]
    # What openSMILE cannot compute is the mean of the training part.
    values[tested] = values[np.concatenate([folds[0].train, folds[0].validation])].mean(axis=0)
    expected = predicted()
    values[tested[0]] = np.nan
    assert predicted() == expected


def test_scores_are_those_of_a_record(numbers):
    corpus, _ = numbers
    found = baselines.train("stack", corpus, splits.make(corpus.table, "speaker"))
    truth, predicted = found.predictions["truth"], found.predictions["predicted"]
    expected = {
        "accuracy": accuracy_score(truth, predicted),
        "uar": recall_score(truth, predicted, average="macro"),
        "macro_f1": f1_score(truth, predicted, average="macro"),
    }
    assert {n: found.metrics[n].value for n in expected} == pytest.approx(expected)
    assert set(found.metrics) == set(factory.make_run().metrics) - {"loss"}
    assert list(found.predictions) == ["utterance", "speaker", "fold", "truth", "predicted"]
    assert found.uar.low < found.uar.value < found.uar.high


def test_what_is_refused(numbers):
    corpus, _ = numbers
    with pytest.raises(ParameterError, match="unknown baseline 'svm'; choose from: majority"):
        baselines.train("svm", corpus, [])
    anger = np.flatnonzero(corpus.table["emotion"] == "anger")
    fold = Fold("given", train=anger[:3], validation=anger[:0], test=anger[3:])
    with pytest.raises(SplitError, match="fold 'given' has only the emotion 'anger' to train on"):
        baselines.train("stack", corpus, [fold])


def test_without_opensmile_there_are_two(monkeypatch):
    assert baselines.available() == ["majority", *functionals.available()]
    monkeypatch.setattr(functionals, "available", lambda: ("stack",))
    assert baselines.available() == ["majority", "stack"]
    assert set(baselines.TITLES) == {"majority", *functionals.SETS}


def test_all_run_in_the_folds_of_a_network(workspace, make_table, tmp_path):
    corpus = corpora.load("table", make_table(tmp_path / "own", speakers=SPEAKERS))
    folds = tuple(splits.make(corpus.table, "speaker"))
    run = replace(factory.make_run(), corpus=corpus, folds=folds)
    lines = []
    results = baselines.in_folds_of(run, workers=0, progress=lines.append)
    assert [one.name for one in results] == baselines.available()
    for one in results:
        assert sorted(one.predictions["fold"].unique()) == [f"speaker-{s}" for s in SPEAKERS]
        assert len(one.predictions) == one.predictions["utterance"].nunique() == 24
    # Tones of a pitch of their own are told by any of them but the majority class.
    majority, *svms = results
    assert majority.metrics["uar"].value == pytest.approx(1 / 3)
    assert all(svm.metrics["uar"].value > 0.8 for svm in svms)
    assert "24 of 24" in lines[0]


@pytest.mark.parametrize(
    ("name", "uar", "accuracy"), [("eGeMAPSv02", 0.667, 0.677), ("ComParE_2016", 0.788, 0.802)]
)
def test_the_anchors_on_real_speech(workspace, emodb, name, uar, accuracy):
    pytest.importorskip("opensmile", reason="needs the extra 'baseline'")
    corpus = corpora.load("emodb", emodb)
    found = baselines.train(name, corpus, splits.make(corpus.table, "speaker"))
    assert found.metrics["uar"].value == pytest.approx(uar, abs=0.01)
    assert found.metrics["accuracy"].value == pytest.approx(accuracy, abs=0.01)
