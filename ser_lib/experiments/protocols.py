"""Every evaluation protocol by its name: those of `splits`, and two more.

================ ================================================================
sentence+speaker leave one group of speakers and one group of sentences out
given            somebody's own split, read from a file by `split_files`
================ ================================================================

The design of `sentence+speaker`: speakers are in k groups, as in `speaker-kfold`, and sentences in
as many, or one each where there are fewer. A fold tests what one group of speakers says of one
group of sentences. It trains and validates on other speakers and other sentences; validation has
the next group of speakers to itself. So the test shares neither speaker nor sentence with the other
two parts, and every utterance is tested once. Training and validation share sentences: validation
chooses the epoch and is no result, and a second group of sentences for it alone would cost
training more than it would tell. What the tested speakers say otherwise, and what others say of the
tested sentences, is in no part.
"""

import numpy as np
import pandas as pd

from ser_lib.core.errors import SplitError, choose
from ser_lib.experiments import splits
from ser_lib.experiments.splits import Fold

PROTOCOLS = (*splits.PROTOCOLS, "sentence+speaker", "given")


def make(table: pd.DataFrame, protocol: str, *, folds: int = 5, seed: int = 0) -> list[Fold]:
    """Split a manifest's table.

    Parameters
    ----------
    table
        As for `splits.make`; for `sentence+speaker` also with the column `sentence`.
    protocol
        One of `PROTOCOLS` but `given`, which is no recipe.
    folds, seed
        As for `splits.make`; for `sentence+speaker`, the number of speaker groups, which is also
        the largest number of sentence groups, and the seed of both groupings.

    Returns
    -------
    list of Fold

    Raises
    ------
    ParameterError
        If the protocol is unknown.
    SplitError
        If the corpus lacks what the protocol needs, or the protocol is `given`.
    """
    choose(protocol, PROTOCOLS, "protocol")
    if protocol == "sentence+speaker":
        return _crossed(table, folds, seed)
    if protocol == "given":
        raise SplitError(
            "protocol 'given' needs a split, a CSV file of utterances and parts: ser audit FILE"
        )
    return splits.make(table, protocol, folds=folds, seed=seed)


def _crossed(table: pd.DataFrame, folds: int, seed: int) -> list[Fold]:
    n_speakers, n_sentences = (_named(table, column) for column in ("speaker", "sentence"))
    if not 3 <= folds <= n_speakers:
        raise SplitError(
            f"protocol 'sentence+speaker' with {folds} folds needs between 3 and as many folds as "
            f"the corpus has speakers ({n_speakers})"
        )
    if n_sentences < 2:
        raise SplitError("protocol 'sentence+speaker' needs at least 2 sentences; there is one")
    generator = np.random.default_rng(seed)
    speakers = _groups(table["speaker"], folds, generator)
    sentences = _groups(table["sentence"], min(folds, n_sentences), generator)
    sounds = table["sha256"].reset_index(drop=True)
    width = len(str(folds))
    made = []
    for group in range(folds):
        for spoken in range(sentences.max() + 1):
            test = (speakers == group) & (sentences == spoken)
            if not test.any():
                continue  # nobody of this group says one of these sentences
            next_group = speakers == (group + 1) % folds
            others = sentences != spoken
            # The same recording may be there twice, and under another sentence.
            apart = ~sounds.isin(sounds[test]).to_numpy()
            validation = next_group & others & apart
            known = sounds.isin(sounds[test | validation]).to_numpy()
            rest = (speakers != group) & ~next_group & others
            twins = (next_group & others & ~apart) | (rest & known)
            masks = {"train": rest & ~known, "validation": validation, "test": test, "twins": twins}
            fold = Fold(
                f"speakers-{group + 1:0{width}d}-sentences-{spoken + 1:0{width}d}",
                **{part: np.flatnonzero(mask) for part, mask in masks.items()},
            )
            _check(table, fold)
            made.append(fold)
    return made


def _named(table: pd.DataFrame, column: str) -> int:
    """Return how many speakers or sentences there are, once all of them are known."""
    if unknown := int((table[column] == "").sum()):
        raise SplitError(
            f"protocol 'sentence+speaker' needs the {column} of every utterance, {unknown} of "
            f"{len(table)} have none"
        )
    return table[column].nunique()


def _groups(values: pd.Series, n: int, generator: np.random.Generator) -> np.ndarray:
    """Return the group of every utterance, from 0, with about as many names in each."""
    names = generator.permutation(sorted(values.unique()))
    return values.map(dict(zip(names, np.arange(len(names)) % n, strict=True))).to_numpy()


def _check(table: pd.DataFrame, fold: Fold) -> None:
    if not len(fold.validation):
        raise SplitError(
            f"protocol 'sentence+speaker': nothing is left to validate fold '{fold.name}'; try "
            "fewer folds"
        )
    missing = set(table["emotion"]) - set(table["emotion"].iloc[fold.train])
    if missing:
        raise SplitError(
            f"protocol 'sentence+speaker': no utterance of '{min(missing)}' is left to train fold "
            f"'{fold.name}'; try more folds, or leave this emotion out"
        )
