"""What `ccta check` says is what is in the table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccta_lib.cohort.check import describe
from ccta_lib.errors import TableError

COHORT = """ecg_id,patient_id,exam_id,cohort,waveform,grade_rca,grade_lad
e0,a,a1,internal,w,severe,
e1,a,a1,internal,w,severe,
e2,a,a2,internal,w,normal,
e3,b,b1,internal,w,,
e4,c,c1,external,w,occluded,mild
"""
PREDICTIONS = """ecg_id,patient_id,cohort,fold,grade_rca,prob_rca,prob_lm,prob_lad,prob_lcx
e0,a,internal,0,severe,0.5,0.1,0.2,0.3
e1,a,internal,0,severe,0.7,0.1,0.2,0.3
e2,b,internal,{fold},mild,0.1,{lm},0.2,0.3
e3,c,external,,mild,0.3,0.1,0.2,0.3
"""


def test_a_cohort_table_by_hand(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(COHORT)
    told = describe(tmp_path / "c.csv").set_index(["cohort", "vessel"])
    assert "prob_low" not in told
    assert list(told.index) == [(c, v) for c in ("internal", "external") for v in ("RCA", "LM", "LAD", "LCX")]
    inside = told.loc["internal", "RCA"]
    names = ["ecgs", "exams", "patients", "labelled", "positive", "positive_patients", "missing"]
    assert inside[names].tolist() == [4, 3, 2, 3, 2, 1, 1]
    assert inside["prevalence"] == pytest.approx(2 / 3)
    assert told.loc[("internal", "LAD"), ["labelled", "positive", "missing"]].tolist() == [0, 0, 4]
    assert np.isnan(told.loc[("internal", "LAD"), "prevalence"])
    assert told.loc[("external", "LAD"), "prevalence"] == 0


def test_a_prediction_table_by_hand(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(PREDICTIONS.format(fold=3, lm="0.4"))
    told = describe(tmp_path / "p.csv").set_index(["cohort", "vessel"])
    names = ["prob_missing", "prob_low", "prob_high", "folds", "out_of_fold"]
    assert told.loc[("internal", "RCA"), names].tolist() == [0, 0.1, 0.7, "0 3", "complete"]
    assert told.loc[("external", "RCA"), names].tolist() == [0, 0.3, 0.3, "", ""]


@pytest.mark.parametrize(("fold", "lm", "rca_says", "lm_says"), [
    ("", "0.4", "1 without", "1 without"), ("2", "", "complete", "1 without"),
])  # fmt: skip
def test_incomplete_out_of_fold_predictions_are_seen(
    tmp_path: Path, fold: str, lm: str, rca_says: str, lm_says: str
) -> None:
    (tmp_path / "p.csv").write_text(PREDICTIONS.format(fold=fold, lm=lm))
    told = describe(tmp_path / "p.csv").set_index(["cohort", "vessel"])["out_of_fold"]
    assert (told["internal", "RCA"], told["internal", "LM"]) == (rca_says, lm_says)


def test_a_patient_in_two_folds_is_a_fault(tmp_path: Path) -> None:
    text = PREDICTIONS.format(fold=1, lm=0.4).replace("e2,b", "e2,a").replace("mild,0.1", "severe,0.1")
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(TableError, match="the patient of row 1 lies in 2 folds"):
        describe(tmp_path / "p.csv")


def test_wrong_tables_name_row_and_column(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(COHORT.replace("e3,b,b1,internal,w,,", "e3,b,b1,internal,w,bad,"))
    with pytest.raises(TableError, match="column grade_rca: found 'bad'"):
        describe(tmp_path / "c.csv")


def test_the_real_manifest(reference_data: Path) -> None:
    path = reference_data / "realecg" / "manifest.csv"
    told = describe(path).set_index("vessel")
    raw = pd.read_csv(path)
    assert (told["ecgs"] == len(raw)).all()
    assert told.loc["LM", "labelled"] == 0
    for vessel in ("RCA", "LAD", "LCX"):
        grades = raw[f"grade_{vessel.lower()}"]
        assert told.loc[vessel, "positive"] == grades.isin(["severe", "occluded"]).sum()
        assert told.loc[vessel, "missing"] == grades.isna().sum()
