"""How a run was made and how to repeat it, and what to know before believing it.

Conventions: every function returns Markdown, computed from a record.
"""

import json
import shlex
from collections.abc import Iterable, Mapping

import numpy as np

from ser_lib.corpora import CATALOGUE, demo
from ser_lib.tables import (
    capital,
    classification_report,
    count,
    duration,
    listing,
    markdown_table,
    number,
    scores,
    title,
)

PROTOCOLS = {
    "random": "one random split over utterances, stratified by emotion",
    "speaker": "leave one speaker out",
    "session": "leave one recording session out",
    "speaker-kfold": "leave one group of speakers out",
    "sentence+speaker": "leave one group of speakers and one group of sentences out",
    "given": "a split that was read from a file",
    "cross-corpus": "train on all corpora but one and test on that one",
}


def protocol(data: Mapping) -> str:
    """Return the protocol of a record's data in words, with no article of its own."""
    if data["parameters"]["split"] is None:
        return PROTOCOLS[data["protocol"]]
    words = PROTOCOLS["given"]
    return words if data["protocol"] == "given" else f"{words} and calls itself {data['protocol']}"


def training_summary(record) -> str:
    """Data, protocol, optimiser, epochs and time of a run, in words."""
    data, corpus = record.data, record.data["corpus"]
    given, folds = data["parameters"], data["folds"]
    sizes = [
        f"{_span(fold[f'n_{part}'] for fold in folds)} {purpose}"
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
        "The weights of the epoch with the highest validation UAR, averaged over the last three "
        "epochs, are kept"
    )
    if given["patience"] < given["epochs"]:
        patience = count(given["patience"], "epoch")
        words += f", and training ends after {patience} without a higher one"
    ran, best = ([fold[name] for fold in folds] for name in ("epochs", "best_epoch"))
    if len(folds) == 1:
        return f"{words}: it ran {count(ran[0], 'epoch')}, and the best was epoch {best[0]}"
    middle = number(float(np.median(best)), 0)
    return (
        f"{words}: the folds ran {_span(ran)} epochs, and the best was epoch {middle} in the "
        f"median ({_span(best)})"
    )


def _span(values: Iterable[int]) -> str:
    values = sorted(values)
    low, high = f"{values[0]:,}", f"{values[-1]:,}"
    return low if low == high else f"{low} to {high}"


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


def trace(record, *, names: Iterable[str] | None = None) -> str:
    """Where the page's numbers come from, and the command that repeats them.

    Parameters
    ----------
    record
        The run.
    names
        The parameters that the notebook has; by default all of the experiment.
    """
    data, corpus = record.data, record.data["corpus"]
    fixed = ("architecture", "corpus")
    options = {
        name: value
        for name, value in data["parameters"].items()
        if name not in fixed and value is not None and (names is None or name in set(names))
    }
    if "split" in options:  # the record holds its hash, and the file is beside it
        options["split"] = "split.csv"
    text = {k: v if isinstance(v, str) else json.dumps(v) for k, v in options.items()}
    # The demo corpora are made where no folder is given.
    folders = ["" if name in demo.SIZES else "FOLDER" for name in corpus["name"].split(",")]
    folder = f" --data {','.join(folders)}" if any(folders) else ""
    command = f"ser run {data['architecture']} --corpus {corpus['name']}{folder}"
    command += "".join(f" \\\n  -p {shlex.quote(f'{k}={v}')}" for k, v in text.items())
    rows = {
        "Run": f"`{data['key']}`, {data['started']}, {duration(data['duration_s'])}",
        "Corpus": f"{corpus['title']}: {count(corpus['utterances'], 'utterance')}, "
        f"{count(len(corpus['left_out']), 'file')} left out",
        "Manifest (SHA-256)": f"`{corpus['manifest_sha256']}`",
        "Protocol": protocol(data),
        "Seed": str(data["seed"]),
        "Versions": ", ".join(f"{name} {value}" for name, value in data["versions"].items()),
    }
    table = markdown_table({"What": name, "Value": value} for name, value in rows.items())
    return f"{table}\n\nThis command repeats the run:\n\n```bash\n{command}\n```"


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
