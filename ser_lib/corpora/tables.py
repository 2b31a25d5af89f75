"""Tables of text as people have them: read, or refused in a sentence; texts in one form.

Spreadsheets and scripts write the same table in many ways. Here its separator and encoding are
found, its headings matched with the names of columns, and its texts brought into one form.
"""

import csv
import io
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from unicodedata import normalize

import pandas as pd

from ser_lib.core.errors import CorpusError

MISSING = frozenset(("", "nan", "NaN", "NAN", "-nan", "-NaN", "None", "NaT", "<NA>", "#N/A"))
"""What programs write where there is nothing. Some write NA or null, which are names of people."""
HEADINGS = {
    "path": "file filename file_name filepath file_path audio audio_file audio_path wav wav_file "
    "wav_path wavfile",
    "emotion": "label emotion_label emotion_name emotions emo class category",
    "speaker": "speaker_id speakerid speaker_name speakers spk spk_id actor actor_id subject "
    "subject_id",
    "utterance": "utterance_id utt utt_id",
    "sex": "gender",
    "session": "session_id",
    "sentence": "sentence_id",
    "label": "",
    "start": "start_time start_s start_sec start_seconds begin begin_time onset",
    "end": "end_time end_s end_sec end_seconds stop stop_time offset",
}
"""The columns of a user's own table, each with other headings under which it is found."""
_TIME = re.compile(r"(^|_)(start|begin|onset|end|stop|offset)(_|$)")
_SEXES = {
    "female": "f female w woman girl weiblich frau femme femenino mujer femmina donna 女 女性",
    "male": "m male man boy männlich mann homme masculino hombre maschio uomo 男 男性",
}
_SEX = {word: sex for sex, words in _SEXES.items() for word in words.split()}


def read(file: Path, *, encoding: str | None = None) -> pd.DataFrame:
    """Read a table with its cells as they are.

    Texts are UTF-8 or UTF-16, or else what `encoding` names; a Parquet file needs pyarrow. A
    `CorpusError` says what the file is instead.
    """
    try:
        if file.suffix.lower() == ".parquet":
            return pd.read_parquet(file, dtype_backend="numpy_nullable")
        content = file.read_bytes()
    except (OSError, ValueError, ImportError) as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise CorpusError(f"cannot read the table {file}: {why}") from error
    return _parsed(file, _decoded(file, content, encoding))


def _decoded(file: Path, content: bytes, encoding: str | None) -> str:
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        if not encoding:
            raise CorpusError(
                f"cannot read the table {file}: it is no text in UTF-8; save it as 'CSV UTF-8'"
            ) from error
        text = content.decode(encoding)
    if "\0" in text:
        raise CorpusError(f"cannot read the table {file}: it is no text; save it as 'CSV UTF-8'")
    return text


def _parsed(file: Path, text: str) -> pd.DataFrame:
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = max(",;\t|", key=first.count)
    # Tab separated texts hold quotation marks that quote nothing.
    lines = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        quoting=csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL,
        strict=True,
    )
    try:
        headings, *rows = [cells for cells in lines if cells] or [[]]
    except csv.Error as error:
        raise CorpusError(
            f"cannot read the table {file}: line {lines.line_num}: {error}"
        ) from error
    if not headings:
        raise CorpusError(f"cannot read the table {file}: it is empty")
    if separator == "\t":
        plain = [[re.sub(r'^"(.*)"$', r"\1", cell) for cell in row] for row in (headings, *rows)]
        headings, *rows = plain
    n = len(headings)
    for number, cells in enumerate(rows, start=1):
        if any(cell.strip() for cell in cells[n:]):
            raise CorpusError(
                f"cannot read the table {file}: row {number} has {len(cells)} values under {n} "
                "headings"
            )
    return pd.DataFrame([[*row, *[""] * n][:n] for row in rows], columns=headings, dtype=object)


