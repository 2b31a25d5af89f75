"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song (Livingstone and Russo
2018): acted English, of which the speech without pictures is read.

Files are `Actor_AA/MM-CC-EE-II-SS-RR-AA.wav`, two digits each: modality (03 audio alone), channel
(01 speech), emotion, intensity, statement, repetition, actor (odd numbers are men). Song and video
are left out. The column `intensity` is "normal" or "strong"; neutral speech has one intensity only.
"""

from ser_lib.corpora.corpus import Corpus

EMOTIONS = {
    "01": "neutral", "02": "calm", "03": "happiness", "04": "sadness", "05": "anger",
    "06": "fear", "07": "disgust", "08": "surprise",
}  # fmt: skip
INTENSITIES = {"01": "normal", "02": "strong"}


def _columns(name):
    if name["channel"] == "02":
        return "is song, not speech"
    if name["modality"] != "03":
        return "is video; 03 at the start is audio alone"
    return {
        "sex": "male" if int(name["speaker"]) % 2 else "female",
        "intensity": INTENSITIES[name["intensity"]],
    }


CORPUS = Corpus(
    name="ravdess",
    title="RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song",
    language="English",
    licence="CC BY-NC-SA 4.0",
    home="Zenodo record 1188976, Audio_Speech_Actors_01-24.zip",
    about=(
        "Twelve women and twelve men, all actors, spoke two sentences in eight emotions, each "
        "twice and, except for neutral, at two intensities {cite:p}`livingstone2018ravdess`. The "
        "songs of the corpus are not used. One recording has two names, which must not be split "
        "between training and test."
    ),
    form="Actor_AA/MM-CC-EE-II-SS-RR-AA.wav",
    files="Actor_*/*.wav",
    pattern=(
        r"(?P<modality>0[1-3])-(?P<channel>0[12])-(?P<label>0[1-8])-(?P<intensity>0[12])-"
        r"(?P<sentence>0[12])-0[12]-(?P<speaker>0[1-9]|1\d|2[0-4])"
    ),
    labels=EMOTIONS,
    columns=_columns,
    speakers=24,
    hours=1.48,
    counts=dict.fromkeys(EMOTIONS.values(), 192) | {"neutral": 96},
)
