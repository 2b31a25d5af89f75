"""The reviewers' page: checklists answered from facts, and what was tried counted."""

import json
import re
from dataclasses import asdict, replace

import pytest
from factory import make_run, parse, texts, with_data

from ser_lib.core.files import seal
from ser_lib.experiments import search
from ser_lib.experiments.leakage import Finding
from ser_lib.experiments.run import write
from ser_lib.experiments.splits import Fold
from ser_lib.pages import audit, review
from ser_lib.pages.review import Review

FOLDS = (Fold("a", [0, 1], [2], [3, 4]), Fold("b", [3, 4], [2], [0, 1]))
COPY = Finding("identical-audio", "leak", "a", ("train", "test"), ("u1", "u3"), 1, 2)
ALIKE = Finding("shared-sentences", "warning", "a", ("train", "test"), ("s1",), 2, 2)


def page(*findings: Finding, protocol="speaker", **about) -> Review:
    runs = [make_run("cnn", protocol=protocol),
            with_data(make_run("cnn_gru", seed=3, protocol=protocol), **about)]  # fmt: skip
    audited = audit.Audited("speaker", FOLDS, findings)
    return Review(runs[1], runs, audited, audit.Copies(5, 0, [["u1", "u3"]] if findings else []))


@pytest.mark.parametrize(
    ("findings", "copies", "sentences"),
    [((), "none", "0 of 4"), ((COPY, ALIKE), "leak", "2 of 4")],
)
def test_each_kind_of_leakage_has_the_audits_answer(findings, copies, sentences):
    one = page(*findings)
    assert one.worst("identical-audio") == copies
    assert one.worst("shared-utterances", "identical-audio") == copies
    assert one.worst("statistics-outside-training", "statistics-unknown") == "none"
    rows = {row["Kind"]: row["In this report"] for row in parse(texts(one, ["leakage"])[0])}
    assert len(rows) == 8
    assert sentences in rows["Training and test are not independent"]
    assert "4 test predictions in 2 folds" in rows["No separate test set"]
    assert ("leak" in rows["Duplicates in training and test"]) is (copies == "leak")


def test_the_checklist_is_whole_and_of_this_report():
    left_out = [{"file": "a.wav", "reason": "silent"}]
    corpus = {"left_out": left_out, "passed_over": {"fear": 3, "boredom": 4}, "speakers": 7}
    one = page(corpus=corpus)
    (text,) = texts(one, ["reforms"])
    rows = parse(text)
    said = {int(re.search(r"\d+", row["Item"])[0]): row["In this report"] for row in rows}
    assert len(rows) == 32
    assert list(said) == list(range(1, 33))
    assert said[14] == "1 file left out, each with its reason"
    assert said[16].startswith("7 utterances ")
    assert "7 speakers" in said[10]
    assert said[29] == "Intervals over 10 speakers; 2 seeds"
    assert one.given == ["epochs", "protocol", "seed"]
    assert "`epochs`" in said[23]
    assert "10 min 42 s" in said[8]
    assert one.new_speakers
    known = page(protocol="random")
    assert not known.new_speakers
    assert texts(known, ["reforms"]) != [text]


def test_configurations_are_counted_once(tmp_path):
    folder = tmp_path / "runs" / "demo"
    assert review.tried(folder) == review.Tried({}, 0, 0).text("tried")
    runs = [make_run("cnn"), make_run("cnn", seed=1), make_run("cnn", protocol="random"),
            make_run("cnn", epochs=9), make_run("cnn_gru")]  # fmt: skip
    for number, run in enumerate(runs):
        write(replace(run, folder=folder / f"run-{number}"))
    (folder / "damaged").mkdir()
    (folder / "damaged" / "record.json").write_text("{")
    seal(folder / "damaged")
    assert review.tried(folder) == review.Tried({"CNN": 2, "CNN-GRU": 1}, 0, 0).text("tried")
    # A search counts its winner, which was run as well; what is no record of one is passed over.
    (folder / "search").mkdir()
    (folder / "search" / "other.json").write_text("[1]")

    def searched(method: str, n: int, winner: dict) -> None:
        record = search.Record(
            architecture=method, corpus="demo", fixed={}, space={}, seed=0, configurations=n,
            pruned=0, importances={}, winner=winner, trials=[],
        )  # fmt: skip
        (folder / "search" / f"{method}-0.json").write_text(json.dumps(asdict(record)))

    searched("cnn", 30, runs[3].record.parameters)
    assert review.tried(folder) == review.Tried({"CNN": 31, "CNN-GRU": 1}, 1, 30).text("tried")
    searched("lda", 2, {})
    expected = review.Tried({"CNN": 31, "CNN-GRU": 1, "LDA": 2}, 2, 32).text("tried")
    assert review.tried(folder) == expected
