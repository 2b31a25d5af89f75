"""Figures of a run: alt text that names the right class, the same bytes twice, what is drawn."""

import re

import factory
import matplotlib
import pytest
from factory import record_of_counts

from ser_lib.pages.figures import diagrams, fairness, network

RUN = factory.make_run("cnn_lstm", "emodb", speakers=10, per_speaker=10)
FIGURES = {
    "curves": network.learning_curves,
    "confusion": network.confusion,
    "confusion-shares": lambda run, **options: network.confusion(run, normalise=True, **options),
    "classes": network.per_class,
    "speakers": fairness.speakers,
    "blocks": diagrams.architecture,
}


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.fig.findobj(matplotlib.text.Text)]


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_run_gives_the_same_bytes_and_a_name_of_its_page(name):
    first, second = FIGURES[name](RUN), FIGURES[name](RUN, page="final")
    svg = first.svg()
    assert svg == first.svg() == second.svg()
    assert "<dc:date>" not in svg
    assert len(svg) < 120_000
    assert (first.name, second.name) == (f"cnn-lstm-{name}", f"final-{name}")
    assert first.caption.endswith(".")
    assert not re.search(r"\*\*|\n", first.alt)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize(
    "run",
    [
        factory.make_run(emotions=["anger", "joy"], speakers=1, per_speaker=4, epochs=1,
                         protocol="random"),
        record_of_counts({"anger": {"anger": 5}, "joy": {"joy": 5}}),
        record_of_counts({"anger": {"joy": 5}, "joy": {"anger": 5}}),
        record_of_counts({"anger": {"anger": 5, "fear": 1}, "joy": {"anger": 5}}),
    ],
    ids=["tiny", "perfect", "all wrong", "a class that was never tested"],
)  # fmt: skip
def test_extreme_runs_can_be_drawn(name, run):
    figure = FIGURES[name](run)
    assert figure.svg().startswith("<?xml")
    assert not re.search(r"nan|None|  ", figure.alt)


@pytest.mark.parametrize(("good", "bad"), [("anger", "joy"), ("joy", "anger")])
def test_alt_names_the_best_and_worst_emotion_and_follows_a_flip(good, bad):
    run = record_of_counts({good: {good: 9, bad: 1}, bad: {bad: 2, good: 8}})
    accuracy = network.per_class(run)
    assert f"highest for {good} (0.90), lowest for {bad} (0.20)" in accuracy.alt
    assert {"0.90\n9 of 10", "0.20\n2 of 10", "all: 0.55"} <= set(texts(accuracy))


def test_confusion_shows_every_count_and_names_the_largest_confusion():
    run = record_of_counts({"anger": {"anger": 31, "joy": 7}, "joy": {"joy": 22, "anger": 5}})
    figure = network.confusion(run)
    assert {"31", "7", "22", "5"} <= set(texts(figure))
    assert "anger taken for joy, 7 times, 18 % of anger" in figure.alt
    assert "53 lie on the diagonal (82 %)" in figure.alt
    assert {"0.82", "0.18", "0.81", "0.19"} <= set(texts(network.confusion(run, normalise=True)))


def test_learning_curves_are_means_over_the_folds():
    run = factory.make_run(epochs=30, seed=3, speakers=6)
    figure = network.learning_curves(run)
    line = figure.fig.axes[0].lines[0]
    assert line.get_xdata().max() == 30
    assert "At epoch 30, training accuracy is" in figure.alt
    mean = run.history.query("split == 'train' and epoch == 1")["accuracy"].mean()
    assert line.get_ydata()[0] == pytest.approx(mean)
