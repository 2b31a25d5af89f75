"""A Sphinx extension for the reference of the library, which autosummary and autodoc make."""

from pkgutil import walk_packages

from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer

import ser_lib


def setup(app) -> dict:
    """Tell the template `autosummary/module.rst` the library's `packages`."""
    app.connect("config-inited", _prepare)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _prepare(app, config) -> None:
    modules = walk_packages(ser_lib.__path__, "ser_lib.")
    config.autosummary_context["packages"] = [name for _, name, is_package in modules if is_package]
    for name in config.autodoc_mock_imports:
        # Of a class that extends a mocked one, Sphinx would import the real one to read its source.
        ModuleAnalyzer.cache["module", name] = PycodeError(f"{name} is not imported")
