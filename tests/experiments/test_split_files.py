"""Splits as files: what is written is read again, and what is wrong is named with its line."""

import csv
import string
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_lib.core.errors import SplitError
from ser_lib.experiments import split_files, splits
from ser_lib.experiments.splits import PARTS, Fold

TABLE = pd.DataFrame({"utterance": ["u1", "u2", "u3", "u4"]}, index=[9, 8, 7, 6])


def fold(name="a", **parts) -> Fold:
    return Fold(name, **{part: np.array(parts.get(part, []), dtype=int) for part in PARTS})


def rows_of(folds) -> list:
    return [(f.name, *(getattr(f, part).tolist() for part in PARTS)) for f in folds]


@pytest.fixture
def read(tmp_path):
    """A function that reads a split from text."""

    def reading(text: str, **options):
        file = tmp_path / "split.csv"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return split_files.read(file, TABLE, **options)

    return reading


def test_the_file_is_plain(tmp_path):
    file = tmp_path / "deep" / "split.csv"
    folds = [fold("speaker-b", train=[0, 3], validation=[2], test=[1]), fold("a, b", test=[0])]
    split_files.write(file, folds, TABLE)
    assert file.read_bytes() == (
        b"fold,utterance,part\n"
        b"speaker-b,u1,train\nspeaker-b,u4,train\nspeaker-b,u3,validation\nspeaker-b,u2,test\n"
        b'"a, b",u1,test\n'
    )


def test_known_answer(read):
    text = "note,part,utterance,fold\nx,test,u2,b\nx,train,u3,b\n,train,u1,b\n,validation,u4,b\n"
    (made,) = read(text)
    assert rows_of([made]) == [("b", [0, 2], [3], [1])]
    assert made.twins.tolist() == []


def test_a_table_of_utterance_and_part_is_one_fold(read):
    (made,) = read("utterance,part\nu1,train\nu2,validation\nu4,test\n")
    assert rows_of([made]) == [("given", [0], [1], [3])]


@pytest.mark.parametrize("start", ["\ufeff", ""])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_of_spreadsheets(read, start, end):
    lines = ["fold,utterance,part", "f,u1,train", "f,u2,validation", "", "f,u3,test", ""]
    assert rows_of(read(start + end.join(lines))) == [("f", [0], [1], [2])]


NAMES = st.text(string.ascii_letters + string.digits + " ,;\"'#äÄß中/\\|.-_", min_size=1)


@given(st.data())
def test_what_is_written_is_read(tmp_path_factory, data):
    utterances = data.draw(st.lists(NAMES, min_size=3, max_size=12, unique=True))
    names = data.draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    table = pd.DataFrame({"utterance": utterances})
    folds = []
    for name in names:
        order = data.draw(st.permutations(range(len(utterances))))
        cuts = sorted(data.draw(st.sets(st.integers(1, len(order)), min_size=3, max_size=3)))
        parts = [order[a:b] for a, b in zip([0, *cuts[:2]], cuts, strict=True)]
        folds.append(fold(name, **{p: sorted(r) for p, r in zip(PARTS, parts, strict=True)}))
    file = tmp_path_factory.mktemp("split") / "split.csv"
    split_files.write(file, folds, table)
    assert rows_of(split_files.read(file, table)) == rows_of(folds)
    with file.open(newline="", encoding="utf-8") as text:
        plain = list(csv.DictReader(text))
    assert len(plain) == sum(len(getattr(f, part)) for f in folds for part in PARTS)
    # Positions are those of the table that reads, whatever its order.
    turned = table.iloc[::-1]
    for before, after in zip(folds, split_files.read(file, turned), strict=True):
        for part in PARTS:
            found = turned["utterance"].iloc[getattr(after, part)]
            assert set(found) == set(table["utterance"].iloc[getattr(before, part)])


