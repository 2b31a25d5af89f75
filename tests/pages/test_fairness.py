"""Fairness: known answers, levels that follow from them, and words at every level."""

from dataclasses import replace

import factory
import matplotlib
import numpy as np
import pytest
from factory import texts

from ser_lib.metrics import scores
from ser_lib.pages import fairness
from ser_lib.pages.figures import fairness as figures

BOTH = {"anger", "joy"}


def odd_women(speaker: str) -> str:
    return "female" if int(speaker) % 2 else "male"


def of(run, sexes=odd_women):
    """The run with a manifest in which `sexes` gives the sex of a speaker by name."""
    return factory.of_corpus(run, sex=run.predictions["speaker"].map(sexes))


def recognised(right: dict[str, set[str]], speakers="0123456789", emotions=("anger", "joy")):
    """A run in which the speakers in `right` are recognised in the emotions named there."""
    rows = [(s, e) for s in speakers for e in emotions for _ in range(4)]
    other = dict(zip(emotions, emotions[::-1], strict=True))
    predicted = [e if e in right.get(s, ()) else other[e] for s, e in rows]
    run = factory.make_run(emotions=list(emotions), truth=[e for _, e in rows], predicted=predicted)
    return replace(run, predictions=run.predictions.assign(speaker=[s for s, _ in rows]))


def test_women_who_are_recognised_and_men_who_are_not():
    run = recognised({s: BOTH for s in "13579"})
    sexes = fairness.by_sex(of(run))
    women, men = sexes.groups
    assert (women.name, women.speakers, women.utterances) == ("women", 5, 40)
    assert (women.uar.value, men.uar.value, men.uar.low) == (1, 0, 0)
    assert (men.name, sexes.gap.value, sexes.gap.sign) == ("men", 1, 1)
    turned = fairness.by_sex(of(run, lambda s: "male" if int(s) % 2 else "female"))
    assert turned.gap.sign == -1


def test_no_gap_is_claimed_where_there_is_none():
    sexes = fairness.by_sex(of(factory.make_run(speakers=10, per_speaker=20)))
    assert sexes.gap.interval[0] < 0 < sexes.gap.interval[1]
    assert sexes.gap.sign == 0
    assert [(g.speakers, g.utterances) for g in sexes.groups] == [(5, 100), (5, 100)]
    rows = factory.parse(sexes.text("groups"))
    assert [row["Speakers"] for row in rows] == ["5 women", "5 men"]


@pytest.mark.parametrize("gap", [-0.3, 0.0, 0.3])
def test_every_level_of_the_gap_is_worded(gap):
    sexes = fairness.by_sex(of(factory.make_run()))
    texts(replace(sexes, gap=factory.estimate(gap)), ("sexes", "groups"))


@pytest.mark.parametrize(
    ("sexes", "reason"),
    [
        (lambda s: "", "does not say the sex of the speaker for 80 utterances of 80"),
        (lambda s: "" if s == "0" else odd_women(s), "for 8 utterances of 80"),
        (lambda s: "male", "two women and two men"),
        (lambda s: "female" if s == "3" else "male", "two women and two men"),
    ],
)
def test_sexes_that_cannot_be_compared(sexes, reason):
    result = fairness.by_sex(of(recognised({}), sexes))
    assert reason in result.reason
    assert not result.groups
    assert reason in result.text("groups")
    texts(result, ("sexes", "groups"))


def test_sexes_that_show_other_emotions_are_not_compared():
    run = recognised({})
    table = run.predictions
    table = table[(table["truth"] == "anger") | table["speaker"].map(odd_women).eq("female")]
    result = fairness.by_sex(of(replace(run, predictions=table)))
    assert "do not show the same emotions" in result.reason


def test_unknown_speakers_are_not_taken_for_one():
    run = recognised({})
    run = of(replace(run, predictions=run.predictions.assign(speaker="")), lambda s: "female")
    assert fairness.by_sex(run).reason == "the corpus does not say who speaks"
    speakers = fairness.by_speaker(run)
    assert speakers.table.empty
    assert (speakers.measured, speakers.level) == (None, "")
    assert figures.speakers(run) is None
    assert texts(speakers, ("table", "speakers"))[0] == ""


def test_the_speakers_have_the_scores_of_their_utterances():
    run = factory.make_run(speakers=6, per_speaker=15, skill=1.0)
    table = fairness.by_speaker(of(run)).table
    for row in table.itertuples():
        own = run.predictions[run.predictions["speaker"] == row.speaker]
        assert row.uar == scores.uar(list(own["truth"]), list(own["predicted"]))
        assert row.n == len(own)
    assert list(table["uar"]) == sorted(table["uar"], reverse=True)
    assert (table["low"] <= table["uar"]).all()
    assert (table["uar"] <= table["high"]).all()


def test_the_spread_of_speakers():
    alike = fairness.by_speaker(of(recognised({s: {"anger"} for s in "0123456789"})))
    assert (alike.measured, alike.by_luck) == (0.0, (0.0, 0.0))  # nothing to exchange
    two_kinds = fairness.by_speaker(of(recognised({s: BOTH for s in "01234"})))
    assert two_kinds.measured == pytest.approx(np.std([1] * 5 + [0] * 5, ddof=1))
    assert two_kinds.level == "more"
    by_luck = fairness.by_speaker(of(factory.make_run(speakers=10, per_speaker=20, skill=1.0)))
    assert by_luck.measured == pytest.approx(by_luck.table["uar"].std())
    assert by_luck.level == "as"


@pytest.mark.parametrize(
    ("measured", "level"), [(0.05, "less"), (0.15, "as"), (0.3, "more"), (None, "")]
)
def test_the_level_of_the_spread_follows_from_it(measured, level):
    table = fairness.by_speaker(of(factory.make_run(speakers=4))).table
    speakers = fairness.Speakers(table, measured, (0.1, 0.2))
    assert speakers.level == level
    texts(speakers, ("table", "speakers"))


@pytest.mark.parametrize("sexes", [odd_women, lambda s: ""])
@pytest.mark.parametrize("n", [3, 40])
def test_the_figure_of_speakers(sexes, n):
    run = of(factory.make_run(speakers=n, per_speaker=6), sexes)
    speakers, groups = fairness.by_speaker(run), fairness.by_sex(run)
    figure = figures.speakers(run)
    best, last = speakers.table.iloc[0], speakers.table.iloc[-1]
    assert f"UAR of {n} speakers" in figure.alt
    assert f"from {best['uar']:.2f} (speaker {best['speaker']})" in figure.alt
    assert f"{last['uar']:.2f} (speaker {last['speaker']})" in figure.alt
    assert ("Women together" in figure.alt) is bool(groups.groups)
    texts = {text.get_text() for text in figure.fig.findobj(matplotlib.text.Text)}
    assert ("01" in texts or "1" in texts) is (n == 3)
