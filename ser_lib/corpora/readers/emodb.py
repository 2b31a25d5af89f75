"""EmoDB, the Berlin Database of Emotional Speech (Burkhardt et al. 2005): acted German, CC0.

Files are `wav/SSttEv.wav`: two digits of speaker, three characters of sentence, one letter of
emotion (the first of its German name), one letter of version. Beside them is ``erkennung.txt``: for
every recorded take, the percentage of its twenty listeners who recognised the emotion, and of those
who found it natural.
"""

import re
from pathlib import Path

import pandas as pd

from ser_lib.core.errors import CorpusError
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
_HEAD = ["Nr.", "Satz", "erkannt", "natuerlich"]
_TAKE = re.compile(r"\d\d[ab]\d\d(?P<letter>[A-Z])[a-z]")
_PERCENT = re.compile(r"\d{1,3},\d\d")


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
    flat=True,
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

    CorpusError if the file is missing or not as its authors made it; the line is named.
    """
    try:
        lines = file.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise CorpusError(f"{file} cannot be read ({error.strerror})") from error
    if not lines or lines[0].split() != _HEAD:
        raise CorpusError(f"{file} does not begin with the columns {', '.join(_HEAD)}")
    rows = []
    for n, line in enumerate(lines[1:], start=2):
        cells = [cell.strip() for cell in line.split("\t")]
        if not any(cells):
            continue
        take = _TAKE.fullmatch(cells[1].removesuffix(".wav")) if len(cells) == 4 else None
        letter = take["letter"] if take else ""
        shares = [float(c.replace(",", ".")) / 100 for c in cells[2:] if _PERCENT.fullmatch(c)]
        if letter not in EMOTIONS or len(shares) != 2 or max(shares) > 1:
            raise CorpusError(
                f"{file}, line {n}: '{' '.join(cells)}' is not a number, the name of a take and "
                "two percentages"
            )
        rows.append((take[0], EMOTIONS[letter], *shares))
    table = pd.DataFrame(rows, columns=["utterance", "emotion", "recognised", "natural"])
    for name in table.loc[table["utterance"].duplicated(), "utterance"]:
        raise CorpusError(f"{file} lists the take '{name}' twice")
    return table


def listeners_file(corpus) -> Path:
    """Return where a manifest's copy of EmoDB has that table, whether it is there or not."""
    return (corpus.root / corpus.table["path"].iloc[0]).absolute().parents[1] / FILE
