"""Evaluation protocols: which utterances train, validate and test a network.

A fold holds row positions of the manifest's table. Training fits the network and the
standardisation, validation chooses the epoch, the test part is only ever predicted. In every
protocol but `random` the three parts share no speaker.

============== ==================================================================
random         one stratified split over utterances, 60/20/20 %: the same voices
               are in all parts, so its scores say little about a new speaker
speaker        leave one speaker out: as many folds as speakers
session        leave one recording session out
speaker-kfold  speakers in k groups of about equal size, leave one group out
cross-corpus   train on all corpora but one, test on that one
============== ==================================================================

Validation is the next speaker, session or group in alphabetical order after the tested one, so
that each serves once as test and once as validation; in `cross-corpus` it is a fifth of the
speakers of each corpus that trains.

A recording that a corpus holds twice stays out of training if its twin validates or tests, and out
of validation if its twin tests.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ser_lib.core.errors import SplitError, choose

PROTOCOLS = ("random", "speaker", "session", "speaker-kfold", "cross-corpus")
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Fold:
    """One round of training and testing.

    Attributes
    ----------
    name
        What is tested: ``"speaker-03"``.
    train, validation, test
        Row positions of the manifest's table, int, sorted, disjoint.
    twins
        Positions that are in no part, because the same recording is in another one.
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    twins: np.ndarray = field(default_factory=lambda: np.array([], dtype=int))


def make(table: pd.DataFrame, protocol: str, *, folds: int = 5, seed: int = 0) -> list[Fold]:
    """Split a manifest's table.

    Parameters
    ----------
    table
        With the columns `emotion`, `speaker`, `session` and `sha256`; for `cross-corpus` also
        `corpus`.
    protocol
        One of `PROTOCOLS`.
    folds
        Number of speaker groups, for `speaker-kfold` alone.
    seed
        Of the shuffle in `random`, of the grouping in `speaker-kfold`, and of the speakers who
        validate in `cross-corpus`.

    Returns
    -------
    list of Fold
        Each utterance is tested at most once, and exactly once unless `protocol` is `random`.

    Raises
    ------
    ParameterError
        If the protocol is unknown.
    SplitError
        If the corpus lacks what the protocol needs: names of speakers or sessions, enough of
        them, or enough utterances of an emotion.
    """
    choose(protocol, PROTOCOLS, "protocol")
    if protocol == "random":
        made = [_random(table, seed)]
    elif protocol == "cross-corpus":
        made = _cross_corpus(table, seed)
    else:
        made = _leave_group_out(_groups(table, protocol, folds, seed), protocol)
    made = [_without_twins(table, fold) for fold in made]
    for fold in made:
        _check(table, fold, protocol)
    return made


def shared_speakers(table: pd.DataFrame, fold: Fold) -> list[str]:
    """Return the speakers that occur in more than one part of a fold, sorted."""
    parts = [set(table["speaker"].iloc[getattr(fold, part)]) for part in PARTS]
    a, b, c = parts
    return sorted((a & b) | (a & c) | (b & c))


def _random(table: pd.DataFrame, seed: int) -> Fold:
    counts = table["emotion"].value_counts()
    # Five is the fewest that a 60/20/20 split can give one to every part.
    if len(scarce := counts[counts < 5]):
        raise SplitError(
            f"protocol 'random': emotion '{scarce.index[0]}' has {scarce.iloc[0]} utterance(s); "
            "at least 5 are needed to be in training, validation and test"
        )
    generator = np.random.default_rng(seed)
    parts: dict[str, list[int]] = {part: [] for part in PARTS}
    for _, rows in sorted(table.groupby("emotion").indices.items()):
        rows = generator.permutation(rows)
        fifth = round(len(rows) / 5)
        parts["test"].extend(rows[:fifth])
        parts["validation"].extend(rows[fifth : 2 * fifth])
        parts["train"].extend(rows[2 * fifth :])
    return Fold("random", **{part: np.sort(rows) for part, rows in parts.items()})


