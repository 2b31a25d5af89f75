"""The command line: what it prints, its exit codes, and one sentence for whatever goes wrong."""

import errno
import json
import os
import socket
import subprocess
import sys

import keras
import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from ser_lib import cli
from ser_lib.core import jobs
from ser_lib.core.errors import SerError
from ser_lib.corpora import CATALOGUE
from ser_lib.experiments import sweep
from ser_lib.features import maps
from ser_lib.features.maps import Standardiser
from ser_lib.models import bundle, networks
from ser_lib.models.bundle import FrontEnd
from ser_lib.report import notebooks

EMOTIONS = ["anger", "neutral", "sadness"]


@pytest.fixture
def ser(capsys):
    """Run a command; return its exit code and what it printed to standard output and error."""

    def run(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def assert_one_sentence(code, err, *parts, last=True):
    """A command that failed said so in one line of plain words."""
    assert code == 1
    lines = err.splitlines()
    assert len(lines) == 1 or not last, err
    assert lines[-1].startswith("ser: ")
    assert "Traceback" not in err
    for part in parts:
        assert part in lines[-1]


def write_template(workspace, name, *code, parameters='corpus = "demo"\ndata_dir = None'):
    first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(
        cells=[first, *map(new_code_cell, code)], metadata={"kernelspec": kernel}
    )
    nbformat.write(notebook, workspace / "notebooks" / f"{name}.ipynb")


@pytest.fixture
def templates(workspace):
    """Templates with the parameters of the report, which do nothing."""
    usual = 'corpus = "demo"\ndata_dir = None'
    write_template(workspace, "data", "print(corpus)", parameters=usual)
    choices = f"{usual}\nepochs = None\nprotocol = None\nlearning_rate = 0.002\nmixup = 0.3"
    for name in ("cnn", "cnn_gru"):
        write_template(workspace, name, "print(epochs)", parameters=choices)
    return workspace


@pytest.fixture
def table(tmp_path, make_table):
    return make_table(tmp_path / "tones", each=1)


# ser corpora, ser manifest


def test_a_reader_who_has_seen_enough():
    """As in `ser corpora | head -1`."""
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "ser_lib.cli", "corpora"]
    done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, text=True)
    os.close(writes)
    assert (done.returncode, done.stderr) == (1, "")


def test_corpora_are_listed(ser):
    code, out, err = ser("corpora")
    assert (code, err) == (0, "")
    for name, corpus in CATALOGUE.items():
        assert f"\n{name} " in f"\n{out}"
        assert corpus.title in out
        assert corpus.licence in out
    assert "10 speakers, 535 utterances, 0.41 hours" in out
    listed = [line.strip() for line in out.splitlines()]
    assert listed.count("ser download emodb DIR") == 1
    assert "ser download table DIR" not in listed
    assert "any size" in out


def test_the_audit_names_what_is_left_out_and_what_is_there_twice(ser, tmp_path, write_tone):
    wav = tmp_path / "emodb" / "wav"
    for name in ("03a01Fa", "03a02Fa", "08a01Wb"):
        write_tone(wav / f"{name}.wav", rate=16_000, seconds=0.5)
    (wav / "08a01Wa.wav").touch()
    (wav / "09a01Xa.wav").write_bytes((wav / "03a01Fa.wav").read_bytes())
    code, out, err = ser("manifest", "emodb", "--data", tmp_path / "emodb")
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0].startswith("emodb: 3 utterances, 0.00 h in ")
    assert lines[1:3] == ["speakers: 2, sessions: none", "emotions: anger 1, happiness 2"]
    assert lines[3] == "left out: wav/08a01Wa.wav: is empty (0 bytes)"
    assert lines[4].startswith("left out: wav/09a01Xa.wav: unknown label 'X'")
    assert lines[5:12] == [
        "anger: 1 of 127, 125 missing or left out, 1 unreadable",
        "boredom: 0 of 81, 81 missing or left out",
        "disgust: 0 of 46, 46 missing or left out",
        "fear: 0 of 69, 69 missing or left out",
        "happiness: 2 of 71, 69 missing or left out",
        "neutral: 0 of 79, 79 missing or left out",
        "sadness: 0 of 62, 62 missing or left out",
    ]
    assert lines[12:] == ["the same audio: wav/03a01Fa.wav, wav/03a02Fa.wav, wav/08a01Wb.wav"]


