"""The harness of the benchmarks: what is measured in turn, what a row says, what the file keeps.

No test here depends on how long anything takes.
"""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import features, harness
from ser_lib import corpora
from ser_lib.core.errors import ParameterError, RecordError
from ser_lib.pages import speed

FASTER = {"ours": [30, 10, 20, 50, 40], "rival": [10, 9, 11, 10, 10], "limit": [60, 60, 60, 60, 90]}


def row(values=FASTER, *, target=None, more_is_better=True, **options):
    return harness.row(
        "group", "name", "files per second", values, more_is_better=more_is_better,
        target=target, **options,
    )  # fmt: skip


# What is measured


def test_functions_take_turns_after_a_turn_that_does_not_count():
    called = []

    def note(name, own):
        def function():
            called.append(name)
            return own(len(called))

        return function

    functions = {"ours": note("ours", float), "rival": note("rival", lambda _: None)}
    found = harness.alternate(functions, runs=3)
    assert called == ["ours", "rival"] * 4
    assert found["ours"] == [3.0, 5.0, 7.0], "what a function returns is its own measurement"
    assert len(found["rival"]) == 3
    assert len(harness.alternate(functions)["ours"]) == 5


# Rows


def test_a_row_has_medians_and_extremes():
    found = row(rival_name="a loop", limit_name="a wall")
    assert (found["ours"], found["min"], found["max"], found["runs"]) == (30, 10, 50, 5)
    assert (found["rival"], found["rival_min"], found["rival_max"]) == (10, 9, 11)
    assert (found["limit"], found["limit_min"], found["limit_max"]) == (60, 60, 90)
    assert (found["rival_name"], found["limit_name"]) == ("a loop", "a wall")
    assert (found["target"], found["met"], found["status"]) == (None, None, "measured")
    assert found["ratio"] == pytest.approx(3), "without a target it is against the rival"
    assert row({"ours": [30], "limit": [60]})["ratio"] == pytest.approx(2)
    assert row({"ours": [30]})["ratio"] is None


@pytest.mark.parametrize(
    ("more_is_better", "against", "ratio"),
    [(True, "rival", 3), (False, "rival", 1 / 3), (True, "limit", 2), (False, "limit", 0.5)],
)
def test_a_ratio_is_times_as_good_as_a_rival_and_times_the_cost_of_a_limit(
    more_is_better, against, ratio
):
    target = {"against": against, "at_least": 1.0}
    assert row(target=target, more_is_better=more_is_better)["ratio"] == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("target", "met"),
    [
        ({"against": "rival", "at_least": 3.0}, True),
        ({"against": "rival", "at_least": 3.1}, False),
        ({"against": "limit", "at_most": 2.0}, True),
        ({"against": "limit", "at_most": 1.9}, False),
        ({"at_least": 30}, True),
        ({"at_most": 29.9}, False),
        (None, None),
    ],
)
def test_a_row_says_whether_its_target_is_met(target, met):
    assert row(target=target)["met"] is met


@pytest.mark.parametrize(
    "target",
    [{"against": "rival"}, {"at_least": 1, "at_most": 2}, {"against": "nobody", "at_least": 1}, {}],
)
def test_a_target_that_is_none_is_refused(target):
    with pytest.raises(ParameterError, match="is none: give at_least or at_most"):
        row(target=target)
    with pytest.raises(ParameterError, match="that was measured"):
        row({"ours": [1]}, target={"against": "rival", "at_least": 1})


def test_all_rows_have_the_same_fields_in_plain_json():
    rows = [
        row({"ours": np.arange(5, dtype=np.float32), "rival": [1.0]}),
        harness.skipped("group", "other", "s", "no room", target={"at_most": 1}),
        harness.failed("features", "ValueError: bad"),
        harness.completed({"group": "g", "name": "n", "unit": "s", "ours": 2.0}),
    ]
    assert [each["status"] for each in rows] == ["measured", "skipped", "failed", "measured"]
    assert len({frozenset(each) for each in rows}) == 1
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert rows[1]["met"] is None, "what was skipped neither meets a target nor misses it"
    rows = [row(target={"against": "rival", "at_least": 4.0}), *rows]
    heading, first, *others = harness.table(rows).splitlines()
    assert heading.split() == ["What", "Unit", "Ours", "Rival", "Limit", "Ratio", "Target", "Met"]
    assert len(others) == 4
    for text in ("30.0 (10.0 to 50.0)", "60.0 (60.0 to 90.0)", "3.00"):
        assert text in first


