"""R's and published numbers on tables that free packages ship, so that the project checks itself alone.

df_binary and df_surv come with dcurves (Apache 2.0), lung and gehan with lifelines (MIT).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccta_lib.evaluation import (
    aalen_johansen,
    auc_difference,
    auc_interval,
    calibration_summary,
    cox_hazard_ratio,
    interaction_test,
    jonckheere_terpstra,
    kaplan_meier,
    logrank,
    net_benefit,
    net_benefit_survival,
    proportional_hazards_test,
    spearman_trend,
    wilson,
)


def dcurves_table(name: str) -> pd.DataFrame:
    found = importlib.util.find_spec("dcurves")
    if found is None or found.origin is None:
        pytest.skip("dcurves is not installed (extra bench)")
    return pd.read_csv(Path(found.origin).parent / "data" / name, float_precision="round_trip")


@pytest.fixture(scope="module")
def binary() -> pd.DataFrame:
    table = dcurves_table("df_binary.csv")
    return table.assign(y=table["cancer"].astype(int), p=table["cancerpredmarker"])


@pytest.fixture(scope="module")
def survival() -> pd.DataFrame:
    table = dcurves_table("df_surv.csv")
    return table.assign(event=table["cancer"].astype(int), p=table["cancerpredmarker"])


@pytest.fixture(scope="module")
def lung() -> pd.DataFrame:
    return pytest.importorskip("lifelines.datasets").load_lung()


def test_calibration_of_df_binary_is_that_of_rms(binary, compare):
    got = calibration_summary(binary["y"], binary["p"])
    expected = {"brier": 0.0849290977970174, "brier_null": 0.1204, "o_e": 1.00000000190476}
    expected |= {"citl": 3.10890959832252e-09, "intercept": 4.03028327918041e-08, "slope": 1.00000002870479}
    expected |= {"ici": 0.0126533651057173, "e50": 0.00493969409017865}
    expected |= {"e90": 0.0319914162819496, "emax": 0.0458497674599039}
    compare("df_binary calibration", got[list(expected)], list(expected.values()))


def test_net_benefit_of_df_binary_is_that_of_dcurves_for_r(binary, compare):
    for model, expected in (
        ("cancerpredmarker", [0.0874074074074074, 0.0501538461538461]),
        ("famhistory", [0.0185185185185185, -0.0333333333333334]),
    ):
        got = net_benefit(binary["y"], binary[model].astype(float), [0.10, 0.35])
        compare("df_binary net benefit", got.loc[got["strategy"] == "model", "net_benefit"], expected)
    everybody = got.loc[got["strategy"] == "all", "net_benefit"]
    compare("df_binary net benefit", everybody, [0.0444444444444445, -0.323076923076923])
    harmed = net_benefit(binary["y"], binary["p"], [0.05, 0.35], harm=0.0333)["net_benefit"][:2]
    compare("df_binary net benefit", harmed, [0.0722438596491228, 0.0168538461538461])


def test_survival_net_benefit_of_df_surv_is_that_of_dcurves_for_r(survival, compare):
    for model, expected in (
        ("cancerpredmarker", [0.187685774719841, 0.123606185187177]),
        ("famhistory", [0.0479028723782505, 0.0281346609491724]),
    ):
        got = net_benefit_survival(
            survival["ttcancer"], survival["event"], survival[model].astype(float), [0.05, 0.20], horizon=1.5
        )
        compare("df_surv net benefit", got.loc[got["strategy"] == "model", "net_benefit"], expected)
    everybody = got.loc[got["strategy"] == "all", "net_benefit"]
    compare("df_surv net benefit", everybody, [0.179066057574345, 0.0251409433695352])


def test_competing_incidence_of_df_surv(survival, compare):
    cause = survival["cancer_cr"].map({"censor": 0, "diagnosed with cancer": 1, "dead other causes": 2})
    got = aalen_johansen(survival["ttcancer"], cause, times=[1.5])["incidence"]
    compare("df_surv competing incidence", got, [0.205957232031475])


def test_interaction_of_df_binary_is_that_of_glm(binary, compare):
    got = interaction_test(binary["y"], binary["famhistory"].astype(float), binary["age"] >= 65)
    compare("df_binary interaction", [got.statistic, got.p_value], [4.02533563540158, 0.0448217005313776])


def test_kaplan_meier_of_lung_is_that_of_survfit(lung, compare):
    got = kaplan_meier(lung["time"], lung["status"], times=[90, 180, 365, 730, 1000, 1100])
    survival = [0.881578947368421, 0.721670653409762, 0.409241624460064, 0.115693098344539]
    compare("lung survfit", got["survival"], [*survival, 0.0503455680708105, 0.0503455680708105])
    compare("lung survfit", got["at_risk"], [201, 160, 65, 13, 2, 0])
    compare("lung survfit", got["low"][:2], [0.83207134221092, 0.658304528445661])
    compare("lung survfit", got["high"][:2], [0.917213604179644, 0.775314690716979])
    # Published: median survival 310 days (285 to 363, log intervals).
    curve = kaplan_meier(lung["time"], lung["status"], conf_type="log")
    first = {c: curve["time"][curve[c] <= 0.5].iloc[0] for c in ("survival", "low", "high")}
    assert first == {"survival": 310, "low": 285, "high": 363}


def test_logrank_of_lung_and_gehan_is_that_of_survdiff(lung, compare):
    got = logrank(lung["time"], lung["status"], lung["sex"])
    compare("lung survdiff", [got.statistic, got.p_value], [10.3267419548856, 0.00131116452035549])
    known = lung.dropna(subset=["ph.ecog"])
    got = logrank(known["time"], known["status"], known["ph.ecog"])
    compare("lung survdiff", [got.statistic, got.df], [21.962131682476, 3])
    gehan = pytest.importorskip("lifelines.datasets").load_leukemia()
    got = logrank(gehan["t"], gehan["status"], gehan["Rx"])
    compare("gehan survdiff", got.statistic, 16.7929409892165)


SMALL = {
    # name: times, events, group B, then R's hazard ratio with limits and cox.zph
    "ties": (
        [2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 6],
        [1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 1, 0],
        [0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1],
        [1.24709841563496, 0.278535842337842, 5.58367801150999],
        0.0811660501983972,
    ),
    "no censoring": (
        [1, 2, 3, 4, 5, 6, 7, 8],
        [1] * 8,
        [0, 0, 1, 0, 1, 1, 0, 1],
        [0.472181577860385, 0.103035501106367, 2.16387012317782],
        0.454745976914077,
    ),
    "event at 0": (
        [0, 0, 1, 2, 3, 4, 5, 6],
        [1, 0, 1, 0, 1, 1, 0, 1],
        [0, 1, 0, 1, 0, 1, 0, 1],
        [0.274291885177492, 0.0279058554203226, 2.69606636818706],
        1.91472689079228,
    ),
}


@pytest.mark.parametrize("case", SMALL)
def test_cox_and_proportional_hazards_are_those_of_coxph_and_cox_zph(case, compare):
    time, event, group, ratio, zph = SMALL[case]
    covariates = pd.DataFrame({"B": group})
    got = cox_hazard_ratio(time, event, covariates).iloc[0]
    compare("coxph", got[["hazard_ratio", "low", "high"]], ratio)
    compare("cox.zph", proportional_hazards_test(time, event, covariates)["statistic"], [zph, zph])


def test_cox_of_lung_as_printed_in_the_survival_package(lung):
    # Therneau: coxph(Surv(time, status) ~ sex): exp(coef) 0.588, 0.4237 to 0.816, p = 0.00149.
    got = cox_hazard_ratio(lung["time"], lung["status"], lung[["sex"]]).iloc[0]
    assert got["hazard_ratio"] == pytest.approx(0.5880, abs=5e-5)
    assert [got["low"], got["high"]] == pytest.approx([0.4237, 0.8160], abs=5e-5)
    assert got["p_value"] == pytest.approx(0.00149, abs=5e-6)


def test_wilson_as_published_by_newcombe_1998():
    for x, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert np.ravel(wilson(x, n)) == pytest.approx([low, high], abs=5e-5)


def test_jonckheere_terpstra_of_hollander_and_wolfe(compare):
    # Nonparametric Statistical Methods, example 6.2 (Hundal 1969): J = 79, J* = 2.02 without tie correction,
    # that is a variance of 153; ties make it smaller.
    control, group_b, group_c = [40, 35, 38, 43, 44, 41], [38, 40, 47, 44, 40, 42], [48, 40, 45, 43, 46, 44]
    got = jonckheere_terpstra(np.repeat([0, 1, 2], 6), control + group_b + group_c)
    compare("Hollander and Wolfe", got.statistic, 79)
    assert (79 - 54) / np.sqrt(153) == pytest.approx(2.02, abs=0.005)
    assert (79 - 54) / np.sqrt(153) < got.z < 2.05
    assert got.effect == pytest.approx(79 / 108)


def test_spearman_of_eight_pairs_is_that_of_cor_test(compare):
    x, y = [2.1, 3.3, 1.2, 5.5, 4.1, 7.7, 6.2, 8.8], [1, 4, 2, 3, 6, 5, 8, 7]
    got = spearman_trend(x, y)
    compare("cor.test", [got.rho, got.p_value], [0.761904761904762, 0.0280049391530718])


def test_clustered_and_paired_variances_by_hand():
    # Patient 1: one positive .8, one negative .6; patient 2: positive .4; patient 3: negative .2.
    # A = 3/4; V10 = 1, 1/2; V01 = 1/2, 1. Sums about A: patient 1 (+1/4, -1/4), 2 (-1/4), 3 (+1/4).
    # S10 = 2/1/2 * 1/8 = 1/8, S01 = 1/8, S11 = 3/2 * (-1/16) = -3/32; var = 1/16 + 1/16 - 2 * 3/32 / 4.
    got = auc_interval([1, 0, 1, 0], [0.8, 0.6, 0.4, 0.2], groups=[1, 1, 2, 3])
    assert got.se**2 == pytest.approx(1 / 8 - 3 / 64)
    # Against a score without information on these rows (all equal) the difference has A's variance.
    against = auc_difference([1, 0, 1, 0], [0.8, 0.6, 0.4, 0.2], [1, 1, 1, 1], groups=[1, 1, 2, 3])
    assert against.estimate == 0.25
    assert against.z == pytest.approx(0.25 / np.sqrt(1 / 8 - 3 / 64))
