"""Reading audio: formats, channels, rates, and one clear error for each kind of bad file."""

import io
import os
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from ser_lib.core import audio
from ser_lib.core.errors import AudioError, ParameterError, SerError


def tone(seconds=0.5, rate=audio.RATE, hz=440.0):
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


def written(path, samples, rate=audio.RATE, **options):
    soundfile.write(path, samples, rate, **options)
    return path


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_U8", 1 / 64),
        ("a.wav", "PCM_16", 1e-4),
        ("a.wav", "PCM_24", 1e-6),
        ("a.wav", "PCM_32", 1e-7),
        ("a.wav", "FLOAT", 1e-7),
        ("a.wav", "DOUBLE", 1e-7),
        ("a.flac", "PCM_S8", 1 / 64),
        ("a.flac", "PCM_16", 1e-4),
        ("a.flac", "PCM_24", 1e-6),
        ("a.ogg", "VORBIS", 0.05),
        ("a.mp3", "MPEG_LAYER_III", 0.05),
    ],
)
def test_every_format_gives_the_same_signal(tmp_path, name, subtype, tolerance):
    signal = audio.load(written(tmp_path / name, tone(), subtype=subtype))
    assert signal.dtype == np.float32
    assert signal.flags.c_contiguous
    middle = slice(2000, 9000)  # codecs of the ear blur the ends
    np.testing.assert_allclose(signal[middle], tone()[middle], atol=tolerance)
    assert len(signal) == pytest.approx(len(tone()), abs=2400)


def test_channels_are_averaged(tmp_path):
    channels = [tone(hz=hz) for hz in (440, 700, 300, 200, 900, 1200)]
    for n in (2, 6):
        stacked = np.stack(channels[:n], axis=1)
        signal = audio.load(written(tmp_path / "a.wav", stacked, subtype="FLOAT"))
        assert signal.flags.c_contiguous
        np.testing.assert_allclose(signal, stacked.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_414, 44_100, 48_000, 96_000])
