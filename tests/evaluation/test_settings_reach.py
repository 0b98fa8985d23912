"""What a caller asks of a table reaches the numbers: level, seed, vessels, cohorts, units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccta_lib import evaluation as ev
from ccta_lib.evaluation.ensembles import recalibration_aucs
from ccta_lib.evaluation.grades import severity_steps
from ccta_lib.evaluation.infarction_factors import infarction_factors
from ccta_lib.evaluation.panels import interval_widths, panel_aucs
from ccta_lib.evaluation.planted import percent_table
from ccta_lib.schema import VESSELS, labels

AT = {"thresholds": dict.fromkeys(map(str, VESSELS), 0.3)}
ONE: dict[str, Any] = {"vessels": ["LAD"]}
FEW: dict[str, Any] = ONE | {"n_boot": 20}
FOLLOW: dict[str, Any] = ONE | AT | {"any_vessel": False}
# Each table with settings that make it cheap; `cohorts` or `cohort` is added where a case asks for it.
TABLES: dict[str, tuple[Callable[..., pd.DataFrame], dict[str, Any]]] = {
    "discrimination": (ev.discrimination_table, FEW | {"units": ["ecg"]}),
    "calibration": (ev.calibration_table, ONE),
    "thresholds": (ev.threshold_table, ONE | AT),
    "recalibration_aucs": (recalibration_aucs, ONE),
    "decision_curves": (ev.decision_curves, FEW | {"points": 3, "ranges": {"LAD": (0.2, 0.4)}}),
    "decision": (ev.decision_table, FEW | AT),
    "decision_survival": (ev.decision_survival_curves, FEW | {"points": 3, "bounds": (0.05, 0.1)}),
    "operating": (ev.operating_curves, ONE | {"points": 3, "ranges": {"LAD": (0.2, 0.4)}}),
    "opportunistic": (ev.opportunistic_table, ONE | AT),
    "risk_groups": (ev.risk_group_table, ONE | AT),
    "severity": (ev.severity_table, ONE),
    "steps": (severity_steps, ONE),
    "subgroups": (ev.subgroup_table, ONE | {"factors": ["sex"]}),
    "subgroups_bootstrap": (
        ev.subgroup_table, FEW | {"factors": ["sex"], "method": "bootstrap", "contrasts": False}),
    "panels": (panel_aucs, ONE),
    "widths": (interval_widths, FEW),
    "infarction": (ev.infarction_table, FOLLOW | {"origins": ["ccta"]}),
    "infarction_curves": (ev.infarction_curves, FOLLOW),
    "infarction_bars": (ev.infarction_bars, FOLLOW),
    "infarction_factors": (infarction_factors, {}),
}  # fmt: skip
SEEDED = (
    "discrimination",
    "decision_curves",
    "decision",
    "decision_survival",
    "subgroups_bootstrap",
    "widths",
)
WITH_COHORTS = ("discrimination", "calibration", "thresholds", "recalibration_aucs", "decision_curves", "decision",
                "operating", "opportunistic", "risk_groups", "severity", "steps", "subgroups")  # fmt: skip
WITH_UNITS = ("discrimination", "calibration", "thresholds", "decision_curves", "decision", "operating",
              "opportunistic", "risk_groups", "severity", "subgroups")  # fmt: skip
WITHOUT_VESSELS = ("infarction_factors",)


@pytest.fixture(scope="module")
def table(make: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    parts = [make(90, cohort=c, seed=i) for i, c in enumerate(("internal", "external", "followup"))]
    return pd.concat(parts, ignore_index=True)


def run(name: str, table: pd.DataFrame, **changed: Any) -> pd.DataFrame:
    function, settings = TABLES[name]
    return function(table, **settings | changed)


@pytest.mark.parametrize("name", [name for name in TABLES if name != "operating"])
def test_a_higher_level_widens_every_interval_and_moves_no_estimate(name: str, table: pd.DataFrame) -> None:
    narrow, wide = (run(name, table, level=level) for level in (0.5, 0.9))
    limits = narrow[["low", "high"]].notna().all(axis=1) & wide[["low", "high"]].notna().all(axis=1)
    assert limits.any()
    pd.testing.assert_series_equal(narrow[narrow.columns[narrow.columns.isin(["estimate", "incidence"])][0]],
                                   wide[wide.columns[wide.columns.isin(["estimate", "incidence"])][0]])  # fmt: skip
    inner, outer = narrow[limits], wide[limits]
    assert (outer["low"] <= inner["low"] + 1e-12).all()
    assert (outer["high"] >= inner["high"] - 1e-12).all()
    spread = inner["high"] > inner["low"]
    assert ((outer["high"] - outer["low"])[spread] > (inner["high"] - inner["low"])[spread]).mean() > 0.8
    default, usual = run(name, table), run(name, table, level=0.95)
    np.testing.assert_array_equal(default[["low", "high"]], usual[["low", "high"]])


@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_repeats_and_another_draws_again(name: str, table: pd.DataFrame) -> None:
    first, again, other = (run(name, table, seed=seed)[["low", "high"]] for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


@pytest.mark.parametrize("name", WITH_COHORTS)
def test_only_the_cohort_asked_for_and_its_own_numbers(name: str, table: pd.DataFrame) -> None:
    found = run(name, table, cohorts=["external"])
    assert found["cohort"].unique().tolist() == ["external"]
    if name == "recalibration_aucs":
        return  # its calibrators are fitted to internal patients
    alone = run(name, table[table["cohort"] == "external"], cohorts=["external"])
    pd.testing.assert_frame_equal(found.reset_index(drop=True), alone.reset_index(drop=True))


@pytest.mark.parametrize("name", WITH_UNITS)
def test_each_level_counts_its_own_rows(name: str, table: pd.DataFrame) -> None:
    internal = table[table["cohort"] == "internal"]
    found = run(name, table, cohorts=["internal"], units=["ecg", "exam", "patient"])
    assert found["unit"].drop_duplicates().tolist() == ["ecg", "exam", "patient"]
    whole = found[found["vessel"] == "LAD"].groupby("unit")["n"].max()
    for unit in ("ecg", "exam", "patient"):
        assert whole[unit] == ev.aggregate(internal, unit)["grade_lad"].notna().sum()
    assert whole["ecg"] == internal["grade_lad"].notna().sum()


@pytest.mark.parametrize("name", [name for name in TABLES if name not in WITHOUT_VESSELS])
def test_vessels_asked_for_in_their_order(name: str, table: pd.DataFrame) -> None:
    changed = {"ranges": {"LCX": (0.2, 0.4), "RCA": (0.2, 0.4)}} if "ranges" in TABLES[name][1] else {}
    found = run(name, table, vessels=["LCX", "RCA"], **changed)
    names = [v for v in found["vessel"].astype(str).drop_duplicates() if v not in ("all", "any")]
    assert names == ["LCX", "RCA"]
    assert found.index.is_unique
    assert set(found.get("data_kind", pd.Series(["simulated"]))) == {"simulated"}


def test_other_settings_reach_too(table: pd.DataFrame) -> None:
    narrow, wide = (run("operating", table, level=level) for level in (0.5, 0.9))
    for rate in ("sensitivity", "specificity"):
        np.testing.assert_array_equal(narrow[rate], wide[rate])
        assert (wide[f"{rate}_low"] < narrow[f"{rate}_low"]).all()
        assert (wide[f"{rate}_high"] > narrow[f"{rate}_high"]).all()
    late = ev.infarction_curves(table, **FOLLOW, horizon=400)
    assert late["time"].max() == 400
    by_ecg = ev.infarction_curves(table, **FOLLOW, origin="ecg", horizon=400)
    assert by_ecg["origin"].unique().tolist() == ["ecg"]
    assert not np.array_equal(by_ecg["time"], late["time"])
    internal = ev.aggregate(table[table["cohort"] == "internal"], "ecg").dropna(subset=["grade_lad"])
    y, p = labels(internal["grade_lad"]) == 1, internal["prob_lad"]
    by_patient = ev.operating_points(y, p, [0.2, 0.3, 0.4], groups=internal["patient_id"], level=0.5)
    inside = narrow[narrow["cohort"] == "internal"].reset_index(drop=True)
    pd.testing.assert_frame_equal(inside[by_patient.columns], by_patient)
    short, whole = (ev.infarction_table(table, **FOLLOW, origins=["ccta"], horizon=h) for h in (200, 700))
    patients = ev.followup_patients(table, horizon=200)
    known = patients["prob_lad"].notna()
    assert short["n_pos"].iloc[0] == patients.loc[known, "event"].sum() < whole["n_pos"].iloc[0]
    with_any = ev.infarction_curves(table, **FOLLOW | {"any_vessel": True})
    assert with_any["vessel"].unique().tolist() == ["LAD", "any"]
    renamed = table.assign(cohort=table["cohort"].replace({"followup": "external", "external": "followup"}))
    pd.testing.assert_frame_equal(
        ev.infarction_table(renamed, **FOLLOW, origins=["ccta"], cohort="external").drop(columns="cohort"),
        ev.infarction_table(table, **FOLLOW, origins=["ccta"]).drop(columns="cohort"),
    )
    bars = ev.infarction_bars(table, **FOLLOW, windows=(100, 300))
    assert sorted(bars["time"].unique()) == [100, 300]
    grid = ev.decision_curves(table, **FEW, cohorts=["internal"], points=5, ranges={"LAD": (0.1, 0.3)})
    assert grid["threshold"].tolist() == pytest.approx([0.1, 0.15, 0.2, 0.25, 0.3])
    truth = table[["ecg_id"]].assign(
        **{f"percent_{v.lower()}": np.linspace(0, 100, len(table)) for v in VESSELS}
    )
    planted = percent_table(table, truth, planted_from=40, unit="ecg", cohorts=["external"], vessels=["LM"])
    assert (planted["cohort"].unique().tolist(), planted["unit"].unique().tolist()) == (["external"], ["ecg"])
    assert planted["vessel"].unique().tolist() == ["LM"]


@pytest.mark.parametrize(
    "name", ["discrimination", "calibration", "thresholds", "risk_groups", "panels", "steps"]
)
def test_every_ecg_twice_is_no_more_evidence(name: str, table: pd.DataFrame) -> None:
    rows = table[table["cohort"] == "internal"]
    twice = pd.concat([rows, rows.assign(ecg_id=rows["ecg_id"] + "-again")], ignore_index=True)
    changed: dict[str, Any] = {"discrimination": {"method": "delong"}, "steps": {"unit": "ecg"}}.get(name, {})
    once, doubled = (run(name, part, **changed) for part in (rows, twice))
    limited = once["low"].notna() & (once.get("method", pd.Series("", once.index)) != "patient bootstrap")
    assert limited.sum() >= 3 or name in ("discrimination", "panels")
    for column in ("estimate", "low", "high"):
        np.testing.assert_allclose(
            doubled.loc[limited, column], once.loc[limited, column], rtol=1e-6, atol=1e-8
        )
