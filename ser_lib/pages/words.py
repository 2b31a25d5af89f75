"""How facts become text: numbers in words, escaping, and the templates that word a page.

A page computes facts, small frozen dataclasses of numbers and levels. What is said of them is in a
Markdown template, ``text/<page>/<fact>.md``: the project's own file, rendered by Jinja in a sandbox
in which an undefined name is an error. Whatever text a template prints is data, such as the name of
an emotion or of a file. It is escaped here, in one place, so that it shows as text.

Scores are fractions with two decimals, shares are whole percentages, counts have thousands
separators, and a missing number is "-". Numbers are compared as they are printed: what looks equal
on the page is called equal.
"""

import math
import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from numbers import Integral, Real
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

MISSING = "-"
MANY = 8  # more names than this are counted, not listed
TEXTS = Path(__file__).parent / "text"
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")


class Markdown(str):
    """Markdown that the project wrote; any other text is data and is escaped when printed."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return str(self) or "%"  # a comment: without an output, a page would show a Python type

    def __html__(self) -> str:  # how Jinja knows what needs no escaping
        return str(self)


class Fact:
    """Base of what a page states: a frozen dataclass of numbers and levels, worded by templates.

    The templates of a fact of `ser_lib.pages.gap` are ``text/gap/*.md``; they know its fields and
    properties by their names, all of which must have a value at every level. One that is called as
    the class, ``pretence.md`` of ``Pretence``, is how the fact shows itself in a notebook.
    """

    def text(self, name: str) -> "Markdown":
        """Return one of the page's templates with this fact."""
        page = type(self).__module__.rpartition(".")[2]
        names = [name for name in dir(self) if not name.startswith("_") and name != "text"]
        return render(f"{page}/{name}.md", **{name: getattr(self, name) for name in names})

    def _repr_markdown_(self) -> str:
        return self.text(type(self).__name__.lower())._repr_markdown_()


def render(template: str, **values) -> Markdown:
    """Return a template of ``text/`` with these values; UndefinedError if it uses another name."""
    text = environment().get_template(template).render(values).strip()
    # Where a condition printed nothing, and where a sentence ends after a block.
    text = re.sub(r"(?<=\S) {2,}(?=\S)", " ", text)
    text = re.sub(r"\s*\n\s*(?=[.,;:)](\s|$))", "", text)
    return Markdown(re.sub(r"\n\s*\n\s*\n", "\n\n", text))


@cache
def environment() -> ImmutableSandboxedEnvironment:
    """Return Jinja's environment with the filters that templates know."""
    jinja = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(TEXTS),
        undefined=StrictUndefined,
        autoescape=True,  # so that what a macro prints is not escaped again
        finalize=_printed,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    plain = (number, percent, count, span, duration, interval, spanned, signed, p_value)
    jinja.filters |= {function.__name__: _marked(function) for function in (*plain, significant)}
    jinja.filters |= {
        "capital": lambda text: Markdown(capital(escape(text))),
        "block": block,
        "code": code,
        "listing": lambda items: Markdown(listing(map(_printed, items))),
        "extremes": lambda values, *rest, **options: Markdown(
            extremes({escape(name): value for name, value in values.items()}, *rest, **options)
        ),
        "join": lambda items, mark="": Markdown(mark.join(map(_printed, items))),
        "g": lambda value: Markdown(f"{value:g}"),
    }
    for name in ("e", "escape", "forceescape", "format", "safe", "tojson", "urlize", "xmlattr"):
        del jinja.filters[name]  # ways past the escaping, or another one
    return jinja


def _marked(function):
    return lambda *values, **options: Markdown(function(*values, **options))


def _printed(value: object):
    """Return what a template prints for a value."""
    if isinstance(value, Undefined) or hasattr(value, "__html__"):
        return value
    return Markdown(number(value)) if value is None or isinstance(value, Real) else escape(value)


def escape(text: object) -> Markdown:
    r"""Return a text from outside as Markdown that shows it and does nothing else.

    >>> print(escape("{{ 7*7 }} $x$ <b> a|b"), escape("# 1"), escape("1. a"))
    \{\{ 7\*7 \}\} \$x\$ \<b\> a\|b \# 1 1\. a
    """
    if isinstance(text, Markdown):
        return text
    line = re.sub(r"\s+", " ", _visible(text))
    line = re.sub(r"([\\`*_{}\[\]<>$|~^&])", r"\\\1", line)
    # Some marks mean something at the beginning alone.
    line = re.sub(r"^([-+=#:%(])", r"\\\1", line)
    return Markdown(re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", line))


def _visible(text: object) -> str:
    """Return a text whose control characters are seen: one could turn the order of the letters."""
    return _CONTROL.sub(lambda match: f"<U+{ord(match[0]):04X}>", str(text))


def cell(text: str) -> str:
    """Return a text for a table that a spreadsheet opens, where it is no formula.

    >>> cell("=1+1"), cell("@SUM(A1)"), cell("-0.05"), cell("+0.10 (-0.02 to +0.18)")
    ("'=1+1", "'@SUM(A1)", '-0.05', '+0.10 (-0.02 to +0.18)')
    """
    return f"'{text}" if re.match(r"[=@]|[-+](?![-+\d.,%() to]*$)", text) else text


def code(text: object) -> Markdown:
    """Return a text as inline code, whatever is in it.

    >>> print(code("a.wav"), code("a`b"))
    `a.wav` `` a`b ``
    """
    line = " ".join(_visible(text).split()).replace("|", "\\|") or MISSING
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    return Markdown(f"{fence} {line} {fence}" if "`" in line else f"{fence}{line}{fence}")


def block(text: str, language: str = "") -> Markdown:
    """Return a text as a block of code, whatever is in it.

    >>> print(block("ser book", "bash"))
    ```bash
    ser book
    ```
    """
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return Markdown(f"{fence}{language}\n{text.rstrip()}\n{fence}")


def rounded(value: float, digits: int = 2) -> float:
    """The value as it is printed: halves are rounded away from zero, as readers expect.

    >>> rounded(0.435), rounded(-0.001), rounded(0.855 - 0.8)
    (0.44, 0.0, 0.06)
    """
    step = Decimal(1).scaleb(-digits)
    # A half that was computed may lie a hair below, as 0.855 - 0.8 does, and is still a half.
    near = Decimal(repr(round(float(value), 10)))
    return float(near.quantize(step, ROUND_HALF_UP)) + 0.0


def number(value: float | None, digits: int = 2) -> str:
    """A number as it is printed: integers with separators, others with `digits` decimals.

    >>> number(1929349), number(0.435), number(-0.001), number(None)
    ('1,929,349', '0.44', '0.00', '-')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if isinstance(value, Integral):
        return f"{int(value):,}"
    return f"{rounded(value, digits):,.{digits}f}"


def interval(score, limits: Iterable[float] = ()) -> str:
    """A score with its interval: a `Score`, a `Difference`, or a number and its limits.

    >>> interval(0.7, [0.652, 0.748])
    '0.70 (95 % interval 0.65 to 0.75)'
    """
    value, low, high = (number(float(part)) for part in _parts(score, limits))
    return f"{value} (95 % interval {low} to {high})"


def spanned(score, limits: Iterable[float] = ()) -> str:
    """A score with its interval in few letters, for a table whose heading says what it is.

    >>> spanned(0.7, [0.652, 0.748])
    '0.70 (0.65 to 0.75)'
    """
    return interval(score, limits).replace("95 % interval ", "")


def _parts(score, limits: Iterable[float]) -> tuple[float, ...]:
    return (score.value, *score.interval) if hasattr(score, "interval") else (score, *limits)


def signed(difference, limits: Iterable[float] = ()) -> str:
    """A difference as it is printed, with its interval: as `interval`, or a number alone.

    >>> signed(0.104, [-0.02, 0.181]), signed(-0.001)
    ('+0.10 (-0.02 to +0.18)', '0.00')
    """
    texts = (f"{rounded(part):+.2f}" for part in _parts(difference, limits))
    value, *ends = (text if float(text) else text.lstrip("+-") for text in texts)
    return f"{value} ({' to '.join(ends)})" if ends else value


def p_value(p: float) -> str:
    """A p-value as it is printed.

    >>> p_value(0.0312), p_value(0.0002)
    ('p = 0.031', 'p < 0.001')
    """
    return f"p = {number(p, 3)}" if p >= 0.001 else "p < 0.001"


def percent(fraction: float | None) -> str:
    """A share as a whole percentage that never rounds to none or all of it.

    >>> percent(0.722), percent(0.998), percent(1.0), percent(0.001)
    ('72 %', 'over 99 %', '100 %', 'under 1 %')
    """
    if fraction is None or not math.isfinite(fraction):
        return MISSING
    whole = int(rounded(fraction) * 100 + 0.5)
    if fraction > 0 and whole == 0:
        return "under 1 %"
    if fraction < 1 and whole == 100:
        return "over 99 %"
    return f"{whole} %"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun.

    >>> count(1, "fold"), count(1234, "utterance"), count(2, "class", "classes")
    ('1 fold', '1,234 utterances', '2 classes')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def span(values: Iterable[int]) -> str:
    """The lowest and the highest of some counts, or the one that they share.

    >>> span([1200, 300, 480]), span([4, 4])
    ('300 to 1,200', '4')
    """
    values = list(values)
    return " to ".join(dict.fromkeys((number(min(values)), number(max(values)))))


def listing(items: Iterable[str]) -> str:
    """Words as an English list.

    >>> listing(["anger"]), listing(["anger", "fear", "joy"])
    ('anger', 'anger, fear and joy')
    """
    items = [str(item) for item in items]
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def capital(text: str) -> str:
    """The text with its first letter in upper case, the rest untouched."""
    return text[:1].upper() + text[1:]


def duration(seconds: float) -> str:
    """A length of time in its two largest units.

    >>> duration(0.4), duration(48), duration(192), duration(3725)
    ('0.4 s', '48 s', '3 min 12 s', '1 h 2 min')
    """
    if rounded(seconds, 1) < 10:
        return f"{number(float(seconds), 1)} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def significant(value: float | None) -> str:
    """A measured number with the three digits that are worth reading.

    >>> significant(1234.5), significant(56.78), significant(0.01234), significant(None)
    ('1,230', '56.8', '0.0123', '-')
    """
    if value is None:
        return MISSING
    if not value:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{round(value, digits):,.{max(digits, 0)}f}"


def extremes(
    values: Mapping[str, float],
    noun: str = "emotion",
    *,
    digits: int = 2,
    unit: str = "",
    bold: bool = True,
) -> str:
    """Who has the highest and who the lowest printed value, with all that tie.

    More than `MANY` names of one rank are counted, not listed; bold emphasises them in Markdown.

    >>> extremes({"anger": 0.7, "fear": 0.52, "joy": 0.7})
    'highest for **anger and joy** (0.70), lowest for **fear** (0.52)'
    >>> extremes({"anger": 0.7, "fear": 0.7})
    '0.70 for every emotion'
    """
    printed = {str(name): rounded(value, digits) for name, value in values.items()}

    def words(limit: float) -> tuple[str, str]:
        names = [name for name, value in printed.items() if value == limit]
        who = listing(names) if len(names) <= MANY else count(len(names), noun)
        return f"**{who}**" if bold else who, f"{number(limit, digits)} {unit}".rstrip()

    limits = max(printed.values()), min(printed.values())
    (best, highest), (worst, lowest) = map(words, limits)
    if highest == lowest:
        return f"{highest} for {best if len(values) == 1 else f'every {noun}'}"
    return f"highest for {best} ({highest}), lowest for {worst} ({lowest})"
