"""The conclusions: words that follow the numbers, and never say more than the data can tell."""

import re
from dataclasses import replace
from pathlib import Path

import factory
import pytest
from factory import baseline
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_lib.corpora import Manifest
from ser_lib.experiments.splits import PROTOCOLS
from ser_lib.metrics.difference import Difference
from ser_lib.pages import answers, claims, conclusions
from ser_lib.pages.claims import Claim
from ser_lib.pages.context import Listening
from ser_lib.pages.reference import CHOICE
from ser_lib.pages.verdicts import Pair

BOOK = Path(__file__).parents[2] / "book"
MARGIN = r"UAR 0\.\d\d {} \(0\.\d\d to 0\.\d\d, p [=<] 0\.\d\d\d\)"
CLAIM = r"\bThe \S+ is (?:better|worse) than|(?:higher|lower) UAR"
SKILLS = {"cnn": 0.5, "cnn_lstm": 2.0, "cnn_gru": 4.0}


def networks(skills=SKILLS, **options) -> list:
    """A record of each network, as good as asked, all tested on the same utterances."""
    truth = list(factory.make_record(**options).predictions["truth"])
    return [
        factory.make_record(name, seed=i, truth=truth, skill=skill, **options)
        for i, (name, skill) in enumerate(skills.items())
    ]


def manifest_of(record) -> Manifest:
    """The corpus that a record could be of."""
    table = record.predictions[["utterance", "speaker"]].assign(
        path=record.predictions["utterance"] + ".wav",
        session=record.predictions["speaker"],
        sentence="",
        sex="female",
        emotion=record.predictions["truth"],
        sha256=record.predictions["utterance"],
    )
    return Manifest(record.data["corpus"]["name"], Path("nowhere"), table)


@pytest.fixture
def gathered(workspace):
    """Return what the conclusions rest on, for records and baselines."""

    def gather(runs=None, baselines=()):
        runs = runs or networks()
        return conclusions.gather(runs, manifest_of(runs[0]), list(baselines))

    return gather


def answer(text: str, question: str) -> str:
    """The answer in the row of a question."""
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {question}")]
    return row.split(" | ")[1]


def pair(first="CNN-GRU", second="CNN", *, value=0.1, interval=(0.02, 0.2), p=0.01) -> Pair:
    difference = Difference(value, list(interval), p, 0.002, 10)
    return Pair(first, second, {"uar": difference, "accuracy": difference}, p, "speaker", True)


# Answers and reasons


def test_a_good_network_is_told_from_a_poor_one(gathered):
    found = gathered()
    assert found.chosen.data["architecture"] == "cnn_gru"
    said = answer(answers.summary(found), "Is one network better")
    assert said.startswith("Yes: the CNN-GRU than the CNN-LSTM")
    assert "Recurrent layers come with a higher UAR: the CNN-GRU beside the CNN" in (
        conclusions.networks(found)
    )


def test_with_other_numbers_the_words_are_others(gathered):
    found = gathered(networks({"cnn": 4.0, "cnn_lstm": 0.5, "cnn_gru": 0.5}))
    words = conclusions.networks(found)
    assert "Recurrent layers come with a lower UAR: the CNN-" in words
    assert "higher UAR" not in words


def test_where_the_data_cannot_tell_no_network_is_ranked(gathered):
    found = gathered(networks(dict.fromkeys(SKILLS, 2.0)))
    assert answer(answers.summary(found), "Is one network better") == "The data cannot tell."
    words = conclusions.networks(found)
    assert "No ranking of these networks should be read out of their scores" in words
    assert "Whether recurrent layers change UAR, the data cannot tell" in words
    assert not re.search(CLAIM, words)


@settings(max_examples=60, deadline=None)
@given(
    value=st.floats(-0.5, 0.5),
    below=st.floats(0, 0.5),
    above=st.floats(0, 0.5),
    p=st.floats(0, 1),
    order=st.permutations(["CNN", "CNN-LSTM", "CNN-GRU"]),
)
def test_nothing_is_better_where_an_interval_holds_0_or_chance_would_do(
    value, below, above, p, order
):
    interval = (value - below, value + above)
    found = replace(
        EVIDENCE,
        pairs=tuple(
            pair(one, other, value=value, interval=interval, p=p)
            for one, other in ((order[0], order[1]), (order[0], order[2]), (order[1], order[2]))
        ),
    )
    told = p < 0.05 and (interval[0] > 0 or interval[1] < 0)
    said = answer(answers.summary(found), "Is one network better")
    assert said.startswith("Yes:") == told
    words = conclusions.networks(found)
    assert bool(re.search(CLAIM, words)) == told
    by_name = {claim.what: claim for claim in claims.claims_of(found)}
    assert told or by_name["It recognises emotion best"].holds is None


