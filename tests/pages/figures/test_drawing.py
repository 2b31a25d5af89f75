"""What all figures have in common: colours, bytes, and how they show themselves."""

from base64 import b64decode
from io import BytesIO

import matplotlib
import numpy as np
from matplotlib import pyplot
from matplotlib.font_manager import findfont, fontManager
from PIL import Image

from ser_lib.pages.figures import drawing, palette
from ser_lib.pages.figures.drawing import Figure


@drawing.style()
def make(name: str = "cnn-classes") -> Figure:
    fig, axis = drawing.canvas(height=2)
    axis.plot([0, 1])
    return Figure(fig, alt="A line.", name=name, caption="It *rises*.")


def test_a_figure_is_white_and_leaves_no_window():
    picture = np.asarray(Image.open(BytesIO(make().png(dpi=50))).convert("RGB"))
    assert (picture[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
    assert not pyplot.get_fignums()


def test_a_figure_shows_itself_with_alt_text_caption_and_name():
    figure = make()
    bundle, about = figure._repr_mimebundle_()
    assert bundle["image/svg+xml"] == figure.svg() == make().svg()
    assert b64decode(bundle["image/png"]) == figure.png() == make().png()
    assert Image.open(BytesIO(figure.png())).info.keys() <= {"dpi"}
    assert bundle["text/plain"] == "A line."
    assert about["ser"] == {"alt": "A line.", "caption": "It *rises*.", "name": "cnn-classes"}


def test_letters_that_our_font_lacks_are_drawn_in_one_that_has_them(monkeypatch):
    ours = findfont(drawing.FONT)
    other = next(font.fname for font in fontManager.ttflist if font.name == "DejaVu Serif")
    letters = {ours: frozenset(map(ord, "happy")), other: frozenset(map(ord, "\u00e9\u00e8"))}
    monkeypatch.setattr(drawing, "_letters", lambda file: letters.get(file, frozenset()))
    drawing.font_with.cache_clear()
    try:
        with drawing.style():
            fig, axis = drawing.canvas(height=2)
            axis.set(title="\u00e9\u00e8", xlabel="happy", xticks=[], yticks=[])
            Figure(fig, alt="A line.", name="a", caption="")
        assert axis.title.get_fontfamily() == [drawing.FONT, "DejaVu Serif"]
        assert axis.xaxis.label.get_fontfamily() == [drawing.FONT]
        assert [drawing.font_with(letter) for letter in "\n\u00e9\u9ad8"] == [
            drawing.FONT, "DejaVu Serif", None
        ]  # fmt: skip
    finally:
        drawing.font_with.cache_clear()


def test_text_on_every_colour_is_legible():
    def luminance(colour):
        channels = np.array(matplotlib.colors.to_rgb(colour))
        curve = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return curve @ [0.2126, 0.7152, 0.0722]

    for colour in matplotlib.colormaps["Blues"](np.linspace(0, 1, 64)):
        low, high = sorted([luminance(colour[:3]), luminance(palette.ink_on(colour[:3]))])
        assert (high + 0.05) / (low + 0.05) >= 4.5  # WCAG AA
