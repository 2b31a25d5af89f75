"""What all figures of the report have in common: size, style, words, bytes.

Conventions: a figure is 8 inches wide, on white so that it reads the same on a dark page, in
seaborn's colour-blind safe palette; what colour tells is also told by shape, hatching, order or a
label. Its alt text states the finding, computed from the numbers that are drawn. The same data
gives the same bytes: no date, fixed identifiers, text as outlines.
"""

import io
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ContextDecorator
from dataclasses import dataclass
from functools import cache

import matplotlib
import matplotlib.figure
import numpy as np
import seaborn as sns
from matplotlib.font_manager import findfont, fontManager, get_font
from matplotlib.text import Text

from ser_lib.pages.figures.palette import INK, PALE
from ser_lib.pages.words import interval, number

WIDTH = 8.0  # inches
NARROW = 5.6  # so that a phone shows all of it, and its words can be read
FONT = "DejaVu Sans"  # comes with matplotlib, so it is the same everywhere


@dataclass(frozen=True)
class Figure:
    """A figure with what it shows in words; it shows itself in a notebook.

    Its name, by which the book refers to it, is unique in it: "<page>-<name>" in lower-case
    letters, digits and hyphens.
    """

    fig: matplotlib.figure.Figure  # belongs to no window and needs no closing
    alt: str  # one paragraph for who cannot see it: the finding
    name: str
    caption: str  # Markdown

    def __post_init__(self) -> None:
        for text in self.fig.findobj(Text):
            others = [font for letter in text.get_text() if (font := font_with(letter))]
            if set(others) - {FONT}:
                text.set_fontfamily([FONT, *dict.fromkeys(others)])
        # The layout is computed once: a second pass would move things by a fraction of a pixel.
        with style():
            self.fig.draw_without_rendering()
        self.fig.set_layout_engine("none")

    def svg(self) -> str:
        """Return the figure as SVG text, the same for the same figure."""
        text = self._save("svg", metadata={"Date": None}).decode()
        # A name may hold characters that XML cannot.
        return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)

    def png(self, *, dpi: int = 200) -> bytes:
        """Return the bytes of a PNG file, the same for the same figure."""
        return self._save("png", dpi=dpi, metadata={"Software": None})

    def savefig(self, file, **options) -> None:
        """Write the figure to a file, as matplotlib's method of this name does."""
        with style():
            self.fig.savefig(file, **options)

    def _save(self, kind: str, **options) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format=kind, **options)
        return buffer.getvalue()

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        pictures = {"image/svg+xml": self.svg(), "image/png": b64encode(self.png()).decode()}
        about = {"alt": self.alt, "caption": self.caption, "name": self.name}
        return {**pictures, "text/plain": self.alt}, {"ser": about}


@cache
def font_with(letter: str) -> str | None:
    """Return the name of a font that has a letter: ours, or one of the system's, if any."""
    if not letter.isprintable() or letter.isspace() or ord(letter) in _letters(findfont(FONT)):
        return FONT
    for font in sorted(fontManager.ttflist, key=lambda font: ("Sans" not in font.name, font.name)):
        if ord(letter) in _letters(font.fname) and "Last Resort" not in font.name:
            return font.name
    return None


@cache
def _letters(file: str) -> frozenset[int]:
    return frozenset(get_font(file).get_charmap())


def style() -> ContextDecorator:
    """Context in which figures are drawn and saved; as a decorator, of a function that draws."""
    look = sns.axes_style("whitegrid") | sns.plotting_context("notebook", font_scale=0.85)
    own = {
        "font.family": FONT,
        "text.color": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.edgecolor": PALE,
        **dict.fromkeys(("axes.spines.left", "axes.spines.right", "axes.spines.top"), False),
        "axes.titleweight": "bold",
        "axes.titlesize": 10.5,
        "grid.color": "#e6e6e6",
        "legend.frameon": False,
        "svg.hashsalt": "ser",
        "text.parse_math": False,  # names are data: a $ in one is a $
        "svg.fonttype": "path",
    }
    return matplotlib.rc_context(look | own)


def canvas(
    rows: int = 1,
    columns: int = 1,
    *,
    height: float,
    width: float = WIDTH,
    grid: str = "both",
    **options,
):
    """Return an empty figure and its axes; `grid` is "x", "y" or "both", lengths are in inches."""
    fig = matplotlib.figure.Figure(figsize=(width, height), layout="constrained", facecolor="white")
    fig.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    with matplotlib.rc_context({"axes.grid.axis": grid}):
        return fig, fig.subplots(rows, columns, **options)


def legend_above(axis, columns: int) -> None:
    """Put the legend of an axis over it, where it covers no data."""
    axis.legend(handles=_handles(axis), loc="lower center", bbox_to_anchor=(0.5, 1), ncols=columns)


def _handles(axis) -> list:
    """Return what the legend of an axis shows, a label that several have once."""
    handles, labels = axis.get_legend_handles_labels()
    return list(dict(zip(labels, handles, strict=True)).values())


def highest_first(rows: Iterable[tuple[str, Mapping]]) -> list[tuple[str, Mapping]]:
    """Return rows for `score_rows` by the value of their only point."""
    return sorted(rows, key=lambda row: -max(getattr(v, "value", v) for v in row[1].values()))


def score_rows(
    rows: Sequence[tuple[str, Mapping]],
    looks: Mapping[str, tuple],
    *,
    chance: float,
    name: str,
    caption: str,
    width: float = WIDTH,
) -> Figure:
    """Return a figure of UAR and its interval as points in rows, the value at the right.

    A row, from above, is a name and the estimate of each kind of points that it has, or a number
    where no interval is known; of a kind, `looks` has colour and marker.
    """
    several, listed = max(len(own) for _, own in rows) > 1, []
    fig, axis = canvas(height=1.1 + (0.7 if several else 0.42) * len(rows), width=width, grid="x")
    for row, (title, own) in enumerate(rows):
        for place, (kind, one) in enumerate(own.items()):
            colour, marker = looks[kind]
            y, value = row + 0.28 * (place - (len(own) - 1) / 2), getattr(one, "value", one)
            low, high = getattr(one, "interval", (value, value))
            axis.hlines(y, low, high, color=colour, linewidth=2)
            axis.text(max(high + 0.012, value + 0.025), y, number(value), va="center", color=INK)
            axis.plot(value, y, marker, color=colour, markersize=8, label=kind, clip_on=False)
            said = number(value) if value is one else interval(one)
            listed.append(f"{title}{f', {kind}' if len(looks) > 1 else ''}: {said}")
    axis.axvline(
        chance, color=INK, linestyle="--", linewidth=1.2, label=f"chance ({number(chance)})"
    )
    axis.set(xlabel="UAR", xlim=(0, 1.1), ylim=(len(rows) - 0.5, -0.5))
    axis.set_xticks(np.linspace(0, 1, 6))
    axis.set_yticks(range(len(rows)), [title for title, _ in rows])
    columns = 3 if width == WIDTH else 2  # a narrow axis has no room for it
    fig.legend(handles=_handles(axis), loc="outside upper center", ncols=columns)
    alt = f"Points with 95 % intervals. UAR from above: {'; '.join(listed)}."
    return Figure(fig, alt=alt, name=name, caption=caption)
