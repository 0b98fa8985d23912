"""Do 95 % intervals of the AUC contain the truth 95 times in 100? Score sets with a known AUC, and the count.

Scores are binormal with several ECGs per patient: the score of ECG j of patient i is
mu y_i + sqrt(rho) a_i + sqrt(1 - rho) e_ij with independent standard normal a and e, so that two ECGs of a patient
correlate by rho given the label. A label belongs to the patient, hence any positive and any negative ECG are of
different patients and their scores independent: the AUC is exactly Phi(mu / sqrt(2)), whatever rho.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import norm

from ccta_lib.errors import InputError
from ccta_lib.evaluation.auc import auc_interval
from ccta_lib.evaluation.rates import wilson

METHODS = {
    "DeLong, by ECG": ("delong", False),
    "Obuchowski, by patient": ("delong", True),
    "bootstrap of ECGs": ("bootstrap", False),
    "bootstrap of patients": ("bootstrap", True),
}
"""Name of each interval: the method of `auc_interval`, and whether it is given the patients."""


def binormal_shift(auc: float) -> float:
    """Return how many standard deviations the positives' mean lies above the negatives' for this AUC.

    Raises
    ------
    InputError
        If the AUC is not strictly between 0 and 1.
    """
    if not 0 < auc < 1:
        raise InputError(f"auc: found {auc}; expected above 0, below 1")
    return float(np.sqrt(2) * norm.ppf(auc))


def draw_scores(
    *,
    patients: int,
    ecgs: int,
    prevalence: float,
    auc: float,
    correlation: float,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw labels, scores and patients of one score set whose AUC is known.

    Parameters
    ----------
    patients, ecgs : how many patients, and ECGs of each
    prevalence : probability that a patient is positive
    auc : true AUC of the scores
    correlation : of two ECGs of a patient, given the label; 0 to 1
    generator : source of chance

    Returns
    -------
    y : bool (patients x ecgs,)
    score : float64 of that shape
    patient : int64 of that shape

    Raises
    ------
    InputError
        If a number is out of range.
    """
    faults = [
        f"{name}: found {value}; expected {least:g} to {most:g}"
        for name, value, least, most in (
            ("patients", patients, 1, np.inf), ("ecgs", ecgs, 1, np.inf), ("prevalence", prevalence, 0, 1),
            ("correlation", correlation, 0, 1),
        ) if not least <= value <= most
    ]  # fmt: skip
    if faults:
        raise InputError(*faults)
    shift = binormal_shift(auc)
    ill = generator.random(patients) < prevalence
    of_patient = generator.normal(size=patients)
    of_ecg = generator.normal(size=(patients, ecgs))
    score = (shift * ill + np.sqrt(correlation) * of_patient)[:, None] + np.sqrt(1 - correlation) * of_ecg
    return np.repeat(ill, ecgs), score.ravel(), np.repeat(np.arange(patients), ecgs)


def judge(
    y: np.ndarray,
    score: np.ndarray,
    patient: np.ndarray,
    truth: float,
    *,
    n_boot: int,
    generator: np.random.Generator,
) -> pd.DataFrame:
    """Make the interval of one score set by every method, and see where the truth lies.

    Parameters
    ----------
    y, score, patient : labels, scores and patients, each (n,)
    truth : the AUC to be contained
    n_boot : resamples of the bootstraps
    generator : their source of chance

    Returns
    -------
    DataFrame
        method, estimate, se, low, high, place: "inside", "below" (the truth lies below the interval), "above", or
        "none" where there is no interval or no truth.
    """
    rows = []
    for name, (method, by_patient) in METHODS.items():
        i = auc_interval(
            y, score, groups=patient if by_patient else None, method=method, n_boot=n_boot, seed=generator
        )
        if np.isnan(i.low) or np.isnan(truth):
            place = "none"
        else:
            place = "below" if truth < i.low else "above" if truth > i.high else "inside"
        rows.append((name, i.estimate, i.se, i.low, i.high, place))
    return pd.DataFrame(rows, columns=["method", "estimate", "se", "low", "high", "place"])


def tally(judged: pd.DataFrame, *, by: Iterable[str] = ("method",)) -> pd.DataFrame:
    """Count where the truth lay.

    Parameters
    ----------
    judged : rows of `judge`
    by : columns that tell groups apart, in the order of their first rows

    Returns
    -------
    DataFrame
        the columns of `by`, sets, intervals (sets that have one), inside, below, above, width (mean of high - low),
        se (mean), sd (of the estimates over sets).
    """
    keys = list(by)
    rows = []
    for key, part in judged.groupby(keys, sort=False):
        has = part["place"] != "none"
        rows.append((
            *(key if isinstance(key, tuple) else (key,)), len(part), int(has.sum()),
            *(int((part["place"] == p).sum()) for p in ("inside", "below", "above")),
            (part["high"] - part["low"])[has].mean(), part["se"][has].mean(), part["estimate"].std(ddof=1),
        ))  # fmt: skip
    columns = [*keys, "sets", "intervals", "inside", "below", "above", "width", "se", "sd"]
    return pd.DataFrame(rows, columns=columns)


def coverage_table(counts: pd.DataFrame, *, by: Iterable[str], level: float = 0.95) -> pd.DataFrame:
    """Turn counts of `tally`, perhaps from several batches of sets, into coverage with its Monte-Carlo interval.

    Parameters
    ----------
    counts : rows of `tally`; those that agree in `by` are added up
    by : columns that tell groups apart, in the order of their first rows
    level : of the Monte-Carlo interval

    Returns
    -------
    DataFrame
        the columns of `by`, sets, intervals, inside, below, above, estimate (inside / intervals), low, high (Wilson,
        the sets being independent), width (mean), se_ratio: mean standard error of the method over the standard
        deviation of the estimates, 1 where it is right.
    """
    keys = list(by)
    weighted = counts.assign(width=counts["width"] * counts["intervals"], se=counts["se"] * counts["intervals"],
                             variance=counts["sd"] ** 2 * (counts["sets"] - 1), free=counts["sets"] - 1)  # fmt: skip
    names = ["sets", "intervals", "inside", "below", "above", "width", "se", "variance", "free"]
    added = weighted.groupby(keys, sort=False)[names].sum().reset_index()
    low, high = wilson(added["inside"], added["intervals"], level=level)
    return added[[*keys, "sets", "intervals", "inside", "below", "above"]].assign(
        estimate=added["inside"] / added["intervals"].where(added["intervals"] > 0),
        low=low,
        high=high,
        width=added["width"] / added["intervals"],
        se_ratio=added["se"] / added["intervals"] / np.sqrt(added["variance"] / added["free"]),
    )
