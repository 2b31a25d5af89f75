"""Speech emotion recognition, from a folder of recordings to a written report.

    import ser_lib as ser

    corpus = ser.load("demo")
    run = ser.train("cnn_gru", corpus, epochs=2)
    run.scores

Each name is imported when it is first used, so that ``import ser_lib`` takes no time. The rooms,
from the ground up: `core`, `metrics` and `corpora`, `features`, `models`, `experiments`, `pages`,
`report`; a room imports only from those below it.
"""

import os
import warnings
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from ser_lib.core.errors import extras

if TYPE_CHECKING:
    from ser_lib.corpora import load as load
    from ser_lib.experiments.leakage import audit as audit
    from ser_lib.experiments.recognizer import Recognizer as Recognizer
    from ser_lib.experiments.recognizer import predict as predict
    from ser_lib.experiments.run import evaluate as evaluate
    from ser_lib.experiments.splits import make as split
    from ser_lib.experiments.train import train as train
    from ser_lib.features.maps import extract as extract
    from ser_lib.pages import figures as plot
    from ser_lib.pages.runs import compare as compare

_FACE = {
    "load": "corpora",
    "extract": "features.maps",
    "split": "experiments.splits:make",
    "audit": "experiments.leakage",
    "train": "experiments.train",
    "evaluate": "experiments.run",
    "compare": "pages.runs",
    "predict": "experiments.recognizer",
    "Recognizer": "experiments.recognizer",
    "plot": "pages.figures:",
}
"""Where each public name is: the module, and what it is called there if something else."""
# fmt: off
__all__ = [
    "Recognizer", "audit", "compare", "evaluate", "extract", "load", "plot", "predict", "split",
    "train",
]
# fmt: on

# Where a progress bar misses its widgets in a notebook; none is ever shown.
warnings.filterwarnings("ignore", message="IProgress not found")

# TensorFlow reads it at its start. Without it the convolutions of processors without AVX-512 take
# half as long again; with AVX-512 it is TensorFlow's own choice.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

try:
    __version__ = version("ser-lib")
except PackageNotFoundError:  # used from a folder without being installed
    __version__ = "0"


def __getattr__(name: str):
    if name in _FACE:
        module, colon, own = _FACE[name].partition(":")
        with extras():
            place = import_module(f"ser_lib.{module}")
        return place if colon and not own else getattr(place, own or name)
    if name in ("metrics", "corpora", "features", "models", "experiments"):
        return import_module(f"ser_lib.{name}")
    raise AttributeError(f"module 'ser_lib' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(_FACE)
