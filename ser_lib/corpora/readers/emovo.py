"""EMOVO (Costantini et al. 2014): acted Italian, three women and three men.

Files are `f1/neu-f1-b1.wav`: the speaker's folder, three letters of the Italian emotion, the
speaker, the sentence.
"""

from ser_lib.corpora.corpus import Corpus

# disgusto, gioia, neutro, paura, rabbia, sorpresa, tristezza
EMOTIONS = {
    "dis": "disgust", "gio": "happiness", "neu": "neutral", "pau": "fear", "rab": "anger",
    "sor": "surprise", "tri": "sadness",
}  # fmt: skip


def _columns(name):
    speaker, sentence = name["speaker"].lower(), name["sentence"].lower()
    return {
        "utterance": f"{name['label']}-{speaker}-{sentence}",
        "speaker": speaker,
        "sex": "female" if speaker.startswith("f") else "male",
        "sentence": sentence,
    }


CORPUS = Corpus(
    name="emovo",
    title="EMOVO",
    language="Italian",
    licence="unclear",
    home="the authors of its paper (Costantini et al. 2014)",
    about=(
        "Three women and three men spoke fourteen sentences in seven emotions "
        "{cite:p}`costantini2014emovo`. Everyone says every sentence in every emotion, so the "
        "words carry no information on it."
    ),
    form="f1/neu-f1-b1.wav",
    files="[fm][1-3]/*.wav",
    pattern=(rf"(?P<label>{'|'.join(EMOTIONS)})-(?P<speaker>[fm][1-3])-(?P<sentence>[a-z]\d)"),
    labels=EMOTIONS,
    columns=_columns,
    speakers=6,
    hours=0.51,
    counts=dict.fromkeys(EMOTIONS.values(), 84),
)
