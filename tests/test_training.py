"""What seeds, precision and longer training change: the table of the book, and what it says."""

from pathlib import Path

import pandas as pd
from factory import make_run

from benchmarks import training
from ser_lib.models import networks
from ser_lib.pages.runs import differences, fused


def test_every_training_is_compared_with_that_of_the_report(monkeypatch):
    runs = []

    def train_all(plans):
        for experiment, _ in plans:
            skill = 2.0 if experiment.copies == training.LONGER["copies"] else 1.0
            name, seed = experiment.architecture, experiment.seed
            runs.append(make_run(name, skill=skill + seed / 10, seed=seed))
        return runs

    class Corpus:
        corpus = "demo"

    monkeypatch.setattr(training.train, "train_all", train_all)
    table = training.table(Corpus)
    n = len(training.SEEDS)
    assert len(runs) == n * len(training.TRAININGS) == n * len(table)
    for i, row in table.iterrows():
        own = runs[n * i : n * (i + 1)]
        uar = fused("", own).uar
        assert row["UAR"] == f"{uar.value:.2f} ({uar.low:.2f} to {uar.high:.2f})"
        assert row["Each seed"] == " ".join(f"{run.uar.value:.2f}" for run in own)
    new, usual = (fused("", runs[n * i :][:n]) for i in (4, 2))
    (difference, _) = differences([(new, usual), (new, usual)])  # corrected for two
    assert table.loc[4, "Difference"].startswith(f"{difference.value:+.3f} (")
    assert table.loc[4, "p"] == difference.p
    compared = table["Training"] != training.REPORT
    assert table["Difference"].notna().equals(compared)


def test_the_book_says_what_its_table_says():
    table = pd.read_csv(Path(__file__).parents[1] / "book" / "training.csv")
    named = [(networks.title(name), what) for name, what in training.TRAININGS]
    assert list(zip(table["Network"], table["Training"], strict=True)) == named
    precision, longer = table[table["p"].notna()].to_dict("records")
    assert precision["p"] >= 0.05  # "makes no reliable difference"
    assert longer["p"] < 0.05  # "reliably better"
    assert longer["Difference"].startswith("+")
