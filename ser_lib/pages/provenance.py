"""Where a page comes from: its warnings, how its networks were trained, how to make it again."""

import json
import platform
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import yaml

import ser_lib
from ser_lib.corpora import CATALOGUE, Manifest, describe
from ser_lib.experiments.run import Run
from ser_lib.pages.runs import named
from ser_lib.pages.words import Fact


@dataclass(frozen=True)
class Notices(Fact):
    """What a reader has to know before the first number."""

    title: str  # of the corpus
    synthetic: str = ""  # "whole" or "part" if a synthesiser speaks in it
    shared_speakers: bool = False  # whether training and test may share some


def notices(source: Run | Manifest) -> Notices:
    """Return the warnings that a run, or a corpus without one, needs."""
    run = source if isinstance(source, Run) else None
    corpus = describe(run.record.corpus.name if run else source.corpus)
    parts = [CATALOGUE[name].synthetic for name in corpus.name.split(",") if name in CATALOGUE]
    synthetic = "" if not corpus.synthetic else "whole" if all(parts) else "part"
    return Notices(corpus.title, synthetic, bool(run) and run.protocol == "random")


@dataclass(frozen=True, eq=False)
class Trace(Fact):
    """How a page was made."""

    command: str  # makes the page again
    split: bool  # whether a file with the split must be given
    runs: Sequence[Run]
    versions: Sequence[Mapping[str, str]]  # those of the runs, each once

    @property
    def folders(self) -> list[tuple[str, Run, str]]:
        """Of each run its name, which says what it has different, and where it is."""
        return [
            (name, run, f"runs/{run.folder.parent.name}/{run.folder.name}")
            for name, run in named(self.runs)
        ]

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        # The list of books reads the result of a report from the first run of its final page, its
        # archive holds all of them.
        runs = [place.removeprefix("runs/") for *_, place in self.folders]
        return {"text/markdown": self._repr_markdown_()}, {"ser": {"records": runs}}


def trace(
    page: str, runs: Sequence[Run] = (), *, corpus: Manifest | None = None, **parameters
) -> Trace:
    """Return how a page was made.

    The first of the runs that it reads has the page's parameters; a page without runs may have a
    corpus. `parameters` are the notebook's own.
    """
    runs = list(dict.fromkeys(runs))
    chosen = corpus.selection if corpus else {}
    changed = {n: v for n, v in (chosen | parameters).items() if v is not None}
    name = corpus.corpus if corpus else ""
    if runs:
        name, given = runs[0].record.corpus.name, runs[0].given
        if runs[0].protocol == "cross-corpus":  # the one protocol of several corpora
            given.pop("protocol", None)
        if runs[0].record.parameters.get("precision") == "bfloat16":
            given["precision"] = "bfloat16"  # usual here, but not on any machine
        changed |= given | ({"split": "split.csv"} if "split" in given else {})
    here = {"python": platform.python_version(), "ser-lib": ser_lib.__version__}
    versions = {repr(run.record.versions): run.record.versions for run in runs}
    made = command(page, name, changed)
    return Trace(made, "split" in changed, runs, [*versions.values()] or [here])


def command(page: str, corpus: str, changed: Mapping, *, data: str | None = None) -> str:
    """Return the command that makes a page with changed parameters; `data` is its --data."""
    options = f" --corpus {shlex.quote(corpus)}" if corpus else ""
    here = {name for name, row in CATALOGUE.items() if row.synthetic}
    folders = ["" if name in here else f"path/to/{name}" for name in corpus.split(",")]
    if data or (corpus and any(folders)):
        options += f" --data {shlex.quote(data or ','.join(folders))}"
    for name, value in changed.items():
        options += f" \\\n  -p {shlex.quote(f'{name}={_typed(value)}')}"
    return f"ser run {page}{options}"


def _typed(value: object) -> str:
    """Return a value as `ser run -p` reads it: YAML, in which a word needs no quotes."""
    with suppress(yaml.YAMLError):
        if isinstance(value, str) and yaml.safe_load(value) == value:
            return value
    return json.dumps(value, ensure_ascii=False)
