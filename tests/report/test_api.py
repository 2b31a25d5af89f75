"""The library's reference, built for real: from the docstrings, whole, and without TensorFlow."""

import pkgutil

import pytest
from small_book import CORPUS

import ser_lib
from ser_lib.report import book
from ser_lib.report.checks import links


@pytest.fixture(scope="module")
def out(tmp_path_factory, make_workspace):
    """Return the folder of a book with the library's reference."""
    workspace = make_workspace(tmp_path_factory.mktemp("api"), api=True)
    return book.build(CORPUS, workspace=workspace).parents[1]


@pytest.fixture(scope="module")
def pages(out):
    parsed = links.read_pages(out / "html")
    return {name: page for name, page in parsed.items() if name.startswith("runs/api/")}


def test_every_public_module_is_there_and_no_private_name(pages):
    modules = {"ser_lib"} | {
        name
        for _, name, _ in pkgutil.walk_packages(ser_lib.__path__, "ser_lib.")
        if not any(part.startswith("_") for part in name.split("."))
    }
    titles = [
        title.get_text().rstrip("#") for page in pages.values() for title in page(["h1", "h2"])
    ]
    assert {title for title in titles if title.startswith("ser_lib")} == modules
    names = [tag["id"] for page in pages.values() for tag in page.select("dt.sig[id]")]
    assert len(names) > 200
    assert [name for name in names if "._" in name] == []


def test_examples_and_errors_are_shown_and_it_passes_the_gates(out, pages):
    assert ">>> " in pages["runs/api/ser_lib.metrics.html"].article.get_text()
    assert "Raises" in pages["runs/api/ser_lib.corpora.html"].article.get_text()
    assert "TensorFlow" not in (out / "build.log").read_text(), "it is made without"
    assert links.check(out / "html") == []


def test_what_sphinx_writes_is_where_the_next_build_wipes_it(out):
    workspace = out.parents[1]
    assert (workspace / "book" / "runs" / "api" / "ser_lib.rst").is_file()
    assert not list((workspace / "book").glob("*.rst"))