# The command


@pytest.fixture
def fakes(monkeypatch):
    """Benchmarks by name that are run here and not in processes of their own."""

    def install(**functions):
        def measure(name):
            return functions[name]()

        monkeypatch.setattr(harness, "measure", measure)
        monkeypatch.setattr(command, "BENCHMARKS", tuple(functions))

    return install


def named(name):
    return [harness.row(name, "work", "s", {"ours": [1.0]}, more_is_better=False)]


def interrupt():
    raise KeyboardInterrupt


def test_everything_is_run_and_kept_without_a_name(fakes, tmp_path, capsys):
    fakes(one=lambda: named("one"), two=lambda: named("two"))
    file = tmp_path / "benchmarks" / "results.json"
    assert command.main([], file=file) == 0
    results = speed.read(file)
    assert list(results["benchmarks"]) == ["one", "two"]
    assert speed.rows(results) == named("one") + named("two")
    for run in results["benchmarks"].values():
        assert set(run) == {"date", "duration_s", "library", "machine", "rows"}
        assert set(run["machine"]) == {
            "processor", "cores", "memory_gb", "system", "python", "packages"
        }  # fmt: skip
        assert run["machine"]["packages"]["numpy"] == np.__version__
    kept = sorted(path.name for path in file.parent.iterdir())
    assert kept == ["README.md", file.name], "nothing half-written"
    out = capsys.readouterr().out
    assert out.count("work") == 2
    assert str(file) in out


def test_a_named_one_is_run_alone_and_the_others_rows_stay(fakes, tmp_path, capsys):
    fakes(one=lambda: named("one"), two=lambda: named("two"))
    assert command.main([], file=tmp_path / "r.json") == 0
    fakes(one=interrupt, two=lambda: named("again"))
    capsys.readouterr()
    assert command.main(["two"], file=tmp_path / "r.json") == 0
    assert [each["group"] for each in speed.rows(speed.read(tmp_path / "r.json"))] == [
        "one", "again"
    ]  # fmt: skip
    assert "one: work" not in capsys.readouterr().out


def test_an_interrupt_keeps_what_was_finished(fakes, tmp_path):
    fakes(one=lambda: named("one"), two=interrupt, three=lambda: named("three"))
    assert command.main([], file=tmp_path / "r.json") == 130
    assert speed.rows(speed.read(tmp_path / "r.json")) == named("one")


def test_after_a_failure_the_others_are_run_and_the_exit_code_is_1(fakes, tmp_path, capsys):
    fakes(features=lambda: [harness.failed("one", "ValueError: bad")], two=lambda: named("two"))
    assert command.main([], file=tmp_path / "r.json") == 1
    rows = speed.rows(speed.read(tmp_path / "r.json"))
    assert [each["status"] for each in rows] == ["failed", "measured"]
    # An unknown name is refused before anything is run.
    assert command.main(["two", "feature"], file=tmp_path / "none.json") == 1
    assert "'feature' (did you mean 'features'?)" in capsys.readouterr().err
    assert not (tmp_path / "none.json").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 99}'])
def test_a_damaged_file_is_refused_before_anything_is_run(fakes, tmp_path, capsys, text):
    (tmp_path / "r.json").write_text(text)
    fakes(one=interrupt)
    assert command.main([], file=tmp_path / "r.json") == 1
    assert "delete it and run make bench" in capsys.readouterr().err
    assert (tmp_path / "r.json").read_text() == text
    with pytest.raises(RecordError):
        speed.read(tmp_path / "r.json")


# A process of its own


