"""The audit page: what is wrong with a split.

A split is the one that a run was made with, or the `random` one of the same corpus, which is split
but not trained.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import combinations, compress
from pathlib import Path

import numpy as np
import pandas as pd

from ser_lib.core.errors import RecordError, SplitError
from ser_lib.experiments import leakage, splits, train
from ser_lib.experiments.run import Run
from ser_lib.features import fingerprint, maps, store
from ser_lib.pages.words import Fact

_SEEN = {
    # finding, and those that say that nobody can tell
    "speaker": ("shared-speakers", leakage.OPEN),
    "sentence": ("shared-sentences", ("sentences-unknown", "sentences-alike")),
    "recording": ("identical-audio", ()),
}


@dataclass(frozen=True)
class Audited(Fact):
    """A split and what `leakage.audit` says of it."""

    protocol: str
    folds: tuple[splits.Fold, ...] = ()
    findings: tuple[leakage.Finding, ...] = ()
    reason: str = ""  # why there is no such split: "itself" if the run's is random, or "error"
    error: str = ""  # what does not allow it

    @property
    def summary(self) -> pd.DataFrame:
        """The findings, those together that differ by nothing but the fold."""
        return leakage.summary(self.findings)

    @property
    def verdict(self) -> str:
        """A key of `leakage.VERDICTS`."""
        return leakage.verdict(self.findings)

    @property
    def allowed(self) -> bool:
        """Whether the protocol admits by its name all that was found."""
        return all(leakage.allowed(one, self.protocol) for one in self.findings)

    @property
    def tested(self) -> int:
        """Tested utterances."""
        return sum(len(fold.test) for fold in self.folds)

    def seen(self, what: str) -> int | None:
        """Return how many tested utterances share something with training; None if unknown.

        That is their speaker, their sentence, or the recording itself under another name.
        """
        name, unknown = _SEEN[what]
        if any(one.name in unknown for one in self.findings):
            return None
        shared = (f for f in self.findings if f.name == name and f.parts == ("train", "test"))
        return sum(one.utterances for one in shared)


@dataclass(frozen=True)
class Audits(Fact):
    """Splits next to each other."""

    splits: Sequence[Audited]

    checks = leakage.CHECKS


@dataclass(frozen=True)
class Copies(Fact):
    """Which recordings of a corpus are there twice."""

    utterances: int
    unheard: int  # of them too short or too plain to be compared
    copies: Sequence[Sequence[str]]  # the utterances that are one recording, together
    same: float = fingerprint.SAME


def of_run(run: Run) -> Audited:
    """Audit the split of a run, and the statistics of the networks that were trained on it."""
    fitted = {}
    with suppress(RecordError):  # the record outlives the folds that it was made of
        bundles = train.bundles(run)
        features = store.build(run.corpus, kind=run.experiment.feature_map)
        fitted = fitted_on(run.folds, bundles, features, run.experiment.channels)
    findings = leakage.audit(run.folds, run.corpus, protocol=run.protocol, fitted=fitted)
    return Audited(run.protocol, tuple(run.folds), tuple(findings))


def of_random(run: Run) -> Audited:
    """Audit the random split of the same corpus, with the seed of the run; nothing is trained."""
    if run.protocol == "random":
        return Audited("random", reason="itself")
    try:
        table = fingerprint.heard(run.corpus)
        folds = splits.make(table, "random", seed=run.seed)
    except SplitError as error:
        return Audited("random", reason="error", error=str(error))
    return Audited("random", tuple(folds), tuple(leakage.audit(folds, table, protocol="random")))


def fitted_on(
    folds: Sequence[splits.Fold], bundles: Mapping[str, Path], features: store.Store, channels: int
) -> dict[str, np.ndarray]:
    """Find out which utterances the standardisation of trained networks was fitted on.

    The means and the deviations that a bundle holds are compared with those of the training part,
    then with those of every other part and union of parts, until one has the same. `bundles` are
    those of `train.bundles`, `features` the static maps of all utterances. Returns row
    positions by fold, all that means or deviations are of, or none where no set that was tried has
    the same.
    """
    n = len(features)
    frames, sums, squares = np.zeros(n), *np.zeros((2, n, maps.ROWS, channels))
    for row in range(n):
        wide = maps.channels(features[row], channels).astype(np.float64)
        frames[row] = wide.shape[1]
        sums[row], squares[row] = wide.sum(axis=1), np.square(wide).sum(axis=1)

    def moments(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        count = frames[rows].sum()
        mean = sums[rows].sum(axis=0) / count
        variance = squares[rows].sum(axis=0) / count - np.square(mean)
        return mean, np.sqrt(np.maximum(variance, maps.STD_FLOOR**2))

    fitted = {}
    for fold in folds:
        front_end = json.loads((bundles[fold.name] / "front_end.json").read_text())
        own = [np.array(front_end["standardiser"][name]) for name in ("mean", "std")]
        parts = [getattr(fold, part) for part in splits.PARTS]
        unions = [np.concatenate(some) for k in (1, 2, 3) for some in combinations(parts, k)]
        sets = [rows for rows in (*unions, np.arange(n)) if len(rows)]
        # Single precision is far below a thousandth of a deviation, other utterances above.
        near = partial(np.allclose, rtol=1e-6, atol=1e-3 * own[1])
        fits = [list(map(near, own, moments(rows))) for rows in sets]
        sources = [next(compress(sets, same), None) for same in zip(*fits, strict=True)]
        known = all(rows is not None for rows in sources)
        fitted[fold.name] = np.union1d(*sources) if known else np.array([], dtype=int)
    return fitted


def copies(run: Run) -> Copies:
    """Look for recordings that a run's corpus holds twice."""
    names = run.corpus.table["utterance"]
    groups = names.groupby(fingerprint.recordings(run.corpus)).agg(list)
    return Copies(
        len(names),
        int((~fingerprint.of(run.corpus).any(axis=1)).sum()),
        [group for group in groups if len(group) > 1],
    )
