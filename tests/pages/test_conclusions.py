"""The conclusions: facts that follow the numbers, and never say more than the data can tell."""

import re
from dataclasses import replace
from pathlib import Path

import factory
import numpy as np
import pandas as pd
import pytest
from factory import baseline, parse, record_of_counts, texts
from hypothesis import assume, given
from hypothesis import strategies as st

from ser_lib.experiments import splits
from ser_lib.experiments.leakage import CHECKS, Finding
from ser_lib.experiments.splits import PROTOCOLS
from ser_lib.features import fingerprint
from ser_lib.pages.across import Across
from ser_lib.pages.audit import Audited
from ser_lib.pages.conclusions import Claims, Conclusions, claims
from ser_lib.pages.context import Listening
from ser_lib.pages.fairness import Group, Sexes
from ser_lib.pages.reference import CHOICE
from ser_lib.pages.robustness import Condition, Trial
from ser_lib.pages.runs import Pair

BOOK = Path(__file__).parents[2] / "book"
TEXTS = ("answers", "networks", "trust", "claims")
SKILLS = {"cnn": 0.5, "cnn_lstm": 2.0, "cnn_gru": 4.0}
LEVELS = {"higher": (0.02, 0.2), "open": (-0.02, 0.2), "lower": (-0.2, -0.02)}


def networks(skills=SKILLS, **options) -> list:
    """A run of each network, as good as asked, all tested on the same utterances."""
    truth = list(factory.make_run(**options).predictions["truth"])
    return [
        factory.make_run(name, seed=i, truth=truth, skill=skill, **options)
        for i, (name, skill) in enumerate(skills.items())
    ]


RUNS = networks()


def of_corpus(run):
    """A run with a corpus and a split that it could be of."""
    run = factory.of_corpus(run, session=run.predictions["speaker"], sex="female")
    return replace(run, folds=tuple(splits.make(run.corpus.table, run.protocol)))


def pair(first="CNN-GRU", second="CNN", *, interval=(0.02, 0.2)) -> Pair:
    uar = factory.estimate(sum(interval) / 2, (interval[1] - interval[0]) / 2)
    return Pair(first, second, uar)


ALL = [pair(), pair("CNN-GRU", "CNN-LSTM"), pair("CNN-LSTM", "CNN")]


def finding(name, severity="warning", parts=("train", "test"), n=200) -> Finding:
    return Finding(name, severity, "fold", parts, ("a",), n, 200)


def page_of(runs=RUNS, baselines=(), **facts) -> Conclusions:
    """The conclusions with some facts given instead of computed."""
    own = {name: facts.pop(name) for name in ("trial", "across") if name in facts}
    page = Conclusions(runs, baselines, **own)
    nothing = Audited("random", reason="itself")
    given = {"pairs": ALL, "audited": Audited("speaker"), "random": nothing}
    given["sexes"] = Sexes(reason="nobody knows who speaks")
    vars(page).update(given | {"listening": Listening(obstacle="corpus")} | facts)
    return page


# Guessing, baselines, networks


def test_everything_is_computed_from_runs_with_their_corpus(workspace, monkeypatch):
    silence = np.zeros((200, fingerprint.BINS), np.int8)
    monkeypatch.setattr(fingerprint, "of", lambda corpus: silence[: len(corpus.table)])
    runs = [of_corpus(run) for run in RUNS]
    page = Conclusions(runs, [baseline("majority", runs[0])])
    assert page.chosen.architecture == "cnn_gru"
    assert (page.sexes.reason != "", page.harms, page.farthest) == (True, {}, None)
    assert page.voices is not None
    assert (page.voices[1], page.listening.obstacle) == (40, "corpus")
    assert "The audit finds no leak" in page.text("trust")
    assert page.audited.folds


@pytest.mark.parametrize(
    ("own", "skill", "sign"), [(SKILLS, 0.0, 1), ({"cnn": 0.5}, 9.0, -1), ({"cnn": 0.5}, 0.5, 0)]
)
def test_the_best_baseline_that_learns(own, skill, sign):
    runs = networks(own)
    majority = baseline("majority", runs[0])
    page = page_of(runs, [majority, baseline("stack", runs[0], skill=skill)])
    best, margin = page.simple
    assert (best.name, margin.sign) == ("stack", sign)
    assert best.title in page.text("answers")
    assert page_of(runs, [majority]).simple is None


@given(
    low=st.floats(-0.5, 0.5),
    width=st.floats(0.001, 0.5),
    order=st.permutations(["CNN", "CNN-LSTM", "CNN-GRU"]),
)
def test_nothing_is_better_where_an_interval_holds_0(low, width, order):
    both = ((order[0], order[1]), (order[0], order[2]), (order[1], order[2]))
    page = page_of(pairs=[pair(*names, interval=(low, low + width)) for names in both])
    assume(min(abs(low), abs(low + width)) > 1e-9)
    told = low > 0 or low + width < 0
    assert (page.claims.holds["accuracy"] is None) == (not told)


# Emotions


