"""The audit page: what is wrong with a split, and what an interval hides that ignores speakers.

Conventions: functions return Markdown unless they say otherwise. A split is the one that a record's
run was made with, or the `random` one of the same corpus, which is split but not trained.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ser_lib.core.errors import RecordError, SplitError
from ser_lib.corpora import Manifest, demo
from ser_lib.experiments import leakage, run
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.leakage import CHECKS, SEVERITIES, Finding
from ser_lib.experiments.records import Record
from ser_lib.experiments.splits import Fold
from ser_lib.features import maps as features
from ser_lib.features import store
from ser_lib.features.store import Store
from ser_lib.metrics import scores
from ser_lib.pages.tables import (
    MISSING,
    UNKNOWN,
    count,
    listing,
    markdown_table,
    number,
    percent,
    rounded,
)

FEW_SPEAKERS = 30
"""With fewer clusters, the bootstrap of whole clusters gives intervals that are too narrow itself
(Cameron, Gelbach and Miller, Review of Economics and Statistics 90, 2008)."""

_NOUNS = {
    "shared-speakers": "speaker",
    "shared-sentences": "sentence",
    "shared-sessions": "session",
    "class-missing": "emotion",
}
_DECISIVE = {"random": ["seed"], "cross-corpus": ["seed"], "speaker-kfold": ["folds", "seed"]}
"""What else than its name decides a protocol's split."""
_HEARD = {
    # finding, and the one that says that nobody can tell
    "the speaker": ("shared-speakers", "speakers-unknown"),
    "the sentence": ("shared-sentences", "sentences-unknown"),
    "the recording itself, under another name": ("identical-audio", ""),
}
_SCORES = {
    "accuracy": "Accuracy",
    "uar": "UAR",
    "macro_f1": "Macro F1",
    "weighted_f1": "Weighted F1",
    "loss": "Loss",
}


@dataclass(frozen=True)
class Audited:
    """A split and what was found in it.

    Attributes
    ----------
    protocol
        Its name.
    folds, findings
        The split, and what `leakage.audit` says of it.
    trained
        Whether a network was trained on it, so that there are statistics to look at.
    reason
        A sentence that says why there is no such split, else "".
    """

    protocol: str
    folds: tuple[Fold, ...] = ()
    findings: tuple[Finding, ...] = ()
    trained: bool = False
    reason: str = ""


def of_run(record: Record, manifest: Manifest) -> Audited:
    """Audit the split of a run, and the statistics of the networks that were trained on it.

    Parameters
    ----------
    record
        A finished run.
    manifest
        The corpus that it was made with.
    """
    experiment = Experiment.of(record)
    try:
        trained = run.fitted(experiment, manifest)
    except RecordError:
        # The record outlives the folds that it was made of; then nobody can tell.
        folds, fitted = run.split(experiment, manifest), {}
    else:
        folds = [fold for fold, _ in trained]
        maps = store.build(manifest, kind=experiment.feature_map)
        fitted = fitted_on(trained, maps, len(manifest.table), channels=experiment.channels)
    found = leakage.audit(folds, manifest.table, protocol=experiment.protocol, fitted=fitted)
    return Audited(experiment.protocol, tuple(folds), tuple(found), trained=True)


def of_random(record: Record, manifest: Manifest) -> Audited:
    """Audit the random split of the same corpus, with the seed of the run; nothing is trained."""
    experiment = Experiment.of(record)
    if experiment.protocol == "random":
        reason = "The split of this book is random itself, so there is no other to put beside it."
        return Audited("random", reason=reason)
    try:
        folds = run.split(replace(experiment, protocol="random", split=None), manifest)
    except SplitError as error:
        return Audited("random", reason=f"This corpus cannot be split at random: {error}.")
    found = leakage.audit(folds, manifest.table, protocol="random")
    return Audited("random", tuple(folds), tuple(found))


