"""Group-mean beats and their difference, adjusted for age, sex and heart rate: one regression per lead and time.

The paper's Figure 8 shows plain means of groups that also differ in age, sex and rate. Here each cell of the mean beat
is regressed on the label and these three, over patients; the label's coefficient is the adjusted difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError
from ccta_lib.evaluation.checks import level_z

COVARIATES = ("age", "sex", "rate_bpm")


@dataclass(frozen=True)
class GroupDifference:
    """Positive minus negative patients, cell by cell; arrays have the shape of one beat.

    Attributes
    ----------
    estimate, low, high : difference and its pointwise band
    positive, negative : mean beats of the two groups, at the covariates' mean over both where adjusted
    n_positive, n_negative : patients
    note : why there is no estimate, else empty
    """

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    positive: np.ndarray
    negative: np.ndarray
    n_positive: int
    n_negative: int
    note: str


def design(table: pd.DataFrame, covariates: Sequence[str]) -> np.ndarray:
    """Return the covariates as centred columns, sex as 1 for men: float64 (n, k), NaN where one is unknown.

    Raises
    ------
    InputError
        If a column is absent.
    """
    missing = [c for c in covariates if c not in table]
    if missing:
        raise InputError(*(f"covariate {c}: no such column; give it, or leave it out" for c in missing))
    columns = [
        table["sex"].map({"M": 1.0, "F": 0.0}).to_numpy(dtype=float)
        if c == "sex"
        else pd.to_numeric(table[c]).to_numpy(dtype=float)
        for c in covariates
    ]
    return np.column_stack(columns) if columns else np.empty((len(table), 0))


def group_difference(
    beats: np.ndarray, label: np.ndarray, covariates: np.ndarray, *, level: float = 0.95
) -> GroupDifference:
    """Regress each cell of the mean beats on the label and covariates.

    Parameters
    ----------
    beats : (n, ...) one mean beat per patient
    label : (n,) 1 positive, 0 negative, NaN unknown
    covariates : (n, k) from `design`; k = 0 gives the plain difference of means
    level : of the pointwise band

    Returns
    -------
    GroupDifference
        Over patients whose label and covariates are all known. The band is least squares' with the variance that is
        right when groups vary differently (HC3); it is pointwise: one in twenty cells leaves it by chance.

    Raises
    ------
    InputError
        If lengths differ or a beat is not finite.
    """
    if not len(beats) == len(label) == len(covariates):
        raise InputError(
            f"group_difference: {len(beats)} beats, {len(label)} labels, {len(covariates)} rows of covariates"
        )
    if not np.isfinite(beats).all():
        raise InputError("beats: found NaN or infinite values; leave out patients without a complete beat")
    z, shape = level_z(level), beats.shape[1:]
    known = np.isfinite(label) & np.isfinite(covariates).all(axis=1)
    y, g = beats[known].reshape(int(known.sum()), int(np.prod(shape))).astype(float), label[known]
    c = (
        covariates[known] - covariates[known].mean(axis=0, keepdims=True)
        if known.any()
        else covariates[known]
    )
    n_positive, n_negative = int(g.sum()), int((1 - g).sum())
    x = np.column_stack([np.ones(g.size), g, c])
    if min(n_positive, n_negative) < 2 or np.linalg.matrix_rank(x) < x.shape[1]:
        empty = np.full(shape, np.nan)
        note = (
            "under two patients in a group"
            if min(n_positive, n_negative) < 2
            else "label fixed by covariates"
        )
        return GroupDifference(empty, empty, empty, empty, empty, n_positive, n_negative, note)
    inverse = np.linalg.inv(x.T @ x)
    to_label = inverse[1] @ x.T
    coefficients = inverse @ (x.T @ y)
    residual = y - x @ coefficients
    leverage = np.einsum("ij,jk,ik->i", x, inverse, x)
    se = np.sqrt((to_label / (1 - leverage)) ** 2 @ residual**2)
    estimate = coefficients[1]
    return GroupDifference(
        estimate.reshape(shape), (estimate - z * se).reshape(shape), (estimate + z * se).reshape(shape),
        (coefficients[0] + estimate).reshape(shape), coefficients[0].reshape(shape), n_positive, n_negative, "",
    )  # fmt: skip
