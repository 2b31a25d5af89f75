"""The templates in `notebooks/`: where they lie, and which parameters they have."""

import ast
from pathlib import Path

from ser_lib.core.errors import NotebookError
from ser_lib.core.files import workspace


def file(notebook: str) -> Path:
    """Return where the template of a notebook lies, whether it is there or not."""
    return workspace() / "notebooks" / f"{notebook}.ipynb"


def defaults(notebook: str) -> dict:
    """Return the parameters of a notebook with their usual values.

    Raises
    ------
    NotebookError
        If there is no such template.
    """
    import papermill

    template = file(notebook)
    if not template.is_file():
        raise NotebookError(f"{template} does not exist; run from the checkout of the report")
    found = papermill.inspect_notebook(str(template))
    # Papermill gives the source text of every value.
    return {name: ast.literal_eval(about["default"]) for name, about in found.items()}
