"""The feature store: the maps of `features`, computed once, whatever interrupted it."""

import pickle
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_lib import corpora
from ser_lib.core import audio
from ser_lib.core.errors import AudioError, ParameterError, StoreError
from ser_lib.core.files import Place
from ser_lib.corpora.loader import _join
from ser_lib.features import copies, functionals, store
from ser_lib.features import maps as features


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


def folder_of(maps):
    return Path(maps.address)


def content(address):
    place = Place(address)
    return {name: place.read(name) for name in place.sizes()}


@pytest.fixture
def far(bucket, monkeypatch):
    """All stores lie on a local S3 server."""
    monkeypatch.setenv("SER_STORE", f"{bucket}/stores/")
    return bucket


@pytest.fixture(params=["folder", "s3"])
def anywhere(request):
    """Stores lie in the workspace, or on a local S3 server."""
    if request.param == "s3":
        request.getfixturevalue("far")


@pytest.mark.parametrize("kind", features.MAPS)
def test_the_store_holds_the_maps_of_all_utterances(manifest, computed, kind):
    maps = build(manifest, kind=kind)
    assert len(computed) == 18
    for i, path in enumerate(manifest.table["path"]):
        expected = features.extract(audio.load(manifest.root / path), kind=kind)
        assert maps[i].dtype == np.float32
        np.testing.assert_array_equal(maps[i], expected)
    assert sum(1 for _ in maps) == 18
    with pytest.raises(IndexError):
        maps[18]
    computed.clear()
    again = build(manifest, kind=kind)
    assert (again.address, computed) == (maps.address, [])
    np.testing.assert_array_equal(again[17], maps[17])
    # Numpy reads the files.
    lengths = np.load(folder_of(maps) / "lengths.npy")
    assert lengths.dtype == np.int32
    assert lengths.tolist() == [maps[i].shape[1] for i in range(18)]
    values = np.load(folder_of(maps) / "000016.npy")
    np.testing.assert_array_equal(values, np.concatenate([maps[16].ravel(), maps[17].ravel()]))