def fitted_on(
    trained: Sequence[tuple[Fold, Path]], maps: Store, n_utterances: int, *, channels: int
) -> dict[str, np.ndarray | None]:
    """Find out which utterances the standardisation of trained networks was fitted on.

    The mean that a bundle holds is compared with that of the training part, then with those of
    larger sets, until one is the same.

    Parameters
    ----------
    trained
        Folds, each with the folder of its bundle: `run.fitted`.
    maps
        The static feature maps of all utterances.
    n_utterances
        How many there are.
    channels
        Of the feature map.

    Returns
    -------
    dict
        Name of the fold to row positions, `None` where no set that was tried has this mean.
    """
    frames = np.zeros(n_utterances)
    sums = np.zeros((n_utterances, features.ROWS, channels))
    for row in range(n_utterances):
        wide = features.channels(maps[row], channels)
        frames[row] = wide.shape[1]
        sums[row] = wide.sum(axis=1, dtype=np.float64)
    found: dict[str, np.ndarray | None] = {}
    for fold, folder in trained:
        kept = json.loads((folder / "front_end.json").read_text())["standardiser"]
        mean, std = np.array(kept["mean"]), np.array(kept["std"])
        candidates = (
            fold.train,
            np.concatenate([fold.train, fold.validation]),
            np.concatenate([fold.train, fold.test]),
            np.concatenate([fold.train, fold.validation, fold.test]),
            np.arange(n_utterances),
        )
        found[fold.name] = next(
            (
                rows
                for rows in candidates
                # Single precision is far below a thousandth of a deviation, other utterances above.
                if np.allclose(
                    (sums[rows].sum(axis=0) / frames[rows].sum() - mean) / std, 0, atol=1e-3
                )
            ),
            None,
        )
    return found


def side_by_side(*audits: Audited) -> str:
    """What was looked for, and what each split has of it."""
    there = [audited for audited in audits if not audited.reason]
    return markdown_table(
        {"Check": f"`{name}`", "It means that": meaning}
        | {f"Split `{audited.protocol}`": _state(audited, name) for audited in there}
        for name, meaning in CHECKS.items()
    )


def _state(audited: Audited, name: str) -> str:
    """The worst severity of a check and how many folds have it."""
    found = [one for one in audited.findings if one.name == name]
    if not found:
        return "none" if audited.trained or not name.startswith("statistics") else MISSING
    worst = min((one.severity for one in found), key=SEVERITIES.index)
    folds = {one.fold for one in found if one.severity == worst and one.fold}
    words = f"**{worst}**" if worst == "leak" else worst
    if not folds or len(audited.folds) == 1:
        return words
    return f"{words}, {len(folds)} of {count(len(audited.folds), 'fold')}"


def verdict(audited: Audited) -> str:
    """Whether a split leaks, what it warns of, and the findings one by one."""
    if audited.reason:
        return audited.reason
    table = leakage.summary(audited.findings)
    folds = count(len(audited.folds), "fold")
    words = [f"The audit of `{audited.protocol}` ({folds}) finds"]
    leaks = table[table["severity"] == "leak"]
    if leaks.empty:
        words[0] += " no leak."
    else:
        words[0] += f" {count(len(leaks), 'leak')}: {listing(map(_said, leaks.itertuples()))}."
        told = all(leakage.allowed(one, audited.protocol) for one in audited.findings)
        words.append(
            "The protocol tells this by its name, so it may be run, and every page with its scores "
            "carries a warning."
            if told
            else "The protocol does not tell all of this by its name, so a run of it is refused."
        )
    warnings = table[table["severity"] == "warning"]
    if not warnings.empty:
        words.append(f"It warns of {listing(f'`{name}`' for name in warnings['name'].unique())}.")
    if not audited.findings:
        return " ".join(words)
    return f"{' '.join(words)}\n\n{_details(table)}"


def _said(row) -> str:
    what = count(len(row.what), _NOUNS.get(row.name, "utterance")) if row.what else ""
    many = f"{row.utterances:,} of {row.of:,} utterances" if row.name in _NOUNS else ""
    inside = ", ".join(text for text in (what, many if row.utterances else "") if text)
    place = f" in {listing(row.parts)}" if row.parts else ""
    return f"`{row.name}`{place}{f' ({inside})' if inside else ''}"


def _details(table) -> str:
    return markdown_table(
        {
            "Severity": f"**{row.severity}**" if row.severity == "leak" else row.severity,
            "Finding": f"`{row.name}`",
            "Parts": listing(row.parts),
            "Folds": len(row.folds) or None,
            "What": leakage.names(row.what) or MISSING,
            "Utterances": f"{row.utterances:,} of {row.of:,}" if row.utterances else MISSING,
        }
        for row in table.itertuples()
    )


def heard(*audits: Audited) -> str:
    """How much of the test part training has heard: by its voice, its words, its recording."""
    there = [audited for audited in audits if not audited.reason]
    rows = [
        {"Training has heard": what}
        | {f"Split `{audited.protocol}`": _heard(audited, name, unknown) for audited in there}
        for what, (name, unknown) in _HEARD.items()
    ]
    return f"{markdown_table(rows)}\n\nNumbers are tested utterances, of all that are tested."


