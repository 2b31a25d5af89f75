"""Feature maps: librosa as the oracle, known tones, rhythms and levels, and what always holds."""

from functools import cache

import librosa
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ser_lib.core import audio
from ser_lib.core.audio import RATE
from ser_lib.core.errors import ParameterError
from ser_lib.features import maps as features
from ser_lib.features import spectrum
from ser_lib.features.maps import FRAMES, HOP, ROWS, Standardiser
from ser_lib.features.spectrum import FLOOR_DB, N_FFT

# Of EmoDB: one of every emotion and of ten speakers.
RECORDINGS = ["03a01Fa", "08a02La", "09a05Tb", "10a07Ad", "11b02Na"]
RECORDINGS += ["12a01Wc", "13b10Ec", "14b09Fc", "15a04Wb", "16a02Tc"]

NAMES = {kind: [row.name for row in features.rows(kind)] for kind in features.MAPS}


def seconds(n):
    return np.arange(round(n * RATE)) / RATE


def noise(n=2.0, level=0.1, seed=0):
    return (level * np.random.default_rng(seed).standard_normal(len(seconds(n)))).astype("float32")


def voice(hz, *, harmonics=20, level=0.1, slope=1.0):
    """Sum the harmonics below the Nyquist rate of an F0 contour [samples]; 6 dB per octave down."""
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    parts = (np.sin(k * phase) * (k * hz < RATE / 2) / k**slope for k in range(1, harmonics + 1))
    return (level * sum(parts)).astype(np.float32)


def syllables(rate, n=4.0):
    """Noise bursts with a rise of 20 ms, `rate` a second."""
    place = (seconds(n) * rate) % 1 / rate
    return noise(n) * np.exp(-place / 0.06) * np.minimum(place / 0.02, 1)


