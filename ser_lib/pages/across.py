"""Training on one corpus and testing on another, of another language, another room, other people.

This is the protocol nearest to use: a network is always used on recordings that are not its
corpus's. Each corpus is tested once, by a network that has seen nothing of it, and only the
emotions that both have are told apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ser_lib.core.errors import SplitError
from ser_lib.corpora import Corpus, Manifest, describe
from ser_lib.experiments import train as training
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.run import Run
from ser_lib.metrics.jackknife import Estimate
from ser_lib.pages import runs
from ser_lib.pages.words import Fact, Markdown

ARCHITECTURE = "cnn_gru"
USUAL = {"demo": "demo2"}  # the pair of a corpus if none is named; of all others "demo"


@dataclass(frozen=True)
class Direction:
    """The test of one corpus by a network that was trained on the others."""

    trained: list[Corpus]
    tested: Corpus
    n_train: int  # utterances
    n_test: int
    accuracy: Estimate
    uar: Estimate  # tested against guessing, corrected for the number of directions


@dataclass(frozen=True)
class Across(Fact):
    """What came of training on one corpus and testing on another."""

    run: Run | None = None  # with the joined corpora; None if they do not allow it
    reason: str = ""  # why they do not

    @property
    def corpora(self) -> list[tuple[Corpus, Markdown, int, int]]:
        """Each corpus, how it came to be, its speakers and its utterances."""
        parts = self.run.corpus.table.groupby("corpus") if self.run else ()
        return [
            (row, Markdown(row.about), part["speaker"].nunique(), len(part))
            for row, part in ((describe(name), part) for name, part in parts)
        ]

    @property
    def chance(self) -> float:
        """UAR of guessing."""
        return 1 / len(self.run.emotions) if self.run else 0.0

    @property
    def directions(self) -> list[Direction]:
        """The test of every corpus, in the order of the folds."""
        return [self._direction(fold) for fold in self.run.record.folds] if self.run else []

    def _direction(self, fold: Mapping) -> Direction:
        run, tested = self.run, fold["name"].removeprefix("corpus-")
        part = run.on(run.predictions[run.predictions["fold"] == fold["name"]])
        return Direction(
            trained=[describe(c) for c in run.record.corpus.name.split(",") if c != tested],
            tested=describe(tested),
            n_train=fold["n_train"],
            n_test=len(part.predictions),
            accuracy=part.metrics["accuracy"],
            uar=replace(part.uar, null=self.chance, comparisons=len(run.record.folds)),
        )


def plan(
    corpus: str,
    data_dir: str | None = None,
    *,
    other: str | None = None,
    other_dir: str | None = None,
    seed: int = 0,
    options: Mapping | None = None,
) -> tuple[Experiment, str]:
    """Return the experiment of a page's parameters, and the folders of its corpora.

    A corpus that is several already is left as it is; split and folds mean nothing here.
    """
    names, folders = corpus, data_dir or ""
    if "," not in corpus:
        names = f"{corpus},{other or USUAL.get(corpus, 'demo')}"
        folders = f"{folders},{other_dir or ''}"
    used = {k: v for k, v in (options or {}).items() if k not in ("split", "folds")}
    given = {"protocol": "cross-corpus", "seed": seed, "options": used}
    return runs.experiment(ARCHITECTURE, names, **given), folders


def load(**parameters) -> Manifest:
    """Read the corpora of `plan`; SplitError if they cannot be tested on each other."""
    experiment, folders = plan(**parameters)
    manifest = runs.load(experiment.corpus, folders, parameters.get("options"))
    training.audited(experiment, manifest)  # refuses corpora with too few speakers
    return manifest


def train(**parameters) -> Across:
    """Train on each corpus of `plan` and test on the other."""
    try:
        manifest = load(**parameters)
    except SplitError as error:
        return Across(reason=str(error))
    experiment, _ = plan(**parameters)
    return Across(training.train_all([(experiment, manifest)])[0])
