"""A model to take along: trained on all, found by name, the same for files, arrays and threads."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

import numpy as np
import pytest
import soundfile
import soxr

import ser_lib
from ser_lib import corpora
from ser_lib.core import audio
from ser_lib.core.errors import AudioError, ParameterError, RecordError
from ser_lib.experiments import final, lda, train
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.recognizer import Recognizer
from ser_lib.models import bundle


@pytest.fixture(scope="module")
def corpus(home, make_table):
    return corpora.load("table", make_table(home.parent / "tones", each=1))


@pytest.fixture(scope="module")
def run(corpus):
    return train.train("lda", corpus, workers=1, progress=lambda line: None)


@pytest.fixture(scope="module")
def file(run, corpus):
    return corpus.file(corpus.table["utterance"].iloc[0])


@pytest.fixture(scope="module")
def long(run, corpus, tmp_path_factory):
    """Five seconds of tones, then four of silence."""
    tones = np.concatenate([audio.load(corpus.file(name)) for name in corpus.table["utterance"]])
    path = tmp_path_factory.mktemp("long") / "long.wav"
    signal = np.resize(tones, 5 * audio.RATE)
    soundfile.write(path, np.pad(signal, (0, 4 * audio.RATE)), audio.RATE, subtype="FLOAT")
    return path


def test_it_is_trained_on_all_and_expects_what_the_run_reached(run):
    about = bundle.about(run.folder)
    assert (about.uar, about.low, about.high) == pytest.approx((run.uar.value, *run.uar.interval))
    assert (about.n, about.unit, about.protocol) == (3, "speaker", "speaker")
    sure = run.probabilities.max(axis=1) >= about.threshold
    assert about.answered == pytest.approx(sure.mean())
    right = (run.predictions["truth"] == run.predictions["predicted"])[sure]
    assert about.accuracy == pytest.approx(right.mean())
    inputs = lda.read(run.experiment, lda.prepare(run.experiment, run.corpus, 1))
    everyone = inputs.reshape(-1, inputs.shape[2]).mean(axis=0, dtype=float)
    np.testing.assert_allclose(bundle.load(run.folder).mean, everyone)
    assert not np.allclose(bundle.load(run.folder / "bundle").mean, everyone)
    assert run.take_along() == bundle.final(run.folder)


def test_the_model_to_take_along_trains_on_everybody(run):
    assert list(final.whole(run).train) == list(range(len(run.corpus.table)))


def test_only_the_usual_discriminant_is_made_without_being_asked(corpus):
    other = train.train("lda", corpus, workers=1, copies="none", progress=lambda line: None)
    assert not bundle.final(other.folder).exists()
    assert bundle.about(other.folder) is None
    assert other.experiment != Experiment(architecture="lda", corpus="table")


def test_it_is_found_by_name_and_can_be_carried_elsewhere(run, file, tmp_path):
    elsewhere = shutil.copytree(bundle.final(run.folder), tmp_path / "model")
    names = [None, run, run.folder, elsewhere, "table", "table/lda", "lda", run.key[:6]]
    answers = [ser_lib.predict(file, name) for name in names]
    for one in answers:
        np.testing.assert_array_equal(one.probabilities, answers[0].probabilities)
        assert one.about == bundle.about(run.folder)
    assert str(run.uar.value)[:4] in repr(Recognizer())
    with pytest.raises(RecordError, match="no run 'nobody'"):
        Recognizer("nobody")


def test_without_a_model_it_says_how_to_make_one(workspace):
    with pytest.raises(RecordError, match="ser run lda"):
        Recognizer()


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int16, np.int32])
def test_arrays_are_heard_as_files(run, file, kind):
    signal = audio.load(file)
    scale = np.iinfo(kind).max if np.issubdtype(kind, np.integer) else 1
    given = np.stack([signal * scale] * 2, axis=1).astype(kind)
    expected = Recognizer(run).predict(file)
    found = Recognizer(run).predict([given, given], rate=audio.RATE)
    assert found.files == ["array 0", "array 1"]
    np.testing.assert_allclose(
        found.probabilities, expected.probabilities.repeat(2, axis=0), atol=2e-3
    )


@pytest.mark.parametrize(
    ("array", "rate", "message"),
    [
        (np.ones(9), None, "needs its sampling rate"),
        (np.ones(9), 0, "rate 0 is not"),
        (np.ones((2, 2, 2)), 8000, r"not float64 \[2, 2, 2\]"),
        (np.array(["a"]), 8000, "must be numbers"),
        (np.array([]), 8000, r"float64 \[0\]"),
    ],
)
def test_arrays_that_are_no_sound(run, array, rate, message):
    with pytest.raises(ParameterError, match=message):
        Recognizer(run).predict(array, rate=rate)


def test_segments_are_the_parts_of_a_recording(run, long):
    found = Recognizer(run).predict(long, segments=True)
    times = found.times
    assert (times[0, 0], times[-1, 1]) == (0, pytest.approx(9))
    np.testing.assert_allclose(np.diff(times, axis=1), 3, atol=1e-4)
    assert (np.diff(times[:, 0]) <= 1.5 + 1e-6).all()
    first = Recognizer(run).predict(f"{long}#t=0,3")
    np.testing.assert_allclose(found.probabilities[0], first.probabilities[0], atol=1e-6)
    silent = times[:, 0] >= 5
    assert silent.any()
    np.testing.assert_allclose(found.probabilities[silent], 1 / 3)
    assert found.abstains[silent].all()
    assert list(found.table.columns[:5]) == ["file", "start", "end", "predicted", "abstains"]


def test_a_figure_shows_segments_over_time(run, file, long):
    found = Recognizer(run).predict([file, long], segments=True)
    figure = ser_lib.plot.segments(found, file=str(long))
    (mesh,) = figure.fig.axes[0].collections
    own = [name == str(long) for name in found.files]
    np.testing.assert_allclose(mesh.get_array(), found.probabilities[own].T)
    sure, unsure = (len(line.get_xdata()) for line in figure.fig.axes[0].lines)
    assert (sure, unsure) == (sum(~found.abstains[own]), sum(found.abstains[own]))
    with pytest.raises(ParameterError, match="no segments of"):
        ser_lib.plot.segments(found, file="other.wav")
    with pytest.raises(ParameterError, match="no segments of"):
        ser_lib.plot.segments(Recognizer(run).predict(file))


def test_threads_share_it(run, corpus):
    files = [corpus.file(name) for name in corpus.table["utterance"]]
    recognizer = Recognizer(run)
    expected = recognizer.predict(files).probabilities
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(recognizer.predict, files * 3))
    found = np.concatenate([one.probabilities for one in answers])
    np.testing.assert_array_equal(found, np.tile(expected, (3, 1)))


def test_what_is_far_from_the_training_set_is_named(run, corpus, file):
    signal = audio.load(file)
    hear = partial(Recognizer(run).predict, rate=audio.RATE)
    assert hear(signal).remarks == []
    for changed, what in (
        (signal / 100, "level"),
        (np.tile(signal, 9), "length"),
        (np.concatenate([signal[:4000], np.zeros(4000)]), "pauses"),
        (soxr.resample(soxr.resample(signal, 22050, 8000), 8000, 22050), "bandwidth"),
    ):
        assert any(f"its {what} is" in remark for remark in hear(changed).remarks), what


def test_the_command_says_who_answers_and_what_the_law_asks(ser, run, file, long):
    code, out, err = ser("predict", file)
    assert code == 0
    assert str(bundle.about(run.folder)) in err
    assert "50(3)" in err
    assert ser("predict", file, "--quiet") == (0, out, "")
    code, out, _ = ser("predict", long, "--segments", "--quiet", "--json")
    rows = json.loads(out)
    assert (code, rows[-1]["abstains"], rows[-1]["end"]) == (0, True, 9.0)
    _, out, _ = ser("predict", long, "--segments", "--quiet")
    assert out.splitlines()[-1].split()[3] == f"({rows[-1]['emotion']})"


def test_what_it_knows_of_itself_can_be_damaged(run, tmp_path):
    folder = shutil.copytree(bundle.final(run.folder), tmp_path / "model")
    about = asdict(bundle.about(folder))
    described = json.loads((folder / "front_end.json").read_text())
    del about["uar"]
    (folder / "front_end.json").write_text(json.dumps(described | {"about": about}))
    with pytest.raises(RecordError, match=r"is damaged.*uar"):
        Recognizer(folder)


@pytest.fixture(scope="module")
def enrolled(corpus):
    return train.train("lda", corpus, workers=1, enrolled=True, progress=lambda line: None)


def test_a_voice_is_enrolled_with_its_recordings(run, enrolled, corpus, file, tmp_path):
    clips = [corpus.file(name) for name in corpus.table["utterance"][:3]]
    fitted = bundle.load(enrolled.folder)
    expected = fitted.enrol(np.stack([fitted.static(clip) for clip in clips]))
    for model in (run, enrolled, "table"):  # where a model cannot be enrolled, its twin is
        voice = Recognizer(model).enrol(clips)
        found = voice.predict(file).probabilities
        np.testing.assert_allclose(found, expected.predict([fitted.static(file)]), atol=1e-6)
        assert voice.about == bundle.about(enrolled.folder)
    shutil.copytree(voice.folder, tmp_path / "voice")
    kept = ser_lib.predict(file, tmp_path / "voice").probabilities
    np.testing.assert_array_equal(kept, found)
    with pytest.raises(AudioError, match="nowhere"):
        Recognizer(run).enrol("nowhere.wav")


def test_the_command_enrols_a_folder(ser, enrolled, file, corpus):
    code, out, _ = ser("predict", file, "--enrol", corpus.root, "--json", "--quiet")
    assert code == 0
    (row,) = json.loads(out)
    voice = Recognizer(enrolled).enrol(corpus.root).predict(file)
    np.testing.assert_allclose(list(row["probabilities"].values()), voice.probabilities[0], 1e-4)
