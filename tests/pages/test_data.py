"""A corpus as facts: they follow from its table."""

import itertools
from dataclasses import replace

import matplotlib
import pandas as pd
import pytest
from factory import parse

from ser_lib import corpora
from ser_lib.corpora import Manifest, demo
from ser_lib.pages import data
from ser_lib.pages.figures import data as figures

TEXTS = ("summary", "balance", "speakers", "lengths", "listen", "left_out")


@pytest.fixture
def manifest(tmp_path, workspace, make_table) -> Manifest:
    return corpora.load("table", make_table(tmp_path / "own"))


def with_table(manifest: Manifest, **columns) -> data.Inventory:
    return data.measure(replace(manifest, table=manifest.table.assign(**columns)))


def with_emotions(manifest: Manifest, *counts: int) -> data.Inventory:
    names = [
        name for name, n in zip(("anger", "fear", "joy"), counts, strict=False) for _ in range(n)
    ]
    return data.measure(replace(manifest, table=manifest.table[: len(names)].assign(emotion=names)))


@pytest.mark.parametrize(
    ("counts", "balance", "ratio"),
    [((10, 2, 6), "uneven", 5.0), ((6, 5), "close", 1.2), ((9, 9), "equal", 1.0)],
)
def test_frequent_and_rare_emotions(manifest, counts, balance, ratio):
    page = with_emotions(manifest, *counts)
    assert (page.balance, page.ratio) == (balance, pytest.approx(ratio))
    assert page.frequencies[0][0] == max(counts)
    assert page.frequencies[-1][0] == min(counts)
    assert f"{max(counts)} utterances" in page.text("balance")


def test_the_inventory_counts_what_the_table_holds(manifest):
    page = data.measure(manifest)
    rows = {row["What"]: row["This corpus"] for row in parse(page.text("summary"))}
    assert rows["Speakers"] == "3 speakers"
    assert rows["Utterances"] == "18"
    assert rows["Hash of the data"] == f"`{manifest.sha256[:16]}`"
    known = manifest.table["speaker"].map({"s1": "female", "s2": "male", "s3": "male"})
    assert "3 speakers (1 woman and 2 men)" in with_table(manifest, sex=known).text("summary")


def test_speakers_and_the_combinations_that_are_missing(manifest):
    page = data.measure(manifest)
    assert page.missing == 0
    assert [(name, sex, sum(counts)) for name, sex, counts in page.speakers] == [
        ("s1", "", 6), ("s2", "", 6), ("s3", "", 6)
    ]  # fmt: skip
    rest = manifest.table.query("not (speaker == 's1' and emotion == 'anger')")
    page = data.measure(replace(manifest, table=rest))
    assert page.missing == 1
    first = parse(page.text("speakers"))[0]
    assert (first["Speaker"], first["Anger"], first["All"]) == ("s1", "0", "4")
    nobody = with_table(manifest, speaker="")
    assert nobody.speakers == []
    assert "|" not in nobody.text("speakers")


@pytest.mark.parametrize(("seconds", "share"), [(1.0, 0.0), (10.0, 1.0)])
def test_utterances_that_are_longer_than_what_networks_see(manifest, seconds, share):
    page = with_table(manifest, duration_s=seconds)
    assert page.longer == share
    assert page.lengths == [seconds] * 3


def test_every_file_that_is_left_out_and_every_copy_is_named(tmp_path, workspace, make_table):
    table = make_table(tmp_path / "own")
    wav = table.parent / "wav"
    (wav / "s1-anger-0.wav").write_bytes(b"")
    (wav / "s2-anger-0.wav").write_bytes((wav / "s2-anger-1.wav").read_bytes())
    page = data.measure(corpora.load("table", table))
    assert page.copies == [["wav/s2-anger-0", "wav/s2-anger-1"]]
    text = page.text("left_out")
    assert [row["File"] for row in parse(text)] == ["`wav/s1-anger-0.wav`"]
    assert "`wav/s2-anger-0`, `wav/s2-anger-1`" in text


@pytest.mark.parametrize("name", TEXTS)
def test_the_texts_at_every_level(manifest, name):
    pages = [with_emotions(manifest, *counts) for counts in ((10, 2), (6, 5), (9, 9))]
    pages += [data.measure(manifest), with_table(manifest, speaker="", duration_s=9.0)]
    left_out = [{"file": "a`.wav", "reason": "is <b>"}]
    pages += [data.measure(replace(manifest, left_out=left_out))]
    for page in pages:
        assert page.text(name)


def test_audio_is_embedded_only_where_the_licence_allows(manifest, tmp_path):
    assert "<audio" not in data.measure(manifest).examples().data
    folder = demo.make(tmp_path / "demo", n_speakers=2, n_sentences=1, workers=0)
    allowed = data.measure(corpora.load("demo", folder))
    html = allowed.examples().data
    assert html.count("<audio") == len(allowed.manifest.emotions)
    assert html == allowed.examples().data


# Figures


def make_rows(counts: dict[tuple[str, str], int], seconds=None) -> pd.DataFrame:
    """A manifest's table with so many utterances of each (emotion, sex)."""
    rows = list(itertools.chain.from_iterable([pair] * n for pair, n in counts.items()))
    table = pd.DataFrame(rows, columns=["emotion", "sex"])
    return table.assign(duration_s=[(seconds or {}).get(emotion, 2.0) for emotion, _ in rows])


def test_emotions_are_counted_by_sex():
    table = make_rows({("anger", "female"): 5, ("anger", "male"): 2, ("joy", "male"): 3})
    figure = figures.emotion_counts(table)
    assert "10 utterances of 2 emotions, 5 by women and 5 by men" in figure.alt
    assert "highest for anger (7), lowest for joy (3)" in figure.alt
    drawn = {text.get_text() for text in figure.fig.findobj(matplotlib.text.Text)}
    assert {"women", "men", "5", "2", "3"} <= drawn
    assert figure.svg() == figures.emotion_counts(table).svg()
    unknown = figures.emotion_counts(make_rows({("anger", ""): 4, ("joy", ""): 4}))
    assert "8 of unknown sex. The number is 4 for every emotion." in unknown.alt


def test_durations_name_the_longest_and_what_fits():
    table = make_rows({("anger", "male"): 3, ("joy", "male"): 1}, {"anger": 1.5, "joy": 4.0})
    figure = figures.durations(table)
    assert "highest for joy (4.0 s), lowest for anger (1.5 s)" in figure.alt
    assert "75 % of the utterances fit into the 3.0 s that a network sees at a time" in figure.alt
    assert figure.svg() == figures.durations(table).svg()
