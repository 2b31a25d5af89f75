"""Utterances to listen to: HTML with their audio in it, where the corpus's licence allows that.

Each brings a picture of its log-mel map, which ``book/_static/listen.js`` shows while it plays. In
a book both are files (`report.book`), which a page loads when they are asked for.
"""

import base64
import io
from functools import cache, partial

import numpy as np
import soundfile
from IPython.display import HTML
from jinja2.defaults import DEFAULT_FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup
from matplotlib import colormaps
from PIL import Image

from ser_lib.core import audio
from ser_lib.corpora import Manifest, describe
from ser_lib.features import maps
from ser_lib.pages.words import count, environment, number

CLIP_S, FADE_S = 8.0, 0.5  # of a longer utterance, the first seconds are played, and fade out
COLOURS = 16  # of the picture of a map: 2 kB of it, a fifth of the audio


def html(template: str, manifest: Manifest, **values) -> HTML:
    """Return a template of ``text/`` for a notebook to show; every text in `values` is escaped.

    In it, ``player(utterance, label)`` is a player of the corpus's audio, and `embeds` says whether
    there is any.
    """
    values |= {"player": partial(player, manifest), "embeds": embeds(manifest)}
    return HTML(_environment().get_template(template).render(values))


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    jinja = environment().overlay(finalize=None, keep_trailing_newline=False)
    # The other filters of pages escape for Markdown, not for HTML.
    jinja.filters = DEFAULT_FILTERS | {"count": count, "number": number}
    return jinja


def embeds(manifest: Manifest) -> bool:
    """Whether the licence of a corpus allows its audio in the book."""
    return describe(manifest.corpus).embed_audio


def player(manifest: Manifest, name: str, label: str) -> Markup:
    """Return HTML that plays an utterance; nothing where the licence of the corpus forbids it.

    The label is plain text for readers who cannot see where the player is.
    """
    if not embeds(manifest):
        return Markup()
    signal = audio.load(manifest.file(name))
    seconds, excerpt = len(signal) / audio.RATE, ""
    if seconds > CLIP_S:
        excerpt = f"the first {CLIP_S:.0f} of {number(seconds, 1)} s"
        signal = signal[: round(CLIP_S * audio.RATE)].copy()
        fade = round(FADE_S * audio.RATE)
        signal[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return Markup(
        '<audio controls preload="none" aria-label="{}" src="data:audio/mpeg;base64,{}" '
        'data-map="data:image/png;base64,{}"></audio>{}'
    ).format(
        ", ".join(filter(None, (label, excerpt))),
        base64.b64encode(_mp3(signal)).decode(),
        base64.b64encode(_picture(signal)).decode(),
        Markup(f"<small>{excerpt}</small>") if excerpt else "",
    )


def _mp3(signal: np.ndarray) -> bytes:
    """Compress a signal to 33 kbit/s: every browser plays MP3, and the bytes are always the same.

    The bit rate is that of an average. At so low a constant one the encoder finds no room to say
    how much silence it put before the sound, and players would play that, too.
    """
    encoded = io.BytesIO()
    soundfile.write(encoded, signal, audio.RATE, format="MP3", bitrate_mode="AVERAGE",
                    compression_level=0.86)  # fmt: skip
    return encoded.getvalue()


def _picture(signal: np.ndarray) -> bytes:
    """Draw the log-mel map of a signal as PNG, a pixel for each band of a frame."""
    levels = maps.extract(signal, kind="logmel")[::-1]
    steps = (levels - levels.min()) / np.ptp(levels) * (COLOURS - 1)
    picture, encoded = Image.fromarray(np.round(steps).astype(np.uint8)), io.BytesIO()
    picture.putpalette(colormaps["magma"](np.linspace(0, 1, COLOURS), bytes=True)[:, :3].tobytes())
    picture.save(encoded, "PNG", bits=4)
    return encoded.getvalue()


def examples(manifest: Manifest) -> dict[str, str]:
    """Return one utterance name per emotion, by one speaker if one shows them all.

    Of several the one whose length is nearest the speaker's median is taken.
    """
    versatile = manifest.table.groupby("speaker")["emotion"].nunique().idxmax()
    chosen = {}
    for emotion, rows in manifest.table.groupby("emotion"):
        own = rows[rows["speaker"] == versatile]
        rows = own if len(own) else rows
        distance = (rows["duration_s"] - rows["duration_s"].median()).abs()
        chosen[emotion] = rows.loc[distance.idxmin(), "utterance"]
    return chosen
