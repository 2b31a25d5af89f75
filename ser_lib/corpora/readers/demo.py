"""The demo corpora, which the project speaks itself: see `ser_lib.corpora.demo`."""

from dataclasses import replace

from ser_lib.corpora import demo
from ser_lib.corpora.corpus import Corpus

CORPUS = Corpus(
    name="demo",
    title="Synthetic demo corpus",
    language="English (eSpeak NG)",
    licence="CC0-1.0",
    home="made by this project: ser manifest demo",
    about=(
        "Ten voices of the synthesiser eSpeak NG {cite:p}`espeakng`, a woman and a man in each of "
        "five sessions, say ordinary sentences in every emotion. The emotions follow studies of "
        "vocal expression "
        "{cite:p}`murray1993toward,banse1996acoustic,juslin2003communication,scherer2003vocal`. "
        "Anger and happiness raise pitch, its range, loudness and tempo; sadness lowers them and "
        "makes the voice breathy; frustration is a restrained anger, slower and tense. Speakers "
        "and utterances vary, so the classes overlap."
    ),
    reader=demo.read,
    speakers=10,
    hours=0.45,
    counts=dict.fromkeys(demo.EMOTIONS, 120),
    protocol="session",
    epochs=4,
    synthetic=True,
    acted=False,
    embed_audio=True,
)

SECOND = replace(
    CORPUS,
    name="demo2",
    title="Second synthetic demo corpus",
    home="made by this project: ser manifest demo2",
    about="Like the demo corpus, with six other voices and fewer sentences.",
    speakers=6,
    hours=0.14,
    counts=dict.fromkeys(demo.EMOTIONS, 36),
)
