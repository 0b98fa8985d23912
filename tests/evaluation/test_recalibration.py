"""Recalibration never uses a patient's own label, and repairs what it can."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from ccta_lib.errors import InputError, TableError
from ccta_lib.evaluation import (
    auc_interval,
    calibration_summary,
    locally_updated_predictions,
    recalibrate,
    recalibrated_predictions,
    recalibration_table,
)
from ccta_lib.evaluation.recalibration import FORMS
from ccta_lib.schema import VESSELS, labels


def distorted(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(-1.5, 1.2, n)
    return (rng.random(n) < expit(x)).astype(int), expit(1 + 2 * x)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_repairs_its_own_fault(form):
    y, p = distorted()
    fitted = recalibrate(y, p, form=form)
    got = calibration_summary(y, fitted(p))
    assert got["citl"] == pytest.approx(0, abs=0.02)
    if form == "slope and intercept":
        assert (got["slope"], fitted.slope) == (pytest.approx(1, abs=1e-4), pytest.approx(0.5, abs=0.05))
    if form != "isotonic":
        assert auc_interval(y, fitted(p)).estimate == pytest.approx(auc_interval(y, p).estimate)


def test_each_patient_weighs_one():
    y, p = distorted(300)
    copies = np.random.default_rng(1).integers(1, 5, 300)
    patients = np.repeat(np.arange(300), copies)
    for form in FORMS:
        one = recalibrate(y, p, form=form)
        many = recalibrate(np.repeat(y, copies), np.repeat(p, copies), form=form, groups=patients)
        assert many(p) == pytest.approx(one(p), abs=1e-6)


def test_without_a_finite_fit_probabilities_stay():
    p = np.array([0.1, 0.2, 0.3, 0.4])
    for y in ([0, 0, 0, 0], [0, 0, 1, 1]):
        kept = recalibrate(y, p)
        assert kept(p) == pytest.approx(p)
        assert kept.note
    with pytest.raises(InputError, match="form"):
        recalibrate([0, 1], [0.1, 0.2], form="magic")


def test_probabilities_of_0_and_1_are_clipped_for_the_logit():
    y, p = distorted(500)
    p[:3] = [0, 1, 0]
    assert np.isfinite(recalibrate(y, p)(p)).all()


def test_own_labels_never_reach_own_probability(predictions):
    changed = predictions.copy()
    patient = changed.loc[changed["cohort"] == "internal", "patient_id"].iloc[0]
    rows = (changed["patient_id"] == patient).to_numpy()
    before = changed.loc[rows, "grade_lad"]
    changed.loc[rows, "grade_lad"] = "normal" if before.iloc[0] != "normal" else "occluded"
    for form in FORMS:
        a = recalibrated_predictions(predictions, form=form)
        b = recalibrated_predictions(changed, form=form)
        assert (a.loc[rows, "prob_lad"] == b.loc[rows, "prob_lad"]).all()
        assert (a.loc[~rows, "prob_lad"] != b.loc[~rows, "prob_lad"]).any()
    outside = predictions[predictions["cohort"] == "external"].iloc[0]["patient_id"]
    other = predictions.copy()
    mine = (other["patient_id"] == outside).to_numpy()
    other.loc[mine, "grade_lad"] = (
        "normal" if other.loc[mine, "grade_lad"].iloc[0] != "normal" else "occluded"
    )
    a, b = (locally_updated_predictions(t, seed=3) for t in (predictions, other))
    same = (a["patient_id"] == outside).to_numpy()
    assert (a.loc[same, "prob_lad"] == b.loc[same, "prob_lad"]).all()


def test_outside_each_models_calibrator_is_applied_and_then_averaged(predictions):
    outside = predictions[predictions["cohort"] != "internal"]
    models = [outside[["ecg_id", *[v.prob_column for v in VESSELS]]].assign(fold_model=k) for k in range(5)]
    for k, model in enumerate(models):
        model["prob_lad"] = expit(logit(model["prob_lad"]) + 0.2 * (k - 2))
    got = recalibrated_predictions(predictions, form="intercept", by_fold=pd.concat(models))
    inside = predictions[predictions["cohort"] == "internal"]
    y = labels(inside["grade_lad"])
    expected = []
    for k, model in enumerate(models):
        rows = np.isfinite(y) & (inside["fold"] == k).to_numpy()
        fitted = recalibrate(
            y[rows], inside["prob_lad"][rows], form="intercept", groups=inside["patient_id"][rows]
        )
        expected.append(fitted(model["prob_lad"].to_numpy()))
    ours = got.loc[got["cohort"] != "internal", "prob_lad"].to_numpy()
    assert ours == pytest.approx(np.mean(expected, axis=0))


def test_table_lists_each_form(predictions):
    got = recalibration_table(predictions, vessels=["LAD"])
    assert set(got["recalibration"]) == {"as predicted", *FORMS, "local update"}
    slope = got[(got["metric"] == "calibration in the large") & (got["cohort"] == "internal")]
    by_form = slope.set_index("recalibration")["estimate"].abs()
    assert by_form["intercept"] < by_form["as predicted"]
    assert len(recalibration_table(predictions, vessels=["LAD"], cohorts=["internal"])) == 4 * 11


def test_without_folds_it_stops(predictions):
    with pytest.raises(TableError, match="fold"):
        recalibrated_predictions(predictions.drop(columns="fold"), form="intercept")
