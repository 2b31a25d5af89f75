"""What a built book must pass, read from its html: no browser, no network.

`check` runs every gate and returns what they find; an empty list is a pass. A gate is a function
that takes the parsed pages (and what else it needs) and yields findings, one a fault.

========== =====================================================================================
notebooks  every notebook ran to its end, without an error and without an object's memory address
code       no text of a corpus has become code: an article holds no script, no frame, no form, no
           handler of an event and no link that runs a script
requests   no page or style sheet loads anything from another server; plain links may lead there
links      every internal link leads to a file and, where it names one, to an anchor in it
images     every image has alternative text that is not a file's name
weight     no page, with what it loads, is heavier than 3 MB, and no book heavier than 40 MB
downloads  every figure that a notebook drew is offered as SVG and PNG, every table as CSV
numbers    what a page says of a record is what the record says
identical  two builds from the same pages have the same files (`differences`, on its own)
========== =====================================================================================

What the numbers gate needs of the notebooks is in `numbers`; the gates that need a browser are in
`rendered`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import nbformat
from bs4 import BeautifulSoup

from ser_lib.core.errors import BookError
from ser_lib.report.checks.html_pages import Page, read_pages
from ser_lib.report.checks.numbers import wrong_numbers

PAGE_BYTES = 3_000_000
BOOK_BYTES = 40_000_000

_EXTERNAL = re.compile(r"^\s*(?:https?:|wss?:|ftp:)?//", re.IGNORECASE)
_CSS_LOADS = re.compile(
    r"(?:@import\s+(?:url\()?|url\()\s*[\"']?\s*((?:https?:)?//[^\"')\s]+)", re.IGNORECASE
)
_SCRIPT_LOADS = re.compile(
    r"(?:\b(?:fetch|import|importScripts|open|Worker|EventSource|WebSocket)\s*\(|\bfrom\b|"
    r"\b(?:src|href)\s*=)\s*[\"'`]\s*((?:https?:|wss?:)?//[^\"'`\s]+)",
    re.IGNORECASE,
)
_LOADING = {  # the attributes by which a tag loads something
    "script": ["src"], "img": ["src", "srcset"], "iframe": ["src"], "frame": ["src"],
    "audio": ["src"], "video": ["src", "poster"], "source": ["src", "srcset"], "track": ["src"],
    "embed": ["src"], "object": ["data"], "input": ["src"], "image": ["href", "xlink:href"],
    "use": ["href", "xlink:href"],
}  # fmt: skip
_NOT_LOADED = {  # relations of <link> that only point somewhere
    "alternate", "author", "canonical", "copyright", "help", "index", "license", "me", "next",
    "prev", "search",
}  # fmt: skip
_RUNNING = {  # tags that no page of the library has in its article
    "script", "style", "iframe", "frame", "object", "embed", "form", "base", "meta", "link",
}  # fmt: skip
_SCRIPT_LINK = re.compile(r"\s*(?:javascript|vbscript)\s*:", re.IGNORECASE)
_FILE_NAME = re.compile(r"^\S*\.(?:png|svg|jpe?g|gif|webp|avif|bmp)$", re.IGNORECASE)
_ADDRESS = re.compile(r"<[^<>\n]* at 0x[0-9a-f]{6,}>")


@dataclass(frozen=True)
class Finding:
    """One fault: which gate found it, where, and what it is."""

    gate: str
    page: str
    message: str

    def __str__(self) -> str:
        """Return the finding as a line of a report."""
        return f"{self.gate}: {self.page}: {self.message}"


def check(html: Path, *, pages: Path | None = None, records: Path | None = None) -> list[Finding]:
    """Run every gate on a built book.

    Parameters
    ----------
    html
        The folder with the book's ``index.html``.
    pages
        The folder of the executed notebooks; by default the copies that the book itself offers
        for download, ``_sources/runs``.
    records
        The folder ``runs``, in which a record is ``<corpus>/<folder>/record.json``. Without it
        the numbers gate does not run.

    Returns
    -------
    list of Finding
        Empty if the book passes.

    Raises
    ------
    BookError
        There is no book, or it has no notebooks: then nothing would be checked.
    """
    html = Path(html)
    if not (html / "index.html").is_file():
        raise BookError(
            f"there is no book in {html}: it is the folder html of a book that ser book builds"
        )
    parsed = read_pages(html)
    notebooks = read_notebooks(Path(pages) if pages else html / "_sources" / "runs")
    findings = [
        *failed_notebooks(notebooks),
        *running_code(html, parsed),
        *external_requests(html, parsed),
        *broken_links(html, parsed),
        *images_without_text(parsed),
        *overweight(html, parsed),
        *missing_downloads(parsed),
    ]
    if records is not None:
        wrong = wrong_numbers(parsed, notebooks, read_records(Path(records)))
        findings += [Finding("numbers", page, message) for page, message in wrong]
    return findings


def read_notebooks(folder: Path) -> dict[str, nbformat.NotebookNode]:
    """Return the notebooks of a folder by their name without the suffix."""
    paths = sorted(folder.glob("*.ipynb"))
    if not paths:
        raise BookError(f"there are no executed notebooks in {folder}: nothing to check")
    return {path.stem: read_notebook(path) for path in paths}


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Read a notebook.

    Raises
    ------
    BookError
        The file is none.
    """
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:
        raise BookError(f"{path} is not a notebook ({error}); make it again") from error


