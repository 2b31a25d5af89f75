"""A grid of experiments that a file describes: checked, run in one queue, compared by validation.

The file is YAML::

    corpus: emodb
    data_dir: path/to/emodb          # not for the demo corpus
    architecture: [cnn, cnn_gru]     # one, or several
    parameters:                      # a value for all runs, or a list of values to try
      epochs: 40
      mixup: [0.0, 0.3]
      seed: [0, 1, 2]

Each combination is an experiment as any other, with its folds and its record under their usual
keys: what is there already is not trained again, and a sweep that was interrupted goes on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path

import pandas as pd
import yaml

from ser_lib.core.errors import ParameterError, choose
from ser_lib.core.files import workspace
from ser_lib.corpora import Manifest
from ser_lib.experiments import run as training
from ser_lib.experiments.experiment import Experiment, as_number

KEYS = ("corpus", "data_dir", "architecture", "parameters")
PARAMETERS = [f.name for f in fields(Experiment) if f.name not in ("corpus", "architecture")]
SCORES = ("validation_uar", "uar", "uar_low", "uar_high", "accuracy")


@dataclass(frozen=True)
class Grid:
    """What a file asks for.

    Attributes
    ----------
    experiments
        One per combination, in the order of the file; the last of its lists varies fastest.
    data_dir
        Folder of the corpus, relative to the current one.
    varied
        What differs between the experiments, by the names of their attributes.
    """

    experiments: list[Experiment]
    data_dir: str | None
    varied: list[str]


def read(file: str | Path) -> Grid:
    """Read the file of a sweep.

    Raises
    ------
    ParameterError
        Names the file and the key: it is not YAML, a name is unknown or there twice, a value is
        not allowed, or two of its runs are the same.
    """
    try:
        text = Path(file).read_text(encoding="utf-8")
        found = yaml.safe_load(text)
        twice = next(_twice(yaml.compose(text)), None)
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"cannot read the sweep {file}: {error}") from error
    except yaml.YAMLError as error:
        raise ParameterError(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    if twice:
        raise ParameterError(f"{file}: '{twice}' is there twice; give its values as one list")
    try:
        return _grid(found)
    except ParameterError as error:
        raise ParameterError(f"{file}: {error}") from error


def run(
    grid: Grid,
    *,
    workers: int | str | None = None,
    progress: training.Progress | None = None,
) -> pd.DataFrame:
    """Train what is missing of a grid and compare its runs.

    Parameters
    ----------
    grid
        See `read`.
    workers, progress
        As of `run.run`.

    Returns
    -------
    pd.DataFrame
        A row per run, best first: what was varied; `validation_uar`, the mean over the folds;
        `uar` with the bounds of its interval, and `accuracy`, of the test parts; `run`, the folder
        in the workspace. The order is that of validation: the best of many test scores is too good
        to be true, because luck was chosen with it.

    Raises
    ------
    SerError
        As `run.run`; what any of the experiments lacks is said before any work.
    """
    chosen: dict[tuple, Manifest] = {}
    for experiment in grid.experiments:
        subset = experiment.emotions, experiment.style
        if subset not in chosen:
            chosen[subset] = training.load(experiment, grid.data_dir)
        training.audited(experiment, chosen[subset])
    planned = [(one, chosen[one.emotions, one.style]) for one in grid.experiments]
    training.prepare(planned, workers=workers, progress=progress)
    rows = []
    for experiment, manifest in planned:
        record = training.gather(experiment, manifest)
        metrics, folds = record.data["metrics"], record.data["folds"]
        low, high = metrics["uar_ci95"]
        scores = (
            sum(fold["validation_uar"] for fold in folds) / len(folds),
            metrics["uar"],
            low,
            high,
            metrics["accuracy"],
        )
        rows.append(
            {name: getattr(experiment, name) for name in grid.varied}
            | dict(zip(SCORES, scores, strict=True))
            | {"run": record.folder.relative_to(workspace()).as_posix()}
        )
    table = pd.DataFrame(rows)
    return table.sort_values("validation_uar", ascending=False, kind="stable", ignore_index=True)


def in_words(table: pd.DataFrame) -> str:
    """Return the table of a sweep as lines of text."""
    shown = dict.fromkeys(table.columns, str) | dict.fromkeys(SCORES, "{:.3f}".format)
    return table.to_string(index=False, formatters=shown)


def _grid(found: object) -> Grid:
    if not isinstance(found, dict):
        raise ParameterError(f"a sweep has the keys {', '.join(KEYS)}")
    for key in found:
        choose(key, KEYS, "key of a sweep")
    if "architecture" not in found:
        raise ParameterError("architecture is missing: name one network, or several in a list")
    parameters = found.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise ParameterError("parameters must be names with a value or a list of values each")
    for name in parameters:
        choose(name, PARAMETERS, "parameter of a sweep")
    # Several corpora are one text, joined by commas, and so are their folders.
    given = {key: found[key] for key in ("corpus", "data_dir") if found.get(key) is not None}
    for key, value in given.items():
        if not isinstance(value, str):
            raise ParameterError(f"{key} must be one text, not {value!r}")
    tried = {"architecture": found["architecture"], **parameters}
    choices = [_choices(name, value) for name, value in tried.items()]
    corpus = {"corpus": given["corpus"]} if "corpus" in given else {}
    experiments: dict[Experiment, dict] = {}
    for values in product(*choices):
        combination = dict(zip(tried, values, strict=True))
        experiment = Experiment(**corpus, **combination)
        if experiment in experiments:
            raise ParameterError(
                f"{_in_words(experiments[experiment])} and {_in_words(combination)} are the same "
                "run; list it once"
            )
        experiments[experiment] = combination
    varied = [name for name, values in zip(tried, choices, strict=True) if len(values) > 1]
    return Grid(list(experiments), given.get("data_dir"), varied)


def _choices(name: str, value: object) -> list:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str | int | float | None) for one in values):
        raise ParameterError(f"{name} must be a value or a list of values, not {value!r}")
    return [as_number(one) for one in values]


def _in_words(combination: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in combination.items())


def _twice(node: yaml.Node | None) -> Iterator[str]:
    """Give the keys that a mapping has twice; of two, YAML would take the last without a word."""
    if isinstance(node, yaml.MappingNode):
        names = [key.value for key, _ in node.value]
        yield from (name for name in names if names.count(name) > 1)
        for _, value in node.value:
            yield from _twice(value)
