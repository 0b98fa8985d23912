"""Kaplan-Meier and log-rank with delayed entry (Results, time to infarction; Figure 6).

Own code, because no installed library has the interval types, entry, strata and degenerate cases together; all of
them rest on one count of who is at risk. Checked against R's survival package.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.special import logit as scipy_logit
from scipy.stats import chi2

from ccta_lib.errors import InputError
from ccta_lib.evaluation.bootstrap import ratio
from ccta_lib.evaluation.checks import binary, codes, level_z, one_of, same_length, vector
from ccta_lib.evaluation.results import NAN, Test

CONF_TYPES = ("log-log", "log", "plain", "logit", "arcsin")
NO_EVENTS = "no events: nothing to test"


def check_survival(
    time: Any, event: Any, entry: Any = None, groups: Any = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times, events (bool) and entries (-inf without delayed entry), each (n,).

    Raises
    ------
    InputError
        If lengths differ, a value is missing, a time is negative, an entry is not before its exit, or a patient
        has several rows (`groups`): one person cannot have two first infarctions.
    """
    t, e = vector(time, "time"), binary(event, "event")
    n = same_length(time=t, event=e, entry=entry)
    start = np.full(n, -np.inf) if entry is None else vector(entry, "entry")
    faults = _impossible(t < 0, "negative time", "time counts from its origin")
    faults += _impossible(
        start >= t, "entry not before exit", "exclude people whose follow-up ended before entry"
    )
    if faults:
        raise InputError(*faults)
    code, labels = codes(groups, n=n)
    if labels.size < n:
        twice = labels[np.bincount(code) > 1][0]
        raise InputError(f"groups: patient {twice} has several rows; keep one row per patient")
    return t, e, start


def _impossible(rows: np.ndarray, what: str, remedy: str) -> list[str]:
    where = np.flatnonzero(rows)
    if not where.size:
        return []
    shown = ", ".join(str(i) for i in where[:10]) + (", ..." if where.size > 10 else "")
    return [f"{what} in {where.size} rows, at positions {shown}; {remedy}"]


def at_risk(at: np.ndarray, time: np.ndarray, entry: np.ndarray) -> np.ndarray:
    """Count people with entry < t <= exit for each t in `at`, (k,) int."""
    left = np.searchsorted(np.sort(time), at, side="left")
    entered = np.searchsorted(np.sort(entry), at, side="left")
    return entered - left


def kaplan_meier(
    time: Any,
    event: Any,
    *,
    entry: Any = None,
    times: Any = None,
    conf_type: str = "log-log",
    level: float = 0.95,
    groups: Any = None,
) -> pd.DataFrame:
    """Estimate survival.

    Parameters
    ----------
    time : (n,) exit times
    event : (n,) 1 event, 0 censored
    entry : (n,) delayed entry; a person is at risk in (entry, time]
    times : (k,) times to report, increasing; None = each distinct exit time
    conf_type : "log-log", "log", "plain", "logit" or "arcsin"; Greenwood's variance
    level : confidence level
    groups : (n,) patient of each row, to make sure that each has one

    Returns
    -------
    DataFrame
        time; at_risk just before it; events since the previous row; survival; low, high. As in R, limits are NaN
        where the transformation has none (log-log at survival 1 once follow-up began, any at survival 0), and
        survival after the last exit is carried forward with nobody at risk. `attrs["note"]` says which NaN
        limits there are and why.

    Raises
    ------
    InputError
        As `check_survival`.
    """
    one_of(conf_type, CONF_TYPES, "conf_type")
    z = level_z(level)
    t, e, start = check_survival(time, event, entry, groups)
    step = np.unique(t)
    risk = at_risk(step, t, start)
    died = np.bincount(np.searchsorted(step, t[e]), minlength=step.size)
    survival = np.cumprod(1 - ratio(died, risk))
    greenwood = np.cumsum(ratio(died, risk * (risk - died)))
    low, high = _limits(survival, np.sqrt(greenwood), z, conf_type)
    if times is None:
        at, rows, events = step, np.arange(1, step.size + 1), died
    else:
        at = vector(np.atleast_1d(np.asarray(times, dtype=float)), "times")
        if (np.diff(at) <= 0).any():
            raise InputError("times: expected increasing times; sort them and drop duplicates")
        rows = np.searchsorted(step, at, side="right")
        events = np.diff(np.r_[0, np.r_[0, np.cumsum(died)][rows]])
        risk = at_risk(at, t, start)

    def before_first(values: np.ndarray) -> np.ndarray:
        return np.r_[1.0, values][rows]

    out = pd.DataFrame(
        {
            "time": at,
            "at_risk": risk,
            "events": events,
            "survival": before_first(survival),
            "low": before_first(low),
            "high": before_first(high),
        }
    )
    missing = out["low"].isna()
    reasons = [
        "no event so far: no interval" if (missing & (out["survival"] == 1)).any() else "",
        "survival is 0: no interval" if (missing & (out["survival"] < 1)).any() else "",
    ]
    out.attrs["note"] = "; ".join(filter(None, reasons))
    return out


