"""How a page was made and how to repeat it, and what to know before believing it.

Conventions: every function returns Markdown, computed from records.
"""

import json
import platform
import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime

import numpy as np
import yaml

import ser_lib
from ser_lib.corpora import CATALOGUE, Manifest, describe
from ser_lib.experiments.records import Record
from ser_lib.experiments.splits import PROTOCOLS
from ser_lib.pages import templates
from ser_lib.pages.tables import (
    capital,
    classification_report,
    count,
    duration,
    listing,
    markdown_table,
    number,
    scores,
    span,
    title,
)

SUMMARY = "The command that repeats it, its data, runs, parameters and versions"
"""What the folded part of a page says while it is closed."""


def protocol(data: Mapping) -> str:
    """Return the protocol of a record's data in words, with no article of its own."""
    if data["parameters"]["split"] is None:
        return PROTOCOLS[data["protocol"]].words
    words = PROTOCOLS["given"].words
    return words if data["protocol"] == "given" else f"{words} and calls itself {data['protocol']}"


def training_summary(record) -> str:
    """Data, protocol, optimiser, epochs and time of a run, in words."""
    data, corpus = record.data, record.data["corpus"]
    given, folds = data["parameters"], data["folds"]
    sizes = [
        f"{span(fold[f'n_{part}'] for fold in folds)} {purpose}"
        for part, purpose in (
            ("train", "utterances to train on"),
            ("validation", "to validate"),
            ("test", "to test"),
        )
    ]
    name, time = title(data["architecture"]), duration(data["speed"]["training_s"])
    # A split from a file may let training and validation share speakers; one that lets the test
    # share them is refused.
    apart = {
        "random": "the three parts may share speakers",
        "given": "no named speaker is tested who is in another part of the fold",
    }.get(data["protocol"], "the three parts of a fold share no speaker")
    return (
        f"Corpus: {corpus['title']}, {count(corpus['utterances'], 'utterance')} of "
        f"{count(corpus['speakers'], 'speaker')} with {count(len(corpus['emotions']), 'emotion')} "
        f"({listing(corpus['emotions'])}). Protocol: {protocol(data)}, which makes "
        f"{count(len(folds), 'fold')} with {listing(sizes)}; {apart}."
        "\n\n"
        f"AdamW trained the {name} for at most {count(given['epochs'], 'epoch')}"
        f"{_optimiser(given)}. {_epochs(given, folds)}. Training took {time} in all; recognising "
        f"one utterance takes {number(float(data['speed']['inference_ms']), 1)} ms."
    )


_PHRASES = {
    "batch_size": "batches of {}",
    "learning_rate": "a learning rate that warms up to {:g} and falls as a half cosine",
    "weight_decay": "weight decay {:g}",
    "label_smoothing": "label smoothing {:g}",
    "mixup": "mixup from Beta({0:g}, {0:g})",
    "block_dropout": "dropout {:g} in the blocks",
    "head_dropout": "dropout {:g} before the output",
    "class_weights": "emotions weighed by their rarity",
}


def _optimiser(given: Mapping) -> str:
    # What is 0 or False is switched off, so it is not mentioned.
    used = [words.format(given[name]) for name, words in _PHRASES.items() if given.get(name)]
    return f", with {listing(used)}" if used else ""


def _epochs(given: Mapping, folds: list[dict]) -> str:
    words = (
        "The weights that are kept are those of a single epoch, the one with the highest "
        "validation UAR, for which each epoch counts with the mean of its own and the two before it"
    )
    if given["patience"] < given["epochs"]:
        patience = count(given["patience"], "epoch")
        words += f"; training ends after {patience} without a higher one"
    ran, best = ([fold[name] for fold in folds] for name in ("epochs", "best_epoch"))
    if len(folds) == 1:
        return f"{words}. It ran {count(ran[0], 'epoch')}, and the best was epoch {best[0]}"
    if len(set(best)) == 1:
        chosen = f"the best was epoch {best[0]:,} in each"
    else:
        middle = number(float(np.median(best)), 0)
        chosen = f"the best was one of the epochs {span(best)}, with a median of {middle}"
    return f"{words}. The folds ran {span(ran)} epochs, and {chosen}"


