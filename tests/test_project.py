"""Files of the project that must agree with each other."""

import re
import tomllib
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[1]


def requirements() -> dict[str, list[str]]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    groups = {"run time": project["dependencies"]} | project["optional-dependencies"]
    return {
        group: [re.match(r"[\w-]+", line)[0].lower() for line in lines]
        for group, lines in groups.items()
    }


def locked() -> dict[str, str]:
    lines = (PROJECT / "requirements.lock").read_text().splitlines()
    return dict(line.split(";")[0].strip().split("==") for line in lines if line)


def test_the_lock_file_pins_every_dependency_and_names_no_address():
    names = {name for group in ("run time", "dev") for name in requirements()[group]}
    assert names <= set(locked())
    assert "://" not in (PROJECT / "requirements.lock").read_text()


def test_few_direct_dependencies():
    names = set(requirements()["run time"]) - {"tensorflow"}  # the same package on macOS
    assert len(names) < 15


def test_conda_users_get_the_locked_versions():
    environment = yaml.safe_load((PROJECT / "environment.yml").read_text())
    *packages, pip = environment["dependencies"]
    assert pip["pip"] == ["-r requirements.lock", "-e ."]
    python = next(p for p in packages if p.startswith("python=")).removeprefix("python=")
    wanted = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["requires-python"]
    low, high = re.findall(r"3\.(\d+)", wanted)
    assert int(low) <= int(python.removeprefix("3.")) < int(high)


def test_what_the_readme_tells_to_make_exists():
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    told = set(
        re.findall(r"(?:^|`)make ([a-z]+)", (PROJECT / "README.md").read_text(), re.MULTILINE)
    )
    assert told <= targets
    assert {"book", "test", "lab", "lint", "clean", "help"} <= targets


def test_no_audio_is_tracked_beside_the_code():
    endings = {".wav", ".flac", ".mp3", ".ogg"}
    kept = ("ser_lib", "notebooks", "book", "tests", "docs")
    files = [file for folder in kept for file in (PROJECT / folder).rglob("*")]
    assert [file for file in files if file.suffix.lower() in endings] == []
