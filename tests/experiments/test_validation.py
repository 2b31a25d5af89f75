"""Validation predictions: of the right rows, by the right network, computed once."""

from types import SimpleNamespace

import numpy as np
import pytest

from ser_lib import corpora
from ser_lib.experiments import experiment, splits, validation


@pytest.fixture
def finished(tmp_path, workspace, make_table, monkeypatch):
    """A run, its manifest, and folds whose networks answer with what they are told to."""
    manifest = corpora.load("table", make_table(tmp_path / "own"))
    given = experiment.Experiment(architecture="cnn", corpus="table", epochs=1)
    folds = splits.make(manifest.table, "speaker")
    kept = workspace / "runs" / "table" / "folds" / "key"
    monkeypatch.setattr(
        validation.training,
        "fitted",
        lambda *_: [(fold, kept / fold.name / "bundle") for fold in folds],
    )
    loaded = []

    def load(folder):
        loaded.append(folder.parent.name)

        def predict(statics):
            # The loudest answer depends on the fold and on the utterance alone.
            sums = [float(np.abs(static).sum()) + len(loaded) for static in statics]
            return np.stack([np.roll([0.7, 0.2, 0.1], int(value)) for value in sums])

        return SimpleNamespace(
            predict=predict, front_end=SimpleNamespace(emotions=manifest.emotions)
        )

    monkeypatch.setattr(validation.bundle, "load", load)
    record = SimpleNamespace(data={"parameters": given.parameters()})
    return record, manifest, folds, loaded


def test_every_fold_predicts_its_own_validation_part(finished):
    record, manifest, folds, loaded = finished
    table = validation.predictions(record, manifest, workers=0)
    assert loaded == [fold.name for fold in folds]
    assert list(table.columns) == [
        "utterance", "speaker", "fold", "truth", "predicted", "p_anger", "p_neutral", "p_sadness"
    ]  # fmt: skip
    for fold in folds:
        part = table[table["fold"] == fold.name]
        rows = manifest.table.iloc[fold.validation]
        assert list(part["utterance"]) == list(rows["utterance"])
        assert list(part["truth"]) == list(rows["emotion"])
        assert set(part["speaker"]) == set(rows["speaker"])
        assert not set(part["speaker"]) & set(manifest.table["speaker"].iloc[fold.test])
    chances = table.filter(regex="^p_").to_numpy()
    assert [manifest.emotions[i] for i in chances.argmax(axis=1)] == list(table["predicted"])
    np.testing.assert_allclose(chances.sum(axis=1), 1)


def test_they_are_computed_once(finished):
    record, manifest, folds, loaded = finished
    first = validation.predictions(record, manifest, workers=0)
    second = validation.predictions(record, manifest, workers=0)
    assert loaded == [fold.name for fold in folds]
    assert first.equals(second)
