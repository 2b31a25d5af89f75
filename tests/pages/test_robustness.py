"""Fairness, robustness and public demands: known answers, and a real run of tones."""

import re
from dataclasses import replace

import factory
import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ser_lib.pages.margins import Margin
from ser_lib.pages.tables import speaker_scores

from ser_lib import corpora
from ser_lib.core.errors import ParameterError
from ser_lib.corpora import Manifest
from ser_lib.experiments import conditions
from ser_lib.experiments import run as training
from ser_lib.experiments.conditions import CLEAN, CONDITIONS
from ser_lib.experiments.experiment import Experiment
from ser_lib.features.perturb import KINDS
from ser_lib.pages import demands, fairness, robustness
from ser_lib.pages.demands import Verdict
from ser_lib.pages.figures import robustness as robustness_figures


def with_sexes(record, sexes) -> Manifest:
    """A manifest of a record's utterances; `sexes` gives the sex of a speaker by name."""
    table = record.predictions[["utterance", "speaker"]].assign(
        sex=record.predictions["speaker"].map(sexes)
    )
    return Manifest("demo", None, table)


def odd_women(speaker: str) -> str:
    return "female" if int(speaker) % 2 else "male"


def answered(right: dict[str, set[str]], speakers="0123456789", emotions=("anger", "joy")):
    """A record in which the speakers in `right` are recognised in the emotions named there."""
    rows = [(s, e) for s in speakers for e in emotions for _ in range(4)]
    other = dict(zip(emotions, emotions[::-1], strict=True))
    predicted = [e if e in right.get(s, ()) else other[e] for s, e in rows]
    record = factory.make_record(
        emotions=list(emotions), truth=[e for _, e in rows], predicted=predicted
    )
    return replace(record, predictions=record.predictions.assign(speaker=[s for s, _ in rows]))


BOTH = {"anger", "joy"}


# Fairness


def test_women_who_are_recognised_and_men_who_are_not():
    record = answered({s: BOTH for s in "13579"})
    sexes = fairness.by_sex(record, with_sexes(record, odd_women))
    women, men = sexes.groups
    assert (women.name, women.speakers, women.utterances, women.uar) == ("women", 5, 40, 1.0)
    assert (men.name, men.uar, men.uar_ci95) == ("men", 0.0, [0.0, 0.0])
    assert sexes.gap.value == 1
    assert sexes.gap.sign == 1
    assert women.apart.value == pytest.approx(0.5)
    words = fairness.sex_words(sexes)
    assert "UAR is 1.00 for women and 0.00 for men" in words
    assert words.endswith("women are recognised better.")
    turned = fairness.by_sex(
        record, with_sexes(record, lambda s: "male" if int(s) % 2 else "female")
    )
    assert fairness.sex_words(turned).endswith("men are recognised better.")


def test_no_gap_is_claimed_where_there_is_none():
    record = factory.make_record(speakers=10, per_speaker=20)
    sexes = fairness.by_sex(record, with_sexes(record, odd_women))
    assert sexes.gap.interval[0] < 0 < sexes.gap.interval[1]
    assert "stays open" in fairness.sex_words(sexes)
    table = fairness.sex_table(sexes)
    assert "| 5 women | 100 |" in table
    assert "| 5 men | 100 |" in table


@pytest.mark.parametrize(
    ("sexes", "reason"),
    [
        (lambda s: "", "does not say the sex of the speaker for 80 utterances of 80"),
        (lambda s: "" if s == "0" else odd_women(s), "for 8 utterances of 80"),
        (lambda s: "male", "0 women were tested"),
        (lambda s: "female" if s == "3" else "male", "1 woman was tested"),
    ],
)
def test_sexes_that_cannot_be_compared(sexes, reason):
    record = answered({})
    found = fairness.by_sex(record, with_sexes(record, sexes))
    assert reason in found.reason
    assert not found.groups
    assert reason in fairness.sex_table(found)
    assert "stays open" in fairness.sex_words(found)
    assert (
        demands.held_against(demands.of_sexes(found)) == "This corpus allows none of these tests."
    )


def test_unknown_speakers_are_not_taken_for_one():
    record = answered({})
    record = replace(record, predictions=record.predictions.assign(speaker=""))
    manifest = with_sexes(record, lambda s: "female")
    assert fairness.by_sex(record, manifest).reason == "the corpus does not say who speaks"
    speakers = fairness.by_speaker(record, manifest)
    assert speakers.empty
    assert fairness.spread(record) is None
    assert "does not say who speaks" in fairness.speaker_table(speakers)
    assert "stays open" in fairness.speaker_words(speakers, None)


def test_sexes_that_show_other_emotions_are_not_compared():
    record = answered({})
    kept = record.predictions
    kept = kept[(kept["truth"] == "anger") | kept["speaker"].map(odd_women).eq("female")]
    record = replace(record, predictions=kept)
    found = fairness.by_sex(record, with_sexes(record, odd_women))
    assert "do not show the same emotions" in found.reason


