"""Protocols keep their promises; splits as files are read as they were written."""

import string
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from ser_lib.core.errors import ParameterError, SplitError
from ser_lib.experiments.splits import PARTS, PROTOCOLS, Fold, make, read, write

GROUPED = ["speaker", "session", "speaker-kfold"]
RECIPES = [name for name in PROTOCOLS if name != "given"]


def table_of(rows, columns="session speaker emotion sentence") -> pd.DataFrame:
    """A table of such rows, each a recording of its own."""
    table = pd.DataFrame(rows, columns=columns.split(), dtype="object")
    names = [f"u{number}" for number in range(len(table))]
    return table.assign(utterance=names, sha256=names)


def regular(speakers=6, sentences=5, emotions=("anger", "neutral")) -> pd.DataFrame:
    """Two speakers to a session; everyone says every sentence with every emotion."""
    cells = product(range(speakers), emotions, range(sentences))
    return table_of([(f"S{s // 2}", f"p{s}", emotion, f"s{t}") for s, emotion, t in cells])


def several(**speakers: int) -> pd.DataFrame:
    """Corpora by their names, with so many speakers each."""
    parts = []
    for corpus, count in speakers.items():
        part = regular(speakers=count).assign(corpus=corpus)
        for column in ("speaker", "sha256"):
            part[column] = corpus + "/" + part[column]
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


@st.composite
def tables(draw, fewest=1, twins=0):
    """Uneven tables in any order of rows: 6 to 9 speakers in sessions of their own."""
    emotions = ["anger", "fear", "neutral"][: draw(st.integers(1, 3))]
    n_sessions, n_sentences = draw(st.integers(3, 4)), draw(st.integers(2, 6))
    generator = np.random.default_rng(draw(st.integers(0, 999)))
    rows = [
        (f"S{speaker % n_sessions}", f"p{speaker}", emotion, f"s{generator.integers(n_sentences)}")
        for speaker, emotion in product(range(draw(st.integers(6, 9))), emotions)
        for _ in range(generator.integers(fewest, 5))
    ]
    table = table_of(rows)
    table["corpus"] = [f"corpus {int(name[1:]) % 2}" for name in table["speaker"]]
    for a, b in generator.integers(0, len(table), (draw(st.integers(0, twins)), 2)):
        table.loc[a, "sha256"] = table.loc[b, "sha256"]
    return table.iloc[generator.permutation(len(table))]  # the index is not the row position


def rows_of(folds) -> list:
    return [(f.name, *(getattr(f, part).tolist() for part in PARTS)) for f in folds]


@given(tables(fewest=0, twins=4), st.sampled_from(RECIPES), st.integers(3, 5), st.integers(0, 99))
def test_every_protocol_keeps_its_promises(table, name, folds, seed):
    protocol = PROTOCOLS[name]
    try:
        made = make(table, name, folds=folds, seed=seed)
    except SplitError:  # some of these tables are too small
        reject()
    for fold in made:
        everything = [*(getattr(fold, part) for part in PARTS), fold.twins]
        assert all((np.diff(rows) > 0).all() for rows in everything)
        rows = np.concatenate(everything)
        assert len(rows) == len(set(rows)), "parts overlap"
        assert len(rows) == len(table) or name == "sentence+speaker", "an utterance is lost"
        train, validation, test = (table.iloc[getattr(fold, part)] for part in PARTS)
        for column in ("sha256", *protocol.promises):
            assert not set(test[column]) & {*train[column], *validation[column]}
        for column in {"sha256", "speaker"} & {"sha256", *protocol.promises}:
            assert not set(train[column]) & set(validation[column])
        assert set(train["emotion"]) == set(table["emotion"])
        # A twin left because of the same recording elsewhere, never in training alone.
        elsewhere = {*validation["sha256"], *test["sha256"]}
        assert set(table["sha256"].iloc[fold.twins]) <= elsewhere
    assert len({fold.name for fold in made}) == len(made)
    tested = np.concatenate([fold.test for fold in made])
    assert len(tested) == len(set(tested))
    assert len(tested) == len(table) or name == "random"
    # What a protocol does not use changes nothing.
    others = {"folds": folds + 1, "seed": seed + 1} | {
        used: {"folds": folds, "seed": seed}[used] for used in protocol.uses
    }
    assert rows_of(make(table, name, **others)) == rows_of(made)


