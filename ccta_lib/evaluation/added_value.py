"""What a score adds to what is known already: nested logistic models, compared by their likelihood.

No net reclassification index. It is improper: a model that is wrong about the risks can have a better one than
the model that is right, and pure noise with some miscalibration has a positive one (Hilden and Gerds 2014; Pepe et
al. 2015). The likelihood ratio is proper, has a test of the right size, and says how much of the information in
both together the old model already held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import chi2

from ccta_lib.errors import InputError
from ccta_lib.evaluation import logistic
from ccta_lib.evaluation.checks import binary, codes
from ccta_lib.evaluation.results import NAN

CLUSTERED = "Wald, patient-robust"
INDEPENDENT = "likelihood ratio"


@dataclass(frozen=True)
class AddedValue:
    """Nested logistic models on the same rows.

    Attributes
    ----------
    likelihood_ratio : float
        Twice the log likelihood gained by adding the score to the old columns.
    statistic, df, p_value : the test
        The likelihood ratio itself where each row is a patient. With several rows per patient its size is wrong,
        and the Wald statistic with patient-robust covariance takes its place.
    adequacy : float
        Share of the likelihood ratio of both together (against the base rate) that the old columns reach alone.
    method, note : str
    """

    likelihood_ratio: float
    statistic: float
    df: int
    p_value: float
    adequacy: float
    method: str
    note: str = ""


def added_value(y: Any, old: np.ndarray, new: np.ndarray, *, groups: Any = None) -> AddedValue:
    """Test whether columns add to others in a logistic model.

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    old : (n, k) what is known already; for a fitted model its linear predictor
    new : (n, j) what is added; for a probability its log odds. Scores must come from models fitted to other
        patients: the test takes them as fixed
    groups : (n,) patient of each row; None = one patient per row

    Returns
    -------
    AddedValue
        NaN with a note where there is one class, a constant column or no finite estimate.

    Raises
    ------
    InputError
        If shapes differ, a value is missing, or a label is not 0 or 1.
    """
    positive = binary(y)
    a, b = (_columns(x, positive.size, name) for x, name in ((old, "old"), (new, "new")))
    patient, patients = codes(groups, n=positive.size)
    clustered = patients.size < positive.size
    method, df = CLUSTERED if clustered else INDEPENDENT, b.shape[1]
    note = _impossible(positive, a, b, patients.size)
    if note:
        return AddedValue(NAN, NAN, df, NAN, NAN, method, note)
    ones = np.ones((positive.size, 1))
    full = logistic.fit(np.hstack([ones, a, b]), positive)
    reduced = logistic.fit(np.hstack([ones, a]), positive).log_likelihood
    null = logistic.fit(ones, positive).log_likelihood
    gained = max(2.0 * (full.log_likelihood - reduced), 0.0)
    total = 2.0 * (full.log_likelihood - null)
    statistic = gained
    if clustered:
        covariance = full.robust_covariance(patient)[-df:, -df:]
        statistic = float(full.coef[-df:] @ np.linalg.solve(covariance, full.coef[-df:]))
    adequacy = 1.0 - gained / total if total > 0 else NAN
    return AddedValue(gained, statistic, df, float(chi2.sf(statistic, df)), adequacy, method)


def _columns(values: np.ndarray, n: int, name: str) -> np.ndarray:
    x = np.asarray(values, dtype=float)
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or len(x) != n or not x.shape[1]:
        raise InputError(f"{name}: expected {n} rows of columns, found shape {np.shape(values)}")
    bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if bad.size:
        raise InputError(f"{name}: {bad.size} of {n} rows hold NaN or infinity, the first at position {bad[0]}; "
                         "keep complete rows only")  # fmt: skip
    return (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)


def _impossible(y: np.ndarray, a: np.ndarray, b: np.ndarray, patients: int) -> str:
    if y.all() or not y.any():
        return "only one class"
    both = np.hstack([np.ones((y.size, 1)), a, b])
    if np.linalg.matrix_rank(both) < both.shape[1]:
        return "a column is constant or follows from the others"
    if patients <= both.shape[1]:
        return "too few patients"
    for column in np.hstack([a, b]).T:
        reason = logistic.separated(y, column)
        if reason:
            return reason
    return ""
