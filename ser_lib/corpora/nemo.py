"""nEMO (Christop 2024): acted Polish, nine speakers.

Files are `samples/SPK_emotion_sentence.wav`. Beside them lies `data.tsv`, which tells the
speakers' sex; a recording that it lists and the folder lacks is left out by name.
"""

import re
from pathlib import Path

from ser_lib.corpora import folder

EMOTIONS = {
    "anger": "anger",
    "fear": "fear",
    "happiness": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprised": "surprise",
}
_GRAMMAR = re.compile(
    rf"samples/(?P<speaker>[^/_]+)_(?P<label>{'|'.join(EMOTIONS)})_(?P<sentence>\d+)",
    re.IGNORECASE,
)


def read(root: Path) -> tuple[list[dict], list[dict]]:
    """Rows of the manifest, and the files that are not used.

    Raises
    ------
    CorpusError
        If there are no wav files, or `data.tsv` lacks a column.
    """
    found, refused = folder.locate(root, "samples/*.wav", corpus="nEMO")
    files, left_out = folder.named(
        root, found, _GRAMMAR, corpus="nEMO", form="samples/SPK_emotion_sentence.wav"
    )
    listed = []
    for table in folder.files(root, "data.tsv")[0]:
        listed += folder.table(table, "file_id", "speaker_id", "gender", separator="\t")
    # The identifiers are padded with spaces.
    sexes = {row["speaker_id"].strip(): row["gender"].strip() for row in listed}
    rows = []
    for file, name in files:
        speaker, label = name["speaker"].upper(), name["label"].lower()
        rows.append(
            folder.row(
                root,
                file,
                utterance=f"{speaker}_{label}_{name['sentence']}",
                speaker=speaker,
                sex=sexes.get(speaker, ""),
                sentence=name["sentence"],
                emotion=EMOTIONS[label],
                label=label,
            )
        )
    there = {file.name.lower() for file in found}
    for row in listed:
        if row["file_id"].lower() not in there:
            reason = "is listed in data.tsv, but is not there"
            left_out.append({"file": f"samples/{row['file_id']}", "reason": reason})
    return rows, refused + left_out
