"""A trained network with its front end: from an audio file to probabilities.

A bundle is a folder with `network.keras` and `front_end.json`: what the network must be fed and
what its outputs mean. The bundle of a finished run has `network.tflite`, too: the same network for
LiteRT (the extra `export` of this package), in float32 and with LiteRT's own operations only. It
answers without TensorFlow, which takes seconds to start, with the probabilities of Keras but for
rounding. A bundle of the discriminant (`lda`) needs no network: `front_end.json` holds all of it.

A run has one of its best fold, and may have one of all of its corpus, to take along, which knows
what can be expected of it (`About`); see `final`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import cast
from zipfile import ZipFile

import numpy as np

from ser_lib.core import audio
from ser_lib.core.errors import RecordError
from ser_lib.core.files import fresh_folder
from ser_lib.features import maps
from ser_lib.features.copies import SETS
from ser_lib.features.maps import Standardiser
from ser_lib.models.lda import Discriminant, check_emotions
from ser_lib.models.windows import even_windows

SCHEMA = 3
WINDOWS = 64  # that go through Keras together: more is no faster and takes more memory
CROPS = 1000  # of an utterance, at most
UNPACKED = 1_000_000_000  # bytes that a network may have
LITE_WINDOWS = 8  # that go through LiteRT together: more do not stay in the processor's cache
_AGAIN = "make the run again"


@dataclass(frozen=True)
class FrontEnd:
    """What stands before a network, and the emotions in the order of what comes out."""

    architecture: str
    corpus: str
    emotions: list[str]
    feature_map: str
    channels: int
    crops: int
    copies: str  # of a prediction
    standardiser: Standardiser

    def __post_init__(self) -> None:
        """Raise a ValueError if it is none that could be fed: a bundle may come from anybody."""
        check_emotions(self.emotions)
        arrays = self.standardiser.mean, self.standardiser.std
        if self.copies not in SETS:
            raise ValueError(f"there are no copies {self.copies!r}")
        if self.feature_map not in maps.MAPS or self.channels not in (1, 3):
            raise ValueError(f"there is no map {self.feature_map!r} of {self.channels!r} channels")
        if type(self.crops) is not int or not 1 <= self.crops <= CROPS:
            raise ValueError(f"crops are 1 to {CROPS}, not {self.crops!r}")
        if [array.shape for array in arrays] != [(maps.ROWS, self.channels)] * 2:
            raise ValueError("its statistics do not fit its map")
        if not np.isfinite(arrays).all() or not (arrays[1] > 0).all():
            raise ValueError("its statistics are no means and deviations")

    def static(self, sound: str | Path | np.ndarray) -> list[np.ndarray]:
        """Return the static maps float32 [rows, any] of a file's or a signal's copies.

        An `AudioError` says what is wrong with a file.
        """
        signal = audio.load(sound) if isinstance(sound, str | Path) else sound
        copies = SETS[self.copies]
        return [maps.extract(copy.apply(signal), kind=self.feature_map) for copy in copies]

    def windows(self, statics: Sequence[np.ndarray]) -> np.ndarray:
        """Turn static maps [rows, any] into the `even_windows` that the network is fed."""
        return np.concatenate([even_windows(self.standardised(s), self.crops) for s in statics])

    def standardised(self, static: np.ndarray) -> np.ndarray:
        """Turn a static map [rows, any] into a standardised one [rows, any, channels]."""
        return self.standardiser.apply(maps.channels(static, self.channels))


@dataclass(frozen=True, kw_only=True)
class About:
    """What a model to take along knows of itself: its scores are those of its run's folds.

    Attributes
    ----------
    name
        Of its run: ``<corpus>/<architecture>-<protocol>-<key>``.
    utterances, speakers
        How many its corpus has.
    uar, low, high, n, unit
        UAR on what its run tested, and the 95 % interval over n units.
    threshold
        It abstains where its probability is lower; found by validation.
    answered, accuracy
        The share of the tested utterances that it then answers, and of these the share that is
        right.
    typical
        See `features.typical.spans`.
    """

    name: str
    method: str
    corpus: str
    synthetic: bool
    utterances: int
    speakers: int
    protocol: str
    uar: float
    low: float
    high: float
    n: int
    unit: str
    threshold: float
    answered: float
    accuracy: float
    typical: dict[str, list[float]]

    def __str__(self) -> str:
        """Return a line with the model, its corpus and its expected score."""
        kind = ", synthetic speech" if self.synthetic else ""
        return (
            f"{self.method} of all of {self.corpus} ({self.utterances:,} utterances{kind}); "
            f"expected UAR {self.uar:.2f} ({self.low:.2f} to {self.high:.2f} over {self.n} "
            f"{self.unit}s, protocol '{self.protocol}')"
        )


@dataclass(frozen=True)
class Bundle:
    """A function, windows float32 [n, rows, frames, channels] -> [n, emotions], and its feeder."""

    network: Callable[[np.ndarray], np.ndarray]
    front_end: FrontEnd

    def predict(self, statics: Iterable[Sequence[np.ndarray]]) -> np.ndarray:
        """Return probabilities float32 [utterances, emotions] of the static maps of their copies.

        The probability of an utterance is the mean over the windows of all of them.
        """
        means = [np.empty((0, len(self.front_end.emotions)))]
        for batch in _batches(map(self.front_end.windows, statics), WINDOWS):
            windows = self.network(np.concatenate(batch))
            starts = np.cumsum([0, *(len(part) for part in batch[:-1])])
            sums = np.add.reduceat(windows, starts, axis=0, dtype=np.float64)
            means.append(sums / sums.sum(axis=1, keepdims=True))
        return np.concatenate(means).astype(np.float32)


def probabilities(network, inputs: Iterable[np.ndarray]) -> np.ndarray:
    """Return the answers float32 [n, classes] of a `keras.Model` to n inputs.

    The last part is filled up with zeros: TensorFlow would take seconds to compile another size.
    """
    inputs, answers = iter(inputs), []
    while part := list(islice(inputs, WINDOWS)):
        filled = np.zeros((WINDOWS, *part[0].shape), dtype=np.float32)
        filled[: len(part)] = part
        answers.append(network.predict_on_batch(filled)[: len(part)])
    return np.concatenate(answers)


def lite_available() -> bool:
    """Tell whether LiteRT is installed, for this kind of system."""
    try:
        import ai_edge_litert.interpreter  # noqa: F401
    except ImportError:
        return False
    return True


def convert(network) -> bytes:
    """Return a `keras.Model` as a LiteRT flatbuffer; takes seconds."""
    import tensorflow as tf

    with TemporaryDirectory() as folder:
        network.export(folder, verbose=False)
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()


class LiteNetwork:
    """The network of a flatbuffer of `convert`, which LiteRT computes in the calling thread.

    An answer does not depend on the windows beside it, not even in its last bit. One thread at a
    time may use it. A `ValueError` says that it is no flatbuffer.
    """

    def __init__(self, flatbuffer: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=flatbuffer, num_threads=1)
        (fed,), (given,) = (
            self._interpreter.get_input_details(), self._interpreter.get_output_details()
        )  # fmt: skip
        self._input, self._output = fed["index"], given["index"]
        self.shapes = tuple(tuple(one["shape"][1:].tolist()) for one in (fed, given))

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """Return probabilities float32 [n, classes] of windows float32 [n, ...]."""
        starts = range(0, len(windows), LITE_WINDOWS)
        return np.concatenate([self.answer(windows[i : i + LITE_WINDOWS]) for i in starts])

    def answer(self, inputs: np.ndarray) -> np.ndarray:
        """Return what comes out for inputs of any length."""
        self._interpreter.resize_tensor_input(self._input, inputs.shape)
        self._interpreter.allocate_tensors()  # does nothing where the shape is that of before
        self._interpreter.set_tensor(self._input, inputs)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)


def save(network, front_end: FrontEnd | Discriminant, folder: Path) -> None:
    """Write a `keras.Model`, or None for a discriminant, as a bundle; replace one at `folder`."""
    if isinstance(front_end, Discriminant):
        with fresh_folder(folder) as temporary:
            _write({"schema": SCHEMA, **front_end.described()}, temporary)
        return
    arrays = {name: array.tolist() for name, array in asdict(front_end.standardiser).items()}
    with fresh_folder(folder) as temporary:
        network.save(temporary / "network.keras")
        _write({"schema": SCHEMA, **asdict(front_end), "standardiser": arrays}, temporary)


def export(source: Path, target: Path) -> None:
    """Copy a bundle to `target` and give the copy its `network.tflite`; raises as `load`."""
    described = _described(source)
    flatbuffer = convert(read_network(source, cast(FrontEnd, read_front_end(source))))
    with fresh_folder(target) as temporary:
        copytree(source, temporary, dirs_exist_ok=True)
        (temporary / "network.tflite").write_bytes(flatbuffer)
        _write(described | {"tflite_sha256": sha256(flatbuffer).hexdigest()}, temporary)


def load(folder: str | Path) -> Bundle | Discriminant:
    """Read a bundle, or that of a run's folder, the final one if it is there.

    LiteRT computes the network where it is installed and the bundle has a file for it. A
    `RecordError` says what is damaged or missing.
    """
    folder = _place(folder)
    front_end = read_front_end(folder)
    if isinstance(front_end, Discriminant):
        return front_end
    if lite_available() and (folder / "network.tflite").is_file():
        return Bundle(_lite(folder, front_end), front_end)
    return Bundle(partial(probabilities, read_network(folder, front_end)), front_end)


def read_front_end(folder: str | Path) -> FrontEnd | Discriminant:
    """Read what a bundle is fed and what it answers, without the network; raises as `load`."""
    described = _described(folder)
    try:
        if "weights" in described:
            return Discriminant.parse(described)
        with np.errstate(over="ignore"):  # what becomes infinite is refused
            arrays = {n: np.array(v, np.float32) for n, v in described["standardiser"].items()}
        values = {name: described[name] for name in FrontEnd.__annotations__}
        return FrontEnd(**(values | {"standardiser": Standardiser(**arrays)}))
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        file = _place(folder) / "front_end.json"
        raise RecordError(f"{file} is damaged: {error or error!r}; {_AGAIN}") from error


def about(folder: str | Path) -> About | None:
    """Return what a bundle knows of itself; None unless it is one to take along; raises as `load`.

    It becomes known by `tell`.
    """
    described = _described(folder).get("about")
    try:
        return About(**described) if described else None
    except TypeError as error:
        raise RecordError(f"{_place(folder) / 'front_end.json'} is damaged: {error}") from error


def written(folder: str | Path) -> int:
    """Return when a bundle was written; another one in its place has another time."""
    file = _place(folder) / "front_end.json"
    return file.stat().st_mtime_ns if file.is_file() else 0


def tell(folder: Path, about: About) -> None:
    """Write what a bundle knows of itself into it."""
    _write(_described(folder) | {"about": asdict(about)}, folder)


def final(folder: Path) -> Path:
    """Return where the bundle to take along of a run's folder is: beside it, in ``final/``."""
    folder = Path(folder).absolute()
    return folder.parent / "final" / folder.name