def records(file: Path, *columns: str, encoding: str = "latin-1") -> list[dict[str, str]]:
    """Return the rows of a corpus's own table, which has at least some columns, as `text`."""
    table = read(file, encoding=encoding)
    if lacking := [column for column in columns if column not in table]:
        have = ", ".join(map(str, table.columns))
        raise CorpusError(f"{file} has no column '{lacking[0]}'; its columns are: {have}")
    return table[list(columns)].map(text).to_dict("records")


def match(file: Path, headings: Iterable[object]) -> tuple[dict[str, int], list[str]]:
    """Return the place of every column of `HEADINGS` that a table has, and remarks on others.

    A heading is that of a column whatever its case and the spaces around it; another name of the
    column is read where it alone could be meant.
    """
    given = [str(heading) for heading in headings]
    plain = [re.sub(r"[\s.\-]+", "_", text(name).casefold()) for name in given]
    places: dict[str, int] = {}
    remarks, renamed = [], []
    for column, others in HEADINGS.items():
        own = [i for i, name in enumerate(plain) if name == column]
        found = own or [i for i, name in enumerate(plain) if name in others.split()]
        found = [i for i in found if i not in places.values()]  # `label` may be the emotion
        if len(found) > 1:
            names = ", ".join(repr(given[i]) for i in found)
            raise CorpusError(f"{file}: which one is the {column}, {names}? Rename the other ones")
        if found:
            places[column] = found[0]
        if found and not own:
            renamed.append(f"{given[found[0]]!r} as {column}")
    unknown = {plain[i]: given[i] for i in range(len(given)) if i not in places.values()}
    unknown.pop("", None)
    for column in ("path", "emotion"):
        if column not in places:
            near = get_close_matches(column, unknown, n=1, cutoff=0.7)
            hint = f" (is it {unknown[near[0]]!r}?)" if near else ""
            raise CorpusError(
                f"{file} has no column '{column}'{hint}; its columns are: {', '.join(given)}"
            )
    if times := [name for key, name in unknown.items() if _TIME.search(key)]:
        raise CorpusError(
            f"{file}: what are the times in {', '.join(times)}? Parts of recordings are read from "
            "the columns 'start' and 'end' in seconds; rename or remove others"
        )
    if renamed:
        remarks.append(f"its columns are read: {', '.join(renamed)}")
    if unknown:
        remarks.append(f"its columns are not read: {', '.join(map(repr, unknown.values()))}")
    return places, remarks


def text(value: object) -> str:
    r"""Return a cell's text, in Unicode's composed form (NFC), without spaces around; "" if none.

    >>> text(" Zoe\u0308 "), text("nan"), text(None), text(7)
    ('Zoë', '', '', '7')
    """
    value = normalize("NFC", str(value)).strip()
    return "" if value in MISSING else value


def plain(name: str) -> str:
    r"""Return a name without what two people write differently.

    >>> plain("JOSE\u0301 007"), plain("jos\u00e9_7 "), plain("1-11"), plain("11 1")
    ('josé7', 'josé7', '1 11', '11 1')
    """
    words = re.sub(r"[\s_-]+", " ", normalize("NFC", normalize("NFD", name).casefold())).strip()
    return re.sub(r"(?<!\d)0+(?=\d)|(?<!\d) | (?!\d)", "", words)


def sex(value: str) -> str | None:
    """Return "female", "male", "" if it is not known, or `None` if the notation is not.

    Numbers are not among the notations: which is which differs from table to table.

    >>> sex("F"), sex("Male"), sex("Frau"), sex("unknown"), sex("1")
    ('female', 'male', 'female', '', None)
    """
    word = value.casefold().rstrip(".")
    return "" if word in ("", "unknown", "?", "-") else _SEX.get(word)


def seconds(value: str) -> float | None:
    """Return a time in seconds, or `None` if it is none.

    >>> seconds("1.5"), seconds("1,5"), seconds("00:01:02.5"), seconds("0 days 00:00:01"), seconds("x")
    (1.5, 1.5, 62.5, 1.0, None)
    """  # noqa: E501
    plain = re.sub(r"^(\d+),(\d+)$", r"\1.\2", value)
    try:
        number = float(plain) if ":" not in plain else pd.Timedelta(plain).total_seconds()
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < 1e7 else None
