"""Comparison: seeds, baselines and the choice; every text at every level."""

from dataclasses import replace

import factory
import numpy as np
import pytest
from factory import baseline, network, parse, texts, with_data

from ser_lib.core.errors import ParameterError, RecordError
from ser_lib.pages import comparison, runs
from ser_lib.pages.comparison import Comparison
from ser_lib.pages.figures import comparison as figures
from ser_lib.pages.words import p_value, signed

TEXTS = ("scores", "pairs", "seeds", "baselines", "emotions", "choice")


def trained(architecture: str, seed: int, *skill):
    run = network(architecture, *skill)
    return with_data(run, seed=seed, parameters={"seed": seed})


def validated(name: str, skill: int, uar: float):
    """A network that recognises `skill` of 20 utterances, with this UAR in validation."""
    run = network(name, skill)
    return with_data(run, folds=[fold | {"validation_uar": uar} for fold in run.record.folds])


def test_the_experiments_are_every_network_with_every_seed():
    planned = comparison.experiments("demo", seed=4, seeds=2, options={"epochs": 3})
    names = ["cnn", "cnn_lstm", "cnn_gru"]
    assert [(e.architecture, e.seed) for e in planned] == [(n, s) for s in (4, 5) for n in names]
    assert {e.epochs for e in planned} == {3}


@pytest.mark.parametrize("seeds", [0, 1.5, "2", True, None])
def test_a_bad_number_of_seeds_is_refused(seeds):
    with pytest.raises(ParameterError, match="seeds must be a whole number from 1, not"):
        comparison.experiments("demo", seeds=seeds)


def test_the_networks_are_ranked_by_uar():
    page = Comparison([network("cnn", 10), network("cnn_gru", 14)])
    assert [name for name, _ in page.networks] == ["CNN", "CNN-GRU"]
    assert [name for name, _ in page.ordered] == ["CNN-GRU", "CNN"]
    uar = page.runs[1].uar
    first, _ = parse(page.text("scores"))
    assert first["95 % interval"] == f"{uar.low:.2f} to {uar.high:.2f}"
    assert first["Parameters"] == "579,781"
    (pair,) = page.pairs
    assert (pair.first, pair.second, pair.uar.sign) == ("CNN-GRU", "CNN", 1)


def test_the_table_of_pairs():
    page = Comparison([network("cnn", 8), network("cnn_lstm", 13), network("cnn_gru", 14, 4)])
    rows = parse(page.text("pairs"))
    assert [row["First minus second"] for row in rows] == [
        "CNN-GRU minus CNN-LSTM", "CNN-GRU minus CNN", "CNN-LSTM minus CNN"
    ]  # fmt: skip
    assert rows[2]["UAR (95 %)"] == "+0.25 (+0.25 to +0.25)"
    assert rows[2]["p"] == "p < 0.001"


def test_the_spread_over_seeds():
    page = Comparison([
        trained("cnn", 0, 10), trained("cnn_gru", 0, 13, 4),
        trained("cnn", 1, 12), trained("cnn_gru", 1, 13, 4),
        trained("cnn", 2, 11), trained("cnn_gru", 2, 16, 4),
    ])  # fmt: skip
    assert [run.seed for run in page.runs] == [0, 0]
    assert "|" not in Comparison(page.runs).text("seeds"), "one training of each says nothing"
    assert page.seeds == [0, 1, 2]
    assert list(page.spreads.index) == ["CNN-GRU", "CNN"]
    cnn, gru = page.spreads.loc["CNN"], page.spreads.loc["CNN-GRU"]
    assert cnn.tolist() == pytest.approx([0.55, 0.05, 0.5, 0.6])
    assert gru["std"] == pytest.approx(np.std([0.65, 0.65, 0.80], ddof=1))
    assert gru["mean"] == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("uars", "pick"), [((0.6, 0.7), "cnn_gru"), ((0.7, 0.6), "cnn"), ((0.6, 0.6), "cnn_gru")]
)
def test_the_choice_has_its_reason(uars, pick):
    page = Comparison([validated("cnn", 14, uars[0]), validated("cnn_gru", 8, uars[1])])
    assert page.candidates[0][1].architecture == pick
    assert f"**{page.candidates[0][0]}**" in page.text("choice")


