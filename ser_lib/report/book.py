"""The book: executed notebooks and prose in, a folder of html out.

What lies where, under the workspace (the project's folder):

- ``book/``: prose, bibliography, style, Sphinx extensions; ``_toc.yml`` names every page;
- ``_config.yml``: Jupyter Book's settings;
- ``book/runs/``: a copy of a report's executed notebooks while its book is built, figures as PNG
  beside it, and what Sphinx makes of the library's docstrings: wiped and rewritten each time;
- ``_build/<name>/html/``: the book; ``build.log`` beside it is Jupyter Book's own output, and
  ``checked.json`` the digests of its pages that passed in a browser.

A build is always a clean one, and warnings are errors: Sphinx serves stale cross-references from
an earlier build, and passes a second time over a warning that failed the first. It happens in a
temporary folder, so a book that does not build leaves the one before it as it was. The same input
gives the same bytes.
"""

import fcntl
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import yaml

from ser_lib.core.errors import BookError
from ser_lib.core.files import workspace as project_folder
from ser_lib.core.files import write_atomically
from ser_lib.corpora import describe
from ser_lib.pages import speed
from ser_lib.report import pdf, shelf
from ser_lib.report.checks import links, rendered
from ser_lib.report.checks.browser import why_not

LIBRARY = Path(__file__).parents[2]
SHOWN_WARNINGS = 6
ROOM = 16_000_000
"""Bytes that a disk which is not full has room for."""
PLACES = ("data_dir", "other_dir", "split")
"""The parameters that name folders and files of the machine that executed a page."""
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"  # it has no __main__
# Fixed, so that no clock, hash order or terminal shows in the output.
ENVIRONMENT = {"SOURCE_DATE_EPOCH": "0", "PYTHONHASHSEED": "0", "NO_COLOR": "1", "TZ": "UTC"}
SYNTHETIC = (
    "This copy is computed on {title}: speech made by a program. It shows that everything "
    "works; its numbers say nothing about people."
)


def publish(
    corpus: str,
    *,
    report: str | None = None,
    with_pdf: bool = False,
    twice: bool = False,
    say: Callable[[str], None] = print,
) -> list[links.Finding]:
    """Build a report's book in the project's folder, check it, list it, and say where it is.

    Parameters
    ----------
    corpus, report, with_pdf
        See `build`.
    twice
        Build a second time, in a temporary folder, and find what differs.
    say
        Called with each line: what was not checked and why, how long the notebooks and the book
        took, then the book's place.

    Returns
    -------
    list of Finding
        What the gates found; empty if the book is sound.
    """
    clock = time.perf_counter()
    describe(corpus)  # an unknown one is refused as such
    project = project_folder()

    def once(out: Path | None = None) -> Path:
        return build(corpus, workspace=project, report=report, with_pdf=with_pdf, out=out).parent

    folder = once()
    findings = check(folder, remember=folder.with_name("checked.json"), say=say)
    if twice:
        with tempfile.TemporaryDirectory() as again:
            findings += links.differences(folder, once(Path(again)))
    listed = shelf.write(project / "_build")
    seconds = time.perf_counter() - clock
    for part in shelf.parts(shelf.pages(project, corpus, report or corpus)):
        took = "unchanged" if part["cached"] else f"{part['seconds']:6.1f} s"
        say(f"{part['name']:<24} {took}")
    say(f"{'book and its gates':<24} {seconds:6.1f} s")
    say(f"all books: {listed}")
    say(f"the book: {folder / 'index.html'}")
    return findings


def check(
    folder: Path, *, remember: Path | None = None, say: Callable[[str], None] = print
) -> list[links.Finding]:
    """Run all gates on a built book, the folder with its ``index.html``.

    Those that need a browser know what they passed by the file `remember`, see `rendered.check`;
    without a browser a line says that they do not run.
    """
    findings = links.check(folder)
    if reason := rendered.why_not():
        say(f"not checked in a browser ({', '.join(rendered.GATES)}): {reason}")
        return findings
    return findings + rendered.check(folder, remember=remember)