def _place(folder: str | Path) -> Path:
    """Return the folder of a bundle, which may be named by its run."""
    places = final(Path(folder)), Path(folder) / "bundle"
    return next((place for place in places if place.is_dir()), Path(folder))


def _described(folder: str | Path) -> dict:
    folder = _place(folder)
    file = folder / "front_end.json"
    try:
        # A pipe or a device would have no end.
        described = json.loads(file.read_text() if file.is_file() else "")
        schema = described["schema"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise RecordError(
            f"{folder} is not a model bundle; give a run's folder, "
            "such as runs/<corpus>/<architecture>-<protocol>-<key>"
        ) from error
    if schema != SCHEMA:
        raise RecordError(
            f"{folder} is a bundle of schema {schema}, of another version of this library, which "
            f"reads schema {SCHEMA}; {_AGAIN}"
        )
    return described


def _write(described: dict, folder: Path) -> None:
    (folder / "front_end.json").write_text(json.dumps(described) + "\n")


def read_network(folder: str | Path, front_end: FrontEnd):
    """Read the `keras.Model` of a bundle alone; raises as `load`."""
    file = _place(folder) / "network.keras"
    try:
        if not file.is_file():
            raise FileNotFoundError("there is no such file")
        with ZipFile(file) as archive:
            if sum(part.file_size for part in archive.infolist()) > UNPACKED:
                raise ValueError("it would unpack to more than any network is")
        import keras

        network = keras.saving.load_model(file, compile=False)
        shapes = network.input_shape[1:], network.output_shape[1:]
    except Exception as error:  # Keras has any for what is not its own; it runs no foreign code
        why = " ".join(str(error).split()) or type(error).__name__
        raise RecordError(f"{file} cannot be read: {why[:300]}") from error
    _check_shapes(file, front_end, shapes)
    return network


def _check_shapes(file: Path, front_end: FrontEnd, shapes: tuple) -> None:
    if shapes != ((maps.ROWS, maps.FRAMES, front_end.channels), (len(front_end.emotions),)):
        raise RecordError(f"{file} is not the network of its front_end.json; {_AGAIN}")


def _lite(folder: Path, front_end: FrontEnd) -> "LiteNetwork":
    file = folder / "network.tflite"
    try:
        flatbuffer = file.read_bytes()
    except OSError as error:
        raise RecordError(f"{file} cannot be read: {error.strerror}") from error
    # LiteRT itself would answer with whatever weights there are.
    if sha256(flatbuffer).hexdigest() != _described(folder).get("tflite_sha256"):
        raise RecordError(
            f"{file} is damaged: it is not what was exported; {_AGAIN}, or remove the file and "
            "Keras will answer"
        )
    try:
        network = LiteNetwork(flatbuffer)
    except (ValueError, RuntimeError) as error:
        raise RecordError(f"{file} is damaged: {error}; {_AGAIN}") from error
    _check_shapes(file, front_end, network.shapes)
    return network


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
