"""A new network: its file in the library, its notebook, and its place in the book."""

import re
from keyword import iskeyword
from pathlib import Path

import nbformat

from ser_lib.core.errors import NotebookError, ParameterError
from ser_lib.core.files import workspace, write_atomically
from ser_lib.experiments import baselines
from ser_lib.models import networks
from ser_lib.report.templates import NOTEBOOKS, template


def network(name: str) -> list[Path]:
    """Write a network that works, its notebook and its line in the table of contents."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or iskeyword(name):
        raise ParameterError(
            f"a network cannot have the name '{name}': use small letters, digits and _, a letter "
            "first, and no word of Python, such as tdnn or cnn_small"
        )
    code = Path(networks.__file__).with_name(f"{name}.py")
    page = workspace() / "notebooks" / f"{name}.ipynb"
    contents = workspace() / "book" / "_toc.yml"
    taken = {*NOTEBOOKS, *vars(networks), *baselines.TITLES}
    if name in taken or code.exists() or page.exists():
        raise ParameterError(f"the name '{name}' is taken; give the network another one")
    for file in (template("cnn"), template("cnn_gru"), contents):
        if not file.is_file():
            raise NotebookError(f"{file} does not exist; run from the checkout of the report")
    title = networks.title(name)
    toc = contents.read_text()
    pages = rf"^( *- file: runs/)({'|'.join(networks.NAMES)})$"
    *_, last = re.finditer(pages, toc, re.MULTILINE)
    source = code.with_name("cnn.py").read_text().replace("CNN", title)
    texts = {
        code: source.replace("def cnn(", f"def {name}(").replace('"cnn"', f'"{name}"'),
        page: nbformat.writes(_notebook(name, title)) + "\n",
        contents: f"{toc[: last.end()]}\n{last[1]}{name}{toc[last.end() :]}",
    }
    for file, text in texts.items():
        try:
            write_atomically(file, text)
        except OSError as error:
            raise ParameterError(f"cannot write {file}: {error.strerror}") from error
    return list(texts)


def _notebook(name: str, title: str) -> nbformat.NotebookNode:
    """Copy the page of the CNN, but for what it says of the CNN alone."""
    notebook, other = (nbformat.read(template(n), as_version=4) for n in ("cnn", "cnn_gru"))
    shared = {cell.source for cell in other.cells}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = cell.source.replace('"cnn"', f'"{name}"').replace("CNN", title)
        elif cell.source not in shared:
            heading = cell.source.splitlines()[0]
            heading = f"# {title}" if heading.startswith("# ") else heading
            cell.source = f"{heading}\n\nWhat is special about the {title} is still to be written."
    return notebook
