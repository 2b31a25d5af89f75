"""Robustness: the sample, and a real run of tones whose networks predict changed audio."""

import factory
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_lib import corpora
from ser_lib.core.errors import ParameterError
from ser_lib.experiments import conditions, train
from ser_lib.experiments.conditions import CLEAN, CONDITIONS
from ser_lib.experiments.experiment import Experiment
from ser_lib.pages import robustness


@settings(max_examples=25)
@given(st.integers(1, 70), st.integers(0, 5))
def test_a_sample_is_even(utterances, seed):
    predictions = factory.make_run(speakers=3, per_speaker=20, seed=seed).predictions
    chosen = conditions.sample(predictions, utterances, seed=seed)
    assert len(chosen) == min(utterances, len(predictions))
    part = predictions[predictions["utterance"].isin(chosen)]
    per_speaker = part["speaker"].value_counts().reindex(["01", "02", "03"], fill_value=0)
    assert per_speaker.max() - per_speaker.min() <= 1
    for speaker, rows in part.groupby("speaker"):
        available = predictions.loc[predictions["speaker"] == speaker, "truth"].value_counts()
        taken = rows["truth"].value_counts().reindex(available.index, fill_value=0)
        # No emotion has more than one over another that could have had more.
        short = taken[taken < available]
        assert short.empty or taken.max() <= short.min() + 1


@pytest.mark.parametrize("utterances", [0, -3, 2.5, "10"])
def test_a_sample_depends_on_the_seed_and_is_not_of_nothing(utterances):
    predictions = factory.make_run().predictions
    first, again, other = (conditions.sample(predictions, 50, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    with pytest.raises(ParameterError, match=f"whole number from 1, not {utterances!r}"):
        conditions.sample(predictions, utterances)


# A real run


@pytest.fixture(scope="module")
def run(home, make_table):
    # Names that a reader of tables might take for something else.
    table = make_table(home.parent / "tones", speakers=("03", "NA", "x/y"), each=2)
    experiment = Experiment(
        architecture="cnn", corpus="table", epochs=2, batch_size=4, crops=3, seed=7
    )
    planned = [(experiment, corpora.load("table", table))]
    return train.train_all(planned, workers=1, progress=lambda line: None)[0]


def test_real_predictions(run, home):
    lines: list[str] = []
    options = {"utterances": 6, "workers": 0, "progress": lines.append}
    table = conditions.answers(run, **options)
    assert len(lines) == 3

    assert len(table) == 6 * len(CONDITIONS)
    assert not table.duplicated(["utterance", "kind", "strength"]).any()
    # Unchanged, the networks answer what they answered when they were tested.
    clean = table[table["kind"] == CLEAN].set_index("utterance")["predicted"]
    expected = run.predictions.set_index("utterance")["predicted"]
    assert dict(clean) == dict(expected[clean.index])
    # What is there is not computed again; what is lost is, and gives the same.
    files = sorted((home / "data" / "robustness").glob("table-cnn-*/*.csv"))
    assert len(files) == 3
    files[1].unlink()
    lines.clear()
    again = conditions.answers(run, **options)
    assert len(lines) == 1
    pd.testing.assert_frame_equal(table, again)
    trial = robustness.measure(run, table)
    assert (trial.n, trial.speakers) == (6, 3)


def test_another_sample_has_its_own_predictions(run, home, monkeypatch):
    before = set((home / "data" / "robustness").glob("*"))
    asked = []
    monkeypatch.setattr(conditions.jobs, "each", lambda _, jobs, **options: asked.extend(jobs))
    for utterances, n in ((3, 3), (None, 18)):  # a real corpus: all of it
        asked.clear()
        with pytest.raises(TypeError):  # nobody answered
            conditions.answers(run, utterances=utterances)
        assert sum(len(inputs) for _, inputs, _, _ in asked) == n
        assert {target.parent for *_, target in asked}.isdisjoint(before)


def test_babble_is_made_of_other_speakers(run):
    manifest = run.corpus
    rows = {manifest.root / row["path"]: row for row in manifest.table.to_dict("records")}
    for name, file, voices in conditions._inputs(manifest, run.predictions, seed=0):
        assert name == rows[file]["utterance"]
        assert len(set(voices)) == 5
        assert rows[file]["speaker"] not in {rows[voice]["speaker"] for voice in voices}
