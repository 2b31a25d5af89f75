"""What happens to speech on its way into a file: noise, other voices, rooms, lines, recorders.

Conventions: a signal is float32 [samples] at `audio.RATE` and full scale 1.0. Every function
returns another one of the same length and leaves its input alone. What is drawn at random comes
from a generator that `apply` seeds with the name of the utterance, so that the same utterance is
changed in the same way each time, and the strengths of one kind differ in strength alone. A
strength that a function does not allow is a `ParameterError`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import soundfile

from ser_lib.core.audio import RATE
from ser_lib.core.errors import ParameterError, choose
from ser_lib.core.files import digest

VOICES = 5  # that make a babble: enough that no single one is followed
MP3_KBIT_S = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""Constant bit rates of MPEG-2 Layer III, which is what MP3 is at `audio.RATE`."""
_MP3_DELAY = 576 + 529  # samples that encoder and decoder put before a signal


@dataclass(frozen=True)
class Kind:
    """A way in which speech suffers: a name and a unit for people, strengths from mild to severe.

    `change` is called with a signal, a strength, and by name what it `needs`.
    """

    name: str
    unit: str
    strengths: tuple[float, ...]
    change: Callable[..., np.ndarray]
    needs: tuple[str, ...] = ()


def white_noise(signal: np.ndarray, snr_db: float, *, generator: np.random.Generator) -> np.ndarray:
    """Add white Gaussian noise.

    The SNR is the mean power of the signal over that of the noise, over the whole utterance, from
    -60 to 120 dB. Silence stays silent: no noise is so much weaker than nothing.
    """
    return _mixed(signal, generator.standard_normal(len(signal)), snr_db)


def babble(
    signal: np.ndarray,
    snr_db: float,
    *,
    voices: Sequence[np.ndarray],
    generator: np.random.Generator,
) -> np.ndarray:
    """Add other people who talk at the same time, all of them equally loud; SNR as `white_noise`.

    The voices are signals of other speakers, of any length, one at least not silent: each begins
    anywhere and is repeated as needed.
    """
    audible = [np.asarray(voice, dtype=float) for voice in voices if np.any(voice)]
    if not audible:
        raise ParameterError("babble needs at least one voice that is not silent")
    together = np.zeros(len(signal))
    for voice in audible:
        from_anywhere = np.roll(voice, -int(generator.integers(len(voice))))
        together += np.resize(from_anywhere / np.sqrt(_power(voice)), len(signal))
    return _mixed(signal, together, snr_db)


def murmur(signal: np.ndarray, snr_db: float, *, generator: np.random.Generator) -> np.ndarray:
    """Add a babble that the speaker makes alone; SNR as in `white_noise`.

    It is `VOICES` times the signal, each at another speed from another place, every second one
    backwards. No other speaker is needed, so a training set changed so knows no more people.
    """
    import soxr  # most uses need none

    voices = []
    for number, speed in enumerate(generator.uniform(0.8, 1.25, VOICES)):
        voice = soxr.resample(signal, RATE * speed, RATE)
        voices.append(voice[::-1] if number % 2 else voice)
    voices = [voice for voice in voices if np.any(voice)]
    if not voices:
        return signal.copy()
    return babble(signal, snr_db, voices=voices, generator=generator)


def reverberation(
    signal: np.ndarray, rt60_s: float, *, generator: np.random.Generator
) -> np.ndarray:
    """Put the speaker into the room of `room_response`; the level and the length stay."""
    from scipy.signal import fftconvolve

    response = room_response(rt60_s, generator)
    wet = fftconvolve(signal.astype(float), response)[: len(signal)]
    power = _power(wet)
    scale = np.sqrt(_power(signal) / power) if power else 0.0
    return (scale * wet).astype(np.float32)


def room_response(rt60_s: float, generator: np.random.Generator) -> np.ndarray:
    """Impulse response of a room: the direct sound, then noise that dies away exponentially.

    The statistical model of a diffuse sound field (Polack 1988), the same decay at all
    frequencies: the reflections, together as strong as the direct sound, as for a talker at the
    critical distance, lose 60 dB in `rt60_s`, up to 10 s. The response is float [samples], `rt60_s`
    long; its first sample is the direct sound, 1.0.
    """
    if not 0 < rt60_s <= 10:
        raise ParameterError(f"rt60_s must be above 0, up to 10 s, not {rt60_s!r}")
    time = np.arange(1, max(2, round(rt60_s * RATE))) / RATE
    reflections = generator.standard_normal(len(time)) * 10 ** (-3 * time / rt60_s)
    energy = np.sum(np.square(reflections))
    return np.concatenate([[1.0], reflections * np.sqrt(1 / energy)])


def telephone(signal: np.ndarray, high_hz: float = 3400) -> np.ndarray:
    """Send speech through a telephone line that is sampled at 8 kHz.

    The band from 300 Hz to `high_hz` passes unchanged, 3400 Hz on the classical telephone (ITU-T
    G.712); nothing passes below 200 Hz or from 600 Hz above the band. The line adds neither noise
    nor the loss of a codec.
    """
    if not 300 < high_hz <= 3400:  # at 4000 Hz, half the sampling rate, nothing passes
        raise ParameterError(f"high_hz must be above 300, up to 3400 Hz, not {high_hz!r}")
    return filtered(
        signal, lambda hz: _falling(hz, high_hz, high_hz + 600) - _falling(hz, 200, 300)
    )