def test_the_table_is_written(ser, table, tmp_path):
    out_file = tmp_path / "deep" / "manifest.csv"
    code, out, _ = ser("manifest", "table", "--data", table, "--out", out_file)
    assert code == 0
    found = pd.read_csv(out_file, keep_default_na=False)
    assert len(found) == 9
    assert set(found["speaker"]) == {"s1", "s2", "s3"}
    assert "speakers: 3, sessions: none" in out


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["emodb2", "--data", "."], ["unknown corpus 'emodb2'", "did you mean 'emodb'", "table"]),
        (["emodb"], ["corpus 'emodb' needs its folder (--data DIR)"]),
        (["emodb", "--data", "nowhere"], ["nowhere does not exist"]),
        (["emodb", "--data", "empty"], ["no wav/*.wav in empty"]),
        (["table", "--data", "empty"], ["is a folder, give the table's file"]),
        (["table", "--data", "bad.csv"], ["cannot read the table bad.csv"]),
        (["demo", "--data", "empty"], ["no demo corpus in empty"]),
    ],
)
def test_a_corpus_that_cannot_be_read(ser, tmp_path, monkeypatch, arguments, parts):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.csv").write_text("path,emotion\na.wav,joy\nb.wav,joy,extra\n")
    code, out, err = ser("manifest", *arguments)
    assert_one_sentence(code, err, *parts)
    assert out == ""


# ser run


def test_a_notebook_is_executed_once(ser, templates, table):
    write_template(templates, "data", "print(corpus, n, sep='-')",
                   parameters='corpus = "demo"\ndata_dir = None\nn = 1')  # fmt: skip
    command = ("run", "data", "--corpus", "table", "--data", table, "-p", "n=3")
    code, out, _ = ser(*command)
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith("executed notebook: ")]
    page = line.removeprefix("executed notebook: ")
    outputs = [cell.outputs for cell in nbformat.read(page, 4).cells if cell.get("outputs")]
    assert [output.text for (output,) in outputs] == ["table-3\n"]
    before = os.stat(page)
    code, out, _ = ser(*command)
    assert code == 0
    assert [line.split() for line in out.splitlines() if line.startswith("data")] == [
        ["data", "unchanged"]
    ]
    assert os.stat(page).st_mtime_ns == before.st_mtime_ns
    assert not list((templates / "runs").glob("failed*"))


def test_a_notebook_that_fails(ser, templates, table):
    write_template(templates, "data", "before = 1", "raise ValueError('of the reader')")
    code, _, err = ser("run", "data", "--corpus", "table", "--data", table)
    assert_one_sentence(
        code, err, "notebook 'data' failed with ValueError: of the reader", "executed so far: ",
        last=False,
    )  # fmt: skip
    failed = templates / "runs" / "failed-data.ipynb"
    assert str(failed) in err
    nbformat.read(failed, 4)
    pages = [page for page in (templates / "runs" / "table").rglob("data.ipynb")]
    assert pages == [], "a page that failed must not be taken for finished"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["cnn_gro"], ["unknown notebook 'cnn_gro'", "did you mean 'cnn_gru'"]),
        (["final"], ["final.ipynb does not exist", "run from the checkout"]),
        (["cnn", "--corpus", "nope"], ["unknown corpus 'nope'", "demo, demo2, crema-d, emodb"]),
        (["cnn", "--corpus", "emodb"], ["corpus 'emodb' needs its folder"]),
        (["cnn", "--corpus", "emodb", "--data", "/no/where"], ["/no/where does not exist"]),
        (["cnn", "-p", "epoch=3"], ["unknown parameter", "'epoch'", "did you mean 'epochs'"]),
        (["data", "-p", "epochs=3"], ["unknown parameter of data 'epochs'"]),
        (["cnn", "-p", "epochs"], ["-p takes NAME=VALUE (null for the usual value), not 'epochs'"]),
        (["cnn", "-p", "=3"], ["-p takes NAME=VALUE (null for the usual value), not '=3'"]),
        (["cnn", "-p", "epochs="], ["null for the usual value", "not 'epochs='"]),
        (["cnn", "-p", "2x=3"], ["-p takes NAME=VALUE (null for the usual value), not '2x=3'"]),
        (["cnn", "-p", "epochs=[1"], ["-p epochs: '[1' is not a value"]),
        (["cnn", "-p", "epochs=many"], ["epochs must be a whole number from 1, not 'many'"]),
        (["cnn", "-p", "epochs=0"], ["epochs must be a whole number from 1, not 0"]),
        (["cnn", "-p", "mixup=nan"], ["mixup must be from 0 to 100, not nan"]),
        (["cnn", "-p", "protocol=speakers"], ["unknown protocol 'speakers'", "speaker-kfold"]),
        (["data", "cnn", "-p", "learning_rate=2"], ["learning_rate must be above 0, up to 1"]),
        (["cnn", "-p", "corpus=emodb"], ["'corpus'"]),
        (["--corpus", "no pe"], ["unknown corpus 'no pe'"]),
        (["--report", "a/b"], ["a report cannot be called 'a/b'", "letters, digits"]),
        (["cnn", "--report", "mine"], ["the report 'mine' is made by all notebooks"]),
    ],
)
def test_a_run_that_is_refused(ser, templates, monkeypatch, arguments, parts):
    # Refused before any work: no corpus is made, no features, no kernel.
    monkeypatch.setattr(notebooks.corpora.demo, "make", None)
    monkeypatch.setattr(notebooks.store, "build", None)
    code, out, err = ser("run", *arguments)
    assert_one_sentence(code, err, *parts)
    assert out == ""
    assert not (templates / "runs").exists()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("epochs=5", 5),
        ("rate=1e-3", 0.001),
        ("rate=2.5", 2.5),
        ("flag=true", True),
        ("name=logmel", "logmel"),
        ("name=a=b", "a=b"),
        ("name=null", None),
        ("items=[1, 2]", [1, 2]),
    ],
)
def test_values_of_parameters(monkeypatch, ser, text, value):
    given = {}
    monkeypatch.setattr(notebooks, "execute", lambda names, **options: given.update(options))
    assert ser("run", "cnn", "-p", text)[0] == 0
    (found,) = given["parameters"].values()
    assert found == value
    assert type(found) is type(value)


