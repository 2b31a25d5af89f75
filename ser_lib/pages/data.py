"""What a corpus holds, in words, tables and sound, computed from its manifest.

Conventions: as `tables`; functions return Markdown unless they say otherwise.
"""

import base64
import html
import io
import re
from itertools import groupby

import numpy as np
import pandas as pd

from ser_lib.core import audio
from ser_lib.core.files import sources
from ser_lib.corpora import CATALOGUE, Manifest, describe
from ser_lib.corpora.emotions import SAME
from ser_lib.features import maps
from ser_lib.pages.tables import capital, count, duration, listing, markdown_table, number, percent

WINDOW_S = maps.FRAMES * maps.HOP / audio.RATE
UNEVEN = 1.5
"""The largest class over the smallest, from which on the classes are called unevenly frequent."""
CLIP_S, FADE_S = 8.0, 0.5
"""Of a longer utterance a page plays the first seconds, and the last of them fade."""
NAMES_ONLY = "The licence of the corpus does not allow its audio in this book."


def summary(manifest: Manifest) -> str:
    """Origin, size, speakers, language, licence and home of a corpus."""
    table, row = manifest.table, describe(manifest.corpus)
    rates = sorted(table["sample_rate_hz"].unique())
    speakers = table.loc[table["speaker"] != "", ["speaker", "sex"]].drop_duplicates()
    sexes = [
        count(int((speakers["sex"] == sex).sum()), singular, plural)
        for sex, singular, plural in (("female", "woman", "women"), ("male", "man", "men"))
    ]
    who = count(len(speakers), "speaker") if len(speakers) else "unknown speakers"
    if len(speakers) and (speakers["sex"] != "").all():
        who += f" ({listing(sexes)})"
    facts = {
        "Corpus": row.title,
        "Language": row.language,
        "Speakers": who,
        "Recording sessions": _distinct(table["session"]),
        "Sentences": _distinct(table["sentence"]),
        "Utterances": number(len(table)),
        "Length in all": duration(table["duration_s"].sum()),
        "Emotions": listing(manifest.emotions),
        "Sampling rate": listing(f"{number(int(rate))} Hz" for rate in rates),
        "Licence": row.licence,
        "Home": row.home,
        "Hash of the data": f"`{manifest.sha256[:16]}`",
    }
    rows = [{"What": what, "This corpus": value} for what, value in facts.items()]
    return f"{row.about}\n\n{markdown_table(rows)}"


def catalogue() -> str:
    """Every corpus that can be read: what a complete copy holds, its licence, where to get it."""
    sizes, terms = [], []
    for row in CATALOGUE.values():
        known = row.utterances > 0
        name = {"Name": f"`{row.name}`"}
        sizes.append(
            name
            | {
                "Corpus": row.short,
                "Language": row.language,
                "Speakers": row.speakers if known else None,
                "Utterances": row.utterances if known else None,
                "Hours": row.hours if known else None,
                "Usual protocol": row.protocol,
            }
        )
        emotions = ", ".join(row.emotions) or "any"
        terms.append(name | {"Emotions": emotions, "Licence": row.licence, "Home": row.home})
    return f"{markdown_table(sizes)}\n\n{markdown_table(terms)}"


def emotion_names() -> str:
    """The nouns of the emotions, and the names that are read as them."""
    return markdown_table(
        {"Emotion": name, "Also written": ", ".join(others)} for name, others in SAME.items()
    )


def source(room: str) -> str:
    """The source of a room of the library, to be read."""
    (file,) = sources(room)
    return f"```python\n{file.read_text(encoding='utf-8')}```"


def row_table(kind: str) -> str:
    """Every row of a feature map with its unit and the cue of the voice that it carries.

    Rows that differ by their number or note alone share a line.
    """

    def family(row: maps.Row) -> tuple[str, str, str]:
        numbered = re.fullmatch(r"(chroma|mfcc|mel|contrast)_.+", row.name)
        return (numbered[1] if numbered else row.name, row.unit, row.cue)

    lines = []
    for (_, unit, cue), group in groupby(maps.rows(kind), family):
        names = [f"`{row.name}`" for row in group]
        name = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        lines.append({"Row": name, "Rows": len(names), "Unit": unit, "Carries": cue})
    return markdown_table(lines)


def balance(table: pd.DataFrame) -> str:
    """Which emotions are frequent and which are rare, and what follows for the scores."""
    counts = table["emotion"].value_counts().sort_index()
    most, least = counts.max(), counts.min()
    if most == least:
        return (
            f"All emotions are equally frequent, {count(int(most), 'utterance')} each, so accuracy "
            "and unweighted average recall agree."
        )
    often, rarely = (listing(counts.index[counts == size]) for size in (most, least))
    ratio = most / least
    advice = (
        "A network could look good by favouring the frequent ones, which is why the unweighted "
        "average recall is the main score."
        if ratio >= UNEVEN
        else "They are even enough for accuracy and unweighted average recall to stay close."
    )
    return (
        f"Most frequent is {often} ({count(int(most), 'utterance')}), least frequent {rarely} "
        f"({int(least):,}): a ratio of {number(float(ratio), 1)}. {advice}"
    )


