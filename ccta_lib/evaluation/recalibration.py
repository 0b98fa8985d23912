"""Recalibration: what is left of miscalibration once intercept, slope or the whole curve is refitted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from ccta_lib.errors import InputError, TableError
from ccta_lib.evaluation import logistic
from ccta_lib.evaluation.aggregate import labelled
from ccta_lib.evaluation.checks import binary, codes, one_of, probability, same_length
from ccta_lib.evaluation.tables import cohort_column
from ccta_lib.schema import N_FOLDS, VESSELS

FORMS = ("intercept", "slope and intercept", "isotonic")


@dataclass(frozen=True)
class Calibrator:
    """A fitted map from probability to probability.

    Attributes
    ----------
    form : one of `FORMS`
    intercept, slope : on the logit scale; unused by isotonic
    steps : the isotonic fit, or None
    note : why the map is the identity, if it is
    """

    form: str
    intercept: float = 0.0
    slope: float = 1.0
    steps: IsotonicRegression | None = None
    note: str = ""

    def __call__(self, p: np.ndarray) -> np.ndarray:
        """Return recalibrated probabilities, same shape."""
        if self.steps is not None:
            return np.asarray(self.steps.predict(p), dtype=float)
        return expit(self.intercept + self.slope * logistic.logit(np.asarray(p, dtype=float)))


def recalibrate(y: Any, p: Any, *, form: str = "slope and intercept", groups: Any = None) -> Calibrator:
    """Fit a calibrator in which each patient weighs 1.

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    p : (n,) probabilities, clipped to [1e-6, 1 - 1e-6] for the logit
    form : "intercept" (slope 1), "slope and intercept" on logit p, or "isotonic" (clipped outside its range)
    groups : (n,) patient of each row; None = one patient per row

    Returns
    -------
    Calibrator
        Callable on new probabilities; the identity, with a note, where no finite fit exists.

    Raises
    ------
    InputError
        If lengths differ, a label is not 0 or 1, or a probability lies outside [0, 1].
    """
    one_of(form, FORMS, "form")
    positive, prob = binary(y), probability(p)
    n = same_length(y=positive, p=prob)
    code, _ = codes(groups, n=n)
    weight = 1.0 / np.bincount(code)[code]
    x = logistic.logit(prob)
    reason = logistic.separated(positive, x)
    if positive.all() or not positive.any() or (reason and form == "slope and intercept"):
        return Calibrator(form, note=f"{reason}: probabilities left as they are")
    if form == "isotonic":
        steps = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        return Calibrator(form, steps=steps.fit(prob, positive.astype(float), sample_weight=weight))
    ones = np.ones((n, 1))
    if form == "intercept":
        return Calibrator(form, float(logistic.fit(ones, positive, offset=x, weights=weight).coef[0]))
    line = logistic.fit(np.column_stack([ones, x]), positive, weights=weight)
    return Calibrator(form, float(line.coef[0]), float(line.coef[1]))


def recalibrated_predictions(
    predictions: pd.DataFrame,
    *,
    form: str,
    by_fold: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Replace probabilities by recalibrated ones, never using a patient's own label.

    Inside, a fold's rows get the calibrator of the other folds' out-of-fold rows. Outside, calibrator k, fitted
    on fold k's out-of-fold rows, is applied to model k and the models are then averaged.

    Parameters
    ----------
    predictions : contract 2 with `fold`
    form : one of `FORMS`
    by_fold : single models' predictions (ecg_id, fold_model, prob_*)
        Without it the calibrators are applied to the ensemble and averaged, an approximation, because an
        ensemble is calibrated differently from one model.

    Raises
    ------
    TableError
        If there is no internal row with a fold.
    """
    one_of(form, FORMS, "form")
    inside = (cohort_column(predictions) == "internal").to_numpy()
    fold = _fold_column(predictions)
    if not (inside & np.isfinite(fold)).any():
        raise TableError(
            "predictions: no internal row has a fold; recalibration needs out-of-fold predictions"
        )
    out = predictions.copy()
    for vessel in VESSELS:
        if vessel.prob_column not in predictions:
            continue
        known, y = labelled(predictions, vessel)
        p = predictions[vessel.prob_column].to_numpy(dtype=float)
        patient = predictions["patient_id"].astype(str).to_numpy(dtype=object)
        usable = known & inside & np.isfinite(fold)
        new = p.copy()
        calibrators = []
        for k in range(N_FOLDS):
            calibrators.append(_fit_rows(y, p, patient, usable & (fold == k), form))
            rows = inside & (fold == k)
            if rows.any():
                new[rows] = _fit_rows(y, p, patient, usable & (fold != k), form)(p[rows])
        if (~inside).any():
            models = _single_models(predictions, by_fold, vessel.prob_column, p)
            average = np.mean([c(m) for c, m in zip(calibrators, models, strict=True)], axis=0)
            new[~inside] = average[~inside]
        out[vessel.prob_column] = new
    return out


