"""What a run is: a trained network's predictions, scores and provenance, in memory and on disk.

A run's folder ``runs/<corpus>/<architecture>-<protocol>-<key>/`` holds

- ``record.json``: the fields of `Record`;
- ``history.csv``: fold, epoch (from 1), split (train or validation), loss, accuracy, uar;
- ``predictions.csv``: utterance, speaker, fold, truth, predicted and one probability column
  ``p_<emotion>`` per emotion;
- ``split.csv``: fold, utterance, part (see `splits`);
- ``bundle/``: the network of the best fold with its front end;
- ``SHA256SUMS``: the checksums of all of them, without which a run is not read.
"""

import html
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ser_lib.core.errors import ParameterError, RecordError
from ser_lib.core.files import altered, seal, write_atomically
from ser_lib.corpora import Manifest
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.fit import predictions_of
from ser_lib.experiments.splits import PROTOCOLS, Fold
from ser_lib.metrics import jackknife, scores
from ser_lib.metrics.jackknife import Estimate
from ser_lib.models import bundle
from ser_lib.models.networks import title

SCHEMA = 1
SCORES = ("uar", "accuracy", "macro_f1", "weighted_f1")


class Result:
    """A method's predictions on a corpus, and its scores."""

    title: str  # as it is printed
    emotions: list[str]  # in the order of every table and matrix
    predictions: pd.DataFrame  # utterance, speaker, fold, truth, predicted; maybe p_<emotion>

    @property
    def n_speakers(self) -> int:
        """Tested speakers; 0 if any has no name."""
        speakers = self.predictions["speaker"]
        return 0 if (speakers == "").any() else speakers.nunique()

    @cached_property
    def unit(self) -> str:
        """Fold, speaker or utterance: what its tests depend on as a whole, and intervals count.

        Speakers who are tested by one trained network share its luck, so where each is in one fold
        and a fold tests several, it is the fold, and else the speaker. With a single fold nothing
        is known of another training, and what is said holds for this one. Where a speaker is not
        known, or there is only one, it is the utterance, and the interval is too narrow.
        """
        tests = self.predictions
        if self.n_speakers < 2:
            return "utterance"
        own_fold = not tests.groupby("speaker")["fold"].nunique().gt(1).any()
        return "fold" if own_fold and 1 < tests["fold"].nunique() < self.n_speakers else "speaker"

    @cached_property
    def clusters(self) -> list[str]:
        """The speaker, fold or name of every utterance, as `unit` says."""
        return list(self.predictions[self.unit])

    @cached_property
    def metrics(self) -> dict[str, Estimate]:
        """Accuracy, uar, macro_f1 and weighted_f1 by name; of probabilities also loss, in nats."""
        metrics = scores.evaluate(*self._both, self.emotions, **self._units)
        if f"p_{self.emotions[0]}" in self.predictions:
            losses = scores.log_losses(self._both[0], self.probabilities, self.emotions)
            metrics["loss"] = jackknife.mean(losses, scale="loss", **self._units)
        return metrics

    @property
    def probabilities(self) -> np.ndarray:
        """Probabilities of the predictions: float [utterances, classes]."""
        return self.predictions[[f"p_{emotion}" for emotion in self.emotions]].to_numpy(float)

    @property
    def stated(self) -> dict[str, float | list[float]]:
        """The metrics as a record states them: every value, and its interval as <name>_ci95."""
        limits = {f"{name}_ci95": list(one.interval) for name, one in self.metrics.items()}
        return {name: one.value for name, one in self.metrics.items()} | limits

    @property
    def uar(self) -> Estimate:
        """The main score: unweighted average recall."""
        return self.metrics["uar"]

    @property
    def scores(self) -> pd.DataFrame:
        """One row per score, columns value, low and high (95 % interval)."""
        rows = {name: [self.metrics[name].value, *self.metrics[name].interval] for name in SCORES}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high"])

    @cached_property
    def per_class(self) -> pd.DataFrame:
        """Precision, recall, f1 and support of every emotion."""
        rows = scores.per_class(*self._both, self.emotions)
        return pd.DataFrame.from_dict(rows, orient="index")

    @cached_property
    def class_scores(self) -> dict[str, dict[str, Estimate]]:
        """Precision, recall and f1 of every emotion, each with its interval."""
        return scores.evaluate_classes(*self._both, self.emotions, **self._units)

    @cached_property
    def confusion(self) -> pd.DataFrame:
        """Utterances by truth (rows) and prediction (columns)."""
        counts = scores.confusion_matrix(*self._both, self.emotions)
        return pd.DataFrame(counts, self.emotions, self.emotions)

    @property
    def matrices(self) -> np.ndarray:
        """The confusion matrix of every unit: int [units, classes, classes]."""
        return scores.confusion_matrices(*self._both, self.emotions, clusters=self.clusters)

    @property
    def _both(self) -> tuple[list[str], list[str]]:
        return list(self.predictions["truth"]), list(self.predictions["predicted"])

    @property
    def _units(self) -> dict[str, Any]:
        return {"clusters": self.clusters, "unit": self.unit}

    def on(self, predictions: pd.DataFrame) -> "Result":
        """Return the method with other predictions, such as a part of its own."""
        return Part(self.title, self.emotions, predictions)


