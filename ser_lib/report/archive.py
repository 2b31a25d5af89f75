"""A report as one ZIP that lasts, described by RO-Crate 1.1: for Zenodo, NeuroLibre, a supplement.

It holds the book with its executed notebooks; the record, predictions, history and split of every
run that these name; what the environment is made from; licence, citation and checksums. There is no
audio but the excerpts of the book, and no model of a megabyte or more: a network is trained again
from its record. The same book gives the same bytes.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from io import BytesIO
from mimetypes import MimeTypes
from pathlib import Path
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import yaml

import ser_lib
from ser_lib.core.files import SUMS, resource, write_atomically
from ser_lib.corpora import CATALOGUE
from ser_lib.experiments import run
from ser_lib.experiments.run import Run
from ser_lib.report import shelf
from ser_lib.report.checks.links import read_notebook

CRATE = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/ro/crate/1.1"
ABOUT = ("CITATION.cff", "LICENSE", "environment.yml", "requirements.lock")
LARGEST = 1_000_000  # bytes of a model that stays with its run
_KINDS = {
    ".ipynb": "application/x-ipynb+json", ".cff": "application/yaml", ".yml": "application/yaml",
    ".woff2": "font/woff2", ".ttf": "font/ttf", ".md": "text/markdown", ".wasm": "application/wasm",
    ".json": "application/json", **dict.fromkeys(("", ".lock", ".po", ".rst"), "text/plain"),
}  # fmt: skip


def write(html: Path, target: Path, *, workspace: Path) -> Path:
    """Write the archive of a built book, the folder with its ``index.html``, and return `target`.

    The workspace has the runs that its notebooks name; a `RecordError` says which is not there or
    not as it was written.
    """
    sources = sorted((html / "_sources" / "runs").glob("*.ipynb"))
    named = {page.stem: shelf.records(read_notebook(page)) for page in sources}
    runs = {
        name: run.read(workspace / "runs" / name)
        for name in sorted({name for names in named.values() for name in names})
    }
    contents = {name: resource(name, workspace).read_bytes() for name in ABOUT}
    contents |= _folder(html, "book")
    for name, one in runs.items():
        contents |= _run(one, f"runs/{name}")
    names = sorted([*contents, SUMS])
    graph = _graph(names, named, runs, yaml.safe_load(contents["CITATION.cff"]))
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


def _folder(folder: Path, name: str) -> dict[str, bytes]:
    files = [file for file in folder.rglob("[!.]*") if file.is_file()]
    return {f"{name}/{file.relative_to(folder).as_posix()}": file.read_bytes() for file in files}


def _run(one: Run, name: str) -> dict[str, bytes]:
    """Return a run's files without a large model, with checksums of those that stay."""
    contents = _folder(one.folder, "")
    model = {file for file in contents if file.startswith("/bundle/")}
    large = sum(len(contents[file]) for file in model) >= LARGEST
    dropped = {f"/{SUMS}"} | (model if large else set())
    contents = {file[1:]: contents[file] for file in sorted(contents.keys() - dropped)}
    return {f"{name}/{file}": body for file, body in (contents | {SUMS: _sums(contents)}).items()}


def _sums(contents: Mapping[str, bytes]) -> bytes:
    lines = (f"{sha256(body).hexdigest()}  {name}\n" for name, body in contents.items())
    return "".join(lines).encode()


def _graph(
    names: list[str],
    named: Mapping[str, list[str]],
    runs: Mapping[str, Run],
    citation: Mapping,
) -> list[dict]:
    """Return the crate's entities: files, folders, runs as actions, corpora, software, authors."""
    corpora = sorted({part for name in runs for part in name.partition("/")[0].split(",")})
    titles = " and ".join(CATALOGUE[name].title for name in corpora)
    folders = {"book/": "The book, with its executed notebooks in _sources/runs/"}
    folders |= {f"runs/{name}/": f"The run {one!r}" for name, one in runs.items()}
    authors = [_author(one) for one in citation["authors"]]
    licence = f"https://spdx.org/licenses/{citation['license']}"
    files = [_file(name) for name in names]
    for file in files:
        page = file["@id"].removeprefix("book/_sources/runs/").removesuffix(".ipynb")
        if named.get(page):
            file["isBasedOn"] = _links(f"runs/{name}/" for name in named[page])
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{citation['title']} ({titles})",
        "description": citation["abstract"],
        "datePublished": max(one.record.started for one in runs.values())[:10],
        "license": {"@id": licence},
        "author": _links(author["@id"] for author in authors),
        "keywords": ", ".join(citation["keywords"]),
        "hasPart": _links([*ABOUT, SUMS, *folders]),
        "mentions": _links(f"#{name}" for name in runs),
    }
    return [
        {
            "@id": CRATE,
            "@type": "CreativeWork",
            "conformsTo": {"@id": PROFILE},
            "about": {"@id": "./"},
        },
        root,
        *files,
        *(
            {
                "@id": _id(folder),
                "@type": "Dataset",
                "name": about,
                "hasPart": _links(name for name in names if name.startswith(folder)),
            }
            for folder, about in folders.items()
        ),
        *(_action(name, one, named) for name, one in runs.items()),
        *(_corpus(name) for name in corpora),
        {
            "@id": "#ser-lib",
            "@type": "SoftwareApplication",
            "name": "ser-lib",
            "softwareVersion": ser_lib.__version__,
            "license": {"@id": licence},
            "softwareRequirements": {"@id": "requirements.lock"},
        },
        {"@id": licence, "@type": "CreativeWork", "name": citation["license"]},
        *authors,
    ]


def _links(names: Iterable[str]) -> list[dict] | dict:
    """Return links to entities; of one, the link alone."""
    links = [{"@id": _id(name)} for name in names]
    return links if len(links) > 1 else links[0]


def _id(name: str) -> str:
    return quote(name, safe="#%/:,")


def _file(name: str) -> dict:
    guess, _ = MimeTypes().guess_type(name)  # without the types of the machine
    kind = _KINDS.get(Path(name).suffix) or guess or "application/octet-stream"
    about = {"name": Path(name).name, "encodingFormat": kind}
    return {"@id": _id(name), "@type": "File"} | about


def _author(about: Mapping) -> dict:
    name = about.get("name") or f"{about.get('given-names', '')} {about['family-names']}".strip()
    kind = "Person" if "family-names" in about else "Organization"
    return {"@id": about.get("orcid", _id(f"#{name}")), "@type": kind, "name": name}


def _action(name: str, one: Run, named: Mapping[str, list[str]]) -> dict:
    """Return what made a run: the library and the page of its method, from its corpora."""
    start = datetime.fromisoformat(one.record.started)
    end = start + timedelta(seconds=round(one.record.duration_s))
    pages = [page for page, names in named.items() if name in names]
    page = one.architecture if one.architecture in pages else pages[0]
    return {
        "@id": _id(f"#{name}"),
        "@type": "CreateAction",
        "name": f"{one.title} on {one.record.corpus.title}, protocol {one.protocol}",
        "startTime": start.isoformat(),
        "endTime": end.isoformat(),
        "instrument": _links(["#ser-lib", f"book/_sources/runs/{page}.ipynb"]),
        "object": _links(f"#corpus-{part}" for part in one.record.corpus.name.split(",")),
        "result": _links([f"runs/{name}/"]),
    }


def _corpus(name: str) -> dict:
    corpus = CATALOGUE[name]
    about = {"name": corpus.title, "description": f"From: {corpus.home}", "license": corpus.licence}
    address = {"url": corpus.url} if corpus.url else {}
    return {"@id": f"#corpus-{name}", "@type": "Dataset"} | about | address
