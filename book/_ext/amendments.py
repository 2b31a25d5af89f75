"""A Sphinx extension: what is changed in the pages after Sphinx and its theme have written them.

Jupyter Book gives no other hand on these places: files that the theme ships and no page shows, and
names, roles and keyboard stops that a reader without eyes or mouse needs.
"""

import re
from html import escape, unescape
from pathlib import Path

from bs4 import BeautifulSoup

# What the theme ships and these pages never show: most of a page's weight. Its icons come twice, as
# a font and as a script of 1.5 MB that replaces the font.
UNUSED_FILES = (
    "_static/vendor/fontawesome/*/js/*",
    "_static/vendor/fontawesome/*/webfonts/*.ttf",
    "_static/s*/*.map",
)
SHORT = 30  # characters of code, which fit a line of text on a phone


def setup(app) -> dict:
    """Amend a book once it has been built."""
    app.connect("build-finished", lambda app, error: error or amend(Path(app.outdir)))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _marked(code: re.Match) -> str:
    """Inline code, of the class `short` if it is: only longer code may be broken into lines."""
    short = len(unescape(re.sub(r"<[^>]*>", "", code[1]))) <= SHORT
    return code[0].replace("notranslate", "notranslate short", 1) if short else code[0]


# (what to find, what to put there or what makes it), in every page.
AMENDMENTS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r'<script src="[^"]*/fontawesome/[^"]*/all\.min\.js[^"]*"></script>\n?', ""),
        (r'<link rel="preload" as="font"[^>]*/fa-(?:brands|regular)-[^>]*>\n?', ""),
        # Accessibility: names that differ from the text that is shown, scrolling without a
        # mouse, a list of what are no list items, a sidebar that is no landmark.
        (r'<summary aria-label="Toggle hidden content">', "<summary>"),
        (
            r'<summary>(?=<span class="toctree-toggle" role="presentation">)',
            '<summary aria-label="Pages below">',
        ),
        (r'(<button class="btn search-button-field[^>]*) aria-label="Search"', r"\1"),
        (
            r'<div class="pst-scrollable-table-container">',
            r'<div class="pst-scrollable-table-container" tabindex="0">',
        ),
        (r'<code class="docutils literal notranslate">(.*?)</code>', _marked),
        (r"<figure class=", '<figure tabindex="0" class='),
        (r'role="doc-biblioentry"', 'role="listitem"'),
        (
            r'<div class="(bd-sidebar-primary bd-sidebar[^"]*)">',
            r'<div class="\1" role="complementary" aria-label="Report">',
        ),
    )
]


def definitions(folder: Path) -> dict[str, str]:
    """Return the first sentences of the glossary's entries, by the anchor of each term."""
    texts = {}
    if (page := folder / "glossary.html").is_file():
        for entry in BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")("dd"):
            text = re.sub(r" \[[^]]*\d{4}\]", "", " ".join(entry.get_text().split()))  # citations
            term = entry.find_previous_sibling()
            while term is not None and term.name == "dt":
                texts[term.get("id")] = re.split(r"(?<=[.]) ", text)[0]
                term = term.find_previous_sibling()
    return texts


def amend(folder: Path) -> None:
    """Remove what is not used from a built book, and amend each of its pages."""
    for pattern in UNUSED_FILES:
        for path in folder.glob(pattern):
            path.unlink()
    defined = definitions(folder)

    def explained(link: re.Match) -> str:
        definition = defined.get(link[2])
        return f'{link[1]} data-definition="{escape(definition)}">' if definition else link[0]

    for path in folder.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for pattern, replacement in AMENDMENTS:
            text = pattern.sub(replacement, text)
        text = re.sub(
            r'(<a class="reference internal" href="[^"]*#(term-[^"]+)")>', explained, text
        )
        path.write_text(text, encoding="utf-8")
