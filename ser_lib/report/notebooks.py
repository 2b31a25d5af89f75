"""Notebook templates become executed pages, each under the key of what went into it.

A template is in `notebooks/` and has one cell tagged `parameters`. Its page is kept in
`runs/<corpus>/<notebook>-<key>/` and is not executed again while the key stays: that of its
template, its texts, the code behind it, its parameters and the runs that it reads. A run of the
whole report puts its pages into `runs/<corpus>/reports/<name>/`, from where the book is built.
"""

import ast
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from shutil import copy2
from threading import Thread
from weakref import WeakSet

import nbformat
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec

from ser_lib.core import files, jobs
from ser_lib.core.errors import NotebookError, ParameterError, SplitError, choose
from ser_lib.core.files import digest, fresh_folder, workspace, write_atomically
from ser_lib.corpora import Manifest
from ser_lib.corpora.loader import in_words
from ser_lib.experiments import baselines, forecast, search, train
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment
from ser_lib.experiments.names import folder_of
from ser_lib.features import maps, store
from ser_lib.pages import across, comparison, lda, live, own, runs, speed
from ser_lib.report import shelf
from ser_lib.report.templates import NOTEBOOKS, check, options, template

ACROSS = ("corpus", "data_dir", "other", "other_dir", "seed", "options")
"""Parameters that decide the test on another corpus."""


def _experiment(architecture: str, values: Mapping) -> Experiment:
    given = {**values.get("options", {}), **values, "architecture": architecture}
    fields = Experiment.__annotations__
    return Experiment(**{name: value for name, value in given.items() if name in fields})


def _all_methods(values: Mapping) -> list[Experiment]:
    return [_experiment(name, values) for name in train.METHODS]


def _across(values: Mapping) -> list[Experiment]:
    return across.plan(**{name: values[name] for name in ACROSS if name in values})[0]


READS: dict[str, Callable[[Mapping], list[Experiment]]] = {
    **dict.fromkeys(NOTEBOOKS, lambda values: [_experiment(n, values) for n in ARCHITECTURES]),
    **dict.fromkeys(("data", "corpora", "speed"), lambda values: []),
    **{n: lambda values, n=n: [_experiment(n, values)] for n in ARCHITECTURES},
    "features": lambda values: [  # the final network of the reference report on both maps
        _experiment("cnn_gru", {**values, "feature_map": kind}) for kind in maps.MAPS
    ],
    "lda": lambda values: lda.experiments(**values),
    "comparison": lambda values: [*comparison.experiments(**values), _experiment("lda", values)],
    **dict.fromkeys(("introduction", "own"), _all_methods),
    "across": _across,
    "conclusions": lambda values: [*_all_methods(values), *_across(values)],
}
"""Which runs a page reads, by the values of its parameters: all networks, or others."""


