"""The corpora that the report can be made from.

To add a corpus, write a module with `read(root) -> (rows, left_out)` (see `emodb`) and give it a
row in `CATALOGUE`. Users with a corpus of their own need no code: see `table`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ser_lib.core.errors import ParameterError, choose
from ser_lib.corpora import (
    crema_d,
    demo,
    emodb,
    emovo,
    esd,
    iemocap,
    meld,
    nemo,
    ravdess,
    savee,
    tess,
)

Reader = Callable[[Path], tuple[list[dict], list[dict]]]


@dataclass(frozen=True)
class Corpus:
    """A row of the catalogue.

    Attributes
    ----------
    name, title, language, licence, home
        For people: where `home` says where to get it.
    about
        Markdown for the data page: how the recordings came to be, with citations.
    read
        Reads a folder; `None` for the generic table, which is a file.
    speakers, hours, counts
        What a complete copy holds: the utterances of each emotion by name, as the reader tells
        them; 0 and nothing where it depends on the user.
    expected
        Names the utterances of a complete copy, given those that a copy has; `None` where the
        counts are all that is known.
    choice
        The emotions that are told apart when none are named, in the words of
        `selection.parse`; all of them if "".
    protocol
        The evaluation protocol used when none is named.
    epochs
        Training epochs used when none are named: enough for the networks to converge.
    synthetic
        No person speaks: results say nothing about people.
    acted
        The speakers portray the emotions; otherwise nothing is known of how they came about.
    embed_audio
        The licence allows short excerpts inside the book.
    """

    name: str
    title: str
    language: str
    licence: str
    home: str
    about: str
    read: Reader | None
    speakers: int = 0
    hours: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    expected: Callable[[Iterable[str]], set[str]] | None = None
    choice: str = ""
    protocol: str = "speaker"
    epochs: int = 25
    synthetic: bool = False
    acted: bool = True
    embed_audio: bool = False

    @property
    def short(self) -> str:
        """The title without what explains it, for a table or a sentence."""
        return self.title.split(",")[0]

    @property
    def utterances(self) -> int:
        """How many a complete copy holds, 0 if that depends on the user."""
        return sum(self.counts.values())

    @property
    def emotions(self) -> tuple[str, ...]:
        """The emotions of a complete copy in alphabetical order."""
        return tuple(sorted(self.counts))


CATALOGUE = {
    corpus.name: corpus
    for corpus in (
        Corpus(
            name="demo",
            title="Synthetic demo corpus",
            language="English (eSpeak NG)",
            licence="CC0-1.0",
            home="made by this project: ser manifest demo",
            about=(
                "The speakers are ten voices of the synthesiser eSpeak NG {cite:p}`espeakng`, a "
                "woman and a man in each of five sessions, who say ordinary sentences in every "
                "emotion. What an emotion does to a voice follows the directions that studies of "
                "vocal expression agree on {cite:p}`murray1993toward,banse1996acoustic,"
                "juslin2003communication,scherer2003vocal`: anger and happiness raise pitch, its "
                "range, loudness and tempo, sadness lowers them and makes the voice breathy, and "
                "frustration is a restrained anger, slower and tense. Speakers differ, each "
                "expresses emotions in a personal way, and utterances vary, so that the classes "
                "overlap."
            ),
            read=demo.read,
            speakers=10,
            hours=0.45,
            counts=dict.fromkeys(demo.EMOTIONS, 120),
            protocol="session",
            epochs=4,
            synthetic=True,
            acted=False,
            embed_audio=True,
        ),
        Corpus(
            name="demo2",
            title="Second synthetic demo corpus",
            language="English (eSpeak NG)",
            licence="CC0-1.0",
            home="made by this project: ser manifest demo2",
            about="As the demo corpus, with six other voices and fewer sentences.",
            read=demo.read,
            speakers=6,
            hours=0.14,
            counts=dict.fromkeys(demo.EMOTIONS, 36),
            protocol="session",
            epochs=4,
            synthetic=True,
            acted=False,
            embed_audio=True,
        ),
        Corpus(
            name="crema-d",
            title="CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset",
            language="English",
            licence="ODbL 1.0",
            home="GitHub CheyneyComputerScience/CREMA-D",
            about=(
                "Ninety-one actors, 43 women and 48 men, spoke twelve sentences in six emotions, "
                "some of them at three levels {cite:p}`cao2014cremad`. One recording was published "
                "without sound and is left out."
            ),
            read=crema_d.read,
            speakers=91,
            hours=5.26,
            counts={
                "anger": 1271,
                "disgust": 1271,
                "fear": 1271,
                "happiness": 1271,
                "neutral": 1087,
                "sadness": 1270,
            },
            protocol="speaker-kfold",
        ),
        Corpus(
            name="emodb",
            title="EmoDB, the Berlin Database of Emotional Speech",
            language="German",
            licence="CC0-1.0",
            home="Zenodo record 7447302",
            about=(
                "Actors spoke ten everyday sentences, whose words carry no emotion, in seven "
                "emotions {cite:p}`burkhardt2005database`. Of all takes those were published that "
                "listeners recognised and found natural, so the emotions are acted and clear: "
                "everyday speech is harder."
            ),
            read=emodb.read,
            speakers=10,
            hours=0.41,
            counts={
                "anger": 127,
                "boredom": 81,
                "disgust": 46,
                "fear": 69,
                "happiness": 71,
                "neutral": 79,
                "sadness": 62,
            },
            embed_audio=True,
        ),
        Corpus(
            name="emovo",
            title="EMOVO",
            language="Italian",
            licence="unclear",
            home="the authors of its paper (Costantini et al. 2014)",
            about=(
                "Three women and three men spoke fourteen sentences in seven emotions "
                "{cite:p}`costantini2014emovo`. Everyone says every sentence in every emotion, so "
                "the words tell nothing about it."
            ),
            read=emovo.read,
            speakers=6,
            hours=0.51,
            counts=dict.fromkeys(emovo.EMOTIONS.values(), 84),
            expected=emovo.expected,
        ),
        Corpus(
            name="esd",
            title="ESD, the Emotional Speech Dataset",
            language="Mandarin and English",
            licence="research only, by form",
            home="GitHub HLTSingapore/Emotional-Speech-Data",
            about=(
                "Ten speakers of Mandarin and ten of English each spoke 350 sentences in five "
                "emotions {cite:p}`zhou2022emotional`. Everyone says every sentence of the own "
                "language in every emotion, so all classes have the same size."
            ),
            read=esd.read,
            speakers=20,
            hours=29.1,
            counts=dict.fromkeys(esd.EMOTIONS.values(), 7000),
            expected=esd.expected,
        ),
        Corpus(
            name="iemocap",
            title="IEMOCAP, the Interactive Emotional Dyadic Motion Capture database",
            language="English",
            licence="by form, no redistribution",
            home="a release form of the University of Southern California, sail.usc.edu/iemocap",
            about=(
                "In each of five sessions a woman and a man played scripts and improvised, and "
                "the majority of several raters labelled every turn {cite:p}`busso2008iemocap`. "
                "The same seven scripts are played in all sessions, so that even a new session "
                "brings words that are in training: the improvised turns alone are the stricter "
                "test."
            ),
            read=iemocap.read,
            speakers=10,
            hours=12.0,
            counts={
                "anger": 1103,
                "disgust": 2,
                "excitement": 1041,
                "fear": 40,
                "frustration": 1849,
                "happiness": 595,
                "neutral": 1708,
                "other": 3,
                "sadness": 1084,
                "surprise": 107,
                "undecided": 2507,
            },
            choice="anger, frustration, happiness+excitement, neutral, sadness",
            protocol="session",
        ),
        Corpus(
            name="meld",
            title="MELD, the Multimodal EmotionLines Dataset",
            language="English",
            licence="GPL-3 (labels)",
            home="GitHub declare-lab/MELD; its videos must be turned into wav files first",
            about=(
                "The recordings are utterances of 304 speakers in the dialogues of a television "
                "series, cut from its video {cite:p}`poria2019meld`. The emotions are very "
                "unevenly frequent."
            ),
            read=meld.read,
            speakers=304,
            hours=12.1,
            # Of the tables' utterances, two neutral ones have no video.
            counts={
                "anger": 1607,
                "disgust": 361,
                "fear": 358,
                "happiness": 2308,
                "neutral": 6434,
                "sadness": 1002,
                "surprise": 1636,
            },
            protocol="speaker-kfold",
        ),
        Corpus(
            name="nemo",
            title="nEMO",
            language="Polish",
            licence="CC BY-NC-SA 4.0",
            home="GitHub amu-cai/nEMO",
            about=(
                "Nine speakers acted Polish sentences in six emotions {cite:p}`christop2024nemo`. "
                "The classes are of nearly the same size."
            ),
            read=nemo.read,
            speakers=9,
            hours=3.07,
            counts={
                "anger": 749,
                "fear": 736,
                "happiness": 749,
                "neutral": 809,
                "sadness": 769,
                "surprise": 669,
            },
        ),
        Corpus(
            name="ravdess",
            title="RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song",
            language="English",
            licence="CC BY-NC-SA 4.0",
            home="Zenodo record 1188976, Audio_Speech_Actors_01-24.zip",
            about=(
                "Twelve women and twelve men, all actors, spoke two sentences in eight emotions, "
                "each twice and, but for neutral, at two intensities; the corpus's song is not "
                "read {cite:p}`livingstone2018ravdess`. One recording is there under two names, "
                "which no evaluation may split between training and test."
            ),
            read=ravdess.read,
            speakers=24,
            hours=1.48,
            counts=dict.fromkeys(ravdess.EMOTIONS.values(), 192) | {"neutral": 96},
            expected=ravdess.expected,
        ),
        Corpus(
            name="savee",
            title="SAVEE, the Surrey Audio-Visual Expressed Emotion database",
            language="English",
            licence="by registration",
            home="University of Surrey",
            about=(
                "Four men spoke fifteen sentences in each of six emotions and thirty in a neutral "
                "voice {cite:p}`haq2009speaker`. Four speakers, all men, are few: how far the "
                "scores carry to other voices stays open."
            ),
            read=savee.read,
            speakers=4,
            hours=0.51,
            counts=dict.fromkeys(savee.EMOTIONS.values(), 60) | {"neutral": 120},
            expected=savee.expected,
        ),
        Corpus(
            name="tess",
            title="TESS, the Toronto emotional speech set",
            language="English",
            licence="CC BY-NC-ND 4.0",
            home="doi 10.5683/SP2/E8H2MF",
            about=(
                "Two women spoke two hundred words in seven emotions "
                "{cite:p}`pichorafuller2020toronto`. With two speakers only the protocol `random` "
                "is possible, in which both voices are in training and test, so no claim about a "
                "new speaker can rest on this corpus."
            ),
            read=tess.read,
            speakers=2,
            hours=1.60,
            counts=dict.fromkeys(tess.EMOTIONS.values(), 400),
            expected=tess.expected,
            protocol="random",
        ),
        Corpus(
            name="table",
            title="Your own table of recordings",
            language="any",
            licence="your own",
            home="a CSV file with the columns path, emotion and, better, speaker",
            about="These recordings are described by a table of their owner.",
            read=None,
            acted=False,
        ),
    )
}


def describe(name: str) -> Corpus:
    """Return the row of a corpus, or one for several that are joined by commas.

    Raises
    ------
    ParameterError
        If a corpus is unknown, or named twice.
    """
    parts = [CATALOGUE[choose(part, CATALOGUE, "corpus")] for part in members(str(name))]
    if len(parts) == 1:
        return parts[0]
    return Corpus(
        name=name,
        title=" and ".join([", ".join(part.title for part in parts[:-1]), parts[-1].title]),
        language=", ".join(dict.fromkeys(part.language for part in parts)),
        licence="; ".join(dict.fromkeys(part.licence for part in parts)),
        home="; ".join(part.home for part in parts),
        about="\n\n".join(part.about for part in parts),
        read=None,
        speakers=sum(part.speakers for part in parts),
        protocol="speaker-kfold",
        epochs=max(part.epochs for part in parts),
        synthetic=any(part.synthetic for part in parts),
        acted=all(part.acted for part in parts),
        embed_audio=all(part.embed_audio for part in parts),
    )


def members(name: str) -> list[str]:
    """Return the corpora that a name joins by commas.

    Raises
    ------
    ParameterError
        If one is named twice.

    Examples
    --------
    >>> members("emodb,ravdess")
    ['emodb', 'ravdess']
    """
    parts = name.split(",")
    if twice := [part for part in parts if parts.count(part) > 1]:
        raise ParameterError(f"corpus '{name}' names '{twice[0]}' twice")
    return parts
