"""What others report, and what people can do: published results, and the listeners of EmoDB.

Published results are in ``published-results.csv``. One of them is called comparable with a run only
if it is of the same corpus, tells as many classes apart, follows the same protocol, and saw nothing
of the speakers that it tested. The listeners are those of `corpora.readers.emodb`.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from ser_lib.core.errors import CorpusError
from ser_lib.corpora.readers.emodb import EMOTIONS, listeners_file, read_listeners
from ser_lib.experiments.run import Run
from ser_lib.metrics.jackknife import Estimate, corrected, jackknife, mean, ratio, sums
from ser_lib.pages.words import Fact

PROTOCOLS = {
    "leave-one-speaker-out": ("speaker", None),
    "speaker-independent 10-fold": ("speaker", None),  # of ten speakers, which leaves one out
    "leave-one-session-out": ("session", None),
    "random split": ("random", None),
    "6 speaker groups": ("speaker-kfold", 6),
    "6 folds of 4 actors": ("speaker-kfold", 6),
}
"""Protocols of publications that are protocols of this report, with the number of folds where it
is part of the protocol. What is not here is another protocol, as far as its source tells."""


@dataclass(frozen=True, eq=False)
class Listening:
    """People and a network on the same utterances.

    The table has by emotion: n (utterances), people (mean share of listeners who recognised it),
    network (recall, an `Estimate`) and lead (people less network on the same utterances, an
    `Estimate`, corrected for the number of emotions). What follows it are means over the emotions.
    """

    table: pd.DataFrame | None = None
    people: float | None = None
    network: Estimate | None = None  # its UAR
    margin: Estimate | None = None  # people less network, on the same utterances
    obstacle: str = ""  # why nobody has listened to its utterances: "corpus", "emotions" or "file"


@dataclass(frozen=True, eq=False)
class Context(Fact):
    """What others report, and what people can do."""

    run: Run
    published: pd.DataFrame
    listening: Listening


def gather(run: Run) -> Context:
    """Return what others report, and what people can do."""
    return Context(run, published(run), listening(run))


@cache
def results() -> pd.DataFrame:
    """Return the published results: the columns of the file, value as text.

    The column credible is "high", "medium" or "low", and why says what to know of the value.
    """
    file = Path(__file__).with_name("published-results.csv")
    return pd.read_csv(file, dtype={"value": str}, keep_default_na=False)


def published(run: Run) -> pd.DataFrame:
    """Return `results` with their `obstacle`: comparable ones, others of the corpus, the rest.

    The column arxiv has the number of the source, or "".
    """
    table = results()
    table = table.assign(
        obstacle=[obstacle(row, run) for _, row in table.iterrows()],
        arxiv=table["source"].str.extract(r"^arXiv (\d{4}\.\d{4,5})$", expand=False).fillna(""),
    )
    return table.iloc[np.lexsort([table["obstacle"] != "", table["obstacle"] == "corpus"])]


def name_of(result) -> str:
    """Return a short name of a row of `results`."""
    system = re.split(r"[,(/]", result.system)[0].strip()
    return f"{system} ({re.split(r'[,(]', result.source)[0].strip()})"


def elsewhere(run: Run) -> dict[str, dict[str, float]]:
    """Return the UAR of listeners of a run's utterances, and of comparable published results."""
    table = published(run).query("obstacle == '' and metric == 'UAR'")
    own = {name_of(row): float(row.value) for row in table.itertuples()}
    people = listening(run).people
    kinds = {"people": {} if people is None else {"Listeners": people}, "published results": own}
    return {kind: rows for kind, rows in kinds.items() if rows}


def obstacle(result: pd.Series, run: Run) -> str:
    """Return why a published result is not comparable with a run, or "" if it is.

    The first of "corpus", "people" (no program), "classes", "protocol", "speakers" (the method saw
    those that it tested) and "credible" (the publication's own doing makes it too good).
    """
    if result["corpus"].lower() != run.record.corpus.name:
        return "corpus"
    if result["protocol"] == "listening test":
        return "people"
    if result["classes"] != len(run.emotions):
        return "classes"
    protocol, folds = PROTOCOLS.get(result["protocol"], ("", None))
    if protocol != run.protocol or folds not in (None, run.record.parameters["folds"]):
        return "protocol"
    if "sees the test speaker" in result["system"]:
        return "speakers"
    return "credible" if result["credible"] == "low" else ""


def listening(run: Run) -> Listening:
    """Return what people recognise of the utterances of a run.

    CorpusError if the table of the listeners is damaged, or lacks an utterance that was tested.
    """
    if run.corpus is None or run.corpus.corpus != "emodb":
        return Listening(obstacle="corpus")
    if set(run.emotions) != set(EMOTIONS.values()):
        return Listening(obstacle="emotions")
    file = listeners_file(run.corpus)
    if not file.is_file():
        return Listening(obstacle="file")
    tested = run.predictions.merge(read_listeners(file), on="utterance", how="left")
    for name in tested.loc[tested["recognised"].isna(), "utterance"]:
        raise CorpusError(f"{file} does not list '{name}'")
    tested["hit"] = tested["truth"] == tested["predicted"]
    clusters, rows, leads = list(tested[run.unit]), {}, []
    for emotion in run.emotions:
        part = tested[tested["truth"] == emotion]
        units = {"clusters": list(part[run.unit]), "unit": run.unit}
        leads.append(mean(part["recognised"] - part["hit"], scale="difference", **units))
        rows[emotion] = [len(part), part["recognised"].mean(), mean(part["hit"], **units)]
    columns = ["n", "people", "network"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    table["lead"] = corrected(leads)
    # The mean over the emotions, each of which is a quotient of sums over speakers.
    of_emotion = (tested["truth"].to_numpy()[:, None] == np.array(run.emotions)).astype(float)
    gaps = (tested["recognised"] - tested["hit"]).to_numpy(float)[:, None] * of_emotion
    margin = jackknife(
        lambda s: ratio(s[..., 0, :], s[..., 1, :]).mean(axis=-1),
        sums(np.stack([gaps, of_emotion], axis=1), clusters),
        scale="difference",
        unit=run.unit,
    )
    return Listening(table, float(table["people"].mean()), run.uar, margin)
