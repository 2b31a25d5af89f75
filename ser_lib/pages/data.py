"""What a corpus holds: speakers, emotions, lengths, and what was left out."""

from dataclasses import dataclass

import pandas as pd

from ser_lib.core import audio
from ser_lib.corpora import Corpus, Manifest, describe
from ser_lib.features import maps
from ser_lib.pages.words import Fact, Markdown


@dataclass(frozen=True)
class Inventory(Fact):
    """What a corpus holds."""

    manifest: Manifest

    window_s = maps.FRAMES * maps.HOP / audio.RATE

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
