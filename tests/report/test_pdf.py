"""The book as one PDF: printed for real where there is a browser, and read as text."""

import re
import shutil
import subprocess

import pytest
from bs4 import BeautifulSoup
from small_book import CORPUS, LONG, NETWORKS

from ser_lib.core.errors import BookError
from ser_lib.report import book, pdf, shelf
from ser_lib.report.checks import browser
from ser_lib.report.checks import links as gates

WITHOUT = browser.why_not()
PRINTS = pytest.mark.skipif(bool(WITHOUT), reason=WITHOUT)
TITLE = "Speech emotion recognition: an open report"


@pytest.fixture(scope="module")
def assembled(workspace, html) -> str:
    """Return the document that is printed of the small book."""
    entries = book.contents(workspace / "book" / "_toc.yml")
    return pdf.assemble(html, entries, title=TITLE, lines=["Made of <tones>."])


def test_the_document_has_every_page_in_order(workspace, html, assembled):
    entries = book.contents(workspace / "book" / "_toc.yml")
    assert re.findall(r'<article class="bd-article" id="(.*?)">', assembled) == [
        *(f"page-{i}" for i in range(len(entries))), "appendix"
    ]  # fmt: skip
    heading = re.compile(r'<h1>([^<]*)<a class="headerlink"')
    titles = [heading.search((html / f"{path}.html").read_text())[1] for _, path in entries]
    contents = re.search(r"<nav.*?</nav>", assembled, re.DOTALL)[0]
    assert re.findall(r'<a href="#page-\d+">(.*?)</a>', contents) == titles
    parts = list(dict.fromkeys(part for part, _ in entries if part))
    assert re.findall(r"<p>(.*?)</p>", contents) == parts
    assert "<p>Made of &lt;tones&gt;.</p>" in assembled
    found = re.compile(r'<span class="caption-number">(Figure \d+) ')
    figures = [n for _, path in entries for n in found.findall((html / f"{path}.html").read_text())]
    assert len(figures) > len(NETWORKS)
    assert found.findall(assembled) == figures == [f"Figure {i + 1}" for i in range(len(figures))]


def test_its_links_lead_to_places_in_it(workspace, assembled):
    one = BeautifulSoup(assembled, "html.parser")
    links = [link["href"] for link in one.select("a[href]")]
    ids = [tag["id"] for tag in one.select("[id]")]
    inner = [link for link in links if link.startswith("#")]
    assert all(link[1:] in ids for link in inner)
    assert all(re.match(r"https?://", link) for link in links if link not in inner)
    assert len(ids) == len(set(ids)), "three networks have the same headings"
    pages = [path for _, path in book.contents(workspace / "book/_toc.yml")]
    assert f"#page-{pages.index('runs/cnn')}--cnn-curves" in inner
    assert f"#page-{pages.index('glossary')}--term-UAR" in inner
    citation = f"#page-{pages.index('references')}--"
    assert any(link.startswith(citation) for link in inner)


def page_of(folder, body: str) -> str:
    """Return how the body of a page is printed."""
    (folder / "runs").mkdir()
    (folder / "runs" / "a.html").write_text(
        "<html><head><link rel='stylesheet' href='../_static/a.css'></head><body>"
        f"<article class='bd-article'><h1>A</h1>{body}</article></body></html>"
    )
    text = pdf.assemble(folder, [("", "runs/a")], title="T", lines=[])
    assert '<link href="_static/a.css" rel="stylesheet"' in text
    return text.partition('id="page-0">')[2].partition("</article>")[0]


def test_what_paper_cannot_show_is_left_out(tmp_path):
    text = page_of(
        tmp_path,
        "<details class='hide above-input'><pre>code</pre></details>"
        "<script>s</script><button>b</button>"
        "<p class='downloads'><a href='../_downloads/a.csv'>CSV</a></p>"
        "<details class='dropdown'>how</details><a href='../_sources/a.ipynb'>the notebook</a>"
        "<a href='#gone'>gone</a> <a href='a.html'>here</a> <img src='../_images/a.svg' alt='x'>"
        "<table><thead><tr><th>Who</th><th class='listen-column'>Listen</th></tr></thead>"
        "<tbody><tr><td>she</td><td class='listen-column'><audio src='data:,'></audio></td></tr>"
        "</tbody></table>",
    )
    assert text == (
        '<h1>A</h1><details class="dropdown" open="">how</details>the notebook'
        'gone <a href="#page-0">here</a> <img alt="x" src="_images/a.svg"/>'
        "<table><thead><tr><th>Who</th></tr></thead><tbody><tr><td>she</td></tr></tbody></table>"
    )


def test_how_pages_were_made_is_an_appendix_that_repeats_nothing(tmp_path):
    (tmp_path / "runs").mkdir()
    for name, own in {"a": "seed 0", "b": "seed 1"}.items():
        (tmp_path / "runs" / f"{name}.html").write_text(
            f"<html><body><article class='bd-article'><h1>{name}</h1>"
            "<a href='#how-this-page-was-made'>how</a><section id='how-this-page-was-made'>"
            f"<h2>How</h2><details><div class='provenance'><pre>run</pre><ul><li>numpy 2</li></ul>"
            f"<table><tbody><tr><td>{own}</td></tr></tbody></table></div></details>"
            "</section></article></body></html>"
        )
    text = pdf.assemble(tmp_path, [("", "runs/a"), ("", "runs/b")], title="T", lines=[])
    chapters, appendix = text.split('id="appendix"')
    assert '<a href="#page-1--how-this-page-was-made">how</a>' in chapters
    assert "seed" not in chapters
    one, two = BeautifulSoup(appendix, "html.parser").select("section")
    assert [one.get_text(), two.get_text()] == ["arunnumpy 2seed 0", "brunseed 1"]
    assert two.ul is None


