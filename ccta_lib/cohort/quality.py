"""Which recordings are no ECGs: excluded with a reason that is counted. What is merely odd is flagged and kept."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ccta_lib.cohort.store import UNITS_PER_MILLIVOLT
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
    """

    max_mv: float = 20.0
    min_mv: float = 0.05
    flat_mv: float = 0.01
    einthoven_mv: float = 0.02

    def __post_init__(self) -> None:
        if not 0 <= self.flat_mv <= self.min_mv < self.max_mv:
            raise ParameterError(f"limits: flat_mv {self.flat_mv:g}, min_mv {self.min_mv:g}, max_mv {self.max_mv:g}; "
                                 "expected 0 <= flat_mv <= min_mv < max_mv")  # fmt: skip
        if not self.einthoven_mv > 0:
            raise ParameterError(f"limits: einthoven_mv {self.einthoven_mv:g}; expected more than 0")


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
    residuals = limb_lead_residuals(signal)
    return Verdict("", " ".join(name for name, rms in residuals.items() if rms > limits.einthoven_mv))


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


def _leads(which: np.ndarray) -> str:
    return " ".join(lead for lead, named in zip(LEADS, which, strict=True) if named)
