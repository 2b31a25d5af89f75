"""The page on speed: it says what the file of results holds, misses as plainly as hits."""

import json

import pytest
from factory import parse, texts

from benchmarks import harness
from ser_lib.core.errors import RecordError
from ser_lib.pages import speed

MET = harness.row(
    "features", "stack", "files per second", {"ours": [200, 100, 300], "rival": [40, 50, 60]},
    more_is_better=True, rival_name="a loop", target={"against": "rival", "at_least": 3.0},
)  # fmt: skip
MISSED = harness.row(
    "training", "cnn | step", "ms", {"ours": [17.0], "limit": [10.0]}, more_is_better=False,
    limit_name="three convolutions", target={"against": "limit", "at_most": 1.6},
)  # fmt: skip
SLOW = harness.row(
    "prediction", "cold start", "s", {"ours": [1.25, 1.75, 1.5]}, more_is_better=False,
    target={"at_most": 1.4},
)  # fmt: skip
BESIDE = harness.row(
    "features", "openSMILE", "files per second", {"ours": [200], "rival": [20]},
    more_is_better=True, rival_name="eGeMAPS", note="other features",
)  # fmt: skip
SKIPPED = harness.skipped(
    "features", "real speech", "files per second", "SER_EMODB is not set", target={"at_least": 1}
)
FAILED = harness.failed("growth", "OSError: no room")
MACHINE = {
    "processor": "Some CPU", "cores": 2, "memory_gb": 23.5, "system": "Linux x86_64",
    "python": "3.11.7", "packages": {"numpy": "2.0.1"},
}  # fmt: skip


def results(*rows, **others):
    run = {"date": "2026-03-07", "duration_s": 61.0, "library": "0.1.0, 1234", "machine": MACHINE}
    runs = {"features": run | {"rows": list(rows)}}
    return {"schema": speed.SCHEMA, "benchmarks": runs | others}


ALL = results(MET, BESIDE, MISSED, SLOW, SKIPPED, FAILED)


@pytest.fixture(scope="module")
def page():
    return speed.measured(ALL)


@pytest.mark.parametrize(
    ("row", "printed"),
    [
        (MET, "200 (100 to 300)|50.0 (40.0 to 60.0)|-|4.00|at least 3 times the rival|yes"),
        (BESIDE, "200 (200 to 200)|20.0 (20.0 to 20.0)|-|10.0|-|-"),
        (MISSED, "17.0 (17.0 to 17.0)|-|10.0 (10.0 to 10.0)|1.70|at most 1.6 times the limit|no"),
        (SLOW, "1.50 (1.25 to 1.75)|-|-|-|at most 1.4|no"),
        (SKIPPED, "skipped|-|-|-|at least 1|-"),
        (FAILED, "failed|-|-|-|-|-"),
    ],
)
def test_a_row_as_it_is_printed(row, printed):
    columns = ("Ours", "Rival", "Limit", "Ratio", "Target", "Met")
    assert "|".join(harness.cells(row)[name] for name in columns) == printed


def test_the_page_shows_rivals_and_says_what_was_missed(page):
    text = page.text("verdict")
    assert [row["What"] for row in parse(text)] == ["Features, stack"]
    missed = text.partition("Missed: ")[2].partition("\n")[0]
    assert missed == "training, cnn \\| step; prediction, cold start."
    assert "Not measured: features, real speech." in text


def test_the_readme_of_the_benchmarks_has_every_row(tmp_path):
    for name, row in {"one": MET, "two": FAILED}.items():
        harness.keep(tmp_path / "results.json", name, [row], seconds=1)
    text = (tmp_path / "README.md").read_text()
    _, one, two = text.split("\n## ")
    assert [len(parse(part)) for part in (one, two)] == [1, 1]
    assert "- stack: the rival is a loop" in text
    assert "OSError: no room" in text


def test_the_machine_is_described_once_unless_there_are_several(page):
    assert [(names, day) for names, day, _ in page.machines] == [(["features"], "7 March 2026")]
    run = ALL["benchmarks"]["features"]
    other = run | {"machine": MACHINE | {"processor": "Another"}}
    two = speed.measured(results(MET, step=run, growth=other))
    assert [names for names, *_ in two.machines] == [["features", "step"], ["growth"]]


@pytest.mark.parametrize("read", [None, results(), results(MET), results(FAILED), ALL])
def test_the_texts_at_every_level(read):
    page = speed.measured(read)
    assert all(texts(page, ("verdict", "machines")))
    assert len(page.rivals) == (read in (results(MET), ALL))


def write(workspace, text):
    (workspace / "benchmarks").mkdir()
    (workspace / "benchmarks" / "results.json").write_text(text)
    assert speed.results_file().is_relative_to(workspace)


def test_results_are_read_from_the_workspace(workspace):
    assert speed.read(workspace / "nowhere.json") is None
    write(workspace, json.dumps(ALL))
    assert speed.read() == ALL
    assert speed.rows(ALL) == [MET, BESIDE, MISSED, SLOW, SKIPPED, FAILED]


@pytest.mark.parametrize("text", ["", "{", "null", '{"schema": 0}'])
def test_a_damaged_file_is_named(workspace, text):
    write(workspace, text)
    with pytest.raises(RecordError, match=r"results\.json .*delete it and run make bench"):
        speed.read()
