"""Errors: one tree, messages that name the value and the choices, whole after a process border."""

import inspect
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_lib.core import errors
from ser_lib.core.errors import AudioError, ParameterError, SerError, choose

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if kind.__module__ == errors.__name__
]
WORDS = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=5, unique=True)


def test_every_error_is_a_ser_error_and_says_what_it_means():
    assert len(KINDS) >= 8
    for kind in KINDS:
        assert issubclass(kind, SerError)
        assert kind.__doc__


def test_a_parameter_error_is_a_value_error():
    with pytest.raises(ValueError, match="unknown colour 'red'"):
        choose("red", ["blue"], "colour")


@pytest.mark.parametrize("kind", KINDS)
def test_errors_cross_process_borders(kind):
    error = kind("file.wav: is empty")
    error.reason = "is empty"
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (str(copy), copy.reason) == ("file.wav: is empty", "is empty")


@given(WORDS, st.data())
def test_a_valid_choice_comes_back(allowed, data):
    value = data.draw(st.sampled_from(allowed))
    assert choose(value, iter(allowed), "thing") is value


@given(WORDS, st.text(max_size=8))
def test_a_bad_choice_is_named_with_all_valid_ones(allowed, value):
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


@pytest.mark.parametrize("value", [None, 3, ["cnn"], {"a": 1}])
def test_a_choice_of_another_type_is_refused_too(value):
    with pytest.raises(ParameterError, match="unknown architecture"):
        choose(value, ["cnn"], "architecture")


def test_an_audio_error_is_not_a_parameter_error():
    assert not issubclass(AudioError, ParameterError)
