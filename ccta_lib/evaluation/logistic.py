"""Logistic regression for calibration and interaction: statsmodels' fit with patient-robust covariance."""

from __future__ import annotations

import gc
import warnings
from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
from scipy.special import logit as scipy_logit

CLIP = 1e-6


def logit(p: np.ndarray) -> np.ndarray:
    """Return log odds of probabilities clipped to [1e-6, 1 - 1e-6]."""
    return scipy_logit(np.clip(p, CLIP, 1 - CLIP))


@dataclass(frozen=True)
class Fit:
    """A fitted logistic model.

    Attributes
    ----------
    coef : (k,)
    covariance : (k, k) from the information matrix
    log_likelihood : float
    scores : (n, k) contribution of each row to the gradient
    """

    coef: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    scores: np.ndarray

    def robust_covariance(self, code: np.ndarray) -> np.ndarray:
        """Return the sandwich covariance with rows summed within patients, times I/(I-1), (k, k).

        Parameters
        ----------
        code : (n,) patient number of each row, from 0
        """
        patients = int(code.max()) + 1
        summed = np.stack([np.bincount(code, s, minlength=patients) for s in self.scores.T])
        return patients / (patients - 1) * self.covariance @ (summed @ summed.T) @ self.covariance


def fit(
    design: np.ndarray,
    y: np.ndarray,
    *,
    offset: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> Fit:
    """Fit a logistic model by maximum likelihood; the caller has made sure that the maximum exists.

    Parameters
    ----------
    design : (n, k)
    y : (n,) bool or 0/1
    offset : (n,) on the logit scale
    weights : (n,) row weights
    """
    with warnings.catch_warnings():
        # statsmodels warns about separation, which `separated` has ruled out, and about weights in a family.
        warnings.simplefilter("ignore")
        model = sm.GLM(
            y.astype(float), design, family=sm.families.Binomial(), offset=offset, freq_weights=weights
        )
        result = model.fit(maxiter=100, tol=1e-13)
    w = np.ones(len(y)) if weights is None else weights
    scores = design * (w * (y - result.fittedvalues))[:, None]
    # Each step of statsmodels' fit leaves a copy of the rows in an object that holds itself, which stays until Python
    # happens to look for such: at a million rows 400 MB a model. They are young, so that looking costs next to nothing.
    gc.collect(1)
    return Fit(result.params, np.asarray(result.cov_params()), float(result.llf), scores)


def separated(y: np.ndarray, x: np.ndarray) -> str:
    """Say why a logistic slope of y on x has no finite estimate; empty when it has one.

    Parameters
    ----------
    y : (n,) bool
    x : (n,)
    """
    if y.all() or not y.any():
        return "only one class"
    if np.ptp(x) == 0:
        return "all scores are equal"
    if x[y].min() >= x[~y].max() or x[y].max() <= x[~y].min():
        return "the score separates the classes: no finite slope"
    return ""


def calibration_in_the_large(y: np.ndarray, p: np.ndarray) -> float:
    """Return the intercept of a calibration model with slope 1; NaN where only one class is there.

    Parameters
    ----------
    y : (n,) bool or 0/1
    p : (n,) probabilities, clipped as in `logit`
    """
    if len(np.unique(y)) < 2:
        return float("nan")
    return float(fit(np.ones((len(y), 1)), y, offset=logit(p)).coef[0])


def calibration_slope(y: np.ndarray, p: np.ndarray) -> float:
    """Return the slope of outcome on logit p; NaN where `separated`.

    Parameters
    ----------
    y : (n,) bool or 0/1
    p : (n,) probabilities, clipped as in `logit`
    """
    x = logit(p)
    if separated(np.asarray(y) == 1, x):
        return float("nan")
    return float(fit(np.column_stack([np.ones(len(y)), x]), y).coef[1])
