"""The result of the whole report in a paragraph and a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from IPython.display import HTML

from ser_lib.experiments.baselines import Baseline
from ser_lib.experiments.run import Run
from ser_lib.metrics.jackknife import Estimate
from ser_lib.pages import players, runs
from ser_lib.pages.words import Fact


@dataclass(frozen=True, eq=False)
class Introduction(runs.Methods, Fact):
    """Networks and other methods in the same folds; RecordError if runs cannot be compared."""

    runs: Sequence[Run]
    baselines: Sequence[Baseline] = ()
    discriminants: Sequence[Run] = ()

    @cached_property
    def chosen(self) -> Run:
        """The network to use; see `runs.final`."""
        return runs.final(self.runs)

    def player(self) -> HTML:
        """Return one test utterance to listen to, with its label and the prediction."""
        manifest = self.chosen.corpus
        name = next(iter(players.examples(manifest).values()))
        row = next(self.chosen.predictions.query("utterance == @name").itertuples(), None)
        return players.html("introduction/player.html", manifest, name=name, row=row)

    @cached_property
    def simple(self) -> tuple[Baseline, Estimate] | None:
        """The best of the baselines that learn, with the chosen network's UAR less its own."""
        margins = runs.differences([(self.chosen, one) for one in self.baselines])
        learned = [p for p in zip(self.baselines, margins, strict=True) if p[0].name != "majority"]
        return max(learned, key=lambda pair: pair[0].uar.value, default=None)
