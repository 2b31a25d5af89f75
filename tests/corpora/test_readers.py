"""Readers of corpora: known trees become known tables, and what is not used is listed by name."""

import re
import shutil
from collections import Counter
from pathlib import Path
from pkgutil import iter_modules

import pytest
import soundfile
import trees

from ser_lib import corpora
from ser_lib.core.errors import CorpusError
from ser_lib.corpora import CATALOGUE, COLUMNS, emotions, readers, tables
from ser_lib.corpora.loader import parse
from ser_lib.corpora.readers import crema_d, iemocap

MADE = sorted(trees.PLANS)
CASELESS = sorted(set(MADE) - {"iemocap"})


@pytest.fixture(autouse=True)
def _workspace(workspace):
    """What is measured is kept in a workspace of the test's own."""


@pytest.fixture
def tree(tmp_path):
    """A function: corpus -> its tree, in a folder of its own."""
    return lambda corpus: trees.make(corpus, tmp_path / "above" / "copy")


def load(corpus, root, **options):
    """All utterances of a corpus, not only those that are chosen by default."""
    everything = ",".join(sorted({row["emotion"] for row in CATALOGUE[corpus].read(root)[0]}))
    return corpora.load(corpus, root, emotions=everything, **options)


def as_rows(manifest) -> dict:
    return manifest.table.drop(columns="sha256").set_index("utterance").to_dict("index")


def without_paths(rows: dict) -> dict:
    return {name: row | {"path": ""} for name, row in rows.items()}


def reasons(left_out) -> dict[str, str]:
    return {row["file"]: row["reason"] for row in left_out}


def rename(root, change):
    """Rename all files and folders below `root`, the deepest first."""
    for path in sorted(root.rglob("*"), reverse=True):
        path.rename(path.with_name(change(path.name)))


# Every corpus


@pytest.mark.parametrize("corpus", MADE)
def test_a_tree_is_read_as_it_was_made(tree, corpus):
    made = tree(corpus)
    found = load(corpus, made.root)
    assert as_rows(found) == made.rows
    assert tuple(found.table.columns[: len(COLUMNS)]) == COLUMNS
    assert set(found.emotions) == set(CATALOGUE[corpus].counts), "its tree has every emotion"
    listed = reasons(found.left_out)
    assert listed.keys() == made.left_out.keys()
    assert len(listed) == len(found.left_out), "each file is listed once"
    for file, words in made.left_out.items():
        assert words in listed[file]
        assert str(made.root) not in listed[file], "a reason must not tell where the corpus lies"


@pytest.mark.parametrize("corpus", MADE)
def test_endings_may_be_upper_case(tree, corpus):
    made = tree(corpus)
    for file in list(made.root.rglob("*.wav")):
        file.rename(file.with_suffix(".WAV"))
    found = as_rows(load(corpus, made.root))
    assert {row["path"].removesuffix(".WAV") for row in found.values()} == {
        row["path"].removesuffix(".wav") for row in made.rows.values()
    }
    assert without_paths(found) == without_paths(made.rows)


@pytest.mark.parametrize("change", [str.upper, str.lower])
@pytest.mark.parametrize("corpus", CASELESS)
def test_copies_may_differ_in_case(tree, corpus, change):
    made = tree(corpus)
    rename(made.root, change)
    manifest = load(corpus, made.root)
    listed = sorted(row["file"].lower() for row in manifest.left_out)
    assert listed == sorted(file.lower() for file in made.left_out)
    found = as_rows(manifest)
    assert without_paths(found) == without_paths(made.rows)


@pytest.mark.parametrize("corpus", MADE)
def test_a_folder_one_level_too_high_or_low_is_told(tree, corpus):
    made = tree(corpus)
    first = next(iter(made.rows.values()))["path"].split("/")[0]
    wrong = {"high": made.root.parent, "low": made.root / first}
    if corpus == "emodb":  # reads the folder wav/ alone, too
        del wrong["low"]
    for folder_ in wrong.values():
        with pytest.raises(CorpusError, match="is not the folder of") as caught:
            corpora.load(corpus, folder_)
        assert str(caught.value).endswith(f"; give {made.root}")


@pytest.mark.parametrize("corpus", MADE)
def test_an_empty_folder_is_no_corpus(tmp_path, corpus):
    inside = tmp_path / "some" / "where" / "else"
    inside.mkdir(parents=True)
    with pytest.raises(CorpusError, match=rf"no .*\.wav in {re.escape(str(inside))}.*; is it the"):
        corpora.load(corpus, inside)


