"""A Sphinx extension: what a page shows can be taken along, and the page itself shared.

On every page that is made from a notebook stand, under a figure, links to it as SVG and as PNG,
under a table one to its text as CSV, and in the folded part on how the page was made one to the
executed notebook. All of these are files of the book. The PNG of a figure lies beside the page's
notebook, under the figure's name; `ser_lib.report.book` puts it there. Where a link to a page is
shared, its title, first paragraph and first figure are shown (Open Graph).

Conventions: a table is data if its columns have titles; one without is layout and has no link.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from html import escape
from pathlib import Path, PurePosixPath
from shutil import copyfile
from urllib.parse import urljoin

from docutils import nodes
from sphinx.util import logging
from sphinx.util.osutil import relative_uri

from ser_lib.pages.words import cell

LOGGER = logging.getLogger(__name__)
FOLDER = "_downloads"
FOLDED = "provenance"
"""The class of the folded part, see `ser_lib.pages.provenance`."""


def setup(app) -> dict:
    """Register what is done to a page that was read, and to one that is about to be written."""
    # Sphinx gathers a page's pictures by the names of their files, at its usual priority of 500.
    app.connect("doctree-read", _name_pictures, priority=400)
    app.connect("doctree-resolved", _offer)
    app.connect("html-page-context", _share)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _name_pictures(app, doctree: nodes.document) -> None:
    """Give every figure's SVG, which MyST names by a hash, the name of the figure."""
    if _is_notebook(app, app.env.docname):
        for figure, image in _figures(doctree):
            drawn = PurePosixPath(image["uri"])  # from the source folder on
            named = drawn.with_name(f"{_name(figure)}{drawn.suffix}")
            # A copy: another figure may be the same drawing.
            copyfile(f"{app.srcdir}{drawn}", f"{app.srcdir}{named}")
            image["uri"] = str(named)


def _offer(app, doctree: nodes.document, docname: str) -> None:
    """Add the links to a page, and the files that they lead to to the book."""
    if app.builder.name != "html" or not _is_notebook(app, docname):
        return
    source, target = Path(app.srcdir, docname), Path(app.outdir, FOLDER)
    target.mkdir(exist_ok=True)
    here = app.builder.get_target_uri(docname)

    def link(path: str, text: str, what: str = "") -> str:
        words = f'<span class="visually-hidden">{escape(what)} as </span>' if what else ""
        return f'<a href="{escape(relative_uri(here, path))}" download>{words}{escape(text)}</a>'

    for figure, image in list(_figures(doctree)):
        what, png = _title(app.env, docname, figure), f"{_name(figure)}.png"
        picture = app.env.images[image["uri"]][1]
        links = [link(f"{app.builder.imagedir}/{picture}", "SVG", what)]
        if source.with_name(png).is_file():
            copyfile(source.with_name(png), target / png)
            links.append(link(f"{FOLDER}/{png}", "PNG", what))
        else:
            LOGGER.warning("there is no %s: the notebook has this figure as SVG alone", png,
                           location=figure)  # fmt: skip
        _put_after(figure, links)

    seen: Counter[str] = Counter()
    for table, rows in list(_tables(doctree)):
        section = _section(table)
        place = nodes.make_id(section) or "table"
        seen[place] += 1
        number = f"-{seen[place]}" if seen[place] > 1 else ""
        name = f"{source.name}-{place}{number}.csv"
        (target / name).write_bytes(_csv(rows))
        _put_after(table, [link(f"{FOLDER}/{name}", "CSV", f"Table in {section}")])

    for folded in doctree.findall(nodes.container):
        if FOLDED in folded["classes"]:
            notebook = link(f"_sources/{docname}.ipynb", f"{source.name}.ipynb")
            folded += nodes.raw("", f"<p>The executed notebook: {notebook}</p>", format="html")


def _share(app, docname: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """Describe a page to those that show a link to it; its picture may be the first page's."""
    if doctree is None or not (title := doctree.next_node(nodes.title)):
        return
    about = {"title": title.astext()}
    if text := doctree.next_node(nodes.paragraph):
        about["description"] = " ".join(text.astext().split())
    root = app.config.root_doc
    for page, tree in ((docname, doctree), (root, app.env.get_doctree(root))):
        figure, image = next(_figures(tree), (None, None))
        if figure and Path(app.srcdir, page).with_name(f"{_name(figure)}.png").is_file():
            png = relative_uri(app.builder.get_target_uri(docname), f"{FOLDER}/{_name(figure)}.png")
            about |= {"image": urljoin(context["pageurl"] or "", png), "image:alt": image["alt"]}
            break
    for name, value in about.items():
        context["metatags"] += f'\n<meta property="og:{name}" content="{escape(value)}" />'


def _is_notebook(app, docname: str) -> bool:
    return app.env.doc2path(docname).endswith(".ipynb")


def _figures(doctree: nodes.document) -> Iterator[tuple[nodes.figure, nodes.image]]:
    """Find the figures that a notebook drew, each with its picture."""
    for figure in doctree.findall(nodes.figure):
        image = next(figure.findall(nodes.image), None)
        if figure["names"] and image is not None:
            yield figure, image


def _name(figure: nodes.figure) -> str:
    return figure["names"][0]


def _title(env, docname: str, figure: nodes.figure) -> str:
    """Return how the book calls a figure, such as "Figure 3"."""
    numbers = env.toc_fignumbers.get(docname, {}).get("figure", {}).get(figure["ids"][0], ())
    return " ".join(["Figure", ".".join(map(str, numbers))]).strip()


def _tables(doctree: nodes.document) -> Iterator[tuple[nodes.table, list[list[str]]]]:
    """Find the tables whose columns have titles, each with the text of its rows."""
    for table in doctree.findall(nodes.table):
        rows = [[_text(entry) for entry in row] for row in table.findall(nodes.row)]
        if any(any(rows[0]) for _ in table.findall(nodes.thead)):
            yield table, rows


def _text(cell: nodes.entry) -> str:
    """Return what a cell says, without markup and players."""
    cell = cell.deepcopy()
    for raw in list(cell.findall(nodes.raw)):
        raw.parent.remove(raw)
    return " ".join(cell.astext().split())


def _section(node: nodes.Node) -> str:
    """Return the heading under which a node stands."""
    while not isinstance(node, nodes.section):
        node = node.parent
    return node.next_node(nodes.title).astext()


def _csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(map(cell, row) for row in rows)
    return text.getvalue().encode()


def _put_after(node: nodes.Element, links: list[str]) -> None:
    line = nodes.raw("", f'<p class="downloads">{" ".join(links)}</p>', format="html")
    node.parent.insert(node.parent.index(node) + 1, line)
