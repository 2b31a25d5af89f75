"""What a built book must pass in a browser: every page, opened from the disk, in `chromium`.

============= ==================================================================================
requests      no page asks another machine for anything, nor for a file that is not there, also
              not by a script, and no script fails
accessibility axe-core finds nothing serious or critical, in light and in dark mode, on a phone
phone         at 375 px nothing is wider than the window, but what scrolls in a box of its own
============= ==================================================================================

Each page is visited once: it is loaded, what is folded is opened, and axe-core looks at it in each
of `VIEWS`, the last of which is a phone. The browser is offline all the time. What a page would
ask for only after a click is not seen.

The gates that need no browser are in `ser_lib.report.checks.links`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urldefrag

from ser_lib.core.files import digest, write_atomically
from ser_lib.core.jobs import processors
from ser_lib.report.checks import browser, links
from ser_lib.report.checks.html_pages import Page, read_pages
from ser_lib.report.checks.links import Finding

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 812}
VIEWS = (  # how it is said, window, mode, rules that are left out
    ("in light mode", DESK, "light", ()),
    ("in dark mode", DESK, "dark", ()),
    ("on a phone", PHONE, "dark", ("color-contrast",)),  # slow, and colours know no phone
)
GATES = ("requests", "accessibility", "phone")
_LOCAL = ("file:", "data:", "blob:", "about:")
_BROWSERS = 4  # at once, at most: one fills a processor and some hundred megabytes
_RESIZED_MS = 350  # the theme follows a new size after 300 ms

# Settle: everything open and loaded, no colour half-way between two.
_SETTLE = """async ([mode, wait]) => {
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  await new Promise(done => setTimeout(done, wait));
  const root = document.documentElement;
  root.dataset.mode = root.dataset.theme = mode;  // what the theme's own switch sets
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  for (const late of document.querySelectorAll("[loading=lazy]")) late.loading = "eager";
  for (const change of document.getAnimations()) {
    try { change.finish(); } catch { change.cancel(); }  // one without an end cannot finish
  }
}"""
_FAULTS = """async leftOut => {
  const rules = Object.fromEntries(leftOut.map(rule => [rule, {enabled: false}]));
  const options = {resultTypes: ["violations"], preload: false, rules};
  const {violations} = await axe.run(document, options);
  return violations
    .filter(({impact}) => ["serious", "critical"].includes(impact))
    .map(({id, nodes}) => ({
      rule: id,
      place: nodes[0].target.join(" "),
      more: nodes.length - 1,
      reason: nodes[0].failureSummary.split("\\n")[1].trim(),
    }));
}"""
# The page's width, and the element that reaches farthest to the right out of the window; of
# several, the innermost. One that is fixed would not even make the page wider: it is cut off.
_WIDTH = """() => {
  const inAScrollingBox = element => {
    for (let box = element; box !== document.body; box = box.parentElement) {
      const {overflowX, position} = getComputedStyle(box);
      if (box !== element && ["auto", "scroll"].includes(overflowX)) return true;
      if (position === "fixed") return false;
    }
    return false;
  };
  let farthest = null, edge = innerWidth + 1;
  for (const element of document.body.querySelectorAll("*")) {
    const {right, width} = element.getBoundingClientRect();
    const seen = width > 0 && element.checkVisibility({visibilityProperty: true});
    if (seen && right >= edge && !inAScrollingBox(element)) {
      farthest = element;
      edge = right;
    }
  }
  const name = farthest && [
    farthest.localName, farthest.id && `#${farthest.id}`,
    ...Array.from(farthest.classList, name => `.${name}`),
  ].join("");
  const {scrollWidth} = document.documentElement;
  return {width: Math.round(farthest ? Math.max(edge, scrollWidth) : scrollWidth), name};
}"""


def why_not() -> str:
    """Return why these gates cannot run and what to install, or "" if they can."""
    if reason := browser.why_not():
        return reason
    if find_spec("axe_playwright_python") is None:
        return "the package axe-playwright-python is missing: pip install 'ser-lib[browser]'"
    return ""


def check(html: Path, *, remember: Path | None = None) -> list[Finding]:
    """Look at every page of a built book in a browser.

    Parameters
    ----------
    html
        The folder with the book's ``index.html``.
    remember
        A file for the digests of the pages that pass. A page that keeps its digest, made of the
        page, what it loads and the book's style and scripts, is not looked at again.

    Returns
    -------
    list of Finding
        Empty if the book passes.

    Raises
    ------
    BookError
        No browser can be driven; `why_not` says so beforehand.
    """
    html = Path(html).resolve()
    pages = {name: page for name, page in read_pages(html).items() if not _only_forwards(page)}
    digests = _digests(html, pages) if remember else {}
    passed = _read_digests(remember) if remember and remember.is_file() else {}
    names = [name for name in pages if not remember or passed.get(name) != digests[name]]
    if not names:
        return []
    count = min(len(names), processors(), _BROWSERS)
    with ThreadPoolExecutor(count) as pool:
        shares = [(html, names[start::count]) for start in range(count)]
        parts = list(pool.map(lambda share: list(_look_through(*share)), shares))
    findings = sorted((found for part in parts for found in part), key=lambda found: found.page)
    if remember:
        for finding in findings:
            digests.pop(finding.page, None)
        write_atomically(remember, json.dumps(digests, indent=1))
    return findings


def _read_digests(file: Path) -> dict[str, str]:
    """Return the digests of a book that was looked at before; of a damaged file, none."""
    try:
        found = json.loads(file.read_text())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _digests(html: Path, pages: Mapping[str, Page]) -> dict[str, str]:
    """Return the digest of each page together with all that decides what is seen of it."""
    from axe_playwright_python.base import AXE_SCRIPT

    common = sorted(path for path in html.glob("*_static/**/*") if path.is_file())
    looks = digest(Path(__file__), Path(browser.__file__), AXE_SCRIPT, *common)
    return {name: digest(looks, *links.files_of(html, name, page)) for name, page in pages.items()}


def _only_forwards(page: Page) -> bool:
    return any(
        tag == "meta" and values.get("http-equiv", "").lower() == "refresh"
        for tag, values in page.tags
    )


def _look_through(html: Path, names: Iterable[str]) -> Iterator[Finding]:
    """Visit pages one after the other in a browser of one's own, which belongs to this thread."""
    from playwright.sync_api import Error

    addresses = {(html / name).as_uri(): name for name in names}
    said: dict[tuple[str, str], None] = {}  # (page, message), in order, each once

    with browser.chromium() as chromium:
        page = chromium.new_context(offline=True).new_page()

        def note(message: str) -> None:
            # The page that it is about, also where the next one is already asked for.
            said[addresses.get(urldefrag(page.url).url, name), message] = None

        def asked(address: str) -> None:
            if not address.startswith(_LOCAL):
                note(f"asks for {address[:200]}")

        def failed(request) -> None:
            if request.failure == "net::ERR_FILE_NOT_FOUND":
                note(f"asks for {request.url[:200]}, which is not there")

        page.on("request", lambda request: asked(request.url))
        page.on("websocket", lambda socket: asked(socket.url))
        page.on("requestfailed", failed)
        page.on("pageerror", lambda error: note(f"a script fails: {error.message}"))
        for address, name in addresses.items():
            try:
                yield from _visit(page, address, name)
            except Error as error:
                note(f"cannot be looked at: {error.message.splitlines()[0]}")
    for name, message in said:
        yield Finding("requests", name, message)


def _visit(page, address: str, name: str) -> Iterator[Finding]:
    from axe_playwright_python.base import AXE_SCRIPT

    page.set_viewport_size(DESK)
    page.goto(address)
    page.evaluate(AXE_SCRIPT)
    faults: dict[str, list[str]] = {}  # where each is found
    for view, size, mode, left_out in VIEWS:
        resized = page.viewport_size != size
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=mode)
        page.evaluate(_SETTLE, [mode, _RESIZED_MS if resized else 0])
        for fault in page.evaluate(_FAULTS, left_out):
            more = f" and {fault['more']} more" if fault["more"] else ""
            message = f"{fault['rule']}: {fault['place']}{more}: {fault['reason']}"
            faults.setdefault(message, []).append(view)
    for message, views in faults.items():
        yield Finding("accessibility", name, f"{message}, {', '.join(views)}")
    seen = page.evaluate(_WIDTH)
    if seen["name"] or seen["width"] > PHONE["width"]:
        yield Finding(
            "phone",
            name,
            f"{seen['width']} px wide in a window of {PHONE['width']} px; what reaches farthest: "
            f"{seen['name'] or 'the page itself'}",
        )
