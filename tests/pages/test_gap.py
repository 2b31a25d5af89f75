"""The gap: the same utterances under both protocols, and words that follow from the intervals."""

from dataclasses import replace
from pathlib import Path

import factory
import numpy as np
import pytest
from factory import baseline, parse

from ser_lib import corpora
from ser_lib.core.errors import SplitError
from ser_lib.corpora import Manifest
from ser_lib.experiments import baselines
from ser_lib.experiments import run as training
from ser_lib.experiments.experiment import Experiment
from ser_lib.metrics.scores import uar
from ser_lib.pages import gap
from ser_lib.pages.figures import gap as gap_figures
from ser_lib.pages.gap import Gap


def random_run(record, skill: float):
    """A run with a random split that tests a fifth of the utterances of a record."""
    part = record.predictions.sample(frac=0.2, random_state=0)
    options = {"truth": list(part["truth"]), "skill": skill, "emotions": record.emotions}
    made = factory.make_record("cnn_gru", protocol="random", seed=5, **options)
    made.predictions["utterance"] = part["utterance"].to_numpy()
    made.predictions["speaker"] = part["speaker"].to_numpy()
    return made


@pytest.fixture
def record():
    return factory.make_record("cnn_gru", skill=1.0, per_speaker=50)


@pytest.fixture
def measured(record, monkeypatch):
    """A function that measures the gap of a record with a random run of some skill.

    No network and no SVM is trained: their answers are drawn.
    """
    table = record.predictions[["utterance", "speaker"]].assign(
        emotion=record.predictions["truth"], session="", sha256=record.predictions["utterance"]
    )
    manifest = Manifest(corpus="demo", root=Path("nowhere"), table=table)

    def load(name, folder, *, emotions, style):
        assert (name, folder, emotions, style) == ("demo", "there", None, None)
        return manifest

    def in_folds_of(run, *, data_dir):
        assert (run, data_dir) == (record, "there")
        return [baseline(name, run, skill=own) for name, own in (("majority", None), ("stack", 1))]

    def svm(name, corpus, folds):
        assert (name, corpus, len(folds)) == ("stack", manifest, gap.SPLITS)
        tested = table.iloc[np.concatenate([fold.test for fold in folds])].reset_index(drop=True)
        truth = list(tested["emotion"])
        made = factory.make_record(emotions=record.emotions, truth=truth, skill=3.0, seed=6)
        answers = tested.assign(truth=truth, predicted=made.predictions["predicted"])
        scores = baselines.metrics(answers, record.emotions)
        return baselines.Baseline(name, record.emotions, answers, scores)

    monkeypatch.setattr(corpora, "load", load)
    monkeypatch.setattr(baselines, "in_folds_of", in_folds_of)
    monkeypatch.setattr(baselines, "run", svm)

    def measure(skill: float) -> Gap:
        random = random_run(record, skill)

        def run(experiment, *, data_dir):
            assert data_dir == "there"
            assert experiment == replace(Experiment(**record.data["parameters"]), protocol="random")
            return random

        monkeypatch.setattr(training, "run", run)
        return gap.measure(record, data_dir="there")

    return measure


def test_both_protocols_answer_for_the_same_utterances(record, measured):
    found = measured(4.0)
    network, svm = found.methods
    assert [network.name, svm.name] == ["CNN-GRU", "SVM on the stack"]
    tested = found.random.predictions["utterance"]
    same = record.predictions.set_index("utterance").loc[tested]
    honest = uar(list(same["truth"]), list(same["predicted"]))
    assert network.honest["uar"] == pytest.approx(honest)
    assert network.random["uar"] == pytest.approx(found.random.data["metrics"]["uar"])
    assert network.overall["uar"] == pytest.approx(record.data["metrics"]["uar"])
    assert network.pretence.value == pytest.approx(network.random["uar"] - honest)


def test_an_svm_answers_for_several_random_splits(record, measured):
    network, svm = measured(1.0).methods
    assert svm.pretence.value == pytest.approx(svm.random["uar"] - svm.honest["uar"])
    # Most utterances are tested by one of ten splits that test a fifth each.
    assert abs(svm.honest["uar"] - svm.overall["uar"]) < 0.03

    def width(method):
        low, high = method.pretence.interval
        return high - low

    assert width(svm) < 0.7 * width(network)


