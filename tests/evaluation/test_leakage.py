"""Tables over seeds, and a sentence for each thing the intervals can say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ccta_lib.errors import InputError
from ccta_lib.evaluation.leakage import (
    leakage_finding,
    matched_table,
    probe_table,
    shortcut_gains,
    shortcut_table,
    split_table,
)
from ccta_lib.evaluation.seed_tables import clause, over_seeds, with_macro

SEEDS = (1, 2, 3, 4, 5)
SPREAD = np.array([-0.01, 0.005, 0.0, 0.01, -0.005])


def by_seed(rows, seeds=SEEDS, spread=SPREAD):
    """Repeat rows (dicts with estimate) for each seed, with a little chance."""
    return pd.DataFrame([{**r, "seed": s, "estimate": r["estimate"] + d}
                         for s, d in zip(seeds, spread, strict=True) for r in rows])  # fmt: skip


def probes(verification, raw, metric="verification", **options):
    keys = {"quantity": "identity", "probe": "distance", "metric": metric, "chance": 0.5}
    # Raw differs by seed in its own way: a paired difference of equal shifts would not vary.
    table = by_seed([{**keys, "features": "nano, fine-tuned", "estimate": verification}], **options)
    other = by_seed([{**keys, "features": "heart rate, age and sex", "estimate": raw}], **options)
    other["estimate"] += np.resize([0.01, -0.01], len(other))
    return pd.concat([table, other], ignore_index=True)


def shortcut(inside, absent, away, **options):
    rows = []
    for odds, share in ((1.0, 0.0), (16.0, 1.0)):
        for test, auc in (("as in training", absent + share * (inside - absent)), ("no shortcut", absent),
                          ("reversed", absent + share * (away - absent))):  # fmt: skip
            rows.append({"odds": odds, "test": test, "vessel": "LAD", "metric": "AUC", "estimate": auc})
    table = by_seed(rows, **options)
    table["estimate"] += np.random.default_rng(0).normal(0, 0.002, len(table))
    return table


def matched(difference, on="all", **options):
    keys = {"score": "network", "matched_on": on, "metric": "difference"}
    return by_seed([{**keys, "vessel": v, "estimate": difference} for v in ("RCA", "LAD", "LCX")], **options)


def split(difference, **options):
    keys = {"scored_by": "seen minus new", "metric": "difference"}
    return by_seed([{**keys, "vessel": v, "estimate": difference} for v in ("RCA", "LAD", "LCX")], **options)


def test_over_seeds_is_the_t_interval():
    values = np.array([0.70, 0.74, 0.69, 0.73, 0.72])
    table = pd.DataFrame({"seed": SEEDS, "what": "a", "estimate": values})
    row = over_seeds(table, ["what"]).iloc[0]
    half = stats.t.ppf(0.975, 4) * values.std(ddof=1) / np.sqrt(5)
    assert (row["estimate"], row["low"], row["high"]) == pytest.approx(
        (values.mean(), values.mean() - half, values.mean() + half)
    )
    assert row["n"] == 5


def test_seeds_without_a_value_are_told_and_double_ones_refused():
    table = pd.DataFrame(
        {"seed": [1, 2, 3, 1], "what": ["a", "a", "a", "b"], "estimate": [0.1, np.nan, 0.3, np.nan]}
    )
    out = over_seeds(table, ["what"])
    assert out.loc[0, "n"] == 2
    assert "not estimable in 1 of 3 seeds" in out.loc[0, "note"]
    assert out.loc[1, "note"] == "in no seed estimable"
    with pytest.raises(InputError, match="seed 1 has several rows"):
        over_seeds(pd.concat([table, table]), ["what"])


def test_macro_averages_the_vessels_that_every_seed_can_estimate():
    table = pd.DataFrame({"seed": [1, 1, 1, 2, 2, 2], "vessel": ["RCA", "LM", "LAD"] * 2, "arm": "x",
                          "estimate": [0.6, np.nan, 0.8, 0.7, 0.9, 0.7]})  # fmt: skip
    macro = with_macro(table, ["arm"]).query("vessel == 'macro'")
    assert macro["estimate"].tolist() == pytest.approx([0.7, 0.7])
    named = with_macro(table, ["arm"], vessels=("LM", "LAD")).query("vessel == 'macro'")["estimate"]
    assert np.isnan(named.iloc[0])
    assert named.iloc[1] == pytest.approx(0.8)


def test_gains_are_paired_within_a_seed_and_zero_without_a_shortcut():
    table = shortcut(0.80, 0.70, 0.60)
    gains = shortcut_gains(table).set_index(["odds", "gain"])["estimate"]
    assert gains[16.0, "inflation inside"] == pytest.approx(0.10, abs=0.005)
    assert gains[16.0, "change where reversed"] == pytest.approx(-0.10, abs=0.005)
    assert gains[1.0, "inflation inside"] == pytest.approx(0, abs=0.005)
    assert set(shortcut_table(table)["n"]) == {5}


def test_a_clause_for_each_interval():
    words = {"up": "rose", "down": "fell", "none": "not shown", "unknown": "cannot be said"}
    for (low, high), said in {
        (0.01, 0.03): "rose",
        (-0.03, -0.01): "fell",
        (-0.01, 0.01): "not shown",
    }.items():
        text = clause(pd.Series({"estimate": (low + high) / 2, "low": low, "high": high, "n": 5}), words)
        assert text.startswith(said)
        assert f"95 % interval {low:+.3f} to {high:+.3f}, 5 seeds" in text
    assert (
        clause(pd.Series({"estimate": 0.1, "low": np.nan, "high": np.nan, "n": 1}), words) == "cannot be said"
    )


def test_the_finding_says_what_the_intervals_allow():
    text = leakage_finding(probes(0.94, 0.90), shortcut(0.80, 0.70, 0.60), matched(0.05), split(0.05))
    for part in ("94% of the time, more often than by heart rate", "an odds ratio of 16 raised its AUC",
                 "and lowered it (", "macro AUC was higher where networks had trained", "what telling these apart adds",
                 "property of this simulator"):  # fmt: skip
        assert part in text
    text = leakage_finding(probes(0.90, 0.94), shortcut(0.60, 0.70, 0.80), matched(-0.05), split(-0.05))
    for part in ("less often than by", "an odds ratio of 16 lowered its AUC", "and raised it (",
                 "macro AUC was lower where networks had trained",
                 "was higher than among all"):  # fmt: skip
        assert part in text
    text = leakage_finding(probes(0.9, 0.9), shortcut(0.7, 0.7, 0.6987), matched(0.0), split(0.0))
    for part in ("no more often, as far as was shown", "was not shown to move its AUC",
                 "and was not shown to move it (", "no effect of having trained",
                 "sex a difference was not shown"):  # fmt: skip
        assert part in text
    text = leakage_finding(probes(0.9, 0.9), shortcut(0.8, 0.7, 0.6), matched(0.0, "age"), split(0.0))
    assert "; no part of macro AUC was shown to come from telling ages apart (+0.000" in text
    # Two measures of identity, and two ways of matching, may say different things: each is told.
    both = pd.concat([probes(0.92, 0.92), probes(0.38, 0.21, "retrieval")])
    either = pd.concat([matched(0.02, "age"), matched(0.0)])
    text = leakage_finding(both, shortcut(0.80, 0.70, 0.60), either, split(0.05))
    for part in ("92% of the time, no more often, as far as was shown", "same patient's 38% of the time, more often",
                 "alike in age macro AUC was lower by what telling ages apart adds (+0.020",
                 "a difference was not shown"):  # fmt: skip
        assert part in text
    one = {"seeds": SEEDS[:1], "spread": SPREAD[:1]}
    text = leakage_finding(
        probes(0.9, 0.9, **one), shortcut(0.8, 0.7, 0.6, **one), matched(0.1, **one), split(0.1, **one)
    )
    assert text.count("could not be judged") == 5
    assert "raised" not in text


def test_tables_keep_their_keys():
    assert probe_table(probes(0.9, 0.8))["chance"].tolist() == [0.5, 0.5]
    assert set(matched_table(matched(0.1))["vessel"]) == {"RCA", "LAD", "LCX", "macro"}
    assert set(split_table(split(0.1))["vessel"]) == {"RCA", "LAD", "LCX", "macro"}
