"""Which recordings are no ECGs: excluded with a reason that is counted. What is merely odd is flagged and kept."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.ndimage import uniform_filter1d

from ccta_lib.cohort.store import SAMPLING_HZ, UNITS_PER_MILLIVOLT
from ccta_lib.errors import ParameterError
from ccta_lib.schema import LEADS


class Reason(StrEnum):
    """Why an ECG is excluded; the words appear in the flow diagram."""

    UNREADABLE = "unreadable recording"
    SHORT = "shorter than 10 s"
    NAN = "missing samples"
    FLAT = "flat lead"
    IMPLAUSIBLE = "implausible amplitude"
    DUPLICATE = "duplicate recording"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What counts as an ECG. Amplitudes are peak to peak over the ten seconds, in each lead.

    Attributes
    ----------
    max_mv, min_mv : float
        Millivolt; above the one or below the other in any lead is implausible.
    flat_mv : float
        Millivolt; a lead that moves no more than this (a few steps of a converter) is flat.
    einthoven_mv : float
        Millivolt; a limb-lead relation whose residual has a larger root mean square is flagged. Rounding
        leaves under 0.005; some data sets rescale each lead, so this never excludes.
    opposed_one, opposed_two : float
        Correlations of lead I, and of lead II, with V6 in the QRS band, below which limb and chest leads are
        flagged as opposed. Exchanged arm electrodes turn lead I over, right arm and leg lead II, and chest leads
        in reverse order V6. Of 324 real ECGs 3 in 100 are flagged with nothing known to be wrong.
    standstill_s : float
        Seconds; a recording of which no lead moves for longer is flagged: it was padded, or the machine paused.
    """

    max_mv: float = 20.0
    min_mv: float = 0.05
    flat_mv: float = 0.01
    einthoven_mv: float = 0.02
    opposed_one: float = -0.2
    opposed_two: float = -0.5
    standstill_s: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.flat_mv <= self.min_mv < self.max_mv:
            raise ParameterError(f"limits: flat_mv {self.flat_mv:g}, min_mv {self.min_mv:g}, max_mv {self.max_mv:g}; "
                                 "expected 0 <= flat_mv <= min_mv < max_mv")  # fmt: skip
        if not self.einthoven_mv > 0:
            raise ParameterError(f"limits: einthoven_mv {self.einthoven_mv:g}; expected more than 0")
        if not (-1 <= self.opposed_one <= 1 and -1 <= self.opposed_two <= 1 and self.standstill_s > 0):
            raise ParameterError(f"limits: opposed_one {self.opposed_one:g}, opposed_two {self.opposed_two:g}, "
                                 f"standstill_s {self.standstill_s:g}; "
                                 "expected -1 to 1, -1 to 1, more than 0")  # fmt: skip


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Verdict:
    """Outcome for one ECG: `reason` is empty for a kept one; `note` says which leads, or lists the flags."""

    reason: str
    note: str


def assess(signal: np.ndarray, *, limits: Limits = DEFAULT_LIMITS) -> Verdict:
    """Judge one ECG (DESIGN decisions 1 and 2).

    Parameters
    ----------
    signal : numpy.ndarray, shape (12, samples)
        Millivolt, leads in the order of `LEADS`.
    limits : Limits

    Returns
    -------
    Verdict
        Excluded for the first of: samples that are not finite, a flat lead, an implausible amplitude.
    """
    finite = np.isfinite(signal).all(axis=1)
    if not finite.all():
        return Verdict(Reason.NAN, _leads(~finite))
    swing = np.ptp(signal, axis=1)
    if (swing <= limits.flat_mv).any():
        return Verdict(Reason.FLAT, _leads(swing <= limits.flat_mv))
    # Far from zero counts too: beyond the store's range a recording is an offset, not a heart.
    beyond = np.abs(signal).max(axis=1) > np.iinfo(np.int16).max / UNITS_PER_MILLIVOLT
    odd = (swing > limits.max_mv) | (swing < limits.min_mv) | beyond
    if odd.any():
        return Verdict(
            Reason.IMPLAUSIBLE, f"{_leads(odd)}: {swing[odd].min():.3g} to {swing[odd].max():.3g} mV"
        )
    flags = [name for name, rms in limb_lead_residuals(signal).items() if rms > limits.einthoven_mv]
    one, two = agreement_with_v6(signal)
    if one < limits.opposed_one or two < limits.opposed_two:
        flags.append("limb_against_chest")
    if standstill(signal) > limits.standstill_s:
        flags.append("standstill")
    return Verdict("", " ".join(flags))


def limb_lead_residuals(signal: np.ndarray) -> dict[str, float]:
    """Root mean square, in millivolt, of what is left of Einthoven's and (worst of) Goldberger's relations.

    Einthoven: II = I + III. Goldberger: aVR = -(I + II)/2, aVL = (I - III)/2, aVF = (II + III)/2.
    """
    one, two, three, avr, avl, avf = signal[:6].astype(np.float64)
    left = np.stack(
        [two - one - three, avr + (one + two) / 2, avl - (one - three) / 2, avf - (two + three) / 2]
    )
    rms = np.sqrt(np.mean(left**2, axis=1))
    return {"einthoven": float(rms[0]), "goldberger": float(rms[1:].max())}


def agreement_with_v6(signal: np.ndarray) -> tuple[float, float]:
    """Correlate leads I and II with V6 in the QRS band (moving means of 0.03 s less those of 0.4 s).

    All three look at the heart from the left, so that their QRS complexes mostly point the same way.

    Parameters
    ----------
    signal : (12, 5000) millivolt, 500 Hz, every lead with some variance
    """
    x = signal[[LEADS.index(lead) for lead in ("I", "II", "V6")]].astype(np.float64)
    smooth = uniform_filter1d(x, round(0.03 * SAMPLING_HZ), axis=-1)
    band = smooth - uniform_filter1d(smooth, round(0.4 * SAMPLING_HZ), axis=-1)
    correlation = np.corrcoef(band)
    return float(correlation[0, 2]), float(correlation[1, 2])


def standstill(signal: np.ndarray) -> float:
    """Return the longest time, in seconds, for which no lead changes at all.

    Parameters
    ----------
    signal : (12, samples) millivolt, 500 Hz
    """
    moves = np.flatnonzero(np.r_[True, (np.diff(signal, axis=-1) != 0).any(axis=0), True])
    return float((np.diff(moves).max() - 1) / SAMPLING_HZ)


def _leads(which: np.ndarray) -> str:
    return " ".join(lead for lead, named in zip(LEADS, which, strict=True) if named)
