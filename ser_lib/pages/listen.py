"""Listening: what the emotions sound like, and what the network made of each utterance.

Conventions: as `tables`; functions return Markdown unless they say otherwise. F0 is in Hz or, where
utterances are compared, in semitones; levels are in dB. A *cell* is a cell of the confusion matrix:
the utterances of one emotion that got one answer. Audio is embedded only where the licence of the
corpus allows it; elsewhere the names stand alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from urllib.parse import quote

import numpy as np
import pandas as pd

from ser_lib.corpora import Manifest, describe
from ser_lib.features import maps as features
from ser_lib.features import store
from ser_lib.pages import data
from ser_lib.pages.figures import features as features_figures
from ser_lib.pages.tables import count, extremes, markdown_table, number, percent, rounded

CLIPS = 3
"""Utterances of a cell that can be played, at most."""
CLIP_BYTES = 900_000
"""Of all players of the matrix: with its figures the page has to stay under 3 MB."""
NAMED = 40
"""Utterances of a cell that are named."""
SPEECH_DB = 30  # what is quieter than the loudest frame by more than this is a pause
_SEXES = {"female": "woman", "male": "man"}


def voices(manifest: Manifest) -> pd.DataFrame:
    """Measure the voice in every utterance of a corpus, from the rows of the stack.

    Returns
    -------
    DataFrame
        Index: utterance, in the manifest's order. Columns: speaker, sex, emotion; f0 (median over
        the voiced frames, Hz), f0_range (from their 5th to their 95th percentile, semitones),
        level (median over them, dB), voiced (share of the frames), speech (length of what is not a
        pause, s); f0_apart and level_apart (from the median of the speaker's utterances, or of all
        where the corpus does not say who speaks; semitones and dB). What an utterance without a
        voice does not have is nan.
    """
    stacks = store.build(manifest, kind="stack")
    rows = [_measure(stacks[i]) for i in range(len(manifest.table))]
    about = manifest.table[["utterance", "speaker", "sex", "emotion"]].reset_index(drop=True)
    table = about.join(pd.DataFrame(rows)).set_index("utterance")
    whose = table["speaker"] if _all_known(table) else [""] * len(table)
    usual = table.groupby(whose)[["f0", "level"]].transform("median")
    table["f0_apart"] = 12 * np.log2(table["f0"] / usual["f0"])
    table["level_apart"] = table["level"] - usual["level"]
    return table


def _measure(stack: np.ndarray) -> dict[str, float]:
    contour = features_figures.f0(stack)
    voiced = ~np.isnan(contour)
    level = stack[[row.name for row in features.rows("stack")].index("rms")]
    found = dict.fromkeys(("f0", "f0_range", "level"), np.nan)
    if voiced.any():
        low, middle, high = np.percentile(contour[voiced], [5, 50, 95])
        found = {
            "f0": float(middle),
            "f0_range": float(12 * np.log2(high / low)),
            "level": float(np.median(level[voiced])),
        }
    speech = float((level > level.max() - SPEECH_DB).sum()) * features_figures.FRAME_S
    return found | {"voiced": float(voiced.mean()), "speech": speech}


def _all_known(table: pd.DataFrame) -> bool:
    return bool((table["speaker"] != "").all())


def overview(table: pd.DataFrame) -> str:
    """The voice in each emotion over the whole corpus, as a table and in words.

    Parameters
    ----------
    table
        From `voices`.
    """
    known = _all_known(table)
    of = table.groupby("emotion").median(numeric_only=True)
    rows = [
        {
            "Emotion": emotion,
            "F0 (Hz)": _whole(row["f0"]),
            "F0 apart (st)": row["f0_apart"],
            "F0 range (st)": row["f0_range"],
            "Level apart (dB)": row["level_apart"],
            "Voiced": percent(row["voiced"]),
            "Speech (s)": row["speech"],
        }
        for emotion, row in of.iterrows()
    ]
    usual = "for the speaker" if known else "in the corpus"
    told = (
        ("f0_apart", f"Against what is usual {usual}, F0 is", "semitones"),
        ("level_apart", "The level, taken in the same way, is", "dB"),
        ("f0_range", "The range of F0 within an utterance is", "semitones"),
        ("speech", "The length of the speech, without its pauses, is", "s"),
    )
    words = [
        f"{lead} {extremes(values, digits=1, unit=unit)}."
        for column, lead, unit in told
        if (values := of[column].dropna().to_dict())
    ]
    return (
        f"Medians over all {count(len(table), 'utterance')} of the corpus. *Apart* is from the "
        f"median of {'the same speaker' if known else 'all utterances'}; st are semitones, twelve "
        "to the octave.\n\n"
        f"{markdown_table(rows, digits=1)}\n\n{' '.join(words)}"
    )


def _whole(value: float) -> int | None:
    return None if np.isnan(value) else round(rounded(value, 0))


def examples(manifest: Manifest) -> dict[str, list[str]]:
    """Choose one or two utterances of each emotion: of a woman and a man, else of two speakers.

    Returns
    -------
    dict
        Emotion to names of utterances, in the order of the emotions.
    """
    table = manifest.table
    if set(table["sex"]) == set(_SEXES):
        parts = [table[table["sex"] == sex] for sex in _SEXES]
    else:
        first = data.examples(manifest)
        heard = table.loc[table["utterance"].isin(first.values()), "speaker"]
        parts = [table, table[~table["speaker"].isin(heard)]]
    chosen = [data.examples(replace(manifest, table=p)) for p in parts if len(p)]
    return {
        emotion: [names[emotion] for names in chosen if emotion in names]
        for emotion in manifest.emotions
    }


def heading(table: pd.DataFrame, name: str) -> str:
    """What utterance it is, for over its figure: plain text."""
    row = table.loc[name]
    speaker = f", speaker {row['speaker']}" if row["speaker"] else ""
    return f"{row['emotion']}: {name}{speaker}"


def players(
    names: Sequence[str], table: pd.DataFrame, answers: pd.DataFrame, manifest: Manifest
) -> str:
    """A few utterances to listen to, with their voice in numbers and the network's answer.

    Parameters
    ----------
    names
        The utterances.
    table
        From `voices`.
    answers
        From `failures.answers`; an utterance that was not tested has none.
    manifest
        The corpus.
    """
    allowed = describe(manifest.corpus).embed_audio
    tested = answers.set_index("utterance")
    given = tested["predicted"] + " (" + tested["p"].map(number) + ")"
    rows = []
    for name in names:
        voice = table.loc[name]
        heard = ", ".join(filter(None, (f"`{name}`", voice["speaker"], _SEXES.get(voice["sex"]))))
        if allowed:
            told = f"{voice['emotion']}, utterance {name}"
            heard += f"<br>{data.player(manifest, name, told)}"
        rows.append(
            {
                "Utterance": heard,
                "F0 (Hz)": _whole(voice["f0"]),
                "F0 range (st)": voice["f0_range"],
                "Speech (s)": voice["speech"],
                "Answer": given.get(name),
            }
        )
    return markdown_table(rows, digits=1)


def cells(answers: pd.DataFrame, emotions: Sequence[str]) -> dict[tuple[str, str], pd.DataFrame]:
    """Return the utterances of every cell, the surest answer first.

    Parameters
    ----------
    answers
        From `failures.answers`.
    emotions
        In the order of the matrix.

    Returns
    -------
    dict
        (truth, predicted) to rows of the answers, row by row of the matrix; empty cells too.
    """
    ranked = answers.sort_values(["p", "utterance"], ascending=[False, True])
    return {
        (truth, predicted): ranked[(ranked["truth"] == truth) & (ranked["predicted"] == predicted)]
        for truth in emotions
        for predicted in emotions
    }


def matrix(answers: pd.DataFrame, emotions: Sequence[str], manifest: Manifest) -> str:
    """The confusion matrix with a list of the utterances of each cell, some of them to play.

    The numbers of the matrix are links to the lists; ``book/_static/listen.js`` makes them buttons
    that show one list at a time. The list of the largest confusion is open at first.

    Parameters
    ----------
    answers
        From `failures.answers`.
    emotions
        In the order of the matrix.
    manifest
        The corpus.

    Returns
    -------
    str
        Markdown that is one block of html.
    """
    of = cells(answers, emotions)
    played = _players(of, manifest)
    sizes = {cell: len(rows) for cell, rows in of.items() if len(rows)}
    first = max(sizes, key=lambda cell: (cell[0] != cell[1], sizes[cell]))
    lists = [
        _list(cell, of[cell], played, name=_name(cell, emotions), is_open=cell == first)
        for cell in sizes
    ]
    return (
        '<div class="listen">\n'
        f"<p>{_told(played, len(answers))}</p>\n"
        f'<div class="listen-scroll">{"".join(_matrix_lines(of, emotions))}</div>\n'
        '<p class="listen-status" role="status"></p>\n'
        f'{"".join(lists)}<p class="downloads">{_csv_link(of, emotions)}</p>\n</div>'
    )


def _players(of: Mapping, manifest: Manifest) -> dict[str, str]:
    """Return players by utterance: first of the surest of each cell, then of the next."""
    if not describe(manifest.corpus).embed_audio:
        return {}
    wanted = [
        (rank, -row.p, row.utterance, f"{truth}, answer {predicted}, utterance {row.utterance}")
        for (truth, predicted), rows in of.items()
        for rank, row in enumerate(rows[:CLIPS].itertuples())
    ]
    found, size = {}, 0
    for *_, name, label in sorted(wanted):
        html = data.player(manifest, name, label)
        size += len(html)
        if size > CLIP_BYTES:
            break
        found[name] = html
    return found


def _told(played: Mapping[str, str], total: int) -> str:
    """How to use the matrix, and how much of it can be heard."""
    use = (
        "Choose a number to see which utterances got this answer, with its probability, the "
        "surest first."
    )
    if not played:
        return f"{use} {data.NAMES_ONLY}"
    some = f"{len(played):,} of {count(total, 'utterance')} can be played"
    return f"{use} {some}: in each cell, up to {CLIPS} of those that the network is surest of."


def _name(cell: tuple[str, str], emotions: Sequence[str]) -> str:
    """Anchor of the list of a cell."""
    return "heard-{}-{}".format(*map(emotions.index, cell))


def _words(cell: tuple[str, str], n: int) -> str:
    truth, predicted = cell
    what = f"{truth} recognised" if truth == predicted else f"{truth} taken for {predicted}"
    return f"{what}: {count(n, 'utterance')}"


def _matrix_lines(of: Mapping, emotions: Sequence[str]) -> Iterator[str]:
    yield '<table class="listen-matrix">\n'
    yield "<caption>True emotions in rows, the network's answers in columns</caption>\n"
    heads = (f'<th scope="col"><span>{escape(emotion)}</span></th>' for emotion in emotions)
    yield f"<thead><tr><td></td>{''.join(heads)}</tr></thead>\n<tbody>\n"
    for truth in emotions:
        total = sum(len(of[truth, predicted]) for predicted in emotions)
        yield f'<tr><th scope="row">{escape(truth)}</th>'
        for predicted in emotions:
            cell, n = (truth, predicted), len(of[truth, predicted])
            if n:
                yield (
                    f'<td style="--share:{n / total:.2f}"><a href="#{_name(cell, emotions)}" '
                    f'aria-label="{n:,}, {escape(_words(cell, n))}">{n:,}</a></td>'
                )
            else:
                yield "<td>0</td>"
        yield "</tr>\n"
    yield "</tbody>\n</table>"


def _csv_link(of: Mapping, emotions: Sequence[str]) -> str:
    """The counts to take along; a table that is html is not seen by `report.downloads`."""
    counts = [[len(of[truth, predicted]) for predicted in emotions] for truth in emotions]
    text = pd.DataFrame(counts, index=list(emotions), columns=list(emotions)).to_csv()
    return (
        f'<a href="data:text/csv;charset=utf-8,{quote(text)}" download="confusion-matrix.csv">'
        '<span class="visually-hidden">Confusion matrix as </span>CSV</a>'
    )


def _list(
    cell: tuple[str, str],
    rows: pd.DataFrame,
    played: Mapping[str, str],
    *,
    name: str,
    is_open: bool,
) -> str:
    items = []
    for row in rows[:NAMED].itertuples():
        who = f", speaker {escape(row.speaker)}" if row.speaker else ""
        item = f"<code>{escape(row.utterance)}</code>{who}: {number(row.p)}"
        items.append(f"<li>{item}{played.get(row.utterance, '')}</li>\n")
    more = len(rows) - len(items)
    rest = f"<p>And {count(more, 'more utterance')} with less sure answers.</p>\n" if more else ""
    return (
        f'<details class="listen-cell" id="{name}"{" open" if is_open else ""}>\n'
        f"<summary>{escape(_words(cell, len(rows)))}</summary>\n"
        f"<ol>\n{''.join(items)}</ol>\n{rest}</details>\n"
    )
