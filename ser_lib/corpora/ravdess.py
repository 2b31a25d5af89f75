"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song (Livingstone and Russo
2018): acted English, of which the speech without pictures is read.

Files are `Actor_AA/MM-CC-EE-II-SS-RR-AA.wav`, two digits each: modality (03 audio alone), channel
(01 speech), emotion, intensity, statement, repetition, actor (odd numbers are men). Song and video
are left out. The column `intensity` is "normal" or "strong"; neutral speech has one intensity only.

Some copies hold a second folder, `audio_speech_actors_01-24/`, with everything again: what is in
both places is read once.
"""

import re
from collections.abc import Iterable
from itertools import product
from pathlib import Path

from ser_lib.corpora import folder

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
INTENSITIES = {"01": "normal", "02": "strong"}
ACTORS = [f"{number:02d}" for number in range(1, 25)]
_AGAIN = "audio_speech_actors_01-24"
_GRAMMAR = re.compile(
    rf"(?:{_AGAIN}/)?Actor_(?P<actor>{'|'.join(ACTORS)})/"
    r"(?P<modality>0[1-3])-(?P<channel>0[12])-(?P<label>0[1-8])-(?P<intensity>0[12])-"
    r"(?P<statement>0[12])-(?P<repetition>0[12])-(?P=actor)",
    re.IGNORECASE,
)


def read(root: Path) -> tuple[list[dict], list[dict]]:
    """Rows of the manifest, and the files that are not used.

    Raises
    ------
    CorpusError
        If there are no wav files.
    """
    found, refused = folder.locate(root, "Actor_*/*.wav", corpus="RAVDESS")
    videos, _ = folder.files(root, "Actor_*/*.mp4")
    again, more = folder.files(root, f"{_AGAIN}/Actor_*/*.wav")
    names = {file.name.lower() for file in found}
    only = [file for file in again if file.name.lower() not in names]
    files, left_out = folder.named(
        root,
        [*found, *videos, *only],
        _GRAMMAR,
        corpus="RAVDESS",
        form="Actor_AA/MM-CC-EE-II-SS-RR-AA.wav",
    )
    left_out += refused + more
    if twice := len(again) - len(only):
        reason = f"repeats {twice} of the recordings in Actor_*, which are read once"
        left_out.append(folder.left_out(root, again[0].parents[1], reason))
    rows = []
    for file, name in files:
        if name["channel"] == "02":
            left_out.append(folder.left_out(root, file, "is song, not speech"))
        elif name["modality"] != "03":
            left_out.append(folder.left_out(root, file, "is video; 03 at the start is audio alone"))
        else:
            rows.append(
                folder.row(
                    root,
                    file,
                    speaker=name["actor"],
                    sex="male" if int(name["actor"]) % 2 else "female",
                    sentence=name["statement"],
                    emotion=EMOTIONS[name["label"]],
                    label=name["label"],
                    intensity=INTENSITIES[name["intensity"]],
                )
            )
    return rows, left_out


def expected(names: Iterable[str]) -> set[str]:
    """Name the utterances of a complete copy, whichever of them are there."""
    return {
        "-".join(("03", "01", label, intensity, statement, repetition, actor))
        for label, intensity, statement, repetition, actor in product(
            EMOTIONS, INTENSITIES, ("01", "02"), ("01", "02"), ACTORS
        )
        if (EMOTIONS[label], INTENSITIES[intensity]) != ("neutral", "strong")
    }
