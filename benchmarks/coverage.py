"""What an interval of 95 % and a verdict are worth with few speakers: a simulation.

Speakers are drawn from a population whose true scores are known. Of each, some utterances of every
class are recognised with a probability that depends on the class, the speaker, the speaker and the
class, and on the training of the network that is tested on them; all these deviations are normal,
in log-odds. Nothing is true where a verdict is judged: two networks are equally good on average,
and so are women and men recognised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import expit

from benchmarks import bootstrap
from ser_lib.metrics.jackknife import jackknife, less

CLASSES = 7
SKILLS = np.linspace(0.2, 1.8, CLASSES)
"""Log-odds of recognising a class, over all speakers: UAR is about 0.7."""
SPEAKER, SPEAKER_AND_CLASS, TRAINING = 0.5, 0.8, 0.25
"""Standard deviations of the log-odds. That of trainings moves UAR by about 0.04."""
TRIALS = 4000
UTTERANCES = 8  # of every class by every speaker, on average


@dataclass(frozen=True)
class Design:
    """How many folds there are, and how many speakers each of them tests."""

    folds: int
    speakers: int = 1  # that share a trained network

    @property
    def unit(self) -> str:
        """What is independent."""
        return "speaker" if self.speakers == 1 else "fold"


DESIGNS = (*map(Design, (3, 5, 10, 24, 90)), Design(5, 2), Design(5, 5), Design(5, 18))


def study(designs: Sequence[Design] = DESIGNS, *, n: int = TRIALS, seed: int = 0) -> pd.DataFrame:
    """Return how often intervals hold the truth, and how often something false is concluded.

    Returns
    -------
    DataFrame
        One row per design. Columns: folds, speakers (in a fold), unit, coverage (of UAR by the
        jackknife), bootstrap (the same by the percentile bootstrap over speakers), networks (how
        often one of two equal networks is called better) and sexes (how often women or men are;
        nan with fewer than two of each).
    """
    rows = []
    for design in designs:
        generator = np.random.default_rng([seed, design.folds, design.speakers])
        trials = [_trial(design, generator) for _ in range(n)]
        means = pd.DataFrame(trials).mean()
        about = {"folds": design.folds, "speakers": design.speakers, "unit": design.unit}
        rows.append(about | means.to_dict())
    return pd.DataFrame(rows)


def table(study: pd.DataFrame) -> pd.DataFrame:
    """Return a study as the book shows it."""
    names = {
        "coverage": "Coverage, jackknife",
        "bootstrap": "Coverage, bootstrap over speakers",
        "networks": "One of two equal networks called better",
        "sexes": "One sex called easier",
    }
    tested = [
        f"{s} in each of {f} folds" if s > 1 else f"{f}"
        for f, s in study[["folds", "speakers"]].to_numpy()
    ]
    return pd.DataFrame({"Speakers": tested, "Unit": study["unit"]}).join(
        study.rename(columns=names)[list(names.values())].round(3)
    )


def _trial(design: Design, generator: np.random.Generator) -> dict[str, float]:
    """Draw speakers once and judge them as the report would."""
    counts = _draw(design, generator)  # [folds, speakers, network, class, (right, all)]
    by_unit = counts.sum(axis=1)
    one = jackknife(_uar, by_unit[:, 0])
    drawn = bootstrap.interval(_uar, counts[:, :, 0].reshape(-1, CLASSES, 2), n_resamples=500)
    both = jackknife(less(_uar, -3), by_unit, scale="difference")
    result = {
        "coverage": one.low <= TRUTH <= one.high,
        "bootstrap": drawn[0] <= TRUTH <= drawn[1],
        "networks": both.sign != 0,
        "sexes": np.nan,
    }
    if design.folds > 3 and design.speakers == 1:
        sexes = np.arange(design.folds) % 2
        split = np.where((sexes == np.array([[0], [1]]))[..., None, None], counts[:, 0, 0], 0)
        gap = jackknife(
            less(_uar, -3),
            np.moveaxis(split, 0, 1),
            scale="difference",
            strata=sexes,
        )
        result["sexes"] = gap.sign != 0
    return result


def _draw(design: Design, generator: np.random.Generator) -> np.ndarray:
    """Return how many utterances are recognised, by two networks, and how many there are."""
    normal = partial(generator.normal, 0)
    shape = (design.folds, design.speakers)
    odds = (
        SKILLS
        + normal(SPEAKER, (*shape, 1, 1))
        + normal(SPEAKER_AND_CLASS / 2**0.5, (*shape, 1, CLASSES))
    )
    odds = odds + normal(SPEAKER_AND_CLASS / 2**0.5, (*shape, 2, CLASSES))
    odds = odds + normal(TRAINING, (design.folds, 1, 2, 1))
    spoken = 1 + generator.poisson(UTTERANCES - 1, (*shape, 1, CLASSES))
    right = generator.binomial(spoken, expit(odds))
    return np.stack([right, np.broadcast_to(spoken, right.shape)], axis=-1).astype(float)


def _uar(counts: np.ndarray) -> np.ndarray:
    return (counts[..., 0] / counts[..., 1]).mean(axis=-1)


def _truth() -> float:
    """The UAR over all speakers and trainings, by Gauss and Hermite's quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    deviation = np.hypot(np.hypot(SPEAKER, SPEAKER_AND_CLASS), TRAINING)
    odds = SKILLS[:, None] + deviation * points
    return float((expit(odds) @ weights / weights.sum()).mean())


TRUTH = _truth()
