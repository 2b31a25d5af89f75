"""The network at hand: its card says what its run knows, and it abstains by validation."""

import json
from types import SimpleNamespace

import factory
import numpy as np
import pandas as pd
import pytest
import yaml
from bs4 import BeautifulSoup

from ser_lib.core.errors import ParameterError
from ser_lib.features.maps import Standardiser
from ser_lib.metrics import scores
from ser_lib.models.bundle import FrontEnd
from ser_lib.pages import live


@pytest.mark.parametrize("options", [{}, {"corpus": "emodb"}, {"protocol": "random"}])
def test_the_card_is_what_the_run_knows(options):
    run = factory.make_run(**options)
    head, body = live.Card(run, "model.tflite").text("card").removeprefix("---\n").split("---\n", 1)
    given = yaml.safe_load(head)
    (result,) = given["model-index"][0]["results"]
    assert result["dataset"]["revision"] == run.record.corpus.manifest_sha256
    values = {metric["name"]: metric for metric in result["metrics"]}
    uar = values["Unweighted average recall (UAR)"]
    assert uar["value"] == pytest.approx(run.uar.value, abs=1e-4)
    assert uar["args"]["interval_95"] == pytest.approx(run.uar.interval, abs=1e-4)
    assert live.MARK in head
    sections = [line.removeprefix("## ") for line in body.splitlines() if line.startswith("## ")]
    assert sections == ["Uses", "Out of scope", "Bias", "How to start", "Training", "Evaluation",
                        "Environment"]  # fmt: skip
    compile(body.split("```python\n")[1].split("```")[0], "README.md", "exec")
    rows = factory.parse(body[body.index("| Emotion |") : body.index("## Environment")])
    assert [row["Emotion"] for row in rows] == run.emotions


def test_texts_of_a_corpus_stay_texts():
    run = factory.make_run(emotions=["a: [b]\n---", "{{ c }} <script>"])
    head, body = live.Card(run).text("card").removeprefix("---\n").split("---\n", 1)
    assert yaml.safe_load(head)["model-index"]
    assert "<script>" not in body.replace("\\<", "")


def test_it_abstains_where_validation_says_so(monkeypatch):
    run = factory.make_run()
    chances = np.repeat([[0.9, 0.1, 0, 0, 0], [0.55, 0.45, 0, 0, 0]], 10, axis=0)
    table = pd.DataFrame(chances, columns=[f"p_{name}" for name in run.emotions])
    table["truth"] = [run.emotions[0]] * 10 + [run.emotions[1]] * 10  # the unsure ones are wrong
    monkeypatch.setattr(live.train, "validation", lambda run: table)
    monkeypatch.setattr(live.export, "for_windows", lambda folder: b"network")
    page = live.measure(run)
    assert (page.threshold, page.model) == (0.9, b"network")
    given = run.probabilities.max(axis=1) >= 0.9
    right = (run.predictions["truth"] == run.predictions["predicted"])[given]
    assert page.answered == given.mean()
    assert page.accuracy == (right.mean() if given.any() else 0)
    assert page.text("expectation")

    def refuse(folder):
        raise ParameterError("a <reason>")

    monkeypatch.setattr(live.export, "for_windows", refuse)
    page = live.measure(run)
    assert page.device() == page.text("none")
    assert "a \\<reason\\>" in page.device()


def test_precisions_are_compared_on_what_tested_the_network(monkeypatch):
    run = factory.make_run()
    own = run.predictions[run.predictions["fold"] == run.record.bundle]
    chances = own[[f"p_{emotion}" for emotion in run.emotions]].to_numpy()
    manifest = SimpleNamespace(file=lambda name: name)
    monkeypatch.setattr(live.runs, "load", lambda corpus, data, options: manifest)
    monkeypatch.setattr(live.audio, "load", lambda file: file)
    monkeypatch.setattr(
        live.export, "litert", lambda folder, precision: bytes(250_000 * (precision != "int8"))
    )

    def answers(network, signals):
        assert signals == list(own["utterance"])
        worse = chances if network else np.roll(chances, 1, axis=1)
        return worse, [0.002] * len(signals)

    monkeypatch.setattr(live.export, "answers", answers)
    table = live.precisions(run).set_index("precision")
    assert list(table.index) == list(live.export.PRECISIONS)
    right = scores.uar(list(own["truth"]), list(own["predicted"]))
    assert table["uar"]["float16"] == pytest.approx(right, abs=1e-3)
    assert table["uar"]["int8"] < table["uar"]["float16"]
    assert table["difference"]["float32"] == 0 < table["difference"]["int8"]
    assert list(table["latency"]) == [2.0] * 3
    assert list(table["size"]) == [0.25, 0.25, 0.0]


def test_what_listens_is_told_its_front_end_and_brings_its_network(monkeypatch):
    statistics = Standardiser(np.zeros((60, 3), np.float32), np.ones((60, 3), np.float32))
    emotions = ['"joy" <b>', "x"]
    front_end = FrontEnd("cnn", "demo", emotions, "logmel", 3, 5, "none", statistics)
    monkeypatch.setattr(live.bundle, "read_front_end", lambda folder: front_end)
    page = live.Live(SimpleNamespace(folder="run"), model=b"abc", threshold=0.4)
    shown = page.device()._repr_mimebundle_()
    assert shown[live.MODEL] == "YWJj"
    part = BeautifulSoup(shown["text/html"], "html.parser").select_one(".live")
    given = json.loads(part["data-given"])
    assert (given["emotions"], given["crops"], given["threshold"]) == (emotions, 5, 0.4)
    assert np.shape(given["mean"]) == (60, 3)
    assert part["data-size"] == "3"
