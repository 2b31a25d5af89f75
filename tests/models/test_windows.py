"""Training batches: windows at any place, blends that stay between what they blend."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_lib.features.maps import fit_window
from ser_lib.models import windows as augment

FRAMES = 10
LENGTHS = st.integers(1, 35)


def numbered(length: int) -> np.ndarray:
    """A map [2, length, 1] whose values tell their place, counted from 1."""
    frames = np.arange(1, length + 1, dtype=np.float32)
    return np.stack([frames, -frames])[:, :, np.newaxis]


@given(LENGTHS, st.integers(0, 999))
def test_a_random_window_is_a_piece_of_the_map_or_all_of_it(length, seed):
    whole = numbered(length)
    window = augment.random_window(whole, np.random.default_rng(seed), frames=FRAMES)
    assert window.shape == (2, FRAMES, 1)
    assert window.dtype == np.float32
    np.testing.assert_array_equal(window[1], -window[0])
    values = window[0, :, 0]
    heard = values[values != 0]
    assert len(heard) == min(length, FRAMES)
    assert (np.diff(heard) == 1).all(), "frames are out of order or torn apart"
    place = np.flatnonzero(values)
    assert (np.diff(place) == 1).all()


@pytest.mark.parametrize("length", [4, 10, 16])
def test_every_place_is_reached_and_the_generator_decides_it(length):
    whole, generator = numbered(length), np.random.default_rng(0)
    windows = [augment.random_window(whole, generator, frames=FRAMES) for _ in range(200)]
    assert len({window.tobytes() for window in windows}) == abs(length - FRAMES) + 1
    again = augment.random_window(whole, np.random.default_rng(0), frames=FRAMES)
    np.testing.assert_array_equal(again, windows[0])


@given(LENGTHS, st.integers(2, 6))
def test_even_windows_reach_from_start_to_end(length, n):
    whole = numbered(length)
    windows = augment.even_windows(whole, n, frames=FRAMES)
    assert windows.shape == (max(n, -(-length // FRAMES)), 2, FRAMES, 1)
    if length > FRAMES:
        assert set(windows.flat) == set(whole.flat), "a frame is in no window"
    slack = abs(length - FRAMES)
    np.testing.assert_array_equal(windows[0], fit_window(whole, frames=FRAMES, offset=0))
    np.testing.assert_array_equal(windows[-1], fit_window(whole, frames=FRAMES, offset=slack))
    first = [window[0].argmax() if length < FRAMES else window[0, 0, 0] for window in windows]
    steps = np.diff(first)
    assert (steps >= 0).all()
    assert steps.max() - steps.min() <= 1, "windows are not evenly spread"
    (centre,) = augment.even_windows(whole, 1, frames=FRAMES)
    expected = fit_window(whole, frames=FRAMES, offset=round(slack / 2))
    np.testing.assert_array_equal(centre, expected)


def test_smoothing_known_answers():
    targets = np.eye(4, dtype=np.float32)[[2, 0]]
    assert np.array_equal(augment.smooth(targets, 0.0), targets)
    smoothed = augment.smooth(targets, 0.2)
    np.testing.assert_allclose(smoothed, [[0.05, 0.05, 0.85, 0.05], [0.85, 0.05, 0.05, 0.05]])
    assert smoothed.dtype == np.float32


@given(st.integers(1, 20), st.floats(0.01, 5), st.integers(0, 999))
def test_mixup_blends_inputs_and_targets_alike(n, alpha, seed):
    rng = np.random.default_rng(seed)
    targets = np.eye(3, dtype=np.float32)[rng.integers(3, size=n)]
    # The input repeats the target, so it must still do so after the blend.
    inputs = np.repeat(targets[:, np.newaxis, np.newaxis, :], 4, axis=1)
    mixed, labels = augment.mixup(inputs, targets, rng, alpha=alpha)
    assert mixed.shape == inputs.shape
    assert mixed.dtype == labels.dtype == np.float32
    np.testing.assert_allclose(mixed[:, 2, 0], labels, atol=1e-6)
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-6)
    assert labels.min() >= 0
    assert (np.count_nonzero(labels > 1e-7, axis=1) <= 2).all(), "blended more than a pair"


def test_mixup_blends_with_others_and_with_random_weights():
    inputs = np.arange(64, dtype=np.float32)[:, np.newaxis]
    targets = np.eye(64, dtype=np.float32)
    _, labels = augment.mixup(inputs, targets, np.random.default_rng(0), alpha=1.0)
    weights = np.diagonal(labels)
    assert len(np.unique(weights)) > 50
    assert 0.3 < weights.mean() < 0.7
    same, labels = augment.mixup(inputs, targets, np.random.default_rng(0), alpha=0)
    assert same is inputs
    assert labels is targets
    _, labels = augment.mixup(inputs, targets, np.random.default_rng(0), alpha=1e4)
    assert set(labels.round(1).flat) == {0.0, 0.5, 1.0}, "a large alpha blends halves"
