"""The report's sentences on one run: English that is computed from its record.

Conventions: every function returns Markdown. No figure and no emotion is named that was not
computed from the record; the wording follows the numbers by the thresholds below, which are
differences or shares as fractions. Scores are compared as they are printed, with two decimals:
what looks equal on the page is called equal.
"""

import math

from ser_lib.pages.tables import (
    UNKNOWN,
    capital,
    confusion_counts,
    count,
    extremes,
    fold_mean,
    interval,
    listing,
    number,
    percent,
    ranked,
    rounded,
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


def evaluation(record) -> str:
    """What the result is worth: against chance, by emotion, by answer."""
    table = scores(record)
    emotions = table.iloc[:-3]
    tested = emotions[emotions["support"] > 0]
    meanings = {
        "precision": "Precision, how often an answer is right",
        "recall": "Recall, how much of an emotion is found",
        "f1": "F1, the balance of the two",
    }
    by_emotion = [f"- {words}: {extremes(tested[name])}." for name, words in meanings.items()]
    return "\n\n".join(
        [
            _overall(record),
            "\n".join(by_emotion),
            _leaning(record, emotions),
            _averages(table),
        ]
    )


def _overall(record) -> str:
    metrics, n = record.data["metrics"], len(record.predictions)
    classes = len(record.data["corpus"]["emotions"])
    low, high = metrics["uar_ci95"]
    if low > 1 / classes:
        verdict = "the whole interval of UAR lies above chance"
    elif high < 1 / classes:
        verdict = (
            "the whole interval of UAR lies below chance, which points to a fault in data or labels"
        )
    else:
        verdict = "the interval of UAR includes chance, so it may have learned nothing"
    frequent = record.predictions["truth"].value_counts().sort_index()
    share = frequent.max() / n
    less = "less" if rounded(share) < rounded(metrics["accuracy"]) else "no less"
    unnamed = (record.predictions["speaker"] == "").any()
    heard = record.data["protocol"] == "random" or unnamed
    voices = "whose speakers may be heard in training" if heard else "of unheard speakers"
    drawn = "utterances" if unnamed else "whole speakers"
    return (
        f"On {count(n, 'test utterance')} {voices}, the {title(record.data['architecture'])} "
        f"reaches an accuracy of {interval(metrics['accuracy'], metrics['accuracy_ci95'])}, an "
        f"unweighted average recall (UAR) of {interval(metrics['uar'], metrics['uar_ci95'])} and "
        f"a loss of {number(float(metrics['loss']))}. The intervals come from drawing {drawn} "
        f"with replacement. Guessing among {count(classes, 'emotion')} has a UAR of "
        f"{number(1 / classes)} and a loss of {number(math.log(classes))}: {verdict}. Always "
        f"answering {frequent.idxmax()} would be right for {percent(share)} of the utterances, "
        f"{less} than the network."
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
                f"{name} ({count(n, 'answer')} for {count(spoken, 'utterance')}: precision "
                f"{number(row['precision'])}, recall {number(row['recall'])})"
            )
            (often if n > spoken else rarely).append(words)
    if often:
        sentences.append(f"Answered too often: {listing(often)}.")
    if rarely:
        sentences.append(f"Answered too rarely: {listing(rarely)}.")
    if not sentences:
        sentences.append(
            "No emotion is much favoured or avoided: precision and recall differ by less than "
            f"{number(LEANING)} for each."
        )
    return " ".join(sentences)


def overfitting(record) -> str:
    """The gap between training and validation at the best epochs, and what it means."""
    names = ("train_accuracy", "validation_accuracy", "train_loss", "validation_loss")
    train, validation, train_loss, validation_loss = (fold_mean(record, name) for name in names)
    # As printed, so that the difference is that of the two numbers on the page.
    gap = rounded(rounded(train) - rounded(validation))
    part = "utterances" if record.data["protocol"] == "random" else "speakers"
    if gap >= GAP_LARGE:
        verdict = (
            f"The gap of {number(gap)} is large, which is overfitting: much of what the network "
            f"learned holds for the training {part} only"
        )
    elif gap > GAP_SMALL:
        verdict = (
            f"The gap of {number(gap)} is moderate: part of what the network learned does not "
            f"carry over to new {part}"
        )
    elif gap >= -GAP_SMALL:
        verdict = "The two are close: there is no sign of overfitting"
    else:
        verdict = f"Validation lies {number(-gap)} higher, so there is no sign of overfitting"
    test = record.data["metrics"]["accuracy"]
    drop = rounded(rounded(validation) - rounded(test))
    agreement = "agrees with validation"
    if abs(drop) >= PHASE:
        agreement = f"lies {number(abs(drop))} {'below' if drop > 0 else 'above'} validation"
    n = len(record.data["folds"])
    return (
        f"At the best epoch{f', on average over {n} folds' if n > 1 else ''}, training accuracy is "
        f"{number(train)} and validation accuracy {number(validation)}; the losses are "
        f"{number(train_loss)} and {number(validation_loss)}. {verdict}. Test accuracy, "
        f"{number(test)}, {agreement}."
    )


def _averages(table) -> str:
    macro, weighted = (float(table.loc[f"{name} average", "f1"]) for name in ("macro", "weighted"))
    words = f"Macro average F1 is {number(macro)}, weighted average F1 {number(weighted)}: "
    sizes = table["support"].iloc[:-3]
    if sizes.nunique() == 1:
        return words + "the emotions are equally frequent, so the two are the same."
    if abs(macro - weighted) < AVERAGES:
        return words + "how frequent an emotion is makes little difference."
    side = "frequent" if weighted > macro else "rare"
    return words + f"the {side} emotions are recognised better."


def pairs(record) -> list[tuple[str, str, int, float]]:
    """Confusions as (truth, predicted, count, share of the truth), largest count first.

    Equal counts are ordered by share, then by the order of the labels.
    """
    labels, counts = record.data["corpus"]["emotions"], confusion_counts(record)
    found = [
        (truth, predicted, n, n / sum(row))
        for truth, row in zip(labels, counts.tolist(), strict=True)
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
    errors, part = (sum(pair[2] for pair in group) for group in (found, shown))
    lines = ["The largest confusions, in utterances and as a share of the true emotion:", ""]
    lines += [
        f"- **{truth}** taken for **{predicted}**: {n:,} ({percent(share)} of {truth})"
        for truth, predicted, n, share in shown
    ]
    closing = f"That is {percent(part / errors)} of all {count(errors, 'error')}."
    if ties := sum(pair[2] == shown[-1][2] for pair in found[top:]):
        closing += f" {capital(count(ties, 'more confusion'))} "
        closing += f"{'is' if ties == 1 else 'are'} as frequent as the last one listed."
    size = {(truth, predicted): (n, share) for truth, predicted, n, share in found}
    mutual = [
        (size[a, b][0], size[b, a][0], a, b)
        for a, b in size
        if a < b and (b, a) in size and min(size[a, b][1], size[b, a][1]) >= MUTUAL
    ]
    mutual.sort(key=lambda pair: -pair[0] - pair[1])
    named = listing(f"{a} and {b} ({n:,} and {m:,} times)" for n, m, a, b in mutual[:top])
    if not mutual:
        closing += f" No two emotions are taken for each other in {percent(MUTUAL)} of each."
    else:
        closing += f" Taken for each other, in at least {percent(MUTUAL)} of each: {named}"
        more = count(len(mutual) - top, "more pair")
        closing += f", and {more}." if len(mutual) > top else "."
    return "\n".join([*lines, "", closing])


def correct_incorrect(record) -> str:
    """How many utterances are recognised and how many are not."""
    hits = record.predictions["truth"] == record.predictions["predicted"]
    right, wrong = int(hits.sum()), int((~hits).sum())
    words = (
        f"Of {count(len(hits), 'test utterance')}, {right:,} ({percent(right / len(hits))}) are "
        f"recognised and {wrong:,} are not"
    )
    if not wrong or not right:
        return f"{words}."
    if right == wrong:
        return f"{words}: as many right answers as wrong ones."
    if right < wrong:
        return f"{words}: more wrong answers than right ones."
    return f"{words}: {number(right / wrong, 1)} right answers for each wrong one."


def class_accuracy(record) -> str:
    """Accuracy within each emotion, from the best recognised to the worst."""
    table = scores(record).iloc[:-3]
    recall = table["recall"][table["support"] > 0].map(rounded)
    overall = rounded(record.data["metrics"]["accuracy"])
    order = "; ".join(f"{listing(names)} {number(value)}" for value, names in ranked(dict(recall)))
    sides = {
        "above": list(recall.index[recall > overall]),
        "level with": list(recall.index[recall == overall]),
        "below": list(recall.index[recall < overall]),
    }
    placed = ", ".join(f"{side} it {listing(names)}" for side, names in sides.items() if names)
    return (
        f"Accuracy within each emotion, which is its recall, from best to worst: {order}. Over "
        f"all utterances it is {number(overall)}: {placed}."
    )


def speakers(record) -> str:
    """How far the result depends on the speaker."""
    table = speaker_scores(record)
    if list(table.index) == [UNKNOWN]:
        return "The speakers of this corpus are not known."
    named = {f"speaker {name}": uar for name, uar in table["uar"].items()}
    return f"UAR is {extremes(named, 'speaker')}."
