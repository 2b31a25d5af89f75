"""The demo corpus: five emotions, synthetic speakers, real sentences, made on the spot.

Everything can be tried with it without a licence and a download; as no person speaks, its results
say nothing about people. Every speaker says every sentence in every emotion; speakers come in
sessions of one woman and one man, as in IEMOCAP. The folder holds

- ``wav/S1F_04_ang.wav``: session 1, its woman, sentence 4, anger; 22,050 Hz, mono, 16 bits;
- ``manifest.csv``: utterance, path, speaker, sex, session, sentence, text, emotion, label;
- ``corpus.json``: the parameters it was made with, by which a finished corpus is recognised.

An utterance depends on the seed, its speaker, sentence and emotion only: a smaller corpus is a part
of the larger one, and the number of processes changes nothing.

What an emotion does to a voice is the table `OFFSETS`, in the directions that studies of vocal
expression agree on. Anger: pitch level and range, rate, intensity and high-frequency energy rise.
Happiness: pitch and its range rise most, with more intensity and rate, less high-frequency energy
than in anger, and the higher formants of a smiling mouth. Sadness: pitch level and range, rate,
intensity and high-frequency energy fall, and the voice is breathy. Frustration is taken as cold
anger, weaker than hot anger and tense, and as slow with slightly raised pitch, as frustrated users
of dialogue systems sound. The sizes are ours, chosen so that classes overlap as in people.

Sources: Murray & Arnott 1993, J. Acoust. Soc. Am. 93(2), 1097-1108. Banse & Scherer 1996, J. Pers.
Soc. Psychol. 70(3), 614-636 (with cold anger). Juslin & Laukka 2003, Psychol. Bull. 129(5),
770-814. Scherer 2003, Speech Communication 40(1-2), 227-256. Tartter 1980, Percept. Psychophys.
27(1), 24-27 (smiling). Ang et al. 2002, Proc. ICSLP, 2037-2040 (frustration).
"""

import json
from collections.abc import Callable, Sequence
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ser_lib.core import jobs
from ser_lib.core.errors import CorpusError
from ser_lib.core.files import digest, fresh_folder, sources
from ser_lib.corpora import tables
from ser_lib.corpora.corpus import Rows
from ser_lib.corpora.espeak import RATE, Voice, synthesiser


class Cues(NamedTuple):
    """Acoustic cues of an utterance, as differences from the neutral voice of its sex."""

    pitch: float  # semitones
    range: float  # octaves of the ratio: 1 doubles the pitch range
    rate: float  # percent
    level: float  # dB
    tilt: float  # dB per octave above 500 Hz; more is sharper
    breath: float  # eSpeak's steps, see espeak.Voice
    formants: float  # percent
    tremor: float  # percent of the pitch, standard deviation


OFFSETS = {
    #                     pitch range  rate level tilt breath formants tremor
    "anger": Cues(          3.5, 0.60,  9.0,  7.0, 2.4,  -0.5,     1.0,   0.5),
    "frustration": Cues(    1.2, 0.00, -9.0,  2.5, 1.7,  -0.5,    -0.5,   0.3),
    "happiness": Cues(      5.0, 0.80,  6.0,  3.5, 0.5,   1.0,     3.5,   0.0),
    "neutral": Cues(        0.0, 0.00,  0.0,  0.0, 0.0,   0.0,     0.0,   0.0),
    "sadness": Cues(       -1.5, -0.60, -12.0, -4.0, -1.8, 1.5,   -1.0,   0.5),
}  # fmt: skip

EMOTIONS = tuple(OFFSETS)

SPREAD = {
    #                     pitch range  rate level tilt breath formants tremor
    "speakers": Cues(       1.5, 0.20,  4.0,  0.8, 0.4,   0.4,     2.0,   0.2),
    "habits": Cues(         0.5, 0.15,  2.5,  0.6, 0.2,   0.3,     0.4,   0.1),
    "utterances": Cues(     0.8, 0.20,  4.0,  1.1, 0.4,   0.5,     0.5,   0.2),
}  # fmt: skip
"""Standard deviations: of a speaker's neutral voice, of the speaker's own way with each emotion,
and from one utterance to the next."""

EXPRESSION = {"speakers": 0.15, "utterances": 0.25}
"""The same, in natural logarithms, of how strongly an emotion is expressed."""

SENTENCES = (
    "The early train to the city leaves at half past seven.",
    "She put the blue cup back on the kitchen table.",
    "They are going to paint the garden fence next week.",
    "The letter from the bank came on Tuesday morning.",
    "He left his umbrella under the seat of the bus.",
    "We usually meet at the corner of the market square.",
    "There are nine books on the shelf beside the window.",
    "My brother moved his desk into the other room.",
    "The shop around the corner opens again in April.",
    "You can find the keys in the drawer by the door.",
    "It takes about an hour to walk along the river.",
    "The new neighbours have a dog and two grey cats.",
    "I told him that the meeting was put off until Monday.",
    "The coffee machine on the second floor is working now.",
    "Someone parked a yellow van in front of the library.",
    "Her sister sent the photographs of the house last night.",
)

