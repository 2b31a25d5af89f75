"""Diagrams: the blocks of the networks."""

import factory
import pytest

from ser_lib.pages.figures import diagrams


def cells_of(figure) -> list:
    (table,) = figure.fig.axes[0].tables
    return list(table.get_celld().values())


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
    drawn = [cell.get_text().get_text() for cell in cells_of(figure)]
    assert set(groups) <= set(drawn)
    words = "\n".join(drawn).splitlines()
    for layer in run.record.layers:
        assert layer["type"].replace("(", " ").replace(")", "") in words
        assert not layer["parameters"] or f"{layer['parameters']:,}" in words
    assert "60\N{MULTIPLICATION SIGN}130\N{MULTIPLICATION SIGN}32" in words
    assert largest in figure.alt


@pytest.mark.parametrize("architecture", ["cnn", "cnn_lstm", "cnn_gru"])
def test_words_stay_in_their_boxes(architecture):
    figure = diagrams.architecture(factory.make_run(architecture, "emodb", epochs=1))
    for cell in cells_of(figure):
        box, words = cell.get_window_extent(), cell.get_text().get_window_extent()
        assert box.width >= words.width
        assert box.height >= words.height


def test_a_network_without_convolution_can_be_drawn():
    layers = [
        {"layer": "drop", "type": "Dropout", "output_shape": "(4,)", "parameters": 0},
        {"layer": "out", "type": "Dense", "output_shape": "(2,)", "parameters": 10},
    ]
    run = factory.with_data(factory.make_run(epochs=1), layers=layers)
    assert "Classifier holds 100 %" in diagrams.architecture(run).alt
