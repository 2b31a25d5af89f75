"""Errors: one tree, messages that name the value and the choices, whole after a process border."""

import inspect
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_lib.core import errors
from ser_lib.core.errors import AudioError, PackageError, ParameterError, SerError, choose, extras

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if kind.__module__ == errors.__name__
]
WORDS = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=5, unique=True)


@pytest.mark.parametrize("kind", KINDS)
def test_errors_are_of_one_tree_and_cross_process_borders(kind):
    assert issubclass(kind, SerError)
    error = kind("file.wav: is empty")
    error.reason = "is empty"
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (str(copy), copy.reason) == ("file.wav: is empty", "is empty")
    assert {AudioError, ParameterError} <= set(KINDS)
    assert issubclass(ParameterError, ValueError)


@given(WORDS, st.text(max_size=8) | st.none() | st.integers() | st.just(["cnn"]))
def test_a_choice_comes_back_or_is_refused_with_all_valid_ones(allowed, value):
    assert choose(allowed[-1], iter(allowed), "thing") is allowed[-1]
    if value in allowed:
        allowed = [word for word in allowed if word != value] or [value + "x"]
    with pytest.raises(ParameterError) as caught:
        choose(value, iter(allowed), "thing")
    message = str(caught.value)
    assert message.startswith(f"unknown thing '{value}'")
    assert message.endswith(f"choose from: {', '.join(allowed)}")


def test_the_nearest_choice_is_suggested_only_if_it_is_near():
    with pytest.raises(ParameterError, match=r"\(did you mean 'speaker'\?\)"):
        choose("speakr", ["random", "speaker"], "protocol")
    with pytest.raises(ParameterError) as caught:
        choose("zzz", ["random", "speaker"], "protocol")
    assert "did you mean" not in str(caught.value)


def test_a_package_that_is_missing_names_its_extra():
    with pytest.raises(PackageError, match=r"no_such_package.*ser-lib\[search\]"), extras("search"):
        import no_such_package  # noqa: F401
