"""The demo corpus is what it says, the same every time, and never half there."""

import hashlib
import json
import wave
from collections import Counter
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile

from ser_lib.core.errors import CorpusError
from ser_lib.corpora import demo
from ser_lib.corpora.espeak import RATE, Voice, synthesiser

TEXTS = ("Little bottles of water were left on the button.", "Every evening I iron eight shirts.")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Four speakers, two sentences, five emotions, made in this process."""
    folder = tmp_path_factory.mktemp("corpus") / "demo"
    return demo.make(folder, n_speakers=4, n_sentences=2, workers=0)


def rows(folder: Path) -> list[dict]:
    return pd.read_csv(folder / "manifest.csv", dtype=str).to_dict("records")


def samples(path: Path) -> np.ndarray:
    """The samples of a file, in [-1, 1]."""
    with wave.open(str(path)) as file:
        assert file.getparams()[:3] == (1, 2, 22_050)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def hashes(folder: Path) -> dict[str, str]:
    """Every file of a folder, by its relative path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


# --- what it holds


def test_every_speaker_says_every_sentence_in_every_emotion(corpus):
    table = rows(corpus)
    assert len(table) == 4 * 2 * 5
    cells = Counter((row["speaker"], row["sentence"], row["emotion"]) for row in table)
    assert set(cells.values()) == {1}
    assert {row["emotion"] for row in table} == set(demo.EMOTIONS)
    assert {row["text"] for row in table} == set(demo.SENTENCES[:2])
    # A session is a woman and a man.
    people = {(row["session"], row["speaker"], row["sex"]) for row in table}
    assert people == {(f"S{i}", f"S{i}{sex[0].upper()}", sex)
                      for i in (1, 2) for sex in ("female", "male")}  # fmt: skip
    # Names say what a file is.
    row = {row["utterance"]: row for row in table}["S2M_01_fru"]
    assert row["path"] == "wav/S2M_01_fru.wav"
    assert (row["emotion"], row["label"]) == ("frustration", "fru")
    on_disk = {path.relative_to(corpus).as_posix() for path in (corpus / "wav").iterdir()}
    assert on_disk == {row["path"] for row in table}
    read, left_out = demo.read(corpus)
    assert left_out == []
    assert [row["utterance"] for row in read] == sorted(row["utterance"] for row in table)
    expected = ["utterance", "path", "speaker", "sex", "session", "sentence", "emotion", "label"]
    assert all(list(row) == expected for row in read)


