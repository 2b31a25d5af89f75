"""Notebook templates become executed pages, each under the key of what went into it.

A template lies in `notebooks/` and has one cell tagged `parameters`. The notebooks of the
architectures leave a record (see `records`) and are kept in its folder; the others are kept in
`runs/<corpus>/<notebook>-<key>/`. A page whose key is there is not executed again. A run of the
whole report puts its pages into `runs/<corpus>/reports/<name>/`, from where the book is built.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shutil import copy2

import nbformat
import papermill
from nbformat.v4 import new_code_cell
from papermill.exceptions import PapermillExecutionError

from ser_lib import corpora
from ser_lib.core.errors import NotebookError, ParameterError, SplitError, choose
from ser_lib.core.files import fresh_folder, workspace, write_atomically
from ser_lib.core.jobs import processors
from ser_lib.corpora import Manifest, selection
from ser_lib.experiments import baselines, records, run
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment
from ser_lib.features import maps as features
from ser_lib.features import store
from ser_lib.models import networks
from ser_lib.pages import across, repeats, speed, templates
from ser_lib.report import shelf

NOTEBOOKS = (
    "data",
    *networks.NAMES,
    "features",
    "comparison",
    "final",
    "context",
    "audit",
    "gap",
    "calibration",
    "fairness",
    "robustness",
    "failures",
    "listen",
    "across",
    "speed",
    "conclusions",
    "corpora",
    "introduction",
)
"""The pages of the report in the order of their execution: who reads records comes last."""


PAGES_AT_ONCE = 2
"""Each needs up to a gigabyte of memory."""


@dataclass(frozen=True)
class Part:
    """How long a part of the work took, and whether it was there already.

    Of what was there, the file of a report's parts has the seconds of when it was made.
    """

    name: str
    seconds: float
    cached: bool = False


def execute(
    names: Iterable[str] = (),
    *,
    corpus: str = "demo",
    data_dir: str | Path | None = None,
    parameters: dict | None = None,
    report: str | None = None,
    scheduler: str | None = None,
    say: Callable[[str], None] = print,
) -> list[Part]:
    """Execute notebooks on a corpus.

    Parameters
    ----------
    names
        Of `NOTEBOOKS`; all of them by default, which also makes the pages of the book.
    corpus, data_dir
        See `corpora.load`.
    parameters
        Given to every notebook that has them.
    report
        The name of the report that all notebooks make, by default `corpus`.
    scheduler
        Address of a Dask cluster, which then computes the features of all audio and the networks;
        the notebooks themselves are executed here.
    say
        Called with a line per finished part.

    Returns
    -------
    list of Part

    Raises
    ------
    ParameterError
        If no notebook has a parameter of that name, or the report cannot have its name.
    BookError
        If another corpus has a book of the report's name.
    SplitError
        If the corpus does not allow the protocol.
    ClusterError
        If the cluster cannot be reached, or cannot do the work as it would be done here.
    NotebookError
        If a notebook is unknown or fails; its partial result stays beside the runs.
    """
    whole = not (names := list(names))
    if whole:
        corpora.describe(corpus)  # an unknown one is refused as such, not as a report's name
        report = shelf.claim_name(report or corpus, corpus, workspace())
    elif report:
        raise ParameterError(
            f"the report '{report}' is made by all notebooks: name none of them, or leave out "
            "--report"
        )
    defaults = {name: _defaults(name) for name in names or NOTEBOOKS}
    # What is None is as usual, as in the notebooks.
    given = {name: value for name, value in (parameters or {}).items() if value is not None}
    _refuse_unknown(given, defaults)
    # Kernels run in the workspace, so what is relative to the caller must not stay so.
    data_dir = _absolute(data_dir, corpus) if data_dir else None
    for name in ("other", "other_dir", "split"):
        if not isinstance(given.get(name, ""), str):
            raise ParameterError(f"{name} must be a text, not {given[name]!r}")
    for name in ("other_dir", "split"):
        if given.get(name):
            given[name] = _absolute(given[name])
    given |= {"corpus": corpus, "data_dir": data_dir}
    values = {
        name: default | {k: v for k, v in given.items() if k in default}
        for name, default in defaults.items()
    }
    # A bad value is refused before any work.
    experiments = {name: _experiments(name, values[name]) for name in defaults}
    parts: list[Part] = []

    def finish(part: Part) -> None:
        parts.append(part)
        say(f"{part.name:<24} {'unchanged' if part.cached else f'{part.seconds:6.1f} s'}")

    clock = time.perf_counter()
    manifest = corpora.load(
        corpus, data_dir, emotions=given.get("emotions"), style=given.get("style")
    )
    say(f"emotions: {selection.in_words(manifest)}")
    for row in manifest.left_out:
        say(f"left out: {row['file']}: {row['reason']}")
    finish(Part("corpus", _since(clock)))
    # Refuses a protocol that the corpus does not allow, before features and training.
    planned = {name: _planned(shown, manifest, values[name]) for name, shown in experiments.items()}
    pages = {name: _page(name, values[name], planned[name], manifest) for name in defaults}
    missing = [name for name, page in pages.items() if not page.is_file()]
    clock = time.perf_counter()
    computed = []
    store.build(
        manifest,
        kind=given.get("feature_map", "logmel"),
        workers=scheduler,
        progress=lambda done, total: computed.append(done),
    )
    finish(Part("features of all audio", _since(clock), not computed))
    if runs := {pair[0]: pair for name in missing for pair in planned[name]}:
        clock = time.perf_counter()
        trained = run.prepare(runs.values(), workers=scheduler)
        for pair in runs.values():
            run.gather(*pair)
        finish(Part("networks", _since(clock), not trained))

    def produce(name: str) -> Part:
        clock = time.perf_counter()
        if name in missing:
            _execute_one(templates.file(name), pages[name], values[name])
        return Part(name, _since(clock), name not in missing)

    # All records are there, so no page waits for another one, and most of them keep one processor
    # busy. After an error nothing new is begun.
    with ThreadPoolExecutor(min(processors(), PAGES_AT_ONCE)) as pool:
        try:
            for done in as_completed([pool.submit(produce, name) for name in pages]):
                finish(done.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if whole:
        target = shelf.pages(workspace(), corpus, report)
        lasting = _lasting(parts, shelf.parts(target))
        with fresh_folder(target) as folder:
            for name, page in pages.items():
                copy2(page, folder / f"{name}.ipynb")
            (folder / shelf.PARTS).write_text(json.dumps([asdict(part) for part in lasting]))
    else:
        for page in pages.values():
            say(f"executed notebook: {page}")
    return parts


def _lasting(parts: list[Part], before: list[dict]) -> list[Part]:
    """Give what was not done again the seconds that it took in an earlier run of the report."""
    took = {part["name"]: part["seconds"] for part in before}
    done = {part.name for part in parts}
    now = [replace(part, seconds=took.get(part.name, 0.0)) if part.cached else part
           for part in parts]  # fmt: skip
    return now + [Part(name, seconds, True) for name, seconds in took.items() if name not in done]


def _since(clock: float) -> float:
    return round(time.perf_counter() - clock, 1)


def _defaults(name: str) -> dict:
    """Return the parameters of a notebook of the report with their usual values."""
    try:
        choose(name, NOTEBOOKS, "notebook")
    except ParameterError as error:
        raise NotebookError(str(error)) from None
    return templates.defaults(name)


def _refuse_unknown(given: dict, defaults: dict[str, dict]) -> None:
    known = sorted({name for values in defaults.values() for name in values})
    known = [name for name in known if name not in ("corpus", "data_dir")]
    where = f"parameter of {next(iter(defaults))}" if len(defaults) == 1 else "parameter"
    for name in given:
        if name in ("corpus", "data_dir"):
            raise ParameterError(f"'{name}' is not given with -p; use --corpus NAME --data DIR")
        if not known:
            raise ParameterError(f"unknown {where} '{name}'; it has none but corpus and data_dir")
        choose(name, known, where)


def _absolute(folder: str | Path, corpus: str = "") -> str:
    """Make a folder absolute; of several corpora, each of theirs."""
    parts = str(folder).split(",") if "," in corpus else [str(folder)]
    return ",".join(str(Path(part).expanduser().resolve()) if part else "" for part in parts)


def _experiments(name: str, values: dict) -> list[Experiment]:
    """Return the experiments that a notebook shows, as far as its parameters tell them."""
    if "epochs" not in values:
        return []
    if name == "across":
        return [across.plan(values)[0]]
    if name == "comparison":
        return repeats.experiments(values)
    if name == "features":
        maps = [values | {"feature_map": kind} for kind in features.MAPS]
        return [Experiment.from_notebook("cnn_gru", chosen) for chosen in maps]
    shown = [name] if name in ARCHITECTURES else ARCHITECTURES
    return [Experiment.from_notebook(architecture, values) for architecture in shown]


def _planned(
    experiments: list[Experiment], manifest: Manifest, values: dict
) -> list[tuple[Experiment, Manifest]]:
    """Return the experiments with what they are made on, if their splits are sound."""
    if "other" in values:
        try:
            manifest = across.load(values)
        except SplitError:
            return []  # the page says why
    for experiment in experiments:
        run.audited(experiment, manifest)
    return [(experiment, manifest) for experiment in experiments]


def _page(
    name: str, values: dict, planned: list[tuple[Experiment, Manifest]], manifest: Manifest
) -> Path:
    """Where the executed notebook with these parameters is kept."""
    keys = [run.run_key(*pair) for pair in planned]
    if name == "speed":
        keys.append(speed.content())  # new benchmarks are shown at once
    if name in ARCHITECTURES:
        folder = run.run_folder(planned[0][0], keys[0])
    else:
        # Places are not decisive; what lies there is in the keys of the corpus and of the runs.
        places = ("data_dir", "other_dir", "split")
        decisive = {k: v for k, v in values.items() if k not in places}
        # Baselines that are installed later have their place on the pages.
        key = records.key(name, decisive, manifest.sha256, *keys, *baselines.available())
        folder = records.runs(manifest.corpus) / f"{name}-{key}"
    return folder / f"{name}.ipynb"


def _execute_one(template: Path, page: Path, values: dict) -> None:
    failed = workspace() / "runs" / f"failed-{template.name}"
    failed.parent.mkdir(parents=True, exist_ok=True)
    partial = failed.with_name(f".partial-{template.name}")
    try:
        notebook = papermill.execute_notebook(
            str(template),
            str(partial),
            parameters=values,
            cwd=str(workspace()),
            kernel_name="python3",
            progress_bar=False,
            stderr_file=sys.stderr,
            start_timeout=300,
            extra_arguments=["--log-level=40"],
        )
    except PapermillExecutionError as error:
        partial.replace(failed)
        raise NotebookError(
            f"notebook '{template.stem}' failed with {error.ename}: {error.evalue} "
            f"(executed so far: {failed})"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    write_atomically(page, nbformat.writes(_for_the_book(notebook)) + "\n")
    failed.unlink(missing_ok=True)


def _for_the_book(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Move what a figure says about itself from its output to its cell, where MyST reads it.

    MyST takes all outputs of a cell for one figure, so a cell that shows several things, one of
    them a figure, becomes several cells.
    """
    notebook.cells = [part for cell in notebook.cells for part in _with_one_figure(cell)]
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags:
            # It names a folder of this machine; the page's provenance lists all parameters.
            cell.metadata["tags"] = list(dict.fromkeys([*tags, "remove-cell"]))
        for about in map(_about_figure, cell.get("outputs", [])):
            if about:
                cell.metadata["mystnb"] = {
                    "image": {"alt": about["alt"]},
                    "figure": {"caption": about["caption"], "name": about["name"]},
                }
    return notebook


def _about_figure(output: nbformat.NotebookNode) -> dict:
    about = output.get("metadata", {}).get("ser", {})
    return about if "alt" in about else {}


def _with_one_figure(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    outputs = cell.get("outputs", [])
    if len(outputs) < 2 or not any(map(_about_figure, outputs)):
        return [cell]
    cell.outputs, *others = ([output] for output in outputs)
    return [
        cell,
        *(
            new_code_cell(
                "# shown by the cell above",  # one without source would be left out
                execution_count=cell.execution_count,
                outputs=shown,
                metadata={"tags": ["remove-input"]},
            )
            for shown in others
        ),
    ]