def evidence():
    """Networks of a made-up run, without anything that needs a corpus."""
    runs = tuple(networks())
    nothing = conclusions.Audited("random", reason="nobody looked")
    return conclusions.Evidence(
        runs, runs[2], (pair(),), (), nothing, nothing, Listening(reason="nobody listened")
    )


EVIDENCE = evidence()


@pytest.mark.parametrize(
    ("interval", "said", "reason"),
    [
        ([0.3, 0.5], "Yes", "lies above it"),
        ([0.1, 0.5], "The data cannot tell", "which the interval holds"),
        ([0.01, 0.1], "No", "lies below it"),
    ],
)
def test_guessing(interval, said, reason):
    record = factory.with_data(EVIDENCE.chosen, metrics={"uar_ci95": interval})
    text = answers.summary(replace(EVIDENCE, runs=(record,), chosen=record))
    told = answer(text, "Is that better than guessing?")
    assert told.startswith(f"{said}: guessing has a UAR of 0.20")
    assert reason in told


def test_intervals_of_all_networks_beside_chance():
    runs = [
        factory.with_data(record, metrics={"uar_ci95": limits})
        for record, limits in zip(EVIDENCE.runs, ([0.01, 0.1], [0.1, 0.3], [0.3, 0.5]), strict=True)
    ]
    words = conclusions.recognition(replace(EVIDENCE, runs=tuple(runs)))
    above, below, open_ = words.split("; ")
    assert "above that for the CNN-GRU" in above
    assert "below that for the CNN (" in below
    assert "holds that value for the CNN-LSTM" in open_


def test_simple_methods(gathered):
    runs = networks()
    poor = [baseline("majority", runs[0]), baseline("stack", runs[0], skill=0.0)]
    text = answers.summary(gathered(runs, poor))
    told = answer(text, "Is it better than a simple")
    assert re.fullmatch(
        rf"Yes: {MARGIN.format('higher')} than the SVM on the stack \(0.\d\d\)\.", told
    )
    runs = networks(dict.fromkeys(SKILLS, 0.5))
    found = gathered(runs, [baseline("stack", runs[0], skill=9.0)])
    told = answer(answers.summary(found), "Is it better than a simple")
    assert told.startswith("No, it is worse: ")
    assert re.search(MARGIN.format("lower"), told)
    same = gathered(runs, [baseline("stack", runs[0], skill=0.5)])
    told = answer(answers.summary(same), "Is it better than a simple")
    assert told.startswith("The data cannot tell: UAR 0.")
    assert "is **below** the SVM on the stack" in conclusions.recognition(found)
    assert "simple" not in answers.summary(gathered(runs, [baseline("majority", runs[0])]))


def test_methods_without_a_network_train_on_validation_too(gathered):
    runs = networks()
    sizes = [{"n_train": 300 + i, "n_validation": 100} for i in range(10)]
    folds = [fold | size for fold, size in zip(runs[2].data["folds"], sizes, strict=True)]
    runs[2] = factory.with_data(runs[2], folds=folds)
    words = conclusions.recognition(gathered(runs, [baseline("majority", runs[0])]))
    assert "together: 400 to 409 utterances, where the network has 300 to 309." in words
    assert "choose no epoch" not in conclusions.recognition(gathered(runs))


def test_protocol_and_simple_methods_in_short():
    record = factory.make_record(protocol="session", skill=0.5)
    words = answers.in_short(record, [baseline("stack", record, skill=9.0)])
    assert words.startswith("Protocol: leave one recording session out. ")
    assert "The CNN-GRU (UAR 0." in words
    assert "is **below** the SVM on the stack" in words
    assert "protocol: leave one speaker out." in answer(answers.summary(EVIDENCE), "What was")


