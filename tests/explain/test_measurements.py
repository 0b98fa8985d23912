"""What an ECG machine prints: on a beat drawn by hand, and against what the simulator drew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ccta_lib.cohort.store import StoreWriter, WaveformStore
from ccta_lib.explain.measurements import (
    GLOBAL,
    MEASUREMENTS,
    measure_ecgs,
    qrs_limits,
    representative_beat,
)
from ccta_lib.explain.peaks import r_peaks
from ccta_lib.schema import LEADS
from ccta_lib.simulate import DEFAULT_SETTINGS, CohortSizes
from ccta_lib.simulate.cohort import Job, _cohort, block_signals, block_waves
from ccta_lib.simulate.waves import features

pytest.importorskip("neurokit2")

RATE_HZ, SECONDS = 500, 10


def drawn(*, cycle_ms: float = 1000.0, st_mv: float = 0.1) -> np.ndarray:
    """Twelve leads of one heart vector in the frontal plane: P at 60, QRS at 30, T at 45 degrees; ST in V2 and V5."""
    t = np.arange(RATE_HZ * SECONDS) * 1000.0 / RATE_HZ
    phase = (t - 400.0 + cycle_ms / 2) % cycle_ms - cycle_ms / 2  # R at 400 ms, and every cycle

    def bump(center: float, sd: float) -> np.ndarray:
        return np.exp(-0.5 * ((phase - center) / sd) ** 2)

    waves = [(0.15, 60.0, bump(-160.0, 18.0)), (1.2, 30.0, bump(0.0, 12.0)), (0.4, 45.0, bump(280.0, 40.0))]
    frontal = {"I": 0.0, "II": 60.0, "III": 120.0, "aVR": -150.0, "aVL": -30.0, "aVF": 90.0}
    out = np.zeros((12, t.size))
    for lead, angle in frontal.items():
        size = np.sqrt(3) / 2 if lead.startswith("aV") else 1.0
        for height, axis, wave in waves:
            out[LEADS.index(lead)] += size * height * np.cos(np.radians(axis - angle)) * wave
    plateau = 1 / (1 + np.exp(-(phase - 38) / 3)) / (1 + np.exp((phase - 160) / 3))
    for lead, shift, r in (("V2", -st_mv, 0.3), ("V5", st_mv, 1.0)):
        out[LEADS.index(lead)] = r * waves[1][2] + shift * plateau + 0.3 * waves[2][2]
    for lead in ("V1", "V3", "V4", "V6"):
        out[LEADS.index(lead)] = 0.5 * waves[1][2] + 0.2 * waves[2][2]
    return out.astype(np.float32)


def store_of(folder: Path, signals: np.ndarray) -> WaveformStore:
    writer = StoreWriter(folder, [f"e{i}" for i in range(len(signals))], key="test")
    writer.write(np.arange(len(signals)), signals)
    return writer.finish()


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    store = store_of(tmp_path_factory.mktemp("hand"), drawn()[None])
    return measure_ecgs(store, ["e0"]).iloc[0].to_dict()


def test_a_beat_drawn_by_hand(by_hand: dict[str, float]) -> None:
    assert by_hand["rate_bpm"] == pytest.approx(60.0, abs=0.2)
    assert by_hand["rr_sd_ms"] == pytest.approx(0.0, abs=0.5)
    assert by_hand["p_axis_deg"] == pytest.approx(60.0, abs=3.0)
    assert by_hand["qrs_axis_deg"] == pytest.approx(30.0, abs=3.0)
    assert by_hand["t_axis_deg"] == pytest.approx(45.0, abs=3.0)
    assert by_hand["qrs_t_angle_deg"] == pytest.approx(15.0, abs=4.0)
    assert by_hand["r_i_mv"] == pytest.approx(1.2 * np.cos(np.radians(30)), abs=0.02)
    assert by_hand["t_ii_mv"] == pytest.approx(0.4 * np.cos(np.radians(15)), abs=0.02)
    assert by_hand["t_avr_mv"] == pytest.approx(-0.4 * np.sqrt(3) / 2 * np.cos(np.radians(15)), abs=0.02)
    assert by_hand["q_avr_mv"] == pytest.approx(
        -1.2 * np.sqrt(3) / 2, abs=0.03
    )  # QRS against aVR: a QS is a Q
    assert (by_hand["r_avr_mv"], by_hand["s_avr_mv"]) == pytest.approx((0.0, 0.0), abs=0.02)
    assert by_hand["q_i_mv"] == pytest.approx(0.0, abs=0.01)
    # J lies some 35 ms after R, ST60 and ST80 on the plateau.
    for lead, sign in (("v2", -1), ("v5", 1)):
        assert by_hand[f"st60_{lead}_mv"] == pytest.approx(sign * 0.1, abs=0.012)
        assert by_hand[f"st80_{lead}_mv"] == pytest.approx(sign * 0.1, abs=0.012)
    assert by_hand["qrs_ms"] == pytest.approx(
        80.0, abs=14.0
    )  # six standard deviations of its bump, and the rise of ST
    assert by_hand["pr_ms"] == pytest.approx(178.0, abs=30.0)
    assert by_hand["qt_ms"] == pytest.approx(418.0, abs=45.0)
    assert by_hand["qtc_ms"] == pytest.approx(by_hand["qt_ms"], abs=1.0)  # Fridericia at 60 beats/min


def test_qtc_is_fridericias_and_rate_moves_qt_alone(tmp_path: Path) -> None:
    store = store_of(tmp_path, np.stack([drawn(cycle_ms=c) for c in (800.0, 1000.0)]))
    table = measure_ecgs(store, ["e1", "e0"]).set_index("ecg_id")
    assert list(table.index) == ["e1", "e0"]
    assert table.loc["e0", "rate_bpm"] == pytest.approx(75.0, abs=0.3)
    expected = table.loc["e0", "qt_ms"] / 0.8 ** (1 / 3)
    assert table.loc["e0", "qtc_ms"] == pytest.approx(expected, rel=2e-3)
    assert table.loc["e0", "qrs_ms"] == pytest.approx(table.loc["e1", "qrs_ms"], abs=4.0)


def test_no_beat_is_nan_and_neighbours_do_not_matter(tmp_path: Path, by_hand: dict[str, float]) -> None:
    flat = np.zeros((12, 5000), dtype=np.float32)
    noise = np.random.default_rng(0).normal(0, 0.2, (12, 5000)).astype(np.float32)
    table = measure_ecgs(store_of(tmp_path, np.stack([flat, drawn(), noise])), ["e0", "e1", "e2"])
    assert table.loc[0, "n_beats"] == 0
    assert table.loc[0, list(MEASUREMENTS)].isna().all()
    for name in MEASUREMENTS:
        assert table.loc[1, name] == pytest.approx(by_hand[name], abs=1e-9), name
    assert len(MEASUREMENTS) == len(GLOBAL) + 6 * 12


def test_size_scales_millivolt_and_nothing_else(tmp_path: Path, by_hand: dict[str, float]) -> None:
    double = measure_ecgs(store_of(tmp_path, 2 * drawn()[None]), ["e0"]).iloc[0]
    for name in MEASUREMENTS:
        factor, tolerance = (2.0, 3e-3) if name.endswith("_mv") else (1.0, 0.6)
        assert double[name] == pytest.approx(factor * by_hand[name], abs=tolerance), name


def test_against_what_the_simulator_drew(tmp_path: Path) -> None:
    job = Job(CohortSizes.scaled(128, 1, 1), 5, DEFAULT_SETTINGS)
    signals = np.concatenate([block_signals(job, "internal", b) for b in range(2)]) / np.float32(1000)
    cohort = _cohort(job, "internal")
    drawn_waves = [features(block_waves(cohort, b, seed=5, settings=DEFAULT_SETTINGS)[0]) for b in range(2)]
    names = drawn_waves[0][1]
    truth = np.concatenate([z for z, _ in drawn_waves])
    found = measure_ecgs(store_of(tmp_path, signals), [f"e{i}" for i in range(128)])
    sinus = truth[:, names.index("af")] == 0

    def agreement(measured: str, planted: str, rows: np.ndarray = sinus) -> float:
        return float(np.corrcoef(found.loc[rows, measured], truth[rows, names.index(planted)])[0, 1])

    assert agreement("rate_bpm", "rate") > 0.99
    assert agreement("qrs_ms", "qrs_ms") > 0.85
    assert agreement("qt_ms", "qt_ms") > 0.75
    assert agreement("pr_ms", "pr_ms") > 0.45
    assert agreement("t_v5_mv", "T V5") > 0.95
    assert agreement("r_v5_mv", "R V5") > 0.95
    assert agreement("st60_v2_mv", "ST V2") > 0.8


def test_limits_of_qrs_stop_at_a_pause() -> None:
    signal = drawn()
    beat = representative_beat(signal, r_peaks(signal[None])[0])
    onset, end = qrs_limits(beat)
    assert 125 - 25 < onset < 125 - 10
    assert 125 + 10 < end < 125 + 28
    late = beat.copy()
    late[:, 125 + 60 : 125 + 70] += 0.5  # something sharp, 120 ms after R
    assert qrs_limits(late) == (onset, end)
    assert np.isnan(representative_beat(signal, np.array([10]))).all()