def test_audio_is_speech_of_a_useful_length_and_not_clipped(corpus):
    for path in sorted((corpus / "wav").iterdir()):
        signal = samples(path)
        assert 1.5 < len(signal) / RATE < 4.5, path.name
        assert 0.03 < np.abs(signal).max() < 0.95, path.name
        assert abs(signal.mean()) < 0.01, path.name
        frames = signal[: len(signal) // 441 * 441].reshape(-1, 441)
        loudness = 20 * np.log10(np.sqrt(np.mean(frames**2, axis=1)))
        # Words stand far above the room, and most of the file is words.
        assert np.percentile(loudness, 80) - np.percentile(loudness, 2) > 15, path.name


# --- what the emotions sound like


def test_cues_point_where_the_literature_says(corpus):
    measured: dict[str, list] = {}
    for row in rows(corpus):
        signal = samples(corpus / row["path"])
        voiced = librosa.util.frame(signal, frame_length=2048, hop_length=512)
        loud = np.sqrt((voiced**2).mean(axis=0))
        pitch = librosa.yin(signal, fmin=60, fmax=500, sr=RATE, center=False)
        pitch = 12 * np.log2(pitch[loud > 0.3 * loud.max()])
        power = np.abs(np.fft.rfft(signal)) ** 2
        high = power[np.fft.rfftfreq(len(signal), 1 / RATE) > 2000].sum() / power.sum()
        level = 20 * np.log10(np.sqrt(np.mean(signal**2)))
        cues = (np.median(pitch), np.ptp(np.percentile(pitch, [10, 90])), level, len(signal), high)
        measured.setdefault(row["emotion"], []).append(cues)
    mean = {emotion: np.mean(values, axis=0) for emotion, values in measured.items()}
    pitch, spread, level, length, high = range(5)
    assert mean["anger"][pitch] > mean["sadness"][pitch] + 2
    assert mean["happiness"][pitch] > mean["neutral"][pitch] + 2
    assert mean["anger"][level] > mean["frustration"][level] > mean["neutral"][level]
    assert mean["neutral"][level] > mean["sadness"][level] + 2
    assert mean["anger"][length] < mean["sadness"][length]
    assert mean["happiness"][length] < mean["frustration"][length]
    assert mean["anger"][high] > mean["neutral"][high] > mean["sadness"][high]
    assert mean["happiness"][spread] > mean["sadness"][spread]


# --- the same every time


def test_processes_and_order_change_nothing(corpus, tmp_path):
    again = demo.make(tmp_path / "again", n_speakers=4, n_sentences=2, workers=2)
    assert hashes(again) == hashes(corpus)


def test_a_smaller_corpus_is_a_part_of_a_larger_one_and_of_its_seed_alone(corpus, tmp_path):
    whole = hashes(corpus)
    for seed in (0, 1):
        small = demo.make(tmp_path / str(seed), n_speakers=1, n_sentences=1, seed=seed)
        part = {name: h for name, h in hashes(small).items() if name.startswith("wav/")}
        assert len(part) == 5
        assert [whole[name] == h for name, h in part.items()] == [seed == 0] * 5


def test_what_was_said_before_does_not_matter():
    voices = [Voice(90, 130), Voice(190, 260, 200, 113, 3), Voice(100, 180, 130, 95, 5)]
    jobs = [(text, voice) for text in TEXTS for voice in voices]
    first: dict[tuple, np.ndarray] = {}
    generator = np.random.default_rng(0)
    for _ in range(3):
        with synthesiser() as speak:
            for index in generator.permutation(np.repeat(np.arange(len(jobs)), 2)):
                signal = speak(*jobs[index], 7)
                np.testing.assert_array_equal(first.setdefault(jobs[index], signal), signal)


def test_the_voice_is_obeyed():
    def pitch(signal):
        return np.median(librosa.yin(signal, fmin=60, fmax=500, sr=RATE))

    with synthesiser() as speak:
        low, high = (speak(TEXTS[1], Voice(hz, 1.3 * hz), 0) for hz in (90, 180))
        slow = speak(TEXTS[1], Voice(90, 117, words_per_minute=120), 0)
        one, two, other = (speak(TEXTS[0], Voice(90, 130, breath=4), seed) for seed in (7, 7, 8))
    assert pitch(high) / pitch(low) == pytest.approx(2, rel=0.15)
    assert len(slow) > 1.2 * len(low)
    assert max(np.abs(signal).max() for signal in (low, high, slow)) < 0.9
    # Breath is noise of the seed.
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 0.001


# --- never half there


def test_a_finished_corpus_is_used_again(corpus, monkeypatch):
    monkeypatch.setattr(demo, "_speak", None)  # nothing can be made
    before = {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}
    assert demo.make(corpus, n_speakers=4, n_sentences=2) == corpus
    assert before == {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}


def test_other_parameters_or_another_recipe_make_it_anew(tmp_path):
    folder = demo.make(tmp_path / "demo", n_speakers=1, n_sentences=1)
    assert len(demo.read(folder)[0]) == 5
    demo.make(folder, n_speakers=2, n_sentences=1)
    stamp = json.loads((folder / "corpus.json").read_text())
    (folder / "corpus.json").write_text(json.dumps(stamp | {"recipe": "older"}))
    (folder / "manifest.csv").write_text("stale")
    demo.make(folder, n_speakers=2, n_sentences=1)
    assert len(demo.read(folder)[0]) == 10


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_is_interrupted_leaves_nothing(tmp_path, monkeypatch, error):
    write, count = wavfile.write, iter(range(100))

    def fail_later(*arguments):
        if next(count) == 6:
            raise error
        write(*arguments)

    monkeypatch.setattr(wavfile, "write", fail_later)
    with pytest.raises(error):
        demo.make(tmp_path / "demo", n_speakers=2, n_sentences=1, workers=0)
    assert list(tmp_path.iterdir()) == []


def test_somebody_elses_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(CorpusError, match="is not a demo corpus"):
        demo.make(tmp_path, n_speakers=1, n_sentences=1)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    with pytest.raises(CorpusError, match="no demo corpus in"):
        demo.read(tmp_path)


def test_a_corpus_that_does_not_fit_is_not_half_there(on_a_small_disk):
    told = on_a_small_disk(
        """
        from ser_lib.corpora import demo
        from ser_lib.core.errors import SpaceError

        def make():
            return demo.make(disk / "data" / "demo", n_speakers=1, n_sentences=2, workers=0)

        try:
            make()
        except SpaceError as error:
            told["error"] = str(error)
        told["left"] = [path.name for path in (disk / "data").iterdir()]
        enlarge()
        told["made"] = len(list(make().glob("wav/*.wav")))
        """,
        kilobytes=500,
    )
    assert "demo (No space left on device); what was finished is kept" in told["error"]
    assert told["left"] == []
    assert told["made"] == 10
