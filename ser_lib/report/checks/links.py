"""What a built book must pass, read from its html: no browser, no network.

`check` runs every gate and returns what they find; an empty list is a pass. A gate is a function
that takes the parsed pages (and what else it needs) and yields findings, one a fault.

The gates that need a browser are in `ser_lib.report.checks.rendered`.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
from bs4 import BeautifulSoup

from ser_lib.core.errors import BookError
from ser_lib.core.files import SUMS, altered, workspace
from ser_lib.report import shelf

PAGE_BYTES = 3_000_000
BOOK_BYTES = 40_000_000

_EXTERNAL = re.compile(r"^\s*(?:https?:|wss?:|ftp:)?//", re.IGNORECASE)
_NOT_LOADED = {  # relations of <link> that only point somewhere
    "alternate", "author", "canonical", "copyright", "help", "index", "license", "me", "next",
    "prev", "search",
}  # fmt: skip
_RUNNING = {  # tags that no page of the library has in its article
    "script", "style", "iframe", "frame", "object", "embed", "form", "base", "meta", "link",
}  # fmt: skip
_LINK = re.compile(r"https?:|mailto:|data:text/csv[;,]|(?!\w[\w.+-]*:)", re.IGNORECASE)
"""How an address may begin: without a scheme, or with one of these."""
_BLANK = re.compile(r"[\0-\x20]")  # browsers read an address without them
_ADDRESS = re.compile(r"<[^<>\n]* at 0x[0-9a-f]{6,}>")


@dataclass(frozen=True)
class Finding:
    """One fault: which gate found it, where, and what it is."""

    gate: str
    page: str
    message: str

    def __str__(self) -> str:
        return f"{self.gate}: {self.page}: {self.message}"


def check(html: Path) -> list[Finding]:
    """Run every gate on a built book, the folder with its ``index.html``.

    A `BookError` says that there is no book, or none with notebooks.
    """
    if not (html / "index.html").is_file():
        raise BookError(
            f"there is no book in {html}: it is the folder html of a book that ser book builds"
        )
    pages = read_pages(html)
    return [
        *altered_files(html),
        *failed_notebooks(html),
        *running_code(pages),
        *external_requests(pages),
        *broken_links(html, pages),
        *overweight(html, pages),
    ]


def altered_files(html: Path) -> Iterator[Finding]:
    """Find what changed since the book was built, or in the runs that it names and that are here.

    What has no checksums is not looked at.
    """
    records = {".": html}
    for path in sorted((html / "_sources" / "runs").glob("*.ipynb")):
        for name in shelf.records(read_notebook(path)):
            records[f"runs/{name}"] = workspace() / "runs" / name
    for place, folder in records.items():
        for name in altered(folder) if (folder / SUMS).is_file() else ():
            yield Finding("altered", place, f"{name} is not as it was written")


def read_pages(html: Path) -> dict[str, BeautifulSoup]:
    """Return every html page of a folder, parsed, by its path in it."""
    paths = {path.relative_to(html).as_posix(): path for path in sorted(html.rglob("*.html"))}
    return {
        name: BeautifulSoup(path.read_text("utf-8"), "html.parser", multi_valued_attributes=None)
        for name, path in paths.items()
        if not name.startswith("_static/")  # parts of the theme's templates, not pages
    }


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Read a notebook; of a file that is none, raise a `BookError`."""
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:
        raise BookError(f"{path} is not a notebook ({error}); make it again") from error


def failed_notebooks(html: Path) -> Iterator[Finding]:
    """Find notebooks that failed or show a memory address.

    A notebook that failed renders like any other one, so the html says nothing.
    """
    paths = sorted((html / "_sources" / "runs").glob("*.ipynb"))
    if not paths:
        raise BookError(f"there are no executed notebooks in {html}: nothing to check")
    for path in paths:
        for number, cell in enumerate(read_notebook(path).cells, start=1):
            for output in cell.get("outputs", []):
                if output.output_type == "error":
                    yield Finding("notebooks", path.name, f"cell {number} ends in {output.ename}")
                data = output.get("data", {})
                shown = [output.get("text"), data.get("text/html"), data.get("text/markdown")]
                if address := _ADDRESS.search(json.dumps(shown)):
                    words = f"cell {number} prints {address[0]}, which differs in every run"
                    yield Finding("notebooks", path.name, words)


