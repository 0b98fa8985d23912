"""Survival: hand computations, brute force, and an independent implementation (lifelines)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ccta_lib.errors import InputError
from ccta_lib.evaluation import (
    aalen_johansen,
    cox_hazard_ratio,
    kaplan_meier,
    logrank,
    proportional_hazards_test,
)


@st.composite
def followed(draw, max_size=30):
    n = draw(st.integers(4, max_size))
    rng = np.random.default_rng(draw(st.integers(0, 99_999)))
    time = rng.integers(2, 9, n).astype(float)
    entry = np.minimum(rng.integers(0, 6, n), time - 1).astype(float)
    return time, rng.integers(0, 2, n), entry, rng.integers(0, 3, n)


def test_kaplan_meier_with_delayed_entry_by_hand():
    # At 2 only the first is inside (the second enters at 2, after it); at 3 two; at 5 the last.
    got = kaplan_meier([2, 5, 3, 6], [0, 1, 1, 0], entry=[0, 2, 1, 4])
    assert got["time"].tolist() == [2, 3, 5, 6]
    assert got["at_risk"].tolist() == [2, 2, 2, 1]
    assert got["survival"].tolist() == pytest.approx([1, 0.5, 0.25, 0.25])
    assert got["events"].tolist() == [0, 1, 1, 0]


@given(followed())
@settings(max_examples=50, deadline=None)
def test_kaplan_meier_is_the_product_over_event_times(data):
    time, event, entry, _ = data
    got = kaplan_meier(time, event, entry=entry)
    survival = 1.0
    for row in got.itertuples():
        risk = ((entry < row.time) & (time >= row.time)).sum()
        died = ((time == row.time) & (event == 1)).sum()
        survival *= 1 - died / risk
        assert (row.at_risk, row.events) == (risk, died)
        assert row.survival == pytest.approx(survival)
    order = np.argsort(-time)
    pd.testing.assert_frame_equal(got, kaplan_meier(time[order], event[order], entry=entry[order]))
    scaled = kaplan_meier(3 * time, event, entry=3 * entry)
    assert scaled["survival"].to_numpy() == pytest.approx(got["survival"].to_numpy())
    defined = got.dropna()
    assert ((defined["low"] <= defined["survival"]) & (defined["survival"] <= defined["high"])).all()


def test_times_read_the_step_function_and_cumulate_events():
    time, event = [1, 2, 2, 4, 6], [1, 1, 0, 1, 0]
    curve = kaplan_meier(time, event)
    got = kaplan_meier(time, event, times=[0, 1.5, 2, 5, 9])
    assert got["survival"].tolist() == pytest.approx([1, 0.8, 0.6, 0.3, 0.3])
    assert got["events"].tolist() == [0, 1, 1, 1, 0]
    assert got["at_risk"].tolist() == [5, 4, 4, 1, 0]
    assert curve["survival"].iloc[-1] == pytest.approx(0.3)


@given(followed())
@settings(max_examples=50, deadline=None)
def test_aalen_johansen_causes_add_up_and_one_cause_is_kaplan_meier(data):
    time, _, entry, cause = data
    km = kaplan_meier(time, cause > 0, entry=entry)
    first = aalen_johansen(time, cause, entry=entry)
    second = aalen_johansen(time, np.array([0, 2, 1])[cause], entry=entry)
    assert (first["incidence"] + second["incidence"]).to_numpy() == pytest.approx(
        1 - km["survival"].to_numpy()
    )
    alone = aalen_johansen(time, cause > 0, entry=entry)
    assert alone["incidence"].to_numpy() == pytest.approx(1 - km["survival"].to_numpy())
    both = km["low"].notna() & alone["low"].notna()
    assert (1 - alone["high"])[both].to_numpy() == pytest.approx(km["low"][both].to_numpy())
    assert (1 - alone["low"])[both].to_numpy() == pytest.approx(km["high"][both].to_numpy())


def test_aalen_johansen_by_hand_and_its_interval_against_a_bootstrap():
    got = aalen_johansen([1, 2, 3, 4], [1, 2, 1, 0])
    # 1/4; then survival 3/4 -> 1/2 by the competing death; then 1/2 * 1/2 more.
    assert got["incidence"].tolist() == pytest.approx([0.25, 0.25, 0.5, 0.5])
    rng = np.random.default_rng(0)
    time, cause = rng.exponential(1, 300).round(2) + 0.01, rng.integers(0, 3, 300)
    at = [0.5]
    drawn = []
    for _ in range(300):
        i = rng.integers(0, 300, 300)
        drawn.append(aalen_johansen(time[i], cause[i], times=at)["incidence"][0])
    row = aalen_johansen(time, cause, times=at).iloc[0]
    assert (row["high"] - row["low"]) / 3.92 == pytest.approx(np.std(drawn), rel=0.15)


def logrank_by_hand(time, event, group, entry):
    """Two groups: observed minus expected and hypergeometric variance, written out."""
    excess = variance = 0.0
    for t in np.unique(time[event == 1]):
        risk = (entry < t) & (time >= t)
        n, n1 = risk.sum(), (risk & (group == 1)).sum()
        dead = (time == t) & (event == 1)
        d, d1 = dead.sum(), (dead & (group == 1)).sum()
        excess += d1 - d * n1 / n
        if n > 1:
            variance += d * (n - d) * n1 * (n - n1) / (n**2 * (n - 1))
    return excess, variance


@given(followed())
@settings(max_examples=50, deadline=None)
def test_logrank_with_delayed_entry_and_its_invariances(data):
    time, event, entry, three = data
    group = (three > 0).astype(int)
    assume(0 < group.sum() < len(group))
    excess, variance = logrank_by_hand(time, event, group, entry)
    got = logrank(time, event, group, entry=entry)
    if not event.any():
        assert (got.statistic, got.p_value) == (0, 1)
    elif math.isfinite(got.statistic):
        assert got.statistic == pytest.approx(excess**2 / variance, abs=1e-9)
        assert logrank(np.exp(time), event, group, entry=np.exp(entry)).statistic == pytest.approx(
            got.statistic
        )
        assert logrank(time, event, 1 - group, entry=entry).statistic == pytest.approx(got.statistic)
        alike = logrank(time, event, group, entry=entry, strata=np.full(len(time), "s"))
        assert alike.statistic == pytest.approx(got.statistic)
    else:
        assert got.note


def test_strata_add_up():
    rng = np.random.default_rng(1)
    time, event, group = rng.integers(1, 9, 60).astype(float), rng.integers(0, 2, 60), rng.integers(0, 2, 60)
    strata = rng.integers(0, 2, 60)
    parts = [
        logrank_by_hand(time[s], event[s], group[s], np.full(s.sum(), -1.0))
        for s in (strata == 0, strata == 1)
    ]
    excess, variance = np.sum(parts, axis=0)
    assert logrank(time, event, group, strata=strata).statistic == pytest.approx(excess**2 / variance)


@given(st.integers(0, 9999))
@settings(max_examples=8, deadline=None)
def test_cox_is_that_of_lifelines(seed):
    lifelines = pytest.importorskip("lifelines")
    rng = np.random.default_rng(seed)
    x = pd.DataFrame({"a": rng.normal(size=120), "b": rng.integers(0, 2, 120).astype(float)})
    time = rng.exponential(np.exp(-0.5 * x["a"] - 0.3 * x["b"])).round(1) + 0.1
    event, entry = rng.integers(0, 2, 120), rng.uniform(0, 0.1, 120)
    got = cox_hazard_ratio(time, event, x, entry=entry)
    model = lifelines.CoxPHFitter().fit(
        x.assign(t=time, e=event, s=entry), "t", "e", entry_col="s", fit_options={"precision": 1e-13}
    )
    assert got["hazard_ratio"].to_numpy() == pytest.approx(model.hazard_ratios_.to_numpy(), rel=1e-5)
    assert got["p_value"].to_numpy() == pytest.approx(model.summary["p"].to_numpy(), rel=1e-4)
    scaled = cox_hazard_ratio(time, event, x * 10, entry=entry)
    assert scaled["hazard_ratio"].to_numpy() == pytest.approx(got["hazard_ratio"].to_numpy() ** 0.1)


@pytest.mark.parametrize("transform", ["km", "rank", "identity", "log"])
def test_proportional_hazards_test_finds_a_crossing_effect_and_keeps_its_level(transform):
    rng = np.random.default_rng(2)
    x = rng.integers(0, 2, 300).astype(float)
    early = rng.exponential(1, 300) / np.exp(1.5 * x)
    crossing = np.where(early < 0.4, early, 0.4 + rng.exponential(1, 300) * np.exp(1.5 * x))
    found = proportional_hazards_test(crossing, np.ones(300), pd.DataFrame({"x": x}), transform=transform)
    assert found["p_value"].iloc[0] < 1e-6
    rejected = 0
    for seed in range(40):
        r = np.random.default_rng(seed)
        z = r.integers(0, 2, 60).astype(float)
        t = r.exponential(1, 60) / np.exp(0.5 * z)
        p = proportional_hazards_test(t, r.random(60) < 0.8, pd.DataFrame({"z": z}), transform=transform)[
            "p_value"
        ]
        rejected += p.iloc[0] < 0.05
    assert rejected <= 7


def test_proportional_hazards_score_is_the_derivative_of_the_likelihood():
    rng = np.random.default_rng(5)
    x = pd.DataFrame({"a": rng.normal(size=50), "b": rng.normal(size=50)})
    time, event = rng.integers(1, 20, 50).astype(float), rng.integers(0, 2, 50)
    got = proportional_hazards_test(time, event, x)
    assert got["term"].tolist() == ["a", "b", "GLOBAL"]
    assert got["df"].tolist() == [1, 1, 2]
    assert got["statistic"].iloc[2] >= got["statistic"].iloc[:2].max() - 1e-9
    swapped = proportional_hazards_test(time, event, x[["b", "a"]])
    assert swapped["statistic"].to_numpy() == pytest.approx(got["statistic"].to_numpy()[[1, 0, 2]])


def test_what_a_small_group_can_have_is_nan_with_a_note():
    no_event = cox_hazard_ratio(
        [1, 2, 3, 4], [1, 1, 0, 0], pd.DataFrame({"g": [0, 0, 1, 1], "x": [1, 3, 2, 1]})
    )
    assert math.isnan(no_event["hazard_ratio"][0])
    assert "no event in a group" in no_event["note"][0]
    assert no_event["note"][1] == "" or math.isnan(no_event["hazard_ratio"][1])
    constant = cox_hazard_ratio([1, 2, 3], [1, 0, 1], pd.DataFrame({"x": [1, 1, 1]}))
    assert "constant" in constant["note"][0]
    assert (cox_hazard_ratio([1, 2], [0, 0], pd.DataFrame({"x": [1, 2]}))["note"] == "no events").all()
    assert "one group" in logrank([1, 2], [1, 1], ["a", "a"]).note
    alive = kaplan_meier([5, 7], [0, 0])
    assert alive["survival"].tolist() == [1, 1]
    assert alive["low"].isna().all()
    assert "no event" in alive.attrs["note"]
    assert "survival is 0" in kaplan_meier([5, 7], [1, 1]).attrs["note"]
    assert kaplan_meier([5, 7], [0, 0], conf_type="plain")["low"].tolist() == [1, 1]


def test_wrong_input_raises():
    x = pd.DataFrame({"x": [1.0, 2.0]})
    for call, word in (
        (lambda: kaplan_meier([1, -2], [0, 1]), "negative time in 1 rows, at positions 1"),
        (lambda: kaplan_meier([1, 2], [0, 1], entry=[1, 0]), "entry not before exit"),
        (lambda: kaplan_meier([1, math.nan], [0, 1]), "time"),
        (lambda: kaplan_meier([1, 2], [0, 2]), "event"),
        (lambda: kaplan_meier([1, 2], [0]), "lengths differ"),
        (lambda: kaplan_meier([1, 2], [0, 1], times=[2, 1]), "increasing"),
        (lambda: kaplan_meier([1, 2], [0, 1], conf_type="magic"), "conf_type"),
        (lambda: kaplan_meier([1, 2], [0, 1], groups=["p", "p"]), "patient p has several rows"),
        (lambda: logrank([1, 2], [0, 1], ["a", None]), "group"),
        (lambda: logrank([1, 2], [0, 1], ["a", "b"], strata=[1, None]), "strata"),
        (lambda: cox_hazard_ratio([1, 2], [1, 1], x.iloc[:1]), "lengths differ"),
        (lambda: cox_hazard_ratio([1, 2], [1, 1], pd.DataFrame({"x": [1, math.nan]})), "covariate x"),
        (lambda: cox_hazard_ratio([1, 2], [1, 1], x["x"]), "DataFrame"),
        (lambda: proportional_hazards_test([1, 2], [1, 1], x, transform="magic"), "transform"),
        (lambda: aalen_johansen([1, 2], [0, 1.5]), "cause"),
    ):
        with pytest.raises(InputError, match=word):
            call()
