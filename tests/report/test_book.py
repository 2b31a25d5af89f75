"""The book is built for real, from small notebooks, and read as html."""

import re
from base64 import b64encode

import amendments
import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from small_book import CORPUS, display, figure_cell, network_page, page, put, record, shown

from ser_lib.core.errors import BookError
from ser_lib.report import book, notebooks
from ser_lib.report.checks import links

OUT = f"_build/{CORPUS}"
FILES = ["build.log", "html", "report.json"]


def read(html, name: str) -> str:
    return (html / f"{name}.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def cnn(html):
    """Return the page of the network `cnn`."""
    return read(html, "runs/cnn")


def all_files(folder) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_the_book_is_where_it_says_and_passes_its_gates(workspace, html):
    assert sorted(path.name for path in (workspace / OUT).iterdir()) == FILES
    assert "build succeeded" in (workspace / OUT / "build.log").read_text()
    for _, path in book.contents(workspace / "book" / "_toc.yml"):
        assert (html / f"{path}.html").is_file()
    assert "url=runs/introduction.html" in read(html, "index")
    assert links.check(html) == []


def test_figures_are_numbered_and_described(cnn):
    assert 'alt="The loss falls from the first epoch on."' in cnn
    caption = r'<span class="caption-number">(Figure \d+) </span><span class="caption-text">Loss\.'
    (number,) = re.findall(caption, cnn)
    assert f'href="#cnn-curves"><span class="std std-numref">{number}</span>' in cnn


def test_every_output_of_a_cell_with_several_figures_is_shown(html):
    text = read(html, "runs/listen")
    for name in ("one", "other"):
        assert f'alt="The finding of {name}."' in text
        assert re.search(
            rf'id="listen-{name}".*?caption-text">Caption of {name}\.', text, re.DOTALL
        )
    figures = re.findall(r"<figure.*?</figure>", text, re.DOTALL)
    assert "<strong>between</strong>" in re.sub("|".join(map(re.escape, figures)), "", text)


def test_style_sheets_and_scripts_come_in_a_fixed_order(workspace, cnn):
    ours = {path.name for path in (workspace / "book" / "_static").glob("*.*s")}
    for tag in (r"<link[^>]*_static/(\w+\.css)", r"<script[^>]*_static/(\w+\.js)"):
        found = [name for name in re.findall(tag, cnn) if name in ours]
        assert found == sorted(set(found))
        assert found, "the book has its own"


def test_citations_terms_and_formulas_work_without_a_network(html, cnn):
    assert "Ioffe and Szegedy" in cnn
    assert 'href="../glossary.html#term-UAR"' in cnn
    assert "<math " in cnn
    assert "<mfrac>" in read(html, "glossary")
    assert not any("mathjax" in name.lower() for name in all_files(html))


def test_what_readers_should_not_see_is_gone(html, cnn):
    assert "a warning of a library" not in cnn  # standard error
    assert "epochs" not in BeautifulSoup(cnn, "html.parser").article.get_text()  # parameters
    assert "The Jupyter Book community" not in cnn
    assert "unpkg.com" not in cnn  # thebe, which runs code on another server
    assert cnn.count('id="search-input"') == 1
    assert "fontawesome" in cnn
    assert "all.min.js" not in cnn
    assert not any("all.min.js" in name or name.endswith(".map") for name in all_files(html))


def test_it_says_which_corpus_it_is_of(html):
    text = read(html, "runs/data")
    banner = re.search(r'announcement__content">(.*?)</div>', text, re.DOTALL).group(1)
    assert "Demo &lt;corpus&gt;" in banner
    assert "nothing about people" in banner
    assert "Computed on Demo &lt;corpus&gt;: 63 utterances of 4 speakers" in text


def test_amendments_still_find_what_they_amend(html):
    pages = "".join(path.read_text() for path in html.rglob("*.html"))
    assert '<div class="pst-scrollable-table-container" tabindex="0">' in pages
    assert '<figure tabindex="0" class="align-default" id="cnn-curves">' in pages
    assert 'role="complementary" aria-label="Report"' in pages
    assert 'data-definition="Unweighted average recall, ' in pages
    assert "Toggle hidden content" not in pages
    assert "doc-biblioentry" not in pages
    assert not re.search(r'search-button-field[^>]*aria-label="Search"', pages)


def test_only_code_that_is_shorter_than_a_line_is_marked_so(tmp_path):
    code = '<code class="docutils literal notranslate">{}</code>'
    seeds = '<span class="pre">-p</span> <span class="pre">seeds=3</span>'
    short = seeds, "&lt;" * amendments.SHORT
    long = "x" * (amendments.SHORT + 1)
    page = tmp_path / "a.html"
    page.write_text("".join(code.format(words) for words in (*short, long)))
    amendments.amend(tmp_path)
    marked = code.replace("notranslate", "notranslate short")
    assert page.read_text() == "".join(map(marked.format, short)) + code.format(long)


def test_notebooks_for_download_name_no_folder_and_no_time(workspace, html):
    path = html / "_sources" / "runs" / "cnn.ipynb"
    text = path.read_text(encoding="utf-8")
    assert "/somewhere" not in text
    assert "start_time" not in text
    assert nbformat.read(path, as_version=4).metadata["papermill"]["parameters"] == {"epochs": 1}
    assert str(workspace) not in text


def test_what_players_play_becomes_files_that_a_page_does_not_load(tmp_path):
    sound = (
        '<audio preload="none" src="data:audio/mpeg;base64,{}" data-map="data:image/png;base64,{}">'
    )
    texts = [sound.format(b64encode(name).decode(), "AAAA") for name in (b"one", b"two", b"one")]
    cell = shown(display("".join(texts), "text/html"))
    book._take_files(cell, tmp_path)
    html = BeautifulSoup(cell.outputs[0].data["text/html"], "html.parser")
    heard = [(tmp_path / player["src"]).read_bytes() for player in html("audio")]
    assert heard == [b"one", b"two", b"one"]
    assert len(list((tmp_path / book.AUDIO).iterdir())) == 3, "each once, and the picture"
    (tmp_path / "page.html").write_text(str(html))
    assert links.files_of(tmp_path, "page.html", html) == [tmp_path / "page.html"]
    assert list(links.broken_links(tmp_path, {"page.html": html})) == []
    (tmp_path / html.audio["data-map"]).unlink()
    assert "leads to no file" in str(next(links.broken_links(tmp_path, {"page.html": html})))


def test_folders_of_this_machine_become_names(tmp_path):
    notebook = page("A page")
    elsewhere = tmp_path.parent / "elsewhere"
    folders = f"{elsewhere / 'emodb'},,{elsewhere / 'savee'}"
    given = {"data_dir": folders, "other_dir": str(elsewhere / "nemo"), "folds": 5}
    notebook.metadata["papermill"]["parameters"] = given
    notebook.cells[1].source = f"a = {folders!r}\nb = {given['other_dir']!r}\nc = '{tmp_path}/runs'"
    text = book._publishable(notebook, tmp_path)
    assert str(tmp_path.parent) not in text
    assert nbformat.reads(text, as_version=4).cells[1].source == (
        "a = 'emodb,,savee'\nb = 'nemo'\nc = './runs'"
    )


def test_a_short_folder_is_replaced_as_a_whole_path_alone(tmp_path):
    kept = "see runs/data, https://a.org/data/x, AAA/data==, /database and ./data"
    notebook = page("A page")
    notebook.metadata["papermill"]["parameters"]["data_dir"] = "/data"
    notebook.cells[0].source = kept
    notebook.cells[1].source = "data_dir = '/data'\n/data/wav/a.wav"
    found = nbformat.reads(book._publishable(notebook, tmp_path), as_version=4)
    assert found.cells[0].source == kept
    assert found.cells[1].source == "data_dir = 'data'\ndata/wav/a.wav"


def test_a_warning_fails_the_build_and_leaves_the_book_before(tmp_path, make_workspace):
    workspace = make_workspace(tmp_path)
    toc = "format: jb-book\nroot: runs/introduction\nchapters:\n"
    names = "runs/cnn", "runs/final", "glossary", "references"
    (workspace / "book/_toc.yml").write_text(toc + "".join(f"- file: {n}\n" for n in names))
    before = tmp_path / OUT / "html" / "index.html"
    before.parent.mkdir(parents=True)
    before.write_text("the book before")
    notebook = network_page("cnn", record("cnn"))
    notebook.cells[0].source += "\n\n{term}`unheard of` and $\\nosuchcommand$"
    put(workspace, "cnn", notebook)
    figure = figure_cell("a-line", "A line falls.", "A line.")
    del figure.outputs[0].data["image/png"]
    put(workspace, "final", page("Final", figure))
    with pytest.raises(BookError) as error:
        book.build(CORPUS, workspace=workspace)
    message = str(error.value)
    assert "there is no a-line.png" in message
    assert "unheard of" in message
    assert "cannot become MathML" in message
    assert f"{OUT}/build.log" in message
    assert before.read_text() == "the book before"
    assert sorted(path.name for path in (tmp_path / OUT).iterdir()) == ["build.log", "html"]


def test_a_full_disk_is_why_a_book_does_not_build(on_a_small_disk):
    told = on_a_small_disk(
        """
        from ser_lib.core.errors import BookError, SpaceError
        from ser_lib.report import book

        book.JUPYTER_BOOK = "import os; os.write(1, bytes(4_000_000)); raise SystemExit(1)"
        for name in ("full", "large"):
            try:
                book._run_jupyter_book(disk / "book", disk, disk, log=disk / "build.log")
            except (BookError, SpaceError) as error:
                told[name] = f"{type(error).__name__}: {error}"
            enlarge()
        told["left"] = [path.name for path in disk.iterdir()]
        """,
        kilobytes=2_000,
    )
    assert told["full"].startswith("SpaceError: no space left to write")
    assert told["large"].startswith("BookError: the book does not build")
    assert "room" not in told["left"]


def test_what_is_missing_or_no_notebook_is_named(tmp_path, make_workspace):
    workspace = make_workspace(tmp_path)
    page = workspace / "runs" / CORPUS / "reports" / CORPUS / "cnn_gru.ipynb"
    page.write_text("{")
    with pytest.raises(BookError, match=r"cnn_gru.ipynb is not a notebook"):
        book.build(CORPUS, workspace=workspace)
    page.unlink()
    with pytest.raises(BookError, match=r"lacks 1 of its \d+ pages \(cnn_gru\).*ser run --corpus"):
        book.build(CORPUS, workspace=workspace)
    with pytest.raises(BookError, match=r"the book of 'emodb' lacks (\d+) of its \1 pages"):
        book.build("emodb", workspace=workspace)


def test_the_table_of_contents_has_every_notebook(workspace):
    paths = [path for _, path in book.contents(workspace / "book" / "_toc.yml")]
    assert paths[0] == "runs/introduction"
    pages = {f"runs/{name}" for name in notebooks.NOTEBOOKS}
    assert {path for path in paths if path.startswith("runs/")} == pages
    assert len(paths) == len({*paths})


def test_extensions_are_jupyter_books_own(workspace):
    from jupyter_book.config import get_default_sphinx_config

    config = yaml.safe_load((workspace / "_config.yml").read_text())
    ours = set(config["sphinx"]["config"]["extensions"])
    own = set(get_default_sphinx_config()["extensions"])
    assert own - ours == {"sphinx_thebe", "sphinx.ext.intersphinx"}
    assert {path.stem for path in (workspace / "book" / "_ext").glob("*.py")} == {
        name for name in ours - own if "." not in name
    }


def test_publish_builds_checks_and_says_where(workspace, html, monkeypatch, capsys):
    index = html / "index.html"
    monkeypatch.setenv("SER_WORKSPACE", str(workspace))
    monkeypatch.setenv("SER_CHROMIUM", "no-browser")
    monkeypatch.setattr(book, "build", lambda corpus, **_: index)
    packed = []
    monkeypatch.setattr(book.archive, "write", lambda *given, **_: packed.append(given))
    assert book.publish(CORPUS, with_archive=True) == []
    said = capsys.readouterr().out.splitlines()
    assert packed == [(html, html.parent / f"{CORPUS}.zip")]
    assert said[0].startswith("not checked in a browser")
    assert said[-1] == f"the book: {index}"
