"""From waves to samples: 12 leads, 500 Hz, 10 s.

An ECG is one matrix product. Rows of a time-course matrix (each wave over all beats, ectopic beats,
fibrillatory waves, wander, mains, the noise of nine electrodes) are weighted per lead. Noise enters at the
electrodes, so Einthoven's and Goldberger's relations hold for it too.
"""

from __future__ import annotations

import numpy as np

from ccta_lib.simulate.leads import complete
from ccta_lib.simulate.settings import Settings
from ccta_lib.simulate.waves import P1, P2, ST, WAVES, T, Waves

HZ = 500
SAMPLES = 5000
PAD = 900
"""Samples kept on both sides while beats are placed, so that a wave may begin before or end after the ECG."""

_TIME = (np.arange(SAMPLES) / HZ).astype(np.float32)
_WAVES, _PVC, _PAC = slice(0, 8), slice(8, 11), 11
_AF = slice(12, 14)
_SLOW = slice(14, 22)
_NOISE = slice(22, 31)
ROWS = 31

# Leads from electrodes RA, LA, LL, C1-C6: I = LA - RA, II = LL - RA, Vi = Ci - (RA + LA + LL) / 3.
ELECTRODES = np.zeros((8, 9), dtype=np.float32)
ELECTRODES[0, [0, 1]] = -1.0, 1.0
ELECTRODES[1, [0, 2]] = -1.0, 1.0
ELECTRODES[2:, :3] = -1.0 / 3.0
ELECTRODES[2:, 3:] = np.eye(6)

# Reach of each wave around its center, in samples.
_REACH = {P1: (30, 30), P2: (30, 30), ST: (25, 210), T: (110, 80)}
_QRS_REACH = (40, 40)


