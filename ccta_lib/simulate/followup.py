"""Follow-up: infarction, death and revascularisation compete, observation ends at a random time."""

from __future__ import annotations

import numpy as np

from ccta_lib.simulate.settings import Settings


def outcomes(
    severe: np.ndarray, prior_mi: np.ndarray, age: np.ndarray, entry_days: np.ndarray, s: Settings,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Draw each patient's end of follow-up (Methods, longitudinal cohort).

    Nobody has an event before the CCTA, which enrolment requires; days count from the ECG.

    Parameters
    ----------
    severe : (n, 4) bool
    prior_mi : (n,) bool
    age : (n,) years
    entry_days : (n,)
        Days from ECG to CCTA.

    Returns
    -------
    dict of arrays (n,)
        followup_days, mi_event, end_reason.
    """
    n = len(age)
    ratio = np.prod(np.where(severe, np.array(s.mi_severe), 1.0), axis=1)
    ratio *= np.where(prior_mi, s.mi_prior, 1.0) * s.mi_age ** ((age - s.age_reference) / 10.0)
    other = (s.death + s.revascularisation[0] + s.revascularisation[1] * severe.sum(axis=1)) / 365.25
    base = _mi_hazard(ratio, other, s.mi_700)
    mi = rng.exponential(size=n) / (base * ratio)
    death = rng.exponential(size=n) / (s.death / 365.25)
    rate = (s.revascularisation[0] + s.revascularisation[1] * severe.sum(axis=1)) / 365.25
    revascularisation = rng.exponential(size=n) / rate
    end = np.maximum(rng.uniform(*s.censoring_days, n) - entry_days, 1.0)
    times = np.stack([mi, death, revascularisation, end])
    first = np.argmin(times, axis=0)
    reasons = np.array(["mi", "death", "revascularisation", "end"], dtype=object)
    return {
        "followup_days": np.ceil(times.min(axis=0) + entry_days),
        "mi_event": first == 0,
        "end_reason": reasons[first],
    }


def _mi_hazard(ratio: np.ndarray, other: np.ndarray, incidence: float) -> float:
    """Daily baseline hazard at which the mean cumulative incidence by 700 days is `incidence`."""
    low, high = 1e-8, 1e-1
    for _ in range(60):
        middle = float(np.sqrt(low * high))
        hazard = middle * ratio
        mean = np.mean(hazard / (hazard + other) * -np.expm1(-700.0 * (hazard + other)))
        low, high = (middle, high) if mean < incidence else (low, middle)
    return low
