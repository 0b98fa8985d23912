"""Cox regression and the exact score test of proportional hazards (R survival >= 3, cox.zph).

One derivative of Efron's partial likelihood serves both. lifelines has no exact test (its own is the
approximation R used before 2019, off by up to 1.6 in the statistic) and stops elsewhere than R does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm, rankdata

from ccta_lib.errors import InputError
from ccta_lib.evaluation.checks import level_z, one_of, vector
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.survival import at_risk, check_survival

TRANSFORMS = ("km", "rank", "identity", "log")
MAX_STEPS = 20
TOLERANCE = 1e-9  # coxph.control(eps)
INFINITE = "no finite estimate (a level without events, or perfect order)"


def _design(covariates: Any, n: int) -> pd.DataFrame:
    if not isinstance(covariates, pd.DataFrame) or not covariates.shape[1]:
        raise InputError("covariates: expected a DataFrame with at least one column")
    if len(covariates) != n:
        raise InputError(f"lengths differ: covariates {len(covariates)}, time {n}; pass one row per person")
    return pd.DataFrame({str(c): vector(covariates[c], f"covariate {c}") for c in covariates})


def _coefficients(
    t: np.ndarray, e: np.ndarray, start: np.ndarray, design: pd.DataFrame
) -> tuple[np.ndarray | None, np.ndarray, str]:
    """Return coefficients (k,) or None, their standard errors (k,), and why some are NaN.

    Newton's method from 0 with Efron's ties and the stopping rule of R's coxph, so that even the digits R leaves
    unconverged agree.
    """
    k = design.shape[1]
    nothing = np.full(k, NAN)
    if not e.any():
        return None, nothing, "no events"
    if np.linalg.matrix_rank(np.column_stack([np.ones(len(t)), design])) <= k:
        return None, nothing, "a covariate is constant or a combination of others"
    sd = design.to_numpy().std(axis=0)
    x = (design.to_numpy() - design.to_numpy().mean(axis=0)) / sd
    beta, step = np.zeros(k), np.zeros(k)
    likelihood, score, information = _efron(t, e, start, x, beta)
    for _ in range(MAX_STEPS):
        if np.linalg.matrix_rank(information) < k:
            return None, nothing, INFINITE
        step = np.linalg.solve(information, score)
        trial = _efron(t, e, start, x, beta + step)
        while trial[0] < likelihood and np.abs(step).max() > 1e-12:
            step = step / 2
            trial = _efron(t, e, start, x, beta + step)
        converged = abs(1 - likelihood / trial[0]) <= TOLERANCE if trial[0] else True
        beta = beta + step
        likelihood, score, information = trial
        if converged:
            break
    if np.linalg.matrix_rank(information, tol=1e-14) < k:
        return None, nothing, INFINITE
    se = np.sqrt(np.diag(np.linalg.inv(information)))
    # Per standard deviation of a covariate no real effect comes near these; a diverging one passes both.
    finite = (np.abs(beta) < 8) & (se < 50)
    return np.where(finite, beta / sd, NAN), np.where(finite, se / sd, NAN), "" if finite.all() else INFINITE


def _without_events(e: np.ndarray, column: np.ndarray) -> bool:
    """Tell whether a two-valued covariate has all events at one value."""
    return np.unique(column).size == 2 and np.unique(column[e]).size < 2


def cox_hazard_ratio(
    time: Any,
    event: Any,
    covariates: pd.DataFrame,
    *,
    entry: Any = None,
    level: float = 0.95,
    groups: Any = None,
) -> pd.DataFrame:
    """Estimate hazard ratios.

    Parameters
    ----------
    time, event, entry, groups : as `kaplan_meier`
    covariates : (n, k) numeric columns
    level : confidence level

    Returns
    -------
    DataFrame
        term, hazard_ratio, low, high (Wald), p_value, note; NaN with a note when a group has no event or the
        estimate is infinite. A term without events leaves the model, so that the others stay estimable.

    Raises
    ------
    InputError
        As `check_survival`, or if a covariate is not numeric.
    """
    z = level_z(level)
    t, e, start = check_survival(time, event, entry, groups)
    design = _design(covariates, t.size)
    notes = {c: "no event in a group" for c in design if _without_events(e, design[c].to_numpy())}
    if not e.any():
        notes = dict.fromkeys(design.columns, "no events")
    kept = [c for c in design if c not in notes]
    rows = dict.fromkeys(design, (NAN, NAN, NAN, NAN))
    if kept:
        coefficient, se, note = _coefficients(t, e, start, design[kept])
        if coefficient is None:
            notes |= dict.fromkeys(kept, note)
        else:
            for term, b, s in zip(kept, coefficient, se, strict=True):
                if np.isnan(b):
                    notes[term] = INFINITE
                    continue
                limits = np.exp([b, b - z * s, b + z * s])
                rows[term] = (*limits, float(2 * norm.sf(abs(b / s))))
    table = pd.DataFrame(
        [(c, *rows[c], notes.get(c, "")) for c in design],
        columns=["term", "hazard_ratio", "low", "high", "p_value", "note"],
    )
    return table


def proportional_hazards_test(
    time: Any,
    event: Any,
    covariates: pd.DataFrame,
    *,
    entry: Any = None,
    transform: str = "km",
    groups: Any = None,
) -> pd.DataFrame:
    """Test whether each hazard ratio is constant over time: the score test for x * g(t).

    Parameters
    ----------
    time, event, covariates, entry, groups : as `cox_hazard_ratio`
    transform : g(t): "km" (1 - left-continuous Kaplan-Meier), "rank", "identity" or "log"

    Returns
    -------
    DataFrame
        term, statistic, df, p_value, note; the last row is GLOBAL.

    References
    ----------
    Grambsch and Therneau, Biometrika 1994; Therneau, survival 3.0 (cox.zph).
    """
    one_of(transform, TRANSFORMS, "transform")
    t, e, start = check_survival(time, event, entry, groups)
    design = _design(covariates, t.size)
    k = design.shape[1]
    terms = [*design.columns, "GLOBAL"]
    coefficient, _, note = _coefficients(t, e, start, design)
    if coefficient is not None and note:
        coefficient = None
    if coefficient is not None and transform == "log" and (t[e] <= 0).any():
        coefficient, note = None, "an event at time 0 has no logarithm"
    if coefficient is None:
        return pd.DataFrame(
            {"term": terms, "statistic": NAN, "df": [1] * k + [k], "p_value": NAN, "note": note}
        )
    x = design.to_numpy() - design.to_numpy().mean(axis=0)
    _, score, information = _efron(t, e, start, x, coefficient, _transformed(t, e, start, transform))
    rows = []
    for i, term in enumerate(terms):
        tested = [k + i] if i < k else list(range(k, 2 * k))
        index = [*range(k), *tested]
        u = np.r_[np.zeros(k), score[tested]]
        matrix = information[np.ix_(index, index)]
        if np.linalg.matrix_rank(matrix) < len(index):
            rows.append((term, NAN, len(tested), NAN, "too few event times to test"))
            continue
        statistic = float(u @ np.linalg.solve(matrix, u))
        rows.append((term, statistic, len(tested), float(chi2.sf(statistic, len(tested))), ""))
    return pd.DataFrame(rows, columns=["term", "statistic", "df", "p_value", "note"])


def _transformed(t: np.ndarray, e: np.ndarray, start: np.ndarray, transform: str) -> np.ndarray:
    """Return g(t) centred at the events, (n,); centring changes no test and keeps the matrix well scaled."""
    if transform == "km":
        step = np.unique(t)
        died = np.bincount(np.searchsorted(step, t[e]), minlength=step.size)
        survival = np.r_[1.0, np.cumprod(1 - died / at_risk(step, t, start))]
        g = 1 - survival[np.searchsorted(step, t, side="left")]
    elif transform == "rank":
        g = rankdata(t)
    else:
        g = np.log(np.where(t > 0, t, 1.0)) if transform == "log" else t.copy()
    return g - g[e].mean()


def _efron(
    t: np.ndarray,
    e: np.ndarray,
    start: np.ndarray,
    x: np.ndarray,
    beta: np.ndarray,
    g: np.ndarray | None = None,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return log partial likelihood, score and information at beta under Efron's ties.

    Parameters
    ----------
    x : (n, k) covariates
    beta : (k,)
    g : (n,) transformed exit times; score (2k,) and information (2k, 2k) are then those of [x, x g(t)]
    """
    linear = x @ beta
    hazard = np.exp(linear - linear.max())  # the shift cancels and keeps a diverging fit finite
    size = x.shape[1] * (1 if g is None else 2)
    likelihood, score, information = 0.0, np.zeros(size), np.zeros((size, size))
    for s in np.unique(t[e]):
        risk = (start < s) & (t >= s)
        tied = risk & (t == s) & e
        power = np.ones(1) if g is None else np.array([1.0, g[tied][0]])
        total, mean, square = _moments(hazard[risk], x[risk])
        total_d, mean_d, square_d = _moments(hazard[tied], x[tied])
        likelihood += float((linear[tied] - linear.max()).sum())
        score += np.kron(power, x[tied].sum(axis=0))
        for share in np.arange(tied.sum()) / tied.sum():
            weight = total - share * total_d
            centre = (mean - share * mean_d) / weight
            spread = (square - share * square_d) / weight - np.outer(centre, centre)
            likelihood -= float(np.log(weight))
            score -= np.kron(power, centre)
            information += np.kron(np.outer(power, power), spread)
    return likelihood, score, information


def _moments(weight: np.ndarray, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    return float(weight.sum()), weight @ x, (x * weight[:, None]).T @ x
