"""The audit page and `ser audit`: facts and tables that follow from what the audit found."""

import csv
import json
from dataclasses import replace

import factory
import numpy as np
import pytest
import soundfile
from factory import parse

from ser_lib import corpora
from ser_lib.core.errors import RecordError
from ser_lib.experiments import leakage, splits, train
from ser_lib.features import maps as features
from ser_lib.features import store
from ser_lib.features.maps import Standardiser
from ser_lib.pages import audit
from ser_lib.pages.audit import Audited


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


def of(manifest, *, folds=(), **options):
    """A run on a corpus."""
    run = factory.make_run("cnn_gru", **{"protocol": "speaker"} | options)
    return replace(run, corpus=manifest, folds=tuple(folds))


def leaks(page: Audited) -> list:
    return [row for row in page.summary.itertuples() if row.severity == "leak"]


# The page


def test_a_split_that_keeps_its_promise(manifest):
    own = audited(manifest.table, "speaker")
    assert leaks(own) == []
    (row,) = parse(own._repr_markdown_())
    assert list(row.values())[:4] == ["note", "`sentences-unknown`",
                                      "train, validation and test", "3"]  # fmt: skip
    assert Audited("speaker", own.folds)._repr_markdown_()


def test_a_random_split_leaks_and_says_so_by_its_name(manifest):
    other = audited(manifest.table, "random")
    assert [(row.name, row.parts) for row in leaks(other)] == [
        ("shared-speakers", ("train", "test")), ("shared-speakers", ("validation", "test"))
    ]  # fmt: skip
    assert [(len(row.what), row.utterances, row.of) for row in leaks(other)] == [(3, 9, 9)] * 2
    assert other.allowed
    assert not Audited("given", other.folds, other.findings).allowed
    assert other._repr_markdown_() != Audited("given", other.folds, other.findings).text("audited")


def test_what_training_has_seen_is_counted(manifest):
    own, other = (audited(manifest.table, protocol) for protocol in ("speaker", "random"))
    rows = parse(audit.Audits([own, other]).text("seen"))
    assert [list(row.values())[1:] for row in rows] == [
        ["0 of 45 (0 %)", "9 of 9 (100 %)"],
        ["unknown", "unknown"],
        ["0 of 45 (0 %)", "0 of 9 (0 %)"],
    ]
    (fold,) = other.folds
    named = manifest.table.assign(speaker="", sentence=manifest.table["utterance"])
    train, test = fold.train[0], fold.test[:3]
    named.loc[[train, *test], "sentence"] = "the same"
    named.loc[[train, test[0]], "sha256"] = "the same"
    split = Audited("given", (fold,), tuple(leakage.audit([fold], named)))
    assert [split.seen(what) for what in ("speaker", "sentence", "recording")] == [None, 3, 1]
    assert split.tested == 9


def test_a_copy_is_found_by_page_and_command(workspace, tmp_path, make_table, ser):
    file = make_table(tmp_path / "tones", each=2)
    first = file.parent / "wav" / "s1-anger-1.wav"
    samples, rate = soundfile.read(first)
    soundfile.write(first.with_name("copy.mp3"), -0.4 * samples, rate)
    with file.open("a") as table:
        table.write("wav/copy.mp3,s2,anger\n")
    manifest = corpora.load("table", file)
    page = audit.copies(of(manifest))
    assert [sorted(names) for names in page.copies] == [["wav/copy", "wav/s1-anger-1"]]
    assert page.unheard == 0
    assert replace(page, copies=(), unheard=2)._repr_markdown_()
    # Our own splits keep a copy out, as they keep out the same samples; one that does not leaks.
    options = ("--corpus", "table", "--data", file, "-p", "protocol=speaker")
    assert ser("audit", *options)[0] == 0
    split = tmp_path / "split.csv"
    folds = splits.make(manifest.table, "speaker")
    splits.write(split, folds, manifest.table)
    code, out, _ = ser("audit", split, *options)
    assert code == 1
    assert "leak: identical-audio, train and test" in out


@pytest.mark.parametrize("speakers", [("",) * 45, [f"s{i}" for i in range(45)]])
def test_where_nobody_knows_who_speaks_there_is_no_saying_no_leak(table, ser, speakers):
    lines = table.read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    changed = [f"{p},{s},{e}" for (p, _, e), s in zip(rows, speakers, strict=True)]
    table.write_text("\n".join([lines[0], *changed]))
    code, out, _ = ser("audit", "--corpus", "table", "--data", table, "-p", "protocol=random")
    assert code == 0
    assert out.splitlines()[-1] == leakage.VERDICTS["unknown"]
    unsure = audited(corpora.load("table", table).table, "random")
    assert (unsure.verdict, unsure.seen("speaker")) == ("unknown", None)
    sure = Audited("random", unsure.folds)
    first, second = (one._repr_markdown_().split("|")[0] for one in (unsure, sure))
    assert first.split("no leak")[1].split(".")[0] != second.split("no leak")[1].split(".")[0]