def test_resampling_keeps_the_tone_and_the_duration(tmp_path, rate):
    signal = audio.load(written(tmp_path / "a.wav", tone(0.5, rate), rate, subtype="FLOAT"))
    expected = tone(0.5)
    assert abs(len(signal) - len(expected)) <= 1
    middle = slice(1000, -1000)
    np.testing.assert_allclose(signal[middle], expected[: len(signal)][middle], atol=2e-3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:audioread")
def test_resampling_is_that_of_librosa(tmp_path):
    path = written(tmp_path / "\u00fc \u4f60 [1].wav", tone(0.5, 8_000), 8_000, subtype="FLOAT")
    expected, _ = librosa.load(path, sr=audio.RATE, res_type="soxr_hq")
    np.testing.assert_array_equal(audio.load(str(path)), expected)
    assert len(audio.load(path, rate=8_000)) == 4_000
    samples, rate = audio.decode(path)
    assert (len(samples), rate) == (4_000, 8_000)


def test_what_is_long_enough_to_be_heard(tmp_path):
    for rate in (audio.RATE, 44_100):
        length = round(audio.SHORTEST_S * rate)
        signal = audio.load(written(tmp_path / "a.wav", tone()[:length], rate))
        assert len(signal) == pytest.approx(audio.SHORTEST_S * audio.RATE, abs=1)
        with pytest.raises(AudioError, match="too short"):
            audio.load(written(tmp_path / "b.wav", tone()[: length - 9], rate))


VOICE = tone() * np.hanning(len(tone()))
SIX = 0.001 * np.random.default_rng(0).standard_normal((len(VOICE), 6))
SIX[:, 3] = VOICE


@pytest.mark.parametrize(
    ("samples", "subtype", "words"),
    [
        (np.stack([VOICE, -VOICE], axis=1), "PCM_16", "channel 1 is read"),
        (np.stack([0 * VOICE, VOICE], axis=1), "PCM_16", "channel 2 is read"),
        (SIX, "PCM_16", "channel 4 is read"),
        (VOICE * 2**15, "FLOAT", "16-bit integers"),
        (VOICE * 2**23, "FLOAT", "24-bit integers"),
        (VOICE * 2**31, "DOUBLE", "32-bit integers"),
        (VOICE, "PCM_16", None),
        (np.stack([VOICE, np.roll(VOICE, 6)], axis=1), "PCM_16", None),
        (VOICE * 2, "FLOAT", None),
    ],
)
def test_what_is_heard_is_the_voice(tmp_path, samples, subtype, words):
    told = []
    signal = audio.load(written(tmp_path / "a.wav", samples, subtype=subtype), tell=told.append)
    assert np.corrcoef(signal, VOICE)[0, 1] > 0.8
    assert 0.2 < np.abs(signal).max() <= 1
    assert len(told) == (words is not None)
    assert all(words in remark for remark in told)


def test_silence_is_named(tmp_path):
    for samples in (0 * VOICE, 0 * VOICE + 0.3, 1e-5 * VOICE, np.zeros((9000, 2))):
        with pytest.raises(AudioError, match="is silent"):
            audio.load(written(tmp_path / "a.wav", samples))


@pytest.mark.parametrize("size", [100, 8_000, 1_000_000, 0xFFFFFFFF])
def test_a_header_that_announces_another_length(tmp_path, size):
    file = written(tmp_path / "a.wav", tone())
    content = bytearray(file.read_bytes())
    content[40:44] = size.to_bytes(4, "little")
    file.write_bytes(content)
    told = []
    if size == 100:
        with pytest.raises(AudioError, match="too short"):
            audio.load(file)
        return
    signal = audio.load(file, tell=told.append)
    assert len(signal) == (4_000 if size == 8_000 else len(tone()))
    # Encoders that write as they go announce the largest number, which says nothing.
    assert len(told) == (size != 0xFFFFFFFF)


@pytest.mark.parametrize("name", ["a.flac", "a.mp3"])
def test_a_header_does_not_say_how_much_memory_is_taken(tmp_path, name):
    file = written(tmp_path / name, tone())
    content, expected = bytearray(file.read_bytes()), audio.decode(file)[0]
    if name == "a.flac":  # as encoders write that do not know yet: 36 bits of zeros
        content[21] &= 0xF0
        content[22:26] = bytes(4)
    else:
        place = max(content.find(b"Xing"), content.find(b"Info")) + 8
        content[place : place + 4] = b"\x7f\xff\xff\xff"  # MPEG frames
    file.write_bytes(content)
    told = []
    samples = audio.decode(file, tell=told.append)[0]
    np.testing.assert_array_equal(samples[: len(expected)], expected)
    assert len(samples) < len(expected) + 3000
    assert len(told) == (name == "a.mp3")


@pytest.mark.parametrize(
    ("channels", "remarks"), [([VOICE], 1), ([VOICE, 0.5 * VOICE], 1), ([VOICE, -VOICE], 2)]
)
@pytest.mark.parametrize("rate", [16_000, audio.RATE])
def test_a_long_file_is_read_in_blocks(tmp_path, monkeypatch, channels, remarks, rate):
    samples = 2**15 * np.stack(channels, axis=1)
    file = written(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    whole, told = audio.load(file), []
    monkeypatch.setattr(audio, "_BLOCK", 1000)
    np.testing.assert_array_equal(audio.load(file, tell=told.append), whole)
    assert len(told) == remarks
    monkeypatch.setattr(audio, "LONGEST_S", 0.2)
    with pytest.raises(AudioError, match=r"hours long; name a part: a\.wav#t=0,600"):
        audio.load(file)
    assert len(audio.load(f"{file}#t=0.1,0.2")) == round(0.1 * audio.RATE)


@pytest.mark.parametrize("rate", [1, 999, 2_000_000])
def test_a_rate_that_no_recorder_has(tmp_path, rate):
    with pytest.raises(AudioError, match="sampling rate of"):
        audio.decode(written(tmp_path / "a.wav", tone(), rate))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to("/dev/zero")
    for name in ("pipe.wav", "link.wav"):
        with pytest.raises(AudioError, match="is a pipe or a device"):
            audio.load(tmp_path / name)


@pytest.mark.parametrize(
    ("part", "first", "last"),
    [("0.1,0.3", 0.1, 0.3), ("0.1", 0.1, 0.5), ("0,.25", 0, 0.25), ("0.4,0.51", 0.4, 0.5)],
)
def test_a_part_of_a_file(tmp_path, part, first, last):
    file = written(tmp_path / "a.wav", tone(), subtype="FLOAT")
    first, last = (round(seconds * audio.RATE) for seconds in (first, last))
    np.testing.assert_array_equal(audio.load(f"{file}#t={part}"), audio.load(file)[first:last])


@pytest.mark.parametrize("part", ["0.1,2", "0.6", "0.3,0.2", "0.2,0.2"])
def test_a_part_that_is_not_there(tmp_path, part):
    file = written(tmp_path / "a.wav", tone())
    with pytest.raises(AudioError, match=r"no such part: it is 0\.50 s long"):
        audio.load(f"{file}#t={part}")


def test_a_name_that_looks_like_a_part(tmp_path):
    file = written(tmp_path / "a.wav", tone())
    named = file.rename(tmp_path / "a#t=0.1.wav")
    assert len(audio.load(named)) == len(tone())


def test_what_cannot_be_decoded_comes_with_the_command_that_converts_it(tmp_path):
    (tmp_path / "a b.mp4").write_bytes(b"no audio")
    with pytest.raises(AudioError, match=r"convert it: ffmpeg -i 'a b\.mp4' 'a b\.wav'"):
        audio.load(tmp_path / "a b.mp4")


WAV = io.BytesIO()
soundfile.write(WAV, np.zeros(0), audio.RATE, format="WAV")
BAD = {
    "missing.wav": (None, "does not exist"),
    "folder.wav": (None, "is a folder"),
    "empty.wav": (b"", "is empty (0 bytes)"),
    "pointer.wav": (b"version https://git-lfs.github.com/spec/v1\noid 1\n", "Git LFS pointer"),
    "page.wav": (b"\n <!DOCTYPE html>\n<html><body>404 Not Found</body></html>", "web page"),
    "text.wav": (b"not audio at all " * 20, "cannot be decoded"),
    "noise.wav": (bytes(range(1, 256)) * 9, "cannot be decoded"),
    "headerless.raw": (b"\1\2" * 500, "cannot be decoded"),
    "truncated.wav": (WAV.getvalue()[:20], "cannot be decoded"),
    "no samples.wav": (WAV.getvalue(), "holds no samples"),
}


@pytest.mark.parametrize("read", [audio.load, audio.decode])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path, name, read):
    content, reason = BAD[name]
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    elif name == "folder.wav":
        path.mkdir()
    with pytest.raises(AudioError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    assert reason in caught.value.reason
    assert str(tmp_path) not in caught.value.reason
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 1e300])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_samples_that_are_no_sound_are_refused(tmp_path, value, n_channels):
    samples = np.zeros((100, n_channels))
    samples[7, -1] = value
    path = written(tmp_path / "a.wav", samples, subtype="DOUBLE")
    with pytest.raises(AudioError, match="not finite"):
        audio.load(path)


@pytest.mark.parametrize("rate", [0, -1, 22_050.5, float("nan"), "22050", None])
def test_a_rate_that_is_none_is_refused(tmp_path, rate):
    path = written(tmp_path / "a.wav", tone())
    with pytest.raises(ParameterError, match="sampling rate"):
        audio.load(path, rate=rate)


def test_an_unreadable_file_is_an_audio_error(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path / "a.wav", tone())
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(soundfile, "SoundFile", refuse)
    with pytest.raises(SerError, match=r"cannot be opened \(Permission denied"):
        audio.load(path)


def test_a_real_recording(emodb):
    path = emodb / "wav" / "03a01Fa.wav"
    samples, rate = audio.decode(path)
    signal = audio.load(path)
    assert (rate, samples.ndim) == (16_000, 1)
    assert len(signal) == pytest.approx(len(samples) / rate * audio.RATE, abs=1)
    assert 0.1 < np.abs(signal).max() < 1.1
