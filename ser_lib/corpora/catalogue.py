"""The corpora that the report can be made from, and how to load one.

To add a corpus, write a module with `read(root) -> (rows, left_out)` (see `emodb`) and give it a
row in `CATALOGUE`. Users with a corpus of their own need no code: see `table`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ser_lib.corpora import demo, emodb, manifest, table
from ser_lib.corpora.manifest import Manifest
from ser_lib.errors import CorpusError, ParameterError, choose
from ser_lib.workspace import workspace

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
    speakers, utterances, emotions
        What a complete copy holds, 0 and () where it depends on the user.
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
    utterances: int = 0
    emotions: tuple[str, ...] = ()
    protocol: str = "speaker"
    epochs: int = 25
    synthetic: bool = False
    embed_audio: bool = False


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
            utterances=600,
            emotions=demo.EMOTIONS,
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
            utterances=535,
            emotions=tuple(sorted(emodb.EMOTIONS.values())),
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


def load(name: str, data_dir: str | Path | None = None) -> Manifest:
    """Read a corpus into its manifest.

    Parameters
    ----------
    name
        A key of `CATALOGUE`.
    data_dir
        The corpus's folder; for ``"table"`` the table itself. The demo corpus is made in the
        workspace when none is given.

    Raises
    ------
    ParameterError
        If the corpus is unknown, or needs a folder and none is given.
    CorpusError
        If the folder does not exist or is not this corpus.
    """
    corpus = CATALOGUE[choose(name, CATALOGUE, "corpus")]
    if not data_dir and name == "demo":
        data_dir = demo.make(workspace() / "data" / "demo")
    if not data_dir:
        raise ParameterError(
            f"corpus '{name}' needs its folder (--data DIR); get it: {corpus.home}"
        )
    root = Path(data_dir).expanduser()
    if not root.exists():
        raise CorpusError(f"corpus '{name}': {root} does not exist")
    if corpus.read is None:
        if not root.is_file():
            raise CorpusError(f"corpus '{name}': {root} is a folder, give the table's file")
        rows, left_out = table.read(root.parent, root.name)
        return manifest.build(name, root.parent, rows, left_out)
    if not root.is_dir():
        raise CorpusError(f"corpus '{name}': {root} is a file, give the corpus's folder")
    rows, left_out = corpus.read(root)
    return manifest.build(name, root, rows, left_out)
