"""Several reports side by side: their names, where they lie, and the page that lists them.

A report has a name, by default that of its corpus. What lies where, under the workspace:

- ``runs/<corpus>/reports/<name>/``: its executed notebooks;
- ``_build/<name>/html/``: its book, with the book as a PDF once that was asked for;
- ``_build/<name>/report.json``: what the list says of it, see `summary`;
- ``_build/index.html``: the list of the books that are there.

Runs are shared: two reports with the same experiment read the same record.
"""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import jinja2

from ser_lib.core.errors import BookError, ParameterError
from ser_lib.core.files import write_atomically
from ser_lib.corpora import CATALOGUE, describe
from ser_lib.experiments.splits import PROTOCOLS
from ser_lib.models.networks import title
from ser_lib.pages.words import capital, count, listing, number

INDEX = "index.html"
SUMMARY = "report.json"
_NAME = re.compile(r"(?!(?i:index\.html)$)[A-Za-z0-9][A-Za-z0-9._,-]{0,99}")
PLACES = ("data_dir", "other_dir", "split", "predictions")  # of the machine that executed a page


def claim_name(name: str, corpus: str, workspace: Path) -> str:
    """Return the name of a report of a corpus if it can be one of a folder and of an address."""
    describe(corpus)  # an unknown one is refused as such, not as a report's name
    if name in CATALOGUE and name != corpus:
        raise ParameterError(
            f"the report '{name}' would have the name of another corpus than '{corpus}'; give it "
            "another one (--report NAME)"
        )
    if not _NAME.fullmatch(name):
        raise ParameterError(
            f"a report cannot be called '{name}': its name has up to 100 letters, digits and "
            f"characters of . _ - , begins with a letter or a digit, and is not {INDEX}"
        )
    place = workspace / "_build" / name
    other = (_read(place) or {}).get("corpus") or corpus
    if other != corpus:
        raise BookError(
            f"the report '{name}' is one of the corpus '{other}': name this one of '{corpus}' "
            f"differently (--report NAME), or remove {place}"
        )
    return name


def pages(workspace: Path, corpus: str, name: str) -> Path:
    """Return the folder of a report's executed notebooks."""
    return workspace / "runs" / corpus / "reports" / name


def summary(name: str, corpus: str, notebooks: Mapping, runs: Path) -> dict:
    """Return what the list says of a report: plain JSON values.

    The result is that of the network which the page ``final`` chooses; without this page only the
    data are told, from the first record that a page names, see `records`.
    """
    chosen = _record([notebooks["final"]] if "final" in notebooks else [], runs)
    record = chosen or _record(notebooks.values(), runs)
    return {
        "name": name,
        "corpus": corpus,
        **_some(record.get("corpus", {}), "title synthetic utterances speakers emotions"),
        **_some(chosen, "architecture protocol started"),
        "metrics": _some(chosen.get("metrics", {}), "uar uar_ci95 accuracy accuracy_ci95"),
    }


def records(notebook) -> list[str]:
    """Return the runs that an executed notebook reads, as ``<corpus>/<folder>``, the first first.

    The metadata of an output hold them: ``{"ser": {"records": [...]}}``.
    """
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    named = (output.get("metadata", {}).get("ser", {}).get("records", []) for output in outputs)
    return list(dict.fromkeys(name for names in named for name in names))


def _record(notebooks: Iterable, runs: Path) -> dict:
    """Return the first record that the notebooks name and that is there."""
    for run in (name for notebook in notebooks for name in records(notebook)):
        with suppress(OSError, ValueError):
            return json.loads((runs / run / "record.json").read_text(encoding="utf-8"))
    return {}


def _some(values: Mapping, names: str) -> dict:
    return {name: values[name] for name in names.split() if name in values}


def write(build: Path) -> Path:
    """Write the page that lists the books of the folder ``_build`` anew, and return it.

    A book without its ``index.html`` or its ``report.json`` is passed over.
    """
    groups: dict[str, list[dict]] = {}
    for place in sorted(build.iterdir()):
        if (place / "html" / "index.html").is_file() and (report := _read(place)):
            report["pdf"] = (place / "html" / f"{place.name}.pdf").is_file()
            groups.setdefault(report.get("corpus", ""), []).append(report)
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"capital": capital, "count": count, "listing": listing}
    environment.filters |= {"network": title, "number": lambda value: number(float(value))}
    template = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    page = environment.from_string(template).render(
        corpora=sorted(groups.items()),
        n_reports=sum(map(len, groups.values())),
        protocols=PROTOCOLS,
    )
    write_atomically(build / INDEX, page)
    return build / INDEX


def _read(place: Path) -> dict | None:
    """Return what is known of the book in a folder, under the folder's name; None if nothing is."""
    try:
        report = json.loads((place / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return report | {"name": place.name} if isinstance(report, dict) else None