@pytest.mark.parametrize("corpus", MADE)
def test_the_folder_of_another_corpus_is_refused(tree, corpus):
    root = tree(corpus).root
    for other in set(MADE) - {corpus}:
        with pytest.raises(CorpusError, match=r"is it the folder of"):
            corpora.load(other, root)


# The catalogue


@pytest.mark.parametrize(
    ("corpus", "speakers", "utterances", "protocol"),
    [
        ("crema-d", 91, 7441, "speaker-kfold"),
        ("emodb", 10, 535, "speaker"),
        ("emovo", 6, 588, "speaker"),
        ("esd", 20, 35_000, "speaker"),
        ("iemocap", 10, 10_039, "session"),
        ("meld", 304, 13_706, "speaker-kfold"),
        ("nemo", 9, 4481, "speaker"),
        ("ravdess", 24, 1440, "speaker"),
        ("savee", 4, 480, "speaker"),
        ("tess", 2, 2800, "random"),
    ],
)
def test_the_sizes_of_corpora(corpus, speakers, utterances, protocol):
    row = CATALOGUE[corpus]
    assert (row.speakers, row.utterances, row.protocol) == (speakers, utterances, protocol)


@pytest.mark.parametrize("corpus", sorted(set(CATALOGUE) - {"table"}))
def test_emotions_are_told_by_their_nouns(corpus):
    for name in CATALOGUE[corpus].emotions:
        assert emotions.noun(name) == name
        assert name in emotions.SAME or name in ("undecided", "other")


def test_the_sources_that_the_catalogue_cites_are_listed(request):
    listed = (request.config.rootpath / "book" / "references.bib").read_text()
    keys = re.findall(r"^@\w+\{(.+),$", listed, re.MULTILINE)
    assert keys == sorted(keys)
    for corpus in CATALOGUE.values():
        assert corpus.about
        for cited in re.findall(r"\{cite:[pt]\}`(.+?)`", corpus.about):
            assert set(cited.split(",")) <= set(keys)


def test_every_corpus_is_a_file_of_readers_and_has_a_tree():
    files = {module.name.replace("_", "-") for module in iter_modules(readers.__path__)}
    assert set(CATALOGUE) == files | {"demo2"} == {*MADE, "demo", "demo2", "table"}


# IEMOCAP


def test_iemocap_a_kind_of_turns_alone(tree):
    root = tree("iemocap").root
    for style, turn in (
        ("improvised", "Ses01F_impro01_F000"),
        ("scripted", "Ses05M_script02_2b_M041"),
    ):
        found = corpora.load("iemocap", root, emotions="neutral", style=style)
        assert list(found.table["utterance"]) == [turn]


def test_iemocap_the_choice_of_the_report(tree):
    corpus = CATALOGUE["iemocap"]
    chosen = parse(corpus.choice)
    assert Counter(chosen.values()) == Counter(
        {"happiness": 2, "anger": 1, "frustration": 1, "neutral": 1, "sadness": 1}
    )
    sizes = {name: corpus.counts[name] for name in chosen}
    assert sum(sizes.values()) == 7380
    assert sum(sizes.values()) - sizes["excitement"] == 6339

    found = corpora.load("iemocap", tree("iemocap").root)
    assert found.emotions == ["anger", "frustration", "happiness", "neutral", "sadness"]
    assert found.chosen == {
        "anger": {"anger": 1},
        "frustration": {"frustration": 1},
        "happiness": {"happiness": 1, "excitement": 1},
        "neutral": {"neutral": 2},
        "sadness": {"sadness": 1},
    }
    assert found.passed_over == {
        "disgust": 1, "fear": 1, "other": 1, "surprise": 1, "undecided": 1
    }  # fmt: skip
    excited = found.table.set_index("utterance").loc["Ses01M_script01_1_F012"]
    assert (excited["emotion"], excited["label"]) == ("happiness", "exc")


def test_iemocap_without_its_labels(tree):
    made = tree("iemocap")
    for place in made.root.glob("Session*/dialog"):
        shutil.rmtree(place)
    with pytest.raises(
        CorpusError, match=r"corpus 'iemocap': none of its files \(16\) can be used"
    ):
        corpora.load("iemocap", made.root)
    unlabelled = [row for row in iemocap.read(made.root)[1] if "no label line" in row["reason"]]
    assert len(unlabelled) == 15


# Others


def test_ravdess_has_one_recording_twice(tree):
    table = load("ravdess", tree("ravdess").root).table
    twins = table[table["sha256"].duplicated(keep=False)]["utterance"]
    assert list(twins) == ["03-01-03-01-02-01-07", "03-01-03-01-02-02-07"]


