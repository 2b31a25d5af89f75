"""The gates that need a browser: pages that pass, and pages broken on purpose."""

import re
import shutil

import pytest

from ser_lib.core.errors import BookError
from ser_lib.report import book
from ser_lib.report.checks import browser, links, rendered

needs_a_browser = pytest.mark.skipif(bool(browser.why_not()), reason=browser.why_not())

WIDE = "<div style='width: 600px'>A wide box.</div>"
PAGES = {  # what is in each page's body
    "sound": "<p class='moves'>Words that fade in, for ever.</p>"
    f"<div style='overflow-x: auto' tabindex='0'>{WIDE}</div>"
    "<img alt='A dot' src='data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22/>'>"
    "<script>document.body.append(new URL(location).protocol)</script>",
    "fetches": "<script>fetch('https://example.org/data.json').catch(() => {})</script>",
    "shows": "<script>const image = new Image(); image.alt = 'A map'; document.body.append(image);"
    "image.src = '//example.org/map.png'.replace('//', 'http://')</script>",
    "listens": "<script>new WebSocket('wss://example.org/news')</script>",
    "lazy": "<div style='height: 9000px'></div>"
    "<img loading='lazy' alt='A map' src='https://example.org/below.png'>",
    "lacks": "<script>const s = document.createElement('script'); s.src = 'no' + 'where.js';"
    "document.body.append(s)</script>",
    "throws": "<script>location.hash = 'top'; throw new Error('no such chart')</script>",
    "leaves": "<script>location = 'https://example.org/'</script>",
    "dark": "<p class='faint'>Readable by day.</p>",
    "folded": "<details><summary>More</summary><p style='color: #bbb'>Hardly.</p></details>",
    "scrolls": "<style>@media (width < 500px) { figure { overflow-x: auto } }</style>"
    "<figure><svg width='600' height='90' role='img' aria-label='A chart'></svg></figure>",
    "nameless": "<button></button>",
    "wide": f"<section>{WIDE}</section>",
    "fixed": "<div id='bar' class='tool bar' style='position: fixed; width: 600px'>A bar.</div>",
    "cut": f"<div style='overflow-x: hidden'>{WIDE}</div>",
    "index": "",
}
STYLE = """
html { background: #fff; color: #222 }
html[data-theme=dark] { background: #111; color: #eee }
html[data-theme=dark] .faint { color: #333 }
.moves { animation: 5s infinite appear } @keyframes appear { from { opacity: 0 } }
"""


