"""Cumulative incidence when other causes end follow-up (Aalen-Johansen); lifelines jitters its ties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError
from ccta_lib.evaluation.bootstrap import ratio
from ccta_lib.evaluation.checks import level_z, same_length, vector
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.survival import at_risk, check_survival


def aalen_johansen(
    time: Any,
    cause: Any,
    *,
    entry: Any = None,
    times: Any = None,
    level: float = 0.95,
    groups: Any = None,
) -> pd.DataFrame:
    """Estimate the cumulative incidence of cause 1 when other causes compete.

    Parameters
    ----------
    time : (n,) exit times
    cause : (n,) 0 censored, 1 the event of interest, 2 and above competing events
    entry, times, level, groups : as `kaplan_meier`

    Returns
    -------
    DataFrame
        time, at_risk, events (of cause 1 since the previous row), incidence, low, high (complementary log-log of
        the delta-method variance; without competing events those of 1 - Kaplan-Meier).
    """
    z = level_z(level)
    number = vector(cause, "cause")
    if ((number < 0) | (number != np.floor(number))).any():
        raise InputError("cause: expected whole numbers from 0 (censored); 1 is the event of interest")
    same_length(time=time, cause=number, entry=entry)
    t, _, start = check_survival(time, number > 0, entry, groups)
    step = np.unique(t)
    risk = at_risk(step, t, start).astype(float)
    mine = np.bincount(np.searchsorted(step, t[number == 1]), minlength=step.size)
    all_causes = np.bincount(np.searchsorted(step, t[number > 0]), minlength=step.size)
    survival = np.cumprod(1 - all_causes / risk)
    before = np.r_[1.0, survival[:-1]]
    incidence = np.cumsum(before * mine / risk)
    variance = _incidence_variance(incidence, before, mine, all_causes, risk)
    inside = (incidence > 0) & (incidence < 1 - 1e-9) & (variance > 0)
    s = np.where(inside, 1 - incidence, 0.5)
    width = z * np.sqrt(np.where(inside, variance, 0.0)) / (s * np.log(s))
    low = np.where(inside, 1 - s ** np.exp(width), NAN)
    high = np.where(inside, 1 - s ** np.exp(-width), NAN)
    at = step if times is None else vector(np.atleast_1d(np.asarray(times, dtype=float)), "times")
    rows = np.searchsorted(step, at, side="right")

    def so_far(values: np.ndarray) -> np.ndarray:
        return np.r_[0.0, values][rows]

    return pd.DataFrame(
        {
            "time": at,
            "at_risk": at_risk(at, t, start),
            "events": np.diff(np.r_[0, np.r_[0, np.cumsum(mine)][rows]]),
            "incidence": so_far(incidence),
            "low": so_far(low),
            "high": so_far(high),
        }
    )


def _incidence_variance(
    incidence: np.ndarray, before: np.ndarray, mine: np.ndarray, died: np.ndarray, risk: np.ndarray
) -> np.ndarray:
    """Return the delta-method (Greenwood-type) variance of the cumulative incidence at each step, (k,).

    Marubini and Valsecchi 1995: sum over event times of (F(t) - F(s))^2 d/(n(n-d)) + S(s-)^2 d1 (n-d1)/n^3
    - 2 (F(t) - F(s)) S(s-) d1/n^2, expanded in powers of F(t) so that it costs one pass.
    """
    a = ratio(died, risk * (risk - died))
    a = np.where(np.isfinite(a), a, 0.0)  # the last risk set dies out: F no longer changes afterwards
    b = before * mine / risk**2
    c = before**2 * mine * (risk - mine) / risk**3
    f = incidence
    return (
        f**2 * np.cumsum(a)
        - 2 * f * np.cumsum(a * f)
        + np.cumsum(a * f**2)
        + np.cumsum(c)
        - 2 * (f * np.cumsum(b) - np.cumsum(b * f))
    )
