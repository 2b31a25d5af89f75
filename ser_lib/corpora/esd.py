"""ESD, the Emotional Speech Dataset (Zhou et al. 2022): acted Mandarin and English.

Files are `SSSS/Emotion/SSSS_NNNNNN.wav`: speakers 0001 to 0010 speak Mandarin, 0011 to 0020
English. Some copies have folders for training, evaluation and test between the last two, which
say nothing about speakers and are passed by.

The numbers of a speaker run through the emotions, 350 of each, in the same order of sentences; so
a sentence is named by its language and its place in that order. The column `language` is
"Mandarin" or "English".
"""

import re
from collections.abc import Iterable
from pathlib import Path

from ser_lib.corpora import folder

EMOTIONS = {
    "Neutral": "neutral",
    "Angry": "anger",
    "Happy": "happiness",
    "Sad": "sadness",
    "Surprise": "surprise",
}
SPEAKERS = [f"{number:04d}" for number in range(1, 21)]
WOMEN = {"0001", "0002", "0003", "0007", "0009", "0015", "0016", "0017", "0018", "0019"}
SENTENCES = 350
_SPEAKER = "00[0-2][0-9]"
_GRAMMAR = re.compile(
    rf"(?P<speaker>{'|'.join(SPEAKERS)})/(?P<label>{'|'.join(EMOTIONS)})/(?:[^/]+/)?"
    r"(?P=speaker)_(?P<number>\d{6})",
    re.IGNORECASE,
)


def read(root: Path) -> tuple[list[dict], list[dict]]:
    """Rows of the manifest, and the files that are not used.

    Raises
    ------
    CorpusError
        If there are no wav files.
    """
    found, refused = folder.files(root, f"{_SPEAKER}/*/*/*.wav")
    found += folder.files(root, f"{_SPEAKER}/*/*.wav")[0]
    if not found:
        folder.locate(root, f"{_SPEAKER}/*/*.wav", corpus="ESD")  # says where they are
    files, left_out = folder.named(
        root, found, _GRAMMAR, corpus="ESD", form="SSSS/Emotion/SSSS_NNNNNN.wav"
    )
    rows = []
    for file, name in files:
        speaker, label = name["speaker"], name["label"].title()
        language = "Mandarin" if speaker <= "0010" else "English"
        place = (int(name["number"]) - 1) % SENTENCES + 1
        rows.append(
            folder.row(
                root,
                file,
                speaker=speaker,
                sex="female" if speaker in WOMEN else "male",
                sentence=f"{language}-{place:03d}",
                emotion=EMOTIONS[label],
                label=label,
                language=language,
            )
        )
    return rows, refused + left_out


def expected(names: Iterable[str]) -> set[str]:
    """Name the utterances of a complete copy, whichever of them are there."""
    return {
        f"{speaker}_{number:06d}"
        for speaker in SPEAKERS
        for number in range(1, SENTENCES * len(EMOTIONS) + 1)
    }
