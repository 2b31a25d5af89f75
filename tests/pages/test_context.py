"""What others report and what people can do: comparable or not, and the listeners of EmoDB."""

import re
from dataclasses import replace
from pathlib import Path

import factory
import pandas as pd
import pytest
from factory import parse, texts

from ser_lib import corpora
from ser_lib.core.errors import CorpusError
from ser_lib.corpora import CATALOGUE
from ser_lib.corpora.readers.emodb import EMOTIONS
from ser_lib.experiments.splits import PROTOCOLS
from ser_lib.pages import context
from ser_lib.pages.context import Listening
from ser_lib.pages.figures import context as figures

LETTERS = {emotion: letter for letter, emotion in EMOTIONS.items()}
HEAD = "Nr.\tSatz\terkannt\tnatuerlich"
TEXTS = ("published", "people")


def emodb_run(folder: Path | None = None, **options):
    """A run whose utterances have EmoDB's names and emotions, and a copy of it in a folder."""
    options = {"per_speaker": 21, "emotions": sorted(LETTERS)} | options
    run = factory.make_run("cnn_gru", "emodb", **options)
    pairs = zip(run.predictions["speaker"], run.predictions["truth"], strict=True)
    run.predictions["utterance"] = [
        f"{int(speaker):02d}a{i % 100:02d}{LETTERS.get(emotion, 'W')}{'abcdefghij'[i // 100]}"
        for i, (speaker, emotion) in enumerate(pairs)
    ]
    run = factory.of_corpus(run, path="wav/" + run.predictions["utterance"] + ".wav")
    return replace(run, corpus=replace(run.corpus, root=folder or Path("none")))


def line(number: int, name: str, recognised="95,00", natural="80,00") -> str:
    # As the file is: no-break spaces behind the numbers.
    return f"{number}\xa0\xa0\t{name}.wav\t{recognised}\xa0\xa0\t{natural}\xa0\xa0"


def write(file: Path, lines: list[str]) -> Path:
    file.write_bytes("\r\n".join([HEAD, *lines]).encode("latin-1"))
    return file


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
    given = {"corpus": "EmoDB", "classes": 7, "protocol": "leave-one-speaker-out"}
    return pd.Series({**given, "system": "a method", "credible": "high", **changes})


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({}, ""),
        ({"protocol": "speaker-independent 10-fold"}, ""),
        ({"corpus": "IEMOCAP"}, "corpus"),
        ({"classes": 4}, "classes"),
        ({"protocol": "random split"}, "protocol"),
        ({"protocol": "10-fold random"}, "protocol"),
        ({"protocol": "6 speaker groups"}, "protocol"),
        ({"system": "per-speaker (sees the test speaker)"}, "speakers"),
        ({"protocol": "listening test"}, "people"),
        ({"credible": "low"}, "credible"),
    ],
)
def test_what_is_comparable(changes, obstacle):
    assert context.obstacle(row(**changes), emodb_run()) == obstacle


def test_the_number_of_groups_is_part_of_a_protocol():
    groups = row(protocol="6 speaker groups")
    for folds, obstacle in ((6, ""), (5, "protocol")):
        run = factory.with_data(emodb_run(), protocol="speaker-kfold", parameters={"folds": folds})
        assert context.obstacle(groups, run) == obstacle


@pytest.mark.parametrize("run", [emodb_run(), factory.make_run()], ids=["emodb", "demo"])
def test_every_result_is_shown_with_its_protocol_and_source(run):
    page = context.gather(run)
    rows = parse(page.text("published"))
    assert len(rows) == len(page.published) == len(context.results())
    assert sum("](https://arxiv.org/abs/" in row["Source"] for row in rows) == (
        context.results()["source"].str.contains("arXiv").sum()
    )
    for shown, result in zip(rows, page.published.itertuples(), strict=True):
        plain = {name: re.sub(r"\\|\]\(.+?\)|(?<!\S)\[", "", text) for name, text in shown.items()}
        assert plain["Classes"] == str(result.classes)
        for name in ("corpus", "protocol", "system", "value", "source"):
            assert plain[name.capitalize()] == getattr(result, name)
    figure = figures.published(page)
    assert (figure is None) == (run.record.corpus.name == "demo")
    if figure:
        assert (
            "wav2vec (Keesing et al. 2021): leave-one-speaker-out, comparable: 0.87" in figure.alt
        )
        assert context.elsewhere(run)["published results"]["wav2vec (Keesing et al. 2021)"] == 0.87
    obstacles = list(page.published["obstacle"])
    assert obstacles == sorted(obstacles, key=lambda o: (o == "corpus", o != ""))
    # A column that says the same in every row is a sentence.
    assert ("Comparable" in rows[0]) == (run.record.corpus.name == "emodb")


