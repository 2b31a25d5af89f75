"""Evaluation protocols: which utterances train, validate and test a network; splits as files.

A fold holds row positions of the manifest's table. Training fits the network and the
standardisation, validation chooses among networks, the test part is only ever predicted.

Validation is the next speaker, session or group in alphabetical order after the tested one, so that
each serves once as test and once as validation; in `cross-corpus` it is a fifth of the speakers of
each corpus that trains. `random` takes 60/20/20 % of each emotion's utterances. `sentence+speaker`
tests what a group of speakers says of a group of sentences, and trains and validates on others who
say other sentences; everything else is in no part.

A recording that a corpus holds twice stays out of training if its twin validates or tests, and out
of validation if its twin tests.

As a file, a split is a CSV table in UTF-8 with the columns `fold` (without it, all is one fold,
"given"), `utterance` (its name in the manifest) and `part`. Other columns are ignored; an utterance
without a row is in no part of the fold.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from ser_lib.core.errors import CorpusError, SplitError, choose
from ser_lib.core.files import write_atomically
from ser_lib.corpora import Manifest, tables
from ser_lib.features import fingerprint

PARTS = ("train", "validation", "test")
COLUMNS = ("fold", "utterance", "part")


@dataclass(frozen=True)
class Fold:
    """One round of training and testing.

    Attributes
    ----------
    train, validation, test
        Row positions of the manifest's table, int, sorted, disjoint.
    twins
        Positions that are in no part, because the same recording is in another one.
    """

    name: str  # what is tested, such as "speaker-03"
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    twins: np.ndarray = field(default_factory=lambda: np.array([], dtype=int))


@dataclass(frozen=True)
class Protocol:
    """A rule by which utterances are dealt to the three parts.

    Attributes
    ----------
    folds
        Yields the folds of a table, given what it `uses`, of the parameters `folds` and `seed`;
        None if a file has them.
    promises
        Columns of which the test shares no value with another part; if `speaker` is one, training
        and validation share none either.
    admits
        Columns of which its name says that parts share values.
    """

    name: str
    words: str  # what it does, as a noun phrase
    folds: Callable[..., Iterator[Fold]] | None
    uses: tuple[str, ...] = ()
    promises: tuple[str, ...] = ()
    admits: tuple[str, ...] = ()


def make(
    corpus: Manifest | pd.DataFrame, protocol: str, *, folds: int = 5, seed: int = 0
) -> list[Fold]:
    """Split a corpus; each utterance is tested once, but in `random` at most once.

    Parameters
    ----------
    protocol
        A key of `PROTOCOLS`, but `given`, which is no recipe.
    folds, seed
        Number of speaker groups, in `sentence+speaker` of sentence groups at most; seed of all that
        is shuffled. What the protocol does not use, changes nothing.

    Raises
    ------
    SplitError
        If the corpus lacks names that the protocol needs, enough of them, or enough utterances of
        an emotion; or the protocol is `given`.
    """
    rule = PROTOCOLS[choose(protocol, PROTOCOLS, "protocol")]
    if rule.folds is None:
        raise SplitError(
            "protocol 'given' needs a split, a CSV file of utterances and parts: ser audit FILE"
        )
    table = fingerprint.heard(corpus)
    options = {"folds": folds, "seed": seed}
    result = list(rule.folds(table, **{name: options[name] for name in rule.uses}))
    for fold in result:
        _check(table, fold, rule)
    return result


def write(file: str | Path, folds: Sequence[Fold], table: pd.DataFrame) -> None:
    """Write folds of a manifest's table as a CSV file, which is replaced if it is there."""
    names = table["utterance"].to_numpy()
    rows = [
        (fold.name, names[row], part)
        for fold in folds
        for part in PARTS
        for row in getattr(fold, part)
    ]
    text = pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False, lineterminator="\n")
    write_atomically(Path(file), text)


