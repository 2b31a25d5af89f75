"""Files: where the workspace is, hashes, what is there whole or not at all, places anywhere."""

import builtins
import errno
import os
import re
import shutil
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_lib.core import files as room
from ser_lib.core.errors import SpaceError, StoreError
from ser_lib.core.files import (
    Place,
    digest,
    fresh_folder,
    room_for,
    sources,
    write_atomically,
)
from ser_lib.core.files import workspace as find

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


def make_report(folder: Path) -> Path:
    (folder / "notebooks").mkdir(parents=True)
    (folder / "_config.yml").touch()
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A folder that belongs to no report, with the library away from its checkout too."""
    monkeypatch.delenv("SER_WORKSPACE", raising=False)
    monkeypatch.setattr(room, "_LIBRARY", tmp_path / "site-packages" / "ser_lib")
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_the_variable_comes_first(nowhere, monkeypatch):
    make_report(nowhere)
    monkeypatch.setenv("SER_WORKSPACE", "/somewhere/else")
    assert find() == Path("/somewhere/else")


def test_a_relative_variable_means_the_same_after_a_change_of_folder(nowhere, monkeypatch):
    # A notebook's kernel runs in the workspace, and must find the same one from there.
    monkeypatch.setenv("SER_WORKSPACE", "report")
    found = find()
    assert found == nowhere / "report"
    assert found.is_absolute()


def test_the_nearest_report_upward(nowhere, monkeypatch):
    report = make_report(nowhere / "outer" / "report")
    make_report(nowhere / "outer" / "other")
    deep = report / "notebooks" / "deep"
    deep.mkdir()
    monkeypatch.chdir(deep)
    assert find() == report


def test_the_checkout_of_the_library(nowhere, tmp_path):
    make_report(tmp_path / "site-packages")
    assert find() == tmp_path / "site-packages"


@pytest.mark.parametrize("only", ["_config.yml", "notebooks"])
def test_a_folder_that_is_no_report_is_passed_over(nowhere, monkeypatch, only):
    half = nowhere / "half"
    half.mkdir()
    (half / only).mkdir() if only == "notebooks" else (half / only).touch()
    monkeypatch.chdir(half)
    assert find() == half  # the current folder, for want of a better one
    make_report(nowhere)
    assert find() == nowhere


@given(st.lists(JSON, max_size=4), st.lists(JSON, max_size=4))
def test_digests_are_equal_for_equal_parts_only(a, b):
    same = [repr(part) for part in a] == [repr(part) for part in b]
    if same:
        assert digest(*a) == digest(*b)
    elif digest(*a) == digest(*b):
        # Only the order of a dictionary's names may differ.
        assert a == b


def test_digest_knows_its_parts_apart():
    values = [("ab",), ("a", "b"), ("a", "b", ""), (["a", "b"],), (1,), ("1",), (True,), (None,)]
    assert len({digest(*value) for value in values}) == len(values)
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest(b"ab", b"c") != digest(b"a", b"bc"), "a line may not wander from file to file"


def test_digest_reads_files(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"one")
    before = digest(file)
    assert before == digest(b"one")
    file.write_bytes(b"two")
    assert digest(file) != before


def test_sources_are_the_code_of_the_library_in_a_fixed_order():
    found = sources()
    assert found == sorted(found)
    relative = {file.relative_to(Path(room.__file__).parents[1]).as_posix() for file in found}
    assert {"core/errors.py", "corpora/readers/emodb.py", "report/notebooks.py"} <= relative
    assert {file.suffix for file in found} <= {".py", ".yml", ".csv"}
    assert not any("__pycache__" in file.parts for file in found)


def test_sources_of_named_rooms():
    assert [file.name for file in sources("experiments/splits.py", "core/errors.py")] == [
        "errors.py",
        "splits.py",
    ]
    assert "emodb.py" in [file.name for file in sources("corpora")]


@pytest.mark.parametrize("name", ["split.py", "corpus"])
def test_a_room_that_does_not_exist_is_not_passed_over(name):
    # A key that silently misses a room would serve stale results.
    with pytest.raises(FileNotFoundError, match=name):
        sources("core/errors.py", name)


def test_a_fresh_folder_appears_when_it_is_complete(tmp_path):
    target = tmp_path / "deep" / "target"
    with fresh_folder(target) as folder:
        (folder / "file").write_text("new")
        assert not target.exists()
    assert names(target) == ["file"]
    assert names(target.parent) == ["target"]
    assert target.stat().st_mode & 0o777 == 0o755


def test_a_fresh_folder_replaces_an_old_one(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").touch()
    with fresh_folder(target) as folder:
        (folder / "new").touch()
        assert names(target) == ["old"]
    assert names(target) == ["new"]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_after_an_error_the_old_folder_stays_and_nothing_else(tmp_path, kind):
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").touch()

    def fail():
        with fresh_folder(target) as folder:
            (folder / "half").touch()
            raise kind

    with pytest.raises(kind):
        fail()
    assert names(tmp_path) == ["target"]
    assert names(target) == ["old"]


@pytest.mark.parametrize("content", ["text with an umlaut: \u00e4", b"\x00\xff"])
def test_write_atomically(tmp_path, content):
    target = tmp_path / "deep" / "file"
    for _ in range(2):
        write_atomically(target, content)
    assert target.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert names(target.parent) == ["file"]


@pytest.mark.parametrize("kind", [OSError(errno.EIO, "broken"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path, monkeypatch, kind):
    target = tmp_path / "file"
    target.write_text("old")

    def half(self, content):
        with self.open("wb") as file:
            file.write(content[:1])
        raise kind

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(type(kind)):
        write_atomically(target, "new")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


FULL = [errno.ENOSPC, errno.EDQUOT, errno.EFBIG]


@pytest.mark.parametrize("code", FULL)
def test_a_full_disk_is_told_in_one_sentence(tmp_path, monkeypatch, code):
    def full(self, content):
        self.touch()
        raise OSError(code, os.strerror(code), str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    said = re.escape(
        f"no space left to write {tmp_path / 'file'} ({os.strerror(code)}); what was finished is "
        "kept: free some space and run the same command again"
    )
    with pytest.raises(SpaceError, match=f"^{said}$"):
        write_atomically(tmp_path / "file", "new")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("code", FULL)
def test_a_folder_that_does_not_fit_leaves_the_old_one(tmp_path, code):
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").touch()

    def fail():
        with fresh_folder(target) as folder:
            (folder / "half").touch()
            raise OSError(code, os.strerror(code))

    with pytest.raises(SpaceError, match=rf"no space left to write {target} "):
        fail()
    assert names(tmp_path) == ["target"]
    assert names(target) == ["old"]


def test_a_copy_that_does_not_fit_is_told_too(tmp_path):
    def full(source, target, **_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").touch()
    with pytest.raises(SpaceError, match="no space left to write the copy"), room_for("the copy"):
        shutil.copytree(tmp_path / "source", tmp_path / "copy", copy_function=full)
    with pytest.raises(shutil.Error), room_for("the copy"):
        shutil.copytree(tmp_path / "source", tmp_path / "other", copy_function=refused)


def refused(source, target, **_):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))


def test_other_errors_of_the_system_stay_what_they_are(tmp_path):
    with pytest.raises(FileExistsError):
        write_atomically(Path(__file__) / "file", "new")
    with pytest.raises(PermissionError), room_for(tmp_path):
        raise PermissionError(errno.EACCES, "not yours")


# Places


@pytest.fixture(params=["folder", "memory", "s3"])
def place(request, tmp_path):
    """An empty place of each kind that can be tried without another machine."""
    if request.param == "folder":
        return Place(tmp_path / "deep" / "place")
    if request.param == "memory":
        return Place(f"memory://{tmp_path}")
    return Place(f"{request.getfixturevalue('bucket')}/deep/place")


def test_what_is_written_is_read_and_listed(place):
    assert place.sizes() == {}
    place.write("one.npy", b"0123456789")
    place.write("two.npy", b"")
    assert place.sizes() == {"one.npy": 10, "two.npy": 0}
    assert place.read("one.npy") == b"0123456789"
    assert place.read("one.npy", 2, 5) == b"234"
    assert place.read("one.npy", 8) == b"89"
    assert place.read("one.npy", 0, 3) == b"012"
    assert place.read("one.npy", 8, 30) == b"89"
    assert place.read("two.npy") == b""


def test_a_file_is_replaced(place):
    place.write("one.npy", b"old and long")
    assert place.sizes() == {"one.npy": 12}
    place.write("one.npy", b"new")
    assert place.read("one.npy") == b"new"
    assert place.sizes() == {"one.npy": 3}


def test_a_place_has_an_address_by_which_others_find_it(place):
    place.write("one.npy", b"content")
    assert Place(place.address).read("one.npy") == b"content"


def test_heads_are_in_order_and_empty_where_nothing_is(place):
    assert list(place.heads([], 4)) == []
    place.write("one.npy", b"0123456789")
    place.write("two.npy", b"ab")
    assert list(place.heads(["two.npy", "none.npy", "one.npy"], 4)) == [b"ab", b"", b"0123"]


def test_a_missing_file_is_named(place):
    with pytest.raises(StoreError, match=rf"{place.address}/none.npy cannot be read"):
        place.read("none.npy")


def test_addresses_of_folders(tmp_path, monkeypatch):
    assert Place(f"file://{tmp_path}").address == str(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Place("~/here").address == str(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    assert Place("here").address == str(tmp_path / "here")
    assert Place("memory://here/").address == "memory://here"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    place = Place(tmp_path / "file")
    with pytest.raises(StoreError, match=r"file/one.npy cannot be read \(Not a directory\)"):
        place.read("one.npy")
    with pytest.raises(StoreError, match=r"file cannot be written \("):
        place.write("one.npy", b"1")
    assert os.listdir(tmp_path) == ["file"]


def test_a_bucket_that_is_not_there_is_not_made(bucket):
    place = Place(f"{bucket}-of-nobody/deep/place")
    assert place.sizes() == {}
    for _ in range(2):
        with pytest.raises(StoreError, match=rf"{place.address} cannot be written \(.*bucket"):
            place.write("one.npy", b"1")


def test_an_address_that_nobody_answers(s3_endpoint):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    s3_endpoint(f"http://127.0.0.1:{port}")
    place = Place("s3://bucket/place")
    why = rf"Could not connect to the endpoint URL: \S+:{port}"
    with pytest.raises(StoreError, match=rf"s3://bucket/place cannot be listed \({why}"):
        place.sizes()
    with pytest.raises(StoreError, match=rf"s3://bucket/place cannot be written \({why}"):
        place.write("one.npy", b"1")
    with pytest.raises(StoreError, match=rf"place/one.npy cannot be read \({why}"):
        place.read("one.npy")


def test_an_address_of_an_unknown_kind():
    with pytest.raises(StoreError, match=r"carrier-pigeon://loft is no address.*s3://bucket/pref"):
        Place("carrier-pigeon://loft")


def test_a_package_that_is_missing_is_named(monkeypatch):
    import_as_usual = builtins.__import__

    def without(name, *rest, **options):
        if name.partition(".")[0] == "gcsfs":
            raise ModuleNotFoundError("No module named 'gcsfs'")
        return import_as_usual(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StoreError, match=r"gs://bucket/place needs one more package \(.*gcsfs"):
        Place("gs://bucket/place")
