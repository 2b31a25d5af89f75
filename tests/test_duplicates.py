"""The trial of the fingerprint: pairs and copies are counted, of a corpus and synthetic takes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import duplicates
from ser_lib import corpora
from ser_lib.core.audio import RATE
from ser_lib.corpora import demo
from ser_lib.features import fingerprint


@pytest.fixture
def manifest(workspace, tmp_path):
    """Two speakers who say two sentences in five emotions."""
    return corpora.load("demo", demo.make(tmp_path / "demo", n_speakers=2, n_sentences=2))


def test_pairs_are_counted(manifest):
    rows, synthetic = [*duplicates.of_corpus(manifest)], [*duplicates.of_takes()]
    whole, speaker, sentence = rows[:3]
    assert [whole.n, speaker.n, sentence.n] == [20 * 19 // 2, 2 * (10 * 9 // 2), 4 * (5 * 4 // 2)]
    assert [one.n for one in synthetic] == [duplicates.TAKES * (duplicates.TAKES - 1) // 2] * 2
    assert {one.same for one in rows + synthetic} == {0}
    assert all(0 < one.highest < fingerprint.SAME for one in synthetic)


def test_what_is_taken_for_the_same_is_counted(manifest, monkeypatch):
    prints = fingerprint.of(manifest).copy()
    prints[[1, 19]] = prints[0]
    monkeypatch.setattr(fingerprint, "of", lambda manifest: prints)
    whole, speaker, *_ = duplicates.of_corpus(manifest)
    assert (whole.same, speaker.same) == (3, 1)
    assert whole.highest < fingerprint.SAME


def test_copies_that_are_found_are_counted(manifest, monkeypatch):
    found = duplicates.changed(manifest)
    assert [one.name for one in found] == list(duplicates.CHANGES)
    assert {(one.n, one.found) for one in found} == {(20, 20)}
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    monkeypatch.setattr(duplicates, "CHANGES", {"another sound": lambda signal: (noise, RATE)})
    (lost,) = duplicates.changed(manifest)
    assert (lost.n, lost.found) == (20, 0)
    assert lost.lowest < fingerprint.SAME


def test_a_corpus_of_silence_has_nothing_to_count(manifest, monkeypatch):
    nothing = np.zeros((20, fingerprint.BINS), np.int8)
    monkeypatch.setattr(fingerprint, "of", lambda manifest: nothing)
    assert duplicates.changed(manifest) == []
    whole, *_ = duplicates.of_corpus(manifest)
    assert (whole.same, whole.highest) == (0, 0)


def test_the_tables_of_the_book_say_what_its_page_says():
    book = Path(__file__).parents[1] / "book"
    assert (pd.read_csv(book / "takes.csv")["Taken for one"] == 0).all()
    copies = pd.read_csv(book / "copies.csv")
    assert (copies["Found again"] == copies["Copies"]).all()
