"""Clinical models from a prediction table alone: who is scored by whom, and what a thin table still gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ccta_lib.evaluation.baselines import SCALE, score_sets
from ccta_lib.evaluation.clinical import RUN_MODELS, WEAK_PENALTY, run_comparison, run_scores
from ccta_lib.schema import labels

CLINICAL = ["age", "male", "diabetes", "hypertension", "prior_mi"]


def columns(table: pd.DataFrame) -> pd.DataFrame:
    out = table.assign(male=(table["sex"] == "M").astype(float).where(table["sex"].notna()))
    return out[CLINICAL].astype("Float64").astype(float)


def test_internal_rows_are_scored_by_models_of_the_other_folds(predictions: pd.DataFrame) -> None:
    scores = run_scores(predictions, "internal")
    inside = predictions[predictions["cohort"] == "internal"].reset_index(drop=True)
    x, y, fold = columns(inside), labels(inside["grade_rca"]), inside["fold"].to_numpy()
    complete = x.notna().all(axis=1).to_numpy()
    train = complete & (fold != 2) & ~np.isnan(y)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=WEAK_PENALTY, tol=1e-10, max_iter=1000))
    expected = model.fit(x[train], y[train]).predict_proba(x[complete & (fold == 2)])[:, 1]
    found = scores["clinical_rca"].to_numpy() / SCALE
    np.testing.assert_allclose(found[complete & (fold == 2)], expected, atol=1e-5)
    assert np.isnan(found[~complete]).all()
    np.testing.assert_allclose(scores["network_lad"] / SCALE, inside["prob_lad"])
    assert len(scores) == len(inside)


def test_outside_is_scored_by_models_of_the_whole_internal_cohort(predictions: pd.DataFrame) -> None:
    scores = run_scores(predictions, "external")
    inside, outside = (
        predictions[predictions["cohort"] == c].reset_index(drop=True) for c in ("internal", "external")
    )
    x, y = columns(inside), labels(inside["grade_lad"])
    train = x.notna().all(axis=1).to_numpy() & ~np.isnan(y)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=WEAK_PENALTY, tol=1e-10, max_iter=1000))
    model.fit(x[train], y[train])
    there = columns(outside)
    known = there.notna().all(axis=1).to_numpy()
    found = scores["clinical_lad"].to_numpy() / SCALE
    np.testing.assert_allclose(found[known], model.predict_proba(there[known])[:, 1], atol=1e-5)


def test_combination_does_not_see_the_patients_it_scores(predictions: pd.DataFrame) -> None:
    before = run_scores(predictions, "internal")
    changed = predictions.copy()
    fold0 = (changed["cohort"] == "internal") & (changed["fold"] == 0)
    changed.loc[fold0, "grade_lad"] = np.where(
        labels(changed.loc[fold0, "grade_lad"]) == 1, "normal", "severe"
    )
    after = run_scores(changed, "internal")
    rows = (predictions.loc[predictions["cohort"] == "internal", "fold"] == 0).to_numpy()
    for name in ("age_sex_lad", "clinical_lad"):
        np.testing.assert_allclose(before.loc[rows, name], after.loc[rows, name])
        assert (before.loc[~rows, name] != after.loc[~rows, name]).mean() > 0.9


def test_without_folds_patients_are_dealt_and_kept_together(make: Callable[..., pd.DataFrame]) -> None:
    table = make(120, seed=5).drop(columns="fold")
    scores = run_scores(table, "internal", seed=1)
    complete = columns(table).notna().all(axis=1).to_numpy()
    assert scores.loc[complete, "clinical_rca"].notna().mean() > 0.95
    pd.testing.assert_frame_equal(scores, run_scores(table, "internal", seed=1))
    assert not run_scores(table, "internal", seed=2)["clinical_rca"].equals(scores["clinical_rca"])
    other = run_scores(table.assign(cohort="external"), "external", seed=1)
    assert other["clinical_rca"].notna().sum() == scores["clinical_rca"].notna().sum()


def test_comparison_of_a_run(predictions: pd.DataFrame) -> None:
    auc, added, anywhere = run_comparison(predictions)
    assert list(dict.fromkeys(auc["cohort"])) == ["internal", "external", "followup"]
    assert set(auc["model"]) == set(RUN_MODELS)
    sets = score_sets(run_scores(predictions, "internal"), RUN_MODELS)
    row = added[(added["cohort"] == "internal") & (added["vessel"] == "LAD")].iloc[0]
    assert row["n"] == len(next(s for s in sets if s.vessel == "LAD").y)
    assert row["p_value"] < 1e-6  # the table's probabilities know the grade, its clinical columns do not
    assert anywhere.empty  # no symptom
    rng = np.random.default_rng(0)
    symptom = pd.array(rng.choice(["typical", "none", "dyspnoea"], len(predictions)), dtype="string")
    _, _, anywhere = run_comparison(predictions.assign(symptom=symptom))
    assert set(anywhere["model"]) == {"pretest", *RUN_MODELS}
    assert (anywhere["unit"] == "patient").all()


@pytest.mark.parametrize(
    ("lost", "models"),
    [
        (["sex"], {"clinical", "network", "clinical_network"}),
        (["diabetes", "hypertension", "prior_mi"], set(RUN_MODELS)),
        (["age", "sex", "diabetes", "hypertension", "prior_mi"], {"network"}),
    ],
)
def test_thin_tables(predictions: pd.DataFrame, lost: list[str], models: set[str]) -> None:
    scores = run_scores(predictions.drop(columns=lost), "internal")
    found = {c.rpartition("_")[0] for c in scores if c.endswith("_lad")} - {"y"}
    assert found == models
    auc, added, anywhere = run_comparison(predictions.drop(columns=lost))
    assert auc.empty == added.empty == ("clinical" not in models)
    assert anywhere.empty


def test_unlabelled_and_one_class_do_not_fail(make: Callable[..., pd.DataFrame]) -> None:
    table = make(60, seed=8)
    table["grade_lm"] = pd.NA
    table["grade_rca"] = "normal"
    auc, _, _ = run_comparison(table)
    assert "LM" not in set(auc["vessel"])
    rca = auc[(auc["vessel"] == "RCA") & (auc["reference"] == "")]
    assert rca["estimate"].isna().all()
    scores = run_scores(table, "internal")
    assert (scores["clinical_rca"].dropna() == 0).all()
    assert np.isfinite(logit(np.clip(scores["clinical_lad"].dropna() / SCALE, 1e-6, 1 - 1e-6))).all()