def test_networks_and_baselines_are_ranked_and_subtracted():
    both = [factory.make_run("cnn", skill=2.0), factory.make_run("cnn_gru", skill=3.0)]
    others = [baseline("majority", both[0]), baseline("stack", both[0], skill=2.0),
              baseline("ComParE_2016", both[0], skill=6.0)]  # fmt: skip
    page = Comparison(both, others)
    values = [result.uar.value for _, result in page.methods]
    assert values == sorted(values, reverse=True)
    assert page.absent == ["SVM on eGeMAPS"]
    assert [one for one, _ in page.against] == others
    for one, column in page.against:
        assert [name for name, _ in column] == ["CNN", "CNN-GRU"]
        for (_, difference), run in zip(column, both, strict=True):
            own = runs.uar_difference(run, one)
            assert difference == replace(own, comparisons=len(others) * len(both))
    tables = [part for part in page.text("baselines").split("\n\n") if "\n| :---" in part]
    ranking, differences = map(parse, tables)
    names = {"**CNN**", "**CNN-GRU**", "Majority class", "SVM on the stack", "SVM on ComParE"}
    assert {row["Method"] for row in ranking} == names
    for row, (_, ((_, difference), _)) in zip(differences, page.against, strict=True):
        assert row["CNN"] == f"{signed(difference)}, {p_value(difference.p)}"


def test_runs_of_different_protocols_are_refused():
    other = with_data(trained("cnn_gru", 0, 13), protocol="random")
    with pytest.raises(RecordError, match="different protocols"):
        Comparison([trained("cnn", 0, 10), other]).text("scores")


RUN = network("cnn", 10)


@pytest.mark.parametrize(
    "page",
    [
        Comparison([RUN]),
        Comparison([RUN, network("cnn_gru", 10)], [baseline("majority", RUN)]),
        Comparison([network("cnn", 2, speakers=4), network("cnn_gru", 19, speakers=4)]),
        Comparison([RUN, network("cnn_lstm", 13, 4), network("cnn_gru", 8)],
                   [baseline("stack", RUN, skill=2.0)]),
        Comparison([trained("cnn", 0, 10), trained("cnn", 1, 12)]),
        Comparison([trained("cnn", 0, 10), trained("cnn_gru", 0, 12),
                    trained("cnn", 1, 12), trained("cnn_gru", 1, 10)]),
        Comparison([RUN, replace(network("cnn_gru", 10, training_s=999.0),
                                 predictions=RUN.predictions)]),
    ],
)  # fmt: skip
def test_every_text_is_written_at_every_level(page):
    texts(page, TEXTS)


@pytest.mark.parametrize(("right", "words"), [(18, "better"), (8, "worse"), (14, "differ")])
def test_the_discriminant_comes_first_and_is_tested_against_every_network(right, words):
    networks = [network("cnn", 13, 4), network("cnn_gru", 14, 2)]
    lda = with_data(network("cnn_lstm", right), architecture="lda")
    page = Comparison(
        networks,
        [baseline("stack", networks[0])],
        [lda, with_data(lda, parameters=lda.record.parameters | {"enrolled": True})],
    )
    rivals = ["CNN", "CNN-GRU", "SVM on the stack"]
    assert [(pair.first, pair.second) for pair in page.lead] == [("LDA", name) for name in rivals]
    assert page.lead[0].uar.value == pytest.approx((right - 13) / 20)
    assert words in page.text("baselines").partition("\n\n")[0]
    assert ("LDA", lda) in page.methods
    assert "fusion of LDA and networks" in dict(page.methods)
    (known,) = page.enrolled.values()
    assert known == {"LDA, enrolled": lda.uar}
    assert "LDA, enrolled" not in dict(page.methods), "it knows more than the others"
    alt = figures.scores(page.runs, page.others).alt
    assert f"LDA, another method: {right / 20:.2f} (95 %" in alt
    alone = Comparison(networks)
    assert (alone.lead, alone.others) == ([], [])
    assert not alone.enrolled
