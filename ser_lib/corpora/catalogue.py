"""The corpora that the report can be made from.

To add a corpus, write a module with `read(root) -> (rows, left_out)` (see `emodb`) and give it a
row in `CATALOGUE`. Users with a corpus of their own need no code: see `table`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ser_lib.corpora import demo, emodb
from ser_lib.errors import ParameterError, choose

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
    embed_audio: bool = False

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
            hours=0.5,
            counts=dict.fromkeys(demo.EMOTIONS, 120),
            protocol="session",
            epochs=4,
            synthetic=True,
            embed_audio=True,
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
            name="table",
            title="Your own table of recordings",
            language="any",
            licence="your own",
            home="a CSV file with the columns path, emotion and, better, speaker",
            about="These recordings are described by a table of their owner.",
            read=None,
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
