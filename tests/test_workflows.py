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


def findings(text: str) -> list[str]:
    """What is wrong with a workflow."""
    workflow = yaml.safe_load(text)
    return [
        *unpinned(text),
        *too_much_allowed(workflow),
        *careless(workflow),
        *unknown_commands(workflow),
        *unknown_files(text),
    ]


def unpinned(text: str) -> list[str]:
    used = [line.strip().removeprefix("- ") for line in text.splitlines() if "uses:" in line]
    return [f"not pinned: {line}" for line in used if not PINNED.match(line)]


def too_much_allowed(workflow: dict) -> list[str]:
    found = []
    if workflow.get("permissions") != {"contents": "read"}:
        found.append(f"permissions: {workflow.get('permissions')}")
    for name, job in workflow["jobs"].items():
        deploys = any(step.get("uses", "").startswith(DEPLOYS) for step in job["steps"])
        needed = {"pages": "write", "id-token": "write"} if deploys else None
        if job.get("permissions") != needed:
            found.append(f"permissions of {name}: {job.get('permissions')}, not {needed}")
    return found


def careless(workflow: dict) -> list[str]:
    found = []
    if "concurrency" not in workflow:
        found.append("older runs go on")
    found += [f"{n} has no time limit" for n, j in workflow["jobs"].items()
              if "timeout-minutes" not in j]  # fmt: skip
    for step in steps(workflow):
        if "${{" in step.get("run", ""):
            found.append(f"a value is pasted into a command: {step['run']}")
        kept = step.get("with", {}).get("persist-credentials")
        if step.get("uses", "").startswith("actions/checkout@") and kept is not False:
            found.append("the checkout keeps its credentials")
    return found


def unknown_commands(workflow: dict) -> list[str]:
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    variables = set(re.findall(r"^([A-Z]+)\s*\??=", MAKEFILE, re.MULTILINE))
    found = []
    for program, *words in commands(workflow):
        if program == "make":
            named = {word.partition("=")[0] for word in words if "=" in word}
            missing = {word for word in words if "=" not in word} - targets | named - variables
            found += [f"make knows no {word}" for word in sorted(missing)]
        elif Path(program).name == "ser":
            try:
                cli._parser().parse_args(words)
            except SystemExit:
                found.append(f"not a command: ser {' '.join(words)}")
    return found


def unknown_files(text: str) -> list[str]:
    named = re.findall(r"hashFiles\('([^']+)'\)|cache-dependency-path: (\S+)", text)
    files = sorted({file for pair in named for file in pair if file})
    return [f"no such file: {file}" for file in files if not (PROJECT / file).is_file()]


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_is_sound(name):
    assert findings(read(name)) == []


BREAKS = [
    (r"@[0-9a-f]{40}  # v", "@v6  # v", "not pinned"),
    (r"@([0-9a-f]{39})[0-9a-f]  # v", r"@\1  # v", "not pinned"),
    (r"  # v\d+\.\d+\.\d+", "", "not pinned"),
    ("contents: read", "contents: write", "permissions: {'contents': 'write'}"),
    (r"permissions:\n  contents: read\n", "", "permissions: None"),
    ("pages: write", "contents: write", "permissions of deploy"),
    (r"(  build:\n)", r"\1    permissions: write-all\n", "permissions of build"),
    (r"persist-credentials: false", "fetch-depth: 1", "keeps its credentials"),
    (r"    timeout-minutes: 350\n", "", "build has no time limit"),
    (r"concurrency:\n  group: book[^\n]*\n[^\n]*\n", "", "older runs go on"),
    ("run: make pdf PYTHON", "run: make boook PYTHON", "make knows no boook"),
    ("CORPUS=emodb", "CORPORA=emodb", "make knows no CORPORA"),
    ("ser download emodb", "ser fetch emodb", "not a command: ser fetch"),
    (r'"\$HOME/', '"${{ github.workspace }}/', "a value is pasted"),
    (r"hashFiles\('requirements.lock'\)", "hashFiles('uv.lock')", "no such file: uv.lock"),
    ("cache-dependency-path: requirements.lock", "cache-dependency-path: r.txt", "no such file"),
]


@pytest.mark.parametrize(("what", "instead", "said"), BREAKS, ids=[b[2] + b[0][:9] for b in BREAKS])
def test_a_broken_workflow_is_found(what, instead, said):
    broken, count = re.subn(what, instead, read("book.yml"), count=1)
    assert count == 1
    assert any(said in finding for finding in findings(broken))


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


def test_when_they_run():
    # YAML reads the key `on` as a boolean.
    on = {name: yaml.safe_load(read(name))[True] for name in ("test.yml", "book.yml", "links.yml")}
    assert {"push", "pull_request"} == set(on["test.yml"])
    assert on["book.yml"]["push"] == {"branches": ["main"]}
    for name in ("book.yml", "links.yml"):
        assert "workflow_dispatch" in on[name]
        (schedule,) = on[name]["schedule"]
        assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", schedule["cron"])  # once a week


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
    assert [step["uses"].split("@")[0] for step in kept] == [
        "actions/cache/restore",
        "actions/cache/save",
        "actions/cache/restore",
    ]
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