def test_the_table_of_speakers_agrees_with_the_other_one():
    record = factory.make_record(speakers=6, per_speaker=15, skill=1.0)
    table = fairness.by_speaker(record, with_sexes(record, odd_women))
    expected = speaker_scores(record)
    assert dict(zip(table["speaker"], table["uar"], strict=True)) == dict(expected["uar"])
    assert list(table["uar"]) == sorted(table["uar"], reverse=True)
    assert (table["low"] <= table["uar"]).all()
    assert (table["uar"] <= table["high"]).all()


def test_the_spread_of_speakers():
    alike = answered({s: {"anger"} for s in "0123456789"})
    assert fairness.spread(alike) == fairness.Spread(0.0, (0.0, 0.0))  # nothing to exchange
    two_kinds = answered({s: BOTH for s in "01234"})
    found = fairness.spread(two_kinds)
    assert found.measured == pytest.approx(np.std([1] * 5 + [0] * 5, ddof=1))
    assert found.measured > found.by_luck[1]
    record = factory.make_record(speakers=10, per_speaker=20, skill=1.0)
    found = fairness.spread(record)
    assert found.measured == pytest.approx(speaker_scores(record)["uar"].std())
    low, high = found.by_luck
    assert low < found.measured < high  # its speakers differ by luck alone


def test_words_on_the_spread_follow_from_it():
    record = factory.make_record(speakers=4)
    table = fairness.by_speaker(record, with_sexes(record, odd_women))
    for measured, words in ((0.05, "less than luck"), (0.15, "no more than luck"), (0.3, "more")):
        text = fairness.speaker_words(table, fairness.Spread(measured, (0.1, 0.2)))
        assert f"It is {words}" in text
        assert f"standard deviation over speakers is {measured:.2f}" in text
    assert "three speakers" in fairness.speaker_words(table.head(2), None)


def test_many_speakers_are_not_all_listed():
    record = factory.make_record(speakers=40, per_speaker=5)
    text = fairness.speaker_table(fairness.by_speaker(record, with_sexes(record, odd_women)))
    assert text.count("\n| ") == 1 + fairness.SHOWN
    assert "Of 40 speakers" in text


# The sample


@settings(max_examples=25)
@given(st.integers(1, 70), st.integers(0, 5))
def test_a_sample_is_even(utterances, seed):
    predictions = factory.make_record(speakers=3, per_speaker=20, seed=seed).predictions
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


def test_a_sample_depends_on_the_seed():
    predictions = factory.make_record().predictions
    first = conditions.sample(predictions, 50, seed=1)
    assert first == conditions.sample(predictions, 50, seed=1)
    assert first != conditions.sample(predictions, 50, seed=2)


@pytest.mark.parametrize("utterances", [0, -3, 2.5, "10"])
def test_a_sample_of_nothing(utterances):
    with pytest.raises(ParameterError, match=f"whole number from 1, not {utterances!r}"):
        conditions.sample(factory.make_record().predictions, utterances)


# Conditions


def told_of(record, wrong: dict[tuple, float]) -> pd.DataFrame:
    """Answers that are all right but for a share of the utterances under the named conditions."""
    base = record.predictions[["utterance", "speaker", "fold", "truth"]]
    other = dict(zip(record.emotions, record.emotions[1:] + record.emotions[:1], strict=True))
    parts = []
    for kind, strength in CONDITIONS:
        n = round(wrong.get((kind, strength), 0) * len(base))
        flipped = base["truth"].map(other).where(np.arange(len(base)) < n, base["truth"])
        parts.append(base.assign(kind=kind, strength=strength, predicted=flipped))
    return pd.concat(parts, ignore_index=True)


RECORD = factory.make_record("cnn_gru", speakers=10, per_speaker=20)


def test_conditions_are_held_against_the_unchanged_audio():
    found = robustness.trial(RECORD, told_of(RECORD, {("noise", 0): 1.0, ("mp3", 8): 0.5}))
    assert (found.n, found.speakers, found.clean, found.clean_ci95) == (200, 10, 1.0, [1.0, 1.0])
    assert [(c.kind, c.strength) for c in found.conditions] == CONDITIONS[1:]
    assert found.at("noise", 0).uar == 0
    assert found.at("noise", 0).change == Margin(-1.0, [-1.0, -1.0])
    assert found.at("mp3", 8).change.sign == -1
    assert all(c.change == Margin(0.0, [0.0, 0.0]) for c in found.conditions[:3])
    words = robustness.words(found)
    assert "UAR is lowest with white noise at 0 dB SNR: 0.00 instead of 1.00." in words
    assert "lies below 0 with white noise at 0 dB SNR and MP3 at 8 kbit/s." in words
    unharmed = [k.name for name, k in KINDS.items() if name not in ("noise", "mp3")]
    assert f"It holds 0 at every strength with {', '.join(unharmed[:-1])} and" in words
    assert "above 0" not in words
    n = len(found.conditions)
    assert f"Of the {n} intervals in the table, about {round(0.05 * n)} would exclude 0" in words
    assert "reaches the 0.20 of guessing with white noise at 0 dB SNR (0.00); where" in words
    assert "level alone" not in words
    table = robustness.table(found)
    assert table.count("\n") == 1 + len(CONDITIONS) - 1
    assert "| White noise | 0 dB SNR | 0.00 | -1.00 (-1.00 to -1.00) |" in table
    assert "200 test utterances of 10 speakers" in robustness.setting(found)


