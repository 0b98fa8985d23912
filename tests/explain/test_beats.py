"""Beats are cut, scaled and averaged as defined; a patient counts once, by the examination that stands for him."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import zscore

from ccta_lib.cohort.store import StoreWriter, WaveformStore
from ccta_lib.errors import InputError
from ccta_lib.explain import beats as module
from ccta_lib.explain.beats import (
    BEAT_MS,
    COLUMNS,
    cut_beats,
    make_beats,
    patient_beats,
    patient_groups,
    scaled_beats,
)
from ccta_lib.schema import LEADS, VESSELS

RNG = np.random.default_rng(3)


def ecg(rate: float, t_mv: float, *, rng: np.random.Generator) -> np.ndarray:
    """One ECG of sharp R waves and T waves of a given height, R at a known size per lead, (12, 5000) mV."""
    t = np.arange(5000) / 500
    x = np.zeros(5000)
    for r in np.arange(0.4, 9.9, 60 / rate):
        x += np.exp(-0.5 * ((t - r) / 0.012) ** 2) + t_mv * np.exp(-0.5 * ((t - r - 0.28) / 0.04) ** 2)
    return (x * np.linspace(0.5, 1.5, 12)[:, None] + rng.normal(0, 0.005, (12, 5000))).astype(np.float32)


@pytest.fixture
def run(tmp_path: Path) -> tuple[pd.DataFrame, WaveformStore, np.ndarray]:
    """Four patients: p0 with two examinations, p1 with two ECGs of one, p2 excluded from the store, p3."""
    rows = [("a", "p0", "x0", 1, 0.1), ("b", "p0", "x9", 9, 0.5), ("c", "p1", "x1", 1, 0.2), ("d", "p1", "x1", 1, 0.3),
            ("e", "p2", "x2", 1, 0.4), ("f", "p3", "x3", 1, 0.6)]  # fmt: skip
    rng = np.random.default_rng(1)
    signals = np.stack([ecg(60 + 5 * i, row[4], rng=rng) for i, row in enumerate(rows)])
    writer = StoreWriter(tmp_path / "store", [r[0] for r in rows], key="k")
    writer.write([0, 1, 2, 3, 5], signals[[0, 1, 2, 3, 5]])
    writer.exclude(4, "flat lead")
    grades = ["severe", "normal", "mild", "mild", "normal", None]
    table = pd.DataFrame({
        "ecg_id": [r[0] for r in rows], "patient_id": [r[1] for r in rows], "exam_id": [r[2] for r in rows],
        "cohort": "internal", "ccta_time": pd.Timestamp("2024-01-01") + pd.to_timedelta([r[3] for r in rows], unit="D"),
        "ecg_time": pd.Timestamp("2024-01-01"), "age": 60.0, "sex": "F",
        **{v.prob_column: [0.15, 0.9, 0.1, 0.3, 0.5, 0.14] for v in VESSELS},
        **{v.grade_column: pd.array(grades, dtype="string") for v in VESSELS},
    })  # fmt: skip
    return table, writer.finish(), signals


def test_the_window_by_hand() -> None:
    signal = np.tile(np.arange(5000), (12, 1))
    beats = cut_beats(signal, np.array([124, 125, 2000, 4675, 4676]))
    assert beats.shape == (3, 12, 450)
    assert beats[:, 0, 125].tolist() == [125, 2000, 4675]  # R itself; the first and last are incomplete
    assert (beats[1, 0, 0], beats[1, 0, -1]) == (2000 - 125, 2000 + 324)


def test_kept_times_are_those_of_the_samples() -> None:
    ramp = np.broadcast_to((np.arange(450) - 125) * 2.0, (1, 12, 450))  # its value is its time in ms
    found = scaled_beats(ramp)["millivolt"][0, 0]
    assert (BEAT_MS[0], BEAT_MS[-1], np.diff(BEAT_MS).tolist()) == (-248, 648, [4] * 224)
    np.testing.assert_allclose(found, BEAT_MS + 70)  # measured from the PQ segment, -80 to -60 ms


@given(st.integers(0, 2**31), st.floats(0.05, 20), st.floats(-5, 5))
def test_z_scores(seed: int, size: float, offset: float) -> None:
    beats = np.random.default_rng(seed).normal(size=(3, 12, 450))
    expected = zscore(beats, axis=-1)[..., 1::2]
    np.testing.assert_allclose(scaled_beats(beats)["z-score"], expected, atol=1e-9)
    np.testing.assert_allclose(scaled_beats(beats * size + offset)["z-score"], expected, atol=1e-6)
    np.testing.assert_allclose(scaled_beats(beats * size + offset)["millivolt"],
                               size * scaled_beats(beats)["millivolt"], atol=1e-6)  # fmt: skip


def test_a_beat_with_a_flat_lead_is_left_out() -> None:
    beats = RNG.normal(size=(3, 12, 450))
    beats[1, 7] = 0.3
    for found in scaled_beats(beats).values():
        assert found.shape == (2, 12, 225)
        assert np.isfinite(found).all()


def test_one_beat_per_patient(run: tuple[pd.DataFrame, WaveformStore, np.ndarray]) -> None:
    table, store, _ = run
    patients = patient_beats(table, store)
    assert patients.table["patient_id"].tolist() == ["p0", "p1", "p3"]
    assert patients.table["exam_id"].tolist() == ["x0", "x1", "x3"]
    np.testing.assert_allclose(patients.table["prob_rca"], [0.15, 0.2, 0.14])
    # p1's two ECGs at 70 and 75: the median interval lies between; p0's is that of his first examination.
    np.testing.assert_allclose(patients.table["rate_bpm"], [60, 72.5, 85], atol=2.6)
    t_wave = patients.beats["millivolt"][:, :, np.flatnonzero(BEAT_MS == 280)[0]] / np.linspace(0.5, 1.5, 12)
    # Stored to a microvolt; every lead shows the T wave of its ECGs: .1, the mean of .2 and .3, .6.
    np.testing.assert_allclose(t_wave.mean(axis=1), [0.1, 0.252, 0.6], atol=0.01)
    r = patients.beats["z-score"][:, :, np.flatnonzero(BEAT_MS == 0)[0]]
    assert (r > 4).all()
    assert patients.paper_rule.sensitivity == 1


def test_chunks_do_not_matter(
    run: tuple[pd.DataFrame, WaveformStore, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, store, _ = run
    calls: list[tuple[int, int]] = []
    whole = patient_beats(table, store, progress=lambda done, total, note: calls.append((done, total)))
    assert calls == [(4, 4)]
    monkeypatch.setattr(module, "CHUNK", 1)
    single = patient_beats(table, store)
    for scale in whole.beats:
        np.testing.assert_array_equal(whole.beats[scale], single.beats[scale])
    pd.testing.assert_frame_equal(whole.table, single.table)


def test_what_was_planted_joins_by_patient(run: tuple[pd.DataFrame, WaveformStore, np.ndarray]) -> None:
    table, store, _ = run
    truth = pd.DataFrame(
        {"ecg_id": list("fedcba"), "lvh": [0, 9, 0, 0.5, 9, 0.0], "planted_t_i_mv": [6, 9, 4, 2, 9, 1.0]}
    )
    patients = patient_beats(table, store, truth=truth)
    assert patients.table["lvh"].tolist() == [False, True, False]
    assert patients.table["planted_t_i_mv"].tolist() == [1, 3, 6]


def test_groups(run: tuple[pd.DataFrame, WaveformStore, np.ndarray]) -> None:
    table, store, _ = run
    groups = patient_groups(patient_beats(table, store).table)
    assert groups["RCA", "score"].tolist() == [1, 1, 0]  # at the threshold is high
    assert groups["LM", "score"].tolist() == [1, 1, 1]
    np.testing.assert_array_equal(groups["LAD", "label"], [1, 0, np.nan])


def test_the_beats_table_is_contract_2(run: tuple[pd.DataFrame, WaveformStore, np.ndarray]) -> None:
    table, store, _ = run
    patients = patient_beats(table, store)
    made = make_beats(patients, n_permutations=9, vessels=["RCA", "LM"])
    assert tuple(made.columns[:7]) == COLUMNS
    assert set(made["vessel"]) == {"RCA", "LM"}
    assert set(made.loc[made["vessel"] == "LM", "group"]) == {"high", "positive", "negative"}  # nobody is low
    high = made[(made["vessel"] == "RCA") & (made["group"] == "high")]
    assert len(high) == len(LEADS) * BEAT_MS.size
    assert (high["n"] == 2).all()
    two = patients.beats["z-score"][:2]
    line = high[high["lead"] == "V4"]
    np.testing.assert_allclose(line["mean"], two.mean(axis=0)[LEADS.index("V4")], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(line["sd"], two.std(axis=0, ddof=1)[LEADS.index("V4")], rtol=1e-4, atol=1e-6)
    alone = made[(made["vessel"] == "RCA") & (made["group"] == "low")]
    assert alone["sd"].isna().all()


def test_wrong_input(run: tuple[pd.DataFrame, WaveformStore, np.ndarray]) -> None:
    table, store, _ = run
    with pytest.raises(InputError, match="external"):
        patient_beats(table, store, cohort="external")
    with pytest.raises(InputError, match="scale"):
        make_beats(patient_beats(table, store), scale="volt")  # type: ignore[arg-type]
