"""Lead relations, and the signs that disease vectors must have in the leads (physiology, not fitted)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccta_lib.schema import LEADS
from ccta_lib.simulate.leads import DOWER, complete, lead_fields, rotations, twelve
from ccta_lib.simulate.settings import DEFAULT_SETTINGS as S


def on_leads(vector) -> dict[str, float]:
    """What a heart vector of length as given shows in each lead."""
    values = twelve((DOWER @ np.array(vector))[None, :, None])[0, :, 0]
    return dict(zip(LEADS, values, strict=True))


RCA, RCA_RV, LAD_PROXIMAL, LAD_MID, LCX = S.injury_direction


def test_published_projections() -> None:
    """Per unit vector, computed by hand from Dower's rows."""
    proximal, inferior, lateral, ischaemia = (
        on_leads(np.array(v) / np.linalg.norm(v)) for v in (LAD_PROXIMAL, RCA, LCX, S.st_direction)
    )
    assert proximal["V3"] == pytest.approx(1.34, abs=0.005)
    assert proximal["III"] == pytest.approx(-0.62, abs=0.005)
    assert inferior["III"] == pytest.approx(1.31, abs=0.005)
    assert inferior["aVL"] == pytest.approx(-0.84, abs=0.005)
    assert lateral["V2"] == pytest.approx(-1.02, abs=0.005)
    assert lateral["V6"] == pytest.approx(0.55, abs=0.005)
    assert ischaemia["V5"] == pytest.approx(-0.80, abs=0.005)
    assert ischaemia["II"] == pytest.approx(-0.87, abs=0.005)
    assert ischaemia["aVR"] == pytest.approx(0.56, abs=0.005)
    assert ischaemia["V1"] == pytest.approx(0.48, abs=0.005)


@pytest.mark.parametrize(
    ("vector", "up", "down"),
    [
        (LAD_PROXIMAL, "V1 V2 V3 V4 I aVL", "III"),
        (LAD_MID, "V2 V3 V4", ""),
        (RCA, "II III aVF", "I aVL"),
        (RCA_RV, "II III aVF V1", "aVL"),
        (LCX, "II V5 V6", "V1 V2 V3"),
        (S.st_direction, "aVR V1", "II V4 V5 V6"),
        (S.t_direction[0], "I aVL", "II III aVF"),
        (S.t_direction[1], "aVR", "II aVF V4 V5 V6"),
        (S.t_direction[2], "", "V1 V2 V3 V4"),
        (S.t_direction[3], "V1 V2", "I aVL V4 V5 V6"),
        (S.infarct_direction[0], "", "II III aVF"),
        (S.infarct_direction[2], "", "V1 V2 V3 V4"),
        (S.infarct_direction[3], "V1 V2", "I aVL V6"),
        (S.lvh_qrs[1], "I aVL V5 V6", "V1 V2"),
        (S.lvh_t[1], "aVR V1", "I V5 V6"),
        (S.rbbb_late[1], "V1 V2", "I V6"),
        (S.lbbb_direction, "I V5 V6", "V1 V2"),
        (S.t_direction_normal, "I II V2 V3 V4 V5 V6", "aVR"),
        (S.qrs_direction, "I II aVF V4 V5 V6", "aVR V1"),
    ],
)
def test_disease_points_where_it_should(vector, up: str, down: str) -> None:
    leads = on_leads(vector)
    assert [x for x in up.split() if leads[x] <= 0] == []
    assert [x for x in down.split() if leads[x] >= 0] == []


def test_localising_vectors_are_unit_and_injury_localises() -> None:
    for vector in (*S.t_direction, S.st_direction, S.t_burden_direction):
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=0.03)
    highest = {name: max(on_leads(v), key=on_leads(v).get) for name, v in
               {"lad": LAD_PROXIMAL, "rca": RCA, "lcx": LCX}.items()}  # fmt: skip
    assert highest["lad"] in {"V1", "V2", "V3"}
    assert highest["rca"] in {"II", "III", "aVF"}
    assert highest["lcx"] in {"I", "II", "aVF", "V5", "V6"}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 5.0))
def test_einthoven_and_goldberger_exact_in_whole_microvolts(seed: int, size: float) -> None:
    x = complete(np.random.default_rng(seed).normal(0.0, size, (8, 50)).astype(np.float32))
    assert x.dtype == np.int16
    one, two, three, avr, avl, avf = x[:6].astype(int)
    np.testing.assert_array_equal(three, two - one)
    np.testing.assert_array_equal(2 * avr, -(one + two))
    np.testing.assert_array_equal(2 * avl, 2 * one - two)
    np.testing.assert_array_equal(2 * avf, 2 * two - one)


def test_complete_stays_within_one_microvolt_of_the_eight_leads() -> None:
    signal = np.random.default_rng(1).normal(0.0, 1.0, (8, 400)).astype(np.float32)
    np.testing.assert_allclose(complete(signal)[[0, 1, 6, 7, 8, 9, 10, 11]] / 1000.0, signal, atol=1.001e-3)


def test_rotations_are_rotations() -> None:
    r = rotations(50, sd_degrees=20.0, rng=np.random.default_rng(2))
    np.testing.assert_allclose(r @ r.transpose(0, 2, 1), np.broadcast_to(np.eye(3), r.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(r), 1.0, atol=1e-12)


def test_lead_fields_without_nuisance_are_dowers() -> None:
    fields = lead_fields(3, shift_cm=0.0, spacing_cm=4.5, rotation_sd=0.0, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(fields, np.broadcast_to(DOWER, fields.shape))


def test_a_shift_by_one_spacing_reaches_the_neighbour() -> None:
    fixed = type("Fixed", (), {"normal": lambda self, *a, size: np.ones(size)})()
    fields = lead_fields(1, shift_cm=1.0, spacing_cm=1.0, rotation_sd=0.0, rng=fixed)[0]
    np.testing.assert_allclose(fields[2:7], DOWER[3:8], atol=1e-12)
    np.testing.assert_array_equal(fields[:2], DOWER[:2])
