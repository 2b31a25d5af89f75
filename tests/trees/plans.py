"""What a made-up copy of a corpus consists of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from trees.files import Content, Sound


@dataclass(frozen=True)
class Plan:
    """A tree before it is written.

    `sound` is what recordings are like. `rows` has for each of them its path and other columns of
    the manifest, `utterance` only where it is not the file's name; `left_out` the words that the
    reason must have; `others` further files, recordings that are unlike the rest, and `None` for a
    file of `left_out` that is missing.
    """

    sound: Sound
    rows: list[dict[str, str | float]]
    left_out: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, Content | None] = field(default_factory=dict)


def table(text: str) -> list[dict[str, str]]:
    """Read rows from lines whose columns are two or more spaces apart; "-" stands for ""."""
    names, *lines = (re.split(r"\s{2,}", line.strip()) for line in text.strip().splitlines())
    return [
        {name: "" if value == "-" else value for name, value in zip(names, line, strict=True)}
        for line in lines
    ]
