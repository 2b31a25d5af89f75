"""Protocols: parts that are disjoint and complete, speakers that never meet themselves."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ser_lib.core.errors import ParameterError, SplitError
from ser_lib.experiments import splits
from ser_lib.experiments.splits import PARTS, PROTOCOLS, Fold, make, shared_speakers

GROUPED = ["speaker", "session", "speaker-kfold"]


def table_of(counts: dict[tuple[str, str, str], int]) -> pd.DataFrame:
    """A table with so many utterances of each (session, speaker, emotion)."""
    rows = [key for key, count in counts.items() for _ in range(count)]
    table = pd.DataFrame(rows, columns=["session", "speaker", "emotion"], dtype="object")
    return table.assign(sha256=[f"sound {number}" for number in range(len(rows))])


def regular(speakers=6, emotions=("anger", "neutral"), each=5) -> pd.DataFrame:
    """Two speakers to a session, everyone shows every emotion equally often."""
    return table_of(
        {(f"S{s // 2}", f"p{s}", e): each for s in range(speakers) for e in emotions}
    )  # fmt: skip


@st.composite
def tables(draw, fewest=1):
    """Uneven tables in any order of rows: 6 to 9 speakers in sessions of their own."""
    speakers = [f"p{i:02d}" for i in range(draw(st.integers(6, 9)))]
    n_sessions = draw(st.integers(3, 4))
    sessions = {speaker: f"S{i % n_sessions}" for i, speaker in enumerate(speakers)}
    emotions = ["anger", "fear", "neutral"][: draw(st.integers(1, 3))]
    counts = {(sessions[s], s, e): draw(st.integers(fewest, 4)) for s in speakers for e in emotions}
    table = table_of(counts)
    order = np.random.default_rng(draw(st.integers(0, 999))).permutation(len(table))
    return table.iloc[order]  # with an index that is not the row position


def assert_sound(table: pd.DataFrame, fold: Fold) -> None:
    rows = np.concatenate([getattr(fold, part) for part in PARTS])
    assert sorted(rows) == list(range(len(table))), "parts overlap or miss an utterance"
    for part in PARTS:
        positions = getattr(fold, part)
        assert len(positions)
        assert (np.diff(positions) > 0).all()
    assert set(table["emotion"].iloc[fold.train]) == set(table["emotion"])


@given(tables(), st.sampled_from(GROUPED), st.integers(3, 6), st.integers(0, 9))
def test_grouped_protocols(table, protocol, folds, seed):
    made = make(table, protocol, folds=folds, seed=seed)
    for fold in made:
        assert_sound(table, fold)
        speakers = [set(table["speaker"].iloc[getattr(fold, part)]) for part in PARTS]
        assert sum(map(len, speakers)) == len(set().union(*speakers)), "a speaker is in two parts"
    for part in ("test", "validation"):
        rows = np.concatenate([getattr(fold, part) for fold in made])
        assert sorted(rows) == list(range(len(table))), f"{part} is not each utterance once"
    n_groups = {"speaker": table["speaker"].nunique(), "session": table["session"].nunique()}
    assert len(made) == n_groups.get(protocol, folds)
    assert len({fold.name for fold in made}) == len(made)


@given(tables(fewest=1), st.integers(0, 99))
def test_random_protocol(table, seed):
    (fold,) = make(table, "random", seed=seed)
    assert_sound(table, fold)
    for emotion, count in table["emotion"].value_counts().items():
        parts = [int((table["emotion"].iloc[getattr(fold, p)] == emotion).sum()) for p in PARTS]
        fifth = round(count / 5)
        assert parts == [count - 2 * fifth, fifth, fifth]
        assert min(parts) >= 1


@given(tables(fewest=0), st.sampled_from(PROTOCOLS))
def test_a_table_with_gaps_is_split_soundly_or_refused(table, protocol):
    assume(len(table))
    refusal = None
    try:
        made = make(table, protocol, folds=3)
    except SplitError as error:
        made, refusal = [], error
    assert made or f"protocol '{protocol}'" in str(refusal)
    for fold in made:
        assert_sound(table, fold)
        assert protocol == "random" or not shared_speakers(table, fold)


@given(tables(), st.sampled_from(["speaker", "session"]), st.integers(0, 99))
def test_the_order_of_rows_changes_no_group(table, protocol, seed):
    order = np.random.default_rng(seed).permutation(len(table))
    table = table.assign(name=np.arange(len(table)))
    shuffled = table.iloc[order]

    def tested(of):
        return [(fold.name, frozenset(of["name"].iloc[fold.test])) for fold in make(of, protocol)]

    assert tested(shuffled) == tested(table)


def test_leave_one_speaker_out_known_answer():
    table = table_of({("", s, e): 1 for s in ("b", "a", "c") for e in ("joy", "fear")})
    folds = make(table, "speaker")
    assert [fold.name for fold in folds] == ["speaker-a", "speaker-b", "speaker-c"]
    first = folds[0]  # tests a, validates with the next one, b
    assert [list(getattr(first, part)) for part in PARTS] == [[4, 5], [0, 1], [2, 3]]
    assert list(folds[2].validation) == [2, 3]  # after the last comes the first


def test_sessions_are_left_out_whole():
    folds = make(regular(), "session")
    assert [fold.name for fold in folds] == ["session-S0", "session-S1", "session-S2"]
    assert set(regular()["speaker"].iloc[folds[1].test]) == {"p2", "p3"}


def test_speaker_groups_are_of_about_equal_size_and_follow_the_seed():
    table = regular(speakers=11)

    def groups(seed):
        made = make(table, "speaker-kfold", folds=4, seed=seed)
        return [frozenset(table["speaker"].iloc[fold.test]) for fold in made]

    assert sorted(len(group) for group in groups(0)) == [2, 3, 3, 3]
    assert groups(0) == groups(0)
    assert len({tuple(groups(seed)) for seed in range(5)}) == 5


def test_ten_groups_are_tested_in_the_order_of_their_numbers():
    names = [fold.name for fold in make(regular(speakers=12), "speaker-kfold", folds=10)]
    assert names == [f"group-{i:02d}" for i in range(1, 11)]


def test_the_seed_decides_the_random_split():
    table = regular()
    first, again, other = (make(table, "random", seed=seed)[0] for seed in (1, 1, 2))
    assert all(np.array_equal(getattr(first, p), getattr(again, p)) for p in PARTS)
    assert not np.array_equal(first.test, other.test)


def test_shared_speakers_are_found():
    table = table_of({("", s, "joy"): 2 for s in "abc"})
    assert shared_speakers(table, Fold("x", *map(np.array, ([0, 1], [2, 3], [4, 5])))) == []
    assert shared_speakers(table, Fold("x", *map(np.array, ([0, 2], [1, 3], [4, 5])))) == ["a", "b"]
    assert shared_speakers(table, Fold("x", *map(np.array, ([0, 1], [2, 4], [3, 5])))) == ["b", "c"]
    (fold,) = make(regular(), "random")
    assert shared_speakers(regular(), fold), "the random protocol mixes speakers by design"


def test_an_unknown_protocol():
    with pytest.raises(ParameterError, match=r"unknown protocol 'speakers' \(did you mean"):
        make(regular(), "speakers")


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (regular(2), {"protocol": "speaker"}, "at least 3 speakers.*the corpus has 2"),
        (regular(4), {"protocol": "session"}, "at least 3 sessions.*the corpus has 2"),
        (regular(6), {"protocol": "speaker-kfold", "folds": 7}, "7 folds.*speakers \\(6\\)"),
        (regular(6), {"protocol": "speaker-kfold", "folds": 2}, "2 folds needs between 3"),
        (regular(2), {"protocol": "speaker-kfold", "folds": 5}, "5 folds.*speakers \\(2\\)"),
        (regular(6, each=0), {"protocol": "speaker"}, "the corpus has 0"),
        (
            regular().assign(speaker=lambda t: t["speaker"].replace("p3", "")),
            {"protocol": "speaker"},
            "needs the speaker of every utterance, 10 of 60 have none; protocol 'random'",
        ),
        (
            regular().assign(speaker=""),
            {"protocol": "speaker-kfold"},
            "needs the speaker of every utterance, 60 of 60 have none",
        ),
        (
            regular().assign(speaker=""),
            {"protocol": "session"},
            "needs the speaker of every utterance, 60 of 60 have none",
        ),
        (
            regular().assign(session=""),
            {"protocol": "session"},
            "needs the session of every utterance, 60 of 60 have none",
        ),
        (
            regular().assign(speaker="same"),
            {"protocol": "session"},
            "speaker 'same' is in more than one part of fold 'session-S0'",
        ),
    ],
)
def test_what_the_corpus_lacks_is_named(table, options, message):
    with pytest.raises(SplitError, match=message):
        make(table, **options)


@pytest.mark.parametrize("protocol", ["random", *GROUPED])
def test_an_emotion_with_one_utterance(protocol):
    rare = table_of({("S1", "p2", "surprise"): 1}).assign(sha256="rare")
    table = pd.concat([regular(), rare], ignore_index=True)
    with pytest.raises(SplitError, match="'surprise'") as caught:
        make(table, protocol, folds=3)
    assert "1 utterance(s)" in str(caught.value) or "(1 in the corpus)" in str(caught.value)


def test_five_utterances_are_the_fewest_for_a_random_split():
    make(table_of({("", "a", "joy"): 5, ("", "a", "fear"): 9}), "random")
    with pytest.raises(SplitError, match="'joy' has 4 utterance"):
        make(table_of({("", "a", "joy"): 4, ("", "a", "fear"): 9}), "random")


# Twins: one recording under two names


@pytest.mark.parametrize("protocol", ["random", *GROUPED])
@given(seed=st.integers(0, 20))
def test_a_recording_is_never_in_two_parts(protocol, seed):
    table = regular(each=8)
    # Pairs within a speaker, across speakers and across emotions.
    generator = np.random.default_rng(seed)
    twins = generator.permutation(len(table))[:12].reshape(6, 2)
    for first, second in twins:
        table.loc[second, "sha256"] = table.loc[first, "sha256"]
    for fold in make(table, protocol, folds=3, seed=seed):
        sounds = [set(table["sha256"].iloc[getattr(fold, part)]) for part in PARTS]
        assert sum(map(len, sounds)) == len(set().union(*sounds)), "a recording is in two parts"
        rows = np.concatenate([fold.twins, *(getattr(fold, part) for part in PARTS)])
        assert sorted(rows) == list(range(len(table))), "an utterance is lost"
        for row in fold.twins:
            same = table.index[table["sha256"] == table.loc[row, "sha256"]]
            assert set(same) - {row} <= {*fold.validation, *fold.test, *fold.twins}


def test_twins_known_answer():
    table = regular(speakers=3, each=2)  # p0: rows 0 to 3, p1: 4 to 7, p2: 8 to 11
    table.loc[8, "sha256"] = table.loc[4, "sha256"] = table.loc[0, "sha256"]
    first, second, third = make(table, "speaker")
    assert (first.name, list(first.test), list(first.validation)) == (
        "speaker-p0", [0, 1, 2, 3], [5, 6, 7],
    )  # fmt: skip
    assert list(first.train) == [9, 10, 11]
    assert list(first.twins) == [4, 8]
    assert [list(fold.twins) for fold in (second, third)] == [[0, 8], [0, 4]]


def test_without_twins_nothing_is_left_out():
    assert all(len(fold.twins) == 0 for fold in make(regular(), "speaker"))


# Across corpora


def several(**speakers: int) -> pd.DataFrame:
    parts = []
    for corpus, count in speakers.items():
        part = regular(speakers=count).assign(corpus=corpus)
        for column in ("speaker", "sha256"):
            part[column] = corpus + "/" + part[column]
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


@given(st.integers(2, 12), st.integers(2, 12), st.integers(2, 12), st.integers(0, 99))
def test_cross_corpus_tests_each_corpus_on_the_others(a, b, c, seed):
    table = several(one=a, two=b, three=c)
    folds = make(table, "cross-corpus", seed=seed)
    assert [fold.name for fold in folds] == ["corpus-one", "corpus-three", "corpus-two"]
    for fold in folds:
        assert_sound(table, fold)
        assert not shared_speakers(table, fold)
        corpus = fold.name.removeprefix("corpus-")
        assert set(table["corpus"].iloc[fold.test]) == {corpus}
        for part in (fold.train, fold.validation):
            assert set(table["corpus"].iloc[part]) == {"one", "two", "three"} - {corpus}
        speakers = table.iloc[fold.validation].groupby("corpus")["speaker"].nunique()
        sizes = {"one": a, "two": b, "three": c}
        assert all(n == max(1, round(sizes[name] / 5)) for name, n in speakers.items())


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (regular(), "needs at least two corpora"),
        (several(one=4, two=1), "corpus 'two' has one speaker"),
        (several(one=4, two=3).assign(speaker=""), "needs the speaker of every utterance"),
    ],
)
def test_what_cross_corpus_needs(table, message):
    with pytest.raises(SplitError, match=message):
        make(table, "cross-corpus")


def test_protocols_are_documented():
    assert all(f"\n{protocol} " in splits.__doc__ for protocol in PROTOCOLS)
