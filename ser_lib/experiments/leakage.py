"""What a split lets through from training to test, by name.

`audit` looks at any split of a manifest's table, ours or somebody else's. What it finds has a name
that stays the same (the keys of `CHECKS`), and one of three severities:

======= ==========================================================================
leak    the scores of the test part say less than they seem to
warning a reader has to know, it may flatter the scores
note    cannot be judged, or only changes what the scores are about
======= ==========================================================================

What touches the test part weighs more than what training and validation share. A protocol promises
by its name that its parts share no speaker, session or sentence, and a warning of what it promises
not to happen is a leak. The other way round, `random` says by its name that speakers are shared.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ser_lib.core.errors import SplitError
from ser_lib.experiments.splits import PARTS, Fold

CHECKS = {
    "validation-in-test": "the utterances that choose the epoch are tested as well",
    "shared-utterances": "an utterance is in two parts",
    "identical-audio": "a recording is in two parts, under two names",
    "shared-speakers": "a speaker is heard in two parts",
    "shared-sentences": "a sentence or script is spoken in two parts",
    "shared-sessions": "a recording session is in two parts",
    "statistics-outside-training": "features are standardised by more than the training part",
    "empty-part": "a part has no utterance",
    "class-missing": "a part has no utterance of an emotion",
    "tested-twice": "an utterance is tested in more than one fold, and counts each time",
    "speakers-unknown": "utterances have no speaker, so shared ones would not be seen",
    "sentences-unknown": "utterances have no sentence, so shared ones would not be seen",
    "statistics-unknown": "nobody knows which utterances standardise the features",
}
"""Every name of a finding, and what it means."""

Columns = Mapping[str, np.ndarray]
"""The table's columns by name, each as an array over its rows."""

SEVERITIES = ("leak", "warning", "note")

PROMISES = {
    "speaker": {"shared-speakers"},
    "session": {"shared-speakers", "shared-sessions"},
    "speaker-kfold": {"shared-speakers"},
    "cross-corpus": {"shared-speakers"},
    "sentence+speaker": {"shared-speakers", "shared-sentences"},
}
"""Protocol to the findings that its name rules out."""

ADMITS = {"random": {"shared-speakers"}}
"""Protocol to the leaks that its name tells."""

_COLUMNS = ("utterance", "speaker", "session", "sentence", "emotion", "sha256")
_PAIRS = (("train", "validation"), ("train", "test"), ("validation", "test"))
_SHARED = {
    # name: column of the table, severity if the test part is concerned, and if not
    "shared-speakers": ("speaker", "leak", "warning"),
    "shared-sentences": ("sentence", "warning", "note"),
    "shared-sessions": ("session", "warning", "note"),
}
_UNKNOWN = {"speakers-unknown": ("speaker", "warning"), "sentences-unknown": ("sentence", "note")}
_SHOWN = 6
"""Names that are written out in a sentence."""


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes
    ----------
    name
        A key of `CHECKS`.
    severity
        One of `SEVERITIES`.
    fold
        Name of the fold; "" for the split as a whole.
    parts
        The parts that it is about, in the order of `splits.PARTS`.
    what
        What is shared, missing or unknown: names of speakers, sentences, sessions, emotions or
        utterances, sorted.
    utterances, of
        How many utterances it concerns, and of how many: of two parts, those of the last one; of
        statistics, those that they were taken of.
    """

    name: str
    severity: str
    fold: str
    parts: tuple[str, ...]
    what: tuple[str, ...]
    utterances: int
    of: int


def audit(
    folds: Sequence[Fold],
    table: pd.DataFrame,
    *,
    protocol: str | None = None,
    fitted: Mapping[str, np.ndarray | None] | None = None,
) -> list[Finding]:
    """Look for everything that `CHECKS` names.

    Parameters
    ----------
    folds
        The split.
    table
        The manifest's table, with the columns `utterance`, `speaker`, `session`, `sentence`,
        `emotion` and `sha256`.
    protocol
        What the split claims to be: see `PROMISES`.
    fitted
        Name of the fold to the row positions of the utterances that its standardisation was
        fitted on, `None` where that is not known. Without it, statistics are not looked at.

    Returns
    -------
    list of Finding
        From leaks to notes, in the order of `CHECKS`; empty for a split without fault.

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
    columns = {name: table[name].to_numpy(dtype=object) for name in _COLUMNS}
    tested = np.concatenate([np.array([], dtype=int), *(fold.test for fold in folds)])
    found = list(_whole(columns, tested))
    for fold in folds:
        for pair in _PAIRS:
            found += _pair(columns, fold, pair)
        found += _parts(columns, fold, set(columns["emotion"][tested]))
        if fitted is not None:
            found += _statistics(columns, fold, fitted.get(fold.name))
    promised = PROMISES.get(protocol, set())
    found = [
        replace(one, severity="leak") if one.severity == "warning" and one.name in promised else one
        for one in found
    ]
    order = list(CHECKS)
    return sorted(found, key=lambda o: (SEVERITIES.index(o.severity), order.index(o.name)))


def allowed(finding: Finding, protocol: str) -> bool:
    """Whether a protocol tells this leak by its name; what is no leak is always allowed."""
    return finding.severity != "leak" or finding.name in ADMITS.get(protocol, set())


