"""What befalls an ECG between the patient and the network: noise, electrodes, rates, lengths, gain, polarity.

Every function takes ECGs in millivolt, (n, 12, samples) in the order of `LEADS`, and returns new ones. Noise and
exchanged cables enter at the electrodes, as they do in a patient, so that Einthoven's and Goldberger's relations
hold afterwards; faults of an export enter at the leads.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import resample_poly

from ccta_lib.errors import ParameterError
from ccta_lib.schema import LEADS
from ccta_lib.simulate.leads import LIMB
from ccta_lib.simulate.settings import DEFAULT_SETTINGS
from ccta_lib.simulate.synthesis import ELECTRODES

ELECTRODE_NAMES = ("RA", "LA", "LL", "C1", "C2", "C3", "C4", "C5", "C6")
INDEPENDENT_ROWS = (0, 1, 6, 7, 8, 9, 10, 11)
"""Rows of `LEADS` that hold I, II and V1-V6."""

# Twelve leads from nine electrodes; and back, with the central terminal (the mean of RA, LA and LL) at zero.
LEADS_FROM_ELECTRODES = np.concatenate([LIMB @ ELECTRODES[:2], ELECTRODES[2:]]).astype(np.float32)
ELECTRODES_FROM_LEADS = np.zeros((9, 12), dtype=np.float32)
ELECTRODES_FROM_LEADS[:3, :2] = np.array([[-1, -1], [2, -1], [-1, 2]]) / 3
ELECTRODES_FROM_LEADS[3:, 6:] = np.eye(6)


def wander(
    signals: np.ndarray, millivolt: float, *, sampling_hz: float = 500, generator: np.random.Generator
) -> np.ndarray:
    """Add baseline wander: at each electrode three slow waves, 0.05 to 0.30 Hz, as in the simulator.

    Parameters
    ----------
    signals : (n, 12, samples) millivolt
    millivolt : size; the simulator's own recordings have 0.05 to 0.15
        A bipolar lead's wander has a root mean square of `millivolt` / sqrt(2) on average.
    sampling_hz : samples per second
    generator : draws frequencies, phases and sizes
    """
    n, _, samples = signals.shape
    time = np.arange(samples) / sampling_hz
    frequency = generator.uniform(*DEFAULT_SETTINGS.wander_hz, (n, 3, 1))
    weight = generator.normal(0.0, millivolt / np.sqrt(12.0), (n, 9, 6))
    angle = 2 * np.pi * frequency * time
    waves = np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
    return _add(signals, weight @ waves)


def mains(
    signals: np.ndarray,
    millivolt: float,
    *,
    mains_hz: float = 50.0,
    sampling_hz: float = 500,
    generator: np.random.Generator,
) -> np.ndarray:
    """Add mains hum, of its own size and phase at each electrode, as in the simulator.

    Parameters
    ----------
    signals : (n, 12, samples) millivolt
    millivolt : size; the simulator's own recordings have 0 to 0.02
    mains_hz : 50, or 60 in the Americas
    sampling_hz : samples per second
    generator : draws sizes and phases
    """
    n, _, samples = signals.shape
    angle = 2 * np.pi * mains_hz * np.arange(samples) / sampling_hz
    weight = generator.normal(0.0, 0.7 * millivolt / np.sqrt(2.0), (n, 9, 2))
    return _add(signals, weight @ np.stack([np.sin(angle), np.cos(angle)]))


def muscle(signals: np.ndarray, millivolt: float, *, generator: np.random.Generator) -> np.ndarray:
    """Add muscle noise: white, of its own size at each electrode, as in the simulator.

    Parameters
    ----------
    signals : (n, 12, samples) millivolt
    millivolt : typical standard deviation in a bipolar lead; the simulator's own recordings have 0.005 to 0.03
    generator : draws the noise
    """
    n, _, samples = signals.shape
    size = millivolt / np.sqrt(2.0) * np.exp(generator.normal(0.0, 0.3, (n, 9, 1)))
    return _add(signals, size * generator.standard_normal((n, 9, samples), dtype=np.float32))


def _add(signals: np.ndarray, at_electrodes: np.ndarray) -> np.ndarray:
    return signals + LEADS_FROM_ELECTRODES @ at_electrodes.astype(np.float32)


def flat_leads(signals: np.ndarray, leads: Sequence[str]) -> np.ndarray:
    """Set leads to zero: a cable that is off, as most machines and exports write it."""
    out = signals.copy()
    out[:, [LEADS.index(lead) for lead in leads]] = 0.0
    return out


def floating_leads(
    signals: np.ndarray, leads: Sequence[str], millivolt: float, *, generator: np.random.Generator
) -> np.ndarray:
    """Replace chest leads by the noise an electrode without contact picks up, white, of a standard deviation in mV.

    Raises
    ------
    ParameterError
        If a lead is no chest lead: a limb electrode without contact changes every lead.
    """
    wrong = [lead for lead in leads if not lead.startswith("V")]
    if wrong:
        raise ParameterError(
            f"floating leads: found {', '.join(wrong)}; only V1 to V6 have an electrode each"
        )
    out = signals.copy()
    rows = [LEADS.index(lead) for lead in leads]
    shape = (len(signals), len(rows), signals.shape[-1])
    out[:, rows] = millivolt * generator.standard_normal(shape, dtype=np.float32)
    return out


def exchange_electrodes(signals: np.ndarray, placed: dict[str, str]) -> np.ndarray:
    """Put electrodes where others belong, and derive all leads anew.

    Parameters
    ----------
    signals : (n, 12, samples) millivolt, of which I, II and V1-V6 are used
    placed : cable -> site it was put on, for the misplaced ones, e.g. {"RA": "LA", "LA": "RA"}

    Returns
    -------
    (n, 12, samples)
        In which Einthoven's and Goldberger's relations hold, as in a real exchange.

    Raises
    ------
    ParameterError
        If cables and sites are not the same electrodes, or a limb cable is put on the chest.
    """
    limb, faults = ELECTRODE_NAMES[:3], []
    unknown = sorted({*placed, *placed.values()} - set(ELECTRODE_NAMES))
    if unknown:
        faults.append(f"electrodes: found {', '.join(unknown)}; they are {' '.join(ELECTRODE_NAMES)}")
    elif sorted(placed) != sorted(placed.values()):
        faults.append(f"electrodes: {placed} is no exchange; each site needs one cable")
    elif any((cable in limb) != (site in limb) for cable, site in placed.items()):
        faults.append(f"electrodes: {placed} puts a limb cable on the chest; the central terminal would move")
    if faults:
        raise ParameterError(*faults)
    order = [ELECTRODE_NAMES.index(placed.get(name, name)) for name in ELECTRODE_NAMES]
    return (LEADS_FROM_ELECTRODES @ ELECTRODES_FROM_LEADS[order]) @ signals.astype(np.float32)


def exchange_leads(signals: np.ndarray, one: str, other: str) -> np.ndarray:
    """Exchange two leads in the file: an export's fault, which no exchange of cables makes."""
    out, rows = signals.copy(), [LEADS.index(one), LEADS.index(other)]
    out[:, rows] = out[:, rows[::-1]]
    return out


