"""Corpora: folders become manifests, and what cannot be used is listed, never dropped."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile

from ser_lib import corpora
from ser_lib.core import audio
from ser_lib.core.errors import CorpusError, ParameterError
from ser_lib.corpora import CATALOGUE, COLUMNS, manifest
from ser_lib.experiments.splits import PROTOCOLS

pytestmark = pytest.mark.usefixtures("workspace")

TAKES = ["03a01Fa", "03a01Nc", "08b10Wb", "16a07Td"]


@pytest.fixture
def berlin(tmp_path, write_tone):
    """A folder like EmoDB's, with four files."""
    for i, name in enumerate(TAKES):
        write_tone(tmp_path / "emodb" / "wav" / f"{name}.wav", hertz=200 + i, rate=16_000)
    return tmp_path / "emodb"


def reasons(found: manifest.Manifest) -> dict[str, str]:
    return {row["file"]: row["reason"] for row in found.left_out}


def write_csv(folder, text, *, name="table.csv", encoding="utf-8"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


# The manifest


def test_a_manifest_has_its_columns_in_order(berlin):
    found = corpora.load("emodb", berlin)
    assert tuple(found.table.columns) == COLUMNS
    assert list(found.table["utterance"]) == sorted(TAKES)
    assert list(found.table.index) == [0, 1, 2, 3]
    assert not found.table.isna().any().any()
    assert found.table["utterance"].is_unique
    assert (found.corpus, found.root, found.left_out) == ("emodb", berlin, [])
    assert found.emotions == ["anger", "happiness", "neutral", "sadness"]
    for utterance in TAKES:
        assert found.file(utterance) == berlin / "wav" / f"{utterance}.wav"


def test_the_audio_says_its_own_length_and_rate(tmp_path, write_tone):
    for name, seconds, rate in (("a", 0.5, 16_000), ("b", 1.25, 8_000)):
        write_tone(tmp_path / f"{name}.wav", seconds=seconds, rate=rate)
    table = write_csv(tmp_path, "path,emotion\na.wav,joy\nb.wav,fear\n")
    found = corpora.load("table", table).table
    assert list(found["duration_s"]) == [0.5, 1.25]
    assert list(found["sample_rate_hz"]) == [16_000, 8_000]


def test_the_hash_is_of_the_samples_not_of_the_file(tmp_path):
    samples = np.random.default_rng(0).integers(-9000, 9000, 4000).astype(np.int16)
    for name in ("a.wav", "b.flac", "c.wav"):
        soundfile.write(tmp_path / name, samples + (name == "c.wav"), 16_000)
    table = write_csv(tmp_path, "path,emotion\na.wav,joy\nb.flac,joy\nc.wav,joy\n")
    first, same, other = corpora.load("table", table).table["sha256"]
    assert first == same != other
    assert len(first) == 64


def test_bad_files_among_good_ones_are_listed_by_name(berlin):
    wav = berlin / "wav"
    (wav / "09a01Wa.wav").touch()
    (wav / "09a02Wa.wav").write_bytes(b"RIFF, or so it says")
    (wav / "09a04Wa.wav").write_bytes((wav / f"{TAKES[0]}.wav").read_bytes()[:44])
    (wav / "09a05Wa.wav").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    soundfile.write(wav / "09b01Wa.wav", np.full(100, np.nan), 16_000, subtype="FLOAT")
    found = corpora.load("emodb", berlin)
    assert list(found.table["utterance"]) == sorted(TAKES)
    assert list(reasons(found)) == sorted(reasons(found))
    listed = reasons(found)
    for name, reason in {
        "09a01Wa": "is empty",
        "09a02Wa": "cannot be decoded",
        "09a04Wa": "holds no samples",
        "09a05Wa": "is a Git LFS pointer",
        "09b01Wa": "not finite",
    }.items():
        text = listed.pop(f"wav/{name}.wav")
        assert reason in text
        assert str(berlin) not in text, "a reason must not tell where the corpus lies"
    assert not listed


def test_nothing_but_bad_files(tmp_path):
    (tmp_path / "wav").mkdir()
    (tmp_path / "wav" / "03a01Fa.wav").touch()
    with pytest.raises(
        CorpusError, match=r"corpus 'emodb': none of its files \(\d\) can be used; .* is empty"
    ):
        corpora.load("emodb", tmp_path)


def test_the_same_name_twice(tmp_path, write_tone):
    write_tone(tmp_path / "a.wav")
    table = write_csv(tmp_path, "path,emotion\na.wav,joy\na.wav,fear\n")
    with pytest.raises(CorpusError, match="the utterance 'a' is listed twice"):
        corpora.load("table", table)


def test_the_hash_of_a_manifest_is_of_what_the_corpus_says(berlin, tmp_path, write_tone):
    first = corpora.load("emodb", berlin).sha256
    copy = shutil.copytree(berlin, tmp_path / "elsewhere")
    assert corpora.load("emodb", copy).sha256 == first
    flat = shutil.copytree(berlin / "wav", tmp_path / "flat")
    assert corpora.load("emodb", flat).sha256 == first, "the folder of wav files is the same corpus"
    seen = {first}
    write_tone(copy / "wav" / "03a01Fa.wav", hertz=999, rate=16_000)
    seen.add(corpora.load("emodb", copy).sha256)
    (copy / "wav" / "08b10Wb.wav").rename(copy / "wav" / "08b10Ab.wav")
    seen.add(corpora.load("emodb", copy).sha256)
    (copy / "wav" / "16a07Td.wav").rename(copy / "wav" / "15a07Td.wav")
    seen.add(corpora.load("emodb", copy).sha256)
    (copy / "wav" / "notes.wav").touch()
    seen.add(corpora.load("emodb", copy).sha256)
    assert len(seen) == 5


# What is kept of a manifest


def test_audio_is_decoded_once_and_again_when_it_changes(
    berlin, workspace, monkeypatch, write_tone
):
    decoded = []
    decode = manifest.audio.decode

    def counted(file, **options):
        decoded.append(file.name)
        return decode(file, **options)

    monkeypatch.setattr(manifest.audio, "decode", counted)
    first = corpora.load("emodb", berlin)
    assert sorted(decoded) == [f"{take}.wav" for take in sorted(TAKES)]
    decoded.clear()
    again = corpora.load("emodb", berlin)
    assert not decoded
    pd.testing.assert_frame_equal(again.table, first.table)
    assert again.sha256 == first.sha256

    write_tone(berlin / "wav" / "03a01Fa.wav", hertz=999, rate=16_000, seconds=0.5)
    write_tone(berlin / "wav" / "16b10Tb.wav", hertz=333, rate=16_000)
    (berlin / "wav" / "08b10Wb.wav").unlink()
    changed = corpora.load("emodb", berlin)
    assert sorted(decoded) == ["03a01Fa.wav", "16b10Tb.wav"]
    assert list(changed.table["utterance"]) == ["03a01Fa", "03a01Nc", "16a07Td", "16b10Tb"]
    assert changed.table["duration_s"].iloc[0] == 0.5


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
def test_what_was_measured_before_an_interrupt_is_not_measured_again(berlin, monkeypatch, kind):
    decoded = []
    decode = manifest.audio.decode

    def interrupted(file, **options):
        if file.stem == TAKES[2]:
            raise kind
        decoded.append(file.stem)
        return decode(file, **options)

    monkeypatch.setattr(manifest, "TOGETHER", 1)
    monkeypatch.setattr(manifest.audio, "decode", interrupted)
    for _ in range(2):  # the second time is interrupted again, and forgets nothing
        with pytest.raises(kind):
            corpora.load("emodb", berlin)
    monkeypatch.setattr(
        manifest.audio, "decode", lambda file, **options: decoded.append(file.stem) or decode(file)
    )
    assert len(corpora.load("emodb", berlin).table) == 4
    assert decoded.count(TAKES[0]) == decoded.count(TAKES[1]) == 1


def test_of_a_large_corpus_it_is_told_how_far_it_is_read(berlin, monkeypatch, capsys):
    corpora.load("emodb", berlin)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(manifest, "TOGETHER", 2)
    monkeypatch.setattr(manifest.jobs, "TOLD_S", -1.0)
    corpora.load("emodb", berlin)
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("2 of 4 audio files read")


def test_a_file_that_could_not_be_read_is_tried_again(berlin):
    broken = berlin / "wav" / "03a01Fa.wav"
    whole = broken.read_bytes()
    broken.write_bytes(b"no audio")
    assert len(corpora.load("emodb", berlin).left_out) == 1
    broken.write_bytes(whole)
    assert not corpora.load("emodb", berlin).left_out


@pytest.mark.parametrize("damage", ["", "path,state", 'a,"b\nc', "[1, 2]", "another hash"])
def test_a_damaged_note_is_no_harm(berlin, workspace, damage):
    first = corpora.load("emodb", berlin).sha256
    (kept,) = (workspace / "data" / "manifests").iterdir()
    another = re.sub('"[0-9a-f]{64}"', f'"{64 * "0"}"', kept.read_text(), count=1)
    kept.write_text(another if damage == "another hash" else damage)
    assert corpora.load("emodb", berlin).sha256 == first


# EmoDB


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("03a01Xa.wav", "unknown label 'X'; EmoDB has: W, L, E, A, F, N, T"),
        ("3a01Fa.wav", "the name is not one of EmoDB's"),
        ("03a01F.wav", "the name is not one of EmoDB's"),
        ("03a01fa.wav", "repeats 1 of the recordings"),
        ("03a01Fa copy.wav", "the name is not one of EmoDB's"),
    ],
)
def test_emodb_files_with_other_names_are_listed(berlin, name, reason):
    shutil.copy(berlin / "wav" / "03a01Fa.wav", berlin / "wav" / name)
    found = corpora.load("emodb", berlin)
    assert len(found.table) == 4
    assert list(reasons(found)) == [f"wav/{name}"]
    assert reason in reasons(found)[f"wav/{name}"]


