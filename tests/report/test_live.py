"""The page that listens, in a browser: what it hears is what Python hears."""

import json
import re
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr
from factory import make_run
from small_book import LISTENER, MANIFEST

from ser_lib.core import audio
from ser_lib.corpora import Manifest
from ser_lib.features.maps import FRAMES, ROWS, Standardiser
from ser_lib.models import bundle, export
from ser_lib.models.bundle import Bundle, FrontEnd
from ser_lib.pages import live, players
from ser_lib.report.checks import browser as browsers

STATIC = Path(__file__).parents[2] / "book" / "_static"
RUNTIME = STATIC.parent / "litert"
EMOTIONS = ["anger", "neutral", "sadness"]
PAGE = """<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<title>Live</title><link rel="stylesheet" href="/_static/live.css">
<script src="/_static/live.js"></script></head>
<body><main><h1>Your voice</h1>{}</main></body></html>"""


def front_end(*, channels: int, crops: int) -> FrontEnd:
    generator = np.random.default_rng(channels)
    mean = generator.normal(-40, 5, (ROWS, channels)).astype(np.float32)
    std = generator.uniform(5, 15, (ROWS, channels)).astype(np.float32)
    statistics = Standardiser(mean, std)
    return FrontEnd("cnn", "table", EMOTIONS, "logmel", channels, crops, "none", statistics)


def speech(seconds: float, pitch: float = 140.0) -> np.ndarray:
    """A hum with beats and noise."""
    time = np.arange(round(seconds * audio.RATE)) / audio.RATE
    noise = np.random.default_rng(0).normal(0, 0.02, len(time))
    hum = np.sin(2 * np.pi * pitch * time) ** 7 * (1 + np.sin(7 * time))
    return (0.2 * hum + noise).astype(np.float32)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A browser whose microphone hears `speech`."""
    if reason := browsers.why_not():
        pytest.skip(reason)
    file = tmp_path_factory.mktemp("microphone") / "speech.wav"
    soundfile.write(file, speech(3), 44_100)
    device = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    with browsers.chromium(*device, f"--use-file-for-fake-audio-capture={file}") as found:
        yield found


def test_the_front_end_of_the_browser_is_that_of_python(chromium):
    page = chromium.new_page()
    page.add_script_tag(path=STATIC / "live.js")
    for seconds, channels, crops in ((0.05, 1, 1), (1.2, 3, 2), (7.01, 3, 5)):
        front, signal = front_end(channels=channels, crops=crops), speech(seconds)
        code = """([signal, given]) => serLive.windows(Float32Array.from(signal), given)
                  .map((window) => [...window])"""
        result = np.array(page.evaluate(code, [signal.tolist(), live.facts(front)]))
        expected = front.windows(front.static(signal))
        np.testing.assert_allclose(result, expected.reshape(len(expected), -1), atol=1e-3)
    page.close()


def test_the_book_has_the_network_as_a_file(html, workspace):
    assert (html / "_static" / live.FILE).read_bytes() == LISTENER
    assert live.MODEL not in (html / "_sources" / "runs" / "live.ipynb").read_text()
    assert f'data-model="../_static/{live.FILE}"' in (html / "runs" / "live.html").read_text()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A page with a small network on a server, and the bundle that it has."""
    if not RUNTIME.is_dir():
        pytest.skip("the runtime of the page is not there: make live")
    import keras

    folder = tmp_path_factory.mktemp("served")
    (folder / "_static").mkdir()
    for path in (*STATIC.glob("live.*"), RUNTIME):
        (folder / "_static" / path.name).symlink_to(path)
    front = front_end(channels=3, crops=3)
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Conv2D(4, 5, strides=4, activation="relu"), keras.layers.Flatten(),
              keras.layers.Dense(3, activation="softmax")]  # fmt: skip
    network = keras.Sequential([keras.Input((ROWS, FRAMES, 3)), *layers])
    bundle.save(network, front, folder / "bundle")
    (folder / "_static" / live.FILE).write_bytes(export.for_windows(folder / "bundle"))
    given = json.dumps(live.facts(front) | {"threshold": 0.0})
    about = {"given": given, "size": 2_000_000, "file": live.FILE}
    device = players.html("live/device.html", MANIFEST, **about)
    (folder / "runs").mkdir()
    (folder / "runs" / "live.html").write_text(PAGE.format(device.data))
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/runs/live.html"
        yield address, Bundle(partial(bundle.probabilities, network), front)
        server.shutdown()


