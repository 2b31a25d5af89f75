"""Comparison: better only where intervals do not overlap, and a reason for the final model."""

import factory
import pytest
from test_tables import parse

from ser_lib import comparison
from ser_lib.errors import RecordError


def network(architecture: str, uar: float, half: float = 0.05, **speed):
    record = factory.make_record(architecture, seed=1)
    metrics = {"uar": uar, "uar_ci95": [uar - half, uar + half]}
    return factory.with_data(record, metrics=metrics, speed=speed)


def test_no_network_is_called_better_when_intervals_overlap():
    text = comparison.comparison([network("cnn", 0.60), network("cnn_gru", 0.65)])
    assert "the data cannot tell which of them is better" in text
    assert "is better than" not in text


def test_better_is_said_of_those_apart_only_and_follows_a_flip():
    first = [network("cnn", 0.40), network("cnn_lstm", 0.62), network("cnn_gru", 0.70)]
    text = comparison.told_apart(first)
    assert "The CNN-GRU is better than the CNN: the intervals do not overlap." in text
    assert "The intervals of the CNN-GRU and the CNN-LSTM overlap" in text
    flip = [network("cnn", 0.70), network("cnn_lstm", 0.62), network("cnn_gru", 0.40)]
    assert "The CNN is better than the CNN-GRU:" in comparison.told_apart(flip)


def test_table_ranks_by_uar():
    rows = parse(comparison.comparison([network("cnn", 0.5), network("cnn_gru", 0.7)]))
    assert [row["Network"] for row in rows] == ["CNN-GRU", "CNN"]
    assert rows[0]["95 % interval"] == "0.65 to 0.75"
    assert rows[0]["Parameters"] == "579,781"


def test_costs_name_the_smallest_and_the_quickest():
    records = [
        network("cnn", 0.5, training_s=60.0, inference_ms=1.0),
        network("cnn_gru", 0.6, training_s=600.0, inference_ms=1.0),
    ]
    text = comparison.comparison(records)
    assert (
        "The CNN-GRU has the fewest parameters, 579,781, which is 30 % of those of the CNN." in text
    )
    assert "Quickest to train: CNN (1 min 0 s); slowest: CNN-GRU (10 min 0 s)." in text
    assert "All are equally quick to answer (1.00 ms)." in text


def test_different_folds_are_not_called_the_same():
    a, b = network("cnn", 0.5), network("cnn_gru", 0.6)
    assert "the same utterances in the same folds" in comparison.comparison([a, b])
    b.predictions["fold"] = "other"
    assert "different splits" in comparison.comparison([a, b])


@pytest.mark.parametrize(
    ("uars", "pick", "words"),
    [
        ((0.40, 0.50, 0.80), "cnn_gru", "no other network's interval reaches it"),
        ((0.80, 0.50, 0.40), "cnn", "no other network's interval reaches it"),
        ((0.70, 0.72, 0.74), "cnn_gru", "no candidate has fewer parameters"),
        ((0.74, 0.50, 0.72), "cnn_gru", "the CNN has the highest UAR (0.74), but"),
        ((0.74, 0.72, 0.50), "cnn_lstm", "the CNN has the highest UAR (0.74), but"),
    ],
)
def test_the_final_model_and_its_reason(uars, pick, words):
    names = ("cnn", "cnn_lstm", "cnn_gru")
    records = [network(name, uar) for name, uar in zip(names, uars, strict=True)]
    assert comparison.final(records).data["architecture"] == pick
    text = comparison.chosen(records)
    assert text.startswith(f"The final model is the **{comparison.title(pick)}**")
    assert words in text
    assert text.endswith("as well." if pick == "cnn_gru" else "instead.")


def test_one_network_is_compared_with_nothing():
    assert "only one network" in comparison.comparison([network("cnn", 0.5)])
    assert "it is the only one" in comparison.chosen([network("cnn", 0.5)])
    assert comparison.told_apart([network("cnn", 0.5)]) == ""


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
    runs = [network("cnn", 0.40), network("cnn_gru", 0.70)]
    text = comparison.headline(runs)
    assert "**CNN-GRU**" in text
    assert "0.70 (95 % interval 0.65 to 0.75)" in text
    assert "The CNN-GRU is better than the CNN" in text
