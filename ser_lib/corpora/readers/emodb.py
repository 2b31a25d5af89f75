"""EmoDB, the Berlin Database of Emotional Speech (Burkhardt et al. 2005): acted German, CC0.

Files are `wav/SSttEv.wav`: two digits of speaker, three characters of sentence, one letter of
emotion (the first of its German name), one letter of version. Beside them is ``erkennung.txt``: for
every recorded take, the percentage of its twenty listeners who recognised the emotion, and of those
who found it natural.
"""

from pathlib import Path

import pandas as pd

from ser_lib.core.errors import CorpusError
from ser_lib.corpora import tables
from ser_lib.corpora.corpus import Corpus

EMOTIONS = {
    "W": "anger",  # Wut
    "L": "boredom",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happiness",  # Freude
    "N": "neutral",
    "T": "sadness",  # Trauer
}
COUNTS = {
    "anger": 127, "boredom": 81, "disgust": 46, "fear": 69, "happiness": 71, "neutral": 79,
    "sadness": 62,
}  # fmt: skip
SEXES = dict.fromkeys(("08", "09", "13", "14", "16"), "female")
SEXES |= dict.fromkeys(("03", "10", "11", "12", "15"), "male")

FILE = "erkennung.txt"
_HEAD = ("Satz", "erkannt", "natuerlich")
_TAKE = r"^(?P<take>\d\d[ab]\d\d(?P<letter>[A-Z])[a-z])(?:\.wav)?$"


def _columns(name):
    speaker, sentence = name["speaker"], name["sentence"].lower()
    utterance = f"{speaker}{sentence}{name['label']}{name['version'].lower()}"
    return {"utterance": utterance, "sentence": sentence, "sex": SEXES.get(speaker, "")}


CORPUS = Corpus(
    name="emodb",
    title="EmoDB, the Berlin Database of Emotional Speech",
    language="German",
    licence="CC0-1.0",
    home="Zenodo record 7447302",
    about=(
        "Actors spoke ten everyday sentences, whose words carry no emotion, in seven emotions "
        "{cite:p}`burkhardt2005database`. Only takes that listeners recognised and judged natural "
        "were published, so the emotions are clear; everyday speech is harder."
    ),
    form="SSttEv.wav",
    files="wav/*.wav",
    pattern=r"(?P<speaker>\d\d)(?P<sentence>[ab]\d\d)(?P<label>[A-Z])(?P<version>[a-z])",
    labels=EMOTIONS,
    columns=_columns,
    speakers=10,
    hours=0.41,
    counts=COUNTS,
    embed_audio=True,
)


def read_listeners(file: Path) -> pd.DataFrame:
    """Read EmoDB's table of listeners: utterance, emotion, recognised and natural (shares).

    CorpusError if the file is missing or not as its authors made it; the row is named.
    """
    table = pd.DataFrame(tables.records(file, *_HEAD))
    takes = table["Satz"].str.extract(_TAKE)
    result = pd.DataFrame({"utterance": takes["take"], "emotion": takes["letter"].map(EMOTIONS)})
    for name, column in (("recognised", "erkannt"), ("natural", "natuerlich")):
        shares = pd.to_numeric(table[column].str.replace(",", "."), errors="coerce") / 100
        result[name] = shares.where(shares.between(0, 1))
    odd = result.isna().any(axis=1) | result["utterance"].duplicated()
    for number in result.index[odd]:
        raise CorpusError(
            f"{file}, row {number + 1}: '{' '.join(table.loc[number])}' is not the name of a take, "
            "of which there is one, and two percentages"
        )
    return result


def listeners_file(corpus) -> Path:
    """Return where a manifest's copy of EmoDB has that table, whether it is there or not."""
    return (corpus.root / corpus.table["path"].iloc[0]).absolute().parents[1] / FILE