def test_a_condition_that_helps_is_named():
    told = told_of(RECORD, {(CLEAN, 0): 0.8, **{c: 0.8 for c in CONDITIONS[2:]}})
    words = robustness.words(robustness.trial(RECORD, told))
    assert "It lies above 0 with white noise at 30 dB SNR." in words
    assert "below 0 with" not in words


def test_what_is_lost_is_said_with_the_mildest_strength():
    harm = {("quiet", -20): 0.5, ("quiet", -40): 0.95, ("noise", 10): 0.9, ("noise", 0): 1.0}
    found = robustness.trial(RECORD, told_of(RECORD, harm))
    quiet = found.at("quiet", -20)
    assert quiet.uar_ci95[0] <= quiet.uar <= quiet.uar_ci95[1]
    words = robustness.words(found)
    lost = [c for c in found.conditions if c.uar_ci95[0] <= 0.2]
    first = {c.kind: f"{c.strength:g} " for c in reversed(lost)}
    assert f"guessing with white noise at {first['noise']}dB SNR (" in words
    assert f"level alone, by -20 dB, takes UAR from 1.00 to {quiet.uar:.2f}: the network" in words
    assert "Louder by" not in words
    both = robustness.words(robustness.trial(RECORD, told_of(RECORD, harm | {("loud", 6): 0.5})))
    assert re.search(
        r"on the voice\. Louder by 6 dB, with what is over full .* it is 0\.\d\d", both
    )
    unharmed = robustness.words(robustness.trial(RECORD, told_of(RECORD, {})))
    assert "Under no condition does its interval reach the 0.20 of guessing." in unharmed
    guesses = dict.fromkeys(CONDITIONS, 0.9)
    assert "reaches the 0.20 of guessing already" in robustness.words(
        robustness.trial(RECORD, told_of(RECORD, guesses))
    )


def test_the_curves_say_what_they_show():
    found = robustness.trial(RECORD, told_of(RECORD, {("noise", 0): 1.0}))
    figure = robustness_figures.curves(found)
    assert figure.svg() == robustness_figures.curves(found).svg()
    titles = {axis.get_title() for axis in figure.fig.axes}
    assert {name.lower() for name in titles} == {k.name.lower() for k in KINDS.values()}
    assert "white noise 0.00 at 0 dB SNR" in figure.alt
    assert "Unchanged it is 1.00, chance is 0.20" in figure.alt


@pytest.mark.parametrize("sexes", [odd_women, lambda s: ""])
@pytest.mark.parametrize("n", [3, 40])
def test_the_figure_of_speakers(sexes, n):
    record = factory.make_record(speakers=n, per_speaker=6)
    manifest = with_sexes(record, sexes)
    table, groups = fairness.by_speaker(record, manifest), fairness.by_sex(record, manifest)
    figure = robustness_figures.speakers(table, groups)
    assert f"UAR of {n} speakers" in figure.alt
    best, last = table.iloc[0], table.iloc[-1]
    assert f"from {best['uar']:.2f} (speaker {best['speaker']})" in figure.alt
    assert f"{last['uar']:.2f} (speaker {last['speaker']})" in figure.alt
    assert ("Women together" in figure.alt) is bool(groups.groups)
    texts = {text.get_text() for text in figure.fig.findobj(matplotlib.text.Text)}
    assert ("01" in texts or "1" in texts) is (n == 3)


# Demands


