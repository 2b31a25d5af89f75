"""The discriminant: scikit-learn as oracle, known answers, and what a bundle keeps of it."""

import json

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from ser_lib.core import audio
from ser_lib.core.errors import ParameterError, RecordError
from ser_lib.features import copies, functionals, maps
from ser_lib.models import bundle, lda

EMOTIONS = ["anger", "neutral", "sadness"]


def clouds(n=(40, 15, 25), *, numbers=12, n_copies=1, seed=0):
    """Utterances of unequal clouds, [utterances, copies, numbers], and their emotions."""
    generator = np.random.default_rng(seed)
    truth = np.repeat(EMOTIONS, n)
    centres = generator.normal(0, 1.5, (len(EMOTIONS), numbers)).repeat(n, axis=0)
    mixing = generator.normal(size=(numbers, numbers))
    noise = generator.normal(size=(len(truth), n_copies, numbers)) @ mixing
    return centres[:, np.newaxis] + noise, truth


def fit(inputs, truth, *, shrinkage=0.05, emotions=EMOTIONS, **options):
    about = {"corpus": "demo", "copies": "none"} | options
    return lda.fit(inputs, truth, emotions, shrinkage=shrinkage, **about)


@pytest.mark.parametrize("shrinkage", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("n", [(40, 15, 25), (40, 15, 0)])
def test_it_is_the_discriminant_of_scikit_learn_with_emotions_that_count_alike(n, shrinkage):
    inputs, truth = clouds(n)
    fitted = fit(inputs, truth, shrinkage=shrinkage)
    rows = inputs[:, 0]
    standard = np.clip((rows - rows.mean(axis=0)) / rows.std(axis=0), -3, 3)
    shown = sorted(set(truth))
    oracle = LinearDiscriminantAnalysis(
        solver="lsqr", shrinkage=shrinkage, priors=[1 / len(shown)] * len(shown)
    ).fit(standard, truth)
    expected = oracle.predict_proba(standard)
    found = fitted.predict(inputs)
    np.testing.assert_allclose(found[:, : len(shown)], expected, atol=1e-6)
    assert (found[:, len(shown) :] == 0).all(), "an emotion without an example"


def test_copies_train_as_utterances_of_their_own():
    inputs, truth = clouds(n_copies=3)
    alike = fit(inputs.reshape(-1, 1, 12), np.repeat(truth, 3))
    fitted = fit(inputs, truth)
    np.testing.assert_allclose(fitted.weights, alike.weights)
    np.testing.assert_allclose(fitted.bias, alike.bias)


def test_a_prediction_is_the_geometric_mean_over_the_copies():
    inputs, truth = clouds(n_copies=3)
    fitted = fit(inputs, truth)
    single = np.stack([fitted.predict(inputs[:, i : i + 1]) for i in range(3)]).astype(float)
    expected = np.exp(np.log(single).mean(axis=0))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict(inputs), expected, atol=1e-6)
    assert fitted.predict([]).shape == (0, 3)


def test_a_wild_number_counts_no_more_than_three_deviations():
    inputs, truth = clouds()
    fitted = fit(inputs, truth)
    wild, edge = inputs.copy(), inputs.copy()
    wild[:, :, 5], edge[:, :, 5] = 1e9, fitted.mean[5] + 3 * fitted.std[5]
    np.testing.assert_allclose(fitted.predict(wild), fitted.predict(edge), atol=1e-7)


def test_numbers_that_never_change_decide_nothing():
    inputs, truth = clouds()
    constant = np.concatenate([inputs, np.full((len(truth), 1, 1), 7.0)], axis=2)
    assert fit(constant, truth).weights[-1] == pytest.approx(0)
    blind = fit(np.ones((4, 1, 5)), EMOTIONS[:2] * 2)
    np.testing.assert_allclose(blind.predict(np.ones((1, 1, 5))), [[0.5, 0.5, 0]])


@pytest.mark.parametrize("shown", ["none", "speed+tilt"])
def test_it_hears_a_file_and_its_copies(write_tone, tmp_path, shown):
    file = write_tone(tmp_path / "a.wav", seconds=0.5)
    fitted = fit(*clouds(), copies=shown)
    signal = audio.load(file)
    for sound in (file, str(file), signal):
        found = fitted.static(sound)
        assert found.shape == (len(copies.SETS[shown]), 781)
        for numbers, copy in zip(found, copies.SETS[shown], strict=True):
            stack = maps.extract(copy.apply(signal), kind="stack")
            np.testing.assert_array_equal(numbers, functionals.of_stack(stack))