@dataclass(frozen=True, eq=False)
class Part(Result):
    """A method's predictions for some utterances."""

    title: str
    emotions: list[str]
    predictions: pd.DataFrame
    corpus: Manifest | None = None  # that they are of, if pages ask for it


@dataclass(frozen=True)
class Dataset:
    """What a record says of its corpus."""

    name: str
    title: str
    synthetic: bool
    utterances: int
    speakers: int
    emotions: list[str]
    manifest_sha256: str
    chosen: dict
    passed_over: dict
    left_out: list


@dataclass(frozen=True)
class Speed:
    """What a run took: training in all, and one prediction."""

    training_s: float
    inference_ms: float


@dataclass(frozen=True, kw_only=True)
class Record:
    """The content of ``record.json``."""

    schema: int = SCHEMA
    architecture: str
    corpus: Dataset
    protocol: str
    parameters: dict
    n_parameters: int
    layers: list
    seed: int
    metrics: dict  # every score, and its interval, <name>_ci95
    units: dict  # that the intervals rest on: unit ("speaker", "fold" or "utterance") and n
    per_class: dict
    confusion: dict
    folds: list  # of each its name, sizes of the parts, epochs and scores at the best one
    bundle: str  # the fold whose network users get: that of the highest validation UAR
    speed: Speed
    versions: dict
    key: str = ""
    started: str = ""
    duration_s: float = 0.0

    @classmethod
    def parse(cls, data: dict) -> "Record":
        """Return the record of JSON values; a `TypeError` names a missing or unknown field."""
        nested = {"corpus": Dataset(**data["corpus"]), "speed": Speed(**data["speed"])}
        return cls(**{**data, **nested})


@dataclass(frozen=True, eq=False)
class Run(Result):
    """A network that was trained and tested on a corpus.

    Attributes
    ----------
    corpus
        The manifest that it was made from; None of a run that was read from its folder alone.
    folds
        Its split, in the order of training; empty without the corpus.
    """

    folder: Path
    record: Record
    history: pd.DataFrame
    predictions: pd.DataFrame
    corpus: Manifest | None = None
    folds: tuple[Fold, ...] = ()

    architecture = property(attrgetter("record.architecture"), doc="Name of the network.")
    protocol = property(attrgetter("record.protocol"), doc="Name of the protocol.")
    emotions = property(attrgetter("record.corpus.emotions"), doc="Class order of every table.")
    seed = property(attrgetter("record.seed"), doc="Seed of weights, batches, shuffled splits.")
    key = property(attrgetter("record.key"), doc="Hash of all that decides its numbers.")

    @property
    def title(self) -> str:
        """Printed name of the method."""
        name = title(self.record.architecture)
        return f"{name}, enrolled" if self.record.parameters.get("enrolled") else name

    @property
    def protocol_words(self) -> str:
        """The protocol in words, without an article; a split of a file says what it claims."""
        words = PROTOCOLS[self.protocol].words
        if self.record.parameters["split"] is not None and self.protocol != "given":
            words = f"{PROTOCOLS['given'].words} and calls itself {self.protocol}"
        if self.record.parameters.get("enrolled"):
            words += "; the tested speakers are enrolled with their recordings, without labels"
        return words

    @cached_property
    def experiment(self) -> Experiment:
        """What was trained; a split of a file is read from the run's folder."""
        given = dict(self.record.parameters)
        if given["split"] is not None:
            given["split"] = str(self.folder / "split.csv")
        return Experiment(**given)

    @property
    def given(self) -> dict[str, Any]:
        """The parameters that are not the usual ones."""
        about = {"architecture": self.architecture, "corpus": self.record.corpus.name}
        usual = Experiment(**about).parameters()
        return {k: v for k, v in self.record.parameters.items() if usual.get(k) != v}

    def mean(self, name: str) -> float:
        """Return the mean over the folds of one of their entries, such as ``train_accuracy``."""
        return float(np.mean([fold[name] for fold in self.record.folds]))

    def model(self, fold: str | None = None):
        """Return the network of a fold, by default the one that users get; or a `RecordError`."""
        from ser_lib.experiments import train

        return bundle.load(self.folder if fold is None else train.bundles(self)[fold])

    def take_along(self, *, workers: int | str | None = None) -> Path:
        """Train the method on all of the corpus, unless that is done; return the model's folder.

        It is a bundle that knows what can be expected of it: see `experiments.final`.
        """
        from ser_lib.experiments import final

        return final.make(self, workers=workers)

    def _repr_html_(self) -> str:
        about = self.record.corpus
        caption = html.escape(f"{self.title} on {about.title}, protocol {self.protocol}")
        return f"<p>{caption}</p>{self.scores.round(3).to_html()}"

    def __repr__(self) -> str:
        uar = self.uar
        return (
            f"<Run {self.architecture} on {self.record.corpus.name}, {self.protocol}: "
            f"UAR {uar.value:.2f} ({uar.low:.2f} to {uar.high:.2f})>"
        )


