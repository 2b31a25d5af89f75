"""Maps: a tone is found where it is, and the image holds the numbers."""

import numpy as np
import pytest

from ser_lib.core.audio import RATE
from ser_lib.features import maps as features
from ser_lib.pages.figures import features as features_figures


def tone(hertz: float, seconds: float = 0.8, level: float = 0.3) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(0).normal(0, 1e-3, len(time))
    return (level * np.sin(2 * np.pi * hertz * time) + noise).astype(np.float32)


def extracted(kind: str, **tones: float) -> dict[str, np.ndarray]:
    return {name: features.extract(tone(hz), kind=kind) for name, hz in tones.items()}


@pytest.mark.parametrize("kind", features.MAPS)
@pytest.mark.parametrize("n", [1, 5])
def test_grid_has_a_panel_per_emotion(kind, n):
    given = extracted(kind, **{f"emotion{i}": 200.0 + 50 * i for i in range(n)})
    figure = features_figures.feature_grid(given, kind=kind)
    titles = [axis.get_title() for axis in figure.fig.axes if axis.get_title()]
    assert titles == list(given)
    assert all(name in figure.alt for name in given)


@pytest.mark.parametrize("kind", features.MAPS)
def test_a_map_is_drawn_with_time_in_seconds(kind):
    static = features.extract(tone(400.0), kind=kind)
    axis = features_figures.feature_grid({"odd $name_": static}, kind=kind).fig.axes[0]
    assert axis.get_title() == "odd $name_"
    (image,) = axis.collections
    assert image.get_array().shape == static.shape
    if kind == "logmel":
        assert np.array_equal(image.get_array(), static)
    frames = static.shape[1]
    edges = (np.arange(frames + 1) - 0.5) * features_figures.FRAME_S
    np.testing.assert_allclose(image.get_coordinates()[0, :, 0], edges)
    assert axis.get_xlim() == pytest.approx((edges[0], edges[-1]))


def test_rows_of_the_stack_are_named_in_groups_that_cover_it():
    given = extracted("stack", it=200.0)
    axis = features_figures.feature_grid(given, kind="stack").fig.axes[0]
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["f0, voicing", "chroma", "onset, rms", "mfcc", "spectral shape", "contrast"]
    middles = axis.get_yticks().tolist()
    assert middles == sorted(middles)
    rows = [row.name.split("_")[0] for row in features.rows("stack")]
    assert [rows[round(middle)] for middle in middles[1::2]] == ["chroma", "mfcc", "contrast"]


@pytest.mark.parametrize("kind", features.MAPS)
def test_silence_can_be_drawn(kind):
    signal = np.zeros(RATE, np.float32)
    silent = features.extract(signal, kind=kind)
    assert "nan" not in features_figures.feature_grid({"calm": silent}, kind=kind).alt