def execute(
    names: Iterable[str] = (),
    *,
    corpus: str = "demo",
    data_dir: str | Path | None = None,
    parameters: dict | None = None,
    report: str | None = None,
    final: bool = False,
    scheduler: str | None = None,
    dry_run: bool = False,
) -> None:
    """Execute notebooks on a corpus.

    The names are of `templates.NOTEBOOKS`; all of them, the default, also make the pages of the
    book of the `report`, called as the corpus unless it has a name. Every notebook gets those of
    the parameters that it has; None is the usual value. A Dask cluster, whose `scheduler` has an
    address, computes features and networks; the notebooks themselves are executed here. With
    `final` every named method gets a model to take along, see `Run.take_along`. A dry run says
    what is to be computed, and about how long that takes.

    A `SerError` comes before any work if a notebook, a parameter, the report's name or the protocol
    is none that is allowed, a `NotebookError` where a notebook fails, whose partial result stays in
    ``runs/``.
    """
    whole = not (names := list(names))
    if whole:
        report = shelf.claim_name(report or corpus, corpus, workspace())
    elif report:
        raise ParameterError(
            f"the report '{report}' is made by all notebooks: name none of them, or leave out "
            "--report"
        )
    for name in names or [""] if final else []:
        choose(name, train.METHODS, "method to take along (--final)")
    defaults = check(names, parameters or {})
    given = _given(parameters or {})
    # Kernels run in the workspace, so what is relative to the caller must not stay so.
    data_dir = _absolute(data_dir, corpus) if data_dir else None
    given |= {"corpus": corpus, "data_dir": data_dir}
    values = {name: _values(default, given) for name, default in defaults.items()}
    # A bad value is refused before any work.
    reads = {
        name: READS[name]({k: v for k, v in own.items() if k != "data_dir"})
        for name, own in values.items()
    }

    def finish(name: str, clock: float, *, cached: bool = False) -> None:
        jobs.show("")
        took = "unchanged" if cached else f"{time.perf_counter() - clock:6.1f} s"
        print(f"{name:<24} {took}")

    jobs.show(f"reading the corpus {corpus}")
    clock = time.perf_counter()
    manifest = runs.load(corpus, data_dir, given)
    jobs.show("")
    own.load(given.get("predictions", ()), manifest)
    print(f"emotions: {in_words(manifest)}")
    for row in manifest.left_out:
        print(f"left out: {row['file']}: {row['reason']}")
    for row in manifest.remarks:
        print(f"note: {row['file']}: {row['remark']}")
    finish("corpus", clock)
    # Refuses a protocol that the corpus does not allow, before features and training.
    plans: dict[Experiment, train.Plan] = {}
    for name, read in reads.items():
        plans |= _plans([one for one in read if one not in plans], manifest, values[name])
    reads = {name: [one for one in read if one in plans] for name, read in reads.items()}
    keys = {experiment: train.run_folder(*plan).name for experiment, plan in plans.items()}
    pages = {
        name: _page(name, values[name], [keys[one] for one in reads[name]], manifest)
        for name in defaults
    }
    missing = [name for name, page in pages.items() if not page.is_file()]
    asked = names if final else missing
    needed = [plans[one] for one in dict.fromkeys(one for n in asked for one in reads[n])]
    if dry_run:
        print(*_forecast(len(pages), missing, needed), sep="\n")
        return
    files.check_writable()
    clock = time.perf_counter()
    computed = []
    if not plans or any(experiment.feature_map for experiment in plans):
        store.build(
            manifest,
            kind=given.get("feature_map", "logmel"),
            workers=scheduler,
            progress=lambda done, total: computed.append(done),
        )
    finish("features of all audio", clock, cached=not computed)
    if needed:
        clock = time.perf_counter()
        trained = train.prepare(needed, workers=scheduler)
        for plan in needed:
            live.put_card(train.gather(*plan))
        finish("networks", clock, cached=not trained)
    for name in names if final else []:
        clock, run = time.perf_counter(), train.gather(*plans[_experiment(name, values[name])])
        run.take_along(workers=scheduler)
        live.put_card(run)
        finish(f"{name} to take along", clock)

    def produce(name: str) -> tuple[str, float]:
        clock = time.perf_counter()
        if name in missing:
            _execute_one(template(name), pages[name], values[name])
        return name, clock

    countdown = jobs.Countdown(len(missing))
    # All records are there, so no page waits for another one; most keep one processor busy and need
    # up to a gigabyte of memory. After an error nothing new is begun.
    with ThreadPoolExecutor(min(jobs.processors(), 2)) as pool:
        waiting = [pool.submit(produce, name) for name in pages]
        try:
            for done in as_completed(waiting):
                name, clock = done.result()
                finish(name, clock, cached=name not in missing)
                executed = sum(page.is_file() for page in map(pages.get, missing))
                countdown.tell(executed, "pages executed")
        except KeyboardInterrupt:
            Thread(target=_end, args=(waiting,), daemon=True).start()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    if not whole:
        for page in pages.values():
            print(f"executed notebook: {page}")
        return
    with fresh_folder(shelf.pages(workspace(), corpus, report)) as folder:
        for name, page in pages.items():
            copy2(page, folder / f"{name}.ipynb")


def _forecast(n_pages: int, missing: list[str], needed: list[train.Plan]) -> Iterator[str]:
    """Say which pages and folds are to be computed, and about how long the folds take."""
    yield f"pages to execute: {len(missing)} of {n_pages}{': ' * bool(missing)}{', '.join(missing)}"
    trainings, counts = [], Counter()
    for experiment, corpus, folds in needed:
        own = [(experiment, folds[n]) for n in train.missing(experiment, corpus, folds).values()]
        name = " on ".join(filter(None, [experiment.architecture, experiment.feature_map]))
        counts[f"{name}, protocol {experiment.protocol}"] += len(own)
        trainings += own
    yield from (f"folds to train: {n} of {name}" for name, n in counts.items() if n)
    if trainings:
        seconds = forecast.seconds(trainings)
        known = "nobody knows how long" if seconds is None else jobs.roughly(seconds)
        yield (f"training takes {known} on {jobs.processors()} processors, or less where folds "
               "stop early; pages come on top")  # fmt: skip


def _given(parameters: Mapping) -> dict:
    """Return the parameters that are not as usual, with absolute paths."""
    given = {name: value for name, value in parameters.items() if value is not None}
    for name in ("other", "other_dir", "split"):
        if not isinstance(value := given.get(name, ""), str):
            raise ParameterError(f"{name} must be a text, not {value!r}")
        if value and name != "other":
            given[name] = _absolute(value)
    if (files := given.get("predictions")) is not None:
        files = [files] if isinstance(files, str) else files
        given["predictions"] = [_absolute(file) for file in files]
    return given


def _absolute(folder: str | Path, corpus: str = "") -> str:
    """Make a folder absolute; of several corpora, each of theirs."""
    parts = str(folder).split(",") if "," in corpus else [str(folder)]
    return ",".join(str(Path(part).expanduser().resolve()) if part else "" for part in parts)


