"""Do the tests notice a fault? ``make mutants`` changes a room in one place and runs its tests.

A mutant is a module with one change: a comparison, an operator or a number that is another, a
condition that is turned round, a result that is not returned. It lives in memory alone: a child of
this process, which has the libraries at hand, loads the mutant in place of the module. A mutant is
killed if a test fails (or takes ten times as long as with the module as it is). Some survive by
right: where the change makes no difference that anybody could see. So survivors are printed, one by
one, and the share of those killed is not to reach 1.
"""

import argparse
import ast
import contextlib
import copy
import doctest
import importlib.abc
import importlib.util
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

TESTS = {
    "metrics/scores.py": ["metrics/test_scores.py"],
    "metrics/jackknife.py": ["metrics/test_jackknife.py"],
    "metrics/difference.py": ["metrics/test_difference.py", "metrics/test_jackknife.py"],
    "metrics/calibration.py": ["metrics/test_calibration.py"],
    "experiments/splits.py": ["experiments/test_splits.py"],
    "experiments/leakage.py": ["experiments/test_leakage.py", "features/test_fingerprint.py"],
    "experiments/run.py": ["experiments/test_run.py"],
    "features/fingerprint.py": ["features/test_fingerprint.py", "experiments/test_leakage.py"],
    "features/functionals.py": ["features/test_functionals.py"],
    "features/maps.py": ["features/test_maps.py"],
    "features/spectrum.py": ["features/test_maps.py"],
    "features/store.py": ["features/test_store.py"],
}
"""The rooms whose faults would make numbers wrong in silence, with the tests of each; examples in
docstrings are tests, too."""
COMPARISONS = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt},
    **{ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In},
    **{ast.Is: ast.IsNot, ast.IsNot: ast.Is},
}
OPERATORS = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult},
    **{ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult},
    **{ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And},
}


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what could be in the place of a node."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        yield _with(node, ops=[COMPARISONS[type(node.ops[0])](), *node.ops[1:]])
    elif isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in OPERATORS:
        yield _with(node, op=OPERATORS[type(node.op)]())
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield _with(node, value=not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield _with(node, value=node.value + 1)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node.operand
    elif isinstance(node, ast.IfExp | ast.If | ast.While):
        yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Return) and node.value is not None:
        yield _with(node, value=ast.Constant(None))


def sites(source: str) -> list[tuple[str, int, int]]:
    """Return where a module can be changed: what is changed, the node and the way, by number.

    Examples
    --------
    >>> [what for what, *_ in sites("x = y + 1 if a < b else -y")]
    ... # doctest: +NORMALIZE_WHITESPACE
    ['1: y + 1 if a < b else -y -> y + 1 if not a < b else -y', '1: a < b -> a <= b',
     '1: y + 1 -> y - 1', '1: -y -> y', '1: 1 -> 2']
    """
    found = []
    for number, node in enumerate(ast.walk(ast.parse(source))):
        for way, other in enumerate(changes(node)):
            before, after = (ast.unparse(one).split("\n")[0][:60] for one in (node, other))
            found.append((f"{node.lineno}: {before} -> {after}", number, way))
    return found


def mutant(source: str, number: int, way: int) -> ast.Module:
    """Return the tree of a module with one of its `sites` changed.

    Examples
    --------
    >>> _, number, way = sites("x = a < b")[0]
    >>> ast.unparse(mutant("x = a < b", number, way))
    'x = a <= b'
    """
    tree = ast.parse(source)
    place = list(ast.walk(tree))[number]
    other = list(changes(place))[way]
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is place:
                setattr(parent, name, other)
            elif isinstance(value, list) and any(one is place for one in value):
                setattr(parent, name, [other if one is place else one for one in value])
    return ast.fix_missing_locations(tree)


def survives(module: str, tree: ast.Module, tests: list[str], seconds: float) -> bool:
    """Run tests with a mutant in place of a module, in a child of this process."""
    child = os.fork()
    if not child:
        os.setsid()
        _become(module, tree)
        code = 1
        with contextlib.suppress(BaseException):
            code = _run(module, tests)
        os._exit(code)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def main(given: list[str] | None = None) -> int:
    """Try a sample of each module's mutants; print the survivors and the share that was killed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=TESTS, help="one module")
    parser.add_argument("--most", type=int, default=30, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(given)
    import librosa  # noqa: F401, what a child would load each time
    import pytest  # noqa: F401
    import scipy.stats  # noqa: F401
    import sklearn.metrics  # noqa: F401

    package = Path(__file__).resolve().parents[1] / "ser_lib"
    tried = killed = 0
    for name in [options.only] if options.only else TESTS:
        source = (package / name).read_text("utf-8")
        tests = [str(package.parent / "tests" / test) for test in TESTS[name]]
        module = f"ser_lib.{name.removesuffix('.py').replace('/', '.')}"
        start = time.monotonic()
        if not survives(module, ast.parse(source), tests, 600):
            print(f"{name}: its tests fail without any change", file=sys.stderr)
            return 1
        patience = 10 * (time.monotonic() - start)
        every = sites(source)
        order = np.random.default_rng(options.seed).permutation(len(every))[: options.most]
        alive = []
        for place in sorted(order):
            what, *where = every[place]
            if survives(module, mutant(source, *where), tests, patience):
                alive.append(what)
        tried, killed = tried + len(order), killed + len(order) - len(alive)
        print(f"{name}: {len(order) - len(alive)} of {len(order)} killed ({len(every)} possible)")
        print("".join(f"  survived, line {what}\n" for what in alive), end="", flush=True)
    print(f"{killed} of {tried} killed: {killed / tried:.0%}")
    return 0


def _with(node: ast.AST, **changed) -> ast.AST:
    other = copy.copy(node)
    for name, value in changed.items():
        setattr(other, name, value)
    return other


class _Loader(importlib.abc.Loader, importlib.abc.MetaPathFinder):
    """Loads one module from a tree, and leaves the others to the loaders after it."""

    def __init__(self, module: str, tree: ast.Module):
        self.module, self.tree = module, tree

    def find_spec(self, name, path=None, target=None):
        if name != self.module:
            return None
        file = importlib.util.find_spec("ser_lib").submodule_search_locations[0]
        place = Path(file).parent / Path(*name.split(".")).with_suffix(".py")
        return importlib.util.spec_from_file_location(name, place, loader=self)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(compile(self.tree, module.__spec__.origin, "exec"), module.__dict__)


def _become(module: str, tree: ast.Module) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    for name in [name for name in sys.modules if name.split(".")[0] == "ser_lib"]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Loader(module, tree))


def _run(module: str, tests: list[str]) -> int:
    import pytest

    if doctest.testmod(importlib.import_module(module)).failed:
        return 1
    # A mutant may write where no test looks.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return int(pytest.main(["-xq", "-p", "no:cacheprovider", f"--basetemp={folder}/t", *tests]))


if __name__ == "__main__":
    sys.exit(main())
