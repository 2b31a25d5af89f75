"""Which utterances of a corpus the networks are to tell apart.

A choice of emotions is written as text: commas between the classes, and "+" between emotions that
are counted as one class, which takes the first name: ``"anger, happiness+excitement, neutral"``.
The style is how an utterance came to be, ``"improvised"`` or ``"scripted"``, where the corpus
knows it.
"""

from collections.abc import Mapping
from dataclasses import replace

from ser_lib.core.errors import CorpusError, ParameterError, choose
from ser_lib.corpora.manifest import Manifest

STYLES = ("improvised", "scripted")


def parse(text: str) -> dict[str, str]:
    """Return the class of every emotion that a choice names.

    Raises
    ------
    ParameterError
        If it is no text, or names nothing, or an emotion twice.

    Examples
    --------
    >>> parse("anger, happiness+excitement")
    {'anger': 'anger', 'happiness': 'happiness', 'excitement': 'happiness'}
    """
    if not isinstance(text, str):
        raise ParameterError(f"emotions must be a text such as 'anger, neutral', not {text!r}")
    classes: dict[str, str] = {}
    for group in text.split(","):
        members = [member.strip() for member in group.split("+")]
        for member in members:
            if not member or member in classes:
                raise ParameterError(
                    f"emotions '{text}' {'names nothing' if not member else f'has {member} twice'}"
                    " in one place; write them as 'anger, happiness+excitement, neutral'"
                )
            classes[member] = members[0]
    return classes


def select(
    manifest: Manifest, emotions: Mapping[str, str] | None, *, style: str | None = None
) -> Manifest:
    """Keep the utterances of a choice, and say in `chosen` and `passed_over` what it did.

    Parameters
    ----------
    manifest
        With all its emotions.
    emotions
        Of `parse`; `None` keeps all.
    style
        One of `STYLES`; `None` keeps all.

    Raises
    ------
    ParameterError
        If there is no such style.
    CorpusError
        If the corpus has none of an emotion or of the style; it names those that there are.
    """
    table = manifest.table
    if style is not None:
        choose(style, STYLES, "style")
        if "style" not in table or not (table["style"] == style).any():
            raise CorpusError(f"corpus '{manifest.corpus}' has no utterances of style '{style}'")
        table = table[table["style"] == style]
    found = table["emotion"].value_counts().sort_index()
    classes = emotions if emotions is not None else {name: name for name in found.index}
    for name in classes:
        if name not in found:
            raise CorpusError(
                f"corpus '{manifest.corpus}' has no emotion '{name}'"
                f"{f' in style {style!r}' if style else ''}; it has: {', '.join(found.index)}"
            )
    chosen: dict[str, dict[str, int]] = {}
    for name, group in classes.items():
        chosen.setdefault(group, {})[name] = int(found[name])
    kept = table[table["emotion"].isin(classes)]
    passed = manifest.table.loc[~manifest.table.index.isin(kept.index), "emotion"]
    kept = kept.assign(emotion=kept["emotion"].map(classes)).reset_index(drop=True)
    return replace(
        manifest,
        table=kept,
        chosen=chosen,
        passed_over={name: int(n) for name, n in passed.value_counts().sort_index().items()},
    )


def in_words(manifest: Manifest) -> str:
    """Say what was chosen, with counts: one or two sentences.

    Examples
    --------
    "anger 3, happiness 5 (happiness 2 + excitement 3); passed over: surprise 1"
    """
    classes = []
    for name, members in manifest.chosen.items():
        parts = " + ".join(f"{member} {count:,}" for member, count in members.items())
        classes.append(f"{name} {sum(members.values()):,} ({parts})" if len(members) > 1 else parts)
    passed = ", ".join(f"{name} {count:,}" for name, count in manifest.passed_over.items())
    return ", ".join(classes) + (f"; passed over: {passed}" if passed else "")
