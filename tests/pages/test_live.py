"""The network at hand: its card says what its run knows, and it abstains by validation."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import factory
import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from bs4 import BeautifulSoup

from ser_lib.core import audio
from ser_lib.core.errors import ParameterError
from ser_lib.corpora import Manifest
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
    assert page.answers == (given.mean(), right.mean() if given.any() else 0)
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
    page = live.Live(
        SimpleNamespace(folder="run", corpus=Manifest("demo", None, None)),
        model=b"abc",
        threshold=0.4,
    )
    shown = page.device()._repr_mimebundle_()
    assert shown[live.MODEL] == "YWJj"
    part = BeautifulSoup(shown["text/html"], "html.parser").select_one(".live")
    given = json.loads(part["data-given"])
    assert (given["emotions"], given["crops"], given["threshold"]) == (emotions, 5, 0.4)
    assert np.shape(given["mean"]) == (60, 3)
    assert part["data-size"] == "3"


def run_to_guess(tmp_path, **options):
    """A run of EmoDB with a file for each utterance, and what listeners recognised of some."""
    emotions = sorted(live.emodb.EMOTIONS.values())
    run = factory.make_run(corpus="emodb", emotions=emotions, **options)
    names = list(dict.fromkeys(run.predictions["utterance"]))
    (tmp_path / "wav").mkdir()
    soundfile.write(tmp_path / "wav" / "a.wav", np.sin(np.arange(9000) / 9), audio.RATE)
    table = pd.DataFrame({"utterance": names, "path": "wav/a.wav"})
    return replace(run, corpus=Manifest("emodb", tmp_path, table))


def test_what_is_to_be_guessed_is_of_all_emotions_whatever_was_predicted():
    run = factory.make_run()
    clips = live.Live(run).clips
    assert len(clips) == live.CLIPS == clips["truth"].nunique()
    p = run.probabilities.max(axis=1)
    assert list(clips["p"]) == [p[i] for i in clips.index]
    other = replace(run, predictions=run.predictions.assign(predicted=run.emotions[0]))
    assert list(live.Live(other).clips["utterance"]) == list(clips["utterance"])
    again = live.Live(factory.make_run(seed=1)).clips
    assert list(again["utterance"]) != list(clips["utterance"])
    two = factory.make_run(emotions=["a", "b"])
    assert sorted(live.Live(two).clips["truth"].value_counts()) == [2, 3]


def test_the_quiz_knows_the_answers_of_the_corpus_listeners_and_network(tmp_path, licence):
    licence(True)
    run = run_to_guess(tmp_path)
    chosen = live.Live(run).clips
    threshold = chosen["p"].median()
    page = live.Live(run, threshold=threshold)
    takes = {
        name: f"{run.emotions.index(e):02d}a01Wa"
        for name, e in zip(chosen["utterance"], chosen["truth"], strict=True)
    }
    lines = ["Nr.\tSatz\terkannt\tnatuerlich", f"1\t{next(iter(takes.values()))}.wav\t62,50\t80,00"]
    (tmp_path / live.emodb.FILE).write_text("\n".join(lines))
    renamed = run.predictions.replace({"utterance": takes})
    table = run.corpus.table.replace({"utterance": takes})
    run = replace(run, predictions=renamed, corpus=replace(run.corpus, table=table))
    html = BeautifulSoup(replace(page, run=run).quiz().data, "html.parser")
    clips = html(class_="quiz-clip")
    assert [clip["data-truth"] for clip in clips] == list(chosen["truth"])
    answers = [
        p if s >= threshold else "" for p, s in zip(chosen["predicted"], chosen["p"], strict=True)
    ]
    assert [clip["data-network"] for clip in clips] == answers
    shares = [re.findall(r"(\d+) %", clip.details.get_text()) for clip in clips]
    assert shares == [["63"], *[[]] * 4]
    for clip, name in zip(clips, takes.values(), strict=True):
        assert [b.get_text() for b in clip("button")] == run.emotions
        clip.details.extract()
        assert clip.audio["src"].startswith("data:")
        assert name not in str(clip), "its name may tell the emotion"


def test_without_a_licence_nothing_is_to_be_guessed(tmp_path, licence):
    licence(False)
    html = BeautifulSoup(live.Live(run_to_guess(tmp_path)).quiz().data, "html.parser")
    assert not html(["audio", "button", "details"])


def test_a_model_to_take_along_has_its_card_beside_it(tmp_path):
    run = replace(factory.make_run(), folder=tmp_path / "runs" / "x")
    live.put_card(run)
    assert not (tmp_path / "runs").exists()
    place = live.bundle.final(run.folder)
    place.mkdir(parents=True)
    live.put_card(run)
    card = (place / "README.md").read_text()
    assert live.MARK in card
    assert f"fold {run.record.bundle}" not in card
    assert card.strip() in live.Card(run).text("folded")