SIZES = {
    "demo": {"n_speakers": 10, "n_sentences": 12, "seed": 0},
    "demo2": {"n_speakers": 6, "n_sentences": 6, "seed": 1},
}
"""The demo corpora of the catalogue; the second one has other voices, to test on."""

Speak = Callable[[str, Voice, int], np.ndarray]

_CENTRE_HZ = {"female": 195.0, "male": 112.0}
_FORMANTS = {"female": 113.0, "male": 99.0}  # percent
_RANGE = 8.0  # semitones
_WORDS_PER_MINUTE = 185.0
_LEVEL = -27.0  # dB of full scale, root mean square
_BREATH, _TREMOR, _TREMOR_HZ = 1.0, 1.0, 7.0  # steps, percent, Hz
_PEAK = 0.89
_BLOCK = 4096  # the Fourier transform of lengths with large prime factors is slow
_STAMP = "corpus.json"
_COLUMNS = [
    "utterance", "path", "speaker", "sex", "session", "sentence", "text", "emotion", "label",
]  # fmt: skip


def make(
    folder: str | Path,
    *,
    n_speakers: int = 10,
    n_sentences: int = 12,
    seed: int = 0,
    workers: int | None = None,
) -> Path:
    """Make the corpus, ``n_speakers * n_sentences * 5`` utterances; return its folder.

    That appears only when it is complete; a demo corpus with the same parameters is left as it is,
    one with others replaced, and anything else refused with a `CorpusError`. Women and men
    alternate, two to a session; `workers` are as of `jobs.each`.
    """
    folder = Path(folder)
    parameters = {
        "corpus": "demo",
        "n_speakers": n_speakers,
        "n_sentences": n_sentences,
        "seed": seed,
        "recipe": digest(*sources("corpora/demo.py", "corpora/espeak.py")),
        "espeakng-loader": version("espeakng-loader"),
    }
    stamp, known = json.dumps(parameters, indent=1) + "\n", folder / _STAMP
    if known.is_file() and known.read_text(encoding="utf-8") == stamp:
        return folder
    if folder.exists() and not known.is_file():
        raise CorpusError(f"{folder} is not a demo corpus and is left alone; name another folder")

    with fresh_folder(folder) as temporary:
        (temporary / "wav").mkdir()
        todo = [(temporary, speaker, n_sentences, seed) for speaker in range(n_speakers)]
        if workers is None and n_speakers * n_sentences < 40:
            workers = 0  # done before a process has started
        rows, clock = [], jobs.Countdown(n_speakers)
        for number, part in enumerate(jobs.each(_speak, todo, workers=workers), start=1):
            rows += part
            clock.tell(number, "speakers of the demo corpus are done")
        table = pd.DataFrame(sorted(rows), columns=_COLUMNS)
        table.to_csv(temporary / "manifest.csv", index=False, lineterminator="\n")
        (temporary / _STAMP).write_text(stamp, encoding="utf-8")
    return folder


def takes(texts: Sequence[str], *, seed: int = 0) -> list[np.ndarray]:
    """Speak texts one after the other, in one voice and neutral: float32 signals at `RATE`.

    A text that is there twice is spoken twice, as a person would.
    """
    person, signals = _Speaker(seed, 0, "female"), []
    with synthesiser() as speak:
        for number, text in enumerate(texts):
            rng = np.random.default_rng([seed, 3, number])
            signals.append(person.say(text, "neutral", speak, rng).astype(np.float32))
    return signals


def read(root: Path) -> Rows:
    """Read a folder of `make`."""
    if not (root / _STAMP).is_file():
        raise CorpusError(f"no demo corpus in {root}; without a folder it is made for you")
    columns = [name for name in _COLUMNS if name != "text"]
    return tables.records(root / "manifest.csv", *columns), []


def _speak(folder: Path, speaker: int, n_sentences: int, seed: int) -> list[tuple]:
    """Write all utterances of a speaker and return their rows."""
    from scipy.io import wavfile  # who only reads a corpus need not wait for it

    sex = ("female", "male")[speaker % 2]
    session = f"S{speaker // 2 + 1}"
    name = session + sex[0].upper()
    person = _Speaker(seed, speaker, sex)
    rows = []
    with synthesiser() as speak:
        for number, code in product(range(n_sentences), range(len(EMOTIONS))):
            text, emotion, sentence = SENTENCES[number], EMOTIONS[code], f"{number + 1:02d}"
            rng = np.random.default_rng([seed, 1, speaker, number, code])
            samples = (person.say(text, emotion, speak, rng) * 32767).round().astype(np.int16)
            label = emotion[:3]
            utterance = f"{name}_{sentence}_{label}"
            path = f"wav/{utterance}.wav"
            wavfile.write(folder / path, RATE, samples)
            rows.append((utterance, path, name, sex, session, sentence, text, emotion, label))
    return rows