def locally_updated_predictions(
    predictions: pd.DataFrame, *, seed: int | np.random.Generator, form: str = "slope and intercept"
) -> pd.DataFrame:
    """Recalibrate each outside cohort on its own labels, cross-fitted over five patient folds.

    Parameters
    ----------
    predictions : contract 2
    seed : int or numpy Generator that deals patients to folds
    form : one of `FORMS`

    Returns
    -------
    DataFrame
        The rows outside the internal cohort, with updated probabilities.
    """
    outside = predictions.loc[cohort_column(predictions) != "internal"].reset_index(drop=True)
    rng = np.random.default_rng(seed)
    cohort = cohort_column(outside).to_numpy()
    patient = outside["patient_id"].astype(str).to_numpy(dtype=object)
    fold = np.zeros(len(outside), dtype=int)
    for name in pd.unique(cohort):
        members, number = np.unique(patient[cohort == name].astype(str), return_inverse=True)
        fold[cohort == name] = rng.permutation(np.arange(members.size) % N_FOLDS)[number]
    for vessel in VESSELS:
        if vessel.prob_column not in outside:
            continue
        known, y = labelled(outside, vessel)
        p = outside[vessel.prob_column].to_numpy(dtype=float)
        new = p.copy()
        for rows, others in _local_splits(cohort, fold):
            new[rows] = _fit_rows(y, p, patient, known & others, form)(p[rows])
        outside[vessel.prob_column] = new
    return outside


def _local_splits(cohort: np.ndarray, fold: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for name in pd.unique(cohort):
        for k in range(N_FOLDS):
            rows = (cohort == name) & (fold == k)
            if rows.any():
                yield rows, (cohort == name) & (fold != k)


def _fit_rows(y: np.ndarray, p: np.ndarray, patient: np.ndarray, rows: np.ndarray, form: str) -> Calibrator:
    if not rows.any():
        return Calibrator(form, note="no labelled row to fit on: probabilities left as they are")
    return recalibrate(y[rows], p[rows], form=form, groups=patient[rows])


def _fold_column(predictions: pd.DataFrame) -> np.ndarray:
    if "fold" not in predictions:
        return np.full(len(predictions), np.nan)
    return predictions["fold"].to_numpy(dtype=float, na_value=np.nan)


def _single_models(
    predictions: pd.DataFrame, by_fold: pd.DataFrame | None, column: str, ensemble: np.ndarray
) -> list[np.ndarray]:
    """Return each model's probability for every row, (n,); the ensemble's where a model has none."""
    if by_fold is None:
        return [ensemble] * N_FOLDS
    models = sorted(by_fold["fold_model"].unique().tolist())
    if models != list(range(N_FOLDS)):
        raise InputError(f"by_fold: expected fold_model 0 to {N_FOLDS - 1}, found {models}")
    wide = by_fold.pivot_table(index="ecg_id", columns="fold_model", values=column).reindex(
        predictions["ecg_id"]
    )
    return [np.where(np.isnan(wide[k]), ensemble, wide[k]) for k in models]
