"""Predictions of other programs beside those of the report, on the same utterances.

A program trained elsewhere, in any language, leaves a table of predictions; see
`experiments.run.evaluate`. Every one is compared with every method of the report. The pages of
trust look at one of them, the first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

from ser_lib.corpora import Manifest
from ser_lib.experiments import leakage
from ser_lib.experiments.run import Part, Result, Run, evaluate
from ser_lib.metrics import calibration
from ser_lib.metrics.jackknife import Estimate
from ser_lib.pages import runs
from ser_lib.pages.words import Fact


@dataclass(frozen=True, eq=False)
class Own(Fact):
    """Predictions of other programs, and the report's runs of the same corpus."""

    parts: Sequence[Part]
    runs: Sequence[Run]

    @property
    def first(self) -> Part:
        """The one that is looked at."""
        return self.parts[0]

    @cached_property
    def methods(self) -> list[tuple[str, Result]]:
        """Everything by name, the highest UAR first."""
        own = [(part.title, part) for part in self.parts]
        return sorted([*own, *runs.named(self.runs)], key=lambda method: -method[1].uar.value)

    @property
    def missing(self) -> dict[str, int]:
        """How many utterances of the corpus lack a prediction, by name, if any does."""
        n = {one.title: len(one.corpus.table) - len(one.predictions) for one in self.parts}
        return {name: lacking for name, lacking in n.items() if lacking}

    @cached_property
    def against(self) -> list[tuple[Part, list[tuple[str, Estimate, bool]]]]:
        """Of each: its UAR less that of every run where both predict, and if folds are the same."""
        uars = iter(runs.differences(list(product(self.parts, self.runs))))
        return [
            (
                part,
                [(name, next(uars), same_folds(part, run)) for name, run in runs.named(self.runs)],
            )
            for part in self.parts
        ]

    @cached_property
    def findings(self) -> list[tuple[str, list | None, str]]:
        """Of each, what its folds let through, and the verdict; None if it names no folds."""
        rows = []
        for part in self.parts:
            own = leakage.of_predictions(part.predictions, part.corpus)
            summary = None if own is None else list(leakage.summary(own).itertuples())
            rows.append((part.title, summary, leakage.verdict(own or ())))
        return rows

    @property
    def likely(self) -> bool:
        """Whether the first one gives probabilities."""
        return "loss" in self.first.metrics

    @cached_property
    def calibration(self) -> dict[str, Estimate]:
        """The scores of `metrics.calibration` of the first one; none without probabilities."""
        if not self.likely:
            return {}
        one = self.first
        given = list(one.predictions["truth"]), one.probabilities, one.emotions
        return calibration.evaluate(*given, clusters=one.clusters, unit=one.unit)


def load(files: Iterable[str | Path], corpus: Manifest) -> list[Part]:
    """Read the predictions of files, each a model with the name of its file; see `evaluate`."""
    return [evaluate(file, corpus, title=f"model {Path(file).stem}") for file in files]


def same_folds(one: Result, other: Result) -> bool:
    """Whether two methods test the same utterances together, whatever they call the folds."""
    both = one.predictions[["utterance", "fold"]].merge(
        other.predictions[["utterance", "fold"]], on="utterance"
    )
    pairs = both[["fold_x", "fold_y"]].drop_duplicates()
    return len(pairs) == pairs["fold_x"].nunique() == pairs["fold_y"].nunique()
