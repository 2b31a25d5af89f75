"""Perturbations: what was asked for is what is measured, and nothing else changes."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate, welch

from ser_lib.core.audio import RATE
from ser_lib.core.errors import ParameterError
from ser_lib.features import perturb, spectrum
from ser_lib.features.perturb import KINDS

ALL = [(name, strength) for name, kind in KINDS.items() for strength in kind.strengths]


def voice(seed: int, seconds: float = 1.5, pitch: float = 140.0) -> np.ndarray:
    """A rough voice: harmonics that fall by 6 dB per octave, three syllables a second, breath."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * pitch * n * time + n) / n for n in range(1, 40))
    syllables = np.clip(np.sin(2 * np.pi * 3 * time), 0.02, None)
    return (0.2 * tone * syllables + generator.normal(0, 1e-3, len(time))).astype(np.float32)


SPEECH = voice(0)
OTHERS = [voice(i, 0.4 * i, 90.0 + 25 * i) for i in range(1, 6)]


def apply(signal, kind, strength, **options):
    return perturb.apply(signal, kind, strength, **({"utterance": "u", "voices": OTHERS} | options))


def snr_db(signal, changed) -> float:
    noise = changed.astype(float) - signal
    return 10 * np.log10(np.mean(np.square(signal, dtype=float)) / np.mean(noise**2))


def transfer_db(change, hertz: float) -> float:
    """How much stronger a frequency is after a change, measured on white noise."""
    noise = np.random.default_rng(0).normal(0, 0.1, 8 * RATE).astype(np.float32)
    frequencies, before = welch(noise, RATE, nperseg=4096)
    after = welch(change(noise), RATE, nperseg=4096)[1]
    at = np.argmin(np.abs(frequencies - hertz))
    return 10 * np.log10(after[at] / before[at] + 1e-30)


# All of them


@pytest.mark.parametrize(("kind", "strength"), ALL)
@settings(max_examples=25)
@given(n=st.integers(1, 4000), scale=st.sampled_from([0.0, 1e-5, 1.0, 3.0]), seed=st.integers(0, 9))
def test_length_and_type_are_kept_and_the_input_too(kind, strength, n, scale, seed):
    signal = (scale * np.random.default_rng(seed).normal(0, 0.3, n)).astype(np.float32)
    before = signal.copy()
    changed = apply(signal, kind, strength)
    assert changed.shape == signal.shape
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    np.testing.assert_array_equal(signal, before)
    if not scale:
        assert np.abs(changed).max() < 1e-4  # MP3 decodes silence to nearly that


@pytest.mark.parametrize(("kind", "strength"), ALL)
def test_the_same_utterance_is_changed_in_the_same_way(kind, strength):
    first = apply(SPEECH, kind, strength)
    np.testing.assert_array_equal(first, apply(SPEECH, kind, strength))
    random = kind in ("noise", "babble", "reverberation")
    for other in ({"utterance": "v"}, {"seed": 1}):
        assert np.array_equal(first, apply(SPEECH, kind, strength, **other)) is not random


@pytest.mark.parametrize("kind", KINDS)
def test_strengths_go_from_mild_to_severe(kind):
    clean = spectrum.log_mel(SPEECH)
    distances = [
        np.abs(spectrum.log_mel(apply(SPEECH, kind, strength)) - clean).mean()
        for strength in KINDS[kind].strengths
    ]
    assert distances == sorted(distances)
    assert distances[0] > 0.05


@pytest.mark.parametrize(
    ("kind", "strength", "words"),
    [
        ("noise", np.nan, "snr_db must be from -60 to 120"),
        ("babble", 200, "snr_db must be from -60 to 120"),
        ("reverberation", 0, "rt60_s must be above 0, up to 10 s"),
        ("telephone", 300, "high_hz must be above 300, up to 3400"),
        ("telephone", 4000, "high_hz must be above 300, up to 3400"),
        ("low-pass", 0, "cutoff_hz must be above 0"),
        ("low-pass", 12_000, "cutoff_hz must be above 0, up to 10000"),
        ("loud", 61, "gain_db must be from -90 to 60"),
        ("mp3", 31, "kbit_s must be one of 8, 16.*not 31"),
    ],
)
def test_strengths_that_are_not_allowed(kind, strength, words):
    with pytest.raises(ParameterError, match=words):
        apply(SPEECH, kind, strength)
    with pytest.raises(ParameterError, match=r"unknown kind of perturbation 'nose'.*'noise'"):
        apply(SPEECH, "nose", 10)
    for silent in ([], [np.zeros(100, dtype=np.float32)]):
        with pytest.raises(ParameterError, match="at least one voice that is not silent"):
            apply(SPEECH, "babble", 10, voices=silent)


# Noise


