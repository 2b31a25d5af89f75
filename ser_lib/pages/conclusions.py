"""What the report comes to: the facts that all other pages lead to."""

from dataclasses import dataclass
from functools import cached_property

from ser_lib.corpora import Corpus, describe
from ser_lib.experiments import leakage
from ser_lib.pages import audit, calibration, claims, context, fairness, network
from ser_lib.pages.across import Across, Direction
from ser_lib.pages.introduction import Introduction
from ser_lib.pages.robustness import Condition, Trial

HARMS = {"quiet": ("quiet",), "noise": ("noise", "babble"), "telephone": ("telephone",)}


@dataclass(frozen=True, eq=False)
class Conclusions(Introduction):
    """What networks and baselines in the same folds come to; nothing is trained for it."""

    trial: Trial | None = None  # of the chosen network; the rows on harm need it
    across: Across | None = None

    checks = leakage.CHECKS

    @property
    def harms(self) -> dict[str, Condition]:
        """The condition of the lowest UAR of each cause of harm."""
        conditions = self.trial.conditions if self.trial else []
        parts = {name: [c for c in conditions if c.kind in kinds] for name, kinds in HARMS.items()}
        return {n: min(own, key=lambda c: c.uar.value) for n, own in parts.items() if own}

    @property
    def farthest(self) -> Direction | None:
        """The test of the lowest UAR on another corpus; None if there is none."""
        tests = self.across.directions if self.across else []
        own = [one for one in tests if one.method == self.across.run.title]
        return min(own, key=lambda one: one.uar.value, default=None)

    @cached_property
    def sexes(self) -> fairness.Sexes:
        """Women and men with the chosen network."""
        return fairness.by_sex(self.chosen)

    @property
    def confusions(self) -> list[network.Confusion]:
        """Those of the chosen network, the largest first."""
        return network.Network(self.chosen).confusions

    @cached_property
    def quality(self) -> calibration.Quality:
        """Of the chosen network's probabilities, as trained."""
        return calibration.quality(self.chosen, self.chosen.probabilities)

    @cached_property
    def listening(self) -> context.Listening:
        """What people recognise."""
        return context.listening(self.chosen)

    @property
    def corpus(self) -> Corpus:
        """What is known of the corpus."""
        return describe(self.chosen.record.corpus.name)

    @cached_property
    def audited(self) -> audit.Audited:
        """The audit of the chosen network's split."""
        return audit.of_run(self.chosen)

    @cached_property
    def random(self) -> audit.Audited:
        """The audit of a random split."""
        return audit.of_random(self.chosen)

    @property
    def voices(self) -> tuple[int, int] | None:
        """How many test utterances of a random split have a voice that it trains, and of how many.

        None if there is no such split, or nobody knows who speaks.
        """
        seen = None if self.random.reason else self.random.seen("speaker")
        return None if seen is None else (seen, self.random.tested)

    @cached_property
    def claims(self) -> claims.Claims | None:
        """What the reference report concluded; None without the network that it chose."""
        return claims.claims(self.runs, self.pairs)
