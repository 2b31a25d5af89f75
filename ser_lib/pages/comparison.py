"""Several networks side by side: ranks, what the data can tell apart, and which one to use.

Conventions: functions take records of the same corpus and protocol (anything else is refused) and
return Markdown. What is called better, and what the data cannot tell, is decided in `verdicts`.
"""

from collections.abc import Sequence
from itertools import pairwise

from ser_lib.pages import reference
from ser_lib.pages.tables import (
    count,
    duration,
    extremes,
    fold_mean,
    interval,
    listing,
    markdown_table,
    number,
    percent,
    ranked,
    rounded,
    spanned,
    title,
)
from ser_lib.pages.verdicts import SIGNIFICANCE, comparable, p_value, pairs, verdict
from ser_lib.pages.verdicts import labels as labels

SAME_TIME = 1.1
"""Times with a ratio below this are not ranked: a second run on the same machine may turn them."""


def comparison(records: Sequence) -> str:
    """The networks ranked by UAR, what the data can tell apart, and what each network costs.

    Raises
    ------
    RecordError
        If there is no record, or they are of different data or protocols.
    """
    ordered = comparable(records)
    names = labels(ordered)
    rows = [_row(record, name) for record, name in zip(ordered, names, strict=True)]
    if len(ordered) == 1:
        return f"{markdown_table(rows)}\n\nThere is only one network, so nothing to compare."
    splits = {frozenset(zip(*_split(record), strict=True)) for record in ordered}
    data = "the same utterances in the same folds" if len(splits) == 1 else "different splits"
    values = dict(zip(names, (_uar(record) for record in ordered), strict=True))
    order = ", ".join(f"{listing(tied)} ({number(value)})" for value, tied in ranked(values))
    ranks = f"Tested on {data}, the networks rank by UAR: {order}."
    return "\n\n".join(
        [f"{ranks} {told_apart(ordered)}", markdown_table(rows), _costs(ordered, names)]
    )


def _row(record, name: str) -> dict:
    metrics, speed = record.data["metrics"], record.data["speed"]
    return {
        "Network": name,
        "UAR": metrics["uar"],
        "95 % interval": " to ".join(number(float(limit)) for limit in metrics["uar_ci95"]),
        "Accuracy": metrics["accuracy"],
        "Macro F1": metrics["macro_f1"],
        "Parameters": record.data["n_parameters"],
        "Training": duration(speed["training_s"]),
        "Answer (ms)": float(speed["inference_ms"]),
    }


def told_apart(records: Sequence) -> str:
    """Which networks the best one is better than, and from which the data cannot tell it."""
    return verdict(pairs([[record] for record in comparable(records)]))


def differences(records: Sequence) -> str:
    """Every two networks: the differences of their scores, with intervals and p-values."""
    ordered = comparable(records)
    found = pairs([[record] for record in ordered])
    if not found:
        return "There is only one network, so nothing to compare."
    rows = [
        {
            "First minus second": f"{pair.first} minus {pair.second}",
            "UAR (95 %)": spanned(pair.scores["uar"].value, pair.scores["uar"].interval),
            "Accuracy (95 %)": spanned(
                pair.scores["accuracy"].value, pair.scores["accuracy"].interval
            ),
            "p of UAR": p_value(pair.scores["uar"].p),
            "Corrected": p_value(pair.p),
        }
        for pair in found
    ]
    unit, n = found[0].unit, found[0].scores["uar"].clusters
    apart = sum(pair.apart for pair in found) or "none"
    family = count(len(found), "pair")
    words = (
        "The differences are taken utterance by utterance. The intervals come from drawing the "
        f"{count(n, unit)} with replacement, the p-values from a randomisation test that swaps the "
        f"answers of two networks {unit} by {unit}; those of the last column are corrected for "
        f"{family} by Holm's method. The data can tell {apart} of {family} apart, which takes an "
        "interval that does not hold 0 and a corrected p-value below "
        f"{number(SIGNIFICANCE)}."
    )
    return f"{markdown_table(rows)}\n\n{words}"


def _costs(ordered: Sequence, names: Sequence[str]) -> str:
    sizes = {name: r.data["n_parameters"] for name, r in zip(names, ordered, strict=True)}
    small, large = min(sizes.values()), max(sizes.values())
    words = f"Every network has {number(small)} parameters."
    if small < large:
        least, most = (listing(n for n in names if sizes[n] == size) for size in (small, large))
        words = (
            f"The {least} has the fewest parameters, {number(small)}, which is "
            f"{percent(small / large)} of those of the {most}."
        )
    for key, what, show in (
        ("training_s", "to train", duration),
        ("inference_ms", "to answer", lambda ms: f"{number(float(ms))} ms"),
    ):
        times = {n: r.data["speed"][key] for n, r in zip(names, ordered, strict=True)}
        low, high = min(times.values()), max(times.values())
        span = " to ".join(dict.fromkeys([show(low), show(high)]))
        if high < SAME_TIME * low:
            words += f" All take about as long {what} ({span})."
        elif len({record.data["architecture"] for record in ordered}) == 1:
            words += f" They took {span} {what}, which does not rank them: it is one architecture."
        else:
            quickest = [n for n, t in times.items() if t < SAME_TIME * low]
            slowest = [n for n, t in times.items() if high < SAME_TIME * t and n not in quickest]
            first, last = (
                listing(f"{n} ({show(times[n])})" for n in group) for group in (quickest, slowest)
            )
            words += f" Quickest {what}: {first}; slowest: {last}."
    platforms = dict.fromkeys(record.data["versions"].get("platform") for record in ordered)
    if machines := listing(filter(None, platforms)):
        words += f" The times were taken on {machines} and hold for that machine."
    return words