def test_an_interrupted_build_goes_on(manifest, computed, anywhere, monkeypatch):
    extract = features.extract

    def interrupted(signal, **options):
        if len(computed) == 10:  # in the third chunk
            raise KeyboardInterrupt
        return extract(signal, **options)

    with monkeypatch.context() as patch:
        patch.setattr(features, "extract", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build(manifest)
    computed.clear()
    maps = build(manifest)
    names = [path.split("/")[-1] for path in manifest.table["path"]]
    assert computed == names[8:]
    expected = features.extract(audio.load(manifest.root / "wav" / names[9]))
    np.testing.assert_array_equal(maps[9], expected)


@pytest.mark.parametrize("damage", ["removed", "cut", "longer", "another", "zeros"])
def test_a_damaged_chunk_is_named_and_computed_again(manifest, computed, anywhere, damage, capsys):
    maps = build(manifest)
    address, place = maps.address, Place(maps.address)
    whole = content(address)
    chunk = whole["000004.npy"]
    if damage == "removed":
        place._files.rm(f"{place._path}/000004.npy")
    else:
        other = whole["000016.npy"]
        damaged = {"cut": chunk[:-9], "longer": chunk + b"more", "another": other}
        place.write("000004.npy", damaged.get(damage, bytes(len(chunk))))
    message = rf"000004.npy of the feature store {address} is missing or damaged; run again"
    if damage != "zeros":  # what a power cut leaves; a listing does not tell
        with pytest.raises(StoreError, match=message):
            store.Store(address, 18)
    if damage == "cut":  # after the store was opened
        with pytest.raises(StoreError, match=message):
            maps[7]
    computed.clear()
    capsys.readouterr()
    assert build(manifest).address == address
    assert len(computed) == 4
    assert content(address) == whole
    told = capsys.readouterr().err
    assert (address in told and "000004.npy" in told) is (damage != "removed")


@pytest.mark.parametrize("place", [128, 5000, -5, -1])
def test_a_chunk_that_was_altered_is_not_used(manifest, computed, anywhere, workspace, place):
    maps = build(manifest)
    far, whole = Place(maps.address), content(maps.address)
    near = Place(workspace / "data" / "features" / maps.address.rpartition("/")[2])
    first = maps[4]
    for altered in (near, far):
        if altered is far:
            Path(near.address, "000004.npy").unlink()
        chunk = bytearray(whole["000004.npy"])
        chunk[place] ^= 1
        altered.write("000004.npy", bytes(chunk))
        with pytest.raises(StoreError, match=r"000004\.npy of the .* damaged; run again"):
            store.Store(maps.address, 18)[7]
        computed.clear()
        np.testing.assert_array_equal(build(manifest)[4], first)
        assert len(computed) == (4 if altered.address == far.address else 0)
    assert content(far.address) == whole


@pytest.mark.parametrize("damage", ["removed", "cut", "garbage", "another"])
def test_damaged_lengths_are_written_again(manifest, computed, damage):
    folder = folder_of(build(manifest))
    whole = content(folder)
    file = folder / "lengths.npy"
    if damage == "removed":
        file.unlink()
    elif damage == "another":
        np.save(file, np.zeros(17, np.int32))
    else:
        file.write_bytes(whole[file.name][:-5] if damage == "cut" else b"not numpy")
    with pytest.raises(StoreError, match=str(folder)):
        store.Store(folder, 18)
    computed.clear()
    build(manifest)
    assert not computed, "the chunks are as good as before"
    assert content(folder) == whole


def test_a_store_of_another_number_of_utterances_is_refused(manifest, tmp_path):
    folder = folder_of(build(manifest))
    for number in (17, 24):
        with pytest.raises(StoreError, match=rf"{folder} has 18 utterances, not {number}"):
            store.Store(folder, number)
    with pytest.raises(StoreError, match=r"nowhere/lengths\.npy cannot be read"):
        store.Store(tmp_path / "nowhere", 18)


def test_memory_does_not_grow_with_the_store(tmp_path):
    # 200 MB are read by a process that may take 60 MB more than it has.
    chunk = store.chunk(np.ones(features.ROWS * 130 * store.CHUNK, np.float32))
    for number in range(100):
        (tmp_path / store._name(number)).write_bytes(chunk)
    (tmp_path / "lengths.npy").write_bytes(store.npy(np.full(6_400, 130, np.int32)))
    code = """
        import resource, sys
        from ser_lib.features.store import Store

        pages = int(open("/proc/self/statm").read().split()[0])
        limit = pages * resource.getpagesize() + 60_000_000
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        maps = Store(sys.argv[1], 6_400)
        print(sum(float(maps[i][-1, -1]) for i in range(6_400)))
        try:
            bytearray(100_000_000)
        except MemoryError:
            print("there is a limit")
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    if "statm" in done.stderr:
        pytest.skip("only Linux says how much memory a process has")
    assert done.stdout.split("\n")[:2] == ["6400.0", "there is a limit"], done.stderr


def test_what_cannot_be_stored_is_named(manifest, write_tone):
    with pytest.raises(ParameterError, match=r"unknown feature map 'mfcc'.*logmel, stack"):
        build(manifest, kind="mfcc")
    file = write_tone(manifest.root / manifest.table["path"].iloc[5], seconds=3)
    with pytest.raises(AudioError, match=rf"{file.name}: has changed since the corpus was read"):
        build(manifest)
    file.unlink()
    with pytest.raises(AudioError, match=f"{file.name}: does not exist"):
        build(manifest)


@pytest.mark.parametrize(("rate", "samples"), [(8_000, 4_411), (16_000, 7_999), (44_100, 2_047)])
def test_the_length_of_a_map_is_known_before_it_is_computed(workspace, tmp_path, rate, samples):
    noise = np.random.default_rng(0).normal(0, 0.1, samples)
    soundfile.write(tmp_path / "a.wav", noise, rate)
    (tmp_path / "table.csv").write_text("path,emotion\na.wav,anger\n")
    manifest = corpora.load("table", tmp_path / "table.csv")
    expected = features.extract(audio.load(tmp_path / "a.wav"))
    np.testing.assert_array_equal(build(manifest)[0], expected)


def test_processes_give_the_same_bytes(manifest, workspace):
    folder = folder_of(build(manifest))
    alone = content(folder)
    shutil.rmtree(folder)
    assert folder_of(store.build(manifest, workers=2)) == folder
    assert content(folder) == alone


def test_what_is_heard_decides_the_store(manifest, table, write_tone, workspace, monkeypatch):
    first = folder_of(build(manifest))
    assert folder_of(build(manifest, kind="stack")) != first
    copy = shutil.copytree(table.parent, workspace / "copy") / "table.csv"
    same = corpora.load("table", copy)
    assert folder_of(build(same)) == first, "where the corpus lies is no matter"
    for named, folder in (("stores", workspace), (str(workspace / "deep"), workspace)):
        monkeypatch.setenv("SER_STORE", named)
        elsewhere = folder_of(build(manifest))
        assert elsewhere == folder / named / first.name
        assert content(elsewhere) == content(first)
    write_tone(same.root / same.table["path"].iloc[3], hertz=911)
    assert folder_of(build(corpora.load("table", copy))).name != first.name


def test_the_same_samples_at_another_rate_are_another_sound(table, write_tone):
    paths = []
    for rate in (22_050, 11_025):
        for file in sorted((table.parent / "wav").iterdir()):
            samples, _ = audio.decode(file)
            soundfile.write(file, samples, rate, subtype="FLOAT")
        manifest = corpora.load("table", table)
        paths.append((tuple(manifest.table["sha256"]), folder_of(build(manifest))))
    (samples, first), (same_samples, second) = paths
    assert samples == same_samples
    assert first != second


def test_progress_counts_utterances(manifest):
    seen = []
    build(manifest, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(4, 18), (8, 18), (12, 18), (16, 18), (18, 18)]
    seen.clear()
    folder = folder_of(build(manifest))
    (folder / "000008.npy").unlink()
    build(manifest, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(18, 18)]


def test_the_key_covers_all_code_that_makes_a_map(manifest, monkeypatch, rooms_behind):
    hashed = []
    monkeypatch.setattr(store, "sources", lambda *rooms: hashed.extend(rooms) or [])
    build(manifest)
    making = rooms_behind("core.audio", "features.maps") - {"core.errors"}
    assert set(hashed) == {f"{room.replace('.', '/')}.py" for room in making | {"features.store"}}


# On other addresses


def test_a_store_on_s3_has_the_bytes_of_a_local_one(manifest, monkeypatch, far, workspace):
    maps = store.build(manifest, workers=2)
    monkeypatch.delenv("SER_STORE")
    folder = workspace / "data" / "features" / maps.address.rpartition("/")[2]
    assert maps.address == f"{far}/stores/{folder.name}"
    assert not folder.exists()
    # Spawned workers have not heard that a chunk has four utterances here; they need not.
    assert folder_of(build(manifest)) == folder
    assert content(maps.address) == content(folder)


def test_what_is_read_from_s3_is_read_once(manifest, far, workspace, monkeypatch):
    maps = build(manifest)
    expected = features.extract(audio.load(manifest.root / manifest.table["path"].iloc[9]))
    folder = workspace / "data" / "features" / maps.address.rpartition("/")[2]
    np.testing.assert_array_equal(maps[9], expected)
    assert [file.name for file in folder.iterdir()] == ["000008.npy"]
    again = store.Store(maps.address, 18)
    monkeypatch.setattr(maps._place, "read", None)  # there is no need to
    for opened in (maps, again):
        np.testing.assert_array_equal(opened[9], expected)


def test_without_a_bucket_nothing_is_computed(manifest, computed, far, monkeypatch):
    monkeypatch.setenv("SER_STORE", f"{far}-of-nobody/stores")
    with pytest.raises(StoreError, match=r"of-nobody/stores/.* cannot be written"):
        build(manifest)
    assert computed == []


# On a full disk


def test_a_full_disk_costs_only_what_did_not_fit(workspace, tmp_path, make_table, on_a_small_disk):
    table = make_table(tmp_path / "corpus", each=25)
    manifest = corpora.load("table", table)
    expected = content(folder_of(store.build(manifest, workers=0)))
    told = on_a_small_disk(
        f"""
        from ser_lib import corpora
        from ser_lib.core.errors import SpaceError
        from ser_lib.features import store

        manifest = corpora.load("table", {str(table)!r})
        try:
            store.build(manifest, workers=2)
        except SpaceError as error:
            told["error"] = str(error)
        features = disk / "data" / "features"
        (folder,) = features.iterdir()
        sizes = {{file.name: file.stat().st_size for file in folder.iterdir()}}
        told["kept"], told["files"] = sizes, sorted(map(str, disk.rglob("*")))
        enlarge()
        steps = []
        store.build(manifest, workers=2, progress=lambda *step: steps.append(step))
        told["steps"] = steps
        told["bytes"] = {{file.name: file.read_bytes().hex() for file in folder.iterdir()}}
        """,
        kilobytes=3_000,
    )
    assert re.search(r" \S+/\d{6}\.npy \(No space left on device\)", told["error"])
    kept = told["kept"]
    assert 2 <= len(kept) < len(expected), "lengths and a chunk at least, but not all"
    assert kept == {name: len(expected[name]) for name in kept}
    assert not [file for file in told["files"] if Path(file).name.startswith(".")]
    done = min(225, 64 * (len(kept) - 1))
    assert len(told["steps"]) == len(expected) - len(kept)
    assert told["steps"][-1] == [225, 225]
    assert told["steps"][0][0] > done - 64
    assert {name: bytes.fromhex(text) for name, text in told["bytes"].items()} == expected


def test_copies_are_built_together_as_one_by_one(manifest):
    own = copies.SETS["speed"]
    seen: list[tuple[int, int]] = []
    stores = store.build_all(manifest, own, workers=0, progress=lambda *n: seen.append(n))
    assert seen[-1] == (len(own) * len(manifest.table),) * 2
    for copy, together in zip(own, stores, strict=True):
        alone = store.build(manifest, copy=copy, workers=0)
        assert alone.address == together.address
        np.testing.assert_array_equal(alone[1], together[1])


def test_joined_corpora_share_the_stores_of_each(table, tmp_path, make_table, computed):
    """What was computed of one corpus is not computed again beside another."""
    other = make_table(tmp_path / "other", speakers=("x", "y"))
    tables = [corpora.load("table", file) for file in (table, other)]
    part, last = (replace(one, corpus=name) for one, name in zip(tables, "ab", strict=True))
    both = _join("a,b", [part, last])
    apart = [build(one) for one in (part, last)]
    del computed[:]
    maps = build(both)
    assert not computed
    assert len(maps) == len(both.table) == 30
    expected = [own[i] for own in apart for i in range(len(own))]
    for position, one in enumerate(expected):
        np.testing.assert_array_equal(maps[position], one)
    again = pickle.loads(pickle.dumps(maps))
    np.testing.assert_array_equal(again[18], expected[18])
    numbers = functionals.table(both, "stack", workers=0)
    np.testing.assert_array_equal(numbers[18:], functionals.table(last, "stack", workers=0))
