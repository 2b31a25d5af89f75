"""Figures of results: alt text that names the right class, the same bytes twice, what is drawn."""

import re
from base64 import b64decode
from io import BytesIO

import factory
import matplotlib
import numpy as np
import pytest
from PIL import Image

from ser_lib.core.errors import ParameterError
from ser_lib.corpora import describe
from ser_lib.pages.figures import drawing
from ser_lib.pages.figures import network as network_figures

# Networks that are compared hear the same utterances.
TRUTH = [factory.EMOTIONS["emodb"][i % 7] for i in range(100)]
RECORDS = [
    factory.make_record(architecture, "emodb", seed=i, skill=1 + i, speakers=10, truth=TRUTH)
    for i, architecture in enumerate(("cnn", "cnn_lstm", "cnn_gru"))
]
ONE = {
    "learning_curves": network_figures.learning_curves,
    "confusion": network_figures.confusion,
    "normalised": lambda record: network_figures.confusion(record, normalise=True),
    "per_class": network_figures.per_class,
    "class_accuracy": network_figures.class_accuracy,
    "correct_incorrect": network_figures.correct_incorrect,
    "speakers": network_figures.speakers,
}
SEVERAL = {"comparison": network_figures.comparison, "cost": network_figures.cost}


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.fig.findobj(matplotlib.text.Text)]


@pytest.mark.parametrize("name", [*ONE, *SEVERAL])
def test_the_same_record_gives_the_same_bytes(name):
    draw, data = (ONE[name], RECORDS[0]) if name in ONE else (SEVERAL[name], RECORDS)
    first, second = draw(data), draw(data)
    svg = first.svg()
    assert svg == first.svg() == second.svg()
    assert "<dc:date>" not in svg
    assert len(svg) < 120_000
    assert first.alt == second.alt
    assert first.caption.endswith(".")
    assert "**" not in first.alt
    assert "\n" not in first.alt


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize(
    "record",
    [
        factory.make_record(emotions=["anger", "joy"], speakers=1, per_speaker=4, epochs=1,
                            protocol="random"),
        factory.record_of_counts({"anger": {"anger": 5}, "joy": {"joy": 5}}),
        factory.record_of_counts({"anger": {"joy": 5}, "joy": {"anger": 5}}),
        factory.record_of_counts({"anger": {"anger": 5, "fear": 1}, "joy": {"anger": 5}}),
    ],
    ids=["tiny", "perfect", "all wrong", "a class that was never tested"],
)  # fmt: skip
def test_extreme_records_can_be_drawn(name, record):
    figure = ONE[name](record)
    assert figure.svg().startswith("<?xml")
    assert not re.search(r"nan|None|  ", figure.alt)