def test_people():
    def told(people: float) -> str:
        heard = Listening(people=people, network=0.7, network_ci95=[0.6, 0.8])
        return answer(answers.summary(replace(EVIDENCE, heard=heard)), "Do people do better")

    assert told(0.9).startswith("Yes")
    assert told(0.75).startswith("The data cannot tell")
    assert told(0.5).startswith("No")
    assert "people" not in answers.summary(EVIDENCE)


def test_emotions_and_confusions_follow_a_flip():
    def words(weak: str, other: str) -> str:
        counts = {weak: {weak: 2, other: 8}, other: {other: 10}, "calm": {"calm": 9, weak: 1}}
        record = factory.record_of_counts(counts)
        return conclusions.emotions(replace(EVIDENCE, runs=(record,), chosen=record))

    text = words("fear", "joy")
    assert "lowest for **fear** (0.20)" in text
    assert (
        "fear taken for joy, 8 of 9 wrong answers; the other way round it happens 0 times" in text
    )
    assert "joy taken for fear, 8 of 9" in words("joy", "fear")
    assert "lowest for **joy**" in words("joy", "fear")


def test_networks_agree_on_the_hardest_emotion_or_do_not():
    def record(name: str, weak: str):
        counts = {e: {e: 9, "joy": 1} if e == weak else {e: 10} for e in ("fear", "joy", "rage")}
        return factory.record_of_counts(counts, architecture=name)

    def words(*weak: str) -> str:
        runs = tuple(record(*each) for each in zip(SKILLS, weak, strict=False))
        return conclusions.emotions(replace(EVIDENCE, runs=runs, chosen=runs[0]))

    assert "All networks agree" in words("fear", "fear")
    assert "depends on the network: fear for the CNN; rage for the CNN-LSTM" in words(
        "fear", "rage"
    )


def test_a_perfect_network_confuses_nothing():
    record = factory.record_of_counts({"fear": {"fear": 5}, "joy": {"joy": 5}})
    found = replace(EVIDENCE, runs=(record,), chosen=record)
    assert "It takes no emotion for another." in conclusions.emotions(found)
    assert answer(answers.summary(found), "What is taken") == "No emotion is taken for another."


# Trust


def test_trust_names_corpus_speakers_split_and_training(gathered):
    text = conclusions.trust(gathered())
    assert "says nothing about people" in text
    assert "10 speakers were tested" in text
    assert "With fewer than 30, even this may be too narrow" in text
    assert "The audit finds no leak." in text
    assert re.search(r"training would know the voices of \d+ of 40 test utterances", text)
    assert "(seed 0, 1 and 2)" in text


def test_acted_and_own_recordings_are_told_apart():
    def corpus(name: str) -> str:
        record = factory.with_data(EVIDENCE.chosen, corpus={"name": name})
        return conclusions.trust(replace(EVIDENCE, chosen=record))

    assert "portrayed" in corpus("emodb")
    assert "portrayed" not in corpus("table")
    assert "How its emotions came about is not known" in corpus("table")
    assert "says nothing about people" in corpus("demo,emodb")


def test_a_leak_is_not_passed_over(gathered):
    found = gathered(networks(protocol="random"))
    text = conclusions.trust(found)
    leak = r"finds a leak, so the score may be too good: .*a speaker is heard in two parts \(\d+ of"
    assert re.search(leak, text)
    assert "finds no leak" not in text
    assert "With a random split instead" not in text


@pytest.mark.parametrize(
    ("spoken", "words"),
    [
        ("the same", r"warns: every tested sentence is also in training \(200 of 200 utterances\)"),
        (
            "some",
            r"warns: tested sentences are also in training \(10 of 200 utterances\), so little",
        ),
        ("others", "finds no leak[^:]*$"),
    ],
)
def test_shared_sentences_are_told_in_words(workspace, spoken, words):
    runs = networks()
    manifest = manifest_of(runs[0])
    names = list(manifest.table["utterance"])
    if spoken == "the same":
        names = ["a"] * len(names)
    elif spoken == "some":
        names[:10] = ["a"] * 10
    table = manifest.table.assign(sentence=names)
    found = conclusions.gather(runs, replace(manifest, table=table), [])
    (line,) = [line for line in conclusions.trust(found).splitlines() if "The split" in line]
    assert "`" not in line
    said = line.split(" With a random split")[0]
    assert re.search(words, said)
    off = answer(answers.summary(found), "How far may")
    assert ("new sentences are not in it" in off) == (spoken != "others")
    assert re.search(r"UAR ranges at least from 0\.97 to 1\.00; another seed", off)


