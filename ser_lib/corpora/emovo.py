"""EMOVO (Costantini et al. 2014): acted Italian, three women and three men.

Files are `f1/neu-f1-b1.wav`: the speaker's folder, three letters of the Italian emotion, the
speaker, the sentence.
"""

import re
from collections.abc import Iterable
from itertools import product
from pathlib import Path

from ser_lib.corpora import folder

EMOTIONS = {
    "dis": "disgust",  # disgusto
    "gio": "happiness",  # gioia
    "neu": "neutral",
    "pau": "fear",  # paura
    "rab": "anger",  # rabbia
    "sor": "surprise",  # sorpresa
    "tri": "sadness",  # tristezza
}
SPEAKERS = ("f1", "f2", "f3", "m1", "m2", "m3")
_GRAMMAR = re.compile(
    rf"(?P<speaker>[fm][1-3])/(?P<label>{'|'.join(EMOTIONS)})-(?P=speaker)-(?P<sentence>[a-z]\d)",
    re.IGNORECASE,
)


def read(root: Path) -> tuple[list[dict], list[dict]]:
    """Rows of the manifest, and the files that are not used.

    Raises
    ------
    CorpusError
        If there are no wav files.
    """
    found, refused = folder.locate(root, "[fm][1-3]/*.wav", corpus="EMOVO")
    files, left_out = folder.named(root, found, _GRAMMAR, corpus="EMOVO", form="f1/neu-f1-b1.wav")
    rows = []
    for file, name in files:
        speaker, label, sentence = (part.lower() for part in name.groups())
        rows.append(
            folder.row(
                root,
                file,
                utterance=f"{label}-{speaker}-{sentence}",
                speaker=speaker,
                sex="female" if speaker.startswith("f") else "male",
                sentence=sentence,
                emotion=EMOTIONS[label],
                label=label,
            )
        )
    return rows, refused + left_out


def expected(names: Iterable[str]) -> set[str]:
    """Name the utterances of a complete copy: every sentence that is there, from every speaker."""
    sentences = {name.split("-")[2] for name in names}
    return {"-".join(parts) for parts in product(EMOTIONS, SPEAKERS, sentences)}
