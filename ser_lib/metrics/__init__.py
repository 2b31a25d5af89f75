"""Truth and predictions become scores, intervals and differences; nothing here knows a file."""

from ser_lib.metrics.difference import differences
from ser_lib.metrics.jackknife import Estimate
from ser_lib.metrics.scores import (
    accuracy,
    confusion_matrix,
    evaluate,
    interval,
    macro_f1,
    per_class,
    uar,
    weighted_f1,
)

__all__ = [
    "Estimate", "accuracy", "confusion_matrix", "differences", "evaluate", "interval", "macro_f1",
    "per_class", "uar", "weighted_f1",
]  # fmt: skip
