"""What a split lets through from training to test, by name.

`audit` looks at any split of a manifest's table, ours or somebody else's. What it finds has a name
that stays the same (the keys of `CHECKS`), and one of three severities:

======= ==========================================================================
leak    the scores of the test part say less than they seem to
warning a reader has to know, it may flatter the scores
note    cannot be judged, or only changes what the scores are about
======= ==========================================================================

What touches the test part weighs more than what training and validation share. A warning of what a
protocol promises not to happen is a leak (`Protocol.promises`); the other way round, `random`
admits by its name that speakers are shared.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
import pandas as pd

from ser_lib.core.errors import SplitError
from ser_lib.corpora import Manifest
from ser_lib.corpora.tables import plain
from ser_lib.experiments.splits import PARTS, PROTOCOLS, Fold
from ser_lib.features import fingerprint

CHECKS = {
    "validation-in-test": "utterances of the validation set are tested as well",
    "shared-utterances": "an utterance is in two parts",
    "identical-audio": "a recording is in two parts, under two names, perhaps as another copy",
    "shared-speakers": "a speaker is heard in two parts",
    "shared-sentences": "a sentence or script is spoken in two parts",
    "shared-sessions": "a recording session is in two parts",
    "statistics-outside-training": "features are standardised by more than the training part",
    "statistics-not-of-training": "features are not standardised by the training part, and their "
    "source is unknown",
    "speakers-alike": "two parts have speakers whose names differ in nothing but case, blanks, "
    "Unicode form or leading zeros",
    "speakers-all-different": "every utterance has a speaker of its own, so shared ones would not "
    "be seen",
    "sentences-alike": "two parts have sentences whose names differ in nothing but spelling or "
    "the corpus",
    "empty-part": "a part has no utterance",
    "class-missing": "a part has no utterance of an emotion",
    "tested-twice": "an utterance is tested in more than one fold, and counts each time",
    "speakers-unknown": "utterances have no speaker, so shared ones would not be seen",
    "sentences-unknown": "utterances have no sentence, so shared ones would not be seen",
    "statistics-unknown": "it is unknown which utterances standardise the features",
}
"""Every name of a finding, and what it means."""

SEVERITIES = ("leak", "warning", "note")
VERDICTS = {
    "leak": "leaks",
    "unknown": "no leak is seen, but nobody can know: who speaks is not certain",
    "none": "no leak",
}

Columns = Mapping[str, np.ndarray]  # name to the values of all rows
Row = tuple[str, str, tuple[str, ...], Iterable[str], int, int]  # a finding without its fold

_SHARED = {
    # name: column of the table, severity if the test part is concerned, and if not
    "shared-speakers": ("speaker", "leak", "warning"),
    "shared-sentences": ("sentence", "warning", "note"),
    "shared-sessions": ("session", "warning", "note"),
    "speakers-alike": ("plain speaker", "warning", "note"),
    "sentences-alike": ("plain sentence", "warning", "note"),
}
_UNKNOWN = {"speakers-unknown": ("speaker", "warning"), "sentences-unknown": ("sentence", "note")}
OPEN = ("speakers-unknown", "speakers-alike", "speakers-all-different")
"""Findings after which it is not certain who speaks."""
_SHOWN = 6  # names that are written out in a sentence


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes
    ----------
    what
        What is shared, missing or unknown: names of speakers, sentences, sessions, emotions or
        utterances, sorted.
    utterances, of
        How many utterances it concerns, and of how many: of two parts, those of the last one; of
        statistics, those that they were taken of.
    """

    name: str  # a key of `CHECKS`
    severity: str
    fold: str  # "" for the split as a whole
    parts: tuple[str, ...]
    what: tuple[str, ...]
    utterances: int
    of: int


class Findings(list[Finding]):
    """What `audit` found, shown as lines of text."""

    def __init__(self, findings: Iterable[Finding], *, n_folds: int) -> None:
        super().__init__(findings)
        self.n_folds = n_folds

    def __repr__(self) -> str:
        return "\n".join(lines(self, self.n_folds)) or "nothing found"


