"""Reference: the report's figures beside the measured ones."""

import factory
import pytest
from factory import parse

from ser_lib.core.errors import ParameterError, RecordError
from ser_lib.pages import reference


def rows_of(record) -> dict[str, dict[str, str]]:
    rows = parse(reference.reported(record.data["architecture"], record))
    assert len({row["Figure"] for row in rows}) == len(rows)
    return {row["Figure"]: row for row in rows}


def leaves(value) -> int:
    wrapped = isinstance(value, dict) and not {"about", "between", "above", "below"} & set(value)
    return sum(leaves(inner) for inner in value.values()) if wrapped else 1


@pytest.mark.parametrize("architecture", ["cnn", "cnn_lstm", "cnn_gru"])
def test_every_figure_of_the_report_has_a_row(architecture):
    rows = rows_of(factory.make_record(architecture))
    assert len(rows) == leaves(reference.results()[architecture])


def test_report_s_own_words_are_kept():
    rows = rows_of(factory.make_record("cnn"))
    assert rows["Parameters"]["Reference report"] == "about 1,930,000"
    assert rows["Validation accuracy"]["Reference report"] == "0.58 to 0.60"
    assert rows["Training loss"]["Reference report"] == "below 0.90"
    assert rows["Frustration: recall"]["Reference report"] == "0.82"


def test_measured_values_are_the_record_s():
    record = factory.make_record("cnn_gru", seed=2)
    rows = rows_of(record)
    hits = int((record.predictions["truth"] == record.predictions["predicted"]).sum())
    assert rows["Parameters"]["Measured here"] == "579,781"
    assert rows["Correct predictions"]["Measured here"].startswith(f"{hits} of 200")
    assert rows["Incorrect predictions"]["Measured here"] == f"{200 - hits} of 200"
    counts = record.data["confusion"]["counts"]
    assert rows["Anger taken for frustration"]["Measured here"].startswith(f"{counts[0][1]} of ")


def test_another_corpus_is_marked_in_every_result_row():
    rows = rows_of(factory.make_record("cnn", "emodb"))
    marks = {name: row["Comparison"] for name, row in rows.items()}
    assert marks.pop("Parameters") == "7 classes instead of 5"
    del marks["Layers after the input"], marks["Filters of the blocks"]
    assert set(marks.values()) == {"another corpus"}
    assert rows["Frustration: recall"]["Measured here"] == "not in this corpus"


def test_the_report_s_corpus_is_not_marked_as_another():
    rows = rows_of(factory.make_record("cnn", "iemocap", emotions=factory.EMOTIONS["demo"]))
    assert rows["Test accuracy"]["Comparison"] == "same classes, split not named"
    assert rows["Parameters"]["Comparison"] == "same design"


def test_wrong_networks_are_refused():
    with pytest.raises(ParameterError, match="unknown network of the reference report 'svm'"):
        reference.reported("svm", factory.make_record())
    with pytest.raises(RecordError, match="cnn_gru, not of cnn"):
        reference.reported("cnn", factory.make_record("cnn_gru"))


def test_compared_puts_the_report_beside_the_measurement():
    records = [factory.make_record(name, seed=1) for name in ("cnn", "cnn_lstm", "cnn_gru")]
    text = reference.compared(records)
    rows = parse(text)
    assert [row["Accuracy, reference"] for row in rows] == ["0.56", "0.57", "0.61"]
    assert rows[0]["Accuracy, here"] == f"{records[0].data['metrics']['accuracy']:.2f}"
    assert "used another corpus" in text
