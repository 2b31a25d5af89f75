"""What the report comes to: the facts that all other pages lead to.

Among them is what the reference report concluded, and which of it holds on this corpus. It chose
the CNN-GRU for its balance of speed, accuracy and generalisation. A claim about scores holds, or
fails, only if that is reliable; sizes, times and gaps are compared as printed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from ser_lib.corpora import Corpus, describe
from ser_lib.experiments import leakage
from ser_lib.experiments.experiment import ARCHITECTURES
from ser_lib.experiments.run import Run
from ser_lib.metrics import scores
from ser_lib.metrics.jackknife import Estimate, corrected, jackknife
from ser_lib.models.networks import title
from ser_lib.pages import audit, calibration, context, fairness, network, reference, runs
from ser_lib.pages.across import Across, Direction
from ser_lib.pages.introduction import Introduction
from ser_lib.pages.reference import CHOICE
from ser_lib.pages.robustness import Condition, Trial
from ser_lib.pages.words import rounded

HARMS = {"quiet": ("quiet",), "noise": ("noise", "babble"), "telephone": ("telephone",)}


@dataclass(frozen=True, eq=False)
class Conclusions(Introduction):
    """What networks and baselines in the same folds come to; nothing is trained for it."""

    trial: Trial | None = None  # of the chosen network; the rows on harm need it
    across: Across | None = None

    checks = leakage.CHECKS

    @property
    def harms(self) -> dict[str, Condition]:
        """The condition of the lowest UAR of each cause of harm."""
        conditions = self.trial.conditions if self.trial else []
        parts = {name: [c for c in conditions if c.kind in kinds] for name, kinds in HARMS.items()}
        return {n: min(own, key=lambda c: c.uar.value) for n, own in parts.items() if own}

    @property
    def farthest(self) -> Direction | None:
        """The test of the lowest UAR on another corpus; None if there is none."""
        tests = self.across.directions if self.across else []
        own = [one for one in tests if one.method == self.across.run.title]
        return min(own, key=lambda one: one.uar.value, default=None)

    @cached_property
    def sexes(self) -> fairness.Sexes:
        """Women and men with the chosen network."""
        return fairness.by_sex(self.chosen)

    @property
    def confusions(self) -> list[network.Confusion]:
        """Those of the chosen network, the largest first."""
        return network.Network(self.chosen).confusions

    @cached_property
    def quality(self) -> calibration.Quality:
        """Of the chosen network's probabilities, as trained."""
        return calibration.quality(self.chosen, self.chosen.probabilities)

    @cached_property
    def listening(self) -> context.Listening:
        """What people recognise."""
        return context.listening(self.chosen)

    @property
    def corpus(self) -> Corpus:
        """What is known of the corpus."""
        return describe(self.chosen.record.corpus.name)

    @cached_property
    def audited(self) -> audit.Audited:
        """The audit of the chosen network's split."""
        return audit.of_run(self.chosen)

    @cached_property
    def random(self) -> audit.Audited:
        """The audit of a random split."""
        return audit.of_random(self.chosen)

    @property
    def voices(self) -> tuple[int, int] | None:
        """How many test utterances of a random split have a voice that it trains, and of how many.

        None if there is no such split, or nobody knows who speaks.
        """
        seen = None if self.random.reason else self.random.seen("speaker")
        return None if seen is None else (seen, self.random.tested)

    @cached_property
    def claims(self) -> "Claims | None":
        """What the reference report concluded; None without the network that it chose."""
        return claims(self.runs, self.pairs)


