"""A trained network with its front end: from an audio file to probabilities.

A bundle is a folder with `network.keras` and `front_end.json`: what the network must be fed
(feature map, channels, the mean and deviation of its training part, window and crops) and what
its outputs mean.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ser_lib import audio, augment, features
from ser_lib.errors import RecordError
from ser_lib.features import Standardiser
from ser_lib.workspace import fresh_folder

SCHEMA = 1
WINDOWS = 64
"""Windows that go through the network together: more is no faster and takes more memory."""


@dataclass(frozen=True)
class FrontEnd:
    """What stands before the network, and the names of what comes out.

    Attributes
    ----------
    architecture, corpus
        Of the experiment.
    emotions
        Class order of the probabilities.
    feature_map, channels, crops
        See `experiment.Experiment`.
    standardiser
        Fitted on the training part.
    """

    architecture: str
    corpus: str
    emotions: list[str]
    feature_map: str
    channels: int
    crops: int
    standardiser: Standardiser

    def windows(self, static: np.ndarray) -> np.ndarray:
        """Turn a static map [rows, any] into input [windows, rows, frames, channels].

        As many windows as `crops`, or more where it takes more to cover the utterance; one if
        `crops` is 1.
        """
        return augment.even_windows(self.standardised(static), self.crops)

    def standardised(self, static: np.ndarray) -> np.ndarray:
        """Turn a static map [rows, any] into a standardised one [rows, any, channels]."""
        return self.standardiser.apply(features.channels(static, self.channels))


@dataclass(frozen=True)
class Bundle:
    """A network and its front end."""

    network: object  # keras.Model; Keras is imported only by those who need it
    front_end: FrontEnd

    def predict(self, statics: Iterable[np.ndarray]) -> np.ndarray:
        """Return probabilities float32 [utterances, emotions] of static maps.

        The probability of an utterance is the mean over its windows.
        """
        chosen = []
        for batch in _batches(map(self.front_end.windows, statics), WINDOWS):
            windows = probabilities(self.network, np.concatenate(batch))
            starts = np.cumsum([0, *(len(part) for part in batch[:-1])])
            sums = np.add.reduceat(windows, starts, axis=0, dtype=np.float64)
            chosen.append(sums / sums.sum(axis=1, keepdims=True))
        return np.concatenate(chosen).astype(np.float32)

    def predict_files(self, paths: Iterable[str | Path]) -> np.ndarray:
        """Return probabilities float32 [files, emotions] of audio files.

        Raises
        ------
        AudioError
            If a file cannot be read; it is named.
        """
        kind = self.front_end.feature_map
        return self.predict(features.extract(audio.load(path), kind=kind) for path in paths)


def probabilities(network, inputs: Iterable[np.ndarray]) -> np.ndarray:
    """Return a network's answers float32 [n, classes] to n inputs, a few at a time.

    Memory does not grow with `n`, and the last part is filled up with zeros: every other size
    would cost seconds, because TensorFlow compiles the network anew for it.
    """
    inputs, answers = iter(inputs), []
    while part := list(islice(inputs, WINDOWS)):
        filled = np.zeros((WINDOWS, *part[0].shape), dtype=np.float32)
        filled[: len(part)] = part
        answers.append(network.predict_on_batch(filled)[: len(part)])
    return np.concatenate(answers)


def save(bundle: Bundle, folder: Path) -> None:
    """Write a bundle; an existing one at `folder` is replaced at the end."""
    described = asdict(bundle.front_end)
    described["standardiser"] = {
        name: np.asarray(value).tolist() for name, value in described["standardiser"].items()
    }
    with fresh_folder(folder) as temporary:
        bundle.network.save(temporary / "network.keras")
        text = json.dumps({"schema": SCHEMA, **described}) + "\n"
        (temporary / "front_end.json").write_text(text)


def _batches(items: Iterable[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    """Group arrays so that each group has at most `size` rows, or is a single array."""
    batch: list[np.ndarray] = []
    for item in items:
        if batch and sum(map(len, batch)) + len(item) > size:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def load(folder: str | Path) -> Bundle:
    """Read a bundle, or the bundle of a run's folder.

    Raises
    ------
    RecordError
        If the folder holds no bundle that this library reads.
    """
    folder = Path(folder)
    if (folder / "bundle").is_dir():
        folder = folder / "bundle"
    try:
        described = json.loads((folder / "front_end.json").read_text())
        schema = described.pop("schema")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise RecordError(
            f"{folder} is not a model bundle; give a run's folder, "
            "such as runs/<corpus>/<architecture>-<protocol>-<key>"
        ) from error
    if schema != SCHEMA:
        raise RecordError(f"{folder} has bundle schema {schema}, this library reads {SCHEMA}")
    import keras

    import ser_lib.models  # noqa: F401  registers the layers that the file names

    arrays = {n: np.array(v, dtype=np.float32) for n, v in described["standardiser"].items()}
    front_end = FrontEnd(**(described | {"standardiser": Standardiser(**arrays)}))
    try:
        network = keras.saving.load_model(folder / "network.keras", compile=False)
    except (OSError, ValueError) as error:
        raise RecordError(f"{folder / 'network.keras'} cannot be read: {error}") from error
    return Bundle(network, front_end)
