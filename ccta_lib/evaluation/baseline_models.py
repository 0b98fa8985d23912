"""The simple models a network is measured against: logistic regression and boosted trees on a few columns.

Every choice of a penalty or a number of trees is made inside the rows given, by cross-validation that keeps a
patient's ECGs together.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ccta_lib.errors import InputError
from ccta_lib.evaluation.checks import binary, codes
from ccta_lib.evaluation.logistic import logit
from ccta_lib.evaluation.results import NAN
from ccta_lib.schema import VESSELS, labels

AGE_SEX = ("age", "sex")
RISK_FACTORS = ("diabetes", "hypertension", "prior_mi")
CLINICAL = (*AGE_SEX, *RISK_FACTORS)
SYMPTOMS = ("typical", "atypical", "nonanginal", "dyspnoea")  # "none" is what they are compared with
ANY = "any"

PENALTIES = tuple(float(c) for c in np.logspace(-4, 2, 7))
TREES = {"learning_rate": 0.05, "max_leaf_nodes": 8, "min_samples_leaf": 20, "l2_regularization": 1.0}
MAX_TREES, TREE_STEP = 200, 10
INNER_FOLDS = 5


def clinical_design(table: pd.DataFrame, names: Iterable[str] = CLINICAL) -> np.ndarray:
    """Return clinical columns as numbers: (n, columns), NaN where missing.

    Parameters
    ----------
    table : contract 1
    names : of age, sex, diabetes, hypertension, prior_mi, symptom; a symptom becomes four indicators

    Raises
    ------
    InputError
        If a column is absent.
    """
    chosen = list(names)
    absent = [c for c in chosen if c not in table]
    if absent:
        raise InputError(*(f"{c}: a clinical model needs this column; add it to the table" for c in absent))
    columns: list[np.ndarray] = []
    for name in chosen:
        column = table[name]
        if name == "sex":
            columns.append(column.map({"M": 1.0, "F": 0.0}).to_numpy(dtype=float, na_value=NAN))
        elif name == "symptom":
            known = column.notna().to_numpy()
            columns += [
                np.where(known, (column == s).fillna(False).to_numpy(dtype=float), NAN) for s in SYMPTOMS
            ]
        else:
            columns.append(column.astype("Float64").to_numpy(dtype=float, na_value=NAN))
    return np.column_stack(columns)


def any_vessel(table: pd.DataFrame) -> np.ndarray:
    """Return whether any vessel is severe or occluded: 1, 0, or NaN where an unknown grade leaves it open."""
    known = [labels(table[v.grade_column]) for v in VESSELS if v.grade_column in table]
    if len(known) < len(VESSELS):
        known.append(np.full(len(table), NAN))
    y = np.column_stack(known)
    return np.where((y == 1).any(axis=1), 1.0, np.where(np.isnan(y).any(axis=1), NAN, 0.0))


class Model(Protocol):
    """A fitted model: probabilities, (n,), from the columns it was fitted to, (n, k)."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return P(y = 1)."""
        ...


@dataclass(frozen=True)
class Constant:
    """The base rate, where there is nothing to fit a model to; `note` says why."""

    rate: float
    note: str

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the base rate for every row."""
        return np.full(len(x), self.rate)


@dataclass(frozen=True)
class Linear:
    """A logistic model of standardised columns, missing ones at their mean.

    Attributes
    ----------
    mean, scale, coef : (k,)
    intercept, penalty : float
        `penalty` is scikit-learn's C, the inverse of the ridge penalty on standardised columns.
    """

    mean: np.ndarray
    scale: np.ndarray
    coef: np.ndarray
    intercept: float
    penalty: float

    def score(self, x: np.ndarray) -> np.ndarray:
        """Return the linear predictor, (n,)."""
        return np.asarray(_standardised(x, self.mean, self.scale) @ self.coef + self.intercept)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return P(y = 1)."""
        return np.asarray(expit(self.score(x)))


