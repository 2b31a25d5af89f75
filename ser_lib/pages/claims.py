"""What the reference report concluded, and which of it holds on this corpus.

It chose the CNN-GRU for its balance of speed, accuracy and generalisation. A claim about scores
holds, or fails, only if that is reliable; sizes, times and gaps are compared as printed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ser_lib.experiments.experiment import ARCHITECTURES
from ser_lib.experiments.run import Run
from ser_lib.models.networks import title
from ser_lib.pages import reference
from ser_lib.pages.network import GAP_SMALL, Network
from ser_lib.pages.reference import CHOICE
from ser_lib.pages.runs import Pair
from ser_lib.pages.words import rounded


@dataclass(frozen=True, eq=False)
class Claims:
    """Claims of the reference report and what was measured here."""

    runs: Mapping[str, Run]  # the one that the report chose first
    pairs: Sequence[Pair]

    gap_small = GAP_SMALL
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
        return own if len(own) > 2 and self.runs.keys() >= set(own) else []

    @property
    def gap(self) -> float:
        """Training less validation accuracy of the report's choice, as printed."""
        return Network(self.choice).gap

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
            "generalisation": self.gap <= GAP_SMALL,
        }
        if self.steps:
            holds["steps"] = _all(self._better(b, a) for a, b in pairwise(self.steps))
        return holds

    def _better(self, one: str, other: str) -> bool | None:
        """Whether a network is better than another; None if undecided."""
        names = {title(one), title(other)}
        (pair,) = [pair for pair in self.pairs if {pair.first, pair.second} == names]
        sign = pair.uar.sign if pair.first == title(one) else -pair.uar.sign
        return {1: True, -1: False, 0: None}[sign]


def claims(runs: Sequence[Run], pairs: Sequence[Pair]) -> Claims | None:
    """Return the claims; None where the network that the report chose is missing or alone."""
    by_name = {run.architecture: run for run in runs}
    if CHOICE not in by_name or len(by_name) == 1:
        return None
    return Claims({CHOICE: by_name[CHOICE]} | by_name, pairs)


def _all(verdicts: Iterable[bool | None]) -> bool | None:
    """Whether all are true; None if none is false, but not all are known."""
    verdicts = list(verdicts)
    return False if False in verdicts else None if None in verdicts else True
