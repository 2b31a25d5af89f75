"""ESD, the Emotional Speech Dataset (Zhou et al. 2022): acted Mandarin and English.

Files are `SSSS/Emotion/SSSS_NNNNNN.wav`: speakers 0001 to 0010 speak Mandarin, 0011 to 0020
English, which is told in the column `language`. Some copies have folders for training, evaluation
and test between the last two, which are passed by. The numbers of a speaker run through the
emotions, 350 of each, in the same order of sentences, so a sentence is named by its language and
its place in that order.
"""

from ser_lib.corpora.corpus import Corpus

EMOTIONS = {
    "Neutral": "neutral", "Angry": "anger", "Happy": "happiness", "Sad": "sadness",
    "Surprise": "surprise",
}  # fmt: skip
WOMEN = {"0001", "0002", "0003", "0007", "0009", "0015", "0016", "0017", "0018", "0019"}


def _columns(name):
    speaker = name["speaker"]
    language = "Mandarin" if speaker <= "0010" else "English"
    place = (int(name["number"]) - 1) % 350 + 1
    return {
        "sex": "female" if speaker in WOMEN else "male",
        "sentence": f"{language}-{place:03d}",
        "language": language,
    }


CORPUS = Corpus(
    name="esd",
    title="ESD, the Emotional Speech Dataset",
    language="Mandarin and English",
    licence="research only, by form",
    home="GitHub HLTSingapore/Emotional-Speech-Data",
    about=(
        "Ten speakers of Mandarin and ten of English each spoke 350 sentences in five emotions "
        "{cite:p}`zhou2022emotional`. Everyone says every sentence of their language in every "
        "emotion, so all classes have the same size."
    ),
    form="SSSS/Emotion/SSSS_NNNNNN.wav",
    files="00??/*/*.wav",
    pattern=(
        rf"(?P<speaker>00(?:0[1-9]|1\d|20))/(?P<label>{'|'.join(EMOTIONS)})/(?:[^/]+/)?"
        r"(?P=speaker)_(?P<number>\d{6})"
    ),
    labels=EMOTIONS,
    columns=_columns,
    speakers=20,
    hours=29.1,
    counts=dict.fromkeys(EMOTIONS.values(), 7000),
)
