"""The figure of several methods: every score with its interval, the highest on top."""

import factory
from factory import baseline

from ser_lib.pages.figures import comparison
from ser_lib.pages.words import interval

# Networks that are compared predict the same utterances.
TRUTH = [factory.EMOTIONS["emodb"][i % 7] for i in range(100)]
RUNS = [
    factory.make_run(architecture, "emodb", seed=i, skill=1 + i, speakers=10, truth=TRUTH)
    for i, architecture in enumerate(("cnn", "cnn_lstm", "cnn_gru"))
]


def test_every_network_is_named_with_its_score():
    figure = comparison.scores(RUNS, page="features")
    for run in RUNS:
        assert f"{run.title}, network: {interval(run.uar)}" in figure.alt
    assert figure.name == "features-scores"


def test_networks_and_baselines_in_one_figure():
    run = RUNS[1]
    others = [baseline("majority", run), baseline("stack", run, skill=6.0)]
    figure = comparison.scores([run], others)
    places = [figure.alt.index(name) for name in ("SVM on the stack", "CNN-LSTM", "Majority class")]
    assert places == sorted(places)
    drawn: dict[str, list] = {}
    for line in figure.fig.axes[0].get_lines():
        drawn.setdefault(line.get_label(), []).append(line.get_xdata()[0])
    assert drawn["network"] == [run.uar.value]
    assert sorted(drawn["another method"]) == sorted(other.uar.value for other in others)
    elsewhere = {"people": {"Listeners": 0.99}}
    alt = comparison.scores([run], [], elsewhere=elsewhere).alt
    assert "from above: Listeners, people: 0.99; " in alt
