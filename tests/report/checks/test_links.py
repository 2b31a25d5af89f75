"""Each gate: a small book that passes, and the same book broken on purpose."""

import nbformat
import pytest
from small_book import network_page, record

from ser_lib.core.errors import BookError
from ser_lib.core.files import seal, write_atomically
from ser_lib.report import shelf
from ser_lib.report.checks import links

ALT = "The loss falls from the first epoch on."


@pytest.fixture
def site(tmp_path):
    """Return a folder with html and a notebook (_sources/runs) that passes."""
    html = tmp_path / "html"
    (html / "runs").mkdir(parents=True)
    (html / "_static").mkdir()
    (html / "_static" / "style.css").write_text(
        '@import "other.css"; p { background: url(data:image/png;base64,AA==) }'
    )
    (html / "_static" / "a.svg").write_text("<svg/>")
    (html / "index.html").write_text('<meta http-equiv="Refresh" content="0; url=runs/cnn.html" />')
    (html / "runs" / "cnn.html").write_text(
        "<!DOCTYPE html><html><head><link rel='stylesheet' href='../_static/style.css?v=1'>"
        "<link rel='canonical' href='https://example.org/'>"
        "<script>const HOME = 'https://example.org/'; x.href = 'here';</script></head><body>"
        "<article><h1 id='top'>CNN <a href='#top'>#</a></h1>"
        "<a href='https://example.org/'>elsewhere</a> <a href='cnn.html#top'>here</a>"
        "<a href='data:text/csv;charset=utf-8,a' download>CSV</a>"
        f"<img src='../_static/a.svg' alt='{ALT}'>"
        "<img class='logo__image' src='../_static/a.svg' alt=''>"
        "</article></body></html>"
    )
    (html / "_sources" / "runs").mkdir(parents=True)
    notebook = network_page("cnn", record("cnn"))
    nbformat.write(notebook, html / "_sources" / "runs" / "cnn.ipynb")
    return tmp_path


def said(site, gate: str) -> str:
    """Return what one gate says; no other gate may say anything."""
    findings = links.check(site / "html")
    assert {finding.gate for finding in findings} == {gate}, findings
    return "\n".join(map(str, findings))


def replace(site, old: str, new: str) -> None:
    path = site / "html" / "runs" / "cnn.html"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_sound_book_passes(site):
    assert links.check(site / "html") == []


def test_no_book_and_no_notebook_are_errors(site):
    notebook = site / "html" / "_sources" / "runs" / "cnn.ipynb"
    notebook.write_text("{")
    with pytest.raises(BookError, match=r"cnn\.ipynb is not a notebook"):
        links.check(site / "html")
    notebook.unlink()
    with pytest.raises(BookError, match="nothing to check"):
        links.check(site / "html")
    with pytest.raises(BookError, match="no book in"):
        links.check(site)


def test_what_was_altered_is_found(site, monkeypatch):
    monkeypatch.setenv("SER_WORKSPACE", str(site))
    html, runs = site / "html", site / "runs"
    (path,) = (html / "_sources" / "runs").iterdir()
    (run,) = shelf.records(nbformat.read(path, as_version=4))
    write_atomically(runs / run / "record.json", "{}")
    for folder in (html, runs / run):
        seal(folder)
    assert links.check(html) == []
    (html / "_static" / "a.svg").write_text("<svg> </svg>")
    (runs / run / "record.json").write_text("[]")
    text = said(site, "altered")
    assert "_static/a.svg is not as" in text
    assert f"{run}: record.json is not as" in text


ERROR = nbformat.v4.new_output("error", ename="ValueError", evalue="x", traceback=[])
ADDRESS = nbformat.v4.new_output("stream", text="<Axes object at 0x7f00deadbeef>\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda nb: nb.cells[1].outputs.append(ERROR), "cell 2 ends in ValueError"),
        (lambda nb: nb.cells[1].outputs.append(ADDRESS), "0x7f00deadbeef"),
    ],
)
def test_a_notebook_that_cannot_be_published(site, change, message):
    path = site / "html" / "_sources" / "runs" / "cnn.ipynb"
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)
    assert message in said(site, "notebooks")


@pytest.mark.parametrize(
    "tag",
    [
        "<script>document.title = 1</script>",
        "<img alt='A finding' src='../_static/a.svg' onerror='alert(1)'>",
        "<a href=' JavaScript:alert(1)'>x</a>",
        "<a href='java\nscript:alert(1)'>x</a>",
        "<a href='data:text/html,x'>x</a>",
        "<a href='file:///etc/passwd'>x</a>",
        "<iframe srcdoc='x'></iframe>",
        "<form><input></form>",
        "<style>p { display: none }</style>",
    ],
)
def test_a_text_that_became_code(site, tag):
    replace(site, "</body>", f"<article><p>{tag}</p></article></body>")
    assert "which is code" in said(site, "code")


@pytest.mark.parametrize(
    "tag",
    [
        "<script src='https://cdn.example/x.js'></script>",
        "<link rel='stylesheet' href='//cdn.example/x.css'>",
        "<link rel='preconnect' href='https://cdn.example'>",
        "<link rel='icon' href='https://cdn.example/i.png'>",
        "<img alt='A finding' src='https://cdn.example/x.png'>",
        "<img alt='A finding' src='../_static/a.svg' srcset='https://cdn.example/x.png 2x'>",
        "<iframe src='https://cdn.example/'></iframe>",
        "<video><source src='https://cdn.example/x.mp4'></video>",
        "<object data='https://cdn.example/x'></object>",
        "<svg><image href='https://cdn.example/x.png'/></svg>",
        "<meta http-equiv='refresh' content='0; url=https://cdn.example/'>",
    ],
)
def test_external_request_in_a_page(site, tag):
    replace(site, "</body>", f"{tag}</body>")
    assert "//cdn.example" in said(site, "requests")


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("missing.html", "no file"),
        ("cnn.html#nowhere", "no anchor"),
        ("#nowhere", "no anchor"),
        ("/runs/cnn.html", "out of the book"),
        ("../../runs/", "out of the book"),
    ],
)
def test_broken_link(site, address, fault):
    replace(site, "</body>", f"<a href='{address}'>x</a></body>")
    assert f"{address} leads {'to ' if 'no' in fault else ''}{fault}" in said(site, "links")


def test_an_anchor_that_is_there_twice(site):
    replace(site, "</body>", "<h2 id='top'>Again</h2></body>")
    assert "the anchor top is there 2 times" in said(site, "links")


def test_missing_and_heavy_pictures(site, monkeypatch):
    picture = site / "html" / "_static" / "a.svg"
    picture.unlink()
    assert "a.svg leads to no file" in said(site, "links")
    picture.write_bytes(b" " * links.PAGE_BYTES)
    assert "runs/cnn.html: 3.0 MB" in said(site, "weight")
    picture.write_text("<svg/>")
    monkeypatch.setattr(links, "BOOK_BYTES", 1000)
    assert "the book" in said(site, "weight")
