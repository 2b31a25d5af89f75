"""What others report and what people can do: comparable or not, and the listeners of EmoDB."""

import re
from dataclasses import replace
from pathlib import Path

import factory
import matplotlib
import pandas as pd
import pytest

from ser_lib import corpora
from ser_lib.core.errors import CorpusError
from ser_lib.corpora import CATALOGUE, Manifest
from ser_lib.corpora.readers.emodb import EMOTIONS
from ser_lib.experiments.splits import PROTOCOLS
from ser_lib.pages import context
from ser_lib.pages.figures import context as context_figures

LETTERS = {emotion: letter for letter, emotion in EMOTIONS.items()}
HEAD = "Nr.\tSatz\terkannt\tnatuerlich"


def emodb_record(**options):
    """A record whose utterances have EmoDB's names and emotions."""
    record = factory.make_record(
        "cnn_gru", "emodb", emotions=sorted(LETTERS), **({"per_speaker": 21} | options)
    )
    names = [
        f"{int(s):02d}a{i % 100:02d}{LETTERS[e]}{'abcdefghij'[i // 100]}"
        for i, (s, e) in enumerate(
            zip(record.predictions["speaker"], record.predictions["truth"], strict=True)
        )
    ]
    return replace(record, predictions=record.predictions.assign(utterance=names))


def line(number: int, name: str, recognised: str = "95,00", natural: str = "80,00") -> str:
    # As the file is: no-break spaces behind the numbers.
    return f"{number}\xa0\xa0\t{name}.wav\t{recognised}\xa0\xa0\t{natural}\xa0\xa0"


def write(file: Path, lines: list[str]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes("\r\n".join([HEAD, *lines]).encode("latin-1"))
    return file


def with_folder(record, folder: Path) -> Manifest:
    table = record.predictions[["utterance"]].assign(
        path=[f"wav/{name}.wav" for name in record.predictions["utterance"]]
    )
    return Manifest("emodb", folder, table)


# Published results


def test_every_published_result_can_be_used():
    table = context.results()
    assert len(table) >= 25
    assert not table.isna().any().any()
    assert table["value"].astype(float).between(0, 1).all()
    assert set(table["metric"]) == {"UAR", "accuracy"}
    assert {name.lower() for name in table["corpus"]} <= set(CATALOGUE)
    assert {name for name, _ in context.PROTOCOLS.values()} <= set(PROTOCOLS)
    # A protocol that is spelt otherwise in the table would match nothing.
    assert set(context.PROTOCOLS) <= set(table["protocol"])


def row(**changes) -> pd.Series:
    given = {
        "corpus": "EmoDB",
        "classes": 7,
        "protocol": "leave-one-speaker-out",
        "system": "a method",
        "metric": "UAR",
        "value": 0.5,
    }
    return pd.Series(given | changes)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"protocol": "speaker-independent 10-fold"}, ""),
        ({"corpus": "IEMOCAP"}, "another corpus"),
        ({"classes": 4}, "another number of classes"),
        ({"protocol": "random split"}, "another protocol"),
        ({"protocol": "10-fold random"}, "another protocol"),
        ({"protocol": "6 speaker groups"}, "another protocol"),
        ({"system": "per-speaker (sees the test speaker)"}, "sees the test speaker"),
        ({"protocol": "listening test"}, "people, not a program"),
    ],
)
def test_what_is_comparable(changes, why):
    assert context.obstacle(row(**changes), emodb_record()) == why


def test_the_number_of_groups_is_part_of_a_protocol():
    record = emodb_record()
    groups = row(protocol="6 speaker groups")
    for folds, why in ((6, ""), (5, "another protocol")):
        parameters = record.data["parameters"] | {"folds": folds}
        data = record.data | {"protocol": "speaker-kfold", "parameters": parameters}
        assert context.obstacle(groups, replace(record, data=data)) == why


