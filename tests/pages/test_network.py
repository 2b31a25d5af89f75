"""One run: levels follow the numbers, and every text can be written at every level."""

import re
from dataclasses import replace

import factory
import pytest
from factory import estimate, parse, record_of_counts, texts, with_data, with_metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from ser_lib.experiments.search import Tried
from ser_lib.pages import network
from ser_lib.pages.network import Network
from ser_lib.pages.words import rounded

TEXTS = ("layers", "overfitting", "evaluation", "report", "confusions", "classes")
PERFECT = {"anger": {"anger": 8}, "fear": {"fear": 8}, "joy": {"joy": 8}}
LEANING = {  # fear is predicted for everything, joy never
    "anger": {"anger": 6, "fear": 4},
    "fear": {"fear": 10},
    "joy": {"fear": 7, "anger": 3},
}
RUN = factory.make_run(seed=1)


def counted(counts: dict, **options) -> Network:
    return Network(record_of_counts(counts), **options)


def with_accuracies(train: float, validation: float, test: float | None = None) -> Network:
    """A run with these accuracies after the last epoch of every fold."""
    given = {"train_accuracy": train, "validation_accuracy": validation}
    folds = [fold | given for fold in RUN.record.folds]
    run = with_data(RUN, folds=folds)
    if test is not None:
        run = with_metrics(run, accuracy=estimate(test))
    return Network(run)


def test_a_perfect_run_has_no_confusion():
    assert counted(PERFECT).confusions == []


@pytest.mark.parametrize(
    ("train", "validation", "level"),
    [
        (0.90, 0.60, "large"),
        (0.75, 0.60, "large"),
        (0.70, 0.60, "moderate"),
        (0.65, 0.60, "small"),
        (0.60, 0.60, "small"),
        (0.50, 0.60, "negative"),
    ],
)
def test_overfitting_follows_the_gap(train, validation, level):
    assert with_accuracies(train, validation).overfit == level


@settings(max_examples=25)
@given(st.floats(0, 1), st.floats(0, 1))
def test_the_gap_is_the_difference_of_the_printed_accuracies(train, validation):
    gap = with_accuracies(train, validation).gap
    assert gap == pytest.approx(rounded(train) - rounded(validation), abs=1e-9)


@pytest.mark.parametrize(("test", "drop"), [(0.62, 0), (0.45, 0.15), (0.80, -0.2)])
def test_test_accuracy_is_compared_with_validation(test, drop):
    assert with_accuracies(0.65, 0.60, test).drop == drop


@pytest.mark.parametrize("seed", range(3))
def test_the_report_is_that_of_scikit_learn(seed):
    run = factory.make_run("cnn", "emodb", seed=seed, skill=1.0)
    expected = metrics.classification_report(
        run.predictions["truth"], run.predictions["predicted"], output_dict=True
    )
    rows = parse(Network(run).text("report"))
    assert float(rows[-3]["F1"]) == rounded(expected["accuracy"])
    for average, row in zip(("macro", "weighted"), rows[-2:], strict=True):
        values = [expected[f"{average} avg"][k] for k in ("precision", "recall", "f1-score")]
        shown = [float(row[name]) for name in ("Precision", "Recall", "F1")]
        assert shown == [rounded(value) for value in values]
    averages = ["**accuracy**", "**macro average**", "**weighted average**"]
    assert [row["Emotion"] for row in rows] == [*run.emotions, *averages]
    for emotion, row in zip(run.emotions, rows, strict=False):
        assert float(row["Recall"]) == rounded(expected[emotion]["recall"])
        assert row["Support"] == str(int(expected[emotion]["support"]))


def test_confusions_are_sorted_and_counted():
    counts = {
        "anger": {"anger": 10, "joy": 6, "fear": 1},
        "joy": {"joy": 10, "anger": 4},
        "fear": {"fear": 18, "joy": 1, "anger": 1},
    }
    page = counted(counts, top=2)
    assert page.confusions[:2] == [("anger", "joy", 6, 6 / 17), ("joy", "anger", 4, 4 / 14)]


@pytest.mark.parametrize("protocol", ["random", "speaker", "given"])
@pytest.mark.parametrize("on", [True, False])
def test_every_level_of_training_is_worded(protocol, on):
    switches = {"mixup": 0.3, "label_smoothing": 0.1, "class_weights": True}
    parameters = {name: value if on else 0 for name, value in switches.items()}
    page = Network(with_data(RUN, protocol=protocol, parameters=parameters))
    assert all(texts(page, ["training"]))


@pytest.mark.parametrize("chosen", [True, False])
def test_what_a_search_tried_is_said(monkeypatch, chosen):
    before = Network(RUN).text("training")
    monkeypatch.setattr(network.search, "tried", lambda run: Tried(1234, chosen))
    text = Network(RUN).text("training")
    assert text.startswith(before)
    assert "1,234" in text[len(before) :]


@pytest.mark.parametrize(
    ("architecture", "total", "n_layers"),
    [("cnn", "1,929,349", 16), ("cnn_lstm", "1,234,309", 19), ("cnn_gru", "579,781", 19)],
)
def test_the_layers_add_up(architecture, total, n_layers):
    text = Network(factory.make_run(architecture)).text("layers")
    *rows, last = [int(row["Parameters"].replace(",", "")) for row in parse(text)]
    assert (len(rows), sum(rows), f"{last:,}") == (n_layers, last, total)
    assert f"{last - 448:,} are trained" in text  # 2 of 4 for each of 224 channels


def test_the_code_is_that_of_the_network():
    code = network.source(factory.make_run("cnn_lstm"))
    assert re.fullmatch(r"```python\n.*LSTM.*\n```", code, re.DOTALL)


@settings(max_examples=8)
@given(st.integers(0, 10_000), st.floats(0, 4), st.sampled_from(["speaker", "random", "session"]))
def test_any_run_gives_texts_without_gaps(seed, skill, protocol):
    options = {"protocol": protocol, "speakers": 3, "per_speaker": 5, "epochs": 2}
    page = Network(factory.make_run(seed=seed, skill=skill, **options))
    assert all(texts(page, TEXTS))


@pytest.mark.parametrize(
    "page",
    [
        counted(PERFECT),
        counted(LEANING),
        counted({"anger": {"joy": 5}, "joy": {"anger": 5}}),
        counted({"anger": {"anger": 5, "fear": 1}, "joy": {"anger": 5, "joy": 1}}, top=1),
        with_accuracies(0.9, 0.6, 0.4),
        with_accuracies(0.6, 0.6, 0.8),
        with_accuracies(0.5, 0.6, 0.6),
        Network(with_metrics(with_data(RUN, protocol="given"), uar=estimate(0.05, 0.05))),
        Network(with_metrics(RUN, uar=estimate(0.2))),
        Network(replace(RUN, predictions=RUN.predictions.assign(speaker=""))),
        Network(factory.make_run(speakers=3)),
    ],
)
def test_every_text_is_written_at_every_level(page):
    texts(page, TEXTS)
