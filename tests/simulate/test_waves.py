"""What disease does to the waves: dose, direction, and what must not localise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ccta_lib.schema import LEADS
from ccta_lib.simulate import DEFAULT_SETTINGS, CohortSizes
from ccta_lib.simulate.patients import draw_cohort
from ccta_lib.simulate.waves import PLANTED_WAVES, Hearts, base_vectors, dose_of, draw_waves, features

QUIET = dataclasses.replace(
    DEFAULT_SETTINGS, lead_gain_sd=0.0, electrode_shift_cm=0.0, residual=(0.0, 0.0), injury=0.0
)
Q, ST, T = range(len(PLANTED_WAVES))


def hearts(n: int, *, seed: int = 0, **changes: np.ndarray) -> Hearts:
    """Healthy hearts, changed as asked."""
    rng = np.random.default_rng(seed)
    zero, no = np.zeros(n), np.zeros(n, dtype=bool)
    age, male = rng.normal(63, 10, n), rng.random(n) < 0.5
    healthy = Hearts(
        age=age, male=male, dose=np.zeros((n, 4)), visible=np.ones((n, 4)),
        base=base_vectors(age, male, no, DEFAULT_SETTINGS, rng), rate=np.full(n, 70.0), qrs_ms=np.full(n, 92.0),
        pr_ms=np.full(n, 160.0), qtc_ms=np.full(n, 410.0), lvh=zero, nonspecific=zero, infarct=zero,
        infarct_vessel=np.zeros(n, dtype=int), severe=no, af=no, rbbb=no, lbbb=no,
    )  # fmt: skip
    return dataclasses.replace(healthy, **changes)


def planted(dose: list[float], **changes: np.ndarray) -> np.ndarray:
    n = 400
    waves = draw_waves(hearts(n, dose=np.tile(dose, (n, 1)), **changes), QUIET, np.random.default_rng(1))
    return waves.planted.mean(axis=0)


def lead(table: np.ndarray, wave: int, names: str) -> np.ndarray:
    return np.array([table[LEADS.index(x), wave] for x in names.split()])


def test_dose_at_published_points() -> None:
    doses = dose_of(np.array([0.0, 40.0, 50.0, 70.0, 80.0, 90.0, 99.0, 100.0]), DEFAULT_SETTINGS)
    np.testing.assert_allclose(doses, [0, 0, 0.07, 0.36, 0.56, 0.78, 1.0, 1.0], atol=0.006)


def test_healthy_hearts_carry_nothing() -> None:
    assert np.abs(planted([0, 0, 0, 0])).max() == 0.0


@pytest.mark.parametrize("dose", [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 1, 1, 1]])
def test_st_depression_does_not_localise(dose: list[float]) -> None:
    change = planted(dose)[:, ST]
    reference = planted([0, 1, 0, 0])[:, ST]
    assert (lead(planted(dose), ST, "II V4 V5 V6") < 0).all()
    assert (lead(planted(dose), ST, "aVR V1") > 0).all()
    assert np.corrcoef(change, reference)[0, 1] > 0.9999


def test_left_main_and_three_vessels_depress_st_most() -> None:
    doses = {
        "RCA": [1, 0, 0, 0],
        "LM": [0, 1, 0, 0],
        "LAD": [0, 0, 1, 0],
        "LCX": [0, 0, 0, 1],
        "all": [1, 0, 1, 1],
    }
    v5 = {name: -lead(planted(dose), ST, "V5")[0] for name, dose in doses.items()}
    assert v5["all"] > v5["LM"] > max(v5["RCA"], v5["LAD"], v5["LCX"])


def test_t_change_localises() -> None:
    rca, lad, lcx = planted([1, 0, 0, 0]), planted([0, 0, 1, 0]), planted([0, 0, 0, 1])
    assert (lead(rca, T, "II III aVF") < -0.02).all()
    assert (lead(lad, T, "V1 V2 V3 V4") < -0.02).all()
    assert (lead(lcx, T, "I V5 V6") < -0.02).all()
    assert (lead(lcx, T, "V1 V2") > 0).all()
    assert np.argmin(rca[:, T]) in {LEADS.index("III"), LEADS.index("aVF"), LEADS.index("II")}
    assert LEADS[int(np.argmin(lad[:, T]))] in {"V2", "V3"}


def test_old_infarct_takes_r_and_its_territory() -> None:
    n = 400
    for vessel, names in ((0, "II III aVF"), (2, "V1 V2 V3"), (3, "I aVL V6")):
        table = planted([0, 0, 0, 0], infarct=np.full(n, 1.0), infarct_vessel=np.full(n, vessel))
        assert (lead(table, Q, names) < -0.01).all()
        assert np.abs(table[:, [ST, T]]).max() == 0.0


def test_injury_is_rare_and_only_with_severe_disease() -> None:
    cohort = draw_cohort("internal", CohortSizes.scaled(20_000, 1, 1), seed=3, settings=DEFAULT_SETTINGS)
    waves = draw_waves(cohort.hearts, DEFAULT_SETTINGS, np.random.default_rng(3))
    injured = waves.injury >= 0
    assert 0 < injured.mean() <= 0.005
    assert cohort.hearts.severe[injured].all()


def test_lead_amplitudes_are_not_of_rank_three() -> None:
    waves = draw_waves(hearts(50), DEFAULT_SETTINGS, np.random.default_rng(4))
    values = np.linalg.svd(waves.amplitude, compute_uv=False)
    assert (values[:, 3] > 0.005 * values[:, 0]).all()
    ideal = draw_waves(hearts(50), QUIET, np.random.default_rng(4))
    assert (np.linalg.svd(ideal.amplitude, compute_uv=False)[:, 3] < 1e-12).all()


def test_null_settings_leave_no_trace_and_keep_the_hearts() -> None:
    sizes, null = CohortSizes.scaled(2000, 1, 1), DEFAULT_SETTINGS.without_disease()
    ill = draw_cohort("internal", sizes, seed=5, settings=DEFAULT_SETTINGS)
    well = draw_cohort("internal", sizes, seed=5, settings=null)
    np.testing.assert_array_equal(ill.hearts.base, well.hearts.base)
    np.testing.assert_array_equal(ill.hearts.infarct, well.hearts.infarct)
    a = draw_waves(ill.hearts, DEFAULT_SETTINGS, np.random.default_rng(6))
    b = draw_waves(well.hearts, null, np.random.default_rng(6))
    assert np.abs(b.planted).max() == 0.0
    assert np.abs(a.planted).max() > 0.05
    untouched = (ill.hearts.dose == 0).all(axis=1) & (ill.hearts.infarct == 0)
    assert untouched.any()
    np.testing.assert_array_equal(a.amplitude[untouched], b.amplitude[untouched])


def test_features_hold_the_ecg_and_nothing_about_the_patient() -> None:
    waves = draw_waves(hearts(10), DEFAULT_SETTINGS, np.random.default_rng(7))
    z, names = features(waves)
    assert z.shape == (10, len(names))
    assert np.isfinite(z).all()
    assert z[3, names.index("T V5")] == waves.amplitude[3, 6, 7]
    banned = ("age", "sex", "male", "percent", "dose", "planted", "site", "diabetes")
    assert not [n for n in names if any(b in n.lower().split() for b in banned)]