@pytest.mark.parametrize("record", [emodb_record(), factory.make_record()], ids=["emodb", "demo"])
def test_every_result_is_shown_with_its_protocol_and_source(record):
    lines = context.published(record).splitlines()[2:]
    linked = [line for line in lines if "arXiv" in line]
    assert len(linked) == context.results()["source"].str.contains("arXiv").sum() > 0
    assert all("[arXiv " in line and "](https://arxiv.org/abs/" in line for line in linked)
    table = context.results()
    assert len(lines) == len(table)
    for result in table.itertuples():
        start = f"| {result.corpus} | {result.classes} | {result.protocol} | {result.system} |"
        (shown,) = [shown for shown in lines if shown.startswith(start)]
        assert f"| {result.value} |" in shown
        assert f"| {result.source} |" in re.sub(r"\[(.+?)\]\(.+?\)", r"\1", shown)
    comparable = ["**yes**" in shown for shown in lines]
    assert comparable == sorted(comparable, reverse=True), "the comparable ones come first"


def test_a_column_that_says_the_same_in_every_row_is_a_sentence():
    demo = factory.make_record()
    assert "Comparable" not in context.published(demo)
    assert "another corpus" not in context.published(demo)
    assert "none is comparable with this run" in context.beside(demo)
    own = context.published(emodb_record(protocol="session"))
    assert "| Comparable |" in own
    assert {"no: another corpus", "no: another protocol"} <= set(own.split(" | "))


def test_how_a_run_stands_among_comparable_results():
    record = factory.with_data(
        emodb_record(), metrics={"uar": 0.7, "uar_ci95": [0.655, 0.76], "accuracy": 0.5,
                                 "accuracy_ci95": [0.4, 0.6]}
    )  # fmt: skip
    words = context.beside(record)
    assert "UAR of this run is 0.70 (95 % interval 0.66 to 0.76)" in words
    assert (
        "Of 4 comparable results, 2 lie above its interval (0.87 and 0.83) and "
        "2 lie inside its interval (0.75 and 0.66)." in words
    )
    assert "Of 1 comparable result, 1 lies above its interval (0.77)." in words
    low = factory.with_data(record, metrics={"uar": 0.9, "uar_ci95": [0.88, 0.95]})
    assert "4 lie below its interval (0.87, 0.83, 0.75 and 0.66)" in context.beside(low)


def test_a_run_beside_which_nothing_can_be_put():
    assert context.beside(factory.make_record()) == (
        "None of the results below is of this corpus, so none is comparable with this run: "
        "the table is context alone."
    )
    n = (context.results()["corpus"] == "EmoDB").sum()
    words = context.beside(emodb_record(protocol="session"))
    assert words.startswith(f"{n} results below are of this corpus, but none is comparable")


# Listeners


def test_reading_what_listeners_recognised(tmp_path):
    file = write(tmp_path / "erkennung.txt", [
        line(1, "03a01Wa", "100,00", "5,00"), line(2, "16b10Lb", "62,50", "0,00"), "",
    ])  # fmt: skip
    assert context.read_listeners(file).to_dict("records") == [
        {"utterance": "03a01Wa", "emotion": "anger", "recognised": 1.0, "natural": 0.05},
        {"utterance": "16b10Lb", "emotion": "boredom", "recognised": 0.625, "natural": 0.0},
    ]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([line(1, "03a01Xa")], "line 2: '1 03a01Xa.wav 95,00 80,00' is not a number"),
        ([line(1, "03a01Wa"), "2\t03a01Wb.wav\t95,00"], "line 3: '2 03a01Wb.wav 95,00' is not"),
        ([line(1, "03a01Wa", "95.00")], "line 2: "),
        ([line(1, "03a01Wa", "195,00")], "line 2: "),
        ([line(1, "03a01Wa", "")], "line 2: "),
        ([line(1, "03a01Wa"), line(2, "03a01Wa")], "lists the take '03a01Wa' twice"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path, lines, words):
    file = write(tmp_path / "erkennung.txt", lines)
    with pytest.raises(CorpusError) as error:
        context.read_listeners(file)
    assert words in str(error.value)
    assert str(file) in str(error.value)


def test_a_file_that_is_another_one(tmp_path):
    file = tmp_path / "erkennung.txt"
    with pytest.raises(CorpusError, match="cannot be read"):
        context.read_listeners(file)
    for text in ("", "path,emotion\n"):
        file.write_text(text)
        with pytest.raises(CorpusError, match=r"does not begin with the columns Nr\., Satz"):
            context.read_listeners(file)


