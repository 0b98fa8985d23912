"""From samples to waves and beats: where a map of one ECG is cut, summed and averaged. Torch-free.

A map is anything with one number per lead and sample of what a network sees (an attribution, a displacement, the ECG
itself), shape (leads, samples). `BINS` divides each lead into the waves of its beats and the pauses between them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ccta_lib.errors import InputError
from ccta_lib.explain.summary import WAVES

BINS = (*WAVES, "TP")
"""P, QRS, ST, T by their nominal windows around each R peak; TP is what lies in none of them."""
PAUSE = len(WAVES)
# Where two beats' windows overlap (a fast heart), the surer wave keeps the sample.
_ORDER = ("P", "ST", "T", "QRS")
PQ_MS = (-80, -60)
MAP_MS = np.arange(-250, 650, 10)
"""Times from R at which mean maps are given."""


class Beats(NamedTuple):
    """Where the beats of one ECG lie, in samples of a map.

    Attributes
    ----------
    bins : (samples,) int8, index into `BINS`
    peaks : (beats,) R peaks, samples of the map (not whole numbers)
    """

    bins: np.ndarray
    peaks: np.ndarray


def locate(peaks: np.ndarray, *, samples: int, hz: float, peaks_hz: float = 500.0) -> Beats:
    """Divide an ECG's samples into the waves of its beats.

    Parameters
    ----------
    peaks : R peaks in samples at `peaks_hz`, ascending
    samples, hz : length and rate of the map

    Raises
    ------
    InputError
        If there is no beat.
    """
    if not len(peaks):
        raise InputError("locate: no R peak; an ECG without beats has no waves, leave it out")
    at = np.asarray(peaks, dtype=float) * hz / peaks_hz
    ms = (np.arange(samples)[None, :] - at[:, None]) * 1000.0 / hz
    bins = np.full(samples, PAUSE, dtype=np.int8)
    for wave in _ORDER:
        low, high = WAVES[wave]
        bins[((ms >= low) & (ms < high)).any(axis=0)] = BINS.index(wave)
    return Beats(bins, at)


def isoelectric(signals: np.ndarray, beats: Beats, *, hz: float) -> np.ndarray:
    """Return each lead's line through the PQ segments of its beats: the ECG of a heart that makes no waves.

    Parameters
    ----------
    signals : (leads, samples)
    beats : from `locate`

    Returns
    -------
    (leads, samples), of the dtype of `signals`
        Straight between beats, level before the first and after the last.
    """
    first, end = (np.rint(beats.peaks + ms * hz / 1000.0).astype(int) for ms in PQ_MS)
    inside = (first >= 0) & (end <= signals.shape[1])
    if inside.any():
        first, last = first[inside], end[inside] - 1
    else:  # every PQ segment is cut off: the nearest samples there are
        first = last = np.clip(first, 0, signals.shape[1] - 1)
    total = np.concatenate([np.zeros((signals.shape[0], 1)), np.cumsum(signals, axis=1, dtype=float)], axis=1)
    level = (total[:, last + 1] - total[:, first]) / (last + 1 - first)
    middle, grid = (first + last) / 2.0, np.arange(signals.shape[1])
    return np.stack([np.interp(grid, middle, values) for values in level]).astype(signals.dtype)


def sum_by_wave(maps: np.ndarray, beats: Beats) -> np.ndarray:
    """Sum a map over the samples of each wave: (leads, samples) -> (leads, bins)."""
    member = np.equal.outer(beats.bins, np.arange(len(BINS)))
    return maps @ member.astype(maps.dtype)


def mean_beat(maps: np.ndarray, beats: Beats, *, hz: float) -> np.ndarray:
    """Average a map over its beats at `MAP_MS`: (leads, samples) -> (leads, times).

    Samples between those of the map are interpolated; a beat counts where it lies inside, NaN where none does.
    """
    grid = beats.peaks[:, None] + MAP_MS * hz / 1000.0
    low = np.floor(grid).astype(int)
    inside = (low >= 0) & (low + 1 < maps.shape[1])
    low = np.where(inside, low, 0)
    share = grid - low
    values = maps[:, low] * (1 - share) + maps[:, low + 1] * share
    count = inside.sum(axis=0)
    total = np.where(inside, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def bins_of_beat(ms: np.ndarray) -> np.ndarray:
    """Return the wave of each time from R of a mean beat, (times,) int8 index into `BINS`."""
    bins = np.full(len(ms), PAUSE, dtype=np.int8)
    for wave, (low, high) in WAVES.items():
        bins[(ms >= low) & (ms < high)] = BINS.index(wave)
    return bins
