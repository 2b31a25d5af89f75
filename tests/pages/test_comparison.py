"""Comparison: better only where a paired test says so, and a reason for the final model."""

from dataclasses import replace

import factory
import pytest
from factory import network, parse

from ser_lib.core.errors import RecordError
from ser_lib.metrics import difference
from ser_lib.pages import comparison, verdicts

EMOTIONS = factory.EMOTIONS["demo"]


def test_no_network_is_called_better_when_the_data_cannot_tell():
    records = [network("cnn", 12), network("cnn_gru", 13, 4)]
    text = comparison.comparison(records)
    assert (
        "The data cannot tell whether the CNN-GRU is better than the CNN (UAR 0.05 higher" in text
    )
    assert "is better than the CNN (" not in text.replace("whether the CNN-GRU is better", "")
    (pair,) = verdicts.pairs([[records[1]], [records[0]]])
    low, high = pair.scores["uar"].interval
    assert low < 0 < high
    assert f"95 % interval {low:.2f} to {high:.2f}, p = {pair.p:.3f}" in text


def test_better_is_said_of_those_apart_only_and_follows_a_flip():
    first = [network("cnn", 8), network("cnn_lstm", 13), network("cnn_gru", 14, 4)]
    text = comparison.told_apart(first)
    assert text.startswith("The CNN-GRU is better than the CNN (UAR 0.30 higher, 95 % interval")
    assert "cannot tell whether the CNN-GRU is better than the CNN-LSTM (UAR 0.05 higher" in text
    flip = [network("cnn", 14, 4), network("cnn_lstm", 13), network("cnn_gru", 8)]
    assert comparison.told_apart(flip).startswith("The CNN is better than the CNN-GRU (")


def test_a_small_difference_that_every_speaker_shows_is_told():
    # The intervals of the two scores overlap by far; pair by pair there is no doubt.
    records = [network("cnn", 12, 6), network("cnn_gru", 13, 6)]
    low, high = (r.data["metrics"]["uar_ci95"] for r in records)
    assert low[1] > high[0]
    text = comparison.told_apart(records)
    assert text == (
        "The CNN-GRU is better than the CNN (UAR 0.05 higher, 95 % interval 0.05 to 0.05, "
        f"p = {2 / 2**10:.3f})."
    )


def test_too_few_speakers_to_tell_anything():
    records = [network("cnn", 2, speakers=4), network("cnn_gru", 19, speakers=4)]
    text = comparison.told_apart(records)
    assert "The data cannot tell whether the CNN-GRU is better than the CNN" in text
    assert "With only 4 speakers, no difference could be told from chance." in text


def test_the_order_of_utterances_does_not_matter():
    a, b = network("cnn", 12), network("cnn_gru", 13, 4)
    text = comparison.differences([a, b])
    b = replace(b, predictions=b.predictions.sort_values("predicted"))
    assert comparison.differences([a, b]) == text


def test_p_values_are_corrected_for_the_number_of_pairs():
    records = [network("cnn", 11), network("cnn_lstm", 12, 3), network("cnn_gru", 13, 5)]
    found = verdicts.pairs([[record] for record in records])
    assert [(p.first, p.second) for p in found] == [
        ("CNN", "CNN-LSTM"), ("CNN", "CNN-GRU"), ("CNN-LSTM", "CNN-GRU")
    ]  # fmt: skip
    assert [p.p for p in found] == difference.holm([p.scores["uar"].p for p in found])
    assert [p.p for p in found] != [p.scores["uar"].p for p in found]


def test_the_table_of_differences():
    records = [network("cnn", 8), network("cnn_lstm", 13), network("cnn_gru", 14, 4)]
    text = comparison.differences(records)
    rows = parse(text)
    assert [row["First minus second"] for row in rows] == [
        "CNN-GRU minus CNN-LSTM", "CNN-GRU minus CNN", "CNN-LSTM minus CNN"
    ]  # fmt: skip
    assert rows[2]["UAR (95 %)"] == "0.25 (0.25 to 0.25)"
    assert rows[2]["p of UAR"] == "p = 0.002"
    assert rows[2]["Corrected"] == "p = 0.006"
    assert "The data can tell 2 of 3 pairs apart" in text
    assert "drawing the 10 speakers" in text
    for record in records:
        record.predictions["speaker"] = ""
    assert "drawing the 200 utterances" in comparison.differences(records)


