"""Many files: every answer that of the file alone, in order, the bad ones by name."""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile

from ser_lib.core import audio
from ser_lib.core.errors import AudioError, ParameterError
from ser_lib.features import maps as features
from ser_lib.features.maps import Standardiser
from ser_lib.models import bundle, networks, predict
from ser_lib.models.bundle import Bundle, FrontEnd

EMOTIONS = ["anger", "neutral", "sadness"]


@pytest.fixture(scope="module")
def tones(tmp_path_factory, write_tone):
    folder = tmp_path_factory.mktemp("tones")
    return [
        write_tone(folder / f"{i}.wav", hertz=150 * 1.4**i, seconds=0.2 + 0.9 * i, seed=i)
        for i in range(5)
    ]


@pytest.fixture(scope="module")
def trained(tones):
    """A real network, and a front end whose statistics are those of the tones."""
    keras.utils.set_random_seed(5)
    network = networks.build("cnn", (features.ROWS, features.FRAMES, 1), len(EMOTIONS))
    maps = [features.channels(features.extract(audio.load(tone)), 1) for tone in tones]
    statistics = Standardiser.fit(maps)
    return network, FrontEnd("cnn", "table", EMOTIONS, "logmel", 1, 2, "none", statistics)


@pytest.fixture(scope="module")
def run(trained, tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("run")
    bundle.save(*trained, folder / "fold")
    bundle.export(folder / "fold", folder / "bundle")
    return folder


@pytest.fixture(scope="module")
def expected(trained, tones):
    """What Keras says of each tone by itself."""
    network, front_end = trained
    model = Bundle(partial(bundle.probabilities, network), front_end)
    answers = np.concatenate([model.predict([front_end.static(tone)]) for tone in tones])
    assert np.ptp(answers, axis=0).max() > 0.01, "all tones got the same answer"
    return answers


@pytest.mark.parametrize(
    ("chunk", "workers", "lite"),
    [(64, None, True), (2, 0, True), (2, 2, True), (64, None, False)],
)
def test_files_are_answered_in_order(run, tones, expected, monkeypatch, chunk, workers, lite):
    monkeypatch.setattr(predict, "CHUNK", chunk)
    if not lite:  # then Keras answers
        monkeypatch.setattr(bundle, "lite_available", lambda: False)
    order = [3, 0, 4, 4, 1, 2, 0]
    found = predict.predict([tones[i] for i in order], run, workers=workers)
    assert found.emotions == EMOTIONS
    assert found.files == [str(tones[i]) for i in order]
    assert found.refused == []
    assert found.probabilities.dtype == np.float32
    np.testing.assert_allclose(found.probabilities, expected[order], atol=1e-5)


@pytest.mark.parametrize("workers", [0, 2])
def test_bad_files_cost_nobody_else_an_answer(run, tones, expected, tmp_path, monkeypatch, workers):
    monkeypatch.setattr(predict, "CHUNK", 2)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no audio at all")
    bad = [tmp_path / name for name in ("missing.wav", "empty.wav", "text.wav")]
    given = [bad[0], tones[0], bad[1], bad[2], tones[1], tones[2]]  # one chunk has nothing else
    found = predict.predict(given, run, workers=workers)
    assert found.files == [str(tone) for tone in tones[:3]]
    np.testing.assert_allclose(found.probabilities, expected[:3], atol=1e-5)
    assert [str(error).split(":")[0] for error in found.refused] == [str(path) for path in bad]
    assert all(isinstance(error, AudioError) for error in found.refused)


@pytest.mark.parametrize("error", [ParameterError("what a map refuses"), MemoryError()])
def test_no_error_of_one_file_ends_all(run, tones, expected, monkeypatch, error):
    extract = features.extract

    def failing(signal, **options):
        if len(signal) == len(audio.load(tones[1])):
            raise error
        return extract(signal, **options)

    monkeypatch.setattr(features, "extract", failing)
    found = predict.predict(tones[:3], run)
    np.testing.assert_allclose(found.probabilities, expected[[0, 2]], atol=1e-5)
    (refused,) = found.refused
    assert str(refused).startswith(f"{tones[1]}: {error or 'takes more memory'}")


@pytest.mark.parametrize("names", [(), ("a.wav", "b.wav")])
def test_nothing_that_can_be_answered(run, tmp_path, names):
    found = predict.predict([tmp_path / name for name in names], run)
    assert (found.files, len(found.refused)) == ([], len(names))
    assert found.probabilities.shape == (0, len(EMOTIONS))


def test_a_folder_means_the_audio_files_in_it(run, tones, expected, tmp_path):
    places = ["b.wav", "deep/er/a.WAV", "deep/z.flac", "a.wav"]
    mine = tmp_path / "mine"
    (mine / "no.wav").mkdir(parents=True)
    (mine / "notes.txt").write_text("no audio")
    with pytest.raises(AudioError, match=r"holds no audio file; .* one of .*\.flac.*\.wav"):
        predict.predict([tones[0], mine], run)
    (mine / "phone.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    (mine / "link.wav").symlink_to("nowhere.wav")
    for place, tone in zip(places, tones, strict=False):
        (mine / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tone, mine / place)
    found = predict.predict([tones[4], mine, tones[0]], run)
    inside = ["a.wav", "b.wav", "deep/er/a.WAV", "deep/z.flac"]
    inside = [str(mine / place) for place in inside]
    assert found.files == [str(tones[4]), *inside, str(tones[0])]
    np.testing.assert_allclose(found.probabilities, expected[[4, 3, 0, 1, 2, 0]], atol=1e-5)
    link, phone = map(str, found.refused)
    assert "link.wav: does not exist" in link
    assert "phone.m4a: cannot be decoded" in phone


def test_what_is_not_heard_has_no_answer(run, tones, expected, tmp_path):
    voice, rate = audio.decode(tones[0])
    for name, samples in {
        "opposite": np.stack([voice, -voice], axis=1),
        "scale": voice * 2**15,
        "silent": 0 * voice,
        "short": voice[:100],
    }.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, rate, subtype="FLOAT")
    found = predict.predict(tmp_path, run)
    assert [Path(file).stem for file in found.files] == ["opposite", "scale"]
    np.testing.assert_allclose(found.probabilities, expected[[0, 0]], atol=1e-4)
    assert [Path(remark.split(":")[0]).stem for remark in found.remarks] == ["opposite", "scale"]
    short, silent = map(str, found.refused)
    assert "short.wav: is 5 ms long" in short
    assert "silent.wav: is silent" in silent


def test_a_folder_as_it_is_found(run, tones, tmp_path):
    mixed, bad = tmp_path / "mixed", os.fsencode(tmp_path / "mixed") + b"/\xc4rger.wav"
    for place in ("real/a.wav", "mixed/here/b.wav", "mixed/._b.wav", "mixed/__MACOSX/b.wav"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tones[0], tmp_path / place)
    Path(os.fsdecode(bad)).write_bytes(tones[0].read_bytes())
    for link, target in (("Actor_01", tmp_path / "real"), ("again", mixed), ("here/up", mixed)):
        (mixed / link).symlink_to(target)
    (mixed / "gone.wav").symlink_to("nowhere.wav")
    found = predict.predict(mixed, run)
    assert found.files == [str(mixed / name) for name in ("Actor_01/a.wav", "here/b.wav")]
    name, gone = map(str, found.refused)
    assert "mixed/\u00c4rger.wav: has a name that is not UTF-8" in name
    assert "gone.wav: does not exist" in gone
    (alone,) = predict.predict([os.fsdecode(bad)], run).refused
    assert str(alone) == name


def test_names_that_a_terminal_cannot_show_are_answered(run, tones, tmp_path):
    shutil.copy(tones[0], tmp_path / "\u6124.wav")
    command = [sys.executable, "-m", "ser_lib.cli", "predict", tmp_path, "--quiet", "--model", run]
    done = subprocess.run(
        command, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "latin-1"}, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u6124.wav" in done.stdout


def test_long_work_tells_how_far_it_is(run, tones, monkeypatch):
    told = []
    predict.predict(tones * 10, run, progress=told.append)
    assert told == [], "a few files are no long work"
    monkeypatch.setattr(predict, "CHUNK", 2)
    predict.predict(tones * 10, run, workers=0, progress=told.append)
    assert len(told) == 10
    assert told[0] == "6 of 50 files"
    assert told[-1] == "50 of 50 files"


def test_a_new_network_in_the_same_folder_is_the_one_that_answers(trained, run, tones, tmp_path):
    before = predict.predict(tones[:1], shutil.copytree(run / "fold", tmp_path / "bundle"))
    network, front_end = trained
    other = keras.models.clone_model(network)
    bundle.save(other, front_end, tmp_path / "bundle")
    after = predict.predict(tones[:1], tmp_path / "bundle")
    assert not np.allclose(before.probabilities, after.probabilities, atol=1e-3)


@pytest.mark.parametrize(
    ("command", "slow"),
    [
        ("predict", {"tensorflow", "keras", "librosa", "numba", "matplotlib", "pandas", "sklearn"}),
        ("corpora", {"tensorflow", "keras", "librosa", "matplotlib", "papermill"}),
        ("--help", {"numpy", "scipy", "soundfile", "keras", "librosa", "pandas", "yaml"}),
    ],
)
def test_a_command_does_not_wait_for_what_it_does_not_need(run, tones, command, slow):
    # In a process of its own: here, other tests have imported it.
    words = [command]
    if command == "predict":
        words += [str(tones[0]), "--quiet", "--model", str(run)]
    code = f"""
import sys
from ser_lib import cli
try:
    cli.main({words})
finally:
    assert not {slow} & set(sys.modules), {slow} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
