"""Proportions with Wilson intervals, and the rates at a probability threshold (Tables A2, A3)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError
from ccta_lib.evaluation.checks import binary, codes, level_z, probability, same_length, vector
from ccta_lib.evaluation.results import NAN, Interval

RATES = ("sensitivity", "specificity", "ppv", "npv")


def wilson(successes: Any, n: Any, *, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return Wilson's limits of a proportion; n may be fractional (an effective sample size).

    Parameters
    ----------
    successes, n : numbers or arrays of one shape, 0 <= successes <= n
    level : confidence level

    Returns
    -------
    low, high : arrays of that shape, NaN where n is 0 or NaN

    Raises
    ------
    InputError
        If `successes` is negative or above `n`.

    References
    ----------
    Wilson, JASA 1927; Newcombe, Stat Med 1998 (method 3).
    """
    z = level_z(level)
    x, size = np.broadcast_arrays(np.asarray(successes, float), np.asarray(n, float))
    if ((x < 0) | (x > size * (1 + 1e-12))).any():
        raise InputError("wilson: expected 0 <= successes <= n; pass counts, not rates")
    # Undefined sizes divide by one instead of zero and are blanked afterwards, so nothing warns.
    defined = np.isfinite(size) & np.isfinite(x) & (size > 0)
    m = np.where(defined, size, 1.0)
    rate = np.where(defined, x, 0.0) / m
    centre = (rate + z**2 / (2 * m)) / (1 + z**2 / m)
    half = z / (1 + z**2 / m) * np.sqrt(np.maximum(rate * (1 - rate), 0) / m + z**2 / (4 * m**2))
    low = np.where(rate <= 0, 0.0, np.maximum(centre - half, 0.0))
    high = np.where(rate >= 1, 1.0, np.minimum(centre + half, 1.0))
    return np.where(defined, low, NAN), np.where(defined, high, NAN)


def effective_size(success: np.ndarray, code: np.ndarray, patients: int) -> float:
    """Return n_eff = p (1 - p) / v of a proportion whose rows share patients; NaN for one patient.

    With v = I/(I-1) sum (k_i - p m_i)^2 / n^2 over the I patients; min(n, I) where p is 0 or 1 or v is 0.

    Parameters
    ----------
    success : (n,) bool
    code : (n,) patient number of each row, 0 to patients - 1, each occurring
    patients : number of patients
    """
    n = success.size
    if patients < 2:
        return NAN
    rate = success.mean()
    residual = np.bincount(code, success - rate)
    v = patients / (patients - 1) * (residual @ residual) / n**2
    if rate in (0.0, 1.0) or v < 1e-15:
        return float(min(n, patients))
    return float(rate * (1 - rate) / v)


def rate_interval(success: Any, *, groups: Any = None, level: float = 0.95) -> Interval:
    """Estimate a proportion with Wilson's interval, on the effective size when rows share patients.

    Parameters
    ----------
    success : (n,) 0 or 1; may be empty
    groups : (n,) patient of each row; None = one patient per row
    level : confidence level
    """
    hit = np.zeros(0, bool) if len(success) == 0 else binary(success, "success")
    code, labels = codes(groups, n=hit.size)
    if not hit.size:
        return Interval(NAN, NAN, NAN, NAN, 0, 0, 0, "Wilson", "no rows: rate undefined")
    size = float(hit.size) if groups is None else effective_size(hit, code, labels.size)
    rate = float(hit.mean())
    low, high = wilson(rate * size, size, level=level)
    note = "" if np.isfinite(size) else "one patient: no interval"
    se = float(np.sqrt(rate * (1 - rate) / size)) if np.isfinite(size) else NAN
    method = "Wilson" if groups is None else "Wilson, patient-clustered"
    return Interval(rate, float(low), float(high), se, hit.size, int(hit.sum()), labels.size, method, note)


def operating_points(
    y: Any, p: Any, thresholds: Any, *, groups: Any = None, level: float = 0.95
) -> pd.DataFrame:
    """Return counts and rates at thresholds; a row is positive when p >= threshold.

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    p : (n,) probabilities
    thresholds : (k,) or one number
    groups : (n,) patient of each row; None = one patient per row
    level : confidence level

    Returns
    -------
    DataFrame
        threshold, tp, fp, fn, tn, then sensitivity, specificity, ppv, npv, each with _low and _high (Wilson).
        A rate without rows is NaN.

    Raises
    ------
    InputError
        If lengths differ, a label is not 0 or 1, or a probability or threshold is not a number in range.
    """
    positive, score = binary(y), probability(p)
    n = same_length(y=positive, p=score)
    cut = vector(np.atleast_1d(np.asarray(thresholds, dtype=float)), "thresholds")
    code, _ = codes(groups, n=n)
    rows = []
    for threshold in cut:
        called = score >= threshold
        parts = {
            "sensitivity": (called, positive),
            "specificity": (~called, ~positive),
            "ppv": (positive, called),
            "npv": (~positive, ~called),
        }
        row: dict[str, float] = {
            "threshold": float(threshold),
            "tp": int((called & positive).sum()),
            "fp": int((called & ~positive).sum()),
            "fn": int((~called & positive).sum()),
            "tn": int((~called & ~positive).sum()),
        }
        for name, (success, among) in parts.items():
            rate = rate_interval(success[among], groups=None if groups is None else code[among], level=level)
            row |= {name: rate.estimate, f"{name}_low": rate.low, f"{name}_high": rate.high}
        rows.append(row)
    return pd.DataFrame(rows)
