"""What a reviewer asks: eight kinds of leakage and REFORMS, answered by what was computed."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ser_lib.core.errors import RecordError
from ser_lib.core.files import SUMS
from ser_lib.corpora import Corpus, describe
from ser_lib.experiments import baselines, search
from ser_lib.experiments.leakage import SEVERITIES
from ser_lib.experiments.run import Run
from ser_lib.experiments.splits import PROTOCOLS
from ser_lib.models.networks import title
from ser_lib.pages.words import Fact, Markdown

TRIED = "tried"  # tag of the cell that `report.book` replaces: other pages train while one executes
_TASK = {"corpus", "emotions", "style", "protocol", "split", "folds", "seed", "test_copies"}


@dataclass(frozen=True, eq=False)
class Review(Fact):
    """The report in the numbers that checklists ask for."""

    run: Run  # of the network to use
    networks: Sequence[Run]
    audited: Fact  # the audit of its split, an `audit.Audited`
    repeated: Fact  # recordings that are there twice, an `audit.Copies`

    @property
    def corpus(self) -> Corpus:
        """What is known of the corpus."""
        return describe(self.run.record.corpus.name)

    @property
    def new_speakers(self) -> bool:
        """Whether no tested speaker trains or validates."""
        return "speaker" in PROTOCOLS[self.run.protocol].promises

    @property
    def simple(self) -> list[str]:
        """The methods without a network."""
        return [title("lda"), *(baselines.TITLES[name] for name in baselines.available())]

    @property
    def given(self) -> list[str]:
        """Parameters that are not the usual ones, of any network."""
        return sorted({name for run in self.networks for name in run.given})

    def worst(self, *names: str) -> str:
        """Return the worst severity of some checks of the audit: "none" if all found nothing."""
        findings = self.audited.findings  # type: ignore[attr-defined]
        found = {one.severity for one in findings if one.name in names}
        return next((severity for severity in SEVERITIES if severity in found), "none")


@dataclass(frozen=True)
class Tried(Fact):
    """What was tried on a corpus, as far as its folder of runs knows."""

    methods: Mapping[str, int]  # configurations by the method's printed name
    searches: int  # of them
    searched: int  # configurations that these tried


def tried(folder: Path) -> Markdown:
    """Say how many configurations the runs and searches in a corpus's folder tried.

    Two are one if they differ in nothing but the task, the protocol or the seed.
    """
    known: set[str] = set()
    for file in sorted(folder.glob(f"[!.]*/{SUMS}")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            record = json.loads(file.with_name("record.json").read_text(encoding="utf-8"))
            known.add(_configuration(record["parameters"]))
    searches = []
    for file in search.records_of(folder):
        with suppress(RecordError):
            searches.append(search.Record.read(file))
    known -= {_configuration(one.winner) for one in searches}  # which its search counts
    methods = Counter(json.loads(one)["architecture"] for one in known)
    for one in searches:
        methods[one.architecture] += one.configurations
    shown = {title(name): n for name, n in sorted(methods.items())}
    return Tried(shown, len(searches), sum(one.configurations for one in searches)).text("tried")


def _configuration(parameters: Mapping) -> str:
    own = {name: value for name, value in parameters.items() if name not in _TASK}
    return json.dumps(own, sort_keys=True)
