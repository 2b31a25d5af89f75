"""From the name of a corpus and a folder to the manifest that everything else starts from.

A choice of emotions is written as text: commas between the classes, and "+" between emotions that
are counted as one class, which takes the first name: ``"anger, happiness+excitement, neutral"``.
The style is how an utterance came to be, where the corpus knows it.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ser_lib.core.errors import CorpusError, ParameterError, SplitError, choose
from ser_lib.core.files import workspace
from ser_lib.corpora import demo
from ser_lib.corpora.manifest import Manifest, build
from ser_lib.corpora.readers import CATALOGUE, describe

STYLES = ("improvised", "scripted")


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
        separated by commas. Where it is empty, the demo corpora are made, and a corpus without
        any terms (EmoDB) is downloaded once, into the workspace's ``data/``.
    emotions
        What to tell apart, see `parse`. By default the choice of the catalogue; of several
        corpora, the emotions that all of them have.
    style
        ``"improvised"`` or ``"scripted"`` keeps these utterances only.

    A `ParameterError` says that the corpus is unknown or needs a folder, a `CorpusError` that the
    folder is not this corpus or lacks what is chosen, a `SplitError` that several corpora share
    fewer than two emotions.
    """
    describe(name)  # refuses an unknown one before anything is read
    classes = parse(emotions) if emotions else None
    parts = name.split(",")
    folders = [data_dir] if len(parts) == 1 else str(data_dir or "," * (len(parts) - 1)).split(",")
    if len(folders) != len(parts):
        raise ParameterError(
            f"corpus '{name}' is {len(parts)} corpora, but --data names {len(folders)} folder(s); "
            "give one for each, separated by commas, and nothing for a demo corpus"
        )
    manifests = [_read(*pair) for pair in zip(parts, folders, strict=True)]
    choices = {part.corpus: classes or _usual(part, style) for part in manifests}
    if len(parts) > 1 and not classes:
        choices = _shared(name, choices)
    manifests = [select(part, choices[part.corpus], style=style) for part in manifests]
    manifest = _join(name, manifests) if len(parts) > 1 else manifests[0]
    return replace(manifest, selection={"emotions": emotions, "style": style})


def parse(text: str) -> dict[str, str]:
    """Return the class of every emotion that a choice names, each once, or a `ParameterError`.

    >>> parse("anger, happiness+excitement")
    {'anger': 'anger', 'happiness': 'happiness', 'excitement': 'happiness'}
    """
    if not isinstance(text, str):
        raise ParameterError(f"emotions must be a text such as 'anger, neutral', not {text!r}")
    classes: dict[str, str] = {}
    for group in text.split(","):
        names = [name.strip() for name in group.split("+")]
        for name in names:
            if not name or name in classes:
                raise ParameterError(
                    f"emotions '{text}' {'names nothing' if not name else f'has {name} twice'}"
                    " in one place; write them as 'anger, happiness+excitement, neutral'"
                )
            classes[name] = names[0]
    return classes


def select(
    manifest: Manifest, emotions: Mapping[str, str] | None, *, style: str | None = None
) -> Manifest:
    """Keep the utterances of a choice, and say in `chosen` and `passed_over` what it did.

    Of the result of `parse`, and of one of `STYLES`, `None` keeps all. A `CorpusError` names the
    emotions that there are.
    """
    table = manifest.table
    if style is not None:
        choose(style, STYLES, "style")
        if "style" not in table or not (table["style"] == style).any():
            raise CorpusError(f"corpus '{manifest.corpus}' has no utterances of style '{style}'")
        table = table[table["style"] == style]
    counts = table["emotion"].value_counts().sort_index().to_dict()
    classes = emotions if emotions is not None else {name: name for name in counts}
    for name in classes:
        if name not in counts:
            raise CorpusError(
                f"corpus '{manifest.corpus}' has no emotion '{name}'"
                f"{f' in style {style!r}' if style else ''}; it has: {', '.join(counts)}"
            )
    chosen: dict[str, dict[str, int]] = {}
    for name, group in classes.items():
        chosen.setdefault(group, {})[name] = counts[name]
    table = table[table["emotion"].isin(classes)]
    others = manifest.table.drop(table.index)["emotion"].value_counts().sort_index().to_dict()
    table = table.assign(emotion=table["emotion"].map(classes)).reset_index(drop=True)
    return replace(manifest, table=table, chosen=chosen, passed_over=others)


