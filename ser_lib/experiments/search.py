"""A search for parameters that a file describes: validation alone says how good they are.

The file is that of a sweep, see `sweep`, of one method. A list has the values to choose from, a
number may have a range, and what has one value is the same in all trials::

    corpus: emodb
    data_dir: path/to/emodb          # not for the demo corpus
    architecture: cnn_gru
    trials: 30
    seed: 0                          # of what is proposed
    parameters:
      epochs: 40
      batch_size: [8, 16, 32]
      learning_rate: {low: 1e-4, high: 1e-2, log: true}
      block_dropout: {low: 0, high: 0.5, step: 0.1}

Optuna (Akiba et al., KDD 2019) proposes each trial by a tree-structured Parzen estimator (Bergstra
et al., NIPS 2011). A trial is an experiment as any other, under its usual key, whose folds are
trained one after the other; it is pruned once its validation UAR is lower, fold by fold, than that
of the best trial so far (a Wilcoxon signed-rank test), because a fold is easy or hard for all.

Training predicts the test set of a fold as always. That is neither read nor shown here: the winner
alone is tested, when it is run under its key. A speaker who is tested in one fold validates another
one, so its score is a little too good.
"""

import json
import warnings
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from ser_lib import corpora
from ser_lib.core import jobs
from ser_lib.core.errors import ParameterError, RecordError, TrainingError, choose, extras
from ser_lib.core.files import alone, check_writable, digest, write_atomically
from ser_lib.experiments import sweep, train
from ser_lib.experiments.experiment import Experiment, as_number
from ser_lib.experiments.names import folder_of
from ser_lib.experiments.run import Run

KEYS = (*sweep.KEYS, "trials", "seed")
BOUNDS = ("low", "high", "step", "log")
SAME = ("emotions", "style", "protocol", "split", "folds", "enrolled", "seed")
"""Parameters that are the same in all trials: they change the task, or are luck."""
FEWEST = 5
"""Finished trials that can say which parameters matter."""
PRUNED = 0.1
"""The p-value below which a trial is worse than the best one."""


