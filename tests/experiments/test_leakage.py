"""The audit: broken splits, each caught by its name, and sound ones that it leaves alone."""

import re
from contextlib import nullcontext
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_lib.core.errors import SplitError
from ser_lib.experiments import leakage
from ser_lib.experiments.leakage import CHECKS, Finding, allowed, audit, refuse
from ser_lib.experiments.splits import PARTS, Fold, make

EMOTIONS = ("fear", "joy")


def fold(train, validation, test, name="only") -> Fold:
    parts = (np.array(sorted(rows), dtype=int) for rows in (train, validation, test))
    return Fold(name, *parts)


def table_of(**changes: dict[int, str]) -> pd.DataFrame:
    """Twelve utterances in three blocks that share nothing but what is changed in a column."""
    rows = [
        (f"u{4 * block + i:02d}", f"p{block}", f"day {block}", f"s{block}{i}", EMOTIONS[i % 2])
        for block, i in product(range(3), range(4))
    ]
    table = pd.DataFrame(rows, columns=["utterance", "speaker", "session", "sentence", "emotion"])
    table["sha256"] = "sound of " + table["utterance"]
    for column, values in changes.items():
        table.loc[list(values), column] = list(values.values())
    table.index = range(100, 112)  # positions are not labels
    return table


TRAIN, VALIDATION, TEST = range(4), range(4, 8), range(8, 12)
SOUND = fold(TRAIN, VALIDATION, TEST)


def case(
    name, severity, parts, what, numbers, *, folds=(SOUND,), of="only", fitted=None, **changes
):
    """A broken split: table, folds, what the statistics were fitted on, and the finding."""
    names = tuple(what.split(",")) if what else ()
    finding = Finding(name, severity, of, tuple(parts.split()), names, *numbers)
    return table_of(**changes), folds, fitted, finding


ROWS = [f"u{row:02d}" for row in range(12)]
BROKEN = {
    "a tested speaker trains": case(
        "shared-speakers", "leak", "train test", "p0", (1, 4), speaker={8: "p0"}),
    "a tested speaker validates": case(
        "shared-speakers", "leak", "validation test", "p1", (2, 4), speaker={8: "p1", 9: "p1"}),
    "a speaker trains and validates": case(
        "shared-speakers", "warning", "train validation", "p1", (4, 4), speaker={0: "p1"}),
    "sentences of the test in training": case(
        "shared-sentences", "warning", "train test", "s20,s23", (2, 4),
        sentence={0: "s20", 1: "s23"}),
    "a script in training and validation": case(
        "shared-sentences", "note", "train validation", "script", (2, 4),
        sentence={0: "script", 4: "script", 5: "script"}),
    "a session in training and test": case(
        "shared-sessions", "warning", "train test", "day 2", (4, 4), session={0: "day 2"}),
    "the same recording under another name": case(
        "identical-audio", "leak", "train test", "u03,u11", (1, 4), sha256={3: "x", 11: "x"}),
    "a recording trains and validates": case(
        "identical-audio", "warning", "train validation", "u03,u07", (1, 4),
        sha256={3: "x", 7: "x"}),
    "an utterance trains and is tested": case(
        "shared-utterances", "leak", "train test", "u08", (1, 4),
        folds=[fold([*TRAIN, 8], VALIDATION, TEST)]),
    "the test validates": case(
        "validation-in-test", "leak", "validation test", ",".join(ROWS[8:]), (4, 4),
        folds=[fold(TRAIN, TEST, TEST)]),
    "statistics of all utterances": case(
        "statistics-outside-training", "leak", "validation test", ",".join(ROWS[4:]), (8, 12),
        fitted={"only": np.arange(12)}),
    "statistics of validation as well": case(
        "statistics-outside-training", "warning", "validation", "u04", (1, 5),
        fitted={"only": np.arange(5)}),
    "statistics of what else the tested speaker says": case(
        "statistics-outside-training", "leak", "", "u11", (1, 5),
        folds=[fold(TRAIN, VALIDATION, [8, 9])], fitted={"only": np.array([*TRAIN, 11])}),
    "no training for an emotion": case(
        "class-missing", "warning", "train", "joy", (0, 2), folds=[fold([0, 2], VALIDATION, TEST)]),
    "an emotion that is never tested": case(
        "class-missing", "warning", "test", "fear", (0, 2), of="",
        folds=[fold(TRAIN, VALIDATION, [9, 11])]),
    "no validation": case(
        "empty-part", "warning", "validation", "", (0, 0), folds=[fold(TRAIN, [], TEST)]),
    "an utterance tested in two folds": case(
        "tested-twice", "warning", "test", "u11", (1, 6), of="",
        folds=[SOUND, fold(TRAIN, TEST, [4, 5, 11], "second")]),
    "speakers without a name": case(
        "speakers-unknown", "warning", "train test", "u00,u08", (2, 12), speaker={0: "", 8: ""}),
    "sentences without a name": case(
        "sentences-unknown", "note", "validation", "u05", (1, 12), sentence={5: ""}),
    "statistics of the test alone": case(
        "statistics-outside-training", "leak", "test", ",".join(ROWS[8:]), (4, 4),
        fitted={"only": np.array(TEST)}),
    "statistics of a part of the test": case(
        "statistics-outside-training", "leak", "test", "u09,u11", (2, 2),
        fitted={"only": np.array([9, 11])}),
    "statistics that are not those of training": case(
        "statistics-not-of-training", "leak", "", "", (0, 0), fitted={"only": np.array([])}),
    "a speaker written in two ways": case(
        "speakers-alike", "warning", "train test", "P 00,p0", (1, 4), speaker={8: "P 00"}),
    "a validating speaker written in two ways": case(
        "speakers-alike", "note", "train validation", "p0,p00", (1, 4), speaker={4: "p00"}),
    "a sentence written in two ways": case(
        "sentences-alike", "warning", "train test", "S00,s00", (1, 4), sentence={8: "S00"}),
    "a speaker for every utterance": case(
        "speakers-all-different", "warning", "", ",".join(ROWS), (12, 12), of="",
        speaker=dict(enumerate(ROWS))),
    "statistics of nobody knows what": case(
        "statistics-unknown", "note", "", "", (0, 0), fitted={"only": None}),
}  # fmt: skip
BRINGS_MORE = {
    # An utterance that is in two parts shares its speaker, its sentence and its session as well.
    "an utterance trains and is tested",
    "the test validates",
    "an utterance tested in two folds",
}


