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
============== ==================================================================

Validation is the next speaker, session or group in alphabetical order after the tested one, so
that each serves once as test and once as validation.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ser_lib.errors import SplitError, choose

PROTOCOLS = ("random", "speaker", "session", "speaker-kfold")
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
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def make(table: pd.DataFrame, protocol: str, *, folds: int = 5, seed: int = 0) -> list[Fold]:
    """Split a manifest's table.

    Parameters
    ----------
    table
        With the columns `emotion`, `speaker` and `session`.
    protocol
        One of `PROTOCOLS`.
    folds
        Number of speaker groups, for `speaker-kfold` alone.
    seed
        Of the shuffle in `random` and of the grouping in `speaker-kfold`.

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
    else:
        made = _leave_group_out(_groups(table, protocol, folds, seed), protocol)
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
    for needed in (column, "speaker"):
        if (unknown := int((table[needed] == "").sum())) > 0:
            raise SplitError(
                f"protocol '{protocol}' needs the {needed} of every utterance, "
                f"{unknown} of {len(table)} have none; protocol 'random' needs none"
            )
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
