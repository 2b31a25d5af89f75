"""A file -> mono float32 at one rate, or an error that names the file and says what is wrong.

Conventions: a signal is float32 [samples] at full scale 1.0, the mean of the file's channels, or
the loudest one where a mean would lose the sound; rates are in Hz, durations in seconds. What
libsndfile decodes is read: WAV, FLAC, Ogg, MP3, ... A part of a file is named as on the web (W3C
Media Fragments): ``talk.wav#t=1.5,4`` is what is heard from 1.5 to 4 seconds.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from ser_lib.core.errors import NOT_UTF8, AudioError, ParameterError, printable

RATE = 22_050
"""Sampling rate of every signal in this library, in Hz."""

PEAK_LIMIT = 1e6
"""Samples beyond this multiple of full scale are damage, not loudness."""

SUFFIXES = (
    *(".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".rf64"),
    *(".snd", ".w64", ".wav", ".wave"),
)
"""How the names of audio files end."""
FOREIGN = (
    *(".aac", ".amr", ".m4a", ".wma"),
    *(".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"),
)
"""Sound and video that must be converted, which is better said than passed over."""

SHORTEST_S = 0.04  # nothing is heard in less
SILENCE = 1e-4  # of full scale, -80 dB: what stays within it is not heard
LOUD = 8.0  # times full scale; what is beyond has another scale
ROUNDED_S = 0.1  # by which a part may end behind its file
_BITS = (16, 24, 32)  # of integers that are stored as floating-point numbers
_SEGMENT = re.compile(r"#t=(\d*\.?\d+)(?:,(\d*\.?\d+))?$")
_STREAM = 0x7FFF0000  # bytes that an encoder announces which does not know yet

_NOT_AUDIO = (
    (b"version https://git-lfs", "is a Git LFS pointer, not the audio itself: run 'git lfs pull'"),
    (b"<!doctype", "is a web page saved under an audio name: download it again"),
    (b"<html", "is a web page saved under an audio name: download it again"),
)


Tell = Callable[[str], None]


def load(path: str | Path, *, rate: int = RATE, tell: Tell | None = None) -> np.ndarray:
    """Read a file as a mono signal at one sampling rate.

    Parameters
    ----------
    rate
        Sampling rate of the result in Hz; a file with another one is resampled (soxr, high
        quality).
    tell
        Called with what was mended, such as "its header announces another length than is there".

    Returns
    -------
    np.ndarray
        float32 [samples], contiguous, not silent.

    Raises
    ------
    AudioError
        If the file is missing, empty, not audio, silent, too short or not finite.
    ParameterError
        If `rate` is not a positive whole number.
    """
    if not isinstance(rate, int | np.integer) or rate < 1:
        raise ParameterError(f"rate {rate} is not a sampling rate: give a whole number of Hz")
    samples, file_rate = decode(path, tell=tell)
    if file_rate == rate:
        return samples
    import soxr  # many files need no resampling

    resampled = soxr.resample(samples, file_rate, rate, quality="HQ")
    length = -(-len(samples) * rate // file_rate)  # soxr rounds, librosa and we round up
    if len(resampled) < length:
        return np.pad(resampled, (0, length - len(resampled)))
    return resampled[:length]


def decode(path: str | Path, *, tell: Tell | None = None) -> tuple[np.ndarray, int]:
    """Read a file as a mono signal as `load` does, at its own rate; return both."""
    tell = tell or (lambda remark: None)
    channels, rate, differs = _read(path)
    if not len(channels):
        raise _error(path, "holds no samples")
    if differs:
        tell("its header announces another length than is there: what is there is read")
    top = peak(channels)
    bits = [bits for bits in _BITS if top <= 2 ** (bits - 1)]
    if not bits:  # nor if it is not a number
        raise _error(path, "holds samples that are not finite numbers of a sensible size")
    if top > LOUD:
        tell(f"has the scale of {bits[0]}-bit integers, {top:,.0f} times full scale: divided by it")
        channels /= 2.0 ** (bits[0] - 1)
    samples = _mono(channels, tell)
    if np.ptp(samples) < SILENCE:
        raise _error(path, "is silent")
    if len(samples) < SHORTEST_S * rate:
        raise _error(path, f"is {1000 * len(samples) / rate:.0f} ms long, too short to be heard")
    return np.ascontiguousarray(samples), rate


def _read(path: str | Path) -> tuple[np.ndarray, int, bool]:
    """Return channels [samples, n], their rate, and whether the header announces another length."""
    file, start, stop = segment(path)
    try:
        with soundfile.SoundFile(file) as sound:
            rate, frames = sound.samplerate, sound.frames
            first, last = round(start * rate), frames
            if stop is not None:
                last = min(round(stop * rate), frames)
                if stop > frames / rate + ROUNDED_S:
                    first = last  # it holds a part of what is asked for, which is none
            if (first, last) != (0, frames):
                if first >= last:
                    raise _error(path, f"there is no such part: it is {frames / rate:.2f} s long")
                sound.seek(first)
            channels = sound.read(last - first, dtype="float32", always_2d=True)
            log = sound.extra_info
    except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
        _check_file(file)
        # soundfile says "Error opening <path>: <why>"; the path is in our message already.
        why = str(getattr(error, "error_string", error)).rstrip(".")
        raise _error(path, f"cannot be decoded as audio ({why}){_hint(file)}") from error
    announced = re.search(r"^ *(?:data|SSND) : (\d+) \(should be", log, re.MULTILINE)
    differs = (announced and int(announced[1]) < _STREAM) or "> file length" in log
    return channels, rate, bool(differs or len(channels) < 0.99 * (last - first))


def segment(path: str | Path) -> tuple[Path, float, float | None]:
    """Return the file of a path, and the seconds of its part: where it starts and ends.

    >>> segment("talk.wav#t=1.5,4")[1:], segment("talk.wav")[1:]
    ((1.5, 4.0), (0.0, None))
    """
    text = os.fspath(path)
    match = _SEGMENT.search(text)
    if match is None or os.path.lexists(path):  # names may hold any letters
        return Path(path), 0.0, None
    return Path(text[: match.start()]), float(match[1]), float(match[2]) if match[2] else None


def _mono(channels: np.ndarray, tell: Tell) -> np.ndarray:
    """Return the mean of the channels, or the loudest one where a mean would lose the sound."""
    if (n := channels.shape[1]) == 1:
        return channels[:, 0]
    mean = channels.mean(axis=1)
    powers = channels.var(axis=0)
    # Of channels that have nothing in common and are equally loud, a mean keeps one n-th.
    if n * mean.var() < 0.75 * powers.max():
        loudest = int(powers.argmax())
        tell(f"the mean of its {n} channels would lose the sound: channel {loudest + 1} is read")
        return channels[:, loudest]
    return mean


def peak(samples: np.ndarray) -> float:
    """Return the largest absolute value of at least one sample; not a number if one is not."""
    return np.maximum(samples.max(), -samples.min())


def _check_file(path: str | Path) -> None:
    """Name the common reasons why a path is not audio, which libsndfile does not tell apart."""
    path = Path(path)
    if printable(str(path)) != str(path):
        raise _error(path, NOT_UTF8)
    if os.path.isdir(path):
        raise _error(path, "is a folder, not an audio file")
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except FileNotFoundError as error:
        raise _error(path, "does not exist") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise _error(path, f"cannot be opened ({why})") from error
    if not head:
        raise _error(path, "is empty (0 bytes)")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for start, reason in _NOT_AUDIO:
        if text.startswith(start):
            raise _error(path, reason)


def _hint(file: Path) -> str:
    if file.suffix.lower() not in FOREIGN:
        return ""
    return f"; convert it: ffmpeg -i '{file.name}' '{file.stem}.wav'"


def _error(path: str | Path, reason: str) -> AudioError:
    error = AudioError(f"{printable(str(path))}: {reason}")
    error.reason = reason
    return error
