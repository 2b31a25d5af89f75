"""Records: written whole, read back as they were, keyed by all that went into them."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from factory import make_record

from ser_lib.core.errors import RecordError
from ser_lib.experiments import records


@pytest.fixture
def record(tmp_path):
    return replace(make_record(), folder=tmp_path / "run")


def test_what_is_written_is_read(record):
    records.write(record)
    found = records.read(str(record.folder))
    assert found.folder == record.folder
    assert found.data == record.data
    assert found.emotions == record.data["corpus"]["emotions"]
    pd.testing.assert_frame_equal(found.history, record.history, check_dtype=False)
    pd.testing.assert_frame_equal(found.predictions, record.predictions, check_dtype=False)
    assert {path.name for path in record.folder.iterdir()} == {
        "record.json",
        "history.csv",
        "predictions.csv",
    }


def test_names_stay_texts(record):
    table = record.predictions.head(4).assign(
        utterance=["001", "NA", "1e5", "null"],
        speaker=["03", "", "None", "nan"],
        truth=["none", "NA", "true", "1"],
        predicted=["NaN", "null", "false", "02"],
    )
    records.write(replace(record, predictions=table))
    found = records.read(record.folder).predictions
    for column in ("utterance", "speaker", "fold", "truth", "predicted"):
        assert list(found[column]) == list(table[column])
    assert found.filter(regex="^p_").dtypes.eq(float).all()


def test_probabilities_keep_the_precision_of_the_network(record):
    values = np.random.default_rng(0).random((3, 1)).astype(np.float32)
    table = record.predictions.head(3).assign(p_anger=values)
    records.write(replace(record, predictions=table))
    found = records.read(record.folder).predictions["p_anger"].to_numpy(np.float32)
    assert np.array_equal(found, values[:, 0])


@pytest.mark.parametrize("name", ["metrics", "key", "speed"])
def test_a_field_that_is_missing_is_named(record, name):
    del record.data[name]
    with pytest.raises(RecordError, match=f"needs the fields: {name}"):
        records.write(record)
    assert not record.folder.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32(1), np.arange(2), {1, 2}])
def test_only_plain_json_is_written(record, value):
    record.data["metrics"]["accuracy"] = value
    with pytest.raises(RecordError, match="plain JSON numbers and texts only"):
        records.write(record)
    assert not record.folder.exists()


def test_a_record_that_was_not_finished_is_no_record(record, monkeypatch):
    written = []

    def write(target, content):
        written.append(target.name)
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(records, "write_atomically", write)
    with pytest.raises(KeyboardInterrupt):
        records.write(record)
    assert "record.json" not in written
    with pytest.raises(RecordError, match="holds no finished run"):
        records.read(record.folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("record.json", None, "holds no finished run"),
        ("record.json", "{half", "record.json is not JSON"),
        ("record.json", "[1, 2]", "is not a record"),
        ("record.json", json.dumps({"schema": 99}), "has schema 99, this library reads 1"),
        ("record.json", "{}", "has schema None"),
        ("history.csv", None, "is damaged"),
        ("history.csv", "", "is damaged"),
        ("predictions.csv", None, "is damaged"),
        ("predictions.csv", 'a,b\n"', "is damaged"),
    ],
)
def test_a_record_that_cannot_be_read(record, name, content, message):
    records.write(record)
    file = record.folder / name
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(RecordError, match=message) as caught:
        records.read(record.folder)
    assert str(record.folder) in str(caught.value)


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(RecordError, match="nowhere holds no finished run"):
        records.read(tmp_path / "nowhere")


def test_the_key_follows_everything_that_goes_in(workspace, monkeypatch, tmp_path):
    template = workspace / "notebooks" / "cnn.ipynb"
    source = tmp_path / "room.py"
    source.write_text("a = 1")
    monkeypatch.setattr(records, "sources", lambda: [source])

    def key(notebook="cnn", parameters=None, inputs=("manifest",)):
        return records.key(notebook, parameters or {"epochs": 5, "seed": 0}, *inputs)

    seen = [key()]
    assert key(parameters={"seed": 0, "epochs": 5}) == seen[0], "the order of names is no matter"
    seen += [key("cnn_gru"), key(parameters={"epochs": 6, "seed": 0}), key(inputs=("other",))]
    seen.append(key(inputs=("manifest", "another run")))
    template.write_text("a template")
    seen.append(key())
    template.write_text("an edited template")
    seen.append(key())
    (workspace / "requirements.lock").write_text("numpy==2")
    seen.append(key())
    source.write_text("a = 2")
    seen.append(key())
    assert len(set(seen)) == len(seen)
    assert key() == seen[-1]


def test_the_key_hashes_the_whole_library(workspace):
    assert records.key("cnn", {}) == records.key("cnn", {})
    assert len(records.sources()) > 10


def test_runs_of_a_corpus_lie_together(workspace):
    assert records.runs("emodb") == workspace / "runs" / "emodb"
