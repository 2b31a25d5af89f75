"""The emotions of a long recording over time; see `drawing`."""

from pathlib import Path

import numpy as np

from ser_lib.core.errors import ParameterError
from ser_lib.models.predict import Predictions
from ser_lib.pages.figures.drawing import Figure, canvas, style
from ser_lib.pages.figures.palette import INK
from ser_lib.pages.words import count, number


@style()
def segments(predictions: Predictions, *, file: str | None = None) -> Figure:
    """Probabilities of every emotion over a recording, by default the first that was answered.

    ParameterError if the predictions are not for segments, or have no such file.
    """
    file = file if file is not None else next(iter(predictions.files), "")
    if predictions.times is None or file not in predictions.files:
        raise ParameterError(
            f"there are no segments of '{file}': predict with segments=True, and name one of the "
            "files"
        )
    own = np.array(predictions.files) == file
    times, chances = predictions.times[own], predictions.probabilities[own]
    sure, said = ~predictions.abstains[own], chances.argmax(axis=1)
    middles = times.mean(axis=1)
    # A segment stands for what is nearer to its middle than to that of another.
    edges = np.concatenate([times[:1, 0], (middles[1:] + middles[:-1]) / 2, times[-1:, 1]])
    fig, axis = canvas(height=1.3 + 0.35 * len(predictions.emotions), grid="x")
    rows = np.arange(len(predictions.emotions) + 1) - 0.5
    mesh = axis.pcolormesh(edges, rows, chances.T, cmap="Blues", vmin=0, vmax=1, rasterized=True)
    for answered, face in ((sure, INK), (~sure, "white")):
        axis.plot(middles[answered], said[answered], "o", color=INK, markerfacecolor=face,
                  markersize=5, linestyle="none")  # fmt: skip
    axis.set(xlabel="time (s)", xlim=(edges[0], edges[-1]), ylim=(rows[-1], rows[0]))
    axis.set_yticks(range(len(predictions.emotions)), predictions.emotions)
    fig.colorbar(mesh, ax=axis, label="probability")
    return Figure(
        fig,
        alt=f"Probabilities of {count(len(rows) - 1, 'emotion')} in {count(len(said), 'segment')} "
        f"of {number(float(edges[-1]), 1)} s, of which {sure.sum()} are answered.",
        name="listen-segments",
        caption=f"Emotions in {Path(file).name} over time. Points: the most probable one, filled "
        "where the model is sure enough to answer.",
    )
