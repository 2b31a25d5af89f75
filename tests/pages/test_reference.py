"""Reference: the report's figures and the measured ones."""

import factory
import pytest
from factory import parse

from ser_lib.pages import reference
from ser_lib.pages.reference import Reported


def rows_of(run) -> dict[str, dict[str, str]]:
    rows = parse(Reported(run)._repr_markdown_())
    assert len({row["Figure"] for row in rows}) == len(rows)
    return {row["Figure"]: row for row in rows}


def leaves(value) -> int:
    return sum(map(leaves, value.values())) if isinstance(value, dict) else 1


@pytest.mark.parametrize("architecture", ["cnn", "cnn_lstm", "cnn_gru"])
def test_every_figure_of_the_report_has_a_row(architecture):
    assert len(rows_of(factory.make_run(architecture))) == leaves(reference.results()[architecture])


def test_the_report_s_own_words_are_kept():
    rows = rows_of(factory.make_run("cnn"))
    stated = {name: row["Reference report"] for name, row in rows.items()}
    assert stated["Parameters"] == "about 1,930,000"
    assert stated["Validation accuracy"] == "0.58 to 0.60"
    assert stated["Training loss"] == "below 0.90"
    assert stated["Frustration: recall"] == "0.82"
    assert stated["Filters of the blocks"] == rows["Filters of the blocks"]["Measured here"]


def test_measured_values_are_the_run_s():
    run = factory.make_run("cnn_gru", seed=2)
    measured = {name: row["Measured here"] for name, row in rows_of(run).items()}
    hits = int((run.predictions["truth"] == run.predictions["predicted"]).sum())
    assert measured["Parameters"] == "579,781"
    assert measured["Training accuracy"] == f"{run.mean('train_accuracy'):.2f}"
    assert measured["Test loss"] == f"{run.metrics['loss'].value:.2f}"
    assert measured["Correct predictions"].startswith(f"{hits} of 200 (")
    assert measured["Incorrect predictions"].startswith(f"{200 - hits} of 200 (")
    count = run.confusion.loc["anger", "frustration"]
    assert measured["Anger taken for frustration"].startswith(f"{count} of ")
    assert measured["Sadness: accuracy"] == measured["Sadness: recall"]


def test_another_corpus_is_named_and_folded_away():
    page = Reported(factory.make_run("cnn", "emodb"))
    assert rows_of(page.run)["Frustration: recall"]["Measured here"] == "not in this corpus"
    assert "It has 5 classes, this corpus 7." in page._repr_markdown_()
    assert "dropdown" in page._repr_markdown_()


def test_the_report_s_corpus_is_not_marked_as_another():
    run = factory.make_run("cnn", "iemocap", emotions=factory.EMOTIONS["demo"])
    assert "dropdown" not in Reported(run)._repr_markdown_()
    # A network that the report does not have has no rows.
    other = factory.with_data(run, architecture="transformer")
    assert Reported(other).rows == []
    assert "|" not in Reported(other)._repr_markdown_()