def audit(
    folds: Sequence[Fold],
    corpus: Manifest | pd.DataFrame,
    *,
    protocol: str | None = None,
    fitted: Mapping[str, np.ndarray | None] | None = None,
) -> Findings:
    """Look for everything that `CHECKS` names; list it from leaks to notes, in that order.

    Parameters
    ----------
    corpus
        With a `Manifest`, recordings are compared by ear (`features.fingerprint`); with a table
        alone, only copies with the same samples are found.
    protocol
        What the split claims to be, a key of `splits.PROTOCOLS`.
    fitted
        Name of the fold to the row positions that its standardisation was fitted on; none, `[]`,
        if it is certain only that they are not the training part, `None` if nothing is known.
        Without it, statistics are not looked at.

    Examples
    --------
    >>> names = ["utterance", "speaker", "session", "sentence", "emotion", "sha256"]
    >>> rows = [("u1", "eva"), ("u2", "tom"), ("u3", "eva")]
    >>> table = pd.DataFrame([(u, s, "", f"of {u}", "joy", u) for u, s in rows], columns=names)
    >>> parts = [np.array([row]) for row in range(3)]
    >>> [finding] = audit([Fold("only", *parts)], table)
    >>> finding.name, finding.severity, finding.parts, finding.what
    ('shared-speakers', 'leak', ('train', 'test'), ('eva',))
    """
    table = fingerprint.heard(corpus)
    columns = {name: values.to_numpy(dtype=object) for name, values in table.items()}
    columns |= {f"plain {name}": _plain(columns, name) for name in ("speaker", "sentence")}
    tested = np.concatenate([np.array([], dtype=int), *(fold.test for fold in folds)])
    promises = PROTOCOLS[protocol].promises if protocol else ()
    rows = [("", row) for row in _whole(columns, tested)]
    for fold in folds:
        looks = [_pair(columns, fold, pair, promises) for pair in combinations(PARTS, 2)]
        looks.append(_parts(columns, fold, set(columns["emotion"][tested])))
        if fitted is not None:
            looks.append(_statistics(columns, fold, fitted.get(fold.name)))
        rows += [(fold.name, row) for row in chain(*looks)]
    findings = [
        Finding(name, severity, fold, parts, tuple(sorted(what)), *numbers)
        for fold, (name, severity, parts, what, *numbers) in rows
    ]
    order = list(CHECKS)
    findings.sort(key=lambda f: (SEVERITIES.index(f.severity), order.index(f.name)))
    return Findings(findings, n_folds=len(folds))


def of_predictions(predictions: pd.DataFrame, corpus: Manifest) -> Findings | None:
    """Audit what the column fold of predictions implies; None if it names no fold.

    Of each fold only the tested utterances are known. If nothing else is said, it trained on all
    others of the corpus, which is what is looked at.
    """
    if (predictions["fold"] == "").any():
        return None
    rows = pd.Series(np.arange(len(corpus.table)), corpus.table["utterance"])
    folds = []
    for name, part in predictions.groupby("fold"):
        test = rows[part["utterance"]].to_numpy()
        folds.append(Fold(name, np.setdiff1d(rows, test), np.array([], dtype=int), test))
    findings = audit(folds, corpus)
    return Findings((f for f in findings if f.name != "empty-part"), n_folds=len(folds))


def allowed(finding: Finding, protocol: str) -> bool:
    """Whether a protocol tells this leak by its name; what is no leak is always allowed."""
    column, *_ = _SHARED.get(finding.name, ("",))
    return finding.severity != "leak" or column in PROTOCOLS[protocol].admits


def refuse(findings: Iterable[Finding], protocol: str, *, file: str | None = None) -> None:
    """Raise a `SplitError` if there is a leak that the protocol does not tell by its name.

    `file` is where the split was read from; None if the protocol made it.
    """
    leaks = [finding for finding in findings if not allowed(finding, protocol)]
    if leaks:
        first = leaks[0]
        place = f" of fold '{first.fold}'" if first.fold else ""
        more = f", and {len(leaks) - 1} more" if len(leaks) > 1 else ""
        who = f"the split {file}, as '{protocol}'," if file else f"protocol '{protocol}'"
        command = f"ser audit {file or ''}".rstrip()
        raise SplitError(
            f"{who} leaks: {first.name} in {' and '.join(first.parts)}{place} "
            f"({names(first.what)}){more}; `{command}` with this corpus prints all of them"
        )


def summary(findings: Sequence[Finding]) -> pd.DataFrame:
    """Put findings together that differ by nothing but the fold, in their order.

    The columns are severity, name, parts, folds (names), what, utterances and of (sums).
    """
    table = pd.DataFrame(map(vars, findings), columns=list(Finding.__annotations__))
    groups = table.groupby(["severity", "name", "parts"], sort=False).agg(
        folds=("fold", lambda names: tuple(filter(None, names))),
        what=("what", lambda several: tuple(sorted(set().union(*several)))),
        utterances=("utterances", "sum"),
        of=("of", "sum"),
    )
    return groups.reset_index()


def lines(findings: Sequence[Finding], n_folds: int) -> list[str]:
    """Say it in a line for each row of `summary`.

    Examples
    --------
    "leak: shared-speakers, train and test, 2 of 10 folds: 03, 08; 90 of 107 utterances"
    """
    result = []
    for row in summary(findings).itertuples():
        parts = f", {' and '.join(row.parts)}" if row.parts else ""
        where = f", {len(row.folds)} of {n_folds} folds" if row.folds and n_folds > 1 else ""
        what = f": {names(row.what)}" if row.what else ""
        many = f"; {row.utterances:,} of {row.of:,} utterances" if row.utterances else ""
        result.append(f"{row.severity}: {row.name}{parts}{where}{what}{many}")
    return result


def names(what: Sequence[str]) -> str:
    """Write the first names out and count the others."""
    others = len(what) - _SHOWN
    return ", ".join(what[:_SHOWN]) + (f" and {others:,} more" if others > 0 else "")


