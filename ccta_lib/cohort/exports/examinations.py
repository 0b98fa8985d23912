"""Rows of the reports become examinations: identical rows count once, rows that contradict each other not at all."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccta_lib.cohort.exports.identity import Pseudonyms
from ccta_lib.cohort.exports.reading import HISTORY, UNKNOWN
from ccta_lib.schema import VESSELS

IDENTICAL = "identical row"
OF_TWO_PATIENTS = "examination identifier of two patients"
AT_TWO_TIMES = "one examination at two times"
CONFLICTING = "conflicting reports of one examination"
GRADES = [v.grade_column for v in VESSELS]


def examinations(reports: pd.DataFrame, pseudonyms: Pseudonyms) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Gather the rows of the reports into examinations.

    Reports of one patient at one time are one examination, as are those with one `exam_id`. What its rows say
    is put together; where they contradict each other about a grade, none of them is used; about history,
    sex, or anything else, it is unknown (sex and birth date are compared over all inputs later).

    Parameters
    ----------
    reports : DataFrame
        From `intake.read_table`, patients under several identifiers already made one.
    pseudonyms : Pseudonyms

    Returns
    -------
    reports : DataFrame
        With `reason` extended to the rows left out here, and `exam`, the number of the examination (0 = none).
    exams : DataFrame
        One row per examination: exam, patient, ccta_time, ccta_time_day, grades (rank, -1 unknown), history
        (1, 0, -1), age, symptom, site, row (of the first report).
    """
    rows = reports.copy()
    rows["exam"] = np.int64(0)
    usable = rows["reason"] == ""
    rows["reason"] = rows["reason"].astype(object)
    twice = usable & rows.loc[usable, "content"].duplicated().reindex(rows.index, fill_value=False)
    rows.loc[twice, "reason"] = IDENTICAL
    usable &= ~twice

    named = rows[usable & (rows["exam_id"] != 0)]
    by_id = named.groupby("exam_id")
    for column, reason in [("patient", OF_TWO_PATIENTS), ("ccta_time", AT_TWO_TIMES)]:
        differs = by_id[column].transform("min") != by_id[column].transform("max")
        index = differs.index[differs]
        rows.loc[index[(rows.loc[index, "reason"] == "").to_numpy()], "reason"] = reason
    usable &= rows["reason"] == ""

    part = rows[usable]
    by_time = part.groupby(["patient", "ccta_time"], sort=False)
    conflict = pd.Series(False, index=part.index)
    for column in GRADES:
        known = part[column].where(part[column] != UNKNOWN)
        group = known.groupby([part["patient"], part["ccta_time"]], sort=False)
        conflict |= group.transform("min") < group.transform("max")
    rows.loc[conflict.index[conflict], "reason"] = CONFLICTING
    # The number of an examination is keyed too: made of patient and true time without the key, it would
    # give the time away to whoever tries all of them.
    first = part.loc[by_time.cumcount() == 0, ["patient", "ccta_time", "exam_id"]]
    exam = np.array([named or pseudonyms.number("exam", f"{patient} {time}")
                     for patient, time, named in first.itertuples(index=False)], dtype=np.int64)  # fmt: skip
    rows.loc[part.index, "exam"] = exam[by_time.ngroup()]
    rows.loc[rows["reason"] != "", "exam"] = np.int64(0)
    return rows, _exams(rows[rows["reason"] == ""])


def _exams(rows: pd.DataFrame) -> pd.DataFrame:
    group = rows.groupby("exam", sort=False)
    table = group[["patient", "ccta_time", "ccta_time_day", "row"]].first()
    for column in GRADES:
        table[column] = group[column].max()
    for column in HISTORY:
        known = rows[column].where(rows[column] != UNKNOWN)
        both = known.groupby(rows["exam"], sort=False)
        agreed = both.min() == both.max()
        table[column] = both.max().where(agreed).fillna(UNKNOWN).astype("int8")
    table["age"] = group["age"].first()
    for column in ("symptom", "site"):
        text = rows[column].astype(object)
        known = text.where(text != "")
        both = known.groupby(rows["exam"], sort=False)
        table[column] = both.first().where(both.nunique() < 2).fillna("")
    return table.reset_index()