def test_records_that_cannot_be_paired_are_refused():
    a, b = network("cnn", 12), network("cnn_gru", 13)
    b.predictions["utterance"] += "x"
    with pytest.raises(RecordError, match="tested on different utterances"):
        comparison.differences([a, b])
    a, b = network("cnn", 12), network("cnn_gru", 13)
    b.predictions.loc[3, "truth"] = EMOTIONS[4]
    a.predictions.loc[3, "truth"] = EMOTIONS[1]
    with pytest.raises(RecordError, match="utterance 'u0003' has two emotions"):
        comparison.differences([a, b])


def test_table_ranks_by_uar():
    records = [network("cnn", 10), network("cnn_gru", 14)]
    rows = parse(comparison.comparison(records))
    assert [row["Network"] for row in rows] == ["CNN-GRU", "CNN"]
    low, high = records[1].data["metrics"]["uar_ci95"]
    assert rows[0]["95 % interval"] == f"{low:.2f} to {high:.2f}"
    assert rows[0]["Parameters"] == "579,781"


def test_costs_name_the_smallest_and_the_quickest():
    records = [
        network("cnn", 10, training_s=60.0, inference_ms=1.0),
        network("cnn_gru", 12, training_s=600.0, inference_ms=1.0),
    ]
    text = comparison.comparison(records)
    assert (
        "The CNN-GRU has the fewest parameters, 579,781, which is 30 % of those of the CNN." in text
    )
    assert "Quickest to train: CNN (1 min 0 s); slowest: CNN-GRU (10 min 0 s)." in text
    assert "All take about as long to answer (1.00 ms)." in text


def test_times_are_not_ranked_where_they_are_chance():
    records = [
        network("cnn", 10, training_s=60.0, inference_ms=1.0),
        network("cnn_lstm", 11, training_s=64.0, inference_ms=1.08),
        network("cnn_gru", 12, training_s=90.0, inference_ms=1.15),
    ]
    text = comparison.comparison(records)
    quick = "CNN-LSTM (1 min 4 s) and CNN (1 min 0 s)"
    assert f"Quickest to train: {quick}; slowest: CNN-GRU (1 min 30 s)." in text
    quick = "CNN-LSTM (1.08 ms) and CNN (1.00 ms)"
    assert f"Quickest to answer: {quick}; slowest: CNN-GRU (1.15 ms)." in text
    text = comparison.comparison(records[:2])
    assert "All take about as long to train (1 min 0 s to 1 min 4 s)." in text
    assert "uickest" not in text
    first, second = (network("cnn_gru", n, training_s=60.0 * n, inference_ms=1.0) for n in (1, 2))
    stack = second.data["parameters"] | {"feature_map": "stack"}
    text = comparison.comparison([first, factory.with_data(second, parameters=stack)])
    assert "They took 1 min 0 s to 2 min 0 s to train, which does not rank them" in text
    assert "uickest" not in text


def test_different_folds_are_not_called_the_same():
    a, b = network("cnn", 10), network("cnn_gru", 12)
    assert "the same utterances in the same folds" in comparison.comparison([a, b])
    b.predictions["fold"] = "other"
    assert "different splits" in comparison.comparison([a, b])


def validated(name: str, skill: int, uar: float):
    """A network that answers `skill` of its utterances right, with this UAR in validation."""
    record = network(name, skill)
    for number, fold in enumerate(record.data["folds"]):
        fold["validation_uar"] = uar + (0.1 if number % 2 else -0.1)
    if len(record.data["folds"]) % 2:
        record.data["folds"][-1]["validation_uar"] = uar
    return record


