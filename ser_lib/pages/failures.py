"""Where a network fails: the predictions that are wrong although it was sure of them.

A wrong prediction is a *confident error* if its probability is at least the median of the right
ones': no threshold would hold it back without holding back half of the right predictions too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from IPython.display import HTML

from ser_lib.experiments.run import Run
from ser_lib.pages import players
from ser_lib.pages.words import Fact

SUREST = 8  # errors that can be played


@dataclass(frozen=True)
class Failures(Fact):
    """Where a network fails.

    The predictions have the columns utterance, speaker, fold, truth, predicted, p (probability of
    the prediction), p_truth (of the truth), right, sentence and confident (a confident error).
    """

    run: Run
    predictions: pd.DataFrame
    bar: float | None  # median probability of the right ones; None if none is, so all wrong count
    others: Sequence[Run]  # other networks that were tested on the same utterances
    shared: int  # confident errors that are errors of all others as well
    audible: bool  # whether the licence of the corpus allows its audio in the book

    @property
    def wrong(self) -> pd.DataFrame:
        """The wrong predictions, the surest first."""
        wrong = self.predictions[~self.predictions["right"]]
        return wrong.sort_values(["p", "utterance"], ascending=[False, True])

    def players(self, n: int = SUREST) -> HTML | None:
        """Return the n surest errors to listen to, each with its counterpart; None without any."""
        rows = [
            (wrong, counterpart(self.predictions, wrong)) for _, wrong in self.wrong[:n].iterrows()
        ]
        return players.html("failures/players.html", self.run.corpus, rows=rows) if rows else None


def measure(run: Run, others: Sequence[Run] = ()) -> Failures:
    """Look at the errors of a run, and whether other networks make them, too."""
    table = run.predictions[["utterance", "speaker", "fold", "truth", "predicted"]]
    places = [run.emotions.index(name) for name in table["truth"]]
    table = table.assign(
        p=run.probabilities.max(axis=1),
        p_truth=run.probabilities[np.arange(len(table)), places],
        right=table["truth"] == table["predicted"],
    )
    sentences = run.corpus.table.set_index("utterance")["sentence"]
    table = table.join(sentences, on="utterance", validate="one_to_one")
    bar = float(table.loc[table["right"], "p"].median()) if table["right"].any() else None
    table["confident"] = ~table["right"] & (table["p"] >= (bar or 0))
    missed = [set(one.predictions.query("truth != predicted")["utterance"]) for one in others]
    sure = table.loc[table["confident"], "utterance"]
    shared = sum(all(name in own for own in missed) for name in sure)
    return Failures(run, table, bar, others, shared, players.embeds(run.corpus))


def counterpart(table: pd.DataFrame, wrong: pd.Series) -> pd.Series | None:
    """Return an utterance of the same emotion that the network recognised, None without any.

    It is by the same speaker where there is one; of several, one of the same sentence, then the
    one whose prediction is the surest.
    """
    right = table[table["right"] & (table["truth"] == wrong["truth"])]
    ranked = right.assign(
        voice=right["speaker"] == wrong["speaker"], words=right["sentence"] == wrong["sentence"]
    ).sort_values(["voice", "words", "p", "utterance"], ascending=[False, False, False, True])
    return None if right.empty else ranked.iloc[0]
