"""The book: executed notebooks and prose in, a folder of html out.

What lies where, under the workspace (the project's folder):

- ``book/``: prose, bibliography, style, Sphinx extensions; ``_toc.yml`` names every page; where
  the workspace has none, a copy of the library's for as long as the build takes;
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
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import nbformat
import yaml
from nbformat.v4 import new_code_cell
from sphinx_external_toc.parsing import parse_toc_yaml

import ser_lib
from ser_lib.core.errors import BookError
from ser_lib.core.files import check_writable, resource, seal, write_atomically
from ser_lib.core.files import workspace as project_folder
from ser_lib.pages import live, review
from ser_lib.report import archive, pdf, shelf
from ser_lib.report.checks import links, rendered
from ser_lib.report.checks.browser import why_not

# It has no __main__; `report` comes first, because it spares every start seconds.
JUPYTER_BOOK = "import ser_lib.report; from jupyter_book.cli.main import main; main()"
# Fixed, so that no clock, hash order or terminal shows in the output.
ENVIRONMENT = {"SOURCE_DATE_EPOCH": "0", "PYTHONHASHSEED": "0", "NO_COLOR": "1", "TZ": "UTC"}
AUDIO = "audio"  # folder of clips and pictures of them, beside the pages that play them
_EMBEDDED = re.compile(r'(?<=")data:(?:audio|image)/(mpeg|png);base64,([\w+/=]+)(?=")')
_GENERATED = shutil.ignore_patterns("runs", "__pycache__")
ORIGIN = (
    "By the ser-lib authors, version {version}. Computed on {title}: {utterances} utterances of "
    "{speakers} speakers, {started:.10}."
)
SYNTHETIC = (
    "Computed on {title}: speech made by a program. It shows that everything works and says "
    "nothing about people."
)


def publish(
    corpus: str, *, report: str | None = None, with_pdf: bool = False, with_archive: bool = False
) -> list[links.Finding]:
    """Build a report's book in the project's folder, check it, list it, and print where it is.

    Returned is what the gates found: nothing if the book is sound. Only then it is archived, see
    `archive`.
    """
    project = project_folder()
    index = build(corpus, workspace=project, report=report, with_pdf=with_pdf)
    findings = check(index.parent, remember=index.parents[1] / "checked.json")
    packed = index.parents[1] / f"{report or corpus}.zip"
    packed.unlink(missing_ok=True)  # one of another book
    print(f"all books: {shelf.write(project / '_build')}")
    if with_archive and not findings:
        print(f"the archive: {archive.write(index.parent, packed, workspace=project)}")
    print(f"the book: {index}")
    return findings


def check(folder: Path, *, remember: Path | None = None) -> list[links.Finding]:
    """Run all gates on a built book, the folder with its ``index.html``.

    Without a browser a line says which do not run; for `remember` see `rendered.check`.
    """
    findings = links.check(folder)
    if reason := why_not():
        print(f"not checked in a browser ({', '.join(rendered.GATES)}): {reason}")
        return findings
    return findings + rendered.check(folder, remember=remember)


def build(
    corpus: str, *, workspace: Path, report: str | None = None, with_pdf: bool = False
) -> Path:
    """Build the book of a report from its executed notebooks, and return its ``index.html``.

    The workspace has ``runs/``, and in a checkout ``book/`` and ``_config.yml``; the report is
    called as the corpus unless it has a name, and its book goes to ``_build/<name>`` there. With a
    PDF, ``<name>.pdf`` is beside the ``index.html``, and the pages link to it.

    A `BookError` says that a page has not been run, the build has a warning, the name is that of a
    book of another corpus, or there is no browser that prints.
    """
    workspace = Path(workspace).resolve()
    name = shelf.claim_name(report or corpus, corpus, workspace)
    out = workspace / "_build" / name
    prose = resource("book", workspace)
    pages = shelf.pages(workspace, corpus, name)
    absent = "" if (pages / "own.ipynb").is_file() else "runs/own"  # there were no predictions
    entries = [entry for entry in contents(prose / "_toc.yml") if entry[1] != absent]
    notebooks = _read_pages(pages, entries, corpus, name)
    for cell in (cell for notebook in notebooks.values() for cell in notebook.cells):
        if review.TRIED in cell.metadata.get("tags", []):  # what only the whole report knows
            cell.source = review.tried(workspace / "runs" / corpus)
    about = shelf.summary(name, corpus, notebooks, workspace / "runs")
    known = {"version": ser_lib.__version__, "started": ""} | about
    origin = ORIGIN.format(**known) if "title" in about else ""
    notice = SYNTHETIC.format(**about) if about.get("synthetic") else ""
    if with_pdf and (reason := why_not()):
        raise BookError(f"the book cannot be printed: {reason}")

    out.mkdir(parents=True, exist_ok=True)
    temporary_folder = tempfile.TemporaryDirectory(dir=out, prefix=".")
    with (prose / "_toc.yml").open() as lock, temporary_folder as folder:
        # One build at a time uses book/runs; closing the file unlocks it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        temporary = Path(folder)
        if prose.parent == workspace:
            source = prose
        else:  # that of the library stays as it is
            source = shutil.copytree(prose, temporary / "book", ignore=_GENERATED)
        _copy_pages(notebooks, source / "runs", workspace)
        config = temporary / "_config.yml"
        link = f"{name}.pdf" if with_pdf else ""
        settings = _configure(resource("_config.yml", workspace), origin, notice, link)
        config.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
        toc = lock.read().replace(f"      - file: {absent}\n", "")
        write_atomically(temporary / "_toc.yml", toc)
        _run_jupyter_book(source, config, temporary, log=out / "build.log")
        new = temporary / "_build" / "html"
        if (source / "runs" / live.FILE).is_file():
            shutil.copy(source / "runs" / live.FILE, new / "_static")
        # Of the runtime of the live page, Jupyter Book would make every page load the scripts.
        for folder, place in ((f"runs/{AUDIO}",) * 2, ("litert", "_static/litert")):
            if (source / folder).is_dir():
                shutil.copytree(source / folder, new / place)
        if with_pdf:
            lines = [line for line in (origin, notice) if line]
            pdf.print_book(new, new / link, entries, title=settings["title"], lines=lines)
        seal(new)
        if (out / "html").exists():
            (out / "html").rename(temporary / "previous")
        new.rename(out / "html")
        write_atomically(out / shelf.SUMMARY, json.dumps(about, indent=1) + "\n")
    return out / "html" / "index.html"


def contents(toc: Path) -> list[tuple[str, str]]:
    """Return a table of contents: of each page its part, or "", and its path without suffix."""
    site = parse_toc_yaml(toc)
    captions = {str(page): tree.caption or "" for tree in site.root.subtrees for page in tree.items}
    part, entries = "", []
    for page in site:  # sections follow their chapter
        part = captions.get(page, part)
        entries.append((part, page))
    return entries


def _read_pages(
    folder: Path, entries: list[tuple[str, str]], corpus: str, report: str
) -> dict[str, nbformat.NotebookNode]:
    names = [page.removeprefix("runs/") for _, page in entries if page.startswith("runs/")]
    missing = [name for name in names if not (folder / f"{name}.ipynb").is_file()]
    if missing:
        command = f"ser run --corpus {corpus} --report {report}"
        raise BookError(
            f"the book of '{report}' lacks {len(missing)} of its {len(names)} pages "
            f"({', '.join(missing)}); make them with: {command}, and --data FOLDER unless it is "
            "the demo corpus"
        )
    return {name: links.read_notebook(folder / f"{name}.ipynb") for name in names}


def _copy_pages(notebooks: dict[str, nbformat.NotebookNode], target: Path, workspace: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for name, notebook in notebooks.items():
        notebook.cells = [part for cell in notebook.cells for part in _with_one_figure(cell)]
        for cell in notebook.cells:
            _take_files(cell, target)
            tags = cell.metadata.get("tags", [])
            if "injected-parameters" in tags and "remove-cell" not in tags:
                # It names a folder of this machine; the page's provenance lists all parameters.
                cell.metadata["tags"] = [*tags, "remove-cell"]
        text = _publishable(notebook, workspace)
        (target / f"{name}.ipynb").write_text(text, encoding="utf-8")


def _with_one_figure(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Divide a cell that shows a figure and more: MyST takes all outputs of one for its figure."""
    outputs = cell.get("outputs", [])
    if len(outputs) < 2 or not any(map(_about_figure, outputs)):
        return [cell]
    cell.outputs, *others = ([output] for output in outputs)
    options = {"execution_count": cell.execution_count, "metadata": {"tags": ["remove-input"]}}
    source = "# shown by the cell above"  # a cell without source would be left out
    return [cell, *(new_code_cell(source, outputs=shown, **options) for shown in others)]


