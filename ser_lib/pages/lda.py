"""What sixty rows can do: a discriminant on functionals, step by step, and what it listens to.

Each step is tested against the step before, on the same utterances in the same folds. Which cue
carries an emotion is asked of the finished discriminant: where the numbers of one cue are shuffled
among the tested utterances, whatever it loses it had from there (Breiman 2001).
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product
from textwrap import dedent
from typing import NamedTuple

import numpy as np
import pandas as pd

from ser_lib.experiments import fit, search
from ser_lib.experiments import lda as fitting
from ser_lib.experiments.baselines import Baseline
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.run import Result, Run
from ser_lib.features import functionals
from ser_lib.features.copies import SETS
from ser_lib.metrics import scores
from ser_lib.metrics.jackknife import Estimate, corrected, jackknife, less
from ser_lib.models import lda
from ser_lib.pages import runs
from ser_lib.pages.words import Fact, Markdown, block

CUES = ("pitch", "tone", "speed", "energy")
SHUFFLES = 20
"""Of every cue: one alone would be luck."""
CLIPS = (1, 3, 5, 10, 20)
"""Utterances of a speaker who is enrolled, besides all of them."""
DRAWS = 5
"""Of so few utterances, each time other ones."""
STEPS = {
    "Discriminant instead": {"copies": "none", "test_copies": "none", "modulation": False},
    "+ copies at other speeds": {"copies": "speed", "test_copies": "none", "modulation": False},
    "+ tilted copies, also in the test": {"copies": "speed+tilt", "modulation": False},
    "+ modulation of each row": {"copies": "speed+tilt"},
    "+ copies through channels": {},
}
"""What each step changes, as parameters that differ from the finished discriminant's."""


def experiments(corpus: str, **given) -> list[Experiment]:
    """Return an experiment for each of `STEPS`; what is given is as of `runs.experiment`."""
    whole = runs.experiment("lda", corpus, **given)
    return [replace(whole, **STEPS[name]) for name in steps_of(whole.features)]


def steps_of(features: str) -> list[str]:
    """Return those of `STEPS` that features have: of a table there are no copies."""
    names = list(STEPS)
    if features != "stack":
        names = names[-1:] if features.startswith("table:") else [*names[:2], names[-1]]
    return names


def source() -> Markdown:
    """Return the code that fits a discriminant, and the code that asks it."""
    code = [inspect.getsource(part) for part in (lda.fit, lda.Discriminant.predict)]
    return block("\n\n".join(map(dedent, code)), "python")


class Step(NamedTuple):
    """A method, and what it gains over the one before."""

    name: str
    result: Result
    change: Estimate | None  # of UAR, corrected for the number of steps; None of the first


@dataclass(frozen=True, eq=False)
class Steps(Fact):
    """From an SVM on functionals to the finished discriminant."""

    trained: Sequence[Run]  # one for each of `STEPS`
    svm: Baseline  # on the same functionals, in the same folds

    @property
    def run(self) -> Run:
        """The finished discriminant's."""
        return self.trained[-1]

    @property
    def tried(self) -> search.Tried | None:
        """What was tried before the run was reported; None where nothing was searched."""
        return search.tried(self.run)

    @cached_property
    def steps(self) -> list[Step]:
        """Every step with its change."""
        results: list[Result] = [self.svm, *self.trained]
        changes = runs.differences(list(zip(results[1:], results, strict=False)))
        names = ["SVM on the statistics", *steps_of(self.run.experiment.features)]
        return list(map(Step, names, results, [None, *changes]))

    @cached_property
    def whole(self) -> Estimate:
        """All steps together: the UAR of the last less that of the first."""
        return runs.uar_difference(self.run, self.svm)

    parts = fitting.PARTS
    bands = len(functionals.BANDS) - 1


@dataclass(frozen=True, eq=False)
class Cues(Fact):
    """What a discriminant loses where it cannot use a cue.

    The table has a row for each of `CUES` and a column for each tested emotion: the recall less
    that without the cue, corrected for the number of both together.
    """

    run: Run
    losses: pd.DataFrame  # of recall
    overall: dict[str, Estimate]  # by cue, of UAR, corrected for the number of cues
    sizes: dict[str, int]  # numbers of each cue

    n_shuffles = SHUFFLES

    @property
    def certain(self) -> dict[str, list[tuple[str, Estimate]]]:
        """By emotion, the cues without which its recall falls, the largest loss first."""
        columns = {
            name: sorted(own[[loss.sign > 0 for loss in own]].items(), key=lambda p: -p[1].value)
            for name, own in self.losses.items()
        }
        return {name: pairs for name, pairs in columns.items() if pairs}


