"""The report's sentences: English that is computed from records.

Conventions: every function returns Markdown. No figure and no emotion is named that was not computed
from the record; the wording follows the numbers by the thresholds below, which are differences of
fractions. Scores are compared as they are printed, with two decimals: what looks equal on the page
is called equal.
"""

import json
import math
import shlex
from collections.abc import Mapping, Sequence

import numpy as np

from ser_lib.errors import RecordError
from ser_lib.tables import (
    capital,
    count,
    duration,
    fold_mean,
    interval,
    listing,
    markdown_table,
    number,
    percent,
    scores,
    speaker_scores,
    title,
)

GAP_SMALL = 0.05  # training minus validation accuracy up to here: no sign of overfitting
GAP_LARGE = 0.15  # from here on: overfitting
PHASE = 0.05  # test and validation accuracy that differ by less agree
LEANING = 0.10  # recall minus precision from here on: the emotion is answered too often
AVERAGES = 0.02  # macro and weighted F1 that differ by less are called similar
MUTUAL = 0.10  # share of each of two emotions that is taken for the other
REPORT_CHOICE = "cnn_gru"  # the reference report's final model

PROTOCOLS = {
    "random": "one stratified random split over utterances",
    "speaker": "leave one speaker out",
    "session": "leave one session out",
    "speaker-kfold": "leave one group of speakers out",
}


def evaluation(record) -> str:
    """What the result is worth: against chance, by emotion, by answer, against training."""
    table = scores(record)
    emotions = table.iloc[:-3]
    tested = emotions[emotions["support"] > 0]
    lines = [_overall(record), ""]
    for name, meaning in (
        ("f1", "F1, the balance of both"),
        ("precision", "Precision, how often an answer is right"),
        ("recall", "Recall, how much of an emotion is found"),
    ):
        lines.append(f"- {meaning}: {_extremes(tested[name].to_dict())}.")
    lines += ["", _leaning(record, emotions), "", overfitting(record), "", _averages(table)]
    return "\n".join(lines)


def _overall(record) -> str:
    metrics, n = record.data["metrics"], len(record.predictions)
    chance = 1 / len(record.data["corpus"]["emotions"])
    low, high = metrics["uar_ci95"]
    if low > chance:
        verdict = "the whole interval lies above chance"
    elif high < chance:
        verdict = "the whole interval lies below chance, so something is wrong with data or labels"
    else:
        verdict = "the interval includes chance, so nothing shows that the network recognises emotion"
    frequent = record.predictions["truth"].value_counts()
    names = sorted(frequent[frequent == frequent.max()].index)
    share = frequent.max() / n
    better = "more" if metrics["accuracy"] > share else "not more"
    voices = (
        "drawn at random, so that their speakers are heard in training too"
        if record.data["protocol"] == "random"
        else "of speakers that it never heard in training"
    )
    return (
        f"On {count(n, 'utterance')} {voices}, the {title(record.data['architecture'])} reaches an "
        f"accuracy of {interval(metrics['accuracy'], metrics['accuracy_ci95'])}, an unweighted "
        f"average recall (UAR) of {interval(metrics['uar'], metrics['uar_ci95'])} and a test loss of "
        f"{number(float(metrics['loss']))}. Guessing among "
        f"{count(round(1 / chance), 'emotion')} has a UAR of {number(chance)} and a loss of "
        f"{number(math.log(1 / chance))}: {verdict}. Always answering {listing(names[:1])} would be "
        f"right for {percent(share)} of the utterances; the network is right for {better}, "
        f"{percent(metrics['accuracy'])}."
    )


def _ranked(values: Mapping[str, float]) -> list[tuple[float, list[str]]]:
    """Printed values from highest to lowest, each with the names that share it."""
    groups: dict[float, list[str]] = {}
    for name, value in values.items():
        groups.setdefault(float(number(float(value))), []).append(name)
    return sorted(groups.items(), reverse=True)


def _extremes(values: Mapping[str, float]) -> str:
    ranks = _ranked(values)
    (best, highest), (worst, lowest) = ranks[0], ranks[-1]
    if len(values) == 1:
        return f"{number(best)} for {highest[0]}"
    if len(ranks) == 1:
        return f"{number(best)} for every emotion"
    return (
        f"highest for **{listing(highest)}** ({number(best)}), "
        f"lowest for **{listing(lowest)}** ({number(worst)})"
    )


def _leaning(record, emotions) -> str:
    answers = record.predictions["predicted"].value_counts()
    sentences, often, rarely = [], [], []
    for name, row in emotions.iterrows():
        n, spoken = int(answers.get(name, 0)), int(row["support"])
        if spoken == 0:
            sentences.append(f"No utterance of {name} was tested.")
        elif n == 0:
            sentences.append(f"{capital(name)} is never answered, so its precision counts as 0.")
        elif abs(row["recall"] - row["precision"]) >= LEANING:
            words = (
                f"{name} ({count(n, 'answer')} for {count(spoken, 'utterance')}, precision "
                f"{number(row['precision'])}, recall {number(row['recall'])})"
            )
            (often if n > spoken else rarely).append(words)
    if often:
        sentences.append(f"Answered too often: {listing(often)}.")
    if rarely:
        sentences.append(f"Answered too rarely: {listing(rarely)}.")
    if not sentences:
        sentences.append(
            f"No emotion is favoured or avoided: precision and recall differ by less than "
            f"{number(LEANING)} for each."
        )
    return " ".join(sentences)


