"""The command line: what it prints, its exit codes, and one sentence for whatever goes wrong."""

import argparse
import errno
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import factory
import keras
import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from ser_lib import cli, corpora
from ser_lib.cli import commands
from ser_lib.core.errors import SerError
from ser_lib.corpora import CATALOGUE
from ser_lib.experiments import run, search, sweep
from ser_lib.features import maps
from ser_lib.features.maps import Standardiser
from ser_lib.models import bundle, export, networks, predict
from ser_lib.models.bundle import FrontEnd
from ser_lib.report import notebooks

EMOTIONS = ["anger", "neutral", "sadness"]


def assert_one_sentence(code, err, *parts):
    """A command that failed said so in its last line, in plain words."""
    assert code == 1
    last = err.splitlines()[-1]
    assert last.startswith("ser: ")
    assert "Traceback" not in err
    for part in parts:
        assert part in last


USUAL = 'corpus = "demo"\ndata_dir = None'


def write_template(workspace, name, *code, parameters=USUAL):
    first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(
        cells=[first, *map(new_code_cell, code)], metadata={"kernelspec": kernel}
    )
    nbformat.write(notebook, workspace / "notebooks" / f"{name}.ipynb")


@pytest.fixture
def templates(workspace):
    """Templates with the parameters of the report, which do nothing."""
    write_template(workspace, "data", "print(corpus)")
    choices = f"{USUAL}\nepochs = None\nprotocol = None\nlearning_rate = 0.002\nmixup = 0.3"
    for name in ("cnn", "cnn_gru"):
        write_template(workspace, name, "print(epochs)", parameters=choices)
    return workspace


@pytest.fixture
def table(tmp_path, make_table):
    return make_table(tmp_path / "tones", each=1)


# ser corpora, ser manifest


def test_corpora_are_listed(ser):
    code, out, err = ser("corpora")
    assert (code, err) == (0, "")
    for name, corpus in CATALOGUE.items():
        assert f"\n{name} " in f"\n{out}"
        assert corpus.title in out
        assert corpus.licence in out
    assert "10 speakers, 535 utterances, 0.41 hours" in out
    assert out.count("ser download emodb DIR") == 1
    assert "ser download table DIR" not in out


