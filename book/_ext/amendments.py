"""A Sphinx extension: what is changed in the pages after Sphinx and its theme have written them.

Jupyter Book gives no other hand on these places: files that the theme ships and no page shows, and
names, roles and keyboard stops that a reader without eyes or mouse needs.
"""

import re
from html import unescape
from pathlib import Path

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


def amend(folder: Path) -> None:
    """Remove what is not used from a built book, and amend each of its pages."""
    for pattern in UNUSED_FILES:
        for path in folder.glob(pattern):
            path.unlink()
    for path in folder.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for pattern, replacement in AMENDMENTS:
            text = pattern.sub(replacement, text)
        path.write_text(text, encoding="utf-8")
