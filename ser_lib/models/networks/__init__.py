"""The networks: one file each, found by being here; the three of the reference report come first.

Every network is an uncompiled functional `keras.Model` that takes standardised feature maps
``float32 [batch, rows, frames, channels]`` and returns class probabilities
``float32 [batch, classes]`` (softmax). Its file has one function that builds it, marked with
`network`. What may stand between input and softmax is free; `blocks`, `sequence` and `head` are
what the three share.

Weights are drawn from Keras' global seed: call ``keras.utils.set_random_seed`` before `build`. All
layers are Keras' own; `fast` trains them in less time. Keras takes seconds to import, so it is
imported by what needs it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from ser_lib.core.errors import ParameterError, choose

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Network:
    """A network's printed name, its usual parameters, and the function that builds it."""

    title: str
    channels: int  # of its feature map: 1 or 3
    recipe: dict[str, float]  # learning_rate, mixup, block_dropout
    builder: Callable[..., keras.Model]


NETWORKS: dict[str, Network] = {}  # by the file's name, in the order in which pages show them


def network(*, title: str, channels: int, recipe: dict[str, float]) -> Callable:
    """Mark the builder of a file: ``(shape, n_classes, *, block_dropout, head_dropout)``."""

    def register(builder: Callable[..., keras.Model]) -> Callable[..., keras.Model]:
        name = builder.__module__.rpartition(".")[2]
        NETWORKS[name] = Network(title, channels, recipe, builder)
        return builder

    return register


def blocks(x, dropout: float):
    """Turn ``[rows, frames, channels]`` into ``[rows // 8, frames // 8, 128]``."""
    from keras import layers

    for number, filters in enumerate((32, 64, 128), start=1):
        part = f"block{number}"
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"{part}_conv")(x)
        # Keras' usual 0.99 would still be on its way after the few hundred steps of a small corpus.
        x = layers.BatchNormalization(momentum=0.9, name=f"{part}_norm")(x)
        x = layers.MaxPooling2D(2, name=f"{part}_pool")(x)
        x = layers.Dropout(dropout, name=f"{part}_dropout")(x)
    return x


def sequence(x):
    """Turn ``[rows, frames, filters]`` into one vector per frame: ``[frames, rows * filters]``."""
    from keras import layers

    _, rows, frames, filters = x.shape
    x = layers.Permute((2, 1, 3), name="time_first")(x)
    return layers.Reshape((frames, rows * filters), name="sequence")(x)


def head(x, n_classes: int, dropout: float):
    """Turn a vector into the probabilities of the classes."""
    from keras import layers

    x = layers.Dense(128, activation="relu", name="head_dense")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    return layers.Dense(n_classes, activation="softmax", name="probabilities")(x)


def build(
    name: str,
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    block_dropout: float = 0.2,
    head_dropout: float = 0.2,
) -> keras.Model:
    """Build a network by name, uncompiled.

    The input has (rows, frames, channels), at least 8 rows and 8 frames; the dropouts in the body
    and before the softmax are in [0, 1).

    >>> build("cnn_gru", (60, 130, 3), 5).count_params()
    579781
    """
    choose(name, NETWORKS, "architecture")
    if len(input_shape) != 3 or min(input_shape[:2]) < 8 or input_shape[2] < 1:
        raise ParameterError(
            f"input shape {tuple(input_shape)} does not fit; give (rows, frames, channels) "
            "with at least 8 rows, 8 frames and 1 channel"  # three blocks halve them
        )
    if n_classes < 2:
        raise ParameterError(f"a classifier needs at least 2 classes, not {n_classes}")
    rates = {"block_dropout": block_dropout, "head_dropout": head_dropout}
    for option, rate in rates.items():
        if not 0 <= rate < 1:
            raise ParameterError(f"{option} must be at least 0 and below 1, not {rate}")
    return NETWORKS[name].builder(tuple(input_shape), n_classes, **rates)


def layer_table(model: keras.Model) -> list[dict]:
    """List the layers of a model but its input; an output's shape is that without the batch.

    >>> layer_table(build("cnn", (60, 130, 1), 5))[0]
    {'layer': 'block1_conv', 'type': 'Conv2D', 'output_shape': '(60, 130, 32)', 'parameters': 320}
    """

    def kind(layer) -> str:
        wrapped = f"({kind(layer.forward_layer)})" if hasattr(layer, "forward_layer") else ""
        return type(layer).__name__ + wrapped

    return [
        {
            "layer": layer.name,
            "type": kind(layer),
            "output_shape": str(tuple(layer.output.shape[1:])),
            "parameters": layer.count_params(),
        }
        for layer in model.layers[1:]
    ]


def title(name: str) -> str:
    """Return the printed name of a network, also of one that is not here any more."""
    printed = (c for c in name.replace("_", "-").upper() if c.isalnum() or c == "-")
    return NETWORKS[name].title if name in NETWORKS else "".join(printed)


def source(name: str) -> str:
    """Return the code of a network: its file, and what it takes from here."""
    module = import_module(f"{__name__}.{choose(name, NETWORKS, 'architecture')}")
    shared = [part for part in (blocks, sequence, head) if part in vars(module).values()]
    return "\n\n".join([inspect.getsource(module), *map(inspect.getsource, shared)])


def files(name: str) -> tuple[str, str]:
    """Return the files that decide what a network is, relative to the library."""
    choose(name, NETWORKS, "architecture")
    return "models/networks/__init__.py", f"models/networks/{name}.py"


_FIRST = ["cnn", "cnn_lstm", "cnn_gru"]
_others = sorted({module.name for module in iter_modules(__path__)} - set(_FIRST))
for _name in _FIRST + _others:
    import_module(f"{__name__}.{_name}")

NAMES = tuple(NETWORKS)
