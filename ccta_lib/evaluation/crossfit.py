"""Map a stenosis probability to a risk of infarction without using a patient's own outcome."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError
from ccta_lib.evaluation.checks import probability, same_length
from ccta_lib.evaluation.cox import cox_hazard_ratio
from ccta_lib.evaluation.logistic import logit
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.survival import check_survival


def crossfit_risk(
    time: Any,
    event: Any,
    p: Any,
    *,
    horizon: float,
    n_folds: int = 10,
    seed: int | np.random.Generator = 0,
    groups: Any = None,
) -> np.ndarray:
    """Return P(event by the horizon) from Cox models on logit p, each person scored by the other folds' model.

    Parameters
    ----------
    time, event : as `kaplan_meier`; one row per patient
    p : (n,) probability of stenosis
    horizon : in the units of `time`
    n_folds : folds, dealt within events and within censored
    seed : int or numpy Generator that deals the folds
    groups : (n,) patient of each row, to make sure that each has one

    Returns
    -------
    (n,) risks in [0, 1], NaN for a fold whose training part has no finite model; baseline hazard by Breslow

    Raises
    ------
    InputError
        As `kaplan_meier`, or if `n_folds` is below 2.
    """
    t, e, _ = check_survival(time, event, groups=groups)
    prob = probability(p)
    n = same_length(time=t, p=prob)
    if n_folds < 2:
        raise InputError(f"n_folds: expected at least 2, found {n_folds}")
    rng = np.random.default_rng(seed)
    fold = np.zeros(n, dtype=int)
    for members in (np.flatnonzero(e), np.flatnonzero(~e)):
        fold[rng.permutation(members)] = np.arange(members.size) % n_folds
    x = logit(prob)
    risk = np.full(n, NAN)
    for k in range(n_folds):
        train, test = fold != k, fold == k
        if not train.any() or not test.any():
            continue
        fitted = cox_hazard_ratio(t[train], e[train], pd.DataFrame({"x": x[train]}))
        beta = np.log(fitted["hazard_ratio"].iloc[0])
        if np.isfinite(beta):
            centre = x[train].mean()
            baseline = _breslow(t[train], e[train], np.exp(beta * (x[train] - centre)), horizon)
            risk[test] = -np.expm1(-baseline * np.exp(beta * (x[test] - centre)))
    return risk


def _breslow(time: np.ndarray, event: np.ndarray, hazard: np.ndarray, horizon: float) -> float:
    """Return the cumulative baseline hazard at the horizon."""
    order = np.argsort(time, kind="stable")
    t, w = time[order], hazard[order]
    at = np.unique(time[event & (time <= horizon)])
    remaining = w[::-1].cumsum()[::-1][np.searchsorted(t, at, side="left")]
    died = np.bincount(np.searchsorted(at, time[event & (time <= horizon)]), minlength=at.size)
    return float((died / remaining).sum())
