"""The audit: broken splits, each caught by its name, and sound ones that it leaves alone."""

import re
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_lib.core.errors import SplitError
from ser_lib.experiments import leakage, protocols
from ser_lib.experiments.leakage import CHECKS, Finding, allowed, audit, refuse
from ser_lib.experiments.splits import PARTS, Fold

EMOTIONS = ("fear", "joy")


def fold(train, validation, test, name="only") -> Fold:
    parts = (np.array(sorted(rows), dtype=int) for rows in (train, validation, test))
    return Fold(name, *parts)


def sound_table() -> pd.DataFrame:
    """Twelve utterances in three blocks that share nothing: speakers, sentences, sessions."""
    rows = [
        (f"u{4 * block + i:02d}", f"p{block}", f"day {block}", f"s{block}{i}", EMOTIONS[i % 2])
        for block, i in product(range(3), range(4))
    ]
    table = pd.DataFrame(rows, columns=["utterance", "speaker", "session", "sentence", "emotion"])
    table["sha256"] = "sound of " + table["utterance"]
    table.index = range(100, 112)  # positions are not labels
    return table


TRAIN, VALIDATION, TEST = range(4), range(4, 8), range(8, 12)
SOUND = fold(TRAIN, VALIDATION, TEST)
STATISTICS = {"only": np.arange(4)}


def with_values(column: str, values: dict[int, str]) -> pd.DataFrame:
    table = sound_table()
    for row, value in values.items():
        table.iloc[row, table.columns.get_loc(column)] = value
    return table


def test_a_sound_split_has_no_finding():
    assert audit([SOUND], sound_table(), fitted=STATISTICS) == []
    assert audit([SOUND], sound_table(), protocol="sentence+speaker", fitted=STATISTICS) == []


def test_findings_have_stable_names():
    assert list(CHECKS) == [
        "validation-in-test",
        "shared-utterances",
        "identical-audio",
        "shared-speakers",
        "shared-sentences",
        "shared-sessions",
        "statistics-outside-training",
        "empty-part",
        "class-missing",
        "tested-twice",
        "speakers-unknown",
        "sentences-unknown",
        "statistics-unknown",
    ]


