"""EmoDB, the Berlin Database of Emotional Speech (Burkhardt et al. 2005): acted German, CC0.

Files are `wav/SSttEv.wav`: two digits of speaker, three characters of sentence, one letter of
emotion (the first of its German name), one letter of version.
"""

import re
from pathlib import Path

from ser_lib.corpora import folder

EMOTIONS = {
    "W": "anger",  # Wut
    "L": "boredom",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happiness",  # Freude
    "N": "neutral",
    "T": "sadness",  # Trauer
}
WOMEN = {"08", "09", "13", "14", "16"}
MEN = {"03", "10", "11", "12", "15"}
_NAME = re.compile(r"(?P<speaker>\d\d)(?P<sentence>[ab]\d\d)(?P<label>[A-Z])(?P<version>[a-z])")


def read(root: Path) -> tuple[list[dict], list[dict]]:
    """Rows of the manifest, and the files whose names or emotions are not EmoDB's.

    Parameters
    ----------
    root
        The folder that holds `wav/`, or the folder of wav files itself.

    Raises
    ------
    CorpusError
        If there are no wav files.
    """
    files, left_out = folder.files(root, "*.wav")
    if not files:
        files, left_out = folder.locate(root, "wav/*.wav", corpus="EmoDB")
    rows = []
    for file in files:
        match = _NAME.fullmatch(file.stem)
        if match is None:
            reason = "the name is not one of EmoDB's (SSttEv.wav)"
            left_out.append(folder.left_out(root, file, reason))
            continue
        if match["label"] not in EMOTIONS:
            letters = ", ".join(EMOTIONS)
            reason = f"unknown emotion letter '{match['label']}'; EmoDB has: {letters}"
            left_out.append(folder.left_out(root, file, reason))
            continue
        speaker = match["speaker"]
        rows.append(
            folder.row(
                root,
                file,
                speaker=speaker,
                sex="female" if speaker in WOMEN else "male" if speaker in MEN else "",
                sentence=match["sentence"],
                emotion=EMOTIONS[match["label"]],
                label=match["label"],
            )
        )
    return rows, left_out