def read_records(folder: Path) -> dict[str, dict]:
    """Return the finished records under ``runs`` by "<corpus>/<folder>"."""
    records = {}
    for path in sorted(folder.glob("*/*/record.json")):
        name = path.parent.relative_to(folder).as_posix()
        try:
            records[name] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue  # unfinished; a page that speaks of it is reported
    return records


# The gates


def failed_notebooks(notebooks: Mapping) -> Iterator[Finding]:
    """Find notebooks that failed, stopped half-way or show a memory address.

    A notebook that failed renders like any other one, so the html says nothing.
    """
    for name, notebook in notebooks.items():
        page = f"{name}.ipynb"
        if notebook.metadata.get("papermill", {}).get("exception"):
            yield Finding("notebooks", page, "papermill stopped at an exception")
        for number, cell in enumerate(notebook.cells, start=1):
            if cell.cell_type != "code":
                continue
            if cell.execution_count is None and cell.source.strip():
                yield Finding("notebooks", page, f"cell {number} has not been executed")
            for output in cell.outputs:
                if output.output_type == "error":
                    yield Finding("notebooks", page, f"cell {number} ends in {output.ename}")
                text = json.dumps([output.get("text"), output.get("data", {}).get("text/html"),
                                   output.get("data", {}).get("text/markdown")])  # fmt: skip
                if found := _ADDRESS.search(text):
                    yield Finding("notebooks", page, f"cell {number} prints {found.group()}, "
                                  "which differs in every run")  # fmt: skip


def running_code(html: Path, pages: Mapping[str, Page]) -> Iterator[Finding]:
    """Find what would run in an article: the library writes none, so it came from a text."""
    for name in pages:
        soup = BeautifulSoup((html / name).read_text(encoding="utf-8"), "html.parser")
        for tag in soup.select("article *"):
            handlers = [attribute for attribute in tag.attrs if attribute.startswith("on")]
            if tag.name in _RUNNING or handlers or _SCRIPT_LINK.match(str(tag.get("href", ""))):
                yield Finding("code", name, f"holds {str(tag)[:80]}, which is code")


def external_requests(html: Path, pages: Mapping[str, Page]) -> Iterator[Finding]:
    """Find whatever a browser would fetch from another server."""
    for name, page in pages.items():
        for address in _loaded(page):
            if _EXTERNAL.match(address):
                yield Finding("requests", name, f"loads {address}")
        for text in page.styles:
            for found in _CSS_LOADS.finditer(text):
                yield Finding("requests", name, f"its style loads {found.group(1)}")
        for text in page.scripts:
            for found in _SCRIPT_LOADS.finditer(text):
                yield Finding("requests", name, f"its script loads {found.group(1)}")
    for path in sorted(html.rglob("*.css")):
        for found in _CSS_LOADS.finditer(path.read_text(encoding="utf-8", errors="replace")):
            name = path.relative_to(html).as_posix()
            yield Finding("requests", name, f"loads {found.group(1)}")


def _loaded(page: Page) -> Iterator[str]:
    for tag, values in page.tags:
        for attribute in _LOADING.get(tag, ()):
            address = values.get(attribute, "")
            if attribute == "srcset":
                yield from (part.split()[0] for part in address.split(",") if part.strip())
            elif address:
                yield address
        if tag == "link" and not set(values.get("rel", "").lower().split()) & _NOT_LOADED:
            yield values.get("href", "")
        if tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            yield values.get("content", "").partition("=")[2].strip(" '\"")