def test_the_audit_names_what_is_left_out_and_what_is_there_twice(ser, tmp_path, write_tone):
    wav, out_file = tmp_path / "emodb" / "wav", tmp_path / "deep" / "manifest.csv"
    for name in ("03a01Fa", "03a02Fa", "08a01Wb"):
        write_tone(wav / f"{name}.wav", rate=16_000, seconds=0.5)
    (wav / "08a01Wa.wav").touch()
    (wav / "09a01Xa.wav").write_bytes((wav / "03a01Fa.wav").read_bytes())
    code, out, err = ser("manifest", "emodb", "--data", tmp_path / "emodb", "--out", out_file)
    assert code == 0, err
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0].startswith("emodb: 3 utterances, 0.00 h in ")
    for part in (
        "speakers: 2, sessions: none",
        "emotions: anger 1, happiness 2",
        "left out: wav/08a01Wa.wav: is empty (0 bytes)",
        "anger: 1 of 127, 125 missing or left out, 1 unreadable",
        "sadness: 0 of 62, 62 missing or left out",
        "the same audio with different emotions, anger and happiness: wav/03a01Fa.wav, "
        "wav/03a02Fa.wav,",
    ):
        assert part in lines
    assert any(line.startswith("left out: wav/09a01Xa.wav: unknown label 'X'") for line in lines)
    assert list(pd.read_csv(out_file)["utterance"]) == ["03a01Fa", "03a02Fa", "08a01Wb"]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["emodb2", "--data", "."], ["unknown corpus 'emodb2'", "did you mean 'emodb'", "table"]),
        (["iemocap"], ["corpus 'iemocap' needs its folder (--data DIR)"]),
        (["emodb", "--data", "nowhere"], ["nowhere does not exist"]),
        (["emodb", "--data", "empty"], ["no wav/*.wav in"]),
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
    write_template(templates, "data", "print(corpus, n, sep='-')", parameters=f"{USUAL}\nn = 1")
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
    assert_one_sentence(code, err, "'data'", "ValueError: of the reader")
    failed = templates / "runs" / "failed-data.ipynb"
    assert str(failed) in err
    nbformat.read(failed, 4)
    pages = list((templates / "runs" / "table").rglob("data.ipynb"))
    assert pages == [], "a page that failed must not be taken for finished"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["cnn_gro"], ["unknown notebook 'cnn_gro'", "did you mean 'cnn_gru'"]),
        (["cnn", "--corpus", "nope"], ["unknown corpus 'nope'", "demo, demo2, crema-d, emodb"]),
        (["cnn", "--corpus", "iemocap"], ["corpus 'iemocap' needs its folder"]),
        (["cnn", "--corpus", "emodb", "--data", "/no/where"], ["/no/where does not exist"]),
        (["cnn", "-p", "epoch=3"], ["unknown parameter", "'epoch'", "did you mean 'epochs'"]),
        (["data", "-p", "epochs=3"], ["unknown parameter of data 'epochs'"]),
        *(
            (["cnn", "-p", text], ["-p takes NAME=VALUE", f"not '{text}'"])
            for text in ("epochs", "=3", "epochs=", "2x=3")
        ),
        (["cnn", "-p", "epochs=[1"], ["-p epochs: '[1' is not a value"]),
        (["cnn", "-p", f"epochs={'[' * 3000}"], ["-p epochs: '[[[", "is not a value"]),
        (["cnn", "-p", f"seed={'9' * 5000}"], ["-p seed: '999", "is not a value"]),
        (["cnn", "-p", "seed=!!timestamp x"], ["-p seed: '!!timestamp x' is not a value"]),
        (["cnn", "--set", "mixup=0 epochs=0"], ["epochs must be a whole number from 1, not 0"]),
        (["cnn", "--set", 'protocol="a, b"'], ["unknown protocol 'a, b'"]),
        (["cnn", "--set", 'emotions="a'], ['--set: emotions="a has No closing quotation']),
        (["cnn", "-p", "epochs=many"], ["epochs must be a whole number from 1, not 'many'"]),
        (["cnn", "-p", "corpus=emodb"], ["'corpus'"]),
        (["--corpus", "no pe"], ["unknown corpus 'no pe'"]),
        (["--report", "a/b"], ["a report cannot be called 'a/b'", "letters, digits"]),
        (["cnn", "--report", "mine"], ["the report 'mine' is made by all notebooks"]),
    ],
)
def test_a_run_that_is_refused(ser, templates, monkeypatch, arguments, parts):
    # Refused before any work: no corpus is made, no features, no kernel.
    monkeypatch.setattr(corpora.demo, "make", None)
    monkeypatch.setattr(notebooks.store, "build", None)
    code, out, err = ser("run", *arguments)
    assert_one_sentence(code, err, *parts)
    assert out == ""
    assert not (templates / "runs").exists()


def test_a_dry_run_says_what_would_be_computed(ser, templates, table):
    options = ("--corpus", "table", "--data", table)
    code, out, _ = ser("run", "data", "cnn", *options, "--dry-run")
    assert code == 0
    lines = out.splitlines()
    assert "pages to execute: 2 of 2: data, cnn" in lines
    assert "folds to train: 3 of cnn on logmel, protocol speaker" in lines
    assert not (templates / "runs").exists()
    ser("run", "data", *options)
    assert "pages to execute: 0 of 1" in ser("run", "data", *options, "--dry-run")[1]


def test_what_only_reads_needs_no_place_to_write(ser, tmp_path, monkeypatch, write_tone):
    lines = ["path,emotion,speaker"]
    for number in range(8):
        write_tone(tmp_path / f"{number}.wav", hertz=100 + number, seed=number)
        lines.append(f"{number}.wav,{('anger', 'neutral')[number % 2]},{number // 2}")
    (tmp_path / "t.csv").write_text("\n".join(lines))
    (tmp_path / "file").touch()
    monkeypatch.setenv("SER_WORKSPACE", str(tmp_path / "file"))
    table = ["--data", str(tmp_path / "t.csv")]
    assert ser("manifest", "table", *table)[0] == 0
    assert ser("audit", "--corpus", "table", *table)[0] == 0


