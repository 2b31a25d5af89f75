"""Synthetic runs that agree with themselves, for tests that need a finished run but no training.

`make_run` draws random probabilities and computes everything else from them, so that a run from
here has the same consistency as a real one.
"""

import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ser_lib.corpora import CATALOGUE, Manifest
from ser_lib.experiments.baselines import Baseline
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment
from ser_lib.experiments.run import Part, Record, Run
from ser_lib.metrics import scores
from ser_lib.metrics.jackknife import Estimate

EMOTIONS = {
    "demo": ["anger", "frustration", "happiness", "neutral", "sadness"],
    "emodb": ["anger", "anxiety", "boredom", "disgust", "happiness", "neutral", "sadness"],
}
WITHOUT_WORDS = r"nan|None(?! of| is)|\S  |\(\)|-0\.00|Estimate\("


def make_layers(architecture: str, n_classes: int) -> list[dict]:
    """The layer list of one of the report's networks, its parameters counted by formula."""
    rows, steps, depth = 60, 130, ARCHITECTURES[architecture]
    layers = []

    def add(name: str, kind: str, shape: tuple, parameters: int = 0) -> None:
        about = {"layer": name, "type": kind, "output_shape": str(shape)}
        layers.append(about | {"parameters": parameters})

    for block, filters in enumerate((32, 64, 128), start=1):
        shape = (rows, steps, filters)
        add(f"block{block}_conv", "Conv2D", shape, (9 * depth + 1) * filters)
        add(f"block{block}_norm", "BatchNormalization", shape, 4 * filters)
        rows, steps, depth = rows // 2, steps // 2, filters
        add(f"block{block}_pool", "MaxPooling2D", (rows, steps, filters))
        add(f"block{block}_dropout", "Dropout", (rows, steps, filters))
    if architecture == "cnn":
        width = rows * steps * depth
        add("flatten", "Flatten", (width,))
    else:
        width = rows * depth
        add("time_first", "Permute", (steps, rows, depth))
        add("sequence", "Reshape", (steps, width))
        both, last, gates = (128, 64, 4) if architecture == "cnn_lstm" else (64, 128, 3)
        bias = 1 if architecture == "cnn_lstm" else 2
        cell = "LSTM" if gates == 4 else "GRU"
        add(f"bidirectional_{cell.lower()}", f"Bidirectional({cell})", (steps, 2 * both),
            2 * gates * both * (width + both + bias))  # fmt: skip
        add(cell.lower(), cell, (last,), gates * last * (2 * both + last + bias))
        width = last
    add("head_dense", "Dense", (128,), (width + 1) * 128)
    add("head_dropout", "Dropout", (128,))
    add("probabilities", "Dense", (n_classes,), 129 * n_classes)
    return layers


