from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from ccta_lib.errors import InputError
from ccta_lib.evaluation.auc import auc_interval
from ccta_lib.evaluation.matched import auc_within_strata, strata_of


def test_pairs_within_strata_by_hand():
    #          stratum a: positives .9 .4, negatives .5 .1 | b: positive .2, negatives .3 .8
    y = [1, 1, 0, 0, 1, 0, 0]
    p = [0.9, 0.4, 0.5, 0.1, 0.2, 0.3, 0.8]
    stratum = list("aaaabbb")
    found = auc_within_strata(y, p, stratum)
    # a: 3 of 4 pairs right; b: none of 2; together 3 of 6. All pairs: .9 beats 4, .4 beats 2, .2 beats 1: 7 of 12.
    assert found.within.estimate == pytest.approx(3 / 6)
    assert found.overall.estimate == pytest.approx(7 / 12)
    assert found.difference.estimate == pytest.approx(7 / 12 - 3 / 6)
    assert found.pairs == pytest.approx(6 / 12)
    # Each row is a patient. What one adds: how far its share of pairs won lies from the AUC, over rows of its class.
    within = np.array([1 / 4, -1 / 4, -1 / 4, 1 / 4, 0, 0, 0]) / 2 * (4 / 6)
    won, of = np.array([1, 1 / 2, 1 / 3, 1, 1 / 4, 2 / 3, 1 / 3]), np.array([3, 3, 4, 4, 3, 4, 4])
    gap = (won - 7 / 12) / of - within
    assert found.within.se == pytest.approx(np.sqrt(7 / 6 * (within**2).sum()))
    z = (7 / 12 - 3 / 6) / np.sqrt(7 / 6 * (gap**2).sum())
    assert (found.difference.z, found.difference.p_value) == pytest.approx((z, 2 * norm.sf(z)))


def test_one_stratum_is_the_plain_auc_with_its_interval():
    rng = np.random.default_rng(0)
    y, p, groups = rng.random(200) < 0.3, rng.random(200), rng.integers(0, 120, 200)
    found, plain = auc_within_strata(y, p, np.zeros(200), groups=groups), auc_interval(y, p, groups=groups)
    assert found.within.estimate == pytest.approx(plain.estimate)
    # Obuchowski's small-sample factors differ by class, ours is one factor for all patients.
    assert found.within.se == pytest.approx(plain.se, rel=0.02)
    assert found.difference.estimate == 0


def test_a_score_that_only_tells_the_stratum_is_worth_nothing_within():
    rng = np.random.default_rng(1)
    stratum = rng.integers(0, 6, 900)
    y = rng.random(900) < 0.1 + 0.12 * stratum
    found = auc_within_strata(y, stratum + 0.01 * rng.random(900), stratum)
    assert found.overall.low > 0.6
    assert found.within.low < 0.5 < found.within.high
    assert found.difference.low > 0.1


def test_the_intervals_hold_the_truth_with_two_rows_a_patient():
    # Within strata the score has AUC Phi(1 / sqrt 2) = .7602; a patient's rows share label and half the noise.
    rng, inside, truth = np.random.default_rng(2), 0, 0.7602
    for _ in range(200):
        patients = np.repeat(np.arange(150), 2)
        stratum = np.repeat(rng.integers(0, 3, 150), 2)
        y = np.repeat(rng.random(150) < 0.2 + 0.2 * stratum[::2], 2)
        noise = np.sqrt(0.5) * (rng.normal(size=150)[patients] + rng.normal(size=300))
        found = auc_within_strata(y, y + noise + 2 * stratum, stratum, groups=patients).within
        inside += found.low <= truth <= found.high
    assert 0.91 <= inside / 200 <= 0.99


def test_strata_without_a_pair_are_told():
    found = auc_within_strata([1, 1, 0, 0], [0.9, 0.8, 0.1, 0.2], list("aabb"))
    assert np.isnan(found.within.estimate)
    assert found.within.note == "no stratum holds both classes"
    assert found.pairs == 0
    one_class = auc_within_strata([0, 0, 0], [0.1, 0.2, 0.3], list("aab"))
    assert "only one class" in one_class.within.note
    assert np.isnan(one_class.pairs)
    with pytest.raises(InputError, match="stratum: missing"):
        auc_within_strata([1, 0], [0.5, 0.4], ["a", None])


def test_bands_and_unknowns():
    table = pd.DataFrame({"age": [49.9, 50.0, 70, np.nan], "sex": ["M", "F", None, "M"]})
    assert strata_of(table, {"age": (50, 60), "sex": None}).tolist() == ["0|M", "1|F", None, None]
    assert strata_of(table, {"sex": None}).tolist() == ["M", "F", None, "M"]
    with pytest.raises(InputError, match="column rate is absent"):
        strata_of(table, {"rate": (60,)})