def test_the_real_emodb(emodb):
    found = corpora.load("emodb", emodb)
    table = found.table
    assert found.left_out == []
    assert len(table) == 535 == CATALOGUE["emodb"].utterances
    assert set(table["sample_rate_hz"]) == {16_000}
    assert table["emotion"].value_counts().to_dict() == {
        "anger": 127,
        "boredom": 81,
        "neutral": 79,
        "happiness": 71,
        "fear": 69,
        "sadness": 62,
        "disgust": 46,
    }
    speakers = table.groupby("speaker")["sex"].agg(["first", "nunique"])
    assert " ".join(speakers.index) == "03 08 09 10 11 12 13 14 15 16"
    assert set(speakers["nunique"]) == {1}
    assert speakers["first"].value_counts().to_dict() == {"female": 5, "male": 5}
    assert speakers.loc["03", "first"] == "male"
    assert table["sentence"].nunique() == 10
    assert table["duration_s"].sum() / 3600 == pytest.approx(0.41, abs=0.005)
    assert table["duration_s"].between(1, 10).all()
    assert not table["sha256"].duplicated().any()


# A user's own table


@pytest.mark.parametrize("name", ["<b>s", "s`1", "a\tb"])
@pytest.mark.parametrize("column", ["emotion", "speaker", "utterance", "sentence"])
def test_names_in_a_table_hold_no_markup(tmp_path, write_tone, name, column):
    write_tone(tmp_path / "a.wav")
    values = {"path": "a.wav", "emotion": "joy"} | {column: name}
    table = write_csv(tmp_path, f"{','.join(values)}\n{','.join(values.values())}\n")
    with pytest.raises(CorpusError, match=rf"row 1: the {column} .* names may hold no < > `"):
        corpora.load("table", table)