def _values(defaults: Mapping, given: Mapping) -> dict:
    """Return a notebook's values: its own parameters, and others of the networks as options."""
    values = {name: given.get(name, value) for name, value in defaults.items()}
    if "options" in defaults:
        others = {name: given[name] for name in sorted(options() & set(given) - set(defaults))}
        values["options"] = defaults["options"] | others
    return values


def _plans(
    experiments: list[Experiment], manifest: Manifest, values: dict
) -> dict[Experiment, train.Plan]:
    """Return each experiment with its corpus and audited folds."""
    abroad = _across(values) if "other" in values else []
    load = cache(lambda: across.load(**{name: values[name] for name in ACROSS}))
    plans = {}
    for one in experiments:
        try:
            own = load() if one in abroad else manifest
            plans[one] = (one, own, train.audited(one, own))
        except SplitError:
            if one not in abroad:
                raise  # the page on other corpora says why
    return plans


def _page(name: str, values: dict, inputs: list[str], manifest: Manifest) -> Path:
    """Return where the executed notebook with these parameters, and these runs, is kept."""
    if name == "speed":
        inputs = list(filter(Path.is_file, [speed.results_file()]))  # new ones are shown at once
    if name in train.METHODS:  # how many configurations were tried, too
        inputs = [*inputs, *map(digest, search.records_of(folder_of(manifest.corpus), name))]
    for file in map(Path, values.get("predictions", ())):
        inputs = [*inputs, file.stem, digest(file)]
    # Where folders and files are decides nothing, what is in them does.
    decisive = {k: v for k, v in values.items() if k not in shelf.PLACES}
    if "options" in decisive:
        decisive["options"] = {k: v for k, v in values["options"].items() if k not in shelf.PLACES}
    # Baselines that are installed later have their place on the pages.
    key = digest(decisive, manifest.sha256, *inputs, *baselines.available(), *_behind(name))
    return folder_of(manifest.corpus) / f"{name}-{key}" / f"{name}.ipynb"


def _behind(name: str) -> list[Path]:
    """Return all that a page is made from: its template, the code that it imports, its texts."""
    notebook = nbformat.read(template(name), as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    behind, todo = {template(name)}, set(_imports(code))
    while todo:
        file = todo.pop()
        if file not in behind:
            behind.add(file)
            todo |= _imports(file.read_text(encoding="utf-8"))
    texts = {file.parent / "text" / file.stem for file in behind if file.parent.name == "pages"}
    behind |= {text for folder in texts for text in folder.glob("*.*")}
    for folder in {file.parent for file in behind}:
        behind |= {*folder.glob("*.csv"), *folder.glob("*.yml")}
    return sorted(behind)


@cache
def _imports(code: str) -> set[Path]:
    """Return the files of the library that a source imports."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    own = [name.split(".")[1:] for name in names if name.split(".")[0] == "ser_lib"]
    places = [files.LIBRARY.joinpath(*parts) for parts in own]
    sources = {place.with_suffix(".py") for place in places} | {p / "__init__.py" for p in places}
    return {file for file in sources if file.is_file()}


class OwnKernel(AsyncKernelManager):
    """The kernel of the Python that runs, whatever kernels a home folder holds."""

    made: WeakSet["OwnKernel"] = WeakSet()

    def __init__(self, *given, **options) -> None:
        super().__init__(*given, **options)
        self.made.add(self)

    @property
    def kernel_spec(self) -> KernelSpec:
        """Return how this Python's kernel is started."""
        return KernelSpec(**get_kernel_dict())


def _end(pages: Sequence[Future]) -> None:
    """End all kernels, also those that are about to start, until no page is executed any more."""
    while not all(page.done() for page in pages):
        for kernel in list(OwnKernel.made):
            if process := getattr(kernel.provisioner, "process", None):
                process.kill()
        time.sleep(0.1)


def _execute_one(source: Path, page: Path, values: dict) -> None:
    import papermill  # takes a second, which a refusal need not wait for

    failed = workspace() / "runs" / f"failed-{source.name}"
    partial = failed.with_name(f".partial-{source.name}")
    # Papermill takes braces for places of parameters.
    paths = [str(path).replace("{", "{{").replace("}", "}}") for path in (source, partial)]
    try:
        notebook = papermill.execute_notebook(
            *paths, parameters=values, cwd=str(workspace()),
            kernel_name="python3", kernel_manager_class=OwnKernel,
            progress_bar=False, stderr_file=sys.stderr, start_timeout=300,
            iopub_timeout=300,  # clips take a busy machine longer than the usual 4 s
            extra_arguments=["--log-level=50"],  # its shutdown is no error
        )  # fmt: skip
    except papermill.exceptions.PapermillExecutionError as error:
        partial.replace(failed)
        raise NotebookError(
            f"notebook '{source.stem}' failed with {error.ename}: {error.evalue} "
            f"(executed so far: {failed})"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    write_atomically(page, nbformat.writes(notebook) + "\n")
    failed.unlink(missing_ok=True)
