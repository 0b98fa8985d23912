"""Patient-grouped, stratified folds and inner sets (Methods, training strategy); torch-free."""

from __future__ import annotations

import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from ccta_lib.errors import ParameterError
from ccta_lib.schema import N_FOLDS, VESSELS, labels


def label_matrix(cohort: pd.DataFrame) -> np.ndarray:
    """Return the labels of the four vessels: float64 (n, 4), 1, 0 or NaN; an absent column is all NaN."""
    return np.column_stack(
        [
            labels(cohort[v.grade_column]) if v.grade_column in cohort else np.full(len(cohort), np.nan)
            for v in VESSELS
        ]
    )


def label_pattern(targets: np.ndarray) -> np.ndarray:
    """Return each row's pattern over the vessels as text, such as "1001"; unknown is "u"."""
    symbols = np.where(np.isnan(targets), "u", np.where(targets == 1, "1", "0"))
    return np.array(["".join(row) for row in symbols])


def _split(targets: np.ndarray, groups: np.ndarray, n_splits: int, seed: int) -> np.ndarray:
    pattern = label_pattern(targets)
    if np.unique(pattern, return_counts=True)[1].max() < n_splits:
        # Every pattern is rarer than the folds are many: nothing can be stratified.
        pattern = np.zeros(len(pattern), dtype=int)
    fold = np.full(len(pattern), -1)
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Rare patterns (all four vessels) need not reach every fold.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        for k, (_, held_out) in enumerate(splitter.split(pattern, pattern, groups)):
            fold[held_out] = k
    return fold


def patient_folds(cohort: pd.DataFrame, n_folds: int = N_FOLDS, *, seed: int) -> pd.Series:
    """Assign internal patients to folds, stratified on the four-label pattern.

    Parameters
    ----------
    cohort : cohort table (contract 1); needs patient_id, uses cohort and the grade columns where present
    n_folds : number of folds
    seed : seed of the shuffle

    Returns
    -------
    Series of Int64, name "fold", index of `cohort`
        0 to n_folds - 1; <NA> outside the internal cohort. All ECGs of a patient share a fold.

    Raises
    ------
    ParameterError
        If there are fewer internal patients than folds, or fewer than two folds.
    """
    internal = np.ones(len(cohort), bool)
    if "cohort" in cohort:
        internal = (cohort["cohort"].fillna("internal") == "internal").to_numpy()
    groups = cohort.loc[internal, "patient_id"].astype(str).to_numpy()
    n_patients = len(np.unique(groups))
    if n_folds < 2 or n_patients < n_folds:
        raise ParameterError(
            f"n_folds is {n_folds} for {n_patients} internal patients; expected 2 to the number of patients"
        )
    fold = pd.Series(pd.NA, index=cohort.index, dtype="Int64", name="fold")
    fold[internal] = _split(label_matrix(cohort)[internal], groups, n_folds, seed)
    return fold


def inner_set(targets: np.ndarray, groups: np.ndarray, fraction: float = 0.15, *, seed: int) -> np.ndarray:
    """Set a share of the patients aside for the choice of the epoch, grouped and stratified.

    Parameters
    ----------
    targets : float array, shape (n, 4)
        Labels of the rows left after the outer fold is taken away.
    groups : array, shape (n,)
        Patient of each row.
    fraction : share to set aside, in twentieths
    seed : seed of the shuffle

    Returns
    -------
    bool array, shape (n,)

    Raises
    ------
    ParameterError
        If there are too few patients for both parts.
    """
    n_patients = len(np.unique(groups))
    share = Fraction(fraction).limit_denominator(20)
    while share.denominator > n_patients:
        share = Fraction(fraction).limit_denominator(share.denominator - 1) or Fraction(1, 2)
    if n_patients < 2 or not 0 < share < 1:
        raise ParameterError(
            f"inner_fraction is {fraction:g} of {n_patients} patients; expected a share that leaves both parts some"
        )
    parts = _split(targets, groups, share.denominator, seed)
    return parts < share.numerator
