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
    layers = factory.make_layers(architecture, 5)
    figure = diagrams.architecture_diagram(layers, title="It", input_shape=(60, 130, 1))
    drawn = texts(figure)
    assert set(groups) <= set(drawn)
    assert "60\N{MULTIPLICATION SIGN}130\N{MULTIPLICATION SIGN}1" in drawn
    for layer in layers:
        assert drawn.count(layer["type"].replace("(", " ").replace(")", "")) >= 1
        if layer["parameters"]:
            assert f"{layer['parameters']:,}" in drawn
    assert largest in figure.alt
    assert figure.svg() == figure.svg()


@pytest.mark.parametrize("architecture", ["cnn", "cnn_lstm", "cnn_gru"])
def test_words_stay_in_their_boxes(architecture):
    layers = factory.make_layers(architecture, 7)
    figure = diagrams.architecture_diagram(layers, title="It", input_shape=(60, 130, 3))
    figure.fig.draw_without_rendering()  # the layout's own step: it makes the boxes smaller
    (axis,) = figure.fig.axes
    boxes = [patch.get_window_extent() for patch in axis.patches]
    for text in axis.texts:
        extent = text.get_window_extent()
        if text.get_text():
            assert any(
                box.x0 <= extent.x0 and extent.x1 <= box.x1 and box.y0 <= extent.y0 <= box.y1
                for box in boxes
            ), text.get_text()


@pytest.mark.parametrize("architecture", ["cnn", "cnn_lstm", "cnn_gru"])
def test_words_keep_away_from_each_other(architecture):
    """Each with a letter's room beside it, so that no two numbers read as one."""
    layers = factory.make_layers(architecture, 7)
    figure = diagrams.architecture_diagram(layers, title="It", input_shape=(60, 130, 3))
    figure.fig.draw_without_rendering()  # the layout's own step: it makes the boxes smaller
    (axis,) = figure.fig.axes
    words = [text for text in axis.texts if text.get_text()]
    room = {text: text.get_window_extent().padded(6, -2) for text in words}
    for one, other in itertools.combinations(words, 2):
        assert not room[one].overlaps(room[other]), (one.get_text(), other.get_text())


def test_a_network_without_convolution_can_be_drawn():
    layers = [
        {"layer": "drop", "type": "Dropout", "output_shape": "(4,)", "parameters": 0},
        {"layer": "out", "type": "Dense", "output_shape": "(2,)", "parameters": 10},
    ]
    figure = diagrams.architecture_diagram(layers, title="Tiny")
    assert "Classifier holds 100 %" in figure.alt


def test_the_pipeline_has_the_sizes_of_the_report():
    runs = [factory.make_record(name, "emodb") for name in ("cnn", "cnn_gru")]
    figure = diagrams.pipeline_diagram(runs)
    drawn = texts(figure)
    for text in ("200 utterances", "10 speakers", "7 emotions", "10 folds", "60 rows", "CNN-GRU"):
        assert text in drawn
        assert text in figure.alt
    assert "1 or 3 channels" in drawn
    assert "1 channel" in texts(diagrams.pipeline_diagram(runs[:1]))