def low_pass(signal: np.ndarray, cutoff_hz: float) -> np.ndarray:
    """Muffle speech: what lies up to the cut-off passes unchanged, from a tenth above it nothing.

    The cut-off is above 0, up to 10,000 Hz.
    """
    if not 0 < cutoff_hz <= 10_000:
        raise ParameterError(f"cutoff_hz must be above 0, up to 10000 Hz, not {cutoff_hz!r}")
    return filtered(signal, lambda hz: _falling(hz, cutoff_hz, 1.1 * cutoff_hz))


def level(signal: np.ndarray, gain_db: float) -> np.ndarray:
    """Record at another level, as a recorder does: cut off at full scale, rounded to 16 bits.

    The gain, -90 to 60 dB, is the same for every utterance, so loud ones stay louder than quiet
    ones: above 0 the loudest peaks are cut off, far below it little of the 16 bits is used.
    """
    if not -90 <= gain_db <= 60:
        raise ParameterError(f"gain_db must be from -90 to 60 dB, not {gain_db!r}")
    steps = np.round(32768 * 10 ** (gain_db / 20) * signal.astype(float))
    return (np.clip(steps, -32768, 32767) / 32768).astype(np.float32)


def mp3(signal: np.ndarray, kbit_s: float) -> np.ndarray:
    """Encode as MP3 at a constant bit rate, one of `MP3_KBIT_S`, and decode again."""
    if kbit_s not in MP3_KBIT_S:
        allowed = ", ".join(map(str, MP3_KBIT_S))
        raise ParameterError(f"kbit_s must be one of {allowed}, not {kbit_s!r}")
    encoded = BytesIO()
    # The encoder takes the place between its highest and its lowest rate, but not 1 itself.
    place = (MP3_KBIT_S[-1] - kbit_s) / (MP3_KBIT_S[-1] - MP3_KBIT_S[0])
    soundfile.write(encoded, signal, RATE, format="MP3", bitrate_mode="CONSTANT",
                    compression_level=min(place, 0.999))  # fmt: skip
    encoded.seek(0)
    decoded, _ = soundfile.read(encoded, dtype="float32")
    # Below 40 kbit/s no frame has room to say where the signal begins.
    if len(decoded) > len(signal):
        decoded = decoded[_MP3_DELAY : _MP3_DELAY + len(signal)]
    return np.pad(decoded, (0, len(signal) - len(decoded)))


KINDS = {
    "noise": Kind("white noise", "dB SNR", (30, 20, 10, 0), white_noise, ("generator",)),
    "babble": Kind("babble", "dB SNR", (20, 10, 5, 0), babble, ("generator", "voices")),
    "reverberation": Kind(
        "reverberation", "s RT60", (0.3, 0.6, 1.2), reverberation, ("generator",)
    ),
    "telephone": Kind("telephone band", "Hz", (3400, 2700, 2000), telephone),
    "low-pass": Kind("low-pass", "Hz", (4000, 2000, 1000), low_pass),
    "loud": Kind("recording too loud", "dB of gain", (6, 12, 24), level),
    "quiet": Kind("recording too quiet", "dB of gain", (-10, -20, -40), level),
    "mp3": Kind("MP3", "kbit/s", (32, 16, 8), mp3),
}
"""What a network is put to: every kind at several strengths, from mild to severe."""


def apply(
    signal: np.ndarray,
    kind: str,
    strength: float,
    *,
    utterance: str,
    voices: Sequence[np.ndarray] = (),
    seed: int = 0,
) -> np.ndarray:
    """Change an utterance in one of the ways of `KINDS`.

    The strength is in the unit of the kind, and may be another one than its `strengths`. What is
    random depends on the kind, the utterance's name and the seed, and on nothing else. `voices` are
    for `babble` alone.

    >>> tone = np.sin(np.arange(22_050) / 50).astype(np.float32)
    >>> noisy = apply(tone, "noise", 20, utterance="a")
    >>> round(float(10 * np.log10(np.mean(tone**2) / np.mean((noisy - tone) ** 2))), 2)
    20.0
    """
    choose(kind, KINDS, "kind of perturbation")
    generator = np.random.default_rng(int(digest(seed, kind, utterance), 16))
    inputs = {"generator": generator, "voices": voices}
    options = {name: inputs[name] for name in KINDS[kind].needs}
    return KINDS[kind].change(np.asarray(signal, dtype=np.float32), strength, **options)


def _power(signal: np.ndarray) -> float:
    return float(np.mean(np.square(signal, dtype=float)))


def _mixed(signal: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    if not -60 <= snr_db <= 120:
        raise ParameterError(f"snr_db must be from -60 to 120 dB, not {snr_db!r}")
    power = _power(noise)
    scale = np.sqrt(_power(signal) / power / 10 ** (snr_db / 10)) if power else 0.0
    return (signal + scale * noise).astype(np.float32)


def _falling(hz: np.ndarray, start: float, stop: float) -> np.ndarray:
    """1 up to `start`, 0 from `stop`, half a cosine between them."""
    return 0.5 + 0.5 * np.cos(np.pi * np.clip((hz - start) / (stop - start), 0, 1))


def filtered(signal: np.ndarray, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Weigh the frequencies of a signal, without a delay."""
    from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

    # The zeros behind the end take what the filter's response puts before the start.
    size = next_fast_len(len(signal) + RATE // 10, real=True)
    spectrum = rfft(signal.astype(float), size) * gain(rfftfreq(size, 1 / RATE))
    return irfft(spectrum, size)[: len(signal)].astype(np.float32)
