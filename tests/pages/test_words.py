"""Words: numbers as they are printed, and texts that come from outside."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from ser_lib.pages import words


@given(st.floats(0, 1))
def test_share_and_score_print_the_same_rounding(value):
    whole = words.percent(value)
    if whole.split()[0].isdigit():
        assert int(whole.split()[0]) == round(float(words.number(value)) * 100)
    else:
        assert whole in ("under 1 %", "over 99 %")
        assert 0 < value < 1


@given(st.floats(-1e6, 1e6))
def test_printed_number_is_within_half_a_unit(value):
    assert float(words.number(value).replace(",", "")) == pytest.approx(value, abs=0.005 + 1e-9)


@pytest.mark.parametrize("half", [33 / 600, 0.855 - 0.8, 0.8 - 0.745, sum([0.011] * 5)])
def test_a_half_is_rounded_up_however_it_was_computed(half):
    assert half == pytest.approx(0.055, abs=1e-12)
    assert words.number(half) == "0.06"
    assert words.rounded(-half) == -0.06
    assert words.rounded(half - 1e-6) == 0.05


def test_number_has_no_minus_zero_and_no_nan():
    assert [words.number(x) for x in (-0.004, math.nan, None)] == ["0.00", "-", "-"]
    assert words.number(np.int64(1234)) == "1,234"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(59.4, "59 s"), (59.6, "1 min 0 s"), (3599.7, "1 h 0 min"), (9.96, "10 s")],
)
def test_duration_never_prints_sixty(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    "text", ["a\u202eb", "\x9bmb", "a\x1b[2J", "\u2066x", "\x00", "\ufeffa", "a\x85"]
)
def test_letters_that_turn_or_hide_others_are_seen(text):
    for shown in (words.escape(text), words.code(text)):
        assert shown.isprintable()
        assert "U+" in shown
    assert words.code("\u0645\u200d \u4f60\n\u00e4") == "`\u0645\u200d \u4f60 \u00e4`"


def test_what_a_template_prints_is_escaped_once_and_a_missing_name_is_refused(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(words, "TEXTS", tmp_path)
    words.environment.cache_clear()
    (tmp_path / "a.md").write_text("{{ name }} {{ name | code }} {{ names | listing }} {{ x }} *b*")
    try:
        text = words.render("a.md", name="{{ 7 }}", names=["<b>", words.Markdown("**c**")], x=0.126)
        assert text == "\\{\\{ 7 \\}\\} `{{ 7 }}` \\<b\\> and **c** 0.13 *b*"
        with pytest.raises(UndefinedError):
            words.render("a.md", name="")
    finally:
        words.environment.cache_clear()
