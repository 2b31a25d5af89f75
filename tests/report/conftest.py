"""A workspace with two small books in it, built once for all tests that read one."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from small_book import (
    CORPUS,
    LONG,
    NETWORKS,
    downloads_page,
    final_page,
    listen_page,
    live_page,
    markup_page,
    network_page,
    page,
    put,
    record,
    run,
)  # fmt: skip

from ser_lib.experiments.run import write
from ser_lib.report import book
from ser_lib.report.checks import browser

API = "      - file: api\n"
PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def make_workspace():
    """Return a function that makes a workspace with executed pages and records in a folder.

    The library's reference is not in its book: it takes longer than all the rest.
    """

    def make(folder: Path) -> Path:
        ignored = shutil.ignore_patterns("runs", "litert", "api.md")
        shutil.copytree(PROJECT / "book", folder / "book", ignore=ignored)
        shutil.copy(PROJECT / "_config.yml", folder)
        toc = folder / "book" / "_toc.yml"
        assert API in toc.read_text()
        toc.write_text(toc.read_text().replace(API, ""))
        runs = folder / "runs" / CORPUS
        (runs / "reports" / CORPUS).mkdir(parents=True)
        names = [path.partition("runs/")[2] for _, path in book.contents(toc)]
        pages = {name: page(name.title()) for name in names if name}
        pages |= {"listen": listen_page(), "live": live_page()}
        pages |= {"features": downloads_page(), "data": markup_page()}
        for name in NETWORKS:
            write(replace(run(name), folder=runs / f"{name}-speaker-0123"))
            pages[name] = network_page(name, record(name))
        pages["final"] = final_page(record("cnn_gru"), "cnn_gru-speaker-0123")
        for name, notebook in pages.items():
            put(folder, name, notebook)
        return folder

    return make


@pytest.fixture(scope="session")
def workspace(tmp_path_factory, make_workspace):
    """Return a workspace with its book built once for the whole session."""
    folder = make_workspace(tmp_path_factory.mktemp("first"))
    book.build(CORPUS, workspace=folder)
    return folder


@pytest.fixture(scope="session")
def html(workspace):
    """Return the folder of the built book."""
    return workspace / "_build" / CORPUS / "html"


@pytest.fixture(scope="session")
def long(workspace):
    """Return the folder of the book of another report of the corpus, with a PDF if one can be."""
    runs = workspace / "runs" / CORPUS
    data = record("cnn_lstm")
    data["metrics"] |= {"uar": data["metrics"]["uar"] + 0.1, "uar_ci95": [0.72, 0.8349]}
    (runs / "cnn_lstm-speaker-4567").mkdir()
    (runs / "cnn_lstm-speaker-4567" / "record.json").write_text(json.dumps(data))
    shutil.copytree(runs / "reports" / CORPUS, runs / "reports" / LONG)
    for path in (runs / "reports" / LONG).glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        if path.stem == "final":
            notebook = final_page(data, "cnn_lstm-speaker-4567")
        notebook.metadata["papermill"]["parameters"] = {"epochs": 9}
        nbformat.write(notebook, path)
    prints = not browser.why_not()
    return book.build(CORPUS, workspace=workspace, report=LONG, with_pdf=prints).parent
