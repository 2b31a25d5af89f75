"""What the reference report concluded, and which of it holds on this corpus.

It chose the CNN-GRU for its balance of speed, accuracy and generalisation. A claim that a network
is more accurate holds, or fails, only where the data can tell; sizes, times, gaps and the emotions
of one network are compared as they are printed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ser_lib.experiments.experiment import ARCHITECTURES
from ser_lib.experiments.run import Run
from ser_lib.models.networks import title
from ser_lib.pages import reference
from ser_lib.pages.network import GAP_SMALL
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
    stated = staticmethod(reference.stated)
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
        train, validation = (self.choice.mean(f"{s}_accuracy") for s in ("train", "validation"))
        return rounded(rounded(train) - rounded(validation))

    @property
    def errors(self) -> dict[str, int]:
        """How often the report's choice gives an emotion as a wrong answer, the most first."""
        predictions = self.choice.predictions
        wrong = predictions[predictions["truth"] != predictions["predicted"]]["predicted"]
        return wrong.value_counts().to_dict()

    @property
    def most_frequent(self) -> list[str]:
        """The most frequent wrong answers, which are several if they tie."""
        most = max(self.errors.values(), default=0)
        return sorted(name for name, n in self.errors.items() if n == most)

    @property
    def holds(self) -> dict[str, bool | None]:
        """Whether each claim that can be checked here holds; None if the data cannot tell."""
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
        recalls = self.choice.per_class["recall"].map(rounded)
        if "sadness" in recalls:
            holds["sadness"] = bool(recalls["sadness"] == recalls.max())
        if "frustration" in recalls:
            holds["frustration"] = "frustration" in self.most_frequent
        if "neutral" in recalls and {"cnn", "cnn_lstm"} <= self.runs.keys():
            f1 = {name: run.per_class.loc["neutral", "f1"] for name, run in self.runs.items()}
            holds["neutral"] = rounded(f1["cnn_lstm"]) > rounded(f1["cnn"])
        return holds

    def _better(self, one: str, other: str) -> bool | None:
        """Whether a network is better than another; None if the data cannot tell."""
        names = {title(one), title(other)}
        (pair,) = [pair for pair in self.pairs if {pair.first, pair.second} == names]
        sign = pair.uar.sign if pair.first == title(one) else -pair.uar.sign
        return None if sign == 0 else sign > 0


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
