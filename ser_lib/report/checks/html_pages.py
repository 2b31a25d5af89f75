"""Built html, read for checking: the standard library's parser, no browser.

`read_pages` returns a `Page` for every page of a book. Texts keep their order; cells have single
spaces; the text of a notebook output is everything inside an element of class ``cell_output``.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source",
         "track", "wbr"}  # fmt: skip


@dataclass
class Page:
    """What the gates need of an html page."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    styles: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)  # tables > rows > cells
    outputs: list[str] = field(default_factory=list)  # the text of each notebook output


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._open: list[tuple[str, bool]] = []  # the tags that are open; is it an output?
        self._cell: list[str] | None = None
        self._output: list[str] = []

    def handle_starttag(self, tag, attributes):
        values = {name: value or "" for name, value in attributes}
        self.page.tags.append((tag, values))
        self.page.anchors.update(filter(None, (values.get("id"), values.get("name"))))
        if "style" in values:
            self.page.styles.append(values["style"])
        if tag == "table":
            self.page.tables.append([])
        elif tag == "tr" and self.page.tables:
            self.page.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = []
        if tag not in _VOID:
            self._open.append((tag, "cell_output" in values.get("class", "").split()))

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag in ("td", "th") and self._cell is not None and self.page.tables:
            rows = self.page.tables[-1]
            if rows:
                rows[-1].append(" ".join("".join(self._cell).split()))
            self._cell = None
        if tag not in (name for name, _ in self._open):
            return
        while self._open:
            name, is_output = self._open.pop()
            if is_output:
                self.page.outputs.append("".join(self._output))
                self._output = []
            if name == tag:
                return

    def handle_data(self, data):
        inside = self._open[-1][0] if self._open else ""
        if inside == "style":
            self.page.styles.append(data)
        elif inside == "script":
            self.page.scripts.append(data)
        else:
            if self._cell is not None:
                self._cell.append(data)
            if any(is_output for _, is_output in self._open):
                self._output.append(f"{data} ")


def read_pages(html: Path) -> dict[str, Page]:
    """Return every html page of a folder, parsed, by its path in it."""
    pages = {}
    for path in sorted(html.rglob("*.html")):
        name = path.relative_to(html).as_posix()
        if name.startswith("_static/"):
            continue  # parts of the theme's templates, not pages
        reader = _Reader()
        reader.feed(path.read_text(encoding="utf-8"))
        reader.close()
        pages[name] = reader.page
    return pages
