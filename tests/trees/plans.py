"""What a made-up copy of a corpus consists of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from trees.files import Content, Sound


@dataclass(frozen=True)
class Plan:
    """A tree before it is written.

    Attributes
    ----------
    sound
        What wav files are like, unless `others` says so.
    rows
        For every recording that is used its path and other columns of the manifest; `utterance`
        only where it is not the file's name.
    left_out
        File that is not used to words that the reason must have.
    others
        Further files, and the content of recordings that are unlike the rest; `None` for a file of
        `left_out` that is missing.
    """

    sound: Sound
    rows: list[dict[str, str | float]]
    left_out: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, Content | None] = field(default_factory=dict)


def table(text: str) -> list[dict[str, str]]:
    """Read rows from lines whose columns are two or more spaces apart; "-" stands for "".

    Examples
    --------
    >>> table('''
    ...     path   emotion
    ...     a.wav  -
    ... ''')
    [{'path': 'a.wav', 'emotion': ''}]
    """
    names, *lines = (re.split(r"\s{2,}", line.strip()) for line in text.strip().splitlines())
    return [
        {name: "" if value == "-" else value for name, value in zip(names, line, strict=True)}
        for line in lines
    ]
