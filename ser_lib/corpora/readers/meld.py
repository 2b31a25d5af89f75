"""MELD, the Multimodal EmotionLines Dataset (Poria et al. 2019): dialogues of an English TV series.

MELD is published as video; this reads the audio, which its user has extracted to wav under the
same names: `diaN_uttM.wav` in a folder for each part, whose name is the original one
(`train_splits`, `dev_splits_complete`, `output_repeated_splits_test`) or just `train`, `dev`,
`test`. The labels are in `train_sent_emo.csv`, `dev_sent_emo.csv` and `test_sent_emo.csv`, beside
these folders or inside them.

Names repeat from part to part, so utterances are named like `train_dia0_utt3`. The column `part`
is "train", "dev" or "test"; the same speakers are in all three.
"""

import re
from pathlib import Path

from ser_lib.corpora import folder
from ser_lib.corpora.corpus import Corpus

EMOTIONS = {
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "joy": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprise": "surprise",
}
PARTS = {
    "train": "train",
    "train_splits": "train",
    "dev": "dev",
    "dev_splits_complete": "dev",
    "test": "test",
    "output_repeated_splits_test": "test",
}
"""The part that a folder's name tells."""
_GRAMMAR = re.compile(rf"(?P<folder>{'|'.join(PARTS)})/(?P<name>dia\d+_utt\d+)", re.IGNORECASE)


def read(root: Path) -> tuple[list[dict], list[dict]]:
    """Rows of the manifest, and the files that are not used.

    Raises
    ------
    CorpusError
        If there are no wav files, or a table of labels lacks a column.
    """
    folder.locate(root, "*/dia*_utt*.wav", corpus="MELD")  # says so if there are none
    wavs, refused = folder.files(root, "*/*.wav")
    files, left_out = folder.named(root, wavs, _GRAMMAR, corpus="MELD", form="train/diaN_uttM.wav")
    labels = {part: _labels(root, part) for part in ("train", "dev", "test")}
    rows, folders = [], {}
    for file, name in files:
        part = PARTS[name["folder"].lower()]
        folders[part] = name["folder"]
        label = labels[part].pop(name["name"].lower(), None)
        if label is None:
            reason = f"has no row in {part}_sent_emo.csv"
            left_out.append(folder.left_out(root, file, reason))
        elif (emotion := label["Emotion"].strip().lower()) not in EMOTIONS:
            reason = f"unknown emotion '{emotion}'; MELD has: {', '.join(EMOTIONS)}"
            left_out.append(folder.left_out(root, file, reason))
        else:
            rows.append(
                folder.row(
                    root,
                    file,
                    utterance=f"{part}_{name['name'].lower()}",
                    speaker=label["Speaker"].strip(),
                    emotion=EMOTIONS[emotion],
                    label=emotion,
                    part=part,
                )
            )
    for part, unused in labels.items():
        table = f"{part}_sent_emo.csv"
        if unused and part not in folders:
            reason = f"labels {len(unused)} utterances, but there is no folder '{part}' of wavs"
            left_out.append({"file": table, "reason": reason})
            continue
        for name in unused:
            file = f"{folders[part]}/{name}.wav"
            left_out.append({"file": file, "reason": f"is labelled in {table}, but is not there"})
    return rows, refused + left_out


def _labels(root: Path, part: str) -> dict[str, dict[str, str]]:
    """Rows of a part's table by the name of the recording; none where the table is missing."""
    name = f"{part}_sent_emo.csv"
    tables = folder.files(root, name)[0] or folder.files(root, f"*/{name}")[0]
    columns = ("Dialogue_ID", "Utterance_ID", "Speaker", "Emotion")
    rows = folder.table(tables[0], *columns) if tables else []
    return {f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}": row for row in rows}


CORPUS = Corpus(
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
    read=read,
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
)
