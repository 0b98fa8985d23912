"""GE MUSE XML (RestingECG, restecg.dtd): eight stored leads, base64 of little-endian integers with a gain.

This reader follows the published DTD and real exports; the tests compare it with `ecgdatakit`, which warns where this
one refuses, and derives no lead.

- The `Rhythm` waveform is read, never the `Median` beat. Of several, the first with all leads.
- millivolt = (sample - FirstSampleBaseline) x LeadAmplitudeUnitsPerBit, in LeadAmplitudeUnits.
- III, aVR, aVL, aVF are computed from I and II where they are not stored.
- A lead that begins later (LeadOffsetFirstSample, LeadTimeOffset) or ends earlier than the others is NaN there, and
  so is -32768, which no 16-bit converter puts out.
- Dates are written month-day-year. Where one date of the file can only be day-month-year, all of them are read so;
  year-month-day and 29-OCT-2002 are understood as well.
- The checksum of each lead (LeadDataCRC32) is checked where it is given.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from ccta_lib.cohort.formats.base import agreed_rate, check_size, refuse_row
from ccta_lib.cohort.formats.fields import clean, date_of, is_day_first, moment, number, sex_of, whole, years
from ccta_lib.cohort.formats.safe_xml import find_text, parse_xml, root_name
from ccta_lib.cohort.recording import DERIVED_LEADS, Ecg, arrange, lead_name
from ccta_lib.errors import WaveformError
from ccta_lib.schema import LEADS

STORED = tuple(lead for lead in LEADS if lead not in DERIVED_LEADS)
_TYPES = {2: "<i2", 4: "<i4"}
_MOST_BYTES = 2**30


def matches(path: Path, head: bytes) -> bool:
    """Whether the root element is MUSE's."""
    return root_name(head) == "RestingECG"


def read(path: Path, stated: float | None, row: int | None) -> Ecg:
    """Read a recording; see `ccta_lib.cohort.read_ecg`."""
    refuse_row(path, row, "a MUSE file")
    root = parse_xml(path)
    waveform = _rhythm(path, root)
    kind = find_text(waveform, "SampleType") or "CONTINUOUS_SAMPLES"
    if kind != "CONTINUOUS_SAMPLES":
        raise WaveformError(
            f"{path}: samples of type {kind[:40]!r}; expected CONTINUOUS_SAMPLES, export it again"
        )
    base = number(path, "SampleBase", find_text(waveform, "SampleBase"), low=1, high=1e6)
    exponent = whole(path, "SampleExponent", find_text(waveform, "SampleExponent") or "0", low=-6, high=6)
    rate = agreed_rate(path, stated, base * 10.0**exponent)
    leads = [(lead, find_text(lead, "LeadID") or "") for lead in waveform.iterfind("LeadData")]
    parts = [_lead(path, lead, name, rate) for lead, name in leads if lead_name(name)]
    length = max(first + len(values) for first, values in parts)
    check_size(path, len(parts), length)
    channels = np.full((len(parts), length), np.nan)
    for channel, (first, values) in zip(channels, parts, strict=True):
        channel[first : first + len(values)] = values
    names = [name for _, name in leads if lead_name(name)]
    units = [find_text(lead, "LeadAmplitudeUnits") for lead, name in leads if lead_name(name)]
    signal = arrange(channels, names, units, source=str(path), derive=True)
    return Ecg(signal=signal, sampling_hz=rate, **_said(path, root))


def _rhythm(path: Path, root: Element) -> Element:
    waveforms = root.findall("Waveform")
    kinds = [(find_text(w, "WaveformType") or "").lower() for w in waveforms]
    rhythms = [w for w, kind in zip(waveforms, kinds, strict=True) if kind == "rhythm"]
    if not rhythms:
        raise WaveformError(f"{path}: holds no Rhythm waveform ({', '.join(kinds) or 'no waveform'}); "
                            "export the recording with its waveforms")  # fmt: skip
    for waveform in rhythms:
        there = {lead_name(find_text(lead, "LeadID") or "") for lead in waveform.iterfind("LeadData")}
        if set(STORED) <= there:
            return waveform
    first = ", ".join(find_text(lead, "LeadID") or "?" for lead in rhythms[0].iterfind("LeadData")) or "none"
    raise WaveformError(f"{path}: no Rhythm waveform holds {', '.join(STORED)} (the first: {first}); "
                        "a 12-lead recording is needed")  # fmt: skip


