"""Templates and facts belong together, and a page has one name wherever it is."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest
from jinja2 import meta, nodes

from ser_lib.experiments.experiment import ARCHITECTURES
from ser_lib.pages import words
from ser_lib.report.notebooks import NOTEBOOKS

PAGES = Path(words.__file__).parent
PROJECT = PAGES.parents[1]
TEMPLATES = sorted(path.relative_to(words.TEXTS).as_posix() for path in words.TEXTS.glob("*/*.md"))
SHARED = {"runs", "words", "provenance", "network", "reference", "demands", "claims"}
"""Modules of `pages` that serve several pages."""


def facts(page: str) -> list[type]:
    module = import_module(f"ser_lib.pages.{page}")
    classes = [one for _, one in inspect.getmembers(module, inspect.isclass)]
    return [one for one in classes if issubclass(one, words.Fact) and one is not words.Fact]


def names(fact: type) -> set[str]:
    fields = set(getattr(fact, "__dataclass_fields__", {}))
    return fields | {name for name in dir(fact) if not name.startswith("_")}


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_uses_only_what_a_fact_of_its_page_states(template):
    page = template.partition("/")[0]
    source = (words.TEXTS / template).read_text(encoding="utf-8")
    tree = words.environment().parse(source)
    used = meta.find_undeclared_variables(tree)
    assert any(used <= names(fact) for fact in facts(page)), used
    for called in tree.find_all(nodes.Filter):
        assert called.name in words.environment().filters
    words.environment().get_template(template)  # compiles


@pytest.mark.parametrize("page", sorted({template.partition("/")[0] for template in TEMPLATES}))
def test_texts_belong_to_a_module(page):
    assert (PAGES / f"{page}.py").is_file()


@pytest.mark.parametrize("page", [name for name in NOTEBOOKS if name not in ARCHITECTURES])
def test_a_page_has_one_name_in_all_places(page):
    module = "network" if page == "final" else page  # the final network's page is one of a network
    assert (PROJECT / "notebooks" / f"{page}.ipynb").is_file()
    assert (PAGES / f"{module}.py").is_file()
    assert (PAGES / "text" / module).is_dir()
    assert (PROJECT / "tests" / "pages" / f"test_{module}.py").is_file()


def test_every_module_and_figure_is_a_page_or_serves_several():
    pages = set(NOTEBOOKS) | SHARED
    modules = {path.stem for path in PAGES.glob("*.py")} - {"__init__"}
    figures = {path.stem for path in (PAGES / "figures").glob("*.py")} - {"__init__"}
    assert modules <= pages
    assert figures - {"drawing", "diagrams"} <= pages
