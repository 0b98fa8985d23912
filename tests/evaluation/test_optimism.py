"""Optimism over cohorts: numbers against SciPy, the truth's error, and each wording from a table for it."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ccta_lib.errors import InputError
from ccta_lib.evaluation import auc_interval
from ccta_lib.evaluation.optimism import (
    BEYOND,
    FAMILY,
    mean_auc,
    optimism_finding,
    optimism_table,
    pipeline_coverage,
    pipeline_sentence,
)


def cohorts(added, nested_bias, *, n=8, spread=0.004, truth_se=0.001):
    """Tables of macro AUCs with these mean differences: paper minus nested as reported, nested reported minus true."""
    rng = np.random.default_rng(3)
    rows = []
    for seed in range(n):
        truth = 0.68 + rng.normal(0, 0.01)
        nested = truth + nested_bias + rng.normal(0, spread)
        for rule, reported in (("nested", nested), ("paper", nested + added + rng.normal(0, spread / 4))):
            for vessel in ("macro", "RCA", "LM", "LAD", "LCX"):
                rows.append((seed, rule, vessel, reported, reported - 0.01, truth, truth_se))
    columns = ["seed", "rule", "vessel", "reported_folds", "reported_pooled", "truth", "truth_se"]
    return pd.DataFrame(rows, columns=columns)


def row(table, quantity, vessel="macro"):
    return table[(table["vessel"] == vessel) & (table["quantity"] == quantity)].iloc[0]


def test_differences_are_paired_by_cohort_and_intervals_are_scipys():
    table = cohorts(0.01, 0.0)
    wide = {r: t.set_index("seed") for r, t in table[table["vessel"] == "RCA"].groupby("rule")}
    found = row(optimism_table(table), "paper's way minus nested, as reported", "RCA")
    expected = stats.ttest_rel(wide["paper"]["reported_folds"], wide["nested"]["reported_folds"])
    low, high = expected.confidence_interval()
    assert (found["low"], found["high"], found["p_value"]) == pytest.approx((low, high, expected.pvalue))
    assert found["n"] == found["positive"] == 8
    assert np.isnan(found["p_holm"])  # one artery is no claim of the chapter


def test_an_interval_against_the_truth_carries_the_truths_own_error():
    exact, known = (optimism_table(cohorts(0.01, 0.0, truth_se=se)) for se in (0.0, 0.01))
    for quantity in ("nested: reported minus true", "paper's way: reported minus true"):
        narrow, wide = row(exact, quantity), row(known, quantity)
        half = (narrow["high"] - narrow["low"]) / 2
        critical = stats.t.ppf(0.975, 7)
        assert (wide["high"] - wide["low"]) / 2 == pytest.approx(critical * np.hypot(half / critical, 0.01))
        assert wide["p_value"] > narrow["p_value"]
    for quantity in ("paper's way minus nested, as reported", "paper's way minus nested, true"):
        assert row(exact, quantity).equals(row(known, quantity))


def test_what_is_beyond_true_is_the_reported_gain_less_the_true_one_cohort_by_cohort():
    table = cohorts(0.02, 0.0)
    better = table["rule"] == "paper"
    table.loc[better, "truth"] += 0.005
    found = optimism_table(table)
    first, last = (row(found, q)["estimate"] for q in (FAMILY[0], "paper's way minus nested, true"))
    assert last == pytest.approx(0.005)
    beyond = row(found, BEYOND)
    assert beyond["estimate"] == pytest.approx(first - 0.005)
    assert beyond["n"] == 8
    assert np.isnan(beyond["p_holm"])


def test_the_family_is_corrected_together():
    table = optimism_table(cohorts(0.01, 0.002))
    assert table.columns.tolist() == [
        "vessel", "quantity", "estimate", "low", "high", "n", "positive", "p_value", "p_holm", "note"]  # fmt: skip
    macro = table[(table["vessel"] == "macro") & table["quantity"].isin(FAMILY)]
    raw, holm = macro["p_value"].to_numpy(), macro["p_holm"].to_numpy()
    assert holm[np.argmin(raw)] == pytest.approx(min(1.0, 3 * raw.min()))
    assert holm[np.argmax(raw)] == pytest.approx(
        max(raw.max(), min(1, 2 * np.sort(raw)[1]), min(1, 3 * raw.min()))
    )


def test_a_cohort_without_an_estimable_artery_is_left_out_and_none_at_all_is_said():
    table = cohorts(0.01, 0.0)
    table.loc[(table["vessel"] == "LM") & (table["seed"] == 2), ["reported_folds", "truth"]] = np.nan
    table.loc[table["vessel"] == "LCX", "reported_folds"] = np.nan
    found = optimism_table(table)
    assert row(found, "nested: reported minus true", "LM")["n"] == 7
    gone = row(found, "nested: reported minus true", "LCX")
    assert gone["note"] == "in no cohort estimable"
    assert np.isnan(gone["estimate"])


@pytest.mark.parametrize(
    ("added", "bias", "words"),
    [
        (
            0.02,
            0.0,
            ("raised the reported macro AUC (+0.0", "the paper's way reported too much", "nested way was not shown"),
        ),
        (0.02, -0.04, ("raised", "the paper's way reported too little", "the nested way reported too little")),
        (
            0.0,
            0.0,
            (
                "No effect of choosing the epoch on the reported fold was shown",
                "paper's way was not shown to be biased",
            ),
        ),
        (-0.02, 0.03, ("lowered the reported macro AUC", "the nested way reported too much")),
    ],
)  # fmt: skip
def test_the_sentence_says_what_the_intervals_allow(added, bias, words):
    said = optimism_finding(optimism_table(cohorts(added, bias)))
    for word in words:
        assert word in said
    assert "a property of this simulator" in said
    assert "8 cohorts" in said
    beyond = row(optimism_table(cohorts(added, bias)), BEYOND)
    assert f"which is {beyond['estimate']:+.3f} (95 % interval {beyond['low']:+.3f} to" in said


def test_cohorts_that_do_not_differ_allow_no_sentence():
    table = cohorts(0.0, 0.0, spread=0.0)
    assert "cannot be said" in optimism_finding(optimism_table(table))


def test_a_mean_of_one_auc_is_the_books_own_with_obuchowskis_error():
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(60), 3)
    y = np.repeat(rng.random(60) < 0.4, 3).astype(float)
    scores = (y + rng.normal(size=180) + np.repeat(rng.normal(size=60), 3))[None, :, None]
    found, se = mean_auc(y[:, None], scores, patients, np.ones((1, 1)))
    expected = auc_interval(y, scores[0, :, 0], groups=patients)
    assert found == pytest.approx(expected.estimate)
    # The two differ by the small-sample factors of positives and negatives alone.
    assert se == pytest.approx(expected.se, rel=0.03)


def test_the_error_of_a_mean_knows_that_networks_share_their_ecgs():
    rng = np.random.default_rng(1)
    y = (rng.random(300) < 0.3).astype(float)[:, None]
    one = (y + rng.normal(size=(300, 1)))[None]
    twice = np.concatenate([one, one])
    weights = np.full((2, 1), 0.5)
    assert mean_auc(y, twice, np.arange(300), weights) == pytest.approx(
        mean_auc(y, one, np.arange(300), np.ones((1, 1)))
    )
    other = np.concatenate([one, (y + rng.normal(size=(300, 1)))[None]])
    assert mean_auc(y, other, np.arange(300), weights)[1] < mean_auc(y, twice, np.arange(300), weights)[1]


def test_unlabelled_rows_and_unneeded_vessels_are_left_out():
    rng = np.random.default_rng(2)
    y = np.column_stack([rng.random(100) < 0.4, np.zeros(100)]).astype(float)
    y[:10, 0] = np.nan
    scores = rng.normal(size=(1, 100, 2))
    found, _ = mean_auc(y, scores, np.arange(100), np.array([[1.0, 0.0]]))
    assert found == pytest.approx(auc_interval(y[10:, 0], scores[0, 10:, 0]).estimate)
    assert np.isnan(
        mean_auc(y, scores, np.arange(100), np.array([[0.5, 0.5]]))[0]
    )  # the second has one class
    with pytest.raises(InputError, match="scores: found shape"):
        mean_auc(y, scores, np.arange(100), np.ones((2, 2)))


def test_pipeline_counts_by_hand():
    place = {"RCA": ["inside", "inside", "below"], "LAD": ["inside", "none", "above"]}
    rows = [(m, v, s, p) for m in ("a", "b") for v, ps in place.items() for s, p in enumerate(ps)]
    table = pd.DataFrame(rows, columns=["method", "vessel", "seed", "place"]).assign(
        estimate=0.7, se=0.05, low=0.6, high=0.8
    )
    found = pipeline_coverage(table)
    together = found[(found["method"] == "a") & (found["vessel"] == "all")].iloc[0]
    assert [together[k] for k in ("sets", "intervals", "inside", "below", "above")] == [6, 5, 3, 1, 1]
    assert np.isnan(together["low"])
    assert found["method"].drop_duplicates().tolist() == ["a", "b"]
    said = pipeline_sentence(found)
    assert "five networks, all arteries together: a: 3 of 5 (the truth below 1, above 1); b: 3 of 5" in said
