"""The whole report on a tiny demo corpus: every notebook executed, recorded, built and checked."""

import html
import json
import os
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from ser_lib import cli
from ser_lib.corpora import demo
from ser_lib.experiments import run as runs
from ser_lib.experiments.experiment import ARCHITECTURES
from ser_lib.pages.words import number
from ser_lib.report.notebooks import NOTEBOOKS

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A workspace in which `ser run` and `ser book` have made the report of 30 utterances."""
    folder = tmp_path_factory.mktemp("report")
    for name in ("notebooks", "book"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("runs"))
    for name in ("_config.yml", "requirements.lock"):
        shutil.copy(PROJECT / name, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SER_WORKSPACE", str(folder))
        demo.make(folder / "tiny", n_speakers=6, n_sentences=1)
        demo.make(folder / "other", n_speakers=4, n_sentences=1, seed=1)
        assert ser_run(folder) == 0
        assert cli.main(["book", "--corpus", "demo"]) == 0, "the build or a gate"
        yield folder


def ser_run(folder: Path, *notebooks: str, **changed) -> int:
    given = {"epochs": 1, "crops": 1, "seed": 3} | changed
    if not notebooks:
        given["other_dir"] = folder / "other"
    options = [word for name, value in given.items() for word in ("-p", f"{name}={value}")]
    return cli.main(["run", *notebooks, "--data", str(folder / "tiny"), *options])


def runs_of(folder: Path, architecture: str) -> list[runs.Run]:
    found = (folder / "runs" / "demo").glob(f"{architecture}-session-*/record.json")
    return [runs.read(file.parent) for file in found]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_network_leaves_a_record(report, architecture):
    (record,) = [r for r in runs_of(report, architecture) if r.record.parameters["epochs"] == 1
                 and r.record.parameters["feature_map"] == "logmel"]  # fmt: skip
    assert record.record.corpus.utterances == 30 == len(record.predictions)
    assert record.record.corpus.speakers == 6
    assert record.seed == 3
    names = [fold["name"] for fold in record.record.folds]
    assert names == ["session-S1", "session-S2", "session-S3"]
    assert set(record.history["epoch"]) == {1}
    probabilities = record.predictions.filter(regex="^p_").to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_every_notebook_is_a_page_of_the_book(report):
    pages = report / "_build" / "demo" / "html" / "runs"
    for name in NOTEBOOKS:
        assert (pages / f"{name}.html").is_file()
        assert "How this page was made" in (pages / f"{name}.html").read_text()
    text = (pages / "cnn_gru.html").read_text()
    assert "579,781" in text
    assert "Synthetic" in text, "every page that shows results of the demo corpus says so"


def test_a_second_run_executes_nothing(report, capsys):
    before = {p: p.stat().st_mtime_ns for p in (report / "runs" / "demo").glob("*-*/*.ipynb")}
    assert ser_run(report) == 0
    assert before == {p: p.stat().st_mtime_ns for p in before}
    said = capsys.readouterr().out
    assert said.count("unchanged") == len(NOTEBOOKS) + 1, "the pages, and the features"


@pytest.mark.parametrize("name", ["cnn_gru", "comparison", "data"])
def test_the_command_that_a_page_names_repeats_it(report, capsys, name):
    text = (report / "_build" / "demo" / "html" / "runs" / f"{name}.html").read_text()
    made = text.partition('id="how-this-page-was-made"')[2]
    shown = re.search(r'<div class="highlight-bash.*?<pre>(.*?)</pre>', made, re.DOTALL)[1]
    assert repeat(report, html.unescape(re.sub("<[^>]+>", "", shown))) == 0
    assert f"{name:<24} unchanged" in capsys.readouterr().out


def repeat(folder: Path, command: str) -> int:
    """Run a command that a page names, on the small corpus of these tests."""
    words = shlex.split(command.replace("\\\n", ""))[1:]
    return cli.main([*words, "--data", str(folder / "tiny")])


def test_another_report_shares_the_runs(report, capsys):
    before = {path.name for path in (report / "runs" / "demo").iterdir()}
    given = ("epochs=1", "crops=1", "seed=3", f"other_dir={report / 'other'}")
    options = [word for one in given for word in ("-p", one)]
    assert cli.main(["run", "--data", str(report / "tiny"), "--report", "again", *options]) == 0
    assert capsys.readouterr().out.count("unchanged") == len(NOTEBOOKS) + 1
    assert {path.name for path in (report / "runs" / "demo").iterdir()} == before
    one, two = (report / "runs" / "demo" / "reports" / name for name in ("demo", "again"))
    for name in NOTEBOOKS:
        assert (one / f"{name}.ipynb").read_bytes() == (two / f"{name}.ipynb").read_bytes()


def test_the_list_of_reports_has_the_numbers_of_the_chosen_network(report):
    summary = json.loads((report / "_build" / "demo" / "report.json").read_text())
    (record,) = [r for r in runs_of(report, summary["architecture"])
                 if r.record.parameters["epochs"] == 1
                 and r.record.parameters["feature_map"] == "logmel"]  # fmt: skip
    for score, value in summary["metrics"].items():
        assert value == record.record.metrics[score]
    assert summary["parameters"]["seed"] == 3
    text = (report / "_build" / "index.html").read_text()
    assert f"<b>{number(summary['metrics']['uar'])}</b>" in text
    assert "says nothing about people" in text


def test_one_notebook_with_another_parameter_leaves_the_book_alone(report):
    pages = report / "runs" / "demo" / "reports" / "demo"
    before = {p.name: p.read_bytes() for p in pages.iterdir()}
    assert cli.main(["run", "data", "--data", str(report / "tiny")]) == 0
    assert before == {p.name: p.read_bytes() for p in pages.iterdir()}


def test_an_unknown_parameter_is_refused_with_the_known_ones(report, capsys):
    assert ser_run(report, "cnn_gru", epoch=2) == 1
    said = capsys.readouterr().err
    assert "epoch" in said
    assert "did you mean 'epochs'" in said
    assert "Traceback" not in said


def test_somebody_else_s_split_is_used(report, tmp_path):
    own = runs_of(report, "cnn_gru")[0]
    lines = (own.folder / "split.csv").read_text().splitlines(keepends=True)
    given = tmp_path / "given.csv"
    given.write_text("".join(line for line in lines if "session-S3" not in line))
    assert ser_run(report, "cnn_gru", split=given) == 0
    (found,) = (report / "runs" / "demo").glob("cnn_gru-given-*/record.json")
    tested = runs.read(found.parent).predictions
    assert set(tested["fold"]) == {"session-S1", "session-S2"}
    pages = (report / "runs" / "demo").glob("cnn_gru-*/cnn_gru.ipynb")
    page = max(pages, key=lambda file: file.stat().st_mtime_ns).read_text()
    assert "a split that was read from a file" in page
    assert str(tmp_path) not in page.split("injected-parameters")[0]


@pytest.mark.parametrize(("name", "value"), [("split", 3), ("other", 3)])
def test_a_number_is_no_text(report, capsys, name, value):
    assert ser_run(report, "across" if name == "other" else "cnn_gru", **{name: value}) == 1
    assert f"{name} must be a text, not 3" in capsys.readouterr().err


def test_null_is_the_usual_value(report, capsys):
    assert ser_run(report, "cnn_gru", patience="null") == 0
    assert f"{'cnn_gru':<24} unchanged" in capsys.readouterr().out


def test_a_wrong_value_is_refused_before_anything_runs(report, capsys):
    assert ser_run(report, "cnn_gru", epochs=0) == 1
    assert "epochs must be a whole number from 1" in capsys.readouterr().err


def test_predict_with_what_a_run_left_behind(report, capsys):
    folder = str(runs_of(report, "cnn_gru")[0].folder)
    audio = [str(path) for path in sorted((report / "tiny" / "wav").glob("*.wav"))[:2]]
    capsys.readouterr()
    assert cli.main(["predict", *audio, "--model", folder, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["file"] for row in rows] == audio
    for row in rows:
        assert row["emotion"] == max(row["probabilities"], key=row["probabilities"].get)
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert cli.main(["predict", audio[0], os.devnull, "--model", folder]) == 1
    said = capsys.readouterr()
    assert audio[0] in said.out, "the good file is still answered"
    assert os.devnull in said.err