@pytest.mark.parametrize("protocol", [None, "sentence+speaker"])
def test_a_sound_split_has_no_finding(protocol):
    assert audit([SOUND], table_of(), protocol=protocol, fitted={"only": np.arange(4)}) == []
    # Without knowing the statistics nothing is said of them.
    assert audit([SOUND], table_of(), protocol=protocol) == []
    assert [f.name for f in audit([SOUND], table_of(), fitted={})] == ["statistics-unknown"]


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_split_is_caught_by_its_name(case):
    table, folds, fitted, expected = BROKEN[case]
    findings = audit(folds, table, fitted=fitted)
    assert expected in findings
    assert case in BRINGS_MORE or findings == [expected]


def test_every_check_has_its_broken_split():
    assert {case[3].name for case in BROKEN.values()} == set(CHECKS)


def test_sentences_that_joined_corpora_share_are_named():
    table = table_of().assign(corpus=["one"] * 8 + ["two"] * 4)
    assert audit([SOUND], table) == []
    table["sentence"] = table["corpus"] + "/" + pd.Series([*"abcdefghaxyb"], index=table.index)
    (finding,) = audit([SOUND], table)
    assert (finding.name, finding.parts, finding.utterances) == (
        "sentences-alike", ("train", "test"), 2
    )  # fmt: skip
    assert finding.what == ("one/a", "one/b", "two/a", "two/b")


@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        ("a tested speaker trains", "leak"),
        ("speakers without a name", "unknown"),
        ("a speaker written in two ways", "unknown"),
        ("a speaker for every utterance", "unknown"),
        ("sentences without a name", "none"),
    ],
)
def test_the_verdict_is_open_where_it_is_not_certain_who_speaks(case, verdict):
    table, folds, fitted, _ = BROKEN[case]
    assert leakage.verdict(audit(folds, table, fitted=fitted)) == verdict
    assert verdict in leakage.VERDICTS


def test_unknown_names_are_not_taken_for_the_same_name():
    blank = table_of().assign(speaker="", sentence="", session="")
    assert {f.name for f in audit([SOUND], blank)} == {"speakers-unknown", "sentences-unknown"}


def test_leaks_come_first():
    findings = audit([SOUND, SOUND], table_of(speaker={0: "p2"}).assign(sentence="the same"))
    severities = [leakage.SEVERITIES.index(finding.severity) for finding in findings]
    assert severities == sorted(severities)
    assert findings[0].name == "shared-speakers"


@pytest.mark.parametrize(
    ("protocol", "sentence", "severity"),
    [
        (None, "s20", "warning"),
        ("given", "s20", "warning"),
        ("speaker", "s20", "warning"),
        ("sentence+speaker", "s20", "leak"),
        # What training and validation share, this protocol does not promise.
        ("sentence+speaker", "s10", "note"),
    ],
)
def test_a_broken_promise_is_a_leak(protocol, sentence, severity):
    (finding,) = audit([SOUND], table_of(sentence={0: sentence}), protocol=protocol)
    assert (finding.name, finding.severity) == ("shared-sentences", severity)


