"""Figures: what ``ser_lib.plot`` offers, and the figures of each page of the book.

Each name is imported when it is used, so that a page depends on its own figures alone.
"""

from importlib import import_module

_PLOTS = {
    "confusion": "network",
    "learning_curves": "network",
    "per_class": "network",
    "speakers": "fairness",
    "scores": "comparison",
    "segments": "listen",
}
"""The figures that need runs or predictions alone, and where they are."""


def __getattr__(name: str):
    if name in _PLOTS:
        return getattr(import_module(f"{__name__}.{_PLOTS[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(_PLOTS)
