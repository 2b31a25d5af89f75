"""Whom a network serves: its UAR by sex and by speaker, and how sure the gaps are."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ser_lib.experiments.run import Run
from ser_lib.metrics import scores
from ser_lib.metrics.jackknife import Estimate, jackknife, less
from ser_lib.pages.words import Fact, count

NAMES = {"female": "women", "male": "men"}
SHUFFLES = 1000  # of the predictions between speakers
SHOWN = 30  # of more speakers, a figure has no names


@dataclass(frozen=True)
class Group:
    """The tested speakers of one sex."""

    name: str  # "women" or "men"
    speakers: int
    utterances: int
    uar: Estimate


@dataclass(frozen=True)
class Sexes(Fact):
    """Women, then men."""

    groups: tuple[Group, ...] = ()
    gap: Estimate | None = None  # UAR of the women less that of the men
    reason: str = ""  # why there is nothing to compare


@dataclass(frozen=True)
class Speakers(Fact):
    """The tested speakers, in a table from the highest UAR down; it is empty if nobody is named.

    Columns: speaker, sex, n (utterances), uar (over the emotions that the speaker shows), low, high
    (95 % interval over utterances: how sure the UAR of this speaker is, for the network that was
    trained without her or him).
    """

    table: pd.DataFrame
    measured: float | None = None  # deviation of UAR; None with fewer than three speakers
    by_luck: tuple[float, float] | None = None  # its middle 95 % if speakers made no difference

    @property
    def level(self) -> str:
        """How far speakers differ: "more", "less" or "as" luck would do, "" if that is open."""
        if self.measured is None:
            return ""
        low, high = self.by_luck
        return "more" if self.measured > high else "less" if self.measured < low else "as"

    @property
    def named(self) -> dict[str, float]:
        """UAR by speaker."""
        return dict(zip("speaker " + self.table["speaker"], self.table["uar"], strict=True))


def by_sex(run: Run) -> Sexes:
    """Compare women and men."""
    tested = _with_sex(run)
    if reason := _no_sexes(tested):
        return Sexes(reason=reason)
    uar, parts = scores.OF_MATRICES["uar"], _matrices(tested, run)
    spoken = parts.sum(axis=(2, 3)) > 0  # whether a unit has women, and men
    # Where each unit is of one sex, women and men were sampled by themselves.
    strata = None if spoken.all(axis=1).any() else spoken[:, 0]
    groups = []
    for i, (sex, name) in enumerate(NAMES.items()):
        own = tested[tested["sex"] == sex]
        value = jackknife(uar, parts[spoken[:, i], i], unit=run.unit)
        groups.append(Group(name, own["speaker"].nunique(), len(own), value))
    units = {"unit": run.unit, "strata": strata}
    return Sexes(tuple(groups), jackknife(less(uar, -3), parts, scale="difference", **units))


def _with_sex(run: Run) -> pd.DataFrame:
    if run.corpus is None:
        return run.predictions.assign(sex="")
    sexes = run.corpus.table.set_index("utterance")["sex"]
    return run.predictions.assign(sex=run.predictions["utterance"].map(sexes))


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
    if set(speakers.index) != set(NAMES) or speakers.min() < 2:
        return "it takes two women and two men to tell a person from a sex"
    shown = {sex: set(part["truth"]) for sex, part in tested.groupby("sex")}
    if shown["female"] != shown["male"]:
        return "women and men do not show the same emotions in it"
    return ""


def _matrices(tested: pd.DataFrame, run: Run) -> np.ndarray:
    """Return the confusion matrices of women and men by unit: int [units, 2, classes, classes]."""
    order = [sorted(set(tested[run.unit])), list(NAMES), run.emotions]
    counts = pd.crosstab([tested[run.unit], tested["sex"], tested["truth"]], tested["predicted"])
    rows = {"index": pd.MultiIndex.from_product(order), "columns": run.emotions, "fill_value": 0}
    return counts.reindex(**rows).to_numpy().reshape(*map(len, order), len(run.emotions))


def speaker_scores(run: Run) -> pd.DataFrame:
    """Return the table of `Speakers`."""
    rows = []
    for speaker, part in _with_sex(run).query("speaker != ''").groupby("speaker"):
        uar = scores.evaluate(list(part["truth"]), list(part["predicted"]))["uar"]
        rows.append((speaker, part["sex"].iloc[0], len(part), uar.value, *uar.interval))
    table = pd.DataFrame(rows, columns=["speaker", "sex", "n", "uar", "low", "high"])
    return table.sort_values(["uar", "speaker"], ascending=[False, True], ignore_index=True)


def by_speaker(run: Run) -> Speakers:
    """Return the UAR of every tested speaker, and how far they would lie apart by luck.

    A speaker with few utterances is far from the mean by luck alone. So the predictions are
    exchanged between speakers at random, within each emotion, which leaves everything as it is but
    whose utterances were recognised (a permutation test; Fisher 1935).
    """
    table = speaker_scores(run)
    if run.n_speakers < 3:
        return Speakers(table)
    tested = run.predictions.sort_values("truth", kind="stable")
    emotions, right = pd.factorize(tested["truth"])[0], tested["truth"] == tested["predicted"]
    cells, names = pd.factorize(pd.MultiIndex.from_frame(tested[["speaker", "truth"]]))
    speakers = names.get_level_values(0)

    def deviation(hits: np.ndarray) -> float:
        recalls = pd.Series(np.bincount(cells, hits) / np.bincount(cells))
        return float(recalls.groupby(speakers).mean().std())

    hits, generator = right.to_numpy(float), np.random.default_rng(0)
    orders = (np.lexsort((generator.random(len(hits)), emotions)) for _ in range(SHUFFLES))
    low, high = np.percentile([deviation(hits[order]) for order in orders], [2.5, 97.5])
    return Speakers(table, deviation(hits), (float(low), float(high)))