def test_a_bundle_keeps_all_of_it(tmp_path):
    inputs, truth = clouds(n_copies=2)
    fitted = fit(inputs, truth, temperature=2.5, copies="speed")
    bundle.save(None, fitted, tmp_path / "run" / "bundle")
    loaded = bundle.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.predict(inputs), fitted.predict(inputs))
    assert (loaded.emotions, loaded.copies, loaded.corpus) == (EMOTIONS, "speed", "demo")
    assert loaded.front_end.n_parameters == 12 * 3 + 3


@pytest.mark.parametrize(
    "damage",
    [
        *({"weights": [[1.0]]}, {"mean": "x"}, {"copies": "many"}, {"bias": None}, {"emotions": 3}),
        *({"std": [0.0] * 12}, {"mean": [float("nan")] * 12}, {"emotions": ["anger"] * 3}),
        *({"features": value} for value in (3, None, ["stack"])),
        *({"temperature": value} for value in (0.0, -1.0, float("nan"), "x", None)),
    ],
)
def test_a_bundle_that_is_damaged(tmp_path, damage):
    bundle.save(None, fit(*clouds()), tmp_path)
    file = tmp_path / "front_end.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | damage))
    with pytest.raises(RecordError, match=r"front_end\.json is damaged"):
        bundle.load(tmp_path)


def speakers_with_voices(n=6, each=40, numbers=12):
    """Speakers whose numbers are shifted and stretched, each in a way of their own."""
    generator = np.random.default_rng(5)
    inputs, truth = clouds((n * each // 4, n * each // 2, n * each // 4), numbers=numbers)
    order = generator.permutation(len(truth))
    speakers = np.repeat([f"s{i}" for i in range(n)], each)
    voices = generator.normal(0, 5, (n, numbers)), generator.uniform(0.5, 2, (n, numbers))
    shift, stretch = (one.repeat(each, axis=0)[:, np.newaxis] for one in voices)
    return inputs[order] * stretch + shift, truth[order], speakers


def test_enrolment_takes_a_voice_away():
    inputs, truth, speakers = speakers_with_voices()
    known, new = speakers != "s5", np.flatnonzero(speakers == "s5")
    plain = fit(inputs[known], truth[known])
    fitted = fit(inputs[known], truth[known], speakers=speakers[known])
    right = {
        "plain": plain.predict(inputs[new]),
        "unknown": fitted.predict(inputs[new]),
        "few": fitted.enrol(inputs[new[:3]]).predict(inputs[new]),
        "all": fitted.enrol(inputs[new]).predict(inputs[new]),
    }
    shares = {
        name: np.mean(np.array(EMOTIONS)[answers.argmax(axis=1)] == truth[new])
        for name, answers in right.items()
    }
    assert shares["all"] > 0.7 > shares["plain"]
    assert shares["all"] >= shares["few"] > shares["unknown"]
    with pytest.raises(ParameterError, match="cannot be enrolled"):
        plain.enrol(inputs[new])


def test_the_mean_of_an_enrolled_speaker_is_drawn_to_that_of_all():
    inputs, truth, speakers = speakers_with_voices()
    fitted = fit(inputs, truth, speakers=speakers)
    rows = [inputs[speakers == name] for name in sorted(set(speakers))]
    usual = np.mean([own.mean(axis=0) for own in rows], axis=0)
    np.testing.assert_allclose(fitted.speaker[0], usual)
    own = inputs[:10]
    expected = (10 * own.mean(axis=0) + lda.PRIOR * usual) / (10 + lda.PRIOR)
    np.testing.assert_allclose(fitted.enrol(own).speaker[0], expected)


def test_a_bundle_keeps_the_average_speaker(tmp_path):
    inputs, truth, speakers = speakers_with_voices()
    fitted = fit(inputs, truth, speakers=speakers)
    bundle.save(None, fitted, tmp_path)
    enrolled = [one.enrol(inputs[:9]).predict(inputs) for one in (bundle.load(tmp_path), fitted)]
    np.testing.assert_array_equal(*enrolled)
