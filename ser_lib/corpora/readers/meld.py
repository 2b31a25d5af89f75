"""MELD, the Multimodal EmotionLines Dataset (Poria et al. 2019): dialogues of an English TV series.

MELD is published as video; this reads the audio, which its user has extracted to wav under the
same names: `diaN_uttM.wav` in a folder for each part, whose name is the original one
(`train_splits`, `dev_splits_complete`, `output_repeated_splits_test`) or just `train`, `dev`,
`test`. The labels are in `train_sent_emo.csv`, `dev_sent_emo.csv` and `test_sent_emo.csv`, beside
these folders or inside them. Names repeat from part to part, so utterances are named like
`train_dia0_utt3`. The column `part` is "train", "dev" or "test"; all have the same speakers.
"""

from pathlib import Path

from ser_lib.corpora import folder, tables
from ser_lib.corpora.corpus import Corpus, Rows

EMOTIONS = {
    "anger": "anger", "disgust": "disgust", "fear": "fear", "joy": "happiness",
    "neutral": "neutral", "sadness": "sadness", "surprise": "surprise",
}  # fmt: skip
# Of the tables' utterances, two neutral ones have no video.
COUNTS = {
    "anger": 1607, "disgust": 361, "fear": 358, "happiness": 2308, "neutral": 6434,
    "sadness": 1002, "surprise": 1636,
}  # fmt: skip
PARTS = {
    "train": "train", "train_splits": "train", "dev": "dev", "dev_splits_complete": "dev",
    "test": "test", "output_repeated_splits_test": "test",
}  # fmt: skip


def read(root: Path) -> Rows:
    """Read the recordings of all parts with their labels."""
    labels = {part: _labels(root, part) for part in ("train", "dev", "test")}
    folders = {}

    def columns(name):
        part, utterance = PARTS[name["folder"].lower()], name["name"].lower()
        folders[part] = name["folder"]
        line = labels[part].pop(utterance, None)
        if line is None:
            return f"has no row in {part}_sent_emo.csv"
        return {
            "utterance": f"{part}_{utterance}",
            "speaker": line["Speaker"],
            "label": line["Emotion"].lower(),
            "part": part,
        }

    rows, left_out = CORPUS.by_name(root, columns)
    for part, unused in labels.items():
        table = f"{part}_sent_emo.csv"
        if part in folders:
            reason = f"is labelled in {table}, but is not there"
            left_out += [{"file": f"{folders[part]}/{n}.wav", "reason": reason} for n in unused]
        elif unused:
            reason = f"labels {len(unused)} utterances, but there is no folder '{part}' of wavs"
            left_out.append({"file": table, "reason": reason})
    return rows, left_out


def _labels(root: Path, part: str) -> dict[str, dict[str, str]]:
    """Rows of a part's table by the name of the recording; none where the table is missing."""
    name = f"{part}_sent_emo.csv"
    files = folder.files(root, name)[0] or folder.files(root, f"*/{name}")[0]
    columns = ("Dialogue_ID", "Utterance_ID", "Speaker", "Emotion")
    rows = tables.records(files[0], *columns) if files else []
    return {f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}": row for row in rows}


CORPUS = Corpus(
    name="meld",
    title="MELD, the Multimodal EmotionLines Dataset",
    language="English",
    licence="GPL-3 (labels)",
    home="GitHub declare-lab/MELD; its videos must be turned into wav files first",
    about=(
        "The recordings are utterances of 304 speakers in the dialogues of a television series, "
        "cut from its video {cite:p}`poria2019meld`. The emotions are very unevenly frequent."
    ),
    reader=read,
    form="train/diaN_uttM.wav",
    files="*/dia*_utt*.wav",
    pattern=rf"(?P<folder>{'|'.join(PARTS)})/(?P<name>dia\d+_utt\d+)",
    labels=EMOTIONS,
    speakers=304,
    hours=12.1,
    counts=COUNTS,
    protocol="speaker-kfold",
)
