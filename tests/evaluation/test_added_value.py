"""Nested models against statsmodels; repeated rows must not look like more patients."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import chi2

from ccta_lib.errors import InputError
from ccta_lib.evaluation import logistic
from ccta_lib.evaluation.added_value import CLUSTERED, INDEPENDENT, added_value


def data(n: int = 300, *, seed: int = 0, effect: float = 0.7) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    old, new = rng.normal(size=n), rng.normal(size=n)
    return (rng.random(n) < expit(old + effect * new - 0.5)).astype(float), old, new


def test_likelihood_ratio_is_statsmodels() -> None:
    y, old, new = data()
    found = added_value(y, old, np.column_stack([new, new**2]))
    nested = [np.ones(300), old, new, new**2]
    fits = [sm.Logit(y, np.column_stack(nested[:k])).fit(disp=0) for k in (1, 2, 4)]
    ratio = 2 * (fits[2].llf - fits[1].llf)
    assert found.statistic == pytest.approx(ratio, rel=1e-6)
    assert found.likelihood_ratio == found.statistic
    assert (found.df, found.method) == (2, INDEPENDENT)
    assert found.p_value == pytest.approx(chi2.sf(ratio, 2), rel=1e-5)
    assert found.adequacy == pytest.approx(
        (fits[1].llf - fits[0].llf) / (fits[2].llf - fits[0].llf), rel=1e-6
    )


def test_columns_may_come_as_a_table_of_mixed_types() -> None:
    y, old, new = data()
    older = (old > 0.5, np.round(10 * old))
    mixed = pd.DataFrame({"flag": pd.array(older[0], dtype="boolean"), "number": older[1]}).to_numpy()
    assert mixed.dtype == object
    assert added_value(y, mixed, new) == added_value(y, np.column_stack(older).astype(float), new)


def test_robust_wald_is_statsmodels_with_clusters() -> None:
    y, old, new = data(400)
    patient = np.repeat(np.arange(160), [2] * 80 + [3] * 80)
    found = added_value(y, old, new, groups=patient)
    assert found.method == CLUSTERED
    fit = sm.Logit(y, sm.add_constant(np.column_stack([old, new]))).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": patient}
    )
    # statsmodels multiplies by (n - 1) / (n - k) as well as by I / (I - 1).
    expected = (fit.params[2] / fit.bse[2]) ** 2 * (400 - 1) / (400 - 3)
    assert found.statistic == pytest.approx(expected, rel=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 4))
def test_copies_of_rows_add_nothing(seed: int, copies: int) -> None:
    y, old, new = data(120, seed=seed)
    patient = np.arange(120)
    half = np.r_[patient, [0]]  # one repeated row makes the test the clustered one
    once = added_value(y[half], old[half], new[half], groups=half)
    many = np.repeat(half, copies)
    often = added_value(y[many], old[many], new[many], groups=many)
    if np.isnan(once.statistic):
        return
    assert often.statistic == pytest.approx(once.statistic, rel=1e-6)
    assert often.likelihood_ratio == pytest.approx(copies * once.likelihood_ratio, rel=1e-6, abs=1e-6)
    assert often.adequacy == pytest.approx(once.adequacy, abs=1e-6)


def test_size_with_two_ecgs_per_patient() -> None:
    """Two rows of a patient that say nearly the same count twice in the likelihood, once in the test."""
    tests = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(150), 2)
        risk = rng.normal(size=150)
        old, y = risk[patient], (rng.random(150) < expit(risk))[patient].astype(float)
        new = rng.normal(size=150)[patient] + 0.3 * rng.normal(size=300)
        tests.append(added_value(y, old, new, groups=patient))
    assert sum(t.p_value < 0.05 for t in tests) <= 9  # binomial(60, .05) is above 9 once in 1,000
    ratio = sum(t.likelihood_ratio for t in tests) / sum(t.statistic for t in tests)
    assert 1.6 < ratio < 2.2


def test_undefined_says_why_and_wrong_input_raises() -> None:
    y, old, new = data(60)
    assert added_value(np.ones(60), old, new).note == "only one class"
    assert added_value(y, old, np.zeros(60)).note == "a column is constant or follows from the others"
    assert added_value(y, old, 2 * old).note == "a column is constant or follows from the others"
    assert "separates" in added_value(y, old, y + 0.0).note
    assert np.isnan(added_value(y, old, np.zeros(60)).p_value)
    with pytest.raises(InputError, match="new: 1 of 60 rows"):
        added_value(y, old, np.where(np.arange(60) == 3, np.nan, new))
    with pytest.raises(InputError, match="old: expected 60 rows"):
        added_value(y, old[:50], new)


def test_a_fitted_model_leaves_none_of_its_rows_behind() -> None:
    y, old, new = data(20_000)
    design = np.column_stack([np.ones(20_000), old, new])
    logistic.fit(design, y)  # what is loaded and kept once does not count
    tracemalloc.start()
    try:
        logistic.fit(design, y)
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most > design.nbytes
    assert kept < design.nbytes / 10
