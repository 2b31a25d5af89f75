"""The colours of all figures: seaborn's colour-blind safe palette, and three greys."""

import numpy as np
import seaborn as sns
from matplotlib.colors import to_rgb

BLUE, ORANGE, GREEN, RED, PURPLE, *_ = sns.color_palette("colorblind").as_hex()
INK, SOFT, PALE = "#262626", "#8c8c8c", "#bfbfbf"


def ink_on(colour) -> str:
    """Black or white, whichever is the more legible on a colour (WCAG relative luminance)."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "black"
