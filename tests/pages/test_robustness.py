"""Robustness: known answers, and words at every level."""

import factory
import numpy as np
import pandas as pd

from ser_lib.experiments.conditions import CONDITIONS
from ser_lib.features.perturb import KINDS
from ser_lib.pages import robustness
from ser_lib.pages.figures import robustness as figures

RUN = factory.make_run("cnn_gru", speakers=10, per_speaker=20)


def predictions_of(run, wrong: dict[tuple, float]) -> pd.DataFrame:
    """All right but for a share of the utterances under the named conditions."""
    base = run.predictions[["utterance", "speaker", "fold", "truth"]]
    other = dict(zip(run.emotions, run.emotions[1:] + run.emotions[:1], strict=True))
    parts = []
    for kind, strength in CONDITIONS:
        n = round(wrong.get((kind, strength), 0) * len(base))
        flipped = base["truth"].map(other).where(np.arange(len(base)) < n, base["truth"])
        parts.append(base.assign(kind=kind, strength=strength, predicted=flipped))
    return pd.concat(parts, ignore_index=True)


def trial_of(wrong: dict[tuple, float]) -> robustness.Trial:
    trial = robustness.measure(RUN, predictions_of(RUN, wrong))
    assert all(factory.texts(trial, ("setting", "trial", "table")))
    return trial


def named(groups) -> list[list[tuple]]:
    return [[(c.kind, c.strength) for c in group] for group in groups]


def test_conditions_are_compared_with_the_unchanged_audio():
    trial = trial_of({("noise", 0): 1.0, ("mp3", 8): 0.5})
    assert (trial.n, trial.speakers, trial.clean.value) == (200, 10, 1)
    assert {c.change.comparisons for c in trial.conditions} == {len(CONDITIONS) - 1}
    assert named([trial.conditions]) == [CONDITIONS[1:]]
    worst = trial.worst
    assert (worst.kind, worst.strength) == ("noise", 0)
    assert (worst.uar.value, worst.change.value) == (0, -1)
    assert list(worst.change.interval) == [-1, -1]
    assert all(c.change.value == 0 for c in trial.conditions[:3])
    assert named([trial.lost]) == [[("noise", 0)]]
    assert "level alone" not in trial.text("trial")
    rows = factory.parse(trial.text("table"))
    assert len(rows) == len(CONDITIONS) - 1
    assert {"Condition": "White noise at 0 dB SNR", "UAR": "0.00",
            "Change (95 % interval)": "-1.00 (-1.00 to -1.00)"} in rows  # fmt: skip


def test_what_is_lost_is_named_with_the_mildest_strength():
    harm = {("quiet", -20): 0.5, ("quiet", -40): 0.95, ("noise", 10): 0.9, ("noise", 0): 1.0}
    trial = trial_of(harm)
    expected = {}
    for condition in trial.conditions:
        if condition.uar.against(0.2).sign < 1:
            expected.setdefault(condition.kind, condition)
    assert trial.lost == list(expected.values())
    (quiet,) = (c for c in trial.conditions if (c.kind, c.strength) == ("quiet", -20))
    assert f"{quiet.uar.value:.2f}: the method relies" in trial.text("trial")
    assert trial_of({}).lost == []
    assert trial_of(dict.fromkeys(CONDITIONS, 0.9)).clean.against(0.2).sign < 1


def test_the_curves_say_what_they_show():
    trial = trial_of({("noise", 0): 1.0})
    figure = figures.curves([trial, trial_of({})])
    titles = {axis.get_title() for axis in figure.fig.axes}
    assert {name.lower() for name in titles} == {k.name.lower() for k in KINDS.values()}
    assert "unchanged 1.00, at worst 0.00 with white noise at 0 dB SNR" in figure.alt
    assert "Guessing has 0.20" in figure.alt
