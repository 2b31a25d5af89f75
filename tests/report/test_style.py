"""The style sheet, in a browser: what fits its place, and what says that there is more."""

from pathlib import Path

import amendments
import factory
import pytest
from myst_parser.parsers.docutils_ import to_html5_demo

from ser_lib.pages import context
from ser_lib.report.checks import browser

STYLE = Path(__file__).parents[2] / "book" / "_static" / "report.css"
PHONE, DESK = 343, 688  # pixels that a window of 375 and one of 1280 leave for the text
CODE = '<code class="docutils literal notranslate"><span class="pre">{}</span></code>'
PAGE = """<!DOCTYPE html><html data-theme="light"><head><meta charset="utf-8">
<style>* {{ box-sizing: border-box }} body {{ margin: 0; font: 16px sans-serif }}
.bd-article {{ margin-left: 16px; --pst-color-background: #fff }} p {{ margin: 0 }}</style>
<link rel="stylesheet" href="{style}"></head><body><article class="bd-article">
<div class="pst-scrollable-table-container" id="wide">{table}</div>
<div class="pst-scrollable-table-container" id="sounds"><table class="table"><tbody><tr>
<td><p>One<br><audio controls></audio></p></td><td class="text-right"><p>332</p></td>
<td><p>5.0</p></td></tr></tbody></table></div>
<p id="text">{words} {seeds} and {long}</p>
<figure class="align-default"><img alt="" width="800" height="200"
src="data:image/svg+xml,&lt;svg xmlns='http://www.w3.org/2000/svg'/&gt;">
<figcaption><p>A caption</p></figcaption></figure></article></body></html>"""

pytestmark = pytest.mark.skipif(bool(browser.why_not()), reason=browser.why_not())


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Return a function that measures the page in a window, by a script that has `$`."""
    folder = tmp_path_factory.mktemp("style")
    table = to_html5_demo(context.gather(factory.make_run(corpus="emodb")).text("published"))
    page = PAGE.format(
        style=STYLE.as_uri(),
        table=table.replace("<table", '<table class="table"', 1),
        words="Some words that fill a line.",
        seeds=CODE.format("-p seeds=3"),
        long=CODE.format("ser-run-a-command-of-many-words-that-is-wider-than-a-telephone"),
    )
    (folder / "page.html").write_text(page, encoding="utf-8")
    amendments.amend(folder)
    with browser.chromium() as chromium:
        tab = chromium.new_page()
        tab.goto((folder / "page.html").as_uri())

        def measure(width: int, script: str):
            tab.set_viewport_size({"width": width + (32 if width == PHONE else 592), "height": 900})
            return tab.evaluate(
                f"(width) => {{ const $ = (what) => document.querySelector(what);"
                f"$('article').style.width = width + 'px'; return {script} }}",
                width,
            )

        yield measure


def test_the_widest_table_fits_a_desk(seen):
    assert seen(DESK, "$('#wide tr').cells.length") == 8
    assert seen(DESK, "$('#wide').scrollWidth") <= DESK
    assert seen(PHONE, "$('#wide').scrollWidth") > PHONE
    assert seen(PHONE, "document.documentElement.scrollWidth") == PHONE + 32


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_player_does_not_lie_over_the_numbers(seen, width):
    player = seen(width, "$('audio').getBoundingClientRect().toJSON()")
    number = seen(width, "$('#sounds .text-right').getBoundingClientRect().toJSON()")
    assert player["right"] <= number["left"]
    assert player["width"] >= 200


@pytest.mark.parametrize("width", range(120, 400, 20))
def test_short_code_stays_on_one_line(seen, width):
    narrow = f"$('article').style.width = '{width}px'"
    # A box for each piece of a line: code that is broken has several.
    assert seen(PHONE, f"({narrow}, $('code.short span').getClientRects().length)") == 1


def test_long_code_is_broken_on_a_phone(seen):
    assert seen(PHONE, "$('code:not(.short) span').getClientRects().length") > 1
    assert seen(PHONE, "$('#text').scrollWidth") <= PHONE


def test_a_figure_on_a_phone_says_that_there_is_more(seen):
    assert seen(PHONE, "$('figure').scrollWidth") > PHONE
    shadow = "getComputedStyle($('figure'), '::after')"
    assert "gradient" in seen(PHONE, f"{shadow}.backgroundImage")
    assert seen(PHONE, f"{shadow}.position") == "sticky"
    scrolled = "($('figure').scrollLeft = 999, $('figcaption').getBoundingClientRect().left)"
    assert seen(PHONE, scrolled) == 16, "the caption stays where it is"
    assert seen(DESK, f"{shadow}.content") == "none"
    assert seen(DESK, "$('figure').scrollWidth") <= DESK
