"""Training on one corpus and testing on another, of another language, another room, other people.

Two corpora share some emotions and little else, so this is the hardest of the protocols, and the
one nearest to use: a network is always used on recordings that are not its corpus's. Each corpus is
tested once, by a network that has seen nothing of it, and only the emotions that both have are
told apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ser_lib.core.errors import SplitError
from ser_lib.corpora import Manifest, describe
from ser_lib.experiments import run
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.records import Record
from ser_lib.metrics import scores
from ser_lib.pages import provenance
from ser_lib.pages.tables import count, listing, markdown_table, number, title

ARCHITECTURE = "cnn_gru"
USUAL = {"demo": "demo2"}
"""Which corpus is paired with which when none is named; "demo" with all that are not here."""


NOTHING = "<!-- nothing to show -->"
"""Markdown for a part of the page that does not apply; an empty output would show its type."""


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes
    ----------
    manifest
        The corpora, joined.
    records
        The run; none if the corpora do not allow it.
    reason
        Why they do not, else "".
    """

    manifest: Manifest | None = None
    records: tuple[Record, ...] = ()
    reason: str = ""


def plan(given: Mapping) -> tuple[Experiment, str]:
    """Return the experiment that a notebook's parameters describe, and its folders.

    Parameters
    ----------
    given
        The parameters of `Experiment`, `data_dir`, and `other` with `other_dir`: the corpus to pair
        with. A corpus that is several already is left as it is.
    """
    corpus, folders = given["corpus"], given["data_dir"] or ""
    if "," not in corpus:
        corpus += "," + (given["other"] or USUAL.get(corpus, "demo"))
        folders = f"{folders},{given['other_dir'] or ''}"
    described = {**given, "corpus": corpus, "protocol": "cross-corpus"}
    return Experiment.from_notebook(ARCHITECTURE, described), folders


def load(given: Mapping) -> Manifest:
    """Read the corpora of a notebook's parameters.

    Raises
    ------
    SplitError
        If they cannot be tested on each other.
    SerError
        If one of them is unknown or not where it is said to be.
    """
    experiment, folders = plan(given)
    manifest = run.load(experiment, folders)
    run.split(experiment, manifest)  # refuses corpora with too few speakers
    return manifest


def train(given: Mapping) -> Outcome:
    """Run the experiment of a notebook's parameters.

    Raises
    ------
    SerError
        If a corpus is unknown or not where it is said to be.
    """
    try:
        manifest = load(given)
    except SplitError as error:
        return Outcome(reason=str(error))
    experiment, _ = plan(given)
    run.prepare([(experiment, manifest)])
    return Outcome(manifest, (run.gather(experiment, manifest),))


def notices(outcome: Outcome) -> str:
    """What a reader has to know before the first number."""
    return "\n\n".join(map(provenance.notices, outcome.records)) or NOTHING


def overview(outcome: Outcome) -> str:
    """Which corpora these are, and which emotions they share."""
    if not outcome.records:
        return f"These corpora cannot be tested on each other: {outcome.reason}."
    manifest, rows, about = outcome.manifest, [], []
    for name, part in manifest.table.groupby("corpus"):
        row = describe(name)
        rows.append(
            {
                "Corpus": row.short,
                "Language": row.language,
                "Speakers": part["speaker"].nunique(),
                "Utterances": len(part),
            }
        )
        if row.about:
            about.append(f"- **{row.short}:** {row.about}")
    words = (
        f"The corpora share {count(len(manifest.emotions), 'emotion')}: "
        f"{listing(manifest.emotions)}."
    )
    if manifest.passed_over:
        passed = listing(f"{name} ({n:,})" for name, n in manifest.passed_over.items())
        words += f" What only one of them has is left aside: {passed}."
    return "\n\n".join(filter(None, [markdown_table(rows), "\n".join(about), words]))


def results(outcome: Outcome) -> str:
    """The scores on every corpus of a network that was trained on the others."""
    return "\n\n".join(map(_results, outcome.records)) or NOTHING


def _results(record: Record) -> str:
    chance = 1 / len(record.emotions)
    rows, sentences = [], []
    for fold in record.data["folds"]:
        part = record.predictions[record.predictions["fold"] == fold["name"]]
        truth, predicted = list(part["truth"]), list(part["predicted"])
        intervals = scores.score_intervals(
            truth, predicted, record.emotions, clusters=list(part["speaker"])
        )
        uar, limits = scores.uar(truth, predicted, record.emotions), intervals["uar"]
        tested = fold["name"].removeprefix("corpus-")
        others = [c for c in record.data["corpus"]["name"].split(",") if c != tested]
        trained = listing(describe(other).short for other in others)
        rows.append(
            {
                "Trained on": trained,
                "Tested on": describe(tested).short,
                "To train": fold["n_train"],
                "To test": len(part),
                "Accuracy": fold["accuracy"],
                "UAR": uar,
                "95 % interval": " to ".join(map(number, limits)),
            }
        )
        sentences.append(
            f"Trained on {trained}, the {title(record.data['architecture'])} reaches a UAR of "
            f"{number(uar)} on {describe(tested).short}, {_against(chance, limits)}."
        )
    return (
        f"{markdown_table(rows)}\n\n*To train* and *to test* are numbers of utterances. "
        f"{' '.join(sentences)}"
    )


def _against(chance: float, limits: list[float]) -> str:
    if limits[0] > chance:
        return f"above the {number(chance)} of guessing"
    if limits[1] < chance:
        return f"below the {number(chance)} of guessing: what it learned misleads it"
    return f"which the interval does not tell from the {number(chance)} of guessing"