@pytest.fixture
def page(chromium, served):
    """The page with its network loaded; a script that fails, fails the test."""
    page, errors = chromium.new_page(), []
    page.on("pageerror", lambda error: errors.append(error.message))
    page.goto(served[0])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Load the network (12 MB)").click()
    page.locator(".live-controls").wait_for()
    yield page
    page.close()
    assert not errors
    assert asked
    assert all(url.startswith((served[0].partition("/runs")[0], "blob:")) for url in asked)


def heard(page, file: Path) -> dict | None:
    page.locator(".live-file").set_input_files(file)
    page.wait_for_function("!/Listening/.test(document.querySelector('.live-status').textContent)")
    return page.evaluate("document.querySelector('.live').answer")


def test_the_same_file_gets_the_same_probabilities(page, served, tmp_path):
    from axe_playwright_python.base import AXE_SCRIPT

    for seconds, rate in ((0.5, audio.RATE), (2.0, 16_000), (2.0, 48_000), (9.0, audio.RATE)):
        signal = soxr.resample(speech(seconds), audio.RATE, rate)
        soundfile.write(tmp_path / "a.wav", signal, rate, subtype="FLOAT")
        expected = served[1].predict([served[1].front_end.static(tmp_path / "a.wav")])[0]
        result = heard(page, tmp_path / "a.wav")["probabilities"]
        np.testing.assert_allclose(result, expected, atol=1e-3)
        assert page.locator(".live-emotion").text_content() == EMOTIONS[expected.argmax()]
        assert page.locator(".live-strip").is_visible() is (seconds > 6)
    page.evaluate(AXE_SCRIPT)
    assert (
        page.evaluate("axe.run().then((found) => found.violations.map((fault) => fault.id))") == []
    )


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        (np.zeros(20_000), "silent"),
        (speech(0.02), "short"),
        (np.clip(20 * speech(1), -1, 1), "clipped"),
        (speech(1) / 100, "quiet"),
        (speech(61), "cut"),
        (None, "foreign"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_with_a_recording_is_said(page, tmp_path, signal, said):
    file = tmp_path / "a.wav"
    if signal is None:
        file.write_text("no sound")
    else:
        soundfile.write(file, signal, audio.RATE)
    answer = heard(page, file)
    assert (answer is None) is (said in ("silent", "short", "foreign"))
    sentence = page.locator(f'[data-say="{said}"]').text_content()
    assert sentence in page.get_by_role("status").text_content()


def test_the_microphone_is_heard(page):
    page.get_by_role("button", name="Record").click()
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Stop").click()
    page.locator(".live-answer").wait_for()
    result = page.evaluate("document.querySelector('.live').answer")["probabilities"]
    assert sum(result) == pytest.approx(1, abs=1e-4)
    assert "silent" not in page.get_by_role("status").text_content()


def test_a_vote_opens_the_answer_and_is_counted(chromium, write_tone, tmp_path, monkeypatch):
    from axe_playwright_python.base import AXE_SCRIPT

    monkeypatch.setattr(players, "embeds", lambda manifest: True)
    write_tone(tmp_path / "u.wav", seconds=0.3)
    run = make_run()
    table = pd.DataFrame({"utterance": run.predictions["utterance"], "path": "u.wav"})
    listener = live.Live(replace(run, corpus=Manifest("demo", tmp_path, table)))
    text = PAGE.replace("live.js", "quiz.js").replace("/_static", STATIC.as_uri())
    (tmp_path / "page.html").write_text(text.format(listener.quiz().data))
    page, (first, second, *_) = chromium.new_page(), listener.clips.itertuples()
    page.goto((tmp_path / "page.html").as_uri())
    clips = page.locator(".quiz-clip")
    assert page.locator(".quiz-clip details[open]").count() == 0
    wrong = next(name for name in run.emotions if name != second.truth)
    for clip, choice in ((clips.nth(0), first.truth), (clips.nth(1), wrong)):
        clip.get_by_role("button", name=choice, exact=True).focus()
        page.keyboard.press("Enter")
        assert clip.locator("details[open]").count() == 1
        pressed = clip.get_by_role("button", pressed=True)
        assert pressed.text_content() == choice
        clip.get_by_role("button", pressed=False).first.click(force=True)
        assert pressed.text_content() == choice, "the first vote counts"
    right = sum(one.truth == one.predicted for one in (first, second))
    expected = ["1", "2", str(right)]
    score = page.locator(".quiz-score").text_content()
    assert re.findall(r"\d+", score) == expected
    said = page.get_by_role("status").text_content()
    assert said.endswith(score)
    assert f"It is {second.truth} " in said
    page.evaluate(AXE_SCRIPT)
    assert page.evaluate("axe.run().then((all) => all.violations.map((one) => one.id))") == []
    page.close()