def _limits(survival: np.ndarray, se: np.ndarray, z: float, conf_type: str) -> tuple[np.ndarray, np.ndarray]:
    """Return confidence limits from the standard error of log survival; NaN where they do not exist."""
    defined = (survival > 0) & np.isfinite(se)
    if conf_type in ("log-log", "logit"):
        defined &= survival < 1
    s, half = np.where(defined, survival, 0.5), z * np.where(defined, se, 0.0)
    if conf_type == "plain":
        limits = s - half * s, s + half * s
    elif conf_type == "log":
        limits = s * np.exp(-half), s * np.exp(half)
    elif conf_type == "log-log":
        width = half / np.log(s)
        limits = np.exp(np.log(s) * np.exp(-width)), np.exp(np.log(s) * np.exp(width))
    elif conf_type == "logit":
        width = half / (1 - s)
        limits = expit(scipy_logit(s) - width), expit(scipy_logit(s) + width)
    else:
        centre = np.arcsin(np.sqrt(np.minimum(s, 1.0)))
        width = 0.5 * half * ratio(np.sqrt(s), np.sqrt(1 - np.minimum(s, 1.0)))
        width = np.where(np.isfinite(width), width, 0.0)
        limits = (
            np.sin(np.maximum(0, centre - width)) ** 2,
            np.sin(np.minimum(np.pi / 2, centre + width)) ** 2,
        )
    low, high = (np.where(defined, np.clip(limit, 0, 1), NAN) for limit in limits)
    return low, high


def logrank(
    time: Any,
    event: Any,
    group: Any,
    *,
    entry: Any = None,
    strata: Any = None,
    groups: Any = None,
) -> Test:
    """Compare survival of k groups by the log-rank test.

    Parameters
    ----------
    time, event, entry : as `kaplan_meier`
    group : (n,) label of the compared group
    strata : (n,) observed and expected are summed over strata
    groups : (n,) patient of each row, to make sure that each has one

    Returns
    -------
    Test
        NaN with a note for one group or when the statistic has no variance; without any event statistic 0 and
        p = 1, as in R.

    Raises
    ------
    InputError
        As `check_survival`, or if a group or stratum is missing.
    """
    t, e, start = check_survival(time, event, entry, groups)
    code, labels = codes(group, "group", n=t.size)
    k = labels.size
    if k < 2:
        return Test(NAN, 0, NAN, "only one group: nothing to compare")
    if not e.any():
        return Test(0.0, k - 1, 1.0, NO_EVENTS)
    layer, _ = codes(np.zeros(t.size) if strata is None else strata, "strata", n=t.size)
    excess, variance, expected = np.zeros(k), np.zeros((k, k)), np.zeros(k)
    for s in range(int(layer.max()) + 1):
        rows = layer == s
        o, x, v = _observed_expected(t[rows], e[rows], start[rows], code[rows], k)
        excess, expected, variance = excess + o - x, expected + x, variance + v
    kept = np.flatnonzero(expected > 0)
    if kept.size < 2:
        return Test(NAN, k - 1, NAN, "fewer than two groups are ever at risk at an event")
    reduced = variance[np.ix_(kept[1:], kept[1:])]
    if np.linalg.matrix_rank(reduced) < kept.size - 1:
        return Test(NAN, kept.size - 1, NAN, "the log-rank statistic has no variance")
    statistic = float(excess[kept[1:]] @ np.linalg.solve(reduced, excess[kept[1:]]))
    return Test(statistic, kept.size - 1, float(chi2.sf(statistic, kept.size - 1)))


def _observed_expected(
    time: np.ndarray, event: np.ndarray, entry: np.ndarray, code: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return observed (k,), expected (k,) and hypergeometric covariance (k, k) of one stratum."""
    at = np.unique(time[event])
    if not at.size:
        return np.zeros(k), np.zeros(k), np.zeros((k, k))
    risk = np.stack([at_risk(at, time[code == g], entry[code == g]) for g in range(k)], axis=1)
    n = risk.sum(axis=1)
    d = np.bincount(np.searchsorted(at, time[event]), minlength=at.size)
    share = risk / n[:, None]
    weight = d * np.where(n > 1, (n - d) / np.maximum(n - 1, 1), 0.0)
    variance = np.diag((weight[:, None] * share).sum(axis=0)) - (weight[:, None] * share).T @ share
    return np.bincount(code[event], minlength=k).astype(float), (d[:, None] * share).sum(axis=0), variance
