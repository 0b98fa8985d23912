"""EDF and EDF+C (European Data Format), read by `edfio`.

- Channels that are none of the twelve leads (annotations, markers, respiration) are left out; III, aVR, aVL and aVF
  are computed where they are not there.
- Whom and when: the EDF+ header's patient and recording fields. Annotations at the very start are statements.
- Not read: EDF+D (a recording with gaps) and BDF, which EEG machines write; each is refused in one line.
"""

from __future__ import annotations

import warnings
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ccta_lib.cohort.formats.base import agreed_rate, check_size, refuse_row
from ccta_lib.cohort.formats.fields import clean, sex_of
from ccta_lib.cohort.recording import Ecg, arrange, lead_name
from ccta_lib.errors import MissingExtraError, WaveformError

_BDF = b"\xffBIOSEMI"
_MOST_SIGNALS = 512
_FIRST_YEAR = 1985  # EDF writes two digits of the year, counted from here
# edfio meets a broken header with whatever its parsing stumbles over.
_STUMBLES = (ValueError, LookupError, TypeError, AttributeError, NameError, OSError, ArithmeticError, MemoryError,
             EOFError)  # fmt: skip


def matches(path: Path, head: bytes) -> bool:
    """Whether the first bytes are those of an EDF or BDF header."""
    return head[:8] in (b"0".ljust(8), _BDF) and len(head) >= 256 and head[252:256].strip().isdigit()


def read(path: Path, stated: float | None, row: int | None) -> Ecg:
    """Read a recording; see `ccta_lib.cohort.read_ecg`."""
    refuse_row(path, row, "an EDF file")
    records = _checked_header(path)
    try:
        import edfio
    except ImportError as error:
        raise MissingExtraError("reading EDF needs edfio: pip install 'ccta-lib[exports]'") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a count of records, which is checked above
            edf = edfio.read_edf(path, lazy_load_data=True, header_encoding="latin-1")
        leads = [s for s in edf.signals if lead_name(s.label)]
        rates = sorted({float(s.sampling_frequency) for s in leads})
        length = max((s.samples_per_data_record * records for s in leads), default=0)
        if len(rates) > 1:
            raise WaveformError(f"{path}: its leads are sampled at {', '.join(f'{r:g}' for r in rates)} Hz; "
                                "expected one rate")  # fmt: skip
        if leads:
            check_size(path, len(leads), length)
        channels = np.stack([_physical(s) for s in leads]) if leads else np.empty((0, 0))
        names = [s.label for s in leads] or [s.label for s in edf.signals]
        units = [s.physical_dimension for s in leads] if leads else [None] * len(names)
        said = _said(edf)
    except _STUMBLES as error:
        raise WaveformError(f"{path}: not a readable EDF file ({error})") from error
    signal = arrange(channels, names, units, source=str(path), derive=True)
    return Ecg(signal=signal, sampling_hz=agreed_rate(path, stated, rates[0]), **said)


def _checked_header(path: Path) -> int:
    """Compare what the header declares with the size of the file; return the number of data records."""
    with open(path, "rb") as stream:
        head = stream.read(256)
        if head[:8] == _BDF:
            raise WaveformError(f"{path}: BDF (24 bits), which is not read; convert it to EDF")
        if head[192:197] == b"EDF+D":
            raise WaveformError(f"{path}: EDF+D, a recording with gaps; export it continuous (EDF+C)")
        try:
            header_bytes, records, signals = int(head[184:192]), int(head[236:244]), int(head[252:256])
            seconds = float(head[244:252])
            if not 0 < seconds < 1e9:
                raise ValueError(f"data records of {seconds:g} s")
            if not 1 <= signals <= _MOST_SIGNALS or header_bytes != 256 * (signals + 1):
                raise ValueError(f"{signals} signals in a header of {header_bytes} bytes")
            stream.seek(256 + 216 * signals)
            per_record = [int(stream.read(8)) for _ in range(signals)]
        except ValueError as error:
            raise WaveformError(f"{path}: not a readable EDF header ({error})") from error
    held = path.stat().st_size - header_bytes
    needed = 2 * sum(per_record)
    if min(per_record) < 0 or needed <= 0:
        raise WaveformError(f"{path}: declares records of {needed} bytes; not a readable EDF header")
    # -1 stands for "not counted", which a recorder leaves behind when it is switched off.
    declared = held // needed if records == -1 else records
    if declared < 1 or held != declared * needed:
        raise WaveformError(f"{path}: declares {declared} records of {needed} bytes and holds {held} bytes; "
                            "the file is cut short or damaged, export it again")  # fmt: skip
    return declared


def _physical(signal: Any) -> np.ndarray:
    """Return a channel in its unit, float64; edfio's own scaling rounds to single precision."""
    low, high = signal.physical_range
    least, most = signal.digital_range
    if not (np.isfinite([low, high]).all() and low != high and least < most):
        raise ValueError(f"{signal.label}: physical range {low:g} to {high:g}, digital {least} to {most}")
    return (signal.digital.astype(np.float64) - least) * ((high - low) / (most - least)) + low


def _said(edf: Any) -> dict:
    """Whom and when; plain EDF has free text there, which says neither."""
    said: dict[str, Any] = {"time": _start(edf)}
    local = str(edf.local_patient_identification).split()
    if len(local) >= 4:
        said["patient_id"] = clean(local[0].replace("_", " "))
        said["sex"] = sex_of(local[1])
        said["birth_date"] = _birth(edf)
        said["patient_name"] = clean(local[3].replace("_", " "))
    recording = str(edf.local_recording_identification).split()
    if len(recording) >= 3 and recording[0] == "Startdate":
        said["recording_id"] = clean(recording[2].replace("_", " "))
    said["statements"] = tuple(text for a in edf.annotations if a.onset == 0 and (text := clean(a.text)))
    return said


def _birth(edf: Any) -> date | None:
    try:
        found = edf.patient.birthdate
    except ValueError:  # X, which is how EDF+ says unknown, or de-identified
        return None
    return found if isinstance(found, date) else None


def _start(edf: Any) -> datetime | None:
    try:
        start = datetime.combine(edf.startdate, edf.starttime)
    except ValueError:  # edfio raises where the date was taken out
        return None
    return None if start.date() == date(_FIRST_YEAR, 1, 1) else start
