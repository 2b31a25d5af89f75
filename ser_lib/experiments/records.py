"""What a run leaves behind, so that every number can be traced.

A run's folder `runs/<corpus>/<architecture>-<protocol>-<key>/` holds

- `record.json`: corpus, parameters, scores with intervals, versions, key (schema below);
- `history.csv`: fold, epoch (from 1), split (train or validation), loss, accuracy,
  uar;
- `predictions.csv`: utterance, speaker, fold, truth, predicted and one probability column
  `p_<emotion>` per emotion;
- `split.csv`: fold, utterance, part (see `splits.write`);
- `bundle/`: the trained network with its front end;
- `<architecture>.ipynb`: the executed notebook, once the runner has made it.

The key is a hash of the notebook template, the parameters, the library's sources, the manifest
and the lock file: the same key is the same run.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ser_lib.core.errors import RecordError
from ser_lib.core.files import digest, lock_file, sources, workspace, write_atomically

SCHEMA = 1
_REQUIRED = (
    "schema",
    "architecture",
    "corpus",
    "protocol",
    "parameters",
    "n_parameters",
    "layers",
    "seed",
    "metrics",
    "per_class",
    "confusion",
    "folds",
    "speed",
    "versions",
    "key",
    "started",
    "duration_s",
)


@dataclass(frozen=True)
class Record:
    """A finished run.

    Attributes
    ----------
    folder
        Where it lies.
    data
        Content of `record.json`: plain JSON values.
    history, predictions
        The two tables.
    """

    folder: Path
    data: dict
    history: pd.DataFrame
    predictions: pd.DataFrame

    @property
    def emotions(self) -> list[str]:
        """Class order of every table and matrix."""
        return self.data["corpus"]["emotions"]


def key(notebook: str, parameters: dict, *inputs: str) -> str:
    """Return the key of a run or a page.

    Parameters
    ----------
    notebook
        Name of the template in `notebooks/`; a run without one is keyed by its parameters alone.
    parameters
        Plain JSON values.
    inputs
        Hashes of what else goes in: the manifest's, and the keys of the runs that are read.
    """
    template = workspace() / "notebooks" / f"{notebook}.ipynb"
    text = template.read_bytes() if template.is_file() else b""
    return digest(notebook, text, parameters, list(inputs), lock_file(), *sources())


def runs(corpus: str) -> Path:
    """Folder of a corpus's runs in the workspace."""
    return workspace() / "runs" / corpus


def write(record: Record) -> None:
    """Write the record's three files into its folder; `record.json` last, so that a folder with
    it is complete.

    Raises
    ------
    RecordError
        If a required field is missing or a value is not plain JSON.
    """
    missing = [name for name in _REQUIRED if name not in record.data]
    if missing:
        raise RecordError(f"a record needs the fields: {', '.join(missing)}")
    try:
        text = json.dumps(record.data, indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise RecordError(f"a record holds plain JSON numbers and texts only: {error}") from error
    for name in ("history", "predictions"):
        table = getattr(record, name).to_csv(index=False, lineterminator="\n", float_format="%.9g")
        write_atomically(record.folder / f"{name}.csv", table)
    write_atomically(record.folder / "record.json", text)


def read(folder: str | Path) -> Record:
    """Read a run's record.

    Raises
    ------
    RecordError
        If there is none, or it is damaged or of another schema.
    """
    folder = Path(folder)
    file = folder / "record.json"
    if not file.is_file():
        raise RecordError(f"{folder} holds no finished run (no record.json)")
    try:
        data = json.loads(file.read_text())
    except json.JSONDecodeError as error:
        raise RecordError(f"{file} is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise RecordError(f"{file} is not a record: it holds no fields")
    if data.get("schema") != SCHEMA:
        raise RecordError(f"{file} has schema {data.get('schema')}, this library reads {SCHEMA}")
    try:
        history = pd.read_csv(folder / "history.csv")
        predictions = read_predictions(folder / "predictions.csv")
    except (OSError, ValueError) as error:
        raise RecordError(f"{folder} is damaged, remove it and run again: {error}") from error
    return Record(folder, data, history, predictions)


def read_predictions(file: Path) -> pd.DataFrame:
    """Read a table of predictions; names stay texts, even "03" and "None"."""
    text = {"utterance": str, "speaker": str, "fold": str, "truth": str, "predicted": str}
    return pd.read_csv(file, dtype=text, keep_default_na=False)