def test_names_are_those_of_their_page(tmp_path):
    text = page_of(tmp_path, "<p id='x'>a</p><b aria-labelledby='x y' headers='x'>b</b>"
                             "<a href='#x'>c</a>")  # fmt: skip
    assert text == (
        '<h1>A</h1><p id="page-0--x">a</p><b aria-labelledby="page-0--x page-0--y" '
        'headers="page-0--x">b</b><a href="#page-0--x">c</a>'
    )


def test_a_missing_page_is_named(tmp_path):
    with pytest.raises(BookError, match=r"has no page nowhere\.html to print"):
        pdf.assemble(tmp_path, [("", "nowhere")], title="T", lines=[])


@PRINTS
def test_the_pages_have_numbers_in_the_contents(long):
    raw = (long / f"{LONG}.pdf").read_bytes()
    numbers = pdf.page_numbers(raw)
    chapters = [numbers[f"page-{i}"] for i in range(len(list((long / "runs").glob("*.html"))))]
    assert chapters == sorted(chapters)
    assert chapters[0] in (2, 3), "title and contents come first"
    assert raw.count(b"/Type /Page\n") >= numbers["appendix"] > chapters[-1]
    assert b"/Outlines" in raw
    assert b"/MarkInfo" in raw, "it is tagged for screen readers"
    assert b"/URI (file:" not in raw


@PRINTS
@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext is missing: poppler-utils")
def test_it_has_every_title_and_figure(long):
    command = ["pdftotext", "-layout", str(long / f"{LONG}.pdf"), "-"]
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    plain = " ".join(text.split())
    assert TITLE in plain.partition("Contents")[0]
    assert "Demo <corpus>: 63 utterances of 4 speakers" in plain
    assert "nothing about people" in plain
    for number in range(3, len(NETWORKS) + 3):  # the page before them has two
        assert f"Figure {number} Loss." in plain
    sheets = text.split("\f")
    entry = re.compile(r"^ *(\S.*?) {3,}(\d+)$", re.MULTILINE)
    first = int(entry.search(text)[2])  # sheet after the contents, which may fill several
    contents = dict(entry.findall("\n".join(sheets[: first - 1])))
    assert {"Glossary", "References", "The network cnn", "The final network"} <= set(contents)
    for title, number in contents.items():
        assert title in sheets[int(number) - 1]


@PRINTS
def test_every_page_of_the_book_links_to_it(long):
    pages = gates.read_pages(long)
    for name in ("rerun.html", "runs/introduction.html"):
        way = {"rerun.html": "", "runs/introduction.html": "../"}[name] + f"{LONG}.pdf"
        assert pages[name].select_one("a.report-pdf")["href"] == way
    assert gates.check(long) == []
    assert not list(long.glob(".print*")), "what was printed is gone"
    assert f"{LONG}/html/{LONG}.pdf" in shelf.write(long.parents[1]).read_text()


def test_a_book_that_is_not_printed_has_no_link(html):
    text = (html / "rerun.html").read_text()
    assert "report-pdf" not in text
    assert f"{LONG}.pdf" not in text


@PRINTS
def test_a_second_print_has_the_same_bytes(workspace, html, tmp_path):
    entries = book.contents(workspace / "book" / "_toc.yml")[:3]
    prints = []
    for name in ("one", "two"):
        pdf.print_book(html, tmp_path / f"{name}.pdf", entries, title=TITLE, lines=[])
        prints.append((tmp_path / f"{name}.pdf").read_bytes())
    assert prints[0] == prints[1]
    assert b"(D:19700101000000+00'00')" in prints[0]


def test_what_differs_from_print_to_print_is_fixed():
    text = b"/ModDate (D:%s+00'00')/ID (node%08d)/K (node%08d)/Limits [(node%08d) (node%08d)] D:"
    one, two = text % (b"20261124184017", 7, 12, 7, 12), text % (b"20270101000000", 9, 14, 9, 14)
    fixed = b"/ModDate (D:19700101000000+00'00')/ID (node00000000)/K (node00000001)"
    assert pdf.repeatable(one) == pdf.repeatable(two)
    assert pdf.repeatable(one).startswith(fixed)
    other = text % (b"20261124184017", 7, 12, 12, 7)
    assert pdf.repeatable(other) != pdf.repeatable(one)


def test_a_browser_that_is_missing_or_fails_leaves_the_book_before(workspace, html, monkeypatch):
    before = (html / "index.html").stat().st_mtime_ns
    monkeypatch.setenv("SER_CHROMIUM", "no-such-program")
    with pytest.raises(BookError, match=r"^the book cannot be printed: .*no-such-program.*$"):
        book.build(CORPUS, workspace=workspace, with_pdf=True)

    def fail(*_):
        raise BookError("out of paper")

    def copied(source, config, target, **_):
        shutil.copytree(html, target / "_build" / "html")

    monkeypatch.setattr(book, "why_not", lambda: "")
    monkeypatch.setattr(book, "_run_jupyter_book", copied)
    monkeypatch.setattr(pdf, "_print", fail)
    with pytest.raises(BookError, match="out of paper"):
        book.build(CORPUS, workspace=workspace, with_pdf=True)
    assert (html / "index.html").stat().st_mtime_ns == before
    assert not list(html.glob(".print*"))
