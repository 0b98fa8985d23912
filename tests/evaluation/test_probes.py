from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import GroupKFold

from ccta_lib.errors import InputError
from ccta_lib.evaluation.probes import crossfit_probe, identity_intervals, probe_interval


def patients_of(n: int, each: int = 2) -> np.ndarray:
    return np.repeat(np.arange(n), each)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("probe", ["linear", "boosting"])
def test_a_planted_quantity_is_found_and_an_absent_one_is_not(rng, probe):
    groups = patients_of(300)
    x = rng.normal(size=(600, 12))
    planted = (x[:, 3] + 0.5 * rng.normal(size=600) > 0).astype(float)
    absent = np.repeat(rng.integers(0, 2, 300), 2).astype(float)
    found = {}
    for name, y in (("planted", planted), ("absent", absent)):
        score = crossfit_probe(x, y, groups=groups, kind="binary", probe=probe, seed=1)
        found[name] = probe_interval(y, score, groups=groups, kind="binary")
    assert found["planted"].low > 0.85
    assert found["absent"].low < 0.5 < found["absent"].high


def test_only_boosting_finds_what_is_not_linear(rng):
    x = rng.normal(size=(600, 5))
    y = (np.abs(x[:, 0]) > 0.67).astype(float)
    groups = np.arange(600)
    aucs = [
        probe_interval(
            y, crossfit_probe(x, y, groups=groups, kind="binary", probe=p), groups=groups, kind="binary"
        ).estimate
        for p in ("linear", "boosting")
    ]
    assert aucs[0] < 0.6 < 0.95 < aucs[1]


def test_boosting_is_scikit_learns_with_80_trees_of_8_leaves(rng):
    x, groups = rng.normal(size=(200, 2)), patients_of(100)
    y = x[:, 0] ** 2 + 0.3 * rng.normal(size=200)
    found = crossfit_probe(x, y, groups=groups, kind="number", probe="boosting", n_folds=2, seed=4)
    for train, test in GroupKFold(2, shuffle=True, random_state=4).split(x, y, groups):
        trees = HistGradientBoostingRegressor(max_iter=80, max_leaf_nodes=8, early_stopping=False)
        np.testing.assert_allclose(found[test], trees.fit(x[train], y[train]).predict(x[test]))


def test_a_probe_never_learns_from_the_patient_it_predicts(rng):
    # Features that are nothing but the patient, labels drawn by patient: only leakage could predict them.
    who = rng.normal(size=(150, 20))
    groups = patients_of(150, 4)
    x, y = who[groups] + 0.01 * rng.normal(size=(600, 20)), rng.integers(0, 2, 150)[groups].astype(float)
    apart = probe_interval(
        y, crossfit_probe(x, y, groups=groups, kind="binary", probe="boosting"), groups=groups, kind="binary"
    )
    mixed = crossfit_probe(x, y, groups=np.arange(600), kind="binary", probe="boosting")
    assert apart.low < 0.5
    assert probe_interval(y, mixed, groups=groups, kind="binary").estimate > 0.9


def test_r_squared_by_hand_and_its_interval(rng):
    y, p = np.array([1.0, 2.0, 3.0, 6.0]), np.array([1.0, 2.0, 4.0, 5.0])
    # Squared error 2, about the mean (3) 4 + 1 + 0 + 9 = 14.
    assert probe_interval(y, p, groups=np.arange(4), kind="number").estimate == pytest.approx(1 - 2 / 14)
    assert probe_interval(y, np.full(4, 3.0), groups=np.arange(4), kind="number").estimate == pytest.approx(
        0.0
    )
    # Coverage of the truth: y = x + noise of equal variance has R-squared 1/2.
    inside = 0
    for _ in range(300):
        x = rng.normal(size=200)
        found = probe_interval(x + rng.normal(size=200), x, groups=np.arange(200), kind="number")
        inside += found.low <= 0.5 <= found.high
    assert inside / 300 == pytest.approx(0.95, abs=0.04)


