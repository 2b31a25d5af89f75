"""The corpora that can be read, the names of emotions, and what a reader looks like."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field

from ser_lib.corpora import CATALOGUE, Corpus
from ser_lib.corpora.emotions import SAME
from ser_lib.corpora.readers import emodb
from ser_lib.pages.words import Fact, Markdown, block


@dataclass(frozen=True)
class Corpora(Fact):
    """What a report can be made from."""

    catalogue: Mapping[str, Corpus] = field(default_factory=lambda: CATALOGUE)
    emotions: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: SAME)  # noun to others


def reader() -> Markdown:
    """Return the source of EmoDB's reader."""
    return block(inspect.getsource(emodb), "python")
