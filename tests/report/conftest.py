"""A workspace with a small book in it, built once."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from small_book import (
    CORPUS,
    NETWORKS,
    final_page,
    listen_page,
    live_page,
    network_page,
    page,
    put,
    record,
    run,
)  # fmt: skip

from ser_lib.experiments.run import write
from ser_lib.report import book

API = "      - file: api\n"
PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def make_workspace():
    """Return a function that makes a workspace with executed pages and records in a folder.

    The library's reference is not in its book: it takes longer than all the rest.
    """

    def make(folder: Path, *, api: bool = False) -> Path:
        ignored = shutil.ignore_patterns("runs", "litert")
        shutil.copytree(PROJECT / "book", folder / "book", ignore=ignored)
        shutil.copy(PROJECT / "_config.yml", folder)
        if not api:
            toc = folder / "book" / "_toc.yml"
            assert API in toc.read_text()
            toc.write_text(toc.read_text().replace(API, ""))
            (folder / "book" / "api.md").unlink()
        runs = folder / "runs" / CORPUS
        (runs / "reports" / CORPUS).mkdir(parents=True)
        names = book.page_names(book.contents(folder / "book/_toc.yml"))
        pages = {name: page(name.title()) for name in names}
        pages |= {"listen": listen_page(), "live": live_page()}
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
