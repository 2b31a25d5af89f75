"""Provenance: how a run was made, the notices, and the command that repeats it."""

import re
import shlex

import factory
import pytest

from ser_lib import cli, corpora
from ser_lib.core.errors import NotebookError
from ser_lib.corpora import CATALOGUE
from ser_lib.pages import provenance, templates
from ser_lib.report import downloads
from ser_lib.report.notebooks import NOTEBOOKS


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
    assert re.search(r"two before it\. It ran \d epochs, and the best was epoch \d\.", text)


def test_the_best_epochs_are_told_as_one_or_as_a_range():
    record = factory.make_record("cnn", "emodb", epochs=20)
    folds = record.data["folds"]
    for same in (True, False):
        for i, fold in enumerate(folds):
            fold.update(epochs=9, best_epoch=7 if same or i else 4)
        text = provenance.training_summary(record)
        told = "epoch 7 in each" if same else "one of the epochs 4 to 7, with a median of 7"
        assert f"The folds ran 9 epochs, and the best was {told}. Training took" in text


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


def folded(notebook: str, given: dict | None = None, *runs, **options) -> str:
    """Return the account of a page with some of its parameters changed."""
    return provenance.trace(
        notebook, {"other": "variables"} | templates.defaults(notebook) | (given or {}), runs,
        **options,
    )  # fmt: skip


def command(text: str) -> list[str]:
    lines = text.split("```bash\n")[1].split("\n```")[0]
    return shlex.split(lines.replace("\\\n", ""))  # as a shell joins lines; shlex does not


def parameters(text: str) -> dict[str, list[str]]:
    """Return the table of parameters: name to its other cells."""
    rows = [line[2:-2].split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return {name.strip("`"): cells for name, *cells in rows}


CHANGED = {
    "emotions": "anger, happiness+excitement, neutral",
    "style": "no",  # YAML's false
    "epochs": 3,
    "learning_rate": 1e-05,
    "class_weights": True,
    "head_dropout": 0,
    "protocol": 'it\'s: "new" ü',
}


def test_the_command_says_what_was_changed_to_the_option_parser():
    words = command(folded("cnn_lstm", CHANGED | {"corpus": "emodb", "data_dir": "/home/me/emodb"}))
    assert words[0] == "ser"
    options = cli._parser().parse_args(words[1:])
    assert (options.notebooks, options.corpus) == (["cnn_lstm"], "emodb")
    assert options.data == "path/to/emodb"
    given = dict(map(cli._assignment, options.parameters))
    assert given == CHANGED
    assert type(given["class_weights"]) is bool


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_page_with_the_usual_values_needs_no_options(notebook):
    words = command(folded(notebook))
    corpus = [] if notebook in ("corpora", "speed") else ["--corpus", "demo"]
    assert words == ["ser", "run", notebook, *corpus]
    assert cli._parser().parse_args(words[1:]).parameters == []


def test_folders_of_this_machine_are_not_told():
    given = {"corpus": "emodb,demo,ravdess", "data_dir": "/secret/a,,/secret/b",
             "other_dir": "/secret/c"}  # fmt: skip
    text = folded("across", given)
    assert "secret" not in text
    words = command(text)
    assert words[words.index("--data") + 1] == "path/to/emodb,,path/to/ravdess"
    assert "other_dir=path/to/other" in words
    assert command(folded("across", {"other": "savee", "other_dir": "/secret"}))[-1] == (
        "other_dir=path/to/savee"
    )
    one = folded("cnn", {"corpus": "table", "data_dir": "/a folder, mine/table.csv"})
    assert command(one)[-2:] == ["--data", "path/to/table"]


def test_a_split_lies_beside_the_record():
    text = folded("cnn", {"split": "/secret/my.csv"})
    assert command(text)[-2:] == ["-p", "split=split.csv"]
    assert "secret" not in text
    assert "makes the page again; `split.csv` lies in the folder of the record:" in text
    assert "split.csv" not in folded("cnn")


def test_every_parameter_has_its_value_and_what_was_changed_is_marked():
    runs = [factory.make_record(name) for name in ("cnn", "cnn_gru")]
    text = folded("final", {"patience": 3, "epochs": 20}, *runs)
    found = parameters(text)
    assert list(found) == list(templates.defaults("final"))
    assert found["patience"] == ["`3`", "`15`"]
    assert found["epochs"] == ["`20`", "usual"]
    assert found["crops"] == ["`5`", ""]
    assert found["protocol"] == ["`speaker`", ""], "the runs say what the usual value is"
    assert found["emotions"] == ["usual", ""]
    assert found["channels"] == ["see the runs", ""]
    assert "with what was changed:" in text
    assert parameters(folded("final", {}, *runs))["patience"] == ["`15`"]
    assert "all with their usual values:" in folded("final", {}, *runs)


def test_every_run_is_listed_with_its_record():
    runs = [factory.make_record(name, seed=seed) for name in ("cnn", "cnn_gru") for seed in (0, 1)]
    text = folded("comparison", {}, *runs, None)
    assert "The page reads 4 runs" in text
    for run in runs:
        (line,) = [x for x in text.splitlines() if f"`runs/demo/{run.folder.name}`" in x]
        assert line.startswith(f"- **{provenance.title(run.data['architecture'])}** with `channels")
        assert (
            f"and `seed={run.data['seed']}`: started 2026-01-01 00:00 UTC, took 5 min 21 s" in line
        )
        assert run.data["key"] in line
    assert "- **Seed:** 0; 1" in text
    assert text.count("5e" * 32) == 1, "one corpus"


def test_one_run_differs_from_no_other():
    text = folded("cnn", {}, factory.make_record("cnn", "emodb"))
    assert "- **CNN**: started" in text
    assert "- **Protocol:** leave one speaker out\n" in text
    assert "python 3.11.7, keras 3.15.1" in text


def test_what_was_used_and_what_not():
    omitted = [{"file": "a.wav", "reason": "is empty"}]
    record = factory.with_data(
        factory.make_record("cnn", "emodb"),
        corpus={"passed_over": {"fear": 7}, "left_out": omitted},
    )
    assert (
        "EmoDB: 200 utterances of 10 speakers used, 7 others passed over for their emotion or "
        "style, 1 file left out" in folded("cnn", {}, record)
    )


def test_a_page_without_a_run_says_its_corpus(make_table, tmp_path):
    table = make_table(tmp_path, emotions=("anger", "neutral"), speakers=("a", "b"))
    manifest = corpora.load("table", table)
    text = folded("data", {"corpus": "table", "data_dir": str(table)}, manifest=manifest)
    assert f"{len(manifest.table)} utterances of 2 speakers used, 0 files left out" in text
    assert manifest.sha256 in text
    assert "run;" not in text
    assert "ser-lib" in text


def test_it_is_folded_and_closed_at_its_end():
    text = folded("cnn", {}, factory.make_record("cnn"))
    assert text.startswith(f"````{{dropdown}} {provenance.SUMMARY}\n:class-body: provenance\n\n")
    assert text.endswith("\n````")
    assert text.count("````") == 2


def test_the_extension_knows_the_folded_part_by_its_class():
    assert f":class-body: {downloads.FOLDED}\n" in folded("corpora")
    assert "The page has no parameters." in folded("corpora")


def test_a_page_without_a_template():
    with pytest.raises(NotebookError, match=r"no_such_page.ipynb does not exist"):
        provenance.trace("no_such_page", {})
