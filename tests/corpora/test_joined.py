"""Several corpora together: their names stay apart, their emotions are the shared ones."""

import pytest

from ser_lib import corpora
from ser_lib.core.errors import CorpusError, ParameterError, SplitError
from ser_lib.corpora import describe
from ser_lib.experiments import splits

TAKES = ["03a01Fa", "03a01Na", "08a01Fb", "08a01Wa", "09a01Na", "09a02Fa"]


@pytest.fixture
def pair(tmp_path, workspace, write_tone, make_table):
    """EmoDB (anger, happiness, neutral) and an own table (anger, neutral, sadness)."""
    for i, name in enumerate(TAKES):
        write_tone(tmp_path / "emodb" / "wav" / f"{name}.wav", hertz=200 + i, rate=16_000)
    return f"{tmp_path / 'emodb'},{make_table(tmp_path / 'own')}"


def test_joined_corpora_share_their_emotions(pair):
    found = corpora.load("emodb,table", pair)
    assert found.emotions == ["anger", "neutral"]
    assert found.corpus == "emodb,table"
    assert found.table["corpus"].value_counts().to_dict() == {"table": 12, "emodb": 3}
    assert found.passed_over == {"happiness": 3, "sadness": 6}
    assert found.chosen == {"anger": {"anger": 7}, "neutral": {"neutral": 8}}
    assert list(found.table["utterance"]) == sorted(found.table["utterance"])
    row = found.table.set_index("utterance").loc["emodb/08a01Wa"]
    assert (row["speaker"], row["sentence"], row["session"]) == ("emodb/08", "emodb/a01", "")
    assert all(found.file(name).is_file() for name in found.table["utterance"])


def test_other_emotions_can_be_asked_for(pair):
    found = corpora.load("emodb,table", pair, emotions="anger, neutral")
    assert found.emotions == ["anger", "neutral"]
    with pytest.raises(CorpusError, match="corpus 'table' has no emotion 'happiness'"):
        corpora.load("emodb,table", pair, emotions="anger, happiness")


def test_the_hash_knows_no_folder_and_what_is_left_out_names_its_corpus(pair, tmp_path):
    (tmp_path / "emodb" / "wav" / "03a01Wb.wav").touch()
    first = corpora.load("emodb,table", pair)
    (tmp_path / "emodb").rename(tmp_path / "moved")
    folders = pair.replace(str(tmp_path / "emodb"), str(tmp_path / "moved"))
    moved = corpora.load("emodb,table", folders)
    assert moved.sha256 == first.sha256
    assert [row["file"] for row in moved.left_out] == ["emodb/wav/03a01Wb.wav"]


@pytest.mark.parametrize(
    ("name", "folders", "error", "message"),
    [
        ("emodb,emodb", "a,b", ParameterError, "names 'emodb' twice"),
        ("emodb,nope", "a,b", ParameterError, "unknown corpus 'nope'"),
        ("emodb,table", "a", ParameterError, r"is 2 corpora, but --data names 1 folder"),
        ("emodb,table", "a,b,c", ParameterError, r"is 2 corpora, but --data names 3 folder"),
        ("iemocap,table", None, ParameterError, "corpus 'iemocap' needs its folder"),
    ],
)
def test_bad_names_and_folders(workspace, name, folders, error, message):
    with pytest.raises(error, match=message):
        corpora.load(name, folders)


def test_corpora_that_share_too_little(tmp_path, workspace, write_tone, make_table):
    for name in ("03a01La", "08a01Wa"):
        write_tone(tmp_path / "emodb" / "wav" / f"{name}.wav")
    folders = f"{tmp_path / 'emodb'},{make_table(tmp_path / 'own')}"
    with pytest.raises(SplitError, match=r"share fewer than two emotions .*emodb: anger, boredom;"):
        corpora.load("emodb,table", folders)


def test_a_row_for_several_corpora():
    row = describe("demo,emodb")
    assert all(describe(name).title in row.title for name in ("demo", "emodb"))
    assert row.synthetic, "one synthetic part is enough for the warning"
    assert row.protocol == "speaker-kfold"
    assert row.epochs == describe("emodb").epochs
    assert row.speakers == 20


def test_each_of_the_joined_corpora_is_tested_on_the_others(pair):
    table = corpora.load("emodb,table", pair, emotions="anger, neutral").table
    first, second = splits.make(table, "cross-corpus", seed=0)
    assert (first.name, second.name) == ("corpus-emodb", "corpus-table")
    for rows in (first.test, second.train):
        assert set(table["corpus"].iloc[rows]) == {"emodb"}
