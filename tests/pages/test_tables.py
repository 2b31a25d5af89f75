"""Tables: numbers in words, Markdown, and the classification report against scikit-learn."""

import math

import factory
import numpy as np
import pandas as pd
import pytest
from factory import parse
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from ser_lib.core.errors import RecordError
from ser_lib.pages import tables


@given(st.floats(0, 1))
def test_share_and_score_print_the_same_rounding(value):
    whole = tables.percent(value)
    if whole.split()[0].isdigit():
        assert int(whole.split()[0]) == round(float(tables.number(value)) * 100)
    else:
        assert whole in ("under 1 %", "over 99 %")
        assert 0 < value < 1


@given(st.floats(-1e6, 1e6))
def test_printed_number_is_within_half_a_unit(value):
    assert float(tables.number(value).replace(",", "")) == pytest.approx(value, abs=0.005 + 1e-9)


@pytest.mark.parametrize("half", [33 / 600, 0.855 - 0.8, 0.8 - 0.745, sum([0.011] * 5)])
def test_a_half_is_rounded_up_however_it_was_computed(half):
    assert half == pytest.approx(0.055, abs=1e-12)
    assert tables.number(half) == "0.06"
    assert tables.rounded(-half) == -0.06
    assert tables.rounded(half - 1e-6) == 0.05


def test_number_has_no_minus_zero_and_no_nan():
    assert [tables.number(x) for x in (-0.004, math.nan, None)] == ["0.00", "-", "-"]
    assert tables.number(np.int64(1234)) == "1,234"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(59.4, "59 s"), (59.6, "1 min 0 s"), (3599.7, "1 h 0 min"), (9.96, "10 s")],
)
def test_duration_never_prints_sixty(seconds, words):
    assert tables.duration(seconds) == words


def test_table_aligns_numbers_right_and_escapes_pipes():
    lines = tables.markdown_table(
        [{"a|b": "x|y", "n": 1, "z": None}, {"a|b": "w", "n": 2000, "z": 0.5}]
    ).splitlines()
    assert lines[1] == "| :--- | ---: | ---: |"
    assert lines[2] == "| x\\|y | 1 | - |"
    assert lines[3] == "| w | 2,000 | 0.50 |"
    assert lines[0] == "| a\\|b | n | z |"


def test_table_takes_a_frame_and_keeps_integers():
    frame = pd.DataFrame({"n": [1, 2], "share": [0.25, np.nan], "yes": [True, False]})
    assert parse(tables.markdown_table(frame)) == [
        {"n": "1", "share": "0.25", "yes": "yes"},
        {"n": "2", "share": "-", "yes": "no"},
    ]
    assert tables.markdown_table([]) == "*(no rows)*"


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_scikit_learn(seed):
    record = factory.make_record("cnn", "emodb", seed=seed, skill=1.0)
    table = tables.scores(record)
    expected = metrics.classification_report(
        record.predictions["truth"], record.predictions["predicted"], output_dict=True
    )
    for emotion in record.emotions:
        assert table.loc[emotion].tolist() == pytest.approx(
            [expected[emotion][k] for k in ("precision", "recall", "f1-score", "support")]
        )
    for average in ("macro", "weighted"):
        assert table.loc[f"{average} average"].tolist() == pytest.approx(
            [expected[f"{average} avg"][k] for k in ("precision", "recall", "f1-score", "support")]
        )
    assert table.loc["accuracy", "f1"] == pytest.approx(expected["accuracy"])


def test_report_prints_every_emotion_and_the_averages():
    record = factory.make_record(seed=3)
    rows = parse(tables.classification_report(record))
    names = [row["Emotion"] for row in rows]
    assert names == [*record.emotions, "**accuracy**", "**macro average**", "**weighted average**"]
    assert rows[-3]["F1"] == tables.number(record.data["metrics"]["accuracy"])
    assert rows[0]["Support"] == str(record.data["per_class"][record.emotions[0]]["support"])


def test_report_refuses_predictions_that_contradict_the_record():
    record = factory.with_data(factory.make_record(), metrics={"uar": 0.123})
    with pytest.raises(RecordError, match=r"uar .* the record says 0\.1230"):
        tables.classification_report(record)


@pytest.mark.parametrize(
    ("architecture", "total", "n_layers"),
    [("cnn", "1,929,349", 16), ("cnn_lstm", "1,234,309", 19), ("cnn_gru", "579,781", 19)],
)
def test_layer_table_counts_layers_and_parameters(architecture, total, n_layers):
    rows = parse(tables.layer_table(factory.make_record(architecture)))
    assert len(rows) == n_layers + 1
    assert rows[-1]["Parameters"] == total
    assert sum(int(r["Parameters"].replace(",", "")) for r in rows[:-1]) == int(
        total.replace(",", "")
    )


def test_speaker_scores_equal_the_folds_of_leave_one_speaker_out():
    record = factory.make_record(seed=5, speakers=4)
    table = tables.speaker_scores(record)
    assert table["uar"].tolist() == pytest.approx([fold["uar"] for fold in record.data["folds"]])
    assert table["n"].sum() == len(record.predictions)


def test_confusion_counts_are_the_record_s():
    record = factory.make_record(seed=6)
    assert tables.confusion_counts(record).tolist() == record.data["confusion"]["counts"]