def running_code(pages: Mapping[str, BeautifulSoup]) -> Iterator[Finding]:
    """Find what would run in an article: the library writes none, so it came from a text."""
    for name, page in pages.items():
        for tag in page.select("article *"):
            handlers = [attribute for attribute in tag.attrs if attribute.startswith("on")]
            address = _BLANK.sub("", tag.get("href", ""))
            if tag.name in _RUNNING or handlers or not _LINK.match(address):
                yield Finding("code", name, f"holds {str(tag)[:80]}, which is code")


def external_requests(pages: Mapping[str, BeautifulSoup]) -> Iterator[Finding]:
    """Find whatever a page would fetch from another server; of style sheets, a browser sees it."""
    for name, page in pages.items():
        for address in filter(_EXTERNAL.match, _loaded(page)):
            yield Finding("requests", name, f"loads {address}")


def _loaded(page: BeautifulSoup, *, late: bool = True) -> Iterator[str]:
    """Yield the address of whatever a browser fetches with a page, or late: if a reader asks."""
    for attribute in ("src", "poster", "data", "data-map"):
        for tag in page.select(f"[{attribute}]"):
            if late or tag.get("preload") != "none":
                yield tag[attribute]
    for tag in page.select("[srcset]"):
        yield from (part.split()[0] for part in tag["srcset"].split(",") if part.strip())
    for tag in page.select("image, use"):
        yield from (tag[name] for name in ("href", "xlink:href") if name in tag.attrs)
    for tag in page.select("link[href]"):
        if not set(tag.get("rel", "").lower().split()) & _NOT_LOADED:
            yield tag["href"]
    for tag in page.select("meta[http-equiv=refresh i]"):
        yield tag.get("content", "").partition("=")[2].strip(" '\"")


def broken_links(html: Path, pages: Mapping[str, BeautifulSoup]) -> Iterator[Finding]:
    """Find internal addresses, also of what a page loads, that lead nowhere, and double anchors."""
    anchors = {
        name: Counter(tag.get("id") or tag["name"] for tag in page.select("[id], a[name]"))
        for name, page in pages.items()
    }
    for name, page in pages.items():
        addresses = [*(tag["href"] for tag in page.select("a[href]")), *_loaded(page)]
        for address in dict.fromkeys(addresses):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            path = _local(html, name, address)
            if path is None:
                yield Finding("links", name, f"{address} leads out of the book")
            elif not path.is_file():
                yield Finding("links", name, f"{address} leads to no file")
            elif parts.fragment:
                targets = anchors.get(path.relative_to(html.resolve()).as_posix())
                if targets is not None and unquote(parts.fragment) not in targets:
                    yield Finding("links", name, f"{address} leads to no anchor")
        for anchor, n in anchors[name].items():
            if n > 1 and name != "search.html":  # its second field is the theme's
                yield Finding("links", name, f"the anchor {anchor} is there {n} times")


def _local(html: Path, page: str, address: str) -> Path | None:
    """Return the file that an address on a page means, or None if it is outside of the book."""
    wanted = unquote(urlsplit(address).path)
    path = ((html / page).parent / wanted if wanted else html / page).resolve()
    return path if path.is_relative_to(html.resolve()) else None


def files_of(html: Path, name: str, page: BeautifulSoup) -> list[Path]:
    """Return the files that make a page: its own, and those of the book that it loads."""
    addresses = [one for one in _loaded(page, late=False) if not urlsplit(one).scheme]
    files = {html.resolve() / name, *(_local(html, name, address) for address in addresses)}
    return sorted(path for path in files if path and path.is_file())


def overweight(html: Path, pages: Mapping[str, BeautifulSoup]) -> Iterator[Finding]:
    """Find pages, with what they load, and books that are too heavy to send or to keep."""
    parts = {name: (files_of(html, name, page), PAGE_BYTES) for name, page in pages.items()}
    parts["the book"] = [path for path in html.rglob("*") if path.is_file()], BOOK_BYTES
    for name, (files, limit) in parts.items():
        size = sum(path.stat().st_size for path in files)
        if size > limit:
            yield Finding("weight", name, f"{size / 1e6:.1f} MB, more than {limit / 1e6:.0f} MB")
