"""A file -> mono float32 at one rate, or an error that names the file and says what is wrong.

Conventions: a signal is float32 [samples] at full scale 1.0, the mean of the file's channels, or
the loudest one where a mean would lose the sound; rates are in Hz, durations in seconds. What
libsndfile decodes is read: WAV, FLAC, Ogg, MP3, ... A part of a file is named as on the web (W3C
Media Fragments): ``talk.wav#t=1.5,4`` is what is heard from 1.5 to 4 seconds.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
LONGEST_S = 2 * 3600  # a signal stays in memory, 320 MB an hour
RATES = (1_000, 1_000_000)  # in Hz; nothing of speech is heard below, and no recorder is above
ROUNDED_S = 0.1  # by which a part may end behind its file
_BITS = (16, 24, 32)  # of integers that are stored as floating-point numbers
_SEGMENT = re.compile(r"#t=(\d*\.?\d+)(?:,(\d*\.?\d+))?$")
_STREAM = 0x7FFF0000  # bytes that an encoder announces which does not know yet
_UNKNOWN = 2**60  # samples that libsndfile announces where a header does not
_BLOCK = 1 << 20  # samples that are read at a time
_THIN = 500  # bytes that a second of sound takes at least

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
        If the file is missing, empty, not audio, silent, too short, too long or not finite.
    ParameterError
        If `rate` is not a positive whole number.
    """
    _check_rate(rate)
    return _read(path, tell, rate=int(rate))[0]


def of_array(samples: np.ndarray, rate: int, *, name: str, tell: Tell | None = None) -> np.ndarray:
    """Return samples at a rate as `load` does those of a file; errors call it by its name.

    They are [samples] or [samples, channels], floats at full scale 1.0 or integers.
    """
    _check_rate(rate)
    channels = np.asarray(samples)
    if channels.ndim not in (1, 2) or channels.dtype.kind not in "fi" or not channels.size:
        raise ParameterError(
            f"{name} must be numbers [samples] or [samples, channels], not {channels.dtype} "
            f"{list(channels.shape)}"
        )
    scale = np.iinfo(channels.dtype).max + 1.0 if channels.dtype.kind == "i" else 1.0
    channels = (channels.reshape(len(channels), -1) / scale).astype(np.float32)
    return _read(name, tell, rate=RATE, given=(channels, int(rate)))[0]


def _check_rate(rate: int) -> None:
    if not isinstance(rate, int | np.integer) or rate < 1:
        raise ParameterError(f"rate {rate} is not a sampling rate: give a whole number of Hz")


def decode(path: str | Path, *, tell: Tell | None = None) -> tuple[np.ndarray, int]:
    """Read a file as a mono signal as `load` does, at its own rate; return both."""
    return _read(path, tell)


