"""AUC: brute force over pairs, hand computation, and properties that must hold for any data."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from ccta_lib.errors import InputError
from ccta_lib.evaluation import auc_difference, auc_difference_groups, auc_interval, roc_points, roc_table
from ccta_lib.evaluation.roc import STEPS, sparse


def same(a: float) -> object:
    return pytest.approx(a, abs=1e-10, nan_ok=True)


@st.composite
def clustered(draw, min_size=8, max_size=40):
    n = draw(st.integers(min_size, max_size))
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    p = np.array(draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))) / 10
    groups = np.array(draw(st.lists(st.integers(0, n // 2), min_size=n, max_size=n)))
    assume(0 < y.sum() < n)
    return y, p, groups


def kernel(y, p):
    difference = p[y == 1][:, None] - p[y == 0][None, :]
    return (difference > 0) + 0.5 * (difference == 0)


def obuchowski_by_loops(y, p, groups):
    """Obuchowski 1997, equations written out over patients."""
    psi = kernel(y, p)
    a, (m, n) = psi.mean(), psi.shape
    x = np.zeros(len(y))
    x[y == 1], x[y == 0] = psi.mean(axis=1), psi.mean(axis=0)
    s10 = s01 = s11 = 0.0
    for g in set(groups):
        case, control = (groups == g) & (y == 1), (groups == g) & (y == 0)
        dx, dy = x[case].sum() - case.sum() * a, x[control].sum() - control.sum() * a
        s10, s01, s11 = s10 + dx**2, s01 + dy**2, s11 + dx * dy
    i, i10, i01 = len(set(groups)), len(set(groups[y == 1])), len(set(groups[y == 0]))
    s10, s01, s11 = s10 * i10 / ((i10 - 1) * m), s01 * i01 / ((i01 - 1) * n), s11 * i / (i - 1)
    return s10 / m + s01 / n + 2 * s11 / (m * n)


def test_hand_computed_interval():
    # positives .8 .4 against negatives .6 .2: 3 of 4 pairs; V10 = 1, 1/2; V01 = 1/2, 1;
    # each has variance 1/8, so var = 1/8/2 + 1/8/2 = 1/8.
    got = auc_interval([1, 1, 0, 0], [0.8, 0.4, 0.6, 0.2])
    assert (got.estimate, got.se) == (0.75, same(math.sqrt(1 / 8)))
    assert got.low == same(0.75 - 1.959963984540054 * math.sqrt(1 / 8))
    assert got.high == 1.0
    assert (got.n, got.n_pos, got.n_groups, got.note) == (4, 2, 4, "")


@given(clustered())
@settings(max_examples=60, deadline=None)
def test_estimate_and_clustered_variance_equal_the_sums_over_pairs(data):
    y, p, groups = data
    got = auc_interval(y, p, groups=groups)
    assert got.estimate == same(kernel(y, p).mean())
    assert got.estimate == same(roc_auc_score(y, p))
    if got.note and "equal" not in got.note:
        assert math.isnan(got.se)
    else:
        assert got.se**2 == same(max(obuchowski_by_loops(y, p, groups), 0))


@given(clustered(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_invariances(data, random):
    y, p, groups = data
    base = auc_interval(y, p, groups=groups)
    order = list(range(len(y)))
    random.shuffle(order)
    shuffled = auc_interval(y[order], p[order], groups=groups[order])
    stretched = auc_interval(y, np.exp(3 * p) - 7, groups=groups)
    complement = auc_interval(1 - y, -p, groups=groups)
    renamed = auc_interval(y, p, groups=[f"patient {g}" for g in groups])
    for other in (shuffled, stretched, complement, renamed):
        assert (other.estimate, other.se) == (same(base.estimate), same(base.se))
    flipped = auc_interval(y, -p, groups=groups)
    assert (flipped.estimate, flipped.se) == (same(1 - base.estimate), same(base.se))


@given(clustered())
@settings(max_examples=30, deadline=None)
def test_patients_of_one_row_are_delong_and_copies_in_a_patient_change_nothing(data):
    y, p, _ = data
    plain = auc_interval(y, p)
    single = auc_interval(y, p, groups=np.arange(len(y)))
    assert (plain.estimate, plain.se, plain.low) == (single.estimate, same(single.se), same(single.low))
    tripled = auc_interval(np.repeat(y, 3), np.repeat(p, 3), groups=np.repeat(np.arange(len(y)), 3))
    assert (tripled.estimate, tripled.se) == (same(plain.estimate), same(plain.se))


@given(clustered(), st.booleans())
@settings(max_examples=30, deadline=None)
def test_bootstrap_replicates_equal_scikit_learn_on_copied_rows(data, by_patient):
    y, p, groups = data
    rng = np.random.default_rng(1)
    if by_patient:
        draws = rng.choice(np.unique(groups), size=(40, len(set(groups))))
        rows = [np.concatenate([np.flatnonzero(groups == g) for g in d]) for d in draws]
        got = auc_interval(y, p, groups=groups, method="bootstrap", resamples=draws)
    else:
        draws = rng.integers(0, len(y), size=(40, len(y)))
        rows = list(draws)
        got = auc_interval(y, p, method="bootstrap", resamples=draws)
    aucs = [roc_auc_score(y[r], p[r]) for r in rows if 0 < y[r].sum() < len(r)]
    if math.isfinite(got.low):
        assert [got.low, got.high] == same(np.quantile(aucs, [0.025, 0.975]))
        assert got.se == same(np.std(aucs, ddof=1))
    else:
        assert got.note


def test_bootstrap_agrees_with_the_clustered_variance_and_repeats_itself():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(400), 2)
    z = rng.normal(size=400)[groups]
    y = (z + rng.normal(size=400)[groups] > 0.8).astype(int)
    p = z + rng.normal(size=800)
    clustered_, naive = auc_interval(y, p, groups=groups), auc_interval(y, p)
    boot = auc_interval(y, p, groups=groups, method="bootstrap", seed=4)
    assert boot.se == pytest.approx(clustered_.se, rel=0.1)
    assert clustered_.se > 1.15 * naive.se
    assert boot == auc_interval(y, p, groups=groups, method="bootstrap", seed=4)
    assert boot.low != auc_interval(y, p, groups=groups, method="bootstrap", seed=5).low


def test_what_a_small_subgroup_can_have_is_nan_with_a_note():
    for y, p, groups, word in (
        ([1, 1, 1], [0.1, 0.2, 0.3], None, "one class"),
        ([1, 0, 0], [0.9, 0.2, 0.95], None, "fewer than 2"),
        ([1, 1, 0, 0], [0.9, 0.8, 0.85, 0.1], [1, 1, 2, 3], "fewer than 2"),
        ([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1], None, "exactly 1"),
        ([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9], None, "exactly 0"),
    ):
        for method in ("delong", "bootstrap"):
            got = auc_interval(y, p, groups=groups, method=method)
            assert word in got.note
            assert all(math.isnan(v) for v in (got.low, got.high, got.se))
    assert auc_interval([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1]).estimate == 1
    rare = auc_interval([1, 1] + [0] * 20, np.arange(22) % 7, method="bootstrap", n_boot=200)
    assert "resamples undefined" in rare.note
    assert math.isnan(rare.low)


def test_wrong_input_raises_one_clear_line():
    ok_y, ok_p = [0, 1, 1, 0], [0.1, 0.2, 0.3, 0.4]
    for y, p, options, word in (
        ([0, 1, 2, 0], ok_p, {}, "expected 0 or 1"),
        ([0, 1, math.nan, 0], ok_p, {}, "mask"),
        (ok_y, [0.1, math.nan, 0.3, 0.4], {}, "mask"),
        (ok_y, [0.1, math.inf, 0.3, 0.4], {}, "infinite"),
        (ok_y, [0.1, 0.2, 0.3], {}, "lengths differ"),
        (ok_y, ["a", "b", "c", "d"], {}, "expected numbers"),
        (ok_y, ok_p, {"groups": [1, 2, 3]}, "lengths differ"),
        (ok_y, ok_p, {"groups": ["a", None, "b", "c"]}, "missing"),
        (ok_y, ok_p, {"method": "magic"}, "method"),
        (ok_y, ok_p, {"level": 95}, "level"),
        (ok_y, ok_p, {"method": "bootstrap", "n_boot": 0}, "n_boot"),
        (ok_y, ok_p, {"method": "bootstrap", "resamples": [[0, 9]]}, "row numbers"),
        (ok_y, ok_p, {"method": "bootstrap", "groups": [1, 1, 2, 2], "resamples": [[1, 3]]}, "not among"),
        (ok_y, ok_p, {"method": "bootstrap", "groups": list("aabb"), "resamples": [[1, 2]]}, "not among"),
        ([], [], {}, "empty"),
    ):
        with pytest.raises(InputError, match=word) as caught:
            auc_interval(y, p, **options)
        assert len(caught.value.faults) == 1
        assert "\n" not in str(caught.value)


@given(clustered())
@settings(max_examples=30, deadline=None)
def test_difference_is_antisymmetric_and_zero_against_itself(data):
    y, p, groups = data
    rng = np.random.default_rng(0)
    other = rng.integers(0, 5, len(y))
    ab, ba = auc_difference(y, p, other, groups=groups), auc_difference(y, other, p, groups=groups)
    assert ab.estimate == same(-ba.estimate)
    assert ab.p_value == same(ba.p_value)
    assert ab.low == same(-ba.high)
    itself = auc_difference(y, p, 2 * p + 1, groups=groups)
    if math.isfinite(itself.p_value):
        assert (itself.estimate, itself.p_value) == (0, 1)


def stratified_by_definition(y, p, stratum, groups):
    """DEFINITIONS, Subgroups: d_i = c_i in one stratum minus c_i in the other."""
    c = {}
    for s in (0, 1):
        rows = stratum == s
        psi = kernel(y[rows], p[rows])
        x = np.zeros(rows.sum())
        ys = y[rows]
        x[ys == 1], x[ys == 0] = psi.mean(axis=1), psi.mean(axis=0)
        for g in set(groups):
            mine = groups[rows] == g
            case, control = mine & (ys == 1), mine & (ys == 0)
            c[s, g] = (x[case].sum() - case.sum() * psi.mean()) / (ys == 1).sum()
            c[s, g] += (x[control].sum() - control.sum() * psi.mean()) / (ys == 0).sum()
        c[s] = psi.mean()
    d = np.array([c[0, g] - c[1, g] for g in set(groups)])
    variance = len(d) / (len(d) - 1) * (d**2).sum()
    return (c[0] - c[1]) ** 2 / variance


@given(clustered(min_size=20), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_strata_that_share_patients_follow_the_definition(data, seed):
    y, p, groups = data
    stratum = np.random.default_rng(seed).integers(0, 2, len(y))
    got = auc_difference_groups(y, p, stratum, groups=groups)
    if math.isfinite(got.statistic):
        assert got.statistic == pytest.approx(stratified_by_definition(y, p, stratum, groups), rel=1e-8)
        assert auc_difference_groups(y, p, 1 - stratum, groups=groups).statistic == same(got.statistic)
    else:
        assert got.note


def test_three_strata_and_strata_that_cannot_be_tested():
    rng = np.random.default_rng(3)
    y, p, s = rng.integers(0, 2, 300), rng.normal(size=300), rng.integers(0, 3, 300)
    got = auc_difference_groups(y, p, s)
    parts = [auc_interval(y[s == k], p[s == k]) for k in range(3)]
    weight = np.array([1 / q.se**2 for q in parts])
    estimate = np.array([q.estimate for q in parts])
    q = (weight * (estimate - (weight * estimate).sum() / weight.sum()) ** 2).sum()
    assert (got.statistic, got.df) == (same(q), 2)
    y[s == 1] = 0
    undefined = auc_difference_groups(y, p, s)
    assert math.isnan(undefined.p_value)
    assert "stratum 1" in undefined.note
    assert "one stratum" in auc_difference_groups(y, p, np.zeros(300)).note
    with pytest.raises(InputError, match="stratum"):
        auc_difference_groups([0, 1], [0, 1], [None, "a"])


@given(clustered())
@settings(max_examples=30, deadline=None)
def test_roc_points_enclose_the_auc(data):
    y, p, _ = data
    curve = roc_points(y, p)
    area = np.trapezoid(curve["sensitivity"], 1 - curve["specificity"])
    assert area == same(auc_interval(y, p).estimate)
    for row in curve.itertuples():
        assert row.tp == ((p >= row.threshold) & (y == 1)).sum()
        assert row.fp == ((p >= row.threshold) & (y == 0)).sum()


@given(clustered(), st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_what_a_sparse_curve_leaves_out_lies_near_what_it_keeps(data, steps):
    y, p, _ = data
    whole = roc_points(y, p)
    kept = sparse(whole, steps)
    assert list(kept.index[[0, -1]]) == [0, len(whole) - 1]
    if len(whole) <= steps:
        assert len(kept) == len(whole)
        return
    assert len(kept) <= 2 * steps + 2
    rates = ["sensitivity", "specificity"]
    apart = np.abs(whole[rates].to_numpy()[:, None] - kept[rates].to_numpy()).max(axis=2)
    assert apart.min(axis=1).max() < 1 / steps + 1e-9


def test_a_long_curve_is_made_sparse_and_keeps_its_area():
    rng = np.random.default_rng(0)
    y = rng.random(60_000) < 0.3
    p = expit(rng.normal(y))
    grade = np.where(y, "severe", "normal")
    table = pd.DataFrame({"patient_id": np.arange(y.size), "grade_lad": grade, "prob_lad": p})
    curve = roc_table(table, vessels=["LAD"])
    assert STEPS < len(curve) <= 2 * STEPS + 2
    area = np.trapezoid(curve["sensitivity"], 1 - curve["specificity"])
    assert area == pytest.approx(roc_auc_score(y, p), abs=1 / STEPS)


def test_with_two_ecgs_per_patient_only_the_clustered_comparison_keeps_five_percent():
    plain = clustered_ = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(150), 2)
        latent = rng.normal(size=150)[patient]
        y = (latent + rng.normal(size=150)[patient] > 0.5).astype(int)
        p = latent + 0.4 * rng.normal(size=300)
        stratum = rng.integers(0, 2, 150)[patient]
        plain += auc_difference_groups(y, p, stratum).p_value < 0.05
        clustered_ += auc_difference_groups(y, p, stratum, groups=patient).p_value < 0.05
    assert clustered_ <= 27  # 5 % of 300 with a margin of over three standard errors
    assert plain > clustered_ + 15


def test_bootstrap_does_not_depend_on_processes():
    from joblib import parallel_config

    rng = np.random.default_rng(0)
    y, p = rng.random(200) < 0.3, rng.random(200)
    alone = auc_interval(y, p, method="bootstrap", n_boot=100, seed=4)
    with parallel_config("loky", n_jobs=2):
        assert auc_interval(y, p, method="bootstrap", n_boot=100, seed=4) == alone