@pytest.mark.parametrize("kind", ["noise", "babble"])
@pytest.mark.parametrize("asked", [-10, 0, 5, 20, 40])
def test_the_ratio_is_the_one_asked_for(kind, asked):
    changed = apply(SPEECH, kind, asked)
    assert snr_db(SPEECH, changed) == pytest.approx(asked, abs=0.01)
    # Strengths differ in strength alone.
    loudest = apply(SPEECH, kind, -10) - SPEECH
    np.testing.assert_allclose(changed - SPEECH, loudest * 10 ** (-(asked + 10) / 20), atol=1e-5)


def test_white_noise_is_white():
    noise = apply(voice(0, 20), "noise", 0) - voice(0, 20)
    power = welch(noise, RATE, nperseg=256)[1][2:-2]
    assert power.max() / power.min() < 1.5


def test_every_voice_of_a_babble_is_equally_loud():
    # Two tones of very different level: in the babble both have the same power.
    time = np.arange(RATE) / RATE
    tones = [np.sin(2 * np.pi * 400 * time), 0.001 * np.sin(2 * np.pi * 900 * time)]
    noise = apply(SPEECH, "babble", 0, voices=tones) - SPEECH
    frequencies, power = welch(noise, RATE, nperseg=4096)
    low, high = (power[np.abs(frequencies - hertz) < 30].sum() for hertz in (400, 900))
    assert low == pytest.approx(high, rel=0.02)
    assert low + high == pytest.approx(power.sum(), rel=0.01)


# Rooms


@pytest.mark.parametrize("asked", [0.3, 0.6, 1.2])
def test_the_reverberation_time_is_the_one_asked_for(asked):
    response = perturb.room_response(asked, np.random.default_rng(0))
    assert len(response) == round(asked * RATE)
    # Schroeder's backward integration: the line from -5 to -35 dB, continued to -60.
    energy = np.cumsum(np.square(response[1:])[::-1])[::-1]
    decay = 10 * np.log10(energy / energy[0])
    used = (decay < -5) & (decay > -35)
    slope = np.polyfit(np.flatnonzero(used) / RATE, decay[used], 1)[0]
    assert -60 / slope == pytest.approx(asked, rel=0.05)
    # The reflections are as strong as the direct sound.
    assert response[0] == 1
    assert np.sum(response[1:] ** 2) == pytest.approx(1)


def test_reverberation_keeps_the_level_and_fills_the_pauses():
    changed = apply(SPEECH, "reverberation", 1.2)
    assert np.mean(changed**2) == pytest.approx(np.mean(SPEECH**2), rel=1e-4)
    pause = slice(round(RATE * 0.25), round(RATE * 0.3))  # between the first two syllables
    assert np.mean(changed[pause] ** 2) > 100 * np.mean(SPEECH[pause] ** 2)


# Lines and recorders


@pytest.mark.parametrize(
    ("change", "passed", "stopped"),
    [
        *(
            (partial(perturb.telephone, high_hz=high), (320, 1000, high - 50),
             (50, 150, high + 700, 4050, 8000))
            for high in (2000, 2700, 3400)
        ),
        *(
            (partial(perturb.low_pass, cutoff_hz=cutoff), (20, 500, cutoff - 50),
             (1.15 * cutoff, 9000))
            for cutoff in (1000, 4000)
        ),
    ],
)  # fmt: skip
def test_a_filter_passes_its_band_alone(change, passed, stopped):
    for hertz in passed:
        assert transfer_db(change, hertz) == pytest.approx(0, abs=0.1)
    for hertz in stopped:
        assert transfer_db(change, hertz) < -60


CODECS = [("telephone", 3400), ("low-pass", 1000), *(("mp3", rate) for rate in perturb.MP3_KBIT_S)]


@pytest.mark.parametrize(("kind", "strength"), CODECS)
def test_lines_and_recorders_do_not_delay(kind, strength):
    likeness = correlate(apply(SPEECH, kind, strength), SPEECH, mode="full")
    assert likeness.argmax() == len(SPEECH) - 1
    if strength == 160:
        assert snr_db(SPEECH, apply(SPEECH, kind, strength)) > 20


@pytest.mark.parametrize("gain_db", [-40, -20, 0, 6])
def test_a_gain_is_the_same_for_all(gain_db):
    changed = perturb.level(SPEECH / 4, gain_db=gain_db)
    np.testing.assert_allclose(changed, SPEECH / 4 * 10 ** (gain_db / 20), atol=2**-16)
    assert np.all(changed * 32768 == np.round(changed * 32768))  # steps of 16 bits


def test_what_is_over_full_scale_is_cut_off():
    # A sine of twice full scale is beyond it for two thirds of the time.
    sine = np.sin(2 * np.pi * np.arange(30_000) / 3000).astype(np.float32)
    changed = perturb.level(sine, gain_db=20 * np.log10(2))
    assert np.mean(np.abs(changed) >= 32767 / 32768) == pytest.approx(2 / 3, abs=2e-3)
    assert changed.max() == np.float32(32767 / 32768)
    assert changed.min() == -1