def weak(emotion: str, other: str = "joy", name: str = "cnn"):
    counts = {e: {e: 10} for e in ("calm", "fear", "joy", "rage")}
    counts[emotion] = {emotion: 2, other: 8}
    return record_of_counts(counts | {"calm": {"calm": 9, emotion: 1}}, architecture=name)


def test_emotions_and_confusions():
    page = page_of([weak("fear")])
    assert [tuple(one[:3]) for one in page.confusions] == [("fear", "joy", 8), ("calm", "fear", 1)]
    perfect = page_of([record_of_counts({"fear": {"fear": 5}, "joy": {"joy": 5}})])
    assert perfect.confusions == []


# Trust


@pytest.mark.parametrize(
    ("name", "synthetic", "acted"),
    [("demo,emodb", True, False), ("emodb", False, True), ("table", False, False)],
)
def test_how_the_emotions_came_about(name, synthetic, acted):
    page = page_of()
    vars(page).update(chosen=factory.with_data(RUNS[2], corpus={"name": name}))
    assert (page.corpus.synthetic, synthetic or page.corpus.acted) == (
        synthetic,
        synthetic or acted,
    )
    assert page.text("trust")


def test_what_several_parts_share_is_there_once_and_the_largest_first():
    findings = (
        finding("class-missing", n=3),
        finding("shared-sentences", parts=("train", "validation"), n=100),
        finding("shared-sentences"),
        finding("shared-speakers", "leak", n=40),
        finding("sentences-unknown", "note"),
    )
    page = page_of(audited=Audited("random", findings=findings))
    text = page.text("trust")
    leak, _, warnings = text.partition("It warns: ")
    assert CHECKS["shared-speakers"] in leak
    assert "200 of 200" in warnings.partition(CHECKS["class-missing"])[0]
    assert "100 of 200" not in warnings
    assert CHECKS["sentences-unknown"] not in text


def test_the_voices_that_a_random_split_knows():
    folds = tuple(splits.make(of_corpus(RUNS[0]).corpus.table, "random"))
    shared = finding("shared-speakers", "leak", n=40)
    random = Audited("random", folds, (shared,))
    assert page_of(random=random).voices == (40, 40)
    assert page_of(random=replace(random, findings=())).voices == (0, 40)
    unknown = finding("speakers-unknown", "note", parts=())
    assert page_of(random=replace(random, findings=(unknown,))).voices is None
    assert page_of().voices is None


# Every level


def listening(people: float) -> Listening:
    margin = factory.estimate(people - 0.7)
    return Listening(pd.DataFrame(), people, factory.estimate(0.7), margin)


def unknown_speakers() -> Conclusions:
    page = page_of()
    run = RUNS[2]
    vars(page).update(chosen=replace(run, predictions=run.predictions.assign(speaker="")))
    return page


def channels(*given: int) -> Conclusions:
    runs = zip(RUNS, given, strict=True)
    return page_of([factory.with_data(run, parameters={"channels": n}) for run, n in runs])


def trial(**uars: float) -> Trial:
    """A trial with the UAR of each condition given, such as noise_20."""
    found = [
        Condition(kind, float(strength), factory.estimate(uar), factory.estimate(uar - 0.8))
        for (kind, strength), uar in ((name.split("_"), uar) for name, uar in uars.items())
    ]
    return Trial(RUNS[2], 40, 10, factory.estimate(0.8), found)


def test_the_worst_of_each_cause_of_harm_and_of_other_corpora():
    page = page_of(trial=trial(noise_20=0.7, noise_0=0.3, babble_5=0.5, quiet_20=0.6, mp3_8=0.1))
    assert {cause: worst.uar.value for cause, worst in page.harms.items()} == {
        "quiet": 0.6, "noise": 0.3
    }  # fmt: skip
    across = Across(factory.make_run("cnn_gru", "demo", protocol="cross-corpus", skill=2.0))
    lowest = page_of(across=across).farthest
    assert lowest.uar.value == min(one.uar.value for one in across.directions)
    assert page_of(across=Across(reason="too few speakers")).farthest is None


def women(low: float, high: float) -> Sexes:
    """Women and men with this interval of their gap."""
    uar = factory.estimate(0.7)
    groups = tuple(Group(name, 5, 20, uar) for name in ("women", "men"))
    return Sexes(groups, pair(interval=(low, high)).uar)


