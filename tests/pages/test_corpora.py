"""The page on corpora: every corpus, every name, the whole reader."""

import ast

from factory import parse

from ser_lib.corpora import CATALOGUE
from ser_lib.pages import corpora


def test_every_corpus_has_its_rows():
    rows = parse(corpora.Corpora().text("catalogue").split("\n\n")[0])
    assert [row["Name"] for row in rows] == [f"`{name}`" for name in CATALOGUE]
    emodb = rows[list(CATALOGUE).index("emodb")]
    assert (emodb["Speakers"], emodb["Utterances"], emodb["Hours"]) == ("10", "535", "0.41")
    own = rows[list(CATALOGUE).index("table")]
    assert (own["Speakers"], own["Utterances"], own["Hours"]) == ("-", "-", "-")


def test_every_name_of_an_emotion_is_listed():
    rows = {
        row["Emotion"]: row["Also written"] for row in parse(corpora.Corpora().text("emotions"))
    }
    assert rows["happiness"] == "happy, joy, joyful"


def test_the_reader_is_shown_as_it_is():
    text = corpora.reader()
    assert text.startswith("```python\n")
    assert "SSttEv.wav" in text
    ast.parse(text.removeprefix("```python").removesuffix("```"))
