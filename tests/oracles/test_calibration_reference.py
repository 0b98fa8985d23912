"""Calibration, rates and operating points against rms, Hmisc, binom and epiR (reference folder)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ccta_lib.errors import InputError
from ccta_lib.evaluation import calibration_summary, operating_points, wilson


def plain(value):
    return value.get("value", value) if isinstance(value, dict) else value


def check(compare, case, expected, y, p):
    got = calibration_summary(y, p)
    compare(case, got[["brier", "brier_null", "o_e"]], [expected[k] for k in ("brier", "brier_null", "OE")])
    compare(case, got["n_boundary"], len(y) - expected["n_used_logistic"])
    smooth = plain(expected["lowess_iter0_default_delta"])
    if "ICI" in smooth:
        compare(case, got[["ici", "e50", "e90", "emax"]], [smooth[k] for k in ("ICI", "E50", "E90", "Emax")])
    citl, line = plain(expected["citl"]), plain(expected["recal"])
    # R returns huge numbers where no finite estimate exists; here that is NaN with a reason.
    compare(case, got["citl"], citl["intercept"] if citl["se"] < 1e3 else math.nan)
    exists = line["se_slope"] < 1e3
    compare(
        case, got[["intercept", "slope"]], [line[k] if exists else math.nan for k in ("intercept", "slope")]
    )
    assert exists == np.isfinite(got["slope"])
    assert exists or got.attrs["note"]


def test_calibration_of_df_binary(reference, compare):
    data = reference.data("df_binary.csv")
    expected = reference.values("cal_df_binary")
    check(compare, "cal_df_binary", expected, data["cancer"].astype(int), data["cancerpredmarker"])


def test_calibration_edge_cases(reference, compare):
    table = reference.data("edge_cal.csv")
    for case, expected in reference.values("cal_edge").items():
        data = table[table["case"] == case]
        if case == "nan_rows":
            with pytest.raises(InputError, match="mask"):
                calibration_summary(data["y"], data["p"])
            data = data.dropna()
        check(compare, f"cal_edge {case}", expected, data["y"], data["p"])


def test_wilson_limits(reference, compare):
    for row in reference.values("binom_ci"):
        low, high = wilson(row["x"], row["n"])
        # Hmisc bends the limits next to 0 and n; binom gives Wilson's own.
        index = row["binom_pkg"]["method"].index("wilson")
        compare("binom_ci", [low, high], [row["binom_pkg"][k][index] for k in ("lower", "upper")])
        if 1 < row["x"] < row["n"] - 1:
            compare("binom_ci", wilson(row["x"], row["n"], level=0.9), row["hmisc_wilson_90"])


def test_wilson_limits_in_calibration_bins(reference, compare):
    for bins in reference.values("cal_bins").values():
        n, rate = np.array(bins["table"]["n"]), np.array(bins["table"]["obs"])
        hits = np.round(n * rate)
        plain_ones = (hits > 1) & (hits < n - 1)
        low, high = wilson(hits, n)
        compare("cal_bins", low[plain_ones], np.array(bins["table"]["wilson_lo"])[plain_ones])
        compare("cal_bins", high[plain_ones], np.array(bins["table"]["wilson_hi"])[plain_ones])


def test_operating_points_of_breast_cancer(reference, compare):
    data = reference.data("breast_cancer.csv")
    for row in reference.values("threshold_table")["breast"]:
        got = operating_points(data["y"], data["p_full"], row["threshold"]).iloc[0]
        compare("threshold_table", got[["tp", "fp", "fn", "tn"]], [row[k] for k in ("tp", "fp", "fn", "tn")])
        for ours, theirs in (
            ("sensitivity", "sens"),
            ("specificity", "spec"),
            ("ppv", "ppv"),
            ("npv", "npv"),
        ):
            limits = row["wilson_hmisc"][theirs]
            counts = {"sens": ("tp", "fn"), "spec": ("tn", "fp"), "ppv": ("tp", "fp"), "npv": ("tn", "fn")}
            hit, miss = (row[k] for k in counts[theirs])
            if hit + miss == 0:
                assert math.isnan(got[ours])
                assert math.isnan(got[f"{ours}_low"])
            elif hit in (0, 1) or miss in (0, 1):  # where Hmisc bends the limits
                compare("threshold_table", got[ours], limits[0])
            else:
                compare("threshold_table", got[[ours, f"{ours}_low", f"{ours}_high"]], limits)
