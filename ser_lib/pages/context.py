"""What others report, and what people can do: published results, and the listeners of EmoDB.

Published results are in ``published-results.csv``, each with its protocol and its source. One
of them is called comparable with a run only if it is of the same corpus, tells as many classes
apart, follows the same protocol, and saw nothing of the speakers that it tested.

EmoDB comes with ``erkennung.txt``: for every recorded take, the percentage of its twenty listeners
who recognised the emotion, and of those who found it natural (Burkhardt et al. 2005).

Functions that return words return Markdown.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from ser_lib.core.errors import CorpusError
from ser_lib.corpora import CATALOGUE, Manifest
from ser_lib.corpora.readers.emodb import EMOTIONS
from ser_lib.experiments.records import Record
from ser_lib.metrics import scores
from ser_lib.pages.tables import (
    capital,
    count,
    extremes,
    interval,
    listing,
    markdown_table,
    number,
    percent,
    rounded,
)

PROTOCOLS = {
    "leave-one-speaker-out": ("speaker", None),
    # Of ten speakers, which leaves one out.
    "speaker-independent 10-fold": ("speaker", None),
    "leave-one-session-out": ("session", None),
    "random split": ("random", None),
    "6 speaker groups": ("speaker-kfold", 6),
    "6 folds of 4 actors": ("speaker-kfold", 6),
}
"""Protocols of publications that are protocols of this report, with the number of folds where it
is part of the protocol. What is not here is another protocol, as far as its source tells."""
_ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")
PEOPLE = "listening test"
SEES = "sees the test speaker"
LISTENED = "emodb"
FILE = "erkennung.txt"
_HEAD = ["Nr.", "Satz", "erkannt", "natuerlich"]
_TAKE = re.compile(r"\d\d[ab]\d\d(?P<letter>[A-Z])[a-z]")
_PERCENT = re.compile(r"\d{1,3},\d\d")


@dataclass(frozen=True)
class Listening:
    """People and a network on the same utterances.

    Attributes
    ----------
    table
        By emotion: n (utterances), people (mean share of listeners who recognised it), takes (the
        same over all recorded takes, published or not), network (recall), low, high (its 95 %
        interval over speakers).
    people, people_of_takes, network
        Means over the emotions, which for the network is its UAR.
    network_ci95
        Over speakers.
    n_takes
        Recorded takes.
    reason
        Why there are no listeners to put beside the run, else "".
    """

    table: pd.DataFrame | None = None
    people: float = 0.0
    people_of_takes: float = 0.0
    network: float = 0.0
    network_ci95: Sequence[float] = ()
    n_takes: int = 0
    reason: str = ""


@cache
def results() -> pd.DataFrame:
    """The published results.

    Returns
    -------
    DataFrame
        Columns: corpus, classes, protocol, speaker_independent, system, metric, value (as it was
        published, a text), source.
    """
    with files("ser_lib.pages").joinpath("published-results.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype={"value": str})


def obstacle(row: pd.Series, record: Record) -> str:
    """Why a published result is not comparable with a run, or "" if it is.

    Parameters
    ----------
    row
        Of `results`.
    record
        A run.
    """
    given = record.data["parameters"]
    if row["corpus"].lower() != record.data["corpus"]["name"]:
        return "another corpus"
    if row["protocol"] == PEOPLE:
        return "people, not a program"
    if row["classes"] != len(record.emotions):
        return "another number of classes"
    protocol, folds = PROTOCOLS.get(row["protocol"], ("", None))
    if protocol != record.data["protocol"] or folds not in (None, given["folds"]):
        return "another protocol"
    if SEES in row["system"]:
        return SEES
    return ""


def published(record: Record) -> str:
    """The published results of the run's corpus, the comparable ones first, then all others.

    If none is of this corpus, no column says in each row anew what `beside` says in a sentence.
    """
    table = results().assign(why=[obstacle(row, record) for _, row in results().iterrows()])
    near = table["corpus"].str.lower() == record.data["corpus"]["name"]
    order = np.lexsort([table.index, table["why"] != "", ~near])
    link = r"[\g<0>](https://arxiv.org/abs/\1)"
    table["source"] = table["source"].str.replace(_ARXIV, link, regex=True)
    return markdown_table(
        {
            "Corpus": row.corpus,
            "Classes": row.classes,
            "Protocol": row.protocol,
            "System": row.system,
            "Score": _score(row.metric),
            "Value": row.value,
            **({"Comparable": f"no: {row.why}" if row.why else "**yes**"} if near.any() else {}),
            "Source": row.source,
        }
        for row in table.iloc[order].itertuples()
    )


def beside(record: Record) -> str:
    """How the run stands among the published results that are comparable with it."""
    table = results()
    alike = table[[not obstacle(row, record) for _, row in table.iterrows()]]
    if alike.empty:
        n = int((table["corpus"].str.lower() == record.data["corpus"]["name"]).sum())
        known = "None of the results below is of this corpus"
        if n:
            known = f"{count(n, 'result')} below {'is' if n == 1 else 'are'} of this corpus"
        link = "but" if n else "so"
        return f"{known}, {link} none is comparable with this run: the table is context alone."
    sentences = []
    for metric, group in alike.groupby("metric", sort=False):
        value, limits = (
            record.data["metrics"][n] for n in (metric.lower(), f"{metric.lower()}_ci95")
        )
        placed = _placed(group["value"].astype(float), limits)
        sentences.append(
            f"{_score(metric)} of this run is {interval(value, limits)}. Of "
            f"{count(len(group), 'comparable result')}, {placed}."
        )
    sentences.append(
        "Publications give no interval, so a value inside the run's own is one that the run "
        "cannot be told from."
    )
    return " ".join(sentences)


def _placed(values: pd.Series, limits: list[float]) -> str:
    """How many values lie above, in and below an interval."""
    low, high = limits
    parts = (
        ("above", values[values > high]),
        ("inside", values[(values >= low) & (values <= high)]),
        ("below", values[values < low]),
    )
    return listing(
        f"{len(group)} {'lies' if len(group) == 1 else 'lie'} {where} its interval "
        f"({listing(number(value) for value in sorted(group, reverse=True))})"
        for where, group in parts
        if len(group)
    )


def _score(metric: str) -> str:
    return metric if metric.isupper() else capital(metric)


def read_listeners(file: Path) -> pd.DataFrame:
    """Read EmoDB's table of what listeners recognised.

    Parameters
    ----------
    file
        ``erkennung.txt``: Latin-1, columns separated by tabs, decimal commas.

    Returns
    -------
    DataFrame
        Columns: utterance, emotion, recognised and natural (shares, 0 to 1), a row for each take.

    Raises
    ------
    CorpusError
        If the file is missing or not as its authors made it; the line is named.
    """
    try:
        lines = file.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise CorpusError(f"{file} cannot be read ({error.strerror})") from error
    if not lines or lines[0].split() != _HEAD:
        raise CorpusError(f"{file} does not begin with the columns {', '.join(_HEAD)}")
    rows = []
    for n, line in enumerate(lines[1:], start=2):
        cells = [cell.strip() for cell in line.split("\t")]
        if not any(cells):
            continue
        take = _TAKE.fullmatch(cells[1].removesuffix(".wav")) if len(cells) == 4 else None
        letter = take["letter"] if take else ""
        shares = [float(c.replace(",", ".")) / 100 for c in cells[2:] if _PERCENT.fullmatch(c)]
        if letter not in EMOTIONS or len(shares) != 2 or max(shares) > 1:
            raise CorpusError(
                f"{file}, line {n}: '{' '.join(cells)}' is not a number, the name of a take and "
                "two percentages"
            )
        rows.append((take[0], EMOTIONS[letter], *shares))
    table = pd.DataFrame(rows, columns=["utterance", "emotion", "recognised", "natural"])
    if table["utterance"].duplicated().any():
        twice = table.loc[table["utterance"].duplicated(), "utterance"].iloc[0]
        raise CorpusError(f"{file} lists the take '{twice}' twice")
    return table


def listening(record: Record, manifest: Manifest) -> Listening:
    """Put the listeners of the corpus beside a run.

    Parameters
    ----------
    record
        A run.
    manifest
        Of the corpus that it ran on.

    Raises
    ------
    CorpusError
        If the table of the listeners is damaged, or lacks an utterance that was tested.
    """
    if reason := _no_listeners(record, manifest):
        return Listening(reason=reason)
    file = _listeners_file(manifest)
    takes = read_listeners(file)
    tested = record.predictions.merge(takes, on="utterance", how="left")
    if (lacking := tested["recognised"].isna()).any():
        raise CorpusError(f"{file} does not list '{tested.loc[lacking, 'utterance'].iloc[0]}'")
    rows = {}
    for emotion in record.emotions:
        part = tested[tested["truth"] == emotion]
        hits = (part["predicted"] == emotion).to_numpy(dtype=float)
        low, high = scores.mean_interval(hits, clusters=list(part["speaker"]))
        rows[emotion] = {
            "n": len(part),
            "people": part["recognised"].mean(),
            "takes": takes.loc[takes["emotion"] == emotion, "recognised"].mean(),
            "network": hits.mean(),
            "low": low,
            "high": high,
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    metrics = record.data["metrics"]
    return Listening(
        table,
        people=float(table["people"].mean()),
        people_of_takes=float(table["takes"].mean()),
        network=metrics["uar"],
        network_ci95=metrics["uar_ci95"],
        n_takes=len(takes),
    )


def people(heard: Listening) -> str:
    """Recognition of every emotion by people and by the network, and who is better where."""
    if heard.reason:
        return f"There are no listeners to put beside this run: {heard.reason}."
    return f"{_listening_table(heard)}\n\n{_listening_words(heard)}"


def _no_listeners(record: Record, manifest: Manifest) -> str:
    """Why people cannot be put beside a run, or "" if they can."""
    if manifest.corpus != LISTENED:
        return (
            "only one corpus comes with what listeners recognised, utterance by utterance: "
            f"{CATALOGUE[LISTENED].title}"
        )
    if set(record.emotions) != set(EMOTIONS.values()):
        return (
            f"the listeners chose among {count(len(EMOTIONS), 'emotion')}, and this run tells "
            f"other classes apart: {listing(record.emotions)}"
        )
    if not _listeners_file(manifest).is_file():
        return f"this copy of the corpus has no {FILE} beside its folder of recordings"
    return ""


def _listeners_file(manifest: Manifest) -> Path:
    recording = (manifest.root / manifest.table["path"].iloc[0]).absolute()
    return recording.parent.parent / FILE


def _listening_table(heard: Listening) -> str:
    rows = [
        {
            "Emotion": emotion,
            "Utterances": int(row["n"]),
            "People": row["people"],
            "Network": interval(row["network"], [row["low"], row["high"]]),
            "People, all takes": row["takes"],
        }
        for emotion, row in heard.table.iterrows()
    ]
    mean = {
        "Emotion": "**mean**",
        "Utterances": int(heard.table["n"].sum()),
        "People": heard.people,
        "Network": interval(heard.network, heard.network_ci95),
        "People, all takes": heard.people_of_takes,
    }
    return markdown_table([*rows, mean])


def _listening_words(heard: Listening) -> str:
    table = heard.table
    sides = {
        "People recognise": table.index[table["people"] > table["high"]],
        "The network recognises": table.index[table["people"] < table["low"]],
    }
    sentences = [
        f"People recognise an emotion in {percent(heard.people)} of the cases on average, the "
        f"network in {percent(heard.network)}."
    ]
    for who, emotions in sides.items():
        if len(emotions):
            sentences.append(f"{who} {listing(emotions)} better.")
    if len(open_ := [e for e in table.index if not any(e in side for side in sides.values())]):
        sentences.append(
            f"For {listing(open_)} the network's interval holds the people's value: which of them "
            "is better stays open."
        )
    behind = {e: rounded(row["people"]) - rounded(row["network"]) for e, row in table.iterrows()}
    sentences.append(f"People minus network is {extremes(behind)}.")
    sentences.append(
        "The ceiling is a high one: only takes that most listeners recognised were published. "
        f"Of all {heard.n_takes:,} takes they recognised {percent(heard.people_of_takes)}."
    )
    return " ".join(sentences)