class _Speaker:
    """Somebody: a neutral voice, habits of expression, and the room of the session."""

    def __init__(self, seed: int, speaker: int, sex: str) -> None:
        rng = np.random.default_rng([seed, 0, speaker])
        self.sex = sex
        self.own = rng.normal(0, SPREAD["speakers"])
        self.habits = {emotion: rng.normal(0, SPREAD["habits"]) for emotion in EMOTIONS}
        self.expression = rng.normal(0, EXPRESSION["speakers"])
        room = np.random.default_rng([seed, 2, speaker // 2])
        self.room_level = room.uniform(-66, -56)  # dB of full scale
        self.room_tilt = room.normal(0, 0.3)  # dB per octave, of the microphone

    def say(self, text: str, emotion: str, speak: Speak, rng: np.random.Generator) -> np.ndarray:
        """Say a text: float [samples], below full scale."""
        cues = self.cues(emotion, rng)
        signal = speak(text, self.voice(cues), int(rng.integers(1, 2**31 - 1)))
        return self.record(signal, cues, rng)

    def cues(self, emotion: str, rng: np.random.Generator) -> Cues:
        """Draw how this speaker says one utterance."""
        strength = np.exp(self.expression + rng.normal(0, EXPRESSION["utterances"]))
        expressed = strength * (np.array(OFFSETS[emotion]) + self.habits[emotion])
        return Cues(*(self.own + expressed + rng.normal(0, SPREAD["utterances"])))

    def voice(self, cues: Cues) -> Voice:
        """Return what eSpeak itself can do of the cues."""
        centre = _CENTRE_HZ[self.sex] * 2 ** (cues.pitch / 12)
        half = 2 ** (_RANGE * 2**cues.range / 24)
        return Voice(
            low_hz=max(centre / half, 50),
            high_hz=centre * half,
            words_per_minute=float(np.clip(_WORDS_PER_MINUTE * (1 + cues.rate / 100), 110, 260)),
            formants=_FORMANTS[self.sex] * (1 + cues.formants / 100),
            breath=int(np.clip(round(_BREATH + cues.breath), 0, 6)),
        )

    def record(self, signal: np.ndarray, cues: Cues, rng: np.random.Generator) -> np.ndarray:
        """Add what eSpeak cannot do, and the room: float [samples], below full scale."""
        signal = _tremble(signal, max(_TREMOR + cues.tremor, 0) / 100, rng)
        signal = _tilt(signal, cues.tilt + self.room_tilt)
        level = 10 ** ((_LEVEL + cues.level) / 20)
        signal *= min(level / np.sqrt(np.mean(signal**2)), _PEAK / np.abs(signal).max())
        before, after = (rng.uniform(0.08, 0.25, 2) * RATE).astype(int)
        signal = np.pad(signal, (before, after))
        noise = _tilt(rng.normal(0, 1, len(signal)), -3.0)  # rooms hum more than they hiss
        return signal + noise * 10 ** (self.room_level / 20) / np.sqrt(np.mean(noise**2))


def _tremble(signal: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Read the signal at a speed that wavers around 1, in place of eSpeak's flutter."""
    # Twice the rate first, so that linear interpolation does not dull the high frequencies.
    length = -(-len(signal) // _BLOCK) * _BLOCK
    fine = 2 * np.fft.irfft(np.fft.rfft(signal, length), 2 * length)
    knots = np.arange(len(signal) / RATE * _TREMOR_HZ + 2)
    time = np.arange(len(signal)) / RATE * _TREMOR_HZ
    speed = np.interp(time, knots, rng.normal(1, deviation, len(knots)))
    return np.interp(2 * np.cumsum(speed), np.arange(len(fine)), fine)


def _tilt(signal: np.ndarray, db_per_octave: float) -> np.ndarray:
    """Raise or lower everything above 500 Hz by so much per octave."""
    length = -(-len(signal) // _BLOCK) * _BLOCK
    octaves = np.log2(np.maximum(np.fft.rfftfreq(length, 1 / RATE), 500) / 500)
    gain = 10 ** (db_per_octave * octaves / 20)
    return np.fft.irfft(np.fft.rfft(signal, length) * gain, length)[: len(signal)]
