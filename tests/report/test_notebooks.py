"""The whole report on a tiny demo corpus: every notebook executed, recorded, built and checked.

One fold that somebody else made is all that is trained: what takes time is to begin a training, not
an epoch. The usual protocol is that of `make book`, and of the tests of `experiments`.
"""

import json
import pkgutil
import shlex
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import ser_lib
from ser_lib import cli, corpora
from ser_lib.core import jobs
from ser_lib.corpora import demo
from ser_lib.experiments import run as runs
from ser_lib.experiments import splits
from ser_lib.experiments.experiment import ARCHITECTURES
from ser_lib.pages.words import number
from ser_lib.report import notebooks
from ser_lib.report.checks import links
from ser_lib.report.templates import NOTEBOOKS

PROJECT = Path(__file__).parents[2]
PARTS = dict.fromkeys(("S1F", "S1M"), "train") | {"S2F": "validation"}
PARTS |= dict.fromkeys(("S2M", "S3F", "S3M"), "test")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A workspace in which `ser run` and `ser book` have made the report of 30 utterances."""
    folder = tmp_path_factory.mktemp("report")
    for name in ("notebooks", "book"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("runs"))
    for name in ("_config.yml", "requirements.lock"):
        shutil.copy(PROJECT / name, folder)
    each = jobs.each  # in this process: of six networks, each would have to start TensorFlow
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "each", lambda *given, **o: each(*given, **o | {"workers": 1}))
        patch.setenv("SER_WORKSPACE", str(folder))
        demo.make(folder / "tiny", n_speakers=6, n_sentences=1)
        demo.make(folder / "other", n_speakers=4, n_sentences=1, seed=1)
        corpus = corpora.load("demo", folder / "tiny").table
        theirs = corpus[["utterance"]].assign(predicted="anger", fold=corpus["session"])
        theirs.to_csv(folder / "theirs.csv", index=False)
        part = corpus["speaker"].map(PARTS)
        rows = [np.flatnonzero(part == name) for name in splits.PARTS]
        splits.write(folder / "given.csv", [splits.Fold("one", *rows)], corpus)
        assert whole_report(folder) == 0
        assert cli.main(["book", "--corpus", "demo"]) == 0, "the build or a gate"
        yield folder


def ser_run(folder: Path, *notebooks: str, **changed) -> int:
    given = {"epochs": 1, "crops": 1, "copies": "none", "seed": 3, "split": folder / "given.csv"}
    given |= changed
    options = [word for name, value in given.items() for word in ("-p", f"{name}={value}")]
    return cli.main(["run", *notebooks, "--data", str(folder / "tiny"), *options])


def whole_report(folder: Path, *options: str) -> int:
    options = ("--predictions", str(folder / "theirs.csv"), *options)
    return ser_run(folder, *options, other_dir=folder / "other", utterances=3)


def run_of(folder: Path, architecture: str) -> runs.Run:
    """The run that the report reads; the page on features has another one of the same network."""
    files = (folder / "runs" / "demo").glob(f"{architecture}-given-*/record.json")
    (run,) = (run for run in (runs.read(file.parent) for file in files)
              if run.record.parameters["feature_map"] == "logmel")  # fmt: skip
    return run


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_network_leaves_a_record(report, architecture):
    run = run_of(report, architecture)
    assert (run.record.corpus.utterances, run.record.corpus.speakers, run.seed) == (30, 6, 3)
    assert [fold["name"] for fold in run.record.folds] == ["one"]
    assert set(run.predictions["speaker"]) == {"S2M", "S3F", "S3M"}
    assert len(run.predictions) == 15
    assert set(run.history["epoch"]) == {1}
    np.testing.assert_allclose(run.probabilities.sum(axis=1), 1, atol=1e-5)


def test_every_notebook_is_a_page_of_the_book(report):
    pages = report / "_build" / "demo" / "html" / "runs"
    for name in NOTEBOOKS:
        assert "How this page was made" in (pages / f"{name}.html").read_text()
    text = (pages / "cnn_gru.html").read_text()
    assert "579,781" in text
    assert "Synthetic" in text, "every page that shows results of the demo corpus says so"


def test_no_page_outlives_an_interrupt(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_WORKSPACE", str(tmp_path))
    (tmp_path / "runs").mkdir()
    cells = [new_code_cell(f"__import__('time').sleep({seconds})") for seconds in (0, 600)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "long.ipynb")
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(
            notebooks._execute_one, tmp_path / "long.ipynb", tmp_path / "page.ipynb", {}
        )
        notebooks._end([page])
        assert page.exception() is not None
    assert sorted(file.name for file in tmp_path.rglob("*.ipynb")) == ["long.ipynb"]


def test_predictions_of_another_program_are_a_page(report):
    text = (report / "_build" / "demo" / "html" / "runs" / "own.html").read_text()
    assert "<strong>model theirs</strong>" in text
    assert str(report) not in text


def test_a_second_run_executes_nothing_and_another_report_shares_all(report, capsys):
    before = {p: p.stat().st_mtime_ns for p in (report / "runs" / "demo").rglob("*.*")}
    for options in ((), ("--report", "again")):
        assert whole_report(report, *options) == 0
        said = capsys.readouterr().out
        assert said.count("unchanged") == len(NOTEBOOKS) + 1, "the pages, and the features"
    one, two = (report / "runs" / "demo" / "reports" / name for name in ("demo", "again"))
    for name in NOTEBOOKS:
        assert (one / f"{name}.ipynb").read_bytes() == (two / f"{name}.ipynb").read_bytes()
    made = {p for p in before if "reports" not in p.parts}
    assert {p: before[p] for p in made} == {p: p.stat().st_mtime_ns for p in made}


def command_of(page: Path) -> list[str]:
    """The words of the command that an executed page says makes it again, without its data."""
    made = nbformat.read(page, as_version=4).cells[-1].outputs[0].data["text/markdown"]
    command = made.split("```bash\n")[1].split("\n```")[0]
    return shlex.split(command.replace("\\\n", ""))[1:]


@pytest.mark.parametrize(
    ("name", "corpora", "same"),
    [
        ("data", "demo", "data"),
        # The page was asked for by other words, so it is a new one, of the same run.
        ("cnn_gru", "demo", "networks"),
        ("comparison", "demo", "networks"),
        ("across", "demo,demo2", "networks"),
    ],
)
def test_the_command_that_a_page_names_repeats_it(report, capsys, monkeypatch, name, corpora, same):
    page = report / "runs" / "demo" / "reports" / "demo" / f"{name}.ipynb"
    words = command_of(page)
    assert words[:4] == ["run", name, "--corpus", corpora]
    if name == "cnn_gru":
        assert {"protocol=given", "split=split.csv"} <= set(words)
        text = page.read_text()
        assert "a split that was read from a file" in text
        assert str(report) not in text.split("injected-parameters")[0]
    monkeypatch.chdir(run_of(report, "cnn_gru").folder)  # where the page says that the split is
    before = set((report / "runs").glob("*/*/record.json"))
    folders = ",".join(str(report / one) for one in ("tiny", "other")[: len(corpora.split(","))])
    assert cli.main([*words, "--data", folders]) == 0
    assert f"{same:<24} unchanged" in capsys.readouterr().out
    assert set((report / "runs").glob("*/*/record.json")) == before, "no run is a new one"


def test_the_list_of_reports_has_the_numbers_of_the_chosen_network(report):
    summary = json.loads((report / "_build" / "demo" / "report.json").read_text())
    metrics = run_of(report, summary["architecture"]).record.metrics
    assert summary["metrics"].items() <= metrics.items()
    text = (report / "_build" / "index.html").read_text()
    assert f"<b>{number(summary['metrics']['uar'])}</b>" in text
    assert "says nothing about people" in text


def test_one_notebook_with_another_parameter_leaves_the_book_alone(report):
    pages = report / "runs" / "demo" / "reports" / "demo"
    before = {p.name: p.read_bytes() for p in pages.iterdir()}
    assert cli.main(["run", "data", "--data", str(report / "tiny")]) == 0
    assert before == {p.name: p.read_bytes() for p in pages.iterdir()}


@pytest.mark.parametrize(("notebook", "name"), [("cnn_gru", "split"), ("across", "other")])
def test_a_number_is_no_text(report, capsys, notebook, name):
    assert ser_run(report, notebook, **{name: 3}) == 1
    assert f"{name} must be a text, not 3" in capsys.readouterr().err


def test_null_is_the_usual_value(report, capsys):
    assert ser_run(report, "cnn_gru", mixup="null") == 0
    assert f"{'cnn_gru':<24} unchanged" in capsys.readouterr().out


def test_predict_with_what_a_run_left_behind(report, capsys):
    folder = str(run_of(report, "cnn_gru").folder)
    audio = str(min((report / "tiny" / "wav").glob("*.wav")))
    assert cli.main(["predict", audio, "--model", folder, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["file"] == audio
    assert row["emotion"] == max(row["probabilities"], key=row["probabilities"].get)


# The library's reference, from its docstrings


@pytest.fixture(scope="module")
def reference(report):
    parsed = links.read_pages(report / "_build" / "demo" / "html")
    return {name: page for name, page in parsed.items() if name.startswith("runs/api/")}


def test_every_public_module_is_there_and_no_private_name(reference):
    modules = {"ser_lib"} | {
        name
        for _, name, _ in pkgutil.walk_packages(ser_lib.__path__, "ser_lib.")
        if not any(part.startswith("_") for part in name.split("."))
    }
    titles = [
        title.get_text().rstrip("#") for page in reference.values() for title in page(["h1", "h2"])
    ]
    assert {title for title in titles if title.startswith("ser_lib")} == modules
    names = [tag["id"] for page in reference.values() for tag in page.select("dt.sig[id]")]
    assert len(names) > 200
    assert [name for name in names if "._" in name] == []


def test_examples_and_errors_are_shown_and_tensorflow_is_not_needed(report, reference):
    assert ">>> " in reference["runs/api/ser_lib.metrics.html"].article.get_text()
    assert "Raises" in reference["runs/api/ser_lib.features.html"].article.get_text()
    assert "TensorFlow" not in (report / "_build" / "demo" / "build.log").read_text()


def test_what_sphinx_writes_is_where_the_next_build_wipes_it(report):
    assert (report / "book" / "runs" / "api" / "ser_lib.rst").is_file()
    assert not list((report / "book").glob("*.rst"))
