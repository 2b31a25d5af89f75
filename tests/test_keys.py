"""Keys of runs and pages: what changes them, and what must not."""

import json
import shutil
from pathlib import Path

import pytest

from ser_lib import corpora
from ser_lib.core import files
from ser_lib.experiments import train
from ser_lib.experiments.experiment import Experiment
from ser_lib.pages import speed
from ser_lib.report import notebooks

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the library and the notebooks, whose files decide the keys from now on."""
    for name in ("ser_lib", "notebooks"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=ignored)
    shutil.copy(PROJECT / "requirements.lock", tmp_path)
    monkeypatch.setattr(files, "LIBRARY", tmp_path / "ser_lib")
    monkeypatch.setenv("SER_WORKSPACE", str(tmp_path))
    return tmp_path


@pytest.fixture
def corpus(tmp_path, make_table):
    return corpora.load("table", make_table(tmp_path / "tones", each=1))


def run_key(corpus, architecture="cnn") -> str:
    experiment = Experiment(architecture=architecture, corpus="table", epochs=1)
    return train.run_folder(experiment, corpus, train.audited(experiment, corpus)).name


def page_keys(corpus, names=("gap", "audit", "conclusions", "cnn")) -> dict[str, str]:
    notebooks._imports.cache_clear()
    return {
        name: notebooks._page(name, {"corpus": "table"}, ["a run"], corpus).parent.name
        for name in names
    }


def append(file: Path, text: str) -> None:
    assert file.is_file()
    file.write_text(file.read_text() + text)


def changed(before: dict, after: dict) -> set[str]:
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize("place", ["ser_lib/pages/text/gap/scores.md", "notebooks/gap.ipynb"])
def test_a_comma_in_a_page_executes_that_page_alone(copy, corpus, place):
    run, pages = run_key(corpus), page_keys(corpus)
    file = copy / place
    if file.suffix == ".ipynb":
        notebook = json.loads(file.read_text())
        notebook["cells"][0]["source"].append(",")
        file.write_text(json.dumps(notebook))
    else:
        append(file, ",\n")
    assert run_key(corpus) == run
    assert changed(pages, page_keys(corpus)) == {"gap"}


@pytest.mark.parametrize(
    "place",
    ["ser_lib/report/book.py", "ser_lib/cli/commands.py", "ser_lib/report/checks/links.py",
     "requirements.lock"],
)  # fmt: skip
def test_the_report_and_development_packages_change_nothing(copy, corpus, place):
    run, pages = run_key(corpus), page_keys(corpus)
    append(copy / place, "# a comment\n")
    assert run_key(corpus) == run
    assert page_keys(corpus) == pages


def test_a_page_that_changes_trains_nothing(copy, corpus):
    run, pages = run_key(corpus), page_keys(corpus)
    append(copy / "ser_lib/pages/gap.py", "# a comment\n")
    assert run_key(corpus) == run
    assert changed(pages, page_keys(corpus)) == {"gap"}


def test_new_benchmarks_execute_the_page_on_speed_alone(copy, corpus):
    pages = page_keys(corpus, ("speed", "gap"))
    speed.results_file().parent.mkdir()
    speed.results_file().write_text("{}")
    assert changed(pages, page_keys(corpus, pages)) == {"speed"}


def test_a_search_executes_the_page_of_its_method_alone(copy, corpus):
    run, pages = run_key(corpus), page_keys(corpus)
    (copy / "runs" / "table" / "search").mkdir(parents=True)
    (copy / "runs" / "table" / "search" / "cnn-0123.json").write_text("{}")
    assert run_key(corpus) == run
    assert changed(pages, page_keys(corpus)) == {"cnn"}


def test_a_network_is_keyed_by_its_own_file(copy, corpus):
    keys = {name: run_key(corpus, name) for name in ("cnn", "cnn_gru")}
    append(copy / "ser_lib/models/networks/cnn_gru.py", "# a comment\n")
    (copy / "ser_lib/models/networks/mine.py").write_text("# a network\n")
    assert changed(keys, {name: run_key(corpus, name) for name in keys}) == {"cnn_gru"}


@pytest.mark.parametrize("place", ["features/maps.py", "experiments/fit.py", "models/windows.py"])
def test_code_that_decides_numbers_changes_the_key(copy, corpus, place):
    run = run_key(corpus)
    append(copy / "ser_lib" / place, "# a comment\n")
    assert run_key(corpus) != run
