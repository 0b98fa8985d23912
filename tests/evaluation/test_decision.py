"""Decision curves: brute force, bands, survival, and the tables' rules."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccta_lib.errors import InputError, TableError
from ccta_lib.evaluation import (
    RISK_THRESHOLDS,
    crossfit_risk,
    decision_curves,
    decision_survival_curves,
    decision_table,
    kaplan_meier,
    net_benefit,
    net_benefit_difference,
    net_benefit_survival,
    operating_curves,
    opportunistic_table,
    opportunistic_thresholds,
    risk_group_table,
    risk_groups,
    wilson,
)

CUT = [0.0, 0.1, 0.3, 0.5, 0.9]


def of(table, strategy):
    return table.loc[table["strategy"] == strategy, "net_benefit"].to_numpy()


@given(st.integers(2, 60), st.integers(0, 9999))
@settings(max_examples=50, deadline=None)
def test_net_benefit_is_the_count_of_true_and_weighed_false_positives(n, seed):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 2, n), rng.integers(0, 11, n) / 10
    got = net_benefit(y, p, CUT, harm=0.02)
    for t, value in zip(CUT, of(got, "model"), strict=True):
        tp, fp = ((p >= t) & (y == 1)).sum(), ((p >= t) & (y == 0)).sum()
        assert value == pytest.approx(tp / n - fp / n * t / (1 - t) - 0.02)
    assert of(got, "all") == pytest.approx([y.mean() - (1 - y.mean()) * t / (1 - t) for t in CUT])
    assert (of(got, "none") == 0).all()
    order = rng.permutation(n)
    pd.testing.assert_frame_equal(got, net_benefit(y[order], p[order], CUT, harm=0.02))
    twice = net_benefit(np.repeat(y, 3), np.repeat(p, 3), CUT, harm=0.02)
    assert twice["net_benefit"].to_numpy() == pytest.approx(got["net_benefit"].to_numpy())


def test_a_threshold_of_zero_treats_all_and_a_perfect_model_gains_the_prevalence():
    y = np.array([0, 0, 1, 1, 0])
    assert of(net_benefit(y, [0, 0.2, 0.5, 1, 0], [0.0]), "model") == of(net_benefit(y, y, [0.0]), "all")
    assert of(net_benefit(y, y, [0.2, 0.7]), "model") == pytest.approx([0.4, 0.4])


def test_difference_band_is_a_patient_bootstrap_with_the_maximum_retaken():
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(60), 2)
    y, p = rng.integers(0, 2, 60)[patients], rng.random(120)
    got = net_benefit_difference(y, p, CUT, groups=patients, n_boot=200, seed=3)
    base = net_benefit(y, p, CUT)
    assert got["estimate"].to_numpy() == pytest.approx(of(base, "model") - np.maximum(of(base, "all"), 0))
    draws = np.random.default_rng(3)
    replicates = []
    for start in range(0, 200, 32):  # the same stream of draws, rows copied the plain way
        for pick in draws.integers(0, 60, size=(min(32, 200 - start), 60)):
            rows = np.concatenate([np.flatnonzero(patients == g) for g in pick])
            one = net_benefit(y[rows], p[rows], CUT)
            replicates.append(of(one, "model") - np.maximum(of(one, "all"), 0))
    low, high = np.quantile(replicates, [0.025, 0.975], axis=0)
    assert got["low"].to_numpy() == pytest.approx(low, abs=1e-9)
    assert got["high"].to_numpy() == pytest.approx(high, abs=1e-9)
    assert math.isnan(got["avoided"][0])
    t = 0.3
    avoided = (of(base, "model")[2] - of(base, "all")[2]) / (t / (1 - t)) * 100
    assert got["avoided"][2] == pytest.approx(avoided)


@given(st.integers(5, 60), st.integers(0, 9999))
@settings(max_examples=50, deadline=None)
def test_survival_net_benefit_is_kaplan_meier_above_the_threshold(n, seed):
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, 9, n).astype(float), rng.integers(0, 2, n)
    p = rng.integers(0, 11, n) / 10
    got = of(net_benefit_survival(time, event, p, CUT, horizon=5), "model")
    for t, value in zip(CUT, got, strict=True):
        above = p >= t
        if not above.any():
            assert value == 0
        elif time[above].max() < 5:
            assert math.isnan(value)
        else:
            s = kaplan_meier(time[above], event[above], times=[5])["survival"][0]
            share = above.mean()
            assert value == pytest.approx((1 - s) * share - s * share * t / (1 - t))


def test_a_horizon_nobody_reaches_is_nan_with_a_note():
    got = net_benefit_survival([1, 2, 3], [1, 0, 1], [0.2, 0.4, 0.6], [0.1, 0.9], horizon=10)
    assert np.isnan(of(got, "model")[0])
    assert of(got, "model")[1] == 0
    assert "followed to the horizon" in got.attrs["note"]


def test_survival_without_censoring_is_binary_net_benefit():
    rng = np.random.default_rng(4)
    time, p = rng.exponential(3, 200), rng.random(200)
    survival = net_benefit_survival(time, np.ones(200), p, CUT, horizon=2)
    binary = net_benefit(time <= 2, p, CUT)
    assert survival["net_benefit"].to_numpy() == pytest.approx(binary["net_benefit"].to_numpy(), abs=1e-12)


def test_wrong_input_raises():
    for call in (
        lambda: net_benefit([0, 1], [0.2, 1.4], CUT),
        lambda: net_benefit([0, 1], [0.2, 0.4], [1.0]),
        lambda: net_benefit([0, 1], [0.2], CUT),
        lambda: net_benefit([0, math.nan], [0.2, 0.3], CUT),
        lambda: net_benefit_survival([1, 2], [0, 1], [0.2, 3], CUT, horizon=1),
        lambda: net_benefit_survival([1, 2], [0, 1], [0.2, 0.3], CUT, horizon=0),
        lambda: net_benefit_difference([0, 1], [0.2, 0.3], CUT, groups=[1]),
        lambda: crossfit_risk([1, 2], [0, 1], [0.2, 0.3], horizon=1, n_folds=1),
        lambda: risk_groups([0, 1], [0.2, 0.3], 1.5),
        lambda: risk_groups([0, 1], [0.2, 0.3], 0.5, prevalence=0.0),
    ):
        with pytest.raises(InputError):
            call()


def test_crossfitted_risk_is_calibrated_and_ignores_own_outcome():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.02, 0.6, 800)
    time = rng.exponential(2000 / (p / (1 - p) / 0.2) ** 0.8)
    event, time = (time < 900).astype(int), np.minimum(time, 900)
    risk = crossfit_risk(time, event, p, horizon=700, seed=1)
    assert ((risk >= 0) & (risk <= 1)).all()
    observed = 1 - kaplan_meier(time, event, times=[700])["survival"][0]
    assert risk.mean() == pytest.approx(observed, abs=0.02)
    top = risk > np.quantile(risk, 0.8)
    observed = 1 - kaplan_meier(time[top], event[top], times=[700])["survival"][0]
    assert risk[top].mean() == pytest.approx(observed, abs=0.05)
    later = time.copy()
    later[event == 1] = np.where(np.arange((event == 1).sum()) == 0, 899.0, time[event == 1])
    changed = crossfit_risk(later, event, p, horizon=700, seed=1)
    mine = np.flatnonzero(event == 1)[0]
    assert later[mine] != time[mine]
    assert changed[mine] == risk[mine]  # own follow-up does not enter, that of others does
    assert (changed != risk).mean() > 0.8
    nobody = crossfit_risk(time[:50], np.zeros(50), p[:50], horizon=700)
    assert np.isnan(nobody).all()


def test_risk_groups_by_hand():
    y = np.array([1] * 6 + [0] * 14 + [1] * 2 + [0] * 78)
    p = np.array([0.3] * 20 + [0.05] * 80)
    got = risk_groups(y, p, 0.15, prevalence=0.02).set_index("metric")
    value = got["estimate"]
    assert value["share above threshold"] == pytest.approx(0.2)
    assert value["risk above threshold"] == pytest.approx(0.3)
    assert value["risk below threshold"] == pytest.approx(0.025)
    assert value["relative risk"] == pytest.approx(12)
    assert value["ECGs per case found"] == pytest.approx(100 / 6)
    assert value["CCTAs per case found"] == pytest.approx(20 / 6)
    # Katz: var log RR = 1/6 - 1/20 + 1/2 - 1/80, times n/(n-1) for the robust form.
    se = math.sqrt((1 / 6 - 1 / 20 + 1 / 2 - 1 / 80) * 100 / 99)
    assert got.loc["relative risk", "low"] == pytest.approx(12 * math.exp(-1.959963984540054 * se))
    low, high = wilson(6, 20)
    assert got.loc["CCTAs per case found", ["low", "high"]].tolist() == pytest.approx([1 / high, 1 / low])
    # Bayes at 2 %: sensitivity 6/8, false positives 14/92.
    ppv = 0.02 * 0.75 / (0.02 * 0.75 + 0.98 * 14 / 92)
    assert value["risk above threshold at population prevalence"] == pytest.approx(ppv)
    # Likelihood ratio of a positive: var log = 1/6 - 1/8 + 1/14 - 1/92, times n/(n-1) for the robust form.
    half = 1.959963984540054 * math.sqrt((1 / 6 - 1 / 8 + 1 / 14 - 1 / 92) * 100 / 99)
    odds = ppv / (1 - ppv) * math.exp(-half)
    assert got.loc["risk above threshold at population prevalence", "low"] == pytest.approx(odds / (1 + odds))
    assert value["ECGs per case found at population prevalence"] == pytest.approx(1 / (0.02 * 0.75))
    assert got["n_above"].iloc[0] == 20


def test_a_likelihood_ratio_that_patients_fix_at_one_has_no_spread():
    patients = np.repeat(np.arange(20), 2)  # one positive and one negative row each, both above or both below
    p = np.where(np.arange(20) < 8, 0.5, 0.05)[patients]
    got = risk_groups([1, 0] * 20, p, 0.15, groups=patients, prevalence=0.02).set_index("metric")
    row = got.loc["risk above threshold at population prevalence"]
    assert [row["low"], row["estimate"], row["high"]] == pytest.approx([0.02] * 3)


def test_a_relative_risk_that_can_be_told_has_no_note():
    y, p = [1, 1, 1, 0, 1, 0, 0, 0], [0.5, 0.6, 0.7, 0.8, 0.1, 0.1, 0.2, 0.2]
    row = risk_groups(y, p, 0.4).set_index("metric").loc["relative risk"]
    assert (row["estimate"], row["note"]) == (3.0, "")


def test_empty_risk_groups_say_so():
    got = risk_groups([0, 1, 0], [0.3, 0.4, 0.5], 0.1).set_index("metric")
    assert math.isnan(got.loc["risk below threshold", "estimate"])
    assert got.loc["relative risk", "note"]
    carried = risk_groups([0, 1, 0], [0.3, 0.4, 0.5], 0.1, prevalence=0.02).set_index("metric")
    assert carried.loc["risk above threshold at population prevalence", "estimate"] == 0.02
    assert (
        carried.loc["risk above threshold at population prevalence", "note"] == "everybody is in this group"
    )
    nothing = risk_groups([0, 0, 1], [0.3, 0.4, 0.05], 0.1).set_index("metric")
    assert "no case found" in nothing.loc["ECGs per case found", "note"]


def test_opportunistic_thresholds_end_where_specificity_is_first_reached():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 500), rng.random(500) * 0.6
    found, note = opportunistic_thresholds(y, p, base=0.15, bounds=(0.01, 0.60), target=0.8)
    grid = np.linspace(0.01, 0.60, 200)
    first = next(t for t in grid if t >= 0.15 and (p[y == 0] < t).mean() >= 0.8)
    assert (found[0], found[-1], len(found), note) == (0.15, first, 6, "")
    assert np.ptp(np.diff(found)) == pytest.approx(0)
    never, note = opportunistic_thresholds(y, p + 0.4, base=0.15, bounds=(0.01, 0.30), target=0.95)
    assert never.tolist() == [0.15]
    assert "not reached" in note


def test_tables(predictions):
    curves = decision_curves(predictions, vessels=["LM"], cohorts=["internal"], points=11, n_boot=30)
    assert curves["threshold"].tolist() == pytest.approx(np.linspace(0.001, 0.10, 11).tolist())
    at = decision_table(
        predictions, thresholds=RISK_THRESHOLDS, vessels=["LAD"], cohorts=["internal"], n_boot=30
    )
    difference = at.set_index("metric").loc["difference to the better default"]
    assert difference["low"] <= difference["estimate"] <= difference["high"]
    rates = operating_curves(predictions, vessels=["LAD"], cohorts=["internal"], points=20)
    assert (np.diff(rates["sensitivity"]) <= 0).all()
    assert (np.diff(rates["specificity"]) >= 0).all()
    third = opportunistic_table(
        predictions, thresholds=RISK_THRESHOLDS, vessels=["LAD"], cohorts=["internal"]
    )
    assert third["point"].max() in (1, 6)
    risks = risk_group_table(predictions, thresholds=RISK_THRESHOLDS, cohorts=["internal"])
    assert set(risks["vessel"]) == {"RCA", "LM", "LAD", "LCX"}
    bare = predictions.drop(columns="grade_lad")
    for table in (
        decision_table(bare, thresholds=RISK_THRESHOLDS, vessels=["LAD"]),
        opportunistic_table(bare, thresholds=RISK_THRESHOLDS, vessels=["LAD"]),
        risk_group_table(bare, thresholds=RISK_THRESHOLDS, vessels=["LAD"]),
    ):
        assert table["estimate"].isna().all()
        assert (table["note"] != "").all()


def test_survival_curves_of_the_followup(predictions):
    got = decision_survival_curves(predictions, vessels=["LAD"], points=5, n_boot=20)
    assert got["threshold"].tolist() == pytest.approx([0.01, 0.0575, 0.105, 0.1525, 0.2])
    assert (got["note"] == "").all()
    quiet = predictions.assign(
        mi_event=pd.array([False] * len(predictions), dtype="boolean"), end_reason="end"
    )
    none = decision_survival_curves(quiet, vessels=["LAD"], points=5, n_boot=5)
    assert "not estimable" in none["note"][0]
    with pytest.raises(TableError, match="followup_days"):
        decision_survival_curves(predictions.drop(columns="followup_days"))
