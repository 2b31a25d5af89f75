"""Provenance: the notices, the command that repeats a page, and what it was made of."""

import shlex

import factory
import pytest

from ser_lib import cli, corpora
from ser_lib.pages import provenance


def command(trace: provenance.Trace) -> list[str]:
    return shlex.split(trace.command.replace("\\\n", ""))  # as a shell joins lines; shlex does not


def given(run, **parameters):
    return factory.with_data(run, parameters=parameters)


@pytest.mark.parametrize("corpus", ["demo", "emodb"])
@pytest.mark.parametrize("protocol", ["random", "speaker"])
def test_notices_appear_where_they_apply_only(corpus, protocol):
    notices = provenance.notices(factory.make_run(corpus=corpus, protocol=protocol))
    assert notices.synthetic == ("whole" if corpus == "demo" else "")
    assert notices.shared_speakers == (protocol == "random")
    words = notices._repr_markdown_()
    assert words.count("```{admonition}") == (corpus == "demo") + (protocol == "random")
    assert words.strip(), "an empty output would show its Python type"


def test_a_synthesiser_speaks_in_all_of_several_corpora_or_in_a_part():
    run = factory.make_run(protocol="cross-corpus")
    for name, level in (("demo,demo2", "whole"), ("demo,emodb", "part")):
        other = factory.with_data(run, corpus={"name": name})
        assert provenance.notices(other).synthetic == level


CHANGED = {
    "emotions": "anger, happiness+excitement, neutral",
    "style": "no",  # YAML's false
    "epochs": 3,
    "learning_rate": 1e-05,
    "class_weights": True,
    "head_dropout": 0,
}


def test_the_command_says_what_was_changed_to_the_option_parser():
    run = given(factory.make_run("cnn_lstm", "emodb", epochs=25), **CHANGED)
    words = command(provenance.trace("cnn_lstm", [run], seeds='it\'s: "new" \u00fc'))
    assert words[0] == "ser"
    options = cli._parser().parse_args(words[1:])
    assert (options.notebooks, options.corpus) == (["cnn_lstm"], "emodb")
    assert options.data == "path/to/emodb"
    typed = cli._parameters(options)
    assert typed == CHANGED | {"seeds": 'it\'s: "new" \u00fc'}
    assert type(typed["class_weights"]) is bool


def test_a_page_with_the_usual_values_needs_no_options():
    run = factory.make_run("cnn_lstm", "emodb", epochs=25)
    trace = provenance.trace("cnn_lstm", [run])
    assert command(trace) == ["ser", "run", "cnn_lstm", "--corpus", "emodb", "--data",
                              "path/to/emodb"]  # fmt: skip
    assert all(not usual for _, _, usual in trace.parameters)
    assert command(provenance.trace("speed")) == ["ser", "run", "speed"]


def test_several_corpora_have_a_folder_each():
    run = factory.make_run(protocol="cross-corpus")
    run = factory.with_data(run, corpus={"name": "emodb,demo,ravdess"})
    words = command(provenance.trace("across", [run]))
    assert words[words.index("--data") + 1] == "path/to/emodb,,path/to/ravdess"


def test_a_split_is_in_the_folder_of_the_record():
    run = given(factory.make_run(), split="0123456789abcdef")
    trace = provenance.trace("cnn", [run])
    assert "split=split.csv" in command(trace)
    assert trace.split
    assert not provenance.trace("cnn", [factory.make_run()]).split


def test_every_parameter_has_its_value_and_its_usual_one():
    runs = [given(factory.make_run(name, epochs=20), patience=3) for name in ("cnn", "cnn_gru")]
    rows = {name: rest for name, *rest in provenance.trace("final", runs, utterances=9).parameters}
    assert rows["patience"] == ["3", "15"]
    assert rows["crops"] == ["5", ""]
    assert rows["channels"] == ["see the runs", ""]
    assert rows["utterances"] == ["9", ""]
    assert set(runs[0].record.parameters) - {"architecture", "corpus"} < set(rows)


def test_every_run_is_listed_once_with_its_record():
    runs = [factory.make_run(name, seed=seed) for name in ("cnn", "cnn_gru") for seed in (0, 1)]
    trace = provenance.trace("comparison", [*runs, runs[0]])
    assert [one["folder"] for one in trace.runs] == [f"runs/demo/{r.folder.name}" for r in runs]
    assert [one["given"] for one in trace.runs] == [
        [f"channels={channels}", f"seed={seed}"] for channels in (1, 3) for seed in (0, 1)
    ]
    assert list(trace.seeds) == [0, 1]
    assert len(trace.sources) == len(trace.versions) == 1
    words = trace._repr_markdown_()
    assert words.count("5e" * 32) == 1, "one corpus"
    assert words.startswith("::::{dropdown}")
    assert words.endswith("\n::::")


def test_what_was_used_and_what_not():
    omitted = [{"file": "a.wav", "reason": "is empty"}]
    about = {"passed_over": {"fear": 7}, "left_out": omitted}
    run = factory.with_data(factory.make_run("cnn", "emodb"), corpus=about)
    (source,) = provenance.trace("cnn", [run]).sources
    assert (source.utterances, source.speakers) == (200, 10)
    assert (source.passed_over, source.left_out) == (7, 1)


def test_a_page_without_a_run_says_its_corpus(make_table, tmp_path):
    table = make_table(tmp_path, emotions=("anger", "neutral"), speakers=("a", "b"))
    manifest = corpora.load("table", table, emotions="anger,neutral")
    trace = provenance.trace("data", corpus=manifest)
    (source,) = trace.sources
    assert (source.utterances, source.speakers) == (len(manifest.table), 2)
    assert source.sha256 == manifest.sha256
    assert "emotions=anger,neutral" in command(trace)
    assert trace.runs == []
    assert "ser-lib" in trace.versions[0]
