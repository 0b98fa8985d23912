"""Fillings are observed values, vary, recover what was lost; Rubin's rules by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ccta_lib.errors import InputError
from ccta_lib.evaluation.imputation import impute, rubin


def patients(n: int = 200, *, seed: int = 0, lost: float = 0.3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Age and sex missing together, more often where hypertension is; the truth beside it."""
    rng = np.random.default_rng(seed)
    hypertension = (rng.random(n) < 0.5).astype(float)
    age = 55.0 + 12.0 * hypertension + rng.normal(0, 6, n)
    male = (rng.random(n) < 0.3 + 0.4 * hypertension).astype(float)
    truth = pd.DataFrame({"age": age, "male": male, "hypertension": hypertension, "one": 1.0})
    gone = rng.random(n) < lost * (0.5 + hypertension)
    return truth.mask(pd.DataFrame({c: gone & (c in ("age", "male")) for c in truth})), truth


def test_fillings_are_observed_values_and_nothing_known_moves() -> None:
    table, _ = patients()
    found = impute(table, n_imputations=3, seed=1)
    known = table["age"].notna()
    for filled in found:
        assert not filled.isna().any().any()
        pd.testing.assert_frame_equal(filled[known], table[known])
        assert set(filled["age"]) <= set(table["age"].dropna())
        assert set(filled["male"]) == {0.0, 1.0}
        pd.testing.assert_frame_equal(filled[["hypertension", "one"]], table[["hypertension", "one"]])
    assert (found[0]["age"] != found[1]["age"]).any()
    again = impute(table, n_imputations=3, seed=1)
    pd.testing.assert_frame_equal(found[2], again[2])
    assert not impute(table, n_imputations=1, seed=[1, 2])[0].equals(found[0])


def test_missing_at_random_is_corrected_where_complete_cases_are_wrong() -> None:
    off, complete_off = [], []
    for seed in range(4):
        table, truth = patients(400, seed=seed)
        filled = impute(table, n_imputations=2, seed=seed, cycles=5)
        off.append(np.mean([f["age"].mean() for f in filled]) - truth["age"].mean())
        complete_off.append(table["age"].mean() - truth["age"].mean())
    assert np.mean(complete_off) < -0.8
    assert abs(np.mean(off)) < 0.4


def test_nothing_missing_and_too_little_known() -> None:
    _, truth = patients()
    pd.testing.assert_frame_equal(impute(truth, n_imputations=2, seed=0)[1], truth)
    table, _ = patients()
    with pytest.raises(InputError, match="male: 0 known of 200 values"):
        impute(table.assign(male=np.nan), n_imputations=1, seed=0)
    with pytest.raises(InputError, match="n_imputations"):
        impute(table, n_imputations=0, seed=0)


def test_rubin_by_hand() -> None:
    # Within .04, between var(0.5, 0.7, 0.6) = .01, total .04 + 4/3 x .01; df = 2 / (0.25)^2 = 32.
    found = rubin([0.5, 0.7, 0.6], [0.2, 0.2, 0.2])
    total = 0.04 + 4 / 3 * 0.01
    assert found.estimate == pytest.approx(0.6)
    assert found.se == pytest.approx(total**0.5)
    assert found.high - 0.6 == pytest.approx(stats.t.ppf(0.975, 2 / (4 / 3 * 0.01 / total) ** 2) * total**0.5)
    assert found.n == 3
    assert rubin([0.3, 0.3], [0.0, 0.0]).note == "no variance"
    with pytest.raises(InputError):
        rubin([0.3, np.nan], [0.1, 0.1])


@given(st.lists(st.floats(0.3, 0.9), min_size=2, max_size=12), st.floats(0.01, 0.2))
def test_fillings_that_differ_widen_the_interval(estimates: list[float], se: float) -> None:
    found = rubin(estimates, [se] * len(estimates))
    single = stats.norm.ppf(0.975) * se
    assert found.high - found.estimate >= single * (1 - 1e-9)
    same = rubin([estimates[0]] * len(estimates), [se] * len(estimates))
    assert same.high - same.estimate == pytest.approx(single)