def test_pages_are_executed_by_this_python(tmp_path, monkeypatch):
    kernel = tmp_path / ".local" / "share" / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    about = {"argv": ["/other/python"], "display_name": "Python 3", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(about))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    spec = notebooks.OwnKernel(kernel_name="python3").kernel_spec
    assert spec.argv[0] == sys.executable


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("1e-3", 0.001), ("2.5", 2.5), ("true", True), ("logmel", "logmel"),
     ("a=b", "a=b"), ("null", None), ("[1, 2]", [1, 2])],
)  # fmt: skip
def test_values_of_parameters(text, value):
    found = commands.given(cli.parser().parse_args(["run", "cnn", "-p", f"name={text}"]))["name"]
    assert found == value
    assert type(found) is type(value)


def test_a_run_on_a_cluster_hands_its_work_over(ser, templates, table, monkeypatch):
    asked = []
    monkeypatch.setattr(notebooks.store, "build", lambda *_, workers, **__: asked.append(workers))
    monkeypatch.setattr(notebooks.train, "prepare", lambda *_, workers: asked.append(workers))
    monkeypatch.setattr(notebooks.train, "gather", lambda *_: None)
    monkeypatch.setattr(notebooks.live, "put_card", lambda run: None)
    monkeypatch.setattr(notebooks, "_execute_one", lambda _, page, __: os.makedirs(page.parent))
    command = ("run", "cnn", "--corpus", "table", "--data", table)
    assert ser(*command, "--scheduler", "tcp://host:8786")[0] == 0
    assert asked == ["tcp://host:8786"] * 2


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


@pytest.mark.parametrize(
    ("epochs", "out", "message"),
    [
        (3, ".", "name a file in a folder that is there"),
        (3, "nowhere/table.csv", "name a file in a folder that is there"),
        (0, "table.csv", "grid.yml: epochs must be a whole number from 1, not 0"),
    ],
)
def test_a_sweep_that_is_refused_before_work(ser, tmp_path, monkeypatch, epochs, out, message):
    monkeypatch.setattr(sweep, "run", lambda *_, **__: pytest.fail("it has begun"))
    file = tmp_path / "grid.yml"
    file.write_text(f"architecture: cnn\nparameters: {{epochs: [4, {epochs}]}}\n")
    code, printed, err = ser("sweep", file, "--out", tmp_path / out)
    assert_one_sentence(code, err, message)
    assert printed == ""
    assert [path.name for path in tmp_path.iterdir()] == ["grid.yml"]


# ser search


@pytest.fixture
def space(tmp_path, monkeypatch):
    """The file of a search, and what it was asked to do; what it finds is made up."""
    file, given = tmp_path / "space.yml", []
    ranges = "seed: 1, mixup: {low: 0, high: 0.5}, batch_size: [8, 16]"
    file.write_text(f"architecture: cnn\ntrials: 3\nparameters: {{{ranges}}}\n")
    values = ((0.1, 8, 0.5, False), (0.3, 16, 0.4, True), (0.2, 16, 0.7, False))
    trials = [
        search.Trial({"mixup": m, "batch_size": n}, uar, 2, pruned) for m, n, uar, pruned in values
    ]

    def run(asked, **options):
        given.append(options)
        about = {"architecture": "cnn", "corpus": "demo", "seed": 0, "winner": {}, "pruned": 1}
        return search.Record(**about, fixed=asked.fixed, space=asked.space, trials=trials,
                             configurations=3, importances={"mixup": 0.75})  # fmt: skip

    monkeypatch.setattr(search, "run", run)
    return file, given


