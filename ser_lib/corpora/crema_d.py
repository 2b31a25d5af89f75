"""CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset (Cao et al. 2014): acted English.

Files are `AudioWAV/AAAA_SSS_EMO_LV.wav`: four digits of actor, three letters of sentence and of
emotion, and the level of emotion that was asked for, XX where none was. One name ends in a single
X (1040_ITH_SAD_X); its utterance is named like the others. 1076_MTI_SAD_XX was published without
sound and is left out. The column `intensity` is "low", "medium", "high" or "".
"""

import re
from pathlib import Path

from ser_lib.corpora import folder

EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": ""}
SENTENCES = ["IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI"]
WOMEN = {
    1002, 1003, 1004, 1006, 1007, 1008, 1009, 1010, 1012, 1013, 1018, 1020, 1021, 1024, 1025,
    1028, 1029, 1030, 1037, 1043, 1046, 1047, 1049, 1052, 1053, 1054, 1055, 1056, 1058, 1060,
    1061, 1063, 1072, 1073, 1074, 1075, 1076, 1078, 1079, 1082, 1084, 1089, 1091,
}  # fmt: skip
"""From the corpus's own VideoDemographics.csv, which some copies lack."""
SILENT = {"1076_MTI_SAD_XX"}
_GRAMMAR = re.compile(
    rf"AudioWAV/(?P<actor>10(?:0[1-9]|[1-8]\d|9[01]))_(?P<sentence>{'|'.join(SENTENCES)})_"
    rf"(?P<label>{'|'.join(EMOTIONS)})_(?P<level>LO|MD|HI|XX?)",
    re.IGNORECASE,
)


def read(root: Path) -> tuple[list[dict], list[dict]]:
    """Rows of the manifest, and the files that are not used.

    Raises
    ------
    CorpusError
        If there are no wav files.
    """
    found, refused = folder.locate(root, "AudioWAV/*.wav", corpus="CREMA-D")
    files, left_out = folder.named(
        root, found, _GRAMMAR, corpus="CREMA-D", form="AudioWAV/AAAA_SSS_EMO_LV.wav"
    )
    rows = []
    for file, name in files:
        actor, sentence, label, level = (part.upper() for part in name.groups())
        level = "XX" if level == "X" else level
        utterance = f"{actor}_{sentence}_{label}_{level}"
        if utterance in SILENT:
            reason = "was published without sound"
            left_out.append(folder.left_out(root, file, reason))
            continue
        rows.append(
            folder.row(
                root,
                file,
                utterance=utterance,
                speaker=actor,
                sex="female" if int(actor) in WOMEN else "male",
                sentence=sentence,
                emotion=EMOTIONS[label],
                label=label,
                intensity=LEVELS[level],
            )
        )
    return rows, refused + left_out
