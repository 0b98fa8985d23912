"""Trends: scipy, exact permutation distributions, and the range that was not the training target."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm, spearmanr

from ccta_lib.errors import InputError
from ccta_lib.evaluation import (
    aggregate,
    holm,
    jonckheere_terpstra,
    severity_points,
    severity_table,
    spearman_trend,
)
from ccta_lib.evaluation.severity import BELOW_SEVERE, EFFECT, RHO


@st.composite
def graded(draw):
    n = draw(st.integers(5, 40))
    rng = np.random.default_rng(draw(st.integers(0, 99_999)))
    grade, p = rng.integers(0, 4, n), rng.integers(0, 8, n) / 8
    assume(np.ptp(grade) > 0 and np.ptp(p) > 0)
    return grade, p


@given(graded())
@settings(max_examples=50, deadline=None)
def test_spearman_is_scipys_and_ignores_monotone_transforms(data):
    grade, p = data
    got, expected = spearman_trend(grade, p), spearmanr(grade, p)
    assert (got.rho, got.p_value) == (
        pytest.approx(expected.statistic),
        pytest.approx(expected.pvalue, abs=1e-9),
    )
    other = spearman_trend(grade**3, np.exp(p))
    assert (other.rho, other.p_value) == (pytest.approx(got.rho), pytest.approx(got.p_value))
    turned = spearman_trend(grade[::-1], -p[::-1])
    assert turned.rho == pytest.approx(-got.rho)


@given(graded())
@settings(max_examples=50, deadline=None)
def test_jonckheere_counts_pairs(data):
    grade, p = data
    wins = pairs = 0.0
    for i, j in itertools.combinations(range(len(p)), 2):
        if grade[i] != grade[j]:
            low, high = (i, j) if grade[i] < grade[j] else (j, i)
            wins += (p[high] > p[low]) + 0.5 * (p[high] == p[low])
            pairs += 1
    got = jonckheere_terpstra(grade, p)
    assert (got.statistic, got.effect) == (pytest.approx(wins), pytest.approx(wins / pairs))
    mirrored = jonckheere_terpstra(-grade, -p)
    assert mirrored.z == pytest.approx(got.z)
    assert jonckheere_terpstra(grade, -p).effect == pytest.approx(1 - got.effect)


@pytest.mark.parametrize("p", [[1, 2, 2, 3, 3, 3], [1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 2, 2]])
def test_null_variance_is_that_of_all_permutations(p):
    grade = [0, 0, 1, 1, 1, 2]
    drawn = []
    for order in itertools.permutations(p):
        counted = [
            (order[j] > order[i]) + 0.5 * (order[j] == order[i])
            for i, j in itertools.combinations(range(6), 2)
            if grade[i] != grade[j]
        ]
        drawn.append(sum(counted))
    got = jonckheere_terpstra(grade, p)
    assert got.z == pytest.approx((got.statistic - np.mean(drawn)) / np.std(drawn))


def test_repeated_patients_keep_the_estimate_and_cost_power():
    rng = np.random.default_rng(0)
    grade, noise = rng.integers(0, 4, 80), rng.normal(size=80)
    p = 0.6 * grade + noise
    patients = np.repeat(np.arange(80), 3)
    for test in (spearman_trend, jonckheere_terpstra):
        one, naive = test(grade, p), test(np.repeat(grade, 3), np.repeat(p, 3))
        robust = test(np.repeat(grade, 3), np.repeat(p, 3), groups=patients)
        assert naive.p_value < one.p_value / 10
        assert math.log(robust.p_value) == pytest.approx(math.log(one.p_value), rel=0.35)


def test_grade_names_follow_the_paper_and_undefined_trends_say_why():
    named = spearman_trend(["normal", "mild", "severe", "occluded"], [0.1, 0.2, 0.3, 0.4])
    assert named.rho == pytest.approx(spearman_trend([0, 1, 3, 3], [0.1, 0.2, 0.3, 0.4]).rho)
    assert "equal" in spearman_trend([1, 1, 1], [1, 2, 3]).note
    assert "fewer than 3" in spearman_trend([1, 2], [1, 2]).note
    assert "one grade" in jonckheere_terpstra([1, 1], [1, 2]).note
    for grade, p in (
        (["severe", "bad"], [1, 2]),
        ([1, 2], [1, math.nan]),
        ([1, 2, 3], [1, 2]),
        ([1, None], [1, 2]),
    ):
        with pytest.raises(InputError):
            spearman_trend(grade, p)
        with pytest.raises(InputError):
            jonckheere_terpstra(grade, p)


def test_table(predictions):
    got = severity_table(predictions)
    assert set(got["metric"]) == {RHO, EFFECT}
    rows = got[(got["cohort"] == "internal") & (got["range"] == BELOW_SEVERE) & (got["metric"] == RHO)]
    assert rows["p_holm"].to_numpy() == pytest.approx(holm(rows["p_value"].to_numpy()))
    patients = aggregate(predictions[predictions["cohort"] == "internal"], "patient")
    kept = patients[patients["grade_lad"].isin(["normal", "mild", "moderate"])]
    expected = spearman_trend(kept["grade_lad"], kept["prob_lad"])
    assert rows.set_index("vessel").loc["LAD", "estimate"] == pytest.approx(expected.rho)
    assert rows.set_index("vessel").loc["LAD", "n"] == len(kept)
    points = severity_points(predictions, vessels=["LAD"])
    assert {"grade", "code", "p", "cohort"} <= set(points)
    bare = severity_table(predictions.drop(columns="grade_lm"), vessels=["LM"])
    assert (bare["note"] != "").all()


@given(st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_holm(p):
    got = holm(p)
    counted = [1.0 if math.isnan(v) else v for v in p]
    order = sorted(range(len(p)), key=lambda i: counted[i])
    running = 0.0
    for rank, i in enumerate(order):
        running = max(running, (len(p) - rank) * counted[i])
        assert got[i] == pytest.approx(min(running, 1.0))
    assert (got >= np.array(counted) - 1e-12).all()


def test_holm_raises_outside_0_and_1():
    for p in ([0.5, 1.2], [[0.1]]):
        with pytest.raises(InputError):
            holm(p)


@pytest.mark.parametrize(
    ("cuts", "weight", "near"), [([-0.5, 0.5, 1.2], 0.3, 0.05), ([0.8, 1.2, 1.6], 1.0, 0.1)]
)
def test_clustered_trend_is_near_that_of_leaving_out_one_patient_at_a_time(cuts, weight, near):
    """The second has few high grades and a strong trend: the correction for the variances of both ranks counts."""
    rng = np.random.default_rng(4)
    patient = np.repeat(np.arange(150), 3)
    level = rng.normal(size=150)[patient]
    grade = np.digitize(level + rng.normal(0, 0.5, 450), cuts)
    p = np.exp(weight * level + rng.normal(size=450))  # skewed, so that ranks matter
    found = spearman_trend(grade, p, groups=patient)
    left = np.array([spearman_trend(grade[patient != k], p[patient != k]).rho for k in range(150)])
    jackknife = np.sqrt(149 / 150 * np.sum((left - left.mean()) ** 2))
    assert found.rho / norm.isf(found.p_value / 2) == pytest.approx(jackknife, rel=near)