def test_our_own_protocols_survive_the_file(tmp_path):
    rows = [(f"S{i // 2}", f"p{i}", e, t) for i in range(6) for e in ("joy", "fear") for t in "ab"]
    table = pd.DataFrame(rows, columns=["session", "speaker", "emotion", "take"])
    table["utterance"] = table["speaker"] + table["emotion"] + table["take"]
    table["sha256"] = table["utterance"]
    for protocol in ("random", "speaker", "session", "speaker-kfold"):
        folds = splits.make(table, protocol, folds=3)
        split_files.write(tmp_path / "s.csv", folds, table)
        assert rows_of(split_files.read(tmp_path / "s.csv", table)) == rows_of(folds)


WHOLE = "fold,utterance,part\na,u1,train\na,u2,validation\na,u3,test\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (WHOLE + "a,u5,test\n", r"line 5: the corpus has no utterance 'u5' among its 4; its first"),
        (WHOLE + "a,u3x,test\n", r"line 5: .* no utterance 'u3x' among its 4; did you mean 'u3'"),
        (WHOLE + "a,u1,test\n", r"line 5: 'u1' is in two parts of fold 'a', train and test"),
        (WHOLE + "a,u3,validation\n", r"line 5: 'u3' is in two parts .* test and validation"),
        (WHOLE + "a,u1,train\n", r"line 5: fold 'a' lists 'u1' twice in train"),
        (WHOLE + "a,u4,dev\n", r"line 5: unknown part 'dev'; choose from: train, validation, test"),
        (WHOLE + "a,u4,Train\n", r"unknown part 'Train' \(did you mean 'train'\?\)"),
        (WHOLE + ",u4,test\n", r"line 5: the fold is empty"),
        (WHOLE + "a,,test\n", r"line 5: the utterance is empty"),
        (WHOLE + "a,u4,\n", r"line 5: the part is empty"),
        (WHOLE + "a,u4\n", r"line 5: the part is empty"),
        (WHOLE + "b,u4,test\n", r"fold 'b' has no utterance in train and validation; each fold"),
        ("fold,utterance,part\n", r"has no rows"),
        ("", r"has no column 'utterance'; .* its columns are: none"),
        ("utterance,split\nu1,train\n", r"no column 'part'; .* its columns are: utterance, split"),
        (b"fold,utterance,part\na,\xff,train\n", r"is not a CSV table in UTF-8"),
        ('fold,utterance,part\na,"u1"x,train\n', r"is not a CSV table in UTF-8"),
    ],
)
def test_what_is_wrong_is_named(read, text, message):
    with pytest.raises(SplitError, match=message) as caught:
        read(text)
    assert "split.csv" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SplitError, match=r"cannot read the split .*none\.csv: No such file"):
        split_files.read(tmp_path / "none.csv", TABLE)


def test_utterances_that_were_not_chosen_are_passed_over(read):
    text = WHOLE + "a,of another emotion,train\n"
    assert rows_of(read(text, known=["u1", "of another emotion"])) == rows_of(read(WHOLE))
    with pytest.raises(SplitError, match="no utterance 'of another emotion'"):
        read(text, known=["u1"])
    # A fold of which nothing was chosen is no fold.
    with pytest.raises(SplitError, match="fold 'b' has no utterance in train and validation and t"):
        read(WHOLE + "b,x,train\nb,y,test\n", known=["x", "y"])


def test_an_unsound_split_can_be_read_for_an_audit(read):
    text = "fold,utterance,part\na,u1,train\na,u3,test\na,u1,test\nb,u4,test\n"
    assert rows_of(read(text, sound=False)) == [("a", [0], [], [0, 2]), ("b", [], [], [3])]
    with pytest.raises(SplitError, match="lists 'u1' twice in train"):
        read(text + "a,u1,train\n", sound=False)


def test_the_order_of_folds_is_that_of_the_file(read):
    text = WHOLE + "".join(f"{name},u{i},{part}\n" for name in "zb" for i, part in enumerate(PARTS, 1))  # fmt: skip  # noqa: E501
    folds = read(text)
    assert [f.name for f in folds] == ["a", "z", "b"]
    assert rows_of([replace(folds[2], name="a")]) == rows_of(folds[:1])