def beat_times(w: Waves, i: int, s: Settings, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw R times (s) and beat types of one ECG, including beats just outside it.

    Returns
    -------
    times : float array, shape (beats,)
    kinds : int array, shape (beats,)
        0 conducted, 1 ventricular ectopic, 2 atrial ectopic.
    """
    mean = 60.0 / float(w.rate[i])
    count = int(12.5 / mean) + 4
    if w.af[i]:
        least, shape, floor = s.af_rr
        rr = np.maximum(mean * (least + (1.0 - least) * rng.gamma(shape, 1.0 / shape, count)), floor)
    else:
        spread = rng.uniform(*s.rr_spread)
        breath = rng.uniform(*s.breaths_hz)
        phase = 2 * np.pi * (breath * mean * np.arange(count) + rng.random())
        rr = mean * (1.0 + 0.5 * spread * rng.normal(size=count) + spread * np.sin(phase))
    times = np.cumsum(rr) - rr[0] - 0.9 + rng.random() * mean
    kinds = np.zeros(count, dtype=int)
    inside = np.flatnonzero((times > 0.8) & (times < 9.3))
    for kind, number in ((1, int(w.n_pvc[i])), (2, int(w.n_pac[i]))):
        for b in rng.permutation(inside)[:number]:
            if kinds[b - 1 : b + 2].any():
                continue
            kinds[b] = kind
            early = rng.uniform(*s.ectopic_early) * (times[b] - times[b - 1])
            # A ventricular beat leaves the sinus node alone (full pause), an atrial one resets it.
            times[b if kind == 1 else slice(b, None)] -= early
            if kind == 2:
                times[b + 1 :] += s.pac_reset * early
    return times, kinds


def _courses(w: Waves, i: int, s: Settings, rng: np.random.Generator) -> np.ndarray:
    """Time courses of the waves, unit amplitude, float32, shape (ROWS, samples)."""
    buffer = np.zeros((12, SAMPLES + 2 * PAD), dtype=np.float32)
    times, kinds = beat_times(w, i, s, rng)
    keep = (times > -0.85) & (times < 10.6)
    times, kinds = times[keep], kinds[keep]
    factor = 1.0 + s.beat_spread * rng.standard_normal((len(times), 8))
    base = np.rint(times * HZ).astype(int)
    offset = times * HZ - base
    for wave in range(len(WAVES)):
        if not w.amplitude[i, :, wave].any():
            continue
        before, after = _REACH.get(wave, _QRS_REACH)
        center = w.center[i, wave] * HZ / 1000.0
        middle = int(np.rint(center))
        grid = np.arange(-before, after, dtype=np.float32)
        x = grid[None, :] - (offset + (center - middle))[:, None].astype(np.float32)
        left, right = w.left[i, wave] * HZ / 1000.0, w.right[i, wave] * HZ / 1000.0
        if wave == ST:
            end = (w.st_end[i] - w.center[i, ST]) * HZ / 1000.0
            shape = 0.5 * (np.tanh(x / np.float32(left)) - np.tanh((x - np.float32(end)) / np.float32(right)))
        else:
            scaled = x * np.where(x < 0, np.float32(1.0 / left), np.float32(1.0 / right))
            shape = np.exp(np.float32(-0.5) * scaled * scaled)
        shape *= factor[:, wave, None].astype(np.float32)
        for b, kind in enumerate(kinds):
            if kind == 1:
                continue
            # An ectopic atrial beat has a P wave of its own.
            row = _PAC if kind == 2 and wave in (P1, P2) else wave
            start = base[b] + middle - before + PAD
            buffer[row, start : start + grid.size] += shape[b]
    _ventricular_beats(buffer, base[kinds == 1])
    out = np.empty((ROWS, SAMPLES), dtype=np.float32)
    breath = rng.uniform(*s.respiration) * np.sin(
        2 * np.pi * (rng.uniform(*s.breaths_hz) * _TIME + rng.random())
    )
    np.multiply(buffer[:, PAD:-PAD], (1.0 + breath).astype(np.float32), out=out[:12])
    return out


_PVC_GRID = np.arange(-80, 260, dtype=np.float32)
_PVC_SHAPES = np.stack([
    np.exp(-0.5 * (_PVC_GRID / 12.0) ** 2),
    np.exp(-0.5 * ((_PVC_GRID - 22.0) / 13.0) ** 2),
    np.exp(-0.5 * ((_PVC_GRID - 150.0) / np.where(_PVC_GRID < 150.0, 38.0, 24.0)) ** 2),
]).astype(np.float32)  # fmt: skip


def _ventricular_beats(buffer: np.ndarray, base: np.ndarray) -> None:
    for b in base:
        start = b + PAD - 80
        buffer[_PVC, start : start + _PVC_GRID.size] += _PVC_SHAPES


def synthesise(w: Waves, i: int, s: Settings, rng: np.random.Generator, *, noise: float = 1.0) -> np.ndarray:
    """Make the samples of one ECG.

    Parameters
    ----------
    w : Waves
    i : int
        Row of `w`.
    noise : float
        Factor on wander, mains and muscle noise.

    Returns
    -------
    int16 array, shape (12, 5000)
        Microvolt, 500 Hz, leads as `ccta_lib.schema.LEADS`.
    """
    courses = _courses(w, i, s, rng)
    weight = np.zeros((8, ROWS), dtype=np.float32)
    weight[:, _WAVES] = w.amplitude[i]
    weight[:, _PVC] = w.pvc_amplitude[i]
    weight[:, _PAC] = w.amplitude[i][:, [P1, P2]] @ np.array(s.pac_p)
    if w.af[i]:
        _fibrillation(courses, weight, s, rng)
    else:
        courses[_AF] = 0.0
    _recording(courses, weight, s, noise, rng)
    signal = weight @ courses
    if rng.random() < s.electrode_fault:
        _fault(signal, s, rng)
    return complete(signal)


def _fibrillation(courses: np.ndarray, weight: np.ndarray, s: Settings, rng: np.random.Generator) -> None:
    """Fibrillatory waves with wandering phase, largest in V1 and II."""
    size = rng.uniform(*s.af_mv)
    pattern = np.array([0.4, 0.8, 1.2, 0.7, 0.4, 0.3, 0.25, 0.25])
    for row in range(2):
        drift = np.cumsum(rng.normal(0.0, 0.5, 51))
        drift = np.interp(_TIME, np.linspace(0, 10, 51), drift)
        angle = 2 * np.pi * rng.uniform(*s.af_hz) * _TIME + drift
        courses[12 + row] = np.sin(angle) + 0.35 * np.sin(2 * angle)
        weight[:, 12 + row] = size * pattern * rng.normal(0.8, 0.25, 8)


def _recording(
    courses: np.ndarray, weight: np.ndarray, s: Settings, noise: float, rng: np.random.Generator
) -> None:
    """Add wander, mains and muscle noise, each electrode with its own."""
    slow = courses[_SLOW]
    frequency = rng.uniform(*s.wander_hz, 3)
    for k in range(3):
        angle = np.float32(2 * np.pi * frequency[k]) * _TIME
        np.sin(angle, out=slow[2 * k])
        np.cos(angle, out=slow[2 * k + 1])
    angle = np.float32(2 * np.pi * 50.0) * _TIME
    np.sin(angle, out=slow[6])
    np.cos(angle, out=slow[7])
    electrodes = np.zeros((9, 8))
    electrodes[:, :6] = rng.normal(0.0, 1.0, (9, 6)) * (noise * rng.uniform(*s.wander_mv) / np.sqrt(12.0))
    mains = noise * rng.uniform(*s.mains_mv) / np.sqrt(2.0)
    electrodes[:, 6:] = mains * rng.normal(0.0, 0.7, (9, 2))
    weight[:, _SLOW] = ELECTRODES @ electrodes
    rng.standard_normal((9, SAMPLES), dtype=np.float32, out=courses[_NOISE])
    muscle = noise * rng.uniform(*s.muscle_mv) * np.exp(rng.normal(0.0, 0.3, 9)) / np.sqrt(2.0)
    weight[:, _NOISE] = ELECTRODES * muscle.astype(np.float32)


def _fault(signal: np.ndarray, s: Settings, rng: np.random.Generator) -> None:
    """Exchange the arm electrodes, or let one electrode be loose for a second or two."""
    if rng.random() < s.fault_swap:
        # With RA and LA exchanged, I turns over and II becomes the former III.
        signal[1] -= signal[0]
        signal[0] *= -1.0
        return
    start, length = rng.integers(0, SAMPLES - 1000), rng.integers(400, 1000)
    walk = np.cumsum(rng.normal(0.0, 0.05, length)) * np.hanning(length) + rng.normal(0.0, 0.08, length)
    loose = ELECTRODES[:, rng.integers(0, 9), None]
    signal[:, start : start + length] += (loose * walk).astype(np.float32)
