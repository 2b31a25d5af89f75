"""Attack what is promised in SECURITY.md: ``make torture [ARGUMENTS="--seed 1 --share 0.1"]``.

Each attack has numbered cases; a case follows from the seed and its number, so that one that broke
is repeated alone: ``python -m benchmarks.torture --only audio --from 17 --cases 1``. Cases run in a
process with a limit on memory, which ends if one takes too long, and another process goes on with
the next. A case holds if what came of it is an answer or a `SerError` of one line.
"""

import argparse
import faulthandler
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from benchmarks import processes
from ser_lib import corpora
from ser_lib.core import audio
from ser_lib.core.errors import AudioError, RecordError, SerError, StoreError
from ser_lib.experiments import run as runs
from ser_lib.features import store
from ser_lib.models import bundle, predict

MEMORY = 500_000_000  # bytes that a case may take
SECONDS = 2.0  # of the processor, for the same
PATIENCE = {"kill": 600, "collide": 600, "starve": 900, "book": 2400}
"""Seconds after which a case hangs, where it is not a minute; these start processes."""
RATE = 16_000
FORMATS = {
    **{f"{kind}.wav": kind for kind in ("PCM_U8", "PCM_16", "PCM_24", "FLOAT", "DOUBLE", "ULAW")},
    **{"a.flac": "PCM_16", "a.ogg": "VORBIS", "a.mp3": "MPEG_LAYER_III", "a.aiff": "PCM_16"},
    **{"a.au": "PCM_16", "a.caf": "PCM_16", "a.w64": "PCM_16", "a.rf64": "PCM_16"},
}


