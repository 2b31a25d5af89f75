"""The colours of all figures: seaborn's colour-blind safe palette, and three greys."""

import seaborn as sns
from seaborn.utils import relative_luminance

BLUE, ORANGE, GREEN, RED, PURPLE, *_ = sns.color_palette("colorblind").as_hex()
INK, SOFT, PALE = "#262626", "#8c8c8c", "#bfbfbf"


def ink_on(colour) -> str:
    """Black or white, whichever is the more legible on a colour (WCAG relative luminance)."""
    luminance = relative_luminance(colour)
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "black"
