"""SAVEE, the Surrey Audio-Visual Expressed Emotion database (Haq and Jackson 2009): acted English.

Files are `SS/eNN.wav`: the speaker's folder (four men), one or two letters of emotion, the number
of the sentence. As the names repeat in every folder, utterances are named like `DC_a01`.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from ser_lib.corpora import folder

EMOTIONS = {
    "sa": "sadness",
    "su": "surprise",
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
}
SPEAKERS = ("DC", "JE", "JK", "KL")
_GRAMMAR = re.compile(
    rf"(?P<speaker>{'|'.join(SPEAKERS)})/(?P<label>{'|'.join(EMOTIONS)})(?P<number>\d\d)",
    re.IGNORECASE,
)


def read(root: Path) -> tuple[list[dict], list[dict]]:
    """Rows of the manifest, and the files that are not used.

    Raises
    ------
    CorpusError
        If there are no wav files.
    """
    found, refused = folder.locate(root, "[DJK][CEKL]/*.wav", corpus="SAVEE")
    files, left_out = folder.named(root, found, _GRAMMAR, corpus="SAVEE", form="DC/a01.wav")
    rows = []
    for file, name in files:
        speaker, label = name["speaker"].upper(), name["label"].lower()
        sentence = f"{label}{name['number']}"
        rows.append(
            folder.row(
                root,
                file,
                utterance=f"{speaker}_{sentence}",
                speaker=speaker,
                sex="male",
                sentence=sentence,
                emotion=EMOTIONS[label],
                label=label,
            )
        )
    return rows, refused + left_out


def expected(names: Iterable[str]) -> set[str]:
    """Name the utterances of a complete copy, whichever of them are there."""
    return {
        f"{speaker}_{label}{number:02d}"
        for speaker in SPEAKERS
        for label in EMOTIONS
        for number in range(1, 31 if label == "n" else 16)
    }
