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
    speakers=6,
    hours=0.14,
    counts=dict.fromkeys(demo.EMOTIONS, 36),
)