def make_run(
    architecture: str = "cnn_gru",
    corpus: str = "demo",
    seed: int = 0,
    *,
    emotions: list[str] | None = None,
    protocol: str = "speaker",
    speakers: int = 10,
    per_speaker: int = 20,
    skill: float = 2.0,
    epochs: int = 20,
    gap: float = 0.1,
    truth: list[str] | None = None,
    predicted: list[str] | None = None,
):
    """A run that never happened.

    Parameters
    ----------
    architecture, corpus, seed, protocol
        As in a real record; the seed fixes every number.
    emotions
        The classes, default those of the corpus.
    speakers, per_speaker
        Number of speakers, and of utterances of each.
    skill
        How far the true class's logit lies above the others: 0 is chance, 5 nearly perfect.
    epochs, gap
        Of each training, and training minus validation accuracy after the last one.
    truth, predicted
        Exact labels instead of random ones, of equal length.
    """
    rng = np.random.default_rng(seed)
    emotions = emotions or EMOTIONS[corpus]
    n = len(truth) if truth else speakers * per_speaker
    truth = np.array(truth or [emotions[i % len(emotions)] for i in rng.permutation(n)])
    logits = rng.normal(size=(n, len(emotions)))
    logits[np.arange(n), [emotions.index(name) for name in truth]] += skill
    if predicted is not None:
        logits[np.arange(n), [emotions.index(name) for name in predicted]] = logits.max() + 1
    chance = np.exp(logits)
    chance /= chance.sum(axis=1, keepdims=True)
    table = pd.DataFrame(
        {
            "utterance": [f"u{i:04d}" for i in range(n)],
            "speaker": [f"{i % speakers + 1:02d}" for i in range(n)],
            "truth": truth,
            "predicted": np.array(emotions)[chance.argmax(axis=1)],
        }
    )
    table["fold"] = {
        "random": "random",
        "speaker": "speaker-" + table["speaker"],
        "session": "session-" + ((table["speaker"].astype(int) + 1) // 2).astype(str),
        "cross-corpus": np.where(table["speaker"].astype(int) % 2, "corpus-demo", "corpus-emodb"),
    }[protocol]
    table[[f"p_{name}" for name in emotions]] = chance
    history, folds = make_history(table, rng, epochs=epochs, gap=gap)
    layers = make_layers(architecture, len(emotions))
    experiment = Experiment(
        architecture=architecture, corpus=corpus, protocol=protocol, epochs=epochs, seed=seed
    )
    both = list(table["truth"]), list(table["predicted"])
    counts = scores.confusion_matrix(*both, emotions)
    scored = Part("", emotions, table)
    key = f"{seed:012x}"
    data = {
        "architecture": architecture,
        "corpus": {
            "name": corpus,
            "title": CATALOGUE[corpus].title,
            "synthetic": corpus == "demo",
            "utterances": 5 * n if protocol == "random" else n,
            "speakers": int(table["speaker"].nunique()),
            "emotions": emotions,
            "manifest_sha256": "5e" * 32,
            "chosen": {},
            "passed_over": {},
            "left_out": [],
        },
        "protocol": protocol,
        "parameters": experiment.parameters(),
        "n_parameters": sum(layer["parameters"] for layer in layers),
        "layers": layers,
        "seed": seed,
        "units": {"unit": scored.unit, "n": scored.uar.n},
        "metrics": scored.stated,
        "per_class": scores.per_class(*both, emotions),
        "confusion": {"labels": emotions, "counts": counts.tolist()},
        "folds": folds,
        "bundle": folds[0]["name"],
        "speed": {"training_s": sum(fold["duration_s"] for fold in folds), "inference_ms": 2.5},
        "versions": {"python": "3.11.7", "keras": "3.15.1", "ser_lib": "0.1.0"},
        "key": key,
        "started": "2026-01-01T00:00:00+00:00",
        "duration_s": 321.0,
    }
    folder = Path("runs") / corpus / f"{architecture}-{protocol}-{key}"
    return Run(folder, Record.parse(data), history, table)


def make_history(table, rng, *, epochs, gap) -> tuple[pd.DataFrame, list[dict]]:
    """Learning curves that rise and flatten."""
    rows, folds = [], []
    for name, part in table.groupby("fold", sort=True):
        last = {}
        for epoch in range(1, epochs + 1):
            risen = (1 - np.exp(-4 * epoch / epochs)) / (1 - np.exp(-4))
            for split, top in (("train", 0.8), ("validation", 0.8 - gap)):
                noise = 0.0 if epoch == epochs else rng.normal(0, 0.015)
                accuracy = float(np.clip(0.2 + (top - 0.2) * risen + noise, 0, 1))
                row = {"fold": name, "epoch": epoch, "split": split,
                       "loss": float(1.7 - 1.2 * accuracy), "accuracy": accuracy}  # fmt: skip
                rows.append(row)
                last[split] = row
        folds.append(
            {
                "name": str(name),
                "n_train": max(3 * len(part), len(table) - 2 * len(part)),
                "n_validation": len(part),
                "n_test": len(part),
                "epochs": epochs,
                "validation_uar": last["validation"]["accuracy"],
                "accuracy": scores.accuracy(list(part["truth"]), list(part["predicted"])),
                "uar": scores.uar(list(part["truth"]), list(part["predicted"])),
                "duration_s": epochs * 1.5,
            }
            | {f"{s}_{k}": row[k] for s, row in last.items() for k in ("accuracy", "loss")}
        )
    return pd.DataFrame(rows), folds


def record_of_counts(counts: dict[str, dict[str, int]], **options) -> Record:
    """A record with exactly this confusion matrix, {truth: {predicted: n}}."""
    cells = [(t, p, n) for t, row in counts.items() for p, n in row.items()]
    emotions = sorted({name for t, p, _ in cells for name in (t, p)})
    return make_run(
        emotions=emotions,
        truth=[t for t, _, n in cells for _ in range(n)],
        predicted=[p for _, p, n in cells for _ in range(n)],
        **options,
    )


def with_data(run: Run, **parts) -> Run:
    """The run with parts of its record replaced: ``metrics={"uar": 0.5}``, ``folds=[...]``."""
    data = {
        name: value | parts[name] if isinstance(parts.get(name), dict) else parts.get(name, value)
        for name, value in asdict(run.record).items()
    }
    return replace(run, record=Record.parse(data))


def of_corpus(run: Run, **columns) -> Run:
    """The run with the manifest that it could be of; `columns` are added to its table."""
    table = run.predictions[["utterance", "speaker"]].assign(
        emotion=run.predictions["truth"], path=run.predictions["utterance"] + ".wav",
        sha256=run.predictions["utterance"], sex="", session="", sentence="", duration_s=1.0,
    )  # fmt: skip
    table = table.assign(**columns)
    return replace(run, corpus=Manifest(run.record.corpus.name, Path("nowhere"), table))


def texts(page, names) -> list[str]:
    """Texts of a page, in none of which a value without words is left."""
    written = [page.text(name) for name in names]
    for text in written:
        assert not re.search(WITHOUT_WORDS, text), text
    return written


def with_metrics(run: Run, **metrics: Estimate) -> Run:
    """The run with other scores than those of its predictions."""
    run = replace(run)
    vars(run)["metrics"] = run.metrics | metrics
    return run


def estimate(value: float, half: float = 0.1, **options) -> Estimate:
    """A difference over ten speakers whose interval reaches so far to both sides."""
    error = half / stats.t.ppf(0.975, 9)
    return Estimate(value, error, **{"n": 10, "freedom": 9.0, "scale": "difference"} | options)


def parse(markdown: str) -> list[dict[str, str]]:
    """Rows of a pipe table."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    heading, _, *rows = ([cell.strip() for cell in line[1:-1].split(" | ")] for line in lines)
    return [dict(zip(heading, row, strict=True)) for row in rows]


def baseline(name: str, run: Run, skill: float | None = None, seed: int = 9) -> Baseline:
    """A baseline on the utterances of a run, as good as asked; the majority class by default."""
    predictions = run.predictions[["utterance", "speaker", "fold", "truth"]].copy()
    if skill is None:
        predictions["predicted"] = run.emotions[0]
    else:
        truth = list(predictions["truth"])
        other = make_run(emotions=run.emotions, truth=truth, seed=seed, skill=skill)
        predictions["predicted"] = other.predictions["predicted"]
    return Baseline(name, run.emotions, predictions)


def network(architecture: str, right: int, wobble: int = 0, *, speakers: int = 10, **speed):
    """A run of 20 utterances of each speaker, of which so many are recognised.

    Every second speaker gets `wobble` more, the others as many less. UAR is `right` / 20.
    """
    truth, predicted = [], []
    for i in range(20 * speakers):
        k, speaker = divmod(i, speakers)
        hits = right + (wobble if speaker % 2 else -wobble)
        truth.append(EMOTIONS["demo"][k % 5])
        predicted.append(EMOTIONS["demo"][(k + (k >= hits)) % 5])
    run = make_run(architecture, seed=1, speakers=speakers, truth=truth, predicted=predicted)
    assert run.uar.value == pytest.approx(right / 20)
    return with_data(run, speed=speed)