@cache
def signals():
    """Return the signals that are compared with librosa, by name."""
    t = seconds(2.0)
    return {
        "noise": noise(),
        "chirp": (0.1 * librosa.chirp(fmin=80, fmax=9000, duration=2, sr=RATE)).astype("float32")
        + noise(level=1e-3),
        "vibrato": voice(180 * 2 ** (np.sin(2 * np.pi * 5 * t) / 12)) + noise(level=1e-3),
        "syllables": syllables(4).astype(np.float32),
        "clipped": np.clip(5 * noise(seed=3), -0.3, 0.3),
        "offset": noise(level=0.02) + np.float32(0.2),
        "silence": np.zeros(RATE, dtype=np.float32),
        "pause": np.concatenate([noise(0.5), np.zeros(RATE // 2, np.float32), noise(0.5, seed=1)]),
        "short": noise(0.02),
        "one sample": np.array([0.5], dtype=np.float32),
    }


def row(feature_map, name, kind="stack"):
    return feature_map[NAMES[kind].index(name)]


def recording(emodb, name):
    return audio.load(emodb / "wav" / f"{name}.wav")


def by_librosa(signal):
    """Compute the rows that librosa defines, one call each, from a spectrum with our floor."""
    rounding = 2.0**-30 / 12
    magnitude = np.abs(librosa.stft(signal, n_fft=N_FFT, hop_length=HOP, pad_mode="constant"))
    floor = rounding * np.square(np.hanning(N_FFT + 1)[:-1]).sum()
    magnitude = np.maximum(magnitude, np.float32(np.sqrt(floor)))
    power = magnitude**2
    mel = librosa.feature.melspectrogram(
        S=power, sr=RATE, n_mels=ROWS, fmin=spectrum.FMIN, fmax=spectrum.FMAX
    )
    logmel = librosa.power_to_db(mel, top_db=None)
    logmel = np.maximum(logmel, np.percentile(logmel, 99.5) - FLOOR_DB)
    rms = librosa.feature.rms(y=signal, frame_length=N_FFT, hop_length=HOP)
    rms = librosa.amplitude_to_db(rms, amin=np.sqrt(rounding), top_db=None)
    spectral = {"S": magnitude, "sr": RATE}
    crossings = librosa.feature.zero_crossing_rate(signal, frame_length=N_FFT, hop_length=HOP)
    stack = {
        **zip_rows("mfcc", librosa.feature.mfcc(S=logmel, n_mfcc=30)),
        **zip_rows("chroma", librosa.feature.chroma_stft(S=power, sr=RATE, tuning=0)),
        **zip_rows("contrast", librosa.feature.spectral_contrast(**spectral)),
        "rms": np.maximum(rms, np.percentile(rms, 99.5) - FLOOR_DB),
        "onset_strength": librosa.onset.onset_strength(S=logmel, sr=RATE),
        "centroid": librosa.feature.spectral_centroid(**spectral),
        "bandwidth": librosa.feature.spectral_bandwidth(**spectral),
        "rolloff": librosa.feature.spectral_rolloff(**spectral),
        "flatness": 10 * np.log10(librosa.feature.spectral_flatness(S=magnitude)),
        "zero_crossings": RATE * crossings,
    }
    return logmel, {name: values.ravel() for name, values in stack.items()}


def zip_rows(prefix, values):
    names = [name for name in NAMES["stack"] if name.startswith(prefix + "_")]
    return dict(zip(names, values, strict=True))


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
@pytest.mark.parametrize("name", [*signals(), *RECORDINGS])
def test_rows_are_those_of_librosa(request, name):
    if name in RECORDINGS:
        signal = recording(request.getfixturevalue("emodb"), name)
    else:
        signal = signals()[name]
    logmel, stack = by_librosa(features.levelled(signal))
    assert_within(features.extract(signal), logmel, np.ptp(logmel))
    ours = features.extract(signal, kind="stack")
    assert len(stack) == 30 + 12 + 7 + 7
    for row_name, values in stack.items():
        if row_name == "rolloff":
            # A bin is in or out: where the sum is 85 % but for rounding, one bin is allowed.
            step = np.abs(row(ours, "rolloff") - values) / (RATE / N_FFT)
            assert step.max() < 1.01
            assert np.mean(step > 0.01) < 0.02
        else:
            assert_within(row(ours, row_name), values, np.ptp(values), row_name)


def assert_within(actual, expected, span, name=""):
    # A row that does not vary but for rounding has no range; then its own size is the measure.
    size = max(np.abs(expected).max(), 1)
    span = span if span > 1e-3 * size else size
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4 * span, err_msg=name)


# The rows


@pytest.mark.parametrize("kind", features.MAPS)
def test_every_row_has_a_name_a_unit_and_a_cue(kind):
    listed = features.rows(kind)
    assert len(listed) == ROWS == len(set(NAMES[kind]))
    assert all(r.unit for r in listed)
    cues = {"pitch", "tone", "speed", "energy"}
    assert {r.cue for r in listed} == (cues if kind == "stack" else {"pitch", "tone"})
    for ask in (features.rows, lambda kind: features.extract(noise(), kind=kind)):
        with pytest.raises(ParameterError, match=r"unknown feature map 'mel'.*logmel, stack"):
            ask("mel")


# Against librosa


@pytest.mark.parametrize("frames", [1, 2, 8, 9, 10, 130])
def test_deltas_are_those_of_librosa(frames):
    static = np.random.default_rng(0).normal(size=(ROWS, frames)).astype(np.float32)
    result = features.add_deltas(static)
    assert result.shape == (ROWS, frames, 3)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result[..., 0], static)
    # librosa wants at least nine frames.
    padded = np.pad(static, ((0, 0), (9, 9)), mode="edge")
    for order in (1, 2):
        expected = librosa.feature.delta(padded, width=9, order=order, mode="nearest")[:, 9:-9]
        np.testing.assert_allclose(result[..., order], expected, atol=1e-5)
    assert not features.add_deltas(np.full_like(static, 0.1))[..., 1:].any()


# Pitch


def semitones(hz):
    return 12 * np.log2(np.asarray(hz) / 27.5)


def contour(hz):
    """Return what the F0 row should be for an F0 contour [samples]."""
    return semitones(hz)[np.arange(1 + len(hz) // HOP) * HOP % len(hz)]


INNER = slice(4, -4)  # frames whose window lies in the signal


@pytest.mark.parametrize("hz", [62, 80, 100, 155.6, 220, 333, 440, 490])
@pytest.mark.parametrize("harmonics", [1, 3, 20])
def test_f0_of_a_steady_tone(hz, harmonics):
    result = features.extract(voice(np.full(RATE, float(hz)), harmonics=harmonics), kind="stack")
    np.testing.assert_allclose(row(result, "f0"), semitones(hz), atol=0.1)
    assert row(result, "voicing")[INNER].min() > 0.95


@pytest.mark.parametrize("hz", [90, 180, 300])
def test_f0_of_a_voice_without_its_fundamental_and_of_one_in_noise(hz):
    partials = [np.sin(2 * np.pi * k * hz * seconds(1.0)) for k in range(3, 9)]
    f0 = row(features.extract(sum(partials).astype(np.float32), kind="stack"), "f0")
    np.testing.assert_allclose(f0, semitones(hz), atol=0.1)
    signal = voice(np.full(RATE * 2, float(hz)))
    signal += noise(level=signal.std() * 10 ** (-10 / 20))  # 10 dB
    error = row(features.extract(signal, kind="stack"), "f0") - semitones(hz)
    assert np.mean(np.abs(error) < 0.3) > 0.98


@pytest.mark.parametrize(("start", "end"), [(100, 200), (300, 150), (120, 400)])
def test_f0_follows_a_glide(start, end):
    hz = np.geomspace(start, end, len(seconds(2.0)))
    result = features.extract(voice(hz), kind="stack")
    np.testing.assert_allclose(row(result, "f0")[INNER], contour(hz)[INNER], atol=0.3)


@pytest.mark.parametrize("mean", [110, 220, 330])
def test_f0_follows_a_vibrato(mean):
    hz = mean * 2 ** (np.sin(2 * np.pi * 5 * seconds(2.0)) / 12)
    signal = voice(hz) + noise(level=0.003)
    result = row(features.extract(signal, kind="stack"), "f0")[INNER]
    # A window of 93 ms is half a cycle of the vibrato: it sees a part of the swing.
    assert np.median(result) == pytest.approx(semitones(mean), abs=0.15)
    assert np.corrcoef(result, contour(hz)[INNER])[0, 1] > 0.95
    assert 0.9 < np.ptp(result) < 2.1


def test_voicing_tells_voice_from_noise_and_from_a_hum_in_the_pause():
    hum = voice(np.full(RATE, 100.0), level=1e-4)
    signal = np.concatenate([voice(np.full(RATE, 200.0)), noise(1.0), hum])
    voicing = row(features.extract(signal, kind="stack"), "voicing")
    part = RATE // HOP
    assert voicing[4 : part - 4].min() > 0.9
    assert voicing[part + 4 : 2 * part - 4].max() < 0.5
    assert voicing[2 * part + 4 : -4].max() < 0.1


def test_f0_is_a_straight_line_through_unvoiced_frames():
    low, high = voice(np.full(RATE, 100.0)), voice(np.full(RATE, 200.0))
    f0 = row(features.extract(np.concatenate([low, noise(1.0), high]), kind="stack"), "f0")
    part = RATE // HOP
    np.testing.assert_allclose(f0[: part - 4], semitones(100), atol=0.1)
    np.testing.assert_allclose(f0[2 * part + 4 :], semitones(200), atol=0.1)
    np.testing.assert_allclose(np.diff(f0[part + 4 : 2 * part - 4], 2), 0, atol=1e-4)
    assert np.all(np.diff(f0[part : 2 * part]) > 0)
    f0 = row(features.extract(np.zeros(RATE), kind="stack"), "f0")
    middle = semitones(np.sqrt(60 * 500))
    np.testing.assert_allclose(f0, middle, rtol=1e-6, err_msg="without any voice")


def test_f0_of_real_speakers(emodb):
    def median_hz(*speakers):
        signals = [recording(emodb, name) for name in RECORDINGS if name[:2] in speakers]
        maps = np.hstack([features.extract(s, kind="stack") for s in signals])
        voiced = row(maps, "voicing") > 0.5
        assert 0.4 < voiced.mean() < 0.75
        return 27.5 * 2 ** (np.median(row(maps, "f0")[voiced]) / 12)

    assert 90 < median_hz("03", "10", "11", "12", "15") < 180
    assert 180 < median_hz("08", "09", "13", "14", "16") < 330


# Speed


@pytest.mark.parametrize("rate", [2, 3, 4, 5, 6, 7])
def test_onset_rate_is_the_number_of_syllables_per_second(rate):
    measured = row(features.extract(syllables(rate), kind="stack"), "onset_rate")
    assert measured.mean() == pytest.approx(rate, rel=0.15)


def test_onset_rate_follows_a_change_of_tempo_and_is_zero_of_a_steady_sound():
    signal = np.concatenate([syllables(3), syllables(6)])
    measured = row(features.extract(signal, kind="stack"), "onset_rate")
    quarter = len(measured) // 4
    assert measured[:quarter].mean() == pytest.approx(3, abs=0.6)
    assert measured[-quarter:].mean() == pytest.approx(6, abs=1)
    steady = features.extract(voice(np.full(RATE * 4, 200.0)), kind="stack")
    assert row(steady, "onset_rate")[80:-60].max() < 0.1


# Energy and tone


def test_slope_is_that_of_the_line_through_the_bands():
    logmel = features.extract(signals()["vibrato"])
    octaves = np.log2(spectrum.mel_edges()[1:-1])
    expected = np.polyfit(octaves, logmel, 1)[0]
    result = row(features.extract(signals()["vibrato"], kind="stack"), "slope")
    np.testing.assert_allclose(result, expected, atol=1e-4)


@pytest.mark.parametrize("kind", features.MAPS)
@pytest.mark.parametrize("gain", [0.01, 0.25, 2.0])
def test_the_gain_of_a_recorder_changes_nothing(gain, kind):
    signal = np.concatenate([signals()["vibrato"], np.zeros(9 * RATE, np.float32)])
    before, after = (features.extract(s, kind=kind) for s in (signal, np.float32(gain) * signal))
    np.testing.assert_allclose(after, before, atol=0.01, rtol=1e-3)


def test_a_steady_tone_is_brought_to_the_level():
    tone = np.float32(0.3) * np.sin(2 * np.pi * 400 * np.arange(RATE) / RATE).astype(np.float32)
    level = np.sqrt(np.square(features.levelled(tone)).mean())
    assert 20 * np.log10(level) == pytest.approx(features.LEVEL_DB, abs=0.1)


def test_the_loud_frames_decide_the_level_but_no_click_does():
    tone = signals()["vibrato"]
    padded = np.concatenate([np.zeros(60 * RATE, np.float32), tone])
    clicked = tone.copy()
    clicked[len(tone) // 2] = 8.0
    for signal in (tone, padded, clicked):
        level = np.sqrt(np.square(features.levelled(signal)[-len(tone) :]).mean())
        assert 20 * np.log10(level) == pytest.approx(features.LEVEL_DB, abs=2)


# What always holds


def of_any_size(test):
    for n in (1, 2, HOP - 1, HOP, HOP + 1, N_FFT, 66_150):
        test = example(signal=noise(4.0)[:n])(test)
    return test


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", features.MAPS)
@settings(max_examples=60)
@given(
    signal=arrays.arrays(
        np.float32,
        st.integers(1, 6000),
        elements=st.floats(-1, 1, width=32),
        fill=st.sampled_from([0.0, 1.0, -1.0, 1e-30, 0.3]).map(np.float32),
    )
)
@of_any_size
@example(signal=np.zeros(5000, np.float32))
@example(signal=np.ones(5000, np.float32))
@example(signal=np.full(5000, 1e6, np.float32))
@example(signal=np.full(5000, 1e-40, np.float32))
@example(signal=np.tile(np.array([1, -1], np.float32), 3000))
@example(signal=np.eye(1, 5000, 2500, dtype=np.float32)[0])
@example(signal=np.sign(np.sin(np.arange(6000, dtype=np.float32) / 20)))
def test_any_signal_has_a_finite_map(kind, signal):
    result = features.extract(signal, kind=kind)
    assert result.shape == (ROWS, 1 + len(signal) // HOP)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    assert np.isfinite(result).all()
    if kind == "stack":
        f0, voicing = row(result, "f0"), row(result, "voicing")
        assert semitones(58) < f0.min() <= f0.max() < semitones(520)
        assert 0 <= voicing.min() <= voicing.max() <= 1
        assert 0 <= result[2:14].min() <= result[2:14].max() <= 1 + 1e-6
        assert result[14:16].min() >= 0
        assert 0 <= row(result, "rolloff").min() <= row(result, "rolloff").max() <= RATE / 2
        assert row(result, "flatness").max() < 1e-3
        assert result[NAMES["stack"].index("contrast_0_hz") :].min() >= -1e-6


@pytest.mark.parametrize("kind", features.MAPS)
def test_extraction_is_deterministic_and_leaves_its_input_alone(kind):
    signal = noise()
    kept = signal.copy()
    first = features.extract(signal, kind=kind)
    np.testing.assert_array_equal(first, features.extract(signal, kind=kind))
    np.testing.assert_array_equal(signal, kept)
    strided = np.stack([signal, signal], axis=1)[:, 0]
    np.testing.assert_array_equal(first, features.extract(strided, kind=kind))
    np.testing.assert_array_equal(first, features.extract(signal.astype(float), kind=kind))
    assert features.extract(noise(3.0), kind=kind).shape == (ROWS, FRAMES), "the network's window"


@pytest.mark.parametrize("kind", features.MAPS)
def test_blocks_do_not_show(kind, monkeypatch):
    signal = noise(10.0)
    expected = features.extract(signal, kind=kind)
    monkeypatch.setattr(spectrum, "_BLOCK", 10_000)
    np.testing.assert_allclose(features.extract(signal, kind=kind), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "signal",
    [
        np.zeros(0),
        np.zeros((2, 100)),
        np.float32(0.5),
        np.array([0.0, np.nan]),
        np.array([0.0, -np.inf]),
        np.array([0.0, 1e9]),
        np.array([0.0, 1e300]),
    ],
)
def test_what_is_no_signal_is_refused(signal):
    with pytest.raises(ParameterError, match="signal"):
        features.extract(signal)


# Channels, standardising, window


def test_channels():
    static = noise()[: ROWS * 20].reshape(ROWS, 20)
    np.testing.assert_array_equal(features.channels(static, 1), static[..., None])
    np.testing.assert_array_equal(features.channels(static, 3), features.add_deltas(static))
    with pytest.raises(ParameterError, match="not 2"):
        features.channels(static, 2)


def test_standardising_the_training_part():
    random = np.random.default_rng(2)
    maps = [random.normal(-40, 7, (ROWS, t, 3)).astype(np.float32) for t in (5, 200, 33)]
    standardiser = Standardiser.fit(iter(maps))
    assert standardiser.mean.shape == standardiser.std.shape == (ROWS, 3)
    assert standardiser.mean.dtype == standardiser.std.dtype == np.float32
    frames = np.concatenate(maps, axis=1)
    np.testing.assert_allclose(standardiser.mean, frames.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(standardiser.std, frames.std(axis=1), rtol=1e-4)
    result = [standardiser.apply(m) for m in maps]
    assert all(r.dtype == np.float32 for r in result)
    together = np.concatenate(result, axis=1)
    np.testing.assert_allclose(together.mean(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose(together.std(axis=1), 1, atol=1e-4)
    with pytest.raises(ParameterError, match=r"\(60, 9, 1\).*\(60, 3\)"):
        standardiser.apply(np.zeros((ROWS, 9, 1), dtype=np.float32))


def test_standardising_a_row_that_does_not_vary_and_no_rows():
    maps = [np.full((ROWS, 10, 1), 1e4, dtype=np.float32)]
    standardiser = Standardiser.fit(maps)
    np.testing.assert_allclose(standardiser.std, features.STD_FLOOR)
    assert not standardiser.apply(maps[0]).any()
    with pytest.raises(ParameterError, match="no maps"):
        Standardiser.fit([])


@given(length=st.integers(1, 300), frames=st.integers(1, 200), place=st.none() | st.floats(0, 1))
def test_the_window_holds_the_map_or_the_map_the_window(length, frames, place):
    feature_map = np.arange(1, 1 + 2 * length * 3, dtype=np.float32).reshape(2, length, 3)
    slack = abs(length - frames)
    offset = None if place is None else round(place * slack)
    window = features.fit_window(feature_map, frames=frames, offset=offset)
    assert window.shape == (2, frames, 3)
    assert window.dtype == np.float32
    assert not np.shares_memory(window, feature_map)
    assert features.fit_window(feature_map).shape == (2, FRAMES, 3)
    for beyond in (-1, slack + 1):
        with pytest.raises(ParameterError, match=f"offset {beyond} is not between 0 and {slack}"):
            features.fit_window(feature_map, frames=frames, offset=beyond)
    start = slack // 2 if offset is None else offset
    if length >= frames:
        np.testing.assert_array_equal(window, feature_map[:, start : start + frames])
    else:
        np.testing.assert_array_equal(window[:, start : start + length], feature_map)
        assert np.count_nonzero(window) == feature_map.size
