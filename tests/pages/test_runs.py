"""Runs of a report: names, the final one, and what the data can tell apart."""

import factory
import pytest
from factory import baseline, network, with_data

from ser_lib.core.errors import ParameterError, RecordError
from ser_lib.metrics.scores import uar
from ser_lib.pages import runs

NAMES = ("cnn", "cnn_lstm", "cnn_gru")


def pair(first, second):
    (result,) = runs.pairs(runs.named([first, second]))
    return result


@pytest.mark.parametrize(
    ("first", "second", "sign"),
    [
        (("cnn_gru", 14, 4), ("cnn", 8), 1),
        (("cnn_gru", 8), ("cnn", 14, 4), -1),
        (("cnn_gru", 13, 4), ("cnn", 12), 0),
        # The intervals of the two scores overlap by far; speaker by speaker there is no doubt.
        (("cnn_gru", 13, 6), ("cnn", 12, 6), 1),
    ],
)
def test_a_network_is_better_only_if_the_data_can_tell(first, second, sign):
    difference = pair(network(*first), network(*second)).uar
    assert difference.value == pytest.approx((first[1] - second[1]) / 20)
    assert (difference.sign, difference.unit, difference.n) == (sign, "speaker", 10)


def test_where_speakers_share_a_network_folds_are_the_unit():
    one, other = (factory.make_run(name, protocol="session") for name in ("cnn", "cnn_gru"))
    assert (pair(one, other).uar.unit, pair(one, other).uar.n) == ("fold", 5)
    # A baseline in the folds of speakers is compared by the units of the one that has fewer.
    mixed = runs.uar_difference(factory.make_run("cnn"), one)
    assert (mixed.unit, mixed.n, mixed.freedom) == ("fold", 5, pytest.approx(4))


def test_p_values_are_corrected_for_the_number_of_pairs():
    networks = [network("cnn", 11), network("cnn_lstm", 12, 3), network("cnn_gru", 13, 5)]
    result = runs.pairs(runs.named(networks))
    names = [("CNN", "CNN-LSTM"), ("CNN", "CNN-GRU"), ("CNN-LSTM", "CNN-GRU")]
    assert [(p.first, p.second) for p in result] == names
    assert {pair.uar.comparisons for pair in result} == {3}


def test_without_speakers_utterances_are_drawn():
    both = [network("cnn", 8), network("cnn_gru", 14, 4)]
    for run in both:
        run.predictions["speaker"] = ""
    assert (pair(*both).uar.unit, pair(*both).uar.n) == ("utterance", 200)


@pytest.mark.parametrize(
    ("uars", "pick"),
    [((0.6, 0.7, 0.5), "cnn_lstm"), ((0.6, 0.5, 0.7), "cnn_gru"), ((0.6, 0.5, 0.6), "cnn_gru")],
)
@pytest.mark.parametrize("skills", [(8, 10, 16), (16, 10, 8)])  # the test has no say
def test_the_final_network_is_chosen_by_validation(uars, pick, skills):
    networks = []
    for name, skill, mean in zip(NAMES, skills, uars, strict=True):
        run = network(name, skill)
        noise = [0.1 if i % 2 else -0.1 for i in range(len(run.record.folds))]
        folds = zip(run.record.folds, noise, strict=True)
        folds = [fold | {"validation_uar": mean + more} for fold, more in folds]
        networks.append(with_data(run, folds=folds))
    assert runs.final(networks).architecture == pick


def test_each_fold_chooses_by_its_own_validation():
    networks = [network("cnn", 10), network("cnn_gru", 16)]
    for number, run in enumerate(networks):
        # The CNN is better in validation in the first three folds, the CNN-GRU in the others.
        uars = [0.5 if (i < 3) == bool(number) else 0.7 for i in range(10)]
        folds = zip(run.record.folds, uars, strict=True)
        networks[number] = with_data(run, folds=[f | {"validation_uar": uar} for f, uar in folds])
    nested, chosen = runs.selected(networks)
    assert chosen == {"CNN": 3, "CNN-GRU": 7}
    assert nested.uar.value == pytest.approx((3 * 10 + 7 * 16) / 10 / 20)
    assert len(nested.predictions) == 200


def test_two_runs_of_one_network_are_named_by_what_differs():
    twins = [factory.make_run("cnn", seed=seed) for seed in (1, 2)]
    three = [*twins, factory.make_run()]
    assert [run for _, run in runs.named(three)] == three
    assert [name for name, _ in runs.named(three)] == ["CNN (seed 1)", "CNN (seed 2)", "CNN-GRU"]


def test_runs_of_different_things_are_refused():
    run = factory.make_run()
    with pytest.raises(RecordError, match="different corpora: demo, emodb"):
        runs.comparable([run, factory.make_run(corpus="emodb")])
    with pytest.raises(RecordError, match="different protocols: random, speaker"):
        runs.final([run, factory.make_run(protocol="random")])
    with pytest.raises(RecordError, match="no run"):
        runs.final([])


def test_only_what_both_predict_is_compared():
    run = factory.make_run("cnn", skill=2.0)
    other = baseline("stack", run, skill=2.0)
    whole = runs.uar_difference(run, other)
    assert whole.value == pytest.approx(run.uar.value - other.uar.value)
    shuffled = other.on(other.predictions.sample(frac=1, random_state=1))
    assert runs.uar_difference(run, shuffled) == whole
    part, same = run.predictions.iloc[::5], other.predictions.iloc[::5]
    values = [uar(list(table["truth"]), list(table["predicted"])) for table in (part, same)]
    difference = runs.uar_difference(run.on(part), other)
    assert difference.value == pytest.approx(values[0] - values[1])
    with pytest.raises(ParameterError, match="not empty"):
        runs.uar_difference(run.on(part.assign(utterance="elsewhere")), other)


def test_an_utterance_has_one_emotion():
    one, other = factory.make_run("cnn"), factory.make_run("cnn_gru")
    table = other.predictions.copy()
    first, second = table["utterance"].iloc[0], table["truth"].iloc[0]
    table.loc[0, "truth"] = next(name for name in one.emotions if name != second)
    with pytest.raises(RecordError, match=f"'{first}' has two emotions"):
        runs.uar_difference(one, other.on(table))
