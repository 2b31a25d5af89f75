"""Predictions of other programs: known answers, and words at every level."""

import factory
import pandas as pd
import pytest
import sklearn.metrics as oracle
from factory import texts

from ser_lib.core.errors import ParameterError
from ser_lib.experiments import leakage
from ser_lib.experiments import run as runs
from ser_lib.pages import own


@pytest.fixture(scope="module")
def run():
    return factory.of_corpus(factory.make_run(skill=3.0), sex="female")


@pytest.fixture(autouse=True)
def without_audio(monkeypatch):
    heard = leakage.fingerprint.heard
    monkeypatch.setattr(leakage.fingerprint, "heard", lambda corpus: heard(corpus.table))


def table(run, **columns):
    return run.predictions[["utterance", "predicted"]].assign(**columns)


def page(run, *tables) -> own.Own:
    parts = [runs.evaluate(one, run.corpus, title=f"mine {i}") for i, one in enumerate(tables)]
    return own.Own(parts, [run])


def test_known_scores_and_differences(run):
    truth = run.predictions["truth"]
    right = table(run, predicted=truth, fold=run.predictions["fold"].str.upper())
    worse = table(run, predicted="anger")[20:]
    both = page(run, right, worse)
    assert [name for name, _ in both.methods] == ["mine 0", run.title, "mine 1"]
    assert both.missing == {"mine 1": 20}
    (_, ((_, first, same),)), (_, ((_, second, other),)) = both.against
    uar = oracle.balanced_accuracy_score(truth, run.predictions["predicted"])
    assert first.value == pytest.approx(1 - uar)
    assert (first.sign, second.sign, first.comparisons) == (1, -1, 2)
    assert (same, other) == (True, False)


def test_folds_that_share_speakers_leak(run):
    n = len(run.predictions)
    shared = table(run, fold=[f"f{i % 3}" for i in range(n)])
    by_speaker = table(run, fold=run.predictions["speaker"])
    (_, leaks, leak), (_, _, none), (_, nothing, _) = page(
        run, shared, by_speaker, table(run)
    ).findings
    assert (leak, none, nothing) == ("leak", "none", None)
    assert "shared-speakers" in {row.name for row in leaks}


@pytest.mark.parametrize("likely", [True, False])
def test_every_level_is_worded(run, likely):
    chances = run.predictions.filter(regex="^p_")
    given = table(run, **chances) if likely else table(run)
    one = page(run, given, table(run, predicted="anger", fold=run.predictions["speaker"]))
    assert one.likely is likely
    assert set(one.calibration) == ({"nll", "brier", "ece", "overconfidence"} if likely else set())
    scores, against, split, _ = texts(one, ["scores", "against", "split", "calibration"])
    assert all("mine 0" in text for text in (scores, against, split))


def test_a_file_is_named_by_its_name_and_what_is_wrong_in_it(run, tmp_path):
    file = tmp_path / "theirs.csv"
    table(run).to_csv(file, index=False)
    (part,) = own.load([file], run.corpus)
    assert (part.title, part.corpus) == ("model theirs", run.corpus)
    pd.DataFrame({"utterance": ["nobody"], "predicted": ["anger"]}).to_csv(file, index=False)
    with pytest.raises(ParameterError, match=r"theirs.csv name an utterance .*'nobody'"):
        own.load([file], run.corpus)
