"""The archive of the small book, read by RO-Crate's own library and by ours."""

import json
import zipfile
from dataclasses import asdict

import pytest
import small_book
from small_book import CORPUS, NETWORKS

from ser_lib.core.files import SUMS, altered
from ser_lib.corpora import CATALOGUE
from ser_lib.experiments import run
from ser_lib.report import archive

RUNS = [f"{CORPUS}/{name}-speaker-0123" for name in NETWORKS]


@pytest.fixture(scope="module")
def packed(workspace, html, tmp_path_factory):
    target = tmp_path_factory.mktemp("archive") / "demo.zip"
    return archive.write(html, target, workspace=workspace)


@pytest.fixture(scope="module")
def unpacked(packed):
    folder = packed.with_suffix("")
    with zipfile.ZipFile(packed) as opened:
        opened.extractall(folder)
    return folder


def test_it_is_whole_and_always_the_same(packed, unpacked, workspace, html):
    again = archive.write(html, packed.with_name("again.zip"), workspace=workspace)
    assert again.read_bytes() == packed.read_bytes()
    assert altered(unpacked) == altered(unpacked / "book") == []
    assert not list(unpacked.rglob("*.wav"))
    names = zipfile.ZipFile(packed).namelist()
    assert names[0] == archive.CRATE
    assert {*archive.ABOUT, SUMS, "book/index.html", "book/_sources/runs/cnn.ipynb"} < {*names}


def test_its_runs_are_read_as_those_of_a_workspace(unpacked):
    for name, architecture in zip(RUNS, NETWORKS, strict=True):
        one = run.read(unpacked / "runs" / name)
        assert asdict(one.record) == small_book.record(architecture)
        assert len(one.predictions) == len(small_book.run(architecture).predictions)


def test_the_library_of_ro_crate_finds_all_in_it(packed, unpacked):
    from rocrate.rocrate import ROCrate

    crate = ROCrate(packed)
    files = {entity.id for entity in crate.get_entities() if entity.type == "File"}
    assert files == {*archive.ABOUT, SUMS} < {*zipfile.ZipFile(packed).namelist()}
    root = crate.root_dataset
    assert root["datePublished"] == "2026-01-01"
    assert root["license"].id == "https://spdx.org/licenses/MIT"
    assert root["author"]["name"] == "The ser-lib authors"
    parts = {part.id for part in root["hasPart"]}
    assert {entity.id for entity in crate.data_entities} == parts, "all is below the root"

    actions = crate.get_by_type("CreateAction")
    assert [action["result"].id for action in actions] == [f"runs/{name}/" for name in sorted(RUNS)]
    assert actions[0]["instrument"]["name"] == "ser-lib"
    assert actions[0]["endTime"] == "2026-01-01T00:05:21+00:00"
    corpus = actions[0]["object"]
    assert (corpus.type, corpus["license"]) == ("Dataset", CATALOGUE[CORPUS].licence)


def test_what_it_names_is_there(unpacked):
    graph = json.loads((unpacked / archive.CRATE).read_text())["@graph"]
    known = {entity["@id"] for entity in graph}
    assert len(known) == len(graph)
    links = {link for entity in graph for value in entity.values() for one in
             (value if isinstance(value, list) else [value]) if isinstance(one, dict)
             for link in one.values()}  # fmt: skip
    assert links - known == {archive.PROFILE}


@pytest.mark.parametrize(
    ("name", "address"),
    [("emodb", "https://zenodo.org/records/7447302"), ("savee", ""),
     ("ravdess", "https://zenodo.org/records/1188976"), ("tess", "https://doi.org/10.5683/SP2/E8H2MF"),
     ("meld", "https://github.com/declare-lab/MELD")],
)  # fmt: skip
def test_homes_of_corpora_have_their_address(name, address):
    assert CATALOGUE[name].url == address