def cues(run: Run, *, shuffles: int = SHUFFLES) -> Cues | None:
    """Shuffle the numbers of each cue among the tested utterances of a fold, and score again.

    Copies of an utterance are shuffled together with it. None where features are not of the stack.
    """
    if run.experiment.features != "stack":
        return None
    inputs = fitting.read(run.experiment, fitting.prepare(run.experiment, run.corpus, None))
    own = functionals.cues()[: inputs.shape[2]]
    tested = np.concatenate([fold.test for fold in run.folds])
    answers: dict[str, list[np.ndarray]] = {cue: [] for cue in CUES}
    generator = np.random.default_rng(run.seed)
    for fold in run.folds:
        model = run.model(fold.name)
        shown = inputs[fold.test, : len(SETS[model.copies])]
        for cue, parts in answers.items():
            changed = np.repeat(shown[np.newaxis], shuffles, axis=0)
            for repeat in changed:
                repeat[:, :, own == cue] = shown[generator.permutation(len(shown))][..., own == cue]
            rows = model.predict(changed.reshape(-1, *shown.shape[1:])).argmax(axis=1)
            parts.append(rows.reshape(shuffles, -1))
    names = run.corpus.table["utterance"].iloc[tested]
    known = run.on(run.predictions.set_index("utterance").loc[names].reset_index())
    emotions = [name for name in run.emotions if name in set(known.predictions["truth"])]
    recalls = [partial(_recall, run.emotions.index(name)) for name in emotions]
    losses, overall = [], []
    for parts in answers.values():
        predicted = np.array(run.emotions)[np.concatenate(parts, axis=1)]
        changed = [known.on(known.predictions.assign(predicted=row)).matrices for row in predicted]
        counts = np.stack([known.matrices, np.mean(changed, axis=0)], axis=1)
        options = {"scale": "difference", "unit": known.unit}
        losses += [jackknife(less(recall, -3), counts, **options) for recall in recalls]
        overall.append(jackknife(less(scores.OF_MATRICES["uar"], -3), counts, **options))
    table = np.array(corrected(losses), dtype=object).reshape(len(CUES), len(emotions))
    return Cues(
        run,
        pd.DataFrame(table, list(CUES), emotions),
        dict(zip(CUES, corrected(overall), strict=True)),
        {cue: int((own == cue).sum()) for cue in CUES},
    )


@dataclass(frozen=True, eq=False)
class Enrolment(Fact):
    """What recordings of the tested speaker, without labels, are worth."""

    run: Run  # enrolled with all of them
    plain: Run  # the same method in the same folds, of an unknown speaker
    few: dict[int, Result]  # by their number; those that were used are not tested

    n_draws = DRAWS

    @property
    def curve(self) -> list[tuple[int | None, Estimate, Estimate]]:
        """Number of recordings (None: all), UAR, and that less the plain one's, corrected."""
        results: list[Result] = [*self.few.values(), self.run]
        changes = runs.differences([(one, self.plain) for one in results])
        uars = [result.uar for result in results]
        return list(zip([*self.few, None], uars, changes, strict=True))


def enrolment(run: Run, plain: Run) -> Enrolment:
    """Enrol the tested speakers of a run's discriminants with a few utterances at a time.

    The rest of each speaker's is tested. Numbers that leave nothing of somebody are passed over.
    """
    inputs = fitting.read(run.experiment, fitting.prepare(run.experiment, run.corpus, None))
    table = run.corpus.table
    speakers = table["speaker"].to_numpy(str)
    fewest = min(pd.Series(speakers[fold.test]).value_counts().min() for fold in run.folds)
    generator = np.random.default_rng(run.seed)
    models = {fold.name: run.model(fold.name) for fold in run.folds}
    few = {}
    for n in (n for n in CLIPS if n < fewest):
        parts = []
        for fold, _ in product(run.folds, range(DRAWS)):
            shuffled = pd.Series(generator.permutation(fold.test))
            place = shuffled.groupby(speakers[shuffled]).cumcount().to_numpy()
            known, rest = (np.sort(shuffled[own]) for own in (place < n, place >= n))
            answers = fitting.predict(models[fold.name], inputs, speakers, rest, known)
            parts.append(fit.answers(table.iloc[rest], fold, run.emotions, answers))
        few[n] = run.on(pd.concat(parts, ignore_index=True))
    return Enrolment(run, plain, few)


def _recall(place: int, counts: np.ndarray) -> np.ndarray:
    return scores.of_classes(counts)["recall"][..., place]
