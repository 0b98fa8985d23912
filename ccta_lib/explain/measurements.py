"""What an ECG machine prints: rate, intervals, axes, and in each lead Q, R, S, ST and T.

All are measured on one representative beat, the median of an ECG's aligned beats. P and T are delineated by
neurokit2 on the magnitude of that beat's vector; the limits of QRS are where the vector's velocity rises from
and falls back to rest, because neurokit2's, which end at the nearest local minima, do not follow the duration
of QRS in a magnitude that never goes below zero.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from ccta_lib.cohort.waveforms import SAMPLING_HZ, WaveformStore
from ccta_lib.errors import MissingExtraError
from ccta_lib.explain.beats import AFTER, BEFORE, ISOELECTRIC_MS, cut_beats
from ccta_lib.explain.peaks import r_peaks
from ccta_lib.schema import LEADS

CHUNK = 64  # ECGs in memory, and in one call of the delineator, at a time
INDEPENDENT = (0, 1, 6, 7, 8, 9, 10, 11)  # I, II, V1-V6: the others follow from them
VELOCITY_SD_MS = 6.0
# Velocity above rest, as a share of its peak above rest, that belongs to QRS; a pause as long as a gap ends it.
VELOCITY_SHARE = 0.05
SEARCH_MS = (-120, 200)
GAP_MS = (12, 16)
ST_MS = (60, 80)
T_REACH_MS = 60
ST_HALF_WIDTH_MS = 4
QS_SHARE = 0.1  # of the depth of QRS, below which its height is no R wave
CYCLE_MS = (500, 1500)  # shortest and longest cycle of the beat shown to the delineator
COPIES = 3

GLOBAL = ("rate_bpm", "rr_sd_ms", "pr_ms", "qrs_ms", "qt_ms", "qtc_ms", "p_axis_deg", "qrs_axis_deg",
          "t_axis_deg", "qrs_t_angle_deg")  # fmt: skip
WAVE_NAMES = ("q", "r", "s", "st60", "st80", "t")
MEASUREMENTS = (*GLOBAL, *(f"{wave}_{lead.lower()}_mv" for wave in WAVE_NAMES for lead in LEADS))
"""Columns of `measure_ecgs`, in order."""


def measure_ecgs(
    store: WaveformStore, ecg_ids: Sequence[str], *, progress: Callable[..., None] | None = None
) -> pd.DataFrame:
    """Measure ECGs as an ECG machine does.

    Parameters
    ----------
    store : waveforms, 500 Hz, millivolt
    ecg_ids : ECGs that the store kept
    progress : `progress(done, total, note)` in ECGs

    Returns
    -------
    DataFrame
        One row per ECG in the order asked for: `ecg_id`, `n_beats`, and `MEASUREMENTS` in beats/min, ms, degrees
        (frontal plane, -180 to 180; the QRS-T angle 0 to 180) and millivolt above the PQ segment. QTc is
        Fridericia's. NaN in an ECG without a complete beat, and where a wave was not found.

    Raises
    ------
    MissingExtraError
        If neurokit2 is not installed.
    """
    ids = [str(i) for i in ecg_ids]
    parts = []
    for start in range(0, len(ids), CHUNK):
        parts.append(_measure(store.signals(ids[start : start + CHUNK])))
        if progress is not None:
            progress(min(start + CHUNK, len(ids)), len(ids), "measuring ECGs")
    values = np.concatenate(parts) if parts else np.empty((0, 1 + len(MEASUREMENTS)))
    table = pd.DataFrame(values, columns=["n_beats", *MEASUREMENTS]).astype({"n_beats": int})
    table.insert(0, "ecg_id", ids)
    return table


def representative_beat(signal: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Return the median of the complete beats above its PQ segment: (12, samples) -> (12, 450) at 500 Hz.

    NaN without a complete beat.
    """
    beats = cut_beats(signal, peaks)
    if not len(beats):
        return np.full((len(LEADS), BEFORE + AFTER), np.nan)
    beat = np.median(beats, axis=0)
    first, last = (_sample(ms) for ms in ISOELECTRIC_MS)
    return np.asarray(beat - beat[:, first : last + 1].mean(axis=1, keepdims=True), dtype=float)


