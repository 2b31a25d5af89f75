"""SAVEE, the Surrey Audio-Visual Expressed Emotion database (Haq and Jackson 2009): acted English.

Files are `SS/eNN.wav`: the speaker's folder (four men), one or two letters of emotion, the number
of the sentence. As the names repeat in every folder, utterances are named like `DC_a01`, and so are
the files of copies that have one folder.
"""

from ser_lib.corpora.corpus import Corpus

EMOTIONS = {
    "sa": "sadness", "su": "surprise", "a": "anger", "d": "disgust", "f": "fear",
    "h": "happiness", "n": "neutral",
}  # fmt: skip
SPEAKERS = ("DC", "JE", "JK", "KL")


def _columns(name):
    speaker, sentence = name["speaker"].upper(), f"{name['label']}{name['number']}"
    return {
        "utterance": f"{speaker}_{sentence}",
        "speaker": speaker,
        "sex": "male",
        "sentence": sentence,
    }


CORPUS = Corpus(
    name="savee",
    title="SAVEE, the Surrey Audio-Visual Expressed Emotion database",
    language="English",
    licence="by registration",
    home="University of Surrey",
    about=(
        "Four men spoke fifteen sentences in each of six emotions and thirty in a neutral voice "
        "{cite:p}`haq2009speaker`. Four speakers, all men, are few: how well the scores hold for "
        "other voices is open."
    ),
    form="DC/a01.wav",
    files="[DJK][CEKL]/*.wav",
    pattern=(
        rf"(?P<speaker>{'|'.join(SPEAKERS)})[/_](?P<label>{'|'.join(EMOTIONS)})(?P<number>\d\d)"
    ),
    labels=EMOTIONS,
    columns=_columns,
    speakers=4,
    hours=0.51,
    counts=dict.fromkeys(EMOTIONS.values(), 60) | {"neutral": 120},
)