def speakers(table: pd.DataFrame) -> str:
    """Utterances of each speaker and emotion."""
    if (table["speaker"] == "").all():
        return "The corpus does not say who speaks, so no speaker-independent protocol is possible."
    crossed = table.assign(n=1).pivot_table(
        index=["speaker", "sex"], columns="emotion", values="n", aggfunc="sum", fill_value=0
    )
    rows = crossed.assign(all=crossed.sum(axis=1)).astype(int).reset_index()
    rows.columns = [capital(str(name)) for name in rows.columns]
    missing = int((crossed == 0).sum().sum())
    gaps = (
        "Every speaker shows every emotion."
        if missing == 0
        else f"{capital(count(missing, 'combination'))} of speaker and emotion "
        f"{'does' if missing == 1 else 'do'} not occur."
    )
    return f"{markdown_table(rows)}\n\n{gaps}"


def window_fit(table: pd.DataFrame) -> str:
    """How the utterances compare with the stretch that the networks see at a time."""
    lengths = table["duration_s"]
    longer = float((lengths > WINDOW_S).mean())
    by_emotion = lengths.groupby(table["emotion"]).median()
    return (
        f"Utterances last {number(lengths.min(), 1)} to {number(lengths.max(), 1)} s, half of them "
        f"less than {number(lengths.median(), 1)} s. The networks see a stretch of "
        f"{number(WINDOW_S, 1)} s at a time: {percent(longer)} of the utterances are longer and "
        "are seen in several stretches in prediction; the others are padded. Utterances of "
        f"{by_emotion.idxmin()} are the shortest (median {number(by_emotion.min(), 1)} s), those "
        f"of {by_emotion.idxmax()} the longest ({number(by_emotion.max(), 1)} s)."
    )


def left_out(manifest: Manifest) -> str:
    """Every file that is not used, by name, with its reason; and the same audio twice."""
    parts = []
    if manifest.left_out:
        rows = [
            {"File": f"`{row['file']}`", "Reason": capital(row["reason"])}
            for row in manifest.left_out
        ]
        n = len(rows)
        parts += [
            f"{count(n, 'file')} of the folder {'is' if n == 1 else 'are'} not used:",
            markdown_table(rows),
        ]
    else:
        parts.append("Nothing: every audio file of the corpus is used.")
    twice = manifest.table[manifest.table["sha256"].duplicated(keep=False)]
    for _, group in twice.groupby("sha256"):
        names = listing(f"`{name}`" for name in group["utterance"])
        parts.append(f"The same audio under different names: {names}.")
    return "\n\n".join(parts)


def examples(manifest: Manifest) -> dict[str, str]:
    """Return one utterance name per emotion, by one speaker if one shows them all.

    Of several the one whose length is nearest the speaker's median is taken.
    """
    table = manifest.table
    shown = table.groupby("speaker")["emotion"].nunique()
    versatile = shown.index[shown == shown.max()][0]
    chosen = {}
    for emotion, rows in table.groupby("emotion"):
        own = rows[rows["speaker"] == versatile]
        rows = own if len(own) else rows
        distance = (rows["duration_s"] - rows["duration_s"].median()).abs()
        chosen[emotion] = rows.loc[distance.sort_values(kind="stable").index[0], "utterance"]
    return chosen


def players(manifest: Manifest) -> str:
    """One utterance of each emotion to listen to, embedded in the page.

    Audio is embedded only where the licence of the corpus allows it; elsewhere the names stand
    alone.
    """
    table = manifest.table.set_index("utterance")
    allowed = describe(manifest.corpus).embed_audio
    rows = []
    for emotion, name in examples(manifest).items():
        row = {"Emotion": emotion, "Utterance": f"`{name}`", "Speaker": table.loc[name, "speaker"]}
        if allowed:
            row["Listen"] = player(manifest, name, f"{emotion}, utterance {name}")
        rows.append(row)
    return markdown_table(rows) + ("" if allowed else f"\n\n{NAMES_ONLY}")


def player(manifest: Manifest, name: str, label: str) -> str:
    """Return html that plays an utterance, its audio in it.

    Parameters
    ----------
    manifest
        The corpus; that its licence allows this is for the caller to see to.
    name
        The utterance.
    label
        Plain text for who cannot see where the player stands.

    Raises
    ------
    AudioError
        If the file can no longer be read.
    """
    signal = audio.load(manifest.file(name))
    seconds, shown = len(signal) / audio.RATE, ""
    if seconds > CLIP_S:
        shown = f"the first {CLIP_S:.0f} of {number(seconds, 1)} s"
        signal = signal[: round(CLIP_S * audio.RATE)].copy()
        fade = round(FADE_S * audio.RATE)
        signal[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    data = base64.b64encode(_mp3(signal)).decode()
    told = html.escape(", ".join(filter(None, (label, shown))))
    note = f"<small>{shown}</small>" if shown else ""
    return (
        f'<audio controls preload="none" aria-label="{told}" '
        f'src="data:audio/mpeg;base64,{data}"></audio>{note}'
    )


def _mp3(signal: np.ndarray) -> bytes:
    """Compress a signal to 33 kbit/s: every browser plays MP3, and the bytes are always the same.

    The bit rate is that of an average. At so low a constant one the encoder finds no room to say
    how much silence it put before the sound, and players would play that, too.
    """
    import soundfile

    encoded = io.BytesIO()
    soundfile.write(encoded, signal, audio.RATE, format="MP3", bitrate_mode="AVERAGE",
                    compression_level=0.86)  # fmt: skip
    return encoded.getvalue()


def _distinct(column: pd.Series) -> str:
    values = column[column != ""]
    return number(int(values.nunique())) if len(values) else "not named"
