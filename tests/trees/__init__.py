"""Small copies of corpora, to test readers on without the corpora themselves.

`make` writes a tree of files in the exact layout of a corpus that this library reads, with the
irregularities that the real one has and tones for audio, and tells what a reader should make of
it:

>>> import tempfile
>>> import trees
>>> from ser_lib import corpora
>>> with tempfile.TemporaryDirectory() as folder:
...     tree = trees.make("tess", folder)
...     rows, left_out = corpora.CATALOGUE["tess"].read(tree.root)
>>> len(rows) == len(tree.rows)
True

For a corpus of your own, `write` makes any files:

>>> with tempfile.TemporaryDirectory() as folder:
...     root = trees.write(folder, {"anna/happy-1.wav": trees.Sound(rate=8_000)})
...     print([file.name for file in root.rglob("*.wav")])
['happy-1.wav']
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
"""The corpora that can be made."""


@dataclass(frozen=True)
class Tree:
    """What was made.

    Attributes
    ----------
    root
        The folder to give to the reader.
    rows
        Utterance to its columns: all that a manifest has but `utterance` and `sha256`.
    left_out
        File that is not used to words that the reason must have.
    """

    root: Path
    rows: dict[str, dict[str, str | float]]
    left_out: dict[str, str]


def make(corpus: str, folder: str | Path) -> Tree:
    """Write a small copy of a corpus, the same every time.

    Parameters
    ----------
    corpus
        A key of `PLANS`.
    folder
        Becomes the root of the copy.
    """
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
