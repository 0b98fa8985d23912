"""Simple models against scikit-learn and statsmodels, and what must hold for any data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ccta_lib.errors import InputError
from ccta_lib.evaluation.baseline_models import (
    PENALTIES,
    TREES,
    Constant,
    Linear,
    Trees,
    any_vessel,
    clinical_design,
    fit_combination,
    fit_linear,
    fit_trees,
    inner_splits,
)


def data(n: int = 400, *, seed: int = 0, columns: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n // 2), 2)
    x = rng.normal(size=(n, columns)) * 10.0 ** np.arange(columns)
    y = (rng.random(n) < expit(0.8 * x[:, 0] - 0.05 * x[:, 1] - 0.5)).astype(float)
    return x, y, patient


def test_linear_is_scikit_learns_pipeline() -> None:
    x, y, patient = data()
    ours = fit_linear(x, y, groups=patient, penalties=[0.1])
    assert isinstance(ours, Linear)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, tol=1e-10, max_iter=1000)).fit(x, y)
    np.testing.assert_allclose(ours(x), theirs.predict_proba(x)[:, 1], atol=1e-5)
    np.testing.assert_allclose(logit(ours(x)), ours.score(x), atol=1e-9)


def test_penalty_is_the_best_of_patient_grouped_cross_validation() -> None:
    x, y, patient = data(columns=8)
    ours = fit_linear(x, y, groups=patient, seed=3)
    assert isinstance(ours, Linear)
    losses = []
    for penalty in PENALTIES:
        loss = 0.0
        for train, held_out in inner_splits(y == 1, patient, seed=3):
            model = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, tol=1e-10, max_iter=1000))
            p = model.fit(x[train], y[train]).predict_proba(x[held_out])[:, 1]
            loss += log_loss(y[held_out], p, normalize=False, labels=[0, 1])
        losses.append(loss)
    assert ours.penalty == PENALTIES[int(np.argmin(losses))]


def test_noise_is_shrunk_away_and_signal_is_not() -> None:
    rng = np.random.default_rng(1)
    noise, y = rng.normal(size=(300, 40)), (rng.random(300) < 0.3).astype(float)
    nothing = fit_linear(noise, y)
    assert isinstance(nothing, Linear)
    assert nothing(noise).std() < 0.05
    x, y, patient = data()
    something = fit_linear(x, y, groups=patient)
    assert roc_auc_score(y, something(x)) > 0.65


def test_a_missing_value_counts_as_the_mean() -> None:
    x, y, patient = data()
    x[::7, 0] = np.nan
    filled = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
    a = fit_linear(x, y, groups=patient, penalties=[1.0])
    assert isinstance(a, Linear)
    np.testing.assert_allclose(a(x), a(filled))
    np.testing.assert_allclose(a.mean, np.nanmean(x, axis=0))
    np.testing.assert_allclose(a.scale, np.nanstd(x, axis=0))


def test_trees_find_what_a_line_cannot() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(500, 3))
    y = (x[:, 0] * x[:, 1] > 0).astype(float)
    trees, line = fit_trees(x[:400], y[:400]), fit_linear(x[:400], y[:400])
    assert isinstance(trees, Trees)
    assert trees.n_trees > 10
    # As many as cross-validation chose, grown from all rows: none is set aside to stop early.
    theirs = HistGradientBoostingClassifier(
        max_iter=trees.n_trees, early_stopping=False, random_state=0, **TREES
    )
    np.testing.assert_allclose(trees(x), theirs.fit(x[:400], y[:400]).predict_proba(x)[:, 1])
    assert roc_auc_score(y[400:], trees(x[400:])) > 0.9
    assert roc_auc_score(y[400:], line(x[400:])) < 0.65
    again = fit_trees(x[:400], y[:400])
    np.testing.assert_array_equal(trees(x), again(x))


def test_one_class_gives_the_base_rate_and_says_so() -> None:
    for fit in (fit_linear, fit_trees):
        model = fit(np.zeros((5, 2)), np.zeros(5))
        assert model == Constant(0.0, "only one class: the base rate")
        np.testing.assert_array_equal(model(np.zeros((3, 2))), 0.0)
    assert fit_combination(np.full((4, 1), 0.3), np.ones(4)) == Constant(1.0, "only one class: the base rate")
    with pytest.raises(InputError, match="expected 4 rows"):
        fit_linear(np.zeros((5, 2)), np.zeros(4))


def test_combination_is_maximum_likelihood_where_weights_are_positive() -> None:
    rng = np.random.default_rng(3)
    scores = expit(rng.normal(-1, 1, (800, 2)))
    y = (rng.random(800) < expit(0.7 * logit(scores[:, 0]) + 0.4 * logit(scores[:, 1]))).astype(float)
    ours = fit_combination(scores, y)
    theirs = sm.Logit(y, sm.add_constant(logit(scores))).fit(disp=0)
    assert isinstance(ours, Linear)
    np.testing.assert_allclose(ours(logit(scores)), theirs.predict(), atol=2e-4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_combination_never_turns_a_score_round_and_is_optimal(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    scores, y = expit(rng.normal(-1, 1, (80, k))), rng.random(80) < 0.3
    if y.all() or not y.any():
        return
    found = fit_combination(scores, y)
    assert isinstance(found, Linear)
    assert (found.coef >= 0).all()
    # Karush-Kuhn-Tucker: no gradient where a weight is free, none that would lower a weight of zero.
    z = (logit(scores) - found.mean) / found.scale
    gradient = (found(logit(scores)) - y) @ z + found.coef / found.penalty
    assert abs((found(logit(scores)) - y).sum()) < 1e-3
    assert (np.abs(gradient[found.coef > 1e-6]) < 1e-3).all()
    assert (gradient[found.coef <= 1e-6] > -1e-3).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 40))
def test_inner_splits_keep_patients_together_and_cover_everybody(seed: int, patients: int) -> None:
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), rng.integers(1, 4, patients))
    y = rng.random(patient.size) < 0.4
    found = inner_splits(y, patient, seed=seed)
    for train, held_out in found:
        assert not set(patient[train]) & set(patient[held_out])
        assert 0 < y[train].sum() < train.size
    if len(found) == 5:
        assert sorted(np.concatenate([h for _, h in found])) == list(range(patient.size))
    for once, again in zip(found, inner_splits(y, patient, seed=seed), strict=True):
        np.testing.assert_array_equal(once[1], again[1])


def test_two_patients_of_each_class_make_two_folds_and_one_makes_none() -> None:
    y, patient = np.array([1, 1, 0, 0], bool), np.arange(4)
    found = inner_splits(y, patient, seed=0)
    assert [(y[train].sum(), y[held_out].sum()) for train, held_out in found] == [(1, 1), (1, 1)]
    assert inner_splits(y, np.array([0, 0, 1, 2]), seed=0) == []


def test_clinical_design_and_any_vessel() -> None:
    table = pd.DataFrame({
        "age": [60.0, np.nan], "sex": pd.array(["M", None], dtype="string"),
        "diabetes": pd.array([True, None], dtype="boolean"), "hypertension": pd.array([False, True], dtype="boolean"),
        "prior_mi": pd.array([False, False], dtype="boolean"), "symptom": ["dyspnoea", "none"],
        "grade_rca": ["severe", "normal"], "grade_lm": ["normal", "mild"], "grade_lad": [None, "mild"],
        "grade_lcx": ["normal", None],
    })  # fmt: skip
    x = clinical_design(table, ("age", "sex", "diabetes", "hypertension", "prior_mi", "symptom"))
    np.testing.assert_array_equal(x[0], [60, 1, 1, 0, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(x[1], [np.nan, np.nan, np.nan, 1, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(any_vessel(table), [1.0, np.nan])
    np.testing.assert_array_equal(any_vessel(table.fillna({"grade_lcx": "mild"})), [1.0, 0.0])
    np.testing.assert_array_equal(any_vessel(table.drop(columns="grade_lm")), [1.0, np.nan])
    with pytest.raises(InputError, match="diabetes: a clinical model needs this column"):
        clinical_design(table.drop(columns="diabetes"))
