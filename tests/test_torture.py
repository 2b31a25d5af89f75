"""The attacks of `make torture`, a few cases of those that are quick, and that one can break."""

import pytest

from benchmarks import torture
from ser_lib.core import audio

CASES = {"audio": 150, "bundle": 40, "run": 15, "store": 15, "table": 25}


@pytest.fixture(scope="module")
def attacked(home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("torture") / "attacked"
    torture.prepare(folder)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_nothing_breaks(attacked, name):
    broke = [(n, how) for n in range(CASES[name]) if (how := torture.case(name, attacked, 7, n))]
    assert broke == []


def test_what_breaks_is_told(attacked, monkeypatch):
    def fail(path):
        raise MemoryError

    monkeypatch.setattr(audio, "load", fail)
    assert torture.case("audio", attacked, 7, 0).startswith("MemoryError")
