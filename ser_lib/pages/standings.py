"""Networks beside baselines: which is above which, and where the data cannot tell.

Conventions: functions that return words return Markdown. Two methods are compared utterance by
utterance (see `difference`). One is said to be above the other only if the 95 % interval of the
difference of their UAR does not hold 0 and its p-value, corrected for the number of comparisons, is
below `SIGNIFICANCE` of `verdicts`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ser_lib.experiments.baselines import TITLES, Baseline, clusters
from ser_lib.experiments.records import Record
from ser_lib.features import functionals
from ser_lib.metrics import difference as paired
from ser_lib.metrics.difference import Difference
from ser_lib.pages.tables import capital, count, listing, markdown_table, number, rounded, title
from ser_lib.pages.verdicts import SIGNIFICANCE, labels, p_value


def uar_difference(
    first: pd.DataFrame, second: pd.DataFrame, emotions: Sequence[str]
) -> Difference:
    """Return the UAR of `first` less that of `second` on the utterances that both predict.

    Parameters
    ----------
    first, second
        Predictions, such as a record's and a baseline's.
    emotions
        Class order.

    Raises
    ------
    ParameterError
        If they share no utterance.
    """
    both = first.merge(second[["utterance", "predicted"]], on="utterance", suffixes=("", "_2"))
    answers = [list(both[column]) for column in ("truth", "predicted", "predicted_2")]
    return paired.differences(*answers, emotions, clusters=clusters(both))["uar"]


def told(difference: Difference, p: float) -> int:
    """Return 1 or -1 if a difference is above or below 0 beyond doubt, else 0.

    Parameters
    ----------
    difference
        With its interval.
    p
        Its corrected p-value.

    Examples
    --------
    >>> told(Difference(0.1, [0.02, 0.18], 0.01, 0.002, 10), 0.02)
    1
    >>> told(Difference(0.1, [0.02, 0.18], 0.03, 0.002, 10), 0.06)
    0
    """
    low, high = difference.interval
    return 0 if p >= SIGNIFICANCE else int(low > 0) - int(high < 0)


def signed(difference: Difference, p: float) -> str:
    """A difference as it is printed, with its interval and corrected p-value.

    Examples
    --------
    >>> signed(Difference(0.104, [0.02, 0.181], 0.004, 0.002, 10), 0.008)
    '+0.10 (+0.02 to +0.18), p = 0.008'
    """
    value, low, high = (f"{rounded(v):+.2f}" for v in (difference.value, *difference.interval))
    return f"{value} ({low} to {high}), {p_value(p)}"


def margin(difference: Difference, p: float) -> str:
    """A difference of UAR in words, with its interval and corrected p-value.

    Examples
    --------
    >>> margin(Difference(-0.094, [-0.151, -0.03], 0.008, 0.002, 10), 0.016)
    'UAR 0.09 lower (0.03 to 0.15, p = 0.016)'
    """
    lower = rounded(difference.value) < 0
    low, high = sorted(-limit if lower else limit for limit in difference.interval)
    words = f"UAR {number(abs(difference.value))} {'lower' if lower else 'higher'}"
    return f"{words} ({number(low)} to {number(high)}, {p_value(p)})"


def against(
    record: Record, results: Sequence[Baseline]
) -> list[tuple[Baseline, Difference, float]]:
    """Return every baseline with the UAR of a network less its own, and the corrected p-value.

    The p-values are corrected for the number of baselines (`difference.holm`).
    """
    found = [uar_difference(record.predictions, r.predictions, record.emotions) for r in results]
    return list(zip(results, found, paired.holm([one.p for one in found]), strict=True))


def standing(record: Record, results: Sequence[Baseline], *, name: str | None = None) -> str:
    """Which baselines a network is below, which above, and from which the data cannot tell it.

    Parameters
    ----------
    record, results
        A network's run, and baselines in the same folds.
    name
        What to call the network, by default the title of its architecture.
    """
    found: dict[str, list[str]] = {verb: [] for verb in _VERBS.values()}
    compared = against(record, results)
    for baseline, difference, p in compared:
        sign = told(difference, p)
        side = sign or np.sign(rounded(difference.value))
        who = f"the {baseline.title} ({number(baseline.metrics['uar'])})"
        found[_VERBS[bool(sign), int(side)]].append(who)
    clauses = "; it ".join(verb.format(listing(who)) for verb, who in found.items() if who)
    uar = number(record.data["metrics"]["uar"])
    words = f"The {name or title(record.data['architecture'])} (UAR {uar}) {clauses}."
    return " ".join([words, *powerless([difference for _, difference, _ in compared])])


_VERBS = {
    (True, -1): "is **below** {}",
    (True, 1): "is above {}",
    (False, -1): "scores lower than {}, which may be chance",
    (False, 1): "scores higher than {}, which may be chance",
    (False, 0): "scores as high as {}",
}


def powerless(differences: Sequence[Difference]) -> list[str]:
    """A sentence where there are too few speakers to tell any of some differences from chance.

    Returns
    -------
    list of str
        Empty if there are enough.
    """
    if any(one.least_p * len(differences) < SIGNIFICANCE for one in differences):
        return []
    fewest = min(one.clusters for one in differences)
    return [f"With {fewest:,} to draw from, no difference can be told from chance."]


def beside(records: Sequence[Record], results: Sequence[Baseline]) -> str:
    """Networks and baselines from the highest UAR down, and every network against every baseline.

    Parameters
    ----------
    records
        Runs of networks on one corpus under one protocol.
    results
        Baselines in the same folds.
    """
    names = labels(records)
    rows = [(f"**{name}**", run.data["metrics"]) for name, run in zip(names, records, strict=True)]
    rows += [(capital(baseline.title), baseline.metrics) for baseline in results]
    ranking = [
        {
            "Method": name,
            "UAR": scores["uar"],
            "95 % interval": " to ".join(number(float(limit)) for limit in scores["uar_ci95"]),
            "Accuracy": scores["accuracy"],
            "Macro F1": scores["macro_f1"],
        }
        for name, scores in sorted(rows, key=lambda row: -row[1]["uar"])
    ]
    columns = {name: against(run, results) for name, run in zip(names, records, strict=True)}
    differences = [
        {"UAR less that of": f"the {baseline.title}"}
        | {name: signed(*column[i][1:]) for name, column in columns.items()}
        for i, baseline in enumerate(results)
    ]
    verdicts = [
        f"- {standing(run, results, name=name)}" for name, run in zip(names, records, strict=True)
    ]
    parts = [
        markdown_table(ranking),
        f"{markdown_table(differences)}\n\nIn brackets stands the 95 % interval; the p-values are "
        f"corrected for {count(len(results), 'baseline')}.",
        "\n".join(verdicts),
    ]
    there = {result.name for result in results}
    if absent := [f"the {TITLES[name]}" for name in functionals.SMILE if name not in there]:
        parts.append(f"Not run, because openSMILE is not installed: {listing(absent)}.")
    return "\n\n".join(parts)
