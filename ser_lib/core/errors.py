"""Typed errors: every message names the bad value and says what is allowed.

The command line prints the message of a `SerError` as it is and exits with 1; anything else is a
defect of this library and shows its traceback.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

NOT_UTF8 = "has a name that is not UTF-8; rename it"


class SerError(Exception):
    """Base of all errors that a user can mend."""


class ParameterError(SerError, ValueError):
    """A parameter has an unknown name or a value that is not allowed."""


class AudioError(SerError):
    """A file cannot be read as audio; `reason` says why, without the file's name."""

    reason: str


class CorpusError(SerError):
    """A corpus folder or table is not what its reader expects."""


class SplitError(SerError):
    """A protocol cannot be applied to this corpus."""


class StoreError(SerError):
    """The feature store is damaged or cannot be written."""


class SpaceError(SerError):
    """There is no room for what is to be written, or it may not be written there."""


class TrainingError(SerError):
    """Training gave no network that could be used."""


class ClusterError(SerError):
    """A cluster cannot be reached, or cannot do the work as it would be done here."""


class RecordError(SerError):
    """A run's record is missing, unfinished or of another schema."""


class NotebookError(SerError):
    """A notebook is unknown or failed while it was executed."""


class BookError(SerError):
    """The book does not build or does not pass its gates."""


class PackageError(SerError, ImportError):
    """A package that an extra of the library brings is not installed."""


@contextmanager
def extras(extra: str = "report") -> Iterator[None]:
    """Say in one sentence how a package that is missing is installed: with an extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "ser_lib"):
            raise
        raise PackageError(
            f"this needs the package {package}, which is not installed: pip install "
            f"'ser-lib[{extra}]'"
        ) from error


def choose(value: str, allowed: Iterable[str], what: str) -> str:
    """Return `value` if it is one of `allowed`; else raise an error that names `what` it is.

    >>> choose("cnn", ["cnn", "cnn_gru"], "architecture")
    'cnn'
    >>> choose("cnn_gro", ["cnn", "cnn_gru"], "architecture")
    Traceback (most recent call last):
    ...
    ser_lib.core.errors.ParameterError: unknown architecture 'cnn_gro' (did you mean 'cnn_gru'?); choose from: cnn, cnn_gru
    """  # noqa: E501
    allowed = list(allowed)
    if value in allowed:
        return value
    near = get_close_matches(str(value), allowed, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    raise ParameterError(f"unknown {what} '{value}'{hint}; choose from: {', '.join(allowed)}")


def printable(name: str) -> str:
    """Return a file's name as text; one whose bytes are not UTF-8 is read as Latin-1."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("latin-1")
    return name
