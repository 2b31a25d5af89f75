"""Provenance: how a run was made, the notices, and the command that repeats it."""

import re
import shlex

import factory
import pytest

from ser_lib import provenance
from ser_lib.corpora import CATALOGUE


def test_summary_tells_corpus_folds_and_optimiser():
    record = factory.make_record("cnn", "emodb", epochs=20)
    text = provenance.training_summary(record)
    assert "Corpus: EmoDB, 200 utterances of 10 speakers with 7 emotions (anger, anxiety" in text
    assert "leave one speaker out, which makes 10 folds with 160 utterances to train on" in text
    assert "share no speaker" in text
    assert "AdamW trained the CNN for at most 20 epochs, with batches of 16" in text
    assert "after 15 epochs without a higher one" in text
    assert "rarity" not in text


def test_what_is_switched_off_is_not_mentioned():
    record = factory.make_record(protocol="random", epochs=8)
    record.data["parameters"].update(mixup=0, label_smoothing=0.0, class_weights=True)
    text = provenance.training_summary(record)
    assert "mixup" not in text
    assert "smoothing" not in text
    assert "emotions weighed by their rarity" in text
    assert "without a higher one" not in text  # patience is longer than the training
    assert "1 fold with 600 utterances" in text
    assert "the three parts may share speakers" in text
    assert "it ran 8 epochs" in text or re.search(r"it ran \d epochs", text)


@pytest.mark.parametrize("corpus", ["demo", "emodb"])
@pytest.mark.parametrize("protocol", ["random", "speaker"])
def test_notices_appear_where_they_apply_only(corpus, protocol):
    notice = provenance.notices(factory.make_record(corpus=corpus, protocol=protocol))
    assert ("say nothing about people" in notice) == (corpus == "demo")
    assert ("voices that it was trained on" in notice) == (protocol == "random")
    opened = [line for line in notice.splitlines() if line.startswith("```{admonition}")]
    assert len(opened) == (corpus == "demo") + (protocol == "random")
    assert notice.splitlines().count("```") == len(opened)
    assert notice.strip(), "an empty output would show its Python type"


def test_a_page_without_a_run_warns_of_its_corpus():
    assert "say nothing about people" in provenance.notices(CATALOGUE["demo"])
    assert "admonition" not in provenance.notices(CATALOGUE["emodb"])


def test_a_program_speaks_in_all_of_several_corpora_or_in_a_part():
    def told(name: str) -> str:
        record = factory.make_record(protocol="cross-corpus")
        return provenance.notices(factory.with_data(record, corpus={"name": name}))

    assert "a speech synthesiser speaks here" in told("demo,demo2")
    assert "a speech synthesiser speaks in a part of it" in told("demo,emodb")


def test_of_a_split_from_a_file_no_more_is_said_than_is_audited():
    record = factory.with_data(factory.make_record(), protocol="given")
    text = provenance.training_summary(record)
    assert "share no speaker" not in text
    assert "no named speaker is tested who is in another part" in text


@pytest.mark.parametrize("corpus", ["demo", "emodb"])
def test_the_command_repeats_every_parameter(corpus):
    record = factory.make_record("cnn_lstm", corpus)
    text = provenance.trace(record)
    command = text.split("```bash\n")[1].removesuffix("\n```")
    words = shlex.split(command)
    assert words[:5] == ["ser", "run", "cnn_lstm", "--corpus", corpus]
    assert ("--data" in words) == (corpus != "demo")
    given = dict(word.split("=", 1) for word in words if "=" in word)
    expected = {k: v for k, v in record.data["parameters"].items()
                if k not in ("architecture", "corpus") and v is not None}  # fmt: skip
    assert set(given) == set(expected)
    assert given["learning_rate"] == "0.002"
    assert given["class_weights"] == "false"
    assert record.data["key"] in text
    assert record.data["corpus"]["manifest_sha256"] in text


def test_the_command_can_be_limited_to_the_notebook_s_parameters():
    text = provenance.trace(factory.make_record(), names=["epochs", "seed"])
    assert re.findall(r"-p (\w+)=", text) == ["epochs", "seed"]