def test_a_run_on_a_cluster_hands_its_work_over(ser, templates, table, monkeypatch):
    asked = []
    monkeypatch.setattr(notebooks.store, "build", lambda *_, workers, **__: asked.append(workers))
    monkeypatch.setattr(notebooks.train, "prepare", lambda *_, workers: asked.append(workers))
    monkeypatch.setattr(notebooks.train, "gather", lambda *_: None)
    monkeypatch.setattr(notebooks, "_execute_one", lambda template, page, values: page.parent.mkdir(
        parents=True))  # fmt: skip
    command = ("run", "cnn", "--corpus", "table", "--data", table)
    assert ser(*command, "--scheduler", "tcp://host:8786")[0] == 0
    assert asked == ["tcp://host:8786"] * 2


def test_a_cluster_that_is_not_there(ser, templates, tmp_path, make_table, monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE", 0.3)
    table = make_table(tmp_path / "tones", each=8)  # one chunk of features is computed here
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
        command = ("run", "data", "--corpus", "table", "--data", table, "--scheduler", address)
        code, _, err = ser(*command)
    assert_one_sentence(code, err, f"no Dask scheduler answers at {address}")


# ser sweep


def test_a_sweep_prints_and_writes_its_table(ser, tmp_path, monkeypatch):
    given = []
    scores = dict(zip(sweep.SCORES, (0.5, 0.45, 0.4, 0.5, 0.55), strict=True))
    found = pd.DataFrame([{"epochs": 3, **scores, "run": "runs/demo/cnn-speaker-1"}])
    monkeypatch.setattr(sweep, "run", lambda grid, **options: given.append(options) or found)
    file, out = tmp_path / "grid.yml", tmp_path / "table.csv"
    file.write_text("architecture: cnn\nparameters: {epochs: [3]}\n")
    code, printed, err = ser("sweep", file, "--scheduler", "tcp://host:1", "--out", out)
    assert (code, err) == (0, f"written to {out}\n")
    header, row = [line.split() for line in printed.splitlines()]
    assert header == ["epochs", *sweep.SCORES, "run"]
    assert row == ["3", "0.500", "0.450", "0.400", "0.500", "0.550", "runs/demo/cnn-speaker-1"]
    pd.testing.assert_frame_equal(pd.read_csv(out), found)
    assert given == [{"workers": "tcp://host:1"}]


@pytest.mark.parametrize("out", [".", "nowhere/table.csv"])
def test_a_table_that_cannot_be_written_is_refused_before_work(ser, tmp_path, monkeypatch, out):
    monkeypatch.setattr(sweep, "run", lambda *_, **__: pytest.fail("it has begun"))
    file = tmp_path / "grid.yml"
    file.write_text("architecture: cnn\n")
    code, _, err = ser("sweep", file, "--out", tmp_path / out)
    assert_one_sentence(code, err, "name a file in a folder that is there")
    assert not (tmp_path / "nowhere").exists()


def test_a_sweep_that_is_refused(ser, workspace, tmp_path):
    file = tmp_path / "grid.yml"
    file.write_text("architecture: cnn\nparameters: {epochs: [3, 0]}\n")
    code, out, err = ser("sweep", file)
    assert_one_sentence(code, err, f"{file}: epochs must be a whole number from 1, not 0")
    assert (out, list(workspace.iterdir())) == ("", [workspace / "notebooks"])


# ser predict


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a run with an untrained network."""
    keras.utils.set_random_seed(1)
    shape = (maps.ROWS, 1)
    front_end = FrontEnd(
        architecture="cnn",
        corpus="table",
        emotions=EMOTIONS,
        feature_map="logmel",
        channels=1,
        crops=2,
        standardiser=Standardiser(np.full(shape, -40, np.float32), np.full(shape, 9, np.float32)),
    )
    network = networks.build("cnn", (maps.ROWS, maps.FRAMES, 1), len(EMOTIONS))
    folder = tmp_path_factory.mktemp("run")
    bundle.save(network, front_end, folder / "bundle")
    return folder


def test_emotions_of_files(ser, model, tmp_path, write_tone):
    files = [write_tone(tmp_path / f"{i}.wav", hertz=200 * i) for i in (1, 2)]
    code, out, err = ser("predict", *files, "--model", model)
    assert (code, err) == (0, "")
    header, *rows = [line.split() for line in out.splitlines()]
    assert header == ["file", "emotion", *EMOTIONS]
    loaded = bundle.load(model)
    expected = loaded.predict(map(loaded.front_end.static, files))
    for row, file, chances in zip(rows, files, expected, strict=True):
        assert row[0] == str(file)
        assert row[1] == EMOTIONS[chances.argmax()]
        np.testing.assert_allclose([float(text) for text in row[2:]], chances, atol=6e-4)


def test_a_bad_file_among_good_ones(ser, model, tmp_path, write_tone):
    good = [write_tone(tmp_path / f"{name}.wav") for name in "ab"]
    (tmp_path / "empty.wav").touch()
    bad = [tmp_path / "empty.wav", tmp_path / "missing.wav"]
    code, out, err = ser("predict", bad[0], good[0], bad[1], good[1], "--model", model, "--json")
    assert code == 1
    assert err.splitlines() == [
        f"ser: {bad[0]}: is empty (0 bytes)",
        f"ser: {bad[1]}: does not exist",
    ]
    rows = json.loads(out)
    assert [row["file"] for row in rows] == [str(file) for file in good]
    for row in rows:
        assert list(row["probabilities"]) == EMOTIONS
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert row["emotion"] == max(row["probabilities"], key=row["probabilities"].get)


def test_a_folder_of_files(ser, model, tmp_path, write_tone):
    files = [write_tone(tmp_path / "mine" / f"{name}.wav") for name in "ba"]
    code, out, err = ser("predict", tmp_path / "mine", "--model", model)
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["file", *map(str, reversed(files))]
    (tmp_path / "empty").mkdir()
    code, out, err = ser("predict", files[0], tmp_path / "empty", "--model", model)
    assert_one_sentence(code, err, f"the folder {tmp_path / 'empty'} holds no audio file")
    assert out == ""


def test_many_files_show_how_far_it_is(ser, model, tmp_path, write_tone):
    file = write_tone(tmp_path / "a.wav")
    code, out, err = ser("predict", *[file] * 70, "--model", model)
    assert code == 0
    assert len(out.splitlines()) == 71
    assert err.splitlines()[-1] == "70 of 70 files"


def test_nothing_but_bad_files(ser, model, tmp_path):
    code, out, err = ser("predict", tmp_path / "missing.wav", "--model", model)
    assert_one_sentence(code, err, "missing.wav: does not exist")
    assert out == ""


def test_a_model_that_is_none(ser, tmp_path):
    code, out, err = ser("predict", "a.wav", "--model", tmp_path / "nowhere")
    assert_one_sentence(code, err, "nowhere is not a model bundle; give a run's folder")
    assert out == ""


# All commands


@pytest.mark.parametrize("arguments", [[], ["sing"], ["manifest"], ["predict", "a.wav"]])
def test_a_command_that_is_incomplete_shows_its_usage(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: ser" in capsys.readouterr().err


def test_debugging_shows_the_error_itself():
    with pytest.raises(SerError, match="unknown corpus 'nope'"):
        cli.main(["--debug", "manifest", "nope"])


def test_an_interrupt_says_how_to_go_on(ser, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(notebooks, "execute", interrupted)
    code, _, err = ser("run")
    assert code == 130
    assert err == "ser: interrupted; what was finished is kept, run it again to go on\n"


def test_a_full_disk_is_told_wherever_it_is_noticed(ser, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(notebooks, "execute", full)
    code, _, err = ser("run")
    assert_one_sentence(code, err, "no space left", "what was finished is kept: free some space")


def test_a_defect_of_the_library_is_not_hidden(monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(notebooks, "execute", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["run"])


def test_the_command_as_a_program(tmp_path):
    def program(*arguments):
        command = [sys.executable, "-m", "ser_lib.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = program("corpora")
    assert done.returncode == 0
    assert "emodb" in done.stdout
    failed = program("manifest", "emodb", "--data", str(tmp_path / "nowhere"))
    assert_one_sentence(failed.returncode, failed.stderr, "nowhere does not exist")


def test_light_commands_do_not_wait_for_heavy_libraries():
    code = (
        "import sys; from ser_lib import cli; cli.main(['corpora']); "
        "print([m for m in ('tensorflow', 'keras', 'librosa', 'matplotlib', 'papermill') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
