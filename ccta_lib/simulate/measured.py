"""A lower limit of the attainable AUC: what a plain model of the waveform reaches on many fresh ECGs.

R peaks are found on the samples, the median beat of eight leads is taken every 10 ms, and its principal
components go into the same estimator as the ideal observer's features. It sees wander, mains, muscle noise
and faults as any model does, and nothing a model could not see.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from ccta_lib.parallel import in_order
from ccta_lib.simulate.cohort import Job, block_signals

LEADS_USED = (0, 1, 6, 7, 8, 9, 10, 11)
BEFORE, AFTER, STEP = 150, 260, 5
"""Samples of the beat before and after R, and between measurements (500 Hz)."""


def r_peaks(signal: np.ndarray) -> np.ndarray:
    """Find R peaks as maxima of the slope over all leads, at least 0.3 s apart.

    Parameters
    ----------
    signal : float array, shape (leads, samples), 500 Hz

    Returns
    -------
    int array of sample numbers
    """
    slope = uniform_filter1d(np.abs(np.diff(signal, axis=1, prepend=signal[:, :1])).sum(axis=0), 25)
    slope = slope - np.median(slope)
    summit = slope == maximum_filter1d(slope, 151)
    return np.flatnonzero(summit & (slope > 0.35 * np.quantile(slope, 0.98)))


def median_beat(signal: np.ndarray) -> np.ndarray:
    """Measure one ECG: median beat of eight leads, mean and spread of RR; shape (8 * 82 + 2,).

    The beat's level is set to zero just before QRS.
    """
    x = uniform_filter1d(signal[list(LEADS_USED)].astype(np.float32), STEP, axis=1)
    peaks = r_peaks(signal[list(LEADS_USED)].astype(np.float32))
    whole = peaks[(peaks >= BEFORE) & (peaks < signal.shape[1] - AFTER)]
    if whole.size == 0:
        return np.zeros(len(LEADS_USED) * ((BEFORE + AFTER) // STEP) + 2, dtype=np.float32)
    beats = np.stack([x[:, p - BEFORE : p + AFTER : STEP] for p in whole])
    level = beats[:, :, 19:22].mean(axis=2, keepdims=True)
    rr = np.diff(peaks) / 500.0
    rhythm = [rr.mean(), rr.std()] if rr.size else [0.0, 0.0]
    return np.concatenate([np.median(beats - level, axis=0).ravel(), rhythm]).astype(np.float32)


def _measure(job: Job, name: str, block: int) -> np.ndarray:
    return np.stack([median_beat(signal / np.float32(1000.0)) for signal in block_signals(job, name, block)])


def measure_cohort(
    job: Job, name: str, *, workers: int = 1, progress: Callable[..., None] | None = None
) -> np.ndarray:
    """Simulate the waveforms of one cohort and measure each; samples are not kept.

    Returns
    -------
    float32 array, shape (n, 658)
    """
    blocks = [b for b in job.blocks() if b[0] == name]
    out: list[np.ndarray] = []
    arguments = [(job, name, number) for _, number, _, _ in blocks]
    for (_, _, _, stop), part in zip(blocks, in_order(_measure, arguments, workers=workers), strict=True):
        out.append(part)
        if progress is not None:
            progress(stop, blocks[-1][3], f"measuring {name} ECGs")
    return np.concatenate(out)
