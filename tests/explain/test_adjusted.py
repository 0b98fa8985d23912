"""Adjusted differences of mean beats: against statsmodels, by construction, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from ccta_lib.errors import InputError
from ccta_lib.explain.adjusted import COVARIATES, design, group_difference


def people(n: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame({
        "age": rng.normal(60, 10, n), "sex": rng.choice(["F", "M"], n), "rate_bpm": rng.normal(70, 9, n),
    })  # fmt: skip


def test_equals_least_squares_with_hc3_of_statsmodels() -> None:
    table, rng = people(), np.random.default_rng(3)
    label = (rng.random(80) < 0.4).astype(float)
    beats = (
        rng.normal(size=(80, 2, 3)) * (1 + label)[:, None, None]
        + 0.02 * table["age"].to_numpy()[:, None, None]
    )
    x = design(table, COVARIATES)
    found = group_difference(beats, label, x)
    for lead in range(2):
        for t in range(3):
            fit = sm.OLS(beats[:, lead, t], np.column_stack([np.ones(80), label, x])).fit(cov_type="HC3")
            assert found.estimate[lead, t] == pytest.approx(fit.params[1])
            low, high = fit.conf_int()[1]
            assert (found.low[lead, t], found.high[lead, t]) == (pytest.approx(low), pytest.approx(high))


def test_without_covariates_it_is_the_difference_of_means() -> None:
    rng = np.random.default_rng(4)
    beats, label = rng.normal(size=(30, 4)), np.r_[np.ones(10), np.zeros(20)]
    found = group_difference(beats, label, design(people(30), ()))
    np.testing.assert_allclose(found.estimate, beats[:10].mean(axis=0) - beats[10:].mean(axis=0))
    np.testing.assert_allclose(found.positive, beats[:10].mean(axis=0))
    np.testing.assert_allclose(found.negative, beats[10:].mean(axis=0))


def test_adjustment_removes_what_age_alone_did() -> None:
    """Beats depend on age and not on the label; the label depends on age."""
    table, rng = people(400), np.random.default_rng(5)
    age = table["age"].to_numpy()
    label = (age + rng.normal(0, 5, 400) > 60).astype(float)
    beats = (0.05 * age)[:, None] + rng.normal(0, 0.1, (400, 5))
    plain = group_difference(beats, label, design(table, ()))
    adjusted = group_difference(beats, label, design(table, COVARIATES))
    assert (plain.low > 0.3).all()
    assert (np.abs(adjusted.estimate) < 0.06).all()


def test_unknown_labels_and_covariates_leave_the_regression_and_are_counted() -> None:
    table, rng = people(40), np.random.default_rng(6)
    table.loc[0, "sex"] = None
    table.loc[1, "age"] = np.nan
    label = np.r_[np.ones(20), np.zeros(20)]
    label[2] = np.nan
    beats = rng.normal(size=(40, 3))
    found = group_difference(beats, label, design(table, COVARIATES))
    rest = group_difference(beats[3:], label[3:], design(table[3:], COVARIATES))
    np.testing.assert_allclose(found.estimate, rest.estimate)
    assert (found.n_positive, found.n_negative) == (17, 20)


@pytest.mark.parametrize("label", [np.r_[1.0, np.zeros(9)], np.full(10, np.nan)])
def test_not_estimable_is_nan_with_a_note(label: np.ndarray) -> None:
    found = group_difference(np.zeros((10, 2)), label, design(people(10), COVARIATES))
    assert np.isnan(found.estimate).all()
    assert found.note == "under two patients in a group"


def test_a_label_that_is_a_covariate_is_not_estimable() -> None:
    table = people(20)
    label = (table["sex"] == "M").to_numpy(dtype=float)
    found = group_difference(np.zeros((20, 2)), label, design(table, ("sex",)))
    assert found.note == "label fixed by covariates"


def test_wrong_input_is_named() -> None:
    with pytest.raises(InputError, match="covariate weight"):
        design(people(3), ("weight",))
    with pytest.raises(InputError, match="NaN or infinite"):
        group_difference(np.full((4, 2), np.nan), np.r_[1, 1, 0, 0.0], np.empty((4, 0)))
    with pytest.raises(InputError, match="4 beats, 3 labels"):
        group_difference(np.zeros((4, 2)), np.r_[1, 1, 0.0], np.empty((4, 0)))
