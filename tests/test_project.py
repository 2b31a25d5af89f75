"""Files of the project that must agree with each other."""

import re
import shlex
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import bill
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from setuptools import Distribution

from ser_lib import cli
from ser_lib.core import files

PROJECT = Path(__file__).parents[1]
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = METADATA["project"]["optional-dependencies"]
PROMISED = SpecifierSet(METADATA["project"]["requires-python"])
PYTHONS = [f"3.{minor}" for minor in range(40) if PROMISED.contains(f"3.{minor}.5")]
MACHINES = [  # (sys_platform, platform_system, platform_machine)
    ("linux", "Linux", "x86_64"),
    ("linux", "Linux", "aarch64"),  # also what Docker runs on a Mac
    ("darwin", "Darwin", "arm64"),
]
PLACES = [
    {"python_version": python, "python_full_version": f"{python}.5", "sys_platform": platform,
     "platform_system": system, "platform_machine": machine, "os_name": "posix",
     "implementation_name": "cpython"}
    for python in PYTHONS
    for platform, system, machine in MACHINES
]  # fmt: skip


def needed(requirements, place) -> dict[str, Requirement]:
    """Of requirements, those of a Python and machine, by their names."""
    return {
        canonicalize_name(requirement.name): requirement
        for requirement in requirements
        if not requirement.marker or requirement.marker.evaluate(place)
    }


def text(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


def sources(*folders: str) -> list[Path]:
    """The files of folders that are neither generated nor fetched."""
    return [
        file
        for folder in folders
        for file in (PROJECT / folder).rglob("*")
        if file.is_file()
        and not {"__pycache__", ".ipynb_checkpoints", "litert"} & set(file.parts)
        and PROJECT / "book" / "runs" not in file.parents
    ]


def expanded(lines) -> list[Requirement]:
    """Requirements, with those of the project's own extras in place of these."""
    given = [Requirement(line) for line in lines]
    own = [line for one in given if one.name == "ser-lib" for e in one.extras for line in EXTRAS[e]]
    return [one for one in given if one.name != "ser-lib"] + (expanded(own) if own else [])


WANTED = expanded(
    METADATA["project"]["dependencies"]
    + EXTRAS["dev"]
    + METADATA["tool"]["uv"]["constraint-dependencies"]
)
_PIN = re.compile(r"^(\S.*?) \\\n((?: +--hash=.*\n)+)", re.MULTILINE)
LOCK = {Requirement(pin): hashes for pin, hashes in _PIN.findall(text("requirements.lock"))}
PINS = list(LOCK)


def test_the_lock_is_of_exact_versions_with_hashes_and_without_addresses():
    lines = [line for line in text("requirements.lock").splitlines() if line[0] != " "]
    assert len(lines) == len(PINS)
    assert "://" not in text("requirements.lock")
    for pin, hashes in LOCK.items():
        words = hashes.replace("\\", " ").split()
        assert words
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", word) for word in words)
        assert pin.url is None
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), pin


def test_the_bill_of_materials_is_that_of_the_lock():
    listed = bill.bill(text("requirements.lock"))["components"]
    assert [Requirement(one["bom-ref"]).name for one in listed] == [pin.name for pin in PINS]
    for one, (pin, hashes) in zip(listed, LOCK.items(), strict=True):
        assert str(pin.specifier) == f"=={one['version']}"
        (source,) = one["externalReferences"]
        assert [one["content"] for one in source["hashes"]] == re.findall("[0-9a-f]{64}", hashes)


def test_few_direct_dependencies():
    bare, report = (
        {Requirement(line).name for line in lines}
        for lines in (METADATA["project"]["dependencies"], EXTRAS["report"] + EXTRAS["pages"])
    )
    assert len(bare) < 13
    assert len(report - {"tensorflow", "ser-lib"}) < 11  # tensorflow is tensorflow-cpu elsewhere
    assert not {name for name in bare if "tensorflow" in name or "jupyter" in name}


def test_the_wheel_holds_the_whole_report(monkeypatch):
    monkeypatch.chdir(PROJECT)
    package = Distribution({"script_name": "setup.py"})
    package.parse_config_files()
    build = package.get_command_obj("build_py")
    build.ensure_finalized()
    data = [Path(folder, name) for _, folder, _, names in build.data_files for name in names]
    packed = {*data, *(Path(file) for *_, file in build.find_all_modules())}
    packed = {file.absolute().relative_to(PROJECT) for file in packed}
    needed = {file.relative_to(PROJECT) for file in sources("ser_lib", "book", "notebooks")}
    assert needed - packed == set()
    assert {str(file) for file in packed - needed} == {
        "CITATION.cff", "LICENSE", "_config.yml", "benchmarks/results.json", "environment.yml",
        "requirements.lock",
    }  # fmt: skip


