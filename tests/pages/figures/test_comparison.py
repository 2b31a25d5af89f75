"""Figures of several networks: every score with its interval, the highest method on top."""

import factory
import pytest
from factory import baseline

from ser_lib.core.errors import ParameterError
from ser_lib.pages.figures import comparison

# Networks that are compared predict the same utterances.
TRUTH = [factory.EMOTIONS["emodb"][i % 7] for i in range(100)]
RUNS = [
    factory.make_run(architecture, "emodb", seed=i, skill=1 + i, speakers=10, truth=TRUTH)
    for i, architecture in enumerate(("cnn", "cnn_lstm", "cnn_gru"))
]


def test_every_network_is_named_with_its_score():
    figure = comparison.scores(RUNS)
    for run in RUNS:
        assert f"{run.title}: " in figure.alt
        assert f"UAR {run.uar.value:.2f}" in figure.alt


def test_scores_are_chosen_by_name():
    figure = comparison.scores(RUNS[:1], metrics=("weighted_f1",), name="features-comparison")
    assert figure.name == "features-comparison"
    assert "CNN: Weighted F1 0." in figure.alt
    with pytest.raises(ParameterError, match="unknown score 'kappa'"):
        comparison.scores(RUNS, metrics=("kappa",))


def test_networks_and_baselines_in_one_figure():
    run = RUNS[1]
    others = [baseline("majority", run), baseline("stack", run, skill=6.0)]
    figure = comparison.baselines([run], others)
    places = [figure.alt.index(name) for name in ("SVM on the stack", "CNN-LSTM", "Majority class")]
    assert places == sorted(places)
    lines = {line.get_label(): line.get_xdata() for line in figure.fig.axes[0].get_lines()}
    assert list(lines["network"]) == [run.uar.value]
    assert sorted(lines["another method"]) == sorted(other.uar.value for other in others)
    elsewhere = {"people": {"Listeners": 0.99}}
    assert (
        "highest down: Listeners 0.99; " in comparison.baselines([run], [], elsewhere=elsewhere).alt
    )
