"""Files: where the workspace is, hashes, what is there whole or not at all, places anywhere."""

import errno
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ser_lib.core import files as room
from ser_lib.core.errors import SpaceError, StoreError
from ser_lib.core.files import (
    Place,
    check_writable,
    digest,
    fresh_folder,
    room_for,
    sources,
    write_atomically,
)
from ser_lib.core.files import workspace as find


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
    monkeypatch.setattr(room, "LIBRARY", tmp_path / "site-packages" / "ser_lib")
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_the_variable_comes_first_and_is_absolute(nowhere, monkeypatch):
    # A notebook's kernel runs in the workspace, and must find the same one from there.
    make_report(nowhere)
    for named, meant in (("/somewhere/else", "/somewhere/else"), ("report", nowhere / "report")):
        monkeypatch.setenv("SER_WORKSPACE", named)
        assert find() == Path(meant)


def test_the_nearest_report_upward_then_the_checkout(nowhere, tmp_path, monkeypatch):
    make_report(tmp_path / "site-packages")
    assert find() == tmp_path / "site-packages"
    report = make_report(nowhere / "outer" / "report")
    make_report(nowhere / "outer" / "other")
    monkeypatch.chdir(report / "notebooks")
    assert find() == report


@pytest.mark.parametrize("only", ["_config.yml", "notebooks"])
def test_a_folder_that_is_no_report_is_passed_over(nowhere, monkeypatch, only):
    half = nowhere / "half"
    half.mkdir()
    (half / only).mkdir() if only == "notebooks" else (half / only).touch()
    monkeypatch.chdir(half)
    assert find() == half  # the current folder, for want of a better one
    make_report(nowhere)
    assert find() == nowhere


def test_digest_knows_its_parts_apart(tmp_path):
    values = [("ab",), ("a", "b"), ("a", "b", ""), (["a", "b"],), (1,), ("1",), (True,), (None,)]
    assert len({digest(*value) for value in values}) == len(values)
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"b": 1, "a": 2})
    assert digest(b"ab", b"c") != digest(b"a", b"bc"), "a line may not wander from file to file"
    file = tmp_path / "file"
    file.write_bytes(b"one")
    assert digest(file) == digest(b"one") != digest(b"two")


def test_sources_are_the_code_of_the_library_in_a_fixed_order():
    found = sources()
    assert found == sorted(found)
    relative = {file.relative_to(Path(room.__file__).parents[1]).as_posix() for file in found}
    assert {"core/errors.py", "corpora/readers/emodb.py", "report/notebooks.py"} <= relative
    assert {file.suffix for file in found} <= {".py", ".yml", ".csv"}
    named = [file.name for file in sources("experiments/splits.py", "core/errors.py")]
    assert named == ["errors.py", "splits.py"]
    assert "emodb.py" in [file.name for file in sources("corpora")]


@pytest.mark.parametrize("name", ["split.py", "corpus"])
def test_a_room_that_does_not_exist_is_not_passed_over(name):
    # A key that silently misses a room would serve stale results.
    with pytest.raises(FileNotFoundError, match=name):
        sources("core/errors.py", name)


def test_a_fresh_folder_appears_when_it_is_complete(tmp_path):
    target = tmp_path / "deep" / "target"
    with fresh_folder(target) as folder:
        (folder / "old").touch()
        assert not target.exists()
    assert names(target.parent) == ["target"]
    assert target.stat().st_mode & 0o777 == 0o755
    with fresh_folder(target) as folder:
        (folder / "new").touch()
        assert names(target) == ["old"]
    assert names(target) == ["new"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    killed, young, mine = (tmp_path / f".{name}-x.ser-part" for name in ("a", "b", "c"))
    for folder in (killed, young, mine, tmp_path / ".d-x"):
        folder.mkdir()
        (folder / "half").touch()
        if folder != young:
            os.utime(folder, (0, 0))
    handle = os.open(mine, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)  # as a process that is at work
    with fresh_folder(tmp_path / "target"):
        pass
    os.close(handle)
    assert names(tmp_path) == [".b-x.ser-part", ".c-x.ser-part", ".d-x", "target"]


def test_one_after_the_other(tmp_path):
    inside, most = [], []

    def enter(_):
        with room.alone(tmp_path / "deep" / "lock"):
            inside.append(1)
            time.sleep(0.01)
            most.append(len(inside))
            inside.pop()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(enter, range(4)))
    assert most == [1] * 4


