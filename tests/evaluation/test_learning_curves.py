"""Learning curves: numbers against SciPy, and each wording from a table for it."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ccta_lib.evaluation.learning_curves import (
    curve_table,
    gain_table,
    learning_finding,
    mean_gain,
    patients_needed,
    step_table,
)

SIZES = (75, 300, 1200)


def study(gains, *, seeds=5, spread=0.004, base=(0.60, 0.65, 0.70)):
    rng = np.random.default_rng(7)
    rows = []
    for seed in range(seeds):
        for size, gain, auc in zip(SIZES, gains, base, strict=True):
            shared = rng.normal(0, 0.02)
            for init in ("nano", "scratch"):
                value = auc + shared + rng.normal(0, spread) + (gain if init == "nano" else 0.0)
                for vessel in ("RCA", "macro"):
                    rows.append(
                        (seed, size, init, vessel, value, 0.75, size // 2, size, size // 4, size // 10, 3)
                    )
    columns = ["seed", "patients", "init", "vessel", "auc", "ideal", "trained_patients", "trained_ecgs",
               "trained_positive", "steps", "chosen_step"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def of(table, init, size, vessel="macro"):
    part = table[(table["init"] == init) & (table["patients"] == size) & (table["vessel"] == vessel)]
    return part.set_index("seed")["auc"]


def test_gains_are_paired_by_seed_and_intervals_are_scipys():
    table = study((0.05, 0.02, 0.0))
    gains = gain_table(table)
    assert gains["vessel"].tolist() == ["macro"] * 3 + ["RCA"] * 3
    assert gains["patients"].tolist() == [*SIZES, *SIZES]
    for row in gains.to_dict("records"):
        expected = stats.ttest_rel(
            *(of(table, i, row["patients"], row["vessel"]) for i in ("nano", "scratch"))
        )
        low, high = expected.confidence_interval()
        assert (row["low"], row["high"], row["p_value"]) == pytest.approx((low, high, expected.pvalue))
    macro = gains[gains["vessel"] == "macro"]
    assert macro["p_holm"].min() == pytest.approx(min(1.0, 3 * macro["p_value"].min()))
    assert gains[gains["vessel"] == "RCA"]["p_holm"].isna().all()


def test_seeds_in_another_order_of_rows_are_paired_all_the_same():
    table = study((0.05, 0.02, 0.0))
    mixed = table.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(gain_table(mixed), gain_table(table))
    pd.testing.assert_frame_equal(step_table(mixed), step_table(table))


def test_means_by_hand_and_limits_of_an_auc():
    table = study((0.05, 0.02, 0.0))
    row = curve_table(table).iloc[0]
    assert (row["vessel"], row["init"], row["patients"]) == ("macro", "nano", 75)
    assert row["estimate"] == pytest.approx(of(table, "nano", 75).mean())
    assert (row["ideal"], row["steps"], row["trained_ecgs"], row["n"]) == (0.75, 7, 75, 5)
    two = table[table["seed"] < 2].assign(auc=lambda t: np.where(t["seed"] == 0, 0.05, 0.95))
    wild = curve_table(two).iloc[0]
    assert (wild["low"], wild["high"]) == (0, 1)


def test_steps_compare_neighbouring_sizes():
    table = study((0.0, 0.0, 0.0))
    steps = step_table(table)
    assert steps[["smaller", "larger"]].to_numpy().tolist() == [[75, 300], [300, 1200]]
    assert steps["estimate"][0] == pytest.approx((of(table, "nano", 300) - of(table, "nano", 75)).mean())


def test_a_vessel_without_positives_in_a_seed_is_left_out_of_that_seed_only():
    table = study((0.05, 0.02, 0.0))
    table.loc[(table["seed"] == 1) & (table["vessel"] == "RCA") & (table["patients"] == 75), "auc"] = np.nan
    gains = gain_table(table).set_index(["vessel", "patients"])
    assert gains["n"]["RCA", 75] == 4
    assert gains["n"]["macro", 75] == 5


@pytest.mark.parametrize(
    ("gains", "words", "never"),
    [
        ((0.05, 0.05, 0.05), "added to it at 75, 300 and 1,200 patients (most at", "no difference"),
        ((0.05, 0.0, 0.0), "added to it at 75 patients (most at 75: +0.05", "took"),
        (
            (0.05, 0.0, 0.0),
            "no difference between pretrained and scratch was shown at 300 and 1,200 patients",
            "took",
        ),
        (
            (0.0, 0.0, 0.0),
            "no difference between pretrained and scratch was shown at any size studied",
            "added",
        ),
        ((-0.05, 0.0, 0.0), "took from it at 75 patients", "added"),
    ],
)
def test_the_sentence_says_what_the_intervals_allow(gains, words, never):
    table = study(gains)
    said = learning_finding(table)
    assert words in said
    assert never not in said
    assert "ideal observer of the same ECGs reaches 0.750" in said
    assert "(5 seeds); averaged over the sizes, pretrained minus scratch was" in said
    assert "This is a property of this simulator" in said


def test_the_mean_over_sizes_is_taken_within_seeds():
    table = study((0.05, 0.02, 0.0))
    per_seed = np.mean([of(table, "nano", s) - of(table, "scratch", s) for s in SIZES], axis=0)
    expected = stats.ttest_1samp(per_seed, 0).confidence_interval()
    found = mean_gain(table.sample(frac=1, random_state=0))
    assert (found.estimate, found.low, found.high) == pytest.approx((per_seed.mean(), *expected))
    table.loc[(table["seed"] == 1) & (table["patients"] == 75) & (table["init"] == "nano"), "auc"] = np.nan
    assert mean_gain(table).n == 4


def test_one_seed_allows_no_judgement():
    table = study((0.05, 0.0, 0.0), seeds=1)
    said = learning_finding(table)
    assert "cannot be judged from so few seeds" in said


def test_patients_are_read_off_between_the_points_on_a_log_axis():
    curves = pd.DataFrame(
        {"vessel": "macro", "init": "scratch", "patients": [100, 400, 1600], "estimate": [0.6, 0.7, 0.8]}
    )

    def needed(auc):
        return patients_needed(curves, auc, init="scratch")

    assert needed(0.65) == pytest.approx(200)
    assert needed(0.75) == pytest.approx(800)
    assert needed(0.6) == pytest.approx(100)
    assert needed(0.8) == pytest.approx(1600)
    assert np.isnan(needed(0.9))
    assert np.isnan(needed(0.5))
