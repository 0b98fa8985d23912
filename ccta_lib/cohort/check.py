"""What a cohort or prediction table holds, per cohort and vessel: the answer of `ccta check`."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd

from ccta_lib.errors import TableError
from ccta_lib.schema import (
    COHORTS,
    VESSELS,
    Vessel,
    is_prediction_table,
    labels,
    read_cohort,
    read_predictions,
)


def describe(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Validate a table and count what is in it.

    Parameters
    ----------
    path : path
        A cohort table (contract 1) or a prediction table (contract 2), CSV or Parquet.

    Returns
    -------
    DataFrame
        One row per cohort and vessel: cohort, vessel, ecgs, exams, patients; labelled (ECGs with a known
        grade), positive (severe or occluded), positive_patients, prevalence (of the labelled; NaN without
        any), missing (ECGs without a grade). For predictions also prob_missing, prob_low, prob_high, folds
        (those that occur) and out_of_fold: how many ECGs of the internal cohort lack a fold or a probability
        ("complete" when none does, empty outside).

    Raises
    ------
    TableError
        With everything that is wrong with the table; also if a patient lies in two folds, because then no
        probability of that patient is out of fold.
    """
    predicted = is_prediction_table(path)
    table = read_predictions(path) if predicted else read_cohort(path)
    if predicted and "fold" in table:
        internal = table.loc[table["cohort"] == "internal"]
        folds = internal.groupby("patient_id")["fold"].nunique()
        once = internal["patient_id"].drop_duplicates()
        row = dict(zip(once, once.index + 1, strict=True))
        torn = folds.index[folds > 1]
        if len(torn):
            raise TableError(*(f"{path}: column fold: the patient of row {row[p]} lies in {folds[p]} folds; all "
                               "predictions of a patient must come from the one model that never saw them"
                               for p in torn))  # fmt: skip
    rows = []
    for cohort in COHORTS:
        part = table[table["cohort"] == cohort]
        if len(part):
            rows += [_row(part, cohort, vessel, predicted=predicted) for vessel in VESSELS]
    return pd.DataFrame(rows)


def _row(part: pd.DataFrame, cohort: str, vessel: Vessel, *, predicted: bool) -> dict[str, object]:
    column = vessel.grade_column
    label = labels(part[column]) if column in part else np.full(len(part), np.nan)
    known, positive = np.isfinite(label), label == 1
    row: dict[str, object] = {
        "cohort": cohort,
        "vessel": str(vessel),
        "ecgs": len(part),
        "exams": len(part.drop_duplicates(["patient_id", "exam_id"])),
        "patients": part["patient_id"].nunique(),
        "labelled": int(known.sum()),
        "positive": int(positive.sum()),
        "positive_patients": part.loc[positive, "patient_id"].nunique(),
        "prevalence": positive.sum() / known.sum() if known.any() else np.nan,
        "missing": int((~known).sum()),
    }
    if predicted:
        probability = part[vessel.prob_column]
        fold = part["fold"] if "fold" in part else pd.Series(np.nan, index=part.index)
        absent = int((fold.isna() | probability.isna()).sum())
        row |= {
            "prob_missing": int(probability.isna().sum()),
            "prob_low": probability.min(),
            "prob_high": probability.max(),
            "folds": " ".join(f"{f:g}" for f in sorted(fold.dropna().unique())),
            "out_of_fold": ("complete" if absent == 0 else f"{absent} without")
            if cohort == "internal"
            else "",
        }
    return row
