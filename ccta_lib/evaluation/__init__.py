"""Statistics of the results sections: numbers in, tidy tables out; no drawing, no files, no torch."""

from ccta_lib.evaluation.aggregate import aggregate
from ccta_lib.evaluation.auc import auc_difference, auc_difference_groups, auc_interval
from ccta_lib.evaluation.discrimination import discrimination_table
from ccta_lib.evaluation.results import Difference, Interval, Test, Trend
from ccta_lib.evaluation.roc import roc_points, roc_table

__all__ = [
    "Difference",
    "Interval",
    "Test",
    "Trend",
    "aggregate",
    "auc_difference",
    "auc_difference_groups",
    "auc_interval",
    "discrimination_table",
    "roc_points",
    "roc_table",
]
