"""Where a page comes from: its warnings, how its networks were trained, how to make it again."""

import json
import platform
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import yaml

import ser_lib
from ser_lib.corpora import CATALOGUE, Manifest, describe
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.run import Dataset, Run
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


@dataclass(frozen=True)
class Trace(Fact):
    """How a page was made; sources, protocols, seeds and versions of all runs are there once."""

    command: str  # makes the page again
    split: bool  # whether a file with the split must be given
    sources: Sequence[Dataset]
    protocols: Sequence[str]
    seeds: Sequence[int]
    versions: Sequence[Mapping[str, str]]
    runs: Sequence[Mapping]  # in what each differs from the others, and where it is
    parameters: Sequence[tuple[str, str, str]]  # name, value, the usual value if it is another

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        # The list of books reads the result of a report from the first run of its final page, its
        # archive holds all of them.
        runs = [one["folder"].removeprefix("runs/") for one in self.runs]
        return {"text/markdown": self._repr_markdown_()}, {"ser": {"records": runs}}


def trace(
    page: str, runs: Sequence[Run] = (), *, corpus: Manifest | None = None, **parameters
) -> Trace:
    """Return how a page was made.

    The first of the runs that it reads has the page's parameters; a page without runs may have a
    corpus. `parameters` are the notebook's own.
    """
    runs = list(dict.fromkeys(runs))
    if corpus:
        parameters = {k: v for k, v in corpus.selection.items() if v is not None} | parameters
    changed = {name: value for name, value in parameters.items() if value is not None}
    rows = [(name, _typed(value), "") for name, value in parameters.items()]
    if runs:
        first = runs[0]
        usual = Experiment(architecture=first.architecture, corpus=first.record.corpus.name)
        given = dict(first.record.parameters)
        if given["protocol"] == "cross-corpus":  # the one protocol of several corpora
            del given["protocol"]
        for name, value in given.items():
            if name in ("architecture", "corpus"):
                continue
            own = [run.record.parameters for run in runs]  # another method has others
            values = {_typed(one[name]) for one in own if name in one}
            default = usual.parameters()[name]
            if value != default:
                changed[name] = "split.csv" if name == "split" else value
            shown = _typed(value) if len(values) == 1 else "see the runs"
            rows.append((name, shown, "" if value == default else _typed(default)))
    sources = {run.record.corpus.manifest_sha256: run.record.corpus for run in runs}
    name = runs[0].record.corpus.name if runs else corpus.corpus if corpus else ""
    return Trace(
        command=command(page, name, changed),
        split="split" in changed,
        sources=list(sources.values()),
        protocols=list(dict.fromkeys(run.protocol_words for run in runs)),
        seeds=list(dict.fromkeys(run.seed for run in runs)),
        versions=list({repr(run.record.versions): run.record.versions for run in runs}.values())
        or [{"python": platform.python_version(), "ser-lib": ser_lib.__version__}],
        runs=[_about(run, runs) for run in runs],
        parameters=rows,
    )


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


def _about(run: Run, runs: Sequence[Run]) -> dict:
    own, others = run.record.parameters, [one.record.parameters for one in runs]
    differing = [
        name
        for name, value in own.items()
        if name != "architecture" and any(other.get(name, value) != value for other in others)
    ]
    return {
        "title": run.title,
        "given": [f"{name}={_typed(own[name])}" for name in differing],
        "started": datetime.fromisoformat(run.record.started).strftime("%Y-%m-%d %H:%M %Z"),
        "duration": run.record.duration_s,
        "folder": f"runs/{run.folder.parent.name}/{run.folder.name}",
    }
