"""Truth and predictions become scores, intervals and differences; nothing here knows a file."""

from ser_lib.metrics.difference import Difference, differences, holm
from ser_lib.metrics.scores import (
    Score,
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
    "Difference",
    "Score",
    "accuracy",
    "confusion_matrix",
    "differences",
    "evaluate",
    "holm",
    "interval",
    "macro_f1",
    "per_class",
    "uar",
    "weighted_f1",
]
