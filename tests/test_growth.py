"""Growth: what is linked, what is measured, and how the rows compare sizes."""

import subprocess
import sys

import pytest

from benchmarks import growth
from ser_lib import corpora


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
    monkeypatch.setattr(growth, "PARTS", ("manifest", "features"))
    monkeypatch.setattr(growth, "_in_large", lambda costs, *sizes: [(sorted(costs), *sizes)])
    *rows, (parts, audio_bytes, feature_bytes) = growth.run(
        lambda row: None, (20, 40), recordings=recordings
    )
    assert [row["name"] for row in rows] == [
        f"{part}, {size} utterances{what}"
        for size in (20, 40)
        for part in growth.PARTS
        for what in ("", ": peak of memory")
    ]
    costs, memories = rows[::2], rows[1::2]
    for small, large in zip(costs[:2], costs[2:], strict=True):
        assert small["ratio"] is None
        assert large["limit"] == small["ours"] > 0
        assert large["ratio"] == pytest.approx(large["ours"] / small["ours"])
    for row in memories:
        # An interpreter with numpy is tens of MB; more than the limit would show something broken.
        assert 30 < row["ours"] < growth.MEMORY_MB
    assert list((workspace / "data").iterdir()) == []
    assert parts == ["features", "manifest"]
    assert audio_bytes > 2 * 1000
    assert feature_bytes > 4 * 60 * 10


def test_a_row_is_the_median_of_its_runs():
    found = [{"seconds": s, "utterances": 500, "peak_mb": 100 * s} for s in (3.0, 1.0, 2.0)]
    cost, memory = smaller = growth._rows("manifest", 1_000, found, None)
    assert (cost["ours"], cost["min"], cost["max"], cost["runs"]) == (4.0, 2.0, 6.0, 3)
    assert cost["ratio"] is cost["met"] is None
    assert (memory["target"], memory["met"]) == ({"at_most": growth.MEMORY_MB}, True)
    much = [one | {"seconds": 2 * one["seconds"], "peak_mb": 2 * growth.MEMORY_MB} for one in found]
    cost, memory = growth._rows("manifest", 10_000, much, smaller)
    assert (cost["ratio"], cost["met"]) == (2.0, False)
    assert (memory["limit"], memory["met"]) == (200.0, False)


def test_the_bill_is_of_core_seconds():
    rows = {"ours": 3.6}, {"ours": 0.0}
    costs = dict.fromkeys(("manifest", "features", "training", "prediction"), rows)
    found = {(one["name"], one["unit"]): one["ours"] for one in growth._in_large(costs, 1e5, 2e4)}
    # Ten million utterances, 3.6 ms each, on every core; three networks, 30 epochs, four folds.
    assert found["features", "core hours"] == pytest.approx(10 * growth.jobs.processors())
    assert found["training", "core hours"] == pytest.approx(10 * 3 * 30 * 4)
    assert found["audio", "GB"] == pytest.approx(1000)
    assert ("audio", "core hours") not in found


def test_memory_of_processes_below_is_counted():
    size = 200_000_000
    below = f"import time; block = bytearray(b'1') * {size}; time.sleep(0.5)"

    def work(folder):
        subprocess.run([sys.executable, "-c", below], check=True)
        return 1.5, 7

    found = growth._watched(work, None)
    assert (found["seconds"], found["utterances"]) == (1.5, 7)
    assert found["peak_mb"] > size / 1e6


def test_what_cannot_be_measured_says_why(tmp_path):
    with pytest.raises(RuntimeError, match=r"growth of manifest cannot be measured:(?s:.*)table"):
        growth._measure("manifest", tmp_path)