def prepare(folder: Path) -> None:
    """Make what is attacked: audio in many formats, a corpus of tones, its run and its features."""
    noise = np.random.default_rng(0)
    voice = 0.1 * noise.standard_normal(RATE // 2)
    (folder / "audio").mkdir(parents=True)
    for name, subtype in FORMATS.items():
        soundfile.write(folder / "audio" / name, voice, RATE, subtype=subtype)
    rows = ["path,speaker,emotion"]
    (folder / "corpus").mkdir()
    for i in range(24):
        time_s = np.arange(RATE // 2) / RATE
        tone = 0.2 * np.sin(2 * np.pi * 150 * (1 + i % 3) * time_s)
        soundfile.write(
            folder / "corpus" / f"{i}.wav", tone + 0.01 * noise.standard_normal(len(tone)), RATE
        )
        rows.append(f"{i}.wav,s{i // 6},{('anger', 'neutral', 'sadness')[i % 3]}")
    (folder / "corpus" / "table.csv").write_text("\n".join(rows) + "\n")
    run = processes.trained(folder)
    shutil.copytree(run.folder, folder / "run")
    shutil.copytree(store.build(run.corpus, workers=0).address, folder / "store")


def mutated(content: bytes, rng: np.random.Generator, *, head: int = 64) -> bytes:
    """Return a content with one kind of damage."""
    data = np.frombuffer(content, np.uint8).copy()
    start = int(rng.integers(len(data)))
    size = int(rng.integers(1, 400))
    match rng.integers(8):
        case 0:
            data[rng.integers(len(data), size=rng.integers(1, 9))] ^= rng.integers(
                1, 256, dtype="u1"
            )
        case 1:
            places = rng.integers(min(head, len(data)), size=rng.integers(1, 9))
            data[places] = rng.integers(256, size=len(places))
        case 2:
            data = data[:start]
        case 3:
            data = np.concatenate([data, rng.integers(256, size=size, dtype="u1")])
        case 4:
            data[start : start + size] = 0
        case 5:  # a length, a rate or a count in the head
            place = 4 * int(rng.integers(max(1, min(head, len(data)) // 4 - 1)))
            value = int(rng.choice([0, 1, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 10**9]))
            order = "little" if rng.integers(2) else "big"
            new = np.frombuffer(value.to_bytes(4, order), np.uint8)
            data[place : place + 4] = new[: len(data[place : place + 4])]
        case 6:
            data = np.concatenate([data[:start], data[max(0, start - size) :]])
        case _:
            data = np.delete(data, slice(start, start + size))
    return data.tobytes()


def attack_audio(folder: Path, rng: np.random.Generator) -> str | None:
    """Read a mutant of an audio file."""
    source = folder / "audio" / str(rng.choice(sorted(FORMATS)))
    case = folder / f"case{source.suffix}"
    content = source.read_bytes()
    for _ in range(rng.integers(1, 4)):
        content = mutated(content, rng) or b"\0"
    case.write_bytes(content)
    try:
        signal = audio.load(case)
    except AudioError as error:
        return (
            None if str(error) == f"{case}: {error.reason}" and "\n" not in str(error) else "said"
        )
    return None if np.isfinite(signal).all() and len(signal) else "no signal"


def attack_bundle(folder: Path, rng: np.random.Generator) -> str | None:
    """Ask a bundle with a changed value, or a mutant of one, for an answer."""
    source, case = folder / "run" / "bundle", folder / "bundle"
    shutil.rmtree(case, ignore_errors=True)
    shutil.copytree(source, case)
    file = case / "front_end.json"
    described = json.loads(file.read_text())
    values = [0, -3, 1e9, 1e300, float("nan"), "x", "", None, [], {}, [[]], True, ["a"], "../../x"]
    if rng.integers(3):
        key = str(rng.choice(sorted(described)))
        part = described[key]
        value = values[rng.integers(len(values))]
        if isinstance(part, list) and rng.integers(2):
            part[rng.integers(len(part))] = value
        else:
            described[key] = value
        file.write_text(json.dumps(described))
    else:
        file.write_bytes(mutated(file.read_bytes(), rng, head=600))
    answer = predict.predict(folder / "corpus" / "0.wav", case)
    sums = answer.probabilities.sum(axis=1)
    return None if np.allclose(sums, 1, atol=1e-3) else f"probabilities add up to {sums}"


def attack_run(folder: Path, rng: np.random.Generator) -> str | None:
    """Read a run of which a byte was changed."""
    case = folder / "altered"
    shutil.rmtree(case, ignore_errors=True)
    shutil.copytree(folder / "run", case)
    file = rng.choice(sorted(file for file in case.rglob("*") if file.is_file()))
    content = bytearray(file.read_bytes())
    content[rng.integers(len(content))] ^= int(rng.integers(1, 256))
    file.write_bytes(content)
    try:
        runs.read(case)
    except RecordError:
        return None
    return f"{file.name} was used"


def attack_store(folder: Path, rng: np.random.Generator) -> str | None:
    """Read all features of a store of which a byte was changed."""
    case = folder / "features"
    shutil.rmtree(case, ignore_errors=True)
    shutil.copytree(folder / "store", case)
    file = case / "000000.npy"
    content = bytearray(file.read_bytes())
    content[rng.integers(128, len(content))] ^= int(rng.integers(1, 256))
    file.write_bytes(content)
    try:
        store.Store(str(case), 24)[0]
    except StoreError:
        return None
    return "the chunk was used"


def attack_table(folder: Path, rng: np.random.Generator) -> str | None:
    """Load a corpus by a mutant of its table."""
    content = (folder / "corpus" / "table.csv").read_bytes()
    words = [
        *(b"../../etc/passwd", b"/dev/zero", b"\0", b"=cmd|' /C calc'!A0", b"\xe2\x80\xae", b'"'),
        *(b"x" * 5000, b"{{ 7*7 }}", b"<script>", b"nan", b"1e999", b"," * 5000),
    ]
    if rng.integers(2):
        cells = content.split(b",")
        cells[rng.integers(len(cells))] = words[rng.integers(len(words))]
        content = b",".join(cells)
    else:
        content = mutated(content, rng)
    case = folder / "corpus" / "case.csv"
    case.write_bytes(content)
    corpora.load("table", case)
    return None


def attack_archive(folder: Path, rng: np.random.Generator) -> str | None:
    """Ask a `network.keras` that is a mutant of a zip file, or no network, for an answer."""
    file, content = folder / "keras" / "network.keras", io.BytesIO()
    file.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5", "../../evil"):
            text = rng.choice(["{}", "[]", '{"class_name": "Lambda", "config": {}}', "x"])
            archive.writestr(name, str(text))
    shape = {"mean": [[0.0]] * 60, "std": [[1.0]] * 60}
    front = {"schema": bundle.SCHEMA, "architecture": "cnn", "corpus": "c", "emotions": ["a", "b"]}
    front |= {"feature_map": "logmel", "channels": 1, "crops": 1, "copies": "none"}
    (file.parent / "front_end.json").write_text(json.dumps(front | {"standardiser": shape}))
    file.write_bytes(mutated(content.getvalue(), rng))
    predict.predict(folder / "corpus" / "0.wav", file.parent)
    return "it answered"


Attack = Callable[[Path, np.random.Generator], str | None]
ATTACKS: dict[str, tuple[Attack, int]] = {
    "audio": (attack_audio, 10_000),
    "bundle": (attack_bundle, 600),
    "archive": (attack_archive, 60),
    "run": (attack_run, 300),
    "store": (attack_store, 300),
    "table": (attack_table, 400),
    "kill": (processes.attack_kill, 3),
    "collide": (processes.attack_collide, 3),
    "starve": (processes.attack_starve, 1),
    "book": (processes.attack_book, 1),
}
"""By its name, an attack and its cases; it returns how a case broke, or None."""


def case(name: str, folder: Path, seed: int, number: int) -> str | None:
    """Run a case of an attack; return how it broke, or None."""
    rng = np.random.default_rng([seed, sorted(ATTACKS).index(name), number])
    started = time.process_time()
    try:
        broke = ATTACKS[name][0](folder, rng)
    except SerError as error:
        broke = None if "\n" not in str(error) else f"more than a line: {error}"
    except Exception as error:
        broke = f"{type(error).__name__}: {error}"
    if not broke and (spent := time.process_time() - started) > SECONDS and name == "audio":
        broke = f"took {spent:.1f} s"
    return broke


def _serve(name: str, folder: Path, seed: int, first: int, stop: int) -> None:
    """Run cases, and tell of each before it begins, and if it broke."""
    patience = PATIENCE.get(name, 60)
    if name not in PATIENCE:
        case(name, folder, seed, first)  # what is imported is not counted
    if name in ("audio", "bundle", "table"):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in range(first, stop):
        faulthandler.dump_traceback_later(patience, exit=True, file=sys.__stderr__)
        print(json.dumps([number, "begun"]), flush=True)
        if broke := case(name, folder, seed, number):
            print(json.dumps([number, broke]), flush=True)
    print(json.dumps([stop, "done"]), flush=True)


def attack(name: str, folder: Path, seed: int, first: int, stop: int) -> list[tuple[int, str]]:
    """Run cases of an attack in processes of their own; return those that broke, and how."""
    broke: list[tuple[int, str]] = []
    while first < stop:
        words = [name, str(folder), *map(str, (seed, first, stop))]
        command = [sys.executable, "-m", "benchmarks.torture", "--serve", *words]
        environment = os.environ | {"SER_WORKSPACE": str(folder / "workspace")}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
        broke += [(n, how) for n, how in lines if how not in ("begun", "done")]
        last = lines[-1][0] if lines else first
        if not lines or lines[-1][1] != "done":
            broke.append((last, f"ended the process ({done.returncode}): {done.stderr[-200:]}"))
        first = last + 1
    return broke


def main(arguments: list[str] | None = None) -> int:
    """Run the attacks, print what was tried and what broke; return 1 if anything did."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of the cases of each attack")
    parser.add_argument("--only", choices=ATTACKS, help="one attack")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first case")
    parser.add_argument("--cases", type=int, help="so many cases")
    parser.add_argument("--serve", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        name, folder, *numbers = options.serve
        _serve(name, Path(folder), *map(int, numbers))
        return 0
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["SER_WORKSPACE"] = str(Path(temporary, "workspace"))
        prepare(Path(temporary))
        print(f"{'attack':<9}{'tried':>7}{'broke':>7}{'seconds':>9}", flush=True)
        for name in [options.only] if options.only else ATTACKS:
            clock = time.perf_counter()
            n = options.cases or max(1, round(options.share * ATTACKS[name][1]))
            broke = attack(name, Path(temporary), options.seed, options.first, options.first + n)
            seconds = time.perf_counter() - clock
            print(f"{name:<9}{n:>7}{len(broke):>7}{seconds:>9.0f}", flush=True)
            for number, how in broke[:10]:
                print(f"  case {number}: {' '.join(how.split())[:300]}", flush=True)
            failed += len(broke)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