BROKEN = {
    "a tested speaker trains": (
        with_values("speaker", {8: "p0"}), [SOUND], {},
        Finding("shared-speakers", "leak", "only", ("train", "test"), ("p0",), 1, 4),
    ),
    "a tested speaker validates": (
        with_values("speaker", {8: "p1", 9: "p1"}), [SOUND], {},
        Finding("shared-speakers", "leak", "only", ("validation", "test"), ("p1",), 2, 4),
    ),
    "a speaker trains and validates": (
        with_values("speaker", {0: "p1"}), [SOUND], {},
        Finding("shared-speakers", "warning", "only", ("train", "validation"), ("p1",), 4, 4),
    ),
    "sentences of the test in training": (
        with_values("sentence", {0: "s20", 1: "s23"}), [SOUND], {},
        Finding("shared-sentences", "warning", "only", ("train", "test"), ("s20", "s23"), 2, 4),
    ),
    "a script in training and validation": (
        with_values("sentence", {0: "script", 4: "script", 5: "script"}), [SOUND], {},
        Finding("shared-sentences", "note", "only", ("train", "validation"), ("script",), 2, 4),
    ),
    "a session in training and test": (
        with_values("session", {0: "day 2"}), [SOUND], {},
        Finding("shared-sessions", "warning", "only", ("train", "test"), ("day 2",), 4, 4),
    ),
    "the same recording under another name": (
        with_values("sha256", {3: "twin", 11: "twin"}), [SOUND], {},
        Finding("identical-audio", "leak", "only", ("train", "test"), ("u03", "u11"), 1, 4),
    ),
    "a recording trains and validates": (
        with_values("sha256", {3: "twin", 7: "twin"}), [SOUND], {},
        Finding("identical-audio", "warning", "only", ("train", "validation"), ("u03", "u07"),
                1, 4),
    ),
    "an utterance trains and is tested": (
        sound_table(), [fold([*TRAIN, 8], VALIDATION, TEST)], {},
        Finding("shared-utterances", "leak", "only", ("train", "test"), ("u08",), 1, 4),
    ),
    "the test chooses the epoch": (
        sound_table(), [fold(TRAIN, TEST, TEST)], {},
        Finding("validation-in-test", "leak", "only", ("validation", "test"),
                ("u08", "u09", "u10", "u11"), 4, 4),
    ),
    "statistics of all utterances": (
        sound_table(), [SOUND], {"only": np.arange(12)},
        Finding("statistics-outside-training", "leak", "only", ("validation", "test"),
                tuple(f"u{i:02d}" for i in range(4, 12)), 8, 12),
    ),
    "statistics of validation as well": (
        sound_table(), [SOUND], {"only": np.arange(5)},
        Finding("statistics-outside-training", "warning", "only", ("validation",), ("u04",), 1, 5),
    ),
    "statistics of what else the tested speaker says": (
        sound_table(), [fold(TRAIN, VALIDATION, [8, 9])], {"only": np.array([*TRAIN, 11])},
        Finding("statistics-outside-training", "leak", "only", (), ("u11",), 1, 5),
    ),
    "no training for an emotion": (
        sound_table(), [fold([0, 2], VALIDATION, TEST)], {},
        Finding("class-missing", "warning", "only", ("train",), ("joy",), 0, 2),
    ),
    "an emotion that is never tested": (
        sound_table(), [fold(TRAIN, VALIDATION, [9, 11])], {},
        Finding("class-missing", "warning", "", ("test",), ("fear",), 0, 2),
    ),
    "no validation": (
        sound_table(), [fold(TRAIN, [], TEST)], {},
        Finding("empty-part", "warning", "only", ("validation",), (), 0, 0),
    ),
    "an utterance tested in two folds": (
        sound_table(), [SOUND, fold(TRAIN, TEST, [4, 5, 11], "second")], {},
        Finding("tested-twice", "warning", "", ("test",), ("u11",), 1, 6),
    ),
    "speakers without a name": (
        with_values("speaker", {0: "", 8: ""}), [SOUND], {},
        Finding("speakers-unknown", "warning", "only", ("train", "test"), ("u00", "u08"), 2, 12),
    ),
    "sentences without a name": (
        with_values("sentence", {5: ""}), [SOUND], {},
        Finding("sentences-unknown", "note", "only", ("validation",), ("u05",), 1, 12),
    ),
    "statistics of nobody knows what": (
        sound_table(), [SOUND], {"only": None},
        Finding("statistics-unknown", "note", "only", (), (), 0, 0),
    ),
}  # fmt: skip


