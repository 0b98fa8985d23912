"""The matched cluster permutation test against enumeration, hand computation and its own level."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label

from ccta_lib.errors import InputError
from ccta_lib.explain.contrast import _clusters, cluster_test, matched_difference, matched_sets

SETS = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 3])
MEMBER = np.array([1, 0, 0, 1, 1, 0, 0, 0, 0, 1.0])  # sets 2 and 3 hold one group only


def data(seed: int = 0, shape: tuple[int, int] = (2, 5)) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(10, *shape))


def arrangements() -> list[np.ndarray]:
    """Every way to give the groups of sets 0 and 1 to their patients."""
    out = []
    for a, b in itertools.product(itertools.combinations(range(4), 2), range(4, 7)):
        g = np.zeros(7)
        g[[*a, b]] = 1
        out.append(g)
    return out


def by_hand(x: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Mean of the sets' differences, weighted by n1 n0 / n."""
    d0 = x[:4][g[:4] == 1].mean(axis=0) - x[:4][g[:4] == 0].mean(axis=0)
    d1 = x[4:7][g[4:7] == 1].mean(axis=0) - x[4:7][g[4:7] == 0].mean(axis=0)
    w0, w1 = 2 * 2 / 4, 1 * 2 / 3
    return (w0 * d0 + w1 * d1) / (w0 + w1)


