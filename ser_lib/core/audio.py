"""A file -> mono float32 at one rate, or an error that names the file and says what is wrong.

Conventions: a signal is float32 [samples] at full scale 1.0, the mean of the file's channels;
rates are in Hz, durations in seconds. What libsndfile decodes is read: WAV, FLAC, Ogg, MP3, ...
"""

from pathlib import Path

import numpy as np
import soundfile

from ser_lib.core.errors import AudioError, ParameterError

RATE = 22_050
"""Sampling rate of every signal in this library, in Hz."""

PEAK_LIMIT = 1e6
"""Samples beyond this multiple of full scale are damage, not loudness."""

_NOT_AUDIO = (
    (b"version https://git-lfs", "is a Git LFS pointer, not the audio itself: run 'git lfs pull'"),
    (b"<!doctype", "is a web page saved under an audio name: download it again"),
    (b"<html", "is a web page saved under an audio name: download it again"),
)


def load(path: str | Path, *, rate: int = RATE) -> np.ndarray:
    """Read a file as a mono signal at one sampling rate.

    Parameters
    ----------
    rate
        Sampling rate of the result in Hz; a file with another one is resampled (soxr, high
        quality).

    Returns
    -------
    np.ndarray
        float32 [samples], contiguous, at least one sample.

    Raises
    ------
    AudioError
        If the file is missing, empty, not audio, without samples or not finite.
    ParameterError
        If `rate` is not a positive whole number.
    """
    if not isinstance(rate, int | np.integer) or rate < 1:
        raise ParameterError(f"rate {rate} is not a sampling rate: give a whole number of Hz")
    samples, file_rate = decode(path)
    if file_rate == rate:
        return samples
    import soxr  # many files need no resampling

    resampled = soxr.resample(samples, file_rate, rate, quality="HQ")
    length = -(-len(samples) * rate // file_rate)  # soxr rounds, librosa and we round up
    if len(resampled) < length:
        return np.pad(resampled, (0, length - len(resampled)))
    return resampled[:length]


def decode(path: str | Path) -> tuple[np.ndarray, int]:
    """Read a file as a mono signal as `load` does, at its own rate; return both."""
    try:
        channels, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        _check_file(path)
        # soundfile says "Error opening <path>: <why>"; the path is in our message already.
        why = str(getattr(error, "error_string", error)).rstrip(".")
        raise _error(path, f"cannot be decoded as audio ({why})") from error
    if not len(channels):
        raise _error(path, "holds no samples")
    # The comparison is false for NaN too.
    if not peak(channels) <= PEAK_LIMIT:
        raise _error(path, "holds samples that are not finite numbers of a sensible size")
    samples = channels[:, 0] if channels.shape[1] == 1 else channels.mean(axis=1)
    return np.ascontiguousarray(samples), rate


def peak(samples: np.ndarray) -> float:
    """Return the largest absolute value of at least one sample; not a number if one is not."""
    return np.maximum(samples.max(), -samples.min())


def _check_file(path: str | Path) -> None:
    """Name the common reasons why a path is not audio, which libsndfile does not tell apart."""
    path = Path(path)
    if path.is_dir():
        raise _error(path, "is a folder, not an audio file")
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except FileNotFoundError as error:
        raise _error(path, "does not exist") from error
    except OSError as error:
        raise _error(path, f"cannot be opened ({error.strerror})") from error
    if not head:
        raise _error(path, "is empty (0 bytes)")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for start, reason in _NOT_AUDIO:
        if text.startswith(start):
            raise _error(path, reason)


def _error(path: str | Path, reason: str) -> AudioError:
    error = AudioError(f"{path}: {reason}")
    error.reason = reason
    return error