def broken_links(html: Path, pages: Mapping[str, Page]) -> Iterator[Finding]:
    """Find internal addresses, in links and in what a page loads, that lead nowhere."""
    for name, page in pages.items():
        links = [values["href"] for tag, values in page.tags if tag == "a" and "href" in values]
        for address in dict.fromkeys([*links, *_loaded(page)]):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            path = _local(html, name, address)
            if path is None:
                yield Finding("links", name, f"{address} leads out of the book")
                continue
            if not path.is_file():
                yield Finding("links", name, f"{address} leads to no file")
                continue
            target = pages.get(path.relative_to(html.resolve()).as_posix())
            anchor = unquote(parts.fragment)
            if anchor and target is not None and anchor not in target.anchors:
                yield Finding("links", name, f"{address} leads to no anchor")


def _local(html: Path, page: str, address: str) -> Path | None:
    """Return the file that an address on a page means, or None if it is outside of the book."""
    wanted = unquote(urlsplit(address).path)
    path = ((html / page).parent / wanted if wanted else html / page).resolve()
    return path if path.is_relative_to(html.resolve()) else None


def files_of(html: Path, name: str, page: Page) -> list[Path]:
    """Return the files that make a page: its own, and those of the book that it loads."""
    addresses = [address for address in _loaded(page) if not urlsplit(address).scheme]
    files = {html.resolve() / name, *(_local(html, name, address) for address in addresses)}
    return sorted(path for path in files if path and path.is_file())


def images_without_text(pages: Mapping[str, Page]) -> Iterator[Finding]:
    """Find images whose alternative text is missing, empty or the name of a file.

    An empty one is right for the logo, which stands beside the title.
    """
    for name, page in pages.items():
        for tag, values in page.tags:
            if tag != "img" or "logo__image" in values.get("class", "").split():
                continue
            text = values.get("alt", "").strip()
            if not text:
                yield Finding("images", name, f"{values.get('src', '')[:80]} has no text")
            elif _FILE_NAME.match(text) or text == values.get("src"):
                yield Finding("images", name, f"the text of an image is a file's name: {text}")


def overweight(html: Path, pages: Mapping[str, Page]) -> Iterator[Finding]:
    """Find pages and books that are too heavy to send or to keep."""
    for name, page in pages.items():
        size = sum(path.stat().st_size for path in files_of(html, name, page))
        if size > PAGE_BYTES:
            yield Finding(
                "weight", name, f"{size / 1e6:.1f} MB, more than {PAGE_BYTES / 1e6:.0f} MB"
            )
    size = sum(path.stat().st_size for path in html.rglob("*") if path.is_file())
    if size > BOOK_BYTES:
        yield Finding(
            "weight", "the book", f"{size / 1e6:.0f} MB, more than {BOOK_BYTES / 1e6:.0f} MB"
        )


def missing_downloads(pages: Mapping[str, Page]) -> Iterator[Finding]:
    """Find figures and tables of notebooks that cannot be taken along, see `downloads`."""
    for name, page in pages.items():
        if not name.startswith("runs/"):
            continue
        tables, shown = iter(page.tables), ("figure", "table")
        places = [place for place, (tag, _) in enumerate(page.tags) if tag in shown]
        for place, following in pairwise([*places, len(page.tags)]):
            (kind, values), *part = page.tags[place:following]
            wanted, what = {".svg", ".png"}, f"figure '{values.get('id', '')}'"
            if kind == "table":
                header = next(iter(next(tables)), [])
                is_data = any(header) and any(tag == "thead" for tag, _ in part)
                wanted, what = {".csv"} if is_data else set(), f"table of {', '.join(header)}"
            links = [values for tag, values in part if tag == "a" and "download" in values]
            files = [link["download"] or urlsplit(link["href"]).path for link in links]
            offered = {PurePosixPath(file).suffix for file in files}
            for suffix in sorted(wanted - offered):
                yield Finding("downloads", name, f"{what} is not offered as {suffix[1:].upper()}")


def differences(html: Path, again: Path) -> Iterator[Finding]:
    """Find the files that two builds of a book do not have in common, byte for byte."""
    first, second = (
        {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        for folder in (html, again)
    )
    for name in sorted(first.keys() | second.keys()):
        if name not in first or name not in second:
            yield Finding("identical", name, "only one of two builds has it")
        elif first[name].read_bytes() != second[name].read_bytes():
            yield Finding("identical", name, "a second build from the same pages differs")
