"""The wheel in an environment of its own: prediction alone, then the demo book in an empty folder.

Called by `make wheel` with the wheel's file. The packages come from where pip takes them, in the
versions of requirements.lock. It prints what each environment weighs and how long it took.
"""

import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements.lock"
HEAVY = ("tensorflow", "keras", "sphinx", "jupyter_book", "matplotlib", "librosa", "papermill")


def main(wheel: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        bare = installed(place / "bare", str(wheel))
        (site,) = (place / "bare").glob("lib/*/site-packages")
        assert not [name for name in HEAVY if (site / name).exists()], "prediction alone is light"
        (place / "empty").mkdir()
        said = run(bare / "ser", "run", folder=place / "empty", fails=True)
        assert "pip install 'ser-lib[report]'" in said, said
        full = installed(place / "full", f"{wheel}[report]")
        run(full / "ser", "run", "--corpus", "demo", folder=place / "empty")
        run(full / "ser", "book", folder=place / "empty")
        book = place / "empty" / "_build" / "demo" / "html"
        assert (book / "runs" / "conclusions.html").is_file()
        assert sorted(path.name for path in (place / "empty").iterdir()) == [
            "_build",
            "data",
            "runs",
        ]
        # What was trained answers where there is no TensorFlow.
        audio = min((place / "empty" / "data" / "demo" / "wav").glob("*.wav"))
        words = ("predict", str(audio), "--model", "demo/cnn_gru")
        print(run(bare / "ser", *words, folder=place / "empty"))


def installed(folder: Path, what: str) -> Path:
    """Install a wheel in a new environment; return the folder of its commands."""
    clock = time.monotonic()
    venv.create(folder, with_pip=True)
    (site,) = folder.glob("lib/*/site-packages")
    before = weight(site)
    pins = [line.strip(" \\") for line in LOCK.read_text().splitlines() if line[:1].strip()]
    (folder / "pins.txt").write_text("\n".join(pins))  # a wheel from here has no hash there
    pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet")
    run(*pip, "--disable-pip-version-check", "-c", "pins.txt", what, folder=folder)
    seconds, size = time.monotonic() - clock, weight(site) - before
    print(f"{folder.name}: {size / 1e6:,.0f} MB, {seconds:.0f} s", flush=True)
    return folder / "bin"


def weight(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def run(*command, folder: Path, fails: bool = False) -> str:
    """Run a command in a folder, without what this environment would lend it."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "SER_WORKSPACE")}
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=clean, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert (done.returncode != 0) is fails, done.stdout
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
