"""Growth: what is linked, what is measured, and how the rows compare sizes."""

import subprocess
import sys

import pytest

from benchmarks import growth
from ser_lib import corpora

FIELDS = {
    "group", "name", "unit", "ours", "rival", "limit", "ratio", "min", "max", "runs", "rival_name",
    "limit_name", "target",
}  # fmt: skip


@pytest.fixture
def recordings(tmp_path, write_tone):
    folder = tmp_path / "recordings"
    for number in range(3):
        write_tone(folder / f"{number}.wav", hertz=200 + 50 * number)
    return folder


def test_links_make_a_corpus_of_any_size(workspace, tmp_path, recordings):
    folder = tmp_path / "links"
    folder.mkdir()
    table = growth.link(folder, sorted(recordings.glob("*.wav")), 220)
    manifest = corpora.load("table", table)
    assert len(manifest.table) == 220
    assert manifest.left_out == []
    assert manifest.table["sha256"].nunique() == 3
    assert len(manifest.emotions) == 5
    assert manifest.table["speaker"].nunique() == growth.SPEAKERS


def test_every_part_is_measured_at_every_size(workspace, recordings, monkeypatch):
    monkeypatch.setattr(growth, "_repetitions", lambda size: 1)
    told = []
    rows = growth.run(told.append, (20, 40), recordings=recordings)
    assert [row["name"] for row in rows] == [
        f"{part}, {size} utterances{what}"
        for size in (20, 40)
        for part in growth.PARTS
        for what in ("", ", peak of memory")
    ]
    assert all(set(row) == FIELDS for row in rows)
    costs, memories = rows[::2], rows[1::2]
    parts = len(growth.PARTS)
    for small, large in zip(costs[:parts], costs[parts:], strict=True):
        assert small["ratio"] is None
        assert large["rival"] == small["ours"] > 0
        assert large["ratio"] == pytest.approx(large["ours"] / small["ours"])
    for row in memories:
        # An interpreter with numpy is tens of MB; more than the limit would show something broken.
        assert 30 < row["ours"] < growth.MEMORY_MB
        assert row["ratio"] == pytest.approx(row["ours"] / row["limit"])
    assert len(told) == len(costs)
    assert list((workspace / "data").iterdir()) == []


def test_a_row_is_the_median_of_its_runs():
    found = [{"seconds": s, "peak_mb": 100 * s} for s in (3.0, 1.0, 2.0)]
    cost, memory = growth._rows("manifest", 1_000, found, 0.5)
    assert (cost["ours"], cost["min"], cost["max"], cost["runs"]) == (2.0, 1.0, 3.0, 3)
    assert cost["ratio"] == 4.0
    assert (memory["ours"], memory["ratio"]) == (200.0, 200 / growth.MEMORY_MB)
    assert growth._rows("manifest", 1_000, found, None)[0]["ratio"] is None


def test_memory_of_processes_below_is_counted():
    size = 200_000_000
    below = f"import time; block = bytearray(b'1') * {size}; time.sleep(0.5)"

    def work(folder):
        subprocess.run([sys.executable, "-c", below], check=True)
        return 1.5

    found = growth._watched(work, None)
    assert found["seconds"] == 1.5
    assert found["peak_mb"] > size / 1e6


def test_what_cannot_be_measured_says_why(tmp_path):
    with pytest.raises(RuntimeError, match=r"growth of manifest cannot be measured:(?s:.*)table"):
        growth._measure("manifest", tmp_path)
