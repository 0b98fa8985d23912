"""Score sets have the AUC and the correlation they claim; intervals are judged and counted rightly."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from ccta_lib.errors import InputError
from ccta_lib.evaluation.coverage import METHODS, binormal_shift, coverage_table, draw_scores, judge, tally
from ccta_lib.evaluation.optimism import coverage_finding


def draw(seed=0, **changes):
    setting = {"patients": 20_000, "ecgs": 2, "prevalence": 0.3, "auc": 0.7, "correlation": 0.75}
    return draw_scores(**{**setting, **changes}, generator=np.random.default_rng(seed))


@pytest.mark.parametrize("correlation", [0.0, 0.75, 1.0])
@pytest.mark.parametrize("auc", [0.6, 0.9])
def test_the_true_auc_is_the_one_asked_for_whatever_the_correlation(auc, correlation):
    y, score, _ = draw(auc=auc, correlation=correlation)
    # By pairs of one positive and one negative ECG, without the library's own AUC.
    rng = np.random.default_rng(1)
    beats = rng.choice(score[y], 400_000) > rng.choice(score[~y], 400_000)
    assert beats.mean() == pytest.approx(auc, abs=0.012)


def test_two_ecgs_of_a_patient_correlate_as_asked_and_share_their_label():
    y, score, patient = draw(correlation=0.75)
    pairs, labels = score.reshape(-1, 2), y.reshape(-1, 2)
    assert (labels[:, 0] == labels[:, 1]).all()
    assert (patient.reshape(-1, 2) == np.arange(20_000)[:, None]).all()
    for label in (False, True):
        mine = pairs[labels[:, 0] == label]
        assert np.corrcoef(mine.T)[0, 1] == pytest.approx(0.75, abs=0.02)
        assert mine.var() == pytest.approx(1.0, abs=0.03)
    assert y.mean() == pytest.approx(0.3, abs=0.01)
    assert pairs[labels[:, 0]].mean() - pairs[~labels[:, 0]].mean() == pytest.approx(0.7416, abs=0.04)


def test_the_shift_is_the_closed_form():
    assert binormal_shift(0.5) == 0
    assert norm.cdf(binormal_shift(0.83) / np.sqrt(2)) == pytest.approx(0.83, abs=1e-12)
    for wrong in (0.0, 1.0, np.nan):
        with pytest.raises(InputError, match="auc: found"):
            binormal_shift(wrong)


def test_each_number_out_of_range_is_a_line():
    with pytest.raises(InputError) as error:
        draw(patients=0, prevalence=1.2, correlation=-0.1)
    assert len(error.value.faults) == 3
    assert "prevalence: found 1.2; expected 0 to 1" in error.value.faults
    with pytest.raises(InputError, match="ecgs: found 0; expected 1 to inf"):
        draw(ecgs=0)


def test_one_ecg_of_each_patient_is_a_study_too():
    y, score, patient = draw(patients=30, ecgs=1)
    assert len(y) == len(score) == 30
    assert patient.tolist() == list(range(30))


def test_the_place_of_the_truth_is_where_it_lies():
    y, score, patient = draw(patients=200)
    options = {"n_boot": 50, "generator": np.random.default_rng(0)}
    judged = judge(y, score, patient, 0.7, **options)
    assert judged["method"].tolist() == list(METHODS)
    for truth, place in ((0.01, "below"), (0.99, "above"), (float(judged["estimate"][0]), "inside")):
        assert set(judge(y, score, patient, truth, **options)["place"]) == {place}
    assert set(judge(y, score, patient, np.nan, **options)["place"]) == {"none"}
    one = np.zeros(len(y), bool)
    one[:2] = True  # one positive patient: no method by patient has an interval
    assert (
        judge(one, score, patient, 0.7, **options).set_index("method")["place"]["Obuchowski, by patient"]
        == "none"
    )


def test_by_patient_is_wider_where_ecgs_correlate_and_alike_where_not():
    for correlation, ratio in ((1.0, np.sqrt(2)), (0.0, 1.0)):
        y, score, patient = draw(patients=3000, correlation=correlation)
        judged = judge(y, score, patient, 0.7, n_boot=20, generator=np.random.default_rng(0)).set_index(
            "method"
        )
        assert judged["se"]["Obuchowski, by patient"] / judged["se"]["DeLong, by ECG"] == pytest.approx(
            ratio, abs=0.06
        )


def rows(places, estimates, low=0.6, high=0.8):
    return pd.DataFrame(
        {"method": "m", "estimate": estimates, "se": 0.05, "low": low, "high": high, "place": places}
    )


def test_counts_by_hand():
    judged = rows(["inside", "below", "above", "none", "inside"], [0.7, 0.8, 0.6, 0.5, 0.7])
    judged.loc[3, ["low", "high", "se"]] = np.nan
    counted = tally(judged).iloc[0]
    assert [counted[k] for k in ("sets", "intervals", "inside", "below", "above")] == [5, 4, 2, 1, 1]
    assert counted["width"] == pytest.approx(0.2)
    assert counted["sd"] == pytest.approx(np.std([0.7, 0.8, 0.6, 0.5, 0.7], ddof=1))


def test_batches_add_up_to_the_whole():
    rng = np.random.default_rng(0)
    whole = rows(rng.choice(["inside", "below"], 40, p=[0.9, 0.1]), rng.normal(0.7, 0.05, 40))
    at_once = coverage_table(tally(whole), by=["method"]).iloc[0]
    parts = pd.concat([tally(whole[:15]), tally(whole[15:])])
    added = coverage_table(parts, by=["method"]).iloc[0]
    for name in ("sets", "intervals", "inside", "estimate", "low", "high", "width"):
        assert added[name] == pytest.approx(at_once[name])
    assert added["se_ratio"] == pytest.approx(
        at_once["se_ratio"], rel=0.1
    )  # means of two batches differ a little
    assert at_once["se_ratio"] == pytest.approx(0.05 / whole["estimate"].std(ddof=1))


def test_the_monte_carlo_interval_is_wilsons():
    counts = pd.DataFrame({"method": ["m"], "sets": 2000, "intervals": 2000, "inside": 1900, "below": 60, "above": 40,
                           "width": 0.1, "se": 0.02, "sd": 0.02})  # fmt: skip
    row = coverage_table(counts, by=["method"]).iloc[0]
    # Newcombe's formula by hand
    z, n, p = 1.959964, 2000, 0.95
    centre, half = (p + z**2 / 2 / n), z * np.sqrt(p * (1 - p) / n + z**2 / 4 / n**2)
    assert (row["low"], row["high"]) == pytest.approx(
        ((centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)), abs=1e-6
    )


def test_a_small_study_finds_what_theory_says():
    """By ECG the coverage is 2 Phi(1.96 / sqrt(2)) - 1 = .834 when both ECGs are the same; by patient about .95."""
    parts = []
    for i in range(300):
        y, score, patient = draw(seed=[5, i], patients=150, correlation=1.0)
        judged = judge(y, score, patient, 0.7, n_boot=2, generator=np.random.default_rng(i))
        parts.append(judged[judged["method"].isin(["DeLong, by ECG", "Obuchowski, by patient"])])
    table = coverage_table(tally(pd.concat(parts)), by=["method"]).set_index("method")
    assert table["low"]["DeLong, by ECG"] < 0.834 < table["high"]["DeLong, by ECG"]
    assert table["low"]["Obuchowski, by patient"] < 0.95 < table["high"]["Obuchowski, by patient"] + 0.01


def covered(by_ecg, by_patient, correlation=0.5):
    counts = [("DeLong, by ECG", by_ecg), ("Obuchowski, by patient", by_patient)]
    frame = pd.DataFrame(
        [(m, correlation, 2000, 2000, k, 0, 2000 - k, 0.1, 0.02, 0.02) for m, k in counts],
        columns=[
            "method",
            "correlation",
            "sets",
            "intervals",
            "inside",
            "below",
            "above",
            "width",
            "se",
            "sd",
        ],
    ).assign(arm="a")
    return coverage_table(frame, by=["arm", "correlation", "method"])


@pytest.mark.parametrize(
    ("by_ecg", "by_patient", "first", "second"),
    [
        (1700, 1900, "85.0 % to 85.0 % of the sets (demonstrably too few in every", "none demonstrably too few"),
        (1900, 1850, "(none demonstrably too few)", "92.5 % to 92.5 % of the sets (demonstrably too few in every"),
        (1990, 1900, "none demonstrably too few; too many in every setting", "95.0 %"),
    ],
)  # fmt: skip
def test_the_sentence_says_what_the_counts_allow(by_ecg, by_patient, first, second):
    said = coverage_finding(covered(by_ecg, by_patient))
    assert first in said
    assert second in said.split("and intervals that respect patients")[1]
    assert "2,000 of each kind" in said


def test_settings_that_fall_short_are_named_where_not_all_do():
    both = pd.concat([covered(1700, 1900), covered(1700, 1800).assign(arm="rare")])
    said = coverage_finding(both)
    assert "82.5" not in said
    assert "85.0 % to 85.0 % of the sets (demonstrably too few in every setting)" in said
    assert "90.0 % to 95.0 % of the sets (demonstrably too few in: rare)" in said


def test_independent_ecgs_take_no_part_in_the_sentence():
    both = pd.concat([covered(1700, 1900), covered(100, 100, correlation=0.0).assign(arm="b")])
    assert coverage_finding(both) == coverage_finding(covered(1700, 1900))