def test_a_search_prints_its_best_and_the_command_that_runs_it(ser, tmp_path, space):
    file, given = space
    out = tmp_path / "table.csv"
    code, printed, err = ser("search", file, "--scheduler", "tcp://host:1", "--out", out)
    assert (code, err, given) == (0, f"written to {out}\n", [{"workers": "tcp://host:1"}])
    lines = [line.split() for line in printed.splitlines()]
    assert lines[0] == ["mixup", "batch_size", "validation_uar", "folds", "pruned"]
    assert lines[1] == ["0.2", "16", "0.700", "2", "False"]
    assert ["mixup", "0.75"] in lines
    assert list(pd.read_csv(out)["validation_uar"]) == [0.7, 0.5, 0.4]
    (command,) = re.findall(r"^ser run (.*)", printed.replace("\\\n", " "), re.MULTILINE)
    asked = cli.parser().parse_args(["run", *shlex.split(command)])
    assert (asked.notebooks, asked.corpus) == (["cnn"], "demo")
    assert commands.given(asked) == {"mixup": 0.2, "batch_size": 16, "seed": 1}
    record = json.loads(ser("search", file, "--json")[1])
    assert (record["configurations"], record["trials"][0]["validation_uar"]) == (3, 0.5)


def test_a_search_that_is_refused_before_work(ser, space):
    file, given = space
    code, _, err = ser("search", file, "--out", "nowhere/table.csv")
    assert_one_sentence(code, err, "name a file in a folder that is there")
    file.write_text("architecture: cnn\ntrials: 0\nparameters: {epochs: [1, 2]}\n")
    code, _, err = ser("search", file)
    assert_one_sentence(code, err, "space.yml: trials must be a whole number from 1, not 0")
    assert given == []


