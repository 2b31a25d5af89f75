"""A corpus as facts: they follow from its table."""

from dataclasses import replace

import matplotlib
import pandas as pd
import pytest
from factory import parse, texts

from ser_lib import corpora
from ser_lib.corpora import Manifest
from ser_lib.pages import data
from ser_lib.pages.figures import data as figures

TEXTS = ("summary", "balance", "speakers", "lengths", "left_out")


@pytest.fixture
def manifest(tmp_path, workspace, make_table) -> Manifest:
    return corpora.load("table", make_table(tmp_path / "own"))


def inventory(manifest: Manifest, table=None, **columns) -> data.Inventory:
    table = manifest.table if table is None else table
    return data.Inventory(replace(manifest, table=table.assign(**columns)))


@pytest.mark.parametrize(
    ("counts", "agrees"), [((10, 2, 6), False), ((6, 5), False), ((9, 9), True)]
)
def test_frequent_and_rare_emotions(manifest, counts, agrees):
    names = [
        name for name, n in zip(("anger", "fear", "joy"), counts, strict=False) for _ in range(n)
    ]
    text = inventory(manifest, manifest.table[: len(names)], emotion=names).text("balance")
    assert ("agree" in text) == agrees
    assert all(str(n) in text for n in (max(counts), min(counts)))


def test_the_summary_counts_what_the_table_holds(manifest):
    sexes = manifest.table["speaker"].map({"s1": "female", "s2": "male", "s3": "male"})
    rows = {
        row["What"]: row["This corpus"] for row in parse(data.Inventory(manifest).text("summary"))
    }
    assert (rows["Speakers"], rows["Utterances"]) == ("3 speakers", "18")
    assert rows["Hash of the data"] == f"`{manifest.sha256[:16]}`"
    assert "3 speakers (1 woman and 2 men)" in inventory(manifest, sex=sexes).text("summary")


def test_speakers_and_the_combinations_that_are_missing(manifest):
    page = data.Inventory(manifest)
    assert "Every speaker shows every emotion." in page.text("speakers")
    assert [(*who, sum(counts)) for *who, counts in page.speakers] == [
        (name, "", 6) for name in ("s1", "s2", "s3")
    ]
    rest = manifest.table.query("not (speaker == 's1' and emotion == 'anger')")
    page = inventory(manifest, rest)
    assert "1 combination of speaker and emotion" in page.text("speakers")
    first = parse(page.text("speakers"))[0]
    assert (first["Speaker"], first["Anger"], first["All"]) == ("s1", "0", "4")


@pytest.mark.parametrize(("seconds", "share"), [(1.0, 0.0), (10.0, 1.0)])
def test_utterances_that_are_longer_than_what_networks_see(manifest, seconds, share):
    page = inventory(manifest, duration_s=seconds)
    assert f"{share:.0%}".replace("%", " %") in page.text("lengths")


def test_every_file_that_is_left_out_is_named(tmp_path, workspace, make_table):
    table = make_table(tmp_path / "own")
    wav = table.parent / "wav"
    (wav / "s1-anger-0.wav").write_bytes(b"")
    page = data.Inventory(corpora.load("table", table))
    assert [row["File"] for row in parse(page.text("left_out"))] == ["`wav/s1-anger-0.wav`"]


def test_the_texts_with_and_without_what_a_corpus_may_not_say(manifest):
    nobody = inventory(manifest, speaker="", session="1", sentence="a")
    assert nobody.speakers == []
    for page in (data.Inventory(manifest), nobody):
        assert all(texts(page, TEXTS))


def make_rows(*groups: tuple[str, str, int, float]) -> pd.DataFrame:
    """A manifest's table with so many utterances of each emotion and sex, so long."""
    rows = [(e, sex, s) for e, sex, n, s in groups for _ in range(n)]
    return pd.DataFrame(rows, columns=["emotion", "sex", "duration_s"])


def test_emotions_are_counted_by_sex():
    table = make_rows(("anger", "female", 5, 1), ("anger", "male", 2, 1), ("joy", "male", 3, 1))
    figure = figures.emotion_counts(table)
    assert "10 utterances of 2 emotions, 5 of women and 5 of men" in figure.alt
    assert "highest for anger (7), lowest for joy (3)" in figure.alt
    drawn = {text.get_text() for text in figure.fig.findobj(matplotlib.text.Text)}
    assert {"women", "men", "5", "2", "3"} <= drawn
    unknown = figures.emotion_counts(make_rows(("anger", "", 4, 1), ("joy", "", 4, 1)))
    assert "8 of unknown sex. The number is 4 for every emotion." in unknown.alt