def read(
    file: str | Path, table: pd.DataFrame, *, known: Iterable[str] = (), sound: bool = True
) -> list[Fold]:
    """Read the folds of a file for a manifest's table, in the order of the file.

    Parameters
    ----------
    known
        Utterances that the corpus has and the table has not, because they were not chosen or
        cannot be read (`Manifest.listed`): in the file they are passed over.
    sound
        Refuse an utterance in two parts of a fold, and a fold without one of the parts. `False`
        reads such a split as it is, so that `leakage.audit` can tell what is wrong with it.

    A `SplitError` names the row and what is missing, unknown, twice or otherwise not `sound`.
    """
    rows = _rows(Path(file))
    position = pd.Series(np.arange(len(table)), table["utterance"])
    names = rows["fold"].unique()

    def refuse(wrong: pd.Series, what: Callable[..., str]) -> None:
        for row in rows[wrong].itertuples():
            raise SplitError(f"{file}, row {row.Index}: {what(row)}")

    parts = ", ".join(PARTS)
    refuse(
        ~rows["part"].isin(PARTS), lambda row: f"unknown part '{row.part}'; it is one of {parts}"
    )
    rows = rows[rows["utterance"].isin(position.index) | ~rows["utterance"].isin(set(known))]
    refuse(
        ~rows["utterance"].isin(position.index),
        lambda row: (
            f"the corpus has no utterance '{row.utterance}'; it has '{position.index[0]}' "
            f"and {len(position) - 1:,} others"
        ),
    )
    refuse(
        rows.duplicated(list(COLUMNS if not sound else COLUMNS[:2])),
        lambda row: f"fold '{row.fold}' lists '{row.utterance}' twice",
    )
    folds = []
    for name in names:
        own = rows[rows["fold"] == name]
        named = [own["utterance"][own["part"] == part] for part in PARTS]
        if sound and (empty := [p for p, n in zip(PARTS, named, strict=True) if n.empty]):
            raise SplitError(
                f"the split {file}: fold '{name}' has no utterance in {' and '.join(empty)}; each "
                f"fold needs {parts}"
            )
        folds.append(Fold(name, *(np.sort(position.loc[n].to_numpy(int)) for n in named)))
    return folds


def _rows(file: Path) -> pd.DataFrame:
    """Return the fold, utterance and part of every row of the file; the first is row 1."""
    try:
        table = tables.read(file)
    except CorpusError as error:
        raise SplitError(str(error)) from error
    for column in COLUMNS:
        n = list(table).count(column)
        if n > 1 or (not n and column != "fold"):
            raise SplitError(
                f"the split {file} has {n or 'no'} columns '{column}'; it needs utterance and "
                f"part, and fold if there are several; it has: {', '.join(map(str, table))}"
            )
    if table.empty:
        raise SplitError(f"the split {file} has no rows")
    rows = (table if "fold" in table else table.assign(fold="given"))[list(COLUMNS)]
    rows = rows.fillna("").astype(str)
    rows.index += 1
    for column in COLUMNS:
        for number in rows.index[rows[column] == ""]:
            raise SplitError(f"{file}, row {number}: the {column} is empty")
    return rows


def _fold(table: pd.DataFrame, name: str, *masks: np.ndarray) -> Fold:
    """Make a fold of a mask over the rows for each part; twins leave the part that matters less."""
    train, validation, test = masks
    sounds = table["recording"].reset_index(drop=True)
    in_test = sounds.isin(sounds[test]).to_numpy()
    in_others = sounds.isin(sounds[test | (validation & ~in_test)]).to_numpy()
    twins = (validation & in_test) | (train & in_others)
    train, validation, test = (np.flatnonzero(mask & ~twins) for mask in masks)
    return Fold(name, train, validation, test, np.flatnonzero(twins))


def _random(table: pd.DataFrame, *, seed: int) -> Iterator[Fold]:
    counts = table["emotion"].value_counts()
    # Five is the fewest that a 60/20/20 split can give one to every part.
    if len(scarce := counts[counts < 5]):
        raise SplitError(
            f"protocol 'random': emotion '{scarce.index[0]}' has {scarce.iloc[0]} utterance(s); "
            "at least 5 are needed to be in training, validation and test"
        )
    generator = np.random.default_rng(seed)
    part = np.full(len(table), "train", dtype=object)
    for _, rows in sorted(table.groupby("emotion").indices.items()):
        rows = generator.permutation(rows)
        fifth = round(len(rows) / 5)
        part[rows[:fifth]] = "test"
        part[rows[fifth : 2 * fifth]] = "validation"
    yield _fold(table, "random", *(part == name for name in PARTS))


def _each(column: str, table: pd.DataFrame) -> Iterator[Fold]:
    # Sessions need the speakers too: to know that they share none.
    _need(table, column, column, "speaker")
    if (n := table[column].nunique()) < 3:
        raise SplitError(
            f"protocol '{column}' needs at least 3 {column}s, one each to train, validate and "
            f"test; the corpus has {n}"
        )
    return _leave_out(table, table[column].map(lambda value: f"{column}-{value}"))


def _kfold(table: pd.DataFrame, *, folds: int, seed: int) -> Iterator[Fold]:
    _need(table, "speaker-kfold", "speaker", folds=folds)
    groups = _groups(table["speaker"], folds, np.random.default_rng(seed))
    width = len(str(folds))
    return _leave_out(table, groups.map(lambda group: f"group-{group + 1:0{width}d}"))


