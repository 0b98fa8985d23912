"""Seeds put together, verdicts and the finding, on tables that must lead to each wording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ccta_lib.errors import InputError
from ccta_lib.evaluation.attribution_finding import adjustment_sentence, finding
from ccta_lib.evaluation.attribution_names import (
    ADJUSTED,
    AMPLITUDE,
    BY_WAVE,
    CAM_EARLY,
    CAM_LATE,
    CELLS,
    GROUPS,
    IG,
    IG_FLAT,
    OCCLUSION,
    WHOLE,
)
from ccta_lib.evaluation.attribution_reading import (
    ALL,
    FAILS,
    NOT_ESTIMABLE,
    PASSES,
    UNDECIDED,
    against_trivial,
    change_summary,
    changes,
    group_error_summary,
    sanity_over_seeds,
    scores_over_seeds,
    seed_means,
    specificity,
)
from ccta_lib.evaluation.attribution_scores import POINTING, RANKS

SEEDS = (1, 2, 3, 4, 5)
SPREAD = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])


def scores(values: dict[str, float], *, seeds: Sequence[int] = SEEDS, spread: float = 1.0) -> pd.DataFrame:
    """Scores on both grids; each method has a spread of its own, so that paired differences vary."""
    rows = []
    for k, (method, value) in enumerate(values.items()):
        for i, seed in enumerate(seeds):
            noise = spread * float(np.roll(SPREAD, k)[i % 5])
            for grid in (BY_WAVE,) if method in (CAM_EARLY, CAM_LATE) else (CELLS, BY_WAVE):
                for metric in (RANKS, POINTING):
                    rows.append({"seed": seed, "method": method, "vessel": ALL, "grid": grid, "metric": metric,
                                 "estimate": value + noise, "chance": 0.1, "elsewhere": 0.2,
                                 "p_value": 0.01 if value > 0.3 else 0.5})  # fmt: skip
    return pd.DataFrame(rows)


CLEAR = {IG: 0.4, OCCLUSION: 0.1, CAM_LATE: 0.2, AMPLITUDE: 0.2, GROUPS: 0.7, ADJUSTED: 0.7}


def sanity(similarity: dict[str, float], *, gain: float = 0.2, seeds: Sequence[int] = SEEDS) -> pd.DataFrame:
    return pd.DataFrame([
        {"seed": seed, "check": WHOLE, "method": method, "similarity": value + (SPREAD[i % 5] if value < 1 else 0),
         "signed": 0.0 + SPREAD[i % 5], "gain": gain + SPREAD[i % 5], "agreement": 0.3, "agreement_other": 0.1}
        for method, value in similarity.items() for i, seed in enumerate(seeds)
    ])  # fmt: skip


def counterfactual(
    *, slope: float = 0.5, cross: float = 0.2, own: str = "LAD", seeds: Sequence[int] = SEEDS
) -> pd.DataFrame:
    """The network's own logit falls by `slope` times the ideal observer's, the others by `cross` times."""
    rows = []
    for i, seed in enumerate(seeds):
        for k in range(6):
            ideal = 0.5 + 0.3 * k + 0.01 * i
            row = {"seed": seed, "patient_id": f"{seed}-{k}", "vessel": own, "planted_mv": 0.1, "ideal_logit": ideal,
                   "ideal_logit_without": 0.0}  # fmt: skip
            for v in ("rca", "lm", "lad", "lcx"):
                row[f"logit_{v}"] = (slope * (1 + SPREAD[i % 5]) if v == own.lower() else cross) * ideal + 1.0
                row[f"logit_{v}_without"] = 1.0
            rows.append(row)
    return pd.DataFrame(rows)


def test_means_over_seeds_are_t_intervals() -> None:
    table = pd.DataFrame({"seed": [1, 2, 3], "method": "a", "x": [0.1, 0.2, 0.6], "y": [1.0, np.nan, 3.0]})
    row = seed_means(table, ["method"], ["x", "y"]).iloc[0]
    low, high = stats.t.interval(0.95, 2, loc=0.3, scale=stats.sem([0.1, 0.2, 0.6]))
    assert (row["estimate"], row["low"], row["high"]) == (
        pytest.approx(0.3),
        pytest.approx(low),
        pytest.approx(high),
    )
    assert (row["n_seeds"], row["y"]) == (3, 2.0)


def test_means_over_seeds_refuse_what_is_no_study() -> None:
    twice = pd.DataFrame({"seed": [1, 1], "method": "a", "x": [0.1, 0.2]})
    with pytest.raises(InputError, match="seed 1 is there more than once"):
        seed_means(twice, ["method"], ["x"])
    with pytest.raises(InputError, match="no column y"):
        seed_means(twice, ["method"], ["y"])


def test_scores_over_seeds_count_seeds_above_chance() -> None:
    table = scores_over_seeds(scores(CLEAR)).set_index(["method", "grid", "metric"])
    assert table.loc[(IG, CELLS, POINTING), "seeds_above"] == 5
    assert table.loc[(OCCLUSION, CELLS, POINTING), "seeds_above"] == 0
    assert table.loc[(IG, CELLS, POINTING), "chance"] == pytest.approx(0.1)


def test_methods_are_compared_on_the_finest_grid_they_have() -> None:
    table = against_trivial(scores(CLEAR)).set_index(["method", "trivial"])
    assert table.loc[(IG, AMPLITUDE), "grid"] == CELLS
    assert table.loc[(CAM_LATE, GROUPS), "grid"] == BY_WAVE
    assert table.loc[(IG, AMPLITUDE), "estimate"] == pytest.approx(0.2)
    assert (table["p_holm"] >= table["p_value"]).all()
    assert len(table) == 6


@pytest.mark.parametrize(
    ("similarity", "gain", "verdict"),
    [(0.8, 0.2, FAILS), (0.1, 0.2, PASSES), (0.1, 0.0, UNDECIDED), (0.51, 0.2, UNDECIDED), (1.0, 0.0, FAILS)],
)
def test_verdicts(similarity: float, gain: float, verdict: str) -> None:
    """A map that never changes fails without an interval; one that changes must also have known more."""
    assert sanity_over_seeds(sanity({IG: similarity}, gain=gain))["verdict"].tolist() == [verdict]


def test_one_seed_gives_no_verdict() -> None:
    assert sanity_over_seeds(sanity({IG: 0.9}, seeds=[1]))["verdict"].tolist() == [NOT_ESTIMABLE]


def test_changes_and_their_summary_by_hand() -> None:
    table = counterfactual(slope=0.5, cross=0.2)
    moved = changes(table)
    first = table.iloc[0]
    assert moved["network"].iloc[0] == pytest.approx(first["logit_lad"] - 1.0)
    assert moved["cross"].iloc[0] == pytest.approx(0.2 * first["ideal_logit"])
    summary = change_summary(table).set_index(["vessel", "measure"])
    assert summary.loc[("LAD", "slope"), "estimate"] == pytest.approx(0.5)
    assert summary.loc[("LAD", "rank"), "estimate"] == pytest.approx(1)
    assert summary.loc[(ALL, "own minus cross"), "low"] > 0
    crossed = specificity(table).set_index("removed")
    assert crossed.loc["LAD", "RCA"] == pytest.approx(0.2 * table["ideal_logit"].mean())


def test_nothing_moved_is_not_estimable() -> None:
    summary = change_summary(counterfactual(slope=0.0, cross=0.0)).set_index(["vessel", "measure"])
    assert np.isnan(summary.loc[(ALL, "slope"), "estimate"])


def test_group_errors_are_compared_within_a_seed() -> None:
    errors = pd.DataFrame([
        {"seed": s, "vessel": "LAD", "waves": "QRS", "means": m, "error_mv": e + 0.001 * s * s, "planted_mv": 0.02}
        for s in SEEDS for m, e in (("plain", 0.02), ("adjusted", 0.01 + 0.001 * s))
    ])  # fmt: skip
    row = group_error_summary(errors).iloc[0]
    assert row["estimate"] == pytest.approx(-0.01 + 0.003)
    assert row["low"] == pytest.approx(
        row["estimate"] - stats.t.ppf(0.975, 4) * stats.sem(0.001 * np.arange(1, 6))
    )
    assert row["planted"] == pytest.approx(0.02)


def test_finding_says_better_worse_and_not_shown() -> None:
    text = finding(scores(CLEAR), sanity({IG: 0.8, OCCLUSION: 0.1, CAM_LATE: 0.5}), counterfactual())
    assert (
        "over 5 virtual cohorts, integrated gradients 0.40 (against 0.20) agreed better with what was planted"
        in text
    )
    assert "than the size of the ECG itself, occlusion 0.10 (against 0.20) worse, for Grad-CAM" in text
    assert "for Grad-CAM of the last stage 0.20 (against 0.20) no difference was shown" in text
    assert "all 3 methods agreed worse with what was planted than the plain difference of group means" in text
    assert "(at most 0.40 against 0.70 by lead and wave and at most 0.20 against 0.70 by wave)" in text
    assert "integrated gradients (0.80) failed the check with random weights" in text
    assert "occlusion (0.10) passed it" in text
    assert "did not decide about Grad-CAM of the last stage (0.50)" in text
    assert "moved 0.50 [0.49, 0.51] times as far as the ideal observer's" in text
    assert "those of the narrowed artery more than those of the other arteries" in text
    instead = "scored by where the largest value lies instead, integrated gradients 0.40 (against 0.20) pointed better"
    assert (
        f"{instead} to what was planted than the size of the ECG itself, occlusion 0.10 (against 0.20) worse"
        in text
    )


def test_an_artery_whose_own_answer_was_not_shown_to_be_larger_is_named() -> None:
    clear, tied = counterfactual(), counterfactual(slope=0.3, cross=0.3, own="LM")
    said = [finding(scores(CLEAR), sanity({IG: 0.1}), t) for t in (clear, pd.concat([clear, tied]))]
    assert said[0].endswith("more than those of the other arteries (each of them).")
    assert said[1].endswith(
        "more than those of the other arteries (over all of them; for LM alone not shown)."
    )


def test_finding_claims_nothing_that_wide_intervals_do_not_allow() -> None:
    text = finding(
        scores(CLEAR, spread=40.0), sanity({IG: 0.5}, gain=0.0), counterfactual(slope=0.2, cross=0.2)
    )
    assert "agreed better" not in text
    assert "agreed worse" not in text
    assert "no method was shown to fail the check with random weights" in text
    assert "not shown to move more or less than" in text


def test_finding_of_one_seed_says_so() -> None:
    one = [1]
    text = finding(scores(CLEAR, seeds=one), sanity({IG: 0.9}, seeds=one), counterfactual(seeds=one))
    assert "over 1 virtual cohort," in text
    assert "no method can be told apart from the size of the ECG itself (one seed: no interval)" in text
    assert "it has no interval for integrated gradients (0.88)" in text


def test_methods_scored_on_one_grid_share_the_number_they_are_held_to() -> None:
    text = finding(scores({**CLEAR, OCCLUSION: 0.5}), sanity({IG: 0.1}), counterfactual())
    assert "integrated gradients 0.40 and occlusion 0.50 (against 0.20) agreed better" in text


def test_finding_when_others_move_more_than_the_artery() -> None:
    text = finding(scores({**CLEAR, IG_FLAT: 0.3}), sanity({IG: 0.1}), counterfactual(slope=0.1, cross=0.3))
    assert "those of the narrowed artery less than those of the other arteries" in text


def test_adjustment_is_told_by_its_intervals() -> None:
    summary = pd.DataFrame({"waves": ["QRS", "QRS", "T", "T"], "vessel": ["RCA", "LM", "RCA", "LM"],
                            "low": [-2.0, -1.0, 1.0, np.nan], "high": [-1.0, 1.0, 2.0, np.nan]})  # fmt: skip
    assert adjustment_sentence(summary) == (
        "In QRS, adjusted means are nearer to what was planted for RCA, not shown to be nearer or farther for LM; "
        "in T, adjusted means are farther from it for RCA, not shown to be nearer or farther for LM."
    )
