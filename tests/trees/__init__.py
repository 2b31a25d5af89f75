"""Small copies of corpora, to test readers on without the corpora themselves.

`make` writes a tree of files in the exact layout of a corpus that this library reads, with the
irregularities that the real one has and tones for audio, and tells what a reader should make of
it. `write` makes any files.
"""

from dataclasses import dataclass
from pathlib import Path

from trees import acted, dialogues
from trees.files import Sound, write

__all__ = ["PLANS", "Sound", "Tree", "make", "write"]

PLANS = {
    "crema-d": acted.CREMA_D,
    "emodb": acted.EMODB,
    "emovo": acted.EMOVO,
    "esd": acted.ESD,
    "iemocap": dialogues.IEMOCAP,
    "meld": dialogues.MELD,
    "nemo": acted.NEMO,
    "ravdess": acted.RAVDESS,
    "savee": acted.SAVEE,
    "tess": acted.TESS,
}


@dataclass(frozen=True)
class Tree:
    """What was made."""

    root: Path  # to give to the reader
    rows: dict[str, dict[str, str | float]]  # all columns but `utterance` and `sha256`
    left_out: dict[str, str]  # words that the reason must have


def make(corpus: str, folder: str | Path) -> Tree:
    """Write a small copy of a corpus, the same every time, and return it."""
    plan = PLANS[corpus]
    recordings = [row["path"] for row in plan.rows] + [
        path for path in plan.left_out if path.endswith(".wav")
    ]
    files = dict.fromkeys(recordings, plan.sound) | plan.others
    rows = {}
    for row in plan.rows:
        sound = files[row["path"]]
        rows[row.get("utterance") or Path(row["path"]).stem] = (
            {"sex": "", "session": "", "sentence": ""}
            | {name: value for name, value in row.items() if name != "utterance"}
            | {
                "duration_s": round(round(sound.seconds * sound.rate) / sound.rate, 6),
                "sample_rate_hz": sound.rate,
            }
        )
    root = write(folder, {path: content for path, content in files.items() if content is not None})
    return Tree(root=root, rows=rows, left_out=dict(plan.left_out))
