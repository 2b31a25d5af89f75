"""Where a network fails: the answers that are wrong although it was sure of them.

Conventions: as `tables`; functions return Markdown unless they say otherwise. A wrong answer is a
*confident error* if its probability is at least the median of the right answers': the network is
as sure of it as of half of what it gets right, so no threshold would hold it back without holding
back half of the right answers too.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ser_lib.corpora import Manifest, describe
from ser_lib.metrics import bootstrap
from ser_lib.pages import data
from ser_lib.pages.tables import (
    MANY,
    capital,
    count,
    extremes,
    interval,
    listing,
    markdown_table,
    number,
    percent,
    title,
)

TOP = 3
"""Confusions and speakers that are named."""


def answers(record, manifest: Manifest) -> pd.DataFrame:
    """Return the test utterances of a run with what the corpus says of them.

    Returns
    -------
    DataFrame
        In the order of the record's predictions. Columns: utterance, speaker, truth, predicted, p
        (probability of the answer), p_truth (of the truth), right, confident (wrong, and a
        confident error), sex, sentence and duration_s.
    """
    table = record.predictions
    chances = table[[f"p_{emotion}" for emotion in record.emotions]].to_numpy(dtype=float)
    places = [record.emotions.index(name) for name in table["truth"]]
    found = table[["utterance", "speaker", "truth", "predicted"]].assign(
        p=chances.max(axis=1),
        p_truth=chances[np.arange(len(table)), places],
        right=table["truth"] == table["predicted"],
    )
    # Where nothing is right there is no such median, and every wrong answer counts.
    bar = found.loc[found["right"], "p"].median() if found["right"].any() else 0.0
    found["confident"] = ~found["right"] & (found["p"] >= bar)
    about = manifest.table.set_index("utterance")[["sex", "sentence", "duration_s"]]
    return found.join(about, on="utterance", validate="one_to_one")


def most_confident(table: pd.DataFrame, *, n: int) -> pd.DataFrame:
    """Return the n wrong answers with the highest probability, each with a counterpart.

    The counterpart is an utterance of the same emotion that the network got right: by the same
    speaker where there is one, else by another one; of several, one of the same sentence, then the
    one whose answer is the surest.

    Returns
    -------
    DataFrame
        The rows of `answers`, surest first, with the column counterpart: the name of an utterance,
        "" if the network got none of this emotion right.
    """
    wrong = table[~table["right"]].sort_values(["p", "utterance"], ascending=[False, True])[:n]
    return wrong.assign(counterpart=[_counterpart(table, row) for _, row in wrong.iterrows()])


def _counterpart(table: pd.DataFrame, wrong: pd.Series) -> str:
    right = table[table["right"] & (table["truth"] == wrong["truth"])]
    if right.empty:
        return ""
    ranked = right.assign(
        voice=right["speaker"] == wrong["speaker"], words=right["sentence"] == wrong["sentence"]
    ).sort_values(["voice", "words", "p", "utterance"], ascending=[False, False, False, True])
    return ranked["utterance"].iloc[0]


def overview(record, table: pd.DataFrame, others: Sequence = ()) -> str:
    """How many answers are wrong, how many of them confidently, and who else is wrong there.

    Parameters
    ----------
    record
        The run.
    table
        From `answers`.
    others
        Records of other networks that were tested on the same utterances.
    """
    wrong, sure = int((~table["right"]).sum()), int(table["confident"].sum())
    n, network = len(table), title(record.data["architecture"])
    if not wrong:
        return f"The {network} gets all of {count(n, 'test utterance')} right."
    words = (
        f"Of {count(n, 'test utterance')}, the {network} gets {wrong:,} wrong "
        f"({percent(wrong / n)}). "
    )
    if not sure:
        return f"{words}None of these answers is as sure as half of the right ones."
    bar = number(float(table.loc[table["right"], "p"].median()))
    words += (
        f"{capital(count(sure, 'of these answers is', 'of these answers are'))} as sure as half of "
        f"the right ones, with a probability of at least {bar}: the confident errors."
        if table["right"].any()
        else "None is right, so every answer counts as a confident error."
    )
    return f"{words} {_shared(table, others, record.data['corpus']['synthetic'])}".rstrip()


def _shared(table: pd.DataFrame, others: Sequence, synthetic: bool) -> str:
    """How many confident errors are errors of all the other networks, too."""
    if not others:
        return ""
    names = table.loc[table["confident"], "utterance"]
    missed = [
        set(p.loc[p["truth"] != p["predicted"], "utterance"])
        for p in (record.predictions for record in others)
    ]
    n = sum(all(name in own for own in missed) for name in names)
    many = "both" if len(others) == 2 else f"all {len(others)}"
    rest = "the other network" if len(others) == 1 else f"{many} other networks"
    if not n:
        return f"None of them is an error of {rest} as well."
    hard = "these utterances are hard for any network of this kind"
    # What a synthesiser was told to show is known; what a person showed is somebody's opinion.
    why = hard if synthetic else f"either {hard}, or their label is doubtful"
    return (
        f"{capital(count(n, 'of them is', 'of them are'))} wrong with {rest} as well "
        f"({percent(n / len(names))}): {why}."
    )


def emotions(table: pd.DataFrame) -> str:
    """Which emotions the confident errors are of, and what they are taken for."""
    sure = table[table["confident"]]
    if sure.empty:
        return "There are no confident errors."
    pairs = sure.groupby(["truth", "predicted"]).size().sort_values(ascending=False, kind="stable")
    rows = [
        {
            "Emotion": truth,
            "Taken for": predicted,
            "Confident errors": int(n),
            "Utterances of the emotion": int((table["truth"] == truth).sum()),
        }
        for (truth, predicted), n in pairs[:MANY].items()
    ]
    more = len(pairs) - len(rows)
    rest = f"\n\n{capital(count(more, 'more confusion'))} with fewer." if more else ""
    shares = {emotion: float(part["confident"].mean()) for emotion, part in table.groupby("truth")}
    return (
        f"{markdown_table(rows)}{rest}\n\nThe share of an emotion's utterances that are confident "
        f"errors is {extremes(shares)}."
    )


def speakers(table: pd.DataFrame) -> str:
    """Whose utterances the confident errors are, and whether sex and length matter."""
    if not table["confident"].any():
        return "There are no confident errors."
    parts = [_voices(table), _sexes(table), _lengths(table)]
    return " ".join(part for part in parts if part)


def _voices(table: pd.DataFrame) -> str:
    if (table["speaker"] == "").any():
        return "The corpus does not say who speaks."
    counts = table.groupby("speaker")["confident"].agg(["sum", "size"])
    some = counts[counts["sum"] > 0].sort_values("sum", ascending=False, kind="stable")
    named = listing(
        f"{name} ({int(row['sum']):,} of {count(int(row['size']), 'utterance')})"
        for name, row in some[:TOP].iterrows()
    )
    who = f"{len(some):,} of {count(len(counts), 'speaker')}"
    lead = "They are" if len(some) <= TOP else "The speakers with the most are"
    return f"The confident errors are utterances of {who}. {lead} {named}."


def _sexes(table: pd.DataFrame) -> str:
    known = table[table["sex"] != ""]
    if set(known["sex"]) != {"female", "male"}:
        return "Whether women or men are concerned more cannot be said of this corpus."
    return _contrast(known, known["sex"] == "female", "utterances of women", "of men")


def _lengths(table: pd.DataFrame) -> str:
    middle = table["duration_s"].median()
    longer = table["duration_s"] > middle
    if not longer.any():
        return ""
    bound = f"{number(float(middle), 1)} s"
    return _contrast(table, longer, f"utterances longer than {bound}", "of the others")


def _contrast(table: pd.DataFrame, group: pd.Series, one: str, other: str) -> str:
    """Compare how often two groups of utterances are confident errors."""
    known = (table["speaker"] != "").all()
    rows = bootstrap.clusters(list(table["speaker"]) if known else None, len(table))
    draws = bootstrap.draws(len(rows))
    inside, sure = group.to_numpy(), table["confident"].to_numpy()
    shares = []
    for part in (inside, ~inside):
        hits, n = (draws @ np.array([v[r].sum() for r in rows]) for v in (part & sure, part))
        # A draw may hold none of a group: it says nothing about it.
        shares.append(hits / np.where(n > 0, n, np.nan))
    limits = bootstrap.percentiles(shares[0] - shares[1])
    first, second = float(sure[inside].mean()), float(sure[~inside].mean())
    if limits[0] > 0 or limits[1] < 0:
        verdict = f"they are {'more' if first > second else 'less'} often concerned"
    else:
        verdict = "whether that is more than chance is open"
    return (
        f"Of {one}, {percent(first)} are confident errors, {other} {percent(second)}, a difference "
        f"of {interval(first - second, limits)}: {verdict}."
    )


def players(chosen: pd.DataFrame, table: pd.DataFrame, manifest: Manifest) -> str:
    """The confident errors to listen to, each beside an utterance that was recognised.

    Audio is embedded only where the licence of the corpus allows it; elsewhere the names stand
    alone.

    Parameters
    ----------
    chosen
        From `most_confident`.
    table
        From `answers`.
    manifest
        The corpus.
    """
    if chosen.empty:
        return "No answer is wrong, so there is nothing to listen to."
    allowed = describe(manifest.corpus).embed_audio
    by_name = table.set_index("utterance", drop=False)

    def cell(row: pd.Series) -> str:
        lines = [
            f"`{row['utterance']}`" + (f", speaker {row['speaker']}" if row["speaker"] else ""),
            f"answer: {row['predicted']} ({number(row['p'])})",
        ]
        if not row["right"]:
            lines.append(f"probability of {row['truth']}: {number(row['p_truth'])}")
        if allowed:
            told = f"{row['truth']}, answer {row['predicted']}, utterance {row['utterance']}"
            lines.append(data.player(manifest, row["utterance"], told))
        return "<br>".join(lines)

    rows = [
        {
            "Emotion": wrong["truth"],
            "Wrong": cell(wrong),
            "Right": cell(by_name.loc[name]) if (name := wrong["counterpart"]) else "none",
        }
        for _, wrong in chosen.iterrows()
    ]
    return markdown_table(rows) + ("" if allowed else f"\n\n{data.NAMES_ONLY}")
