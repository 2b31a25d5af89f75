"""CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset (Cao et al. 2014): acted English.

Files are `AudioWAV/AAAA_SSS_EMO_LV.wav`: four digits of actor, three letters of sentence and of
emotion, and the level of emotion that was asked for, XX where none was. One name ends in a single
X (1040_ITH_SAD_X); its utterance is named like the others. 1076_MTI_SAD_XX was published without
sound and is left out. The column `intensity` is "low", "medium", "high" or "".
"""

from ser_lib.corpora.corpus import Corpus

EMOTIONS = {
    "ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral",
    "SAD": "sadness",
}  # fmt: skip
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "", "X": ""}
SENTENCES = "IEO|TIE|IOM|IWW|TAI|MTI|IWL|ITH|DFA|ITS|TSI|WSI"
WOMEN = {
    1002, 1003, 1004, 1006, 1007, 1008, 1009, 1010, 1012, 1013, 1018, 1020, 1021, 1024, 1025,
    1028, 1029, 1030, 1037, 1043, 1046, 1047, 1049, 1052, 1053, 1054, 1055, 1056, 1058, 1060,
    1061, 1063, 1072, 1073, 1074, 1075, 1076, 1078, 1079, 1082, 1084, 1089, 1091,
}  # fmt: skip
"""From the corpus's own VideoDemographics.csv, which some copies lack."""


def _columns(name):
    speaker, sentence, level = name["speaker"], name["sentence"].upper(), name["level"].upper()
    utterance = f"{speaker}_{sentence}_{name['label']}_{level:X<2}"
    if utterance == "1076_MTI_SAD_XX":
        return "was published without sound"
    return {
        "utterance": utterance,
        "sex": "female" if int(speaker) in WOMEN else "male",
        "sentence": sentence,
        "intensity": LEVELS[level],
    }


CORPUS = Corpus(
    name="crema-d",
    title="CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset",
    language="English",
    licence="ODbL 1.0",
    home="GitHub CheyneyComputerScience/CREMA-D",
    about=(
        "Ninety-one actors, 43 women and 48 men, spoke twelve sentences in six emotions, some of "
        "them at three levels {cite:p}`cao2014cremad`. One recording was published without sound "
        "and is left out."
    ),
    form="AudioWAV/AAAA_SSS_EMO_LV.wav",
    files="AudioWAV/*.wav",
    pattern=(
        r"(?P<speaker>10(?:0[1-9]|[1-8]\d|9[01]))_"
        rf"(?P<sentence>{SENTENCES})_(?P<label>{'|'.join(EMOTIONS)})_"
        r"(?P<level>LO|MD|HI|XX?)"
    ),
    labels=EMOTIONS,
    columns=_columns,
    speakers=91,
    hours=5.26,
    counts=dict.fromkeys(EMOTIONS.values(), 1271) | {"neutral": 1087, "sadness": 1270},
    protocol="speaker-kfold",
)
