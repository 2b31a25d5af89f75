"""Each gate: a small book that passes, and the same book broken on purpose."""

import copy
import json

import nbformat
import pytest
from small_book import CORPUS, figure_cell, network_page, page, record

from ser_lib.core.errors import BookError
from ser_lib.report.checks import links

FOLDER = "cnn-speaker-0123"
ALT = "The loss falls from the first epoch on."


def table(data: dict) -> str:
    """Return a classification report as the book renders it."""
    rows = [["", "Precision", "Recall", "F1-score", "Support"]]
    for emotion, scores in data["per_class"].items():
        rows.append([emotion, *(f"{scores[k]:.2f}" for k in ("precision", "recall", "f1")),
                     str(scores["support"])])  # fmt: skip
    metrics = data["metrics"]
    rows.append(["<b>accuracy</b>", "-", "", f"{metrics['accuracy']:.2f}", "63"])
    rows.append(["macro average", "", "0.68", f"{metrics['macro_f1']:.2f}", ""])
    rows.append(["weighted avg", "", "", f"{metrics['weighted_f1']:.2f}", "63"])
    lines = ["<tr>" + "".join(f"<td><p>{cell}</p></td>" for cell in row) + "</tr>" for row in rows]
    return f"<table>{''.join(lines)}</table>"


@pytest.fixture
def site(tmp_path):
    """Return a folder with html, notebooks (_sources/runs) and records (runs) that passes."""
    data = record("cnn")
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
        "<h1 id='top'>CNN <a href='#top'>#</a></h1>"
        "<a href='https://example.org/'>elsewhere</a> <a href='cnn.html#top'>here</a>"
        f"<img src='../_static/a.svg' alt='{ALT}'>"
        "<img class='logo__image' src='../_static/a.svg' alt=''>"
        f"<div class='cell_output docutils'>{table(data)}</div>"
        "<div class='cell_output'><p>A UAR of <b>0.68</b>, so 68 %, of 63 utterances.</p></div>"
        "</body></html>"
    )
    (html / "_sources" / "runs").mkdir(parents=True)
    notebook = network_page("cnn", data)
    nbformat.write(notebook, html / "_sources" / "runs" / "cnn.ipynb")
    folder = tmp_path / "runs" / CORPUS / FOLDER
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps(data))
    notebook.cells[-1].outputs[0].metadata["ser"]["values"] = {"metrics.uar": 0.6829}
    nbformat.write(notebook, html / "_sources" / "runs" / "cnn.ipynb")
    return tmp_path


def check(site):
    return links.check(site / "html", records=site / "runs")


def messages(site, gate: str) -> str:
    """Return what one gate says; no other gate may say anything."""
    findings = check(site)
    assert {finding.gate for finding in findings} == {gate}, findings
    return "\n".join(map(str, findings))


def replace(site, old: str, new: str) -> None:
    path = site / "html" / "runs" / "cnn.html"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def edit_notebook(site, change) -> None:
    path = site / "html" / "_sources" / "runs" / "cnn.ipynb"
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)


def edit_record(site, change) -> None:
    path = site / "runs" / CORPUS / FOLDER / "record.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_a_sound_book_passes(site):
    assert check(site) == []


def test_no_book_is_an_error(tmp_path):
    with pytest.raises(BookError, match="no book in"):
        links.check(tmp_path)


def test_a_book_without_notebooks_is_an_error(site):
    (site / "html" / "_sources" / "runs" / "cnn.ipynb").unlink()
    with pytest.raises(BookError, match="nothing to check"):
        check(site)


# notebooks


def test_papermill_exception(site):
    edit_notebook(site, lambda nb: nb.metadata["papermill"].update(exception=True))
    assert "stopped at an exception" in messages(site, "notebooks")


def test_error_output(site):
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="x", traceback=[])
    edit_notebook(site, lambda nb: nb.cells[1].outputs.append(error))
    assert "cell 2 ends in ValueError" in messages(site, "notebooks")


def test_cell_that_was_not_executed(site):
    edit_notebook(site, lambda nb: nb.cells[1].update(execution_count=None))
    assert "cell 2 has not been executed" in messages(site, "notebooks")


def test_memory_address(site):
    said = nbformat.v4.new_output("stream", text="<Axes object at 0x7f00deadbeef>\n")
    edit_notebook(site, lambda nb: nb.cells[1].outputs.append(said))
    assert "0x7f00deadbeef" in messages(site, "notebooks")


# code


@pytest.mark.parametrize(
    "tag",
    [
        "<script>document.title = 1</script>",
        "<img alt='A finding' src='../_static/a.svg' onerror='alert(1)'>",
        "<a href=' JavaScript:alert(1)'>x</a>",
        "<iframe srcdoc='x'></iframe>",
        "<form><input></form>",
        "<style>p { display: none }</style>",
    ],
)
def test_a_text_that_became_code(site, tag):
    replace(site, "</body>", f"<article><p>{tag}</p></article></body>")
    assert "which is code" in messages(site, "code")


# requests


