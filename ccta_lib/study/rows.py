"""Rows of a study's table."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccta_lib.evaluation.auc import auc_interval
from ccta_lib.evaluation.results import Interval


def row_of(found: Interval, **keys: Any) -> dict[str, Any]:
    """Set an interval as a row, after what tells it from others."""
    return {**keys, "estimate": found.estimate, "low": found.low, "high": found.high, "n": found.n,
            "n_pos": found.n_pos, "n_patients": found.n_groups, "method": found.method, "note": found.note}  # fmt: skip


def known_auc(y: np.ndarray, p: np.ndarray, patients: np.ndarray) -> Interval:
    """Return the patient-clustered AUC over the rows with a known label (not NaN); (n,) each."""
    known = ~np.isnan(y)
    return auc_interval(y[known], p[known], groups=patients[known])
