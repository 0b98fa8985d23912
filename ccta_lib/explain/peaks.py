"""R peaks: where each beat is aligned. All twelve leads vote; the paper's rule on lead II is one setting."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from scipy import fft
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from scipy.signal import find_peaks

from ccta_lib.errors import InputError
from ccta_lib.schema import LEADS

PeakRule = Literal["all leads", "paper"]
ALL_LEADS: PeakRule = "all leads"
PAPER: PeakRule = "paper"

# The paper's rule on lead II (PAPER-FACTS: Beats).
PAPER_HEIGHT, PAPER_DISTANCE_S = 0.3, 0.4

# Ours. QRS energy lies between some 8 and 30 Hz: below are P, T and wander, above are mains and muscle.
BAND_HZ = (8.0, 30.0)
LEAD_QUANTILE, LEAD_CLIP = 0.97, 3.0
ENVELOPE_S = 0.1
REFRACTORY_S = 0.25
REFERENCE_S = 2.0
THRESHOLD = 0.45
T_WAVE_S, T_WAVE_SHARE = 0.36, 0.5
ALIGN_S = 0.05


def r_peaks(
    signals: np.ndarray, *, sampling_hz: float = 500, rule: PeakRule = "all leads"
) -> list[np.ndarray]:
    """Find the beats of ECGs.

    Parameters
    ----------
    signals : (k, 12, samples) millivolt, leads as `ccta_lib.schema.LEADS`
        The scale of a lead does not matter.
    sampling_hz : samples per second
    rule : "all leads" or "paper"
        *all leads*: band-pass, scale each lead by its own size, root mean square over leads, smooth over
        `ENVELOPE_S`. A peak counts if it rises above the median by `THRESHOLD` of the way to the usual height of a
        beat (median over time of the maximum within `REFERENCE_S`), and is not a low bump soon after a high one
        (a T wave). All peaks of an ECG are then moved by one common step to where energy peaks on average, so
        that beats of one ECG stay aligned with each other. *paper*: peaks of lead II above `PAPER_HEIGHT` of its
        maximum, `PAPER_DISTANCE_S` apart.

    Returns
    -------
    list of k int64 arrays
        Sample numbers, ascending.

    Raises
    ------
    InputError
        If the shape, a sample, the rate or the rule is wrong.
    """
    if signals.ndim != 3 or signals.shape[1] != len(LEADS):
        raise InputError(f"signals: expected shape (k, {len(LEADS)}, samples), found {signals.shape}")
    if not sampling_hz > 0:
        raise InputError(f"sampling_hz: expected a positive number, found {sampling_hz}")
    if not np.isfinite(signals).all():
        raise InputError("signals: found NaN or infinite samples; exclude such ECGs with a reason")
    if rule == PAPER:
        distance = max(1, round(PAPER_DISTANCE_S * sampling_hz))
        second = signals[:, LEADS.index("II")]
        return [find_peaks(x, height=PAPER_HEIGHT * x.max(), distance=distance)[0] for x in second]
    if rule != ALL_LEADS:
        raise InputError(f"rule: found {rule!r}; use {ALL_LEADS!r} or {PAPER!r}")
    energy = _energy(signals, sampling_hz)
    return [_aligned(e, _beats(e, sampling_hz), sampling_hz) for e in energy]


def _energy(signals: np.ndarray, hz: float) -> np.ndarray:
    """Mean over leads of the squared band-passed signal, each lead in units of its own QRS; (k, samples)."""
    n = signals.shape[-1]
    x = signals.astype(np.float32)
    # Removing the line from first to last sample keeps a drift from ringing where the circle closes.
    ramp = np.linspace(0, 1, n, dtype=np.float32)
    x -= x[..., :1] + (x[..., -1:] - x[..., :1]) * ramp
    f = fft.rfftfreq(n, 1 / hz)
    gain = np.exp(-0.5 * (f / BAND_HZ[1]) ** 2) * -np.expm1(-0.5 * (f / BAND_HZ[0]) ** 2)
    x = fft.irfft(fft.rfft(x) * gain.astype(np.float32), n)
    size = np.quantile(np.abs(x[..., ::3]), LEAD_QUANTILE, axis=-1, keepdims=True)
    x /= np.maximum(size, np.finfo(np.float32).tiny)
    np.clip(x, -LEAD_CLIP, LEAD_CLIP, out=x)
    return np.einsum("klt,klt->kt", x, x) / x.shape[1]


def _beats(energy: np.ndarray, hz: float) -> np.ndarray:
    envelope = uniform_filter1d(np.sqrt(energy), round(ENVELOPE_S * hz))
    usual = np.median(maximum_filter1d(envelope, round(REFERENCE_S * hz)))
    rest = np.median(envelope)
    height = rest + THRESHOLD * (usual - rest)
    beats: list[int] = []
    for peak in find_peaks(envelope, height=height, distance=max(1, round(REFRACTORY_S * hz)))[0]:
        soon = beats and peak - beats[-1] < T_WAVE_S * hz
        if not (soon and envelope[peak] < T_WAVE_SHARE * envelope[beats[-1]]):
            beats.append(int(peak))
    return np.array(beats, dtype=np.int64)


def _aligned(energy: np.ndarray, beats: np.ndarray, hz: float) -> np.ndarray:
    reach = round(ALIGN_S * hz)
    inner = beats[(beats >= reach) & (beats < energy.size - reach)]
    if not inner.size:
        return beats
    steps = np.arange(-reach, reach + 1)
    step = steps[np.sqrt(energy[inner[:, None] + steps]).mean(axis=0).argmax()]
    return np.clip(beats + step, 0, energy.size - 1)


class PeakScore(NamedTuple):
    """Counts of a comparison with marked beats; add them up over ECGs."""

    marked: int
    found: int
    matched: int

    @property
    def sensitivity(self) -> float:
        """Share of marked beats that were found; NaN if none is marked."""
        return self.matched / self.marked if self.marked else float("nan")

    @property
    def precision(self) -> float:
        """Share of found beats that are marked; NaN if none was found."""
        return self.matched / self.found if self.found else float("nan")


def score_peaks(
    marked: np.ndarray, found: np.ndarray, *, sampling_hz: float = 500, tolerance_ms: float = 75
) -> PeakScore:
    """Compare found beats with marked ones, one to one, in order of time.

    Parameters
    ----------
    marked, found : sample numbers, ascending
        Annotators often leave out a recording's ends, so found beats before the first or after the last mark
        (by more than the tolerance) are not judged.
    tolerance_ms : largest distance of a pair
    """
    reach = tolerance_ms * sampling_hz / 1000
    if not len(marked):
        return PeakScore(0, 0, 0)
    judged = [f for f in found if marked[0] - reach <= f <= marked[-1] + reach]
    matched = i = j = 0
    while i < len(marked) and j < len(judged):
        gap = judged[j] - marked[i]
        pair = abs(gap) <= reach
        matched += int(pair)
        i, j = i + (pair or gap > 0), j + (pair or gap < 0)
    return PeakScore(len(marked), len(judged), matched)
