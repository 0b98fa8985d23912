"""The study of ingredients on tables made by hand: numbers against SciPy, and each wording from a table for it."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ccta_lib.errors import InputError
from ccta_lib.evaluation.ablation_reading import (
    calibration_sentences,
    clock_sentence,
    comparisons,
    cost_sentence,
    count,
    demand_sentence,
    finding,
    inertness_sentence,
    ingredient_sentences,
    spread_sentence,
    verdicts,
)
from ccta_lib.evaluation.ablations import (
    CONTRASTS,
    EQUAL,
    FAST,
    MACRO,
    OWN_RATE,
    REFERENCE,
    ablation_differences,
    calibration_differences,
    calibration_means,
    cost_ratios,
    seed_differences,
    weight_ends,
    weight_spread,
)
from ccta_lib.evaluation.seeds import detectable_difference

VESSELS = ["RCA", "LM", "LAD", "LCX"]
ARMS = list(dict.fromkeys([*(c.arm for c in CONTRASTS), *(c.against for c in CONTRASTS)]))


def aucs(seeds=5, effects=None, noise=0.004, order=None):
    """Macro and vessel AUCs of every arm; an effect moves all seeds of an arm alike."""
    rng = np.random.default_rng(3)
    rows = []
    for arm in ARMS:
        for seed in order or range(seeds):
            base = 0.70 + 0.01 * seed + (effects or {}).get(arm, 0.0) + rng.normal(0, noise)
            rows += [(arm, seed, v, base + 0.01 * i) for i, v in enumerate([MACRO, *VESSELS])]
    return pd.DataFrame(rows, columns=["arm", "seed", "vessel", "auc"])


def row(table, arm, vessel=MACRO, **more):
    keep = (table["arm"] == arm) & (table["vessel"] == vessel)
    for name, value in more.items():
        keep &= table[name] == value
    (found,) = table[keep].to_dict("records")
    return found


def test_differences_equal_a_paired_t_test():
    table = aucs()
    found = ablation_differences(table)
    assert len(found) == len(CONTRASTS) * 5
    for contrast in CONTRASTS[::5]:
        a, b = (
            table[(table["arm"] == n) & (table["vessel"] == "LM")]["auc"]
            for n in (contrast.arm, contrast.against)
        )
        expected = stats.ttest_rel(a, b)
        mine = row(found, contrast.arm, "LM", against=contrast.against)
        assert mine["estimate"] == pytest.approx(np.mean(a.to_numpy() - b.to_numpy()))
        assert mine["p_value"] == pytest.approx(expected.pvalue)
        assert (mine["low"], mine["high"]) == pytest.approx(tuple(expected.confidence_interval()))
        assert np.isnan(mine["p_holm"])


def test_holm_by_hand():
    found = ablation_differences(aucs(effects={"no PCGrad": -0.05}))
    macro = found[found["vessel"] == MACRO].sort_values("p_value")
    expected, top = [], 0.0
    for i, p in enumerate(macro["p_value"]):
        top = max(top, min(1.0, p * (len(CONTRASTS) - i)))
        expected.append(top)
    assert macro["p_holm"].tolist() == pytest.approx(expected)
    assert len(macro) == len(CONTRASTS)


def test_pairs_are_of_one_seed_whatever_the_order_of_rows():
    table = aucs()
    shuffled = table.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(ablation_differences(table), ablation_differences(shuffled))


def test_missing_arms_and_seeds_are_named():
    table = aucs()
    with pytest.raises(InputError, match="no row of arm 'no blank'; run the study again"):
        ablation_differences(table[table["arm"] != "no blank"])
    with pytest.raises(
        InputError, match=r"arm 'no blank' has seeds \[0, 1, 2, 3\], 'reference' has \[0, 1, 2, 3, 4\]"
    ):
        ablation_differences(table[(table["arm"] != "no blank") | (table["seed"] < 4)])


def test_verdicts_by_interval_and_correction():
    rows = pd.DataFrame(
        {
            "low": [0.01, -0.02, 0.01, -0.01, np.nan, 0.01],
            "high": [0.03, -0.01, 0.03, 0.02, np.nan, 0.02],
            "p_holm": [0.01, 0.04, 0.2, 0.9, np.nan, np.nan],
        }
    )
    expected = ["shown", "shown", "suggested", "not shown", "not estimable", "suggested"]
    assert verdicts(rows).tolist() == expected


def test_single_seeds_average_to_the_difference():
    table = aucs()
    single, whole = seed_differences(table), ablation_differences(table)
    assert len(single) == 5 * len(CONTRASTS)
    means = single.groupby("label", sort=False)["estimate"].mean()
    assert means.tolist() == pytest.approx(whole[whole["vessel"] == MACRO]["estimate"].tolist())
    one = table[(table["vessel"] == MACRO) & (table["seed"] == 2)].set_index("arm")["auc"]
    mine = single[(single["label"] == "no blank") & (single["seed"] == 2)]
    assert mine["estimate"].item() == pytest.approx(one["no blank"] - one[REFERENCE])


def test_spread_over_seeds_is_said():
    table = aucs()
    text = spread_sentence(table, ablation_differences(table))
    macro = table[(table["arm"] == REFERENCE) & (table["vessel"] == MACRO)]["auc"]
    assert f"lies between {macro.min():.3f} and {macro.max():.3f} from seed to seed" in text
    assert f"reference's own {np.std(macro, ddof=1):.4f}" in text
    lm = table[(table["arm"] == REFERENCE) & (table["vessel"] == "LM")]
    assert f"(seed {lm['seed'].iloc[lm['auc'].argmin()]})" in text


def test_what_is_asked_of_a_difference():
    """p < .05/19 = .0026 two-sided with 4 degrees of freedom: t = 6.68; five equal signs: 2/32."""
    differences = ablation_differences(aucs())
    text = demand_sentence(differences)
    assert "Five seeds and 19 comparisons ask much: the least p-value must be below 0.0026" in text
    assert 2 * stats.t.sf(6.68, 4) == pytest.approx(0.05 / 19, rel=0.01)
    assert "6.7 standard errors" in text
    assert "p = 0.062 in a sign test" in text
    assert demand_sentence(ablation_differences(aucs(seeds=1))).startswith(
        "One seed shows no difference at all"
    )


def sentences(table):
    return ingredient_sentences(ablation_differences(table)).set_index("ingredient")["sentence"]


def test_wording_where_nothing_was_shown():
    differences = ablation_differences(aucs())
    text = finding(differences)
    assert text.startswith(
        "In this simulator, over five virtual cohorts, none of 19 comparisons showed a difference"
    )
    assert "no difference was shown, which is not the same as none" in text
    rest = differences[(differences["vessel"] == MACRO)]
    none = rest[verdicts(rest) == "not shown"]
    assert f"five seeds find a true difference of {none['detectable'].median():.2g} in 80 of 100" in text
    most = none.loc[none["detectable"].idxmax()]
    assert f" to {most['detectable']:.2g} for {most['label']}), before correction, and one of" in text
    k = len(rest)
    first = [detectable_difference(s, 5, level=1 - 0.05 / k) for s in none["sd"]]
    assert text.endswith(f"one of {np.median(first):.2g} (median) as the first of {k} under Holm's.")
    assert "no effect" not in text
    told = sentences(aucs())["original beside the copy"]
    mine = row(differences, "copies alone")
    room = max(-mine["low"], mine["high"])
    digits = 4 if room < 0.01 else 3
    limits = f"{mine['estimate']:+.{digits}f} [{mine['low']:+.{digits}f}, {mine['high']:+.{digits}f}]"
    assert told == (
        f"No difference was shown for copies alone ({limits}); the interval leaves room for one of at most {room:.2g}, "
        f"and a true one of {mine['detectable']:.2g} would have been found in 80 of 100 such studies, before "
        "correction."
    )


def test_wording_where_a_difference_was_shown():
    table = aucs(effects={"no PCGrad": -0.08, "from scratch": -0.09, "exact PCGrad": 0.07})
    text = finding(ablation_differences(table))
    assert "comparisons showed a difference in macro-AUC after Holm's correction: " in text
    assert "no PCGrad -0.0" in text
    assert "no pretraining -0.0" in text
    told = sentences(table)["PCGrad"]
    assert told.startswith("No PCGrad lowered macro-AUC (-0.0")
    assert "; exact PCGrad raised macro-AUC (+0.0" in told
    assert "after correction)" in told


def test_wording_where_the_correction_takes_it_back():
    table = aucs(effects={"no blank": -0.007}, noise=0.003)
    found = row(ablation_differences(table), "no blank")
    assert found["high"] < 0 < 0.05 < found["p_holm"]  # else the case is not the one meant
    text = finding(ablation_differences(table))
    assert "; one has an interval without zero that the correction takes back (no blank -0.0" in text
    table = aucs(effects={"no blank": -0.007, "no PCGrad": -0.2}, noise=0.003)
    text = finding(ablation_differences(table))
    assert "; one more has an interval without zero that the correction takes back (no blank -0.0" in text
    assert (
        "an interval without zero, which the correction takes back, for no blank"
        in sentences(table)["augmentation"].lower()
    )


def test_counts_up_to_ten_are_words():
    assert " ".join(map(count, range(1, 12))) == "one two three four five six seven eight nine ten 11"


def test_wording_with_one_seed():
    text = finding(ablation_differences(aucs(seeds=1)))
    assert text == (
        "In this simulator, over one virtual cohort, nothing can be said of any of the 19 comparisons: "
        "one seed: no interval."
    )
    assert (
        sentences(aucs(seeds=1))["PCGrad"]
        == "Not estimable: no PCGrad, exact PCGrad (one seed: no interval)."
    )


def test_comparisons_carry_their_cost():
    differences = ablation_differences(aucs())
    cost = pd.DataFrame([(a, s, 2.0 if a == "exact PCGrad" else 1.0, 10) for a in ARMS for s in range(5)],
                        columns=["arm", "seed", "step_cpu_seconds", "ecg_passes"])  # fmt: skip
    table = comparisons(differences, cost_ratios(cost))
    assert len(table) == len(CONTRASTS)
    assert row(table, "exact PCGrad")["ratio"] == pytest.approx(2.0)
    assert (table["ratio"].drop(table.index[table["arm"] == "exact PCGrad"]) == 1).all()
    assert table["verdict"].tolist() == verdicts(differences[differences["vessel"] == MACRO]).tolist()


def weights(published=0.001, fast=0.4):
    """Weights exp(-log_variance) about a common path; LM's loss is a third of LAD's."""
    rows = []
    for arm, apart in ((REFERENCE, published), (OWN_RATE, 0.1), (FAST, fast), (EQUAL, 0.0)):
        for seed in range(3):
            for i, (v, loss) in enumerate(zip(VESSELS, (0.4, 0.2, 0.6, 0.4), strict=True)):
                log_variance = -0.08 + apart * (i - 1)
                path = 0.0 if arm == EQUAL else 0.08
                rows.append((arm, seed, v, loss, np.exp(-log_variance), log_variance, path))
    return pd.DataFrame(rows, columns=["arm", "seed", "vessel", "loss", "weight", "log_variance", "path"])


def test_weights_by_hand():
    ends, spread = weight_ends(weights()), weight_spread(weights())
    optimum = np.array([1 / 0.4, 1 / 0.2, 1 / 0.6, 1 / 0.4])
    mine = ends[ends["arm"] == FAST]
    relative = np.exp(-0.4 * (np.arange(4) - 1.0))
    assert mine["relative_weight"].tolist() == pytest.approx(relative / relative.mean())
    assert mine["relative_optimum"].tolist() == pytest.approx(optimum / optimum.mean())
    assert (ends["n_seeds"] == 3).all()
    assert spread.set_index("arm")["spread"][FAST] == pytest.approx(np.exp(0.4 * 3))
    assert spread.set_index("arm")["optimum"][REFERENCE] == pytest.approx(3.0)


def test_inert_or_not_is_said_by_the_spread():
    inert = inertness_sentence(weight_spread(weights()), weight_ends(weights()))
    assert "log σ² ends between -0.081 and -0.078" in inert
    assert "at most 0.3 % above its smallest, where weights of 1/loss would differ 3.0-fold" in inert
    assert "nearly inert" in inert
    assert "1.35-fold at a rate of 0.01 (1/loss: 3.0-fold) and 3.32-fold at a rate of 0.1" in inert
    alive = inertness_sentence(weight_spread(weights(0.2)), weight_ends(weights(0.2)))
    assert "nearly inert" not in alive
    assert "it does weigh arteries differently" in alive


def calibration(change):
    rng = np.random.default_rng(5)
    rows = []
    for arm in (REFERENCE, OWN_RATE, FAST, EQUAL):
        for seed in range(5):
            for metric in ("slope", "intercept", "o_e"):
                value = 0.5 + rng.normal(0, 0.01) + change.get((arm, metric), 0.0)
                rows += [(arm, seed, v, metric, value) for v in VESSELS]
    return pd.DataFrame(rows, columns=["arm", "seed", "vessel", "metric", "value"])


def test_calibration_of_one_vessel():
    table = calibration({(FAST, "slope"): 0.3})
    found = calibration_differences(table)
    assert len(found) == 9
    assert found["p_holm"].isna().all()
    told = calibration_sentences(found).set_index("arm")["sentence"]
    mine = row(found, FAST, "LM", metric="slope")
    assert f"slope {mine['mean']:.2f} in place of {mine['mean_against']:.2f}" in told[FAST]
    assert "; an interval without zero, untested)" in told[FAST]
    assert told[EQUAL].startswith("With fixed equal weights, LM has slope ")
    assert told[EQUAL].count("no difference shown") == 3
    assert told.str[0].str.isupper().all()
    means = calibration_means(table)
    x = table[(table["arm"] == FAST) & (table["vessel"] == "LM") & (table["metric"] == "slope")]["value"]
    low, high = stats.t.interval(0.95, 4, x.mean(), stats.sem(x))
    assert row(means, FAST, "LM", metric="slope")["low"] == pytest.approx(low)
    assert row(means, FAST, "LM", metric="slope")["high"] == pytest.approx(high)


def test_calibration_undefined_in_a_seed_is_undefined():
    table = calibration({})
    table.loc[(table["arm"] == FAST) & (table["metric"] == "slope") & (table["seed"] == 2), "value"] = np.nan
    found = calibration_differences(table)
    assert row(found, FAST, "LM", metric="slope")["note"] == "undefined in some seeds"
    assert (
        "slope not estimable (undefined in some seeds)"
        in calibration_sentences(found).set_index("arm")["sentence"][FAST]
    )
    assert row(calibration_means(table), FAST, "LM", metric="slope")["note"] == "undefined in some seeds"


def test_clock_is_judged_by_arms_of_equal_work():
    seconds = {"strength constant": 0.9, "strength 1 to 0": 1.2, "no PCGrad": 9.0}
    cost = pd.DataFrame([(a, s, seconds.get(a, 1.0), 10) for a in ARMS for s in range(5)],
                        columns=["arm", "seed", "step_cpu_seconds", "ecg_passes"])  # fmt: skip
    text = clock_sentence(cost_ratios(cost))
    assert "5 arms that compute just what the reference computes took 0.90 to 1.20 times as long" in text
    assert "the reference's own time" not in text
    # The times of the others: all below the reference's, or all above it.
    for factor, word in ((0.75, "too long"), (1.5, "too short")):
        own = cost["step_cpu_seconds"]
        moved = cost.assign(step_cpu_seconds=own.where(cost["arm"] == REFERENCE, own * factor))
        assert f"the reference's own time is {word}" in clock_sentence(cost_ratios(moved))
    with pytest.raises(InputError, match="give those pairs"):
        clock_sentence(cost_ratios(cost, [("no PCGrad", REFERENCE)]))


def test_cost_is_a_geometric_mean_of_pairs():
    rows = [
        (arm, seed, seconds * (1 + seed), 100)
        for arm, seconds in (("no PCGrad", 10.0), (REFERENCE, 11.0), ("exact PCGrad", 25.0))
        for seed in range(3)
    ]
    rows[-1] = ("exact PCGrad", 2, 40.0 * 3, 100)
    cost = pd.DataFrame(rows, columns=["arm", "seed", "step_cpu_seconds", "ecg_passes"])
    pairs = [("exact PCGrad", "no PCGrad"), (REFERENCE, "no PCGrad")]
    found = cost_ratios(cost, pairs).set_index("arm")
    assert found["ratio"]["exact PCGrad"] == pytest.approx((2.5 * 2.5 * 4.0) ** (1 / 3))
    assert found["ratio"][REFERENCE] == pytest.approx(1.1)
    assert np.isnan(found["low"][REFERENCE])  # the same in every seed
    text = cost_sentence(found.reset_index())
    assert "2.92 times [" in text
    assert (
        "] with exact PCGrad and 1.10 times with conflicts taken at the feature vector what they cost" in text
    )
    with pytest.raises(InputError, match="give that pair"):
        cost_sentence(found.reset_index().iloc[:1])
