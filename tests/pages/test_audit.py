"""The audit page and `ser audit`: words and tables that follow from what the audit found."""

import csv
import json
import re
from dataclasses import replace

import factory
import numpy as np
import pytest

from ser_lib import cli, corpora
from ser_lib.core.errors import RecordError
from ser_lib.experiments import leakage, splits
from ser_lib.features import maps as features
from ser_lib.features import store
from ser_lib.features.maps import Standardiser
from ser_lib.metrics import scores
from ser_lib.pages import audit
from ser_lib.pages.audit import Audited


@pytest.fixture
def ser(capsys):
    """Run a command; return its exit code and what it printed to standard output and error."""

    def run(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def table(workspace, tmp_path, make_table):
    """A corpus of tones: three speakers, three emotions, five takes of each."""
    return make_table(tmp_path / "tones", each=5)


def audited(table, protocol, **options) -> Audited:
    folds = splits.make(table, protocol)
    found = leakage.audit(folds, table, protocol=protocol, **options)
    return Audited(protocol, tuple(folds), tuple(found))


@pytest.fixture
def manifest(table):
    return corpora.load("table", table)


def rows_of(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


# The page


def test_every_check_has_its_row(manifest):
    own = replace(audited(manifest.table, "speaker", fitted={}), trained=True)
    other = audited(manifest.table, "random")
    rows = rows_of(audit.side_by_side(own, other))
    assert [row[0] for row in rows] == [f"`{name}`" for name in leakage.CHECKS]
    found = {row[0].strip("`"): row[2:] for row in rows}
    assert found["shared-speakers"] == ["none", "**leak**"]
    assert found["statistics-unknown"] == ["note, 3 of 3 folds", "-"]
    assert found["sentences-unknown"] == ["note, 3 of 3 folds", "note"]
    assert found["statistics-outside-training"] == ["none", "-"]
    assert found["identical-audio"] == ["none", "none"]


def test_the_verdict_of_a_split_that_keeps_its_promise(manifest):
    own = audited(manifest.table, "speaker")
    text = audit.verdict(own)
    assert text.startswith("The audit of `speaker` (3 folds) finds no leak.")
    assert "refused" not in text
    assert rows_of(text)[0][:4] == [
        "note", "`sentences-unknown`", "train, validation and test", "3"
    ]  # fmt: skip
    clean = Audited("speaker", own.folds)
    assert audit.verdict(clean) == "The audit of `speaker` (3 folds) finds no leak."


def test_the_verdict_of_a_random_split(manifest):
    other = audited(manifest.table, "random")
    text = audit.verdict(other)
    assert text.startswith(
        "The audit of `random` (1 fold) finds 2 leaks: `shared-speakers` in train and test (3 "
        "speakers, 9 of 9 utterances) and `shared-speakers` in validation and test (3 speakers, 9 "
        "of 9 utterances). The protocol tells this by its name"
    )
    assert "It warns of `shared-speakers`." in text
    pretended = Audited("given", other.folds, other.findings)
    assert "does not tell all of this by its name, so a run" in audit.verdict(pretended)


def test_what_training_has_heard_is_counted(manifest):
    own, other = (audited(manifest.table, protocol) for protocol in ("speaker", "random"))
    assert rows_of(audit.heard(own, other)) == [
        ["the speaker", "0 of 45 (0 %)", "9 of 9 (100 %)"],
        ["the sentence", "unknown", "unknown"],
        ["the recording itself, under another name", "0 of 45 (0 %)", "0 of 9 (0 %)"],
    ]
    (fold,) = other.folds
    named = manifest.table.assign(speaker="", sentence=manifest.table["utterance"])
    train, test = fold.train[0], fold.test[:3]
    named.loc[[train, *test], "sentence"] = "the same"
    named.loc[[train, test[0]], "sha256"] = "the same"
    found = tuple(leakage.audit([fold], named))
    rows = rows_of(audit.heard(Audited("given", (fold,), found)))
    assert [row[1] for row in rows] == ["unknown", "3 of 9 (33 %)", "1 of 9 (11 %)"]


def test_a_corpus_that_cannot_be_split_at_random(workspace, make_table, tmp_path):
    manifest = corpora.load("table", make_table(tmp_path / "few", each=1))
    record = factory.make_record(corpus="demo", protocol="speaker")
    other = audit.of_random(record, manifest)
    assert not other.folds
    assert audit.verdict(other).startswith("This corpus cannot be split at random: protocol 'r")
    own = audited(manifest.table, "speaker")
    assert "random" not in audit.side_by_side(own, other)
    assert rows_of(audit.heard(own, other))[0] == ["the speaker", "0 of 9 (0 %)"]


def test_a_book_whose_split_is_random_has_no_other(manifest):
    record = factory.make_record(corpus="demo", protocol="random")
    other = audit.of_random(record, manifest)
    assert "is random itself" in audit.verdict(other)
    own = audited(manifest.table, "random")
    assert audit.side_by_side(own, other) == audit.side_by_side(own)


def test_the_random_split_is_the_one_of_the_seed(manifest):
    record = factory.make_record(corpus="demo", protocol="speaker", seed=3)
    (fold,) = audit.of_random(record, manifest).folds
    (expected,) = splits.make(manifest.table, "random", seed=3)
    assert fold.test.tolist() == expected.test.tolist()


# Which utterances the statistics come from


def write_bundle(folder, maps, rows, channels):
    fitted = Standardiser.fit(features.channels(maps[i], channels) for i in rows)
    folder.mkdir(parents=True)
    kept = {"mean": fitted.mean.tolist(), "std": fitted.std.tolist()}
    (folder / "front_end.json").write_text(json.dumps({"standardiser": kept}))
    return folder


@pytest.mark.parametrize("channels", [1, 3])
def test_statistics_are_traced_to_their_utterances(manifest, tmp_path, channels):
    maps, n = store.build(manifest, workers=0), len(manifest.table)
    folds = splits.make(manifest.table, "speaker")
    sets = {
        folds[0].name: folds[0].train,
        folds[1].name: np.concatenate([folds[1].train, folds[1].validation]),
        folds[2].name: np.arange(n),
    }
    trained = [
        (fold, write_bundle(tmp_path / fold.name, maps, sets[fold.name], channels))
        for fold in folds
    ]
    found = audit.fitted_on(trained, maps, n, channels=channels)
    assert {name: sorted(rows) for name, rows in found.items()} == {
        name: sorted(rows) for name, rows in sets.items()
    }
    odd = write_bundle(tmp_path / "odd", maps, folds[0].train[1:], channels)
    found = audit.fitted_on([(folds[0], odd)], maps, n, channels=channels)
    assert found == {folds[0].name: None}


def test_the_statistics_of_a_run_are_audited(manifest, tmp_path, monkeypatch):
    maps = store.build(manifest, workers=0)
    folds = splits.make(manifest.table, "speaker")
    rows = [folds[0].train, folds[1].train, np.arange(len(manifest.table))]
    trained = [
        (fold, write_bundle(tmp_path / fold.name, maps, r, 3))
        for fold, r in zip(folds, rows, strict=True)
    ]
    record = factory.make_record("cnn_gru", "demo", protocol="speaker")
    monkeypatch.setattr(audit.training, "fitted", lambda *_: trained)
    own = audit.of_run(record, manifest)
    (leak,) = [one for one in own.findings if one.name.startswith("statistics")]
    assert (leak.name, leak.severity) == ("statistics-outside-training", "leak")
    assert leak.fold == folds[2].name
    assert "`statistics-outside-training` in validation and test (" in audit.verdict(own)


def test_a_run_whose_folds_are_gone(manifest, monkeypatch):
    def gone(*_):
        raise RecordError("there is no bundle")

    monkeypatch.setattr(audit.training, "fitted", gone)
    own = audit.of_run(factory.make_record(corpus="demo", protocol="speaker"), manifest)
    assert len(own.folds) == 3
    assert {one.fold for one in own.findings if one.name == "statistics-unknown"} == {
        fold.name for fold in own.folds
    }


# Intervals


def with_intervals(record):
    """The record with intervals of the real bootstrap, as a run has them."""
    predictions, metrics = record.predictions, record.data["metrics"]
    truth, speakers = list(predictions["truth"]), list(predictions["speaker"])
    found = scores.evaluate(
        truth, list(predictions["predicted"]), record.emotions, clusters=speakers
    )
    metrics |= {f"{name}_ci95": list(score.interval) for name, score in found.items()}
    return record


def by_speaker(recognised: dict[str, float]):
    """A record in which each speaker is recognised as often as given."""
    n, emotions = 40, ["joy", "fear"]
    truth = [emotions[i // len(recognised) % 2] for i in range(n * len(recognised))]
    predicted = []
    for i, said in enumerate(truth):
        take, speaker = divmod(i, len(recognised))
        right = take // 2 % 20 < 20 * list(recognised.values())[speaker]
        predicted.append(said if right else emotions[1 - emotions.index(said)])
    record = factory.make_record(
        emotions=emotions, truth=truth, predicted=predicted, speakers=len(recognised)
    )
    return with_intervals(record)


def test_speakers_who_differ_widen_the_interval():
    record = by_speaker({f"p{i}": rate for i, rate in enumerate([1, 1, 1, 0.9, 0.2, 0.1, 0, 0.9])})
    rows = {row[0]: row for row in rows_of(audit.intervals(record))}
    assert list(rows) == ["Accuracy", "UAR", "Macro F1", "Weighted F1", "Loss"]
    uar = rows["UAR"]
    low, high = record.data["metrics"]["uar_ci95"]
    truth, predicted = (list(record.predictions[name]) for name in ("truth", "predicted"))
    below, above = scores.interval("uar", truth, predicted)
    assert uar[1:] == [
        f"{record.data['metrics']['uar']:.2f}",
        f"{low:.2f} to {high:.2f}",
        f"{below:.2f} to {above:.2f}",
        f"{high - low:.2f}",
        f"{above - below:.2f}",
        f"{(high - low) / (above - below):.2f}",
    ]
    assert (high - low) / (above - below) > 2
    words = audit.intervals(record)
    assert re.search(rf"it is {above - below:.2f} wide\. The honest one is \d\.\d times", words)
    assert "as it would be if" in words
    assert "is tested under {doc}`Fairness <fairness>`" in words
    assert "With 8 speakers, fewer than 30" in words


def test_speakers_who_are_alike_do_not():
    words = audit.intervals(by_speaker({f"p{i}": 0.5 for i in range(40)}))
    assert "It is no wider for drawing speakers" in words
    assert "honest" not in words
    assert "fewer than" not in words


def test_perfect_recognition_has_nothing_to_compare():
    words = audit.intervals(by_speaker({"p0": 1, "p1": 1}))
    assert "every draw gives the same score" in words


@pytest.mark.parametrize(
    ("speaker", "words"),
    [("", "no interval can be clustered"), ("p", "Only one speaker is tested")],
)
def test_without_speakers_there_is_no_cluster(speaker, words):
    record = factory.make_record()
    record.predictions["speaker"] = speaker
    assert words in audit.intervals(record)


# ser audit


def options_of(command: str) -> list[str]:
    """The arguments of the first command of a code block."""
    return command.splitlines()[1].split()[1:]


def test_the_page_s_command_writes_the_split_that_it_audits(ser, table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = factory.make_record("cnn", corpus="demo", protocol="speaker")
    record.data["corpus"]["name"] = "table"
    words = options_of(audit.command(record))
    assert words[:5] == ["audit", "--corpus", "table", "--data", "FOLDER"]
    code, out, _ = ser(*[str(table) if word == "FOLDER" else word for word in words])
    assert (code, out.splitlines()[-1]) == (0, "no leak")
    with open("split.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["fold"] for row in rows} == {"speaker-s1", "speaker-s2", "speaker-s3"}
    code, out, _ = ser("audit", "split.csv", "--corpus", "table", "--data", table)
    assert code == 0
    assert out.splitlines()[0] == "table: 45 utterances, split 'given', 3 folds"


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("random", {"protocol": "random", "seed": "0"}),
        ("session", {"protocol": "session"}),
        ("speaker", {"protocol": "speaker"}),
    ],
)
def test_the_command_names_what_decides_the_split(protocol, expected):
    record = factory.make_record(corpus="demo", protocol=protocol)
    words = options_of(audit.command(record))
    assert dict(word.split("=") for word in words if "=" in word) == expected
    assert "--data" not in words
    record.data["parameters"]["emotions"] = "anger, sadness"
    assert audit.command(record).count("-p 'emotions=anger, sadness'") == 2


def test_a_leak_is_exit_code_1(ser, table):
    code, out, err = ser("audit", "--corpus", "table", "--data", table, "-p", "protocol=random")
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[0] == "table: 45 utterances, split 'random', 1 fold"
    assert "leak: shared-speakers, train and test: s1, s2, s3; 9 of 9 utterances" in lines
    assert lines[-1] == "leaks"


@pytest.fixture
def broken(table, tmp_path):
    """A split in which one utterance trains and is tested, and the test validates."""
    manifest = corpora.load("table", table)
    (fold, *_) = splits.make(manifest.table, "speaker")
    file = tmp_path / "broken.csv"
    splits.write(file, [fold], manifest.table)
    names = manifest.table["utterance"]
    with file.open("a") as text:
        text.write(f"{fold.name},{names.iloc[fold.test[0]]},train\n")
        text.writelines(f"{fold.name},{names.iloc[row]},validation\n" for row in fold.test)
    return file


def test_somebody_s_broken_split_is_named_not_refused(ser, table, broken):
    code, out, _ = ser("audit", broken, "--corpus", "table", "--data", table)
    assert code == 1
    found = [line.split(",")[0] for line in out.splitlines() if line.startswith("leak: ")]
    assert found == [
        "leak: validation-in-test", "leak: shared-utterances",
        "leak: shared-speakers", "leak: shared-speakers",
    ]  # fmt: skip


def test_findings_for_machines(ser, table, broken):
    code, out, _ = ser("audit", broken, "--corpus", "table", "--data", table, "--json")
    first = json.loads(out)[0]
    assert code == 1
    assert (first["name"], first["severity"], first["fold"]) == (
        "validation-in-test", "leak", "speaker-s1"
    )  # fmt: skip
    assert first["parts"] == ["validation", "test"]
    assert len(first["what"]) == first["utterances"] == first["of"] == 15
    code, out, _ = ser("audit", "--corpus", "table", "--data", table, "-p", "protocol=speaker",
                       "--json")  # fmt: skip
    assert code == 0
    assert {row["severity"] for row in json.loads(out)} == {"note"}


def test_a_promise_can_be_named_for_a_file(ser, table, tmp_path):
    manifest = corpora.load("table", table)
    file = tmp_path / "random.csv"
    splits.write(file, splits.make(manifest.table, "random"), manifest.table)
    shared = "warning: shared-speakers, train and validation"
    for protocol, line in (("given", shared), ("speaker", shared.replace("warning", "leak"))):
        command = ("audit", file, "--corpus", "table", "--data", table)
        code, out, _ = ser(*command, "-p", f"protocol={protocol}")
        assert code == 1
        assert line in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv"], "cannot read the split none.csv: No such file"),
        (["-p", "protocol=speakers"], "unknown protocol 'speakers' (did you mean 'speaker'?)"),
        (["-p", "protocol=given"], "protocol 'given' needs a split"),
        (["-p", "protocol=sentence+speaker"], "needs the sentence of every utterance"),
        (["-p", "epochs=3"], "unknown parameter of audit 'epochs'"),
        (["-p", "folds=many"], "folds must be a whole number"),
        (["none.csv", "-p", "folds=3"], "unknown parameter of audit 'folds'"),
        (["-p", "protocol=session"], "needs the session of every utterance"),
        (["--out", "tones/table.csv/split.csv", "-p", "protocol=speaker"], "cannot write tones/"),
    ],
)
def test_an_audit_that_is_refused(ser, table, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = ser("audit", *arguments, "--corpus", "table", "--data", table)
    assert (code, out) == (1, "")
    assert message in err
    assert len(err.splitlines()) == 1
