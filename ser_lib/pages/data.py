"""What a corpus holds: speakers, emotions, lengths, and what was left out."""

from dataclasses import dataclass

import pandas as pd
from IPython.display import HTML

from ser_lib.core import audio
from ser_lib.corpora import Corpus, Manifest, describe
from ser_lib.features import maps
from ser_lib.pages import players
from ser_lib.pages.words import Fact, Markdown, ranked

WINDOW_S = maps.FRAMES * maps.HOP / audio.RATE
UNEVEN = 1.5  # the largest class over the smallest, from which on they are uneven


@dataclass(frozen=True)
class Inventory(Fact):
    """What a corpus holds."""

    manifest: Manifest
    corpus: Corpus  # its row in the catalogue
    about: Markdown  # how the recordings came to be, with citations
    rates: list[int]  # sampling rates in Hz
    sessions: int  # 0 if they have no names
    sentences: int  # 0 if they have no names
    seconds: float  # of all utterances
    speakers: list[tuple[str, str, list[int]]]  # name, sex, utterances of each emotion
    frequencies: list[tuple[float, list[str]]]  # utterances, the most first, and their emotions
    lengths: list[float]  # shortest, median and longest, in seconds
    medians: dict[str, float]  # of the lengths in each emotion
    longer: float  # share of the utterances that are longer than what networks see at a time
    copies: list[list[str]]  # utterances that have the same audio
    window_s: float = WINDOW_S

    @property
    def missing(self) -> int:
        """Combinations of speaker and emotion that do not occur."""
        return sum(counts.count(0) for *_, counts in self.speakers)

    @property
    def ratio(self) -> float:
        """The most frequent emotion's utterances over the rarest one's."""
        return self.frequencies[0][0] / self.frequencies[-1][0]

    @property
    def balance(self) -> str:
        """How frequent the emotions are: "equal", "close" or "uneven"."""
        return "equal" if self.ratio == 1 else "uneven" if self.ratio >= UNEVEN else "close"

    def examples(self) -> HTML:
        """Return one utterance of each emotion to listen to."""
        speakers = self.manifest.table.set_index("utterance")["speaker"]
        rows = [(e, name, speakers[name]) for e, name in players.examples(self.manifest).items()]
        return players.html("data/examples.html", self.manifest, rows=rows)


def measure(manifest: Manifest) -> Inventory:
    """Take stock of a corpus."""
    table, corpus = manifest.table, describe(manifest.corpus)
    counts = pd.crosstab([table["speaker"], table["sex"]], table["emotion"])
    lengths = table["duration_s"]
    return Inventory(
        manifest,
        corpus,
        about=Markdown(corpus.about),
        rates=sorted(map(int, table["sample_rate_hz"].unique())),
        sessions=len(set(table["session"]) - {""}),
        sentences=len(set(table["sentence"]) - {""}),
        seconds=float(lengths.sum()),
        speakers=[(*who, row.tolist()) for who, row in counts.iterrows() if who[0]],
        frequencies=ranked(table["emotion"].value_counts().sort_index()),
        lengths=[float(lengths.min()), float(lengths.median()), float(lengths.max())],
        medians=lengths.groupby(table["emotion"]).median().to_dict(),
        longer=float((lengths > WINDOW_S).mean()),
        copies=[list(g) for _, g in table.groupby("sha256")["utterance"] if len(g) > 1],
    )
