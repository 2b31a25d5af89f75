"""Text and a voice to samples, with the eSpeak NG library of the espeakng-loader wheel.

Conventions: samples are float32 in [-1, 1], mono, at `RATE` (22,050 Hz, eSpeak's own rate); pitch
in Hz, speaking rate in words per minute, formants in percent of eSpeak's neutral male voice.

The same text, voice and seed give the same samples, in any process and after any other text. As it
comes, eSpeak does not do that: *flutter*, the slow tremor of the pitch, goes on where the last
utterance stopped, *roughness* weakens every n-th glottal cycle since the library was loaded, and
*breath* is noise that is seeded with the time of day. No call resets the first two, so every
utterance is spoken with a voice file written for it, in which they are 0; `ser_lib.corpora.demo`
adds a tremor of its own. The noise is seeded before each utterance, and the volume is low enough
that the automatic gain never moves.

Source: eSpeak NG 1.52, ``src/libespeak-ng/wavegen.c`` and ``docs/voices.md``.
"""

import ctypes
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ser_lib.core.errors import CorpusError

RATE = 22_050

# What English needs of the wheel's data; the rest (120 languages) would only be searched.
_DATA = ("phontab", "phonindex", "phondata", "intonations", "en_dict", "lang/gmw/en-US")
_SYNCHRONOUS, _DO_NOT_EXIT = 2, 0x8000  # espeak_Initialize: output mode, option
_CHARACTER, _UTF8 = 1, 1  # espeak_Synth: position type, flag
_WORDS_PER_MINUTE, _VOLUME = 1, 2  # espeak_SetParameter
_HEADROOM_VOLUME = 60  # percent; the loudest voice peaks near 0.5 of full scale
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Voice:
    """How a text is spoken."""

    low_hz: float  # the pitch range of a statement
    high_hz: float
    words_per_minute: float = 165  # 80 to 450
    formants: float = 100  # percent: about 95 to 105 for men, 108 to 118 for women
    breath: int = 0  # aspiration noise that follows the formants, 0 (none) to 8

    def definition(self) -> str:
        """Return the voice file, in the format of ``docs/voices.md``."""
        pitch = f"pitch {self.low_hz:.0f} {self.high_hz:.0f}\n"
        formants = "".join(f"formant {n} {self.formants:.0f} 100 100\n" for n in range(9))
        breath = "breath" + f" {self.breath}" * 8
        return f"language variant\n{pitch}{formants}{breath}\nflutter 0\nroughness 0\n"


@contextmanager
def synthesiser() -> Iterator[Callable[[str, Voice, int], np.ndarray]]:
    """Give a function ``speak(text, voice, seed)`` that returns float32 samples at `RATE`.

    The library is one set of global variables, so in a process a second thread waits.

    >>> with synthesiser() as speak:
    ...     first = speak("The kettle is on the stove.", Voice(100, 140), 0)
    ...     second = speak("The kettle is on the stove.", Voice(100, 140), 0)
    >>> bool((first == second).all()), first.dtype.name
    (True, 'float32')
    """
    import espeakng_loader

    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except OSError as error:
        raise CorpusError(f"the eSpeak NG library cannot be loaded: {error}") from error
    chunks: list[bytes] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    def collect(samples, count, _events):
        if samples and count:
            chunks.append(ctypes.string_at(samples, 2 * count))
        return 0

    # A data folder of our own, because eSpeak looks for voice files only inside it.
    with _one_at_a_time, tempfile.TemporaryDirectory(prefix="ser-") as data:
        for name in _DATA:
            target = Path(data, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(espeakng_loader.get_data_path(), name), target)
        voice_file = Path(data, "voices", "!v", "speaker")
        voice_file.parent.mkdir(parents=True)
        library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _DO_NOT_EXIT)
        library.espeak_SetSynthCallback(collect)

        def speak(text: str, voice: Voice, seed: int) -> np.ndarray:
            voice_file.write_text(voice.definition(), encoding="ascii")
            chunks.clear()
            message = text.encode() + b"\0"
            failed = (
                library.espeak_SetVoiceByName(b"gmw/en-US+speaker")
                or library.espeak_SetParameter(_WORDS_PER_MINUTE, round(voice.words_per_minute), 0)
                or library.espeak_SetParameter(_VOLUME, _HEADROOM_VOLUME, 0)
                or library.espeak_ng_SetRandSeed(ctypes.c_long(seed))
                or library.espeak_Synth(message, len(message), 0, _CHARACTER, 0, _UTF8, None, None)
            )
            if failed or not chunks:
                raise CorpusError(f"eSpeak NG cannot speak {text!r} (status {failed})")
            return np.frombuffer(b"".join(chunks), np.int16).astype(np.float32) / 32768

        try:
            yield speak
        finally:
            library.espeak_Terminate()
