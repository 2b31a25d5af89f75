"""The face: what `import ser_lib` gives, what it costs, and the lines of the README."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import ser_lib
from ser_lib.corpora import demo
from ser_lib.experiments import splits

PROJECT = Path(__file__).parents[1]
NAMES = [
    *("Recognizer", "audit", "compare", "evaluate", "extract", "load", "plot", "predict", "split"),
    "train",
]


def test_dir_shows_just_the_face():
    assert dir(ser_lib) == sorted(ser_lib.__all__) == NAMES
    for name in NAMES:
        assert getattr(ser_lib, name).__doc__
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        ser_lib.trian  # noqa: B018


def test_the_import_loads_no_framework():
    code = "import sys, ser_lib; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"tensorflow", "keras", "matplotlib", "librosa", "pandas", "numpy"}
    assert (Path(ser_lib.__file__).parent / "py.typed").is_file()


def test_the_lines_of_the_readme_run(workspace, monkeypatch, ser):
    monkeypatch.setitem(demo.SIZES, "demo", {"n_speakers": 6, "n_sentences": 1})
    make = splits.make  # of each method the first fold is enough
    monkeypatch.setattr(splits, "make", lambda *given, **options: make(*given, **options)[:1])
    monkeypatch.chdir(workspace)
    (code,) = re.findall(r"```python\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    values: dict = {}
    exec(code, values)
    run, other = values["run"], values["other"]
    assert list(run.scores.columns) == ["value", "low", "high"]
    assert run.folder.is_relative_to(workspace)
    assert list(ser_lib.compare([run, other])["first"]) == [
        max((run, other), key=lambda one: one.uar.value).title
    ]
    predictions = ser_lib.predict(values["corpus"].root / "wav", model=run)
    assert isinstance(predictions.table, pd.DataFrame)
    assert len(predictions.table) == len(values["corpus"].table)
    figure = ser_lib.plot.confusion(run)
    pictures, about = figure._repr_mimebundle_()
    assert set(pictures) == {"image/svg+xml", "image/png", "text/plain"}
    assert about["ser"]["alt"]
    answers = values["answers"]
    assert len(answers.table) == len(answers.times) > 0
    monkeypatch.setattr(splits, "make", make)
    # How another program's predictions are made and read: in the same workspace, where maps are.
    (code,) = re.findall(
        r"```python\n(import pandas as pd\nfrom sklearn.*?)```",
        (PROJECT / "book" / "rerun.md").read_text(),
        re.DOTALL,
    )
    exec(code, {})
    status, out, _ = ser("evaluate", "mine.csv", "--json")
    result = json.loads(out)
    assert (status, result["without_prediction"]) == (0, [])
    assert not [one for one in result["findings"] if one["severity"] == "leak"]
