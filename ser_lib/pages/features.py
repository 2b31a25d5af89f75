"""The two feature maps: what their rows carry, what they look like, and which serves better."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np

from ser_lib.core import audio
from ser_lib.experiments.run import Run
from ser_lib.features import maps
from ser_lib.pages import players
from ser_lib.pages.runs import Pair, named, pairs
from ser_lib.pages.words import Fact


@dataclass(frozen=True)
class Features(Fact):
    """The same network on both maps, and one utterance per emotion."""

    runs: list[Run]  # one for each map, from the highest UAR down

    @cached_property
    def signals(self) -> dict[str, np.ndarray]:
        """One utterance of each emotion; without a corpus, none."""
        corpus = self.runs[0].corpus
        names = players.examples(corpus) if corpus else {}
        return {emotion: audio.load(corpus.file(name)) for emotion, name in names.items()}

    def maps(self, kind: str) -> dict[str, np.ndarray]:
        """Return the maps of these utterances, by emotion."""
        return {name: maps.extract(signal, kind=kind) for name, signal in self.signals.items()}

    @property
    def pair(self) -> Pair:
        """How far the better run is ahead."""
        return pairs(named(self.runs))[0]


@dataclass(frozen=True)
class Rows(Fact):
    """The rows of a feature map."""

    kind: str

    @property
    def families(self) -> list[Mapping]:
        """Names, unit, and the cue of the voice; rows that differ by their number are together."""

        def family(row: maps.Row) -> tuple[str, str, str]:
            numbered = re.fullmatch(r"(chroma|mfcc|mel|contrast)_.+", row.name)
            return (numbered[1] if numbered else row.name, row.unit, row.cue)

        return [
            {"names": [row.name for row in group], "unit": unit, "cue": cue}
            for (_, unit, cue), group in groupby(maps.rows(self.kind), family)
        ]
