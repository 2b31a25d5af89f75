"""The fingerprint: a copy is found however it was made, and a take of the same words is none."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.duplicates import CHANGES
from ser_lib import corpora
from ser_lib.core import audio
from ser_lib.core.audio import RATE
from ser_lib.core.errors import AudioError
from ser_lib.corpora import demo
from ser_lib.features import fingerprint
from ser_lib.features.fingerprint import BINS, SAME, correlation, unit

WORDS = "Say the word back.", "Say the word bar.", "Say the word back.", "Say the word bar."


@pytest.fixture(scope="module")
def takes() -> list[np.ndarray]:
    """Two carrier sentences, each spoken twice by the same synthetic voice."""
    return demo.takes(WORDS)


def prints_of(signals, rate=RATE) -> np.ndarray:
    return np.array([fingerprint.fingerprint(signal, rate) for signal in signals])


def alike(one, other) -> float:
    return float(correlation(*prints_of([one, other])))


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_the_same_recording_and_no_other(takes, change):
    copies = np.array([fingerprint.fingerprint(*CHANGES[change](take)) for take in takes])
    likeness = unit(copies) @ unit(prints_of(takes)).T
    assert ((likeness >= SAME) == np.eye(len(takes), dtype=bool)).all()
    assert np.diag(likeness).min() > 2 * SAME


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_of_real_speech_is_found(emodb, change):
    files = sorted((emodb / "wav").glob("*.wav"))[::50]
    own = np.array([fingerprint.fingerprint(*audio.decode(file)) for file in files])
    copies = [fingerprint.fingerprint(*CHANGES[change](audio.load(file))) for file in files]
    likeness = unit(np.array(copies)) @ unit(own).T
    assert ((likeness >= SAME) == np.eye(len(files), dtype=bool)).all()


def test_no_two_utterances_of_a_real_corpus_are_the_same(emodb, workspace):
    manifest = corpora.load("emodb", emodb)
    prints = fingerprint.of(manifest)
    assert prints.any(axis=1).all()
    assert [len(rows) for rows in fingerprint.pairs(prints)] == [0, 0]
    likeness = np.triu(unit(prints) @ unit(prints).T, 1)
    assert likeness.max() < SAME / 2, "far from the limit, versions a and b of a sentence as well"


@given(
    st.floats(-70, 70),
    st.sampled_from([-1, 1]),
    st.integers(0, 2 * RATE),
    st.integers(0, 2 * RATE),
    st.integers(0, 3),
)
def test_level_sign_and_silence_change_nothing(takes, gain_db, sign, before, after, take):
    signal = takes[take]
    changed = sign * np.float32(10 ** (gain_db / 20)) * np.pad(signal, (before, after))
    assert alike(signal, changed) > 0.95


@given(st.integers(6_900, 50_000))
def test_the_sampling_rate_changes_nothing(rate):
    # Known at every time: harmonics of a gliding voice.
    def glide(rate):
        time = np.arange(0.8 * rate) / rate
        phase = 2 * np.pi * (120 * time + 40 * time**2)
        return sum(np.cos(k * phase + k * k) for k in range(1, 18)).astype(np.float32) / 20

    first, second = (
        fingerprint.fingerprint(glide(RATE), RATE),
        fingerprint.fingerprint(glide(rate), rate),
    )
    assert correlation(first, second) > 0.95


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.floats(0.3, 2))
def test_two_sounds_of_the_same_kind_are_different(one, other, seconds):
    first, second = (
        np.random.default_rng(seed).normal(0, 0.1, int(seconds * RATE)).astype(np.float32)
        for seed in (one, other)
    )
    assert (alike(first, second) >= SAME) == (one == other)
    assert alike(first, second) == pytest.approx(alike(second, first))


TIME = np.arange(RATE) / RATE
NOTHING = {
    "silence": np.zeros(RATE),
    "a click": np.eye(1, RATE, 5_000)[0],
    "too short": np.random.default_rng(0).normal(0, 0.1, RATE // 5),
    "one sample": np.ones(1),
}


@pytest.mark.parametrize("sound", NOTHING)
def test_what_has_no_structure_is_like_nothing(sound):
    print_ = fingerprint.fingerprint(NOTHING[sound].astype(np.float32), RATE)
    assert (print_.dtype, print_.shape, print_.any()) == (np.int8, (BINS,), False)
    assert correlation(print_, print_) == 0


@pytest.mark.parametrize("hertz", [(300, 303), (440, 441.5), (150, 160)])
def test_tones_of_one_length_that_are_cut_off_are_different(hertz):
    one, other = (
        0.3 * np.sin(2 * np.pi * f * TIME) + np.random.default_rng(i).normal(0, 0.01, RATE)
        for i, f in enumerate(hertz)
    )
    assert alike(one.astype(np.float32), other.astype(np.float32)) < SAME


def test_a_band_that_the_rate_does_not_hold_is_empty():
    noise = np.random.default_rng(0).normal(0, 0.1, 8_000).astype(np.float32)
    print_ = fingerprint.fingerprint(noise, 4_000)
    assert print_[: 2_000 - fingerprint.LOW].std() > 5 * print_[2_050 - fingerprint.LOW :].std()


@settings(max_examples=20)
@given(st.integers(2, 600), st.lists(st.tuples(st.integers(0, 599), st.integers(0, 599))))
def test_pairs_are_those_of_a_plain_search(n, copies):
    prints = np.random.default_rng(n).integers(-60, 61, (n, BINS), dtype=np.int8)
    for source, target in copies:
        prints[target % n] = prints[source % n]
    first, second = fingerprint.pairs(prints)
    keys = [row.tobytes() for row in prints]
    expected = {(i, j) for j in range(n) for i in range(j) if keys[i] == keys[j]}
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == expected
    assert len(first) == len(expected)


@pytest.fixture
def corpus(workspace, tmp_path, takes, write_tone):
    """Four takes, copies of two of them, a silent file twice, and a tone."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number, take in enumerate(takes):
        soundfile.write(folder / f"{number}.wav", take, RATE)
    soundfile.write(folder / "4.ogg", -0.5 * takes[0], RATE)
    samples, rate = soundfile.read(folder / "4.ogg")
    soundfile.write(folder / "5.wav", samples[800:], rate)
    soundfile.write(folder / "6.wav", np.zeros(RATE), RATE)
    shutil.copy(folder / "6.wav", folder / "7.wav")
    soundfile.write(folder / "8.wav", np.zeros(RATE // 2), RATE)
    rows = [f"{file.name},happiness" for file in sorted(folder.iterdir())]
    (folder / "t.csv").write_text("\n".join(["path,emotion", *rows]))
    return corpora.load("table", folder / "t.csv")


def test_recordings_are_numbered(corpus):
    numbers = fingerprint.recordings(corpus)
    groups = {}
    for row, number in enumerate(numbers):
        groups.setdefault(number, []).append(row)
    assert sorted(groups.values()) == [[0, 4, 5], [1], [2], [3]]  # what is silent is not read
    assert list(fingerprint.heard(corpus)["recording"]) == list(numbers)


def test_fingerprints_are_computed_once(corpus, workspace, monkeypatch):
    prints = fingerprint.of(corpus)
    (file,) = (workspace / "data" / "fingerprints").iterdir()
    monkeypatch.setattr(fingerprint, "fingerprint", None)  # called no more
    assert (fingerprint.of(corpus) == prints).all()
    monkeypatch.undo()
    file.write_bytes(file.read_bytes()[:100])
    assert (fingerprint.of(corpus) == prints).all()
    part = replace(corpus, table=corpus.table.iloc[2:5])
    assert (fingerprint.of(part) == prints[2:5]).all()


def test_fingerprints_that_cannot_be_kept_are_there_all_the_same(corpus, monkeypatch):
    def refuse(*_):
        raise PermissionError("read-only")

    prints = fingerprint.of(corpus)
    monkeypatch.setattr(fingerprint, "write_atomically", refuse)
    other = replace(corpus, table=corpus.table.iloc[::-1])
    assert (fingerprint.of(other) == prints[::-1]).all()


def test_a_file_that_is_gone_is_named(corpus):
    corpus.file(corpus.table["utterance"].iloc[3]).unlink()
    with pytest.raises(AudioError, match=r"3\.wav"):
        fingerprint.of(corpus)