def qrs_limits(beat: np.ndarray) -> tuple[int, int]:
    """Return onset and end of QRS (J) as sample numbers of a representative beat (12, 450)."""
    sd = VELOCITY_SD_MS * SAMPLING_HZ / 1000
    velocity = np.linalg.norm(gaussian_filter1d(beat[list(INDEPENDENT)], sd, axis=1, order=1), axis=0)
    first, last = (_sample(ms) for ms in SEARCH_MS)
    quiet_first, quiet_last = _sample(SEARCH_MS[0]), _sample(ISOELECTRIC_MS[0])
    rest = np.median(velocity[quiet_first:quiet_last])
    peak = int(np.argmax(velocity[BEFORE - 20 : BEFORE + 21])) + BEFORE - 20
    above = velocity > rest + VELOCITY_SHARE * (velocity[peak] - rest)
    gaps = [round(ms * SAMPLING_HZ / 1000) for ms in GAP_MS]
    onset = peak - _reach(above[first : peak + 1][::-1], gaps[0])
    return onset, peak + _reach(above[peak : last + 1], gaps[1])


def _reach(above: np.ndarray, gap: int) -> int:
    """Return the last true place before the first run of `gap` false ones; the first place is true."""
    places = np.flatnonzero(above)
    breaks = np.flatnonzero(np.diff(places) > gap)
    return int(places[breaks[0]] if breaks.size else places[-1])


def _sample(ms: float) -> int:
    return round(ms * SAMPLING_HZ / 1000) + BEFORE


def _measure(signals: np.ndarray) -> np.ndarray:
    """Measure k ECGs (k, 12, 5000): (k, 1 + measurements)."""
    out = np.full((len(signals), 1 + len(MEASUREMENTS)), np.nan)
    peaks = r_peaks(signals)
    beats = [representative_beat(s, p) for s, p in zip(signals, peaks, strict=True)]
    intervals = [np.diff(p) * 1000.0 / SAMPLING_HZ for p in peaks]
    out[:, 0] = [len(cut_beats(s, p)) for s, p in zip(signals, peaks, strict=True)]
    usable = [i for i in range(len(signals)) if out[i, 0] > 0]
    if usable:
        cycles = [float(np.median(intervals[i])) if intervals[i].size else np.nan for i in usable]
        waves = delineate([beats[i] for i in usable], cycles)
        for row, i in enumerate(usable):
            out[i, 1:] = _of_beat(beats[i], intervals[i], waves[row])
    return out


