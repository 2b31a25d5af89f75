"""The introduction: the result of the whole report in short."""

from dataclasses import replace

from factory import baseline, network, parse, texts

from ser_lib.pages.introduction import Introduction


def test_the_result_in_short():
    runs = [network("cnn", 12), network("cnn_lstm", 14), network("cnn_gru", 18)]
    page = Introduction(runs, [baseline("majority", runs[0]), baseline("stack", runs[0], 3.0)])
    assert [name for name, _ in page.ordered] == ["CNN-GRU", "CNN-LSTM", "CNN"]
    assert {pair.first for pair in page.pairs[:2]} == {"CNN-GRU"}
    rows = parse(page.text("numbers"))
    assert [row["UAR"] for row in rows if row["Parameters"] != "-"] == ["0.90", "0.70", "0.60"]
    assert len(rows) == 5
    best, margin = page.simple
    assert (best.name, margin.comparisons) == ("stack", 2)
    assert texts(page, ["headline", "numbers"])


def test_the_best_method_comes_first():
    runs = [network("cnn", 12), network("cnn_gru", 18)]
    best = replace(network("cnn", 19), record=replace(runs[0].record, architecture="lda"))
    page = Introduction(runs, [baseline("majority", runs[0])], [best])
    assert page.methods[0][1] is best
    assert [(pair.first, pair.second) for pair in page.lead] == [("LDA", "CNN"), ("LDA", "CNN-GRU")]
    rows = parse(page.text("numbers"))
    assert (rows[0]["Method"], rows[0]["UAR"]) == ("LDA", "0.95")
