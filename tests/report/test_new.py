"""A new network, by the page that says how: from the command to a page with its results."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from ser_lib.core.errors import NotebookError, ParameterError
from ser_lib.corpora import demo
from ser_lib.models import networks
from ser_lib.report import new

PROJECT = Path(__file__).parents[2]
SMALL = ("-p", "crops=1", "-p", "copies=none", "-p", "protocol=random")  # one fold


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the project, and a function that runs `ser` of that copy."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("ser_lib", "notebooks", "book"):
        generated = shutil.ignore_patterns("runs" if name == "book" else "__pycache__")
        shutil.copytree(PROJECT / name, folder / name, ignore=generated)
    shutil.copy(PROJECT / "_config.yml", folder)

    def ser(*words: str) -> str:
        command = [sys.executable, "-m", "ser_lib.cli", *words]
        environment = {n: v for n, v in os.environ.items() if n != "SER_WORKSPACE"}
        environment["PYTHONPATH"] = str(folder)
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return folder, ser


def test_the_page_on_a_new_network_is_all_that_it_takes(checkout):
    folder, ser = checkout
    text = (PROJECT / "book/rerun.md").read_text()
    section = text.split("## Add a network\n")[1].split("\n## ")[0]
    first, second = (shlex.split(c) for c in re.findall(r"```bash\nser (.*)\n```", section))
    name = first[-1]
    before = {file: file.read_bytes() for file in folder.rglob("*.*") if file.is_file()}
    printed = ser(*first)
    assert shlex.join(["ser", *second]) in printed
    files = [folder / named for named in re.findall(r"`([\w/.]+/[\w.]+)`", section)]
    assert [file.name for file in files] == [f"{name}.py", f"{name}.ipynb", "_toc.yml"]
    assert all(str(file) in printed for file in files)
    after = {file: file.read_bytes() for file in folder.rglob("*.*") if file.suffix != ".pyc"}
    assert {file for file in after if before.get(file) != after[file]} == set(files)
    pages = re.findall(r"runs/(\w+)", files[2].read_text())
    assert pages[pages.index(networks.NAMES[-1]) + 1] == name

    demo.make(folder / "tiny", n_speakers=6, n_sentences=1)
    ser(*second, "--data", str(folder / "tiny"), *SMALL)
    (executed,) = folder.glob(f"runs/demo/{name}-*/{name}.ipynb")
    cells = nbformat.read(executed, as_version=4).cells
    assert cells[0].source.startswith(f"# {name.upper()}\n")
    shown = "\n".join(str(cell) for cell in cells)
    assert f"The {name.upper()}, which reads" in shown
    assert not re.search(r"\bCNN\b|\"cnn\b|the three networks", shown)


@pytest.mark.parametrize("name", ["Tdnn", "1d", "a-b", "class", "", "../x", "ä"])
def test_a_name_that_is_not_allowed(name):
    with pytest.raises(ParameterError, match=f"cannot have the name '{name}': use small letters"):
        new.network(name)


@pytest.mark.parametrize("name", ["cnn", "final", "build", "majority"])
def test_a_name_that_is_taken(name):
    with pytest.raises(ParameterError, match=f"the name '{name}' is taken"):
        new.network(name)


def test_without_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_WORKSPACE", str(tmp_path))
    with pytest.raises(NotebookError, match=r"does not exist; run from the checkout"):
        new.network("tdnn")
    assert not Path(networks.__file__).with_name("tdnn.py").exists()