def in_words(manifest: Manifest) -> str:
    """Say what was chosen: "anger 3, joy 5 (joy 2 + elation 3); passed over: surprise 1"."""
    classes = []
    for name, counts in manifest.chosen.items():
        parts = " + ".join(f"{emotion} {count:,}" for emotion, count in counts.items())
        classes.append(f"{name} {sum(counts.values()):,} ({parts})" if len(counts) > 1 else parts)
    others = ", ".join(f"{name} {count:,}" for name, count in manifest.passed_over.items())
    return ", ".join(classes) + (f"; passed over: {others}" if others else "")


def _usual(manifest: Manifest, style: str | None) -> dict[str, str]:
    """The class of every emotion that is usual; a part of the corpus may lack some of them."""
    everything = {name: name for name in select(manifest, None, style=style).emotions}
    choice = CATALOGUE[manifest.corpus].choice
    usual = parse(choice) if choice else {}
    return {name: usual[name] for name in usual if name in everything} or everything


def _shared(name: str, choices: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Keep the classes that all of several corpora have."""
    groups = {part: sorted(set(classes.values())) for part, classes in choices.items()}
    common = set.intersection(*map(set, groups.values()))
    if len(common) < 2:
        have = "; ".join(f"{part}: {', '.join(names)}" for part, names in groups.items())
        raise SplitError(f"the corpora '{name}' share fewer than two emotions ({have})")
    return {
        part: {emotion: group for emotion, group in classes.items() if group in common}
        for part, classes in choices.items()
    }


def _read(name: str, data_dir: str | Path | None) -> Manifest:
    corpus = CATALOGUE[name]
    if not data_dir and name in demo.SIZES:
        data_dir = demo.make(workspace() / "data" / name, **demo.SIZES[name])
    if not data_dir:
        from ser_lib.corpora import download  # who has a folder need not wait for it

        data_dir = download.fetch_free(name)
    if not data_dir:
        raise ParameterError(
            f"corpus '{name}' needs its folder (--data DIR); get it: {corpus.home}"
        )
    root = Path(data_dir).expanduser()
    if not root.exists():
        raise CorpusError(f"corpus '{name}': {root.absolute()} does not exist")
    if root.is_dir() == corpus.is_file:
        wanted = "the table's file" if corpus.is_file else "a folder: unpack an archive"
        kind = "folder" if root.is_dir() else "file"
        raise CorpusError(f"corpus '{name}': {root} is a {kind}, give {wanted}")
    rows, left_out = corpus.read(root)
    return build(name, root.parent if corpus.is_file else root, rows, left_out)


def _join(name: str, manifests: Sequence[Manifest]) -> Manifest:
    root = Path(os.path.commonpath([part.root.absolute() for part in manifests]))
    tables: list[pd.DataFrame] = []
    for part in manifests:
        own = part.table.assign(corpus=part.corpus)
        folder = part.root.absolute().relative_to(root)
        own["path"] = [(folder / path).as_posix() for path in own["path"]]
        for column in ("utterance", "speaker", "session", "sentence"):  # unique in a corpus only
            own[column] = own[column].where(own[column] == "", part.corpus + "/" + own[column])
        tables.append(own)
    table = pd.concat(tables, ignore_index=True)
    # A text column that only one of them has; numbers that are missing stay so.
    table = table.fillna({name: "" for name in table.select_dtypes(exclude="number")})
    groups = dict.fromkeys(group for part in manifests for group in part.chosen)
    return Manifest(
        corpus=name,
        root=root,
        table=table.sort_values("utterance", ignore_index=True),
        left_out=[_named(part, row) for part in manifests for row in part.left_out],
        remarks=[_named(part, row) for part in manifests for row in part.remarks],
        chosen={group: _sum(part.chosen.get(group, {}) for part in manifests) for group in groups},
        passed_over=_sum(part.passed_over for part in manifests),
    )


def _named(part: Manifest, row: dict[str, str]) -> dict[str, str]:
    return row | {"file": f"{part.corpus}/{row['file']}"}


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    return dict(sorted(sum(map(Counter, counts), Counter()).items()))
