"""Every printed number has a row, and this run's number is that of the function it comes from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from ccta_lib.cohort.paper import paper_table1
from ccta_lib.evaluation import (
    RISK_THRESHOLDS,
    aggregate,
    auc_interval,
    calibration_summary,
    infarction_table,
    rate_interval,
)
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
    every = numbers[
        (numbers["quantity"] == "AUC") & (numbers["subgroup"] == "all") & (numbers["cohort"] == "internal")
    ]
    for name, end in (("lowest AUC", every["estimate"].min()), ("highest AUC", every["estimate"].max())):
        assert pick(numbers, quantity=name, cohort="internal", subgroup="all")["estimate"] == pytest.approx(
            end
        )
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


def test_the_mean_age_has_a_patient_robust_interval(predictions: pd.DataFrame) -> None:
    rows = predictions[predictions["cohort"] == "internal"].copy()
    rows.loc[rows.index[:7], "age"] = np.nan
    found = table1_comparison(rows)
    mean, sd = (
        pick(found, cohort="internal", quantity=q, characteristic="Age (years)") for q in ("mean", "sd")
    )
    known = rows.dropna(subset=["age"])
    assert (mean["estimate"], sd["estimate"]) == pytest.approx((known["age"].mean(), known["age"].std()))
    # The variance of a mean whose rows are clustered: patients' summed deviations, with m / (m - 1).
    summed = (known["age"] - known["age"].mean()).groupby(known["patient_id"]).sum()
    m = len(summed)
    se = np.sqrt(m / (m - 1) * (summed**2).sum()) / len(known)
    assert (mean["low"], mean["high"]) == pytest.approx(
        (mean["estimate"] - 1.959963985 * se, mean["estimate"] + 1.959963985 * se)
    )
    assert sd["note"] == "no interval"
    assert np.isnan([sd["low"], sd["high"]]).all()
    wider = pick(table1_comparison(rows, level=0.99), cohort="internal", quantity="mean")
    assert (wider["high"] - wider["low"]) / (mean["high"] - mean["low"]) == pytest.approx(
        2.575829 / 1.959964, rel=1e-6
    )
    for gone in (
        rows.assign(age=np.nan),
        rows.drop(columns="age"),
        rows[rows["patient_id"] == "internal-p9"],
    ):
        none = pick(table1_comparison(gone), cohort="internal", quantity="mean")
        assert np.isnan(none["estimate"])
        assert none["note"] == "age is not known"
    assert pick(found, cohort="external", quantity="mean")["note"] == "no external cohort"


def test_a_share_of_table1_is_of_ecgs_with_patients_as_clusters(predictions: pd.DataFrame) -> None:
    rows = predictions[predictions["cohort"] == "internal"]
    found = table1_comparison(predictions)
    cell = pick(found, characteristic="Hypertension", level="Yes", cohort="internal")
    expected = rate_interval(rows["hypertension"].fillna(False), groups=rows["patient_id"])
    assert cell[["estimate", "low", "high"]].tolist() == pytest.approx(
        [100 * expected.estimate, 100 * expected.low, 100 * expected.high]
    )
    assert (cell["n"], cell["place"], cell["quantity"]) == (len(rows), "Table 1", "percent")
    wide = pick(
        table1_comparison(predictions, level=0.99),
        characteristic="Hypertension",
        level="Yes",
        cohort="internal",
    )
    assert wide["low"] < cell["low"] < cell["high"] < wide["high"]
    assert cell["paper"] == paper_table1().query(
        "characteristic == 'Hypertension' and level == 'Yes' and cohort == 'internal'")["percent"].item()  # fmt: skip
    real = table1_comparison(predictions.assign(data_kind="user"))
    assert not real["targeted"].any()
    assert set(real["data_kind"]) == {"user"}


def test_every_quantity_beside_the_papers_is_that_of_the_cohort(
    predictions: pd.DataFrame, numbers: pd.DataFrame
) -> None:
    internal = predictions[predictions["cohort"] == "internal"]
    for cohort in ("internal", "external"):
        rows = predictions[predictions["cohort"] == cohort]
        auc = [auc_interval(labels(r[v.grade_column]), r[v.prob_column]).estimate
               for v in VESSELS for r in [rows[rows[v.grade_column].notna()]]]  # fmt: skip
        for name, end in (("lowest AUC", min(auc)), ("highest AUC", max(auc))):
            got = numbers[(numbers["quantity"] == name) & (numbers["cohort"] == cohort)]
            assert got["estimate"].tolist() == pytest.approx([end] * len(got))
            assert (got["unit"] == "ecg").all()
        sizes = {"patients": "patient_id", "CCTA examinations": "exam_id", "ECGs": "ecg_id"}
        for name, column in sizes.items():
            got = numbers[(numbers["quantity"] == name) & (numbers["cohort"] == cohort)]
            assert (got["estimate"] == rows[column].nunique()).all()
            assert (got["n"] == got["estimate"]).all()
    largest = pick(numbers, quantity="largest probability")
    assert (largest["vessel"], largest["unit"], largest["n"]) == ("LM", "ecg", len(internal))
    lm = internal[internal["grade_lm"].notna()]
    ill, above = labels(lm["grade_lm"]) == 1, (lm["prob_lm"] >= RISK_THRESHOLDS["LM"]).to_numpy()
    relative = pick(numbers, quantity="relative risk")
    expected = ill[above].mean() / ill[~above].mean() if (~above).any() and ill[~above].any() else np.nan
    assert relative["estimate"] == pytest.approx(expected, nan_ok=True)
    follow = infarction_table(predictions, thresholds=RISK_THRESHOLDS, any_vessel=False, origins=["ccta"])
    tests = follow[follow["analysis"] == "primary"].set_index(["metric", "vessel"])
    for row in numbers[numbers["quantity"] == "log-rank p"].to_dict("records"):
        assert row["estimate"] == tests.loc[("log-rank", row["vessel"]), "p_value"]
        ratio = tests.loc[("hazard ratio", row["vessel"])]
        assert row["note"].startswith(
            f"HR {ratio['estimate']:.2f}" if np.isfinite(ratio["estimate"]) else "HR not"
        )


def test_numbers_are_set_for_reading() -> None:
    keys = ["place", "quantity", "cohort", "subgroup", "vessel", "paper", "reported", "estimate", "low", "high",
            "ceiling", "targeted", "note"]  # fmt: skip
    nan = np.nan
    rows = [
        ("Figure 1", "AUC", "internal", "all", "LAD", 0.794, "", 0.7512, 0.7, 0.8, 0.81, True, ""),
        (
            "Figure 1",
            "AUC",
            "internal",
            "normal ECG",
            "LM",
            0.7,
            "",
            nan,
            nan,
            nan,
            nan,
            True,
            "3 positive patients",
        ),
        ("Results", "patients", "external", "all", "", 401, "", 412.0, nan, nan, nan, False, ""),
        (
            "Figure 6",
            "log-rank p",
            "followup",
            "all",
            "LAD",
            nan,
            "p < 0.05",
            0.0004,
            nan,
            nan,
            nan,
            False,
            "HR 2.00",
        ),
        (
            "Figure 6",
            "log-rank p",
            "followup",
            "all",
            "LM",
            0.03,
            "p < 0.05",
            0.2,
            nan,
            nan,
            nan,
            False,
            "HR 1.10",
        ),
        ("Figure 6", "log-rank p", "followup", "all", "RCA", nan, "p < 0.05", nan, nan, nan, nan, False, ""),
    ]
    shown = comparison_shown(pd.DataFrame(rows, columns=keys))
    assert shown["this run"].tolist() == [
        "0.751 [0.700, 0.800]", "not estimable; 3 positive patients", "412", "< 0.001; HR 2.00", "0.200; HR 1.10",
        "not estimable"]  # fmt: skip
    assert shown["paper"].tolist() == ["0.794", "0.7", "401", "p < 0.05", "0.03, p < 0.05", "p < 0.05"]
    assert shown["quantity"].tolist() == ["AUC LAD", "AUC LM", "patients", "log-rank p LAD", "log-rank p LM",
                                          "log-rank p RCA"]  # fmt: skip
    assert shown["cohort"].tolist() == ["internal", "internal, normal ECG", "external", *["followup"] * 3]
    assert shown["ceiling"].tolist() == ["0.810", "", "", "", "", ""]
    assert shown["targeted"].tolist() == ["yes", "yes", "no", "no", "no", "no"]
    assert list(shown) == ["place", "quantity", "cohort", "paper", "this run", "ceiling", "targeted"]


def test_table1_is_set_for_reading() -> None:
    keys = ["characteristic", "level", "cohort", "quantity", "paper", "estimate", "low", "high"]
    nan = np.nan
    rows = [
        ("Prior myocardial infarction", "Yes", "internal", "percent", 9.5, 10.04, 8.0, 12.06),
        ("Prior myocardial infarction", "Yes", "external", "percent", 7.0, nan, nan, nan),
        ("Age (years)", "Mean", "internal", "mean", 63.2, 62.96, 62.0, 64.0),
        ("Age (years)", "Mean", "internal", "sd", 11.0, 10.5, nan, nan),
        ("RCA", "Severe stenosis & occlusion", "internal", "percent", 12.0, 11.0, 10.0, 12.0),
        ("RCA", "Non-severe or normal", "external", "percent", 88.0, 89.0, 88.0, 90.0),
        ("Diabetes", "No", "external", "percent", 70.0, 71.0, 70.0, 72.0),
    ]
    shown = table1_shown(pd.DataFrame(rows, columns=keys)).set_index("cell")
    assert shown.index.tolist() == [
        "Prior MI: yes %", "Age: mean, years", "Age: SD, years", "RCA: severe or occluded %", "RCA: not severe %",
        "Diabetes: no %"]  # fmt: skip
    assert shown["internal"].tolist() == ["9.5 | 10.0 [8.0, 12.1]", "63.2 | 63.0 [62.0, 64.0]", "11 | 10.5",
                                          "12 | 11.0 [10.0, 12.0]", "", ""]  # fmt: skip
    assert shown["external"].tolist() == [
        "7 | unknown",
        "",
        "",
        "",
        "88 | 89.0 [88.0, 90.0]",
        "70 | 71.0 [70.0, 72.0]",
    ]
