"""Listening: what the emotions sound like, and what the network predicted for each utterance.

Conventions: F0 is in Hz or, where utterances are compared, in semitones; levels are in dB.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
import pandas as pd
from IPython.display import HTML

from ser_lib.core import audio
from ser_lib.corpora import Manifest
from ser_lib.experiments.run import Run
from ser_lib.features import store
from ser_lib.pages import players, words
from ser_lib.pages.figures import features as figures
from ser_lib.pages.words import Fact

NAMED = 40  # utterances of a cell that are named where they cannot be played
SPEECH_DB = 30  # what is quieter than the loudest frame by more than this is a pause
_SEXES = {"female": "woman", "male": "man"}


@dataclass(frozen=True)
class Listen(Fact):
    """The voices of a corpus, and a network's predictions for them."""

    run: Run
    voices: pd.DataFrame  # from `voices`

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Those of the run, with the probability p of each."""
        return self.run.predictions.assign(p=self.run.probabilities.max(axis=1))

    def signal(self, name: str) -> np.ndarray:
        """Return an utterance's audio."""
        return audio.load(self.run.corpus.file(name))

    def title(self, name: str) -> str:
        """Return what utterance it is, for over its figure."""
        row = self.voices.loc[name]
        speaker = f", speaker {row['speaker']}" if row["speaker"] else ""
        return f"{row['emotion']}: {name}{speaker}"

    def players(self, names: Sequence[str]) -> HTML:
        """Return utterances to listen to, with their voice in numbers and the prediction."""
        tested = {row.utterance: row for row in self.predictions.itertuples()}
        rows = [(self.voices.loc[name], tested.get(name)) for name in names]
        return players.html("listen/players.html", self.run.corpus, rows=rows, sexes=_SEXES)


def voices(manifest: Manifest) -> pd.DataFrame:
    """Measure the voice in every utterance of a corpus, from the rows of the stack.

    Returns
    -------
    DataFrame
        Index: utterance, in the manifest's order. Columns: speaker, sex, emotion; f0 (median over
        the voiced frames, Hz), f0_range (from their 5th to their 95th percentile, semitones),
        level (median over them, dB), voiced (share of the frames), speech (length of what is not a
        pause, s); f0_apart and level_apart (from the median of the speaker's utterances, or of all
        where the corpus does not say who speaks; semitones and dB). What an utterance without a
        voice does not have is nan.
    """
    stacks = store.build(manifest, kind="stack")
    rows = [_measure(stacks[i]) for i in range(len(manifest.table))]
    about = manifest.table[["utterance", "speaker", "sex", "emotion"]].reset_index(drop=True)
    table = about.join(pd.DataFrame(rows)).set_index("utterance")
    groups = table["speaker"] if (table["speaker"] != "").all() else [""] * len(table)
    usual = table.groupby(groups)[["f0", "level"]].transform("median")
    table["f0_apart"] = 12 * np.log2(table["f0"] / usual["f0"])
    table["level_apart"] = table["level"] - usual["level"]
    return table


def _measure(stack: np.ndarray) -> dict[str, float]:
    contour, level = figures.f0(stack), figures.row(stack, "rms")
    voiced = ~np.isnan(contour)
    speech = float((level > level.max() - SPEECH_DB).sum()) * figures.FRAME_S
    low = middle = high = loud = math.nan
    if voiced.any():
        low, middle, high = np.percentile(contour[voiced], [5, 50, 95])
        loud = np.median(level[voiced])
    pitch = {"f0": float(middle), "f0_range": float(12 * np.log2(high / low))}
    return pitch | {"level": float(loud), "voiced": float(voiced.mean()), "speech": speech}


def examples(manifest: Manifest) -> dict[str, list[str]]:
    """Return one or two utterances of each emotion: of a woman and a man, else of two speakers."""
    table = manifest.table
    if set(table["sex"]) == set(_SEXES):
        parts = [table[table["sex"] == sex] for sex in _SEXES]
    else:
        first = players.examples(manifest)
        speakers = table.loc[table["utterance"].isin(first.values()), "speaker"]
        parts = [table, table[~table["speaker"].isin(speakers)]]
    chosen = [players.examples(replace(manifest, table=p)) for p in parts if len(p)]
    return {
        emotion: [names[emotion] for names in chosen if emotion in names]
        for emotion in manifest.emotions
    }


@dataclass(frozen=True)
class Cell:
    """The utterances of one emotion that got one prediction, the surest first."""

    truth: str
    predicted: str
    rows: list  # named tuples of predictions
    share: float  # of the utterances of the emotion
    anchor: str


def cells(predictions: pd.DataFrame, emotions: Sequence[str]) -> list[Cell]:
    """Return the cells of the confusion matrix, row by row."""
    ranked = predictions.sort_values(["p", "utterance"], ascending=[False, True])
    result = []
    for (i, truth), (j, predicted) in product(enumerate(emotions), repeat=2):
        own = ranked[ranked["truth"] == truth]
        rows = list(own[own["predicted"] == predicted].itertuples())
        share = len(rows) / max(len(own), 1)
        result.append(Cell(truth, predicted, rows, share, f"heard-{i}-{j}"))
    return result


def matrix(predictions: pd.DataFrame, emotions: Sequence[str], manifest: Manifest) -> HTML:
    """Return the confusion matrix with the utterances of each cell, to play if the licence allows.

    The numbers of the matrix are links to the lists; ``book/_static/listen.js`` makes them buttons
    that show one list at a time. The list of the largest confusion is open at first.
    """
    all_cells = cells(predictions, emotions)
    counts = np.reshape([len(cell.rows) for cell in all_cells], (len(emotions), -1))
    return players.html(
        "listen/matrix.html",
        manifest,
        cells=all_cells,
        largest=max(all_cells, key=lambda c: (bool(c.rows), c.truth != c.predicted, len(c.rows))),
        emotions=list(emotions),
        total=len(predictions),
        named=None if players.embeds(manifest) else NAMED,
        csv=pd.DataFrame(counts, *[[*map(words.cell, emotions)]] * 2).to_csv(),
    )