def make_page(body: str, head: str = "") -> str:
    return (
        f"<!DOCTYPE html><html lang='en'><head><title>A page</title><style>{STYLE}</style>{head}"
        f"</head><body><main><h1>A page</h1>{body}</main></body></html>"
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Return what the gates find on each of `PAGES`, as pairs of gate and message."""
    folder = tmp_path_factory.mktemp("pages")
    for name, body in PAGES.items():
        forward = "<meta http-equiv='Refresh' content='0; url=sound.html'>"
        head = forward if name == "index" else ""
        (folder / f"{name}.html").write_text(make_page(body, head))
    findings = rendered.check(folder)
    assert {finding.gate for finding in findings} == set(rendered.GATES)
    return {
        name: [(found.gate, found.message) for found in findings if found.page == f"{name}.html"]
        for name in PAGES
    }


@needs_a_browser
@pytest.mark.parametrize(
    ("name", "gate", "message"),
    [
        ("fetches", "requests", "^asks for https://example.org/data.json$"),
        ("shows", "requests", "^asks for http://example.org/map.png$"),
        ("listens", "requests", "^asks for wss://example.org/news$"),
        ("lazy", "requests", "^asks for https://example.org/below.png$"),
        ("lacks", "requests", "/nowhere.js, which is not there$"),
        ("throws", "requests", "^a script fails: no such chart$"),
        ("dark", "accessibility", "^color-contrast: p: .*, in dark mode$"),
        ("folded", "accessibility", "^color-contrast: p: .*, in light mode$"),
        ("nameless", "accessibility", "^button-name: .*in light mode, in dark mode, on a phone$"),
        ("scrolls", "accessibility", "^scrollable-region-focusable: figure: .*, on a phone$"),
        ("wide", "phone", r"^6[01]\d px wide in a window of 375 px; .* farthest: div$"),
        ("fixed", "phone", r"^6[01]\d px wide in a window of 375 px; .*: div#bar\.tool\.bar$"),
        ("cut", "phone", r"^6[01]\d px wide in a window of 375 px; .* farthest: div$"),
    ],
)
def test_a_page_with_one_fault(found, name, gate, message):
    ((own, said),) = found[name]
    assert own == gate
    assert re.search(message, said)


@needs_a_browser
def test_sound_pages_and_one_that_leads_elsewhere_by_itself(found):
    assert found["sound"] == []
    assert found["index"] == []  # forwards to another page at once
    assert ("requests", "asks for https://example.org/") in found["leaves"]


@needs_a_browser
def test_the_dark_mode_of_the_book(html, tmp_path):
    html = shutil.copytree(html, tmp_path / "html")
    for path in html.rglob("*.html"):
        if path.name not in ("index.html", "cnn.html"):
            path.unlink()
    assert rendered.check(html) == []
    with (html / "_static" / "report.css").open("a") as style:
        style.write('html[data-theme="dark"] .bd-article p { color: #444 }')
    (finding,) = rendered.check(html)
    assert (finding.gate, finding.page) == ("accessibility", "runs/cnn.html")
    assert finding.message.endswith(", in dark mode")


def test_a_page_that_passed_is_not_looked_at_again(tmp_path, monkeypatch):
    html, remember = tmp_path / "html", tmp_path / "checked.json"
    (html / "_static").mkdir(parents=True)
    (html / "_static" / "book.css").write_text("p { color: #222 }")
    (html / "map.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (html / "map.html").write_text(make_page("<img src='map.svg' alt='A map'>"))
    (html / "other.html").write_text(make_page(PAGES["throws"]))

    def look_through(html, names):
        looked.extend(names)
        return [links.Finding("requests", name, "a script fails") for name in names
                if "throw" in (html / name).read_text()]  # fmt: skip

    def looked_at() -> list[str]:
        looked.clear()
        found = rendered.check(html, remember=remember)
        assert [finding.page for finding in found] == broken
        return sorted(looked)

    looked, broken = [], ["other.html"]
    monkeypatch.setattr(rendered, "_look_through", look_through)
    assert looked_at() == ["map.html", "other.html"]
    assert looked_at() == ["other.html"]  # it did not pass
    broken = []
    (html / "other.html").write_text(make_page(PAGES["sound"]))
    assert looked_at() == ["other.html"]
    assert looked_at() == []
    (html / "map.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'></svg>")
    assert looked_at() == ["map.html"]
    (html / "_static" / "book.css").write_text("p { color: #232323 }")
    assert looked_at() == ["map.html", "other.html"]
    remember.write_text("{")  # damaged
    assert looked_at() == ["map.html", "other.html"]


def test_a_browser_that_is_no_program(monkeypatch):
    monkeypatch.setenv("SER_CHROMIUM", "no-browser")
    with pytest.raises(BookError, match=r"SER_CHROMIUM names no-browser.*name a Chromium"):
        browser.chromium().__enter__()


@needs_a_browser
def test_a_program_that_is_no_browser(monkeypatch):
    monkeypatch.setenv("SER_CHROMIUM", "false")
    with pytest.raises(BookError, match="/false does not start"):
        browser.chromium().__enter__()


def test_no_browser_names_what_to_install(monkeypatch):
    monkeypatch.delenv("SER_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(browser, "find_spec", lambda name: object())
    assert "install Debian's package chromium" in browser.why_not()


@pytest.mark.parametrize("missing", ["playwright", "axe_playwright_python"])
def test_a_missing_package_names_what_to_install(missing, monkeypatch):
    def find(name):
        return None if name == missing else object()

    monkeypatch.setattr(browser, "find_spec", find)
    monkeypatch.setattr(browser, "_executable", lambda: "/bin/chromium")
    assert "pip install 'ser-lib[browser]'" in browser.why_not()


def test_a_book_is_checked_without_one_and_says_what_was_not(workspace, html, monkeypatch, capsys):
    monkeypatch.setenv("SER_WORKSPACE", str(workspace))
    monkeypatch.setenv("SER_CHROMIUM", "no-browser")
    assert book.check(html) == []
    (line,) = capsys.readouterr().out.splitlines()
    assert "requests, accessibility, phone" in line
    assert "no-browser" in line
