"""The workflows of continuous integration: nobody runs them here, so they are read closely."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from ser_lib import cli
from ser_lib.corpora.download import ARCHIVES

PROJECT = Path(__file__).parents[1]
FOLDER = PROJECT / ".github" / "workflows"
NAMES = sorted(file.name for file in FOLDER.glob("*.y*ml"))
PINNED = re.compile(r"uses: ([\w-]+/[\w-]+)(?:/[\w/-]+)?@([0-9a-f]{40})  # v\d+\.\d+\.\d+$")
DEPLOYS = "actions/deploy-pages"
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")


def read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def steps(workflow: dict) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def commands(workflow: dict) -> list[list[str]]:
    """The words of each command; of ``a || b``, both."""
    text = "\n".join(step["run"] for step in steps(workflow) if "run" in step)
    return [shlex.split(part) for part in re.split(r"\n|\|\||&&|;", text) if part.strip()]


@pytest.fixture(params=NAMES)
def text(request):
    return read(request.param)


@pytest.fixture
def workflow(text):
    return yaml.safe_load(text)


def test_actions_are_pinned_and_files_exist(text):
    used = [line.strip().removeprefix("- ") for line in text.splitlines() if "uses:" in line]
    assert [line for line in used if not PINNED.match(line)] == []
    named = re.findall(r"hashFiles\('([^']+)'\)|cache-dependency-path: (\S+)", text)
    files = [file for pair in named for file in pair if file]
    assert [file for file in files if not (PROJECT / file).is_file()] == []


def test_no_more_is_allowed_than_is_needed(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        deploys = any(step.get("uses", "").startswith(DEPLOYS) for step in job["steps"])
        needed = {"pages": "write", "id-token": "write"} if deploys else None
        assert job.get("permissions") == needed
    for step in steps(workflow):
        assert "${{" not in step.get("run", ""), "a value is pasted into a command"
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_no_run_goes_on_for_ever(workflow):
    assert "concurrency" in workflow, "older runs go on"
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())


def test_commands_are_understood(workflow):
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    variables = set(re.findall(r"^([A-Z]+)\s*\??=", MAKEFILE, re.MULTILINE))
    for program, *words in commands(workflow):
        if program == "make":
            named = {word.partition("=")[0] for word in words if "=" in word}
            assert {word for word in words if "=" not in word} <= targets
            assert named <= variables
        elif Path(program).name == "ser":
            cli.parser().parse_args(words)


def test_an_action_has_one_commit_in_all_workflows():
    used = {match.groups() for name in NAMES for line in read(name).splitlines()
            if (match := PINNED.match(line.strip().removeprefix("- ")))}  # fmt: skip
    assert len(used) > 5
    assert len(used) == len(dict(used))


def test_the_tests_run_on_every_python_that_is_promised():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    promised = SpecifierSet(project["requires-python"])
    versions = [f"3.{minor}" for minor in range(40) if promised.contains(f"3.{minor}.5")]
    test = yaml.safe_load(read("test.yml"))
    assert test["jobs"]["test"]["strategy"]["matrix"]["python"] == versions
    assert ["make", "test", "PYTHON=python"] in commands(test)
    for name in ("book.yml", "links.yml"):
        used = re.findall(r'python-version: "([\d.]+)"', read(name))
        assert used
        assert set(used) <= set(versions)


def test_emodb_is_downloaded_once():
    book = yaml.safe_load(read("book.yml"))
    cache = next(s for s in steps(book) if s.get("with", {}).get("path") == "~/corpora/emodb")
    assert cache["with"]["key"] == f"emodb-{ARCHIVES['emodb'].checksum.removeprefix('md5:')}"
    later = steps(book)[steps(book).index(cache) :]
    runs = [step["run"] for step in later if "run" in step]
    assert runs[0] == ".venv/bin/ser download emodb ~/corpora"
    assert runs[1] == 'make pdf CORPUS=emodb DATA="$HOME/corpora/emodb"'
    conditions = [step.get("if") for step in later[:3]]
    assert conditions == ["github.event_name != 'push'"] * 3


def test_a_cache_that_is_kept_is_found_again():
    """What is kept under a key is found only with the same paths, and a beginning of that key."""
    kept = [step for name in ("book.yml", "links.yml") for step in steps(yaml.safe_load(read(name)))
            if "results-" in step.get("with", {}).get("key", "")]  # fmt: skip
    actions = [step["uses"].split("@")[0].removeprefix("actions/cache/") for step in kept]
    assert actions == ["restore", "save", "restore"]
    assert {step["with"]["path"].strip() for step in kept} == {"data\nruns"}
    (key,) = {step["with"]["key"] for step in kept}
    for step in kept:
        assert key.startswith(step["with"].get("restore-keys", key))
    assert "run_id" in key  # a key is written once: one without it would keep the first run's
    assert kept[1]["if"] == "always()"


def test_the_index_of_the_reports_is_published_as_it_is():
    jobs = yaml.safe_load(read("book.yml"))["jobs"]
    before = [step for step in jobs["build"]["steps"] if step.get("uses", "").startswith(
        "actions/upload-pages-artifact")]  # fmt: skip
    assert before[0]["with"] == {"path": "_build", "include-hidden-files": True}
    assert ["touch", "_build/.nojekyll"] in commands({"jobs": jobs})
    assert jobs["deploy"]["needs"] == "build"
    assert jobs["deploy"]["if"] == "github.ref == 'refs/heads/main'"
    used = [step["uses"].split("@")[0] for step in jobs["deploy"]["steps"]]
    assert used == ["actions/configure-pages", DEPLOYS]