def test_a_table_needs_two_columns_only(tmp_path, write_tone):
    write_tone(tmp_path / "deep" / "a.wav")
    table = write_csv(tmp_path, "path,emotion\ndeep/a.wav,joy\n")
    (row,) = corpora.load("table", table).table.to_dict("records")
    texts = {name: row[name] for name in COLUMNS[:8]}
    assert texts == {
        "utterance": "deep/a",
        "path": "deep/a.wav",
        "speaker": "",
        "sex": "",
        "session": "",
        "sentence": "",
        "emotion": "happiness",
        "label": "joy",
    }


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_with_everything(tmp_path, write_tone, kind):
    if kind == "parquet":
        pytest.importorskip("pyarrow", reason="needs pyarrow, which is optional, to read Parquet")
    given = {
        "utterance": "Na",
        "path": "a.wav",
        "speaker": "007",
        "sex": "female",
        "session": "1",
        "sentence": "Nan",
        "emotion": "none",
        "label": "nil",
        "notes": "ignored",
    }
    write_tone(tmp_path / "a.wav")
    file = tmp_path / f"table.{kind}"
    frame = pd.DataFrame([given])
    frame.to_csv(file, index=False) if kind == "csv" else frame.to_parquet(file)
    (row,) = corpora.load("table", file).table.to_dict("records")
    assert {name: row[name] for name in COLUMNS[:8]} == {
        name: text for name, text in given.items() if name != "notes"
    }