@pytest.mark.parametrize("change", ["none", "changed", "gone", "new", "no sums", "cut"])
def test_what_was_altered_is_named(tmp_path, change):
    for name in ("a", "deep/b c", ".hidden"):
        write_atomically(tmp_path / name, name)
    room.seal(tmp_path)
    done = subprocess.run(["sha256sum", "--check", room.SUMS], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0
    file, sums = tmp_path / "deep" / "b c", tmp_path / room.SUMS
    write_atomically(tmp_path / ".hidden", "other")
    if change == "changed":
        file.write_text("B c")
    elif change == "gone":
        file.unlink()
    elif change == "new":
        (tmp_path / "new").touch()
    elif change == "no sums":
        sums.unlink()
    elif change == "cut":
        sums.write_text(sums.read_text().splitlines()[0])
    expected = {"none": [], "new": ["new"], "no sums": [room.SUMS]}
    assert room.altered(tmp_path) == expected.get(change, ["deep/b c"])


FULL = [OSError(n, os.strerror(n)) for n in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)]
OTHER = [OSError(errno.EIO, "broken"), ValueError()]
ERRORS = [(error, SpaceError) for error in FULL]
ERRORS += [(error, type(error)) for error in (*OTHER, KeyboardInterrupt())]


@pytest.mark.parametrize(("error", "kind"), ERRORS)
def test_after_an_error_the_old_folder_stays_and_nothing_else(tmp_path, error, kind):
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").touch()

    def fail():
        with fresh_folder(target) as folder:
            (folder / "half").touch()
            raise error

    with pytest.raises(kind) as caught:
        fail()
    if kind is SpaceError:
        assert f"no space left to write {target} " in str(caught.value)
    assert names(tmp_path) == ["target"]
    assert names(target) == ["old"]


@pytest.mark.parametrize("content", ["text with an umlaut: \u00e4", b"\x00\xff"])
def test_write_atomically(tmp_path, content):
    target = tmp_path / "deep" / "file"
    for _ in range(2):
        write_atomically(target, content)
    assert target.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert names(target.parent) == ["file"]


@pytest.mark.parametrize(("error", "kind"), ERRORS)
def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path, monkeypatch, error, kind):
    target = tmp_path / "file"
    target.write_text("old")

    def half(self, content):
        with self.open("wb") as file:
            file.write(content[:1])
        raise error

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(kind) as caught:
        write_atomically(target, "new")
    if kind is SpaceError:
        assert f"no space left to write {target} ({error.strerror}); " in str(caught.value)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_workspace_that_cannot_be_written_is_told_with_the_way_out(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SER_WORKSPACE", str(tmp_path / "file"))
    with pytest.raises(
        SpaceError, match=r"cannot be written \(.*\); .* SER_WORKSPACE names another"
    ):
        check_writable()
    monkeypatch.setenv("SER_WORKSPACE", str(tmp_path / "other"))
    check_writable()
    assert names(tmp_path / "other" / "runs") == []


@pytest.mark.parametrize(("code", "kind"), [(errno.ENOSPC, SpaceError), (errno.EACCES, OSError)])
def test_a_copy_that_does_not_fit_is_told_too(tmp_path, code, kind):
    def full(source, target, **_):
        raise OSError(code, os.strerror(code), str(target))

    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").touch()
    with pytest.raises(kind) as caught, room_for("the copy"):
        shutil.copytree(tmp_path / "source", tmp_path / "copy", copy_function=full)
    assert ("no space left to write the copy" in str(caught.value)) is (kind is SpaceError)


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
    place.write("one.npy", b"old and longer")
    assert place.sizes() == {"one.npy": 14}
    place.write("one.npy", b"0123456789")
    place.write("two.npy", b"")
    assert place.sizes() == {"one.npy": 10, "two.npy": 0}
    for start, stop in ((0, None), (2, 5), (8, None), (0, 3), (8, 30)):
        assert place.read("one.npy", start, stop) == b"0123456789"[start:stop]
    assert place.read("two.npy") == b""
    assert Place(place.address).read("one.npy") == b"0123456789", "others find it by its address"
    with pytest.raises(StoreError, match=rf"{place.address}/none.npy cannot be read"):
        place.read("none.npy")


def test_heads_are_in_order_and_empty_where_nothing_is(place):
    assert list(place.heads([], 4)) == []
    place.write("one.npy", b"0123456789")
    place.write("two.npy", b"ab")
    assert list(place.heads(["two.npy", "none.npy", "one.npy"], 4)) == [b"ab", b"", b"0123"]


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


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(StoreError, match=r"cannot reach gs://bucket/place \(.*gcsfs"):
        Place("gs://bucket/place")
    with pytest.raises(StoreError, match=r"carrier-pigeon://loft .*s3://bucket/pref"):
        Place("carrier-pigeon://loft")