def _lead(path: Path, lead: Element, name: str, rate: float) -> tuple[int, np.ndarray]:
    """Return the index of a lead's first sample, and its samples in the lead's unit."""
    size = whole(path, f"LeadSampleSize of {name}", find_text(lead, "LeadSampleSize") or "2", low=1, high=8)
    if size not in _TYPES:
        raise WaveformError(f"{path}: lead {name} has samples of {size} bytes; expected 2 or 4")
    try:
        data = base64.b64decode("".join((lead.findtext("WaveFormData") or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise WaveformError(f"{path}: lead {name} is not base64 ({error}); export it again") from error
    count = find_text(lead, "LeadSampleCountTotal") or str(len(data) // size)
    declared = whole(path, f"LeadSampleCountTotal of {name}", count, low=1, high=_MOST_BYTES)
    if len(data) != declared * size:
        raise WaveformError(f"{path}: lead {name} declares {declared} samples and holds {len(data)} bytes of "
                            f"{size} each; the file is damaged, export it again")  # fmt: skip
    crc = whole(
        path, f"LeadDataCRC32 of {name}", find_text(lead, "LeadDataCRC32") or "0", low=-(2**31), high=2**32
    )
    if crc and crc % 2**32 != zlib.crc32(data):
        raise WaveformError(f"{path}: the checksum of lead {name} does not fit its samples; the file was damaged "
                            "or edited, export it again")  # fmt: skip
    raw = np.frombuffer(data, dtype=_TYPES[size])
    gain = number(path, f"LeadAmplitudeUnitsPerBit of {name}", find_text(lead, "LeadAmplitudeUnitsPerBit"),
                  low=1e-9, high=1e6)  # fmt: skip
    baseline = number(path, f"FirstSampleBaseline of {name}", find_text(lead, "FirstSampleBaseline") or "0",
                      low=-1e9, high=1e9)  # fmt: skip
    values = np.where(raw == np.iinfo(raw.dtype).min, np.nan, (raw - baseline) * gain)
    first = whole(path, f"LeadOffsetFirstSample of {name}", find_text(lead, "LeadOffsetFirstSample") or "0",
                  low=0, high=10_000_000)  # fmt: skip
    later = number(
        path, f"LeadTimeOffset of {name}", find_text(lead, "LeadTimeOffset") or "0", low=0, high=1e7
    )
    if first and later and round(later * rate / 1000) != first:
        raise WaveformError(
            f"{path}: lead {name} begins at sample {first} and at {later:g} ms; expected one of them"
        )
    return first or round(later * rate / 1000), values


def _said(path: Path, root: Element) -> dict:
    person, test = root.find("PatientDemographics"), root.find("TestDemographics")
    day, birth = find_text(test, "AcquisitionDate"), find_text(person, "DateofBirth")
    day_first = is_day_first([day, birth, find_text(test, "EditDate")])
    names = [clean(find_text(person, part)) for part in ("PatientLastName", "PatientFirstName")]
    return {
        "time": moment(
            path, "the acquisition time", day, find_text(test, "AcquisitionTime"), day_first=day_first
        ),
        "patient_id": clean(find_text(person, "PatientID")),
        "patient_name": ", ".join(filter(None, names)) or None,
        "birth_date": date_of(birth, day_first=day_first),
        "age": years(find_text(person, "PatientAge"), find_text(person, "AgeUnits")),
        "sex": sex_of(find_text(person, "Gender")),
        "statements": _statements(root.find("Diagnosis")) or _statements(root.find("OriginalDiagnosis")),
        "recording_id": clean(root.findtext("PharmaData/PharmaUniqueECGID"))
        or clean(find_text(test, "ECGID")),
    }


def _statements(diagnosis: Element | None) -> tuple[str, ...]:
    """Join the parts of each line: MUSE marks the last part of a line with ENDSLINE."""
    lines: list[list[str]] = [[]]
    for statement in diagnosis.iterfind("DiagnosisStatement") if diagnosis is not None else ():
        lines[-1].append(find_text(statement, "StmtText") or "")
        if any((flag.text or "").strip() == "ENDSLINE" for flag in statement.iterfind("StmtFlag")):
            lines.append([])
    return tuple(filter(None, (clean(" ".join(line)) for line in lines)))
