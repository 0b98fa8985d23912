"""Data that cannot answer the question: NaN and the reason, never a number and never an exception."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ccta_lib.errors import InputError
from ccta_lib.evaluation import (
    aggregate,
    auc_difference,
    auc_difference_groups,
    calibration_bands,
    calibration_curve,
    calibration_points,
    calibration_table,
    cox_hazard_ratio,
    crossfit_risk,
    decision_curves,
    decision_survival_curves,
    discrimination_table,
    followup_patients,
    infarction_at_risk,
    infarction_bars,
    infarction_curves,
    interaction_test,
    jonckheere_terpstra,
    kaplan_meier,
    logrank,
    net_benefit_difference,
    operating_curves,
    opportunistic_thresholds,
    proportional_hazards_test,
    recalibrated_predictions,
    recalibration_table,
    risk_groups,
    severity_points,
    severity_table,
    spearman_trend,
    subgroup_table,
)
from ccta_lib.evaluation.aggregate import labelled
from ccta_lib.evaluation.auc import wald_equal
from ccta_lib.evaluation.calibration import group_bounds, smooth
from ccta_lib.evaluation.calibration_reading import panel_titles
from ccta_lib.evaluation.contrasts import AucTerm, auc_contrast, mean_difference
from ccta_lib.evaluation.decision import _band
from ccta_lib.evaluation.decision_summary import ideal_decision
from ccta_lib.evaluation.differences import auc_stratum_difference
from ccta_lib.evaluation.discrimination import SINGLE
from ccta_lib.evaluation.ensembles import recalibration_aucs
from ccta_lib.evaluation.infarction_factors import PRIOR_MI, infarction_factors
from ccta_lib.evaluation.panels import interval_widths
from ccta_lib.evaluation.recalibration import locally_updated_predictions
from ccta_lib.evaluation.risk import ABOVE, AT_POPULATION, BELOW
from ccta_lib.evaluation.tables import data_kind, slice_of
from ccta_lib.schema import VESSELS

Y = np.array([0, 0, 0, 1, 1, 1])
P = np.array([0.2, 0.5, 0.3, 0.4, 0.7, 0.6])
ALL = [str(v) for v in VESSELS]


def without_grades(table: pd.DataFrame, *vessels: str) -> pd.DataFrame:
    empty = {f"grade_{v.lower()}": pd.array([pd.NA] * len(table), dtype="string") for v in vessels}
    return table.assign(**empty)


def test_two_aucs_cannot_be_compared_without_classes_a_margin_or_a_difference():
    none = auc_difference(np.ones(6), P, P[::-1])
    assert np.isnan([none.estimate, none.low, none.z, none.p_value]).all()
    assert "one class" in none.note
    perfect = auc_difference(Y, Y, P)
    assert perfect.estimate == pytest.approx(1 - 8 / 9)
    assert all(
        isinstance(v, float) and np.isnan(v) for v in (perfect.low, perfect.high, perfect.z, perfect.p_value)
    )
    assert "exactly 1" in perfect.note
    # Each patient's two rows trade their scores: the ranks differ, every patient's contribution is the same.
    patients = np.array([1, 1, 2, 2, 3, 3, 4, 4])
    y = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    a = np.array([4.0, 7.0, 3.0, 8.0, 1.0, 5.0, 2.0, 6.0])
    traded = a.reshape(4, 2)[:, ::-1].ravel()
    same = auc_difference(y, a, traded, groups=patients)
    assert same.estimate == 0
    assert np.isnan(same.p_value)
    assert same.note == "the difference has no variance: no test"


def test_strata_that_cannot_be_compared_are_named():
    assert auc_difference_groups(Y, P, np.zeros(6)).note == "only one stratum: nothing to compare"
    y, p = np.tile(Y, 2), np.r_[P, Y]
    found = auc_difference_groups(y, p, np.repeat(["a", "b"], 6))
    assert (found.df, found.note) == (1, f"stratum b: {auc_difference(Y, Y, P).note}")
    with pytest.raises(InputError, match=r"covariance: expected shape \(2, 2\), found \(3, 3\)"):
        wald_equal(np.zeros(2), np.eye(3))
    flat = wald_equal(np.array([0.6, 0.7, 0.8]), np.zeros((3, 3)))
    assert np.isnan(flat.statistic)
    assert (flat.df, flat.note) == (2, "the difference has no variance: no test")


def test_a_stratum_difference_names_what_is_missing():
    second = np.repeat([False, True], 6)
    y, p = np.tile(Y, 2), np.tile(P, 2)
    with pytest.raises(InputError, match="at least 2 patients"):
        auc_stratum_difference(y, p, second, groups=np.zeros(12))
    assert auc_stratum_difference(np.r_[Y, np.ones(6)], p, second).note.startswith(
        "second stratum: only one class"
    )
    assert auc_stratum_difference(y, np.r_[Y, P], second).note.startswith("first stratum: AUC is exactly 1")
    # The two strata are the same six patients with the same scores: no patient contributes to the difference.
    same = auc_stratum_difference(y, p, second, groups=np.tile(np.arange(6), 2))
    assert (same.estimate, same.note) == (0, "the difference has no variance: no test")
    assert np.isnan(same.p_value)


def test_a_contrast_of_aucs_without_classes_or_margin_has_no_limits():
    def term(weight: float, y: np.ndarray, p: np.ndarray) -> AucTerm:
        return AucTerm(weight, y, p, np.arange(len(y)))

    empty = auc_contrast([term(1.0, Y, P), term(-1.0, np.ones(6), P)])
    assert np.isnan(empty.estimate)
    assert "one class" in empty.note
    perfect = auc_contrast([term(1.0, Y, P), term(-1.0, Y, Y)])
    assert np.isnan(perfect.low)
    assert "exactly 1" in perfect.note
    alone = mean_difference([1.0, 2.0], [4.0], ["a", "a"], ["a"])
    assert (alone.estimate, alone.note) == (-2.5, "one patient: no variance")


def test_trends_without_spread():
    perfect = spearman_trend(np.arange(5), np.arange(5.0))
    assert (perfect.rho, perfect.p_value) == (pytest.approx(1), 0)
    twice = spearman_trend(
        np.repeat(np.arange(5), 2), np.repeat(np.arange(5.0), 2), groups=np.repeat(np.arange(5), 2)
    )
    assert (twice.rho, twice.p_value) == (pytest.approx(1), 0)
    two = spearman_trend([0, 1], [0.1, 0.2])
    assert two.rho == 1
    assert two.note == "fewer than 3 patients: no test"
    assert spearman_trend([1, 1, 1], P[:3]).note == "all grades are equal"
    assert spearman_trend([0, 1, 2], np.ones(3)).note == "all scores are equal"


def test_an_interaction_that_cannot_be_told():
    rng = np.random.default_rng(0)
    x, group = rng.normal(size=200), np.tile(["a", "b"], 100)
    y = rng.random(200) < 0.5
    assert interaction_test(y, x, np.zeros(200)).note == "only one group: nothing to compare"
    constant = interaction_test(y, x, np.full(200, 3.0), continuous=True)
    assert constant.note == "the modifier is constant: nothing to compare"
    itself = interaction_test(y, x, 2 * x + 1, continuous=True)
    assert (itself.df, itself.note) == (1, "score and group cannot be told apart")
    few = interaction_test(y, x, group, groups=np.tile(np.repeat([0, 1, 2, 3], 2), 25))
    assert (few.df, few.note) == (1, "too few patients for a robust variance")


def test_calibration_of_ties_and_of_nothing():
    assert smooth(np.full(4, 0.3), np.array([0.0, 1, 1, 1])).tolist() == [0.75] * 4
    # Three values, many rows each: a neighbourhood of one value has no line, its fit is that value's mean.
    x = np.repeat([0.1, 0.2, 0.9], 50)
    y = np.r_[np.arange(50) < 5, np.arange(50) < 10, np.arange(50) < 40].astype(float)
    assert smooth(x, y, frac=0.2) == pytest.approx(np.repeat([0.1, 0.2, 0.8], 50))
    # Over two thirds at one value, as isotonic recalibration leaves them: no matter whose row comes first.
    rng = np.random.default_rng(0)
    x = np.r_[np.full(80, 0.02), rng.uniform(0.02, 0.9, 20)]
    y = (rng.random(100) < x).astype(float)
    fitted, order = smooth(x, y), rng.permutation(100)
    assert fitted[:80] == pytest.approx(y[:80].mean())
    assert smooth(x[order], y[order]) == pytest.approx(fitted[order])
    with pytest.raises(InputError, match="size: expected at least 1"):
        group_bounds(10, 0)
    assert group_bounds(10, 4).tolist() == [0, 4]
    assert group_bounds(3, 4).tolist() == [0]


def test_tables_of_a_vessel_without_grades_hold_only_the_others(make):
    table = without_grades(make(60), "LM")
    settings = {"cohorts": ["internal"]}
    for found in (
        calibration_points(table, **settings),
        calibration_bands(table, n_boot=5, **settings),
        decision_curves(table, n_boot=5, points=3, **settings),
        operating_curves(table, points=3, **settings),
        severity_points(table, **settings),
        interval_widths(table, n_boot=5),
    ):
        assert list(dict.fromkeys(found["vessel"])) == ["RCA", "LAD", "LCX"]
    none = without_grades(table, *ALL)
    for empty in (
        calibration_points(none, **settings),
        calibration_bands(none, n_boot=5, **settings),
        decision_curves(none, n_boot=5, points=3, **settings),
        operating_curves(none, points=3, **settings),
        severity_points(none, **settings),
        interval_widths(none, n_boot=5),
    ):
        assert not len(empty)
    subgroups = subgroup_table(none, method="delong", contrasts=False)
    assert subgroups["estimate"].isna().all()


def test_a_band_that_no_resample_defines_is_empty():
    # 2 of 40 patients are all of the data above 0.5: most resamples' curves do not reach it.
    rng = np.random.default_rng(0)
    p = np.r_[rng.uniform(0, 0.1, 38), 0.8, 0.9]
    curve = calibration_curve(rng.random(40) < p, p, size=1, n_boot=40, levels=(0.9,))
    assert np.isnan(curve["low_90"].iloc[-1])
    assert np.isfinite(curve["low_90"].iloc[len(curve) // 2])
    # One patient in all: every resample is the same, and below the share that must be defined nothing is drawn.
    band = net_benefit_difference([1, 0], [0.6, 0.2], [0.3, 0.4], groups=["a", "a"], n_boot=20)
    assert band[["low", "high"]].to_numpy() == pytest.approx(band[["estimate"]].to_numpy().repeat(2, axis=1))


def test_progress_tells_each_part_and_the_end(make):
    for work, last in (
        (lambda told: calibration_bands(make(40), vessels=["RCA", "LAD"], n_boot=3, progress=told), "calibration"),
        (lambda told: decision_curves(make(40), vessels=["RCA", "LAD"], n_boot=3, points=2, progress=told),
         "decision curves"),
    ):  # fmt: skip
        seen: list[tuple[int, int, str]] = []
        work(lambda *step: seen.append(step))  # noqa: B023
        assert seen == [(0, 2, "RCA, internal"), (1, 2, "LAD, internal"), (2, 2, last)]
    seen = []
    settings = {"units": ["ecg", "exam"], "vessels": ["RCA"], "method": "delong", "n_boot": 3}
    discrimination_table(make(40), **settings, progress=lambda *step: seen.append(step))
    assert seen == [(0, 2, "ecg level, internal"), (1, 2, "exam level, internal"), (2, 2, "discrimination")]


def test_calibration_of_one_patient_or_at_the_ends_has_no_limits(make):
    table = make(30).assign(patient_id="one")
    alone = calibration_table(table, vessels=["RCA"]).set_index("metric")
    assert alone["estimate"].notna().all()
    assert alone[["low", "high"]].isna().all(axis=None)
    certain = make(30)
    certain["prob_rca"] = (
        (certain["grade_rca"].isin(["severe", "occluded"])).fillna(False).astype(float).to_numpy()
    )
    ends = calibration_table(certain, vessels=["RCA"]).set_index("metric")
    assert ends.loc["Brier score", "estimate"] == 0
    assert np.isnan(ends.loc["calibration slope", "estimate"])
    n = int(ends.loc["Brier score", "n"])
    assert f"{n} rows at 0 or 1 left out" in ends.loc["calibration slope", "note"]
    negative = make(30)
    negative["grade_rca"] = "mild"
    one_class = calibration_table(negative, vessels=["RCA"]).set_index("metric")
    assert np.isnan(one_class.loc["Brier skill against the base rate", "estimate"])
    assert one_class.loc["observed / expected", "estimate"] == 0
    assert "only one class" in one_class.loc["calibration slope", "note"]


def test_hazards_that_do_not_exist():
    time = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    event = np.array([1, 1, 1, 0, 1, 0])
    with pytest.raises(InputError, match="lengths differ: covariates 5, time 6"):
        cox_hazard_ratio(time, event, pd.DataFrame({"x": range(5)}))
    with pytest.raises(InputError, match="at least one column"):
        cox_hazard_ratio(time, event, pd.DataFrame(index=range(6)))
    # Who has the larger x has the event sooner, without exception: the likelihood has no maximum.
    ordered = cox_hazard_ratio(time, np.ones(6), pd.DataFrame({"x": -time}))
    assert np.isnan(ordered["hazard_ratio"].iloc[0])
    assert "no finite estimate" in ordered["note"].iloc[0]
    early = proportional_hazards_test(
        np.r_[0.0, time[1:]], event, pd.DataFrame({"x": [3, 1, 2, 5, 4, 1]}), transform="log"
    )
    assert early["statistic"].isna().all()
    assert set(early["note"]) == {"an event at time 0 has no logarithm"}
    assert early["df"].tolist() == [1, 1]
    both = proportional_hazards_test(time, event, pd.DataFrame({"x": [1.0] * 6, "z": range(6)}))
    assert both["df"].tolist() == [1, 1, 2]
    assert both["term"].tolist() == ["x", "z", "GLOBAL"]
    assert both["note"].str.contains("constant").all()


def test_a_stratum_without_events_adds_nothing_to_the_logrank_test():
    rng = np.random.default_rng(1)
    time, event, group = rng.exponential(1, 80), rng.random(80) < 0.6, np.arange(80) % 2
    stratum = np.repeat(["with", "without"], 40)
    event[40:] = False
    both, alone = logrank(time, event, group, strata=stratum), logrank(time[:40], event[:40], group[:40])
    assert (both.statistic, both.df) == (pytest.approx(alone.statistic), alone.df)


def test_crossfitted_risk_with_more_folds_than_people_scores_everybody_it_can():
    rng = np.random.default_rng(2)
    time, p = rng.exponential(300, 12), rng.uniform(0.1, 0.9, 12)
    event = rng.random(12) < 0.7
    risk = crossfit_risk(time, event, p, horizon=200, n_folds=30)
    assert risk.shape == (12,)
    assert ((risk >= 0) & (risk <= 1) | np.isnan(risk)).all()
    assert np.isfinite(risk).sum() >= 6
    with pytest.raises(InputError, match="n_folds: expected at least 2, found 1"):
        crossfit_risk(time, event, p, horizon=200, n_folds=1)


def test_risk_of_one_patient_has_no_limits():
    found = risk_groups(Y, P, threshold=0.45, groups=["a"] * 6).set_index("metric")
    relative = found.loc["relative risk"]
    assert relative["estimate"] == pytest.approx((2 / 3) / (1 / 3))
    assert np.isnan(relative["low"])
    assert np.isnan(relative["high"])


def test_an_opportunistic_range_needs_negatives():
    cut, note = opportunistic_thresholds([1, 1], [0.3, 0.4], base=0.15, bounds=(0.0, 0.5), target=0.9)
    assert cut.tolist() == [0.15]
    assert note == "no negative row: specificity undefined"


def test_a_vessel_without_a_column_has_labels_and_no_score(make):
    table = make(20)
    known, y = labelled(table.drop(columns="prob_lm"), "LM")
    assert (known == table["grade_lm"].notna().to_numpy()).all()
    assert np.isfinite(y[known]).all()
    without, unknown = labelled(table.drop(columns="grade_lm"), "LM")
    assert not without.any()
    assert np.isnan(unknown).all()


def test_recalibration_leaves_alone_what_is_absent(make):
    internal, external = make(80), make(40, cohort="external", seed=1)
    bare = internal.drop(columns=["prob_lm", "grade_lm"])
    out = recalibrated_predictions(bare, form="slope and intercept")
    assert "prob_lm" not in out
    assert (out["prob_rca"] != bare["prob_rca"]).any()
    updated = locally_updated_predictions(external.drop(columns=["prob_lm", "grade_lm"]), seed=0)
    assert "prob_lm" not in updated
    assert len(updated) == len(external)
    incomplete = pd.DataFrame({"ecg_id": external["ecg_id"], "fold_model": 3, "prob_rca": 0.5})
    both = pd.concat([internal, external], ignore_index=True)
    with pytest.raises(InputError, match=r"by_fold: expected fold_model 0 to 4, found \[3\]"):
        recalibrated_predictions(both, form="slope and intercept", by_fold=incomplete)


def test_one_external_patient_has_nobody_to_update_on(make):
    one = make(1, cohort="external", seed=3)
    updated = locally_updated_predictions(one, seed=0)
    assert updated["prob_rca"].tolist() == one["prob_rca"].tolist()


def test_nobody_is_followed_past_the_horizon(make):
    table = make(60, cohort="followup", seed=4)
    late = followup_patients(table, origin="ecg", horizon=0.001)
    entries = followup_patients(table, origin="ecg")["entry"]
    assert late.attrs["excluded"]["CCTA after the horizon"] == int((entries >= 0.001).sum())
    assert len(late) == int((entries < 0.001).sum())
    untimed = followup_patients(table.drop(columns=["ecg_time", "ccta_time"]), origin="paper")
    assert len(untimed) == table["patient_id"].nunique()
    thresholds = dict.fromkeys(ALL, 1.0) | {
        "LAD": 0.0
    }  # nobody above the first three, everybody above the last
    curves = infarction_curves(table, thresholds=thresholds, any_vessel=False, horizon=700)
    assert set(curves.loc[curves["vessel"] == "RCA", "group"]) == {"low"}
    assert set(curves.loc[curves["vessel"] == "LAD", "group"]) == {"high"}
    bars = infarction_bars(table, thresholds=thresholds, any_vessel=False, windows=(100, 5000))
    empty = bars[(bars["vessel"] == "RCA") & (bars["group"] == "high")]
    assert empty["time"].tolist() == [100, 5000]
    assert empty["note"].tolist() == ["no patient"] * 2
    assert empty[["incidence", "low", "high"]].isna().all(axis=None)
    assert empty[["at_risk", "events"]].to_numpy().tolist() == [[0, 0], [0, 0]]
    assert list(bars) == list(bars.loc[:, ~bars.columns.duplicated()])
    assert set(bars.columns) == {*curves.columns, "note"}
    beyond = bars[(bars["vessel"] == "RCA") & (bars["group"] == "low") & (bars["time"] == 5000)]
    assert set(beyond["note"]) == {"nobody followed so long"}
    assert beyond[["incidence", "low", "high"]].isna().all(axis=None)
    counts = infarction_at_risk(table, thresholds=thresholds, times=[0, 350, 700], any_vessel=False)
    nobody = counts[(counts["vessel"] == "RCA") & (counts["group"] == "high")]
    assert nobody["at_risk"].tolist() == [0, 0, 0]
    assert nobody["cumulative_events"].tolist() == [0, 0, 0]


def test_where_patients_come_from_is_the_users_unless_said(make):
    table = make(5)
    assert data_kind(table) == "simulated"
    assert data_kind(table.drop(columns="data_kind")) == "user"
    assert data_kind(table.iloc[:0]) == "user"
    assert data_kind(table.assign(data_kind=None)) == "user"


def test_nobody_at_risk_is_a_flat_curve():
    km = kaplan_meier([1.0, 2.0], [0, 0], times=[0.5, 3.0])
    assert km["survival"].tolist() == [1, 1]
    assert km["at_risk"].tolist() == [2, 0]


@pytest.mark.parametrize("unit", ["ecg", "exam", "patient"])
@pytest.mark.parametrize("rule", ["index", "worst"])
def test_an_absent_cohort_is_no_row_at_any_level(make, unit, rule):
    table = make(10)
    nobody = aggregate(table.iloc[:0], unit, rule=rule)
    assert len(nobody) == 0
    assert list(nobody.columns) == list(aggregate(table, unit, rule=rule).columns)
    absent = discrimination_table(table, units=[unit], cohorts=["external"])
    assert set(absent.loc[absent["vessel"] != "all", "note"]) == {"no row with a known grade"}
    assert (absent["n"] == 0).all()


def test_two_rows_have_an_effect_and_no_third_moment():
    two = jonckheere_terpstra([0, 1], [0.2, 0.1])
    assert (two.effect, two.statistic, two.n) == (0.0, 0.0, 2)
    assert two.z == pytest.approx(-1)  # variance of one fair coin: (0 - 1/2) / (1/2)
    assert two.note == "effect is exactly 0: no interval"
    tied = jonckheere_terpstra([0, 1, 1], [0.2, 0.2, 0.2])
    assert (tied.effect, tied.note) == (0.5, "no variance: no test")
    assert np.isnan([tied.z, tied.p_value]).all()


def test_no_cohort_asked_for_is_no_row(make):
    assert not len(severity_table(make(5), cohorts=[]))
    assert not len(calibration_points(make(5), cohorts=[]))


def test_a_table_without_a_cohort_column_is_internal(make):
    table = make(40)
    settings = {"units": ["ecg"], "vessels": ["RCA"], "method": "delong", "n_boot": 10}
    named = discrimination_table(table, **settings)
    unnamed = discrimination_table(table.drop(columns="cohort"), **settings)
    assert unnamed["cohort"].unique().tolist() == ["internal"]
    assert unnamed["estimate"].tolist() == pytest.approx(named["estimate"].tolist())
    holes = table.assign(cohort=table["cohort"].where(table.index > 20))
    assert discrimination_table(holes, **settings)["n"].tolist() == named["n"].tolist()


def test_single_models_that_are_absent_or_see_one_class_say_so(make):
    table = make(40, cohort="external").assign(grade_lm="mild")
    prob = [f"prob_{v.lower()}" for v in ALL]
    models = pd.concat([table[["ecg_id", *prob]].assign(fold_model=k) for k in range(2)], ignore_index=True)
    found = discrimination_table(table, units=["ecg"], method="delong", by_fold=models, n_boot=10)
    single = found[found["metric"] == SINGLE].set_index("vessel")
    assert np.isfinite(single.loc["RCA", "estimate"])
    assert np.isnan(single.loc["LM", "estimate"])
    assert single.loc["LM", "note"] == "only one class: AUC undefined"
    assert single.loc["RCA", "method"].endswith(", 2 models")
    others = discrimination_table(
        table, units=["ecg"], method="delong", by_fold=models.assign(ecg_id="x"), n_boot=10
    )
    none = others[others["metric"] == SINGLE]
    assert set(none["note"]) == {"no single-model predictions of these rows"}
    assert none["estimate"].isna().all()


def test_infarct_risk_of_a_vessel_nobody_has_a_probability_of(make):
    table = make(60, cohort="followup").assign(prob_lm=np.nan).drop(columns="prob_rca")
    curves = decision_survival_curves(table, vessels=["RCA", "LM", "LAD"], n_boot=3, points=4)
    for vessel in ("RCA", "LM"):
        row = curves[curves["vessel"] == vessel]
        assert row["note"].tolist() == ["infarct risk not estimable: too few events"]
        assert row["n"].tolist() == [0]
    assert len(curves[curves["vessel"] == "LAD"]) == 4


def test_the_ideal_observer_of_a_curve_that_is_not_there(make):
    table = without_grades(make(60), "LM")
    truth = table[["ecg_id"]].assign(**{f"ideal_{v.lower()}": 0.3 for v in ALL})
    curves = decision_curves(table, vessels=["RCA", "LAD"], n_boot=3, points=3)
    found = ideal_decision(table, truth, curves)
    assert found["vessel"].tolist() == ["RCA"] * 3 + ["LAD"] * 3
    assert found["ideal"].notna().all()
    assert ideal_decision(table, truth, curves.iloc[:0]).columns.tolist() == [*curves.columns, "ideal"]


def test_aucs_of_recalibrations_of_a_cohort_without_rows(make):
    both = pd.concat([make(60), make(30, cohort="external", seed=1)], ignore_index=True)
    found = recalibration_aucs(both, cohorts=["internal"])
    assert found["cohort"].unique().tolist() == ["internal"]
    assert "local update" not in set(found["recalibration"])
    assert recalibration_aucs(both)["recalibration"].nunique() == found["recalibration"].nunique() + 1
    table = recalibration_table(make(60))
    assert "local update" not in set(table["recalibration"])


def test_a_title_without_a_slope_says_so(make):
    table = calibration_table(make(60), vessels=["RCA"])
    rows = table.assign(estimate=table["estimate"].where(table["metric"] != "calibration slope"))
    title = panel_titles(rows, vessels=["RCA"])["RCA"]
    assert "; slope not estimable\nBrier 0." in title
    assert "; slope " in panel_titles(table, vessels=["RCA"])["RCA"]
    assert "not estimable" not in panel_titles(table, vessels=["RCA"])["RCA"]


def test_nothing_is_avoided_per_hundred_at_a_threshold_of_zero():
    found = net_benefit_difference(Y, P, [0.0, 0.25], n_boot=30)
    assert np.isnan(found.loc[0, ["avoided", "avoided_low", "avoided_high"]].astype(float)).all()
    model, treat_all = found.loc[1, "model"], found.loc[1, "treat_all"]
    assert found.loc[1, "avoided"] == pytest.approx(100 * (model - treat_all) * 3)


def test_a_factor_that_is_unknown_leaves_the_patient_out(make):
    table = make(80, cohort="followup", seed=5)
    patients = followup_patients(table, horizon=700)
    rows = table.set_index("ecg_id").loc[patients["ecg_id"]]
    known = rows[["prior_mi", "age", *[f"grade_{v.lower()}" for v in ALL]]].notna().all(axis=1).to_numpy()
    found = infarction_factors(table)
    assert not known.all()
    assert (found["n"] == known.sum()).all()
    assert (found["n_pos"] == patients.loc[known, "event"].sum()).all()
    prior = found.set_index("term").loc[PRIOR_MI]
    assert prior["with_factor"] == rows.loc[known, "prior_mi"].sum()


def test_a_vessel_without_a_grade_column_has_no_grades(make):
    part = slice_of(make(10).drop(columns="grade_lm"), "LM", "internal", "ecg")
    assert part.grade.shape == (0,)
    assert (part.n_patients, part.n_pos_patients) == (0, 0)
    unscored = slice_of(make(10).drop(columns="prob_lm"), "LM", "internal", "ecg")
    assert unscored.p.dtype == float
    assert len(unscored.p) == len(unscored.y) > 0
    assert np.isnan(unscored.p).all()


def test_a_risk_group_of_one_class_carries_to_any_prevalence():
    found = risk_groups([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], threshold=0.5, prevalence=0.1).set_index("metric")
    carried = found[found.index.str.endswith(AT_POPULATION)]
    assert carried.loc[f"{ABOVE} {AT_POPULATION}", ["estimate", "note"]].tolist() == [
        1.0, "the group holds one class only: no interval"]  # fmt: skip
    assert carried.loc[f"{BELOW} {AT_POPULATION}", "estimate"] == 0
    everybody = risk_groups([0, 0, 1, 1], [0.6, 0.7, 0.8, 0.9], threshold=0.5, prevalence=0.1).set_index(
        "metric"
    )
    assert everybody.loc[f"{ABOVE} {AT_POPULATION}", ["estimate", "note"]].tolist() == [
        0.1, "everybody is in this group"]  # fmt: skip
    assert everybody.loc[f"{BELOW} {AT_POPULATION}", "note"] == "only one class, or an empty group"
    assert everybody.loc["relative risk", "note"] == "one risk group is empty"


def test_an_event_among_nobody_else_tells_nothing_of_a_hazard():
    # The only event comes when everybody else has left: the likelihood does not depend on the coefficient.
    found = cox_hazard_ratio([1.0, 2.0, 3.0], [0, 0, 1], pd.DataFrame({"x": [1.0, 3.0, 2.0]})).iloc[0]
    assert np.isnan(found[["hazard_ratio", "low", "high", "p_value"]].astype(float)).all()
    assert "no finite estimate" in found["note"]


def test_a_band_needs_95_percent_of_its_replicates():
    replicates = np.column_stack([np.linspace(0, 1, 100), np.linspace(0, 1, 100), np.full(100, np.nan)])
    replicates[:5, 0], replicates[:6, 1] = np.nan, np.nan
    low, high = _band(replicates, 0.9)
    assert np.isfinite([low[0], high[0]]).all()
    assert np.isnan([low[1], high[1], low[2], high[2]]).all()
    assert np.isnan(_band(replicates[:, 1:], 0.9)).all()


def test_a_fold_without_rows_is_no_fault(make):
    table = make(80)
    folds = table["fold"].replace(2.0, 3.0)
    out = recalibrated_predictions(table.assign(fold=folds), form="slope and intercept")
    assert out["prob_rca"].notna().all()
    assert (out["prob_rca"] != table["prob_rca"]).any()
