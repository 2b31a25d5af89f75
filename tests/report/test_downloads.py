"""What a page shows can be taken along: links and files of a small book that is built for real."""

import csv
import re
from xml.etree import ElementTree

import downloads
import nbformat
import pytest
from bs4 import BeautifulSoup
from PIL import Image
from small_book import MARKUP, NETWORKS, PICTURE

from ser_lib.report.checks import links as gates

CELLS = [
    ["Name, in full", "Share", "Listen"],
    ["anger", "0.25", ""],
    ['he said "no", twice', "-", ""],
    ["Ärger ä|b a link", "1,234,567", ""],
]


def test_no_cell_is_a_formula():
    harmless = ["a=b", "-0.05", "+0.10 (-0.02 to +0.18)", "-", "-3 %", ""]
    formulas = ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-1+HYPERLINK(A1)"]
    content = downloads._csv([harmless, formulas]).decode()
    assert list(csv.reader(content.splitlines())) == [harmless, [f"'{cell}" for cell in formulas]]


def links(html, name: str = "features") -> dict[str, str]:
    """Return the addresses of a page's downloads by the words of their links."""
    text = (html / "runs" / f"{name}.html").read_text(encoding="utf-8")
    found = re.findall(r'<a href="([^"]+)" download>(.*?)</a>', text)
    return {re.sub("<[^>]+>", "", words): address for address, words in found}


def test_figures_can_be_taken_along_under_their_names(html):
    found = links(html)
    number = int(re.search(r"Figure (\d+) as SVG", " ".join(found))[1])
    assert found[f"Figure {number} as SVG"].endswith("/a-line.svg")
    assert found[f"Figure {number} as PNG"].endswith("/a-line.png")
    assert found[f"Figure {number + 1} as PNG"].endswith("/a-line-again.png")
    page = (html / "runs" / "features.html").read_text()
    assert f'src="{found[f"Figure {number} as SVG"]}"' in page, "what is shown is what is offered"
    for name in NETWORKS:
        assert any(a.endswith(f"/{name}-curves.svg") for a in links(html, name).values())
    # The same drawing has the name of each of its figures.
    names = ("a-line-again", *(f"{name}-curves" for name in NETWORKS))
    assert len({(html / "_images" / f"{name}.svg").read_bytes() for name in names}) == 1


def test_the_png_is_the_svg_in_pixels(html):
    (svg,) = html.rglob("a-line.svg")
    width, height = map(float, ElementTree.parse(svg).getroot().get("viewBox").split()[2:])
    (png,) = html.rglob("a-line.png")
    with Image.open(png) as picture:
        assert picture.format == "PNG"
        assert picture.size[0] == 1600
        assert picture.size[0] / picture.size[1] == pytest.approx(width / height, rel=0.01)
        assert "Software" not in picture.info
    assert next(html.rglob("a-line-again.png")).read_bytes() == PICTURE.getvalue()


def test_the_notebook_for_download_has_every_figure_once(html):
    notebook = nbformat.read(html / "_sources" / "runs" / "features.ipynb", as_version=4)
    shown = [output.data for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/svg+xml" in data for data in shown) == 2
    assert not any("image/png" in data for data in shown)


def test_tables_become_csv_without_markup_and_players(html):
    address = links(html)["Table in Taken along as CSV"]
    content = [
        (html / "runs" / one).read_bytes()
        for one in re.findall(r'href="([^"]+\.csv)"', (html / "runs" / "features.html").read_text())
    ]
    assert address.endswith("/features-taken-along-2.csv"), "the second under this heading"
    assert len(content) == 2, "no link under the table without titles"
    text = content[0].decode("utf-8")
    assert list(csv.reader(text.splitlines(), strict=True)) == CELLS
    assert text.startswith('"Name, in full",Share,Listen\r\nanger,0.25,\r\n'), "RFC 4180"
    assert list(csv.reader(content[1].decode().splitlines())) == CELLS[:2]


def test_csv_and_page_say_the_same(html):
    page = gates.read_pages(html)["runs/cnn.html"]
    (table,) = [table for table in page("table") if "support" in table.tr.get_text()]
    shown = [[cell.get_text(strip=True) for cell in row(["th", "td"])] for row in table("tr")]
    address = links(html, "cnn")["Table in The network cnn as CSV"]
    assert list(csv.reader((html / "runs" / address).read_bytes().decode().splitlines())) == shown


def test_the_executed_notebook_is_in_the_folded_part(html):
    text = (html / "runs" / "features.html").read_text()
    folded = re.search(
        r"<details.*?</details>", text.partition('id="how-this-page-was-made"')[2], re.S
    )
    assert re.search(r'class="[^"]*\bprovenance\b', folded[0])
    assert '<a href="../_sources/runs/features.ipynb" download>features.ipynb</a>' in folded[0]
    assert "ser run features --corpus demo" in re.sub("<[^>]+>", "", folded[0])


def test_who_shares_a_page_shows_its_own_title_words_and_first_figure(html):
    page = gates.read_pages(html)["runs/features.html"]
    given = {tag["property"]: tag["content"] for tag in page.select("meta[property]")}
    assert given["og:title"] == "Taken along"
    assert given["og:description"] == "What this page is for."
    assert (html / "runs" / given["og:image"]).name == "a-line.png"
    assert (html / "runs" / given["og:image"]).is_file()
    assert given["og:image:alt"] == "A line falls."
    prose = gates.read_pages(html)["glossary.html"]
    assert prose.select("meta[property='og:title']")[0]["content"] == "Glossary"


def test_prose_has_no_downloads_and_the_book_passes_its_gates(html):
    assert '<p class="downloads">' in (html / "runs" / "cnn.html").read_text()
    for name in ("glossary", "rerun", "references"):
        assert '<p class="downloads">' not in (html / f"{name}.html").read_text()
    assert gates.check(html) == []


def test_a_text_of_a_corpus_is_a_text(html):
    assert gates.check(html) == []
    article = BeautifulSoup((html / "runs" / "data.html").read_text(), "html.parser").article
    assert article.select("script, img, math, em, strong > em, [onerror], a[href$=y]") == []
    shown = " ".join(article.get_text().split())
    # A report, a table, an example, a file, a reason, the matrix and its list.
    assert shown.count(MARKUP) >= 15
    assert "49" not in shown
