"""Experiments from end to end: one real small run, and many with the training played."""

import io
import json
import random
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as oracle
from played import play, play_fold

from ser_lib import corpora
from ser_lib.core import audio, jobs
from ser_lib.core.errors import CorpusError, RecordError, SpaceError, SplitError, TrainingError
from ser_lib.corpora import CATALOGUE
from ser_lib.experiments import fit as fitting
from ser_lib.experiments import run as runs
from ser_lib.experiments import splits, train
from ser_lib.experiments.experiment import Experiment
from ser_lib.features import maps as features
from ser_lib.features import store
from ser_lib.features.copies import SETS
from ser_lib.metrics import scores as evaluation
from ser_lib.models import bundle, networks

# Names that a file system or a reader of tables might take for something else.
SPEAKERS = ("03", "NA", "x/y")
NAN = float("nan")
REAL = Experiment(
    architecture="cnn", corpus="table", channels=3, epochs=2, batch_size=4, crops=3, seed=7
)
PLAYED = Experiment(architecture="cnn", corpus="table", epochs=2)


def silent(line: str) -> None:
    """A progress that says nothing."""


def run_it(table, experiment=None, progress=silent, workers=2) -> runs.Run:
    corpus = corpora.load("table", table)
    return train.train_all([(experiment or PLAYED, corpus)], workers=workers, progress=progress)[0]


def fold_folders(workspace: Path) -> dict[str, Path]:
    files = (workspace / "runs" / "table").glob("folds/*/*/fold.json")
    return {file.parent.name: file.parent for file in files}


