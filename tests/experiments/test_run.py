"""Runs: tables of scores, written whole and read back as they were."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factory import make_run, with_data
from sklearn.metrics import classification_report, confusion_matrix

from ser_lib.core import files
from ser_lib.core.errors import ParameterError, RecordError
from ser_lib.corpora import Manifest
from ser_lib.experiments import final, train
from ser_lib.experiments import run as runs
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.splits import PROTOCOLS
from ser_lib.models import bundle


@pytest.fixture
def record(tmp_path):
    return replace(make_run(), folder=tmp_path / "run")


def test_what_is_written_is_read(record):
    runs.write(record)
    found = runs.read(str(record.folder))
    assert found.folder == record.folder
    assert found.record == record.record
    assert found.emotions == record.record.corpus.emotions
    pd.testing.assert_frame_equal(found.history, record.history, check_dtype=False)
    pd.testing.assert_frame_equal(found.predictions, record.predictions, check_dtype=False)
    names = sorted(path.name for path in record.folder.iterdir())
    assert names == ["SHA256SUMS", "history.csv", "predictions.csv", "record.json"]


def test_names_stay_texts_and_probabilities_keep_the_precision_of_the_network(record):
    values = np.random.default_rng(0).random((4, 1)).astype(np.float32)
    table = record.predictions.head(4).assign(
        utterance=["001", "NA", "1e5", "null"],
        speaker=["03", "", "None", "nan"],
        truth=["none", "NA", "true", "1"],
        predicted=["NaN", "null", "false", "02"],
        p_anger=values,
    )
    runs.write(replace(record, predictions=table))
    found = runs.read_predictions(record.folder / "predictions.csv")
    for column in ("utterance", "speaker", "fold", "truth", "predicted"):
        assert list(found[column]) == list(table[column])
    assert found.filter(regex="^p_").dtypes.eq(float).all()
    assert np.array_equal(found["p_anger"].to_numpy(np.float32), values[:, 0])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32(1), np.arange(2), {1, 2}])
def test_only_plain_json_is_written(record, value):
    record.record.metrics["accuracy"] = value
    with pytest.raises(RecordError, match="plain JSON numbers and texts only"):
        runs.write(record)
    assert not record.folder.exists()


def test_a_record_that_was_not_finished_is_no_record(record, monkeypatch):
    written = []

    def write(target, content):
        written.append(target.name)
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(runs, "write_atomically", write)
    with pytest.raises(KeyboardInterrupt):
        runs.write(record)
    assert "record.json" not in written
    with pytest.raises(RecordError, match="holds no finished run"):
        runs.read(record.folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("record.json", None, "holds no finished run"),
        ("SHA256SUMS", None, "SHA256SUMS is not as it was written"),
        ("SHA256SUMS", b"\xff no sums", "is damaged"),
        ("record.json", b"{half", "is damaged"),
        ("record.json", b"\xff\xfe", "is damaged"),
        ("record.json", b"[" * 100_000, "is damaged"),
        ("record.json", b"[1, 2]", "is damaged"),
        ("record.json", json.dumps({"schema": 99}).encode(), "has schema 99, this library reads 1"),
        ("record.json", {"schema"}, "has schema None"),
        ("record.json", {"metrics"}, "record"),
        ("record.json", {"speed"}, "record"),
        ("history.csv", None, "is damaged"),
        ("history.csv", b"", "is damaged"),
        ("predictions.csv", None, "is damaged"),
        ("predictions.csv", b'a,b\n"', "is damaged"),
    ],
)
def test_a_record_that_cannot_be_read(record, name, content, message):
    with pytest.raises(RecordError, match="holds no finished run"):
        runs.read(record.folder)
    runs.write(record)
    file = record.folder / name
    if isinstance(content, set):  # fields that the record lacks
        data = json.loads(file.read_text())
        content = json.dumps({key: data[key] for key in set(data) - content}).encode()
    file.unlink() if content is None else file.write_bytes(content)
    for again in (False, True):
        if again and name != "SHA256SUMS":  # as of another library, or of somebody who knows how
            files.seal(record.folder)
        with pytest.raises(
            RecordError, match=message if again else "damaged|no finished"
        ) as caught:
            runs.read(record.folder)
        assert str(record.folder) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("predictions.csv", ",speaker-01,", ",speaker-02,"),
        ("predictions.csv", "u0000,01,", "u0000,02,"),
        ("predictions.csv", "0.", "7."),
        ("predictions.csv", ",0.", ",x."),
        ("history.csv", "validation,0.", "validation,1."),
        ("record.json", '"validation_loss": 0.', '"validation_loss": 1.'),
        ("record.json", '"loss": ', '"loss": 1'),
        ("record.json", '"seed": 0', '"seed": 1'),
        ("split.csv", "a", "b"),
        ("bundle/front_end.json", "1.0", "9.0"),
    ],
)
def test_a_run_that_was_altered_is_not_used(record, name, old, new):
    for other in ("split.csv", "bundle/front_end.json"):
        files.write_atomically(record.folder / other, '{"a": 1.0}')
    runs.write(record)
    runs.read(record.folder)
    file = record.folder / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(RecordError, match=rf"is damaged.*{name} is not as it was written"):
        runs.read(record.folder)


def test_tables_are_those_of_scikit_learn():
    run = make_run(seed=3)
    truth, predicted = run.predictions["truth"], run.predictions["predicted"]
    expected = classification_report(truth, predicted, labels=run.emotions, output_dict=True)
    for emotion, row in run.per_class.iterrows():
        values = (expected[emotion][n] for n in ("precision", "recall", "f1-score", "support"))
        assert list(row) == pytest.approx(list(values))
    counts = confusion_matrix(truth, predicted, labels=run.emotions)
    assert run.confusion.to_numpy().tolist() == counts.tolist()
    assert list(run.confusion.index) == list(run.confusion.columns) == run.emotions
    assert list(run.scores.columns) == ["value", "low", "high"]
    assert list(run.scores.index) == ["uar", "accuracy", "macro_f1", "weighted_f1"]
    assert run.scores.loc["uar", "value"] == run.uar.value == run.record.metrics["uar"]
    np.testing.assert_allclose(run.probabilities.sum(axis=1), 1)
    labels = [run.emotions[i] for i in run.probabilities.argmax(axis=1)]
    assert labels == list(run.predictions["predicted"])


@pytest.mark.parametrize(
    ("protocol", "speakers", "unit", "n"),
    [
        ("speaker", 10, "speaker", 10),
        ("session", 10, "fold", 5),  # two speakers share a trained network
        ("random", 10, "speaker", 10),  # all share one, of which nothing more is known
        ("speaker", 1, "utterance", 20),
    ],
)
def test_what_tests_depend_on_as_a_whole(protocol, speakers, unit, n):
    run = make_run(protocol=protocol, speakers=speakers)
    assert (run.unit, run.uar.n, run.record.units) == (unit, n, {"unit": unit, "n": n})
    assert run.clusters == list(run.predictions[unit])
    several = run.predictions.assign(fold=[f"{i % 3}" for i in range(len(run.predictions))])
    assert run.on(several).unit == ("utterance" if speakers == 1 else "speaker")
    unnamed = run.on(run.predictions.assign(speaker=["", *run.predictions["speaker"][1:]]))
    assert (unnamed.unit, unnamed.n_speakers) == ("utterance", 0)


def test_a_run_says_what_was_trained(record):
    def trained(**given) -> runs.Run:
        experiment = Experiment(architecture="lda", corpus="demo", **given)
        of_it = {"architecture": "lda", "parameters": experiment.parameters()}
        run = replace(record, record=replace(record.record, **of_it))
        assert (run.experiment, run.given) == (experiment, given)
        return run

    plain, enrolled = trained(), trained(enrolled=True, shrinkage=0.1)
    assert plain.title != enrolled.title
    assert plain.protocol_words == PROTOCOLS["speaker"].words != enrolled.protocol_words


def test_the_split_of_a_run_is_read_from_its_folder(record):
    run = with_data(record, parameters={"split": "a hash"})
    folder = run.folder
    folder.mkdir()
    (folder / "split.csv").write_text("utterance,part\n")
    assert run.experiment.split == str(folder / "split.csv")
    # It says what it is, and if it claims to be a protocol, that too.
    given = with_data(run, protocol="given")
    assert PROTOCOLS["given"].words == given.protocol_words != run.protocol_words


def test_the_model_of_a_run_is_that_of_a_fold_or_the_one_to_take_along(record, monkeypatch):
    monkeypatch.setattr(bundle, "load", lambda folder: folder)
    monkeypatch.setattr(train, "bundles", lambda run: {"speaker-02": Path("second")})
    monkeypatch.setattr(final, "make", lambda run, workers: run.folder / f"by {workers}")
    assert (record.model(), record.model("speaker-02")) == (record.folder, Path("second"))
    assert record.take_along(workers=1) == record.folder / "by 1"


# Predictions of any origin


@pytest.fixture
def corpus(tmp_path):
    rows = [("u1", "a", "anger"), ("u2", "a", "joy"), ("u3", "b", "anger"), ("u4", "b", "joy")]
    table = pd.DataFrame(rows, columns=["utterance", "speaker", "emotion"])
    return Manifest(corpus="table", root=tmp_path, table=table)


def test_predictions_of_any_origin_are_scored(corpus, tmp_path):
    table = pd.DataFrame(
        {"utterance": ["u4", "u1", "u2"], "predicted": ["joy", "anger", "anger"], "more": 1}
    )
    file = tmp_path / "mine.csv"
    table.to_csv(file, index=False)
    for given in (table, file, str(file)):
        result = runs.evaluate(given, corpus, title="mine")
        assert result.uar.value == 0.75
        assert result.title == "mine"
        assert list(result.predictions["truth"]) == ["joy", "anger", "joy"]
        assert result.clusters == ["b", "a", "a"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"utterance": ["u1"]}, "no column 'predicted'; they have: utterance"),
        ({"utterance": ["u9"], "predicted": ["joy"]}, "does not have: 'u9'"),
        ({"utterance": ["u1", "u1"], "predicted": ["joy", "joy"]}, "twice: 'u1'"),
        ({"utterance": ["u1"], "predicted": ["bliss"]}, "does not have: 'bliss'"),
        (
            {"utterance": ["u1"], "predicted": ["joy"], "truth": ["joy"]},
            "whose truth is not that of the corpus: 'u1'",
        ),
        (
            {"utterance": ["u1", "u2"], "p_anger": [0.5, 0.9], "p_joy": [0.5, "x"]},
            "whose probabilities are no distribution: 'u2'",
        ),
    ],
)
def test_predictions_that_are_not_of_the_corpus(corpus, columns, message):
    with pytest.raises(ParameterError, match=message):
        runs.evaluate(pd.DataFrame(columns), corpus)


def test_probabilities_are_predictions(corpus, tmp_path):
    table = pd.DataFrame({"utterance": ["u1", "u4"], "p_joy": [0.2, 0.7], "p_anger": [0.8, 0.3]})
    result = runs.evaluate(table, corpus)
    assert list(result.predictions["predicted"]) == ["anger", "joy"]
    np.testing.assert_allclose(result.probabilities, [[0.8, 0.2], [0.3, 0.7]])
    assert result.metrics["loss"].value == pytest.approx(-np.log([0.8, 0.7]).mean())
    with pytest.raises(ParameterError, match=r"none\.csv is no table of predictions"):
        runs.evaluate(tmp_path / "none.csv", corpus)