def of_epochs(*best: int, epochs: int = 20):
    """The evidence with the best epoch of every fold of the chosen network, which is alone."""
    folds = [EVIDENCE.chosen.data["folds"][0] | {"best_epoch": one} for one in best]
    parts = {"folds": folds, "parameters": {"epochs": epochs}}
    record = factory.with_data(EVIDENCE.chosen, **parts)
    return replace(EVIDENCE, runs=(record,), chosen=record)


@pytest.mark.parametrize(
    ("found", "words", "half"),
    [
        (of_epochs(4, 4, 2, epochs=4), "In 2 of 3 folds {} the last one allowed (4)", True),
        (of_epochs(19, 20, 3, 18), "In 2 of 4 folds {} among the last 10 % of those allowed", True),
        (of_epochs(19, 7, 3), "In 1 of 3 folds {} among", False),
        (of_epochs(18, 7, 3), "", False),
    ],
)
def test_training_that_may_be_cut_short(found, words, half):
    text = conclusions.trust(found)
    assert words.format("of these networks the best epoch was") in text
    assert ("longer training might change every score" in text) == bool(words)
    off = answer(answers.summary(found), "How far may")
    assert ("longer training might change it" in off) == half
    assert "another seed is not in it" in off


def test_an_interval_alone_does_not_tell():
    found = replace(EVIDENCE, pairs=(pair(p=0.17),))
    words = conclusions.networks(found)
    assert "Whether recurrent layers change UAR, the data cannot tell" in words
    assert "interval +0.02 to +0.20, p = 0.170)" in words
    both = "It takes both to tell two networks apart"
    assert both in words
    assert both in conclusions.networks(replace(EVIDENCE, pairs=(pair(interval=(-0.1, 0.2)),)))
    assert both not in conclusions.networks(EVIDENCE)
    nothing = replace(EVIDENCE, pairs=(pair(p=0.17, interval=(-0.1, 0.2)),))
    assert both not in conclusions.networks(nothing)


def test_a_random_split_without_known_voices(gathered):
    found = gathered()
    asked = "Would a random split hear the tested voices?"
    assert re.match(
        r"Yes: those of \d+ of 40 test utterances", answer(answers.summary(found), asked)
    )
    silent = replace(found, random=replace(found.random, findings=()))
    assert answer(answers.summary(silent), asked) == "No: those of 0 of 40 test utterances."


def test_unknown_speakers():
    predictions = EVIDENCE.chosen.predictions.assign(speaker="")
    found = replace(EVIDENCE, chosen=replace(EVIDENCE.chosen, predictions=predictions))
    assert "The corpus does not say who speaks" in conclusions.trust(found)
    assert "With other utterances like these" in answers.summary(found)
    assert "200 utterances of unnamed speakers" in answers.summary(found)


# Deltas


@pytest.mark.parametrize(
    ("channels", "words"),
    [((1, 1, 3), "Only the CNN-GRU sees deltas"), ((1, 1, 1), "None of these networks sees"),
     ((3, 3, 3), "All of these networks see deltas"), ((3, 1, 3), "the CNN and the CNN-GRU see")],
)  # fmt: skip
def test_deltas(channels, words):
    runs = tuple(
        factory.with_data(record, parameters={"channels": n})
        for record, n in zip(EVIDENCE.runs, channels, strict=True)
    )
    assert words in conclusions.networks(replace(EVIDENCE, runs=runs))


# The reference report


def test_claims_hold_or_do_not_by_the_records():
    held = {claim.what: claim for claim in claims.claims_of(EVIDENCE_OF_ALL)}
    smallest = held["The CNN-GRU has the fewest parameters"]
    assert smallest.holds
    assert "CNN-GRU 579,781; CNN about 1,930,000; CNN-LSTM 1,234,309" in smallest.there
    assert held["It recognises emotion best"].holds is True
    assert held["Each of CNN, CNN-LSTM and CNN-GRU recognises more than the one before"].holds
    worse = replace(EVIDENCE_OF_ALL, pairs=(pair("CNN", "CNN-GRU"), *EVIDENCE_OF_ALL.pairs[1:]))
    held = {claim.what: claim for claim in claims.claims_of(worse)}
    assert held["It recognises emotion best"].holds is False


