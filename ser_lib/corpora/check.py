"""What is wrong with a copy of a corpus, compared with what the catalogue knows of a complete one.

An utterance that is there but cannot be used is left out: it is neither missing nor extra.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import pandas as pd

from ser_lib.corpora.corpus import Corpus
from ser_lib.corpora.manifest import Manifest
from ser_lib.corpora.readers import describe

WIDTH = 100  # characters in a line


def findings(manifest: Manifest) -> list[str]:
    """Return what is left out, mended, missing, extra, twice or odd; long items have several lines.

    An example is "anger: 125 of 127, 1 missing, 1 unreadable". Of corpora that are joined, what is
    missing is told by the findings of each alone.
    """
    corpus = describe(manifest.corpus)
    lines = [*_each("left out", manifest.left_out, "reason"),
             *_each("note", manifest.remarks, "remark")]  # fmt: skip
    differences = list(_counts(corpus, manifest)) if corpus.counts and manifest.listed else []
    lines += differences
    table = manifest.table[manifest.table["sha256"].duplicated(keep=False)]
    for _, group in table.groupby("sha256", sort=False):
        emotions = sorted(set(group["emotion"]))
        what = f" with different emotions, {' and '.join(emotions)}" if len(emotions) > 1 else ""
        lines.append(_list(f"the same audio{what}", group["path"]))
    lines += _speakers(manifest.table)
    if corpus.counts and not differences:
        lines.append(f"the copy is complete: {corpus.utterances:,} utterances")
    return lines


def _each(what: str, rows: Iterable[Mapping[str, str]], why: str) -> Iterable[str]:
    reasons = defaultdict(list)
    for row in rows:
        reasons[row[why]].append(row["file"])
    for reason, files in reasons.items():  # thousands may have the same one
        if len(files) == 1:
            yield f"{what}: {files[0]}: {reason}"
        else:
            yield _list(f"{what}, {len(files):,} files, {reason}", files)


def _speakers(table: pd.DataFrame) -> Iterable[str]:
    """Name speakers of two sexes, and count utterances without a speaker."""
    sexes = table[table["sex"] != ""].groupby("speaker")["sex"].nunique()
    if odd := [name for name in sexes.index[sexes > 1] if name]:
        yield _list("speakers of two sexes", odd)
    if unknown := int((table["speaker"] == "").sum() % len(table)):
        yield f"the speaker of {unknown:,} utterances is not known"


def _counts(corpus: Corpus, manifest: Manifest) -> Iterable[str]:
    listed = manifest.listed.values()
    present = Counter(emotion for emotion, _ in listed)
    used = Counter(emotion for emotion, usable in listed if usable)
    # Of a file that the reader itself left out, the emotion is not known, nor always the name.
    refused = len(manifest.left_out) - sum(not usable for _, usable in listed)
    missing = "missing or left out" if refused else "missing"
    for emotion in sorted({*corpus.counts, *used}):
        whole = corpus.counts.get(emotion, 0)
        parts = {
            missing: whole - present[emotion],
            "extra": present[emotion] - whole,
            "unreadable": present[emotion] - used[emotion],
        }
        words = [f"{count:,} {what}" for what, count in parts.items() if count > 0]
        if words:
            yield f"{emotion}: {used[emotion]:,} of {whole:,}, {', '.join(words)}"


def _list(what: str, names: Iterable[str]) -> str:
    """Write all names, in lines that keep each name whole."""
    *others, last = names
    lines = [f"{what}:"]
    for name in (*(f"{name}," for name in others), last):
        if len(lines[-1]) + len(name) >= WIDTH:
            lines.append(" ")
        lines[-1] += f" {name}"
    return "\n".join(lines)
