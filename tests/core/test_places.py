"""Places: the same answers wherever they lie, and one sentence for each way they cannot be had."""

import builtins
import os
import socket

import pytest

from ser_lib.core import places
from ser_lib.core.errors import StoreError


@pytest.fixture(params=["folder", "memory", "s3"])
def place(request, tmp_path):
    """An empty place of each kind that can be tried without another machine."""
    if request.param == "folder":
        return places.at(tmp_path / "deep" / "place")
    if request.param == "memory":
        return places.at(f"memory://{tmp_path}")
    return places.at(f"{request.getfixturevalue('bucket')}/deep/place")


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
    assert places.at(place.address).read("one.npy") == b"content"


def test_heads_are_in_order_and_empty_where_nothing_is(place):
    assert list(place.heads([], 4)) == []
    place.write("one.npy", b"0123456789")
    place.write("two.npy", b"ab")
    assert list(place.heads(["two.npy", "none.npy", "one.npy"], 4)) == [b"ab", b"", b"0123"]


def test_a_missing_file_is_named(place):
    with pytest.raises(StoreError, match=rf"{place.address}/none.npy cannot be read"):
        place.read("none.npy")


def test_addresses_of_folders(tmp_path, monkeypatch):
    assert places.at(f"file://{tmp_path}").address == str(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert places.at("~/here").address == str(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    assert places.at("here").address == str(tmp_path / "here")
    assert places.at("memory://here/").address == "memory://here"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    place = places.at(tmp_path / "file")
    with pytest.raises(StoreError, match=r"file cannot be listed \(Not a directory\)"):
        place.sizes()
    with pytest.raises(StoreError, match=r"file cannot be written \("):
        place.write("one.npy", b"1")
    assert os.listdir(tmp_path) == ["file"]


def test_a_bucket_that_is_not_there_is_not_made(bucket):
    place = places.at(f"{bucket}-of-nobody/deep/place")
    assert place.sizes() == {}
    for _ in range(2):
        with pytest.raises(StoreError, match=rf"{place.address} cannot be written \(.*bucket"):
            place.write("one.npy", b"1")


def test_an_address_that_nobody_answers(s3_endpoint):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    s3_endpoint(f"http://127.0.0.1:{port}")
    place = places.at("s3://bucket/place")
    why = rf"Could not connect to the endpoint URL: \S+:{port}"
    with pytest.raises(StoreError, match=rf"s3://bucket/place cannot be listed \({why}"):
        place.sizes()
    with pytest.raises(StoreError, match=rf"s3://bucket/place cannot be written \({why}"):
        place.write("one.npy", b"1")
    with pytest.raises(StoreError, match=rf"place/one.npy cannot be read \({why}"):
        place.read("one.npy")


def test_an_address_of_an_unknown_kind():
    with pytest.raises(StoreError, match=r"carrier-pigeon://loft is no address.*s3://bucket/pref"):
        places.at("carrier-pigeon://loft")


@pytest.mark.parametrize(
    ("address", "package", "said"),
    [
        (
            "s3://bucket/place",
            "fsspec",
            r"s3://bucket/place is read .*pip install 'ser-lib\[clus",
        ),
        ("gs://bucket/place", "gcsfs", r"gs://bucket/place needs one more package \(.*gcsfs"),
    ],
)
def test_a_package_that_is_missing_is_named(monkeypatch, address, package, said):
    import_as_usual = builtins.__import__

    def without(name, *rest, **options):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named '{package}'")
        return import_as_usual(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StoreError, match=said):
        places.at(address)
