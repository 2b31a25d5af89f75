"""TESS, the Toronto emotional speech set (Pichora-Fuller and Dupuis): acted English, two women.

Files are `OAF_word_emotion.wav` (the older actress) and `YAF_word_emotion.wav` (the younger), in
one folder, or in folders for each actress and emotion. One name is spelt OA_bite_neutral; its
utterance is named like the others.
"""

import re
from collections.abc import Iterable
from itertools import product
from pathlib import Path

from ser_lib.corpora import folder

EMOTIONS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "ps": "surprise",  # pleasant surprise
    "sad": "sadness",
}
SPEAKERS = ("OAF", "YAF")
_FOLDER = re.compile(r"[OY]AF_.+", re.IGNORECASE)
_GRAMMAR = re.compile(
    rf"(?:[^/]+/)?(?P<initial>[OY])AF?_(?P<word>[^/_]+)_(?P<label>{'|'.join(EMOTIONS)})",
    re.IGNORECASE,
)


def read(root: Path) -> tuple[list[dict], list[dict]]:
    """Rows of the manifest, and the files that are not used.

    Parameters
    ----------
    root
        The folder of all wav files, or of the folders that hold them.

    Raises
    ------
    CorpusError
        If there are no wav files, or `root` is one of those folders.
    """
    found, refused = folder.files(root, "*.wav")
    if not found or _FOLDER.fullmatch(root.absolute().name):
        folder.locate(root, "*/[OY]A*_*_*.wav", corpus="TESS")  # says so if there are none
        found, refused = folder.files(root, "*/*.wav")
    files, left_out = folder.named(
        root, found, _GRAMMAR, corpus="TESS", form="OAF_word_emotion.wav"
    )
    rows = []
    for file, name in files:
        speaker = f"{name['initial'].upper()}AF"
        word, label = name["word"].lower(), name["label"].lower()
        rows.append(
            folder.row(
                root,
                file,
                utterance=f"{speaker}_{word}_{label}",
                speaker=speaker,
                sex="female",
                sentence=word,
                emotion=EMOTIONS[label],
                label=label,
            )
        )
    return rows, refused + left_out


def expected(names: Iterable[str]) -> set[str]:
    """Name the utterances of a complete copy: every word that is there, in every emotion."""
    words = {name.split("_")[1] for name in names}
    return {"_".join(parts) for parts in product(SPEAKERS, words, EMOTIONS)}
