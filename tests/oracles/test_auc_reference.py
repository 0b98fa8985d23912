"""AUC against pROC, Obuchowski's published code and survival::concordance (reference folder)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ccta_lib.errors import InputError
from ccta_lib.evaluation import auc_difference, auc_difference_groups, auc_interval, roc_points

TOLERANCE = 1e-8


def near(value: float) -> object:
    return pytest.approx(value, abs=TOLERANCE, nan_ok=True)


@pytest.mark.parametrize("marker", ["s100b", "ndka", "wfns", "age"])
def test_delong_interval_is_that_of_proc(reference, marker):
    expected = reference.values("auc_asah_delong")["single"][marker]
    data = reference.data("asah.csv")
    for level, key in ((0.90, "ci90"), (0.95, "ci95"), (0.99, "ci99")):
        got = auc_interval(data["y"], data[marker], level=level)
        assert (got.estimate, got.se) == (near(expected["auc"]), near(expected["se_delong"]))
        assert [got.low, got.high] == near(expected[key])
        assert (got.n, got.n_pos) == (expected["n"], expected["n_pos"])


def test_paired_delong_test_is_that_of_proc(reference):
    data = reference.data("asah.csv")
    for pair, expected in reference.values("auc_asah_delong")["paired"].items():
        a, b = pair.split("_vs_")
        got = auc_difference(data["y"], data[a], data[b])
        assert (got.z, got.p_value) == (near(expected["z"]), near(expected["p"]))
        assert [got.low, got.high] == near(expected["diff_ci95"])


def test_unpaired_test_is_cochrans_q_of_delong_variances(reference):
    data = reference.data("asah.csv")
    for marker, expected in reference.values("auc_asah_unpaired_subgroup").items():
        got = auc_difference_groups(data["y"], data[marker], data["gender"])
        assert got.statistic == near(expected["cochran_Q"])
        assert got.p_value == near(expected["p_normal"])
        for sex in ("Male", "Female"):
            rows = data["gender"] == sex
            part = auc_interval(data.loc[rows, "y"], data.loc[rows, marker])
            assert [part.low, part.high] == near(expected[sex]["ci95"])


def test_clustered_variance_is_obuchowskis(reference):
    table = reference.data("clustered_small.csv")
    for case, expected in reference.values("auc_clustered_small").items():
        data = table[table["case"] == case]
        for score in ("s1", "s2"):
            r = expected[score]["obuchowski_haben_michael"]
            got = auc_interval(data["y"], data[score], groups=data["cluster"])
            assert got.estimate == near(r["theta.hat"]), case
            # The R code divides by zero with one case cluster; here that is NaN with a note.
            variance = r["var.hat"] if math.isfinite(r["var.hat"]) else math.nan
            assert got.se**2 == near(variance), case
            assert bool(got.note) == math.isnan(variance)
            plain = expected[score]["naive_delong"]
            assert auc_interval(data["y"], data[score]).se == near(plain["se_delong"])
        r = expected["paired_didsr"]
        got = auc_difference(data["y"], data["s1"], data["s2"], groups=data["cluster"])
        assert abs(got.estimate) == near(r["auc.AminusB"])
        assert got.p_value == near(r["p.value"])
        if math.isfinite(r["auc.se.AminusB"]):
            assert abs(got.estimate / got.z) == near(r["auc.se.AminusB"])
            assert [got.low, got.high] == near([r["ci.bot.AminusB"], r["ci.top.AminusB"]])


def test_bootstrap_from_given_rows_is_proc_on_the_same_rows(reference):
    data = reference.data("asah.csv")
    for marker, expected in reference.values("auc_bootstrap_fixed_idx").items():
        for file, sd, ci in (
            ("boot_idx_asah.csv", "plain_sd", "plain_ci95_type7"),
            ("boot_idx_asah_stratified.csv", "strat_sd", "strat_ci95_type7"),
        ):
            rows = reference.draws(file)
            got = auc_interval(data["y"], data[marker], method="bootstrap", resamples=rows)
            assert [got.low, got.high] == near(expected[ci])
            assert got.se == near(expected[sd])


def test_patient_bootstrap_from_given_draws_is_proc_on_the_same_patients(reference):
    small = reference.data("clustered_small.csv").query("case == 'mixed'")
    pbc = reference.data("clustered_pbcseq.csv")
    expected = reference.values("auc_cluster_bootstrap_fixed")
    for key, data, y, p, group, file in (
        ("small_s1", small, "y", "s1", "cluster", "boot_clusters_small_mixed.csv"),
        ("small_s2", small, "y", "s2", "cluster", "boot_clusters_small_mixed.csv"),
        ("pbcseq_bili", pbc, "hepato", "bili", "id", "boot_clusters_pbcseq.csv"),
    ):
        got = auc_interval(
            data[y], data[p], groups=data[group], method="bootstrap", resamples=reference.draws(file)
        )
        assert [got.low, got.high] == near(expected[key]["ci95_type7"])
        assert got.se == near(expected[key]["sd"])


def test_edge_inputs(reference):
    table = reference.data("edge_auc.csv")
    for case, expected in reference.values("auc_edge").items():
        data = table[table["case"] == case]
        y, s = data["y"], data["s"].astype(float)
        if case in ("nan_scores", "nan_labels", "inf_scores"):
            with pytest.raises(InputError):
                auc_interval(y, s)
            if case == "inf_scores":
                continue
            keep = y.notna() & s.notna()
            y, s = y[keep], s[keep]
        got = auc_interval(y, s)
        r = expected["pROC_complete_cases"]
        r = r.get("value", r)
        if "error" in r:
            assert math.isnan(got.estimate)
        else:
            assert got.estimate == near(r["auc"]), case
        if "error" in r or r["auc"] in (0, 1) or math.isnan(r["se_delong"]):
            # DEFINITIONS decides otherwise than R at 0 and 1: the variance of 0 misleads.
            assert math.isnan(got.se)
            assert got.note
            assert math.isnan(got.low)
            assert math.isnan(got.high)
        else:
            assert got.se == near(r["se_delong"]), case
            assert [got.low, got.high] == near(r["ci95"]), case


def test_roc_points_are_procs_at_every_threshold(reference):
    data = reference.data("asah.csv")
    for marker, expected in reference.values("roc_points_thresholds").items():
        got = roc_points(data["y"], data[marker]).iloc[::-1].reset_index(drop=True)
        for column in ("tp", "fp", "fn", "tn", "sensitivity", "specificity"):
            np.testing.assert_allclose(got[column], expected["all"][column], atol=TOLERANCE)
        # pROC's thresholds lie midway between neighbouring scores; ours are the scores themselves.
        score = got["threshold"].to_numpy()[:-1]
        np.testing.assert_allclose((score[1:] + score[:-1]) / 2, expected["all"]["threshold"][1:-1])