@pytest.mark.parametrize(
    ("value", "ci95", "limits", "passed", "sure"),
    [
        (0.6, (0.55, 0.7), {"least": 0.5}, True, True),
        (0.6, (0.45, 0.7), {"least": 0.5}, True, False),
        (0.5, (0.5, 0.6), {"least": 0.5}, True, True),
        (0.4, (0.35, 0.45), {"least": 0.5}, False, True),
        (0.4, (0.35, 0.5), {"least": 0.5}, False, False),
        (0.0, (-0.07, 0.07), {"least": -0.075, "most": 0.075}, True, True),
        (0.0, (-0.08, 0.07), {"least": -0.075, "most": 0.075}, True, False),
        (0.1, (0.08, 0.2), {"least": -0.075, "most": 0.075}, False, True),
        (-0.1, (-0.2, -0.08), {"least": -0.075, "most": 0.075}, False, True),
        (0.1, (-0.2, 0.3), {"least": -0.075, "most": 0.075}, False, False),
    ],
)
def test_verdicts(value, ci95, limits, passed, sure):
    verdict = Verdict("the score", value, ci95, **limits)
    assert (verdict.passed, verdict.sure) == (passed, sure)
    text = demands.held_against([verdict])
    assert f"| {'pass' if passed else '**fail**'} | {'yes' if sure else 'no'} |" in text
    assert ("Not met: the score." in text) is not passed
    assert ("might be the opposite for the score" in text) is not sure
    assert "derington2025testing" not in text  # the page says once whose demands they are
    assert f"Of 1 demand, {int(passed)} {'is' if passed else 'are'} met." in text


def test_demands_are_those_of_the_public_tests():
    manifest = with_sexes(RECORD, odd_women)
    found = robustness.trial(RECORD, told_of(RECORD, {("telephone", 3400): 0.3}))
    verdicts = [
        *demands.of_all(RECORD),
        *demands.of_sexes(fairness.by_sex(RECORD, manifest)),
        *demands.of_conditions(found),
    ]
    limits = [(v.least, v.most) for v in verdicts]
    assert limits == [(0.5, None), *[(-0.075, 0.075)] * 2, *[(-0.05, None)] * 3]
    assert [v.passed for v in verdicts[3:]] == [True, True, False]
    assert "Not met: change of UAR with a telephone band." in demands.held_against(verdicts)
    assert re.findall(r"\| (UAR|Change) ", demands.held_against(verdicts)) == [
        *["UAR"] * 3, *["Change"] * 3,
    ]  # fmt: skip


# A real run


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("robustness") / "workspace"
    (folder / "notebooks").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SER_WORKSPACE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def run(home, make_table):
    # Names that a reader of tables might take for something else.
    table = make_table(home.parent / "tones", speakers=("03", "NA", "x/y"), each=2)
    experiment = Experiment(
        architecture="cnn_gru", corpus="table", epochs=2, batch_size=4, crops=3, seed=7
    )
    record = training.run(experiment, data_dir=table, progress=lambda line: None)
    return record, corpora.load("table", table)


def test_real_answers(run, home):
    record, manifest = run
    lines: list[str] = []
    options = {"utterances": 6, "workers": 0, "progress": lines.append}
    told = conditions.answers(record, manifest, **options)
    assert len(lines) == 3
    assert lines[-1].startswith("robustness: fold 3 of 3, 2 utterances under ")
    assert len(told) == 6 * len(CONDITIONS)
    assert not told.duplicated(["utterance", "kind", "strength"]).any()
    # Unchanged, the networks answer what they answered when they were tested.
    clean = told[told["kind"] == CLEAN].set_index("utterance")["predicted"]
    expected = record.predictions.set_index("utterance")["predicted"]
    assert dict(clean) == dict(expected[clean.index])
    # What is there is not computed again; what is lost is, and gives the same.
    files = sorted((home / "data" / "robustness").glob("table-cnn_gru-*/*.csv"))
    assert len(files) == 3
    files[1].unlink()
    lines.clear()
    again = conditions.answers(record, manifest, **options)
    assert len(lines) == 1
    pd.testing.assert_frame_equal(told, again)
    found = robustness.trial(record, told)
    assert (found.n, found.speakers) == (6, 3)


def test_another_sample_has_its_own_answers(run, home, monkeypatch):
    record, manifest = run
    before = set((home / "data" / "robustness").glob("*"))
    asked = []
    monkeypatch.setattr(conditions.jobs, "each", lambda _, todo, **options: asked.extend(todo))
    for utterances, n in ((3, 3), (None, 18)):  # a real corpus: all of it
        asked.clear()
        with pytest.raises(TypeError):  # nobody answered
            conditions.answers(record, manifest, utterances=utterances)
        assert sum(len(heard) for _, heard, _, _ in asked) == n
        assert {target.parent for *_, target in asked}.isdisjoint(before)


def test_babble_is_made_of_other_speakers(run):
    record, manifest = run
    speaker_of = dict(zip(manifest.table["path"], manifest.table["speaker"], strict=True))
    for name, file, voices in conditions._heard(manifest, record.predictions, seed=0):
        own = speaker_of[file.relative_to(manifest.root).as_posix()]
        assert name == manifest.table.set_index("path").loc[
            file.relative_to(manifest.root).as_posix(), "utterance"
        ]  # fmt: skip
        assert len(set(voices)) == 5
        others = {speaker_of[voice.relative_to(manifest.root).as_posix()] for voice in voices}
        assert own not in others