def _heard(audited: Audited, name: str, unknown: str) -> str:
    if any(one.name == unknown for one in audited.findings):
        return UNKNOWN
    tested = sum(len(fold.test) for fold in audited.folds)
    n = sum(
        one.utterances
        for one in audited.findings
        if one.name == name and one.parts == ("train", "test")
    )
    return f"{n:,} of {tested:,} ({percent(n / tested)})"


def intervals(record: Record) -> str:
    """The 95 % intervals of a run's scores, clustered by speaker and not, and their widths."""
    predictions, metrics = record.predictions, record.data["metrics"]
    speakers = set(predictions["speaker"])
    if "" in speakers:
        return "Not every speaker of this corpus is known, so no interval can be clustered by them."
    if len(speakers) == 1:
        return "Only one speaker is tested, who says nothing about how much speakers differ."
    plain = _unclustered(record)
    rows = []
    for score, title in _SCORES.items():
        widths = [_width(limits) for limits in (metrics[f"{score}_ci95"], plain[score])]
        rows.append(
            {
                "Score": title,
                "Value": float(metrics[score]),
                "Speakers drawn": _limits(metrics[f"{score}_ci95"]),
                "Utterances drawn": _limits(plain[score]),
                "Width, speakers": widths[0],
                "Width, utterances": widths[1],
                "Times as wide": widths[0] / widths[1] if widths[1] else None,
            }
        )
    return f"{markdown_table(rows)}\n\n{_how_much_wider(rows[1], len(speakers))}"


def _unclustered(record: Record) -> dict[str, list[float]]:
    predictions, emotions = record.predictions, record.emotions
    truth = list(predictions["truth"])
    found = scores.score_intervals(truth, list(predictions["predicted"]), emotions)
    probabilities = predictions[[f"p_{emotion}" for emotion in emotions]].to_numpy()
    losses = scores.log_losses(truth, probabilities, emotions)
    return found | {"loss": scores.mean_interval(losses)}


def _how_much_wider(row: Mapping, n_speakers: int) -> str:
    wide, narrow, ratio = (
        row[name] for name in ("Width, speakers", "Width, utterances", "Times as wide")
    )
    words = (
        f"Drawing whole speakers, the interval of UAR is {number(wide)} wide; drawing single "
        f"utterances, as if each were from somebody else, it is {number(narrow)} wide."
    )
    if ratio is None:
        words += " There is nothing to compare: every draw gives the same score."
    elif rounded(ratio, 1) > 1:
        words += (
            f" The honest one is {number(ratio, 1)} times as wide, as it would be if the "
            "utterances of a speaker succeeded or failed together, which leaves fewer independent "
            "ones than utterances; whether speakers really differ is tested under "
            "{doc}`Fairness <fairness>`."
        )
    else:
        words += (
            " It is no wider for drawing speakers: they differ no more than single utterances "
            "would by chance."
        )
    if n_speakers < FEW_SPEAKERS:
        words += (
            f" With {count(n_speakers, 'speaker')}, fewer than {FEW_SPEAKERS}, even the interval "
            "of drawn speakers may be too narrow."
        )
    return words


def _width(limits: Sequence[float]) -> float:
    return float(limits[1] - limits[0])


def _limits(limits: Sequence[float]) -> str:
    return " to ".join(number(float(limit)) for limit in limits)


def command(record: Record) -> str:
    """The commands that write the split of a run to a file, and audit a file."""
    data = record.data
    folders = ["" if name in demo.SIZES else "FOLDER" for name in data["corpus"]["name"].split(",")]
    corpus = f"--corpus {data['corpus']['name']}"
    corpus += f" --data {','.join(folders)}" if any(folders) else ""
    chosen = _options(record, "emotions", "style")
    claim = _options(record, "protocol")
    audit = f"ser audit split.csv {corpus}{chosen}{claim}"
    if data["parameters"]["split"] is None:
        made = _options(record, *_DECISIVE.get(data["protocol"], ()))
        audit = f"ser audit {corpus}{chosen}{claim}{made} --out split.csv\n{audit}"
    return f"```bash\n{audit}\n```"


def _options(record: Record, *names: str) -> str:
    given = {name: record.data["parameters"].get(name) for name in names}
    return "".join(f" -p {shlex.quote(f'{k}={v}')}" for k, v in given.items() if v is not None)
