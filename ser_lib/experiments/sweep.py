"""A grid of experiments that a file describes: checked, run in one queue, compared by validation.

The file is YAML::

    corpus: emodb
    data_dir: path/to/emodb          # not for the demo corpus
    architecture: [cnn, cnn_gru]     # one, or several
    parameters:                      # a value for all runs, or a list of values to try
      epochs: 40
      mixup: [0.0, 0.3]
      seed: [0, 1, 2]

Each combination is an experiment as any other, under its usual key: what is there already is not
trained again, and a sweep that was interrupted goes on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from ser_lib import corpora
from ser_lib.core.errors import ParameterError, choose
from ser_lib.core.files import workspace
from ser_lib.experiments import train
from ser_lib.experiments.experiment import Experiment, as_number

KEYS = ("corpus", "data_dir", "architecture", "parameters")
PARAMETERS = [f.name for f in fields(Experiment) if f.name not in ("corpus", "architecture")]
MANY = 10_000  # combinations of a file
SCORES = ("validation_uar", "uar", "uar_low", "uar_high", "accuracy")


@dataclass(frozen=True)
class Grid:
    """What a file asks for."""

    experiments: list[Experiment]  # one per combination; the last list of the file varies fastest
    data_dir: str | None
    choices: dict[str, list]  # by parameter, the values that the file lists

    @property
    def varied(self) -> list[str]:
        """Names of the parameters in which the experiments differ."""
        return [name for name, values in self.choices.items() if len(values) > 1]


def read(file: str | Path) -> Grid:
    """Read the file of a sweep; a `ParameterError` names the file and the key that is wrong."""
    return parsed(file, grid_of)


def parsed(file: str | Path, make: Callable[[object], Any]) -> Any:
    """Read a YAML file and make something of its content; errors name the file."""
    try:
        text = Path(file).read_text(encoding="utf-8")
        content = yaml.load(text, _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"cannot read {file}: {error}") from error
    except (yaml.YAMLError, ValueError, AttributeError, RecursionError) as error:
        raise ParameterError(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    try:
        return make(content)
    except ParameterError as error:
        raise ParameterError(f"{file}: {error}") from error


def run(
    grid: Grid, *, workers: train.Workers = None, progress: train.Progress = None
) -> pd.DataFrame:
    """Train what is missing of a grid and compare its runs; arguments as of `train.train`.

    What any of the experiments lacks is said before any work.

    A row per run: what was varied; `validation_uar`, the mean over the folds; `uar` with the bounds
    of its interval, and `accuracy`, of the test parts; `run`, the folder in the workspace. The best
    by validation is first: the best of many test scores is too good to be true, because luck was
    chosen with it.
    """
    manifests, planned = {}, []
    for experiment in grid.experiments:
        chosen = {"emotions": experiment.emotions, "style": experiment.style}
        key = tuple(chosen.values())
        if key not in manifests:
            manifests[key] = corpora.load(experiment.corpus, grid.data_dir, **chosen)
        planned.append((experiment, manifests[key]))
    rows = []
    for run in train.train_all(planned, workers=workers, progress=progress):
        uar, accuracy = run.uar, run.metrics["accuracy"].value
        scores = (run.mean("validation_uar"), uar.value, *uar.interval, accuracy)
        rows.append(
            {name: getattr(run.experiment, name) for name in grid.varied}
            | dict(zip(SCORES, scores, strict=True))
            | {"run": run.folder.relative_to(workspace()).as_posix()}
        )
    table = pd.DataFrame(rows)
    return table.sort_values("validation_uar", ascending=False, kind="stable", ignore_index=True)


def in_words(table: pd.DataFrame) -> str:
    """Return the table of a sweep as lines of text."""
    shown = dict.fromkeys(table.columns, str) | dict.fromkeys(SCORES, "{:.3f}".format)
    return table.to_string(index=False, formatters=shown)


def choices(name: str, value: object) -> list:
    """Return the values that a file lists for a parameter, or its only one."""
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str | int | float | None) for one in values):
        raise ParameterError(f"{name} must be a value or a list of values, not {value!r}")
    return [as_number(one) for one in values]


def grid_of(
    content: object, *, kind: str = "sweep", keys: Sequence[str] = KEYS, choices=choices
) -> Grid:
    """Return the grid of a file's content; `kind` is what errors call it, `keys` what it may have.

    A `ParameterError` names what is wrong.
    """
    if not isinstance(content, dict):
        raise ParameterError(f"a {kind} has the keys {', '.join(keys)}")
    for key in content:
        choose(key, keys, f"key of a {kind}")
    if "architecture" not in content:
        raise ParameterError("architecture is missing: name one network, or several in a list")
    parameters = content.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise ParameterError("parameters must be names with a value or a list of values each")
    for name in parameters:
        choose(name, PARAMETERS, f"parameter of a {kind}")
    # Several corpora are one text, joined by commas, and so are their folders.
    place = {key: content[key] for key in ("corpus", "data_dir") if content.get(key) is not None}
    for key, value in place.items():
        if not isinstance(value, str):
            raise ParameterError(f"{key} must be one text, not {value!r}")
    data_dir = place.pop("data_dir", None)
    tried = {"architecture": content["architecture"], **parameters}
    listed = {name: choices(name, value) for name, value in tried.items()}
    if (n := prod(map(len, listed.values()))) > MANY:
        raise ParameterError(f"a {kind} has {MANY:,} combinations at most, not {n:,}")
    experiments: dict[Experiment, str] = {}
    for values in product(*listed.values()):
        combination = dict(zip(listed, values, strict=True))
        words = ", ".join(f"{name} {value}" for name, value in combination.items())
        experiment = Experiment(**place, **combination)
        if same := experiments.get(experiment):
            raise ParameterError(f"{same} and {words} are the same run; list it once")
        experiments[experiment] = words
    return Grid(list(experiments), data_dir, listed)


class _Loader(yaml.SafeLoader):
    """Refuses a key that a mapping has twice, of which YAML would take the last without a word."""

    def construct_mapping(self, node, deep=False):
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise yaml.YAMLError(f"'{name}' is there twice; give its values as one list")
        return super().construct_mapping(node, deep)
