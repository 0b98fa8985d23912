"""What a recording is once it has been read: twelve named leads in one order, millivolt, a stated rate."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import numpy as np

from ccta_lib.errors import WaveformError
from ccta_lib.schema import LEADS

# Bare names, MDC codes (ISO 11073: MDC_ECG_LEAD_AVR), "Lead I", "ECG aVF", "EKG V2", "Lead I (Einthoven)", the D
# of Spanish and Portuguese machines (DI, DII) and C for V (C1-C6). A leading minus is not taken: -aVR is another
# lead.
_LEAD = re.compile(
    r"(?:MDC[_ ]ECG[_ ]LEAD[_ ]|(?:LEAD|E[CK]G)[-_ ]?)?"
    r"(?:D?(?P<limb>I{1,3})|AV(?P<augmented>[RLF])|[VC](?P<chest>[1-6]))"
    r"(?:\s*\((?:EINTHOVEN|GOLDBERGER|WILSON)\)|[- ]REF)?",
    re.IGNORECASE,
)
# A thousand volts. Whether a voltage is plausible in a heart is judged later, and may be set; this is not one.
MOST_MILLIVOLT = 1e6
DERIVED_LEADS = ("III", "aVR", "aVL", "aVF")
_MILLIVOLT_PER_UNIT = {
    **dict.fromkeys(["v", "volt", "volts"], 1e3),
    **dict.fromkeys(["mv", "millivolt", "millivolts"], 1.0),
    # Both code points of mu occur in the wild: the micro sign and the Greek letter.
    **dict.fromkeys(["uv", "\u00b5v", "\u03bcv", "microvolt", "microvolts"], 1e-3),
    **dict.fromkeys(["nv", "nanovolt", "nanovolts"], 1e-6),
}


@dataclass(frozen=True)
class Ecg:
    """A 12-lead ECG as recorded, before resampling and cropping, and what its file says of whom and when.

    Whatever the file does not say is None. Names, birth dates and identifiers are here as the file holds them:
    taking them out is the work of `ccta cohort build`.

    Attributes
    ----------
    signal : numpy.ndarray of float32, shape (12, samples)
        Millivolt; NaN where the recording has no sample.
    sampling_hz : float
        Samples per second.
    leads : tuple of str
        `ccta_lib.schema.LEADS`, always.
    time : datetime or None
        Start of the recording, on the clock of the place.
    patient_id, patient_name : str or None
    birth_date : date or None
    age : float or None
        Years at the recording.
    sex : "F", "M" or None
    statements : tuple of str
        Interpretation by machine or physician, a line each, the latest version where the file has several.
    recording_id : str or None
        The machine's or archive's identifier of this recording.
    """

    signal: np.ndarray
    sampling_hz: float
    leads: tuple[str, ...] = LEADS
    time: datetime | None = None
    patient_id: str | None = None
    patient_name: str | None = None
    birth_date: date | None = None
    age: float | None = None
    sex: Literal["F", "M"] | None = None
    statements: tuple[str, ...] = ()
    recording_id: str | None = None

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return self.signal.shape[1] / self.sampling_hz


def lead_name(text: str) -> str | None:
    """Return the standard name of a lead however it is written, or None if it is not one of the twelve.

    >>> lead_name("avr"), lead_name("MDC_ECG_LEAD_V3"), lead_name("DII"), lead_name("vx")
    ('aVR', 'V3', 'II', None)
    """
    match = _LEAD.fullmatch(text.strip())
    if match is None:
        return None
    if match["limb"]:
        return match["limb"].upper()
    return f"aV{match['augmented'].upper()}" if match["augmented"] else f"V{match['chest']}"


def millivolt_per(unit: str) -> float | None:
    """Return how many millivolt one unit is, or None if the unit is not a voltage we know.

    Case does not matter: nobody records megavolt.
    """
    return _MILLIVOLT_PER_UNIT.get(unit.strip().lower())


def arrange(channels: np.ndarray, names: Sequence[str | None], units: Sequence[str | None], *,
            source: str, derive: bool = False) -> np.ndarray:  # fmt: skip
    """Bring a recording's channels into the standard leads, order and unit.

    Parameters
    ----------
    channels : numpy.ndarray, shape (channels, samples)
    names, units : sequences of str
        One per channel. Channels that are none of the twelve leads are left out.
    source : str
        Named in errors.
    derive : bool
        Whether III, aVR, aVL and aVF, where they are not there, are computed from I and II (Einthoven,
        Goldberger): clinical exports store eight leads, since the other four follow from them.

    Returns
    -------
    numpy.ndarray of float32, shape (12, samples)
        Millivolt, order of `LEADS`.

    Raises
    ------
    WaveformError
        If a lead is missing or occurs twice, the unit of a lead is unknown, or a value beyond any voltage.
    """
    found = [lead_name(name or "") for name in names]
    count = Counter(found)
    absent = [lead for lead in LEADS if not count[lead]]
    derivable = DERIVED_LEADS if derive and count["I"] and count["II"] else ()
    missing = [lead for lead in absent if lead not in derivable]
    faults = []
    if missing:
        there = ", ".join(str(n) for n in names) or "none"
        faults.append(f"{source}: lead {', '.join(missing)} is missing (channels: {there}); "
                      "a 12-lead recording is needed")  # fmt: skip
    double = [lead for lead in LEADS if count[lead] > 1]
    faults += [f"{source}: lead {lead} occurs {count[lead]} times; keep one" for lead in double]
    factors = [millivolt_per(unit or "") for unit in units]
    faults += [f"{source}: lead {lead} is in unit {unit!r}; expected V, mV, uV or nV"
               for lead, unit, factor in zip(found, units, factors, strict=True)
               if lead and factor is None]  # fmt: skip
    if faults:
        raise WaveformError(*faults)
    with np.errstate(over="ignore", invalid="ignore"):  # what leaves the range is refused below
        leads = {lead: channels[i].astype(np.float64) * factors[i] for i, lead in enumerate(found) if lead}
        if absent:
            leads = limb_leads(leads["I"], leads["II"]) | leads
        signal = np.stack([leads[lead] for lead in LEADS])
    refuse_impossible(signal, source=source)
    return signal.astype(np.float32)


def refuse_impossible(signal: np.ndarray, *, source: str) -> None:
    """Raise if a lead (12, samples; millivolt) goes beyond any voltage: damage, or another unit."""
    most = np.fmax(np.fmax.reduce(signal, axis=1, initial=0), -np.fmin.reduce(signal, axis=1, initial=0))
    most = most.astype(np.float64)  # half precision holds no such voltage to compare with
    faults = [f"{source}: lead {lead} reaches {value:g} mV; its gain or unit cannot be right"
              for lead, value in zip(LEADS, most, strict=True) if value > MOST_MILLIVOLT]  # fmt: skip
    if faults:
        raise WaveformError(*faults)


def limb_leads(one: np.ndarray, two: np.ndarray) -> dict[str, np.ndarray]:
    """Return III, aVR, aVL and aVF as they follow from I and II (Einthoven 1913, Goldberger 1942)."""
    return {"III": two - one, "aVR": -(one + two) / 2, "aVL": one - two / 2, "aVF": two - one / 2}
