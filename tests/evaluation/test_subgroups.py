"""Subgroups: interaction tests keep their level, tables hold the right rows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from ccta_lib.errors import InputError, ParameterError
from ccta_lib.evaluation import (
    auc_difference,
    auc_difference_groups,
    auc_interval,
    holm,
    interaction_test,
    stenosis_contrasts,
    subgroup_table,
    subgroup_tests,
    vessel_specificity,
)
from ccta_lib.evaluation.factors import FACTORS
from ccta_lib.evaluation.subgroups import CONTRASTS
from ccta_lib.schema import labels


def outcome(rng, n, *, extra=0.0, per_patient=1):
    patient = np.repeat(np.arange(n), per_patient)
    group = rng.integers(0, 2, n)[patient]
    latent = rng.normal(size=n)[patient]
    score = latent + 0.5 * rng.normal(size=len(patient))
    y = (rng.random(n) < expit(-1 + (1 + extra * group[::per_patient]) * latent[::per_patient]))[patient]
    return y.astype(int), score, group, patient


@given(st.integers(0, 9999))
@settings(max_examples=20, deadline=None)
def test_interaction_ignores_shift_scale_and_order(seed):
    rng = np.random.default_rng(seed)
    y, score, group, _ = outcome(rng, 120)
    base = interaction_test(y, score, group)
    order = rng.permutation(120)
    for other in (
        interaction_test(y, 5 * score - 3, group),
        interaction_test(y[order], score[order], group[order]),
        interaction_test(y, score, np.where(group, "b", "a")),
        interaction_test(1 - y, -score, 1 - group),
    ):
        assert other.statistic == pytest.approx(base.statistic, abs=1e-6)


def test_interaction_finds_a_different_slope():
    y, score, group, patient = outcome(np.random.default_rng(1), 3000, extra=2.0)
    assert interaction_test(y, score, group).p_value < 1e-6
    assert interaction_test(y, score, group, groups=patient).p_value < 1e-6


def test_with_two_ecgs_per_patient_only_the_robust_test_keeps_five_percent():
    plain = robust = 0
    for seed in range(200):
        y, score, group, patient = outcome(np.random.default_rng(seed), 250, per_patient=2)
        plain += interaction_test(y, score, group).p_value < 0.05
        robust += interaction_test(y, score, group, groups=patient).p_value < 0.05
    assert robust <= 18  # 5 % of 200 with a margin of over two standard errors
    assert plain > robust


def test_interaction_that_cannot_be_tested_says_why():
    y, score = [0, 1, 0, 1, 0, 0, 0, 0], [1, 2, 3, 1, 2, 3, 1, 2]
    assert "one class" in interaction_test(y, score, [0] * 4 + [1] * 4).note
    assert (
        "separates"
        in interaction_test([0, 0, 1, 1, 0, 1, 0, 1], [1, 2, 3, 4, 1, 2, 2, 1], [0] * 4 + [1] * 4).note
    )
    assert "one group" in interaction_test(y, score, [1] * 8).note
    assert "constant" in interaction_test(y, score, [1.0] * 8, continuous=True).note
    for bad in (
        lambda: interaction_test([0, 2], [1, 2], [0, 1]),
        lambda: interaction_test([0, 1], [1, math.nan], [0, 1]),
    ):
        with pytest.raises(InputError):
            bad()
    with pytest.raises(InputError):
        interaction_test([0, 1], [1, 2], [0, None])


@pytest.fixture(scope="module")
def table(predictions):
    return subgroup_table(predictions)


def test_subgroup_rows_hold_the_right_patients(predictions, table):
    rows = predictions[predictions["cohort"] == "internal"]
    y = labels(rows["grade_lad"])
    hours = (rows["ccta_time"] - rows["ecg_time"]).dt.total_seconds() / 3600
    for factor, subgroup, inside in (
        ("age", ">= 65 years", rows["age"] >= 65),
        ("sex", "female", rows["sex"] == "F"),
        ("diabetes", "yes", rows["diabetes"].fillna(False)),
        ("diabetes", "unknown", rows["diabetes"].isna()),
        ("prior MI", "no", (~rows["prior_mi"]).fillna(False)),
        ("normal ECG", "yes", rows["ecg_normal"].fillna(False)),
        ("ECG-CCTA interval", "<= 3 h", hours <= 3),
    ):
        kept = np.isfinite(y) & inside.to_numpy(dtype=bool)
        expected = auc_interval(y[kept], rows["prob_lad"][kept], groups=rows["patient_id"][kept])
        got = table.query(f"vessel == 'LAD' and factor == {factor!r} and subgroup == {subgroup!r}").iloc[0]
        assert (got["n"], got["estimate"], got["low"]) == (kept.sum(), expected.estimate, expected.low)
    assert not table.duplicated(["vessel", "factor", "subgroup"]).any()


def test_tests_use_known_levels_and_one_family_per_question(predictions, table):
    tests = subgroup_tests(predictions)
    rows = predictions[predictions["cohort"] == "internal"]
    y = labels(rows["grade_rca"])
    known = np.isfinite(y) & rows["diabetes"].notna().to_numpy()
    part = rows[known]
    group = part["diabetes"].astype(bool).to_numpy()
    expected = auc_difference_groups(y[known], part["prob_rca"], group, groups=part["patient_id"])
    pick = tests.query("vessel == 'RCA' and factor == 'diabetes'").set_index("question")
    assert pick.loc["AUC", "p_value"] == pytest.approx(expected.p_value)
    slope = interaction_test(y[known], logit(part["prob_rca"]), group, groups=part["patient_id"])
    assert pick.loc["slope", "p_value"] == pytest.approx(slope.p_value)
    for _, family in tests.groupby("question"):
        assert len(family) == 4 * len(FACTORS)
        assert family["p_holm"].to_numpy() == pytest.approx(holm(family["p_value"].to_numpy()))
    merged = table.drop_duplicates(["vessel", "factor"]).merge(
        tests[tests["question"] == "AUC"], on=["vessel", "factor"]
    )
    assert merged["p_holm_x"].to_numpy() == pytest.approx(merged["p_holm_y"].to_numpy())
    assert table.loc[table["subgroup"] == "unknown", ["p_value", "p_holm"]].isna().all(axis=None)


def test_a_warning_stands_where_few_patients_are_positive(table):
    few = table["n_pos_patients"] < 10
    assert few.any()
    assert (few == table["warning"].str.contains("fewer than 10")).all()


def test_factors_that_a_table_lacks_are_unknown(predictions):
    bare = predictions.drop(columns=["diabetes", "ecg_time"])
    got = subgroup_table(bare, vessels=["LAD"], factors=["diabetes", "ECG-CCTA interval"])
    assert set(got.loc[got["n"] > 0, "subgroup"]) == {"all", "unknown", *CONTRASTS}
    assert subgroup_tests(bare, vessels=["LAD"], factors=["diabetes"])["p_holm"].eq(1).all()
    with pytest.raises(ParameterError, match="factors"):
        subgroup_table(predictions, factors=["height"])


def test_stenosis_contrasts(predictions):
    got = stenosis_contrasts(predictions, vessels=["LAD"]).set_index("subgroup")
    rows = predictions[predictions["cohort"] == "internal"]
    kept = rows[rows["grade_lad"].isin(["occluded", "normal", "mild", "moderate"])]
    expected = auc_interval(kept["grade_lad"] == "occluded", kept["prob_lad"], groups=kept["patient_id"])
    assert got.loc["occluded only against not severe", "estimate"] == expected.estimate
    against = rows[rows["grade_lad"].isin(["severe", "occluded", "moderate"])]
    assert got.loc["severe or occluded against moderate", "n"] == len(against)
    # The score carries a gradient in the simulated table, so the nearer the grade the harder the task.
    order = [f"severe or occluded against {g}" for g in ("moderate", "mild", "normal")]
    assert got.loc[order, "estimate"].is_monotonic_increasing


def test_vessel_specificity(predictions):
    got = vessel_specificity(predictions, cohorts=["internal"])
    assert len(got) == 16 + 12
    rows = predictions[predictions["cohort"] == "internal"]
    y = labels(rows["grade_lad"])
    known = np.isfinite(y)
    expected = auc_difference(
        y[known], rows["prob_lad"][known], rows["prob_rca"][known], groups=rows["patient_id"][known]
    )
    cross = got.query("vessel == 'LAD' and score == 'RCA' and metric == 'own minus cross'").iloc[0]
    assert (cross["estimate"], cross["p_value"]) == (expected.estimate, pytest.approx(expected.p_value))
    without = vessel_specificity(predictions.drop(columns="grade_lm"), cohorts=["internal"])
    assert without.query("vessel == 'LM'")["estimate"].isna().all()
    assert isinstance(got, pd.DataFrame)