def build(
    corpus: str,
    *,
    workspace: Path,
    report: str | None = None,
    with_pdf: bool = False,
    out: Path | None = None,
) -> Path:
    """Build the book of a report from its executed notebooks, and return its ``index.html``.

    Parameters
    ----------
    corpus
        The corpus that the report is on.
    workspace
        The project's folder, with ``book/``, ``_config.yml`` and ``runs/``.
    report
        The name of the report, by default `corpus`.
    with_pdf
        Print the book as ``<name>.pdf`` beside its ``index.html``, too; its pages then link to it.
    out
        Where the book goes, by default ``<workspace>/_build/<name>``.

    Raises
    ------
    ParameterError
        The report cannot have its name.
    BookError
        A page has not been run, a file of the book is missing, the build has a warning, the name is
        that of a book of another corpus, or there is no browser that prints.
    """
    workspace = Path(workspace).resolve()
    name = shelf.claim_name(report or corpus, corpus, workspace)
    out = Path(out).resolve() if out else workspace / "_build" / name
    source = workspace / "book"
    entries = contents(source / "_toc.yml")
    pages = shelf.pages(workspace, corpus, name)
    notebooks = _read_pages(pages, page_names(source / "_toc.yml"), corpus, name)
    _tell_parts(notebooks, shelf.parts(pages))
    about = shelf.summary(name, corpus, notebooks, workspace / "runs")
    if with_pdf and (reason := why_not()):
        raise BookError(f"the book cannot be printed: {reason}")

    out.mkdir(parents=True, exist_ok=True)
    with _locked(source / "_toc.yml"), tempfile.TemporaryDirectory(dir=out, prefix=".") as folder:
        temporary = Path(folder)
        _copy_pages(notebooks, source / "runs", workspace)
        config = temporary / "_config.yml"
        link = f"{name}.pdf" if with_pdf else ""
        settings = _configure(workspace / "_config.yml", about, link)
        config.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
        _run_jupyter_book(source, config, temporary, log=out / "build.log")
        new = temporary / "_build" / "html"
        if with_pdf:
            lines = [line for line in (_origin(about), _notice(about)) if line]
            pdf.print_book(new, new / link, entries, title=settings["title"], lines=lines)
        if (out / "html").exists():
            (out / "html").rename(temporary / "previous")
        new.rename(out / "html")
        write_atomically(out / shelf.SUMMARY, json.dumps(about, indent=1) + "\n")
    return out / "html" / "index.html"


def contents(toc: Path) -> list[tuple[str, str]]:
    """Return the entries of a table of contents, in its order: part, "" without, and page.

    A page has no suffix. Without a table of contents there is a `BookError`.
    """
    if not toc.is_file():
        raise BookError(f"there is no table of contents at {toc}: run this in the project's folder")
    entries = []

    def walk(entry, part: str) -> None:
        if isinstance(entry, list):
            for item in entry:
                walk(item, part)
        elif isinstance(entry, dict):
            part = str(entry.get("caption") or part)
            if page := str(entry.get("root") or entry.get("file") or ""):
                entries.append((part, page))
            for value in entry.values():
                walk(value, part)

    walk(yaml.safe_load(toc.read_text(encoding="utf-8")), "")
    return entries


def page_names(toc: Path) -> list[str]:
    """Return the notebooks that the table of contents names as ``runs/<name>``, in its order."""
    pages = [page for _, page in contents(toc)]
    names = [page.removeprefix("runs/") for page in pages if page.startswith("runs/")]
    if not names:
        raise BookError(f"{toc} names no notebook: its entries for them read runs/<name>")
    return names


def _read_pages(
    folder: Path, names: list[str], corpus: str, report: str
) -> dict[str, nbformat.NotebookNode]:
    missing = [name for name in names if not (folder / f"{name}.ipynb").is_file()]
    if missing:
        command = f"ser run --corpus {corpus}"
        if report != corpus:
            command += f" --report {report}"
        raise BookError(
            f"the book of '{report}' lacks {len(missing)} of its {len(names)} pages "
            f"({', '.join(missing)}); make them with: {command}, and --data FOLDER unless it is "
            "the demo corpus"
        )
    return {name: links.read_notebook(folder / f"{name}.ipynb") for name in names}


def _tell_parts(notebooks: dict[str, nbformat.NotebookNode], listed: list[dict]) -> None:
    """Put what the parts of the report took where a page leaves a place for it."""
    for notebook in notebooks.values():
        for cell in notebook.cells:
            if speed.PARTS in cell.metadata.get("tags", []):
                cell.source = speed.parts(listed)


