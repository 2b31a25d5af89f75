"""IEMOCAP, the Interactive Emotional Dyadic Motion Capture database (Busso et al. 2008): English.

In each of five sessions a woman and a man play scripts and improvise. Turns are
`SessionN/sentences/wav/<dialog>/<turn>.wav`, such as `Ses01F_impro01_F000` of the dialog
`Ses01F_impro01`. The speaker is the session with the *last* letter of the turn: the first one only
names who wore the markers of the motion capture.

Labels are in `SessionN/dialog/EmoEvaluation/<dialog>.txt`, one line for each turn::

    [6.2901 - 8.2357]<TAB>Ses01F_impro01_F000<TAB>neu<TAB>[2.5000, 2.5000, 2.5000]

with the label of the majority, then valence, activation and dominance. The lines that follow it
(`C-E2:`, `A-E3:`, `C-F1:`) are what each rater and the actors themselves said, and are not read.

All turns are read, those too on which no majority agreed (`xxx`, "undecided"). Own columns are
`style`, "improvised" or "scripted", and the three numbers `valence`, `activation`, `dominance`.
"""

import re
from pathlib import Path

from ser_lib.corpora import folder
from ser_lib.corpora.corpus import Corpus, Rows

EMOTIONS = {
    "ang": "anger", "dis": "disgust", "exc": "excitement", "fea": "fear", "fru": "frustration",
    "hap": "happiness", "neu": "neutral", "oth": "other", "sad": "sadness", "sur": "surprise",
    "xxx": "undecided",
}  # fmt: skip
COUNTS = {
    "anger": 1103, "disgust": 2, "excitement": 1041, "fear": 40, "frustration": 1849,
    "happiness": 595, "neutral": 1708, "other": 3, "sadness": 1084, "surprise": 107,
    "undecided": 2507,
}  # fmt: skip
_NAME = (
    r"Session(?P<session>[1-5])/sentences/wav/"
    r"(?P<dialog>Ses0(?P=session)[MF]_(?:impro\d\d(?:_\d)?|(?P<script>script\d\d(?:_\d)?))[a-z]?)/"
    r"(?P<turn>(?P=dialog)_(?P<sex>[MF])(?:XX)?\d{3})"
)
_LABEL = re.compile(
    r"^\[[\d.]+ - [\d.]+\]\t(?P<turn>\S+)\t(?P<label>\S+)\t"
    r"\[(?P<valence>[\d.]+), (?P<activation>[\d.]+), (?P<dominance>[\d.]+)\]",
    re.MULTILINE,
)


def read(root: Path) -> Rows:
    """Read the turns; those without a label, a known one or a wav file are left out."""
    tables, unread = folder.files(root, "Session[1-5]/dialog/EmoEvaluation/*.txt")
    labels = {
        line["turn"].lower(): (line, table)
        for table in tables
        for line in _LABEL.finditer(table.read_text(encoding="latin-1"))
    }

    def columns(name):
        line, _ = labels.pop(name["turn"].lower(), (None, None))
        if line is None:
            table = f"Session{name['session']}/dialog/EmoEvaluation/{name['dialog']}.txt"
            return f"has no label line in {table}"
        sex = name["sex"].upper()
        return {
            "utterance": line["turn"],
            "speaker": f"Ses0{name['session']}{sex}",
            "sex": "female" if sex == "F" else "male",
            "sentence": name["script"].lower(),
            "label": line["label"],
            "style": "scripted" if name["script"] else "improvised",
        } | {scale: float(line[scale]) for scale in ("valence", "activation", "dominance")}

    turns = folder.locate(root, CORPUS.files, corpus=CORPUS.short)
    rows, left_out = CORPUS.by_name(root, columns, turns)
    for line, table in labels.values():
        session, dialog = table.relative_to(root).parts[0], table.stem
        file = f"{session}/sentences/wav/{dialog}/{line['turn']}.wav"
        left_out.append({"file": file, "reason": f"is labelled in {table.name}, but is not there"})
    return rows, unread + left_out


CORPUS = Corpus(
    name="iemocap",
    title="IEMOCAP, the Interactive Emotional Dyadic Motion Capture database",
    language="English",
    licence="by form, no redistribution",
    home="a release form of the University of Southern California, sail.usc.edu/iemocap",
    about=(
        "In each of five sessions a woman and a man played scripts and improvised, and the "
        "majority of several raters labelled every turn {cite:p}`busso2008iemocap`. The same "
        "seven scripts are played in all sessions, so even a new session has words of the "
        "training set; the improvised turns alone are the stricter test."
    ),
    reader=read,
    form="SessionN/sentences/wav/<dialog>/<turn>.wav",
    files="Session[1-5]/sentences/wav/*/*.wav",
    pattern=_NAME,
    labels=EMOTIONS,
    speakers=10,
    hours=12.0,
    counts=COUNTS,
    choice="anger, frustration, happiness+excitement, neutral, sadness",
    protocol="session",
)
