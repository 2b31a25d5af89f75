"""The audit: a copy of a corpus against a complete one, each file in one place, by its name."""

import re
import shutil

import numpy as np
import pytest
import soundfile

from ser_lib import corpora
from ser_lib.corpora import CATALOGUE, Corpus, manifest
from ser_lib.corpora.check import WIDTH, findings
from ser_lib.corpora.loader import parse, select

SPEAKERS = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
COMPLETE = {f"{speaker}a01{letter}a" for speaker in SPEAKERS for letter in "WNT"}


@pytest.fixture
def tones(tmp_path, monkeypatch, workspace):
    """The folder of a complete copy of a corpus whose thirty names are known."""
    monkeypatch.setitem(
        CATALOGUE,
        "tones",
        Corpus(
            name="tones", title="Tones", language="none", licence="none", home="here", about="",
            reader=CATALOGUE["emodb"].read, counts={"anger": 10, "neutral": 10, "sadness": 10},
        ),
    )  # fmt: skip
    wav = tmp_path / "tones" / "wav"
    wav.mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in sorted(COMPLETE):
        soundfile.write(wav / f"{name}.wav", random.uniform(-0.5, 0.5, 800), 16_000)
    return wav.parent


def found(folder, **options):
    return findings(corpora.load("tones", folder, **options))


def test_a_complete_copy(tones):
    assert found(tones) == ["the copy is complete: 30 utterances"]


def test_what_is_missing(tones):
    for name in ("03a01Wa", "16a01Wa", "08a01Ta"):
        (tones / "wav" / f"{name}.wav").unlink()
    assert found(tones) == [
        "anger: 8 of 10, 2 missing",
        "sadness: 9 of 10, 1 missing",
    ]


def test_what_is_extra(tones):
    shutil.copy(tones / "wav" / "03a01Wa.wav", tones / "wav" / "03a01Wb.wav")
    soundfile.write(tones / "wav" / "03b10Fa.wav", np.linspace(0, 0.5, 800), 16_000)
    assert found(tones) == [
        "anger: 11 of 10, 1 extra",
        "happiness: 1 of 0, 1 extra",
        "the same audio: wav/03a01Wa.wav, wav/03a01Wb.wav",
    ]


def test_a_file_that_is_left_out_is_neither_missing_nor_extra(tones):
    wav = tones / "wav"
    (wav / "03a01Wa.wav").write_bytes(b"")  # of the corpus
    (wav / "03b10Fa.wav").write_bytes(b"")  # not of the corpus
    (wav / "08a01Na.wav").rename(wav / "08a01Na (2).wav")  # another name
    assert found(tones) == [
        "left out, 2 files, is empty (0 bytes): wav/03a01Wa.wav, wav/03b10Fa.wav",
        "left out: wav/08a01Na (2).wav: the name is not one of EmoDB's (SSttEv.wav)",
        "anger: 9 of 10, 1 unreadable",
        "neutral: 9 of 10, 1 missing or left out",
    ]


def test_missing_and_left_out_in_one_emotion(tones):
    (tones / "wav" / "03a01Wa.wav").write_bytes(b"")
    (tones / "wav" / "08a01Wa.wav").unlink()
    assert found(tones)[1:] == ["anger: 8 of 10, 1 missing, 1 unreadable"]


def test_what_is_not_chosen_is_not_missing(tones):
    complete = ["the copy is complete: 30 utterances"]
    assert found(tones, emotions="anger, neutral") == complete
    assert found(tones, emotions="anger+sadness, neutral") == complete
    (tones / "wav" / "08a01Ta.wav").unlink()
    assert found(tones, emotions="anger, neutral") == ["sadness: 9 of 10, 1 missing"]


def test_a_style_that_is_not_chosen_is_not_missing(tones):
    rows, _ = CATALOGUE["emodb"].read(tones)
    for number, row in enumerate(rows):
        row["style"] = "scripted" if number % 2 else "improvised"
    chosen = select(manifest.build("tones", tones, rows), parse("anger"), style="scripted")
    assert len(chosen.table) == 5
    assert findings(chosen) == ["the copy is complete: 30 utterances"]


def test_all_names_are_there_in_lines_that_fit(tones):
    names = sorted(COMPLETE - {"03a01Wa"})
    for name in names:
        (tones / "wav" / f"{name}.wav").write_bytes(b"")
    (left_out, *_) = found(tones)
    first, *others = left_out.splitlines()
    assert first.startswith("left out, 29 files, is empty (0 bytes): wav/03a01Na.wav, ")
    assert len(others) > 2
    assert all(len(line) <= WIDTH for line in (first, *others))
    assert all(line.startswith("  ") for line in others)
    assert re.findall(r"wav/(\w+)\.wav", left_out) == names


def test_a_name_is_never_broken(tones):
    odd = [f"wav/a name - with spaces, number {number}.wav" for number in range(8)]
    for name in odd:
        (tones / name).touch()
    (left_out, *_) = found(tones)
    for name in odd:
        assert name in left_out


def test_a_refused_name_may_be_what_is_missing(tones):
    (tones / "wav" / "08a01Ta.wav").unlink()
    (tones / "wav" / "08a01T.wav").touch()
    (tones / "wav" / "03a01Wa.wav").write_bytes(b"")
    assert found(tones)[2:] == [
        "anger: 9 of 10, 1 unreadable",
        "sadness: 9 of 10, 1 missing or left out",
    ]


def test_an_own_table_is_compared_with_nothing(tmp_path, write_tone, workspace):
    for name in "abc":
        write_tone(tmp_path / f"{name}.wav", seed=name == "c")
    table = tmp_path / "table.csv"
    table.write_text("path,emotion\na.wav,joy\nb.wav,fear\nc.wav,\ngone.wav,joy\n")
    assert findings(corpora.load("table", table)) == [
        "left out: c.wav: has no emotion label",
        "left out: gone.wav: does not exist",
        "the same audio with different emotions, fear and happiness: a.wav, b.wav",
    ]


def test_joined_corpora_tell_what_was_left_out(tones, tmp_path, write_tone):
    write_tone(tmp_path / "own" / "a.wav")
    write_tone(tmp_path / "own" / "b.wav", hertz=300)
    (tmp_path / "own" / "table.csv").write_text(
        "path,emotion,speaker\na.wav,anger,p\nb.wav,sadness,p\ngone.wav,anger,p\n"
    )
    (tones / "wav" / "08a01Ta.wav").unlink()
    joined = corpora.load("tones,table", f"{tones},{tmp_path / 'own' / 'table.csv'}")
    assert findings(joined) == ["left out: table/gone.wav: does not exist"]


def test_the_real_emodb_is_complete(emodb, workspace):
    assert findings(corpora.load("emodb", emodb)) == ["the copy is complete: 535 utterances"]