@pytest.mark.parametrize(
    ("uars", "pick", "words"),
    [
        ((0.6, 0.7, 0.5), "cnn_lstm", "its UAR in validation, 0.70 in the mean over the folds, is"),
        ((0.6, 0.5, 0.7), "cnn_gru", "the highest; the CNN reaches 0.60 and the CNN-LSTM reaches"),
        ((0.6, 0.5, 0.6), "cnn_gru", "(0.60), and of those that reach it it has the fewest"),
    ],
)
def test_the_final_model_is_chosen_by_validation(uars, pick, words):
    names = ("cnn", "cnn_lstm", "cnn_gru")
    for skills in ((8, 10, 16), (16, 10, 8)):  # what they reach in the test has no say
        records = [validated(*given) for given in zip(names, skills, uars, strict=True)]
        assert comparison.final(records).data["architecture"] == pick
        text = comparison.chosen(records)
        assert text.startswith(f"The final model is the **{verdicts.title(pick)}**")
        assert words in text
        test = records[names.index(pick)].data["metrics"]["uar"]
        assert f"its own is a UAR of {test:.2f} (95 %" in text
        assert text.endswith("as well." if pick == "cnn_gru" else "instead.")


def test_one_network_is_compared_with_nothing():
    assert "only one network" in comparison.comparison([network("cnn", 10)])
    assert "it is the only one" in comparison.chosen([network("cnn", 10)])
    assert comparison.told_apart([network("cnn", 10)]) == ""


def test_two_runs_of_one_network_are_told_apart_by_what_differs():
    twins = [factory.make_record("cnn", seed=s) for s in (1, 2)]
    assert comparison.labels(twins) == ["CNN (seed 1)", "CNN (seed 2)"]
    assert comparison.labels([*twins, factory.make_record()])[2] == "CNN-GRU"


def test_records_of_different_things_are_refused():
    with pytest.raises(RecordError, match="different corpora: demo, emodb"):
        comparison.comparison([factory.make_record(), factory.make_record(corpus="emodb")])
    with pytest.raises(RecordError, match="different protocols: random, speaker"):
        comparison.final([factory.make_record(), factory.make_record(protocol="random")])
    with pytest.raises(RecordError, match="no record"):
        comparison.chosen([])


def test_generalisation_shows_the_gap_and_names_the_largest():
    close = factory.make_record("cnn_gru", seed=1, gap=0.0)
    far = factory.make_record("cnn", seed=1, gap=0.4)
    rows = parse(comparison.generalisation([close, far]))
    assert [row["Network"] for row in rows] == ["CNN-GRU", "CNN"]
    for row in rows:
        gap = float(row["Training accuracy"]) - float(row["Validation accuracy"])
        assert float(row["Gap"]) == pytest.approx(gap, abs=1e-9)
    assert "highest for **CNN**" in comparison.generalisation([close, far])


def test_by_emotion_tells_what_rises_and_what_falls():
    weak = factory.record_of_counts({"anger": {"anger": 1, "fear": 9}, "fear": {"fear": 10}})
    strong = factory.record_of_counts({"anger": {"anger": 10}, "fear": {"fear": 10}})
    strong.data["architecture"] = "cnn_lstm"
    text = comparison.by_emotion([weak, strong])
    first, second = parse(text)
    assert first["Emotion"] == "anger"
    anger, fear = (
        float(row["CNN-LSTM"])
        - float(next(v for k, v in row.items() if k not in ("Emotion", "CNN-LSTM")))
        for row in (first, second)
    )
    assert f"rises for anger (+{anger:.2f}) and fear (+{fear:.2f})" in text
    assert "falls" not in text
    assert "falls for anger" in comparison.by_emotion([strong, weak])


def test_the_headline_names_the_chosen_network_with_its_interval():
    runs = [validated("cnn", 8, 0.5), validated("cnn_gru", 14, 0.6)]
    text = comparison.headline(runs)
    assert "**CNN-GRU**" in text
    low, high = runs[1].data["metrics"]["uar_ci95"]
    assert f"0.70 (95 % interval {low:.2f} to {high:.2f})" in text
    assert "The CNN-GRU is better than the CNN" in text
