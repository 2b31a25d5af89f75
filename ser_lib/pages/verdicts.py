"""Which of several networks is better, and where the data cannot tell.

Networks are compared in pairs, utterance by utterance (see `difference`). One is called better than
another only if the 95 % interval of the difference of their UAR does not hold 0 and its p-value,
corrected for the number of pairs, is below `SIGNIFICANCE`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from ser_lib.core.errors import RecordError
from ser_lib.metrics import difference
from ser_lib.metrics.difference import Difference
from ser_lib.pages.tables import count, listing, number, rounded, title

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Pair:
    """Two networks, and how far apart they are.

    Attributes
    ----------
    first, second
        Their names.
    scores
        The differences by score, first minus second.
    p
        The p-value of the difference of UAR, corrected for the number of pairs.
    unit
        What was drawn and swapped: "speaker", or "utterance" where no two speakers are known.
    possible
        Whether any difference could be told from chance, with so few of them and so many pairs.
    """

    first: str
    second: str
    scores: dict[str, Difference]
    p: float
    unit: str
    possible: bool

    @property
    def apart(self) -> bool:
        """Whether the data can tell which of them is better."""
        low, high = self.scores["uar"].interval
        return self.p < SIGNIFICANCE and (low > 0 or high < 0)


def pairs(networks: Sequence[Sequence]) -> list[Pair]:
    """Compare every two networks.

    Parameters
    ----------
    networks
        The records of each network: one, or one for each seed, the same seeds in the same order.

    Returns
    -------
    list of Pair
        In the order of the networks.

    Raises
    ------
    RecordError
        If two records that belong together were not tested on the same utterances.
    """
    names = labels([network[0] for network in networks])
    both = list(combinations(zip(names, networks, strict=True), 2))
    tables = [_together(first, second) for (_, first), (_, second) in both]
    found, units = [], []
    for table in tables:
        speakers = set(table["speaker"])
        units.append("speaker" if "" not in speakers and len(speakers) > 1 else "utterance")
        found.append(
            difference.differences(
                *(list(table[column]) for column in ("truth", "predicted", "other")),
                networks[0][0].emotions,
                clusters=list(table[units[-1]]),
            )
        )
    corrected = difference.holm([scores["uar"].p for scores in found])
    return [
        Pair(first, second, scores, p, unit, scores["uar"].least_p * len(found) < SIGNIFICANCE)
        for ((first, _), (second, _)), scores, p, unit in zip(
            both, found, corrected, units, strict=True
        )
    ]


def _together(first: Sequence, second: Sequence) -> pd.DataFrame:
    """Put the answers of two networks side by side, seed after seed."""
    tables = []
    for records in zip(first, second, strict=True):
        one, other = (record.predictions.set_index("utterance") for record in records)
        if set(one.index) != set(other.index):
            raise RecordError("cannot compare records that were tested on different utterances")
        other = other.loc[one.index]
        if (differs := one["truth"] != other["truth"]).any():
            raise RecordError(
                f"cannot compare records of different data: utterance '{one.index[differs][0]}' "
                "has two emotions"
            )
        tables.append(one.assign(other=other["predicted"]).reset_index())
    return pd.concat(tables)


def verdict(found: Sequence[Pair]) -> str:
    """What pairs say of the first network among them: better, worse, or not to be told.

    Parameters
    ----------
    found
        From `pairs`; nothing is said where there is none.
    """
    own = [pair for pair in found if pair.first == found[0].first]
    sides: dict[str, list[str]] = {"better": [], "worse": [], "open": []}
    for pair in own:
        uar = pair.scores["uar"]
        side = "open" if not pair.apart else "better" if uar.value > 0 else "worse"
        direction = "lower" if rounded(uar.value) < 0 else "higher"
        low, high = sorted(-limit if direction == "lower" else limit for limit in uar.interval)
        sides[side].append(
            f"the {pair.second} (UAR {number(abs(uar.value))} {direction}, 95 % interval "
            f"{number(low)} to {number(high)}, {p_value(pair.p)})"
        )
    openings = {
        "better": "The {} is better than {}.",
        "worse": "The {} is worse than {}.",
        "open": "The data cannot tell whether the {} is better than {}.",
    }
    words = [
        openings[side].format(own[0].first, listing(told)) for side, told in sides.items() if told
    ]
    if own and not own[0].possible:
        few = count(own[0].scores["uar"].clusters, own[0].unit)
        words.append(f"With only {few}, no difference could be told from chance.")
    return " ".join(words)


def p_value(p: float) -> str:
    """A p-value as it is printed.

    Examples
    --------
    >>> p_value(0.0312), p_value(0.0002)
    ('p = 0.031', 'p < 0.001')
    """
    return f"p = {number(p, 3)}" if p >= 0.001 else "p < 0.001"


def labels(records: Sequence) -> list[str]:
    """A distinct name for each record: the network's, and what differs where one occurs twice."""
    names = [title(record.data["architecture"]) for record in records]
    given = [record.data["parameters"] for record in records]

    def distinct(name: str, own: Mapping) -> str:
        twins = [p for n, p in zip(names, given, strict=True) if n == name]
        differs = [key for key in own if any(twin.get(key) != own[key] for twin in twins)]
        told = ", ".join(f"{key.replace('_', ' ')} {own[key]}" for key in differs)
        return f"{name} ({told})" if told else name

    return [distinct(name, own) for name, own in zip(names, given, strict=True)]


def comparable(records: Sequence) -> list:
    """Return records from the highest UAR down, once it is sure that they can be compared.

    Raises
    ------
    RecordError
        If there is no record, or they are of different data or protocols.
    """
    if not records:
        raise RecordError("there is no record to compare; run the networks' notebooks first")
    for what, value in (
        ("corpora", lambda data: data["corpus"]["name"]),
        ("versions of the corpus", lambda data: data["corpus"]["manifest_sha256"][:12]),
        ("protocols", lambda data: data["protocol"]),
    ):
        found = sorted({value(record.data) for record in records})
        if len(found) > 1:
            raise RecordError(f"cannot compare records of different {what}: {', '.join(found)}")
    return sorted(records, key=lambda record: record.data["metrics"]["uar"], reverse=True)