def test_a_parquet_table_may_hold_numbers_and_gaps(tmp_path, write_tone):
    pytest.importorskip("pyarrow", reason="needs pyarrow, which is optional, to read Parquet")
    for name in "ab":
        write_tone(tmp_path / f"{name}.wav")
    frame = pd.DataFrame({"path": ["a.wav", "b.wav"], "emotion": ["joy", "fear"],
                          "speaker": [3, 12], "sex": ["male", None]})  # fmt: skip
    frame.to_parquet(tmp_path / "table.parquet")
    found = corpora.load("table", tmp_path / "table.parquet").table
    assert list(found["speaker"]) == ["3", "12"]
    assert list(found["sex"]) == ["male", ""]


def test_paths_of_a_table_may_be_absolute(tmp_path, write_tone):
    file = write_tone(tmp_path / "far" / "a.wav")
    table = write_csv(tmp_path / "near", f"path,emotion\n{file},joy\n")
    found = corpora.load("table", table)
    assert found.file(str(file.with_suffix(""))) == file


def test_rows_that_cannot_be_used_are_listed(tmp_path, write_tone):
    for name in "abc":
        write_tone(tmp_path / f"{name}.wav")
    table = write_csv(tmp_path, "path,emotion\na.wav,joy\nb.wav, \ngone.wav,joy\n,joy\n ,fear\n")
    found = corpora.load("table", table)
    assert list(found.table["utterance"]) == ["a"]
    assert reasons(found) == {
        "b.wav": "has no emotion label",
        "gone.wav": "does not exist",
        "row 4 of table.csv": "has no path",
        "row 5 of table.csv": "has no path",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_as_spreadsheets_write_it(tmp_path, write_tone, encoding, separator, end):
    write_tone(tmp_path / "a.wav")
    lines = ["path,emotion,notes", "a.wav,\u00e4rger,", "", "a.wav,angst,x,"]
    text = end.join(line.replace(",", separator) for line in lines)
    table = write_csv(tmp_path, text.replace("a.wav", '"a.wav"'), encoding=encoding)
    rows, left_out = CATALOGUE["table"].read(table)
    assert [(row["path"], row["emotion"]) for row in rows] == [
        ("a.wav", "\u00e4rger"),
        ("a.wav", "angst"),
    ]
    assert left_out == [{"file": "table.csv", "remark": "its columns are not read: 'notes'"}]


@pytest.mark.parametrize(
    ("headings", "sex", "remark"),
    [
        (" Path,EMOTION ,Speaker,Sex", "female", ""),
        ("filename,Label,Speaker ID,gender", "female", "'Speaker ID' as speaker, 'gender' as sex"),
        ("file,class,spk,speker", "", "not read: 'speker'"),
        ("path,emotion,speaker,sexx", "", "not read: 'sexx'"),
    ],
)
def test_headings_are_found_or_named(tmp_path, write_tone, headings, sex, remark):
    write_tone(tmp_path / "a.wav")
    found = corpora.load("table", write_csv(tmp_path, f"{headings}\na.wav,joy,Zo\u00e9,F\n"))
    (row,) = found.table.to_dict("records")
    assert (row["emotion"], row["speaker"], row["sex"]) == ("happiness", "Zo\u00e9", sex)
    assert bool(found.remarks) == bool(remark)
    assert remark in " ".join(row["remark"] for row in found.remarks)


def test_texts_have_one_form(tmp_path, write_tone):
    names = ["Jos\u00e9", "Jose\u0301", " Jos\u00e9 ", "nan", "None", ""]
    for number in range(len(names)):
        write_tone(tmp_path / f"{number}.wav", hertz=100 + number)
    lines = [f"{n}.wav,{emotion},{name}" for n, (name, emotion) in enumerate(
        zip(names, ["Zorn", "zorn", "Zorn", "ZORN", "NaN", " "], strict=True))]  # fmt: skip
    found = corpora.load("table", write_csv(tmp_path, "\n".join(["path,emotion,speaker", *lines])))
    assert list(found.table["speaker"]) == ["Jos\u00e9"] * 3 + [""]
    assert found.emotions == ["Zorn"]
    assert reasons(found) == dict.fromkeys(("4.wav", "5.wav"), "has no emotion label")


@pytest.mark.parametrize(
    ("female", "male"), [("F", "M"), ("Female", "male"), ("Frau", "Mann"), ("w", "m"), ("女", "男")]
)
def test_sex_in_any_notation(tmp_path, write_tone, female, male):
    for name in "abc":
        write_tone(tmp_path / f"{name}.wav")
    text = f"path,emotion,sex\na.wav,joy,{female}\nb.wav,joy,{male}\nc.wav,joy,2\n"
    found = corpora.load("table", write_csv(tmp_path, text))
    assert list(found.table["sex"]) == ["female", "male", ""]
    (remark,) = found.remarks
    assert "the sex '2' is taken as unknown" in remark["remark"]


def test_parts_of_recordings(tmp_path, write_tone):
    write_tone(tmp_path / "talk.wav", seconds=3)
    times = ["0,1", "1,2.5", "2.5,", "00:00:01,0 days 00:00:02", ",", "2,1", "x,1", "-1,1", "2,9"]
    lines = [f"talk.wav,{'joy' if n % 2 else 'fear'},{time}" for n, time in enumerate(times)]
    found = corpora.load(
        "table", write_csv(tmp_path, "\n".join(["path,emotion,start,end", *lines]))
    )
    table = found.table.set_index("utterance")
    assert table["duration_s"].to_dict() == {
        "talk": 3, "talk_0-1": 1, "talk_1-2": 1, "talk_1-2.5": 1.5, "talk_2.5": 0.5
    }  # fmt: skip
    assert not table["sha256"].duplicated().any()
    whole, part = (audio.load(found.file(name)) for name in ("talk", "talk_1-2.5"))
    np.testing.assert_array_equal(part, whole[22_050 : 22_050 + 33_075])
    assert sorted(reasons(found)) == [
        "row 6 of table.csv", "row 7 of table.csv", "row 8 of table.csv", "talk.wav#t=2,9"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("\u00c4rger.wav", "A\u0308rger.wav"),
        ("A\u0308rger.wav", "\u00c4rger.wav"),
        ("wavs\\A.WAV", "wavs/a.wav"),
        ("Wavs/a.wav", "wavs/A.WAV"),
    ],
)
def test_files_are_found_under_the_names_that_another_system_gives_them(
    tmp_path, write_tone, path, file
):
    write_tone(tmp_path / file)
    found = corpora.load("table", write_csv(tmp_path, f"path,emotion\n{path},joy\n"))
    assert list(found.table["path"]) == [file]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot read the table"),
        ("path,emotion\n", "has no rows"),
        ("pathh,emotion\na.wav,joy\n", r"has no column 'path' \(is it 'pathh'\?\); .*: pathh, emo"),
        ("path,mood\na.wav,joy\n", "has no column 'emotion'; its columns are: path, mood"),
        ("file,wav,emotion\na.wav,a.wav,joy\n", "which one is the path, 'file', 'wav'"),
        (
            "path,emotion,Emotion\na.wav,joy,fear\n",
            "which one is the emotion, 'emotion', 'Emotion'",
        ),
        ("path,emotion,start_ms\na.wav,joy,500\n", "what are the times in start_ms"),
        ("path,emotion\na.wav,joy\nb.wav,joy,extra\n", "row 2 has 3 values under 2 headings"),
        ('path,emotion\n"a.wav,joy\nb.wav,joy\n', "cannot read the table .*: line"),
        ("path,emotion\na.wav,jo\0y\n", "it is no text"),
    ],
)
def test_a_table_that_cannot_be_read(tmp_path, text, message):
    table = write_csv(tmp_path, text)
    with pytest.raises(CorpusError, match=message) as caught:
        corpora.load("table", table)
    assert str(table) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_in_another_encoding(tmp_path):
    table = write_csv(tmp_path, "path,emotion\na.wav,\u00e4rger\n", encoding="latin-1")
    with pytest.raises(CorpusError, match="cannot read the table"):
        corpora.load("table", table)


