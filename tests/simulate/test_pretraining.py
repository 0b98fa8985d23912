"""Pretraining ECGs: reproducible, of another distribution than the book's, with targets that the leads bear out."""

from __future__ import annotations

import numpy as np
import pytest

from ccta_lib.errors import ParameterError
from ccta_lib.schema import LEADS
from ccta_lib.simulate import DEFAULT_SETTINGS, PRETRAINING_TASKS, simulate_pretraining
from ccta_lib.simulate.pretraining import draw_hearts, findings, infarction, pretraining_settings
from ccta_lib.simulate.waves import draw_waves


def collect(**options) -> tuple[np.ndarray, np.ndarray]:
    parts = list(simulate_pretraining(**options))
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


@pytest.fixture(scope="module")
def ecgs() -> tuple[np.ndarray, np.ndarray]:
    return collect(n=150, seed=3)


def test_shapes_and_batches(ecgs: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = ecgs
    assert x.shape == (150, 12, 5000)
    assert x.dtype == y.dtype == np.float32
    assert y.shape == (150, len(PRETRAINING_TASKS["findings"]))
    assert set(np.unique(y)) == {0.0, 1.0}
    np.testing.assert_allclose(x[:, 2], x[:, 1] - x[:, 0], atol=1e-6)
    sizes = [len(a) for a, _ in simulate_pretraining(150, seed=3, batch=40)]
    assert sizes == [40, 40, 40, 30]


def test_independent_of_batch_number_and_workers(ecgs: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = collect(n=100, seed=3, batch=17)
    np.testing.assert_array_equal(x, ecgs[0][:100])
    np.testing.assert_array_equal(y, ecgs[1][:100])
    two, _ = collect(n=260, seed=3, workers=2)
    np.testing.assert_array_equal(two[:150], ecgs[0])


def test_stages_and_seeds_differ(ecgs: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = collect(n=20, seed=3, stage="infarction")
    assert y.shape == (20, 2)
    assert not (x == ecgs[0][:20]).all(axis=(1, 2)).any()
    assert not (collect(n=20, seed=4)[0] == ecgs[0][:20]).all(axis=(1, 2)).any()


def test_every_finding_occurs_and_none_dominates() -> None:
    s, rng = pretraining_settings(), np.random.default_rng(0)
    hearts = draw_hearts(20_000, s, rng)
    share = findings(hearts, draw_waves(hearts, s, rng, territory_jitter=20.0)).mean(axis=0)
    named = dict(zip(PRETRAINING_TASKS["findings"], share, strict=True))
    assert min(named.values()) > 0.02, named
    assert max(named.values()) < 0.65, named
    old, future = infarction(hearts, rng).mean(axis=0)
    assert 0.1 < old < 0.2
    assert 0.1 < future < 0.3


def test_targets_agree_with_the_leads() -> None:
    s, rng = pretraining_settings(), np.random.default_rng(1)
    hearts = draw_hearts(20_000, s, rng)
    waves = draw_waves(hearts, s, rng, territory_jitter=20.0)
    y = {name: column.astype(bool) for name, column in
         zip(PRETRAINING_TASKS["findings"], findings(hearts, waves).T, strict=True)}  # fmt: skip
    t = waves.planted[:, :, 2]
    several = sum(y[f"ischaemia {region}"].astype(int) for region in ("inferior", "anterior", "lateral")) > 1
    for region, lead in (("inferior", "aVF"), ("anterior", "V3"), ("lateral", "V6")):
        assert t[y[f"ischaemia {region}"] & ~several, LEADS.index(lead)].mean() < -0.04
    assert waves.rate[y["tachycardia"]].min() > 100
    assert (waves.amplitude[y["atrial fibrillation"]][:, :, :2] == 0).all()


def test_other_distribution_than_the_books() -> None:
    """Planted T directions scatter by the jitter; the book's do not scatter at all."""
    s, rng = pretraining_settings(), np.random.default_rng(2)
    hearts = draw_hearts(5000, s, rng)
    for name in ("infarct", "lvh", "nonspecific"):
        getattr(hearts, name)[:] = 0.0
    hearts.dose[:] = [0.0, 0.0, 1.0, 0.0]
    jittered = draw_waves(hearts, s, rng, territory_jitter=20.0).planted[:, :, 2]
    fixed = draw_waves(hearts, s, rng).planted[:, :, 2]
    spread = lambda x: (x / np.linalg.norm(x, axis=1, keepdims=True)).std(axis=0).mean()  # noqa: E731
    assert spread(jittered) > 1.3 * spread(fixed)
    for field in ("lvh_qrs", "lvh_t", "nonspecific_direction", "lead_rotation_sd", "residual", "muscle_mv"):
        assert getattr(s, field) != getattr(DEFAULT_SETTINGS, field)


def test_bad_parameters() -> None:
    with pytest.raises(ParameterError, match="stage"):
        simulate_pretraining(10, seed=1, stage="other")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="workers"):
        simulate_pretraining(10, seed=1, workers=0)
