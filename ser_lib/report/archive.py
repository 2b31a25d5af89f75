"""A report as one ZIP that lasts, described by RO-Crate 1.1: for Zenodo, NeuroLibre, a supplement.

It holds the book with its executed notebooks; the record, predictions, history and split of every
run that these name; what the environment is made from; licence, citation and checksums. There is no
audio but the excerpts of the book, and no model: one is trained again from its record. The same
book gives the same bytes.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import yaml

import ser_lib
from ser_lib.core.files import SUMS, resource, write_atomically
from ser_lib.corpora import CATALOGUE
from ser_lib.experiments import run
from ser_lib.report import shelf
from ser_lib.report.checks.links import read_notebook

CRATE = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/ro/crate/1.1"
ABOUT = ("CITATION.cff", "LICENSE", "environment.yml", "requirements.lock")


def write(html: Path, target: Path, *, workspace: Path) -> Path:
    """Write the archive of a built book, the folder with its ``index.html``, and return `target`.

    The workspace has the runs that its notebooks name; a `RecordError` says which is not there or
    not as it was written.
    """
    pages = map(read_notebook, (html / "_sources" / "runs").glob("*.ipynb"))
    names = sorted({name for page in pages for name in shelf.records(page)})
    runs = {name: run.read(workspace / "runs" / name) for name in names}
    contents = {name: resource(name, workspace).read_bytes() for name in ABOUT}
    contents |= {f"book/{name}": content for name, content in _files(html).items()}
    for name, one in runs.items():
        kept = _files(one.folder, but=(SUMS, "bundle/"))
        kept[SUMS] = _sums(kept)
        contents |= {f"runs/{name}/{file}": content for file, content in kept.items()}
    graph = _graph(runs, yaml.safe_load(contents["CITATION.cff"]))
    crate = json.dumps({"@context": f"{PROFILE}/context", "@graph": graph}, indent=1)
    contents = {CRATE: f"{crate}\n".encode()} | dict(sorted(contents.items()))
    contents[SUMS] = _sums(contents)
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            about = ZipInfo(name)  # of 1980, and of a system and rights that are always the same
            about.create_system, about.external_attr = 3, 0o644 << 16
            archive.writestr(about, content, ZIP_DEFLATED)
    write_atomically(target, buffer.getvalue())
    return target


def _files(folder: Path, *, but: tuple[str, ...] = ()) -> dict[str, bytes]:
    """Read a folder by the names in it, without those that begin so."""
    files = sorted(file for file in folder.rglob("[!.]*") if file.is_file())
    named = {file.relative_to(folder).as_posix(): file for file in files}
    return {name: file.read_bytes() for name, file in named.items() if not name.startswith(but)}


def _sums(contents: Mapping[str, bytes]) -> bytes:
    lines = (f"{sha256(body).hexdigest()}  {name}\n" for name, body in contents.items())
    return "".join(lines).encode()


def _graph(runs: Mapping[str, run.Run], citation: Mapping) -> list[dict]:
    """Return the crate's entities: files, folders, runs as actions, corpora, software, authors."""
    corpora = sorted({part for one in runs.values() for part in one.record.corpus.name.split(",")})
    titles = " and ".join(CATALOGUE[name].title for name in corpora)
    authors = [_author(one) for one in citation["authors"]]
    licence = f"https://spdx.org/licenses/{citation['license']}"
    folders = {"book/": "The book, with its executed notebooks in _sources/runs/"}
    folders |= {f"runs/{name}/": f"The run {one!r}" for name, one in runs.items()}
    root = {
        "name": f"{citation['title']} ({titles})",
        "description": citation["abstract"],
        "datePublished": max(one.record.started for one in runs.values())[:10],
        "license": {"@id": licence},
        "author": _links(author["@id"] for author in authors),
        "keywords": ", ".join(citation["keywords"]),
        "hasPart": _links([*ABOUT, SUMS, *folders]),
        "mentions": _links(f"#{name}" for name in runs),
    }
    software = {
        "name": "ser-lib",
        "softwareVersion": ser_lib.__version__,
        "license": {"@id": licence},
        "softwareRequirements": {"@id": "requirements.lock"},
    }
    about = {"conformsTo": {"@id": PROFILE}, "about": {"@id": "./"}}
    return [
        _entity(CRATE, "CreativeWork", **about),
        _entity("./", "Dataset", **root),
        *(_entity(name, "File", name=name) for name in (*ABOUT, SUMS)),
        *(_entity(name, "Dataset", name=words) for name, words in folders.items()),
        *(_action(name, one) for name, one in runs.items()),
        *(_corpus(name) for name in corpora),
        _entity("#ser-lib", "SoftwareApplication", **software),
        _entity(licence, "CreativeWork", name=citation["license"]),
        *authors,
    ]


def _entity(place: str, kind: str, **about) -> dict:
    return {"@id": _id(place), "@type": kind, **about}


def _links(names: Iterable[str]) -> list[dict] | dict:
    """Return links to entities; of one, the link alone."""
    links = [{"@id": _id(name)} for name in names]
    return links if len(links) > 1 else links[0]


def _id(name: str) -> str:
    return quote(name, safe="#%/:,")


def _author(about: Mapping) -> dict:
    name = about.get("name") or f"{about.get('given-names', '')} {about['family-names']}".strip()
    kind = "Person" if "family-names" in about else "Organization"
    return _entity(about.get("orcid", f"#{name}"), kind, name=name)


def _action(name: str, one: run.Run) -> dict:
    """Return what made a run: the library, from its corpora."""
    start = datetime.fromisoformat(one.record.started)
    return _entity(
        f"#{name}",
        "CreateAction",
        name=f"{one.title} on {one.record.corpus.title}, protocol {one.protocol}",
        startTime=start.isoformat(),
        endTime=(start + timedelta(seconds=round(one.record.duration_s))).isoformat(),
        instrument=_links(["#ser-lib"]),
        object=_links(f"#corpus-{part}" for part in one.record.corpus.name.split(",")),
        result=_links([f"runs/{name}/"]),
    )


def _corpus(name: str) -> dict:
    corpus = CATALOGUE[name]
    address = {"url": corpus.url} if corpus.url else {}
    about = {"description": f"From: {corpus.home}", "license": corpus.licence, **address}
    return _entity(f"#corpus-{name}", "Dataset", name=corpus.title, **about)
