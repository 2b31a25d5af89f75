"""Training on one corpus and testing on another, of another language, another room, other people.

This is the protocol nearest to use: a method is always used on recordings that are not its
corpus's. Each corpus is tested by a network and by the discriminant that have seen nothing of it,
and only the emotions that both have are told apart. What that costs is the difference from a
discriminant that other speakers of both corpora trained; whether the other corpus helped that one,
the difference from a discriminant that knows its own corpus alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ser_lib import corpora
from ser_lib.core.errors import SplitError
from ser_lib.corpora import Corpus, Manifest, describe
from ser_lib.experiments import train as training
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.run import Result, Run
from ser_lib.metrics.jackknife import Estimate
from ser_lib.pages import runs
from ser_lib.pages.words import Fact, Markdown

ARCHITECTURE = "cnn_gru"
USUAL = {"demo": "demo2"}  # the pair of a corpus if none is named; of all others "demo"


@dataclass(frozen=True)
class Direction:
    """The test of one corpus by a method that was trained on the others."""

    method: str
    trained: list[Corpus]
    tested: Corpus
    n_train: int  # utterances
    n_test: int
    accuracy: Estimate
    uar: Estimate  # tested against guessing, corrected for the number of directions


@dataclass(frozen=True)
class Effect:
    """What another training does to the discriminant on one corpus."""

    tested: Corpus
    before: Estimate  # UAR
    after: Estimate
    change: Estimate  # corrected for the number of corpora


@dataclass(frozen=True)
class Across(Fact):
    """What came of training on one corpus and testing on another."""

    run: Run | None = None  # of the network, on joined corpora; None if they do not allow it
    discriminant: Run | None = None  # in the same folds
    within: Run | None = None  # of the discriminant, trained on other speakers of all corpora
    alone: Sequence[Run] = ()  # of the discriminant, trained on other speakers of one of them
    reason: str = ""  # why there is no run

    @property
    def corpora(self) -> list[tuple[Corpus, Markdown, int, int]]:
        """Each corpus, how it came to be, its speakers and its utterances."""
        parts = self.run.corpus.table.groupby("corpus") if self.run else ()
        rows = [(describe(name), part["speaker"].nunique(), len(part)) for name, part in parts]
        return [(row, Markdown(row.about), *sizes) for row, *sizes in rows]

    @property
    def runs(self) -> list[Run]:
        """Those that never heard the tested corpus: of the network, and of the discriminant."""
        return [run for run in (self.run, self.discriminant) if run]

    @property
    def directions(self) -> list[Direction]:
        """The test of every corpus by each method, the network first, in the order of the folds."""
        pairs = [(run, fold) for run in self.runs for fold in run.record.folds]
        return [_direction(run, fold, len(pairs)) for run, fold in pairs]

    @cached_property
    def home(self) -> list[Effect]:
        """Training without the tested corpus; empty where speakers cannot be left out."""
        if not (self.discriminant and self.within):
            return []
        known = self.within.predictions
        names = [fold["name"] for fold in self.discriminant.record.folds]
        away = [_part(self.discriminant, name) for name in names]
        here = [self.within.on(known.merge(part.predictions[["utterance"]])) for part in away]
        return _effects(map(_tested, names), here, away)

    @cached_property
    def also(self) -> list[Effect]:
        """Training on the other corpora, too; empty without `within`."""
        corpora, joined = [describe(run.record.corpus.name) for run in self.alone], []
        for corpus, run in zip(corpora, self.alone, strict=True):
            table = self.within.predictions
            table = table.assign(utterance=table["utterance"].str.removeprefix(f"{corpus.name}/"))
            joined.append(self.within.on(table.merge(run.predictions[["utterance"]])))
        return _effects(corpora, self.alone, joined)


def _effects(
    corpora: Iterable[Corpus], before: Sequence[Result], after: Sequence[Result]
) -> list[Effect]:
    changes = runs.differences(list(zip(after, before, strict=True)))
    uars = ([one.uar for one in results] for results in (before, after))
    return [Effect(*row) for row in zip(corpora, *uars, changes, strict=True)]


def _direction(run: Run, fold: Mapping, comparisons: int) -> Direction:
    tested, part = _tested(fold["name"]), _part(run, fold["name"])
    names = [name for name in run.record.corpus.name.split(",") if name != tested.name]
    return Direction(
        method=run.title,
        trained=[describe(name) for name in names],
        tested=tested,
        n_train=fold["n_train"],
        n_test=len(part.predictions),
        accuracy=part.metrics["accuracy"],
        uar=replace(part.uar, null=1 / len(run.emotions), comparisons=comparisons),
    )


def _tested(fold: str) -> Corpus:
    """Return the corpus that a fold tests."""
    return describe(fold.removeprefix("corpus-"))


def _part(run: Run, fold: str) -> Result:
    return run.on(run.predictions[run.predictions["fold"] == fold])


def plan(
    corpus: str,
    data_dir: str | None = None,
    *,
    other: str | None = None,
    other_dir: str | None = None,
    seed: int = 0,
    options: Mapping | None = None,
) -> tuple[list[Experiment], str]:
    """Return the experiments of a page's parameters, and the folders of its corpora.

    They are those of the network, the discriminant, and the discriminant within. A corpus that is
    several already is left as it is; split and folds mean nothing here.
    """
    names, folders = corpus, data_dir or ""
    if "," not in corpus:
        names = f"{corpus},{other or USUAL.get(corpus, 'demo')}"
        folders = f"{folders},{other_dir or ''}"
    used = {k: v for k, v in (options or {}).items() if k not in ("split", "folds", "enrolled")}
    if str(used.get("features")).startswith("table:"):
        del used["features"]  # a table is of one corpus
    methods = ((ARCHITECTURE, "cross-corpus"), ("lda", "cross-corpus"), ("lda", "speaker-kfold"))
    given = {"seed": seed, "options": used}
    return [runs.experiment(name, names, protocol=p, **given) for name, p in methods], folders


def load(**parameters) -> Manifest:
    """Read the corpora of `plan`; SplitError if they cannot be tested on each other."""
    (first, *_), folders = plan(**parameters)
    manifest = runs.load(first.corpus, folders, parameters.get("options"))
    training.audited(first, manifest)  # refuses corpora with too few speakers
    return manifest


def train(**parameters) -> Across:
    """Train on each corpus of `plan` and test on the other."""
    try:
        manifest = load(**parameters)
    except SplitError as error:
        return Across(reason=str(error))
    *planned, within = [(one, manifest) for one in plan(**parameters)[0]]
    if not _possible(*within):  # too few speakers to leave some of all corpora out
        return Across(*training.train_all(planned))
    alone = [pair for pair in _alone(manifest, parameters) if _possible(*pair)]
    run, discriminant, joined, *others = training.train_all([*planned, within, *alone])
    return Across(run, discriminant=discriminant, within=joined, alone=others)


def _possible(experiment: Experiment, manifest: Manifest) -> bool:
    try:
        training.audited(experiment, manifest)
    except SplitError:
        return False
    return True


def _alone(manifest: Manifest, parameters: Mapping) -> Iterator[tuple[Experiment, Manifest]]:
    """Yield the discriminant on each of joined corpora alone, with the emotions of all of them."""
    (*_, within), folders = plan(**parameters)
    for name, folder in zip(within.corpus.split(","), folders.split(","), strict=True):
        emotions = within.emotions
        if emotions is None:
            classes = corpora.load(name, folder, style=within.style).chosen
            emotions = ", ".join("+".join(classes[one]) for one in manifest.emotions)
        own = corpora.load(name, folder, emotions=emotions, style=within.style)
        yield replace(within, corpus=name, emotions=emotions), own
