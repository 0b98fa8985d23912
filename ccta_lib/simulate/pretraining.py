"""Simulated ECGs for pretraining: other hearts, chests and diseases than the book's cohort.

Stage "findings" asks for general ECG findings, stage "infarction" for an old or a future infarct (Methods,
transfer learning). Disease is far commoner than in a clinic, its vectors are turned by 20 degrees (sd) in
each ECG, and the heart is turned in the chest: a network pretrained here has not seen the book's cohort.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ccta_lib.errors import ParameterError
from ccta_lib.parallel import in_order
from ccta_lib.schema import LEADS
from ccta_lib.simulate.leads import twelve
from ccta_lib.simulate.reading import qrs_complex
from ccta_lib.simulate.settings import DEFAULT_SETTINGS, Settings
from ccta_lib.simulate.synthesis import synthesise
from ccta_lib.simulate.waves import P1, ST, Hearts, R, T, Waves, base_vectors, draw_waves

Stage = Literal["findings", "infarction"]
BLOCK = 64
TERRITORY_JITTER = 20.0

PRETRAINING_TASKS: dict[str, tuple[str, ...]] = {
    "findings": (
        "atrial fibrillation", "ventricular ectopic beats", "atrial ectopic beats", "right bundle branch block",
        "left bundle branch block", "left ventricular hypertrophy", "T inversion anterior", "T inversion inferior",
        "T inversion lateral", "low T anterior", "low T inferior", "low T lateral", "ST depression inferior",
        "ST depression lateral", "ST elevation anterior", "ischaemia inferior", "ischaemia anterior",
        "ischaemia lateral", "diffuse subendocardial ischaemia", "old infarction inferior",
        "old infarction anterior", "old infarction lateral", "tachycardia", "bradycardia", "left axis deviation",
        "right axis deviation", "low voltage", "long QT", "first-degree AV block", "wide QRS-T angle",
    ),
    "infarction": ("old infarction", "future infarction"),
}  # fmt: skip
"""Names of the targets, in the order of the columns."""


def pretraining_settings() -> Settings:
    """Return the settings of the pretraining hearts: wider than the book's in every respect."""
    return dataclasses.replace(
        DEFAULT_SETTINGS, qrs_direction_sd=0.32, qrs_spread=0.25, t_direction_sd=0.16, t_spread=0.30, st_sd=0.03,
        lvh_size=(3.0, 0.4), lvh_qrs=(0.45, (0.70, -0.05, 0.75)), lvh_t=(0.14, (-0.85, -0.20, -0.40)),
        nonspecific_size=(2.0, 0.06), nonspecific_direction=(-0.55, -0.75, 0.10), lead_gain_sd=0.18,
        lead_rotation_sd=12.0, electrode_shift_cm=1.4, residual=(0.03, 0.10), wander_mv=(0.02, 0.25),
        mains_mv=(0.0, 0.03), muscle_mv=(0.003, 0.045), heart_rate_sd=(12.0, 6.0), pvc=0.08, pac=0.08,
        t_change=0.22, t_burden=0.02, st_change=0.06, infarct_q=0.20, injury=0.03,
    )  # fmt: skip


