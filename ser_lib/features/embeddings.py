"""Numbers of an utterance that are made elsewhere: a frozen network as an ONNX file, or a table.

They take the place of the functionals of the `stack`, and are named by a text:

``onnx:FILE`` with, after commas, ``rate=16000`` (of the signal, in Hz), ``layer=NAME`` (an output
of the graph, by default the first), and ``pooling=mean`` or ``mean+std`` over its frames. The graph
takes mono float32 [1, samples] or [samples] of any length.

``table:FILE``: a CSV file with a column ``utterance`` and columns of numbers.

The hash of the file becomes part of the text, so that another file is another experiment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from ser_lib.core import audio
from ser_lib.core.errors import ParameterError, choose, extras

KINDS = ("onnx", "table")
OPTIONS = {"onnx": ("rate", "layer", "pooling", "sha256"), "table": ("sha256",)}
POOLINGS = ("mean", "mean+std")
RATE = 16_000
"""Sampling rate in Hz that most networks for speech take, if none is named."""


@dataclass(frozen=True)
class Source:
    """What a text says: the kind, the file, and the options."""

    kind: str
    file: Path
    options: dict[str, str]

    @property
    def rate(self) -> int:
        """Sampling rate of the signal in Hz."""
        return int(self.options.get("rate", RATE))


def parse(text: str) -> Source:
    """Read a text; a `ParameterError` names what it is not."""
    kind, _, rest = text.partition(":")
    choose(kind, KINDS, "kind of features")
    file, *given = rest.split(",")
    options = dict(part.partition("=")[::2] for part in given)
    for name in options:
        choose(name, OPTIONS[kind], f"option of '{kind}:'")
    choose(options.get("pooling", "mean"), POOLINGS, "pooling")
    if not options.get("rate", "1").isdigit() or int(options.get("rate", 1)) < 1:
        raise ParameterError(f"features: rate must be a whole number of Hz, not {options['rate']}")
    return Source(kind, Path(file), options)


def stated(text: str) -> str:
    """Return a text with the hash of its file; one that has it stays as it is."""
    source = parse(text)
    if "sha256" in source.options:
        return text
    return f"{text},sha256={_hash(_checked(source).file)}"


def of_table(text: str, utterances: Sequence[str]) -> np.ndarray:
    """Return the numbers of utterances: float32 [utterances, numbers].

    A `ParameterError` names the utterance that the table lacks or has twice, or the first that has
    no number.
    """
    file = _checked(parse(text)).file
    try:
        table = pd.read_csv(file, dtype={"utterance": str})
    except (OSError, ValueError) as error:
        raise ParameterError(f"{file} is no table: {error}") from error
    if "utterance" not in table:
        raise ParameterError(f"{file} has no column 'utterance'")
    if table["utterance"].duplicated().any():
        twice = table.loc[table["utterance"].duplicated(), "utterance"].iloc[0]
        raise ParameterError(f"{file} has the utterance '{twice}' twice")
    own = table.set_index("utterance")
    if missing := [name for name in utterances if name not in own.index]:
        raise ParameterError(
            f"{file} has no row for {len(missing)} utterances of the corpus, such as '{missing[0]}'"
        )
    numbers = own.loc[list(utterances)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float32)
    if not numbers.shape[1]:
        raise ParameterError(f"{file} has no column of numbers")
    if len(wrong := np.argwhere(~np.isfinite(numbers))):
        row, column = wrong[0]
        raise ParameterError(
            f"{file}: '{own.columns[column]}' of utterance '{utterances[row]}' is no finite number"
        )
    return numbers


def of_signal(text: str, signal: np.ndarray, rate: int = audio.RATE) -> np.ndarray:
    """Return what a frozen network says of a signal float32 [samples]: float32 [numbers].

    A `ParameterError` says that it is no network, or that its graph is of another kind.
    """
    source = parse(text)
    if source.kind != "onnx":
        raise ParameterError("features of a table are of its own utterances; no other can be heard")
    if rate != source.rate:
        import soxr  # a table needs none

        signal = soxr.resample(signal, rate, source.rate)
    session, layer = _session(text)
    taken = session.get_inputs()[0]
    shown = signal.astype(np.float32)
    if len(taken.shape) == 2:
        shown = shown[np.newaxis]
    frames = np.asarray(session.run([layer], {taken.name: shown})[0], np.float32)
    frames = frames.reshape(-1, frames.shape[-1])
    parts = [frames.mean(axis=0)]
    if source.options.get("pooling") == "mean+std":
        parts.append(frames.std(axis=0))
    return np.concatenate(parts)


@cache
def _session(text: str):
    """Return the session of a network and the name of its layer; each process opens it once."""
    source = _checked(parse(text))
    with extras("ssl"):
        import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # whose number rounds sums
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(source.file), options)
    except Exception as error:  # its own classes share no base
        raise ParameterError(f"{source.file} is no ONNX network: {error}") from error
    inputs, outputs = session.get_inputs(), [one.name for one in session.get_outputs()]
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) not in (1, 2):
        raise ParameterError(f"{source.file} does not take one float32 signal [1, samples]")
    known = session.get_modelmeta().custom_metadata_map.get("sampling_rate")
    if known and int(known) != source.rate:
        raise ParameterError(f"{source.file} takes {known} Hz; say rate={known}, not {source.rate}")
    return session, choose(source.options.get("layer", outputs[0]), outputs, "layer")


def _checked(source: Source) -> Source:
    """Return a source whose file is the one that was meant."""
    if not source.file.is_file():
        raise ParameterError(f"features: there is no file {source.file}")
    if source.options.get("sha256", _hash(source.file)) != _hash(source.file):
        raise ParameterError(f"features: {source.file} is not the file that was trained on")
    return source


@cache
def _hash(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()[:16]
