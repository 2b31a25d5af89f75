"""The corpora that can be read, the names of emotions, and what a reader looks like."""

import inspect
from dataclasses import dataclass

from ser_lib.corpora import CATALOGUE
from ser_lib.corpora.emotions import SAME
from ser_lib.corpora.readers import emodb
from ser_lib.pages.words import Fact, Markdown, block


@dataclass(frozen=True)
class Corpora(Fact):
    """What a report can be made from."""

    catalogue = CATALOGUE
    emotions = SAME  # noun to others


def reader() -> Markdown:
    """Return the source of EmoDB's reader."""
    return block(inspect.getsource(emodb), "python")
