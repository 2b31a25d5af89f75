"""The notebooks that pages are made from, and their parameters, read without what executes them.

So a name that does not exist is refused at once: nbformat, papermill and pandas take seconds.
"""

import ast
import json
from collections.abc import Mapping
from pathlib import Path

from ser_lib.core.errors import NotebookError, ParameterError, choose
from ser_lib.core.files import resource
from ser_lib.models.networks import NAMES

NOTEBOOKS = (
    "data", "robustness", "lda", *NAMES, "features", "comparison", "final", "context", "audit",
    "gap", "calibration", "fairness", "failures", "listen", "live", "across", "own", "speed",
    "corpora", "review", "introduction", "conclusions",
)  # fmt: skip
"""The pages of the report in the order of their execution; conclusions use what others computed,
and `own` is only there if there are predictions of other programs."""


def template(notebook: str) -> Path:
    """Return where the template of a notebook is, whether it is there or not."""
    return resource(f"notebooks/{notebook}.ipynb")


def parameters_of(name: str) -> dict[str, dict]:
    """Return the parameters of a notebook: kind, default (as source) and help of each."""
    choose(name, NOTEBOOKS, "notebook")
    if not template(name).is_file():
        raise NotebookError(f"{template(name)} does not exist; run from the checkout of the report")
    cells = json.loads(template(name).read_text(encoding="utf-8"))["cells"]
    source = next(
        "".join(cell["source"])
        for cell in cells
        if "parameters" in cell["metadata"].get("tags", [])
    )
    about = {}
    for line in source.splitlines():
        (node,) = ast.parse(line).body or [None]
        if node is not None:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            kind = node.annotation.id if isinstance(node, ast.AnnAssign) else ""
            text = line.encode()[node.end_col_offset :].decode().strip(" #")
            about[target.id] = {"kind": kind, "default": ast.unparse(node.value), "help": text}
    return about


def defaults_of(name: str) -> dict:
    """Return the parameters of a notebook with their usual values."""
    parameters = parameters_of(name)
    return {name: ast.literal_eval(about["default"]) for name, about in parameters.items()}


def options() -> set[str]:
    """Return the parameters that notebooks of several networks take as one, `options`."""
    from ser_lib.experiments.experiment import METHODS, names_of

    named = {name for method in METHODS for name in names_of(method)}
    return named - {"architecture", "corpus", "protocol", "seed"}


def check(names: list[str], parameters: Mapping[str, object]) -> dict[str, dict]:
    """Return the usual values of notebooks, or of all, once each parameter is one of some of them.

    A `ParameterError` names the notebook or the parameter that does not exist.
    """
    if not parameters.get("predictions"):
        if "own" in names:
            raise ParameterError("the page 'own' shows predictions: name some, --predictions FILE")
        names = names or [name for name in NOTEBOOKS if name != "own"]
    defaults = {name: defaults_of(name) for name in names or NOTEBOOKS}
    known = set().union(*defaults.values()) - {"corpus", "data_dir"}
    if "options" in known:
        known = known - {"options"} | options()
    where = f"parameter of {next(iter(defaults))}" if len(defaults) == 1 else "parameter"
    for name in parameters:
        if name in ("corpus", "data_dir"):
            raise ParameterError(f"'{name}' is not given with -p; use --corpus NAME --data DIR")
        if not known:
            raise ParameterError(f"unknown {where} '{name}'; it has none but corpus and data_dir")
        choose(name, sorted(known), where)
    return defaults