def overfitting(record) -> str:
    """The gap between training and validation at the best epochs, and what it means."""
    names = ("train_accuracy", "validation_accuracy", "train_loss", "validation_loss")
    train, validation, train_loss, validation_loss = (fold_mean(record, name) for name in names)
    if math.isnan(train) or math.isnan(validation):
        return "The record has no training and validation accuracy to compare."
    gap = float(number(train)) - float(number(validation))
    part = "utterances" if record.data["protocol"] == "random" else "speakers"
    if gap >= GAP_LARGE - 1e-9:
        verdict = (
            f"The large gap of {number(gap)} is overfitting: much of what the network learned holds "
            f"for the training {part} only"
        )
    elif gap > GAP_SMALL + 1e-9:
        verdict = (
            f"The gap of {number(gap)} is moderate: part of what the network learned does not carry "
            f"over to new {part}"
        )
    elif gap >= -GAP_SMALL - 1e-9:
        verdict = "They are close together: there is no sign of overfitting"
    else:
        verdict = (
            f"Training lies {number(-gap)} lower, since dropout and augmentation make its task the "
            "harder one: there is no sign of overfitting"
        )
    n = len(record.data["folds"])
    folds = f"on average over {count(n, 'fold')}, " if n > 1 else ""
    sentences = [
        f"At the best epoch, {folds}training accuracy is {number(train)} and validation accuracy "
        f"{number(validation)} (losses {number(train_loss)} and {number(validation_loss)}). {verdict}."
    ]
    test = record.data["metrics"]["accuracy"]
    drop = float(number(validation)) - float(number(test))
    if abs(drop) < PHASE - 1e-9:
        agreement = "agrees with validation"
    else:
        agreement = f"lies {number(abs(drop))} {'below' if drop > 0 else 'above'} validation"
    return " ".join([*sentences, f"Test accuracy, {number(test)}, {agreement}."])


def _averages(table) -> str:
    macro, weighted = (float(table.loc[f"{name} average", "f1"]) for name in ("macro", "weighted"))
    words = f"The macro average of F1 is {number(macro)} and the weighted average {number(weighted)}: "
    sizes = table["support"].iloc[:-3]
    if sizes.nunique() == 1:
        return words + "the emotions are equally frequent, so both are the same average."
    if abs(macro - weighted) < AVERAGES:
        return words + "how frequent an emotion is makes little difference."
    side = "frequent" if weighted > macro else "rare"
    return words + f"the {side} emotions are recognised better."


def pairs(record) -> list[tuple[str, str, int, float]]:
    """Confusions as (truth, predicted, count, share of the truth), largest count first.

    Equal counts are ordered by share, then by the order of the labels.
    """
    labels, counts = (record.data["confusion"][name] for name in ("labels", "counts"))
    found = [
        (truth, predicted, n, n / sum(row))
        for truth, row in zip(labels, counts, strict=True)
        for predicted, n in zip(labels, row, strict=True)
        if n and truth != predicted
    ]
    return sorted(found, key=lambda pair: (-pair[2], -pair[3]))


def confusions(record, *, top: int = 3) -> str:
    """The `top` largest confusions, and the emotions that are taken for each other."""
    found = pairs(record)
    if not found:
        return "No emotion is taken for another: every utterance is recognised."
    shown = found[:top]
    errors = sum(pair[2] for pair in found)
    part = sum(pair[2] for pair in shown)
    head = "The only confusion is" if len(found) == 1 else "The largest confusions are"
    lines = [f"{head}, in utterances and as a share of the true emotion:", ""]
    lines += [
        f"- **{truth}** taken for **{predicted}**: {n:,} ({percent(share)} of {truth})"
        for truth, predicted, n, share in shown
    ]
    ties = sum(pair[2] == shown[-1][2] for pair in found[len(shown) :])
    closing = f"Together they make {percent(part / errors)} of the {count(errors, 'error')}."
    if len(shown) == 1:
        closing = f"It makes {percent(part / errors)} of the {count(errors, 'error')}."
    if ties:
        closing += f" {capital(count(ties, 'other'))} occur as often as the last one listed."
    share = {(truth, predicted): (n, s) for truth, predicted, n, s in found}
    mutual = [
        f"{a} and {b} ({share[a, b][0]:,} and {share[b, a][0]:,} times)"
        for a, b in share
        if (b, a) in share and a < b and min(share[a, b][1], share[b, a][1]) >= MUTUAL
    ]
    if mutual:
        closing += f" Taken for each other, by at least {percent(MUTUAL)} either way: "
        closing += f"{listing(mutual)}."
    else:
        closing += f" No two emotions are taken for each other by {percent(MUTUAL)} or more both ways."
    return "\n".join([*lines, "", closing])