# ser predict


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a run with an untrained network."""
    keras.utils.set_random_seed(1)
    mean, std = (np.full((maps.ROWS, 1), value, np.float32) for value in (-40, 9))
    front_end = FrontEnd("cnn", "table", EMOTIONS, "logmel", 1, 2, "none", Standardiser(mean, std))
    network = networks.build("cnn", (maps.ROWS, maps.FRAMES, 1), len(EMOTIONS))
    folder = tmp_path_factory.mktemp("run")
    bundle.save(network, front_end, folder / "bundle")
    return folder


def test_emotions_of_files(ser, model, tmp_path, write_tone):
    files = [write_tone(tmp_path / f"{i}.wav", hertz=200 * i) for i in (1, 2)]
    code, out, err = ser("predict", *files, "--quiet", "--model", model)
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
    code, out, err = ser(
        "predict", bad[0], good[0], bad[1], good[1], "--quiet", "--json", "--model", model
    )
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


def test_a_folder_of_many_files(ser, model, tmp_path, write_tone, monkeypatch):
    monkeypatch.setattr(predict, "CHUNK", 2)
    here = predict.jobs.each  # processes of their own would have to load Keras
    monkeypatch.setattr(predict.jobs, "each", lambda do, todo, **_: here(do, todo, workers=0))
    names = [f"{number}.wav" for number in range(5)]
    file = write_tone(tmp_path / "mine" / names[0])
    for name in names[1:]:
        file.with_name(name).hardlink_to(file)
    code, out, err = ser("predict", tmp_path / "mine", "--model", model)
    assert code == 0
    files = [str(file.with_name(name)) for name in names]
    assert [line.split()[0] for line in out.splitlines()] == ["file", *files]
    assert "5 of 5" in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.wav", "--quiet", "--model", "run"], "missing.wav: does not exist"),
        (["empty", "--quiet", "--model", "run"], "empty holds no audio file"),
        (["a.wav", "--model", "nowhere"], "there is no run 'nowhere'"),
    ],
)
def test_a_prediction_that_is_refused(ser, model, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "run").symlink_to(model)
    code, out, err = ser("predict", *words)
    assert_one_sentence(code, err, message)
    assert out == ""


# All commands


def subcommands() -> dict[str, argparse.ArgumentParser]:
    (added,) = cli.parser()._subparsers._group_actions
    return added.choices


def test_the_bare_command_helps(ser):
    code, out, _ = ser()
    assert code == 0
    assert all(f"\n    {name}" in out for name in subcommands())
    with pytest.raises(SystemExit) as ended:
        ser("--version")
    assert ended.value.code == 0


def test_every_command_has_an_example_that_is_understood():
    for name, command in subcommands().items():
        words = shlex.split(command.epilog.partition(" > ")[0])
        assert words[:3] == ["example:", "ser", name]
        cli.parser().parse_args(words[2:])


def test_the_shell_completes_commands_and_options(ser, tmp_path):
    script = tmp_path / "ser.bash"
    script.write_text(ser("completion", "bash")[1])
    for words, at, expected in (("pre", 1, ["predict"]), ("book --pd", 2, ["--pdf"])):
        state = f"COMP_WORDS=(ser {words}); COMP_CWORD={at}"
        asked = f"source {script}; {state}; _shtab_ser; echo ${{COMPREPLY[@]}}"
        command = ["bash", "-c", asked]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.stdout.split() == expected, done.stderr


def test_a_package_that_is_missing_names_its_extra(ser, monkeypatch):
    monkeypatch.setitem(sys.modules, "nbformat", None)
    monkeypatch.delitem(sys.modules, "ser_lib.report.notebooks", raising=False)
    monkeypatch.delattr("ser_lib.report.notebooks", raising=False)
    assert_one_sentence(*ser("run", "cnn")[::2], "nbformat", "pip install 'ser-lib[report]'")


@pytest.mark.parametrize("arguments", [["sing"], ["manifest"], ["predict"]])
def test_a_command_that_is_incomplete_shows_its_usage(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: ser" in capsys.readouterr().err


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [(KeyboardInterrupt(), 130, "interrupted"), (FULL, 1, "no space left")],
)
def test_what_ends_a_command_says_what_was_kept(ser, monkeypatch, error, code, message):
    def ended(*_, **__):
        raise error

    monkeypatch.setattr(notebooks, "execute", ended)
    found, _, err = ser("run")
    assert found == code
    assert err.startswith(f"ser: {message}")
    assert "what was finished is kept" in err


def test_defects_are_not_hidden_and_debugging_shows_errors(monkeypatch):
    with pytest.raises(SerError, match="unknown corpus 'nope'"):
        cli.main(["--debug", "manifest", "nope"])
    monkeypatch.setattr(notebooks, "execute", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["run"])


def program(*arguments, stdout=subprocess.PIPE):
    command = [sys.executable, "-m", "ser_lib.cli", *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True)


def test_the_command_as_a_program(tmp_path):
    done = program("corpora")
    assert done.returncode == 0
    assert "emodb" in done.stdout
    failed = program("manifest", "emodb", "--data", str(tmp_path / "nowhere"))
    assert_one_sentence(failed.returncode, failed.stderr, "nowhere does not exist")


def test_what_the_system_denies_is_one_sentence(ser, monkeypatch):
    def corpora(options):
        """List the corpora."""
        raise OSError(errno.EROFS, "Read-only file system", "/a/b")

    monkeypatch.setattr(commands, "corpora", corpora)
    assert_one_sentence(*ser("corpora")[::2], "/a/b: Read-only file system")


def test_an_interrupt_that_is_swallowed_comes_again(ser, monkeypatch):
    def corpora(options):
        """List the corpora."""
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        time.sleep(30)

    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)
    monkeypatch.setattr(commands, "corpora", corpora)
    code, _, err = ser("corpora")
    assert (code, err.count("interrupted")) == (130, 1)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)) == handlers


def test_a_reader_who_has_seen_enough():
    """As in `ser corpora | head -1`."""
    reads, writes = os.pipe()
    os.close(reads)
    done = program("corpora", stdout=writes)
    os.close(writes)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.fixture
def two_runs(workspace):
    """Two runs in the workspace, which differ in their network and in some predictions."""
    both = [factory.make_run("cnn", seed=1), factory.make_run("cnn_gru", seed=1, skill=4.0)]
    for one in both:
        run.write(replace(one, folder=workspace / one.folder))
    return both


def test_runs_are_listed_with_their_scores(ser, two_runs, tmp_path):
    code, out, _ = ser("runs", "--json", "--out", str(tmp_path / "runs.csv"))
    rows = {row["method"]: row for row in json.loads(out)}
    assert (code, set(rows)) == (0, {"cnn", "cnn_gru"})
    for one in two_runs:
        row = rows[one.architecture]
        assert row["uar"] == pytest.approx(one.uar.value)
        assert (row["n"], row["unit"]) == (10, "speaker")
        assert row["given"] == "protocol=speaker epochs=20 seed=1"
    assert len(pd.read_csv(tmp_path / "runs.csv")) == 2
    assert f"{two_runs[0].uar.value:.2f} (" in ser("runs")[1]
    damaged = Path(rows["cnn"]["folder"])
    (damaged / "history.csv").write_text("")
    code, out, err = ser("runs", "--json")
    assert (code, [row["method"] for row in json.loads(out)]) == (0, ["cnn_gru"])
    assert f"{damaged} is damaged" in err


def test_two_runs_are_compared_by_name(ser, two_runs, tmp_path):
    code, out, _ = ser("compare", "demo/cnn_gru", "cnn", "--out", str(tmp_path / "changed.csv"))
    assert code == 0
    assert "the first is better" in out
    assert "channels" in out
    assert "\nstyle" not in out, "both have none"
    first, second = (one.predictions.set_index("utterance") for one in reversed(two_runs))
    changed = pd.read_csv(tmp_path / "changed.csv").set_index("utterance")
    shared = first["truth"] == second["truth"]
    assert shared.all()
    assert set(changed.index) == set(first.index[first["predicted"] != second["predicted"]])
    assert_one_sentence(*ser("compare", "cnn", "nothing")[::2], "no run 'nothing'")


def test_a_network_is_exported_with_its_card(ser, two_runs, model, workspace, monkeypatch):
    folder = workspace / two_runs[1].folder
    shutil.copytree(model / "bundle", folder / "bundle")
    run.write(replace(two_runs[1], folder=folder))  # it names its files
    monkeypatch.setattr(export, "litert", lambda model, precision: f"{model} {precision}".encode())
    code, out, _ = ser("export", "--model", "demo/cnn_gru", "--out", workspace / "out")
    assert code == 0
    assert str(workspace / "out" / "model.tflite") in out
    assert ser("export", "--model", "demo/cnn_gru", "--out", workspace / "out",
               "--precision", "int8")[0] == 0  # fmt: skip
    files = {file.name: file.read_text() for file in (workspace / "out").iterdir()}
    assert set(files) == {"model.tflite", "model-int8.tflite", "labels.txt", "README.md"}
    assert files["model-int8.tflite"] == f"{folder} int8"
    assert files["labels.txt"].split() == two_runs[1].emotions
    (workspace / "README.md").write_text("of somebody else")
    refused = ser("export", "--model", "demo/cnn_gru", "--out", workspace)
    assert_one_sentence(*refused[::2], "README.md is no model card of ours")
    assert (workspace / "README.md").read_text() == "of somebody else"


def test_predictions_of_others_are_scored(ser, table, tmp_path):
    corpus = corpora.load("table", str(table))
    known = corpus.table[["utterance", "emotion"]].rename(columns={"emotion": "predicted"})
    known[1:].to_csv(tmp_path / "mine.csv", index=False)
    options = ("evaluate", str(tmp_path / "mine.csv"), "--corpus", "table", "--data", str(table))
    code, out, _ = ser(*options, "--json")
    result = json.loads(out)
    assert (code, result["scores"]["uar"]["value"]) == (0, 1)
    assert result["without_prediction"] == [known["utterance"].iloc[0]]
    assert "1 utterances have no prediction" in ser(*options)[1]
    known.assign(predicted="bliss").to_csv(tmp_path / "mine.csv", index=False)
    assert_one_sentence(*ser(*options)[::2], "'bliss'")
