"""TESS, the Toronto emotional speech set (Pichora-Fuller and Dupuis): acted English, two women.

Files are `OAF_word_emotion.wav` (the older actress) and `YAF_word_emotion.wav` (the younger), in
one folder, or in folders for each actress and emotion. One name is spelt OA_bite_neutral; its
utterance is named like the others.
"""

from ser_lib.corpora.corpus import Corpus

EMOTIONS = {
    "angry": "anger", "disgust": "disgust", "fear": "fear", "happy": "happiness",
    "neutral": "neutral", "ps": "surprise", "sad": "sadness",  # ps: pleasant surprise
}  # fmt: skip


def _columns(name):
    speaker, word = f"{name['initial'].upper()}AF", name["word"].lower()
    return {
        "utterance": f"{speaker}_{word}_{name['label']}",
        "speaker": speaker,
        "sex": "female",
        "sentence": word,
    }


CORPUS = Corpus(
    name="tess",
    title="TESS, the Toronto emotional speech set",
    language="English",
    licence="CC BY-NC-ND 4.0",
    home="doi 10.5683/SP2/E8H2MF",
    about=(
        "Two women spoke two hundred words in seven emotions {cite:p}`pichorafuller2020toronto`. "
        "Two speakers allow only the protocol `random`, with both voices in training and test, so "
        "this corpus supports no claim about new speakers."
    ),
    form="OAF_word_emotion.wav",
    files="[OY]AF_*/[OY]A*_*_*.wav",
    pattern=(rf"(?P<initial>[OY])AF?_(?P<word>[^/_]+)_(?P<label>{'|'.join(EMOTIONS)})"),
    labels=EMOTIONS,
    columns=_columns,
    speakers=2,
    hours=1.60,
    counts=dict.fromkeys(EMOTIONS.values(), 400),
    protocol="random",
)
