"""How many labelled and positive rows and patients there are, and which arteries go together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccta_lib.evaluation.aggregate import aggregate
from ccta_lib.evaluation.tables import slices
from ccta_lib.schema import VESSELS, labels


def label_counts(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return per cohort and vessel the labelled and positive ECGs and patients, and ECGs per patient.

    Returns
    -------
    DataFrame
        cohort, vessel, ecgs, positive_ecgs, patients, positive_patients, prevalence, ecgs_per_patient
    """
    rows = []
    for part in slices(predictions):
        n, patients = len(part.y), part.n_patients
        rows.append(
            {
                "cohort": part.cohort,
                "vessel": part.vessel,
                "ecgs": n,
                "positive_ecgs": int(part.y.sum()),
                "patients": patients,
                "positive_patients": part.n_pos_patients,
                "prevalence": part.y.mean() if n else np.nan,
                "ecgs_per_patient": n / patients if patients else np.nan,
            }
        )
    return pd.DataFrame(rows)


def label_overlap(predictions: pd.DataFrame, *, cohort: str = "internal") -> pd.DataFrame:
    """Return, of patients positive for the row's vessel, the percentage positive for the column's too.

    Returns
    -------
    DataFrame
        vessel, positive (patients), then one column per vessel; NaN where no patient is positive, or none has
        the column's vessel labelled.
    """
    patients = aggregate(predictions[predictions["cohort"] == cohort], "patient")
    missing = pd.Series(pd.NA, index=patients.index, dtype="string")
    y = np.column_stack([labels(patients.get(v.grade_column, missing)) for v in VESSELS])
    rows = []
    for i, vessel in enumerate(VESSELS):
        among = y[y[:, i] == 1]
        known = (~np.isnan(among)).sum(axis=0)
        both = np.divide(
            (among == 1).sum(axis=0) * 100.0, known, out=np.full(len(VESSELS), np.nan), where=known > 0
        )
        rows.append(
            {"vessel": str(vessel), "positive": len(among), **dict(zip(map(str, VESSELS), both, strict=True))}
        )
    return pd.DataFrame(rows)
