"""Intervals and p-values: Student's and Welch's tests as oracles, bounds, and agreement."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from benchmarks import bootstrap
from ser_lib.metrics.jackknife import Estimate, corrected, jackknife, less, mean, sums

VALUES = st.lists(st.integers(0, 100).map(lambda n: n / 100), min_size=2, max_size=12)


def average(table: np.ndarray) -> np.ndarray:
    return table[..., 0] / table[..., 1]


def column(values) -> np.ndarray:
    return np.column_stack([values, np.ones(len(values))])


@given(VALUES)
def test_of_a_mean_it_is_students_test(values):
    assume(np.ptp(values) > 0)
    one = jackknife(average, column(values), scale="change")
    expected = stats.ttest_1samp(values, 0)
    assert one.value == pytest.approx(np.mean(values))
    assert one.interval == pytest.approx(expected.confidence_interval(0.95))
    assert one.p == pytest.approx(expected.pvalue)
    assert (one.n, one.freedom) == (len(values), pytest.approx(len(values) - 1))


@given(VALUES, VALUES)
def test_of_two_groups_it_is_welchs_test(first, second):
    assume(np.ptp(first) > 0 and np.ptp(second) > 0)
    both = np.zeros((len(first) + len(second), 2, 2))
    both[: len(first), 0], both[len(first) :, 1] = column(first), column(second)
    strata = np.arange(len(both)) < len(first)
    gap = jackknife(less(average, -2), both, scale="change", strata=strata)
    expected = stats.ttest_ind(first, second, equal_var=False)
    assert gap.value == pytest.approx(np.mean(first) - np.mean(second))
    if gap.value:
        assert gap.p == pytest.approx(expected.pvalue, abs=1e-9)
        assert gap.interval == pytest.approx(expected.confidence_interval(0.95))


def test_larger_units_weigh_more():
    one = mean(np.array([1.0, 0.0, 0.0, 0.0]), clusters=["a", "b", "b", "b"])
    assert one.value == 0.25
    left_out = np.array([0.0, 1.0])  # without "a", without "b"
    assert one.error == pytest.approx(np.sqrt(1 / 2 * ((left_out - 0.5) ** 2).sum()))


@given(
    st.floats(0, 1), st.floats(0, 0.3), st.integers(1, 30), st.floats(0, 1), st.integers(1, 9),
    st.sampled_from(["share", "loss", "difference", "change"]),
)  # fmt: skip
def test_interval_and_p_value_agree(value, error, n, null, comparisons, scale):
    error = 0.0 if scale in ("share", "loss") and value in (0, 1) else error
    assume(error == 0 or error > 1e-6)
    assume(scale != "loss" or value > 0.01)
    one = Estimate(value, error, n, freedom=n - 1.0, scale=scale, null=null)
    one = replace(one, comparisons=comparisons)
    low, high = one.interval
    assert 0 <= one.p <= 1
    assert low <= value <= high
    assert scale == "change" or low >= (-1 if scale == "difference" else 0)
    assert scale not in ("share", "difference") or high <= 1
    # Where the two are a hair apart, rounding decides.
    assume(min(abs(null - low), abs(null - high)) > 1e-9)
    outside = null < low or null > high
    assert (one.p < 0.05) == outside == (one.sign != 0)
    if one.sign:
        assert one.sign == np.sign(value - null)


def test_a_difference_by_rounding_is_none():
    # The sums of quotients of equal classifiers may differ in the last bits.
    assert Estimate(-1.08e-16, 1e-17, n=10, freedom=9, scale="difference").sign == 0
    assert Estimate(1e-17, n=10, freedom=9, scale="difference").p == 1


@pytest.mark.parametrize("n", [1, 2, 3, 10, 90])
def test_all_right_is_not_certain(n):
    """The bound is that of Clopper and Pearson for as many trials as there are units."""
    for right in (1.0, 0.0):
        one = jackknife(average, column(np.full(n, right)))
        exact = stats.binomtest(int(n * right), n)
        ends = exact.proportion_ci(0.95, method="exact")
        assert one.interval == pytest.approx((ends.low, ends.high) if n > 1 else (0, 1))
        assert one.against(0.5).p == pytest.approx(exact.pvalue if n > 1 else 1)


def test_without_any_spread_the_sign_test_decides():
    for n, sign in ((5, 0), (6, 1)):
        one = jackknife(average, column(np.full(n, 0.25)), scale="difference")
        assert (one.p, one.sign) == (1 - sign, sign)
        assert one.interval == ((0.25, 0.25) if sign else (-1, 1))


@pytest.mark.parametrize("parts", [[0.5], []])
def test_a_single_unit_says_nothing(parts):
    one = Estimate(0.5) if not parts else jackknife(average, column(parts))
    assert (one.possible, one.p, one.sign, one.interval) == (False, 1, 0, (0, 1))
    strata = np.array([True, False, False])
    gap = jackknife(average, column([0.1, 0.2, 0.4]), scale="difference", strata=strata)
    assert (gap.possible, gap.interval) == (False, (-1, 1))


def test_a_unit_without_which_nothing_is_left_leaves_no_interval():
    one = mean(np.array([1.0, 0.0, 1.0]), weights=np.array([1, 1, 0]), clusters=["a", "a", "b"])
    assert (one.value, one.possible, one.interval) == (0.5, False, (0, 1))


def test_more_comparisons_widen_the_interval_and_raise_p():
    alone = jackknife(average, column([0.1, 0.2, 0.15, 0.3]), scale="difference")
    one, *_ = corrected([alone, alone, alone])
    assert one.p == pytest.approx(3 * alone.p)
    assert one.low < alone.low < alone.high < one.high
    assert (-one).interval == (-one.high, -one.low)
    assert (-one).p == one.p


def test_a_share_near_its_end_has_a_lopsided_interval():
    one = jackknife(average, column([0.99, 0.95, 0.97, 0.9]))
    assert 1 - one.high < one.high - one.value < one.value - one.low
    assert one.against(1).p == one.against(0).p == 0  # a share that is its end has no spread


def test_sums_are_in_the_order_of_the_names():
    table = np.array([[1, 2], [3, 4], [5, 6]])
    assert sums(table, ["b", "a", "b"]).tolist() == [[3, 4], [6, 8]]
    assert sums(table).tolist() == sums(table, ["a"] * 3).tolist() == table.tolist()


def test_the_bootstrap_of_two_units_known_answer():
    # Draws of two units give 0, 1/2 and 1 with chances 1/4, 1/2 and 1/4.
    assert bootstrap.interval(average, column([0.0, 1.0])) == (0, 1)
    values = np.random.default_rng(0).normal(3, 2, 400)
    half = 1.96 * values.std() / np.sqrt(400)
    expected = [values.mean() - half, values.mean() + half]
    assert bootstrap.interval(average, column(values)) == pytest.approx(expected, abs=0.1 * half)


def test_methods_that_answer_alike_differ_by_nothing():
    same = mean([0.0] * 5, scale="difference")
    assert (same.interval, same.p, same.sign) == ((0.0, 0.0), 1.0, 0)
