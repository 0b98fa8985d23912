"""Trends and interactions against R's stats and survival packages (reference folder)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from ccta_lib.evaluation import interaction_test, jonckheere_terpstra, spearman_trend


def test_spearman(reference, compare):
    data, expected = reference.data("asah.csv"), reference.values("spearman")
    small = {"n3": ([1, 2, 3], [1, 3, 2]), "monotone": (range(1, 7), [2, 4, 5, 7, 8, 20])}
    small |= {"reversed": (range(1, 7), range(6, 0, -1)), "constant": ([1] * 5, range(1, 6))}
    small |= {"n2": ([1, 2], [2, 1]), "nan_pairs": ([1, 2, 5, 6], [2, 1, 6, 5])}
    pairs = {"age_wfns": ("age", "wfns"), "s100b_ndka": ("s100b", "ndka")}
    pairs |= {"age_s100b": ("age", "s100b"), "y_wfns": ("y", "wfns")}
    for case, (a, b) in pairs.items():
        small[case] = (data[a], data[b])
    for case, (x, y) in small.items():
        got = spearman_trend(list(x), list(y))
        compare("spearman", [got.n, got.rho], [expected[case]["n"], expected[case]["rho"]])
        compare("spearman", got.p_value, expected[case]["p_t_approx"])
        assert math.isfinite(got.p_value) or got.note


def test_jonckheere_terpstra_of_two_grades_is_wilcoxon_and_its_effect_is_concordance(reference, compare):
    data, expected = reference.data("asah.csv"), reference.values("auc_asah_delong")
    for marker in ("s100b", "ndka", "wfns", "age"):
        got = jonckheere_terpstra(data["y"], data[marker])
        jackknife = expected["concordance_IJ"][marker]
        se = (got.high - got.low) / 2 / 1.959963984540054
        compare("concordance_IJ", got.effect, jackknife["c"])
        if got.high < 1:
            compare("concordance_IJ", se**2, jackknife["var_infinitesimal_jackknife"])
        compare("wilcoxon", got.p_value, expected["wilcoxon"][marker]["p_nocc"])
        compare("wilcoxon", got.statistic, expected["wilcoxon"][marker]["U"])


def test_clustered_effect_is_clustered_concordance(reference, compare):
    table = reference.data("clustered_small.csv")
    for case, expected in reference.values("auc_clustered_small").items():
        data = table[table["case"] == case]
        r = expected["s1"].get("concordance_cluster")
        got = jonckheere_terpstra(data["y"], data["s1"], groups=data["cluster"])
        compare("concordance_cluster", got.effect, r["c"])
        if got.low > 0 and got.high < 1:
            se = (got.high - got.low) / 2 / 1.959963984540054
            compare("concordance_cluster", se**2, r["var"])


def test_interaction(reference, compare):
    data, expected = reference.data("df_binary.csv"), reference.values("subgroup_glm_interaction")
    y, score = data["cancer"].astype(int), data["famhistory"].astype(float)
    tertile = pd.cut(
        data["marker"], np.quantile(data["marker"], [0, 1 / 3, 2 / 3, 1]), labels=False, include_lowest=True
    )
    for case, group in (("age65", data["age"] >= 65), ("marker_tertile", tertile)):
        got, r = interaction_test(y, score, group), expected[case]
        compare(
            "subgroup_glm_interaction",
            [got.statistic, got.df, got.p_value],
            [r[k] for k in ("lrt_chi2", "df", "lrt_p")],
        )
    got = interaction_test(y, score, data["marker"], continuous=True)
    r = expected["continuous_marker"]
    compare("subgroup_glm_interaction", [got.statistic, got.p_value], [r["chi2"], r["p"]])