def _about_figure(output: nbformat.NotebookNode) -> dict:
    """Return what a figure says about itself; nothing of another output."""
    about = output.get("metadata", {}).get("ser", {})
    return about if "alt" in about else {}


def _take_files(cell: nbformat.NotebookNode, target: Path) -> None:
    """Move a figure's text to its cell, where MyST reads it, and its PNG to a file.

    The PNG is offered for download, see `downloads`; in the notebook it would double its size. So
    would the network that listens, and the audio of players, which their pages load when asked.
    """
    for output in cell.get("outputs", []):
        if about := _about_figure(output):
            figure = {"caption": about["caption"], "name": about["name"]}
            cell.metadata["mystnb"] = {"image": {"alt": about["alt"]}, "figure": figure}
            if png := output.data.pop("image/png", None):
                (target / f"{about['name']}.png").write_bytes(b64decode(png))
        data = output.get("data", {})
        if model := data.pop(live.MODEL, None):
            (target / live.FILE).write_bytes(b64decode(model))
        if "text/html" in data:
            data["text/html"] = _EMBEDDED.sub(lambda match: _file(target, match), data["text/html"])


def _file(target: Path, embedded: re.Match) -> str:
    """Move what an address holds to a file, whose address is returned."""
    content = b64decode(embedded[2])
    name = f"{AUDIO}/{sha256(content).hexdigest()[:16]}.{embedded[1].replace('mpeg', 'mp3')}"
    (target / AUDIO).mkdir(exist_ok=True)
    (target / name).write_bytes(content)
    return name


