"""AUC against pROC, Obuchowski's published code and survival::concordance (reference folder)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ccta_lib.errors import InputError
from ccta_lib.evaluation import auc_difference, auc_difference_groups, auc_interval, roc_points


@pytest.mark.parametrize("marker", ["s100b", "ndka", "wfns", "age"])
def test_delong_interval_is_that_of_proc(reference, compare, marker):
    expected = reference.values("auc_asah_delong")["single"][marker]
    data = reference.data("asah.csv")
    for level, key in ((0.90, "ci90"), (0.95, "ci95"), (0.99, "ci99")):
        got = auc_interval(data["y"], data[marker], level=level)
        compare("auc_asah_delong", [got.estimate, got.se], [expected["auc"], expected["se_delong"]])
        compare("auc_asah_delong", [got.low, got.high], expected[key])
        assert (got.n, got.n_pos) == (expected["n"], expected["n_pos"])


def test_paired_delong_test_is_that_of_proc(reference, compare):
    data = reference.data("asah.csv")
    for pair, expected in reference.values("auc_asah_delong")["paired"].items():
        a, b = pair.split("_vs_")
        got = auc_difference(data["y"], data[a], data[b])
        compare("auc_asah_delong paired", [got.z, got.p_value], [expected["z"], expected["p"]])
        compare("auc_asah_delong paired", [got.low, got.high], expected["diff_ci95"])


def test_unpaired_test_is_cochrans_q_of_delong_variances(reference, compare):
    data = reference.data("asah.csv")
    for marker, expected in reference.values("auc_asah_unpaired_subgroup").items():
        got = auc_difference_groups(data["y"], data[marker], data["gender"])
        compare("auc_asah_unpaired_subgroup", got.statistic, expected["cochran_Q"])
        compare("auc_asah_unpaired_subgroup", got.p_value, expected["p_normal"])
        for sex in ("Male", "Female"):
            rows = data["gender"] == sex
            part = auc_interval(data.loc[rows, "y"], data.loc[rows, marker])
            compare("auc_asah_unpaired_subgroup", [part.low, part.high], expected[sex]["ci95"])


def test_clustered_variance_is_obuchowskis(reference, compare):
    table = reference.data("clustered_small.csv")
    for case, expected in reference.values("auc_clustered_small").items():
        data = table[table["case"] == case]
        for score in ("s1", "s2"):
            r = expected[score]["obuchowski_haben_michael"]
            got = auc_interval(data["y"], data[score], groups=data["cluster"])
            compare("auc_clustered_small", got.estimate, r["theta.hat"])
            # The R code divides by zero with one case cluster; here that is NaN with a note.
            variance = r["var.hat"] if math.isfinite(r["var.hat"]) else math.nan
            compare("auc_clustered_small", got.se**2, variance)
            assert bool(got.note) == math.isnan(variance)
            plain = expected[score]["naive_delong"]
            compare("auc_clustered_small", auc_interval(data["y"], data[score]).se, plain["se_delong"])
        r = expected["paired_didsr"]
        got = auc_difference(data["y"], data["s1"], data["s2"], groups=data["cluster"])
        compare("auc_clustered_small", abs(got.estimate), r["auc.AminusB"])
        compare("auc_clustered_small", got.p_value, r["p.value"])
        if math.isfinite(r["auc.se.AminusB"]):
            compare("auc_clustered_small", abs(got.estimate / got.z), r["auc.se.AminusB"])
            compare("auc_clustered_small", [got.low, got.high], [r["ci.bot.AminusB"], r["ci.top.AminusB"]])


def test_bootstrap_from_given_rows_is_proc_on_the_same_rows(reference, compare):
    data = reference.data("asah.csv")
    for marker, expected in reference.values("auc_bootstrap_fixed_idx").items():
        for file, sd, ci in (
            ("boot_idx_asah.csv", "plain_sd", "plain_ci95_type7"),
            ("boot_idx_asah_stratified.csv", "strat_sd", "strat_ci95_type7"),
        ):
            rows = reference.draws(file)
            got = auc_interval(data["y"], data[marker], method="bootstrap", resamples=rows)
            compare("auc_bootstrap_fixed_idx", [got.low, got.high], expected[ci])
            compare("auc_bootstrap_fixed_idx", got.se, expected[sd])


def test_patient_bootstrap_from_given_draws_is_proc_on_the_same_patients(reference, compare):
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
        compare("auc_cluster_bootstrap_fixed", [got.low, got.high], expected[key]["ci95_type7"])
        compare("auc_cluster_bootstrap_fixed", got.se, expected[key]["sd"])


def test_edge_inputs(reference, compare):
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
            compare("auc_edge", got.estimate, r["auc"])
        if "error" in r or r["auc"] in (0, 1) or math.isnan(r["se_delong"]):
            # DEFINITIONS decides otherwise than R at 0 and 1: the variance of 0 misleads.
            assert math.isnan(got.se)
            assert got.note
            assert math.isnan(got.low)
            assert math.isnan(got.high)
        else:
            compare("auc_edge", got.se, r["se_delong"])
            compare("auc_edge", [got.low, got.high], r["ci95"])


def test_roc_points_are_procs_at_every_threshold(reference, compare):
    data = reference.data("asah.csv")
    for marker, expected in reference.values("roc_points_thresholds").items():
        got = roc_points(data["y"], data[marker]).iloc[::-1].reset_index(drop=True)
        for column in ("tp", "fp", "fn", "tn", "sensitivity", "specificity"):
            compare("roc_points_thresholds", got[column], expected["all"][column])
        # pROC's thresholds lie midway between neighbouring scores; ours are the scores themselves.
        score = got["threshold"].to_numpy()[:-1]
        np.testing.assert_allclose((score[1:] + score[:-1]) / 2, expected["all"]["threshold"][1:-1])
