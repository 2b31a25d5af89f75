"""The introduction: the result of the whole report in short."""

import factory
import pytest
from factory import baseline, network, parse

from ser_lib.core.errors import RecordError
from ser_lib.pages.introduction import Introduction


def test_the_result_in_short():
    runs = [network("cnn", 12), network("cnn_lstm", 14), network("cnn_gru", 18)]
    page = Introduction(runs, [baseline("majority", runs[0]), baseline("stack", runs[0], 3.0)])
    assert [name for name, _ in page.ordered] == ["CNN-GRU", "CNN-LSTM", "CNN"]
    assert page.chance == 0.2
    assert {pair.first for pair in page.pairs[:2]} == {"CNN-GRU"}
    assert [one.name for one, _ in page.against] == ["majority", "stack"]
    assert page.against[0][1].sign == 1
    rows = parse(page.text("headline"))
    assert [row["UAR"] for row in rows] == ["0.90", "0.70", "0.60"]
    for text in map(page.text, ("headline", "baselines")):
        assert "None" not in text


def test_the_chosen_network_is_the_best_in_validation():
    runs = [factory.make_run(name, skill=skill) for name, skill in (("cnn", 1.0), ("cnn_gru", 4.0))]
    folds = [fold | {"validation_uar": 0.99} for fold in runs[0].record.folds]
    runs[0] = factory.with_data(runs[0], folds=folds)
    page = Introduction(runs)
    assert page.chosen is runs[0]
    assert page.ordered[0][1] is runs[1]
    with pytest.raises(RecordError):
        _ = Introduction([]).chosen