def invert(signals: np.ndarray, leads: Sequence[str] = LEADS) -> np.ndarray:
    """Turn leads upside down."""
    out, rows = signals.copy(), [LEADS.index(lead) for lead in leads]
    out[:, rows] *= -1.0
    return out


def at_rate(signals: np.ndarray, hz: int, *, sampling_hz: int = 500) -> np.ndarray:
    """Record at another rate, with an anti-alias filter: (n, 12, samples x hz / sampling_hz)."""
    divisor = int(np.gcd(hz, sampling_hz))
    return resample_poly(signals, hz // divisor, sampling_hz // divisor, axis=-1, padtype="line").astype(
        np.float32
    )


def first_seconds(signals: np.ndarray, seconds: float, *, sampling_hz: float = 500) -> np.ndarray:
    """Keep the beginning of each recording."""
    return signals[..., : round(seconds * sampling_hz)].copy()


def padded(signals: np.ndarray, samples: int) -> np.ndarray:
    """Lengthen recordings with zeros."""
    return np.pad(signals, [(0, 0), (0, 0), (0, samples - signals.shape[-1])])


def repeated(signals: np.ndarray, samples: int) -> np.ndarray:
    """Lengthen recordings by playing them again from the start."""
    return np.take(signals, np.arange(samples) % signals.shape[-1], axis=-1)