def final(records: Sequence):
    """The record of the network to use: that of the highest UAR in validation.

    The mean over the folds decides, then the fewest parameters. The test part has no say, so the
    final network's test score is not the best of several.

    Raises
    ------
    RecordError
        As `comparison`.
    """
    return _by_validation(comparable(records))[0]


def _by_validation(records: Sequence) -> list:
    return sorted(records, key=lambda record: (-_validation(record), record.data["n_parameters"]))


def _validation(record) -> float:
    # Of means that differ by rounding alone, neither is the higher one.
    return round(fold_mean(record, "validation_uar"), 9)


def chosen(records: Sequence) -> str:
    """Which network is the final model, and why, by the rule of `final`."""
    ordered = _by_validation(comparable(records))
    (name, record), *others = zip(labels(ordered), ordered, strict=True)
    scores = [f"the {other} reaches {number(_validation(rival))}" for other, rival in others]
    reached = number(_validation(record))
    if not others:
        why = f"it is the only one, with a validation UAR of {reached}"
    elif _validation(others[0][1]) < _validation(record):
        why = f"its UAR in validation, {reached} in the mean over the folds, is the highest"
    else:
        why = (
            f"no network has a higher UAR in validation ({reached}), and of those that reach it "
            "it has the fewest parameters"
        )
    beside = f"; {listing(scores)}" if scores else ""
    uar = interval(_uar(record), record.data["metrics"]["uar_ci95"])
    same = record.data["architecture"] == reference.CHOICE
    report = f"the {title(reference.CHOICE)} {'as well' if same else 'instead'}"
    return (
        f"The final model is the **{name}**: {why}{beside}. Test scores have no say in the choice; "
        f"its own is a UAR of {uar}. The reference report chose {report}."
    )


def generalisation(records: Sequence) -> str:
    """How well training carries over to validation and test, network by network."""
    comparable(records)
    names = labels(records)
    rows = []
    for record, name in zip(records, names, strict=True):
        train, validation = (fold_mean(record, f"{p}_accuracy") for p in ("train", "validation"))
        rows.append(
            {
                "Network": name,
                "Training accuracy": train,
                "Validation accuracy": validation,
                "Gap": rounded(train) - rounded(validation),
                "Test accuracy": record.data["metrics"]["accuracy"],
            }
        )
    gaps = extremes({row["Network"]: row["Gap"] for row in rows}, "network")
    return (
        f"{markdown_table(rows)}\n\nThe gap between training and validation at the best epochs is "
        f"{gaps}. A large gap means that much of what was learned holds for the training part only."
    )


def by_emotion(records: Sequence) -> str:
    """F1 of every emotion with every network, and where the networks differ."""
    comparable(records)
    names, emotions = labels(records), records[0].emotions
    f1 = {
        emotion: {
            name: record.data["per_class"][emotion]["f1"]
            for record, name in zip(records, names, strict=True)
        }
        for emotion in emotions
    }
    table = markdown_table({"Emotion": emotion} | values for emotion, values in f1.items())
    means = {emotion: sum(values.values()) / len(values) for emotion, values in f1.items()}
    sentence = f"Averaged over the networks, F1 is {extremes(means)}."
    steps = []
    for first, second in pairwise(names):
        change = {e: rounded(f1[e][second]) - rounded(f1[e][first]) for e in emotions}
        gained = [e for e in emotions if change[e] > 0]
        lost = [e for e in emotions if change[e] < 0]
        moved = [
            f"{verb} for {listing(f'{e} ({change[e]:+.2f})' for e in group)}"
            for verb, group in (("rises", gained), ("falls", lost))
            if group
        ]
        steps.append(
            f"- From the {first} to the {second}, F1 {', and '.join(moved) or 'stays the same'}."
        )
    return "\n\n".join([table, sentence, "\n".join(steps)])


def headline(records: Sequence) -> str:
    """The result of the whole report in a paragraph and a table."""
    ordered = comparable(records)
    pick = final(ordered)
    data, corpus = pick.data, pick.data["corpus"]
    classes = len(corpus["emotions"])
    rows = [_row(record, name) for record, name in zip(ordered, labels(ordered), strict=True)]
    kept = ("Network", "UAR", "95 % interval", "Accuracy", "Parameters")
    return (
        f"Corpus: {corpus['title']} ({count(corpus['utterances'], 'utterance')}, "
        f"{count(corpus['speakers'], 'speaker')}, {count(classes, 'emotion')}). The chosen "
        f"network, the one with the best validation, is the **{title(data['architecture'])}**: it "
        f"recognises {percent(data['metrics']['accuracy'])} of the utterances, with an unweighted "
        f"average recall of {interval(_uar(pick), data['metrics']['uar_ci95'])}, where guessing "
        f"would give {number(1 / classes)}. {told_apart(ordered)}\n\n"
        + markdown_table({name: row[name] for name in kept} for row in rows)
    )


def _uar(record) -> float:
    return record.data["metrics"]["uar"]


def _split(record) -> tuple:
    return record.predictions["utterance"], record.predictions["fold"]
