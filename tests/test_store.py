"""The feature store: the maps of `features`, computed once, whatever interrupted it."""

import shutil

import numpy as np
import pytest
import soundfile

from ser_lib import audio, corpora, features, store
from ser_lib.errors import AudioError, ParameterError, StoreError


@pytest.fixture
def table(workspace, tmp_path, make_table, monkeypatch):
    """The table of 18 utterances, stored by four: five chunks, the last one shorter."""
    monkeypatch.setattr(store, "CHUNK", 4)
    return make_table(tmp_path / "corpus")


@pytest.fixture
def manifest(table):
    return corpora.load("table", table)


@pytest.fixture
def computed(monkeypatch):
    """The names of files whose features are computed, in order."""
    names = []
    load = audio.load

    def counting(path, **options):
        names.append(path.name)
        return load(path, **options)

    monkeypatch.setattr(audio, "load", counting)
    return names


def build(manifest, **options):
    return store.build(manifest, workers=0, **options)


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("kind", features.MAPS)
def test_the_store_holds_the_maps_of_all_utterances(manifest, kind):
    maps = build(manifest, kind=kind)
    for i, path in enumerate(manifest.table["path"]):
        expected = features.extract(audio.load(manifest.root / path), kind=kind)
        assert maps[i].dtype == np.float32
        np.testing.assert_array_equal(maps[i], expected)
    assert i == 17


def test_the_second_build_computes_nothing(manifest, computed):
    first = build(manifest)
    assert len(computed) == 18
    computed.clear()
    again = build(manifest)
    assert computed == []
    assert again.folder == first.folder
    np.testing.assert_array_equal(again[17], first[17])


def test_an_interrupted_build_goes_on(manifest, computed, monkeypatch):
    extract = features.extract

    def interrupted(signal, **options):
        if len(computed) == 10:  # in the third chunk
            raise KeyboardInterrupt
        return extract(signal, **options)

    monkeypatch.setattr(features, "extract", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(manifest)
    monkeypatch.setattr(features, "extract", extract)
    computed.clear()
    maps = build(manifest)
    names = [path.split("/")[-1] for path in manifest.table["path"]]
    assert computed == names[8:]
    np.testing.assert_array_equal(maps[9], extract(audio.load(manifest.root / "wav" / names[9])))


@pytest.mark.parametrize("name", ["000004.npy", "000004.lengths.npy"])
@pytest.mark.parametrize("damage", ["removed", "cut", "garbage", "another"])
def test_a_damaged_chunk_is_computed_again(manifest, computed, name, damage):
    folder = build(manifest).folder
    whole = content(folder)
    file = folder / name
    if damage == "removed":
        file.unlink()
    elif damage == "another":
        shutil.copy(folder / name.replace("04", "16"), file)
    else:
        file.write_bytes(whole[name][:-5] if damage == "cut" else b"not numpy")
    with pytest.raises(StoreError, match="is not complete; run again to mend it"):
        store.Store(folder, 18)
    computed.clear()
    build(manifest)
    assert len(computed) == 4
    assert content(folder) == whole


def test_a_store_of_fewer_utterances_is_not_complete(manifest):
    folder = build(manifest).folder
    with pytest.raises(StoreError):
        store.Store(folder, 24)
    with pytest.raises(StoreError):
        store.Store(folder / "nowhere", 18)


def test_processes_give_the_same_bytes(manifest, workspace):
    folder = build(manifest).folder
    alone = content(folder)
    shutil.rmtree(folder)
    assert store.build(manifest, workers=2).folder == folder
    assert content(folder) == alone


def test_what_is_heard_decides_the_store(manifest, table, write_tone, tmp_path):
    first = build(manifest).folder
    assert build(manifest, kind="stack").folder != first
    shutil.copytree(table.parent, tmp_path / "copy")
    copy = corpora.load("table", tmp_path / "copy" / "table.csv")
    assert build(copy).folder == first, "where the corpus lies is no matter"
    write_tone(copy.root / copy.table["path"].iloc[3], hertz=911)
    assert build(corpora.load("table", tmp_path / "copy" / "table.csv")).folder != first


def test_the_same_samples_at_another_rate_are_another_sound(table, write_tone):
    paths = []
    for rate in (22_050, 11_025):
        for file in sorted((table.parent / "wav").iterdir()):
            samples, _ = audio.decode(file)
            soundfile.write(file, samples, rate, subtype="FLOAT")
        manifest = corpora.load("table", table)
        paths.append((tuple(manifest.table["sha256"]), build(manifest).folder))
    (samples, first), (same_samples, second) = paths
    assert samples == same_samples
    assert first != second


def test_progress_counts_utterances(manifest):
    seen = []
    build(manifest, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(4, 18), (8, 18), (12, 18), (16, 18), (18, 18)]
    seen.clear()
    folder = build(manifest).folder
    (folder / "000008.npy").unlink()
    build(manifest, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(18, 18)]


def test_a_file_that_went_away_is_named(manifest):
    gone = manifest.root / manifest.table["path"].iloc[5]
    gone.unlink()
    with pytest.raises(AudioError, match=f"{gone.name}: does not exist"):
        build(manifest)


def test_the_key_covers_all_code_that_makes_a_map(manifest, monkeypatch, rooms_behind):
    hashed = []
    monkeypatch.setattr(store, "sources", lambda *rooms: hashed.extend(rooms) or [])
    build(manifest)
    making = rooms_behind("audio", "features") - {"errors"}
    assert set(hashed) == {f"{room}.py" for room in making | {"store"}}


def test_an_unknown_map(manifest):
    with pytest.raises(ParameterError, match=r"unknown feature map 'mfcc'.*logmel, stack"):
        build(manifest, kind="mfcc")