@dataclass(frozen=True, eq=False)
class Claims:
    """Claims of the reference report and what was measured here."""

    runs: Mapping[str, Run]  # the one that the report chose first
    pairs: Sequence[runs.Pair]

    gap_small = network.GAP_SMALL
    corpus = reference.CORPUS
    title = staticmethod(title)

    @property
    def choice(self) -> Run:
        """The run of the network that the report chose."""
        return self.runs[CHOICE]

    @property
    def there(self) -> dict:
        """What the report states of its networks; see `reference.results`."""
        own = reference.results()
        return {name: own[name] for name in (*self.runs, *ARCHITECTURES) if name in own}

    @property
    def steps(self) -> list[str]:
        """The report's networks in its order; empty if one was not trained here."""
        own = [name for name in ARCHITECTURES if name in self.there]
        return own if self.runs.keys() >= set(own) else []

    @property
    def gap(self) -> float:
        """Training less validation accuracy of the report's choice, as printed."""
        return network.Network(self.choice).gap

    @property
    def errors(self) -> dict[str, int]:
        """How often the report's choice gives an emotion as a wrong answer, the most first."""
        predictions = self.choice.predictions
        wrong = predictions[predictions["truth"] != predictions["predicted"]]["predicted"]
        return wrong.value_counts().to_dict()

    @property
    def holds(self) -> dict[str, bool | None]:
        """Whether each claim that can be checked here holds; None if undecided."""
        others = [name for name in self.runs if name != CHOICE]
        records = {name: run.record for name, run in self.runs.items()}
        sizes = {name: record.n_parameters for name, record in records.items()}
        training = {name: rounded(record.speed.training_s) for name, record in records.items()}
        predicting = {name: rounded(record.speed.inference_ms) for name, record in records.items()}
        holds = {
            "size": all(sizes[CHOICE] < sizes[name] for name in others),
            "speed": all(t[CHOICE] == min(t.values()) for t in (training, predicting)),
            "accuracy": _all(self._better(CHOICE, name) for name in others),
            "generalisation": self.gap <= network.GAP_SMALL,
        }
        if self.steps:
            holds["steps"] = _all(self._better(b, a) for a, b in pairwise(self.steps))
        if "sadness" in self.choice.emotions:
            holds["sadness"] = self._first("sadness", lambda c: scores.of_classes(c)["recall"])
        if "frustration" in self.choice.emotions:
            holds["frustration"] = self._first("frustration", _wrong)
        if self.neutral:
            holds["neutral"] = _told(self.neutral)
        return holds

    @cached_property
    def neutral(self) -> Estimate | None:
        """F1 of neutral speech with the CNN-LSTM less that with the CNN; None without it."""
        if "neutral" not in self.choice.emotions or not {"cnn", "cnn_lstm"} <= self.runs.keys():
            return None
        return runs.f1_difference(self.runs["cnn_lstm"], self.runs["cnn"], "neutral")

    def _first(self, emotion: str, statistic: Callable[[np.ndarray], np.ndarray]) -> bool | None:
        """Whether an emotion has the highest of a statistic of the report's choice, by class."""
        run, place, parts = self.choice, self.choice.emotions.index(emotion), self.choice.matrices
        leads = [
            jackknife(
                lambda c, other=other: statistic(c)[..., place] - statistic(c)[..., other],
                parts,
                scale="difference",
                unit=run.unit,
            )
            for other in range(len(run.emotions))
            if other != place
        ]
        return _all(_told(lead) for lead in corrected(leads))

    def _better(self, one: str, other: str) -> bool | None:
        """Whether a network is better than another; None if undecided."""
        names = {title(one), title(other)}
        (pair,) = [pair for pair in self.pairs if {pair.first, pair.second} == names]
        return _told(pair.uar if pair.first == title(one) else -pair.uar)


def claims(runs: Sequence[Run], pairs: Sequence[runs.Pair]) -> Claims | None:
    """Return the claims; None where the network that the report chose is missing or alone."""
    by_name = {run.architecture: run for run in runs}
    if CHOICE not in by_name or len(by_name) == 1:
        return None
    return Claims({CHOICE: by_name[CHOICE]} | by_name, pairs)


def _wrong(counts: np.ndarray) -> np.ndarray:
    """Share of all utterances that are taken for a class and are not of it: [..., classes]."""
    wrong = counts.sum(axis=-2) - np.diagonal(counts, axis1=-2, axis2=-1)
    return wrong / counts.sum(axis=(-2, -1))[..., None]


def _told(difference: Estimate) -> bool | None:
    return {1: True, -1: False, 0: None}[difference.sign]


def _all(verdicts: Iterable[bool | None]) -> bool | None:
    """Whether all are true; None if none is false, but not all are known."""
    verdicts = list(verdicts)
    return False if False in verdicts else None if None in verdicts else True
