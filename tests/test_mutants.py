"""Mutants are made where the tests can see them."""

import ast
from pathlib import Path

import pytest

from benchmarks import mutants

PROJECT = Path(__file__).parents[1]
MODULE = "ser_lib.models.windows"  # whose package imports nothing


@pytest.fixture
def tests(tmp_path):
    """A test that holds while a module gives one answer."""
    (tmp_path / "test_it.py").write_text(
        f"import {MODULE} as module\n\n\ndef test_it():\n    assert module.ANSWER == 42\n"
    )
    return [str(tmp_path / "test_it.py")]


@pytest.mark.parametrize(("body", "alive"), [("42", True), ("43", False), ("1 / 0", False)])
def test_a_mutant_lives_while_its_tests_pass(tests, body, alive):
    assert mutants.survives(MODULE, ast.parse(f"ANSWER = {body}"), tests, 60) == alive


def test_a_mutant_without_end_is_killed(tests):
    assert not mutants.survives(MODULE, ast.parse("while True: pass"), tests, 0.5)


def test_every_room_and_its_tests_are_there():
    for module, tests in mutants.TESTS.items():
        assert (PROJECT / "ser_lib" / module).is_file()
        assert all((PROJECT / "tests" / test).is_file() for test in tests)
