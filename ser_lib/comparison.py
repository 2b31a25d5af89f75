"""Several networks side by side: ranks, what the data can tell apart, and which one to use.

Conventions: functions take records of the same corpus and protocol (anything else is refused) and
return Markdown. One network is called better than another only if the 95 % intervals of their UAR
do not overlap; otherwise the data cannot tell. This is cautious: the networks hear the same
utterances, so a paired test can tell finer differences.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from ser_lib import reference
from ser_lib.errors import RecordError
from ser_lib.tables import (
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
    title,
)


def comparison(records: Sequence) -> str:
    """The networks ranked by UAR, what the data can tell apart, and what each network costs.

    Raises
    ------
    RecordError
        If there is no record, or they are of different data or protocols.
    """
    ordered = _checked(records)
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
    ordered = _checked(records)
    names = labels(ordered)
    best, first = ordered[0], names[0]
    pairs = list(zip(ordered[1:], names[1:], strict=True))
    worse = [f"the {name}" for record, name in pairs if not overlap(best, record)]
    rivals = [name for record, name in pairs if overlap(best, record)]
    words = f"The {first} is better than {listing(worse)}: the intervals do not overlap."
    tied = (
        f"The intervals of the {first} and the {listing(rivals)} overlap, so the data cannot tell "
        "which of them is better."
    )
    return " ".join(text for text, told in ((words, worse), (tied, rivals)) if told)


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
        times = [record.data["speed"][key] for record in ordered]
        quick, slow = show(min(times)), show(max(times))
        if quick == slow:
            words += f" All are equally quick {what} ({quick})."
            continue
        quickest, slowest = (
            listing(n for n, t in zip(names, times, strict=True) if show(t) == end)
            for end in (quick, slow)
        )
        words += f" Quickest {what}: {quickest} ({quick}); slowest: {slowest} ({slow})."
    return words


def final(records: Sequence):
    """The record of the network to use: the smallest of those that the best is not told from.

    Candidates are the records whose interval of UAR overlaps that of the highest UAR; the fewest
    parameters decide, then UAR.

    Raises
    ------
    RecordError
        As `comparison`.
    """
    ordered = _checked(records)
    candidates = [record for record in ordered if overlap(ordered[0], record)]
    return min(candidates, key=lambda record: record.data["n_parameters"])


def chosen(records: Sequence) -> str:
    """Which network is the final model, and why, by the rule of `final`."""
    ordered = _checked(records)
    pick, best = final(ordered), ordered[0]
    names = labels(ordered)
    name = names[ordered.index(pick)]
    rivals = [n for r, n in zip(ordered, names, strict=True) if r is not pick and overlap(best, r)]
    uar = interval(_uar(pick), pick.data["metrics"]["uar_ci95"])
    size = f"{number(pick.data['n_parameters'])} parameters"
    if len(ordered) == 1:
        why = f"it is the only one; its UAR is {uar}"
    elif not rivals:
        why = f"its UAR of {uar} is the highest, and no other network's interval reaches it"
    elif pick is best:
        why = (
            f"its UAR of {uar} is the highest; the data cannot tell it from the "
            f"{listing(rivals)}, but no candidate has fewer parameters ({size})"
        )
    else:
        why = (
            f"the {names[0]} has the highest UAR ({number(_uar(best))}), but the data cannot tell "
            f"it from the {name} with {uar}, and of the networks that they cannot tell apart the "
            f"{name} has the fewest parameters ({size})"
        )
    same = pick.data["architecture"] == reference.CHOICE
    report = f"the {title(reference.CHOICE)} {'as well' if same else 'instead'}"
    return f"The final model is the **{name}**: {why}. The reference report chose {report}."


def generalisation(records: Sequence) -> str:
    """How well training carries over to validation and test, network by network."""
    _checked(records)
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
    _checked(records)
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
    ordered = _checked(records)
    pick = final(ordered)
    data, corpus = pick.data, pick.data["corpus"]
    classes = len(corpus["emotions"])
    rows = [_row(record, name) for record, name in zip(ordered, labels(ordered), strict=True)]
    why = "" if pick is ordered[0] else ", the smallest of those that the data cannot tell apart"
    kept = ("Network", "UAR", "95 % interval", "Accuracy", "Parameters")
    return (
        f"Corpus: {corpus['title']} ({count(corpus['utterances'], 'utterance')}, "
        f"{count(corpus['speakers'], 'speaker')}, {count(classes, 'emotion')}). The chosen "
        f"network is the **{title(data['architecture'])}**{why}: it recognises "
        f"{percent(data['metrics']['accuracy'])} of the utterances, with an unweighted average "
        f"recall of {interval(_uar(pick), data['metrics']['uar_ci95'])}, where guessing would "
        f"give {number(1 / classes)}. {told_apart(ordered)}\n\n"
        + markdown_table({name: row[name] for name in kept} for row in rows)
    )


def overlap(a, b) -> bool:
    """Whether the 95 % intervals of two records' UAR have a point in common."""
    (low_a, high_a), (low_b, high_b) = (record.data["metrics"]["uar_ci95"] for record in (a, b))
    return low_a <= high_b and low_b <= high_a


def labels(records: Sequence) -> list[str]:
    """A distinct name for each record: the network's, and what differs where one occurs twice."""
    names = [title(record.data["architecture"]) for record in records]
    given = [record.data["parameters"] for record in records]

    def distinct(name: str, own: Mapping) -> str:
        twins = [p for n, p in zip(names, given, strict=True) if n == name]
        differs = [key for key in own if any(twin.get(key) != own[key] for twin in twins)]
        told = ", ".join(f"{key.replace('_', ' ')} {own[key]}" for key in differs)
        return f"{name} ({told})" if told else name

    return [distinct(name, own) for name, own in zip(names, given, strict=True)]


def _checked(records: Sequence) -> list:
    """Records from the highest UAR down, once it is sure that they can be compared."""
    if not records:
        raise RecordError("there is no record to compare; run the networks' notebooks first")
    for what, value in (
        ("corpora", lambda data: data["corpus"]["name"]),
        ("versions of the corpus", lambda data: data["corpus"]["manifest_sha256"][:12]),
        ("protocols", lambda data: data["protocol"]),
    ):
        found = sorted({value(record.data) for record in records})
        if len(found) > 1:
            raise RecordError(f"cannot compare records of different {what}: {', '.join(found)}")
    return sorted(records, key=_uar, reverse=True)


def _uar(record) -> float:
    return record.data["metrics"]["uar"]


def _split(record) -> tuple:
    return record.predictions["utterance"], record.predictions["fold"]
