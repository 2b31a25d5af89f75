"""Emotions: one noun for each, and the choice of what is told apart."""

import pandas as pd
import pytest

from ser_lib.core.errors import CorpusError, ParameterError
from ser_lib.corpora import COLUMNS, Manifest
from ser_lib.corpora.emotions import SAME, noun
from ser_lib.corpora.loader import in_words, parse, select


def test_no_name_has_two_nouns():
    names = [name for noun_, others in SAME.items() for name in (noun_, *others)]
    assert len(names) == len(set(names))
    assert names == [name.lower() for name in names]
    assert all(noun(noun_) == noun_ for noun_ in SAME)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("angry", "anger"),
        ("Happy ", "happiness"),
        ("JOY", "happiness"),
        ("pleasant_surprise", "surprise"),
        ("pleasant  Surprise", "surprise"),
        ("frustrated", "frustration"),
        ("Verachtung", "Verachtung"),
        ("", ""),
    ],
)
def test_nouns(name, expected):
    assert noun(name) == expected


def manifest(**counts: int) -> Manifest:
    """As many utterances of each emotion; every second one is improvised."""
    emotions = [name for name, count in counts.items() for _ in range(count)]
    table = pd.DataFrame({name: [""] * len(emotions) for name in COLUMNS})
    table["utterance"] = [f"u{i:02d}" for i in range(len(emotions))]
    table["emotion"] = emotions
    table["style"] = ["scripted" if i % 2 else "improvised" for i in range(len(emotions))]
    return Manifest("own", None, table)


def test_a_choice_merges_and_passes_over_with_counts():
    found = select(
        manifest(anger=3, excitement=2, happiness=4, surprise=1),
        parse("anger, happiness+excitement"),
    )
    assert found.table["emotion"].value_counts().to_dict() == {"happiness": 6, "anger": 3}
    assert list(found.table.index) == list(range(9))
    assert found.emotions == ["anger", "happiness"]
    assert found.chosen == {"anger": {"anger": 3}, "happiness": {"happiness": 4, "excitement": 2}}
    assert found.passed_over == {"surprise": 1}
    assert in_words(found) == (
        "anger 3, happiness 6 (happiness 4 + excitement 2); passed over: surprise 1"
    )


def test_the_whole_corpus_is_a_choice_too():
    whole = manifest(anger=3, surprise=1)
    found = select(whole, None)
    pd.testing.assert_frame_equal(found.table, whole.table)
    assert in_words(found) == "anger 3, surprise 1"


def test_one_style():
    found = select(manifest(anger=4, surprise=3), None, style="scripted")
    assert set(found.table["style"]) == {"scripted"}
    assert found.chosen == {"anger": {"anger": 2}, "surprise": {"surprise": 1}}
    assert found.passed_over == {"anger": 2, "surprise": 2}


@pytest.mark.parametrize(
    ("emotions", "style", "message"),
    [
        ("anger, joy", None, "has no emotion 'joy'; it has: anger, surprise"),
        ("surprise", "scripted", "no emotion 'surprise' in style 'scripted'; it has: anger"),
    ],
)
def test_what_the_corpus_lacks(emotions, style, message):
    few = manifest(surprise=1, anger=3)
    with pytest.raises(CorpusError, match=message):
        select(few, parse(emotions), style=style)


def test_a_corpus_without_styles():
    few = manifest(anger=3)
    bare = Manifest("own", None, few.table.drop(columns="style"))
    with pytest.raises(CorpusError, match="corpus 'own' has no utterances of style 'scripted'"):
        select(bare, None, style="scripted")
    with pytest.raises(ParameterError, match=r"unknown style 'acted'.*improvised, scripted"):
        select(few, None, style="acted")


@pytest.mark.parametrize("text", ["", "anger,", "anger++fear", "anger, fear+anger", " , "])
def test_a_choice_that_says_nothing(text):
    with pytest.raises(ParameterError, match="write them as"):
        parse(text)
