"""Training from a store three times as large as the memory that it may take.

Two processes train the same network on the same maps, turn by turn. Ours reads each map from the
store when it is needed, and the operating system lets it have a third of the store's size (the
limit on data, `RLIMIT_DATA`); the rival has read all of them into memory before. The maps are
noise, because what is in them takes no time.
"""

import itertools
import multiprocessing
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness import alternate, row, scratch, skipped
from ser_lib.experiments.experiment import Experiment
from ser_lib.features.maps import FRAMES, ROWS, Standardiser, channels
from ser_lib.features.store import CHUNK, Store
from ser_lib.models.networks import title

GROUP, UNIT = "training from the store", "utterances per second"
ALLOWED = 1_100_000_000
"""Bytes that ours may take."""
TIMES = 3
"""Times as large is the store."""
UTTERANCES = -(-TIMES * ALLOWED // (4 * ROWS * FRAMES * CHUNK)) * CHUNK
BATCHES = 60
"""Steps of a run."""
SHARE = 0.9
ARCHITECTURE = "cnn_gru"
BATCH = Experiment(architecture=ARCHITECTURE).batch_size
N_CLASSES = 5


def run(progress: Callable[[str], None]) -> list[dict]:
    """Measure both, alternating."""
    size, memory = (f"{n / 1e9:.1f} GB" for n in (TIMES * ALLOWED, ALLOWED))
    name = f"{title(ARCHITECTURE)}, {size} with {memory} of memory"
    if sys.platform != "linux":
        return [skipped(GROUP, name, UNIT, "limits on data are those of Linux")]
    with scratch() as folder:
        progress(f"a store of {UTTERANCES:,} maps")
        _write(Path(folder))
        progress("training, turn by turn")
        with _Side(folder, allowed=ALLOWED) as ours, _Side(folder, allowed=None) as rival:
            values = alternate({"ours": ours.measure, "rival": rival.measure})
    return [
        row(
            GROUP,
            name,
            UNIT,
            values,
            more_is_better=True,
            rival_name="all maps in memory",
            target={"against": "rival", "at_least": SHARE},
        )
    ]


def trainer(read: Callable[[int], np.ndarray], n: int) -> Callable[[int], float]:
    """Return a function that takes so many steps and returns utterances per second.

    Parameters
    ----------
    read
        Returns the static map of an utterance, [rows, frames].
    n
        Utterances.
    """
    from ser_lib.experiments import fit
    from ser_lib.models import networks

    fit.start_worker()
    experiment = Experiment(architecture=ARCHITECTURE)
    shape = (ROWS, FRAMES, experiment.channels)
    step = fit.training_step(
        networks.build(ARCHITECTURE, shape, N_CLASSES), experiment, n_batches=1000
    )
    standardiser = Standardiser.fit(
        channels(read(position), experiment.channels) for position in range(min(n, 100))
    )
    targets = np.eye(N_CLASSES, dtype=np.float32)[np.arange(n) % N_CLASSES]
    generator = np.random.default_rng(0)

    def standardised(position: int) -> np.ndarray:
        return standardiser.apply(channels(read(position), experiment.channels))

    def epochs():
        while True:
            yield fit.batches(experiment, standardised, targets, np.arange(n), generator)

    endless = itertools.chain.from_iterable(epochs())
    weights = np.ones(BATCH, np.float32)

    def take(n_steps: int) -> float:
        clock = time.perf_counter()
        for inputs, labels in itertools.islice(endless, n_steps):
            step(inputs, labels, weights)
        return n_steps * BATCH / (time.perf_counter() - clock)

    take(3)  # the first one compiles
    return take


def _write(folder: Path) -> None:
    """Write a store as `ser_lib.features.store` describes it."""
    np.save(folder / "lengths.npy", np.full(UTTERANCES, FRAMES, np.int32))
    noise = np.random.default_rng(0).normal(size=CHUNK * ROWS * FRAMES).astype(np.float32)
    for number in range(0, UTTERANCES, CHUNK):
        np.save(folder / f"{number:06d}.npy", noise)


class _Side:
    """A process that trains when it is asked to."""

    def __init__(self, folder: str, *, allowed: int | None) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, folder, allowed))
        self._process.start()
        theirs.close()

    def __enter__(self) -> "_Side":
        self._pipe.recv()  # it is ready
        return self

    def __exit__(self, *_) -> None:
        self._process.terminate()
        self._process.join()

    def measure(self) -> float:
        """Return utterances per second of one run."""
        self._pipe.send(BATCHES)
        return self._pipe.recv()


def _serve(pipe, folder: str, allowed: int | None) -> None:
    if allowed:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
    store = Store(folder, UTTERANCES)
    read = store.__getitem__
    if not allowed:
        read = [store[position] for position in range(UTTERANCES)].__getitem__
    take = trainer(read, UTTERANCES)
    pipe.send("ready")
    while True:
        pipe.send(take(pipe.recv()))