def test_a_figure_is_white_and_leaves_no_window():
    figure = network_figures.per_class(RECORDS[0])
    picture = np.asarray(Image.open(BytesIO(figure.png(dpi=50))).convert("RGB"))
    assert (picture[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
    from matplotlib import pyplot

    assert not pyplot.get_fignums()


def test_alt_names_the_best_and_worst_emotion_and_follows_a_flip():
    def alt(good, bad):
        counts = {good: {good: 9, bad: 1}, bad: {bad: 2, good: 8}}
        return network_figures.per_class(factory.record_of_counts(counts)).alt

    assert "highest for anger (0.67), lowest for joy (0.31)" in alt("anger", "joy")
    assert "highest for joy (0.67), lowest for anger (0.31)" in alt("joy", "anger")


def test_confusion_shows_every_count_and_names_the_largest_confusion():
    counts = {"anger": {"anger": 31, "joy": 7}, "joy": {"joy": 22, "anger": 5}}
    record = factory.record_of_counts(counts)
    figure = network_figures.confusion(record)
    assert {"31", "7", "22", "5"} <= set(texts(figure))
    assert "anger taken for joy, 7 times, 18 % of anger" in figure.alt
    assert "53 lie on the diagonal (82 %)" in figure.alt
    shares = network_figures.confusion(record, normalise=True)
    assert {"0.82", "0.18", "0.81", "0.19"} <= set(texts(shares))
    perfect = factory.record_of_counts({"anger": {"anger": 5}, "joy": {"joy": 5}})
    assert "Nothing is confused." in network_figures.confusion(perfect).alt


def test_confusion_by_fold_shows_every_fold():
    record = factory.make_record("cnn_gru", "demo", protocol="cross-corpus", skill=2.0)
    figure = network_figures.confusion_by_fold(record)
    assert figure.svg() == network_figures.confusion_by_fold(record).svg()
    names = {"corpus-demo": "Synthetic demo corpus", "corpus-emodb": describe("emodb").short}
    assert {f"tested:\n{name}" for name in names.values()} <= set(texts(figure))
    assert "corpus-" not in figure.alt
    for fold, part in record.predictions.groupby("fold"):
        share = {
            emotion: (rows["truth"] == rows["predicted"]).mean()
            for emotion, rows in part.groupby("truth")
        }
        best = max(share, key=share.get)
        assert f"{names[fold]}: the share that is found is highest for {best}" in figure.alt
        assert f"{share[best]:.2f}" in texts(figure)


def test_text_on_every_colour_is_legible():
    def luminance(colour):
        channels = np.array(matplotlib.colors.to_rgb(colour))
        curve = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return curve @ [0.2126, 0.7152, 0.0722]

    for colour in matplotlib.colormaps["Blues"](np.linspace(0, 1, 64)):
        low, high = sorted([luminance(colour[:3]), luminance(drawing.ink_on(colour[:3]))])
        assert (high + 0.05) / (low + 0.05) >= 4.5  # WCAG AA


def test_learning_curves_stop_where_half_of_the_folds_have_stopped():
    record = factory.make_record(epochs=30, seed=3, speakers=6)
    stops = sorted(fold["epochs"] for fold in record.data["folds"])
    figure = network_figures.learning_curves(record)
    drawn = figure.fig.axes[0].lines[0].get_xdata().max()
    assert drawn == stops[len(stops) // 2]
    assert f"At epoch {drawn:.0f}, training accuracy is" in figure.alt
    assert ("some folds have stopped" in figure.caption) == (stops[0] < drawn)
    mean = record.history.query("split == 'train' and epoch == 1")["accuracy"].mean()
    assert figure.fig.axes[0].lines[0].get_ydata()[0] == pytest.approx(mean)


def test_class_accuracy_draws_counts_in_label_order():
    record = factory.record_of_counts({"anger": {"anger": 3, "joy": 1}, "joy": {"joy": 4}})
    figure = network_figures.class_accuracy(record)
    assert [t for t in texts(figure) if " of " in t] == ["0.75\n3 of 4", "1.00\n4 of 4"]
    assert "all: 0.88" in texts(figure)


def test_correct_and_incorrect_are_counted():
    record = factory.record_of_counts({"anger": {"anger": 3, "joy": 1}, "joy": {"joy": 4}})
    assert {"7 (88 %)", "1"} <= set(texts(network_figures.correct_incorrect(record)))


def test_speakers_are_sorted_by_uar():
    figure = network_figures.speakers(RECORDS[0])
    dots = figure.fig.axes[0].collections[2].get_offsets()
    assert (np.diff(np.asarray(dots)[:, 0]) <= 0).all()
    assert "highest for speaker " in figure.alt


def test_many_speakers_are_not_named():
    figure = network_figures.speakers(factory.make_record(speakers=40, per_speaker=2, epochs=1))
    assert not [label for label in figure.fig.axes[0].get_yticklabels() if label.get_text()]


def test_comparison_says_what_the_data_can_tell():
    figure = network_figures.comparison(RECORDS, metrics=("uar",))
    assert "The CNN-GRU is better than" in figure.alt
    assert "CNN: UAR 0." in figure.alt
    with pytest.raises(ParameterError, match="unknown score 'kappa'"):
        network_figures.comparison(RECORDS, metrics=("kappa",))


def test_show_hands_the_book_alt_text_caption_and_name(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *args, **opts: shown.append((args, opts)))
    figure = network_figures.per_class(RECORDS[0])
    network_figures.show(figure, name="cnn-per-class")
    network_figures.show(figure, name="cnn-per-class", caption="Mine.")
    ((bundle,), options), (_, other) = shown
    assert bundle["image/svg+xml"] == figure.svg()
    assert b64decode(bundle["image/png"]) == figure.png()
    assert options["raw"]
    assert options["metadata"]["ser"] == {
        "alt": figure.alt, "caption": figure.caption, "name": "cnn-per-class"
    }  # fmt: skip
    assert other["metadata"]["ser"]["caption"] == "Mine."
    for name in ("", "cnn/classes", "CNN classes", "cnn-"):
        with pytest.raises(ParameterError, match=re.escape(f"hyphens, not {name!r}")):
            network_figures.show(figure, name=name)
    with pytest.raises(ParameterError, match="the figure 'cnn-classes' needs a caption"):
        network_figures.show(figure, name="cnn-classes", caption="")