@settings(max_examples=40)
@given(tables(), st.sampled_from(GROUPED), st.integers(3, 6), st.integers(0, 9))
def test_each_group_is_tested_once_and_validates_once(table, protocol, folds, seed):
    made = make(table, protocol, folds=folds, seed=seed)
    for part in ("test", "validation"):
        rows = np.concatenate([getattr(fold, part) for fold in made])
        assert sorted(rows) == list(range(len(table))), f"{part} is not each utterance once"
    assert all(len(getattr(fold, part)) for fold in made for part in PARTS)
    n_groups = {"speaker": table["speaker"].nunique(), "session": table["session"].nunique()}
    assert len(made) == n_groups.get(protocol, folds)


@given(tables(), st.integers(0, 99))
def test_a_random_split_has_the_same_shares_of_every_emotion(table, seed):
    (fold,) = make(table, "random", seed=seed)
    for emotion, count in table["emotion"].value_counts().items():
        parts = [int((table["emotion"].iloc[getattr(fold, p)] == emotion).sum()) for p in PARTS]
        fifth = round(count / 5)
        assert parts == [count - 2 * fifth, fifth, fifth]
        assert min(parts) >= 1


@settings(max_examples=40)
@given(tables(), st.sampled_from(GROUPED))
def test_the_order_of_rows_changes_no_group(table, protocol):
    def tested(of):
        return [(f.name, set(of["utterance"].iloc[f.test])) for f in make(of, protocol)]

    assert tested(table.sort_values("utterance")) == tested(table)


def test_known_answers_of_speakers_and_sessions():
    table = table_of([("", s, e, "") for s in ("b", "a", "c") for e in ("joy", "fear")])
    # The first tests a, validates with the next one, b; after the last comes the first.
    assert rows_of(make(table, "speaker")) == [
        ("speaker-a", [4, 5], [0, 1], [2, 3]),
        ("speaker-b", [2, 3], [4, 5], [0, 1]),
        ("speaker-c", [0, 1], [2, 3], [4, 5]),
    ]
    tested = {f.name: set(regular()["speaker"].iloc[f.test]) for f in make(regular(), "session")}
    assert tested == {f"session-S{i}": {f"p{2 * i}", f"p{2 * i + 1}"} for i in range(3)}


def test_speaker_groups_are_of_about_equal_size():
    table = regular(speakers=11)
    made = make(table, "speaker-kfold", folds=4)
    assert sorted(table["speaker"].iloc[fold.test].nunique() for fold in made) == [2, 3, 3, 3]
    # Ten groups are tested in the order of their numbers.
    names = [fold.name for fold in make(table, "speaker-kfold", folds=10)]
    assert names == [f"group-{i:02d}" for i in range(1, 11)]


