"""The confusion matrix to listen to, in a browser, from the disk: keys, lists, and no script."""

from pathlib import Path

import pandas as pd
import pytest
from small_book import HEARD, answers

from ser_lib.corpora import Manifest
from ser_lib.features import maps
from ser_lib.pages import listen, players
from ser_lib.report.checks import browser as browsers

STATIC = Path(__file__).parents[2] / "book" / "_static"


@pytest.fixture(scope="module")
def browser():
    if reason := browsers.why_not():
        pytest.skip(reason)
    with browsers.chromium() as found:
        yield found


@pytest.fixture
def open_page(browser, html):
    """A function that opens the page to listen to; what it asks of a network fails the test."""
    contexts, asked = [], []

    def opened(**options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto((html / "runs" / "listen.html").as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert asked
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def focused(page) -> str:
    return page.evaluate("document.activeElement.getAttribute('aria-label')")


def shown(page) -> list[str]:
    """First lines of the lists that can be seen."""
    return page.locator(".listen-cell:visible > summary").all_text_contents()


def names(page) -> list[str]:
    """Utterances that can be seen."""
    return page.locator(".listen-cell li:visible code").all_text_contents()


def test_the_largest_confusion_is_shown_first(open_page):
    page = open_page()
    assert shown(page) == ["sadness taken for neutral: 4 utterances"]
    table = answers().query("truth == 'sadness' and predicted == 'neutral'")
    assert names(page) == list(table.sort_values("p", ascending=False)["utterance"])


def test_arrows_move_and_enter_or_space_choose(open_page):
    page = open_page()
    grid = page.get_by_role("grid")
    assert grid.get_by_role("button").count() == len(HEARD)
    grid.get_by_role("button", name="3, anger recognised").focus()
    # The cell between them is empty, and so is the one at the end of the walk.
    for key, found in [
        ("ArrowRight", "2, anger taken for sadness: 2 utterances"),
        ("ArrowRight", "2, anger taken for sadness: 2 utterances"),
        ("ArrowDown", "2, sadness recognised: 2 utterances"),
        ("ArrowLeft", "4, sadness taken for neutral: 4 utterances"),
        ("ArrowUp", "1, neutral recognised: 1 utterance"),
        ("ArrowUp", "1, neutral recognised: 1 utterance"),
        ("ArrowDown", "4, sadness taken for neutral: 4 utterances"),
        ("Home", "1, sadness taken for anger: 1 utterance"),
        ("End", "2, sadness recognised: 2 utterances"),
    ]:
        page.keyboard.press(key)
        assert focused(page) == found, key
    assert shown(page) == ["sadness taken for neutral: 4 utterances"], "moving chooses nothing"
    for key in ("Enter", "Space"):
        page.keyboard.press("ArrowLeft")
        page.keyboard.press(key)
        label = focused(page).partition(", ")[2]
        assert shown(page) == [label]
        assert page.get_by_role("status").text_content() == label
        assert page.locator("[aria-pressed=true]").get_attribute("aria-label") == focused(page)


def test_the_matrix_is_one_stop_of_the_tab_key_and_its_focus_is_visible(open_page):
    page = open_page()
    assert page.locator(".listen-matrix a[tabindex='0']").count() == 1
    page.locator(".listen-matrix a[tabindex='0']").focus()
    page.keyboard.press("ArrowLeft")
    style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert style == "solid"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_an_address_can_name_a_list(open_page):
    page = open_page()
    anchor = page.get_by_role("button", name="anger recognised").get_attribute("href")
    page.goto(page.url + anchor)
    page.reload()
    assert shown(page) == ["anger recognised: 3 utterances"]


def test_without_script_all_lists_are_there(open_page):
    page = open_page(java_script_enabled=False)
    assert len(shown(page)) == len(HEARD)
    assert page.get_by_role("link", name="anger recognised").count() == 1
    closed = page.locator(".listen-cell:not([open]) > summary")
    for _ in range(len(HEARD) - 1):
        closed.first.click()
    assert sorted(names(page)) == sorted(answers()["utterance"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_scrolls_sideways_on_a_phone(open_page, scheme):
    page = open_page(viewport={"width": 375, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    box = page.locator(".listen-scroll")
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")


@pytest.fixture
def loud(browser, write_tone, tmp_path, monkeypatch):
    """The matrix with a tone of half a second for each utterance, as a page on the disk."""
    monkeypatch.setattr(players, "embeds", lambda manifest: True)
    write_tone(tmp_path / "u.wav", seconds=0.5)
    table = pd.DataFrame({"utterance": answers()["utterance"], "path": "u.wav"})
    manifest = Manifest("table", tmp_path, table)
    matrix = listen.matrix(answers(), ["anger", "neutral", "sadness"], manifest).data
    script = (STATIC / "listen.js").as_uri()
    (tmp_path / "page.html").write_text(
        f'<article class="bd-article">{matrix}</article><script src="{script}"></script>'
    )
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    page.evaluate("""() => {
      const note = (event) => window.played.push(event.target.ariaLabel);
      window.played = [];
      window.button = document.querySelector(".listen-cell[open] button");
      document.addEventListener("play", note, true);
    }""")
    yield page
    page.close()


STOPPED = "button.textContent === 'Play all'"
PLAYING = "[...document.querySelectorAll('audio')].filter((one) => !one.paused).length"


def test_a_list_is_played_one_after_the_other_with_its_maps(loud):
    button, stage = loud.locator(".listen-cell[open] button"), loud.locator(".listen-map")
    assert not stage.is_visible()
    button.click()
    assert button.text_content() == "Stop"
    loud.wait_for_function("played.length === 2")
    assert stage.is_visible()
    assert stage.locator("p").text_content() == loud.evaluate("played.at(-1)")
    picture = stage.locator("img")
    assert picture.evaluate("one => one.decode().then(() => one.naturalHeight)") == maps.ROWS
    loud.wait_for_function(
        "document.querySelector('.listen-map').style.getPropertyValue('--place') > 0.1"
    )
    loud.wait_for_function(STOPPED)
    clips = loud.locator(".listen-cell[open] audio")
    assert loud.evaluate("played") == clips.evaluate_all("all => all.map((one) => one.ariaLabel)")
    stage.wait_for(state="hidden")


def test_another_player_or_the_button_stops_a_list(loud):
    button = loud.locator(".listen-cell[open] button")
    button.click()
    loud.evaluate("document.querySelector('.listen-cell:not([open]) audio').play()")
    loud.wait_for_function(STOPPED)
    button.click()
    loud.wait_for_function(f"{PLAYING} === 1")
    button.click()
    loud.wait_for_function(STOPPED)
    assert loud.evaluate(PLAYING) == 0


def test_the_browser_can_play_what_is_embedded(browser, write_tone, tmp_path, monkeypatch):
    monkeypatch.setattr(players, "embeds", lambda manifest: True)
    write_tone(tmp_path / "u.wav", seconds=1.5)
    table = pd.DataFrame({"utterance": ["u"], "path": ["u.wav"]})
    page = browser.new_page()
    page.set_content(players.player(Manifest("table", tmp_path, table), "u", "a tone"))
    length = page.get_by_label("a tone").evaluate(
        """audio => new Promise((done, fail) => {
          audio.onloadedmetadata = () => done(audio.duration);
          audio.onerror = () => fail(audio.error.message);
          audio.preload = "metadata";
          audio.load();
        })"""
    )
    page.close()
    assert length == pytest.approx(1.5, abs=0.05)
