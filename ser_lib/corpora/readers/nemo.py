"""nEMO (Christop 2024): acted Polish, nine speakers.

Files are `samples/SPK_emotion_sentence.wav`. Beside them lies `data.tsv`, which tells the
speakers' sex; a recording that it lists and the folder lacks is left out by name.
"""

from pathlib import Path

from ser_lib.corpora import folder, tables
from ser_lib.corpora.corpus import Corpus, Rows

EMOTIONS = {
    "anger": "anger", "fear": "fear", "happiness": "happiness", "neutral": "neutral",
    "sadness": "sadness", "surprised": "surprise",
}  # fmt: skip
COUNTS = {
    "anger": 749, "fear": 736, "happiness": 749, "neutral": 809, "sadness": 769,
    "surprise": 669,
}  # fmt: skip


def read(root: Path) -> Rows:
    """Read the recordings, and the speakers' sex if there is a table of them."""
    lines = []
    for table in folder.files(root, "data.tsv")[0]:
        lines += tables.records(table, "file_id", "speaker_id", "gender")
    sexes = {line["speaker_id"]: tables.sex(line["gender"]) or "" for line in lines}

    def columns(name):
        speaker = name["speaker"].upper()
        utterance = f"{speaker}_{name['label']}_{name['sentence']}"
        return {"utterance": utterance, "speaker": speaker, "sex": sexes.get(speaker, "")}

    rows, left_out = CORPUS.by_name(root, columns)
    present = {Path(row["path"]).stem.lower() for row in rows}
    present |= {Path(row["file"]).stem.lower() for row in left_out}
    absent = [n for n in (line["file_id"] for line in lines) if Path(n).stem.lower() not in present]
    reason = "is listed in data.tsv, but is not there"
    return rows, left_out + [{"file": f"samples/{name}", "reason": reason} for name in absent]


CORPUS = Corpus(
    name="nemo",
    title="nEMO",
    language="Polish",
    licence="CC BY-NC-SA 4.0",
    home="GitHub amu-cai/nEMO",
    about=(
        "Nine speakers acted Polish sentences in six emotions {cite:p}`christop2024nemo`. The "
        "classes are of nearly the same size."
    ),
    reader=read,
    form="samples/SPK_emotion_sentence.wav",
    files="samples/*.wav",
    pattern=rf"(?P<speaker>[^/_]+)_(?P<label>{'|'.join(EMOTIONS)})_(?P<sentence>\d+)",
    labels=EMOTIONS,
    speakers=9,
    hours=3.07,
    counts=COUNTS,
)