def delineate(beats: Sequence[np.ndarray], cycles_ms: Sequence[float]) -> np.ndarray:
    """Find P and T of representative beats with neurokit2, many in one call.

    Each beat's vector magnitude, repeated at its own cycle length, is what the delineator sees; the copy in the
    middle counts.

    Parameters
    ----------
    beats : (12, 450) each
    cycles_ms : median RR interval of each; NaN where there is none

    Returns
    -------
    float array, shape (k, 5)
        Onset, peak and end of P, peak and end of T: sample numbers of the beat, NaN where not found.

    Notes
    -----
    Method "prominence" (Emrich et al. 2024): its others take from 0.1 to 1 s per ECG.
    """
    nk = _neurokit()
    pieces, marks, position = [np.zeros(_length(CYCLE_MS[1]))], [], _length(CYCLE_MS[1])
    for beat, cycle in zip(beats, cycles_ms, strict=True):
        curve = _one_cycle(np.linalg.norm(beat[list(INDEPENDENT)], axis=0), cycle)
        for copy in range(COPIES):
            marks.append(position + copy * curve.size + BEFORE)
        pieces.append(np.tile(curve, COPIES))
        position += COPIES * curve.size
    pieces.append(np.zeros(_length(CYCLE_MS[1])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on waves it does not find, which stay NaN
        _, found = nk.ecg_delineate(
            np.concatenate(pieces), np.array(marks), sampling_rate=SAMPLING_HZ, method="prominence"
        )
    names = ("ECG_P_Onsets", "ECG_P_Peaks", "ECG_P_Offsets", "ECG_T_Peaks", "ECG_T_Offsets")
    middle = slice(COPIES // 2, None, COPIES)
    places = np.array([np.array(found[name], dtype=float)[middle] for name in names]).T
    return np.asarray(places - np.array(marks)[middle, None] + BEFORE)


def _length(ms: float) -> int:
    return round(ms * SAMPLING_HZ / 1000)


def _one_cycle(curve: np.ndarray, cycle_ms: float) -> np.ndarray:
    """Cut or lengthen a beat to one cycle that begins and ends at the same level."""
    size = curve.size if np.isnan(cycle_ms) else _length(float(np.clip(cycle_ms, *CYCLE_MS)))
    if size > curve.size:
        return np.r_[curve, np.linspace(curve[-1], curve[0], size - curve.size, endpoint=False)]
    return np.asarray(curve[:size] - np.linspace(0.0, curve[size - 1] - curve[0], size))


def _of_beat(beat: np.ndarray, intervals: np.ndarray, waves: np.ndarray) -> np.ndarray:
    """Return the measurements of one ECG."""
    ms = 1000.0 / SAMPLING_HZ
    onset, end = qrs_limits(beat)
    p_on, _, p_off, t_peak, t_off = waves
    rr = float(np.median(intervals)) if intervals.size else np.nan
    qt = (t_off - onset) * ms
    p, t = _span(p_on, p_off), _span(t_peak - _length(T_REACH_MS), t_peak + _length(T_REACH_MS))
    axes = [_axis(beat, p), _axis(beat, slice(onset, end + 1)), _axis(beat, t)]
    angle = abs((axes[1] - axes[2] + 180.0) % 360.0 - 180.0)
    spread = float(intervals.std(ddof=1)) if intervals.size > 1 else np.nan
    values = [60_000.0 / rr, spread, (onset - p_on) * ms, (end - onset) * ms, qt, qt / np.cbrt(rr / 1000.0),
              *axes, angle]  # fmt: skip
    return np.concatenate([values, _amplitudes(beat, onset, end, t).ravel()])


def _span(first: float, last: float) -> slice | None:
    """Return whole samples inside the beat, None where a limit is unknown."""
    if np.isnan(first) or np.isnan(last):
        return None
    inside = np.clip([first, last], 0, BEFORE + AFTER - 1).astype(int)
    return slice(int(inside[0]), int(inside[1]) + 1) if inside[1] > inside[0] else None


def _axis(beat: np.ndarray, part: slice | None) -> float:
    """Frontal axis in degrees from the net areas in I and aVF (an augmented lead is sqrt(3)/2 of its axis)."""
    if part is None:
        return float("nan")
    area = beat[:, part].sum(axis=1)
    return float(
        np.degrees(np.arctan2(area[LEADS.index("aVF")] * 2.0 / np.sqrt(3.0), area[LEADS.index("I")]))
    )


def _amplitudes(beat: np.ndarray, onset: int, end: int, t: slice | None) -> np.ndarray:
    """Q, R, S, ST60, ST80 and T of each lead, millivolt, (6, 12)."""
    qrs = beat[:, onset : end + 1]
    # A complex that is all negative is a QS, which counts as Q: else the edge nearer zero would decide by chance.
    all_negative = qrs.max(axis=1) < QS_SHARE * -qrs.min(axis=1)
    top = np.where(all_negative, qrs.shape[1] - 1, qrs.argmax(axis=1))
    place = np.arange(qrs.shape[1])
    half = round(ST_HALF_WIDTH_MS * SAMPLING_HZ / 1000)
    rows: list[Any] = [
        np.minimum(np.where(place <= top[:, None], qrs, 0.0).min(axis=1), 0.0),
        np.maximum(qrs.max(axis=1), 0.0),
        np.minimum(np.where(place > top[:, None], qrs, 0.0).min(axis=1), 0.0),
    ]
    for ms in ST_MS:
        at = end + _length(ms)
        rows.append(beat[:, at - half : at + half + 1].mean(axis=1))
    if t is None:
        rows.append(np.full(len(LEADS), np.nan))
    else:
        wave = beat[:, t]
        rows.append(np.take_along_axis(wave, np.abs(wave).argmax(axis=1)[:, None], axis=1)[:, 0])
    return np.array(rows)


def _neurokit() -> Any:
    try:
        import neurokit2
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "classical ECG measurements need neurokit2; install everything: pip install 'ccta-lib[all]'"
        ) from error
    return neurokit2
