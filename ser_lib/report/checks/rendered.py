"""What a built book must pass in a browser: every page, opened from the disk, in Chromium.

============= ==================================================================================
requests      no page asks another machine for anything, nor for a file that is not there, also
              not by a script, and no script fails
accessibility axe-core finds nothing serious or critical, in light and in dark mode, on a phone
phone         at 375 px nothing is wider than the window, but what scrolls in a box of its own
============= ==================================================================================

Each page is visited once: it is loaded, what is folded is opened, and axe-core looks at it in each
of `VIEWS`. The browser is offline all the time. What a page would ask for only after a click is
not seen.
"""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from pathlib import Path

from ser_lib.core.files import digest, write_atomically
from ser_lib.core.jobs import processors
from ser_lib.report.checks import browser, links
from ser_lib.report.checks.links import Finding

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 812}
VIEWS = (  # how it is said, window, mode, rules that are left out
    ("in light mode", DESK, "light", ()),
    ("in dark mode", DESK, "dark", ()),
    ("on a phone", PHONE, "dark", ("color-contrast",)),  # slow, and colours know no phone
)
GATES = ("requests", "accessibility", "phone")
SCRIPT = Path(__file__).with_suffix(".js")


def check(html: Path, *, remember: Path | None = None) -> list[Finding]:
    """Look at every page of a built book in a browser; `browser.why_not` says if there is none.

    `remember` is a file for the digests of the pages that pass. A page that keeps its digest, made
    of the page, what it loads and the book's style and scripts, is not looked at again.
    """
    from axe_playwright_python.base import AXE_SCRIPT

    html = html.resolve()
    pages = {
        name: page
        for name, page in links.read_pages(html).items()
        if not page.select("meta[http-equiv=refresh i]")
    }
    common = sorted(path for path in html.glob("*_static/**/*") if path.is_file())
    looks = digest(Path(__file__), SCRIPT, Path(browser.__file__), AXE_SCRIPT, *common)
    digests = {name: digest(looks, *links.files_of(html, name, pages[name])) for name in pages}
    passed = {}
    if remember:
        with suppress(OSError, ValueError, TypeError):  # of a damaged file, none
            passed = dict(json.loads(remember.read_text()))
    names = [name for name in pages if passed.get(name) != digests[name]]
    if not names:
        return []
    count = min(len(names), processors(), 4)  # each fills a processor and hundreds of megabytes
    with ThreadPoolExecutor(count) as pool:
        shares = [names[start::count] for start in range(count)]
        parts = list(pool.map(lambda share: list(_look_through(html, share)), shares))
    findings = sorted(chain.from_iterable(parts), key=lambda finding: finding.page)
    if remember:
        for finding in findings:
            digests.pop(finding.page, None)
        write_atomically(remember, json.dumps(digests, indent=1))
    return findings


def _look_through(html: Path, names: Iterable[str]) -> Iterator[Finding]:
    """Visit pages one after the other in a browser of one's own, which belongs to this thread."""
    from playwright.sync_api import Error

    with browser.chromium() as chromium:
        context = chromium.new_context(offline=True)
        for name in names:
            notes: dict[str, None] = {}  # in order, each once
            page = context.new_page()  # what one page asks for late is not laid to the next
            _listen(page, notes)
            try:
                yield from _visit(page, (html / name).as_uri(), name)
            except Error as error:
                notes[f"cannot be looked at: {error.message.splitlines()[0]}"] = None
            page.close()
            for message in notes:
                yield Finding("requests", name, message)


def _listen(page, notes: dict[str, None]) -> None:
    """Note what a page asks for and what fails on it."""

    def asked(request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:", "about:")):
            notes[f"asks for {request.url[:200]}"] = None

    def failed(request) -> None:
        if request.failure == "net::ERR_FILE_NOT_FOUND":
            notes[f"asks for {request.url[:200]}, which is not there"] = None

    page.on("request", asked)
    page.on("websocket", asked)
    page.on("requestfailed", failed)
    page.on("pageerror", lambda error: notes.update({f"a script fails: {error.message}": None}))


def _visit(page, address: str, name: str) -> Iterator[Finding]:
    from axe_playwright_python.base import AXE_SCRIPT

    page.set_viewport_size(DESK)
    page.goto(address)
    for script in (AXE_SCRIPT, SCRIPT.read_text("utf-8")):
        page.evaluate(script)
    faults: dict[str, list[str]] = {}  # where each is found
    for view, size, mode, left_out in VIEWS:
        resized = page.viewport_size != size  # which the theme follows after 300 ms
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=mode)
        page.evaluate("given => gates.settle(given)", [mode, 350 if resized else 0])
        for fault in page.evaluate("rules => gates.faults(rules)", left_out):
            more = f" and {fault['more']} more" if fault["more"] else ""
            message = f"{fault['rule']}: {fault['place']}{more}: {fault['reason']}"
            faults.setdefault(message, []).append(view)
    for message, views in faults.items():
        yield Finding("accessibility", name, f"{message}, {', '.join(views)}")
    widest = page.evaluate("gates.width()")
    if widest["name"] or widest["width"] > PHONE["width"]:
        message = f"{widest['width']} px wide in a window of {PHONE['width']} px"
        farthest = widest["name"] or "the page itself"
        yield Finding("phone", name, f"{message}; what reaches farthest: {farthest}")
