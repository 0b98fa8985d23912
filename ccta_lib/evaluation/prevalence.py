"""Another prevalence: what it does to a model, and the correction that needs no new training."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from ccta_lib.errors import InputError
from ccta_lib.evaluation.checks import binary, probability
from ccta_lib.evaluation.logistic import logit


def _share(value: float, name: str) -> float:
    if not 0 < value < 1:
        raise InputError(f"{name}: found {value:g}; expected a prevalence above 0 and below 1")
    return float(value)


def prior_shift(p: Any, *, trained: float, target: float) -> np.ndarray:
    """Move probabilities from the prevalence a model was trained at to another one.

    By Bayes' theorem the odds are multiplied by the ratio of the two prior odds, if disease looks the same in both
    populations (Saerens et al. 2002). Ranks, and so the AUC, stay.

    Parameters
    ----------
    p : (n,) probabilities
    trained, target : prevalences, above 0 and below 1

    Returns
    -------
    (n,) float64

    Raises
    ------
    InputError
        If a probability or a prevalence is out of range.
    """
    step = logit(np.array(_share(target, "target"))) - logit(np.array(_share(trained, "trained")))
    return np.asarray(expit(logit(probability(p)) + step))


def estimated_prevalence(p: Any, *, trained: float, tolerance: float = 1e-10, most: int = 10_000) -> float:
    """Estimate a population's prevalence from unlabelled predictions by expectation-maximisation.

    Each round corrects the predictions to the prevalence of the round before, and takes their mean as the next
    (Saerens et al. 2002).

    Parameters
    ----------
    p : (n,) probabilities of a model that is calibrated where it was trained
    trained : prevalence it was trained at
    tolerance : smallest change that goes on
    most : rounds at most

    Returns
    -------
    float
        Between 0 and 1, either included: where nobody, or everybody, seems ill.

    Raises
    ------
    InputError
        If a probability or the prevalence is out of range, or there is none.
    """
    x, start = logit(probability(p)), logit(np.array(_share(trained, "trained")))
    if not x.size:
        raise InputError("p: empty; pass at least one prediction")
    prevalence = float(trained)
    for _ in range(most):
        step = logit(np.array(prevalence)) - start
        following = float(expit(x + step).mean())
        if abs(following - prevalence) < tolerance:
            return following
        prevalence = following
    return prevalence


def rows_at_prevalence(y: Any, prevalence: float, *, generator: np.random.Generator) -> np.ndarray:
    """Draw the largest subset with a given prevalence: all rows of one class, some of the other, without return.

    Parameters
    ----------
    y : (n,) labels, 0 or 1, one row per patient
    prevalence : above 0 and below 1
    generator : draws the rows

    Returns
    -------
    int (k,)
        Row numbers, ascending. The share of positives is as near to `prevalence` as whole rows allow.

    Raises
    ------
    InputError
        If a class is missing, or one would be left empty.
    """
    positive, share = binary(y), _share(prevalence, "prevalence")
    ill, well = np.flatnonzero(positive), np.flatnonzero(~positive)
    if not ill.size or not well.size:
        raise InputError("y: only one class; no other prevalence can be drawn from it")
    n_ill = min(ill.size, round(well.size * share / (1 - share)))
    n_well = min(well.size, round(ill.size * (1 - share) / share))
    if not n_ill or not n_well:
        raise InputError(
            f"prevalence: {prevalence:g} leaves no row of one class among {len(positive)}; use more rows"
        )
    return np.sort(np.concatenate([generator.permutation(ill)[:n_ill], generator.permutation(well)[:n_well]]))