def _copy_pages(notebooks: dict[str, nbformat.NotebookNode], target: Path, workspace: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for name, notebook in notebooks.items():
        for figure, png in _take_pngs(notebook):
            (target / f"{figure}.png").write_bytes(png)
        text = _publishable(notebook, workspace)
        (target / f"{name}.ipynb").write_text(text, encoding="utf-8")


def _take_pngs(notebook: nbformat.NotebookNode) -> Iterator[tuple[str, bytes]]:
    """Take the figures' second pictures out of a notebook, of which readers see the first, the SVG.

    They are offered for download, see `downloads`; in the notebook they would double its size.
    """
    for cell in notebook.cells:
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        for output in cell.get("outputs", []) if figure else []:
            if {"image/svg+xml", "image/png"} <= output.get("data", {}).keys():
                yield figure["name"], b64decode(output["data"].pop("image/png"))


def _publishable(notebook: nbformat.NotebookNode, workspace: Path) -> str:
    """Return a notebook without clock times, random names and folders of this machine.

    Readers download it from the book, and two executions with the same results should give the
    same book.
    """
    run = notebook.metadata.get("papermill", {})
    notebook.metadata["papermill"] = {
        key: run[key] for key in ("parameters", "exception") if key in run
    }
    for number, cell in enumerate(notebook.cells, start=1):
        for key in ("papermill", "execution", "ExecuteTime"):
            cell.metadata.pop(key, None)
        if "id" in cell:
            cell["id"] = f"cell-{number}"  # papermill gives the cell that it adds a random one
    text = nbformat.writes(notebook)
    given = (run.get("parameters", {}).get(name) for name in PLACES)
    places = [place for value in given if value for place in str(value).split(",")]
    for place, name in (*((place, Path(place).name) for place in places), (str(workspace), ".")):
        if Path(place).is_absolute() and name:
            # As a whole path: "/data" is also a part of addresses, links and encoded audio.
            written = re.escape(json.dumps(place, ensure_ascii=False)[1:-1])
            whole = rf"(?:(?<![\w/.+=-])|(?<=\\n)){written}(?![\w-])"
            text = re.sub(whole, lambda _, name=name: name, text)
    return text


def _configure(config: Path, about: dict, link: str) -> dict:
    """Return the settings for a report: what `shelf.summary` says of it, the PDF's place or ""."""
    if not config.is_file():
        raise BookError(
            f"there is no {config.name} in {config.parent}: run this in the project's folder"
        )
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    theme = settings["sphinx"]["config"]["html_theme_options"]
    extensions = settings["sphinx"]["local_extensions"]  # from the project's folder on
    extensions |= {name: str(config.parent / folder) for name, folder in extensions.items()}
    for kind in ("css", "js"):
        # Jupyter Book adds them, too, but in the order in which the file system lists them.
        files = (config.parent / "book" / "_static").glob(f"*.{kind}")
        settings["sphinx"]["config"][f"html_{kind}_files"] = sorted(file.name for file in files)
    if notice := _notice(about):
        theme["announcement"] = html.escape(notice)
    if origin := _origin(about):
        theme["extra_footer"] = (
            f"<p>{html.escape(origin)}</p><p>{theme.get('extra_footer', '')}</p>"
        )
    settings["sphinx"]["config"]["html_context"] = {"report_pdf": link}
    return settings


def _origin(about: dict) -> str:
    """Say on which corpus a report is computed, if a record says so."""
    if "title" not in about:
        return ""
    utterances, speakers = about["utterances"], about["speakers"]
    return f"Computed on {about['title']}: {utterances} utterances of {speakers} speakers."


def _notice(about: dict) -> str:
    return SYNTHETIC.format(**about) if about.get("synthetic") else ""


def _run_jupyter_book(source: Path, config: Path, target: Path, *, log: Path) -> None:
    command = [
        sys.executable, "-c", JUPYTER_BOOK, "build", str(source),
        "--config", str(config), "--path-output", str(target), "-W", "-n", "--keep-going",
    ]  # fmt: skip
    # Sphinx reads the library's docstrings: from here, also where it is not installed.
    path = os.pathsep.join(filter(None, [str(LIBRARY), os.environ.get("PYTHONPATH")]))
    with log.open("w", encoding="utf-8") as stream:
        done = subprocess.run(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": path},
            cwd=source.parent,
        )
    if done.returncode or not (target / "_build" / "html" / "index.html").is_file():
        # On a full disk the log cannot say why; this does in its place.
        write_atomically(target / "room", bytes(ROOM))
        (target / "room").unlink()
        warnings = "\n".join(f"  {line}" for line in _warnings(log, source))
        raise BookError(f"the book does not build (all of it is in {log}):\n{warnings}")


def _warnings(log: Path, source: Path) -> list[str]:
    """Return the last lines of a build's log that say what is wrong, with short paths."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace"))
    lines = [line.strip().replace(f"{source}{os.sep}", "") for line in text.splitlines()]
    warnings = [line for line in lines if re.search(r"WARNING|ERROR|CRITICAL|Error\b", line)]
    shown = list(dict.fromkeys(warnings)) or [line for line in lines if line]
    return shown[-SHOWN_WARNINGS:] or ["Jupyter Book said nothing"]


@contextmanager
def _locked(path: Path):
    """Let one build at a time use ``book/runs``; another one waits."""
    with path.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # closing the file unlocks it
        yield
