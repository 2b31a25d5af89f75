"""EmoDB, the Berlin Database of Emotional Speech (Burkhardt et al. 2005): acted German, CC0.

Files are `wav/SSttEv.wav`: two digits of speaker, three characters of sentence, one letter of
emotion (the first of its German name), one letter of version.
"""

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
        "{cite:p}`burkhardt2005database`. Of all takes those were published that listeners "
        "recognised and found natural, so the emotions are acted and clear: everyday speech is "
        "harder."
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
    epochs=50,  # few steps make an epoch of so few utterances
)
