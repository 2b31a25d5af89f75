"""The templates in notebooks/: stripped, parameterised, short, in step with the library."""

import ast
import re
from pathlib import Path

import nbformat
import papermill
import pytest

from ser_lib.core.errors import NotebookError
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment, names_of
from ser_lib.report import templates
from ser_lib.report.templates import NOTEBOOKS

FOLDER = Path(__file__).parents[1] / "notebooks"
TEMPLATES = sorted(FOLDER.glob("*.ipynb"))
COMMON = {"corpus": "demo", "data_dir": None, "protocol": None, "seed": 0, "options": {}}
OWN = {
    "across": {"other": None, "other_dir": None},
    "comparison": {"seeds": 1},
    "conclusions": {"other": None, "other_dir": None, "utterances": None},
    "own": {"predictions": []},
    "robustness": {"utterances": None},
}
each_template = pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)


def test_every_page_has_its_template_and_every_template_is_a_page():
    assert {template.stem for template in TEMPLATES} == set(NOTEBOOKS)
    assert set(ARCHITECTURES) < set(NOTEBOOKS)


@each_template
def test_template(template):
    notebook = nbformat.read(template, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[0].source.startswith("# "), "one literal title"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tagged = ["parameters" in cell.metadata.get("tags", []) for cell in code]
    assert sum(tagged) == 1
    shown = [cell.source for cell, own in zip(code, tagged, strict=True) if not own]
    lines = [line for source in shown for line in source.splitlines() if line.strip()]
    assert len(lines) <= 30, "a notebook that one reads"
    for cell in code:
        assert not cell.outputs
        assert cell.execution_count is None
        nodes = list(ast.walk(ast.parse(cell.source)))
        kinds = {type(node) for node in nodes}
        assert not kinds & {ast.FunctionDef, ast.ClassDef, ast.Lambda}, "logic is in the library"
        calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
        assert not calls & {"Markdown", "show", "globals"}, "what is shown shows itself"


@each_template
def test_every_parameter_has_a_type_and_a_comment(template):
    for name, about in templates.parameters_of(template.stem).items():
        assert about["kind"] in ("str", "int", "float", "bool", "dict", "list"), name
        assert len(about["help"]) > 5, name


def test_parameters_are_read_as_papermill_reads_them():
    for template in TEMPLATES:
        known = papermill.inspect_notebook(str(template))
        for name, about in templates.parameters_of(template.stem).items():
            assert about["default"].replace("'", '"') == known[name]["default"]
            assert about["help"] == known[name]["help"]
        assert list(known) == list(templates.parameters_of(template.stem))


def test_a_page_without_a_template(monkeypatch, tmp_path):
    monkeypatch.setattr(templates, "resource", tmp_path.joinpath)
    with pytest.raises(NotebookError, match=r"final\.ipynb does not exist; run from the checkout"):
        templates.parameters_of("final")


@each_template
def test_parameters_are_those_of_an_experiment(template):
    name = template.stem
    given = templates.defaults_of(name)
    if name in ("corpora", "speed"):
        assert not given, "it is about all corpora, or about none"
    elif name in ARCHITECTURES:
        fields = Experiment.__dataclass_fields__
        usual = {parameter: fields[parameter].default for parameter in names_of(name)[1:]}
        assert given == usual | {"data_dir": None}
        assert f'architectures=["{name}"]' in template.read_text().replace("\\", "")
    else:
        assert set(given) <= set(COMMON) | set(OWN.get(name, {}))
        assert given.items() <= (COMMON | OWN.get(name, {})).items()
        assert {"corpus", "data_dir"} <= set(given)


@each_template
def test_every_page_ends_with_how_it_was_made(template):
    heading, code = nbformat.read(template, as_version=4).cells[-2:]
    assert (heading.cell_type, heading.source) == ("markdown", "## How this page was made")
    assert code.metadata["tags"] == ["remove-input"]
    assert re.match(rf'provenance\.trace\(\s*"{template.stem}"', code.source), "under its own name"
