"""The protocols beside those of `splits`: neither voice nor words shared, and splits of others."""

from contextlib import suppress
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_lib.core.errors import ParameterError, SplitError
from ser_lib.experiments import protocols, splits
from ser_lib.experiments.splits import PARTS


def table_of(rows) -> pd.DataFrame:
    """A table of (speaker, sentence, emotion), every row a recording of its own."""
    table = pd.DataFrame(rows, columns=["speaker", "sentence", "emotion"], dtype="object")
    names = [f"u{i}" for i in range(len(table))]
    return table.assign(session="", utterance=names, sha256=names)


def regular(n_speakers=5, n_sentences=4, emotions=("joy", "fear")) -> pd.DataFrame:
    return table_of(
        product(
            [f"p{i}" for i in range(n_speakers)],
            [f"s{i}" for i in range(n_sentences)],
            emotions,
        )
    )


@st.composite
def tables(draw):
    """Uneven tables: not everybody says everything, some recordings are there twice."""
    speakers = [f"p{i}" for i in range(draw(st.integers(4, 7)))]
    sentences = [f"s{i}" for i in range(draw(st.integers(2, 6)))]
    cells = list(product(speakers, sentences, ["joy", "fear"]))
    kept = draw(st.lists(st.sampled_from(cells), min_size=len(cells) // 2, max_size=60))
    table = table_of(kept)
    for _ in range(draw(st.integers(0, 3))):
        a, b = (draw(st.integers(0, len(table) - 1)) for _ in "ab")
        table.loc[a, "sha256"] = table.loc[b, "sha256"]
    order = draw(st.permutations(range(len(table))))
    return table.iloc[list(order)]  # with an index that is not the row position


@settings(max_examples=50)
@given(tables(), st.integers(3, 5), st.integers(0, 9))
def test_neither_speaker_nor_sentence_is_shared(table, folds, seed):
    made = []
    with suppress(SplitError):  # some of these tables are too small
        made = protocols.make(table, "sentence+speaker", folds=folds, seed=seed)
    for fold in made:
        train, validation, test = (table.iloc[getattr(fold, part)] for part in PARTS)
        assert not set(test["sentence"]) & (set(train["sentence"]) | set(validation["sentence"]))
        speakers = [set(part["speaker"]) for part in (train, validation, test)]
        assert sum(map(len, speakers)) == len(set.union(*speakers))
        sounds = [set(part["sha256"]) for part in (train, validation, test)]
        assert sum(map(len, sounds)) == len(set.union(*sounds))
        assert set(train["emotion"]) == set(table["emotion"])
        used = np.concatenate([fold.train, fold.validation, fold.test, fold.twins])
        assert len(used) == len(set(used))
    if made:
        tested = np.concatenate([fold.test for fold in made])
        assert sorted(tested) == list(range(len(table))), "each utterance is tested once"
        assert len({fold.name for fold in made}) == len(made)


def test_known_answer():
    table = regular(3, 2, ("joy",))  # rows: p0s0 p0s1 p1s0 p1s1 p2s0 p2s1
    made = protocols.make(table, "sentence+speaker", folds=3, seed=1)
    assert len(made) == 6
    place = {tuple(row): i for i, row in enumerate(table[["speaker", "sentence"]].to_numpy())}
    for fold in made:
        (test,), (validation,), (train,) = fold.test, fold.validation, fold.train
        (speaker, sentence) = table.loc[test, ["speaker", "sentence"]]
        other = "s1" if sentence == "s0" else "s0"
        left = {"p0", "p1", "p2"} - {speaker}
        assert {train, validation} == {place[name, other] for name in left}
    names = [fold.name for fold in made]
    assert names[:3] == [
        "speakers-1-sentences-1", "speakers-1-sentences-2", "speakers-2-sentences-1"
    ]  # fmt: skip


def test_sizes_and_groups():
    table = regular(10, 10)
    made = protocols.make(table, "sentence+speaker", folds=5)
    assert len(made) == 25
    # Of ten speakers two test and two validate; of ten sentences two are tested.
    assert {tuple(len(getattr(f, p)) for p in PARTS) for f in made} == {(96, 32, 8)}
    for fold in made:
        rest = table.drop(table.index[np.concatenate([fold.train, fold.validation, fold.test])])
        test = table.iloc[fold.test]
        leaking = rest["speaker"].isin(test["speaker"]) | rest["sentence"].isin(test["sentence"])
        assert leaking.all(), "nothing else is left out"
    kfold = splits.make(table, "speaker-kfold", folds=5)
    by_voice = {frozenset(table["speaker"].iloc[f.test]) for f in kfold}
    assert {frozenset(table["speaker"].iloc[f.test]) for f in made} == by_voice
    few = protocols.make(regular(6, 2), "sentence+speaker", folds=4)
    assert len(few) == 8, "two sentences make two groups"


def test_the_seed_groups():
    def groups(seed):
        made = protocols.make(regular(10, 10), "sentence+speaker", seed=seed)
        return [fold.test.tolist() for fold in made]

    assert groups(0) == groups(0)
    assert groups(0) != groups(1)


def test_an_empty_cell_is_no_fold():
    table = regular(4, 3, ("joy",))
    dropped = table[~((table["speaker"] == "p0") & (table["sentence"] == "s0"))]
    assert len(protocols.make(dropped, "sentence+speaker", folds=4)) == 4 * 3 - 1


@pytest.mark.parametrize(
    ("table", "folds", "message"),
    [
        (regular().assign(speaker=["", *["p"] * 39]), 3, "needs the speaker of every utt.*, 1 of"),
        (regular().assign(sentence=""), 3, "needs the sentence of every utterance, 40 of 40"),
        (regular(2), 3, r"with 3 folds needs between 3 and .* as the corpus has speakers \(2\)"),
        (regular(5), 2, "with 2 folds needs between 3"),
        (regular(5, 1), 3, "needs at least 2 sentences"),
        (
            table_of(
                [(f"p{i}", f"s{j}", "joy" if j else "fear") for i in range(4) for j in (0, 1)]
            ),
            4,
            "no utterance of '(fear|joy)' is left to train fold 'speakers-1-sentences-1'",
        ),
        (
            table_of([*((f"p{i}", "s0", "joy") for i in range(8)), ("p0", "s1", "joy")]),
            8,
            "nothing is left to validate fold 'speakers-",
        ),
    ],
)
def test_what_the_corpus_does_not_allow(table, folds, message):
    with pytest.raises(SplitError, match=message):
        protocols.make(table, "sentence+speaker", folds=folds)


def test_the_other_protocols_are_those_of_splits():
    table = regular()
    ours = protocols.make(table, "speaker-kfold", folds=4, seed=3)
    theirs = splits.make(table, "speaker-kfold", folds=4, seed=3)
    assert [f.test.tolist() for f in ours] == [f.test.tolist() for f in theirs]
    with pytest.raises(ParameterError, match=r"unknown protocol 'sentence'.*sentence\+speaker"):
        protocols.make(table, "sentence")


def test_a_given_split_has_no_recipe():
    with pytest.raises(SplitError, match="protocol 'given' needs a split"):
        protocols.make(regular(), "given")