def notices(source) -> str:
    """What a reader has to know before the first number: synthetic speech, shared speakers.

    Parameters
    ----------
    source
        A record, or a row of the catalogue for a page without a run.

    Returns
    -------
    str
        A warning for each that applies; where none does, a comment, because an empty output would
        show its Python type.
    """
    data = getattr(source, "data", None)
    corpus = data["corpus"] if data else {"title": source.title, "synthetic": source.synthetic}
    found = [_synthetic(corpus)] if corpus["synthetic"] else []
    if data and data["protocol"] == "random":
        found.append(_SHARED_SPEAKERS)
    return "\n\n".join(found) or "<!-- no warnings -->"


def _synthetic(corpus: Mapping) -> str:
    parts = [name for name in corpus.get("name", "").split(",") if name in CATALOGUE]
    whole = all(CATALOGUE[name].synthetic for name in parts)
    speaks = "speaks here" if whole else "speaks in a part of it"
    return _admonition(
        "Synthetic speech",
        f"{capital(corpus['title'])}: a speech synthesiser {speaks}, with prosody set by rule. "
        "The results show that the machinery works; they say nothing about people.",
    )


def _admonition(heading: str, text: str) -> str:
    return f"```{{admonition}} {heading}\n:class: warning\n\n{text}\n```"


_SHARED_SPEAKERS = _admonition(
    "Training and test may share speakers",
    "The split is random over utterances, so the network is tested on voices that it was trained "
    "on. Its scores say little about a new speaker; those of a protocol by speaker do.",
)


def trace(
    notebook: str,
    given: Mapping,
    runs: Iterable[Record | None] = (),
    *,
    manifest: Manifest | None = None,
) -> str:
    """How a page was made, folded: the command that repeats it, data, runs and parameters.

    Parameters
    ----------
    notebook
        Name of the page's notebook.
    given
        The values of its parameters, among others: the notebook's `globals()`.
    runs
        All that the page reads; None is passed over.
    manifest
        The corpus of a page without a run.

    Raises
    ------
    NotebookError
        If the notebook has no template, so that nobody knows its usual values.
    """
    runs, usual = [run for run in runs if run is not None], templates.defaults(notebook)
    values = {name: given[name] for name in usual}
    values |= _places(values)
    beside = "; `split.csv` lies in the folder of the record" if values.get("split") else ""
    command = f"```bash\n{_command(notebook, values, usual)}\n```"
    parts = [
        f"This command makes the page again{beside}:\n\n{command}",
        _origin(runs, manifest),
        _runs(runs),
        _parameters(values, usual, runs),
    ]
    folded = "\n\n".join(filter(None, parts))
    return f"````{{dropdown}} {SUMMARY}\n:class-body: provenance\n\n{folded}\n````"


def _command(notebook: str, values: Mapping, usual: Mapping) -> str:
    corpus, folder = (values.get(name) for name in ("corpus", "data_dir"))
    options = f" --corpus {shlex.quote(corpus)}" if corpus else ""
    options += f" --data {shlex.quote(folder)}" if folder else ""
    for name, value in values.items():
        if name not in ("corpus", "data_dir") and value != usual[name]:
            options += f" \\\n  -p {shlex.quote(f'{name}={_typed(value)}')}"
    return f"ser run {notebook}{options}"


def _places(values: Mapping) -> dict[str, str]:
    """Return, for each folder or file that was named, a place that is not of this machine."""
    names, folder = values.get("corpus", "").split(","), values.get("data_dir") or ""
    folders = folder.split(",") if len(names) > 1 else [folder]
    places = {
        "data_dir": ",".join(
            f"path/to/{name}" if folder else ""
            for name, folder in zip(names, folders, strict=False)
        ),
        "other_dir": f"path/to/{values.get('other') or 'other'}",
        "split": "split.csv",  # as it lies in the folder of the record
    }
    return {name: place for name, place in places.items() if values.get(name)}


def _typed(value: object) -> str:
    """Return a value as `ser run -p` reads it: YAML, in which a word needs no quotes."""
    with suppress(yaml.YAMLError):
        if isinstance(value, str) and yaml.safe_load(value) == value:
            return value
    return json.dumps(value)


def _origin(runs: list[Record], manifest: Manifest | None) -> str:
    """List of data, protocol, seed and versions."""
    if runs:
        found = [run.data["corpus"] for run in runs]
        versions = [run.data["versions"] for run in runs]
    else:
        found = [_corpus(manifest)] if manifest else []
        versions = [{"python": platform.python_version(), "ser-lib": ser_lib.__version__}]
    said = {
        "Data": map(_used, found),
        "Protocol": (protocol(run.data) for run in runs),
        "Seed": (str(run.data["seed"]) for run in runs),
        "Versions": (", ".join(f"{k} {v}" for k, v in each.items()) for each in versions),
    }
    lines = {name: "; ".join(dict.fromkeys(words)) for name, words in said.items()}
    return "\n".join(f"- **{name}:** {words}" for name, words in lines.items() if words)


