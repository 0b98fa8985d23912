"""ECG, exam and patient level: the unit is always named, never the maximum of probabilities."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from ccta_lib.errors import TableError
from ccta_lib.evaluation.checks import one_of
from ccta_lib.schema import VESSELS, Grade, Vessel, labels

UNITS = ("ecg", "exam", "patient")
RULES = ("index", "worst")


def aggregate(predictions: pd.DataFrame, unit: str = "ecg", *, rule: str = "index") -> pd.DataFrame:
    """Reduce a prediction table to one row per ECG, exam or patient.

    Parameters
    ----------
    predictions : DataFrame
        Contract 2, one row per ECG. Without `exam_id`, a patient has one exam.
    unit : "ecg", "exam" or "patient"
        *exam*: probability = mean over its ECGs, grade constant within the exam, `ecg_normal` False if any is
        False, unknown if any is unknown, else True; all else from the ECG nearest the CCTA.
    rule : "index" or "worst", for patients
        *index*: the earliest exam with a known grade for any vessel (the earliest exam when none has one),
        the same exam for all vessels. *worst* (sensitivity analysis; do not show calibration): per vessel
        the worst known grade, unknown if none is severe and any is unknown; probability = mean over exams.

    Returns
    -------
    DataFrame
        The columns of `predictions`, rows in order of first appearance, index 0 .. n-1.

    Raises
    ------
    TableError
        If a grade differs within an exam; the message names the exam.
    InputError
        If `unit` or `rule` is unknown, or `patient_id` is missing.
    """
    one_of(unit, UNITS, "unit")
    one_of(rule, RULES, "rule")
    if "patient_id" not in predictions:
        raise TableError("predictions: column patient_id is missing (the unit of resampling); add it")
    if unit == "ecg":
        return predictions.reset_index(drop=True)
    exams = _exams(predictions)
    return exams if unit == "exam" else _patients(exams, rule)


def _number(table: pd.DataFrame, names: list[str]) -> pd.Series:
    """Number the rows alike in these columns, in order of first appearance; missing is like missing."""
    present = [table[n].astype("string") for n in names if n in table]
    return table.groupby(present, sort=False, dropna=False).ngroup()


def _exams(predictions: pd.DataFrame) -> pd.DataFrame:
    table = predictions.reset_index(drop=True)
    exam = _number(table, ["cohort", "patient_id", "exam_id"])
    out = table.loc[_nearest_ecg(table, exam)].reset_index(drop=True)
    for vessel in VESSELS:
        column = vessel.grade_column
        if column in table:
            grades = table[column].astype("string").groupby(exam)
            differing = np.flatnonzero(grades.nunique().to_numpy() > 1)
            if differing.size:
                first = table.loc[exam == differing[0]]
                patient = f"of patient {first['patient_id'].iloc[0]}"
                name = first["exam_id"].iloc[0] if "exam_id" in table else patient
                found = ", ".join(sorted(first[column].dropna().astype(str).unique()))
                raise TableError(
                    f"exam {name}, column {column}: found grades {found}; a CCTA has one grade per vessel"
                )
            out[column] = grades.first().to_numpy()
        if vessel.prob_column in table:
            out[vessel.prob_column] = table[vessel.prob_column].astype(float).groupby(exam).mean().to_numpy()
    if "ecg_normal" in table:
        out["ecg_normal"] = _all_normal(table["ecg_normal"].astype("boolean"), exam)
    return out


def _nearest_ecg(table: pd.DataFrame, exam: pd.Series) -> np.ndarray:
    """Return the row of the ECG nearest the CCTA in each exam; the first where times are unknown."""
    gap = pd.Series(np.inf, index=table.index)
    if {"ecg_time", "ccta_time"} <= set(table.columns):
        distance = (_time(table["ccta_time"]) - _time(table["ecg_time"])).abs()
        gap = distance.dt.total_seconds().fillna(np.inf)
    order = np.lexsort((gap.to_numpy(), exam.to_numpy()))
    return order[_first_of_each(exam.to_numpy()[order])]


def _first_of_each(number: np.ndarray) -> np.ndarray:
    """Tell which entries of an ascending array differ from the one before, (n,) bool; none of no entry."""
    return np.r_[True, np.diff(number) > 0][: number.size]


def _all_normal(normal: pd.Series, exam: pd.Series) -> ExtensionArray:
    any_false = (~normal).fillna(False).groupby(exam).any()
    any_unknown = normal.isna().groupby(exam).any()
    result = pd.Series(True, index=any_false.index, dtype="boolean")
    return result.mask(any_unknown, pd.NA).mask(any_false, False).array


def _patients(exams: pd.DataFrame, rule: str) -> pd.DataFrame:
    patient = _number(exams, ["cohort", "patient_id"])
    grade_columns = [v.grade_column for v in VESSELS if v.grade_column in exams]
    ungraded = exams[grade_columns].isna().all(axis=1).to_numpy()
    when = np.arange(len(exams), dtype=float)
    if "ccta_time" in exams:
        time = _time(exams["ccta_time"])
        when = time.rank(method="first").fillna(np.inf).to_numpy()
    order = np.lexsort((when, ungraded, patient.to_numpy()))
    index = order[_first_of_each(patient.to_numpy()[order])]
    out = exams.loc[index].reset_index(drop=True)
    if rule == "worst":
        for vessel in VESSELS:
            if vessel.grade_column in exams:
                out[vessel.grade_column] = _worst_grade(exams[vessel.grade_column], patient)
            if vessel.prob_column in exams:
                out[vessel.prob_column] = exams[vessel.prob_column].groupby(patient).mean().to_numpy()
    return out


def _worst_grade(grade: pd.Series, patient: pd.Series) -> ExtensionArray:
    rank = grade.astype("string").map({str(g): g.rank for g in Grade}).astype("Float64")
    worst = rank.groupby(patient).max()
    # An unknown exam could hide a severe stenosis, so lower known grades cannot decide.
    undecided = grade.isna().groupby(patient).any() & ~(worst >= Grade.SEVERE.rank).fillna(False)
    names = worst.mask(undecided).map({float(g.rank): str(g) for g in Grade})
    return names.astype("string").array


def labelled(table: pd.DataFrame, vessel: str) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows have a known label and a probability for a vessel, and the labels, each (n,)."""
    name = Vessel(vessel)
    if name.grade_column not in table:
        return np.zeros(len(table), bool), np.full(len(table), np.nan)
    y = labels(table[name.grade_column])
    known = np.isfinite(y)
    if name.prob_column in table:
        known &= table[name.prob_column].notna().to_numpy()
    return known, y


def _time(column: pd.Series) -> pd.Series:
    return pd.to_datetime(column, format="ISO8601")
