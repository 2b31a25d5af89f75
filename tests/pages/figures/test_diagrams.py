"""Diagrams: the blocks of the networks, and the corpus in numbers."""

import itertools

import factory
import matplotlib
import pandas as pd
import pytest

from ser_lib.pages.figures import diagrams


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.fig.findobj(matplotlib.text.Text)]


def make_table(counts: dict[tuple[str, str], int], seconds=None) -> pd.DataFrame:
    """A manifest's table with so many utterances of each (emotion, sex)."""
    rows = [(emotion, sex) for (emotion, sex), n in counts.items() for _ in range(n)]
    table = pd.DataFrame(rows, columns=["emotion", "sex"])
    return table.assign(duration_s=[(seconds or {}).get(emotion, 2.0) for emotion, _ in rows])


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


def test_emotions_are_counted_by_sex():
    table = make_table({("anger", "female"): 5, ("anger", "male"): 2, ("joy", "male"): 3})
    figure = diagrams.emotion_counts(table)
    assert "10 utterances of 2 emotions, 5 by women and 5 by men" in figure.alt
    assert "highest for anger (7), lowest for joy (3)" in figure.alt
    assert {"women", "men", "5", "2", "3"} <= set(texts(figure))
    assert figure.svg() == diagrams.emotion_counts(table).svg()


def test_equal_counts_and_unknown_sex_are_said():
    figure = diagrams.emotion_counts(make_table({("anger", ""): 4, ("joy", ""): 4}))
    assert "The number is 4 for every emotion." in figure.alt
    assert "8 by sex unknown" not in figure.alt
    assert "8 of unknown sex" in figure.alt


def test_durations_name_the_longest_and_what_fits_the_window():
    table = make_table({("anger", "male"): 3, ("joy", "male"): 1}, {"anger": 1.5, "joy": 4.0})
    figure = diagrams.durations(table)
    assert "highest for joy (4.0 s), lowest for anger (1.5 s)" in figure.alt
    assert "75 % of the utterances fit into the 3.0 s that a network sees at a time" in figure.alt
    assert figure.svg() == diagrams.durations(table).svg()


def test_the_pipeline_has_the_sizes_of_the_report():
    runs = [factory.make_run(name, "emodb") for name in ("cnn", "cnn_gru")]
    figure = diagrams.pipeline(runs)
    drawn = texts(figure)
    for text in ("200 utterances", "10 speakers", "7 emotions", "10 folds", "60 rows", "CNN-GRU"):
        assert text in drawn
        assert text in figure.alt
    assert "1 or 3 channels" in drawn
    assert "1 channel" in texts(diagrams.pipeline(runs[:1]))