@dataclass(frozen=True)
class Search:
    """What a file asks for."""

    fixed: dict[str, object]  # of all trials: corpus, architecture and parameters
    space: dict[str, list | dict]  # by parameter, its values, or its range: `BOUNDS`
    trials: int
    seed: int
    data_dir: str | None

    def experiment(self, chosen: dict) -> Experiment:
        """Return the experiment of a trial."""
        return Experiment(**self.fixed, **chosen)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Trial:
    """What was tried, and how well it did."""

    parameters: dict
    validation_uar: float | None  # mean of its folds; None if the first one could not be trained
    folds: int  # that were trained
    pruned: bool
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A search as its file ``runs/<corpus>/search/<architecture>-<key>.json`` tells it."""

    architecture: str
    corpus: str
    fixed: dict
    space: dict
    seed: int
    configurations: int  # trials that differ in a parameter
    pruned: int  # trials
    importances: dict  # shares of the variance of validation UAR, see `_importances`
    winner: dict  # all parameters of the best trial's experiment; empty if none was finished
    trials: list[Trial]  # in their order

    @classmethod
    def read(cls, file: Path) -> "Record":
        """Read the file; a `RecordError` says that it is not one."""
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            return cls(**{**data, "trials": [Trial(**one) for one in data["trials"]]})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RecordError(f"{file} is not the record of a search ({error})") from error

    @property
    def best(self) -> Trial | None:
        """The trial of the highest validation UAR; None if none was finished."""
        finished = [one for one in self.trials if not one.pruned]
        return max(finished, key=lambda one: one.validation_uar, default=None)

    @property
    def table(self) -> pd.DataFrame:
        """A row per trial, the best first: parameters, validation_uar, folds and pruned."""
        rows = [one.parameters | asdict(one) for one in self.trials]
        table = pd.DataFrame(rows)[[*self.space, "validation_uar", "folds", "pruned"]]
        return table.sort_values(
            ["pruned", "validation_uar"], ascending=[True, False], kind="stable", ignore_index=True
        )


@dataclass(frozen=True)
class Tried:
    """How many configurations of a method were tried on a corpus before a run was reported."""

    configurations: int
    chosen: bool  # whether this run is a winner


def read(file: str | Path) -> Search:
    """Read the file of a search; a `ParameterError` names the file and the value that is wrong."""
    return sweep.parsed(file, _search)


def run(
    search: Search, *, workers: train.Workers = None, progress: train.Progress = None
) -> Record:
    """Try what a search still lacks of its trials; arguments as of `train.train`.

    Its trials are kept beside its record, so it goes on where it was interrupted, or where its
    file asks for more. With the same seed, it proposes the same.
    """
    with extras("search"):
        import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    some = {
        name: one["low"] if isinstance(one, dict) else one[0] for name, one in search.space.items()
    }
    first = search.experiment(some)
    chosen = {"emotions": first.emotions, "style": first.style}
    corpus = corpora.load(first.corpus, search.data_dir, **chosen)
    folds = train.audited(first, corpus)
    check_writable()
    key = digest(search.space, search.seed, train.fold_key(first, corpus, folds))
    file = folder_of(first.corpus) / "search" / f"{first.architecture}-{key}.json"
    say, states = progress or jobs.tell, optuna.trial.TrialState
    with alone(file.with_suffix(".lock")):
        study = _study(file.with_suffix(".log"))
        for stale in study.get_trials(deepcopy=False, states=[states.RUNNING]):
            study.tell(stale.number, state=states.FAIL)  # it is proposed again
        record = _record(search, study)
        if done := len(record.trials):
            say(f"{done} of {search.trials} trials are there already")
        clock = jobs.Countdown(search.trials, done=done)
        while (done := len(record.trials)) < search.trials:
            own = np.random.default_rng([search.seed, done]).integers(2**31)
            study.sampler = optuna.samplers.TPESampler(seed=int(own))
            trial = study.ask({name: _distribution(one) for name, one in search.space.items()})
            plan = search.experiment(trial.params), corpus, folds
            _try(study, trial, _scores(*plan, workers), len(folds))
            record = _record(search, study)
            _write(file, record)
            line, left = _line(record.trials[-1], len(folds)), clock.left(done + 1)
            say(f"trial {done + 1} of {search.trials}: {line}{left}")
        record = replace(record, importances=_importances(study))  # takes long
        _write(file, record)
    return record


def tried(run: Run) -> Tried | None:
    """Return what searches say of the method and the corpus of a run; None if there was none."""
    folder = folder_of(run.record.corpus.name)
    records = [Record.read(file) for file in records_of(folder, run.architecture)]
    n = sum(one.configurations for one in records)
    return Tried(n, run.record.parameters in [one.winner for one in records]) if n else None


def records_of(runs: Path, architecture: str = "*") -> list[Path]:
    """Return the files of the records of all searches, or of those for a method, beside runs."""
    return sorted((runs / "search").glob(f"{architecture}-*.json"))


def _study(file: Path):
    """Return the trials that a file keeps."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        pruner = optuna.pruners.WilcoxonPruner(p_threshold=PRUNED)
    try:
        return optuna.create_study(
            storage=optuna.storages.JournalStorage(JournalFileBackend(str(file))),
            study_name="search",
            direction="maximize",
            pruner=pruner,
            load_if_exists=True,
        )
    except (ValueError, LookupError) as error:
        raise RecordError(f"{file} is damaged ({error}); remove it to search anew") from error


def _write(file: Path, record: Record) -> None:
    write_atomically(file, json.dumps(asdict(record), indent=1) + "\n")


def _scores(
    experiment: Experiment, corpus, folds, workers: train.Workers
) -> Generator[float, None, None]:
    """Yield the validation UAR of one fold after the other, each trained if it is missing."""
    silent = {"progress": lambda line: None}  # it would tell the score of the test set
    with closing(train.each([(experiment, corpus, folds)], workers=workers, **silent)) as training:
        for folder in train.fold_folders(experiment, corpus, folds):
            while not folder.is_dir() and next(training, None):
                pass
            yield train.fold_result(folder)["validation_uar"]


def _try(study, trial, scores: Generator[float, None, None], n_folds: int) -> None:
    """Report one fold after the other of a trial until it is done, or pruned."""
    from optuna.trial import TrialState

    values: list[float] = []
    try:
        with closing(scores):
            for uar in scores:
                trial.report(uar, len(values))
                values.append(uar)
                if len(values) < n_folds and trial.should_prune():
                    return study.tell(trial, state=TrialState.PRUNED)
    except TrainingError as error:
        trial.set_user_attr("error", str(error))
        return study.tell(trial, state=TrialState.PRUNED)
    study.tell(trial, float(np.mean(values)))