@pytest.mark.parametrize(
    "tag",
    [
        "<script src='https://cdn.example/x.js'></script>",
        "<script>import('https://cdn.example/x.js')</script>",
        "<script>s.src = `//cdn.example/x.js`</script>",
        "<link rel='stylesheet' href='//cdn.example/x.css'>",
        "<link rel='preconnect' href='https://cdn.example'>",
        "<link rel='icon' href='https://cdn.example/i.png'>",
        "<img alt='A finding' src='https://cdn.example/x.png'>",
        "<img alt='A finding' src='../_static/a.svg' srcset='https://cdn.example/x.png 2x'>",
        "<iframe src='https://cdn.example/'></iframe>",
        "<video><source src='https://cdn.example/x.mp4'></video>",
        "<object data='https://cdn.example/x'></object>",
        "<svg><image href='https://cdn.example/x.png'/></svg>",
        "<style>@import 'https://cdn.example/x.css';</style>",
        '<style>@font-face { src: url( "https://cdn.example/x.woff2" ) }</style>',
        "<p style='background: url(//cdn.example/x.png)'></p>",
        "<meta http-equiv='refresh' content='0; url=https://cdn.example/'>",
    ],
)
def test_external_request_in_a_page(site, tag):
    replace(site, "</body>", f"{tag}</body>")
    assert "//cdn.example" in messages(site, "requests")


def test_external_request_in_a_style_sheet(site):
    style = site / "html" / "_static" / "style.css"
    style.write_text("@import url(https://fonts.example/css?family=X);")
    assert "_static/style.css: loads https://fonts.example" in messages(site, "requests")


# links


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
    assert f"{address} leads {'to ' if 'no' in fault else ''}{fault}" in messages(site, "links")


def test_missing_picture(site):
    (site / "html" / "_static" / "a.svg").unlink()
    assert "a.svg leads to no file" in messages(site, "links")


# images


@pytest.mark.parametrize(
    "text", ["", "alt=''", "alt=' '", "alt='../_images/0a1b.svg'", "alt='loss.png'"]
)
def test_image_without_text(site, text):
    replace(site, f"alt='{ALT}'", text)
    assert messages(site, "images")


# weight


def test_heavy_page(site):
    (site / "html" / "_static" / "a.svg").write_bytes(b" " * links.PAGE_BYTES)
    assert "runs/cnn.html: 3.0 MB" in messages(site, "weight")


def test_heavy_book(site, monkeypatch):
    monkeypatch.setattr(links, "BOOK_BYTES", 1000)
    assert "the book" in messages(site, "weight")


# numbers


def test_record_changed_after_the_page(site):
    edit_record(site, lambda data: data["per_class"]["anger"].update(recall=0.55))
    assert "anger recall as 0.54, the record as 0.55" in messages(site, "numbers")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<td><p>0.61</p></td><td><p>0.54</p></td>", "<td><p>0.54</p></td><td><p>0.61</p></td>"),
        ("<p>20</p>", "<p>21</p>"),
        ("<td><p>sadness</p></td>", "<td><p>joy</p></td>"),
        ("<b>accuracy</b></p></td><td><p>-</p></td><td><p></p></td><td><p>0.67",
         "<b>accuracy</b></p></td><td><p>-</p></td><td><p></p></td><td><p>0.68"),
        ("<p>0.68</p></td><td><p>0.68</p></td><td><p></p></td>",
         "<p>0.68</p></td><td><p>0.69</p></td><td><p></p></td>"),
    ],
    ids=["columns swapped", "support", "class", "accuracy", "macro"],
)  # fmt: skip
def test_report_differs_from_the_record(site, old, new):
    replace(site, old, new)
    assert messages(site, "numbers")


def test_report_is_missing(site):
    replace(site, "Precision", "Sharpness")
    assert "no classification report" in messages(site, "numbers")


def test_page_does_not_say_which_record(site):
    edit_notebook(site, lambda nb: nb.cells[-1].outputs[0].metadata.clear())
    assert "no output names a record of cnn" in messages(site, "numbers")


def test_record_is_gone(site):
    def rename(notebook):
        notebook.cells[-1].outputs[0].metadata["ser"]["record"] = f"{CORPUS}/elsewhere"

    edit_notebook(site, rename)
    assert f"no record {CORPUS}/elsewhere" in messages(site, "numbers")


def test_value_differs_from_the_record(site):
    edit_record(site, lambda data: data["metrics"].update(uar=0.68291))
    assert "metrics.uar is 0.6829, in" in messages(site, "numbers")


def test_value_is_not_shown(site):
    def claim(notebook):
        notebook.cells[-1].outputs[0].metadata["ser"]["values"]["metrics.uar_ci95.1"] = 0.75

    edit_notebook(site, claim)
    assert "no output of the page shows metrics.uar_ci95.1" in messages(site, "numbers")


def test_notebook_without_a_page(site):
    nbformat.write(page("Extra"), site / "html" / "_sources" / "runs" / "extra.ipynb")
    assert "runs/extra.html: the notebook has no page" in messages(site, "numbers")


def test_numbers_gate_needs_records(site):
    edit_record(site, lambda data: data["metrics"].update(uar=0.1))
    assert links.check(site / "html") == []


def test_a_file_that_is_no_notebook(site):
    (site / "html" / "_sources" / "runs" / "cnn.ipynb").write_text("{")
    with pytest.raises(BookError, match=r"cnn\.ipynb is not a notebook"):
        links.check(site / "html")


def test_pages_elsewhere(site, tmp_path):
    pages = tmp_path / "pages"
    pages.mkdir()
    notebook = copy.deepcopy(page("CNN", figure_cell("a", "A finding.", "A.")))
    notebook.metadata["papermill"]["exception"] = True
    nbformat.write(notebook, pages / "cnn.ipynb")
    findings = links.check(site / "html", pages=pages)
    assert [finding.gate for finding in findings] == ["notebooks"]
