"""Where a network fails: the predictions that are wrong although it was sure of them.

A wrong prediction is a *confident error* if its probability is at least the median of the right
ones': no threshold would hold it back without holding back half of the right predictions too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from IPython.display import HTML

from ser_lib.experiments.run import Run
from ser_lib.metrics import jackknife
from ser_lib.metrics.jackknife import Estimate
from ser_lib.pages import players
from ser_lib.pages.words import MANY, Fact

COMPARISONS = 2  # by sex and by length
TOP = 3  # speakers that are named
SUREST = 8  # errors that can be played


@dataclass(frozen=True)
class Contrast:
    """Which shares of two groups of utterances are confident errors."""

    first: float
    second: float
    difference: Estimate  # corrected for all that the page makes


@dataclass(frozen=True)
class Failures(Fact):
    """Where a network fails."""

    run: Run
    predictions: pd.DataFrame  # see `assess`
    bar: float | None  # median probability of the right predictions; None if none is right
    others: Sequence[Run]  # other networks that were tested on the same utterances
    shared: int  # confident errors that are errors of all others as well
    confusions: list[tuple[str, str, int, int]]  # truth, prediction, confident errors, utterances
    shares: dict[str, float]  # confident errors among the utterances of each emotion
    speakers: dict[str, tuple[int, int]]  # confident errors, utterances; empty if any is unknown
    women: Contrast | None  # against men; None if the corpus does not name both
    longer: Contrast | None  # than the median, against the others; None if there are none
    median_s: float  # of the lengths
    audible: bool  # whether the licence of the corpus allows its audio in the book
    top: int = TOP
    listed: int = MANY

    @property
    def wrong(self) -> pd.DataFrame:
        """The wrong predictions, the surest first."""
        wrong = self.predictions[~self.predictions["right"]]
        return wrong.sort_values(["p", "utterance"], ascending=[False, True])

    @property
    def confident(self) -> int:
        """Number of confident errors."""
        return int(self.predictions["confident"].sum())

    def players(self, n: int = SUREST) -> HTML | None:
        """Return the n surest errors to listen to, each with its counterpart; None without any."""
        rows = [
            (wrong, counterpart(self.predictions, wrong)) for _, wrong in self.wrong[:n].iterrows()
        ]
        return players.html("failures/players.html", self.run.corpus, rows=rows) if rows else None


def measure(run: Run, others: Sequence[Run] = ()) -> Failures:
    """Look at the errors of a run, and whether other networks make them, too."""
    table = assess(run)
    sure = table[table["confident"]]
    missed = [set(one.predictions.query("truth != predicted")["utterance"]) for one in others]
    sizes = table["truth"].value_counts()
    pairs = sure.groupby(["truth", "predicted"]).size().sort_values(ascending=False, kind="stable")
    people = table.groupby("speaker")["confident"].agg(["sum", "size"])
    people = people.sort_values("sum", ascending=False, kind="stable")
    known, long = table[table["sex"] != ""], table["duration_s"] > table["duration_s"].median()
    women = contrast(run, known, known["sex"] == "female") if known["sex"].nunique() == 2 else None
    longer = contrast(run, table, long) if long.any() else None
    return Failures(
        run,
        table,
        bar=float(table.loc[table["right"], "p"].median()) if table["right"].any() else None,
        others=others,
        shared=sum(all(name in own for own in missed) for name in sure["utterance"]),
        confusions=[(*pair, int(n), int(sizes[pair[0]])) for pair, n in pairs.items()],
        shares=table.groupby("truth")["confident"].mean().to_dict(),
        speakers={n: tuple(row) for n, *row in people.itertuples()} if run.n_speakers else {},
        women=women,
        longer=longer,
        median_s=float(table["duration_s"].median()),
        audible=players.embeds(run.corpus),
    )


def assess(run: Run) -> pd.DataFrame:
    """Return the predictions of a run with what the corpus says of the utterances.

    Columns: utterance, speaker, fold, truth, predicted, p (probability of the prediction),
    p_truth (of the truth), right, confident (a confident error), sex, sentence and duration_s.
    """
    table = run.predictions[["utterance", "speaker", "fold", "truth", "predicted"]]
    places = [run.emotions.index(name) for name in table["truth"]]
    table = table.assign(
        p=run.probabilities.max(axis=1),
        p_truth=run.probabilities[np.arange(len(table)), places],
        right=table["truth"] == table["predicted"],
    )
    # Where nothing is right there is no such median, and every wrong prediction counts.
    bar = table.loc[table["right"], "p"].median() if table["right"].any() else 0.0
    table["confident"] = ~table["right"] & (table["p"] >= bar)
    about = run.corpus.table.set_index("utterance")[["sex", "sentence", "duration_s"]]
    return table.join(about, on="utterance", validate="one_to_one")


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


def contrast(run: Run, table: pd.DataFrame, group: pd.Series) -> Contrast:
    """Compare how often two groups of a run's utterances are confident errors."""
    inside, sure = group.to_numpy(), table["confident"].to_numpy()
    columns = np.column_stack([inside & sure, inside, ~inside & sure, ~inside]).astype(float)
    parts = jackknife.sums(columns, list(table[run.unit]))
    # Where no unit has utterances of both, as with women and men, each group is sampled by itself.
    of_one, of_other = parts[:, 1] > 0, parts[:, 3] > 0
    difference = jackknife.jackknife(
        lambda s: jackknife.ratio(s[..., 0], s[..., 1]) - jackknife.ratio(s[..., 2], s[..., 3]),
        parts,
        scale="difference",
        unit=run.unit,
        strata=None if (of_one & of_other).any() else of_one,
    )
    first, second = float(sure[inside].mean()), float(sure[~inside].mean())
    return Contrast(first, second, replace(difference, comparisons=COMPARISONS))
