"""Cost: arithmetic that can be done by hand."""

from dataclasses import replace

import pytest

from benchmarks import cost
from benchmarks.cost import Measured, Plan

ONE = Measured(
    manifest=0.36, features=3.6, training=1.8, prediction=7.2, audio_bytes=2e6, feature_bytes=5e5
)
PLAN = Plan(utterances=1_000, networks=2, folds=5, epochs=10, months=3)


def test_core_hours_by_hand():
    # 1,000 utterances take 0.1, 1, 0.5 and 2 hours; four of five folds train on each.
    assert cost.core_hours(ONE, PLAN) == pytest.approx(
        {"manifest": 0.1, "features": 1.0, "training": 0.5 * 2 * 10 * 4, "prediction": 2.0 * 2}
    )


@pytest.mark.parametrize(("folds", "hours"), [(1, 10), (2, 10), (3, 20), (10, 90)])
def test_a_fold_does_not_train_on_what_it_tests(folds, hours):
    assert cost.core_hours(ONE, replace(PLAN, folds=folds))["training"] == pytest.approx(hours)


def test_gigabytes_by_hand():
    assert cost.gigabytes(ONE, PLAN) == pytest.approx({"audio": 2.0, "features": 0.5})


def test_the_bill_by_hand():
    rows = {row["part"]: row for row in cost.bill(ONE, PLAN, {"core hour": 10, "GB month": 0.5})}
    assert rows["audio"]["money"] == pytest.approx(2.0 * 3 * 0.5)
    assert rows["features"]["money"] == pytest.approx(1.0 * 10 + 0.5 * 3 * 0.5)
    assert rows["training"]["money"] == pytest.approx(400)
    assert rows["all"]["core_hours"] == pytest.approx(45.1)
    assert rows["all"]["gb"] == pytest.approx(2.5)
    assert rows["all"]["money"] == pytest.approx(451 + 3.75)
