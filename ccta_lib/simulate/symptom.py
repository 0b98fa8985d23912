"""The complaint an examination was requested for; random numbers of its own, so that nothing else moves."""

from __future__ import annotations

from typing import cast

import numpy as np

from ccta_lib.schema import COHORT_COLUMNS
from ccta_lib.simulate.settings import Settings
from ccta_lib.simulate.waves import dose_of

SYMPTOMS = cast("tuple[str, ...]", COHORT_COLUMNS["symptom"].values)
"""The order in which `SymptomSettings` gives its five values."""


def symptom_probabilities(
    percent: np.ndarray, male: np.ndarray, diabetes: np.ndarray, settings: Settings
) -> np.ndarray:
    """Probability of each symptom, by multinomial logit.

    Typicality rises with the ischaemia that the worst stenosis can cause, seen in the ECG or not. Women and
    people with diabetes complain less typically at equal disease.

    Parameters
    ----------
    percent : (n, 4)
        True percent stenosis.
    male, diabetes : (n,) bool
    settings : Settings

    Returns
    -------
    float array, shape (n, 5)
        In the order of `SYMPTOMS`; rows sum to one.
    """
    s = settings.symptom
    dose = dose_of(percent, settings).max(axis=1)
    score = np.log(np.array(s.share)) + dose[:, None] * np.array(s.on_dose)
    score += np.where(male, 0.0, 1.0)[:, None] * np.array(s.on_female)
    score += np.where(diabetes, 1.0, 0.0)[:, None] * np.array(s.on_diabetes)
    weight = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def draw_symptoms(
    percent: np.ndarray,
    male: np.ndarray,
    diabetes: np.ndarray,
    settings: Settings,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw one symptom per row: arguments as `symptom_probabilities`, one row per examination."""
    edges = np.cumsum(symptom_probabilities(percent, male, diabetes, settings), axis=1)[:, :-1]
    number = (rng.random(len(percent))[:, None] >= edges).sum(axis=1)
    return np.array(SYMPTOMS, dtype=object)[number]