def _corpus(manifest: Manifest) -> dict:
    """Return what a record says of its corpus, of a page without one."""
    return {
        "title": describe(manifest.corpus).title,
        "utterances": len(manifest.table),
        "speakers": len(set(manifest.table["speaker"]) - {""}),
        "passed_over": manifest.passed_over,
        "left_out": manifest.left_out,
        "manifest_sha256": manifest.sha256,
    }


def _used(corpus: Mapping) -> str:
    words = f"{corpus['title']}: {count(corpus['utterances'], 'utterance')}"
    if corpus["speakers"]:
        words += f" of {count(corpus['speakers'], 'speaker')}"
    words += " used"
    if passed := sum(corpus["passed_over"].values()):
        words += f", {count(passed, 'other')} passed over for their emotion or style"
    words += f", {count(len(corpus['left_out']), 'file')} left out"
    return f"{words}; SHA-256 of the manifest `{corpus['manifest_sha256']}`"


def _runs(runs: list[Record]) -> str:
    """List of the runs: in what they differ, when and for how long they ran, where they are."""
    if not runs:
        return ""
    differing, lines = _differing(runs), []
    for run in runs:
        given = [f"`{name}={_typed(run.data['parameters'][name])}`" for name in differing]
        started = datetime.fromisoformat(run.data["started"]).strftime("%Y-%m-%d %H:%M %Z")
        lines.append(
            f"- **{title(run.data['architecture'])}**{f' with {listing(given)}' if given else ''}: "
            f"started {started}, took {duration(run.data['duration_s'])}, record in "
            f"`runs/{run.folder.parent.name}/{run.folder.name}`"
        )
    read = f"The page reads {count(len(runs), 'run')}; a record's folder ends with the run's key:"
    return "\n".join([read, "", *lines])


def _differing(runs: list[Record]) -> list[str]:
    """Return the parameters in which runs differ, but for the network."""
    first, *others = [run.data["parameters"] for run in runs]
    return [
        name
        for name, value in first.items()
        if name != "architecture" and any(other[name] != value for other in others)
    ]


def _parameters(values: Mapping, usual: Mapping, runs: list[Record]) -> str:
    """Table of the notebook's parameters; what is not as usual is marked."""
    if not usual:
        return "The page has no parameters."
    rows = [
        {
            "Parameter": f"`{name}`",
            "Value": _shown(name, value, runs),
            "Changed from": "" if value == usual[name] else _shown(name, usual[name], ()),
        }
        for name, value in values.items()
    ]
    if values != usual:
        return f"Parameters of the notebook, with what was changed:\n\n{markdown_table(rows)}"
    for row in rows:
        del row["Changed from"]
    return f"Parameters of the notebook, all with their usual values:\n\n{markdown_table(rows)}"


def _shown(name: str, value: object, runs: Iterable[Record]) -> str:
    """Return a value of a parameter; None is what the runs took for it, if they agree."""
    if value is not None:
        return f"`{_typed(value)}`"
    taken = {_typed(run.data["parameters"].get(name)) for run in runs} - {"null"}
    if len(taken) > 1:
        return "see the runs"
    return f"`{taken.pop()}`" if taken else "usual"


def show_report(record) -> None:
    """Display the classification report, with the values that the book's check traces.

    The output's metadata names the record and repeats the numbers that the table was made from,
    computed from the predictions; `report.gates` compares them with `record.json`.
    """
    from IPython.display import display

    table = scores(record)
    values = {
        f"per_class.{emotion}.{name}": float(table.loc[emotion, name])
        for emotion in record.emotions
        for name in table.columns
    }
    values["metrics.accuracy"] = float(table.loc["accuracy", "f1"])
    values["metrics.macro_f1"] = float(table.loc["macro average", "f1"])
    values["metrics.weighted_f1"] = float(table.loc["weighted average", "f1"])
    run = f"{record.folder.parent.name}/{record.folder.name}"
    display(
        {"text/markdown": classification_report(record)},
        metadata={"ser": {"record": run, "values": values}},
        raw=True,
    )