def verdict(findings: Iterable[Finding]) -> str:
    """Return a key of `VERDICTS`: "unknown" where it is not certain who speaks."""
    found = list(findings)
    if any(finding.severity == "leak" for finding in found):
        return "leak"
    return "unknown" if any(finding.name in OPEN for finding in found) else "none"


def _plain(columns: Columns, column: str) -> np.ndarray:
    """Return a column's names, plainly and without the corpus that a joined one puts before."""
    names = list(columns[column])
    if column == "sentence" and "corpus" in columns:
        both = zip(names, columns["corpus"], strict=True)
        names = [name.removeprefix(f"{corpus}/") for name, corpus in both]
    short = {name: plain(name) for name in set(names)}
    return np.array([short[name] for name in names], dtype=object)


def _pair(columns: Columns, fold: Fold, pair: tuple[str, str], promises) -> Iterator[Row]:
    """What two parts of a fold have in common."""
    first, second = (getattr(fold, part) for part in pair)
    with_test = "test" in pair
    severity = "leak" if with_test else "warning"
    utterances, sounds = columns["utterance"], columns["recording"]
    if len(both := np.intersect1d(first, second)):
        name = "shared-utterances" if "train" in pair else "validation-in-test"
        yield name, severity, pair, utterances[both], len(both), len(second)
    either = np.union1d(first, second)
    # An utterance that is in both parts is no twin of itself.
    times = Counter(sounds[either])
    twins = {sound for sound in set(sounds[first]) & set(sounds[second]) if times[sound] > 1}
    if twins:
        what = [utterances[row] for row in either if sounds[row] in twins]
        n = sum(sound in twins for sound in sounds[second])
        yield "identical-audio", severity, pair, what, n, len(second)
    for name, (column, *severities) in _SHARED.items():
        values, names = columns[column], pd.Series(columns[column.removeprefix("plain ")][either])
        shared = (set(values[first]) & set(values[second])) - {""}
        alike = shared
        if column.startswith("plain "):  # names that are not the same, but may mean the same
            spellings = names.groupby(values[either]).unique()
            shared = {value for value in shared if len(spellings[value]) > 1}
            alike = set().union(*(spellings[value] for value in shared))
        if shared:
            severity = severities[0] if with_test else severities[1]
            if severity == "warning" and column in promises:
                severity = "leak"
            n = sum(value in shared for value in values[second])
            yield name, severity, pair, alike, n, len(second)


def _parts(columns: Columns, fold: Fold, ever_tested: set[str]) -> Iterator[Row]:
    """What the parts of a fold lack."""
    emotions = columns["emotion"]
    for part in PARTS:
        rows = getattr(fold, part)
        # What no fold tests is told once, for the whole split.
        expected = ever_tested if part == "test" else set(emotions)
        if not len(rows):
            yield "empty-part", "warning", (part,), (), 0, 0
        elif missing := expected - set(emotions[rows]):
            severity = "warning" if part == "train" else "note"
            yield "class-missing", severity, (part,), missing, 0, len(rows)
    rows = np.unique(np.concatenate([getattr(fold, part) for part in PARTS]))
    for name, (column, severity) in _UNKNOWN.items():
        if len(unknown := rows[columns[column][rows] == ""]):
            what = columns["utterance"][unknown]
            yield name, severity, _places(fold, unknown), what, len(what), len(rows)


def _statistics(columns: Columns, fold: Fold, rows: np.ndarray | None) -> Iterator[Row]:
    if rows is None:
        yield "statistics-unknown", "note", (), (), 0, 0
        return
    if not len(rows):
        yield "statistics-not-of-training", "leak", (), (), 0, 0
    if len(outside := np.setdiff1d(rows, fold.train)):
        parts, what = _places(fold, outside), columns["utterance"][outside]
        # What tested speakers say in no part tells about them as well.
        voices = set(columns["speaker"][fold.test]) - {""}
        leak = "test" in parts or voices & set(columns["speaker"][outside])
        severity = "leak" if leak else "warning"
        yield "statistics-outside-training", severity, parts, what, len(what), len(rows)


def _whole(columns: Columns, tested: np.ndarray) -> Iterator[Row]:
    """What can be seen over all folds only."""
    speakers = columns["speaker"][columns["speaker"] != ""]
    if 1 < len(speakers) == len(set(speakers)):
        n = len(speakers)
        yield "speakers-all-different", "warning", (), speakers, n, len(columns["speaker"])
    rows, counts = np.unique(tested, return_counts=True)
    if (counts > 1).any():
        what = columns["utterance"][rows[counts > 1]]
        yield "tested-twice", "warning", ("test",), what, len(what), len(rows)
    missing = set(columns["emotion"]) - set(columns["emotion"][rows])
    if len(rows) and missing:
        yield "class-missing", "warning", ("test",), missing, 0, len(rows)


def _places(fold: Fold, rows: np.ndarray) -> tuple[str, ...]:
    return tuple(part for part in PARTS if np.isin(rows, getattr(fold, part)).any())