def _groups(table: pd.DataFrame, protocol: str, folds: int, seed: int) -> pd.Series:
    """Return the group of every utterance; a group is tested as a whole."""
    column = "session" if protocol == "session" else "speaker"
    # Sessions need the speakers too: to know that they share none.
    _need(table, protocol, column, "speaker")
    values = table[column]
    if protocol == "speaker-kfold":
        speakers = np.random.default_rng(seed).permutation(sorted(values.unique()))
        if not 3 <= folds <= len(speakers):
            raise SplitError(
                f"protocol 'speaker-kfold' with {folds} folds needs between 3 and as many folds "
                f"as the corpus has speakers ({len(speakers)})"
            )
        values = values.map(dict(zip(speakers, np.arange(len(speakers)) % folds + 1, strict=True)))
        width = len(str(folds))
        return values.map(lambda group: f"group-{group:0{width}d}")
    if values.nunique() < 3:
        raise SplitError(
            f"protocol '{protocol}' needs at least 3 {column}s, one each to train, validate and "
            f"test; the corpus has {values.nunique()}"
        )
    return values.map(lambda value: f"{column}-{value}")


def _need(table: pd.DataFrame, protocol: str, *columns: str) -> None:
    for column in columns:
        if (unknown := int((table[column] == "").sum())) > 0:
            raise SplitError(
                f"protocol '{protocol}' needs the {column} of every utterance, "
                f"{unknown} of {len(table)} have none; protocol 'random' needs none"
            )


def _cross_corpus(table: pd.DataFrame, seed: int) -> list[Fold]:
    if "corpus" not in table:
        raise SplitError("protocol 'cross-corpus' needs at least two corpora: --corpus emodb,demo")
    _need(table, "cross-corpus", "speaker")
    generator = np.random.default_rng(seed)
    validating: set[str] = set()
    for corpus, speakers in sorted(table.groupby("corpus")["speaker"].unique().items()):
        if len(speakers) < 2:
            raise SplitError(
                f"protocol 'cross-corpus': corpus '{corpus}' has one speaker; two are needed, "
                "to train and to validate"
            )
        fifth = max(1, round(len(speakers) / 5))
        validating |= set(generator.permutation(sorted(speakers))[:fifth])
    validates = table["speaker"].isin(validating)
    made = []
    for corpus in sorted(table["corpus"].unique()):
        tested = table["corpus"] == corpus
        made.append(
            Fold(
                name=f"corpus-{corpus}",
                train=np.flatnonzero(~tested & ~validates),
                validation=np.flatnonzero(~tested & validates),
                test=np.flatnonzero(tested),
            )
        )
    return made


def _without_twins(table: pd.DataFrame, fold: Fold) -> Fold:
    sounds = table["sha256"].to_numpy()
    tested = set(sounds[fold.test])
    validation, first = _apart(fold.validation, sounds, tested)
    train, second = _apart(fold.train, sounds, tested | set(sounds[validation]))
    return replace(
        fold, train=train, validation=validation, twins=np.sort(np.concatenate([first, second]))
    )


def _apart(rows: np.ndarray, sounds: np.ndarray, others: set[str]) -> tuple[np.ndarray, np.ndarray]:
    """Divide rows into those whose sound is not among `others`, and those whose is."""
    known = np.array([sound in others for sound in sounds[rows]], dtype=bool)
    return rows[~known], rows[known]


def _leave_group_out(groups: pd.Series, protocol: str) -> list[Fold]:
    names = sorted(groups.unique())
    made = []
    for test, validation in zip(names, names[1:] + names[:1], strict=True):
        held_out = groups.isin([test, validation])
        made.append(
            Fold(
                name=test,
                train=np.flatnonzero(~held_out),
                validation=np.flatnonzero(groups == validation),
                test=np.flatnonzero(groups == test),
            )
        )
    return made


def _check(table: pd.DataFrame, fold: Fold, protocol: str) -> None:
    emotions = table["emotion"]
    missing = set(emotions) - set(emotions.iloc[fold.train])
    if missing:
        emotion = sorted(missing)[0]
        raise SplitError(
            f"protocol '{protocol}': no utterance of '{emotion}' is left to train fold "
            f"'{fold.name}' ({(emotions == emotion).sum()} in the corpus); leave this emotion out "
            "or add speakers who show it"
        )
    if protocol != "random" and (shared := shared_speakers(table, fold)):
        raise SplitError(
            f"protocol '{protocol}': speaker '{shared[0]}' is in more than one part of fold "
            f"'{fold.name}'; are the sessions or speakers of the corpus named right?"
        )
