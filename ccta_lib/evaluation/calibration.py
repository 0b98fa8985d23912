"""Calibration: agreement of probabilities and observed frequencies (Results, calibration; Figure 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.nonparametric.smoothers_lowess import lowess

from ccta_lib.errors import InputError
from ccta_lib.evaluation import bootstrap, logistic
from ccta_lib.evaluation.checks import binary, codes, probability, same_length
from ccta_lib.evaluation.rates import wilson
from ccta_lib.evaluation.results import NAN

SUMMARY = ("brier", "brier_null", "o_e", "citl", "intercept", "slope", "ici", "e50", "e90", "emax")
GROUP_SIZE = 20
MIN_DEFINED = 0.95


def smooth(x: np.ndarray, y: np.ndarray, *, frac: float = 2 / 3, it: int = 0) -> np.ndarray:
    """Return LOWESS fits of y at each x, in the order of x; delta is 1 % of the range.

    `it` = 0: the robust iterations of statsmodels' default return zeros for a rare binary outcome.

    Parameters
    ----------
    x, y : (n,)
    """
    if np.ptp(x) == 0:
        return np.full(len(x), y.mean())
    # A neighbourhood whose x are all tied has no line; its fit is the mean at that x, as in R. statsmodels returns the
    # outcome of whichever tied row comes first, so each of these rows is given the mean.
    _, place, count = np.unique(x, return_inverse=True, return_counts=True)
    mean = (np.bincount(place, y) / count)[place]
    tied = count[place] >= int(frac * len(x) + 1e-10)
    with np.errstate(invalid="ignore"):  # the undefined fits are filled in below
        fitted = lowess(
            np.where(tied, mean, y), x, frac=frac, it=it, delta=0.01 * np.ptp(x), return_sorted=False
        )
    return np.where(np.isfinite(fitted), fitted, mean)


def calibration_summary(y: Any, p: Any) -> pd.Series:
    """Summarise calibration.

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    p : (n,) probabilities

    Returns
    -------
    Series
        brier; brier_null (of the base rate); o_e, observed over expected; citl, the intercept with slope 1;
        intercept and slope, jointly; ici, e50, e90, emax of abs(LOWESS - p) (it = 0, frac = 2/3; the loess-based
        ICI of Austin and Steyerberg 2019 differs); n_boundary, rows with p exactly 0 or 1, which leave citl,
        intercept and slope only. NaN where undefined; `attrs["note"]` says why.

    Raises
    ------
    InputError
        If lengths differ, a label is not 0 or 1, or a probability lies outside [0, 1].
    """
    positive, prob = binary(y), probability(p)
    same_length(y=positive, p=prob)
    rate = positive.mean()
    notes = []
    values = {"brier": np.mean((prob - positive) ** 2), "brier_null": rate * (1 - rate)}
    values["o_e"] = rate / prob.mean() if prob.mean() > 0 else NAN
    if prob.mean() == 0:
        notes.append("nothing expected: O:E undefined")
    inside = (prob > 0) & (prob < 1)
    citl, line, note = logistic_calibration(positive[inside], prob[inside])
    notes.append(note)
    values["citl"] = NAN if citl is None else citl.coef[0]
    values["intercept"], values["slope"] = (NAN, NAN) if line is None else line.coef
    error = np.abs(smooth(prob, positive.astype(float)) - prob)
    values["ici"] = error.mean()
    values["e50"], values["e90"] = np.quantile(error, [0.5, 0.9])
    values["emax"] = error.max()
    out = pd.Series(values, dtype=float)[list(SUMMARY)]
    out["n_boundary"] = float((~inside).sum())
    out.attrs["note"] = "; ".join(filter(None, notes))
    return out


def logistic_calibration(
    y: np.ndarray, p: np.ndarray
) -> tuple[logistic.Fit | None, logistic.Fit | None, str]:
    """Fit calibration in the large, and intercept and slope jointly; None where no finite estimate exists.

    Parameters
    ----------
    y : (n,) bool
    p : (n,) probabilities strictly inside (0, 1)
    """
    if not len(y) or y.all() or not y.any():
        return None, None, "only one class: citl, intercept and slope undefined"
    x = np.log(p / (1 - p))
    ones = np.ones((len(y), 1))
    citl = logistic.fit(ones, y, offset=x)
    reason = logistic.separated(y, x)
    if reason:
        return citl, None, f"{reason}: intercept and slope undefined"
    return citl, logistic.fit(np.column_stack([ones, x]), y), ""


def group_bounds(n: int, size: int) -> np.ndarray:
    """Return the first row of each group of `size`; the remainder joins the last group.

    Raises
    ------
    InputError
        If `size` is below 1.
    """
    if size < 1:
        raise InputError(f"size: expected at least 1 row per group, found {size}")
    return np.arange(max(n // size, 1)) * size


def calibration_groups(
    y: Any, p: Any, *, ids: Any = None, size: int = GROUP_SIZE, level: float = 0.95
) -> pd.DataFrame:
    """Return the points of Figure 5: groups of `size` rows in order of probability.

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    p : (n,) probabilities
    ids : (n,) ECG ids that order ties; None keeps the order of rows
    size : rows per group; the remainder joins the last

    Returns
    -------
    DataFrame
        group, n, n_pos, mean_p, observed, low, high (Wilson).
    """
    positive, prob = binary(y), probability(p)
    n = same_length(y=positive, p=prob, ids=ids)
    order = _order(prob, ids)
    start = group_bounds(n, size)
    count = np.diff(np.r_[start, n])
    hits = np.add.reduceat(positive[order].astype(int), start)
    low, high = wilson(hits, count, level=level)
    return pd.DataFrame(
        {
            "group": np.arange(start.size),
            "n": count,
            "n_pos": hits,
            "mean_p": np.add.reduceat(prob[order], start) / count,
            "observed": hits / count,
            "low": low,
            "high": high,
        }
    )


def _order(prob: np.ndarray, ids: Any) -> np.ndarray:
    tie = np.arange(len(prob)) if ids is None else np.unique(np.asarray(ids, str), return_inverse=True)[1]
    return np.lexsort((tie, prob))


def calibration_curve(
    y: Any,
    p: Any,
    *,
    groups: Any = None,
    ids: Any = None,
    size: int = GROUP_SIZE,
    frac: float = 0.6,
    it: int = 0,
    levels: Sequence[float] = (0.95, 0.99),
    n_boot: int = 500,
    seed: int | np.random.Generator = 0,
) -> pd.DataFrame:
    """Return the smoothed calibration curve of Figure 5 with patient-bootstrap bands.

    Each replicate draws patients, regroups, refits, and is read by interpolation inside its own range.

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    p : (n,) probabilities
    groups : (n,) patient of each row; None = one patient per row
    ids : (n,) ECG ids that order ties
    size : rows per group
    frac, it : LOWESS span and robust iterations; it = 3 is "as published"
    levels : levels of the bands, pointwise percentiles (type 7)
    n_boot, seed : of the bootstrap

    Returns
    -------
    DataFrame
        p (group means), observed, then low_95, high_95, ... ; NaN where under 95 % of replicates are defined.
    """
    positive, prob = binary(y), probability(p)
    n = same_length(y=positive, p=prob, ids=ids)
    code, labels = codes(groups, n=n)
    order = _order(prob, ids)
    sorted_p, sorted_y, sorted_code = prob[order], positive[order].astype(float), code[order]
    x, observed = _grouped_fit(sorted_p, sorted_y, size, frac, it)
    rng = np.random.default_rng(seed)
    replicates = []
    for counts in bootstrap.resample_counts(labels.size, n_boot, rng):
        for times in counts.take(sorted_code, axis=1):
            xs, fit = _grouped_fit(np.repeat(sorted_p, times), np.repeat(sorted_y, times), size, frac, it)
            replicates.append(np.interp(x, xs, fit, left=np.nan, right=np.nan))
    out = {"p": x, "observed": observed}
    drawn = np.array(replicates)
    usable = np.isfinite(drawn).mean(axis=0) >= MIN_DEFINED
    for level in levels:
        limits = np.full((2, x.size), NAN)
        if usable.any():
            quantiles = [(1 - level) / 2, (1 + level) / 2]
            limits[:, usable] = np.nanquantile(drawn[:, usable], quantiles, axis=0)
        out |= {f"low_{100 * level:g}": limits[0], f"high_{100 * level:g}": limits[1]}
    return pd.DataFrame(out)


def _grouped_fit(
    p: np.ndarray, y: np.ndarray, size: int, frac: float, it: int
) -> tuple[np.ndarray, np.ndarray]:
    """Group sorted rows and return the groups' mean p and their LOWESS fit, both at distinct mean p."""
    start = group_bounds(len(p), size)
    count = np.diff(np.r_[start, len(p)])
    x, rate = np.add.reduceat(p, start) / count, np.add.reduceat(y, start) / count
    fit = smooth(x, rate, frac=frac, it=it)
    distinct = np.r_[True, np.diff(x) > 0]
    return x[distinct], fit[distinct]
