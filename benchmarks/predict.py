"""Answers at the command line: how soon the first one comes, and how fast a thousand.

All of it is measured from outside, as a user meets it: `ser` as a program, from its start to its
end. The rival is the same command with the same network on Keras, which is what it does with a
bundle that has no file for LiteRT. Networks are fresh, because weights do not change the time.

The clips are the files of EmoDB or, where it is not at hand, of the demo corpus, linked as often as
it takes. Everything runs on two processors, however many there are.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.harness import alternate, row, skipped
from ser_lib import corpora
from ser_lib.core import jobs
from ser_lib.experiments.experiment import ARCHITECTURES
from ser_lib.features.maps import FRAMES, ROWS, Standardiser
from ser_lib.models import bundle
from ser_lib.models.bundle import FrontEnd
from ser_lib.models.networks import title

START, MANY = "prediction: from a cold start", "prediction: a folder of clips"
KERAS = "the same network on Keras"
CLIPS = 1000
NETWORKS = {"cnn": "logmel", "cnn_gru": "logmel", "cnn_lstm": "stack"}
"""What hears the clips, and which map."""
COMPARED = "cnn_gru"  # a thousand clips on Keras take long enough for one network
PROCESSORS = 2
SOME = 64  # clips that are heard again and again where only the network counts

_LIBRARIES = "import numpy, scipy.fft, soundfile, ai_edge_litert.interpreter"


def run(progress: Callable[[str], None]) -> list[dict]:
    """Measure `ser --help`, `ser predict` of one file, and of a folder with every network."""
    if not bundle.lite_available():
        why = "LiteRT is not installed: pip install ser-lib[export]"
        return [skipped(START, "ser predict one.wav", "seconds", why)]
    if hasattr(os, "sched_setaffinity"):  # programs that are started here inherit it
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:PROCESSORS])
    with TemporaryDirectory() as name:
        folder = Path(name)
        progress("networks and links to clips")
        clips = _link(folder / "clips")
        todo = [(name, folder / name, NETWORKS[name], 5) for name in NETWORKS]
        list(jobs.each(write_bundle, todo))
        progress("cold starts")
        found = [_help(), _one(clips[0], folder)]
        for name in NETWORKS:
            progress(f"{CLIPS:,} clips with the {name}")
            found.append(_many(name, clips, folder))
    return found


def _link(folder: Path) -> list[Path]:
    """Make a folder of links to clips."""
    named = os.environ.get("SER_EMODB")
    if named:
        files = sorted(Path(named).absolute().glob("wav/*.wav"))
    else:
        demo = corpora.load("demo")
        files = [demo.root / path for path in demo.table["path"]]
    folder.mkdir()
    links = []
    for i, file in enumerate(islice(cycle(files), CLIPS)):
        links.append(folder / f"{i:04d}-{file.name}")
        links[-1].symlink_to(file)
    return links


def write_bundle(name: str, folder: Path, feature_map: str, crops: int) -> None:
    """Write a fresh network with its front end, for LiteRT and, beside it, for Keras only."""
    from ser_lib.models import networks as models

    shape = (ROWS, ARCHITECTURES[name])
    front_end = FrontEnd(
        architecture=name,
        corpus="any",
        emotions=list("abcde"),
        feature_map=feature_map,
        channels=shape[1],
        crops=crops,
        standardiser=Standardiser(np.full(shape, -30, np.float32), np.full(shape, 15, np.float32)),
    )
    network = models.build(name, (ROWS, FRAMES, shape[1]), len(front_end.emotions))
    bundle.save(network, front_end, folder.with_name(f"{folder.name}-keras"))
    bundle.export(folder.with_name(f"{folder.name}-keras"), folder)


def _program(*command: object) -> None:
    """Run Python from its start to its end."""
    command = [sys.executable, *map(str, command)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _predict(what: Path, model: Path) -> None:
    _program("-m", "ser_lib.cli", "predict", what, "--model", model)


def _help() -> dict:
    values = alternate(
        {
            "ours": partial(_program, "-m", "ser_lib.cli", "--help"),
            "limit": partial(_program, "-c", "pass"),
        }
    )
    return row(
        START, "ser --help", "seconds", values, more_is_better=False,
        limit_name="Python that does nothing", target={"at_most": 0.3},
    )  # fmt: skip


def _one(clip: Path, folder: Path) -> dict:
    values = alternate(
        {
            "ours": partial(_predict, clip, folder / COMPARED),
            "rival": partial(_predict, clip, folder / f"{COMPARED}-keras"),
            "limit": partial(_program, "-c", _LIBRARIES),
        }
    )
    return row(
        START, f"ser predict one.wav, {title(COMPARED)}", "seconds", values, more_is_better=False,
        rival_name=KERAS, limit_name="importing the libraries", target={"at_most": 1.5},
    )  # fmt: skip


def _many(name: str, clips: list[Path], folder: Path) -> dict:
    def answers(model: Path) -> float:
        clock = time.perf_counter()
        _predict(clips[0].parent, model)
        return len(clips) / (time.perf_counter() - clock)

    sides = {"ours": partial(answers, folder / name)}
    if name == COMPARED:
        sides["rival"] = partial(answers, folder / f"{name}-keras")
    sides["limit"] = _network_alone(folder / name, clips[:SOME])
    return row(
        MANY, f"{CLIPS:,} clips, {title(name)} on {NETWORKS[name]}", "clips per second",
        alternate(sides), more_is_better=True, rival_name=KERAS if name == COMPARED else None,
        limit_name="the network alone, its input at hand", target={"at_least": 150},
    )  # fmt: skip


def _network_alone(model: Path, clips: list[Path]) -> Callable[[], float]:
    """Return a function that measures clips per second of networks in threads."""
    front_end = bundle.read_front_end(model)
    inputs = [front_end.windows(front_end.static(clip)) for clip in clips]
    networks = [bundle.load(model).network for _ in range(PROCESSORS)]

    def measure() -> float:
        clock = time.perf_counter()
        with ThreadPoolExecutor(PROCESSORS) as pool:
            list(pool.map(lambda network: [network(one) for one in inputs * 2], networks))
        return 2 * len(networks) * len(inputs) / (time.perf_counter() - clock)

    return measure