EVIDENCE_OF_ALL = replace(
    EVIDENCE, pairs=(pair(), pair("CNN-GRU", "CNN-LSTM"), pair("CNN-LSTM", "CNN"))
)


def claim(found, start: str) -> Claim:
    (one,) = [claim for claim in claims.claims_of(found) if claim.what.startswith(start)]
    return one


def with_choice(**parts):
    """The evidence with parts of the record of the report's choice replaced."""
    runs = tuple(
        factory.with_data(r, **parts) if r.data["architecture"] == CHOICE else r
        for r in EVIDENCE_OF_ALL.runs
    )
    return replace(EVIDENCE_OF_ALL, runs=runs)


def test_size_speed_and_gap():
    assert not claim(with_choice(n_parameters=2_000_000), "The CNN-GRU has the fewest").holds
    assert claim(
        with_choice(speed={"training_s": 1.0, "inference_ms": 1.0}), "It is the fast"
    ).holds
    slow = with_choice(speed={"training_s": 1.0, "inference_ms": 9.0})
    assert not claim(slow, "It is the fast").holds
    folds = [
        fold | {"train_accuracy": 0.8, "validation_accuracy": 0.78}
        for fold in EVIDENCE.chosen.data["folds"]
    ]
    close = "Its accuracy in validation is close"
    assert claim(with_choice(folds=folds), close).holds
    folds = [fold | {"validation_accuracy": 0.5} for fold in folds]
    far = claim(with_choice(folds=folds), close)
    assert not far.holds
    assert far.here == (
        "accuracy 0.80 in training and 0.50 in validation: a gap of 0.30, and up to 0.05 counts "
        "as close"
    )


def test_the_most_frequent_wrong_answer_is_named():
    def told(answers: dict[str, int]) -> Claim:
        counts = {"neutral": {"neutral": 5, **answers}} | {e: {e: 5} for e in answers}
        record = factory.record_of_counts(counts, architecture=CHOICE)
        runs = (*EVIDENCE.runs[:2], record)
        return claim(replace(EVIDENCE_OF_ALL, runs=runs), "Its most frequent wrong answer")

    other = told({"frustration": 2, "anger": 4, "sadness": 4})
    assert other.here == "2 of 10 errors; most frequent: anger and sadness (4)"
    assert not other.holds
    assert told({"frustration": 5, "anger": 4, "sadness": 4}).holds
    assert told({"frustration": 0, "anger": 0, "sadness": 0}).here == "0 of 0 errors"


def test_emotions_that_the_corpus_lacks_are_not_claimed():
    runs = networks(emotions=["anger", "fear"])
    found = replace(EVIDENCE_OF_ALL, runs=tuple(runs), chosen=runs[2])
    told = " ".join(claim.what for claim in claims.claims_of(found))
    assert "sadness" not in told
    assert "neutral" not in told
    assert "frustration" not in told


def test_what_is_held_is_counted_in_words():
    text = claims.held(EVIDENCE_OF_ALL)
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    ends = [row.removesuffix(" |").split(" | ")[-1] for row in rows]
    yes, no, open_ = (ends.count(verdict) for verdict in claims.HOLDS.values())
    assert f"Of {len(rows)} claims, {yes} hold" in text
    assert f"{no} do" in text
    assert ("for " + str(open_) in text) == bool(open_)
    assert "chooses the CNN-GRU, too" in text
    assert "a difference refutes nothing" in text


def test_without_the_choice_of_the_report_nothing_is_held():
    found = replace(EVIDENCE, runs=EVIDENCE.runs[:2], chosen=EVIDENCE.runs[0])
    assert claims.held(found) == (
        "The CNN-GRU, which the reference report chose, was not compared here."
    )


# The page on protocols


def test_every_protocol_has_its_row_on_its_page():
    rows = re.findall(r"^\| `([a-z+-]+)` \|", (BOOK / "protocols.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(PROTOCOLS)