@pytest.mark.parametrize(
    ("case", "protocol", "passes"),
    [
        ("a tested speaker trains", "random", True),
        ("a tested speaker trains", "speaker", False),
        ("a tested speaker trains", "given", False),
        ("the same recording under another name", "random", False),
        ("an utterance trains and is tested", "random", False),
        ("the test validates", "random", False),
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
    findings = audit(folds, table, protocol=protocol, fitted=fitted)
    assert all(allowed(finding, protocol) for finding in findings) == passes
    message = re.escape(f"protocol '{protocol}' leaks: ")
    with nullcontext() if passes else pytest.raises(SplitError, match=message):
        refuse(findings, protocol)


TWO = table_of(speaker={8: "p0", 9: "p1"})


def test_the_refusal_names_what_leaks():
    with pytest.raises(SplitError) as caught:
        refuse(audit([SOUND], TWO), "given")
    assert str(caught.value) == (
        "protocol 'given' leaks: shared-speakers in train and test of fold 'only' (p0), and 1 "
        "more; `ser audit` with this corpus prints all of them"
    )
    message = r"^the split a\.csv, as 'given', leaks: .*`ser audit a\.csv`"
    with pytest.raises(SplitError, match=message):
        refuse(audit([SOUND], TWO), "given", file="a.csv")


def test_findings_that_differ_by_the_fold_are_put_together():
    findings = audit([SOUND, fold([*TRAIN, *VALIDATION], [], [8, 9], "second")], TWO)
    assert leakage.summary(findings).iloc[0].to_dict() == {
        "severity": "leak", "name": "shared-speakers", "parts": ("train", "test"),
        "folds": ("only", "second"), "what": ("p0", "p1"), "utterances": 1 + 2, "of": 4 + 2,
    }  # fmt: skip
    first, *others = leakage.lines(findings, 2)
    assert first == "leak: shared-speakers, train and test, 2 of 2 folds: p0, p1; 3 of 6 utterances"
    assert (
        "leak: shared-speakers, validation and test, 1 of 2 folds: p1; 1 of 4 utterances" in others
    )
    assert leakage.lines([], 2) == []
    assert len(leakage.summary([])) == 0


def test_long_lists_are_cut_in_words_only():
    assert leakage.names([str(i) for i in range(6)]) == "0, 1, 2, 3, 4, 5"
    assert leakage.names([str(i) for i in range(1010)]) == "0, 1, 2, 3, 4, 5 and 1,004 more"


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
    findings = {(f.name, f.parts): f for f in audit([split], table)}
    rows = table.to_dict("records")
    parts = {part: [rows[i] for i in getattr(split, part)] for part in PARTS}
    for one, other in combinations(PARTS, 2):
        pairs = list(product(parts[one], parts[other]))
        for column in ("speaker", "sentence", "session"):
            same = {a[column] for a, b in pairs if a[column] == b[column] != ""}
            finding = findings.get((f"shared-{column}s", (one, other)))
            assert (set(finding.what) if finding else set()) == same
            if finding:
                assert finding.utterances == sum(b[column] in same for b in parts[other])
                assert finding.of == len(parts[other])
        both = {a["utterance"] for a, b in pairs if a is b}
        name = "validation-in-test" if one == "validation" else "shared-utterances"
        assert ((name, (one, other)) in findings) == bool(both)
        twins = any(a["sha256"] == b["sha256"] for a, b in pairs if a is not b)
        assert (("identical-audio", (one, other)) in findings) == twins


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_names_of_speakers_change_nothing(case, random):
    table, split = case
    before = audit([split], table)
    order = list(range(len(table)))
    random.shuffle(order)
    turned = fold(*([order.index(row) for row in getattr(split, part)] for part in PARTS))
    assert audit([turned], table.iloc[order]) == before
    renamed = table.assign(speaker=[name and f"speaker {name}" for name in table["speaker"]])
    after = audit([split], renamed)
    assert [replace(f, what=()) for f in after] == [replace(f, what=()) for f in before]


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
        folds = make(table, protocol, folds=3, seed=seed)
        fitted = {one.name: one.train for one in folds}
        findings = audit(folds, table, protocol=protocol, fitted=fitted)
        refuse(findings, protocol)
        leaks = {finding.name for finding in findings if finding.severity == "leak"}
        assert leaks == ({"shared-speakers"} if protocol == "random" else set())
        names = {finding.name for finding in findings if "test" in finding.parts}
        assert ("shared-sentences" in names) == (protocol != "sentence+speaker")