def refuse(findings: Iterable[Finding], protocol: str, *, file: str | None = None) -> None:
    """Let nothing pass but what the protocol allows.

    Parameters
    ----------
    findings, protocol
        Of `audit`.
    file
        Where the split was read from; None if the protocol made it.

    Raises
    ------
    SplitError
        If there is a leak that the name of the protocol does not tell.
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
    """Put findings together that differ by nothing but the fold.

    Returns
    -------
    DataFrame
        Columns: severity, name, parts, folds (names, none for the split as a whole), what,
        utterances and of (sums), in the order of the findings.
    """
    together: dict[tuple, list[Finding]] = {}
    for finding in findings:
        together.setdefault((finding.severity, finding.name, finding.parts), []).append(finding)
    rows = [
        (
            *key,
            tuple(one.fold for one in group if one.fold),
            tuple(sorted({name for one in group for name in one.what})),
            sum(one.utterances for one in group),
            sum(one.of for one in group),
        )
        for key, group in together.items()
    ]
    columns = ["severity", "name", "parts", "folds", "what", "utterances", "of"]
    return pd.DataFrame(rows, columns=columns)


def lines(findings: Sequence[Finding], n_folds: int) -> list[str]:
    """Say it in a line for each row of `summary`.

    Examples
    --------
    "leak: shared-speakers, train and test, 2 of 10 folds: 03, 08; 90 of 107 utterances"
    """
    said = []
    for row in summary(findings).itertuples():
        where = f", {len(row.folds)} of {n_folds} folds" if row.folds and n_folds > 1 else ""
        parts = f", {' and '.join(row.parts)}" if row.parts else ""
        what = f": {names(row.what)}" if row.what else ""
        many = f"; {row.utterances:,} of {row.of:,} utterances" if row.utterances else ""
        said.append(f"{row.severity}: {row.name}{parts}{where}{what}{many}")
    return said


def names(what: Sequence[str]) -> str:
    """Write the first names out and count the others."""
    others = len(what) - _SHOWN
    return ", ".join(what[:_SHOWN]) + (f" and {others:,} more" if others > 0 else "")


def _pair(columns: Columns, fold: Fold, pair: tuple[str, str]) -> Iterator[Finding]:
    """What two parts of a fold have in common."""
    first, second = (getattr(fold, part) for part in pair)
    severity = "leak" if "test" in pair else "warning"
    utterances, sounds = columns["utterance"], columns["sha256"]

    def finding(name: str, severity: str, what: Iterable[str], concerned: int) -> Finding:
        return Finding(name, severity, fold.name, pair, tuple(sorted(what)), concerned, len(second))

    if len(both := np.intersect1d(first, second)):
        name = "validation-in-test" if "train" not in pair else "shared-utterances"
        yield finding(name, severity, utterances[both], len(both))
    either = np.union1d(first, second)
    # An utterance that is in both parts is no twin of itself.
    times = Counter(sounds[either])
    shared = {s for s in set(sounds[first]) & set(sounds[second]) if times[s] > 1}
    if shared:
        twins = [row for row in either if sounds[row] in shared]
        yield finding(
            "identical-audio", severity, utterances[twins], _among(sounds[second], shared)
        )
    for name, (column, with_test, without_test) in _SHARED.items():
        values = columns[column]
        shared = (set(values[first]) & set(values[second])) - {""}
        if shared:
            weight = with_test if "test" in pair else without_test
            yield finding(name, weight, shared, _among(values[second], shared))


def _parts(columns: Columns, fold: Fold, ever_tested: set[str]) -> Iterator[Finding]:
    """What the parts of a fold lack."""
    emotions = columns["emotion"]
    for part in PARTS:
        rows = getattr(fold, part)
        if not len(rows):
            yield Finding("empty-part", "warning", fold.name, (part,), (), 0, 0)
            continue
        # What no fold tests is told once, for the whole split.
        expected = ever_tested if part == "test" else set(emotions)
        if missing := expected - set(emotions[rows]):
            severity = "warning" if part == "train" else "note"
            what = tuple(sorted(missing))
            yield Finding("class-missing", severity, fold.name, (part,), what, 0, len(rows))
    rows = np.unique(np.concatenate([getattr(fold, part) for part in PARTS]))
    for name, (column, severity) in _UNKNOWN.items():
        unknown = rows[columns[column][rows] == ""]
        if len(unknown):
            what = tuple(sorted(columns["utterance"][unknown]))
            parts = _places(fold, unknown)
            yield Finding(name, severity, fold.name, parts, what, len(unknown), len(rows))


def _statistics(columns: Columns, fold: Fold, rows: np.ndarray | None) -> Iterator[Finding]:
    if rows is None:
        yield Finding("statistics-unknown", "note", fold.name, (), (), 0, 0)
        return
    outside = np.setdiff1d(rows, fold.train)
    if len(outside):
        # What tested speakers say in no part tells about them as well.
        voices = set(columns["speaker"][fold.test]) - {""}
        parts = _places(fold, outside)
        heard = "test" in parts or bool(voices & set(columns["speaker"][outside]))
        yield Finding(
            "statistics-outside-training",
            "leak" if heard else "warning",
            fold.name,
            parts,
            tuple(sorted(columns["utterance"][outside])),
            len(outside),
            len(rows),
        )


def _whole(columns: Columns, tested: np.ndarray) -> Iterator[Finding]:
    """What can be seen over all folds only."""
    rows, counts = np.unique(tested, return_counts=True)
    if (counts > 1).any():
        what = tuple(sorted(columns["utterance"][rows[counts > 1]]))
        yield Finding("tested-twice", "warning", "", ("test",), what, len(what), len(rows))
    missing = set(columns["emotion"]) - set(columns["emotion"][rows])
    if len(rows) and missing:
        what = tuple(sorted(missing))
        yield Finding("class-missing", "warning", "", ("test",), what, 0, len(rows))


def _places(fold: Fold, rows: np.ndarray) -> tuple[str, ...]:
    return tuple(part for part in PARTS if np.isin(rows, getattr(fold, part)).any())


def _among(values: Iterable[str], names: set[str]) -> int:
    return sum(value in names for value in values)
