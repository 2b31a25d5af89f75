"""Folders: files are found in any case, and a wrong folder is named together with the right one."""

import os
import shutil
import zipfile

import pytest

from ser_lib import cli, corpora
from ser_lib.core.errors import CorpusError
from ser_lib.corpora import folder

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def berlin(tmp_path, write_tone):
    for i, name in enumerate(("03a01Fa", "03a01Nc", "08b10Wb")):
        write_tone(tmp_path / "corpora" / "emodb" / "wav" / f"{name}.wav", hertz=200 + i)
    return tmp_path / "corpora" / "emodb"


def names(files):
    return [file.name for file in files]


def test_patterns_ignore_case_and_hidden_files(tmp_path):
    for path in ("Actor_02/b.WAV", "actor_01/a.wav", "Actor_01/._a.wav", "Actor_01/a.txt", "c.wav"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    found, refused = folder.files(tmp_path, "Actor_*/*.wav")
    assert sorted(names(found)) == ["a.wav", "b.WAV"]
    assert refused == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("corpora", "is not the folder of EmoDB itself; give .*corpora.emodb$"),
        (".", "is not the folder of EmoDB itself; give .*corpora.emodb$"),
        ("corpora/emodb/wav/empty", "is not the folder of EmoDB itself; give .*corpora.emodb$"),
        ("corpora/emodb/doc", "is not the folder of EmoDB itself; give .*corpora.emodb$"),
    ],
)
def test_the_right_folder_is_named(berlin, tmp_path, given, words):
    (tmp_path / given).mkdir(exist_ok=True)
    with pytest.raises(CorpusError, match=words):
        corpora.load("emodb", tmp_path / given)


def test_an_archive_where_a_folder_belongs(berlin, tmp_path):
    with zipfile.ZipFile(tmp_path / "emodb.zip", "w") as archive:
        archive.write(berlin / "wav" / "03a01Fa.wav", "wav/03a01Fa.wav")
    with pytest.raises(CorpusError, match=r"emodb\.zip is a file, give a folder"):
        corpora.load("emodb", tmp_path / "emodb.zip")
    (tmp_path / "deep" / "er" / "down").mkdir(parents=True)
    shutil.move(tmp_path / "emodb.zip", tmp_path / "deep" / "er" / "down")
    with pytest.raises(CorpusError, match=r"holds 1 \.zip; unpack the archive .*emodb\.zip"):
        corpora.load("emodb", tmp_path / "deep" / "er" / "down")


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c" / "notes.txt").touch()
    with pytest.raises(
        CorpusError, match=r"no wav/\*\.wav in .*, which holds 1 \.txt; is it the folder of EmoDB\?"
    ):
        corpora.load("emodb", tmp_path / "a" / "b" / "c")


def test_links_that_lead_in_circles_are_followed_once(berlin):
    (berlin / "wav" / "again").symlink_to(berlin)
    (berlin / "wav" / "09a01Wa.wav").symlink_to(berlin / "wav" / "09a01Wa.wav")
    found = corpora.load("emodb", berlin)
    assert len(found.table) == 3
    (row,) = found.left_out
    assert row["file"] == "wav/09a01Wa.wav"
    assert "cannot be opened (Too many levels of symbolic links)" in row["reason"]


def test_a_folder_that_may_not_be_opened(berlin, monkeypatch):
    listdir = os.listdir

    def refuse(path):
        if str(path).endswith("wav"):
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(CorpusError, match=r"emodb/wav cannot be opened \(Permission denied\)"):
        corpora.load("emodb", berlin)


def test_names_that_are_not_utf8(tmp_path, write_tone, capsys):
    tone = write_tone(tmp_path / "tone.wav").read_bytes()
    (tmp_path / "emodb" / "wav").mkdir(parents=True)
    for name in (b"03a01Fa.wav", b"M\xe4rz.wav", "März.wav".encode()):
        with open(os.fsencode(tmp_path / "emodb" / "wav") + b"/" + name, "wb") as file:
            file.write(tone)
    found = corpora.load("emodb", tmp_path / "emodb")
    assert [(row["file"], row["reason"]) for row in found.left_out] == [
        ("wav/März.wav", "has a name that is not UTF-8; rename it"),
        ("wav/März.wav", "the name is not one of EmoDB's (SSttEv.wav)"),
    ]
    assert found.sha256
    assert cli.main(["manifest", "emodb", "--data", str(tmp_path / "emodb")]) == 0
    assert "März" in capsys.readouterr().out


def test_a_path_of_windows_may_leave_the_folder_of_its_table(tmp_path):
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "a.wav").touch()
    (tmp_path / "tables").mkdir()
    find = folder.finder(tmp_path / "tables")
    assert find("..\\audio\\a.wav") == "../audio/a.wav"
    assert find("..\\audio\\b.wav") == "..\\audio\\b.wav"
