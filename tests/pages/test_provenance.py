"""Provenance: the notices, the command that repeats a page, and what it was made of."""

import shlex

import factory
import pytest

from ser_lib import cli, corpora
from ser_lib.cli import commands
from ser_lib.core import jobs
from ser_lib.pages import provenance


def command(trace: provenance.Trace) -> list[str]:
    return shlex.split(trace.command.replace("\\\n", ""))  # as a shell joins lines; shlex does not


def given(run, **parameters):
    return factory.with_data(run, parameters=parameters)


@pytest.mark.parametrize("protocol", ["random", "cross-corpus"])
@pytest.mark.parametrize(
    ("corpus", "synthetic"),
    [("demo", "whole"), ("emodb", ""), ("demo,demo2", "whole"), ("demo,emodb", "part")],
)
def test_notices_appear_where_they_apply_only(corpus, synthetic, protocol):
    run = factory.with_data(factory.make_run(protocol=protocol), corpus={"name": corpus})
    notices = provenance.notices(run)
    assert (notices.synthetic, notices.shared_speakers) == (synthetic, protocol == "random")
    words = notices._repr_markdown_()
    assert words.count("```{admonition}") == (synthetic == "part") + (protocol == "random")
    assert words.strip(), "an empty output would show its Python type"


@pytest.fixture(params=["float32", "bfloat16"])
def usual_precision(request, monkeypatch):
    """What a network is trained in on this machine, if nothing is said."""
    monkeypatch.setattr(jobs, "has_bfloat16", lambda: request.param == "bfloat16")
    return {"precision": "bfloat16"} if request.param == "bfloat16" else {}


CHANGED = {
    "emotions": "anger, happiness+excitement, neutral",
    "style": "no",  # YAML's false
    "epochs": 3,
    "learning_rate": 1e-05,
    "class_weights": True,
    "head_dropout": 0,
}


def test_the_command_says_what_was_changed_to_the_option_parser(usual_precision):
    run = given(factory.make_run("cnn_lstm", "emodb", epochs=25), **CHANGED)
    words = command(provenance.trace("cnn_lstm", [run], seeds='it\'s: "new" \u00fc'))
    assert words[0] == "ser"
    options = cli.parser().parse_args(words[1:])
    assert (options.notebooks, options.corpus) == (["cnn_lstm"], "emodb")
    assert options.data == "path/to/emodb"
    typed = commands.given(options)
    assert typed == CHANGED | usual_precision | {"seeds": 'it\'s: "new" \u00fc'}
    assert type(typed["class_weights"]) is bool


@pytest.mark.parametrize(
    ("corpus", "options"),
    [
        ("emodb", "--corpus emodb --data path/to/emodb"),
        ("demo,demo2", "--corpus demo,demo2"),
        ("emodb,demo,ravdess", "--corpus emodb,demo,ravdess --data path/to/emodb,,path/to/ravdess"),
    ],
)
def test_usual_values_need_no_options_and_every_corpus_but_ours_its_folder(
    corpus, options, usual_precision
):
    usual = {"epochs": corpora.describe(corpus).epochs}
    run = given(factory.make_run(protocol="cross-corpus"), corpus=corpus, **usual)
    trace = provenance.trace("across", [factory.with_data(run, corpus={"name": corpus})])
    of_machine = [word for name in usual_precision for word in ("-p", f"{name}=bfloat16")]
    assert command(trace) == ["ser", "run", "across", *options.split(), *of_machine]
    assert command(provenance.trace("speed")) == ["ser", "run", "speed"]


@pytest.mark.parametrize("protocol", ["given", "random"])
def test_a_split_is_in_the_folder_of_the_record(protocol):
    run = given(factory.make_run(), split="0123456789abcdef", protocol=protocol)
    trace = provenance.trace("cnn", [run])
    assert {f"protocol={protocol}", "split=split.csv"} <= set(command(trace))
    assert trace.split
    assert not provenance.trace("cnn", [factory.make_run()]).split


def test_every_run_is_listed_once_with_its_record_and_what_was_used():
    left_out = [{"file": "a.wav", "reason": "is empty"}]
    runs = [
        factory.with_data(
            factory.make_run(name, seed=seed),
            corpus={"passed_over": {"fear": 7}, "left_out": left_out},
        )
        for name in ("cnn", "cnn_gru")
        for seed in (0, 1)
    ]
    trace = provenance.trace("comparison", [*runs, runs[0]])
    assert trace.runs == runs
    assert [place for *_, place in trace.folders] == [f"runs/demo/{r.folder.name}" for r in runs]
    for (name, *_), run in zip(trace.folders, runs, strict=True):
        assert name == f"{run.title} (seed {run.seed})"
    assert len(trace.versions) == 1
    text = trace._repr_markdown_()
    assert text.count("5e" * 32) == 1, "one corpus"
    assert "200 utterances of 10 speakers used, 7 others passed over" in text
    assert "1 file left out" in text
    assert "- **Seed:** 0; 1\n" in text


def test_a_page_without_a_run_says_its_corpus(make_table, tmp_path):
    table = make_table(tmp_path, emotions=("anger", "neutral"), speakers=("a", "b"))
    manifest = corpora.load("table", table, emotions="anger,neutral")
    trace = provenance.trace("data", corpus=manifest)
    assert "emotions=anger,neutral" in command(trace)
    assert trace.runs == []
    assert "ser-lib" in trace.versions[0]
