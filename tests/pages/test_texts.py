"""Templates and facts belong together, and a page has one name wherever it is."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest
from jinja2 import meta, nodes

from ser_lib.experiments.experiment import ARCHITECTURES
from ser_lib.pages import players, words
from ser_lib.report.templates import NOTEBOOKS

PAGES = Path(words.__file__).parent
PROJECT = PAGES.parents[1]
TEMPLATES = sorted(p.relative_to(words.TEXTS).as_posix() for p in words.TEXTS.glob("*/*.*"))
MACROS = "runs/macros.md"
SHARED = {"runs", "words", "provenance", "network", "reference", "players"}
"""Modules of `pages` that serve several pages."""
GIVEN = {
    "failures/players.html": {"rows"},
    "introduction/player.html": {"name", "row"},
    "listen/matrix.html": {"cells", "largest", "emotions", "total", "named", "csv"},
    "listen/players.html": {"rows", "sexes"},
    "live/device.html": {"given", "size", "file"},
    "live/quiz.html": {"clips", "emotions", "people", "threshold", "unseen"},
}  # fmt: skip
"""What HTML gets besides `player` and `embeds`: it is not that of a fact."""


def facts(page: str) -> list[type]:
    module = import_module(f"ser_lib.pages.{page}")
    classes = [one for _, one in inspect.getmembers(module, inspect.isclass)]
    return [one for one in classes if issubclass(one, words.Fact) and one is not words.Fact]


def names(fact: type) -> set[str]:
    fields = set(getattr(fact, "__dataclass_fields__", {}))
    return fields | {name for name in dir(fact) if not name.startswith("_")}


def used(tree: nodes.Template) -> set[str]:
    """The names that a template takes from outside; Jinja counts what a branch sets, too."""
    own = {
        name.name
        for statement in tree.find_all((nodes.Assign, nodes.AssignBlock))
        for name in [statement.target, *statement.target.find_all(nodes.Name)]
        if isinstance(name, nodes.Name)
    }
    return meta.find_undeclared_variables(tree) - own


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_uses_only_what_its_page_gives(template):
    html = template.endswith(".html")
    environment = players._environment() if html else words.environment()
    tree = environment.parse((words.TEXTS / template).read_text(encoding="utf-8"))
    outside = used(tree)
    if html:
        assert outside <= GIVEN[template] | {"player", "embeds"}
    elif template == MACROS:
        assert not outside, "what a macro needs is handed to it"
    else:
        page = template.partition("/")[0]
        assert any(outside <= names(fact) for fact in facts(page)), outside
    for called in tree.find_all(nodes.Filter):
        assert called.name in environment.filters
    environment.get_template(template)  # compiles


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_is_shown(template):
    """In a notebook, as the fact itself, or by the module of its page."""
    page, name = template.rsplit(".", 1)[0].split("/")
    assert (PAGES / f"{page}.py").is_file()
    shown = [*(PROJECT / "notebooks").glob("*.ipynb"), PAGES / f"{page}.py"]
    sources = "\n".join(file.read_text(encoding="utf-8").replace("\\", "") for file in shown)
    sources += "\n".join((words.TEXTS / one).read_text(encoding="utf-8") for one in TEMPLATES)
    itself = name in {fact.__name__.lower() for fact in facts(page)}
    assert itself or f'text("{name}")' in sources or f'"{template}"' in sources


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
    assert figures - {"diagrams", "drawing", "palette"} <= pages
