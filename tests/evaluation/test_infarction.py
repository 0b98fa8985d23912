"""Follow-up: origins, exclusions, impossible times, and refusal to interpret small groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ccta_lib.errors import InputError, TableError
from ccta_lib.evaluation import (
    RISK_THRESHOLDS,
    aalen_johansen,
    cox_hazard_ratio,
    followup_patients,
    holm,
    infarction_at_risk,
    infarction_bars,
    infarction_curves,
    infarction_table,
    kaplan_meier,
    logrank,
    proportional_hazards_test,
)

HALF = dict.fromkeys(RISK_THRESHOLDS, 0.3)


def cohort(**columns):
    base = {
        "ecg_id": ["a1", "a2", "b", "c", "d"],
        "patient_id": ["a", "a", "b", "c", "d"],
        "cohort": "followup",
        "ecg_time": pd.to_datetime(["2022-01-01", "2022-01-09", "2022-01-01", "2022-01-01", "2022-01-01"]),
        "ccta_time": pd.to_datetime(["2022-01-11"] * 5),
        "followup_days": [110.0, 102.0, 800.0, 300.0, 50.0],
        "mi_event": pd.array([True, True, False, True, None], dtype="boolean"),
        "end_reason": ["mi", "mi", "end", "mi", None],
        "prior_mi": pd.array([False, False, True, None, False], dtype="boolean"),
        "prob_lad": [0.1, 0.4, 0.2, 0.6, 0.3],
        "data_kind": "simulated",
    }
    return pd.DataFrame(base | columns)


def test_origins():
    landmark = followup_patients(cohort())
    assert landmark["ecg_id"].tolist() == ["a2", "b", "c"]
    assert landmark["time"].tolist() == [100, 790, 290]  # from the CCTA
    assert landmark["event"].tolist() == [True, False, True]
    assert landmark.attrs["excluded"] == {"MI status unknown": 1}
    delayed = followup_patients(cohort(), origin="ecg")
    assert delayed["time"].tolist() == [102, 800, 300]
    assert delayed["entry"].tolist() == [2, 10, 10]
    paper = followup_patients(cohort(), origin="paper", horizon=200)
    assert paper["time"].tolist() == [102, 200, 200]
    assert np.isneginf(paper["entry"]).all()
    assert paper["event"].tolist() == [True, False, False]


def test_unknown_times_are_excluded_and_counted():
    table = cohort(ccta_time=pd.to_datetime(["2022-01-11"] * 3 + [None, "2022-01-11"]))
    got = followup_patients(table)
    assert got["patient_id"].tolist() == ["a", "b"]
    assert got.attrs["excluded"] == {"MI status unknown": 1, "time of ECG or CCTA unknown": 1}
    assert len(followup_patients(table, origin="paper")) == 3
    unknown = followup_patients(cohort(followup_days=[110, 102, None, 300, 50]))
    assert unknown.attrs["excluded"]["follow-up time unknown"] == 1


def test_impossible_times_stop_with_row_and_ecg():
    early = cohort(followup_days=[110, 102, 800, 3, 50])
    with pytest.raises(TableError, match=r"row 4 of the cohort \(ecg_id c\).*7 days before the CCTA"):
        followup_patients(early)
    both = cohort(followup_days=[110, 102, -1, 3, 50])
    with pytest.raises(TableError) as caught:
        followup_patients(both)
    assert len(caught.value.faults) == 3  # negative, and two that end before the CCTA
    for wrong in (["death", "mi", "end", "mi", None], ["mi", "mi", "mi", "mi", None]):
        with pytest.raises(TableError, match="end_reason"):
            followup_patients(cohort(end_reason=wrong))
    many = pd.concat([early] * 30, ignore_index=True)
    with pytest.raises(TableError, match="10 more"):
        followup_patients(many)
    with pytest.raises(InputError, match="origin"):
        followup_patients(cohort(), origin="birth")


def test_causes():
    got = followup_patients(cohort(end_reason=["mi", "mi", "death", "mi", None]))
    assert got["cause"].tolist() == [1, 2, 1]
    without = followup_patients(cohort().drop(columns="end_reason"))
    assert without["cause"].tolist() == [1, 0, 1]


@pytest.fixture(scope="module")
def results(predictions):
    return infarction_table(predictions, thresholds=HALF)


def test_table_holds_the_tests_of_the_patients(predictions, results):
    patients = followup_patients(predictions, horizon=700)
    high = (patients["prob_lad"] >= 0.3).to_numpy()
    rows = results.query("vessel == 'LAD' and origin == 'ccta' and analysis == 'primary'").set_index("metric")
    expected = logrank(patients["time"], patients["event"], high)
    assert rows.loc["log-rank", "estimate"] == pytest.approx(expected.statistic)
    ratio = cox_hazard_ratio(
        patients["time"], patients["event"], pd.DataFrame({"h": high.astype(float)})
    ).iloc[0]
    assert rows.loc["hazard ratio", ["estimate", "low", "high"]].tolist() == pytest.approx(
        ratio[["hazard_ratio", "low", "high"]].tolist()
    )
    assert not results.columns.str.isupper().any()
    assert (rows.loc[["log-rank", "hazard ratio"], "note"] == "").all()
    assert rows.loc["log-rank", "n_high"] == high.sum()
    assert rows.loc["log-rank", "events_high"] == patients["event"][high].sum()
    assert rows.loc["log-rank", "n_patients"] == patients["patient_id"].nunique()


def test_holm_family_is_the_four_vessels_without_any(results):
    for _, family in results[results["metric"] == "log-rank"].groupby(["origin", "analysis"]):
        four = family[family["vessel"] != "any"]
        assert four["p_holm"].to_numpy() == pytest.approx(holm(four["p_value"].to_numpy()))
        assert family.loc[family["vessel"] == "any", "p_holm"].isna().all()


def test_prior_mi_is_excluded_unless_known_to_be_absent(predictions, results):
    patients = followup_patients(predictions, horizon=700)
    free = (~patients["prior_mi"]).fillna(False).sum()
    rows = results.query("analysis == 'prior MI excluded' and origin == 'ccta'")
    assert (rows["n"] == free).all()
    assert free < len(patients)


def test_small_groups_are_not_interpreted(predictions):
    got = infarction_table(predictions, thresholds=dict.fromkeys(RISK_THRESHOLDS, 0.999), origins=["ccta"])
    primary = got[got["analysis"] == "primary"]
    assert not primary["interpret"].any()
    assert primary["note"].str.contains("not interpreted").all()
    quiet = predictions.assign(
        mi_event=pd.array([False] * len(predictions), dtype="boolean"), end_reason="end"
    )
    none = infarction_table(quiet, thresholds=HALF, origins=["ccta"], vessels=["LAD"])
    assert not none["interpret"].any()
    assert none.loc[none["metric"] == "hazard ratio", "estimate"].isna().all()
    bars = infarction_bars(quiet, thresholds=HALF, vessels=["LAD"], windows=[300])
    assert (bars["incidence"] == 0).all()
    assert set(bars["note"]) == {"no event so far: no interval"}
    of_hazard = none.loc[none["metric"] == "hazard ratio", "note"]
    assert set(of_hazard) == {
        "no events; not interpreted: 0 events in all"
    }  # both reasons, one after the other


def test_curves_bars_and_numbers_at_risk(predictions):
    patients = followup_patients(predictions, horizon=700)
    high = patients[patients["prob_lad"] >= 0.3]
    curves = infarction_curves(predictions, thresholds=HALF, vessels=["LAD"], any_vessel=False)
    ours = curves.query("group == 'high' and kind.str.startswith('1 - Kaplan')")
    expected = kaplan_meier(high["time"], high["event"], times=ours["time"])
    assert ours["incidence"].to_numpy() == pytest.approx(1 - expected["survival"].to_numpy())
    assert (ours["low"].dropna() <= ours["incidence"][ours["low"].notna()]).all()
    competing = curves.query("group == 'high' and kind == 'Aalen-Johansen'")
    expected = aalen_johansen(high["time"], high["cause"], times=ours["time"])
    assert competing["incidence"].to_numpy() == pytest.approx(expected["incidence"].to_numpy())
    assert (competing["incidence"].to_numpy() <= ours["incidence"].to_numpy() + 1e-12).all()
    bars = infarction_bars(predictions, thresholds=HALF, vessels=["LAD"], windows=[30, 300, 5000])
    last = bars[bars["time"] == 5000]
    assert last["incidence"].isna().all()
    assert (last["note"] == "nobody followed so long").all()
    risk = infarction_at_risk(predictions, thresholds=HALF, vessels=["LAD"]).query("group == 'high'")
    lad = risk[risk["vessel"] == "LAD"]
    assert lad["at_risk"].tolist() == [(high["time"] >= t).sum() for t in lad["time"]]
    assert lad["cumulative_events"].iloc[-1] == high["event"].sum()


def test_empty_groups_have_a_bar_that_says_so(predictions):
    bars = infarction_bars(predictions, thresholds=dict.fromkeys(RISK_THRESHOLDS, 1.0), vessels=["LAD"])
    assert (bars.query("group == 'high'")["note"] == "no patient").all()


def test_without_followup_it_stops(predictions):
    with pytest.raises(TableError, match="followup_days"):
        infarction_table(predictions.drop(columns="mi_event"), thresholds=HALF)
    nobody = infarction_table(
        predictions[predictions["cohort"] == "internal"], thresholds=HALF, origins=["ccta"]
    )
    assert (nobody["n"] == 0).all()
    assert nobody["note"].str.contains("nobody").all()


def test_an_unknown_probability_is_in_neither_group():
    table = cohort(
        prob_lad=[0.1, np.nan, 0.2, 0.6, 0.3], mi_event=pd.array([True, True, False, True, False], "boolean")
    )
    table["end_reason"] = ["mi", "mi", "end", "mi", "end"]
    got = infarction_table(table, thresholds=HALF, vessels=["LAD"], origins=["ccta"])
    first = got[got["analysis"] == "primary"].iloc[0]
    assert (first["n_high"], first["n_low"]) == (2, 1)  # c and d; b; a's probability is unknown
    assert "probability unknown: 1" in first["excluded"]


@pytest.mark.parametrize("origin", ["ccta", "ecg", "paper"])
def test_each_row_is_that_of_its_function_with_the_entry_of_its_origin(make, origin):
    followup = make(150, cohort="followup", seed=6)
    # The ECG up to 300 days before the CCTA, so that delayed entry matters.
    wait = pd.Series(np.random.default_rng(6).integers(0, 300, 150), [f"followup-p{i}" for i in range(150)])
    days = followup["patient_id"].map(wait)
    followup["ecg_time"] = followup["ccta_time"] - pd.to_timedelta(days, unit="D")
    followup["followup_days"] += days
    table = infarction_table(followup, thresholds=HALF, vessels=["LAD"], any_vessel=False, origins=[origin])
    rows = table[table["analysis"] == "primary"].set_index("metric")
    people = followup_patients(followup, origin=origin, horizon=700)
    high = people["prob_lad"] >= 0.3
    entry = people["entry"] if origin == "ecg" else None
    test = logrank(people["time"], people["event"], high, entry=entry)
    given = pd.DataFrame({"high": high.astype(float)})
    ratio = cox_hazard_ratio(people["time"], people["event"], given, entry=entry).iloc[0]
    zph = proportional_hazards_test(people["time"], people["event"], given, entry=entry).iloc[0]
    limits = ["estimate", "low", "high", "p_value"]
    assert rows.loc["log-rank", limits].astype(float).tolist() == pytest.approx(
        [test.statistic, np.nan, np.nan, test.p_value], nan_ok=True
    )
    assert rows.loc["hazard ratio", limits].astype(float).tolist() == pytest.approx(
        ratio[["hazard_ratio", "low", "high", "p_value"]].astype(float).tolist()
    )
    assert rows.loc["proportional hazards", limits].astype(float).tolist() == pytest.approx(
        [zph["statistic"], np.nan, np.nan, zph["p_value"]], nan_ok=True
    )
    assert rows["method"].to_dict() == {
        "log-rank": "log-rank chi-squared",
        "hazard ratio": "Cox, Efron ties",
        "proportional hazards": "score test, Kaplan-Meier time",
    }
    counted = [high.sum(), (~high).sum(), people["event"][high].sum(), people["event"][~high].sum()]
    for metric in rows.index:
        assert rows.loc[metric, ["n_high", "n_low", "events_high", "events_low"]].tolist() == counted
    assert rows.loc["log-rank", "p_holm"] == test.p_value  # a family of one
    assert rows["p_holm"].drop("log-rank").isna().all()
    free = people["prior_mi"].eq(False).fillna(False)
    without = table[(table["analysis"] == "prior MI excluded") & (table["metric"] == "log-rank")].iloc[0]
    assert without["n"] == free.sum()
