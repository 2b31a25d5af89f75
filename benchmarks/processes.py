"""The attacks of `torture` on processes: killed, starved, many at once.

They run ``python -m benchmarks.processes FOLDER METHOD``, which trains a method on the corpus of
tones in FOLDER, and compare what is there in the end with what an undisturbed training gives.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from ser_lib import corpora
from ser_lib.core import files
from ser_lib.core.errors import SerError
from ser_lib.experiments import run as runs
from ser_lib.experiments import train

PATIENCE = 60  # seconds after which a case hangs
LIVES = 50  # of a report that is killed
METHODS: dict[str, dict] = {"lda": {}, "cnn": {"epochs": 1, "crops": 1, "copies": "none"}}
RESULTS = ("predictions.csv", "validation.csv", "split.csv", "history.csv")
ROOT = Path(__file__).parents[1]
APART = ["unshare", "--user", "--map-root-user", "--mount"]


def trained(folder: Path, method: str = "lda", workers: int = 1) -> runs.Run:
    """Train a method on the corpus of tones, in the workspace of this process."""
    manifest = corpora.load("table", folder / "corpus" / "table.csv")
    return train.train(method, manifest, workers=workers, **METHODS[method])


def attack_kill(folder: Path, rng: np.random.Generator) -> str | None:
    """Kill or interrupt a training again and again at a random moment, then let it end."""
    workspace = _empty(folder / "killed")
    method = str(rng.choice(list(METHODS)))
    seen: dict[Path, float] = {}
    for _ in range(6):
        process = _training(folder, workspace, method)
        time.sleep(rng.uniform(0.5, 8))
        how = signal.SIGKILL if rng.integers(2) else signal.SIGINT
        if process.poll() is None:
            os.killpg(process.pid, how)
        process.wait(PATIENCE)
        finished = _finished(workspace)
        if broke := _lost(seen, finished):
            return broke
        seen = finished
    last = _training(folder, workspace, method)
    if code := last.wait(4 * PATIENCE):
        return f"the last training ended with {code}"
    return _differs(folder, workspace, method)


def attack_collide(folder: Path, rng: np.random.Generator) -> str | None:
    """Train the same and other methods in two or eight processes at once; one of them is killed."""
    workspace, said = _empty(folder / "collided"), folder / "said"
    n = int(rng.choice([2, 8]))
    with said.open("w") as output:
        methods = list(islice(cycle(METHODS), n + 1))
        first, *others = [_training(folder, workspace, m, output) for m in methods]
        time.sleep(rng.uniform(2, 8))
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        if any(process.wait(8 * PATIENCE) for process in others):
            return f"a training failed: {said.read_text()[-200:]}"
    for method in sorted(set(methods[1:])):
        if broke := _differs(folder, workspace, method):
            return broke
        if (lines := said.read_text().count(f": {method}")) > 4:
            return f"{lines} times a fold was trained, of four"
    return None


def attack_starve(folder: Path, rng: np.random.Generator) -> str | None:
    """Train where something is missing, then once more where nothing is."""
    disk, kept = folder / "disk", folder / "kept"
    small = f"mount -t tmpfs -o size={int(10 ** rng.uniform(1, 3.6))}k tmpfs {disk}"
    large = f"mount -o remount,rw,size=1g {disk}"
    memory = rng.integers(10**6, 3 * 10**6)  # kilobytes
    locale = rng.choice(["C", "POSIX", "xx_YY.UTF-8", "tr_TR.ISO-8859-9"])
    (folder / "clock").mkdir(exist_ok=True)
    (folder / "clock" / "sitecustomize.py").write_text(
        "import itertools, time\nreal, hours = time.time, itertools.count(step=3600)\n"
        "time.time = lambda: real() - next(hours)\n"
    )
    scarce = {
        "a full disk": (small, large),
        "a disk that cannot be written": (f"mount -t tmpfs -o ro tmpfs {disk}", large),
        "little memory": (f"ulimit -S -v {memory}", "ulimit -S -v unlimited"),
        "no home": ("unset HOME XDG_CACHE_HOME XDG_CONFIG_HOME; HOME=/nowhere; export HOME", ":"),
        "an odd locale": (f"export LC_ALL={locale} PYTHONUTF8=0 PYTHONCOERCECLOCALE=0", ":"),
        "one core": ("taskset -p -c 0 $$", ":"),
        "a clock that goes back": (f"export PYTHONPATH={folder / 'clock'}:$PYTHONPATH", ":"),
    }
    if subprocess.run([*APART, "true"], capture_output=True).returncode:
        scarce = {name: how for name, how in scarce.items() if "disk" not in name}
    for name, (without, again) in scarce.items():
        _empty(disk)
        method = "cnn" if name == "little memory" else "lda"  # TensorFlow is what takes it
        once = f"{sys.executable} -m benchmarks.processes {folder} {method}"
        first = f"{without} > /dev/null && {{ {once}; echo ended $? >&2; }}"
        _empty(kept)
        command = ["sh", "-c", f"{first} && {again} && {once} && cp -r {disk}/runs {kept}"]
        process = _start([*APART, *command] if "disk" in name else command, disk, subprocess.PIPE)
        _, said = process.communicate(timeout=8 * PATIENCE)
        if process.returncode or "Traceback" in said or "ended" not in said:
            return f"{name}: {said[-300:]}"
        if broke := _differs(folder, kept, method):
            return f"{name}: {broke}"
    return None


def attack_book(folder: Path, rng: np.random.Generator) -> str | None:
    """Kill or interrupt a whole report of a small demo corpus many times, then let it end."""
    workspace = folder / "book"
    # Read by every Python that starts there: workers, kernels, the command itself.
    small = "{name: size | dict(n_speakers=6, n_sentences=1) for name, size in demo.SIZES.items()}"
    code = f"from ser_lib.corpora import demo; demo.SIZES = {small}"
    (folder / "small").mkdir(exist_ok=True)
    (folder / "small" / "sitecustomize.py").write_text(code)
    path = os.pathsep.join([str(folder / "small"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    run, book = (f"{sys.executable} -m ser_lib.cli {verb}" for verb in ("run", "book"))
    commands = f"{run} --set 'epochs=1 crops=1 copies=none' && exec {book}"

    def start(home: Path) -> subprocess.Popen:
        return _start(["sh", "-c", commands], home, subprocess.PIPE, PYTHONPATH=path)

    seen: dict[Path, float] = {}
    for _ in range(LIVES):
        workspace.mkdir(exist_ok=True)
        process = start(workspace)
        how = signal.SIGKILL if rng.integers(2) else signal.SIGINT
        try:
            _, said = process.communicate(timeout=np.exp(rng.uniform(0, np.log(40))))
            if process.returncode:
                return f"a report ended with {process.returncode}: {said[-200:]}"
            shutil.rmtree(workspace)  # it was finished, so a new one is begun
            seen = {}
            continue
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, how)
        clock = time.perf_counter()
        process.wait(PATIENCE)
        seconds = time.perf_counter() - clock
        _, said = process.communicate(timeout=PATIENCE)  # kernels end when they miss their parent
        if how == signal.SIGINT and (seconds > 5 or "Traceback" in said):
            return f"an interrupt took {seconds:.1f} s: {said[-300:]}"
        finished = _finished(workspace)
        if broke := _lost(seen, finished):
            return broke
        seen = finished
    quiet, books = folder / "quiet-book", []
    for home in (quiet, workspace, workspace):
        home.mkdir(exist_ok=True)
        process = start(home)
        _, said = process.communicate()
        if process.returncode:
            return f"the last report ended with {process.returncode}: {said[-300:]}"
        books.append({f: f.read_bytes() for f in home.glob("_build/*/html/**/*") if f.is_file()})
    if books[1] != books[2]:
        return "the same book was built in two ways"
    for file in (file for name in RESULTS for file in quiet.glob(f"runs/*/*/{name}")):
        if file.read_bytes() != (workspace / file.relative_to(quiet)).read_bytes():
            return f"{file.relative_to(quiet)} differs"
    return _left(workspace)


def _training(folder: Path, workspace: Path, method: str, stderr=subprocess.DEVNULL):
    command = [sys.executable, "-m", "benchmarks.processes", str(folder), method]
    return _start(command, workspace, stderr)


def _start(command: list[str], workspace: Path, stderr, **environment: str) -> subprocess.Popen:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        command,
        env=os.environ | {"SER_WORKSPACE": str(workspace), "PYTHONPATH": path} | environment,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _finished(workspace: Path) -> dict[Path, float]:
    """Return the folds and pages that are there, and when each was written."""
    folds, pages = workspace.glob("runs/*/folds/*/*/fold.json"), workspace.glob("runs/*/*/*.ipynb")
    return {file: file.stat().st_mtime for file in (*folds, *pages)}


def _lost(before: dict[Path, float], now: dict[Path, float]) -> str | None:
    """Say what was made again, or is there by half."""
    if again := [file for file, mtime in before.items() if now.get(file) != mtime]:
        return f"{again[0]} was made again"
    half = [f.parent for f in now if f.suffix == ".json" and files.altered(f.parent)]
    return f"{half[0]} is there by half" if half else None


def _left(workspace: Path) -> str | None:
    """Say which temporary files nobody would miss."""
    hidden = (".partial", *(f".{method}" for method in METHODS))
    left = [str(file) for file in workspace.rglob("*") if file.name.startswith(hidden)]
    return f"{left} are left" if left else None


def _differs(folder: Path, workspace: Path, method: str) -> str | None:
    """Say what of a method's run is not that of an undisturbed training."""
    quiet = folder / "quiet"
    if not [*quiet.glob(f"runs/table/{method}-*/record.json")]:
        quiet.mkdir(exist_ok=True)
        if code := _training(folder, quiet, method).wait(4 * PATIENCE):
            return f"an undisturbed training ended with {code}"
    (run,) = (file.parent for file in quiet.glob(f"runs/table/{method}-*/record.json"))
    other = workspace / run.relative_to(quiet)
    results = [run / name for name in RESULTS if (run / name).is_file()]
    if differing := [f for f in results if f.read_bytes() != (other / f.name).read_bytes()]:
        return f"{differing[0]} differs in {other}"
    return f"{other} is altered" if files.altered(other) else _left(workspace)


if __name__ == "__main__":
    try:
        trained(Path(sys.argv[1]), sys.argv[2], workers=2)
    except (SerError, OSError) as error:  # as the command line does
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
