"""Short names of runs: those that mean one, and those that may mean several."""

from dataclasses import replace

import pytest
from factory import make_run, with_data

from ser_lib.core.errors import RecordError
from ser_lib.experiments import names
from ser_lib.experiments import run as runs
from ser_lib.experiments.experiment import Experiment


def test_a_run_is_found_by_any_name_that_only_it_has(workspace):
    for name, corpus in (("cnn", "demo"), ("cnn_gru", "demo"), ("cnn_gru", "emodb")):
        run = make_run(name, corpus, seed=len(name) + (corpus == "demo"))
        runs.write(replace(run, folder=workspace / run.folder))
    (workspace / "runs/demo/.cnn-unfinished").mkdir()
    assert len(names.folders()) == 3
    gru = workspace / "runs/emodb" / make_run("cnn_gru", "emodb", seed=7).folder.name
    for name in ("emodb", "emodb/cnn_gru", "emodb/cnn_gru-speaker", gru.name, str(gru)):
        assert names.find(name) == gru
    assert names.find("cnn").name.startswith("cnn-")
    with pytest.raises(RecordError, match=r"may be 2 runs: .*demo/cnn_gru"):
        names.find("cnn_gru")
    for protocol in ("random", "speaker"):
        about = Experiment(architecture="cnn", corpus="emodb", protocol=protocol).parameters()
        usual = with_data(make_run("cnn", "emodb"), protocol=protocol, parameters=about)
        runs.write(replace(usual, folder=gru.with_name(f"cnn-{protocol}-1111")))
    assert names.find("emodb/cnn").name == "cnn-speaker-1111", "the usual protocol"
    other = make_run("cnn_gru", "emodb", seed=7, epochs=9)
    runs.write(replace(other, folder=gru.with_name("cnn_gru-speaker-9999")))
    assert names.find("9999").name.endswith("9999")
    again = workspace / "runs/demo/cnn_gru-speaker-8888"  # the same, by another library
    runs.write(replace(make_run("cnn_gru", "demo", seed=8), folder=again))
    assert names.find("demo/cnn_gru") == again
    with pytest.raises(RecordError, match="no run 'lstm'"):
        names.find("lstm")
