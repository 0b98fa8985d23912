"""Percent stenosis of each vessel, and what the CCTA report makes of it."""

from __future__ import annotations

import numpy as np

from ccta_lib.schema import GRADE_BOUNDARIES
from ccta_lib.simulate.settings import PerVessel, Settings


def stenosis(
    liability: np.ndarray,
    noise: np.ndarray,
    swap: np.ndarray,
    severe: PerVessel,
    settings: Settings,
    patient: np.ndarray,
    weight: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Map liabilities to percent stenosis; cut so that what the reader reports has the wanted prevalence.

    Parameters
    ----------
    liability : (patients, 4)
    noise : (exams, 4)
        Reading error, percentage points.
    swap : (exams,) int
        Which two of RCA, LAD, LCX are exchanged in the report (0-2), or -1.
    severe : four floats
        Wanted share of severe or occluded, weighted.
    patient, weight : (exams,)
        Row of `liability` of each exam, and its ECGs.

    Returns
    -------
    percent : (patients, 4)
        The truth.
    read : (exams, 4)
        The report.
    """
    s = settings
    n = len(liability)
    w = np.bincount(patient, weight, minlength=n)
    above = np.empty_like(liability)
    for v in range(4):
        order = np.argsort(-liability[:, v], kind="stable")
        total = np.cumsum(w[order])
        above[order, v] = (total - 0.5 * w[order]) / total[-1]
    share = np.array(severe)

    def percents(shares: np.ndarray) -> np.ndarray:
        return np.stack([_percent(above[:, v], v, float(shares[v]), s) for v in range(4)], axis=1)

    def observed(shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        percent = percents(shares)
        read = _read(percent[patient], noise, swap)
        positive = np.average(read >= GRADE_BOUNDARIES[2], axis=0, weights=weight)
        return read, positive

    # Reading noise and swaps of vessels move the prevalence: bisection on what is observed, vessel by vessel,
    # and once more because a swap couples the vessels.
    best = share.copy()
    for width in (1.0, 0.1):
        for v in range(4):
            reach = width * (2.0 * share[v] + 0.02)
            low, high = max(best[v] - reach, 0.0), min(best[v] + reach, 0.95)
            errors = {}
            for _ in range(16):
                best[v] = (low + high) / 2.0
                excess = observed(best)[1][v] - share[v]
                errors[abs(excess)] = best[v]
                low, high = (best[v], high) if excess < 0 else (low, best[v])
            best[v] = errors[min(errors)]
    return percents(best), observed(best)[0]


def _percent(above: np.ndarray, vessel: int, severe: float, s: Settings) -> np.ndarray:
    """Percent stenosis from the share of ECGs with a higher liability, piecewise linear between grades."""
    lower = np.array([s.share_normal[vessel], s.share_mild[vessel], s.share_moderate[vessel]])
    lower = lower / lower.sum() * (1.0 - severe)
    occluded = severe * s.share_occluded[vessel] / (s.share_occluded[vessel] + s.share_severe[vessel])
    knots = np.array([0.0, lower[0], lower[0] + lower[1], 1.0 - severe, 1.0 - occluded, 1.0])
    return np.interp(1.0 - above, knots, [0.0, *GRADE_BOUNDARIES, 100.0])


_PAIRS = np.array([(0, 2), (0, 3), (2, 3)])


def _read(percent: np.ndarray, noise: np.ndarray, swap: np.ndarray) -> np.ndarray:
    """What the reader reports: noise, and two vessels exchanged in some reports. An occlusion is seen as such."""
    occluded = percent >= GRADE_BOUNDARIES[3]
    read = np.where(occluded, percent, np.clip(percent + noise, 0.0, GRADE_BOUNDARIES[3] - 0.5))
    rows = np.flatnonzero(swap >= 0)
    pairs = _PAIRS[swap[rows]]
    read[rows[:, None], pairs] = read[rows[:, None], pairs[:, ::-1]]
    return read
