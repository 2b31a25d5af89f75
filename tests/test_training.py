"""What more training gives: the table of the book, and what the page says of it."""

from pathlib import Path

import pandas as pd
from factory import make_run

from benchmarks import training
from ser_lib.pages.runs import uar_difference


def test_every_recipe_is_compared_with_the_first(monkeypatch):
    skills = iter([2.0, 3.0])
    runs = []

    def train(network, corpus, **recipe):
        runs.append(make_run(network, skill=next(skills)))
        return runs[-1]

    monkeypatch.setattr(training.train, "train", train)
    table = training.table(None)
    assert list(table["UAR"]) == [run.uar.value for run in runs]
    difference = uar_difference(runs[1], runs[0])
    assert tuple(table.loc[1, ["Difference", "p"]]) == (difference.value, difference.p)
    assert table.loc[0, ["Difference", "p"]].isna().all()


def test_the_book_says_what_its_table_says():
    table = pd.read_csv(Path(__file__).parents[1] / "book" / "training.csv")
    assert list(table["Training"]) == list(training.RECIPES)
    assert (table["p"][1:] >= 0.05).all()  # "makes no reliable difference"
