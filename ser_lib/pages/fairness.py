"""Whom a network serves: its UAR by sex and by speaker, and how sure the gaps are.

Conventions: functions take a record and its corpus's manifest, which knows the sex of the speakers.
Those that return words return Markdown; where the corpus does not allow a question, a sentence says
why. A gap is only called one if its 95 % interval, over speakers, lies on one side of 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
import pandas as pd

from ser_lib.corpora import Manifest
from ser_lib.experiments.records import Record
from ser_lib.metrics import bootstrap, scores
from ser_lib.pages.margins import Margin
from ser_lib.pages.tables import count, extremes, interval, markdown_table, number

NAMES = {"female": "women", "male": "men"}
ONE = {"women": "woman", "men": "man"}
SHUFFLES = 1000
SHOWN = 30
"""With more speakers than this, those with the highest and the lowest UAR are listed."""


@dataclass(frozen=True)
class Group:
    """The speakers of one sex.

    Attributes
    ----------
    name
        ``"women"`` or ``"men"``.
    speakers, utterances
        How many were tested.
    uar, uar_ci95
        Of this group alone, with its interval over speakers.
    apart
        UAR of this group minus that of all.
    """

    name: str
    speakers: int
    utterances: int
    uar: float
    uar_ci95: list[float]
    apart: Margin


@dataclass(frozen=True)
class Sexes:
    """Women and men beside each other.

    Attributes
    ----------
    groups
        Women, then men; none if the corpus does not allow it.
    gap
        UAR of the women minus that of the men.
    reason
        Why there is nothing to compare, else "".
    """

    groups: tuple[Group, ...] = ()
    gap: Margin | None = None
    reason: str = ""


@dataclass(frozen=True)
class Spread:
    """How far the speakers' UAR lie apart, and how far they would by luck.

    Attributes
    ----------
    measured
        Standard deviation of the speakers' UAR.
    by_luck
        The middle 95 % of what it is when utterances are exchanged between speakers at random.
    """

    measured: float
    by_luck: tuple[float, float]


def by_sex(record: Record, manifest: Manifest) -> Sexes:
    """Compare women and men.

    Parameters
    ----------
    record
        A run.
    manifest
        Of the corpus that it ran on.
    """
    tested = _with_sex(record, manifest)
    if reason := _no_sexes(tested):
        return Sexes(reason=reason)
    uar, labels = scores.OF_MATRICES["uar"], record.emotions
    parts = [tested[tested["sex"] == sex] for sex in NAMES]
    measured = [_matrices(part, labels).sum(axis=0) for part in parts]
    drawn = [_drawn(part, labels, seed) for seed, part in enumerate(parts)]

    def limits(values: np.ndarray) -> list[float]:
        return bootstrap.percentiles(values)

    def margin(one: Callable, other: Callable) -> Margin:
        exact, values = (uar(one(counts)) - uar(other(counts)) for counts in (measured, drawn))
        return Margin(float(exact), limits(values))

    groups = tuple(
        Group(
            name,
            speakers=part["speaker"].nunique(),
            utterances=len(part),
            uar=float(uar(measured[i])),
            uar_ci95=limits(uar(drawn[i])),
            apart=margin(itemgetter(i), sum),
        )
        for i, (name, part) in enumerate(zip(NAMES.values(), parts, strict=True))
    )
    return Sexes(groups, margin(itemgetter(0), itemgetter(1)))


def _with_sex(record: Record, manifest: Manifest) -> pd.DataFrame:
    sexes = manifest.table.set_index("utterance")["sex"]
    return record.predictions.assign(sex=record.predictions["utterance"].map(sexes))


def _no_sexes(tested: pd.DataFrame) -> str:
    """Why women and men cannot be compared, or ""."""
    if (tested["speaker"] == "").any():
        return "the corpus does not say who speaks"
    if unknown := int((~tested["sex"].isin(NAMES)).sum()):
        return (
            f"the corpus does not say the sex of the speaker for {count(unknown, 'utterance')} of "
            f"{len(tested):,}"
        )
    speakers = tested.groupby("sex")["speaker"].nunique()
    for sex, name in NAMES.items():
        if (n := int(speakers.get(sex, 0))) < 2:
            return (
                f"{count(n, ONE[name], name)} {'was' if n == 1 else 'were'} tested, and it takes "
                "two to tell a person from a sex"
            )
    shown = {sex: set(part["truth"]) for sex, part in tested.groupby("sex")}
    if shown["female"] != shown["male"]:
        return "women and men do not show the same emotions in it"
    return ""


def _matrices(part: pd.DataFrame, emotions: list[str]) -> np.ndarray:
    """Return the confusion matrix of every speaker: int [speakers, classes, classes]."""
    return np.stack(
        [
            scores.confusion_matrix(list(own["truth"]), list(own["predicted"]), emotions)
            for _, own in part.groupby("speaker")
        ]
    )


def _drawn(part: pd.DataFrame, emotions: list[str], seed: int) -> np.ndarray:
    """Return confusion matrices of as many speakers, drawn with replacement, many times.

    Each sex is drawn by itself, so that there are always as many women and men as there are.
    """
    matrices = _matrices(part, emotions)
    draws = bootstrap.draws(len(matrices), seed=seed)
    return np.tensordot(draws, matrices, axes=1)


def sex_table(sexes: Sexes) -> str:
    """UAR of women and of men, and how far each lies from that of all."""
    if sexes.reason:
        return f"Women and men cannot be compared: {sexes.reason}."
    return markdown_table(
        {
            "Speakers": count(group.speakers, ONE[group.name], group.name),
            "Utterances": group.utterances,
            "UAR": interval(group.uar, group.uar_ci95),
            "Minus UAR of all": group.apart.words(),
        }
        for group in sexes.groups
    )


def sex_words(sexes: Sexes) -> str:
    """Whether one sex is recognised better than the other."""
    if sexes.reason:
        return "Who is served better, women or men, stays open."
    women, men = (number(group.uar) for group in sexes.groups)
    better = {1: "women are recognised better", -1: "men are recognised better"}
    verdict = better.get(
        sexes.gap.sign,
        "the interval holds 0, so whether one sex is recognised better than the other stays open",
    )
    return (
        f"UAR is {women} for women and {men} for men. The gap, women minus men, is "
        f"{sexes.gap.words()}: {verdict}."
    )


def by_speaker(record: Record, manifest: Manifest) -> pd.DataFrame:
    """Return the UAR of every tested speaker with its interval, highest first.

    Returns
    -------
    DataFrame
        Columns: speaker, sex, n (utterances), uar (over the emotions that the speaker shows), low,
        high (95 % interval over utterances: it tells how sure the UAR of this speaker is, for the
        network that was trained without her or him). Empty if the speakers are unknown.
    """
    tested = _with_sex(record, manifest)
    rows = []
    for speaker, part in tested[tested["speaker"] != ""].groupby("speaker"):
        truth, predicted = list(part["truth"]), list(part["predicted"])
        low, high = scores.score_intervals(truth, predicted)["uar"]
        rows.append(
            {
                "speaker": speaker,
                "sex": part["sex"].iloc[0],
                "n": len(part),
                "uar": scores.uar(truth, predicted),
                "low": low,
                "high": high,
            }
        )
    columns = ["speaker", "sex", "n", "uar", "low", "high"]
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["uar", "speaker"], ascending=[False, True], ignore_index=True
    )


def spread(record: Record, *, n_shuffles: int = SHUFFLES, seed: int = 0) -> Spread | None:
    """How far the speakers lie apart, beside how far they would if all were equally easy.

    A speaker with few utterances is far from the mean by luck alone. So the answers are exchanged
    between the speakers at random, each for one to an utterance of the same emotion, which leaves
    everything as it is but whose utterances were recognised (a permutation test; Fisher 1935).

    Parameters
    ----------
    record
        A run.
    n_shuffles, seed
        Of the exchanges.

    Returns
    -------
    Spread or None
        None if there are fewer than three speakers, or one without a name.
    """
    table = record.predictions
    if (table["speaker"] == "").any() or table["speaker"].nunique() < 3:
        return None
    speakers, names = pd.factorize(table["speaker"], sort=True)
    emotions, labels = pd.factorize(table["truth"], sort=True)
    cells = speakers * len(labels) + emotions
    hits = (table["truth"] == table["predicted"]).to_numpy(dtype=float)
    spoken = np.bincount(cells, minlength=len(names) * len(labels)).reshape(len(names), -1)

    def deviation(right: np.ndarray) -> float:
        found = np.bincount(cells, right, minlength=spoken.size).reshape(spoken.shape)
        recalls = found / np.maximum(spoken, 1)
        return float(np.std(recalls.sum(axis=1) / (spoken > 0).sum(axis=1), ddof=1))

    generator = np.random.default_rng(seed)
    order = np.argsort(emotions, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(emotions))[:-1])
    shuffled = []
    for _ in range(n_shuffles):
        exchanged = hits.copy()
        for group in groups:
            exchanged[group] = hits[generator.permutation(group)]
        shuffled.append(deviation(exchanged))
    low, high = np.percentile(shuffled, [2.5, 97.5])
    return Spread(deviation(hits), (float(low), float(high)))


def speaker_table(speakers: pd.DataFrame) -> str:
    """The speakers with their UAR, or those with the highest and the lowest."""
    if speakers.empty:
        return "The corpus does not say who speaks."
    listed, note = speakers, ""
    if len(speakers) > SHOWN:
        half = SHOWN // 2
        listed = pd.concat([speakers.head(half), speakers.tail(half)])
        note = f"\n\nOf {count(len(speakers), 'speaker')}, the first and the last {half} are shown."
    rows = markdown_table(
        {
            "Speaker": row.speaker,
            "Sex": row.sex,
            "Utterances": row.n,
            "UAR": interval(row.uar, [row.low, row.high]),
        }
        for row in listed.itertuples()
    )
    return rows + note


def speaker_words(speakers: pd.DataFrame, found: Spread | None) -> str:
    """Whether the network serves some speakers better than others."""
    if speakers.empty:
        return "Whether the network serves some speakers better than others stays open."
    named = dict(zip("speaker " + speakers["speaker"], speakers["uar"], strict=True))
    words = f"UAR is {extremes(named, 'speaker')}."
    if found is None:
        return f"{words} It takes three speakers to tell how far speakers lie apart."
    low, high = found.by_luck
    verdict = "no more than luck would do, so that the speakers differ is not shown"
    if found.measured > high:
        verdict = "more than luck would do: some speakers are recognised better than others"
    elif found.measured < low:
        verdict = "less than luck would do: the speakers are unusually alike"
    return (
        f"{words} The standard deviation over speakers is {number(found.measured)}. If all "
        f"speakers were equally easy, it would be {number(low)} to {number(high)} in 95 % of the "
        f"cases, because each of them speaks only so many utterances. It is {verdict}."
    )