@pytest.mark.parametrize("protocol", [p.name for p in PROTOCOLS.values() if "seed" in p.uses])
def test_the_seed_decides(protocol):
    table = several(a=11, b=10)
    first, again, other = (rows_of(make(table, protocol, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_one_recording_under_two_names():
    table = regular(speakers=3, sentences=2)  # p0: rows 0 to 3, p1: 4 to 7, p2: 8 to 11
    assert all(len(fold.twins) == 0 for fold in make(table, "speaker"))
    table.loc[8, "sha256"] = table.loc[4, "sha256"] = table.loc[0, "sha256"]
    made = make(table, "speaker")
    assert rows_of(made)[0] == ("speaker-p0", [9, 10, 11], [5, 6, 7], [0, 1, 2, 3])
    assert [list(fold.twins) for fold in made] == [[4, 8], [0, 8], [0, 4]]


@settings(max_examples=40)
@given(st.integers(2, 12), st.integers(2, 12), st.integers(2, 12), st.integers(0, 99))
def test_cross_corpus_tests_each_corpus_on_the_others(a, b, c, seed):
    sizes = {"one": a, "two": b, "three": c}
    table = several(**sizes)
    folds = make(table, "cross-corpus", seed=seed)
    assert [fold.name for fold in folds] == ["corpus-one", "corpus-three", "corpus-two"]
    for fold in folds:
        corpus = fold.name.removeprefix("corpus-")
        assert set(table["corpus"].iloc[fold.test]) == {corpus}
        for part in (fold.train, fold.validation):
            assert set(table["corpus"].iloc[part]) == set(sizes) - {corpus}
        speakers = table.iloc[fold.validation].groupby("corpus")["speaker"].nunique()
        assert all(n == max(1, round(sizes[name] / 5)) for name, n in speakers.items())


# Neither speaker nor sentence


def test_sizes_and_groups():
    table = regular(10, 10)
    made = make(table, "sentence+speaker", folds=5)
    assert len(made) == 25
    # Of ten speakers two test and two validate; of ten sentences two are tested.
    assert {tuple(len(getattr(f, p)) for p in PARTS) for f in made} == {(96, 32, 8)}
    for fold in made:
        rest = table.drop(table.index[np.concatenate([fold.train, fold.validation, fold.test])])
        test = table.iloc[fold.test]
        leaking = rest["speaker"].isin(test["speaker"]) | rest["sentence"].isin(test["sentence"])
        assert leaking.all(), "nothing else is left out"
    kfold = make(table, "speaker-kfold", folds=5)
    voices = [{frozenset(table["speaker"].iloc[f.test]) for f in folds} for folds in (made, kfold)]
    assert voices[0] == voices[1]
    few = [fold.name for fold in make(regular(3, 2), "sentence+speaker", folds=3)]
    groups = product((1, 2, 3), (1, 2))  # two sentences make two groups
    assert few == [f"speakers-{group}-sentences-{spoken}" for group, spoken in groups]
    table = regular(4, 3, ("joy",))
    absent = table[~((table["speaker"] == "p0") & (table["sentence"] == "s0"))]
    assert len(make(absent, "sentence+speaker", folds=4)) == 4 * 3 - 1, "an empty cell is no fold"


# What is refused


@pytest.mark.parametrize("name", ["speakers", "sentence"])
def test_a_protocol_that_makes_no_folds(name):
    with pytest.raises(ParameterError, match=rf"unknown protocol '{name}'.*sentence\+speaker"):
        make(regular(), name)
    with pytest.raises(SplitError, match="protocol 'given' needs a split"):
        make(regular(), "given")


@pytest.mark.parametrize(
    "protocol", [p.name for p in PROTOCOLS.values() if "speaker" in p.promises]
)
@pytest.mark.parametrize("unknown", [1, 60])
def test_speakers_have_to_be_known(protocol, unknown):
    table = regular().assign(corpus="one")
    table.loc[: unknown - 1, "speaker"] = ""
    message = f"'{protocol}' needs the speaker of every utterance, {unknown} of 60 have none"
    with pytest.raises(SplitError, match=message.replace("+", r"\+")):
        make(table, protocol)


SOLO = [*(("", f"p{i}", "joy", "s0") for i in range(8)), ("", "p0", "joy", "s1")]
PAIRED = [("", f"p{i}", "joy" if j else "fear", f"s{j}") for i in range(4) for j in (0, 1)]
NO_SENTENCE = regular().assign(sentence="")
SURPRISE = table_of([("S1", "p2", "surprise", "s0")]).assign(sha256="rare")
RARE = pd.concat([regular(), SURPRISE], ignore_index=True)
BOTH = "sentence+speaker"
ONE_VOICE = regular().assign(speaker="same")


@pytest.mark.parametrize(
    ("table", "protocol", "folds", "message"),
    [
        (regular(2), "speaker", 5, "at least 3 speakers.*the corpus has 2"),
        (regular(0), "speaker", 5, "the corpus has 0"),
        (regular(4), "session", 5, "at least 3 sessions.*the corpus has 2"),
        (regular().assign(session=""), "session", 5, "needs the session of .*, 60 of 60 have none"),
        (ONE_VOICE, "session", 5, "speaker 'same' is in more than one part of fold 'session-S0'"),
        (regular(6), "speaker-kfold", 7, r"7 folds.*speakers \(6\)"),
        (regular(6), "speaker-kfold", 2, "2 folds needs between 3"),
        (regular(2), "speaker-kfold", 5, r"5 folds.*speakers \(2\)"),
        (regular(), "cross-corpus", 5, "needs at least two corpora"),
        (several(one=4, two=1), "cross-corpus", 5, "corpus 'two' has one speaker"),
        (NO_SENTENCE, BOTH, 3, "needs the sentence of .*, 60 of 60"),
        (regular(2), BOTH, 3, r"3 folds needs between 3 and .* speakers \(2\)"),
        (regular(5), BOTH, 2, "with 2 folds needs between 3"),
        (regular(5, 1), BOTH, 3, "needs at least 2 sentences"),
        (table_of(PAIRED), BOTH, 4, "no .* '(fear|joy)' is left to train .*more folds"),
        (table_of(SOLO), BOTH, 8, "nothing is left to validate fold 'speakers-"),
        *((RARE, protocol, 3, "'surprise'.*1 (utterance|in the corpus)")
          for protocol in ("random", *GROUPED)),
    ],
)  # fmt: skip
def test_what_the_corpus_lacks_is_named(table, protocol, folds, message):
    with pytest.raises(SplitError, match=message):
        make(table, protocol, folds=folds)


def test_five_utterances_are_the_fewest_for_a_random_split():
    fear = [("", "a", "fear", "")] * 9
    make(table_of([("", "a", "joy", "")] * 5 + fear), "random")
    with pytest.raises(SplitError, match="'joy' has 4 utterance"):
        make(table_of([("", "a", "joy", "")] * 4 + fear), "random")


# Files

TABLE = pd.DataFrame({"utterance": ["u1", "u2", "u3", "u4"]}, index=[9, 8, 7, 6])
WHOLE = "fold,utterance,part\na,u1,train\na,u2,validation\na,u3,test\n"
NAMES = st.text(string.ascii_letters + string.digits + " ,;\"'#äÄß中/\\|.-_", min_size=1)


def fold_of(name="a", **parts) -> Fold:
    return Fold(name, **{part: np.array(parts.get(part, []), dtype=int) for part in PARTS})


@pytest.fixture
def reading(tmp_path):
    """A function that reads a split from text."""

    def reading(text: str | bytes, **options):
        file = tmp_path / "split.csv"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return read(file, TABLE, **options)

    return reading


def test_the_file_is_plain(tmp_path):
    file = tmp_path / "deep" / "split.csv"
    one = fold_of("speaker-b", train=[0, 3], validation=[2], test=[1])
    write(file, [one, fold_of("a, b", test=[0])], TABLE)
    assert file.read_bytes() == (
        b"fold,utterance,part\n"
        b"speaker-b,u1,train\nspeaker-b,u4,train\nspeaker-b,u3,validation\nspeaker-b,u2,test\n"
        b'"a, b",u1,test\n'
    )


SHEET = ["fold,utterance,part", "f,u1,train", "f,u2,validation", "", "f,u3,test", ""]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "note,part,utterance,fold\nx,test,u2,b\nx,train,u3,b\n,train,u1,b\n,validation,u4,b\n",
            [("b", [0, 2], [3], [1])],
        ),
        # A table of utterance and part is one fold.
        ("utterance,part\nu1,train\nu2,validation\nu4,test\n", [("given", [0], [1], [3])]),
        # The order of folds is that of the file.
        (
            WHOLE + "Z,u4,train\nZ,u2,validation\nZ,u1,test",
            [("a", [0], [1], [2]), ("Z", [3], [1], [0])],
        ),
        # Files of spreadsheets.
        *((start + end.join(SHEET), [("f", [0], [1], [2])])
          for start, end in product(["\ufeff", ""], ["\n", "\r\n"])),
    ],
)  # fmt: skip
def test_files_known_answers(reading, text, expected):
    made = reading(text)
    assert rows_of(made) == expected
    assert all(fold.twins.tolist() == [] for fold in made)


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
        folds.append(fold_of(name, **{p: sorted(r) for p, r in zip(PARTS, parts, strict=True)}))
    file = tmp_path_factory.mktemp("split") / "split.csv"
    write(file, folds, table)
    assert rows_of(read(file, table)) == rows_of(folds)
    # Positions are those of the table that reads, whatever its order.
    turned = table.iloc[::-1]
    for before, after in zip(folds, read(file, turned), strict=True):
        for part in PARTS:
            result = turned["utterance"].iloc[getattr(after, part)]
            assert set(result) == set(table["utterance"].iloc[getattr(before, part)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (WHOLE + "a,u5,test\n", r"row 4: the corpus has no utterance 'u5'; it has 'u1' and 3"),
        (WHOLE + "a,u1,test\n", r"row 4: fold 'a' lists 'u1' twice"),
        (WHOLE + "a,u1,train\n", r"row 4: fold 'a' lists 'u1' twice"),
        (WHOLE + "a,u4,dev\n", r"row 4: unknown part 'dev'; it is one of train, validation, test"),
        (WHOLE + "a,u4,Train\n", r"unknown part 'Train'"),
        (WHOLE + ",u4,test\n", r"row 4: the fold is empty"),
        (WHOLE + "a,,test\n", r"row 4: the utterance is empty"),
        (WHOLE + "a,u4,\n", r"row 4: the part is empty"),
        (WHOLE + "a,u4\n", r"row 4: the part is empty"),
        (WHOLE + "b,u4,test\n", r"fold 'b' has no utterance in train and validation; each fold"),
        ("fold,utterance,part\n", r"has no rows"),
        ("", r"it is empty"),
        ("utterance,split\nu1,train\n", r"no columns 'part'; .* it has: utterance, split"),
        ("utterance,utterance,part\nu1,u1,train\n", r"has 2 columns 'utterance'"),
        (b"fold,utterance,part\na,\xff,train\n", r"it is no text in UTF-8"),
        ('fold,utterance,part\na,"u1"x,train\n', r"line 2: "),
    ],
)
def test_what_is_wrong_is_named(reading, tmp_path, text, message):
    with pytest.raises(SplitError, match=r"cannot read the table .*split\.csv: No such file"):
        read(tmp_path / "split.csv", TABLE)
    with pytest.raises(SplitError, match=rf"split\.csv.*{message}"):
        reading(text)


def test_utterances_that_were_not_chosen_are_passed_over(reading):
    text = WHOLE + "a,of another emotion,train\n"
    assert rows_of(reading(text, known=["u1", "of another emotion"])) == rows_of(reading(WHOLE))
    with pytest.raises(SplitError, match="no utterance 'of another emotion'"):
        reading(text, known=["u1"])
    # A fold of which nothing was chosen is no fold.
    with pytest.raises(SplitError, match="fold 'b' has no utterance in train and validation and t"):
        reading(WHOLE + "b,x,train\nb,y,test\n", known=["x", "y"])


def test_an_unsound_split_can_be_read_for_an_audit(reading):
    text = "fold,utterance,part\na,u1,train\na,u3,test\na,u1,test\nb,u4,test\n"
    assert rows_of(reading(text, sound=False)) == [("a", [0], [], [0, 2]), ("b", [], [], [3])]
    with pytest.raises(SplitError, match="lists 'u1' twice"):
        reading(text + "a,u1,train\n", sound=False)
