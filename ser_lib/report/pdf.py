"""The book as one PDF: its html pages behind one another, printed by Chromium.

The pages are those of the built book, in the order of its table of contents, so figures have the
numbers and links the targets that they have there. Before them are a title and the contents with
page numbers, after them an appendix on how each page was made. What a reader of paper cannot use is
left out: code that is folded away, players, buttons, links to files of the book; what else is
folded is open. The look is the book's own, with ``book/_static/print.css``.

The same book printed by the same Chromium gives the same bytes.
"""

import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import Tag
from jinja2 import Template

from ser_lib.core.errors import BookError
from ser_lib.core.files import write_atomically
from ser_lib.report.checks.browser import chromium
from ser_lib.report.checks.links import read_pages

LEFT_OUT = (
    "script, button, audio, video, iframe, a.headerlink, p.downloads, "
    "details:has(pre):not(:has(.provenance)), details.listen-cell, .listen-status, .listen-column"
)
Entry = tuple[str, str]
_NAMES = {"id", "for", "headers", "aria-labelledby", "aria-describedby", "aria-controls"}
# Sets the page numbers of the contents; they are known once it has been printed.
_NUMBER = """numbers => {
  for (const place of document.querySelectorAll("[data-page]"))
    place.textContent = numbers[place.dataset.page];
}"""


def print_book(
    html: Path, target: Path, entries: Sequence[Entry], *, title: str, lines: Sequence[str]
) -> None:
    """Print the book in a folder to `target`.

    The entries of the table of contents are the caption of the part ("" before the first) and the
    page's path without its suffix; title and lines are those of the title page, plain text.
    """
    page = html / ".print.html"
    try:
        page.write_text(assemble(html, entries, title=title, lines=lines), encoding="utf-8")
        write_atomically(target, _print(page, len(entries)))
    finally:
        page.unlink(missing_ok=True)


def assemble(html: Path, entries: Sequence[Entry], *, title: str, lines: Sequence[str]) -> str:
    """Return the book as one html page, to be read in the folder of the book.

    Page ``n``, from 0, is the element ``page-n``, and what is ``id`` on it is ``page-n--id``.
    """
    anchors = {f"{path}.html": f"page-{i}" for i, (_, path) in enumerate(entries)}
    articles, pages = {}, read_pages(html)
    for name, anchor in anchors.items():
        if name not in pages:
            raise BookError(f"the book in {html} has no page {name} to print")
        article = pages[name].select_one("article.bd-article")
        articles[name] = _prepared(article, name, anchor)
    targets = {tag["id"] for article in articles.values() for tag in article.select("[id]")}
    targets |= set(anchors.values())
    for name, article in articles.items():
        for link in article.select("a[href]"):
            _redirect(link, name, anchors, targets)
    chapters, notes, known = [], [], set()
    for (part, _), (name, anchor) in zip(entries, anchors.items(), strict=True):
        heading = articles[name].h1.get_text(" ", strip=True)
        for note in articles[name].select(f"#{anchor}--how-this-page-was-made"):
            note.h2.string = heading
            for line in note.select("li, tbody tr"):
                if (text := line.get_text()) in known:
                    line.decompose()
                known.add(text)
            for empty in note.select("ul:not(:has(li)), table:not(:has(td))"):
                empty.decompose()
            notes.append(note.extract().decode())
        chapters.append((part, anchor, heading, articles[name].decode_contents()))
    first = next(iter(anchors))
    sheets = pages[first].select('link[rel~="stylesheet"]')
    template = Path(__file__).with_name("print.html").read_text(encoding="utf-8")
    return Template(template, autoescape=True, trim_blocks=True, lstrip_blocks=True).render(
        title=title,
        lines=lines,
        styles=[_resolve(first, sheet["href"]) for sheet in sheets],
        chapters=chapters,
        notes=notes,
    )


def _prepared(article: Tag, name: str, own: str) -> Tag:
    """Return an article without what paper cannot show, its names and addresses made unique."""
    for useless in article.select(LEFT_OUT):
        useless.decompose()
    for folded in article.select("details"):
        folded["open"] = ""
    for tag in article.find_all(True):
        for attribute in tag.attrs.keys() & _NAMES:
            tag[attribute] = " ".join(f"{own}--{word}" for word in tag[attribute].split())
        if "src" in tag.attrs and not tag["src"].startswith("data:"):
            tag["src"] = _resolve(name, tag["src"])
    return article


def _resolve(name: str, address: str) -> str:
    """Return what an address on a page means, relative to the book's folder."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), address))


def _redirect(link: Tag, name: str, anchors: Mapping[str, str], targets: Collection[str]) -> None:
    """Let a link lead to its place in the document; one to what is not printed is text."""
    parts = urlsplit(link["href"])
    if parts.scheme or parts.netloc:
        return
    target = anchors.get(_resolve(name, unquote(parts.path)) if parts.path else name)
    if target and parts.fragment:
        target += f"--{unquote(parts.fragment)}"
    if target in targets:
        link["href"] = f"#{target}"
    else:
        link.unwrap()


def _print(page: Path, chapters: int) -> bytes:
    with chromium() as browser:
        tab = browser.new_page()
        tab.goto(page.as_uri())
        settings = {"prefer_css_page_size": True, "print_background": True,
                    "outline": True, "tagged": True}  # fmt: skip
        numbers = page_numbers(tab.pdf(**settings))
        if lost := sum(f"page-{i}" not in numbers for i in range(chapters)):
            raise BookError(f"the browser printed {lost} pages of the book without their place")
        tab.evaluate(_NUMBER, numbers)
        return repeatable(tab.pdf(**settings))


def page_numbers(pdf: bytes) -> dict[str, int]:
    """Return on which page of a PDF of Chromium, from 1, each element that is linked to begins.

    There are none if the PDF is not written as Chromium does, with a plain list of objects.
    """
    objects = dict(re.findall(rb"\n(\d+) 0 obj\n(.*?)\nendobj", pdf, re.DOTALL))
    catalogs = [text for text in objects.values() if text.startswith(b"<</Type /Catalog")]
    places = re.search(rb"/Dests (\d+) 0 R", catalogs[0]) if catalogs else None
    if places is None:
        return {}

    def leaves(number: bytes) -> list[bytes]:
        children = re.search(rb"/Kids \[(.*?)\]", objects[number], re.DOTALL)
        if children is None:
            return [number]
        return [leaf for child in re.findall(rb"(\d+) 0 R", children[1]) for leaf in leaves(child)]

    pages = leaves(re.search(rb"/Pages (\d+) 0 R", catalogs[0])[1])
    targets = re.findall(rb"/(\S+) \[(\d+) 0 R", objects[places[1]])
    return {name.decode(): pages.index(number) + 1 for name, number in targets}


def repeatable(pdf: bytes) -> bytes:
    """Return a PDF of Chromium without what differs from print to print, and just as long.

    That is the time, and the number from which it counts the nodes of the tagged document.
    """
    pdf = re.sub(rb"(/(?:CreationDate|ModDate) \()D:\d{14}", rb"\1D:19700101000000", pdf)
    nodes = sorted(set(re.findall(rb"\(node\d{8}\)", pdf)))
    ranks = {node: b"(node%08d)" % i for i, node in enumerate(nodes)}
    return re.sub(rb"\(node\d{8}\)", lambda match: ranks[match[0]], pdf)
