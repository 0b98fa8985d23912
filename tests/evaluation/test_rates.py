"""Wilson intervals, their clustered form, and operating points."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from ccta_lib.errors import InputError
from ccta_lib.evaluation import operating_points, rate_interval, wilson


@given(st.integers(1, 10_000), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=60, deadline=None)
def test_wilson_is_that_of_statsmodels_and_mirrors(n, data, level):
    x = data.draw(st.integers(0, n))
    low, high = wilson(x, n, level=level)
    expected = proportion_confint(x, n, alpha=1 - level, method="wilson")
    assert [float(low), float(high)] == pytest.approx(list(expected), abs=1e-12)
    mirrored = wilson(n - x, n, level=level)
    assert [1 - float(mirrored[1]), 1 - float(mirrored[0])] == pytest.approx(
        [float(low), float(high)], abs=1e-12
    )
    assert 0 <= low <= x / n <= high <= 1


def test_wilson_keeps_exact_ends_and_undefined_sizes():
    low, high = wilson([0, 5, 0], [5, 5, 0])
    assert (low[0], high[1]) == (0, 1)
    assert math.isnan(low[2])
    for x, n in ((-1, 5), (6, 5)):
        with pytest.raises(InputError, match="successes"):
            wilson(x, n)


def test_clustered_rate_by_hand():
    # Three patients with 1 of 2, 2 of 2 and 0 of 1: p = 3/5, residuals -.2, .8, -.6;
    # v = 3/2 (.04 + .64 + .36) / 25 = .0624; n_eff = .24 / .0624.
    got = rate_interval([1, 0, 1, 1, 0], groups=["a", "a", "b", "b", "c"])
    size = 0.24 / 0.0624
    expected = wilson(0.6 * size, size)
    assert [got.low, got.high] == pytest.approx([float(v) for v in expected])
    assert (got.estimate, got.n, got.n_pos, got.n_groups) == (0.6, 5, 3, 3)


def test_clustered_rate_at_the_ends_counts_patients():
    all_positive = rate_interval([1, 1, 1, 1, 1, 1], groups=[1, 1, 1, 2, 2, 3])
    assert all_positive.low == pytest.approx(float(wilson(3, 3)[0]))
    # The same in every patient: no spread to estimate, so the number of patients counts.
    even = rate_interval([1, 0, 1, 0, 1, 0], groups=[1, 1, 2, 2, 3, 3])
    assert even.low == pytest.approx(float(wilson(1.5, 3)[0]))
    assert "one patient" in rate_interval([1, 0], groups=[1, 1]).note
    assert "no rows" in rate_interval([]).note


@given(st.lists(st.integers(0, 1), min_size=3, max_size=60), st.integers(2, 4))
@settings(max_examples=40, deadline=None)
def test_copies_within_patients_change_nothing_but_plain_copies_narrow(values, copies):
    success = np.array(values)
    patients = np.arange(len(success))
    one = rate_interval(success, groups=patients)
    more = rate_interval(np.repeat(success, copies), groups=np.repeat(patients, copies))
    assert [more.estimate, more.low, more.high] == pytest.approx([one.estimate, one.low, one.high])
    plain = rate_interval(np.repeat(success, copies))
    assert plain.high - plain.low < more.high - more.low


@given(st.integers(2, 80), st.integers(0, 9999))
@settings(max_examples=40, deadline=None)
def test_operating_points_count_what_a_loop_counts(n, seed):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 2, n), rng.integers(0, 11, n) / 10
    for row in operating_points(y, p, [0.0, 0.3, 0.55, 1.0]).itertuples():
        called = [score >= row.threshold for score in p]
        tp = sum(c and label for c, label in zip(called, y, strict=True))
        tn = sum(not c and not label for c, label in zip(called, y, strict=True))
        assert (row.tp, row.tn) == (tp, tn)
        assert (row.fp, row.fn) == (sum(called) - tp, n - sum(called) - tn)
        assert row.sensitivity == pytest.approx(tp / y.sum() if y.sum() else math.nan, nan_ok=True)
        assert row.npv == pytest.approx(tn / (n - sum(called)) if n > sum(called) else math.nan, nan_ok=True)


def test_operating_points_in_order_duplicated_and_clustered():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 40), rng.random(40)
    one = operating_points(y, p, 0.4)
    twice = operating_points(np.repeat(y, 2), np.repeat(p, 2), 0.4, groups=np.repeat(np.arange(40), 2))
    rates = [f"{r}{s}" for r in ("sensitivity", "specificity", "ppv", "npv") for s in ("", "_low", "_high")]
    turned = operating_points(y[::-1], p[::-1], 0.4)
    assert one[rates].to_numpy() == pytest.approx(turned[rates].to_numpy())
    single = operating_points(y, p, 0.4, groups=np.arange(40))
    assert twice[rates].to_numpy() == pytest.approx(single[rates].to_numpy())


def test_wrong_input_raises():
    for y, p, cut in (
        ([0, 1], [0.1, 1.2], 0.5),
        ([0, 2], [0.1, 0.2], 0.5),
        ([0, 1], [0.1], 0.5),
        ([0, 1], [0.1, 0.2], math.nan),
    ):
        with pytest.raises(InputError):
            operating_points(y, p, cut)


def test_the_standard_error_is_that_of_the_effective_size():
    plain = rate_interval([1, 0, 0, 1, 0])
    assert plain.se == pytest.approx((0.4 * 0.6 / 5) ** 0.5)
    twice = rate_interval([1, 1, 0, 0, 0, 0, 1, 1, 0, 0], groups=[1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    # Both rows of a patient agree, so that five patients are all there is, with 5 / 4 for their estimated mean.
    assert twice.se == pytest.approx((0.4 * 0.6 / 4) ** 0.5)
    assert math.isnan(rate_interval([1, 0], groups=["a", "a"]).se)
    assert rate_interval([1, 0], groups=["a", "a"]).note == "one patient: no interval"
    assert rate_interval([]).note == "no rows: rate undefined"
