"""The gap: the same utterances under both protocols, and levels that follow from the tests."""

from dataclasses import replace

import factory
import numpy as np
import pytest
from factory import baseline, parse, texts

from ser_lib.core.errors import SplitError
from ser_lib.experiments import baselines, train
from ser_lib.features import fingerprint
from ser_lib.metrics.scores import uar
from ser_lib.pages import gap
from ser_lib.pages.figures import gap as figures
from ser_lib.pages.gap import Gap, Method


@pytest.fixture
def run(monkeypatch):
    run = factory.of_corpus(factory.make_run("cnn_gru", skill=1.0, per_speaker=50))
    monkeypatch.setattr(fingerprint, "recordings", lambda corpus: range(len(corpus.table)))
    return run


@pytest.fixture
def measured(run, monkeypatch):
    """A function that measures the gap of a run with a random run of some skill.

    No network and no SVM is trained: their predictions are drawn.
    """

    def in_folds_of(same):
        assert same is run
        return [baseline(name, run, skill=own) for name, own in (("majority", None), ("stack", 1))]

    def svm(name, corpus, folds):
        assert (name, corpus, len(folds)) == ("stack", run.corpus, gap.SPLITS)
        rows = np.concatenate([fold.test for fold in folds])
        tested = run.corpus.table.iloc[rows].reset_index(drop=True)
        truth = list(tested["emotion"])
        made = factory.make_run(emotions=run.emotions, truth=truth, skill=3.0, seed=6)
        predictions = tested.assign(
            truth=truth, fold="random", predicted=made.predictions["predicted"]
        )
        return baselines.Baseline(name, run.emotions, predictions)

    def measure(skill: float) -> Gap:
        part = run.predictions.sample(frac=0.2, random_state=0)
        options = {"truth": list(part["truth"]), "skill": skill, "emotions": run.emotions}
        random = factory.make_run("cnn_gru", protocol="random", seed=5, **options)
        random.predictions[["utterance", "speaker"]] = part[["utterance", "speaker"]].to_numpy()

        def train_all(planned):
            ((experiment, corpus),) = planned
            assert experiment == replace(run.experiment, protocol="random")
            assert corpus is run.corpus
            return [random]

        monkeypatch.setattr(train, "train_all", train_all)
        return gap.measure(run)

    monkeypatch.setattr(baselines, "in_folds_of", in_folds_of)
    monkeypatch.setattr(baselines, "train", svm)
    return measure


def test_both_protocols_predict_the_same_utterances(run, measured):
    page = measured(4.0)
    network, svm = page.methods
    assert [network.title, svm.title] == ["CNN-GRU", "SVM on the stack"]
    same = run.predictions.set_index("utterance").loc[page.random_run.predictions["utterance"]]
    honest = uar(list(same["truth"]), list(same["predicted"]))
    assert network.honest.value == pytest.approx(honest)
    assert network.random.value == pytest.approx(page.random_run.uar.value)
    assert network.pretence.value == pytest.approx(network.random.value - honest)


def test_an_svm_predicts_several_random_splits(measured):
    network, svm = measured(1.0).methods
    assert svm.pretence.value == pytest.approx(svm.random.value - svm.honest.value)
    # Most utterances are tested by one of ten splits that test a fifth each.

    def width(method):
        low, high = method.pretence.interval
        return high - low

    assert width(svm) < 0.7 * width(network)


def test_the_table_and_the_figure_have_the_numbers_of_the_methods(measured):
    page = measured(4.0)
    rows = parse(page.text("scores"))
    assert [row["Method"] for row in rows] == ["CNN-GRU", "SVM on the stack"]
    alt = figures.pretence(page).alt
    for row, method in zip(rows, page.methods, strict=True):
        assert row["Random split (95 %)"].startswith(f"{method.random.value:.2f} (")
        assert row["New speakers (95 %)"].startswith(f"{method.honest.value:.2f} (")
        assert row["Difference"].startswith(f"{method.pretence.value:+.2f} (")
        for kind, one in (("random split", method.random), ("new speakers", method.honest)):
            assert f", {kind}: {one.value:.2f} (95 %" in alt


@pytest.mark.parametrize(("skill", "sign"), [(4.0, 1), (1.0, 0), (-2.0, -1)])
def test_a_pretence_is_one_where_the_test_says_so(measured, skill, sign):
    network, svm = measured(skill).methods
    assert network.pretence.sign == sign
    assert svm.pretence.sign == 1


def test_p_values_are_corrected_for_the_number_of_methods(measured):
    assert [method.pretence.comparisons for method in measured(4.0).methods] == [2, 2]


@pytest.mark.parametrize("sign", [1, 0, -1])
@pytest.mark.parametrize("possible", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_every_level_is_worded(measured, sign, possible, n):
    score = factory.estimate(0.7)
    pretence = factory.estimate(0.1 * sign, 0.05, freedom=9.0 * possible)
    methods = [Method(f"SVM {i}", score, score, pretence) for i in range(n)]
    (words,) = texts(replace(measured(1.0), methods=tuple(methods)), ["pretence"])
    assert words.count("SVM") == n


def test_what_cannot_be_split_at_random_is_not_compared(run, monkeypatch):
    def refuse(planned):
        raise SplitError("needs more <b>")

    monkeypatch.setattr(train, "train_all", refuse)
    page = gap.measure(run)
    assert page.reason == "needs more <b>"
    assert "needs more \\<b\\>" in page.text("scores")
    assert figures.pretence(page) is None
    assert page.text("pretence") == ""
    random = gap.measure(factory.make_run(protocol="random"))
    assert (random.methods, bool(random.reason)) == ((), True)