@dataclass(frozen=True)
class Trees:
    """Boosted trees; `n_trees` was chosen by cross-validation."""

    fitted: Any
    n_trees: int

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return P(y = 1)."""
        with threadpool_limits(1):
            return np.asarray(self.fitted.predict_proba(x)[:, 1])


def fit_linear(
    x: np.ndarray, y: Any, *, groups: Any = None, seed: int = 0, penalties: Iterable[float] = PENALTIES
) -> Linear | Constant:
    """Fit a ridge-penalised logistic model; the penalty with the best patient-grouped log likelihood wins.

    Parameters
    ----------
    x : (n, k), NaN = missing, which counts as the column's mean
    y : (n,) labels, 0 or 1
    groups : (n,) patient of each row
    seed : of the folds
    penalties : candidates for scikit-learn's C; one value is used as it is

    Raises
    ------
    InputError
        If lengths differ or a label is not 0 or 1.
    """
    positive, patient, note = _checked(x, y, groups)
    if note:
        return Constant(float(positive.mean()), note)
    candidates = list(penalties)
    best = candidates[0]
    splits = inner_splits(positive, patient, seed=seed) if len(candidates) > 1 else []
    if splits:
        loss = np.zeros(len(candidates))
        for train, held_out in splits:
            for k, fitted in enumerate(_path(x[train], positive[train], candidates)):
                loss[k] += _log_loss(positive[held_out], fitted(x[held_out])).sum()
        best = candidates[int(loss.argmin())]
    return _path(x, positive, [best])[0]


def fit_trees(x: np.ndarray, y: Any, *, groups: Any = None, seed: int = 0) -> Trees | Constant:
    """Fit boosted trees; their number is the one with the best patient-grouped log likelihood.

    Parameters and errors as `fit_linear`. A missing value goes its own way at each split.
    """
    positive, patient, note = _checked(x, y, groups)
    if note:
        return Constant(float(positive.mean()), note)
    numbers = np.arange(TREE_STEP, MAX_TREES + 1, TREE_STEP)
    loss = np.zeros(numbers.size)
    with threadpool_limits(1):
        for train, held_out in inner_splits(positive, patient, seed=seed):
            grown = _grow(x[train], positive[train], MAX_TREES)
            for number, p in enumerate(grown.staged_predict_proba(x[held_out]), start=1):
                if number % TREE_STEP == 0:
                    loss[number // TREE_STEP - 1] += _log_loss(positive[held_out], p[:, 1]).sum()
        n_trees = int(numbers[loss.argmin()])
        return Trees(_grow(x, positive, n_trees), n_trees)


def fit_combination(scores: np.ndarray, y: Any, *, groups: Any = None) -> Linear | Constant:
    """Fit a logistic model of log odds of probabilities, none with a negative weight, practically unpenalised.

    Without the sign, a dozen positive patients turn a good score upside down (Breiman 1996, stacked regressions).

    Parameters
    ----------
    scores : (n, k) probabilities, each by a model that never saw the row
    y : (n,) labels, 0 or 1
    groups : (n,) patient of each row

    Returns
    -------
    Linear or Constant
        Takes log odds: call it with `logit` of the probabilities.
    """
    x = logit(scores)
    positive, _, note = _checked(x, y, groups)
    if note:
        return Constant(float(positive.mean()), note)
    mean, scale = _moments(x)
    z, penalty = _standardised(x, mean, scale), max(PENALTIES)
    sign = np.where(positive, 1.0, -1.0)

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (w[0] + z @ w[1:])
        pull = -sign * expit(-margin)
        value = np.logaddexp(0.0, -margin).sum() + 0.5 * float(w[1:] @ w[1:]) / penalty
        return value, np.r_[pull.sum(), pull @ z + w[1:] / penalty]

    rate = float(np.log(positive.mean() / (1 - positive.mean())))
    bounds = [(None, None), *[(0.0, None)] * z.shape[1]]
    found = minimize(loss, np.r_[rate, np.zeros(z.shape[1])], jac=True, method="L-BFGS-B", bounds=bounds,
                     options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000})  # fmt: skip
    return Linear(mean, scale, found.x[1:], float(found.x[0]), penalty)


def inner_splits(
    y: np.ndarray, patient: np.ndarray, *, seed: int, n_folds: int = INNER_FOLDS
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return patient-grouped, stratified splits with both classes on either side; none where that is impossible."""
    folds = min(n_folds, np.unique(patient[y]).size, np.unique(patient[~y]).size)
    if folds < 2:
        return []
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        found = list(splitter.split(np.zeros(y.size), y, patient))
    return [(a, b) for a, b in found if 0 < y[a].sum() < a.size and b.size]


def _checked(x: np.ndarray, y: Any, groups: Any) -> tuple[np.ndarray, np.ndarray, str]:
    positive = binary(y)
    if x.ndim != 2 or len(x) != positive.size:
        raise InputError(f"x: expected {positive.size} rows of columns, found shape {x.shape}")
    patient, _ = codes(groups, n=positive.size)
    one_class = positive.all() or not positive.any()
    return positive, patient, "only one class: the base rate" if one_class else ""


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of the known values of each column; a constant column keeps its unit."""
    known = ~np.isnan(x)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, x, 0.0).sum(axis=0) / count
    scale = np.sqrt(np.where(known, (x - mean) ** 2, 0.0).sum(axis=0) / count)
    return mean, np.where(scale > 1e-12, scale, 1.0)


def _standardised(x: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    z = (x - mean) / scale
    return np.where(np.isnan(z), 0.0, z)


def _path(x: np.ndarray, y: np.ndarray, penalties: list[float]) -> list[Linear]:
    """Fit one model per penalty, each from where the one before ended."""
    mean, scale = _moments(x)
    z, out = _standardised(x, mean, scale), []
    regression = LogisticRegression(solver="newton-cholesky", warm_start=True, max_iter=200, tol=1e-8)
    with threadpool_limits(1):
        for penalty in penalties:
            regression.set_params(C=penalty).fit(z, y)
            coef = regression.coef_[0].copy()
            out.append(Linear(mean, scale, coef, float(regression.intercept_[0]), float(penalty)))
    return out


def _grow(x: np.ndarray, y: np.ndarray, n_trees: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=n_trees, early_stopping=False, random_state=0, **TREES
    ).fit(x, y)


def _log_loss(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    score = logit(p)
    return np.logaddexp(0.0, score) - y * score
