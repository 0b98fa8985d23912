"""Every printed number has a row, and this run's number is that of the function it comes from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from ccta_lib.cohort.paper import paper_table1
from ccta_lib.evaluation import RISK_THRESHOLDS, aggregate, auc_interval, calibration_summary
from ccta_lib.evaluation.claims_summary import comparison_shown, table1_shown
from ccta_lib.evaluation.published import paper_comparison, table1_comparison
from ccta_lib.paper import paper_values
from ccta_lib.schema import VESSELS, labels


@pytest.fixture(scope="module")
def numbers(predictions: pd.DataFrame) -> pd.DataFrame:
    return paper_comparison(predictions, paper_values(), thresholds=RISK_THRESHOLDS)


def pick(table: pd.DataFrame, **keys: str) -> pd.Series:
    rows = table
    for column, value in keys.items():
        rows = rows[rows[column] == value]
    assert len(rows) == 1, keys
    return rows.iloc[0]


def test_one_row_per_printed_number(numbers: pd.DataFrame) -> None:
    printed = paper_values()
    assert len(numbers) == len(printed)
    assert (numbers["place"] == printed["place"]).all()
    np.testing.assert_array_equal(numbers["paper"], printed["value"])
    assert not any("agree" in c or c == "p_value" for c in numbers)
    assert set(numbers.loc[numbers["targeted"], "quantity"]) == {
        "AUC", "lowest AUC", "highest AUC", "patients", "CCTA examinations", "ECGs"}  # fmt: skip


def test_numbers_against_their_functions(predictions: pd.DataFrame, numbers: pd.DataFrame) -> None:
    rows = predictions[predictions["cohort"] == "internal"]
    known = rows["grade_rca"].notna()
    y, p = labels(rows["grade_rca"])[known] == 1, rows.loc[known, "prob_rca"]
    auc = auc_interval(y, p, groups=rows.loc[known, "patient_id"])
    got = pick(numbers, quantity="AUC", cohort="internal", subgroup="all", vessel="RCA")
    assert (got["estimate"], got["low"], got["high"]) == pytest.approx((auc.estimate, auc.low, auc.high))
    brier = pick(numbers, quantity="Brier score", vessel="RCA")
    assert brier["estimate"] == pytest.approx(calibration_summary(y, p)["brier"])
    patients = aggregate(rows, "patient")
    codes = patients["grade_lm"].map({"normal": 0, "mild": 1, "moderate": 2, "severe": 3, "occluded": 3})
    rho = spearmanr(codes, patients["prob_lm"], nan_policy="omit").statistic
    assert pick(numbers, quantity="Spearman rho", vessel="LM")["estimate"] == pytest.approx(rho)
    assert pick(numbers, quantity="patients", cohort="external")["estimate"] == 150
    assert pick(numbers, quantity="largest probability")["estimate"] == rows["prob_lm"].max()


def test_the_ceiling_comes_from_the_ideal_observer(predictions: pd.DataFrame) -> None:
    truth = predictions[["ecg_id"]].copy()
    for v in VESSELS:
        truth[f"ideal_{v.lower()}"] = np.nan_to_num(labels(predictions[v.grade_column]) == 1).astype(float)
    ceiling = pd.DataFrame({"cohort": ["internal"], "vessel": ["RCA"], "unit": ["ecg"], "upper": [0.8],
                            "normal_ecg_upper": [0.7], "null_floor": [0.55]})  # fmt: skip
    found = paper_comparison(
        predictions, paper_values(), thresholds=RISK_THRESHOLDS, truth=truth, ceiling=ceiling
    )
    assert pick(found, quantity="AUC", cohort="internal", subgroup="all", vessel="RCA")["ceiling"] == 0.8
    assert (
        pick(found, quantity="AUC", cohort="internal", subgroup="normal ECG", vessel="RCA")["ceiling"] == 0.7
    )
    # Somebody who knew every label has a Brier score of 0.
    assert pick(found, quantity="Brier score", vessel="LAD")["ceiling"] == 0
    assert pick(found, quantity="Spearman rho", vessel="LAD")["ceiling"] > 0.5


def test_absent_cohorts_say_so(predictions: pd.DataFrame) -> None:
    internal = predictions[predictions["cohort"] == "internal"].drop(columns=["followup_days", "mi_event"])
    found = paper_comparison(internal, paper_values(), thresholds=RISK_THRESHOLDS)
    gone = found[found["cohort"] != "internal"]
    assert gone["estimate"].isna().all()
    assert (gone["note"] != "").all()
    shown = comparison_shown(found)
    assert shown.loc[found["estimate"].isna(), "this run"].str.startswith("not estimable").all()


def test_table1_holds_every_printed_cell(predictions: pd.DataFrame) -> None:
    found = table1_comparison(predictions)
    printed = paper_table1().query("characteristic != 'n'")
    assert len(found) == len(printed) + 3  # mean and SD are two numbers of one cell
    assert found["targeted"].all()
    rows = predictions[predictions["cohort"] == "internal"]
    women = pick(found, characteristic="Sex", level="Female", cohort="internal")
    assert women["estimate"] == pytest.approx(100 * (rows["sex"] == "F").mean())
    assert women["low"] < women["estimate"] < women["high"]
    age = found[(found["cohort"] == "external") & (found["quantity"] == "mean")].iloc[0]
    assert age["estimate"] == pytest.approx(
        predictions.loc[predictions["cohort"] == "external", "age"].mean()
    )
    assert len(table1_shown(found)) == len(printed[printed["cohort"] == "internal"]) + 1


def test_unknown_is_not_zero(predictions: pd.DataFrame) -> None:
    rows = predictions[predictions["cohort"] == "internal"].drop(columns=["diabetes"])
    found = table1_comparison(rows)
    diabetes = found[(found["characteristic"] == "Diabetes") & (found["cohort"] == "internal")]
    assert diabetes["estimate"].isna().all()
    assert set(diabetes["note"]) == {"unknown in this run"}
    assert set(found.loc[found["cohort"] == "external", "note"]) == {"no external cohort"}
