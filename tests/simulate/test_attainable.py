"""The ideal observer and the ceiling: frozen for these settings, better than chance, blind in the null cohort."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ccta_lib.errors import ParameterError
from ccta_lib.schema import VESSELS
from ccta_lib.simulate import DEFAULT_SETTINGS
from ccta_lib.simulate.attainable import draw_fresh, estimate_ceiling, fit_observer
from ccta_lib.simulate.observer import (
    CEILING,
    COLUMNS,
    CURVE,
    FROZEN,
    IdealObserver,
    ceiling_for,
    frozen_observer,
    settings_key,
)  # fmt: skip


def aucs(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.array([roc_auc_score(y[:, v], p[:, v]) for v in range(4)])


@pytest.fixture(scope="module")
def fresh():
    return draw_fresh("internal", 20_000, seed=77_001, settings=DEFAULT_SETTINGS)


def test_frozen_files_are_for_the_frozen_settings() -> None:
    key = settings_key(DEFAULT_SETTINGS)
    assert frozen_observer().key == key, (
        "settings or waves changed: run ccta simulate --ceiling and ship its files"
    )
    assert set(pd.read_csv(FROZEN / CEILING)["key"]) == {key}
    assert sum(f.stat().st_size for f in FROZEN.iterdir()) < 200_000


def test_frozen_observer_reproduces_the_frozen_ceiling(fresh) -> None:
    """On ECGs of a third seed, within sampling error: the shipped number is about the shipped observer."""
    ceiling = ceiling_for(DEFAULT_SETTINGS, ["internal"]).query("unit == 'ecg'").set_index("vessel")
    found = aucs(fresh.y, frozen_observer().scores(fresh.z))
    for v, vessel in enumerate(VESSELS):
        n_pos = fresh.y[:, v].sum() / 2.3  # ECGs of one patient are no independent draws
        assert found[v] == pytest.approx(
            ceiling.loc[str(vessel), "upper"], abs=3 * 0.3 / np.sqrt(n_pos) + 0.005
        )


def test_difficulty_is_where_it_was_tuned_to() -> None:
    ceiling = ceiling_for(DEFAULT_SETTINGS, ["internal"])
    ecg = ceiling[ceiling["unit"] == "ecg"]
    assert ecg["upper"].between(0.75, 0.83).all()
    assert ecg["normal_ecg_upper"].between(0.71, 0.77).all()
    assert (ecg["null_floor"] < 0.62).all()
    assert (ecg["null_floor"] > 0.5).all()
    assert (ceiling["n"] >= 100_000).all()
    assert (ecg["lower"] > ecg["null_floor"]).all()
    assert (ecg["lower"] <= ecg["upper"] + 2 * ecg["lower_se"]).all()
    assert list(ceiling.columns) == COLUMNS
    assert set(ceiling["unit"]) == {"ecg", "exam", "patient"}


def test_learning_curve_flattens() -> None:
    curve = pd.read_csv(FROZEN / CURVE).query("unit == 'ecg'").groupby("n_fitted")["auc"].mean()
    steps = np.diff(curve.to_numpy())
    assert steps[-1] < 0.01
    assert steps[-1] < steps[0]


def test_observer_is_calibrated(fresh) -> None:
    """E[label | Z] averages to the prevalence, overall and among high scores."""
    p = frozen_observer().scores(fresh.z)
    np.testing.assert_allclose(p.mean(axis=0), fresh.y.mean(axis=0), atol=0.01)
    for v in (0, 2, 3):
        top = p[:, v] > np.quantile(p[:, v], 0.8)
        assert p[top, v].mean() == pytest.approx(fresh.y[top, v].mean(), abs=0.05)


def test_own_vessel_is_seen_best(fresh) -> None:
    """Among single-vessel disease of RCA, LAD and LCX, the highest odds gain points at the right one."""
    p = frozen_observer().scores(fresh.z)
    gain = np.log(p / (1 - p)) - np.log(p.mean(axis=0) / (1 - p.mean(axis=0)))
    single = (fresh.y[:, [0, 2, 3]].sum(axis=1) == 1) & (fresh.y[:, 1] == 0)
    right = gain[single][:, [0, 2, 3]].argmax(axis=1) == fresh.y[single][:, [0, 2, 3]].argmax(axis=1)
    assert right.mean() > 0.45


def test_save_and_load_are_exact(tmp_path: Path, fresh) -> None:
    observer = frozen_observer()
    observer.save(tmp_path / "observer.npz")
    again = IdealObserver.load(tmp_path / "observer.npz")
    np.testing.assert_array_equal(again.scores(fresh.z[:500]), observer.scores(fresh.z[:500]))
    observer.save(tmp_path / "twice.npz")
    assert (tmp_path / "observer.npz").read_bytes() == (tmp_path / "twice.npz").read_bytes()


def test_fit_is_reproducible_and_learns(fresh) -> None:
    part = dataclasses.replace(fresh, z=fresh.z[:6000], y=fresh.y[:6000])
    a, b = (fit_observer(part, seed=0, key="k", passes=4) for _ in range(2))
    np.testing.assert_array_equal(a.scores(fresh.z[:200]), b.scores(fresh.z[:200]))
    assert (aucs(fresh.y[8000:], a.scores(fresh.z[8000:])) > 0.62).all()


def test_null_cohort_hides_disease_from_the_frozen_observer() -> None:
    null = draw_fresh("internal", 20_000, seed=77_002, settings=DEFAULT_SETTINGS.without_disease())
    assert (aucs(null.y, frozen_observer().scores(null.z)) < 0.62).all()


def test_ceiling_of_null_and_of_other_settings() -> None:
    null = ceiling_for(DEFAULT_SETTINGS.without_disease(), ["internal"])
    np.testing.assert_array_equal(null["upper"], null["null_floor"])
    other = ceiling_for(dataclasses.replace(DEFAULT_SETTINGS, st_change=0.1), ["internal", "external"])
    assert other[["upper", "null_floor"]].isna().all().all()
    assert len(other) == 24


@pytest.mark.slow
def test_estimate_ceiling_writes_its_files(tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    path = estimate_ceiling(tmp_path, n=4000, n_scored=4000, seed=5, progress=lambda *a: steps.append(a))
    table = pd.read_csv(path)
    assert len(table) == 3 * 4 * 3
    assert (tmp_path / CURVE).is_file()
    assert IdealObserver.load(tmp_path / "ideal_observer.npz").key == settings_key(DEFAULT_SETTINGS)
    assert steps[-1][0] == steps[-1][1]


def test_too_few_ecgs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="n_scored"):
        estimate_ceiling(tmp_path, n=5000, n_scored=10)