def correct_incorrect(record) -> str:
    """How many utterances are recognised and how many are not."""
    hits = record.predictions["truth"] == record.predictions["predicted"]
    right, wrong = int(hits.sum()), int((~hits).sum())
    words = (
        f"Of {count(len(hits), 'test utterance')}, {right:,} are recognised "
        f"({percent(right / len(hits))}) and {wrong:,} are not ({percent(wrong / len(hits))})"
    )
    if not wrong:
        return words + "."
    if right == wrong:
        return words + ": as many right as wrong."
    if right > wrong:
        return words + f": {number(right / wrong, 1)} right answers for each wrong one."
    return words + ": more wrong answers than right ones."


def class_accuracy(record) -> str:
    """Accuracy within each emotion, from the best recognised to the worst."""
    table = scores(record)
    recall = table["recall"].iloc[:-3][table["support"].iloc[:-3] > 0]
    order = "; ".join(f"{listing(names)} {number(value)}" for value, names in _ranked(recall))
    overall = float(number(record.data["metrics"]["accuracy"]))
    sides = {
        side: [name for name, value in recall.items() if beyond(float(number(value)))]
        for side, beyond in (
            ("above", lambda value: value > overall),
            ("below", lambda value: value < overall),
        )
    }
    words = [f"{side} it {'lies' if len(names) == 1 else 'lie'} {listing(names)}"
             for side, names in sides.items() if names]  # fmt: skip
    compared = f"; {', '.join(words)}" if words else ", and so is that of each emotion"
    return (
        f"Accuracy within each emotion (its recall), from best to worst: {order}. Over all "
        f"utterances it is {number(overall)}{compared}."
    )


def speakers(record) -> str:
    """How far the result depends on the speaker."""
    uar = speaker_scores(record)["uar"]
    if len(uar) < 2:
        return "The record does not tell speakers apart."
    return f"By speaker, UAR is {_extremes(uar.to_dict())}.".replace("every emotion", "every speaker")


def training_summary(record) -> str:
    """Data, protocol, optimiser, epochs and time of a run, in words."""
    data, corpus = record.data, record.data["corpus"]
    given, folds = data["parameters"], data["folds"]
    unit = "speaker" if data["protocol"] != "session" else "session"
    sizes = {part: _span(fold[f"n_{part}"] for fold in folds)
             for part in ("train", "validation", "test")}  # fmt: skip
    apart = (
        "Training, validation and test share speakers."
        if data["protocol"] == "random"
        else f"No {unit} is in two of the three parts."
    )
    phrases = [
        words.format(given[name]) for name, words in _OPTIMISER.items() if given.get(name)
    ]
    epochs, best = ([fold[name] for fold in folds] for name in ("epochs", "best_epoch"))
    ran = (
        f"The folds ran {_span(epochs)} epochs; the best was epoch {number(float(np.median(best)), 0)} "
        f"in the median ({_span(best)})"
        if len(folds) > 1
        else f"It ran {count(epochs[0], 'epoch')}; the best was epoch {best[0]}"
    )
    return "\n\n".join(
        [
            f"The {title(data['architecture'])} was trained on the corpus *{corpus['title']}*: "
            f"{count(corpus['utterances'], 'utterance')} of {count(corpus['speakers'], 'speaker')} "
            f"with {count(len(corpus['emotions']), 'emotion')} ({listing(corpus['emotions'])}). The "
            f"protocol is *{PROTOCOLS.get(data['protocol'], data['protocol'])}*: "
            f"{count(len(folds), 'fold')} with {sizes['train']} utterances for training, "
            f"{sizes['validation']} for validation and {sizes['test']} for the test. {apart}",
            f"AdamW trained it for at most {count(given['epochs'], 'epoch')}, with "
            f"{listing(phrases)}. Training ends early after "
            f"{count(given['patience'], 'epoch')} without a lower validation loss, and the weights "
            f"of the best epoch are kept. {ran}. Training took "
            f"{duration(data['speed']['training_s'])} in all; recognising one utterance takes "
            f"{number(float(data['speed']['inference_ms']), 1)} ms.",
        ]
    )


_OPTIMISER = {
    "batch_size": "batches of {}",
    "learning_rate": "a learning rate that warms up to {:g} and falls as a half cosine",
    "weight_decay": "weight decay {:g}",
    "label_smoothing": "label smoothing {:g}",
    "mixup": "mixup from Beta({0:g}, {0:g})",
    "block_dropout": "dropout {:g} in the blocks",
    "head_dropout": "dropout {:g} before the output",
    "class_weights": "emotions weighed by their rarity",
}


def _span(values) -> str:
    values = sorted(values)
    low, high = f"{values[0]:,}", f"{values[-1]:,}"
    return low if low == high else f"{low} to {high}"
