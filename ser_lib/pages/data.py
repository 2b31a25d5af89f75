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

    window_s = WINDOW_S

    @property
    def corpus(self) -> Corpus:
        """Its row in the catalogue."""
        return describe(self.manifest.corpus)

    @property
    def about(self) -> Markdown:
        """How the recordings came to be, with citations."""
        return Markdown(self.corpus.about)

    @property
    def speakers(self) -> list[tuple[str, str, list[int]]]:
        """Name, sex, and utterances of each emotion."""
        table = self.manifest.table
        counts = pd.crosstab([table["speaker"], table["sex"]], table["emotion"])
        return [(*who, row.tolist()) for who, row in counts.iterrows() if who[0]]

    @property
    def frequencies(self) -> list[tuple[float, list[str]]]:
        """Utterances, the most first, and the emotions that have so many."""
        return ranked(self.manifest.table["emotion"].value_counts().sort_index())

    @property
    def copies(self) -> list[list[str]]:
        """Utterances that have the same audio."""
        groups = self.manifest.table.groupby("sha256")["utterance"]
        return [list(group) for _, group in groups if len(group) > 1]

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