def _read(
    path: str | Path,
    tell: Tell | None,
    *,
    rate: int | None = None,
    channel: int | None = None,
    given: tuple[np.ndarray, int] | None = None,
) -> tuple[np.ndarray, int]:
    """Return a file's signal, at `rate` or its own, and its own rate.

    It is the mean of the channels, or the loudest one where a mean would lose the sound; or, of a
    file that was looked at before, one `channel`. Channels that are `given`, with their rate, are
    read instead of the file.
    """
    tell = tell or (lambda remark: None)
    parts: list[np.ndarray] = []
    moments: Any = 0.0
    count, top, low, high, stream = 0, np.float32(0), np.inf, -np.inf, None
    for block, own in [given] if given else _blocks(path, tell):
        count += len(block)
        top = np.maximum(top, peak(block))
        if not top <= 2 ** (_BITS[-1] - 1):  # nor if it is not a number
            raise _error(path, "holds samples that are not finite numbers of a sensible size")
        n = block.shape[1]
        if n == 1 or channel is not None:
            mono = np.ascontiguousarray(block[:, channel or 0])
        else:
            mono = block.mean(axis=1)
            wide = np.column_stack([block, mono]).astype(np.float64)
            moments = moments + np.array([wide.sum(axis=0), np.square(wide).sum(axis=0)])
        low, high = min(low, mono.min()), max(high, mono.max())
        if rate not in (None, own):
            import soxr  # many files need no resampling

            stream = stream or soxr.ResampleStream(own, rate, 1, dtype="float32", quality="HQ")
            mono = stream.resample_chunk(mono)
        parts.append(mono)
    if stream:
        parts.append(stream.resample_chunk(mono[:0], last=True))
    scale = 1.0
    if top > LOUD:
        bits = next(bits for bits in _BITS if top <= 2 ** (bits - 1))
        scale = 2.0 ** (bits - 1)
        tell(f"has the scale of {bits}-bit integers, {top:,.0f} times full scale: divided by it")
    if isinstance(moments, np.ndarray):
        *powers, power = moments[1] / count - np.square(moments[0] / count)
        # Of channels that have nothing in common and are equally loud, a mean keeps one n-th.
        if n * power < 0.75 * max(powers):
            loudest = int(np.argmax(powers))
            tell(
                f"the mean of its {n} channels would lose the sound: channel {loudest + 1} is read"
            )
            return _read(path, None, rate=rate, channel=loudest, given=given)
    if high - low < SILENCE * scale:
        raise _error(path, "is silent")
    if count < SHORTEST_S * own:
        raise _error(path, f"is {1000 * count / own:.0f} ms long, too short to be heard")
    samples = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if stream:
        length = -(-count * rate // own)  # soxr rounds, librosa and we round up
        samples = np.pad(samples, (0, max(0, length - len(samples))))[:length]
    if scale > 1:
        samples /= np.float32(scale)
    return samples, own


def _blocks(path: str | Path, tell: Tell) -> Iterator[tuple[np.ndarray, int]]:
    """Yield a file's channels float32 [samples, n], each block with the file's rate.

    In blocks, because recordings are hours long, and headers announce any length.
    """
    file, start, stop = segment(path)
    if not os.path.isfile(file):  # to open a pipe would wait for ever
        _check_file(file)
    try:
        with soundfile.SoundFile(file) as sound:
            rate, frames = sound.samplerate, sound.frames
            if not RATES[0] <= rate <= RATES[1]:
                raise _error(path, f"has a sampling rate of {rate:,} Hz, which none of speech has")
            first, last = round(start * rate), frames
            if stop is not None:
                last = min(round(stop * rate), frames)
                if stop > frames / rate + ROUNDED_S:
                    first = last  # it holds a part of what is asked for, which is none
            if (first, last) != (0, frames):
                if first >= last:
                    raise _error(path, f"there is no such part: it is {frames / rate:.2f} s long")
                sound.seek(first)
            if frames >= _UNKNOWN:  # after each block, soundfile would seek, in vain at the end
                sound.seekable = lambda: False
            # A long one is not read in vain, if its size says that it is long.
            long = last - first > LONGEST_S * rate and file.stat().st_size > LONGEST_S * _THIN
            count, size = 0, max(1, _BLOCK // sound.channels)
            while count < last - first and not long:
                block = sound.read(min(size, last - first - count), "float32", always_2d=True)
                if not len(block):
                    break
                count += len(block)
                long = count > LONGEST_S * rate
                yield block, rate
            if long:
                name = f"{file.name}#t=0,600"
                raise _error(path, f"is over {LONGEST_S // 3600} hours long; name a part: {name}")
            log = sound.extra_info
    except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
        _check_file(file)
        # soundfile says "Error opening <path>: <why>"; the path is in our message already.
        why = str(getattr(error, "error_string", error)).rstrip(".")
        convert = f"; convert it: ffmpeg -i '{file.name}' '{file.stem}.wav'"
        hint = convert if file.suffix.lower() in FOREIGN else ""
        raise _error(path, f"cannot be decoded as audio ({why}){hint}") from error
    if not count:
        raise _error(path, "holds no samples")
    announced = re.search(r"^ *(?:data|SSND) : (\d+) \(should be", log, re.MULTILINE)
    differs = (announced and int(announced[1]) < _STREAM) or "> file length" in log
    if differs or (count < 0.99 * (last - first) and last < _UNKNOWN):
        tell("its header announces another length than is there: what is there is read")


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
    if os.path.exists(path) and not os.path.isfile(path):
        raise _error(path, "is a pipe or a device, not an audio file")
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


def _error(path: str | Path, reason: str) -> AudioError:
    error = AudioError(f"{printable(str(path))}: {reason}")
    error.reason = reason
    return error
