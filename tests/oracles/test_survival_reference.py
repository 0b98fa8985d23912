"""Survival statistics against R's survival package (reference folder)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from ccta_lib.errors import InputError
from ccta_lib.evaluation import (
    aalen_johansen,
    cox_hazard_ratio,
    kaplan_meier,
    logrank,
    proportional_hazards_test,
)
from ccta_lib.evaluation.survival import CONF_TYPES


def plain(value):
    return value.get("value", value) if isinstance(value, dict) else value


def lung(reference):
    data = reference.data("lung.csv")
    return data.assign(event=(data["status"] == 2).astype(int))


def check_km(compare, case, expected, time, event):
    for conf_type in CONF_TYPES:
        if conf_type in expected:
            got = kaplan_meier(time, event, times=expected["time"], conf_type=conf_type)
            compare(case, got["survival"], expected["surv"])
            compare(case, got["at_risk"], expected["n_risk"])
            compare(case, got["events"], expected["n_event"])
            compare(case, got["low"], expected[conf_type]["lower"])
            compare(case, got["high"], expected[conf_type]["upper"])


def test_kaplan_meier_of_lung_with_five_interval_types(reference, compare):
    data, expected = lung(reference), reference.values("km_lung")
    for name, rows in (
        ("overall", data["sex"] > 0),
        ("male", data["sex"] == 1),
        ("female", data["sex"] == 2),
    ):
        check_km(compare, "km_lung", expected[name], data.loc[rows, "time"], data.loc[rows, "event"])
    curve = kaplan_meier(data["time"], data["event"])
    for ours, theirs in (
        ("time", "time"),
        ("survival", "surv"),
        ("at_risk", "n_risk"),
        ("events", "n_event"),
    ):
        compare("km_lung", curve[ours], expected["full_curve"][theirs])


def test_logrank(reference, compare):
    data, veteran, colon = lung(reference), reference.data("veteran.csv"), reference.data("colon.csv")
    colon = colon[colon["etype"] == 2]
    gehan, big = reference.data("gehan.csv"), reference.data("big5000.csv")
    with_inst, with_ecog = data.dropna(subset=["inst"]), data.dropna(subset=["ph.ecog"])
    expected = reference.values("logrank")
    for name, d, time, event, group, strata in (
        ("lung_sex", data, "time", "event", "sex", None),
        ("lung_sex_strata_inst", with_inst, "time", "event", "sex", "inst"),
        ("lung_ecog", with_ecog, "time", "event", "ph.ecog", None),
        ("veteran_trt", veteran, "time", "status", "trt", None),
        ("veteran_celltype", veteran, "time", "status", "celltype", None),
        ("colon_rx", colon, "time", "status", "rx", None),
        ("gehan", gehan, "time", "cens", "treat", None),
        ("big_sex", big, "time", "event", "sex", None),
        ("big_agegrp", big, "time", "event", "agegrp", None),
    ):
        got = logrank(d[time], d[event], d[group], strata=d[strata] if strata else None)
        compare(f"logrank {name}", [got.statistic, got.df], [expected[name][k] for k in ("chisq", "df")])
        compare(f"logrank {name}", got.p_value, expected[name]["p"])


def edge_cases(reference):
    table = reference.data("edge_surv.csv")
    for case, expected in reference.values("surv_edge").items():
        yield case, expected, table[table["case"] == case]


def test_edge_cases_of_kaplan_meier_and_logrank(reference, compare):
    for case, expected, data in edge_cases(reference):
        if case == "nan_rows":
            with pytest.raises(InputError, match="mask"):
                kaplan_meier(data["time"], data["status"])
            data = data.dropna()
        for group, km in expected["km_by_group"].items():
            rows = data["group"] == group
            check_km(compare, f"surv_edge {case}", km, data.loc[rows, "time"], data.loc[rows, "status"])
        check_km(compare, f"surv_edge {case}", expected["km_all"], data["time"], data["status"])
        got, r = logrank(data["time"], data["status"], data["group"]), plain(expected["logrank"])
        if "error" in r:
            assert math.isnan(got.p_value)
            assert got.note
        else:
            compare(
                f"surv_edge {case}",
                [got.statistic, got.p_value, got.df],
                [r[k] for k in ("chisq", "p", "df")],
            )


def test_edge_cases_of_cox_and_proportional_hazards(reference, compare):
    tested = 0
    for case, expected, data in edge_cases(reference):
        data = data.dropna()
        terms = pd.get_dummies(data["group"], drop_first=True).astype(float).add_prefix("group")
        if not terms.shape[1]:
            continue
        cox, zph = plain(expected["cox"]), plain(expected["zph"])
        got = cox_hazard_ratio(data["time"], data["status"], terms)
        test = proportional_hazards_test(data["time"], data["status"], terms)
        se, hr = np.atleast_1d(cox["se"]), np.atleast_1d(cox["HR"])
        for i in range(len(got)):
            row = got.iloc[i]
            if not np.isfinite(hr[i]) or se[i] > 1e3:  # R stops at about exp(-20); no finite estimate exists
                assert math.isnan(row["hazard_ratio"]), case
                assert row["note"]
            else:
                theirs = [np.atleast_1d(cox[k])[i] for k in ("HR", "lo95", "hi95", "p")]
                compare(f"surv_edge {case} cox", row[["hazard_ratio", "low", "high", "p_value"]], theirs)
                tested += 1
        if isinstance(zph, list) and (se < 1e3).all():
            compare(f"surv_edge {case} zph", test.iloc[-1][["statistic", "df", "p_value"]], zph)
            tested += 1
        else:
            assert math.isnan(test["p_value"].iloc[-1]), case
            assert test["note"].iloc[-1]
    assert tested >= 9


def test_aalen_johansen_is_the_prevalence_dcurves_reports(reference, compare):
    data = reference.data("df_surv.csv")
    cause = data["cancer_cr"].map({"censor": 0, "diagnosed with cancer": 1, "dead other causes": 2})
    expected = reference.values("dca_survival")["competing_t1.5"]["all"]["pos_rate"][0]
    got = aalen_johansen(data["ttcancer"], cause, times=[1.5])
    compare("dca_survival competing", got["incidence"], [expected])