def test_reading_what_listeners_recognised(tmp_path):
    lines = [line(1, "03a01Wa", "100,00", "5,00"), line(2, "16b10Lb", "62,50", "0,00"), ""]
    assert context.read_listeners(write(tmp_path / "a.txt", lines)).to_dict("records") == [
        {"utterance": "03a01Wa", "emotion": "anger", "recognised": 1.0, "natural": 0.05},
        {"utterance": "16b10Lb", "emotion": "boredom", "recognised": 0.625, "natural": 0.0},
    ]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([line(1, "03a01Xa")], "row 1: '03a01Xa.wav 95,00 80,00' is not the name"),
        ([line(1, "03a01Wa"), "2\t03a01Wb.wav\t95,00"], "row 2: '03a01Wb.wav 95,00 ' is not"),
        *[([line(1, "03a01Wa", share)], "row 1: ") for share in ("95,00 %", "195,00", "")],
        ([line(1, "03a01Wa"), line(2, "03a01Wa")], "row 2: '03a01Wa.wav"),
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
    with pytest.raises(CorpusError, match="cannot read the table"):
        context.read_listeners(file)
    file.write_text("path,emotion\n")
    with pytest.raises(CorpusError, match=r"has no column .Satz.; its columns are: path, emotion"):
        context.read_listeners(file)


@pytest.fixture
def compared(tmp_path):
    """A run, and what listeners recognise: all anger, no boredom, half of all else."""
    run = emodb_run(tmp_path, skill=2.0)
    shares = {"anger": "100,00", "boredom": "0,00"}
    named = zip(run.predictions["utterance"], run.predictions["truth"], strict=True)
    lines = [line(i, name, shares.get(e, "50,00")) for i, (name, e) in enumerate(named)]
    write(tmp_path / "erkennung.txt", lines)
    return context.gather(run)


def test_people_and_the_network_on_the_same_utterances(compared):
    run, listening = compared.run, compared.listening
    table = listening.table
    assert (listening.obstacle, list(table.index)) == ("", run.emotions)
    recalls = [one.value for one in table["network"]]
    assert recalls == pytest.approx(list(run.per_class["recall"]))
    assert list(table["n"]) == list(run.per_class["support"])
    people = {"anger": 1, "boredom": 0}
    assert list(table["people"]) == [people.get(emotion, 0.5) for emotion in run.emotions]
    assert (listening.people, listening.network) == (pytest.approx(3.5 / 7), run.uar)
    assert (table.loc["anger", "lead"].sign, table.loc["boredom", "lead"].sign) == (1, -1)
    for _, row in table.iterrows():
        assert row["lead"].value == pytest.approx(row["people"] - row["network"].value)
        assert (row["lead"].comparisons, row["lead"].unit) == (7, "speaker")
    assert listening.margin.sign == -1
    assert listening.margin.value == pytest.approx(listening.people - run.uar.value)
    rows = parse(compared.text("people"))
    assert [row["Emotion"] for row in rows] == [*run.emotions, "**mean**"]
    assert all(row["People"] == f"{table.loc[row['Emotion'], 'people']:.2f}" for row in rows[:-1])


def test_an_utterance_that_no_listener_judged(tmp_path):
    run = emodb_run(tmp_path)
    names = list(run.predictions["utterance"])
    write(tmp_path / "erkennung.txt", [line(i, name) for i, name in enumerate(names[1:])])
    with pytest.raises(CorpusError, match=f"does not list '{names[0]}'"):
        context.listening(run)


@pytest.mark.parametrize(
    ("run", "obstacle"),
    [
        (factory.make_run(), "corpus"),
        (emodb_run(), "file"),
        (emodb_run(emotions=["anger", "other"]), "emotions"),
        (emodb_run(emotions=[f"e{i}" for i in range(7)]), "emotions"),
    ],
)
def test_runs_without_listeners_say_why(run, obstacle):
    page = context.gather(run)
    assert page.listening.obstacle == obstacle
    assert (page.text("people").count("e3") == 1) == ("e3" in run.emotions)


@pytest.mark.parametrize("protocol", ["speaker", "session"])
@pytest.mark.parametrize("obstacle", ["", "corpus", "emotions", "file"])
def test_every_level_can_be_told(compared, protocol, obstacle):
    page = context.gather(emodb_run(protocol=protocol))
    listening = Listening(obstacle=obstacle) if obstacle else compared.listening
    texts(replace(page, listening=listening), TEXTS)


def test_the_real_listeners(emodb):
    manifest = corpora.load("emodb", emodb)
    takes = context.read_listeners(context.listeners_file(manifest))
    assert len(takes) == 816
    published = takes[takes["utterance"].isin(manifest.table["utterance"])]
    assert len(published) == 535
    assert takes["recognised"].mean() == pytest.approx(0.852, abs=5e-4)
    assert published["recognised"].mean() == pytest.approx(0.935, abs=5e-4)
    # The folder of recordings itself will do as well.
    inside = corpora.load("emodb", emodb / "wav")
    assert context.listeners_file(inside) == context.listeners_file(manifest)