def _publishable(notebook: nbformat.NotebookNode, workspace: Path) -> str:
    """Return a notebook without clock times, random names and folders of this machine.

    Readers download it from the book, and two executions with the same results should give the
    same book.
    """
    run = notebook.metadata.get("papermill", {})
    notebook.metadata["papermill"] = {k: run[k] for k in ("parameters", "exception") if k in run}
    for number, cell in enumerate(notebook.cells, start=1):
        for key in ("papermill", "execution", "ExecuteTime"):
            cell.metadata.pop(key, None)
        if "id" in cell:
            cell["id"] = f"cell-{number}"  # papermill gives the cell that it adds a random one
    text = nbformat.writes(notebook)
    given = (run.get("parameters", {}).get(name) for name in shelf.PLACES)
    several = [one if isinstance(one, list) else str(one).split(",") for one in given if one]
    places = [place for value in several for place in value]
    for place, name in (*((place, Path(place).name) for place in places), (str(workspace), ".")):
        if Path(place).is_absolute() and name:
            # As a whole path: "/data" is also a part of addresses, links and encoded audio.
            written = re.escape(json.dumps(place, ensure_ascii=False)[1:-1])
            whole = rf"(?:(?<![\w/.+=-])|(?<=\\n)){written}(?![\w-])"
            shown = json.dumps(name, ensure_ascii=False)[1:-1]
            text = re.sub(whole, lambda _, shown=shown: shown, text)
    return text


def _configure(config: Path, origin: str, notice: str, link: str) -> dict:
    """Return the settings for a report: what it is computed on, the PDF's place or ""."""
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    sphinx = settings["sphinx"]["config"]
    theme = sphinx["html_theme_options"]
    extensions = settings["sphinx"]["local_extensions"]  # from the project's folder on
    extensions |= {name: str(config.parent / folder) for name, folder in extensions.items()}
    for kind in ("css", "js"):
        # Jupyter Book adds them, too, but in the order in which the file system lists them.
        files = (config.parent / "book" / "_static").glob(f"*.{kind}")
        sphinx[f"html_{kind}_files"] = sorted(file.name for file in files)
    if origin:
        footer = theme.get("extra_footer", "")
        theme["extra_footer"] = f"<p>{html.escape(origin)}</p><p>{footer}</p>"
    if notice:
        theme["announcement"] = html.escape(notice)
    sphinx["html_context"] = {"report_pdf": link}
    return settings


def _run_jupyter_book(source: Path, config: Path, target: Path, *, log: Path) -> None:
    command = [
        sys.executable, "-c", JUPYTER_BOOK, "build", str(source),
        "--config", str(config), "--toc", str(target / "_toc.yml"), "--path-output", str(target),
        "-W", "-n", "--keep-going",
    ]  # fmt: skip
    # Sphinx reads the library's docstrings: from here, also where it is not installed.
    here = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    with log.open("w", encoding="utf-8") as stream:
        done = subprocess.run(
            command, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": path}, cwd=source.parent,
        )  # fmt: skip
    if done.returncode or not (target / "_build" / "html" / "index.html").is_file():
        check_writable(16_000_000)  # of a full disk the log cannot say that it is full
        warnings = "\n".join(f"  {line}" for line in _warnings(log, source))
        raise BookError(f"the book does not build (all of it is in {log}):\n{warnings}")


def _warnings(log: Path, source: Path) -> list[str]:
    """Return the last lines of a build's log that say what is wrong, with short paths."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace"))
    lines = [line.strip().replace(f"{source}{os.sep}", "") for line in text.splitlines()]
    warnings = [line for line in lines if re.search(r"WARNING|ERROR|CRITICAL|Error\b", line)]
    shown = list(dict.fromkeys(warnings)) or [line for line in lines if line]
    return shown[-6:] or ["Jupyter Book said nothing"]
