"""Means over seeds: against SciPy, statsmodels and a computation by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower

from ccta_lib.errors import InputError
from ccta_lib.evaluation.seeds import (
    detectable_difference,
    mean_over_seeds,
    paired_over_seeds,
    rows_by_seed,
)

A = [0.71, 0.74, 0.69, 0.73, 0.75]
B = [0.70, 0.72, 0.70, 0.70, 0.72]


def test_by_hand():
    """Differences .01 .02 -.01 .03 .03: mean .016, squared deviations .00112, sd sqrt(.00028), t(4) = 2.776."""
    found = paired_over_seeds(A, B)
    assert found.estimate == pytest.approx(0.016)
    assert found.sd == pytest.approx(0.00028**0.5)
    half = 2.7764451051977987 * 0.00028**0.5 / 5**0.5
    assert (found.low, found.high) == pytest.approx((0.016 - half, 0.016 + half))
    assert found.n == 5


@given(
    st.lists(st.floats(-1, 1), min_size=3, max_size=12),
    st.integers(0, 1000),
    st.sampled_from([0.8, 0.95, 0.99]),
)
def test_equals_scipy(a, seed, level):
    b = np.array(a) + np.random.default_rng(seed).normal(0, 0.1, len(a))
    found = paired_over_seeds(a, b, level=level)
    expected = stats.ttest_rel(a, b)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(level)), rel=1e-9)


@pytest.mark.parametrize("n", [2, 3, 5, 20])
def test_detectable_difference_is_that_of_a_t_test(n):
    expected = TTestPower().solve_power(nobs=n, power=0.8, alpha=0.05, alternative="two-sided")
    assert detectable_difference(0.3, n) == pytest.approx(0.3 * expected, rel=1e-5)


def test_detectable_difference_is_found_as_often_as_said():
    rng = np.random.default_rng(1)
    effect = detectable_difference(1.0, 5)
    x = rng.normal(effect, 1, (20_000, 5))
    rejected = stats.ttest_1samp(x, 0, axis=1).pvalue < 0.05
    assert rejected.mean() == pytest.approx(0.8, abs=0.01)


def test_undefined_says_why():
    one = mean_over_seeds([0.7])
    assert one.note == "one seed: no interval"
    assert np.isnan([one.low, one.high, one.p_value, one.detectable]).all()
    assert one.estimate == 0.7
    still = paired_over_seeds(A, np.array(A) - 0.01)
    assert still.note == "the seeds do not differ: no interval"
    assert still.estimate == pytest.approx(0.01)
    assert "5 seeds" in str(still)


def test_wrong_input():
    with pytest.raises(InputError, match="5 and 4 seeds"):
        paired_over_seeds(A, B[:4])
    with pytest.raises(InputError, match=r"^values: none; give one per seed$"):
        mean_over_seeds([])
    with pytest.raises(InputError, match="level"):
        mean_over_seeds(A, level=95)
    with pytest.raises(InputError):
        mean_over_seeds([0.1, np.nan])
    with pytest.raises(InputError, match=r"found \[1, 1\]"):
        rows_by_seed([0.1, 0.2], [1, 1], [1])


def test_seeds_are_matched_not_counted():
    assert rows_by_seed([0.3, 0.1, 0.2], [3, 1, 2], [1, 2, 3]).tolist() == [0.1, 0.2, 0.3]