def test_a_quantity_that_does_not_vary_has_no_r_squared():
    found = probe_interval(np.full(6, 70.0), np.arange(6.0), groups=patients_of(3), kind="number")
    assert np.isnan([found.estimate, found.low, found.high, found.se]).all()
    assert (found.n, found.n_groups) == (6, 3)
    assert (found.method, found.note) == ("R-squared, patient-clustered", "the quantity does not vary")


def test_doubling_every_row_of_a_patient_leaves_the_interval(rng):
    x = rng.normal(size=100)
    y = x + rng.normal(size=100)
    once = probe_interval(y, x, groups=np.arange(100), kind="number")
    twice = probe_interval(np.repeat(y, 2), np.repeat(x, 2), groups=patients_of(100), kind="number")
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))


def test_ridge_finds_a_number(rng):
    x = rng.normal(size=(400, 6))
    y = 70 + 9 * x[:, 2] + rng.normal(0, 3, 400)
    found = probe_interval(
        y, crossfit_probe(x, y, groups=np.arange(400), kind="number"), groups=np.arange(400), kind="number"
    )
    assert found.estimate == pytest.approx(0.9, abs=0.03)


def test_features_independent_of_identity_give_chance(rng):
    found = identity_intervals(rng.normal(size=(400, 8)), patients_of(200))
    assert found["verification"].low < 0.5 < found["verification"].high
    assert found["retrieval"].estimate < 0.02
    assert found["retrieval"].note == f"chance {1 / 399:.4f}"


def test_features_that_are_the_patient_give_certainty(rng):
    groups = patients_of(100, 3)
    x = rng.normal(size=(100, 8))[groups] + 1e-3 * rng.normal(size=(300, 8))
    found = identity_intervals(x, groups)
    assert found["verification"].estimate == found["retrieval"].estimate == 1.0


def test_identity_by_hand():
    # On a line, already of one feature: patient A at 0 and 3, B at 1, C at 10.
    found = identity_intervals(np.array([[0.0], [3.0], [1.0], [10.0]]), np.array(["A", "A", "B", "C"]))
    # From 0: mate at 3, strangers at 1 and 10. From 3: mate at 3, strangers at 2 and 7. Nearer than one of two.
    assert found["verification"].estimate == pytest.approx(0.5)
    assert found["retrieval"].estimate == 0.0
    assert np.isnan(found["verification"].low)  # one patient: no interval


def test_ties_count_one_half():
    found = identity_intervals(np.zeros((4, 2)), np.array([1, 1, 2, 3]))
    assert found["verification"].estimate == 0.5
    assert found["retrieval"].estimate == pytest.approx(1 / 3)


def test_nobody_with_two_ecgs_is_no_error(rng):
    found = identity_intervals(rng.normal(size=(5, 2)), np.arange(5))
    assert all(np.isnan(r.estimate) and "two ECGs" in r.note for r in found.values())


def test_wrong_input(rng):
    x = rng.normal(size=(20, 3))
    with pytest.raises(InputError, match=r"found shape \(10, 3\); expected \(20, width\)"):
        crossfit_probe(x[:10], np.arange(20.0), groups=np.arange(20), kind="number")
    with pytest.raises(InputError, match=r"found shape \(20,\); expected \(rows, width\)"):
        identity_intervals(x[:, 0], np.arange(20))
    with pytest.raises(InputError, match="NaN or infinity"):
        crossfit_probe(np.where(x > 0, np.nan, x), np.arange(20.0), groups=np.arange(20), kind="number")
    with pytest.raises(InputError, match="3 patients in the smallest class for 5 folds"):
        crossfit_probe(x, np.repeat([1, 0], [3, 17]), groups=np.arange(20), kind="binary")
    with pytest.raises(InputError, match="kind: expected one of"):
        crossfit_probe(x, np.arange(20.0), groups=np.arange(20), kind="ordinal")
