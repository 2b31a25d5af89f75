"""The templates in notebooks/: stripped, parameterised, in step with the library."""

import ast
from pathlib import Path

import nbformat
import pytest

from ser_lib.experiments.experiment import ARCHITECTURES, Experiment
from ser_lib.pages import templates
from ser_lib.report.notebooks import NOTEBOOKS

FOLDER = Path(__file__).parents[1] / "notebooks"
TEMPLATES = sorted(FOLDER.glob("*.ipynb"))


def test_every_page_has_its_template_and_every_template_is_a_page():
    assert {template.stem for template in TEMPLATES} == set(NOTEBOOKS)
    assert set(ARCHITECTURES) < set(NOTEBOOKS)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_template(template):
    notebook = nbformat.read(template, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
    assert notebook.cells[0].source.startswith("# "), "one literal title"
    for cell in code:
        assert not cell.outputs
        assert cell.execution_count is None
        assert len(cell.source.splitlines()) <= 25, "a cell fits on a screen"
        kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
        assert not kinds & {ast.FunctionDef, ast.ClassDef, ast.Lambda}, "logic is in the library"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_parameters_are_those_of_an_experiment(template):
    given = templates.defaults(template.stem)
    if template.stem in ("corpora", "speed"):
        assert not given, "it is about all corpora, or about none"
        return
    assert given.pop("data_dir") is None
    usual = {field: default.default for field, default in Experiment.__dataclass_fields__.items()}
    del usual["architecture"]
    if template.stem == "data":
        usual = {name: usual[name] for name in ("corpus", "emotions", "style")}
    if template.stem == "across":
        assert {given.pop("other"), given.pop("other_dir")} == {None}
        # It has one protocol, with a fold for each corpus.
        del usual["protocol"], usual["split"], usual["folds"]
    if template.stem == "comparison":
        assert given.pop("seeds") == 1
    if template.stem == "robustness":
        assert given.pop("utterances") is None
    assert given == usual


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_every_page_ends_with_how_it_was_made(template):
    heading, code = nbformat.read(template, as_version=4).cells[-2:]
    assert (heading.cell_type, heading.source) == ("markdown", "## How this page was made")
    assert code.metadata["tags"] == ["remove-input"]
    call = f'Markdown(provenance.trace("{template.stem}", globals()'
    assert code.source.startswith(call), "under its own name, with all of its parameters"
    assert len(code.source.splitlines()) == 1