def test_the_table_says_what_the_methods_hold(measured):
    found = measured(4.0)
    rows = parse(gap.table(found))
    assert [row["Method"] for row in rows] == ["CNN-GRU", "SVM on the stack"]
    for row, method in zip(rows, found.methods, strict=True):
        assert row["Random split (95 %)"].startswith(f"{method.random['uar']:.2f} (")
        assert row["New speakers (95 %)"].startswith(f"{method.honest['uar']:.2f} (")
        assert row["Difference"].startswith(f"{method.pretence.value:+.2f} (")
    assert "New speakers means: leave one speaker out." in gap.table(found)
    assert "100 of 500 for the network" in gap.table(found)
    assert "corrected for 2 methods" in gap.table(found)


@pytest.mark.parametrize(
    ("skill", "words"),
    [
        (5.0, "The random split pretends more than new speakers bear out for the CNN-GRU (+0."),
        (1.0, "Whether the random split pretends anything, the data cannot tell for the CNN-GRU ("),
        (-5.0, "The random split pretends nothing for the CNN-GRU (-0."),
    ],
)
def test_words_follow_from_the_interval(measured, skill, words):
    text = gap.words(measured(skill))
    assert words in text
    assert text.count("CNN-GRU") == 1


def test_the_size_of_the_training_part_is_told(measured):
    found = measured(4.0)
    found.random.data["folds"][0]["n_train"] = 60
    for n, fold in zip((70, 80), found.record.data["folds"], strict=False):
        fold["n_train"] = n
    for fold in found.record.data["folds"][2:]:
        fold["n_train"] = 75
    sizes = "trained on 60 utterances of the random split, and on 70 to 80 with new speakers"
    assert f"{sizes}: the random split has less to learn from, not more." in gap.words(found)
    found.random.data["folds"][0]["n_train"] = 90
    assert "90 utterances of the random split, and on 70 to 80 with new speakers." in gap.words(
        found
    )


def test_the_warning_of_the_random_split_comes_first(measured):
    assert "Training and test may share speakers" in gap.notices(measured(2.0))


def test_the_figure_tells_the_differences(measured):
    found = measured(4.0)
    figure = gap_figures.pretence(found)
    for method in found.methods:
        values = f"{method.name} {method.random['uar']:.2f} and {method.honest['uar']:.2f}"
        assert f"{values}, a difference of {method.pretence.value:+.2f}" in figure.alt
    assert figure.svg() == gap_figures.pretence(found).svg()


def test_networks_and_baselines_in_one_figure(record):
    others = [baseline("majority", record), baseline("stack", record, skill=3.0)]
    figure = gap_figures.beside([record], others)
    scores = {"Majority class": others[0], "SVM on the stack": others[1]}
    places = [figure.alt.index(name) for name in ("SVM on the stack", "CNN-GRU", "Majority class")]
    assert places == sorted(places)
    for name, other in scores.items():
        assert f"{name} {other.metrics['uar']:.2f} (95 % interval" in figure.alt
    lines = {line.get_label(): line.get_xdata() for line in figure.fig.axes[0].get_lines()}
    assert list(lines["network"]) == [record.data["metrics"]["uar"]]
    assert sorted(lines["baseline"]) == sorted(other.metrics["uar"] for other in others)


def test_pages_made_with_a_random_split_have_nothing_to_compare():
    found = gap.measure(factory.make_record(protocol="random"))
    assert gap.table(found) == (
        "There is nothing to compare: these pages were made with a random split themselves."
    )
    assert gap.words(found) == gap.NOTHING
    assert "share speakers" in gap.notices(found)


def test_a_corpus_that_allows_no_random_split_says_why(record, monkeypatch):
    def refuse(experiment, *, data_dir):
        raise SplitError("protocol 'random': emotion 'fear' has 2 utterance(s)")

    monkeypatch.setattr(training, "run", refuse)
    found = gap.measure(record)
    assert found == replace(found, random=None, methods=())
    assert "There is nothing to compare: protocol 'random': emotion 'fear'" in gap.table(found)


def test_too_few_speakers_are_told(measured):
    found = measured(5.0)
    rare = [
        replace(method, pretence=replace(method.pretence, p=0.25, least_p=0.25, clusters=3))
        for method in found.methods
    ]
    words = gap.words(replace(found, methods=tuple(rare)))
    assert "With 3 to draw from, no difference can be told from chance." in words
    assert "no difference can be told" not in gap.words(found)