def test_difference_and_statistic_against_enumeration() -> None:
    x = data()
    test = cluster_test(x, MEMBER, SETS, rng=np.random.default_rng(1), n_permutations=10)
    every = np.stack([by_hand(x, g) for g in arrangements()])
    assert len(every) == 18
    np.testing.assert_allclose(test.difference, by_hand(x, MEMBER), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(test.statistic, by_hand(x, MEMBER) / every.std(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        matched_difference(x.reshape(10, -1), MEMBER, SETS), by_hand(x, MEMBER).ravel()
    )
    assert (test.n_matched, test.n_sets, test.note) == ((3, 4), 2, "")


def test_p_value_against_enumeration() -> None:
    x = data(4)
    x[[0, 3, 4], 0, 1:4] += 2
    every = np.stack([by_hand(x, g) for g in arrangements()])
    z = every / every.std(axis=0)
    own = by_hand(x, MEMBER) / every.std(axis=0)
    threshold = 1.0

    def masses(z: np.ndarray) -> list[float]:
        out = []
        for lead, sign in itertools.product(z, (1, -1)):
            runs, n = label(sign * lead > threshold)
            out += [float(np.abs(lead)[runs == k + 1].sum()) for k in range(n)]
        return out

    largest = np.array([max(masses(m), default=0) for m in z])
    mass = max(masses(own))
    exact = (largest >= mass - 1e-9).mean()
    test = cluster_test(
        x, MEMBER, SETS, n_permutations=5000, threshold=threshold, rng=np.random.default_rng(2)
    )
    found = np.nanmin(test.p_value)
    assert exact > 0.04
    assert found == pytest.approx(exact, abs=4 * np.sqrt(exact / 5000))


@given(st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_clusters_as_scipy_labels_them(seed: int) -> None:
    z = np.random.default_rng(seed).normal(size=(3, 4, 9))
    masses, starts, cells = _clusters(z, 0.6)
    expected = []
    for row in z.reshape(-1, 9):
        for sign in (1, -1):
            runs, n = label(sign * row > 0.6)
            expected += [np.abs(row)[runs == k + 1].sum() for k in range(n)]
    np.testing.assert_allclose(np.sort(masses), np.sort(expected))
    assert (cells[starts] == np.arange(masses.size)).all()
    np.testing.assert_array_equal(cells >= 0, np.abs(z.ravel()) > 0.6)


@given(st.integers(0, 1000), st.permutations(range(10)))
@settings(max_examples=30, deadline=None)
def test_order_of_patients_and_level_of_sets_do_not_matter(seed: int, order: list[int]) -> None:
    x = data(seed)
    a = cluster_test(x, MEMBER, SETS, rng=np.random.default_rng(0), n_permutations=5)
    shifted = x + 10.0 * SETS[:, None, None]
    b = cluster_test(
        shifted[order], MEMBER[order], SETS[order], rng=np.random.default_rng(0), n_permutations=5
    )
    np.testing.assert_allclose(a.statistic, b.statistic, atol=1e-4)
    np.testing.assert_allclose(a.difference, b.difference, atol=1e-4)
    swapped = cluster_test(x, 1 - MEMBER, SETS, rng=np.random.default_rng(0), n_permutations=5)
    np.testing.assert_allclose(swapped.statistic, -a.statistic, atol=1e-4)


def test_the_level_holds_although_a_confounder_moves_everything() -> None:
    rng = np.random.default_rng(11)
    rejected = unmatched = 0
    repeats = 200
    for _ in range(repeats):
        sets = rng.integers(0, 6, 90)
        member = (rng.random(90) < 0.1 + 0.12 * sets).astype(float)
        smooth = np.cumsum(rng.normal(size=(90, 3, 40)), axis=-1) / 4
        beats = smooth + 0.5 * sets[:, None, None]
        p = cluster_test(beats, member, sets, n_permutations=99, threshold=2.0, rng=rng).p_value
        rejected += bool((p < 0.05).any())
        p = cluster_test(
            beats, member, np.zeros(90, dtype=int), n_permutations=99, threshold=2.0, rng=rng
        ).p_value
        unmatched += bool((p < 0.05).any())
    # Exact level 4/100; three binomial standard errors above it.
    assert rejected / repeats < 0.04 + 3 * np.sqrt(0.04 * 0.96 / repeats)
    assert unmatched / repeats > 0.5


def test_the_data_count_among_the_permutations() -> None:
    sets = np.zeros(60, dtype=int)
    member = np.r_[np.ones(30), np.zeros(30)]
    beats = np.random.default_rng(0).normal(size=(60, 2, 6))
    beats[:30, 0, 1:4] += 5
    test = cluster_test(beats, member, sets, n_permutations=99, rng=np.random.default_rng(0))
    assert np.nanmin(test.p_value) == 1 / 100
    assert (test.p_value[0, 1:4] == 1 / 100).all()


def test_same_seed_same_result() -> None:
    runs = [
        cluster_test(data(2), MEMBER, SETS, rng=np.random.default_rng(7), threshold=0.5).p_value
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*runs)
    assert np.isfinite(runs[0]).any()


def test_cells_that_never_vary_have_no_statistic() -> None:
    x = data()
    x[:, 0, 2] = 0.3
    test = cluster_test(x, MEMBER, SETS, rng=np.random.default_rng(0), n_permutations=5)
    assert np.isnan(test.statistic[0, 2])
    assert np.isfinite(np.delete(test.statistic.ravel(), 2)).all()


@pytest.mark.parametrize(("member", "sets"), [
    (np.zeros(10), SETS), (np.full(10, np.nan), SETS), (MEMBER, np.full(10, -1)), (MEMBER, np.arange(10)),
])  # fmt: skip
def test_nothing_to_compare_is_said(member: np.ndarray, sets: np.ndarray) -> None:
    test = cluster_test(data(), member, sets, rng=np.random.default_rng(0))
    assert np.isnan(test.difference).all()
    assert np.isnan(test.p_value).all()
    assert test.n_matched == (0, 0)
    assert "no matched set" in test.note
    assert np.isnan(matched_difference(data().reshape(10, -1), member, sets)).all()


@pytest.mark.parametrize("change", [
    {"member": MEMBER[:5]}, {"beats": np.full((10, 2, 5), np.nan)}, {"n_permutations": 0}, {"threshold": 0.0},
])  # fmt: skip
def test_wrong_input(change: dict[str, object]) -> None:
    given_ = {"beats": data(), "member": MEMBER, "sets": SETS, "rng": np.random.default_rng(0)} | change
    with pytest.raises(InputError):
        cluster_test(given_.pop("beats"), given_.pop("member"), given_.pop("sets"), **given_)  # type: ignore[arg-type]


def test_sets_are_alike_and_unknown_is_unmatched() -> None:
    table = pd.DataFrame({
        "age": [60.0, 69.9, 70.0, 60.0, np.nan, 61.0], "sex": ["F", "F", "F", "M", "F", None],
        "rate_bpm": [70.0, 79.0, 71.0, 72.0, 70.0, 70.0],
    })  # fmt: skip
    sets, names = matched_sets(table)
    assert names == ["age", "sex", "heart rate"]
    assert sets[0] == sets[1]
    assert len(set(sets[:4])) == 3
    assert (sets[4:] == -1).all()
    assert matched_sets(pd.DataFrame({"x": [1, 2]})) == (pytest.approx(np.zeros(2)), [])
    everything = table.assign(lvh=pd.array([True, False, *[False] * 4], dtype="boolean"))
    sets, names = matched_sets(everything)
    assert sets[0] != sets[1]
    assert names[-1] == "left ventricular hypertrophy"