def evaluate(
    predictions: pd.DataFrame | str | Path, corpus: Manifest, *, title: str | None = None
) -> Part:
    """Score predictions of any origin on a corpus, which knows the truth and the speakers.

    Parameters
    ----------
    predictions
        A table, or its CSV file, with the column utterance, and predicted or a probability
        ``p_<emotion>`` for every emotion of the corpus. A column fold says which utterances one
        trained model tested; a column truth must be that of the corpus.
    title
        What to call them: by default, the name of the file.

    Raises
    ------
    ParameterError
        If a column is missing, an utterance is unknown or there twice, or an emotion, a truth or a
        probability is not what it can be; the utterance is named.
    """
    table, source = predictions, "the predictions"
    if not isinstance(table, pd.DataFrame):
        title, source = title or Path(table).stem, f"the predictions in {table}"
        try:
            table = read_predictions(Path(table))
        except (OSError, ValueError) as error:
            raise ParameterError(f"{predictions} is no table of predictions: {error}") from error
    emotions, columns = corpus.emotions, [f"p_{emotion}" for emotion in corpus.emotions]
    likely = set(columns) <= set(table)
    needed = ("utterance",) if likely else ("utterance", "predicted")
    if missing := [name for name in needed if name not in table]:
        raise ParameterError(
            f"{source} have no column '{missing[0]}'; they have: {', '.join(table.columns)}"
        )

    def refuse(wrong: pd.Series, what: str) -> None:
        if len(wrong):
            raise ParameterError(f"{source} name an {what}: '{wrong.iloc[0]}'")

    known, names = corpus.table.set_index("utterance"), table["utterance"].astype(str)
    refuse(names[~names.isin(known.index)], "utterance that the corpus does not have")
    refuse(names[names.duplicated()], "utterance twice")
    rows = known.loc[names].reset_index()
    if likely:
        chances = table[columns].apply(pd.to_numeric, errors="coerce").to_numpy(float)
        sound = (chances >= 0).all(axis=1) & (np.abs(chances.sum(axis=1) - 1) < 1e-3)
        refuse(names[~sound], "utterance whose probabilities are no distribution")
    if "predicted" in table:
        classes = table["predicted"]
        refuse(classes[~classes.isin(emotions)], "emotion that the corpus does not have")
    else:
        classes = np.array(emotions, dtype=object)[chances.argmax(axis=1)]
    if "truth" in table:
        other = names[(table["truth"].to_numpy() != rows["emotion"].to_numpy())]
        refuse(other, "utterance whose truth is not that of the corpus")
    fold = table["fold"].to_numpy() if "fold" in table else ""
    result = predictions_of(rows, fold, np.asarray(classes))
    if likely:
        result[columns] = chances
    return Part(title or "predictions", emotions, result, corpus)


def write(run: Run) -> None:
    """Write a run's files, then their checksums, so that a folder with these is complete."""
    try:
        text = json.dumps(asdict(run.record), indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise RecordError(f"a record holds plain JSON numbers and texts only: {error}") from error
    for name in ("history", "predictions"):
        table = getattr(run, name).to_csv(index=False, lineterminator="\n", float_format="%.9g")
        write_atomically(run.folder / f"{name}.csv", table)
    write_atomically(run.folder / "record.json", text)
    seal(run.folder)


def read(folder: str | Path, corpus: Manifest | None = None, folds: tuple[Fold, ...] = ()) -> Run:
    """Read a run from its folder; or a `RecordError`: none is there, damaged, of another schema."""
    folder = Path(folder)
    file = folder / "record.json"
    if not file.is_file():
        raise RecordError(f"{folder} holds no finished run (no record.json)")
    if wrong := altered(folder):
        raise RecordError(
            f"{folder} is damaged, remove it and run again: {wrong[0]} is not as it was written"
        )
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if (schema := data.get("schema")) != SCHEMA:
            raise RecordError(f"{file} has schema {schema}, this library reads {SCHEMA}")
        record = Record.parse(data)
        history = pd.read_csv(folder / "history.csv")
        predictions = read_predictions(folder / "predictions.csv")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RecordError(f"{folder} is damaged, remove it and run again: {error}") from error
    return Run(folder, record, history, predictions, corpus, folds)


def read_predictions(file: Path) -> pd.DataFrame:
    """Read a table of predictions; names stay texts, even "03" and "None"."""
    text = {"utterance": str, "speaker": str, "fold": str, "truth": str, "predicted": str}
    return pd.read_csv(file, dtype=text, keep_default_na=False)
