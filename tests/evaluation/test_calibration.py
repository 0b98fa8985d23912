"""Calibration: properties, hand computations, and bands that do what they promise."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from statsmodels.nonparametric.smoothers_lowess import lowess

from ccta_lib.errors import InputError
from ccta_lib.evaluation import (
    RISK_THRESHOLDS,
    calibration_bands,
    calibration_curve,
    calibration_groups,
    calibration_points,
    calibration_summary,
    calibration_table,
    threshold_table,
)
from ccta_lib.schema import labels


def simulated(n=600, seed=0, slope=1.0, intercept=0.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(-1, 1, n)
    y = (rng.random(n) < expit(intercept + slope * x)).astype(int)
    return y, expit(x)


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_row_order_and_duplication_change_nothing(seed):
    y, p = simulated(120, seed)
    base = calibration_summary(y, p)
    order = np.random.default_rng(seed).permutation(len(y))
    pd.testing.assert_series_equal(base, calibration_summary(y[order], p[order]), rtol=1e-7)
    twice = calibration_summary(np.repeat(y, 2), np.repeat(p, 2))
    same = ["brier", "brier_null", "o_e", "citl", "intercept", "slope"]
    assert twice[same].to_numpy() == pytest.approx(base[same].to_numpy(), rel=1e-6)


def test_complement_mirrors_intercepts_and_keeps_the_slope():
    y, p = simulated()
    base, mirror = calibration_summary(y, p), calibration_summary(1 - y, 1 - p)
    assert mirror["brier"] == pytest.approx(base["brier"])
    assert mirror[["citl", "intercept"]].to_numpy() == pytest.approx(-base[["citl", "intercept"]].to_numpy())
    assert mirror["slope"] == pytest.approx(base["slope"])


def test_a_known_distortion_is_found():
    y, p = simulated(40_000, 3, slope=0.5, intercept=0.4)
    got = calibration_summary(y, p)
    assert got["slope"] == pytest.approx(0.5, abs=0.03)
    assert got["intercept"] == pytest.approx(0.4, abs=0.05)
    line = LogisticRegression(C=np.inf, tol=1e-10).fit(np.log(p / (1 - p))[:, None], y)
    assert got["slope"] == pytest.approx(line.coef_[0, 0], abs=1e-4)
    fixed = expit(0.4 + 0.5 * np.log(p / (1 - p)))
    assert calibration_summary(y, fixed)["ici"] < got["ici"] / 4


def test_hand_computed_summary():
    got = calibration_summary([1, 0, 0, 1], [0.5, 0.5, 0.25, 0.75])
    assert got["brier"] == pytest.approx((0.25 + 0.25 + 0.0625 + 0.0625) / 4)
    assert (got["brier_null"], got["o_e"]) == (0.25, 1.0)
    assert got["citl"] == pytest.approx(0, abs=1e-12)


def test_undefined_parts_are_nan_with_a_note_and_boundary_rows_are_counted():
    one_class = calibration_summary([0, 0, 0], [0.1, 0.2, 0.3])
    assert one_class[["citl", "intercept", "slope"]].isna().all()
    assert np.isfinite(one_class["brier"])
    assert "one class" in one_class.attrs["note"]
    apart = calibration_summary([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.8])
    assert math.isnan(apart["slope"])
    assert np.isfinite(apart["citl"])
    assert "separates" in apart.attrs["note"]
    constant = calibration_summary([0, 1, 0, 0], [0.3] * 4)
    assert constant["ici"] == pytest.approx(0.05)
    assert "equal" in constant.attrs["note"]
    edges = calibration_summary([0, 1, 0, 1, 1, 0], [0.0, 1.0, 0.4, 0.3, 0.6, 0.7])
    inside = calibration_summary([0, 1, 1, 0], [0.4, 0.3, 0.6, 0.7])
    assert edges["n_boundary"] == 2
    assert edges[["citl", "slope"]].to_numpy() == pytest.approx(inside[["citl", "slope"]].to_numpy())
    assert math.isnan(calibration_summary([0, 0], [0.0, 0.0])["o_e"])


def test_wrong_input_raises():
    for y, p in (
        ([0, 1], [0.5, 1.2]),
        ([0, 1], [0.5, -0.1]),
        ([0, 1], [0.5]),
        ([0, 1], [0.5, math.nan]),
        ([0, 3], [0.1, 0.2]),
    ):
        with pytest.raises(InputError):
            calibration_summary(y, p)
        with pytest.raises(InputError):
            calibration_curve(y, p)


def test_groups_of_twenty_join_the_remainder_to_the_last_and_break_ties_by_id():
    y, p = simulated(95)
    got = calibration_groups(y, p)
    assert got["n"].tolist() == [20, 20, 20, 35]
    order = np.argsort(p, kind="stable")
    assert got["mean_p"].iloc[-1] == pytest.approx(p[order][60:].mean())
    assert got["observed"].iloc[0] == pytest.approx(y[order][:20].mean())
    assert calibration_groups(y[:7], p[:7])["n"].tolist() == [7]
    tied_y, ids = [1, 0, 0, 1], ["d", "a", "b", "c"]
    two = calibration_groups(tied_y, [0.5] * 4, ids=ids, size=2)
    assert two["n_pos"].tolist() == [0, 2]  # a, b, then c, d


def test_curve_is_lowess_of_the_groups():
    y, p = simulated(400)
    groups = calibration_groups(y, p)
    curve = calibration_curve(y, p, n_boot=5)
    span = np.ptp(groups["mean_p"])
    expected = lowess(
        groups["observed"], groups["mean_p"], frac=0.6, it=0, delta=0.01 * span, return_sorted=False
    )
    assert curve["observed"].to_numpy() == pytest.approx(expected)
    published = calibration_curve(y, p, n_boot=5, it=3)
    assert not np.allclose(published["observed"], curve["observed"])


def test_bands_nest_repeat_and_cover_a_calibrated_model():
    covered = []
    for seed in range(25):
        y, p = simulated(500, seed)
        curve = calibration_curve(y, p, n_boot=120, seed=1)
        inside = curve.dropna()
        assert (inside["low_99"] <= inside["low_95"]).all()
        assert (inside["high_95"] <= inside["high_99"]).all()
        covered.append(((inside["low_95"] <= inside["p"]) & (inside["p"] <= inside["high_95"])).mean())
    assert curve.equals(calibration_curve(y, p, n_boot=120, seed=1))
    assert np.mean(covered) > 0.8


def test_bands_widen_when_rows_share_patients():
    y, p = simulated(300)
    y2, p2, patients = np.repeat(y, 3), np.repeat(p, 3), np.repeat(np.arange(300), 3)
    plain = calibration_curve(y2, p2, n_boot=100).dropna()
    clustered = calibration_curve(y2, p2, groups=patients, n_boot=100).dropna()
    assert (clustered["high_95"] - clustered["low_95"]).mean() > 1.4 * (
        plain["high_95"] - plain["low_95"]
    ).mean()


def test_table_has_the_numbers_of_the_summary_and_robust_limits(predictions):
    got = calibration_table(predictions, vessels=["LAD"], cohorts=["external"]).set_index("metric")
    rows = predictions[predictions["cohort"] == "external"]
    y = labels(rows["grade_lad"])
    known = np.isfinite(y)
    expected = calibration_summary(y[known], rows["prob_lad"][known])
    assert got.loc["calibration slope", "estimate"] == pytest.approx(expected["slope"])
    for metric in ("ICI", "E50", "E90", "Emax"):
        assert got.loc[metric, "estimate"] == pytest.approx(expected[metric.lower()])
    skill = 1 - expected["brier"] / expected["brier_null"]
    assert got.loc["Brier skill against the base rate", "estimate"] == pytest.approx(skill)
    limits = got.dropna(subset=["low"])
    assert len(limits) == 6
    assert ((limits["low"] < limits["estimate"]) & (limits["estimate"] < limits["high"])).all()


def test_robust_limits_agree_with_a_patient_bootstrap(make):
    table = make(500, seed=8)
    got = calibration_table(table, vessels=["LAD"]).set_index("metric")
    rng = np.random.default_rng(0)
    of_patient = [rows for _, rows in table.groupby("patient_id").indices.items()]
    drawn = []
    for _ in range(150):
        pick = rng.integers(0, len(of_patient), len(of_patient))
        rows = table.iloc[np.concatenate([of_patient[i] for i in pick])]
        y = labels(rows["grade_lad"])
        known = np.isfinite(y)
        s = calibration_summary(y[known], rows["prob_lad"].to_numpy()[known])
        drawn.append([s["brier"], 1 - s["brier"] / s["brier_null"], np.log(s["o_e"]), s["citl"], s["slope"]])
    sd = np.std(drawn, axis=0)
    names = ["Brier score", "Brier skill against the base rate", "observed / expected"]
    names += ["calibration in the large", "calibration slope"]
    for name, expected in zip(names, sd, strict=True):
        low, high = got.loc[name, ["low", "high"]].astype(float)
        half = np.log(high / low) / 2 if name == "observed / expected" else (high - low) / 2
        assert half / 1.96 == pytest.approx(expected, rel=0.25), name


def test_points_bands_and_thresholds_carry_their_keys(predictions):
    points = calibration_points(predictions, cohorts=["internal"])
    assert set(points["vessel"]) == {"RCA", "LM", "LAD", "LCX"}
    lad = points[points["vessel"] == "LAD"]
    assert ((lad["mean_p"] >= 0.15) == (lad["risk"] == "high")).all()
    bands = calibration_bands(predictions, cohorts=["internal"], vessels=["LAD"], n_boot=20)
    assert {"p", "observed", "low_95", "high_99", "cohort"} <= set(bands)
    rates = threshold_table(predictions, thresholds=RISK_THRESHOLDS | {"LAD": 0.3}, cohorts=["internal"])
    one = rates[(rates["vessel"] == "LAD") & (rates["metric"] == "sensitivity")].iloc[0]
    # Every row, that of no model too, tells the threshold of its artery.
    assert (rates["threshold"] == rates["vessel"].map(RISK_THRESHOLDS | {"LAD": 0.3})).all()
    assert one["estimate"] == pytest.approx(one["tp"] / (one["tp"] + one["fn"]))
    assert one["n"] == one[["tp", "fp", "fn", "tn"]].sum()


def test_a_vessel_without_labels_says_so(predictions):
    bare = predictions.drop(columns="grade_lm")
    for table in (calibration_table(bare, vessels=["LM"]), threshold_table(bare, vessels=["LM"])):
        assert table["estimate"].isna().all()
        assert (table["note"] != "").all()
    assert len(calibration_points(bare, vessels=["LM"])) == 0


def test_limits_of_brier_skill_and_ratio_by_hand(make):
    rows = make(80).dropna(subset=["grade_lad"])
    table = calibration_table(rows, vessels=["LAD"]).set_index("metric")
    y, p = labels(rows["grade_lad"]), rows["prob_lad"].to_numpy()
    patients = rows["patient_id"].to_numpy()
    m = len(set(patients))

    def half(contribution):
        """Half an interval of a mean whose rows are clustered: deviations summed within patients, m / (m - 1)."""
        deviation = pd.Series(contribution - contribution.mean()).groupby(patients).sum()
        return 1.959963985 * np.sqrt(m / (m - 1) * (deviation**2).sum()) / len(y)

    brier = table.loc["Brier score"]
    square = (p - y) ** 2
    assert brier["estimate"] == pytest.approx(square.mean())
    assert [brier["low"], brier["high"]] == pytest.approx(
        [square.mean() - half(square), square.mean() + half(square)]
    )
    ratio = table.loc["observed / expected"]
    wide = np.exp(half(y / y.mean() - p / p.mean()))  # on the scale of the logarithm
    assert ratio["estimate"] == pytest.approx(y.mean() / p.mean())
    assert [ratio["low"], ratio["high"]] == pytest.approx(
        [ratio["estimate"] / wide, ratio["estimate"] * wide]
    )
    skill = table.loc["Brier skill against the base rate"]
    # The skill is 1 - B / V, V = r (1 - r): its derivative by each row, B's through the squares, V's through r.
    null = y.mean() * (1 - y.mean())
    spread = half(square / null - square.mean() * (1 - 2 * y.mean()) * y / null**2)
    assert [skill["low"], skill["high"]] == pytest.approx(
        [skill["estimate"] - spread, skill["estimate"] + spread]
    )
    assert set(table["recalibration"]) == {"as predicted"}