def test_a_corpus_that_cannot_be_split_at_random(workspace, make_table, tmp_path):
    manifest = corpora.load("table", make_table(tmp_path / "few", each=1))
    other = audit.of_random(of(manifest))
    assert not other.folds
    assert other.error.startswith("protocol 'r")
    assert other._repr_markdown_()


def test_a_book_whose_split_is_random_has_no_other(manifest):
    other = audit.of_random(of(manifest, protocol="random"))
    assert other.reason == "itself"
    assert other._repr_markdown_()


def test_the_random_split_is_the_one_of_the_seed(manifest):
    (fold,) = audit.of_random(of(manifest, seed=3)).folds
    (expected,) = splits.make(manifest.table, "random", seed=3)
    assert fold.test.tolist() == expected.test.tolist()


# Which utterances the statistics come from


def write_bundle(folder, maps, rows, channels):
    fitted = Standardiser.fit(features.channels(maps[i], channels) for i in rows)
    folder.mkdir(parents=True)
    standardiser = {"mean": fitted.mean.tolist(), "std": fitted.std.tolist()}
    (folder / "front_end.json").write_text(json.dumps({"standardiser": standardiser}))
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
    bundles = {
        name: write_bundle(tmp_path / name, maps, rows, channels) for name, rows in sets.items()
    }
    fitted = audit.fitted_on(folds, bundles, maps, channels)
    assert {name: sorted(rows) for name, rows in fitted.items()} == {
        name: sorted(rows) for name, rows in sets.items()
    }


@pytest.mark.parametrize(
    ("means", "deviations", "of"),
    [
        ("test", "test", "test"),
        ("validation", "validation", "validation"),
        ("train", "all", "all"),
        ("all", "train", "all"),
        ("train", "test", "train and test"),
        ("part of the test", "part of the test", "nothing"),
        ("train", "part of the test", "nothing"),
    ],
)
def test_means_and_deviations_are_traced_apart(manifest, tmp_path, means, deviations, of):
    maps, n = store.build(manifest, workers=0), len(manifest.table)
    fold = splits.make(manifest.table, "speaker")[0]
    rows = {
        **{part: getattr(fold, part) for part in splits.PARTS},
        "part of the test": fold.test[1:],
        "train and test": np.concatenate([fold.train, fold.test]),
        "all": np.arange(n),
        "nothing": np.array([], dtype=int),
    }
    bundle = write_bundle(tmp_path / "one", maps, rows[means], 1)
    other = write_bundle(tmp_path / "other", maps, rows[deviations], 1)
    own, their = (json.loads((b / "front_end.json").read_text()) for b in (bundle, other))
    own["standardiser"]["std"] = their["standardiser"]["std"]
    (bundle / "front_end.json").write_text(json.dumps(own))
    fitted = audit.fitted_on([fold], {fold.name: bundle}, maps, 1)
    assert sorted(fitted[fold.name]) == sorted(rows[of])
    (leak,) = [
        one for one in leakage.audit([fold], manifest, fitted=fitted) if "statistics" in one.name
    ]
    outside = {"validation": "warning"}  # another speaker than the tested one
    assert leak.severity == outside.get(of, "leak")


def test_the_statistics_of_a_run_are_audited(manifest, tmp_path, monkeypatch):
    maps = store.build(manifest, workers=0)
    folds = splits.make(manifest.table, "speaker")
    rows = [folds[0].train, folds[1].train, np.arange(len(manifest.table))]
    bundles = {
        fold.name: write_bundle(tmp_path / fold.name, maps, r, 3)
        for fold, r in zip(folds, rows, strict=True)
    }
    monkeypatch.setattr(train, "bundles", lambda run: bundles)
    own = audit.of_run(of(manifest, folds=folds))
    (leak,) = [one for one in own.findings if one.name.startswith("statistics")]
    assert (leak.name, leak.severity) == ("statistics-outside-training", "leak")
    assert leak.fold == folds[2].name
    assert leaks(own)[0].parts == ("validation", "test")


def test_a_run_whose_folds_are_gone(manifest, monkeypatch):
    def gone(*_):
        raise RecordError("there is no bundle")

    monkeypatch.setattr(train, "bundles", gone)
    own = audit.of_run(of(manifest, folds=splits.make(manifest.table, "speaker")))
    assert len(own.folds) == 3
    assert {one.fold for one in own.findings if one.name == "statistics-unknown"} == {
        fold.name for fold in own.folds
    }


# ser audit


def test_a_split_that_is_written_can_be_audited(ser, table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = ("--corpus", "table", "--data", str(table))
    code, out, _ = ser("audit", *given, "-p", "protocol=speaker", "--out", "split.csv")
    assert (code, out.splitlines()[-1]) == (0, "no leak")
    with open("split.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["fold"] for row in rows} == {"speaker-s1", "speaker-s2", "speaker-s3"}
    code, out, _ = ser("audit", "split.csv", *given)
    assert code == 0
    assert out.splitlines()[0] == "table: 45 utterances, split 'given', 3 folds"


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
        (["none.csv"], "cannot read the table none.csv: No such file"),
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