BRINGS_MORE = {
    # An utterance that is in two parts shares its speaker, its sentence and its session as well.
    "an utterance trains and is tested",
    "the test chooses the epoch",
    "an utterance tested in two folds",
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_split_is_caught_by_its_name(case):
    table, folds, fitted, expected = BROKEN[case]
    found = audit(folds, table, fitted=fitted or None)
    assert expected in found
    if case not in BRINGS_MORE:
        assert found == [expected]


def test_every_check_has_its_broken_split():
    assert {case[3].name for case in BROKEN.values()} == set(CHECKS)


def test_unknown_names_are_not_taken_for_the_same_name():
    blank = sound_table().assign(speaker="", sentence="", session="")
    assert {f.name for f in audit([SOUND], blank)} == {"speakers-unknown", "sentences-unknown"}


def test_without_knowing_the_statistics_nothing_is_said_of_them():
    assert audit([SOUND], sound_table()) == []
    assert [f.name for f in audit([SOUND], sound_table(), fitted={})] == ["statistics-unknown"]


def test_leaks_come_first():
    table = with_values("speaker", {0: "p2"})
    table["sentence"] = "the same"
    found = audit([SOUND, SOUND], table)
    severities = [leakage.SEVERITIES.index(f.severity) for f in found]
    assert severities == sorted(severities)
    assert found[0].name == "shared-speakers"


@pytest.mark.parametrize(
    ("protocol", "severity"),
    [(None, "warning"), ("given", "warning"), ("speaker", "warning"), ("sentence+speaker", "leak")],
)
def test_a_broken_promise_is_a_leak(protocol, severity):
    table = with_values("sentence", {0: "s20"})
    (finding,) = audit([SOUND], table, protocol=protocol)
    assert (finding.name, finding.severity) == ("shared-sentences", severity)


def test_what_a_protocol_does_not_promise_stays_a_note():
    table = with_values("sentence", {0: "s10"})
    (finding,) = audit([SOUND], table, protocol="sentence+speaker")
    assert (finding.severity, finding.parts) == ("note", ("train", "validation"))


@pytest.mark.parametrize(
    ("case", "protocol", "passes"),
    [
        ("a tested speaker trains", "random", True),
        ("a tested speaker trains", "speaker", False),
        ("a tested speaker trains", "given", False),
        ("the same recording under another name", "random", False),
        ("an utterance trains and is tested", "random", False),
        ("the test chooses the epoch", "random", False),
        ("sentences of the test in training", "speaker", True),
        ("sentences of the test in training", "sentence+speaker", False),
        ("a speaker trains and validates", "given", True),
        ("a speaker trains and validates", "session", False),
        ("a session in training and test", "speaker", True),
        ("a session in training and test", "session", False),
        ("statistics of all utterances", "random", False),
        ("no validation", "given", True),
    ],
)
def test_a_leak_passes_only_if_its_protocol_tells_it(case, protocol, passes):
    table, folds, fitted, _ = BROKEN[case]
    found = audit(folds, table, protocol=protocol, fitted=fitted or None)
    assert all(allowed(finding, protocol) for finding in found) == passes
    if passes:
        refuse(found, protocol)
    else:
        with pytest.raises(SplitError, match=re.escape(f"protocol '{protocol}' leaks: ")):
            refuse(found, protocol)


def test_the_refusal_names_what_leaks():
    table = with_values("speaker", {8: "p0", 9: "p1"})
    with pytest.raises(SplitError) as caught:
        refuse(audit([SOUND], table), "given")
    assert str(caught.value) == (
        "protocol 'given' leaks: shared-speakers in train and test of fold 'only' (p0), and 1 "
        "more; `ser audit` with this corpus prints all of them"
    )
    with pytest.raises(
        SplitError, match=r"^the split a\.csv, as 'given', leaks: .*`ser audit a\.csv`"
    ):
        refuse(audit([SOUND], table), "given", file="a.csv")


def test_findings_that_differ_by_the_fold_are_put_together():
    table = with_values("speaker", {8: "p0", 9: "p1"})
    second = fold([*TRAIN, *VALIDATION], [], [8, 9], "second")
    found = audit([SOUND, second], table)
    row = leakage.summary(found).iloc[0]
    assert (row["name"], row["parts"]) == ("shared-speakers", ("train", "test"))
    assert row["folds"] == ("only", "second")
    assert row["what"] == ("p0", "p1")
    assert (row["utterances"], row["of"]) == (1 + 2, 4 + 2)
    said = leakage.lines(found, 2)
    assert said[0] == (
        "leak: shared-speakers, train and test, 2 of 2 folds: p0, p1; 3 of 6 utterances"
    )
    assert "leak: shared-speakers, validation and test, 1 of 2 folds: p1; 1 of 4 utterances" in said
    assert leakage.lines([], 2) == []
    assert len(leakage.summary([])) == 0


def test_long_lists_are_cut_in_words_only():
    assert leakage.names([str(i) for i in range(6)]) == "0, 1, 2, 3, 4, 5"
    assert leakage.names([str(i) for i in range(1010)]) == "0, 1, 2, 3, 4, 5 and 1,004 more"


COLUMNS = {
    "shared-speakers": "speaker",
    "shared-sentences": "sentence",
    "shared-sessions": "session",
}


@st.composite
def cases(draw):
    """Any table and any fold of it, with utterances in no part, in one or in several."""
    n = draw(st.integers(3, 12))
    names = st.lists(st.sampled_from(["", "a", "b", "c", "d", "e"]), min_size=n, max_size=n)
    text = {column: draw(names) for column in ("speaker", "session", "sentence")}
    table = pd.DataFrame(text, dtype="object")
    table["utterance"] = [f"u{i:02d}" for i in range(n)]
    table["emotion"] = draw(st.lists(st.sampled_from(EMOTIONS), min_size=n, max_size=n))
    sounds = st.lists(st.integers(0, n + 5), min_size=n, max_size=n)
    table["sha256"] = [f"sound {i}" for i in draw(sounds)]
    parts = [draw(st.sets(st.integers(0, n - 1))) for _ in PARTS]
    return table, fold(*parts)


@given(cases())
def test_the_audit_finds_what_a_plain_search_finds(case):
    table, split = case
    found = {(f.name, f.parts): f for f in audit([split], table)}
    rows = table.to_dict("records")
    parts = {part: [rows[i] for i in getattr(split, part)] for part in PARTS}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        pairs = list(product(parts[one], parts[other]))
        for name, column in COLUMNS.items():
            same = {a[column] for a, b in pairs if a[column] == b[column] != ""}
            finding = found.get((name, (one, other)))
            assert (set(finding.what) if finding else set()) == same
            if finding:
                assert finding.utterances == sum(b[column] in same for b in parts[other])
                assert finding.of == len(parts[other])
        both = {a["utterance"] for a, b in pairs if a is b}
        name = "validation-in-test" if one == "validation" else "shared-utterances"
        assert ((name, (one, other)) in found) == bool(both)
        twins = any(a["sha256"] == b["sha256"] for a, b in pairs if a is not b)
        assert (("identical-audio", (one, other)) in found) == twins


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_names_of_speakers_change_nothing(case, random):
    table, split = case
    before = audit([split], table)
    order = list(range(len(table)))
    random.shuffle(order)
    place = {row: i for i, row in enumerate(order)}
    turned = fold(*([place[i] for i in getattr(split, part)] for part in PARTS))
    assert audit([turned], table.iloc[order]) == before
    renamed = table.assign(speaker=[name and f"speaker {name}" for name in table["speaker"]])
    shape = [(f.name, f.severity, f.parts, f.utterances, f.of) for f in before]
    after = audit([split], renamed)
    assert [(f.name, f.severity, f.parts, f.utterances, f.of) for f in after] == shape


@settings(max_examples=20)
@given(st.integers(4, 6), st.integers(2, 3), st.integers(0, 20))
def test_our_own_protocols_are_let_through(n_speakers, n_sentences, seed):
    rows = [
        (f"S{s // 2}", f"p{s}", f"s{t}", e)
        for s, t, e in product(range(2 * n_speakers), range(n_sentences), EMOTIONS)
    ]
    table = pd.DataFrame(rows, columns=["session", "speaker", "sentence", "emotion"])
    table["utterance"] = table["sha256"] = [f"u{i:03d}" for i in range(len(table))]
    for protocol in ("random", "speaker", "session", "speaker-kfold", "sentence+speaker"):
        folds = protocols.make(table, protocol, folds=3, seed=seed)
        fitted = {one.name: one.train for one in folds}
        found = audit(folds, table, protocol=protocol, fitted=fitted)
        refuse(found, protocol)
        leaks = {finding.name for finding in found if finding.severity == "leak"}
        assert leaks == ({"shared-speakers"} if protocol == "random" else set())
        names = {finding.name for finding in found if "test" in finding.parts}
        assert ("shared-sentences" in names) == (protocol != "sentence+speaker")