def sent_by(monkeypatch, run):
    module = ModuleType("benchmarks.fake")
    module.run = run
    monkeypatch.setitem(sys.modules, "benchmarks.fake", module)
    rows = []
    harness._run("fake", SimpleNamespace(send=rows.append))
    return rows


def test_a_benchmark_is_given_a_way_to_tell_and_its_rows_are_completed(monkeypatch, capsys):
    def run(progress):
        progress("half of it")
        return [{"group": "g", "name": "n", "unit": "s", "ours": 1.0, "target": {"at_most": 2}}]

    ((found,),) = sent_by(monkeypatch, run)
    assert found["met"] is True
    assert "fake: half of it" in capsys.readouterr().err


def test_an_error_becomes_a_row(monkeypatch, capsys):
    def run(progress):
        raise ValueError("no such thing")

    ((found,),) = sent_by(monkeypatch, run)
    assert (found["group"], found["status"]) == ("fake", "failed")
    assert found["note"] == "ValueError: no such thing"
    assert "Traceback" in capsys.readouterr().err
    assert sent_by(monkeypatch, lambda progress: interrupt()) == []


def test_a_process_that_cannot_even_begin_is_a_failure():
    (found,) = harness.measure("there_is_none")
    assert found["status"] == "failed"
    assert "ModuleNotFoundError" in found["note"]
    folder = Path(harness.__file__).parent
    assert all((folder / f"{name}.py").is_file() for name in command.BENCHMARKS)


# The benchmark of features


def test_the_loop_computes_what_we_compute(tmp_path, write_tone):
    path = write_tone(tmp_path / "a.wav", seconds=1.0)
    loop = features.textbook_logmel(path)
    ours = features.ours("logmel", path)
    assert loop.shape == ours.shape
    shift = (ours - loop)[loop > loop.max() - 30]  # the loop's 0 dB is the loudest band
    assert np.ptp(shift) < 1.5
    stacked = features.textbook_stack(path)
    assert stacked.shape[1] == ours.shape[1]
    assert len(stacked) >= features.maps.ROWS
    np.testing.assert_allclose(stacked[0, 4:-4], 220, rtol=0.02)


def test_files_are_spread_over_the_corpus_and_workers_counted_while_all_are_busy(monkeypatch):
    late = [(1, 0.0, 2.0, 8), (1, 2.0, 4.0, 8), (2, 3.0, 4.0, 8), (2, 4.0, 6.0, 8)]
    assert features.together(late) == pytest.approx(4 + 8)
    monkeypatch.setattr(features, "FILES", {"stack": 3})
    assert features._some(list(range(10)), "stack") == [0, 3, 6]
    assert features._some([1, 2], "stack") == [1, 2]


def test_what_is_not_at_hand_is_a_row(monkeypatch, tmp_path, write_tone, workspace):
    file = write_tone(tmp_path / "a.wav", seconds=0.3)
    monkeypatch.delenv("SER_EMODB", raising=False)
    monkeypatch.setattr(features, "FILES", {"logmel": 1, "stack": 1})
    monkeypatch.setattr(features.functionals, "available", lambda: ("stack",))

    def demo(name):
        table = {"path": [file.name]}
        return corpora.Manifest(corpus=name, root=tmp_path, table=table)

    monkeypatch.setattr(features.corpora, "load", demo)
    monkeypatch.setattr(features, "_in_workers", lambda kind, files: 1000.0)
    monkeypatch.setattr(features, "_start", lambda: named("features on two cores")[0])
    said = []
    found = features.run(said.append)
    assert "logmel, demo corpus, 1 file" in said
    by_status = {status: [row["name"] for row in found if row["status"] == status]
                 for status in ("measured", "skipped")}  # fmt: skip
    assert by_status["measured"] == ["logmel, demo corpus", "stack, demo corpus"] * 2 + ["work"]
    assert sorted(by_status["skipped"]) == [
        "logmel, EmoDB", "logmel, EmoDB", "stack beside eGeMAPS, demo corpus", "stack, EmoDB",
        "stack, EmoDB",
    ]  # fmt: skip
    assert all(row["target"] for row in found if "EmoDB" in row["name"])
