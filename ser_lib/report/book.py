"""The book: executed notebooks and prose in, a folder of html out.

What lies where, under the workspace (the project's folder):

``book/``                    prose, bibliography, style; ``_toc.yml`` names every page
``_config.yml``              Jupyter Book's settings
``runs/<corpus>/pages/``     the executed notebooks of a corpus, one ``<page>.ipynb`` each
``book/runs/``               a copy of these while a book is built: wiped and rewritten each time
``_build/<corpus>/html/``    the book; ``build.log`` beside it is Jupyter Book's own output, and
                             ``checked.json`` the digests of its pages that passed in a browser

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
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import nbformat
import yaml

from ser_lib.errors import BookError
from ser_lib.report import gates, rendered
from ser_lib.workspace import workspace as project_folder

LIBRARY = Path(__file__).parents[2]
SHOWN_WARNINGS = 6
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"  # it has no __main__
# What the theme ships and these pages never show: most of a page's weight. Its icons come twice, as
# a font and as a script of 1.5 MB that replaces the font.
UNUSED_FILES = (
    "_static/vendor/fontawesome/*/js/*",
    "_static/vendor/fontawesome/*/webfonts/*.ttf",
    "_static/s*/*.map",
)
# (what to find, what to put there), in every page.
AMENDMENTS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r'<script src="[^"]*/fontawesome/[^"]*/all\.min\.js[^"]*"></script>\n?', ""),
        (r'<link rel="preload" as="font"[^>]*/fa-(?:brands|regular)-[^>]*>\n?', ""),
        # Accessibility: names that differ from the text that is shown, scrolling without a
        # mouse, a list of what are no list items, a sidebar that is no landmark.
        (r'<summary aria-label="Toggle hidden content">', "<summary>"),
        (r'(<button class="btn search-button-field[^>]*) aria-label="Search"', r"\1"),
        (
            r'<div class="pst-scrollable-table-container">',
            r'<div class="pst-scrollable-table-container" tabindex="0">',
        ),
        (r"<figure class=", '<figure tabindex="0" class='),
        (r'role="doc-biblioentry"', 'role="listitem"'),
        (
            r'<div class="(bd-sidebar-primary bd-sidebar[^"]*)">',
            r'<div class="\1" role="complementary" aria-label="Report">',
        ),
    )
]
# Fixed, so that no clock, hash order or terminal shows in the output.
ENVIRONMENT = {"SOURCE_DATE_EPOCH": "0", "PYTHONHASHSEED": "0", "NO_COLOR": "1", "TZ": "UTC"}
SYNTHETIC = (
    "This copy is computed on <b>{title}</b>: speech made by a program. It shows that everything "
    "works; its numbers say nothing about people."
)


def publish(
    corpus: str, *, twice: bool = False, say: Callable[[str], None] = print
) -> list[gates.Finding]:
    """Build the book of a corpus in the project's folder, check it, and say where it is.

    Parameters
    ----------
    corpus
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

    Raises
    ------
    BookError
        See `build`.
    """
    clock = time.perf_counter()
    index = build(corpus, workspace=project_folder())
    html = index.parent
    findings = check(html, remember=html.with_name("checked.json"), say=say)
    if twice:
        with tempfile.TemporaryDirectory() as folder:
            again = build(corpus, workspace=project_folder(), out=Path(folder)).parent
            findings += gates.differences(html, again)
    seconds = time.perf_counter() - clock
    parts = project_folder() / "runs" / corpus / "pages" / "parts.json"
    for part in json.loads(parts.read_text()) if parts.is_file() else []:
        took = "unchanged" if part["cached"] else f"{part['seconds']:6.1f} s"
        say(f"{part['name']:<24} {took}")
    say(f"{'book and its gates':<24} {seconds:6.1f} s")
    say(f"the book: {index}")
    return findings


def check(
    html: Path, *, remember: Path | None = None, say: Callable[[str], None] = print
) -> list[gates.Finding]:
    """Run all gates on a built book: against the records of the project's folder, in a browser.

    Parameters
    ----------
    html
        The folder with the book's ``index.html``.
    remember
        See `rendered.check`.
    say
        Called with a line if no browser can be driven, so that `rendered.GATES` do not run.
    """
    findings = gates.check(Path(html), records=project_folder() / "runs")
    if reason := rendered.why_not():
        say(f"not checked in a browser ({', '.join(rendered.GATES)}): {reason}")
        return findings
    return findings + rendered.check(Path(html), remember=remember)


def build(corpus: str, *, workspace: Path, out: Path | None = None) -> Path:
    """Build the book of a corpus from its executed notebooks.

    Parameters
    ----------
    corpus
        The name of the corpus whose pages are in ``<workspace>/runs/<corpus>/pages``.
    workspace
        The project's folder, with ``book/``, ``_config.yml`` and ``runs/``.
    out
        Where the book goes, by default ``<workspace>/_build/<corpus>``.

    Returns
    -------
    Path
        The ``index.html`` to open.

    Raises
    ------
    BookError
        A page has not been run, a file of the book is missing, or the build has a warning.
    """
    workspace = Path(workspace).resolve()
    out = Path(out).resolve() if out else workspace / "_build" / corpus
    source = workspace / "book"
    names = page_names(source / "_toc.yml")
    pages = _find_pages(workspace / "runs" / corpus / "pages", names, corpus)

    out.mkdir(parents=True, exist_ok=True)
    with _locked(source / "_toc.yml"), tempfile.TemporaryDirectory(dir=out, prefix=".") as folder:
        temporary = Path(folder)
        _copy_pages(pages, source / "runs", workspace)
        config = temporary / "_config.yml"
        config.write_text(_configure(workspace / "_config.yml", _about(workspace, corpus)))
        _run_jupyter_book(source, config, temporary, log=out / "build.log")
        new = temporary / "_build" / "html"
        _amend(new)
        if (out / "html").exists():
            (out / "html").rename(temporary / "previous")
        new.rename(out / "html")
    return out / "html" / "index.html"


def page_names(toc: Path) -> list[str]:
    """Return the names of the notebooks that the table of contents asks for, in its order.

    They are its entries of the form ``runs/<name>``.

    Raises
    ------
    BookError
        The table of contents is missing or names no notebook.
    """
    if not toc.is_file():
        raise BookError(f"there is no table of contents at {toc}: run this in the project's folder")
    names = []

    def walk(entry) -> None:
        if isinstance(entry, list):
            for item in entry:
                walk(item)
        elif isinstance(entry, dict):
            page = str(entry.get("root") or entry.get("file") or "")
            if page.startswith("runs/"):
                names.append(page.removeprefix("runs/"))
            for value in entry.values():
                walk(value)

    walk(yaml.safe_load(toc.read_text(encoding="utf-8")))
    if not names:
        raise BookError(f"{toc} names no notebook: its entries for them read runs/<name>")
    return names


def _find_pages(folder: Path, names: list[str], corpus: str) -> list[Path]:
    missing = [name for name in names if not (folder / f"{name}.ipynb").is_file()]
    if missing:
        raise BookError(
            f"the book of '{corpus}' lacks {len(missing)} of its {len(names)} pages "
            f"({', '.join(missing)}); make them with: ser run --corpus {corpus}, and --data FOLDER "
            "unless it is the demo corpus"
        )
    return [folder / f"{name}.ipynb" for name in names]


def _copy_pages(pages: list[Path], target: Path, workspace: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for page in pages:
        try:
            notebook = nbformat.read(page, as_version=4)
        except Exception as error:
            raise BookError(f"{page} is not a notebook ({error}); run it again") from error
        text = _publishable(notebook, workspace)
        (target / page.name).write_text(text, encoding="utf-8")


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
    data_dir = str(run.get("parameters", {}).get("data_dir") or "")
    for folder, name in ((data_dir, Path(data_dir).name), (str(workspace), ".")):
        if Path(folder).is_absolute() and name:
            text = text.replace(json.dumps(folder, ensure_ascii=False)[1:-1], name)
    return text


def _about(workspace: Path, corpus: str) -> dict:
    """Return what the records say of the corpus: title, synthetic, utterances, speakers."""
    for path in sorted((workspace / "runs" / corpus).glob("*/record.json")):
        try:
            return json.loads(path.read_text(encoding="utf-8"))["corpus"]
        except (ValueError, KeyError, TypeError):
            continue  # an unfinished record; the gates name it where a page uses it
    return {}


def _configure(config: Path, about: dict) -> str:
    """Return the book's settings as YAML, with a line that says which corpus this copy is of."""
    if not config.is_file():
        raise BookError(
            f"there is no {config.name} in {config.parent}: run this in the project's folder"
        )
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    theme = settings["sphinx"]["config"]["html_theme_options"]
    title = html.escape(str(about.get("title", "")))
    if title and about.get("synthetic"):
        theme["announcement"] = SYNTHETIC.format(title=title)
    if title:
        line = f"Computed on {title}"
        if "utterances" in about and "speakers" in about:
            line += f": {about['utterances']} utterances of {about['speakers']} speakers"
        theme["extra_footer"] = f"<p>{line}.</p><p>{theme.get('extra_footer', '')}</p>"
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def _run_jupyter_book(source: Path, config: Path, target: Path, *, log: Path) -> None:
    command = [
        sys.executable, "-c", JUPYTER_BOOK, "build", str(source),
        "--config", str(config), "--path-output", str(target), "-W", "-n", "--keep-going",
    ]  # fmt: skip
    # The build loads ser_lib.report.mathml: from here, also where the library is not installed.
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
        said = "\n".join(f"  {line}" for line in _warnings(log, source))
        raise BookError(f"the book does not build (all of it is in {log}):\n{said}")


def _warnings(log: Path, source: Path) -> list[str]:
    """Return the last lines of a build's log that say what is wrong, with short paths."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace"))
    lines = [line.strip().replace(f"{source}{os.sep}", "") for line in text.splitlines()]
    telling = [line for line in lines if re.search(r"WARNING|ERROR|CRITICAL|Error\b", line)]
    kept = list(dict.fromkeys(telling)) or [line for line in lines if line]
    return kept[-SHOWN_WARNINGS:] or ["Jupyter Book said nothing"]


def _amend(folder: Path) -> None:
    for pattern in UNUSED_FILES:
        for path in folder.glob(pattern):
            path.unlink()
    for path in folder.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for pattern, replacement in AMENDMENTS:
            text = pattern.sub(replacement, text)
        path.write_text(text, encoding="utf-8")


@contextmanager
def _locked(path: Path):
    """Let one build at a time use ``book/runs``; another one waits."""
    with path.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # closing the file unlocks it
        yield
