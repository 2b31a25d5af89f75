"""From the name of a corpus and a folder to the manifest that everything else starts from."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from pandas.api.types import is_numeric_dtype

from ser_lib.core.errors import CorpusError, ParameterError, SplitError
from ser_lib.core.files import workspace
from ser_lib.corpora import demo, manifest, selection, table
from ser_lib.corpora.catalogue import CATALOGUE, Corpus, describe, members
from ser_lib.corpora.manifest import Manifest

_NAMES = ("utterance", "speaker", "session", "sentence")
"""Columns whose values are unique within a corpus only."""


def load(
    name: str,
    data_dir: str | Path | None = None,
    *,
    emotions: str | None = None,
    style: str | None = None,
) -> Manifest:
    """Read a corpus, or several joined by commas, into a manifest.

    Parameters
    ----------
    name
        A key of `CATALOGUE`, or several: ``"emodb,ravdess"``. Names of utterances, speakers,
        sessions and sentences then carry their corpus, which also has a column of its own.
    data_dir
        The corpus's folder; for ``"table"`` the table itself; for several corpora, one for each,
        separated by commas. The demo corpora are made in the workspace where it is empty.
    emotions
        What to tell apart, see `selection.parse`. By default the choice of the catalogue; of
        several corpora, the emotions that all of them have.
    style
        ``"improvised"`` or ``"scripted"`` keeps these utterances only.

    Raises
    ------
    ParameterError
        If the corpus is unknown, or needs a folder and none is given.
    CorpusError
        If the folder does not exist or is not this corpus, or lacks what is chosen.
    SplitError
        If several corpora share fewer than two emotions.
    """
    describe(name)  # refuses an unknown one before anything is read
    parts = members(name)
    given = selection.parse(emotions) if emotions else None
    selected = {"emotions": emotions, "style": style}
    if len(parts) == 1:
        return replace(_one(CATALOGUE[name], data_dir, given, style), selection=selected)
    folders = str(data_dir or "").split(",")
    if len(folders) == 1 and not folders[0]:
        folders = [""] * len(parts)
    if len(folders) != len(parts):
        raise ParameterError(
            f"corpus '{name}' is {len(parts)} corpora, but --data names {len(folders)} folder(s); "
            "give one for each, separated by commas, and nothing for a demo corpus"
        )
    loaded = [
        _one(CATALOGUE[part], folder, given, style)
        for part, folder in zip(parts, folders, strict=True)
    ]
    joined = _join(name, loaded if given else _shared(name, loaded))
    return replace(joined, selection=selected)


def _one(
    corpus: Corpus, data_dir: str | Path | None, given: dict[str, str] | None, style: str | None
) -> Manifest:
    complete = _read(corpus, data_dir)
    if given is None and corpus.choice:
        # What is usual is no demand: a part of the corpus may lack one of its emotions.
        there = set(selection.select(complete, None, style=style).emotions)
        usual = selection.parse(corpus.choice)
        given = {name: group for name, group in usual.items() if name in there} or None
    return selection.select(complete, given, style=style)


def _read(corpus: Corpus, data_dir: str | Path | None) -> Manifest:
    name = corpus.name
    if not data_dir and name in demo.SIZES:
        data_dir = demo.make(workspace() / "data" / name, **demo.SIZES[name])
    if not data_dir:
        raise ParameterError(
            f"corpus '{name}' needs its folder (--data DIR); get it: {corpus.home}"
        )
    root = Path(data_dir).expanduser()
    if not root.exists():
        raise CorpusError(f"corpus '{name}': {root} does not exist")
    if corpus.read is None:
        if not root.is_file():
            raise CorpusError(f"corpus '{name}': {root} is a folder, give the table's file")
        rows, left_out = table.read(root.parent, root.name)
        return manifest.build(name, root.parent, rows, left_out)
    if not root.is_dir():
        archive = root.suffix.lower() in (".zip", ".tar", ".gz", ".tgz")
        hint = "unpack it and give the folder" if archive else "give the corpus's folder"
        raise CorpusError(f"corpus '{name}': {root} is a file; {hint}")
    rows, left_out = corpus.read(root)
    return manifest.build(name, root, rows, left_out)


def _shared(name: str, loaded: Sequence[Manifest]) -> list[Manifest]:
    """Keep the emotions that all of several corpora have."""
    shared = sorted(set.intersection(*(set(part.emotions) for part in loaded)))
    if len(shared) < 2:
        have = "; ".join(f"{part.corpus}: {', '.join(part.emotions)}" for part in loaded)
        raise SplitError(f"the corpora '{name}' share fewer than two emotions ({have})")
    kept = []
    for part in loaded:
        chosen = selection.select(part, {emotion: emotion for emotion in shared})
        kept.append(
            replace(
                chosen,
                chosen={emotion: part.chosen[emotion] for emotion in shared},
                passed_over=_sum([part.passed_over, chosen.passed_over]),
            )
        )
    return kept


def _join(name: str, loaded: Sequence[Manifest]) -> Manifest:
    root = Path(os.path.commonpath([part.root.absolute() for part in loaded]))
    tables = []
    for part in loaded:
        own = part.table.assign(corpus=part.corpus)
        folder = part.root.absolute().relative_to(root)
        own["path"] = [(folder / path).as_posix() for path in own["path"]]
        for column in _NAMES:
            named = own[column] != ""
            own.loc[named, column] = part.corpus + "/" + own.loc[named, column]
        tables.append(own)
    chosen: dict[str, dict[str, int]] = {}
    for part in loaded:
        for group, parts in part.chosen.items():
            chosen[group] = _sum([chosen.get(group, {}), parts])
    table = pd.concat(tables, ignore_index=True)
    for column in table:
        # A text column that only one of them has; numbers that are missing stay so.
        if not is_numeric_dtype(table[column]):
            table[column] = table[column].fillna("")
    return Manifest(
        corpus=name,
        root=root,
        table=table.sort_values("utterance", ignore_index=True),
        left_out=[
            {"file": f"{part.corpus}/{row['file']}", "reason": row["reason"]}
            for part in loaded
            for row in part.left_out
        ],
        chosen=chosen,
        passed_over=_sum([part.passed_over for part in loaded]),
    )


def _sum(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    names = sorted({name for part in counts for name in part})
    return {name: sum(part.get(name, 0) for part in counts) for name in names}
