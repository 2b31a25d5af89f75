"""What "95 %" is worth: a small version of the study, and the one that the book shows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import coverage
from benchmarks.coverage import Design


@pytest.mark.parametrize("design", [Design(3), Design(10), Design(5, 5)], ids=str)
def test_intervals_and_verdicts_are_what_they_say(design):
    n = 400
    (row,) = coverage.study([design], n=n).to_dict("records")
    # Limits are three standard errors of the shares of so many trials.
    assert abs(row["coverage"] - 0.95) < 3 * np.sqrt(0.95 * 0.05 / n)
    assert row["networks"] < 0.05 + 3 * np.sqrt(0.95 * 0.05 / n)
    assert row["bootstrap"] < row["coverage"]
    assert np.isnan(row["sexes"]) == (design != Design(10))


def test_the_known_truth_is_what_many_speakers_show():
    generator = np.random.default_rng(3)
    counts = coverage._draw(Design(4000), generator)
    assert coverage._uar(counts[:, :, 0].sum(axis=(0, 1))) == pytest.approx(
        coverage.TRUTH, abs=0.01
    )


def test_the_table_of_the_book_is_what_the_code_gives_and_keeps_what_it_promises():
    table = pd.read_csv(Path(__file__).parents[1] / "book" / "coverage.csv")
    shares = table.iloc[:, 2:]
    assert len(table) == len(coverage.DESIGNS)
    assert table["Coverage, jackknife"].between(0.93, 0.97).all()
    assert shares.iloc[:, 2:].max(axis=None) <= 0.06
    again = coverage.table(coverage.study(coverage.DESIGNS[:1]))
    pd.testing.assert_frame_equal(again, table[:1], check_dtype=False)
