"""Missing clinical data filled in many times, and what the fillings say together (Rubin's rules)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.imputation.mice import MICEData

from ccta_lib.errors import InputError
from ccta_lib.evaluation.checks import level_z, same_length, vector
from ccta_lib.evaluation.results import NAN, Interval

CYCLES = 10
NEIGHBOURS = 10


def impute(
    table: pd.DataFrame, *, n_imputations: int, seed: int | list[int], cycles: int = CYCLES
) -> list[pd.DataFrame]:
    """Fill in missing numbers by chained equations with predictive mean matching (statsmodels' MICE).

    Each column with missing values is drawn given all others; a value filled in is one that was observed, so that
    a column of zeros and ones stays one.

    Parameters
    ----------
    table : one row per patient, numbers only, NaN = missing; constant columns are ignored as predictors
    n_imputations : how many fillings
    seed : of each filling's own random numbers
    cycles : rounds of chained equations before a filling is kept

    Returns
    -------
    list of DataFrame
        `table` without missing values, `n_imputations` times.

    Raises
    ------
    InputError
        If a column has missing values and fewer than two distinct ones observed, or there are fewer rows with
        values than predictors.
    """
    if n_imputations < 1:
        raise InputError(f"n_imputations: expected at least 1, found {n_imputations}")
    values = table.astype(float).reset_index(drop=True)
    missing = [c for c in values if values[c].isna().any()]
    if not missing:
        return [table.copy() for _ in range(n_imputations)]
    varying = [c for c in values if values[c].min() < values[c].max()]
    hopeless = [c for c in missing if c not in varying or values[c].notna().sum() <= len(varying) + 1]
    if hopeless:
        raise InputError(*(
            f"{c}: {values[c].notna().sum()} known of {len(values)} values, {values[c].nunique()} distinct; too few "
            "to fill in the others" for c in hopeless
        ))  # fmt: skip
    plain = values[varying].set_axis([f"x{i}" for i in range(len(varying))], axis=1)
    neighbours = min(NEIGHBOURS, int(values[missing].notna().sum().min()))
    seeds = [seed] if isinstance(seed, int) else list(seed)
    out = []
    for number in range(n_imputations):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas' chained assignment inside statsmodels
            chain = MICEData(plain, k_pmm=neighbours, rng=np.random.default_rng([*seeds, number]))
            chain.update_all(cycles)
        filled = values.copy()
        filled.loc[:, varying] = chain.data[list(plain)].to_numpy()
        out.append(filled.set_axis(table.index))
    return out


def rubin(estimates: Any, errors: Any, *, level: float = 0.95) -> Interval:
    """Combine the estimates of several fillings by Rubin's rules (1987).

    Parameters
    ----------
    estimates, errors : (m,) estimate and standard error in each filling
    level : confidence level

    Returns
    -------
    Interval
        Mean, with a t interval on Rubin's degrees of freedom; `se` is the root of within-filling variance plus
        (1 + 1/m) times the variance between fillings. `n` is m.

    Raises
    ------
    InputError
        If lengths differ, or a value is NaN or infinite.
    """
    level_z(level)
    q, u = vector(estimates, "estimates"), vector(errors, "errors") ** 2
    m = same_length(estimates=q, errors=u)
    within, between = float(u.mean()), float(q.var(ddof=1)) if m > 1 else 0.0
    total = within + (1 + 1 / m) * between
    method = f"multiple imputation, {m} fillings, Rubin's rules"
    if total == 0:
        return Interval(float(q.mean()), NAN, NAN, 0.0, m, 0, 0, method, "no variance")
    extra = (1 + 1 / m) * between / total
    df = (m - 1) / extra**2 if extra > 0 else np.inf
    reach = float(stats.t.ppf((1 + level) / 2, df)) * total**0.5
    mean = float(q.mean())
    return Interval(mean, mean - reach, mean + reach, total**0.5, m, 0, 0, method)
