"""The difference of AUCs between strata: DeLong by hand, the jackknife, and the test it must agree with."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from ccta_lib.book.types import FactorName
from ccta_lib.errors import InputError
from ccta_lib.evaluation import auc_difference_groups, auc_interval, subgroup_tests
from ccta_lib.evaluation.differences import auc_stratum_difference, subgroup_differences
from ccta_lib.evaluation.factors import FACTORS
from ccta_lib.schema import VESSELS, labels


def data(seed=0, n=160, per_patient=2):
    rng = np.random.default_rng(seed)
    patient = np.arange(n) // per_patient
    z = rng.normal(size=n // per_patient)[patient]
    y = (z + rng.normal(0, 0.3, n)) > 0.5
    return y, z + rng.normal(size=n), rng.random(n) < 0.4, patient


def test_estimate_and_interval_of_independent_strata_are_those_of_delong():
    y, p, second, _ = data(per_patient=1)
    found = auc_stratum_difference(y, p, second)
    a, b = (auc_interval(y[s], p[s]) for s in (~second, second))
    assert found.estimate == pytest.approx(
        roc_auc_score(y[second], p[second]) - roc_auc_score(y[~second], p[~second])
    )
    se = np.hypot(a.se, b.se)
    assert (found.high - found.low) / 2 == pytest.approx(1.959963985 * se, rel=1e-9)


def test_it_agrees_with_the_test_of_equal_auc_when_patients_lie_in_both_strata():
    y, p, second, patient = data(seed=1)
    found = auc_stratum_difference(y, p, second, groups=patient)
    test = auc_difference_groups(y, p, second, groups=patient)
    assert found.z**2 == pytest.approx(test.statistic, rel=1e-10)
    assert found.p_value == pytest.approx(test.p_value, rel=1e-9)


def test_clustered_variance_is_near_that_of_leaving_out_one_patient_at_a_time():
    y, p, second, patient = data(seed=2, n=600, per_patient=3)
    found = auc_stratum_difference(y, p, second, groups=patient)
    left = np.array([
        auc_stratum_difference(y[k], p[k], second[k]).estimate for g in np.unique(patient) for k in [patient != g]
    ])  # fmt: skip
    m = len(left)
    jackknife = np.sqrt((m - 1) / m * np.sum((left - left.mean()) ** 2))
    assert (found.high - found.low) / (2 * 1.959963985) == pytest.approx(jackknife, rel=0.03)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_invariance_to_order_and_to_monotone_maps_and_sign_when_strata_swap(seed):
    y, p, second, patient = data(seed=seed)
    found = auc_stratum_difference(y, p, second, groups=patient)
    order = np.random.default_rng(seed).permutation(len(y))
    shuffled = auc_stratum_difference(y[order], expit(3 * p[order] + 1), second[order], groups=patient[order])
    swapped = auc_stratum_difference(y, p, ~second, groups=patient)
    for other, sign in ((shuffled, 1), (swapped, -1)):
        assert other.estimate == pytest.approx(sign * found.estimate, abs=1e-12, nan_ok=True)
        assert abs(other.z) == pytest.approx(abs(found.z), rel=1e-9, nan_ok=True)


def test_a_stratum_of_one_class_is_named_and_wrong_input_raises():
    y, p, second, patient = data()
    found = auc_stratum_difference(y & ~second, p, second, groups=patient)
    assert np.isnan(found.estimate)
    assert found.note.startswith("second stratum: only one class")
    with pytest.raises(InputError):
        auc_stratum_difference(y, p[:-1], second)
    with pytest.raises(InputError):
        auc_stratum_difference(y, np.full(len(y), np.nan), second)


def test_table_holds_the_difference_of_each_factor_and_its_raw_p_value(predictions):
    table = subgroup_differences(predictions)
    tests = subgroup_tests(predictions).query("question == 'AUC'")
    both = table.merge(tests, on=["vessel", "factor"], suffixes=("", "_test"))
    assert len(both) == len(VESSELS) * len(FACTORS)
    assert np.allclose(both["p_value"], both["p_value_test"], equal_nan=True)
    rows = predictions[predictions["cohort"] == "internal"]
    row = table.query("vessel == 'LAD' and factor == 'sex'").iloc[0]
    auc = {}
    for sex in "FM":
        part = rows[(rows["sex"] == sex) & rows["grade_lad"].notna()]
        auc[sex] = roc_auc_score(labels(part["grade_lad"]), part["prob_lad"])
    assert row["estimate"] == pytest.approx(auc["M"] - auc["F"])
    assert row["contrast"] == "male minus female"


def test_an_absent_column_is_not_estimable(predictions):
    table = subgroup_differences(predictions.drop(columns="diabetes"), factors=["diabetes"])
    assert table["estimate"].isna().all()
    assert (table["note"] != "").all()
    assert (table["n"] == 0).all()


def test_the_chapters_parameter_offers_exactly_the_factors_there_are():
    assert get_args(FactorName) == tuple(FACTORS)