def test_a_parquet_table_that_is_none(tmp_path):
    pytest.importorskip("pyarrow", reason="needs pyarrow, which is optional, to read Parquet")
    with pytest.raises(CorpusError, match="cannot read the table"):
        corpora.load("table", write_csv(tmp_path, "path,emotion", name="table.parquet"))


def test_the_order_of_rows_is_no_matter(tmp_path, write_tone):
    for name in "abc":
        write_tone(tmp_path / f"{name}.wav")
    hashes = {
        corpora.load("table", write_csv(tmp_path, f"path,emotion\n{rows}")).sha256
        for rows in ("a.wav,joy\nb.wav,joy\nc.wav,\n", "c.wav,\nb.wav,joy\na.wav,joy\n")
    }
    assert len(hashes) == 1


# The catalogue


def test_rows_of_the_catalogue_are_complete():
    assert list(CATALOGUE) == [
        "demo", "demo2", "crema-d", "emodb", "emovo", "esd", "iemocap", "meld", "nemo", "ravdess",
        "savee", "tess", "table",
    ]  # fmt: skip
    for name, corpus in CATALOGUE.items():
        assert corpus.name == name
        assert all((corpus.title, corpus.language, corpus.licence, corpus.home))
        assert corpus.protocol in PROTOCOLS
        assert corpus.epochs >= 1
        assert list(corpus.emotions) == sorted(corpus.emotions)
    assert [name for name, corpus in CATALOGUE.items() if corpus.synthetic] == ["demo", "demo2"]


@pytest.mark.parametrize("name", ["iemocap", "table"])
def test_a_corpus_that_is_not_made_needs_its_folder(workspace, name):
    with pytest.raises(ParameterError, match=f"corpus '{name}' needs its folder.*get it: "):
        corpora.load(name)


def test_an_unknown_corpus():
    with pytest.raises(ParameterError, match=r"unknown corpus 'emodb2' \(did you mean 'emodb'"):
        corpora.load("emodb2", "/tmp")


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_place_that_does_not_exist(tmp_path, name):
    with pytest.raises(CorpusError, match=f"corpus '{name}': .*nowhere does not exist"):
        corpora.load(name, tmp_path / "nowhere")


def test_a_file_where_a_folder_belongs_and_the_other_way_round(tmp_path):
    file = write_csv(tmp_path, "path,emotion\n")
    with pytest.raises(CorpusError, match=r"table\.csv is a file, give a folder"):
        corpora.load("emodb", file)
    with pytest.raises(CorpusError, match="is a folder, give the table's file"):
        corpora.load("table", tmp_path)


def test_the_home_folder_has_a_short_name(berlin, monkeypatch):
    monkeypatch.setenv("HOME", str(berlin.parent))
    assert len(corpora.load("emodb", "~/emodb").table) == 4
