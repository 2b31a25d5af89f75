"""Diagrams: the blocks of the networks, and the corpus in numbers."""

import itertools

import factory
import matplotlib
import pytest

from ser_lib.pages.figures import diagrams


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.fig.findobj(matplotlib.text.Text)]


@pytest.mark.parametrize(
    ("architecture", "groups", "largest"),
    [
        ("cnn", ["block 1", "block 2", "block 3", "classifier"], "Classifier holds 95 %"),
        ("cnn_lstm", ["block 3", "sequence", "classifier"], "Sequence holds 92 %"),
        ("cnn_gru", ["block 3", "sequence", "classifier"], "Sequence holds 81 %"),
    ],
)
def test_a_network_is_drawn_in_its_blocks(architecture, groups, largest):
    run = factory.make_run(architecture)
    figure = diagrams.architecture(run)
    drawn = texts(figure)
    assert set(groups) <= set(drawn)
    channels = run.record.parameters["channels"]
    assert f"60\N{MULTIPLICATION SIGN}130\N{MULTIPLICATION SIGN}{channels}" in drawn
    for layer in run.record.layers:
        assert layer["type"].replace("(", " ").replace(")", "") in drawn
        assert not layer["parameters"] or f"{layer['parameters']:,}" in drawn
    assert largest in figure.alt


@pytest.mark.parametrize("architecture", ["cnn", "cnn_lstm", "cnn_gru"])
def test_words_stay_in_their_boxes_and_away_from_each_other(architecture):
    figure = diagrams.architecture(factory.make_run(architecture, "emodb", epochs=1))
    (axis,) = figure.fig.axes
    boxes = [patch.get_window_extent() for patch in axis.patches]
    words = {text: text.get_window_extent() for text in axis.texts if text.get_text()}
    for text, extent in words.items():
        assert any(
            box.x0 <= extent.x0 and extent.x1 <= box.x1 and box.y0 <= extent.y0 <= box.y1
            for box in boxes
        ), text.get_text()
    # A letter's room is left at both sides, so that no two numbers read as one.
    for one, other in itertools.combinations(words, 2):
        room = [words[text].padded(6, -2) for text in (one, other)]
        assert not room[0].overlaps(room[1]), (one.get_text(), other.get_text())


def test_a_network_without_convolution_can_be_drawn():
    layers = [
        {"layer": "drop", "type": "Dropout", "output_shape": "(4,)", "parameters": 0},
        {"layer": "out", "type": "Dense", "output_shape": "(2,)", "parameters": 10},
    ]
    run = factory.with_data(factory.make_run(epochs=1), layers=layers)
    assert "Classifier holds 100 %" in diagrams.architecture(run).alt


def test_the_pipeline_has_the_sizes_of_the_report():
    runs = [factory.make_run(name, "emodb") for name in ("cnn", "cnn_gru")]
    figure = diagrams.pipeline(runs)
    drawn = texts(figure)
    for text in ("200 utterances", "10 speakers", "7 emotions", "10 folds", "60 rows", "CNN-GRU"):
        assert text in drawn
        assert text in figure.alt
    assert "1 or 3 channels" in drawn
    assert "1 channel" in texts(diagrams.pipeline(runs[:1]))
