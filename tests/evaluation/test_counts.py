"""Counts by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccta_lib.evaluation.counts import label_counts, label_overlap

TABLE = pd.DataFrame(
    {
        "ecg_id": list("abcd"),
        "patient_id": ["1", "1", "2", "3"],
        "exam_id": ["1", "1", "2", "3"],
        "cohort": "internal",
        "grade_rca": ["severe", "severe", "occluded", "mild"],
        "grade_lad": ["severe", "severe", "mild", "mild"],
        "grade_lcx": [None, None, "severe", None],
        **{f"prob_{v}": 0.5 for v in ("rca", "lm", "lad", "lcx")},
    }
)


def test_counts() -> None:
    counts = label_counts(TABLE).set_index("vessel")
    rca = counts.loc["RCA"]
    assert rca[["ecgs", "positive_ecgs", "patients", "positive_patients"]].tolist() == [4, 3, 3, 2]
    assert rca["ecgs_per_patient"] == 4 / 3
    assert counts.loc["LM", "ecgs"] == 0
    assert np.isnan(counts.loc["LM", "prevalence"])


def test_overlap_counts_patients_and_only_known_grades() -> None:
    overlap = label_overlap(TABLE).set_index("vessel")
    assert overlap["positive"].tolist() == [2, 0, 1, 1]
    assert overlap.loc["RCA", "LAD"] == 50.0
    assert overlap.loc["RCA", "LCX"] == 100.0  # the other patient's LCX is unknown
    assert np.isnan(overlap.loc["RCA", "LM"])
    assert np.isnan(overlap.loc["LM", "RCA"])
