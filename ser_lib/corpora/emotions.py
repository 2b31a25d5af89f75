"""One table of emotion names, so that corpora can be told together.

Corpora name the same emotion differently: happy, happiness, joy. The manifest's column `emotion`
holds the noun of this table; the corpus's own code stays in the column `label`. A name that is not
in the table is kept as it is.
"""

SAME = {
    "anger": ("angry", "rage"),
    "boredom": ("bored",),
    "calm": ("calmness",),
    "contempt": ("contemptuous",),
    "disgust": ("disgusted",),
    "excitement": ("excited",),
    "fear": ("fearful", "afraid", "anxiety", "anxious", "scared"),
    "frustration": ("frustrated",),
    "happiness": ("happy", "joy", "joyful"),
    "neutral": ("neutrality", "no emotion"),
    "sadness": ("sad",),
    "surprise": ("surprised", "pleasant surprise"),
}
"""The noun of an emotion, and the names that are read as it."""

_NOUNS = {name: noun for noun, names in SAME.items() for name in (noun, *names)}


def noun(name: str) -> str:
    """Return the noun of an emotion's name, whatever its case.

    >>> noun("Happy"), noun("pleasant_surprise"), noun("schadenfreude")
    ('happiness', 'surprise', 'schadenfreude')
    """
    plain = " ".join(name.replace("_", " ").lower().split())
    return _NOUNS.get(plain, name.strip())