def simulate_pretraining(
    n: int, *, seed: int, stage: Stage = "findings", workers: int = 1, batch: int = BLOCK
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Simulate ECGs with targets for pretraining, one batch at a time.

    Parameters
    ----------
    n : int
        Number of ECGs.
    seed : int
        The stages draw different ECGs from the same seed.
    stage : "findings" or "infarction"
    workers : int
        Processes; the ECGs do not depend on it.
    batch : int
        ECGs per yield; the ECGs do not depend on it.

    Yields
    ------
    signals : float32 array, shape (k, 12, 5000)
        Millivolt, 500 Hz.
    targets : float32 array, shape (k, tasks)
        0 or 1, columns as `PRETRAINING_TASKS[stage]`.

    Raises
    ------
    ParameterError
        If a number is out of range or the stage unknown.
    """
    faults = [f"{name}: found {value!r}; give a whole number of at least {low}"
              for name, value, low in (("n", n, 1), ("seed", seed, 0), ("workers", workers, 1), ("batch", batch, 1))
              if not isinstance(value, int) or value < low]  # fmt: skip
    if stage not in PRETRAINING_TASKS:
        faults.append(f"stage: found {stage!r}; use findings or infarction")
    if faults:
        raise ParameterError(*faults)
    return _batches(n, seed, stage, workers, batch)


def _batches(
    n: int, seed: int, stage: Stage, workers: int, batch: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    waiting: list[tuple[np.ndarray, np.ndarray]] = []
    held = 0
    for signals, targets in _blocks(n, seed, stage, workers):
        waiting.append((signals, targets))
        held += len(signals)
        while held >= batch:
            x, y = (np.concatenate(part) for part in zip(*waiting, strict=True))
            yield x[:batch].astype(np.float32) / np.float32(1000.0), y[:batch]
            waiting, held = [(x[batch:], y[batch:])], held - batch
    if held:
        x, y = (np.concatenate(part) for part in zip(*waiting, strict=True))
        yield x.astype(np.float32) / np.float32(1000.0), y


def _blocks(n: int, seed: int, stage: Stage, workers: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    jobs = [(seed, stage, block, min(BLOCK, n - block * BLOCK)) for block in range(-(-n // BLOCK))]
    return in_order(_block, jobs, workers=min(workers, max(1, len(jobs) // 2)))


def _block(seed: int, stage: Stage, block: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples (int16 microvolt) and targets of one block; runs in a worker process."""
    s = pretraining_settings()
    code = list(PRETRAINING_TASKS).index(stage)
    rng = np.random.default_rng([seed, 101, code, block])
    hearts = draw_hearts(BLOCK, s, rng)
    waves = draw_waves(hearts, s, rng, territory_jitter=TERRITORY_JITTER)
    targets = findings(hearts, waves) if stage == "findings" else infarction(hearts, rng)
    noise = rng.uniform(0.5, 1.5, BLOCK)
    with threadpool_limits(1):
        signals = [
            synthesise(
                waves, i, s, np.random.default_rng([seed, 102, code, block * BLOCK + i]), noise=noise[i]
            )
            for i in range(n)
        ]
    return np.stack(signals), targets[:n]


def draw_hearts(n: int, s: Settings, rng: np.random.Generator) -> Hearts:
    """Draw hearts of any age with disease in about every second, vessels independent."""
    age = rng.uniform(25.0, 90.0, n)
    male = rng.random(n) < 0.5
    ill = rng.random((n, 4)) < np.array([0.16, 0.06, 0.16, 0.16])
    dose = np.where(ill, rng.uniform(0.15, 1.0, (n, 4)), 0.0)
    infarct = np.where(rng.random(n) < 0.15, rng.gamma(*s.infarct_size, n), 0.0)
    return Hearts(
        age=age,
        male=male,
        dose=dose,
        visible=np.exp(rng.normal(0.0, 0.4, (n, 4))),
        base=base_vectors(age, male, rng.random(n) < 0.2, s, rng),
        rate=rng.normal(75.0, 14.0, n),
        qrs_ms=rng.normal(95.0, 9.0, n),
        pr_ms=rng.normal(165.0, 24.0, n),
        qtc_ms=rng.normal(415.0, 24.0, n),
        lvh=np.where(rng.random(n) < 0.15, rng.gamma(*s.lvh_size, n), 0.0),
        nonspecific=np.where(rng.random(n) < 0.2, rng.gamma(*s.nonspecific_size, n), 0.0),
        infarct=infarct,
        infarct_vessel=rng.choice([0, 2, 3], n),
        severe=np.any(ill, axis=1),
        af=rng.random(n) < 0.08,
        rbbb=rng.random(n) < 0.07,
        lbbb=rng.random(n) < 0.05,
    )


_REGIONS = {
    "inferior": [LEADS.index(x) for x in ("II", "III", "aVF")],
    "anterior": [LEADS.index(x) for x in ("V1", "V2", "V3", "V4")],
    "lateral": [LEADS.index(x) for x in ("I", "aVL", "V5", "V6")],
}


def findings(h: Hearts, w: Waves) -> np.ndarray:
    """State the general findings of each ECG, float32 (n, 30): what its leads show and what was planted."""
    leads, qrs = twelve(w.amplitude), qrs_complex(w)
    t, st, r, s_wave = leads[:, :, T], leads[:, :, ST], qrs.max(axis=2), qrs.min(axis=2)
    net = qrs.sum(axis=2)

    def two(marked: np.ndarray, region: str) -> np.ndarray:
        return marked[:, _REGIONS[region]].sum(axis=1) >= 2

    low_t = t < 0.1 * (r - s_wave)
    seen = h.dose * h.visible
    axis = np.rad2deg(np.arctan2(net[:, 5] * 2 / np.sqrt(3), net[:, 0]))
    t_axis = np.rad2deg(np.arctan2(t[:, 5] * 2 / np.sqrt(3), t[:, 0]))
    angle = np.abs((axis - t_axis + 180.0) % 360.0 - 180.0)
    qtc = (w.center[:, T] + 2 * w.right[:, T] + 40.0) / np.cbrt(60.0 / w.rate)
    columns = [
        w.af, w.n_pvc > 0, w.n_pac > 0, w.rbbb, w.lbbb, w.lvh > 0,
        two(t < -0.05, "anterior"), two(t < -0.03, "inferior"), two(t < -0.03, "lateral"),
        two(low_t, "anterior"), two(low_t, "inferior"), two(low_t, "lateral"),
        two(st < -0.05, "inferior"), two(st < -0.05, "lateral"), two(st > 0.1, "anterior"),
        seen[:, 0] > 0.3, seen[:, 2] > 0.3, seen[:, 3] > 0.3, w.burden > 0.6,
        (h.infarct > 0) & (h.infarct_vessel == 0), (h.infarct > 0) & (h.infarct_vessel == 2),
        (h.infarct > 0) & (h.infarct_vessel == 3), w.rate > 100.0, w.rate < 55.0, axis < -30.0, axis > 90.0,
        (r - s_wave)[:, :6].max(axis=1) < 0.6, qtc > 450.0,
        ~w.af & (w.center[:, R] - w.center[:, P1] + 0.0 > 200.0), angle > 90.0,
    ]  # fmt: skip
    return np.column_stack(columns).astype(np.float32)


def infarction(h: Hearts, rng: np.random.Generator) -> np.ndarray:
    """State old infarcts and draw future ones, whose chance rises with dose and age; float32 (n, 2)."""
    worst = (h.dose * h.visible).max(axis=1)
    log_odds = -2.6 + 3.0 * np.minimum(worst, 1.2) + 0.3 * (h.age - 60.0) / 10.0 + 0.5 * (h.infarct > 0)
    future = rng.random(len(worst)) < 1.0 / (1.0 + np.exp(-log_odds))
    return np.column_stack([h.infarct > 0, future]).astype(np.float32)
