"""Who was left out, when and why: the numbers of the flow diagram, which add up to the table they started from."""

from __future__ import annotations

import pandas as pd

from ccta_lib.cohort.store import WaveformStore
from ccta_lib.errors import InputError
from ccta_lib.schema import COHORTS, VESSELS

COLUMNS = ["step", "cohort", "n_ecgs", "n_exams", "n_patients", "excluded", "reason"]
START, WAVEFORM, GRADE = (
    "ECGs in the cohort table",
    "12-lead ECG of 10 s",
    "Known grade of at least one vessel",
)
NO_GRADE = "no known stenosis grade"


def flow_table(cohort: pd.DataFrame, store: WaveformStore) -> pd.DataFrame:
    """Count the ECGs, exams and patients of each cohort after each exclusion.

    Parameters
    ----------
    cohort : DataFrame
        The validated cohort table.
    store : WaveformStore
        Its waveform store; every ECG of the table must be in its index, kept or excluded.

    Returns
    -------
    DataFrame
        Columns step, cohort, n_ecgs, n_exams, n_patients, excluded, reason. Per cohort: the table; one row
        for each reason for which a recording was excluded; the recordings kept; ECGs without any grade
        (`excluded` may be 0). The n are what remains *after* the row, so n_ecgs + excluded is n_ecgs of the
        row before. ECGs without a grade stay in the store and get predictions; no analysis counts them.

    Raises
    ------
    InputError
        If the store does not know an ECG of the table.
    """
    reasons = store.index.set_index("ecg_id")["reason"]
    unknown = cohort.loc[~cohort["ecg_id"].isin(reasons.index), "ecg_id"]
    if len(unknown):
        raise InputError(*(f"{store.path}: ECG {i!r} of the cohort table is not in this store; build it again"
                           for i in unknown))  # fmt: skip
    reason = cohort["ecg_id"].astype(object).map(reasons)
    grades = [v.grade_column for v in VESSELS if v.grade_column in cohort]
    graded = cohort[grades].notna().any(axis=1)
    rows = []
    for name in [c for c in COHORTS if (cohort["cohort"] == c).any()]:
        left = cohort["cohort"] == name
        rows.append(_row(START, name, cohort[left], 0, ""))
        here = reason[left & (reason != "")].value_counts(sort=False).sort_index()
        for why in here.sort_values(ascending=False, kind="stable").index:
            out = left & (reason == why)
            left &= ~out
            rows.append(_row(WAVEFORM, name, cohort[left], int(out.sum()), why))
        rows.append(_row(WAVEFORM, name, cohort[left], 0, ""))
        rows.append(_row(GRADE, name, cohort[left & graded], int((left & ~graded).sum()), NO_GRADE))
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(step: str, cohort: str, left: pd.DataFrame, excluded: int, reason: str) -> tuple[object, ...]:
    exams = len(left.drop_duplicates(["patient_id", "exam_id"]))
    return step, cohort, len(left), exams, left["patient_id"].nunique(), excluded, reason