def test_ravdess_what_is_in_the_second_folder_alone_is_read_there(tree):
    made = tree("ravdess")
    shutil.rmtree(made.root / "Actor_02")
    found = load("ravdess", made.root)
    table = found.table.set_index("utterance")
    again = "audio_speech_actors_01-24"
    only = f"{again}/Actor_02/03-01-04-02-01-01-02.wav"
    assert table.loc["03-01-04-02-01-01-02", "path"] == only
    twice = [file for file, reason in reasons(found.left_out).items() if "repeats" in reason]
    assert twice == [f"{again}/Actor_01/03-01-01-01-01-01-01.wav"]


def test_crema_d_women_and_men():
    assert len(crema_d.WOMEN) == 43
    assert {1001 <= actor <= 1091 for actor in crema_d.WOMEN} == {True}


@pytest.mark.parametrize("place", ["", "ALL"])
@pytest.mark.parametrize("ending", [".flac", ".OGG"])
@pytest.mark.parametrize("corpus", sorted({*CASELESS} - {"esd", "meld"}))  # folders say more there
def test_a_flat_copy_is_read_as_the_nested_one(tree, tmp_path, corpus, ending, place):
    made = tree(corpus)
    flat = tmp_path / "other" / "flat" / place
    flat.mkdir(parents=True)
    for name, row in made.rows.items():
        samples, rate = soundfile.read(made.root / row["path"])
        stem = name if corpus == "savee" else Path(row["path"]).stem.upper()
        kind = {"format": ending[1:]} if rate <= 48_000 else {"format": "FLAC"}
        soundfile.write(flat / f"{stem}{ending}", samples, rate, **kind)
    (flat / "03-a.mp4").write_bytes(b"no audio")
    (flat / "again").mkdir()
    shutil.copy(flat / f"{stem}{ending}", flat / "again")
    root = flat.parent if place else flat
    found = load(corpus, root)
    lacking = {"path": "", "duration_s": 0, "sex": ""}  # nEMO's table tells the sex
    told = {name: row | lacking for name, row in as_rows(found).items()}
    assert told == {name: row | lacking for name, row in made.rows.items()}
    assert len(found.left_out) == 2
    assert [file for file, why in reasons(found.left_out).items() if "repeats" in why] == [
        (Path(place) / "again" / f"{stem}{ending}").as_posix()
    ]


def test_esd_may_have_folders_for_training_and_test(tree):
    made = tree("esd")
    for part, row in zip(("train", "test", "evaluation"), made.rows.values(), strict=False):
        file = made.root / row["path"]
        (file.parent / part).mkdir()
        file.rename(file.parent / part / file.name)
    found = as_rows(load("esd", made.root))
    assert without_paths(found) == without_paths(made.rows)


def test_nemo_without_its_table_tells_no_sex(tree):
    made = tree("nemo")
    (made.root / "data.tsv").unlink()
    found = load("nemo", made.root)
    assert found.table["utterance"].tolist() == sorted(made.rows)
    assert set(found.table["sex"]) == {""}


def test_meld_parts_may_have_short_names_and_hold_their_labels(tree):
    made = tree("meld")
    for part, name in (
        ("train", "train_splits"),
        ("dev", "dev_splits_complete"),
        ("test", "output_repeated_splits_test"),
    ):
        (made.root / name).rename(made.root / part)
        (made.root / f"{part}_sent_emo.csv").rename(made.root / part / f"{part}_sent_emo.csv")
    found = as_rows(load("meld", made.root))
    assert without_paths(found) == without_paths(made.rows)


def test_meld_a_part_without_audio_is_told_once(tree):
    made = tree("meld")
    shutil.rmtree(made.root / "train_splits")
    left_out = reasons(load("meld", made.root).left_out)
    assert "labels 4 utterances, but there is no folder" in left_out["train_sent_emo.csv"]
    assert not [file for file in left_out if file.startswith("train_splits")]


def test_meld_a_table_that_lacks_a_column(tree):
    made = tree("meld")
    (made.root / "dev_sent_emo.csv").write_text("Speaker,Emotion\nRoss,fear\n")
    with pytest.raises(
        CorpusError, match=r"dev_sent_emo\.csv has no column 'Dialogue_ID'; its columns are: Sp"
    ):
        corpora.load("meld", made.root)


# Tables beside recordings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_a_table_in_any_usual_encoding(tmp_path, encoding):
    file = tmp_path / "table.csv"
    file.write_bytes('who,says\nJos\u00e9,"so, so"\n'.encode(encoding))
    assert tables.records(file, "who", "says") == [{"who": "Jos\u00e9", "says": "so, so"}]


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(CorpusError, match=r"cannot read the table .*gone\.csv"):
        tables.records(tmp_path / "gone.csv", "who")
