"""Folds: no patient in two of them, patterns balanced, equal to scikit-learn's own assignment."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from ccta_lib.errors import ParameterError
from ccta_lib.schema import VESSELS
from ccta_lib.training.folds import inner_set, label_matrix, label_pattern, patient_folds

GRADES = ["normal", "mild", "moderate", "severe", "occluded", None]


def cohort(n_patients=120, seed=0, missing=0.1):
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), rng.integers(1, 4, n_patients))
    share = np.array([0.4, 0.15, 0.15, 0.2, 0.1 - missing / 2, missing / 2])
    columns = {
        v.grade_column: rng.choice(np.array(GRADES, object), n_patients, p=share / share.sum())[patient]
        for v in VESSELS
    }
    return pd.DataFrame(
        {
            "ecg_id": [f"e{i}" for i in range(len(patient))],
            "patient_id": [f"p{i}" for i in patient],
            **columns,
        }
    )


@settings(deadline=None, max_examples=20)
@given(st.integers(10, 80), st.integers(2, 5), st.integers(0, 1000))
def test_patients_stay_together_and_every_row_has_a_fold(n_patients, n_folds, seed):
    table = cohort(n_patients, seed)
    fold = patient_folds(table, n_folds, seed=seed)
    assert fold.notna().all()
    assert set(fold) == set(range(n_folds))
    assert len(set(zip(table["patient_id"], fold, strict=True))) == table["patient_id"].nunique()


def test_equal_to_scikit_learn():
    table = cohort(200, 3)
    pattern = label_pattern(label_matrix(table))
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=42)
    expected = np.full(len(table), -1)
    with pytest.warns(UserWarning, match="least populated"):
        parts = list(splitter.split(table, pattern, table["patient_id"]))
    for k, (_, rows) in enumerate(parts):
        expected[rows] = k
    assert (patient_folds(table, seed=42) == expected).all()


def test_prevalence_is_balanced():
    table = cohort(600, 1)
    y = label_matrix(table)
    fold = patient_folds(table, seed=0).to_numpy(int)
    rates = np.array([np.nanmean(y[fold == k], axis=0) for k in range(5)])
    assert np.ptp(rates, axis=0).max() < 0.06


def test_seed_matters_and_repeats():
    table = cohort()
    assert patient_folds(table, seed=1).equals(patient_folds(table, seed=1))
    assert not patient_folds(table, seed=1).equals(patient_folds(table, seed=2))


def test_other_cohorts_get_no_fold_and_change_nothing():
    table = cohort()
    table["cohort"] = "internal"
    more = pd.concat([table.assign(cohort="external", patient_id="x" + table["patient_id"]), table])
    more = more.reset_index(drop=True)
    fold = patient_folds(more, seed=4)
    assert fold[more["cohort"] == "external"].isna().all()
    assert fold[more["cohort"] == "internal"].tolist() == patient_folds(table, seed=4).tolist()


def test_unknown_is_a_pattern_of_its_own():
    assert label_pattern(np.array([[1, 0, np.nan, 1.0]])).tolist() == ["10u1"]
    assert np.isnan(label_matrix(pd.DataFrame({"grade_rca": ["severe"]}))[0]).tolist() == [
        False,
        True,
        True,
        True,
    ]


def test_patterns_rarer_than_folds_still_split():
    table = pd.DataFrame(
        {"patient_id": list("abcdef"), "grade_rca": ["severe", "normal", None] * 2, "grade_lad": list(GRADES)}
    )
    assert patient_folds(table, 5, seed=0).nunique() == 5


def test_too_few_patients():
    with pytest.raises(ParameterError, match="n_folds is 5 for 3 internal patients"):
        patient_folds(cohort(3), seed=0)


@settings(deadline=None, max_examples=20)
@given(st.integers(4, 150), st.integers(0, 500), st.sampled_from([0.1, 0.15, 0.25]))
def test_inner_set_is_grouped(n_patients, seed, fraction):
    table = cohort(n_patients, seed)
    inner = inner_set(label_matrix(table), table["patient_id"].to_numpy(), fraction, seed=seed)
    assert 0 < inner.sum() < len(table)
    assert not set(table["patient_id"][inner]) & set(table["patient_id"][~inner])


def test_inner_set_has_its_share_and_the_prevalence():
    worst = []
    for seed in range(5):
        table = cohort(800, seed)
        y = label_matrix(table)
        inner = inner_set(y, table["patient_id"].to_numpy(), 0.15, seed=seed)
        assert inner.mean() == pytest.approx(0.15, abs=0.02)
        worst.append(np.abs(np.nanmean(y[inner], 0) - np.nanmean(y[~inner], 0)).max())
    # A random choice of patients differs by .077 on average.
    assert np.mean(worst) < 0.04
