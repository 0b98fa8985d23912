"""Pointing game, ranks and similarity: by hand, against scipy, and as properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from ccta_lib.errors import InputError
from ccta_lib.evaluation.attribution_scores import (
    MEAN_MAP,
    POINTING,
    RANKS,
    hits,
    patient_interval,
    permutation_p,
    planted_targets,
    pointed,
    rank_agreement,
    score_maps,
    similarity,
)

PLANTED = np.array([[0.0, 1.0, 2.0, 0.2], [4.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, -3.0]])


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_targets_and_hits_by_hand() -> None:
    """Half of the largest counts, and a negative displacement is a displacement."""
    targets = planted_targets(PLANTED)
    assert targets.tolist() == [
        [False, True, True, False],
        [True, False, False, False],
        [False, False, False, True],
    ]
    maps = np.array([[0.1, -9.0, 3.0, 0.0], [1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.5]])
    assert pointed(maps, rng=rng()).tolist() == [1, 1, 3]
    assert hits(maps, targets, rng=rng()).tolist() == [True, False, True]


def test_score_table_by_hand() -> None:
    maps = np.array([[0.1, -9.0, 3.0, 0.0], [1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.5]])
    table = score_maps(maps, PLANTED, ["a", "b", "c"], n_boot=100).set_index("metric")
    pointing = table.loc[POINTING]
    assert pointing["estimate"] == pytest.approx(2 / 3)
    assert pointing["chance"] == pytest.approx((2 + 1 + 1) / 4 / 3)
    # At the others' targets: cell 1 is a target of row 0 alone, cell 3 of row 2 alone. Row 0 points at 1: none of the
    # other two; row 1 points at 1: one of two; row 2 points at 3: none.
    assert pointing["elsewhere"] == pytest.approx((0 + 1 / 2 + 0) / 3)
    # P(at least two hits) with chances 1/2, 1/4, 1/4: .5*.25*.75*2 + .5*.0625 + .5*.0625.
    assert pointing["p_value"] == pytest.approx(0.1875 + 0.0625)
    assert table.loc[RANKS, "estimate"] == pytest.approx(
        np.mean([stats.spearmanr(np.abs(m), np.abs(p)).statistic for m, p in zip(maps, PLANTED, strict=True)])
    )
    of_mean = stats.spearmanr(np.abs(maps.sum(axis=0)), np.abs(PLANTED.sum(axis=0))).statistic
    assert table.loc[MEAN_MAP, "estimate"] == pytest.approx(of_mean)
    assert (table["low"] <= table["estimate"]).all()
    assert (table["estimate"] <= table["high"]).all()


def test_an_empty_map_points_at_random_and_ranks_nothing() -> None:
    planted = np.tile([1.0, 0.0, 0.0, 0.0], (4000, 1))
    found = hits(np.zeros_like(planted), planted_targets(planted), rng=rng())
    assert found.mean() == pytest.approx(0.25, abs=0.03)
    assert (rank_agreement(np.zeros_like(planted), planted) == 0).all()


def test_exact_p_value_is_the_binomial_one_where_chances_are_equal() -> None:
    for n_hits in (0, 3, 7, 10):
        exact = stats.binomtest(n_hits, 10, 0.3, alternative="greater").pvalue
        assert permutation_p(n_hits, np.full(10, 0.3)) == pytest.approx(exact)


def test_exact_p_value_is_what_permuting_the_cells_gives() -> None:
    generator = np.random.default_rng(1)
    planted = np.abs(generator.normal(size=(12, 6))) ** 2
    targets = planted_targets(planted)
    maps = generator.random((12, 6))
    shuffled = [hits(generator.permuted(maps, axis=1), targets, rng=generator).sum() for _ in range(4000)]
    for n_hits in (2, 4, 6):
        assert permutation_p(n_hits, targets.mean(axis=1)) == pytest.approx(
            np.mean(np.array(shuffled) >= n_hits), abs=0.03
        )


@settings(deadline=None)
@given(arrays(float, (3, 8), elements=st.floats(-5, 5)), arrays(float, (3, 8), elements=st.floats(-5, 5)))
def test_properties(a: np.ndarray, b: np.ndarray) -> None:
    for signed in (False, True):
        found = similarity(a, b, signed=signed)
        assert (np.abs(found) <= 1 + 1e-9).all()
        np.testing.assert_allclose(found, similarity(b, a, signed=signed))
    # Neither the sign of a map nor a monotone change of its size matters to its agreement.
    planted = np.abs(b) + np.arange(8)
    np.testing.assert_allclose(rank_agreement(a, planted), rank_agreement(-3.0 * a, planted), atol=1e-9)


def test_similarity_with_and_without_sign() -> None:
    a = np.array([[1.0, -2.0, 3.0, -4.0]])
    assert similarity(a, -a)[0] == pytest.approx(1)
    assert similarity(a, -a, signed=True)[0] == pytest.approx(-1)
    assert similarity(a, np.ones_like(a))[0] == 0


def test_what_is_left_of_rounding_is_no_truth() -> None:
    """Cells under a hundredth of the largest are alike, whatever their rank."""
    planted = np.array([[10.0, 5.0, 0.003, 0.001, 0.002]])
    maps = np.array([[10.0, 5.0, 0.0, 0.0, 0.0]])
    assert rank_agreement(maps, planted)[0] == pytest.approx(1)


def test_interval_resamples_patients_not_ecgs() -> None:
    """Ten ECGs of each of two patients tell no more than two values; as many patients tell more."""
    values = np.r_[np.zeros(10), np.ones(10)]
    few = patient_interval(values, np.repeat(["a", "b"], 10))
    many = patient_interval(values, np.arange(20))
    assert few[0] == many[0] == 0.5
    assert few[2] - few[1] > many[2] - many[1]
    assert np.isnan(patient_interval(values, ["a"] * 20)[1:]).all()


def test_each_score_of_the_table_resamples_patients() -> None:
    """Every ECG ten times is no more evidence where the copies are one patient's, and is where they are not."""
    generator = rng()
    maps, planted = generator.normal(size=(8, 6)), np.abs(generator.normal(size=(8, 6)))
    once = score_maps(maps, planted, np.arange(8), n_boot=200)
    copied = np.repeat(maps, 10, axis=0), np.repeat(planted, 10, axis=0)
    of_patients, apart = (
        score_maps(*copied, who, n_boot=200) for who in (np.arange(80) // 10, np.arange(80))
    )
    np.testing.assert_allclose(of_patients[["low", "high"]], once[["low", "high"]])
    narrower = apart["high"] - apart["low"] < of_patients["high"] - of_patients["low"]
    assert narrower[apart["metric"].isin([POINTING, RANKS])].all()


def test_wrong_input_is_named() -> None:
    with pytest.raises(InputError, match="nothing was planted in row 1"):
        planted_targets(np.array([[1.0, 0.0], [0.0, 0.0]]))
    with pytest.raises(InputError, match="row 0 and 0 others hold NaN"):
        rank_agreement(np.array([[np.nan, 1.0]]), np.array([[1.0, 0.0]]))
    with pytest.raises(InputError, match="give the same cells"):
        score_maps(np.ones((2, 3)), np.ones((2, 4)), ["a", "b"])
    with pytest.raises(InputError, match="at least one row and two cells"):
        rank_agreement(np.ones((2, 1)), np.ones((2, 1)))