def stamps(folder: Path) -> dict[str, tuple]:
    """Times and inodes of a folder's files: none can be written again unseen."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(f): (f.stat().st_mtime_ns, f.stat().st_ino) for f in files}


# The real run


@pytest.fixture(scope="module")
def table(home, make_table):
    file = make_table(home.parent / "tones", speakers=SPEAKERS, each=2)
    (file.parent / "empty.wav").touch()
    file.write_text(file.read_text() + "empty.wav,03,anger\n")
    return file


@pytest.fixture(scope="module")
def lines():
    return []


@pytest.fixture(scope="module")
def record(home, table, lines):
    return run_it(table, REAL, lines.append, workers=1)


@pytest.fixture(scope="module")
def manifest(table):
    return corpora.load("table", table)


def test_the_record_has_all_its_fields(record, manifest):
    data = json.loads((record.folder / "record.json").read_text())
    assert data == asdict(record.record)
    assert list(data) == [field.name for field in fields(runs.Record)]
    assert data["schema"] == runs.SCHEMA
    assert data["parameters"] == REAL.parameters()
    for name in ("architecture", "protocol", "seed"):
        assert data[name] == REAL.parameters()[name]
    assert data["corpus"] == {
        "name": "table",
        "title": CATALOGUE["table"].title,
        "synthetic": False,
        "utterances": 18,
        "speakers": 3,
        "emotions": ["anger", "neutral", "sadness"],
        "manifest_sha256": manifest.sha256,
        "chosen": {name: {name: 6} for name in ("anger", "neutral", "sadness")},
        "passed_over": {},
        "left_out": [{"file": "empty.wav", "reason": manifest.left_out[0]["reason"]}],
    }
    assert data["n_parameters"] == 1_929_349 + 576 - 2 * 129  # of another depth, for three classes
    assert sum(layer["parameters"] for layer in data["layers"]) == data["n_parameters"]
    assert set(data["layers"][0]) == {"layer", "type", "output_shape", "parameters"}
    assert record.folder.name == f"cnn-speaker-{data['key']}"
    assert pd.Timestamp(data["started"]).tzinfo is not None
    assert data["duration_s"] > 0
    duration = sum(fold["duration_s"] for fold in data["folds"])
    assert data["speed"]["training_s"] == pytest.approx(duration, abs=0.1)
    assert data["speed"]["inference_ms"] > 0
    assert {"python", "keras", "numpy", "ser-lib"} <= set(data["versions"])
    assert any(name.startswith("tensorflow") for name in data["versions"])


def test_every_utterance_is_predicted_once(record, manifest):
    table = record.predictions
    columns = ["utterance", "speaker", "fold", "truth", "predicted"]
    assert list(table.columns) == columns + [f"p_{name}" for name in record.emotions]
    assert sorted(table["utterance"]) == list(manifest.table["utterance"])
    known = manifest.table.set_index("utterance")
    for row in table.to_dict("records"):
        assert row["speaker"] == known.loc[row["utterance"], "speaker"]
        assert row["truth"] == known.loc[row["utterance"], "emotion"]
        assert row["fold"] == f"speaker-{row['speaker']}"
    chances = table.filter(regex="^p_").to_numpy()
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-5)
    likeliest = [record.emotions[i] for i in chances.argmax(axis=1)]
    assert list(table["predicted"]) == likeliest


def test_metrics_are_those_of_scikit_learn_and_intervals_are_over_speakers(record):
    check_metrics(record)
    table = record.predictions
    found = evaluation.evaluate(
        list(table["truth"]), list(table["predicted"]), record.emotions, clusters=table["speaker"]
    )
    assert found == {name: record.metrics[name] for name in found}


def check_metrics(record):
    """Compute every score of a record again from its predictions."""
    table, metrics, names = record.predictions, record.record.metrics, record.emotions
    truth, predicted = list(table["truth"]), list(table["predicted"])
    chances = table.filter(regex="^p_").to_numpy(float)
    of = {"labels": names, "zero_division": 0}
    shown = {"labels": sorted(set(truth)), "average": "macro", "zero_division": 0}
    expected = {
        "accuracy": oracle.accuracy_score(truth, predicted),
        "uar": oracle.recall_score(truth, predicted, **shown),
        "macro_f1": oracle.f1_score(truth, predicted, average="macro", **of),
        "weighted_f1": oracle.f1_score(truth, predicted, average="weighted", **of),
        "loss": oracle.log_loss(truth, chances / chances.sum(axis=1, keepdims=True), labels=names),
    }
    assert set(metrics) == set(expected) | {f"{name}_ci95" for name in expected}
    for name, value in expected.items():
        assert metrics[name] == pytest.approx(value, rel=1e-5)
        low, high = metrics[f"{name}_ci95"]
        assert low <= high
    confusion = oracle.confusion_matrix(truth, predicted, labels=names)
    assert record.record.confusion == {"labels": names, "counts": confusion.tolist()}
    columns = oracle.precision_recall_fscore_support(truth, predicted, **of)
    for i, name in enumerate(names):
        scores = record.record.per_class[name]
        assert list(scores) == ["precision", "recall", "f1", "support"]
        assert list(scores.values()) == pytest.approx([column[i] for column in columns])
    for fold in record.record.folds:
        part = table[table["fold"] == fold["name"]]
        assert fold["n_test"] == len(part)
        for score in (evaluation.accuracy, evaluation.uar):
            expected = score(list(part["truth"]), list(part["predicted"]))
            assert fold[score.__name__] == pytest.approx(expected)


def test_the_history_is_complete_and_the_last_epoch_counts(record):
    history = record.history
    assert list(history.columns) == ["fold", "epoch", "split", "loss", "accuracy", "uar"]
    assert set(history["fold"]) == {fold["name"] for fold in record.record.folds}
    for fold in record.record.folds:
        rows = history[history["fold"] == fold["name"]].set_index(["split", "epoch"])
        train_rows, validation = rows.loc["train"], rows.loc["validation"]
        epochs = list(range(1, fold["epochs"] + 1))
        assert list(train_rows.index) == list(validation.index) == epochs
        assert fold["validation_uar"] == pytest.approx(validation["uar"].iloc[-1])
        for value in ("loss", "accuracy"):
            assert fold[f"train_{value}"] == pytest.approx(train_rows[value].iloc[-1])
            assert fold[f"validation_{value}"] == pytest.approx(validation[value].iloc[-1])


def test_folds_are_those_of_the_protocol(record, manifest, lines):
    names = [fold.name for fold in splits.make(manifest.table, "speaker")]
    assert [row["name"] for row in record.record.folds] == names
    for row in record.record.folds:
        assert [row[f"n_{part}"] for part in splits.PARTS] == [6, 6, 6]
    assert all(len([line for line in lines if name in line]) == 1 for name in names)


def test_statistics_are_of_the_training_part_only(home, manifest, record):
    maps = [
        features.channels(features.extract(audio.load(manifest.root / path)), 3)
        for path in manifest.table["path"]
    ]
    everyone = np.concatenate(maps, axis=1).mean(axis=1)
    folders = {read_name(folder): folder for folder in fold_folders(home).values()}
    for fold in splits.make(manifest.table, "speaker"):
        frames = np.concatenate([maps[i] for i in fold.train], axis=1).astype(float)
        statistics = bundle.load(folders[fold.name]).front_end.standardiser
        np.testing.assert_allclose(statistics.mean, frames.mean(axis=1), rtol=1e-4, atol=1e-4)
        expected = np.maximum(frames.std(axis=1), features.STD_FLOOR)
        np.testing.assert_allclose(statistics.std, expected, rtol=1e-3, atol=1e-4)
        assert np.abs(statistics.mean - everyone).max() > 0.1, "statistics of all would pass too"


def read_name(folder: Path) -> str:
    return json.loads((folder / "fold.json").read_text())["name"]


def test_the_bundle_answers_as_the_record_says(record, manifest):
    best = max(
        record.record.folds, key=lambda fold: (fold["validation_uar"], -fold["validation_loss"])
    )
    assert record.record.bundle == best["name"]
    tested = record.predictions[record.predictions["fold"] == best["name"]]
    model = bundle.load(record.folder)
    assert model.front_end.emotions == record.emotions
    assert model.front_end.crops == 3
    files = (manifest.file(name) for name in tested["utterance"])
    found = model.predict(map(model.front_end.static, files))
    np.testing.assert_allclose(found, tested.filter(regex="^p_"), atol=1e-5)


def test_what_is_there_is_not_trained_again(record, home, table, monkeypatch):
    monkeypatch.setattr(fitting, "fit_fold", None)  # would not pickle, nor train
    before, said = stamps(home / "runs"), []
    assert run_it(table, REAL, said.append).record == record.record
    assert (said, stamps(home / "runs")) == ([], before)
    # Without its record, a run is gathered from its folds.
    before = {name: stamps(folder) for name, folder in fold_folders(home).items()}
    shutil.rmtree(record.folder)
    again = run_it(table, REAL)
    assert {name: stamps(folder) for name, folder in fold_folders(home).items()} == before
    for name in ("metrics", "folds", "per_class", "confusion", "key", "bundle"):
        assert getattr(again.record, name) == getattr(record.record, name)


def test_a_fold_that_is_missing_is_trained_again_with_the_same_result(record, home, table):
    folders = fold_folders(home)
    (name,) = [name for name, folder in folders.items() if read_name(folder) == "speaker-x/y"]
    kept = {other: stamps(folder) for other, folder in folders.items() if other != name}
    assert len(kept) == 2
    shutil.rmtree(folders[name])
    shutil.rmtree(record.folder)
    said = []
    again = run_it(table, REAL, said.append)
    assert [line for line in said if "speaker-" in line and "speaker-x/y" not in line] == []
    now = fold_folders(home)
    assert set(now) == set(folders)
    assert {other: stamps(now[other]) for other in kept} == kept
    # The same seed: to the last digit, in another process than the one that trained all folds.
    pd.testing.assert_frame_equal(again.predictions, record.predictions, check_exact=True)
    pd.testing.assert_frame_equal(again.history, record.history, check_exact=True)


# One fold in this process


@pytest.fixture
def fold_inputs(workspace, tmp_path, make_table):
    """What `fit_fold` takes after the experiment."""
    manifest = corpora.load("table", make_table(tmp_path / "tones", each=1))
    fold = splits.make(manifest.table, "speaker")[1]
    stores = [store.build(manifest, workers=0)] * len(SETS[PLAYED.copies])
    return 0, fold, manifest.table, manifest.emotions, stores


def test_the_test_part_is_not_looked_at_before_the_network_is_final(fold_inputs, monkeypatch):
    seen, statistics_of, events = [], [], []

    read = store.Store.__getitem__

    def watched_reading(maps, position):
        seen.append(int(position))
        return read(maps, position)

    fit_network = fitting._fit

    def watched_training(*given):
        found = fit_network(*given)
        events.append(set(seen))
        return found

    fit_statistics = features.Standardiser.fit

    def watched_statistics(maps):
        before = len(seen)
        maps = list(maps)
        statistics_of.append(set(seen[before:] or seen))
        return fit_statistics(maps)

    monkeypatch.setattr(store.Store, "__getitem__", watched_reading)
    monkeypatch.setattr(fitting, "_fit", watched_training)
    monkeypatch.setattr(features.Standardiser, "fit", watched_statistics)
    fold = fold_inputs[1]
    line, files = fitting.fit_fold(PLAYED, *fold_inputs)
    assert fold.name in line
    written = {"fold.json", "history.csv", "predictions.csv", "validation.csv"}
    assert set(files) == written | {"bundle/front_end.json", "bundle/network.keras"}
    assert statistics_of == [set(fold.train)]
    assert events == [set(fold.train) | set(fold.validation)]
    assert set(seen) - events[0] == set(fold.test)


def test_the_weights_of_a_network_are_its_own_seeds_whatever_other_threads_draw():
    built = []
    for common in (1, 2):
        random.seed(common)
        with fitting._own_seeds(7):
            built.append(fitting.build(PLAYED, 3).get_weights())
        assert random.getstate() == random.Random(common).getstate()
    assert [first.tobytes() for first in built[0]] == [again.tobytes() for again in built[1]]
    with fitting._own_seeds(8):
        other = fitting.build(PLAYED, 3).get_weights()
    assert other[0].tobytes() != built[0][0].tobytes()


def test_a_network_that_diverged_leaves_a_clear_error(fold_inputs, monkeypatch):
    scores = {"epoch": 1, "loss": NAN, "accuracy": 0.5, "uar": 0.5}
    history = [scores | {"split": split} for split in ("train", "validation")]
    monkeypatch.setattr(fitting, "_fit", lambda *_: history)
    with pytest.raises(TrainingError, match=r"fold 'speaker-s2'.*not a number.*below 0\.0005"):
        fitting.fit_fold(PLAYED, *fold_inputs)


def silence_at(position):
    return np.zeros((features.ROWS, 20, 1), np.float32)


def parts(n_train, n_validation):
    """Return a fold of the first utterances, without a test part."""
    rows = np.arange(n_train + n_validation)
    return splits.Fold("one", rows[:n_train], rows[n_train:], rows[:0], rows[:0])


def test_training_and_validation_are_measured_as_scores_are():
    class Certain:
        def predict_on_batch(self, inputs):
            return np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.9, 0.1]], np.float32)

    targets = np.eye(2, dtype=np.float32)[[0, 1, 1, 1]]
    found = fitting._measure(Certain(), np.zeros((4, 1)), targets)
    loss = oracle.log_loss([0, 1, 1, 1], [0.2, 0.4, 0.7, 0.1])
    assert found == pytest.approx({"loss": loss, "accuracy": 1 / 2, "uar": 2 / 3})


def test_weights_are_used_only_if_asked_for(monkeypatch):
    used = []

    def training_step(network, experiment, n_batches):
        return lambda inputs, targets, weights: used.append(weights)

    monkeypatch.setattr(fitting, "training_step", training_step)
    monkeypatch.setattr(fitting, "_measure", lambda *_: {"loss": 1.0, "accuracy": 0.5, "uar": 0.5})
    targets = np.eye(2, dtype=np.float32)[[0, 0, 0, 1, 0]]
    for class_weights in (False, True):
        options = {"epochs": 1, "mixup": 0.0, "label_smoothing": 0.0}
        experiment = replace(PLAYED, class_weights=class_weights, **options)
        generator = np.random.default_rng(0)
        reads = silence_at, silence_at
        fitting._fit(None, experiment, *reads, targets, parts(4, 1), generator)
    assert sorted(used[0].tolist()) == [1, 1, 1, 1]
    inverse = [2 / 3, 2 / 3, 2 / 3, 2]  # of the frequencies, on average 1
    np.testing.assert_allclose(sorted(used[1]), inverse)


# Many runs with the training played


@pytest.fixture
def played(monkeypatch):
    return play(monkeypatch)


@pytest.fixture
def tones(workspace, tmp_path, make_table):
    """A function that makes the table of a corpus of tones."""
    return partial(make_table, tmp_path / "tones")


@pytest.fixture
def given_split(tmp_path):
    """A function that writes folds of a corpus, and returns an experiment with this split."""

    def given(folds, manifest):
        splits.write(tmp_path / "theirs.csv", folds, manifest.table)
        return replace(PLAYED, protocol=None, split=str(tmp_path / "theirs.csv"))

    return given


@pytest.mark.parametrize(("names", "device", "workers"), [([], "", 3), (["H 1"], "H 1", 1)])
def test_on_a_gpu_folds_are_trained_one_at_a_time(monkeypatch, tmp_path, names, device, workers):
    import tensorflow as tf

    (tmp_path / "driver").touch()
    monkeypatch.setattr(jobs, "DRIVERS", (tmp_path / "driver",))
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: names)
    details = {name: {"device_name": name} for name in names}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", details.get)
    assert fitting.gpu() == device
    assert fitting.where(3) == workers
    assert fitting.where("tcp://host:8786") == "tcp://host:8786"
    monkeypatch.setattr(jobs, "DRIVERS", ())
    assert fitting.where(3) == 3


def test_the_record_says_which_device_computed(tones, played, monkeypatch):
    def on_a_device(*job):
        line, files = play_fold(*job)
        fold = json.loads(files["fold.json"]) | {"device": "H 1"}
        return line, files | {"fold.json": json.dumps(fold).encode()}

    monkeypatch.setattr(fitting, "fit_fold", on_a_device)
    assert run_it(tones()).record.versions["platform"].endswith(", H 1")


def test_a_terminal_shows_how_far_the_folds_are(tones, played, monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", stream)
    run_it(tones(), progress=None)
    shown = stream.getvalue()
    assert re.findall(r"fold (\d) of 3", shown) == ["1", "2", "3"]
    assert "\n" not in shown


def test_speakers_with_awkward_names(workspace, tones, played):
    # A folder per fold: one that is inside another would be taken for finished.
    long = ("\u6124" * 80, "\u6124" * 79 + "\u6012")
    speakers = ("a", "a/b", "..", "NA", "null", "007", "1e3", "\u00e4 \u00f6", *long)
    record = run_it(tones(speakers=speakers, each=1))
    assert sorted(played) == sorted(f"speaker-{name}" for name in speakers)
    assert set(record.predictions["speaker"]) == set(speakers)
    assert record.record.corpus.speakers == 10
    folders = fold_folders(workspace)
    assert len(folders) == 10
    assert len({folder.parent for folder in folders.values()}) == 1
    check_metrics(record)


def test_every_run_leaves_its_split(tones, played):
    file = tones(each=1)
    record, table = run_it(file), corpora.load("table", file).table
    again = splits.read(record.folder / "split.csv", table)
    assert [fold.name for fold in again] == sorted(set(record.predictions["fold"]))
    for fold, made in zip(again, splits.make(table, "speaker"), strict=True):
        for part in splits.PARTS:
            np.testing.assert_array_equal(getattr(fold, part), getattr(made, part))


def test_a_given_split_is_used_and_kept(tones, given_split, played):
    file = tones(speakers=("a", "b", "c", "d"))
    manifest = corpora.load("table", file)
    folds = splits.make(manifest.table, "speaker")[1:3]
    experiment = given_split(folds, manifest)
    given = Path(experiment.split)
    record = run_it(file, experiment)
    assert record.protocol == "given"
    assert record.folder.name.startswith("cnn-given-")
    assert sorted(played) == ["speaker-b", "speaker-c"]
    assert set(record.predictions["speaker"]) == {"b", "c"}
    assert (record.folder / "split.csv").read_bytes() == given.read_bytes()
    # Wherever the file lies, and what it was called, is no part of the run.
    given.unlink()
    again = run_it(file, record.experiment)
    assert again.folder == record.folder
    assert len(train.bundles(again)) == 2
    assert len(played) == 2, "the same split trains nothing"
    # Another split is another run, under the same name of the file.
    assert run_it(file, given_split(folds[:1], manifest)).folder != record.folder


def test_a_given_split_that_leaks(tones, given_split, played):
    file = tones(each=5)
    manifest = corpora.load("table", file)
    leaky = given_split(splits.make(manifest.table, "random"), manifest)
    with pytest.raises(SplitError, match=r"theirs\.csv, as 'given', leaks: shared-speakers"):
        run_it(file, leaky)
    assert played == []
    # It may be used by who says by its name that speakers are shared.
    assert run_it(file, replace(leaky, protocol="random")).protocol == "random"


def test_a_given_split_that_tests_twice(tones, given_split, played):
    file = tones(each=1)
    manifest = corpora.load("table", file)
    one, *_ = splits.make(manifest.table, "speaker")
    experiment = given_split([one, replace(one, name="again")], manifest)
    with pytest.raises(SplitError, match=r"theirs.csv tests 'wav/s1-anger-0' in more than one"):
        run_it(file, experiment)


def test_what_was_trained_is_counted(tones, played):
    manifest = corpora.load("table", tones(each=1))
    plan = PLAYED, manifest, train.audited(PLAYED, manifest)
    first, second = (train.prepare([plan], progress=silent) for _ in range(2))
    assert (first, second) == (len(played), 0)


def test_an_interrupted_run_goes_on(workspace, tones, played, monkeypatch):
    table = tones(speakers=("a", "b", "c", "d"), each=1)
    whole = train.jobs.each

    def interrupted(function, jobs, **options):
        for number, line in enumerate(whole(function, jobs)):
            if number == 2:
                raise KeyboardInterrupt
            yield line

    with monkeypatch.context() as patch:
        patch.setattr(train.jobs, "each", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_it(table)
    assert [folder.name for folder in (workspace / "runs" / "table").iterdir()] == ["folds"]
    played.clear()
    record = run_it(table)
    assert played == ["speaker-c", "speaker-d"]
    assert [fold["name"] for fold in record.record.folds] == [f"speaker-{s}" for s in "abcd"]
    check_metrics(record)


def test_without_speakers_intervals_are_over_utterances(tones, played):
    record = run_it(tones(speakers=("", "x"), each=5), replace(PLAYED, protocol="random"))
    assert played == ["random"]
    assert record.record.corpus.speakers == 1
    rows = record.predictions
    assert set(rows["speaker"]) == {"", "x"}
    found = evaluation.evaluate(rows["truth"], rows["predicted"], record.emotions)
    assert found["uar"] == record.uar
    check_metrics(record)


def turned(*given, _make=splits.make, **options):
    """Folds whose training and validation sets have changed places."""
    folds = _make(*given, **options)
    return [replace(fold, train=fold.validation, validation=fold.train) for fold in folds]


@pytest.mark.parametrize("change", ["parameter", "audio", "package", "split"])
def test_what_changes_the_result_trains_again(tones, played, change, monkeypatch):
    table = tones(each=1)
    first = run_it(table)
    played.clear()
    if change == "audio":
        shutil.copy(table.parent / "wav/s1-anger-0.wav", table.parent / "wav/s1-neutral-0.wav")
    if change == "package":
        monkeypatch.setattr(train.jobs, "versions", lambda *packages: {"keras": "another"})
    if change == "split":
        monkeypatch.setattr(splits, "make", turned)
    second = run_it(table, replace(PLAYED, seed=1 if change == "parameter" else 0))
    assert len(played) == 3
    assert second.key != first.key
    assert (first.folder / "record.json").is_file(), "the old run must stay"


def test_a_corpus_that_moved_is_the_same_corpus(tones, tmp_path, played):
    table = tones(each=1)
    first = run_it(table)
    played.clear()
    assert run_it(table.parent.rename(tmp_path / "moved") / "table.csv").folder == first.folder
    assert played == []


def test_the_folds_of_a_run_come_with_their_bundles(tones, played):
    record = run_it(tones(each=1))
    assert record.record.bundle == "speaker-s3", "the best network of validation"
    assert (record.folder / "bundle" / "front_end.json").read_text() == "speaker-s3"
    bundles = train.bundles(record)
    assert list(bundles) == [fold.name for fold in record.folds]
    assert list(bundles) == [fold["name"] for fold in record.record.folds]
    assert all(folder.name == "bundle" and folder.is_dir() for folder in bundles.values())
    shutil.rmtree(bundles["speaker-s1"])
    with pytest.raises(RecordError, match=r"speaker-s1 is damaged.*bundle/front_end"):
        train.bundles(record)
    shutil.rmtree(bundles["speaker-s1"].parent)
    with pytest.raises(RecordError, match=r"there is no .*speaker-s1; run its experiment again"):
        train.bundles(record)
    with pytest.raises(RecordError, match="was read without its corpus"):
        train.bundles(runs.read(record.folder))


@pytest.mark.parametrize(
    ("experiment", "others"),
    [
        (PLAYED, {"models.lda", "features.functionals", "features.embeddings"}),
        (Experiment(architecture="lda", corpus="table"), {"models.windows", "models.fast"}),
    ],
)
def test_the_key_of_a_fold_covers_all_code_that_it_runs(
    monkeypatch, tones, rooms_behind, experiment, others
):
    # Rooms that cannot change what a network learns, and why.
    harmless = {
        "core",  # messages, places, processes
        "experiments.experiment",  # its values are hashed as parameters
        "corpora",  # its result is hashed as the manifest
        "experiments.splits",  # its folds are hashed
        "features.fingerprint",  # finds copies, which the folds leave out
        "metrics",  # but `scores`, whose UAR is kept of each epoch
        "models.networks",  # a network's own file is hashed
    } | others
    hashed = []
    method = train.METHODS[experiment.architecture]
    monkeypatch.setattr(method, "sources", lambda *rooms: hashed.extend(rooms) or [])
    manifest = corpora.load("table", tones(each=1))
    train.fold_key(experiment, manifest, [])
    own = set(networks.files("cnn")) if experiment is PLAYED else set()
    assert own <= set(hashed)
    behind = {
        room
        for room in rooms_behind(method.__name__.removeprefix("ser_lib."))
        if not {room, room.split(".")[0], room.rpartition(".")[0]} & harmless
    }
    expected = {f"{room.replace('.', '/')}.py" for room in behind}
    assert expected | {"core/audio.py", "metrics/scores.py"} <= set(hashed) - own
    assert all((Path(runs.__file__).parents[1] / room).is_file() for room in hashed)


def test_every_fold_predicts_its_own_validation_set(record):
    table = train.validation(record)
    assert list(dict.fromkeys(table["fold"])) == [fold.name for fold in record.folds]
    for fold in record.folds:
        part, rows = table[table["fold"] == fold.name], record.corpus.table.iloc[fold.validation]
        for column, name in (("utterance",) * 2, ("truth", "emotion"), ("speaker",) * 2):
            assert list(part[column]) == list(rows[name])


@pytest.mark.parametrize(
    ("options", "corpus", "kind", "message"),
    [
        ({}, {"speakers": ("a", "b")}, SplitError, "at least 3 speakers.*the corpus has 2"),
        ({"protocol": "session"}, {}, SplitError, "needs the session of every utterance"),
        ({}, {"emotions": ("anger",)}, CorpusError, "has only the emotion 'anger'"),
    ],
)
def test_what_the_corpus_lacks_is_said_before_any_work(
    workspace, tones, monkeypatch, options, corpus, kind, message
):
    monkeypatch.setattr(store, "build_all", None)
    with pytest.raises(kind, match=message):
        run_it(tones(each=1, **corpus), replace(PLAYED, **options))
    assert not (workspace / "runs").exists()


def test_a_damaged_record_is_not_taken_for_a_run(tones, played):
    table = tones(each=1)
    (run_it(table).folder / "record.json").write_text("{")
    with pytest.raises(RecordError, match=r"is damaged.*record\.json is not as it was written"):
        run_it(table)


def test_a_damaged_fold_is_not_used(workspace, tones, played, monkeypatch):
    table, collect = tones(each=1), train.gather

    def damaging(*plan, **options):
        file = fold_folders(workspace)["speaker-s2"] / "predictions.csv"
        file.write_text(file.read_text().replace("anger", "sadness", 1))
        return collect(*plan, **options)

    monkeypatch.setattr(train, "gather", damaging)
    with pytest.raises(RecordError, match=r"speaker-s2 is damaged.*predictions\.csv"):
        run_it(table)


def test_two_who_train_the_same_do_not_train_it_twice(tones, played):
    manifest = corpora.load("table", tones(each=1))
    plan = PLAYED, manifest, train.audited(PLAYED, manifest)
    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(lambda _: train.prepare([plan], progress=silent), range(3)))
    assert sorted(counts) == [0, 0, len(plan[2])]
    assert len(played) == len(plan[2])


def test_a_full_disk_is_said_before_a_fold_is_lost(tones, played, monkeypatch):
    def full(n_bytes):
        raise SpaceError(f"no space for {n_bytes}")

    monkeypatch.setattr(train, "check_writable", full)
    with pytest.raises(SpaceError, match=str(train.ROOM)):
        run_it(tones(each=1))
    assert played == []