def _record(search: Search, study) -> Record:
    from optuna.trial import TrialState

    finished = (TrialState.COMPLETE, TrialState.PRUNED)
    trials = []
    for one in study.get_trials(deepcopy=False, states=finished):
        values = list(one.intermediate_values.values())
        mean, pruned = float(np.mean(values)) if values else None, one.state != finished[0]
        trials.append(Trial(one.params, mean, len(values), pruned, one.user_attrs.get("error", "")))
    record = Record(
        architecture=str(search.fixed["architecture"]),
        corpus=str(search.fixed["corpus"]),
        fixed=search.fixed,
        space=search.space,
        seed=search.seed,
        configurations=len({json.dumps(one.parameters, sort_keys=True) for one in trials}),
        pruned=sum(one.pruned for one in trials),
        importances={},
        winner={},
        trials=trials,
    )
    if (best := record.best) is None:
        return record
    return replace(record, winner=search.experiment(best.parameters).parameters())


def _importances(study) -> dict[str, float]:
    """Return the share of each parameter, the largest first; none of few trials, or equal ones.

    By functional ANOVA (Hutter et al., ICML 2014): how much of the variance of validation UAR over
    the space goes back to a parameter alone.
    """
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances
    from optuna.trial import TrialState

    if len(study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])) < FEWEST:
        return {}
    try:
        shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    except RuntimeError:  # no variance
        return {}
    return {name: round(float(share), 4) for name, share in shares.items()}


def _line(trial: Trial, n_folds: int) -> str:
    given = ", ".join(f"{name} {value}" for name, value in trial.parameters.items())
    if trial.error:
        return f"{given}: {trial.error}"
    ended = f", pruned after {trial.folds} of {n_folds} folds" if trial.pruned else ""
    return f"{given}: validation UAR {trial.validation_uar:.3f}{ended}"


def _search(content: object) -> Search:
    ranges: dict[str, dict] = {}

    def choices(name: str, value: object) -> list:
        if name == "architecture" or not isinstance(value, dict):
            return sweep.choices(name, value)
        ranges[name] = _range(name, value)
        # What the ends of a range allow, is allowed between them.
        return [as_number(value["low"]), as_number(value["high"])]

    grid = sweep.grid_of(content, kind="search", keys=KEYS, choices=choices)
    given: dict = content  # type: ignore[assignment]  # or there were no grid
    if isinstance(given["architecture"], list):
        raise ParameterError("architecture must be one method; a sweep compares several")
    for name in grid.varied:
        if name in SAME:
            raise ParameterError(
                f"{name} cannot be searched, because trials would differ in what is measured, or "
                "in luck: give it one value"
            )
    if not grid.varied:
        raise ParameterError("nothing is searched: give a parameter a range or a list of values")
    trials, seed = given.get("trials"), given.get("seed", 0)
    for name, value, least in (("trials", trials, 1), ("seed", seed, 0)):
        if type(value) is not int or not least <= value <= 10**6:
            raise ParameterError(f"{name} must be a whole number from {least}, not {value!r}")
    same = {name: values[0] for name, values in grid.choices.items() if len(values) == 1}
    space = {name: ranges.get(name) or grid.choices[name] for name in grid.varied}
    fixed = {"corpus": grid.experiments[0].corpus, **same}
    return Search(fixed, space, trials, seed, grid.data_dir)


def _range(name: str, given: dict) -> dict:
    """Check a range and return it with all of `BOUNDS`; the rules are those of Optuna."""
    (kind,) = [field.type for field in fields(Experiment) if field.name == name]
    kinds = {int, float} & {kind, *get_args(kind)}
    if not kinds:
        raise ParameterError(f"{name} is no number: list its values")
    for key in given:
        choose(key, BOUNDS, f"key of the range of {name}")
    if not {"low", "high"} <= set(given):
        raise ParameterError(f"the range of {name} must have low and high, not {given!r}")
    with extras("search"):
        from optuna.distributions import FloatDistribution, IntDistribution
    try:
        numbers = {key: as_number(value) for key, value in given.items()}
        known = (IntDistribution if kinds == {int} else FloatDistribution)(**numbers)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"the range of {name}: {error}") from error
    return {bound: getattr(known, bound) for bound in BOUNDS}


def _distribution(one: list | dict):
    from optuna import distributions

    if isinstance(one, list):
        return distributions.CategoricalDistribution(one)
    whole = isinstance(one["low"], int)
    return (distributions.IntDistribution if whole else distributions.FloatDistribution)(**one)