def test_what_the_report_is_made_from_is_found(workspace, monkeypatch):
    """In the workspace, else in the installed library, else in the checkout."""
    assert files.resource("_config.yml") == PROJECT / "_config.yml"
    installed = workspace.parent / "installed"
    (installed / "home" / "book").mkdir(parents=True)
    monkeypatch.setattr(files, "LIBRARY", installed)
    assert files.resource("book") == installed / "home" / "book"
    (workspace / "book").mkdir()
    assert files.resource("book") == workspace / "book"


@pytest.mark.parametrize("place", PLACES, ids=lambda place: " ".join(list(place.values())[1:5]))
def test_the_lock_is_what_the_project_asks_for(place):
    here = [pin for pin in PINS if not pin.marker or pin.marker.evaluate(place)]
    pins, wanted = needed(PINS, place), needed(WANTED, place)
    assert len(pins) == len(here), "a package has two versions"
    assert len(wanted) > 15
    for name, requirement in wanted.items():
        assert all(requirement.specifier.contains(exact.version) for exact in pins[name].specifier)


def test_conda_users_get_the_locked_versions():
    environment = yaml.safe_load(text("environment.yml"))
    *packages, pip = environment["dependencies"]
    # Beside hashes, pip takes nothing that has none: the project itself comes after.
    assert pip["pip"] == ["-r requirements.lock"]
    assert "pip install --no-deps --no-build-isolation -e ." in text("environment.yml")
    assert "pip" in packages
    python = next(p for p in packages if p.startswith("python=")).removeprefix("python=")
    assert python in PYTHONS
    # Everything else comes from the lock: a package of conda's own would have another version.
    assert {re.split("=", name)[0] for name in packages} == {"python", "pip", "make"}


def test_all_say_the_same_of_python():
    low, high = PYTHONS[0], PYTHONS[-1]
    for name in ("README.md", "book/rerun.md", "Makefile"):
        assert f"Python {low} to {high}" in text(name), name
    bounds = [tuple(map(int, pair)) for pair in re.findall(r"\((\d), (\d+)\)", text("Makefile"))]
    assert len(bounds) == 2
    for minor in range(40):
        assert (bounds[0] <= (3, minor) < bounds[1]) is (f"3.{minor}" in PYTHONS)


def test_extras_that_are_named_exist():
    kept = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", PROJECT / "CONTRIBUTING.md"]
    kept += [file for folder, ending in (("book", "md"), ("notebooks", "ipynb"), ("ser_lib", "py"))
             for file in (PROJECT / folder).rglob(f"*.{ending}")]  # fmt: skip
    pattern = r"(?:ser-lib\[|extras\(\")([^\]{\"]+)[\]\"]"
    named = {extra.strip() for file in kept
             for group in re.findall(pattern, file.read_text(encoding="utf-8"))
             for extra in group.split(",")}  # fmt: skip
    assert {"baseline", "search"} <= named
    assert named <= set(EXTRAS)


def instructions(dockerfile: str) -> list[tuple[str, list[str]]]:
    """The instructions of a Dockerfile: a word in capitals, and the words after it."""
    lines = dockerfile.replace("\\\n", " ").splitlines()
    split = [line.partition(" ") for line in lines if line.strip() and not line.startswith("#")]
    return [(word, shlex.split(rest)) for word, _, rest in split]


def test_the_container():
    steps = instructions(text("Dockerfile"))
    (base,) = [words for word, words in steps if word == "FROM"]
    version = re.fullmatch(r"python:(3\.\d+)\.\d+-slim-\w+", base[0])
    assert version, f"{base[0]} can become another image"
    assert version[1] in PYTHONS
    runs = [words for word, words in steps if word == "RUN"]
    assert any(words[-2:] == ["-r", "requirements.lock"] for words in runs)
    assert any({"--no-deps", "-e"} <= set(words) for words in runs)
    # Binder builds with a user's name and number, and nobody needs to be root.
    assert ("ARG", ["NB_UID=1000"]) in steps
    assert [word for word, _ in steps].index("USER") > max(
        number for number, (word, _) in enumerate(steps) if word in ("RUN", "COPY")
    )


