"""Any table and any folder: every row and every recording is in the manifest or named."""

import csv
import io
import os
import re
import shutil
import tempfile
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ser_lib import corpora
from ser_lib.core.errors import CorpusError
from ser_lib.corpora import CATALOGUE, tables

pytestmark = pytest.mark.usefixtures("home")

ANY = st.text(max_size=6)
HEADINGS = st.one_of(
    st.sampled_from(["path", "emotion", "speaker", "sex", "start", "end", "utterance", "label"]),
    st.sampled_from([" Path", "FILE", "Speaker ID", "gender", "emoton", "start_ms", "", "class"]),
    ANY,
)
CELLS = st.one_of(
    st.sampled_from(["a.wav", "b.wav", "B.WAV", "gone.wav", "x\\a.wav", ".", "a.wav/", "/", "~"]),
    st.sampled_from(["joy", "Joy", "$x$ {{7*7}}", "_*|", "\u6124", "nan", "None", " ", "F"]),
    st.sampled_from(["0", "0.1", "1,5", "00:00:01", "-1", "inf", "1e400", "9" * 400]),
    ANY,
)
ROW = st.lists(CELLS, max_size=7)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory, write_tone) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for number, name in enumerate(("a.wav", "b.wav")):
        write_tone(folder / name, hertz=200 + 50 * number)
    return folder


def written(file, rows, separator, encoding, end, quoting=csv.QUOTE_MINIMAL):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting).writerows(rows)
    file.write_bytes(text.getvalue().encode(encoding, "replace"))
    return file


def load(corpus, place):
    """The manifest, or `None` if it was refused in one line."""
    try:
        return corpora.load(corpus, place)
    except CorpusError as error:
        message = str(error)
    assert message
    assert "\n" not in message
    return None


@settings(max_examples=250)
@given(
    headings=st.lists(HEADINGS, max_size=6),
    rows=st.lists(ROW, max_size=5),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "gbk"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
@example(["path", "emotion"], [["a" * 300, "joy"]], ",", "utf-8", "\n")
@example(["path", "emotion"], [["a.wav\0", "joy"]], ",", "utf-8", "\n")
def test_no_table_ends_in_a_traceback(recordings, headings, rows, separator, encoding, end):
    file = written(recordings / "any.csv", [headings, *rows], separator, encoding, end)
    if found := load("table", file):
        files = set(found.table["path"].str.replace(r"#t=.*", "", regex=True))
        assert {os.path.basename(name) for name in files} <= {"a.wav", "b.wav"}


@settings(max_examples=150)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=6),
    separator=st.sampled_from(",;|"),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
)
def test_every_row_is_used_or_named(recordings, rows, separator, encoding):
    headings = ("path", "emotion", "speaker", "start", "utterance")
    rows = [("a.wav", "joy", "p", "", ""), *rows]
    rows = [(*row[:4], f"u{number}") for number, row in enumerate(rows, start=1)]
    file = written(
        recordings / "sound.csv", [headings, *rows], separator, encoding, "\n", csv.QUOTE_ALL
    )
    if not (found := load("table", file)):
        assert any(re.search(r"[<>`\x00-\x1f\x7f]", cell) for row in rows for cell in row)
        return
    # A row that has no place in the manifest is named by its number, or by its file.
    named = [row["file"] for row in found.left_out]
    unread = {int(name.split()[1]) for name in named if name.endswith(" of sound.csv")}
    read = {int(row["utterance"][1:]): row["path"] for row in CATALOGUE["table"].read(file)[0]}
    used = {int(name[1:]) for name in found.table["utterance"]}
    assert sorted([*unread, *read]) == list(range(1, len(rows) + 1))
    unused = [name for name in named if not name.endswith(" of sound.csv")]
    assert sorted(unused) == sorted(read[number] for number in set(read) - used)
    for row in found.table.to_dict("records"):
        _, emotion, speaker, *_ = rows[int(row["utterance"][1:]) - 1]
        assert row["speaker"] == tables.text(speaker)
        assert row["emotion"].casefold() in (tables.text(emotion).casefold(), "happiness")


PARTS = st.lists(
    st.sampled_from(["Actor_01", "ALL", "wav", "\u00fc", ".git", "__MACOSX", "x.wav"]), max_size=4
)
NAMES = st.sampled_from(
    ["03-01-05-01-01-01-01", "03-01-05-01-01-01-02", "01-01-05-01-01-01-01", "1001_DFA_ANG_XX",
     "DC_a01", "03a01Wa", "neu-f1-b1", "OAF_back_sad", "notes", "._03a01Wa"]
)  # fmt: skip
ENDINGS = st.sampled_from([".wav", ".WAV", ".flac", ".mp4", ".txt", ".zip", ""])


@settings(max_examples=150)
@given(
    files=st.lists(st.tuples(PARTS, NAMES, ENDINGS), max_size=6),
    corpus=st.sampled_from(sorted(name for name, corpus in CATALOGUE.items() if corpus.pattern)),
)
def test_every_recording_of_a_folder_is_used_or_named(recordings, files, corpus):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "corpora", "of", "mine")
        root.mkdir(parents=True)
        audible = set()
        for parts, name, ending in files:
            path = Path(*parts, name + ending)
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            if (root / path).exists():
                continue
            if ending == ".mp4" or ending.lower() == ".wav":
                shutil.copy(recordings / "a.wav", root / path)
                if not re.search(r"(^|/)(\.|__MACOSX)", path.as_posix()):
                    audible.add(path.as_posix())
            else:
                (root / path).touch()
        found = load(corpus, root)
        if found and corpus != "iemocap":
            named = {row["file"] for row in found.left_out}
            places = {os.path.dirname(path) for path in audible}  # repeats are named by folder
            assert audible <= set(found.table["path"]) | named | {
                path for path in audible if os.path.dirname(path) in named & places
            }


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Eva", "EVA ", True),
        ("Eva Maria", "eva\u00a0 maria", True),
        ("Jos\u00e9", "Jose\u0301", True),
        ("Stra\u00dfe", "STRASSE", True),
        ("speaker 3", "speaker 003", True),
        ("0", "00", True),
        ("speaker_3", "Speaker 03", True),
        ("1001", "11", False),
        ("1-11", "11-1", False),
        ("p1", "p10", False),
        ("Jose", "Jos\u00e9", False),
    ],
)
def test_what_two_people_write_differently(one, other, same):
    assert (tables.plain(one) == tables.plain(other)) == same


@given(st.text(max_size=8))
def test_a_plain_name_is_plain_already(name):
    for spelling in (tables.plain(name), f" {name}\t", normalize("NFD", name)):
        assert tables.plain(spelling) == tables.plain(name)
