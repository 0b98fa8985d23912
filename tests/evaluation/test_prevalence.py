from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from ccta_lib.errors import InputError
from ccta_lib.evaluation.auc import auc
from ccta_lib.evaluation.prevalence import estimated_prevalence, prior_shift, rows_at_prevalence

share = st.floats(0.02, 0.98)


def test_prior_shift_by_hand():
    # Odds 1 at prevalence .2 (prior odds 1/4), at .5 (prior odds 1): odds 4, that is .8.
    np.testing.assert_allclose(prior_shift([0.5], trained=0.2, target=0.5), [0.8])
    # Odds 1/9 at .5, at .1 (prior odds 1/9): odds 1/81.
    np.testing.assert_allclose(prior_shift([0.1], trained=0.5, target=0.1), [1 / 82])


@given(st.lists(st.floats(0.001, 0.999), min_size=2, max_size=20), share, share)
def test_prior_shift_is_a_step_of_the_log_odds_that_goes_back(p, trained, target):
    moved = prior_shift(p, trained=trained, target=target)
    np.testing.assert_allclose(logit(moved) - logit(p), logit(target) - logit(trained), atol=1e-8)
    np.testing.assert_allclose(prior_shift(moved, trained=target, target=trained), p, atol=1e-8)


def test_prior_shift_is_bayes_in_a_population_one_can_count():
    # A finding with sensitivity .7 and specificity .9: predictive values by counting, at 10 % and at 40 %.
    def predictive(prevalence):
        return np.array([0.7 * prevalence / (0.7 * prevalence + 0.1 * (1 - prevalence)),
                         0.3 * prevalence / (0.3 * prevalence + 0.9 * (1 - prevalence))])  # fmt: skip

    np.testing.assert_allclose(prior_shift(predictive(0.1), trained=0.1, target=0.4), predictive(0.4))


def test_the_estimated_prevalence_is_found_without_labels():
    rng = np.random.default_rng(0)
    y = rng.random(40_000) < 0.35
    x = rng.normal(1.5 * y, 1.0)
    # The log likelihood ratio of two normals; the model was trained at 10 %.
    p = expit(1.5 * x - 1.5**2 / 2 + logit(0.1))
    assert estimated_prevalence(p, trained=0.1) == pytest.approx(0.35, abs=0.01)


def test_the_estimate_is_a_fixed_point_and_that_of_a_calibrated_model_its_own_mean():
    p = np.array([0.1, 0.3, 0.6, 0.2])
    found = estimated_prevalence(p, trained=0.25)
    assert prior_shift(p, trained=0.25, target=found).mean() == pytest.approx(found, abs=1e-8)
    # A model that tells nothing cannot tell another prevalence.
    assert estimated_prevalence(np.full(9, 0.25), trained=0.25) == pytest.approx(0.25)


@given(st.integers(5, 60), st.integers(5, 60), share, st.integers(0, 9))
@settings(deadline=None)
def test_rows_have_the_prevalence_one_class_stays_whole_and_no_row_comes_twice(ill, well, target, seed):
    y = np.repeat([1, 0], [ill, well])
    try:
        rows = rows_at_prevalence(y, target, generator=np.random.default_rng(seed))
    except InputError:
        assert round(well * target / (1 - target)) == 0 or round(ill * (1 - target) / target) == 0
        return
    chosen = y[rows]
    assert len(np.unique(rows)) == len(rows)
    assert chosen.sum() == ill or (chosen == 0).sum() == well
    nearest = [abs((chosen.sum() + k) / (len(rows) + k) - target) for k in (-1, 0, 1) if len(rows) + k > 0]
    assert nearest[1] <= min(nearest) + 0.5 / len(rows)


def test_a_shift_changes_no_rank():
    rng = np.random.default_rng(1)
    y, p = rng.random(200) < 0.3, rng.uniform(0.01, 0.9, 200)
    assert auc(y, prior_shift(p, trained=0.3, target=0.05)) == auc(y, p)


def test_wrong_input():
    for trained, target in ((0.0, 0.5), (0.2, 1.0)):
        with pytest.raises(InputError, match="prevalence above 0 and below 1"):
            prior_shift([0.5], trained=trained, target=target)
    with pytest.raises(InputError, match="only one class"):
        rows_at_prevalence([1, 1], 0.5, generator=np.random.default_rng(0))
    with pytest.raises(InputError, match="leaves no row"):
        rows_at_prevalence([1, 0, 0], 0.01, generator=np.random.default_rng(0))
    with pytest.raises(InputError, match="empty"):
        estimated_prevalence([], trained=0.2)