SENTENCES = Audited("speaker", findings=(finding("shared-sentences"),))
PAGES = {
    **{f"people {value}": page_of(listening=listening(value)) for value in (0.5, 0.75, 0.9)},
    **{
        level: page_of(pairs=[replace(one, uar=pair(interval=own).uar) for one in ALL])
        for level, own in LEVELS.items()
    },
    **{f"channels {given}": channels(*given) for given in ((1, 1, 1), (3, 3, 3), (3, 1, 3))},
    "some apart": page_of(pairs=[pair(interval=(-0.1, 0.2)), *ALL[1:]]),
    **{f"sexes {level}": page_of(sexes=women(*own)) for level, own in LEVELS.items()},
    "harmed": page_of(
        trial=trial(quiet_20=0.6, noise_0=0.3, telephone_2000=0.5),
        across=Across(factory.make_run("cnn_gru", "demo", protocol="cross-corpus")),
    ),
    "one network": page_of(RUNS[:1], pairs=[]),
    "baselines": page_of(RUNS, [baseline("stack", RUNS[0], 1.0), baseline("majority", RUNS[0])]),
    "without the choice": page_of(RUNS[:2]),
    "another choice": page_of(networks({"cnn": 4.0, "cnn_gru": 1.0})),
    "sentences": page_of(audited=SENTENCES),
    "some sentences": page_of(
        audited=Audited("speaker", findings=(finding("shared-sentences", n=10),))
    ),
    "leak": page_of(audited=Audited("random", findings=(finding("shared-speakers", "leak"),))),
    "perfect": page_of([record_of_counts({"fear": {"fear": 5}, "joy": {"joy": 5}})], pairs=[]),
    "unknown speakers": unknown_speakers(),
}


@pytest.mark.parametrize("name", PAGES)
def test_every_level_can_be_told(name):
    page = PAGES[name]
    texts(page, TEXTS)
    rows = parse(page.text("answers"))
    assert all(row["Answer"].endswith(".") and row["Page"].startswith("{doc}`") for row in rows)
    asked = " ".join(row["Question"] for row in rows)
    assert ("people" in asked) == bool(page.listening.margin)
    assert ("plain baseline" in asked) == bool(page.simple)
    assert ("telephone" in asked) == bool(page.trial)
    assert ("another corpus" in asked) == bool(page.farthest)


# The reference report


def with_choice(**parts) -> Claims:
    """The claims with parts of the record of the report's choice replaced."""
    runs = [factory.with_data(r, **parts) if r.architecture == CHOICE else r for r in RUNS]
    return claims(runs, ALL)


def test_claims_hold_or_do_not_by_the_runs():
    own = claims(RUNS, ALL)
    assert [own.holds[name] for name in ("size", "accuracy", "steps")] == [True] * 3
    assert next(iter(own.runs)) == CHOICE
    worse = claims(RUNS, [pair("CNN", "CNN-GRU"), *ALL[1:]])
    assert worse.holds["accuracy"] is False
    open_ = claims(RUNS, [pair(interval=(-0.1, 0.2)), *ALL[1:]])
    assert (open_.holds["accuracy"], open_.holds["steps"]) == (None, True)
    assert claims(RUNS[:2], ALL) is None
    assert claims(RUNS[2:], ALL) is None


def test_size_speed_and_gap():
    assert not with_choice(n_parameters=2_000_000).holds["size"]
    assert with_choice(speed={"training_s": 1.0, "inference_ms": 1.0}).holds["speed"]
    assert not with_choice(speed={"training_s": 1.0, "inference_ms": 9.0}).holds["speed"]
    for validation, close in ((0.78, True), (0.5, False)):
        accuracies = {"train_accuracy": 0.8, "validation_accuracy": validation}
        folds = [fold | accuracies for fold in RUNS[2].record.folds]
        own = with_choice(folds=folds)
        assert own.gap == pytest.approx(0.8 - validation)
        assert own.holds["generalisation"] == close


@pytest.mark.parametrize(
    ("wrong", "holds"),
    [
        ({"frustration": 2, "anger": 4, "sadness": 4}, None),
        ({"frustration": 60, "anger": 4, "sadness": 4}, True),
        ({"frustration": 0, "anger": 60, "sadness": 4}, False),
        ({"frustration": 0, "anger": 0, "sadness": 0}, None),
    ],
)
def test_the_most_frequent_wrong_answer_is_one_where_the_data_can_tell(wrong, holds):
    counts = {"neutral": {"neutral": 5, **wrong}} | {e: {e: 5} for e in wrong}
    runs = [*RUNS[:2], record_of_counts(counts, architecture=CHOICE)]
    own = claims(runs, ALL)
    assert own.errors == {name: n for name, n in wrong.items() if n}
    assert own.holds["frustration"] == holds


def test_emotions_that_the_corpus_lacks_are_not_claimed():
    own = claims(networks(emotions=["anger", "fear"]), ALL)
    assert list(own.holds) == ["size", "speed", "accuracy", "generalisation", "steps"]


def test_every_claim_is_in_the_table_and_counted():
    page = page_of(pairs=ALL)
    text, holds = page.text("claims"), page.claims.holds
    rows = parse(text)
    words = {True: "yes", False: "**no**", None: "undecided"}
    assert sorted(row["Holds here"] for row in rows) == sorted(words[own] for own in holds.values())
    sizes = rows[0]["The reference report"]
    assert "CNN-GRU 579,781; CNN about 1,930,000; CNN-LSTM 1,234,309" in sizes


# The page on protocols


def test_every_protocol_has_its_row_on_its_page():
    rows = re.findall(r"^\| `([a-z+-]+)` \|", (BOOK / "protocols.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(PROTOCOLS)
