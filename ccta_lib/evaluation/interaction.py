"""Does the slope of outcome on score differ between groups?"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import chi2

from ccta_lib.evaluation import logistic
from ccta_lib.evaluation.checks import binary, codes, same_length, vector
from ccta_lib.evaluation.results import NAN, Test


def interaction_test(y: Any, score: Any, group: Any, *, groups: Any = None, continuous: bool = False) -> Test:
    """Test score x group in a logistic model with both main effects: does the slope differ between groups?

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    score : (n,) any finite score; for probabilities pass logit(p)
    group : (n,) categories, or numbers when `continuous`
    groups : (n,) patient of each row
        None = likelihood ratio. With patients a Wald test with patient-robust covariance: with two ECGs per
        patient the likelihood ratio rejects 18 % at a nominal 5 %.
    continuous : treat `group` as one number instead of categories

    Returns
    -------
    Test
        NaN with a note when a category has one class, a constant score, or is separated by the score.

    Raises
    ------
    InputError
        If lengths differ, a label is not 0 or 1, or a value is missing.
    """
    positive, x = binary(y), vector(score, "score")
    n = same_length(y=positive, score=x)
    patient, patients = codes(groups, n=n)
    if continuous:
        modifier = vector(group, "group")
        same_length(y=positive, group=modifier)
        if np.ptp(modifier) == 0:
            return Test(NAN, 0, NAN, "the modifier is constant: nothing to compare")
        main = ((modifier - modifier.mean()) / modifier.std())[:, None]
        reasons = [logistic.separated(positive, x)]
    else:
        code, names = codes(group, "group", n=n)
        if names.size < 2:
            return Test(NAN, 0, NAN, "only one group: nothing to compare")
        main = np.eye(names.size)[code][:, 1:]
        reasons = [
            f"{names[k]}: {why}"
            for k in range(names.size)
            if (why := logistic.separated(positive[code == k], x[code == k]))
        ]
    df = main.shape[1]
    if any(reasons):
        return Test(NAN, df, NAN, reasons[0])
    z = (x - x.mean()) / x.std()
    reduced = np.column_stack([np.ones(n), z, main])
    full = np.column_stack([reduced, main * z[:, None]])
    if np.linalg.matrix_rank(full) < full.shape[1]:
        return Test(NAN, df, NAN, "score and group cannot be told apart")
    fitted = logistic.fit(full, positive)
    if groups is None:
        statistic = 2.0 * (fitted.log_likelihood - logistic.fit(reduced, positive).log_likelihood)
    elif patients.size <= full.shape[1]:
        return Test(NAN, df, NAN, "too few patients for a robust variance")
    else:
        covariance = fitted.robust_covariance(patient)[-df:, -df:]
        if np.linalg.matrix_rank(covariance) < df:
            return Test(NAN, df, NAN, "the interaction has no variance")
        statistic = float(fitted.coef[-df:] @ np.linalg.solve(covariance, fitted.coef[-df:]))
    return Test(float(max(statistic, 0.0)), df, float(chi2.sf(max(statistic, 0.0), df)))
