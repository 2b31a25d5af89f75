"""EmoDB, the Berlin Database of Emotional Speech (Burkhardt et al. 2005): acted German, CC0.

Files are `wav/SSttEv.wav`: two digits of speaker, three characters of sentence, one letter of
emotion (the first of its German name), one letter of version.
"""

import re
from pathlib import Path

from ser_lib.errors import CorpusError

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
    folder = root / "wav" if (root / "wav").is_dir() else root
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".wav")
    if not files:
        raise CorpusError(f"no .wav files in {folder}; EmoDB's folder holds wav/03a01Fa.wav etc.")
    rows, left_out = [], []
    for file in files:
        path = str(file.relative_to(root))
        match = _NAME.fullmatch(file.stem)
        if match is None:
            left_out.append({"file": path, "reason": "the name is not one of EmoDB's (SSttEv.wav)"})
            continue
        if match["label"] not in EMOTIONS:
            letters = ", ".join(EMOTIONS)
            reason = f"unknown emotion letter '{match['label']}'; EmoDB has: {letters}"
            left_out.append({"file": path, "reason": reason})
            continue
        speaker = match["speaker"]
        rows.append(
            {
                "utterance": file.stem,
                "path": path,
                "speaker": speaker,
                "sex": "female" if speaker in WOMEN else "male" if speaker in MEN else "",
                "sentence": match["sentence"],
                "emotion": EMOTIONS[match["label"]],
                "label": match["label"],
            }
        )
    return rows, left_out