def _leave_out(table: pd.DataFrame, groups: pd.Series) -> Iterator[Fold]:
    """Test each group, by its name, and validate with the next one."""
    names = sorted(groups.unique())
    for name, following in zip(names, names[1:] + names[:1], strict=True):
        test, validation = (groups == name).to_numpy(), (groups == following).to_numpy()
        yield _fold(table, name, ~test & ~validation, validation, test)


def _cross_corpus(table: pd.DataFrame, *, seed: int) -> Iterator[Fold]:
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
    validates = table["speaker"].isin(validating).to_numpy()
    for corpus in sorted(table["corpus"].unique()):
        test = (table["corpus"] == corpus).to_numpy()
        yield _fold(table, f"corpus-{corpus}", ~test & ~validates, ~test & validates, test)


def _crossed(table: pd.DataFrame, *, folds: int, seed: int) -> Iterator[Fold]:
    # Validation is no result: sentences for it alone would cost training more than they would tell.
    _need(table, "sentence+speaker", "speaker", "sentence", folds=folds)
    if (n_sentences := table["sentence"].nunique()) < 2:
        raise SplitError("protocol 'sentence+speaker' needs at least 2 sentences; there is one")
    generator = np.random.default_rng(seed)
    speakers = _groups(table["speaker"], folds, generator).to_numpy()
    sentences = _groups(table["sentence"], min(folds, n_sentences), generator).to_numpy()
    width = len(str(folds))
    for group, spoken in product(range(folds), range(sentences.max() + 1)):
        tested, following = speakers == group, speakers == (group + 1) % folds
        test, others = tested & (sentences == spoken), sentences != spoken
        if not test.any():
            continue  # nobody of this group says one of these sentences
        name = f"speakers-{group + 1:0{width}d}-sentences-{spoken + 1:0{width}d}"
        fold = _fold(table, name, ~tested & ~following & others, following & others, test)
        if not len(fold.validation):
            raise SplitError(
                f"protocol 'sentence+speaker': nothing is left to validate fold '{name}'; "
                "try fewer folds"
            )
        yield fold


def _groups(values: pd.Series, n: int, generator: np.random.Generator) -> pd.Series:
    """Return the group of every utterance, from 0, with about as many names in each."""
    names = generator.permutation(sorted(values.unique()))
    return values.map(dict(zip(names, np.arange(len(names)) % n, strict=True)))


def _need(table: pd.DataFrame, protocol: str, *columns: str, folds: int | None = None) -> None:
    for column in columns:
        if unknown := int((table[column] == "").sum()):
            raise SplitError(
                f"protocol '{protocol}' needs the {column} of every utterance, "
                f"{unknown} of {len(table)} have none; protocol 'random' needs none"
            )
    n = table["speaker"].nunique()
    if folds is not None and not 3 <= folds <= n:
        raise SplitError(
            f"protocol '{protocol}' with {folds} folds needs between 3 and as many folds as the "
            f"corpus has speakers ({n})"
        )


def _check(table: pd.DataFrame, fold: Fold, protocol: Protocol) -> None:
    emotions = table["emotion"]
    if missing := set(emotions) - set(emotions.iloc[fold.train]):
        emotion = min(missing)
        more = "try more folds, " if "folds" in protocol.uses else ""
        raise SplitError(
            f"protocol '{protocol.name}': no utterance of '{emotion}' is left to train fold "
            f"'{fold.name}' ({(emotions == emotion).sum()} in the corpus); {more}leave this "
            "emotion out or add speakers who show it"
        )
    heard = Counter(s for p in PARTS for s in set(table["speaker"].iloc[getattr(fold, p)]))
    shared = [speaker for speaker in heard if heard[speaker] > 1]
    if shared and "speaker" in protocol.promises:
        raise SplitError(
            f"protocol '{protocol.name}': speaker '{min(shared)}' is in more than one part of fold "
            f"'{fold.name}'; are the sessions or speakers of the corpus named right?"
        )


PROTOCOLS = {
    rule.name: rule
    for rule in (
        Protocol("random", "one random split over utterances, stratified by emotion",
                 _random, uses=("seed",), admits=("speaker",)),
        Protocol("speaker", "leave one speaker out",
                 partial(_each, "speaker"), promises=("speaker",)),
        Protocol("session", "leave one recording session out",
                 partial(_each, "session"), promises=("speaker", "session")),
        Protocol("speaker-kfold", "leave one group of speakers out",
                 _kfold, uses=("folds", "seed"), promises=("speaker",)),
        Protocol("cross-corpus", "train on all corpora but one and test on that one",
                 _cross_corpus, uses=("seed",), promises=("speaker", "corpus")),
        Protocol("sentence+speaker", "leave one group of speakers and one group of sentences out",
                 _crossed, uses=("folds", "seed"), promises=("speaker", "sentence")),
        Protocol("given", "a split that was read from a file", None),
    )
}  # fmt: skip
"""Every protocol by its name."""