def test_people_beside_the_network(tmp_path):
    record = emodb_record(skill=2.0)
    folder = tmp_path / "emodb"
    # Every listener recognises anger, none boredom; of the takes of sadness that were not
    # published, none were recognised.
    shares = {"anger": "100,00", "boredom": "0,00"}
    named = zip(record.predictions["utterance"], record.predictions["truth"], strict=True)
    lines = [line(i, name, shares.get(e, "50,00")) for i, (name, e) in enumerate(named, start=1)]
    n = (record.predictions["truth"] == "sadness").sum()
    lines += [line(900 + i, f"99b{i:02d}Tz", "0,00") for i in range(n)]
    write(folder / "erkennung.txt", lines)
    heard = context.listening(record, with_folder(record, folder))
    assert heard.reason == ""
    assert heard.n_takes == len(lines)
    table = heard.table
    assert list(table.index) == record.emotions
    for emotion, own in record.data["per_class"].items():
        assert table.loc[emotion, "network"] == pytest.approx(own["recall"])
        assert table.loc[emotion, "n"] == own["support"]
        assert table.loc[emotion, "people"] == {"anger": 1, "boredom": 0}.get(emotion, 0.5)
    assert table.loc["sadness", "takes"] == pytest.approx(0.25)
    assert heard.people == pytest.approx(3.5 / 7)
    assert heard.network == record.data["metrics"]["uar"]
    words = context.people(heard)
    assert "People recognise anger" in words
    assert "boredom" in words.split("The network recognises ")[1].split(" better.")[0]
    assert "lowest for **boredom**" in words
    assert f"Of all {len(lines)} takes" in words
    assert words.count("\n| ") == 1 + len(record.emotions) + 1
    figure = context_figures.listening(heard)
    assert figure.svg() == context_figures.listening(heard).svg()
    assert f"anger 1.00 and {table.loc['anger', 'network']:.2f}" in figure.alt
    texts = {text.get_text() for text in figure.fig.findobj(matplotlib.text.Text)}
    assert {"people", "network", *record.emotions} <= texts


def test_an_utterance_that_the_listeners_never_heard(tmp_path):
    record = emodb_record()
    names = list(record.predictions["utterance"])
    write(tmp_path / "erkennung.txt", [line(i, name) for i, name in enumerate(names[1:])])
    with pytest.raises(CorpusError, match=f"does not list '{names[0]}'"):
        context.listening(record, with_folder(record, tmp_path))


def test_runs_without_listeners_say_why(tmp_path):
    demo = factory.make_record()
    heard = context.listening(demo, replace(with_folder(demo, tmp_path), corpus="demo"))
    assert CATALOGUE["emodb"].title in context.people(heard)
    record = emodb_record()
    assert "has no erkennung.txt" in context.people(
        context.listening(record, with_folder(record, tmp_path))
    )
    merged = factory.make_record("cnn_gru", "emodb", emotions=["anger", "other"])
    assert "this run tells other classes apart: anger and other" in context.people(
        context.listening(merged, with_folder(merged, tmp_path))
    )
    renamed = factory.make_record(emotions=[f"e{i}" for i in range(7)], corpus="emodb")
    assert "this run tells other classes apart: e0, e1," in context.people(
        context.listening(renamed, with_folder(renamed, tmp_path))
    )


def test_the_real_listeners(emodb):
    manifest = corpora.load("emodb", emodb)
    takes = context.read_listeners(context._listeners_file(manifest))
    assert len(takes) == 816
    published = takes[takes["utterance"].isin(manifest.table["utterance"])]
    assert len(published) == 535
    assert takes["recognised"].mean() == pytest.approx(0.852, abs=5e-4)
    assert published["recognised"].mean() == pytest.approx(0.935, abs=5e-4)
    # The folder of recordings itself will do as well.
    inside = corpora.load("emodb", emodb / "wav")
    assert context._listeners_file(inside) == context._listeners_file(manifest)