def ignored(path: str, patterns: list[str]) -> bool:
    """Whether Docker leaves a file out: a pattern counts from the root, unless it begins **/."""
    parents = [path, *map(str, Path(path).parents)]
    return any(
        any(fnmatch(part, pattern[3:]) for part in Path(path).parts)
        if pattern.startswith("**/")
        else pattern in parents
        for pattern in patterns
    )


def test_the_container_holds_the_sources_and_nothing_generated():
    patterns = [line.rstrip("/") for line in text(".dockerignore").splitlines()
                if line and not line.startswith("#")]  # fmt: skip
    for path in ("data/demo/a.wav", "runs/demo/x/record.json", "_build/demo/html/index.html",
                 "book/runs/cnn.ipynb", ".venv/bin/python", ".git/config",
                 "ser_lib/__pycache__/cli.pyc"):  # fmt: skip
        assert ignored(path, patterns), path
    # All that git ignores is left out.
    for line in text(".gitignore").splitlines():
        if line and not line.startswith("#"):
            assert ignored(line.strip("/").replace("*", "x") + "/file", patterns), line
    kept = sources("ser_lib", "notebooks", "book")
    assert len(kept) > 100
    assert [file for file in kept if ignored(str(file.relative_to(PROJECT)), patterns)] == []


def test_the_citation_is_of_this_version():
    """It has all fields that the Citation File Format 1.2.0 requires."""
    citation = yaml.safe_load(text("CITATION.cff"))
    assert set(citation) >= {"cff-version", "message", "title", "authors"}
    assert (citation["cff-version"], citation["type"]) == ("1.2.0", "software")
    assert citation["authors"]
    assert all(author.get("name") or author.get("family-names") for author in citation["authors"])
    for field in ("version", "license"):
        assert citation[field] == METADATA["project"][field]


def test_what_the_readme_tells_to_do_is_understood():
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    told = set(re.findall(r"(?:^|`)make ([a-z]+)", text("README.md"), re.MULTILINE))
    assert told <= targets
    assert {"book", "test", "lab", "lint", "clean", "help"} <= targets
    told = re.findall(r"^ser (.*?)\s*(?:#.*)?$", text("README.md"), re.MULTILINE)
    assert len(told) > 4
    for line in told:
        if not line.endswith("--help"):
            cli.parser().parse_args(shlex.split(line))


@pytest.mark.parametrize(
    "value",
    ["a b", "a$b", "$(touch ran)", "`touch ran`", "'; touch ran; '", '"; touch ran; "',
     "$(shell touch ran)", "$${HOME}", "a\\b", "*", "#x", "\u00e4 \u6124"],
)  # fmt: skip
def test_what_is_written_to_make_is_text(tmp_path, value):
    for name in ("Makefile", "requirements.lock", "pyproject.toml", ".venv/bin/ser"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "Makefile").write_text(text("Makefile"))
    program = tmp_path / ".venv" / "bin" / "ser"
    program.write_text('#!/bin/sh\nprintf "%s\\0" "$@" end >> told\n')
    program.chmod(0o755)
    (tmp_path / ".venv" / ".ready").touch()
    given = [f"{name}={value}" for name in ("CORPUS", "DATA", "REPORT", "SET")]
    subprocess.run(["make", "book", *given], cwd=tmp_path, check=True)
    both = ["--corpus", value], ["--report", value]
    run = ["run", *both[0], "--data", value, *both[1], "--set", value, "end"]
    told = (tmp_path / "told").read_text().split("\0")[:-1]
    assert told == [*run, "book", *both[0], *both[1], "end"]
    assert not (tmp_path / "ran").exists()


def test_the_help_of_a_notebook_explains_its_parameters(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.parser().parse_args(["run", "cnn_gru", "--help"])
    assert ended.value.code == 0
    lines = [line.split()[:3] for line in capsys.readouterr().out.splitlines()]
    assert ["epochs", "int", "None"] in lines
    assert ["corpus", "str", '"demo"'] not in lines, "it is given by --corpus"


def test_no_audio_is_tracked_beside_the_code():
    endings = {".wav", ".flac", ".mp3", ".ogg"}
    kept = ("ser_lib", "notebooks", "book", "tests", "docs")
    assert [file for file in sources(*kept) if file.suffix.lower() in endings] == []
