"""Several seeds: which experiments they are, and words on how far they move the scores."""

from dataclasses import replace

import numpy as np
import pytest
from factory import network, parse

from ser_lib.core.errors import ParameterError, RecordError
from ser_lib.pages import repeats

GIVEN = {"corpus": "demo", "epochs": 3, "seed": 4, "seeds": 2, "data_dir": None}


def trained(architecture: str, seed: int, *skill):
    record = network(architecture, *skill)
    parameters = record.data["parameters"] | {"seed": seed}
    return replace(record, data=record.data | {"seed": seed, "parameters": parameters})


def test_the_experiments_are_every_network_with_every_seed():
    found = repeats.experiments(GIVEN)
    assert [(e.architecture, e.seed) for e in found] == [
        ("cnn", 4), ("cnn_lstm", 4), ("cnn_gru", 4), ("cnn", 5), ("cnn_lstm", 5), ("cnn_gru", 5)
    ]  # fmt: skip
    assert {e.epochs for e in found} == {3}


@pytest.mark.parametrize("seeds", [0, -1, 1.5, "2", True, None])
def test_a_bad_number_of_seeds_is_refused(seeds):
    with pytest.raises(ParameterError, match="seeds must be a whole number from 1, not"):
        repeats.experiments(GIVEN | {"seeds": seeds})


def test_one_training_of_each_says_nothing_about_seeds():
    text = repeats.spread([trained("cnn", 7, 10), trained("cnn_gru", 7, 14)])
    assert text.startswith("Every network was trained once, with seed 7, so nothing is known")
    assert "|" not in text


def test_the_spread_over_seeds_stands_beside_that_over_speakers():
    runs = [
        trained("cnn", 0, 10), trained("cnn_gru", 0, 13, 4),
        trained("cnn", 1, 12), trained("cnn_gru", 1, 13, 4),
        trained("cnn", 2, 11), trained("cnn_gru", 2, 16, 4),
    ]  # fmt: skip
    text = repeats.spread(runs)
    gru, cnn = parse(text)
    assert (cnn["Network"], gru["Network"]) == ("CNN", "CNN-GRU")
    assert cnn["Mean UAR"] == "0.55"
    assert cnn["Deviation over seeds"] == "0.05"
    assert cnn["Range over seeds"] == "0.50 to 0.60"
    assert cnn["95 % interval over speakers"] == "0.55 to 0.55"
    assert gru["Mean UAR"] == "0.70"
    low, high = map(float, gru["95 % interval over speakers"].split(" to "))
    assert low < 0.70 < high
    deviation = np.std([0.65, 0.65, 0.80], ddof=1)
    assert f"highest for **CNN-GRU** ({deviation:.3f}), lowest for **CNN** (0.050)" in text
    assert "With every seed the highest UAR is that of the CNN-GRU." in text
    assert "All seeds taken together: The data cannot tell whether the CNN-GRU is better" in text
    assert "(UAR 0.15 higher" in text


def test_the_first_network_may_change_with_the_seed():
    runs = [
        trained("cnn", 0, 10), trained("cnn_gru", 0, 13),
        trained("cnn", 1, 15), trained("cnn_gru", 1, 13),
        trained("cnn", 2, 10), trained("cnn_gru", 2, 13),
        trained("cnn", 3, 12), trained("cnn_gru", 3, 12),
    ]  # fmt: skip
    text = repeats.spread(runs)
    assert (
        "depends on the seed: the CNN-GRU with seeds 0 and 2; the CNN with seed 1; "
        "the CNN-GRU and CNN with seed 3."
    ) in text
    assert "All seeds taken together: The CNN-GRU is better than the CNN (UAR 0.05 higher" in text


def test_one_network_with_several_seeds_is_compared_with_nothing():
    text = repeats.spread([trained("cnn", 0, 10), trained("cnn", 1, 12)])
    assert text.endswith("The standard deviation of UAR over seeds is 0.071 for **CNN**.")


def test_records_of_different_protocols_are_refused():
    other = trained("cnn_gru", 0, 13)
    other = replace(other, data=other.data | {"protocol": "random"})
    with pytest.raises(RecordError, match="different protocols"):
        repeats.spread([trained("cnn", 0, 10), other])
