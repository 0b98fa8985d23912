"""Models on identical rows: which rows, which numbers, and what repeated cohorts say together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from ccta_lib.errors import InputError
from ccta_lib.evaluation import auc_difference, net_benefit
from ccta_lib.evaluation.baseline_value import (
    added_over_seeds,
    added_rows,
    calibration_rows,
    net_benefit_contrast,
    net_benefit_curves,
    net_benefit_rows,
)
from ccta_lib.evaluation.baselines import (
    AUC,
    AUC_DIFFERENCE,
    MACRO,
    SCALE,
    auc_rows,
    pool,
    score_sets,
    wide_scores,
)

TARGETS = ("rca", "lad")
MODELS = ("clinical", "finetuned")


def score_table(*, seeds: int = 2, patients: int = 60) -> pd.DataFrame:
    parts = []
    for seed in range(1, seeds + 1):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(patients), 2)
        part = pd.DataFrame({"seed": seed, "patient": patient, "exam": patient, "index_exam": True})
        for k, target in enumerate((*TARGETS, "any")):
            risk = rng.normal(size=patients)
            part[f"y_{target}"] = (rng.random(patients) < expit(risk - 0.5 * k))[patient].astype(float)
            for j, model in enumerate(MODELS):
                p = expit(risk[patient] + rng.normal(0, 0.5 + j, 2 * patients))
                part[f"{model}_{target}"] = np.round(p * SCALE)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def test_rows_are_the_same_for_all_models() -> None:
    table = score_table()
    table.loc[[0, 5], "clinical_rca"] = np.nan
    table.loc[7, "finetuned_rca"] = np.nan
    table.loc[9, "y_rca"] = np.nan
    one = score_sets(table, MODELS, targets=["rca"])[0]
    assert len(one.y) == 116
    assert one.left_out == 3
    kept = table[table["seed"] == 1].drop(index=[0, 5, 7, 9])
    np.testing.assert_allclose(one.p["finetuned"] * SCALE, kept["finetuned_rca"])
    np.testing.assert_array_equal(one.patients, kept["patient"])
    assert [(s.seed, s.vessel) for s in score_sets(table, MODELS, targets=TARGETS)] == [
        (1, "RCA"), (2, "RCA"), (1, "LAD"), (2, "LAD"),
    ]  # fmt: skip
    with pytest.raises(InputError, match="ecg_linear_rca"):
        score_sets(table, (*MODELS, "ecg_linear"), targets=["rca"])


def test_patient_level_is_the_index_examination_with_mean_scores() -> None:
    table = score_table(seeds=1, patients=4)
    table["exam"] = [0, 0, 1, 2, 3, 3, 4, 4]  # the second patient has two examinations
    table["index_exam"] = [True, True, True, False, True, True, True, True]
    table["y_rca"] = [1, 1, 0, 1, 1, 1, 0, 0]
    one = score_sets(table, MODELS, targets=["rca"], unit="patient")[0]
    np.testing.assert_array_equal(one.y, [True, False, True, False])
    np.testing.assert_array_equal(one.patients, [0, 1, 2, 3])
    c = table["clinical_rca"] / SCALE
    np.testing.assert_allclose(one.p["clinical"], [c[:2].mean(), c[2], c[4:6].mean(), c[6:].mean()])
    with pytest.raises(InputError, match="two values of y_rca"):
        score_sets(table.assign(y_rca=[1, 0, 0, 1, 1, 1, 0, 0]), MODELS, targets=["rca"], unit="patient")


def test_auc_rows_against_scikit_learn_and_the_paired_test() -> None:
    sets = score_sets(score_table(), MODELS, targets=TARGETS)
    rows = auc_rows(sets, references=["finetuned"])
    for s in sets:
        mine = rows[(rows["seed"] == s.seed) & (rows["vessel"] == s.vessel)]
        own = mine[mine["metric"] == AUC].set_index("model")
        assert own.loc["clinical", "estimate"] == pytest.approx(roc_auc_score(s.y, s.p["clinical"]))
        d = auc_difference(s.y, s.p["clinical"], s.p["finetuned"], groups=s.patients)
        row = mine[mine["metric"] == AUC_DIFFERENCE].iloc[0]
        assert (row["model"], row["reference"]) == ("clinical", "finetuned")
        assert (row["estimate"], row["low"], row["high"]) == (d.estimate, d.low, d.high)
        assert (row["n"], row["n_patients"]) == (120, 60)
    macro = rows[(rows["vessel"] == MACRO) & (rows["seed"] == 2) & (rows["metric"] == AUC)]
    each = rows[(rows["seed"] == 2) & (rows["metric"] == AUC) & (rows["vessel"] != MACRO)]
    for model in MODELS:
        expected = each.loc[each["model"] == model, "estimate"].mean()
        assert macro.set_index("model").loc[model, "estimate"] == pytest.approx(expected)


def test_pool_by_hand() -> None:
    rows = pd.DataFrame({
        "seed": [1, 2, 3, 1, 2, 3], "model": "a", "reference": ["b"] * 3 + [""] * 3, "vessel": "RCA", "unit": "ecg",
        "metric": [AUC_DIFFERENCE] * 3 + [AUC] * 3, "estimate": [0.01, 0.03, 0.05, 0.99, np.nan, 0.97],
        "low": np.nan, "high": np.nan, "note": "", "n": 10, "n_pos": 2,
    })  # fmt: skip
    found = pool(rows).set_index("metric")
    half = stats.t.ppf(0.975, 2) * 0.02 / 3**0.5
    d = found.loc[AUC_DIFFERENCE]
    assert (d["estimate"], d["seeds"], d["n"], d["n_pos"]) == (pytest.approx(0.03), 3, 30, 6)
    assert (d["low"], d["high"]) == (pytest.approx(0.03 - half), pytest.approx(0.03 + half))
    a = found.loc[AUC]
    assert a["high"] == 1.0  # an AUC ends there, whatever t says
    assert (a["seeds"], a["of_seeds"], a["note"]) == (2, 3, "estimable in 2 of 3 seeds")
    single = pool(rows[rows["seed"] == 1].assign(low=0.0, high=0.02)).iloc[0]
    assert (single["low"], single["high"], single["method"]) == (0.0, 0.02, "patient-clustered")
    none = pool(rows.assign(estimate=np.nan)).iloc[0]
    assert (none["seeds"], none["note"]) == (0, "not estimable in any seed")


def test_wide_scores_put_the_long_ones_back() -> None:
    table = score_table()
    names = [f"{m}_{t}" for m in MODELS for t in (*TARGETS, "any")]
    parts = []
    for seed, part in table.groupby("seed"):
        for name in names:
            model, _, target = name.rpartition("_")
            score = pd.array(part[name], dtype="Int16")
            parts.append(pd.DataFrame({"seed": seed, "model": model, "target": target, "score": score}))
    long = pd.concat(parts, ignore_index=True)
    long.loc[3, "score"] = pd.NA
    expected = table.astype(dict.fromkeys(names, float))
    expected.loc[3, names[0]] = np.nan
    found = wide_scores(table.drop(columns=names), long)
    pd.testing.assert_frame_equal(found[list(expected.columns)], expected)
    with pytest.raises(InputError, match="119 scores for 120 ECGs"):
        wide_scores(table.drop(columns=names), long.drop(index=0))


def test_net_benefit_contrast_is_the_difference_of_net_benefits() -> None:
    s = score_sets(score_table(), MODELS, targets=["rca"])[0]
    a, b, cut = s.p["clinical"], s.p["finetuned"], np.array([0.1, 0.3, 0.6])
    found = net_benefit_contrast(s.y, a, b, cut, groups=s.patients, n_boot=200, seed=1)
    for p, column in ((a, "a"), (b, "b")):
        curve = net_benefit(s.y, p, cut)
        np.testing.assert_allclose(found[column], curve.loc[curve["strategy"] == "model", "net_benefit"])
    np.testing.assert_allclose(found["estimate"], found["a"] - found["b"])
    other = net_benefit_contrast(s.y, b, a, cut, groups=s.patients, n_boot=200, seed=1)
    np.testing.assert_allclose(other["low"], -found["high"])
    same = net_benefit_contrast(s.y, a, a, cut, groups=s.patients, n_boot=50)
    assert (same[["estimate", "low", "high"]] == 0.0).all().all()
    everyone = net_benefit_contrast(s.y, a, np.ones(len(a)), cut, groups=s.patients, n_boot=50)
    curve = net_benefit(s.y, a, cut)
    np.testing.assert_allclose(everyone["b"], curve.loc[curve["strategy"] == "all", "net_benefit"])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(0.05, 0.6))
def test_net_benefit_interval_holds_the_estimate(seed: int, cut: float) -> None:
    rng = np.random.default_rng(seed)
    y, a, b = rng.random(80) < 0.3, rng.random(80), rng.random(80)
    found = net_benefit_contrast(y, a, b, [cut], groups=np.repeat(np.arange(40), 2), n_boot=200).iloc[0]
    assert found["low"] <= found["estimate"] <= found["high"]


def test_tables_of_value() -> None:
    table = score_table()
    sets = score_sets(table, MODELS, targets=TARGETS)
    rows = net_benefit_rows(sets, {"RCA": 0.2, "LAD": 0.4}, references=("all", "finetuned"), n_boot=20)
    assert set(rows["threshold"]) == {0.2, 0.4}
    assert len(rows) == len(sets) * (2 + 2 + 1)
    curves = net_benefit_curves(sets, np.array([0.2, 0.4]))
    one = curves[(curves["vessel"] == "RCA") & (curves["model"] == "clinical") & (curves["threshold"] == 0.2)]
    plain = rows[(rows["reference"] == "") & (rows["model"] == "clinical") & (rows["vessel"] == "RCA")]
    assert one["net_benefit"].iloc[0] == pytest.approx(plain["estimate"].mean())
    calibration = calibration_rows(sets)
    brier = calibration[(calibration["metric"] == "brier") & (calibration["seed"] == 1)].iloc[0]
    assert brier["estimate"] == pytest.approx(np.mean((sets[0].p["clinical"] - sets[0].y) ** 2))


def test_independent_cohorts_add_up() -> None:
    sets = score_sets(score_table(seeds=3), MODELS, targets=["rca"])
    rows = added_rows(sets, [("clinical", "finetuned")])
    assert rows[["n", "n_pos", "n_patients"]].to_numpy().tolist() == [[120, s.y.sum(), 60] for s in sets]
    summed = added_over_seeds(rows).iloc[0]
    assert summed["statistic"] == pytest.approx(rows["statistic"].sum())
    assert (summed["df"], summed["seeds"]) == (3, 3)
    assert summed["p_value"] == pytest.approx(stats.chi2.sf(rows["statistic"].sum(), 3))
    assert summed["significant"] == (rows["p_value"] < 0.05).sum()
    assert summed["adequacy_min"] <= summed["adequacy_median"] <= summed["adequacy_max"]
    lost = added_over_seeds(rows.assign(statistic=np.nan)).iloc[0]
    assert np.isnan(lost["p_value"])
