"""The corpora that the report can be made from, one file for each.

To add a corpus, write a file here with a `Corpus` in it (see `emodb`); it is in the catalogue then.
Users with a corpus of their own need no code: see `table`.
"""

from importlib import import_module
from pkgutil import iter_modules

from ser_lib.core.errors import ParameterError, choose
from ser_lib.corpora.corpus import Corpus

_ROWS = [
    value
    for module in iter_modules(__path__)
    for value in vars(import_module(f"{__name__}.{module.name}")).values()
    if isinstance(value, Corpus)
]

CATALOGUE = {
    row.name: row
    for row in sorted(_ROWS, key=lambda row: (not row.synthetic, row.is_file, row.name))
}
"""Name to corpus: those that need no download first, the user's own table last."""


def describe(name: str) -> Corpus:
    """Return the row of a corpus, or one for several that are joined by commas.

    A `ParameterError` says which is unknown, or named twice.
    """
    names = str(name).split(",")
    if twice := [part for part in names if names.count(part) > 1]:
        raise ParameterError(f"corpus '{name}' names '{twice[0]}' twice")
    parts = [CATALOGUE[choose(part, CATALOGUE, "corpus")] for part in names]
    if len(parts) == 1:
        return parts[0]
    return Corpus(
        name=name,
        title=" and ".join([", ".join(part.title for part in parts[:-1]), parts[-1].title]),
        language=", ".join(dict.fromkeys(part.language for part in parts)),
        licence="; ".join(dict.fromkeys(part.licence for part in parts)),
        home="; ".join(part.home for part in parts),
        about="\n\n".join(part.about for part in parts),
        speakers=sum(part.speakers for part in parts),
        protocol="speaker-kfold",
        epochs=max(part.epochs for part in parts),
        synthetic=any(part.synthetic for part in parts),
        acted=all(part.acted for part in parts),
        embed_audio=all(part.embed_audio for part in parts),
    )
